"""Doors for people: the bidder's desk, the opening hall, the custodian's desk."""

from bidding.views import bidder, custodian, hall
from bidding.views.base import views

__all__ = ["bidder", "custodian", "hall", "views"]
