"""Doors for people: the bidder's desk, the opening hall, the custodian's desk."""

from bidding.views import auction, auction_replay, bidder, custodian, hall
from bidding.views.base import views

__all__ = ["auction", "auction_replay", "bidder", "custodian", "hall", "views"]
