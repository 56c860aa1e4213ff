"""The pure auction engine: terms, events, states, and what each party may see. No clock, no database, no web.

Source: rules §4.
"""

from bidding.rules.auction.engine import apply, begin, due, receipt_of, replay, result
from bidding.rules.auction.events import Event, event_from_plain
from bidding.rules.auction.profiles import default_terms
from bidding.rules.auction.sight import (
    Bidder,
    Host,
    Public,
    Supervisor,
    Viewer,
    audience,
    news,
    private,
    snapshot,
)
from bidding.rules.auction.state import Outcome, Result, Stage, State, Taken
from bidding.rules.auction.terms import Format, Terms

__all__ = [
    "Bidder",
    "Event",
    "Format",
    "Host",
    "Outcome",
    "Public",
    "Result",
    "Stage",
    "State",
    "Supervisor",
    "Taken",
    "Terms",
    "Viewer",
    "apply",
    "audience",
    "begin",
    "default_terms",
    "due",
    "event_from_plain",
    "news",
    "private",
    "receipt_of",
    "replay",
    "result",
    "snapshot",
]
