"""Doors of the evaluation room for people: seats, room, report, the buyer's decision, the own result."""

from evaluation.views import bidder, buyer, report, room, seats
from evaluation.views.doors import views

assert bidder
assert buyer
assert report
assert room
assert seats

__all__ = ["views"]
