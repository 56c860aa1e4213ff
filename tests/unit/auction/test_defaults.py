"""What a defaulting winner owes. Source: 拍卖法 第三十九条; rules §4.3 A-16."""

from __future__ import annotations

import pytest

from bidding.rules.auction.defaults import difference_owed
from bidding.rules.auction.terms import Direction
from kernel.errors import NotValid
from kernel.money import Money


@pytest.mark.parametrize(
    ("first", "again", "deposit", "direction", "difference", "covered", "still"),
    [
        ("1000", "900", "20", Direction.UP, "100", "20", "80"),
        ("1000", "990", "20", Direction.UP, "10", "10", "0"),
        ("1000", "1000", "20", Direction.UP, "0", "0", "0"),
        ("1000", "1100", "20", Direction.UP, "0", "0", "0"),
        ("1000", "1100", "0", Direction.DOWN, "100", "0", "100"),
        ("1000", "900", "20", Direction.DOWN, "0", "0", "0"),
    ],
)
def test_the_deposit_pays_first_and_the_rest_is_owed(
    first: str, again: str, deposit: str, direction: Direction, difference: str, covered: str, still: str
) -> None:
    owed = difference_owed(
        Money.from_yuan(first), Money.from_yuan(again), Money.from_yuan(deposit), direction
    )
    assert (owed.difference, owed.covered, owed.open) == tuple(
        Money.from_yuan(one) for one in (difference, covered, still)
    )


def test_two_currencies_cannot_be_compared() -> None:
    with pytest.raises(NotValid, match="auction_currency"):
        difference_owed(Money(1), Money(1, "USD"), Money(0), Direction.UP)
