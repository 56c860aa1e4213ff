"""Sealed bids, their custodians and the public log: the protocol, and nothing of the platform.

Bidders, custodians, witnesses and auditors install this package alone; it knows no web and no database.
Clock and entropy are handed in by the caller.
"""

__version__ = "1.0.0"
