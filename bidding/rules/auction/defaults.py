"""A winner who does not stand by his word: what he loses, what he owes, and where he may not come again.

Source: rules §4.3 A-16; 拍卖法 第三十九条; 最高法网络司法拍卖规定 第二十四条.
"""

from __future__ import annotations

from dataclasses import dataclass

from bidding.rules.auction.terms import Direction
from kernel.errors import NotValid
from kernel.money import Money


@dataclass(frozen=True)
class Owed:
    """What a second auction leaves open.

    Attributes:
        difference: by how much the second result is worse for the seller (or buyer); nothing when it is not.
        covered: what the kept deposit pays of it. open: what the defaulting winner still owes.
    """

    difference: Money
    covered: Money
    open: Money


def difference_owed(first: Money, again: Money, deposit: Money, direction: Direction) -> Owed:
    """What a defaulting winner owes after the re-sale. The deposit is lost in any case, and pays first.

    Args:
        first: the price he won at. again: the price of the re-sale. deposit: what was kept of him.

    Raises:
        NotValid: ``auction_currency`` when the two auctions were held in different ones.

    Source: 拍卖法 第三十九条 (再行拍卖的价款低于原拍卖价款的，原买受人应当补足差额); rules §4.3 A-16.
    """
    if first.currency != again.currency:
        raise NotValid("auction_currency", source="rules §4.3 A-16", field="amount", currency=first.currency)
    lost = (first - again).minor if direction is Direction.UP else (again - first).minor
    worse = Money(max(0, lost), first.currency)
    paid = Money(min(worse.minor, deposit.minor), first.currency)
    return Owed(worse, paid, worse - paid)
