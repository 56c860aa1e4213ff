"""Doors for people: the bidder's desk, the opening hall, the custodian's desk."""

from bidding.views import auction, auction_rehearsal, auction_replay, auction_terms, bidder, custodian, hall
from bidding.views.base import views

__all__ = [
    "auction",
    "auction_rehearsal",
    "auction_replay",
    "auction_terms",
    "bidder",
    "custodian",
    "hall",
    "views",
]
