"""Doors of the trading room for people: public pages, the buyer's and the bidder's desks, guide pages."""

from trading.views import bidder, buyer, contracts, guide, public, questions, wizard
from trading.views.doors import views

assert bidder
assert buyer
assert contracts
assert guide
assert public
assert questions
assert wizard

__all__ = ["views"]
