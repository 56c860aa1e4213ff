"""Signals of bid rigging (围标串标): pure computations over prices, firms, traces and texts; leads, never verdicts.

Source: rules §5; detection.
"""
