"""Doors for people: the bidder's desk, the opening hall, the custodian's desk."""

from bidding.views import (
    auction,
    auction_after,
    auction_end,
    auction_price,
    auction_rehearsal,
    auction_replay,
    auction_sealed,
    auction_terms,
    bidder,
    bonds,
    custodian,
    hall,
    sealer,
)
from bidding.views.base import views

__all__ = [
    "auction",
    "auction_after",
    "auction_end",
    "auction_price",
    "auction_rehearsal",
    "auction_replay",
    "auction_sealed",
    "auction_terms",
    "bidder",
    "bonds",
    "custodian",
    "hall",
    "sealer",
    "views",
]
