"""Low offers of an auction: EX-4 and EX-5 by plate, and whose offer is taken when one falls or was drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bidding.rules.auction.terms import Direction
from bidding.rules.low_offers import GROUND, ReviewState, choose, low_offers, review_state
from kernel import rulebook
from kernel.errors import NotNow, NotValid
from kernel.money import Money

NOW = datetime(2026, 12, 1, 2, tzinfo=UTC)
GP = rulebook.in_force("GP", "CN", NOW)
CEILING = Money.from_yuan("1200000")
DUE = {plate: NOW + timedelta(minutes=30) for plate in "ABCD"}


def result(winner: str = "", **prices: int) -> dict[str, Any]:
    ranking = sorted(prices.items(), key=lambda one: one[1])
    first = winner or ranking[0][0]
    return {
        "winner": first,
        "price": f"{prices[first]}.00",
        "ranking": [{"plate": plate, "price": f"{price}.00"} for plate, price in ranking],
    }


EX_4 = result(A=1_000_000, B=950_000, C=420_000, D=880_000)


def test_ex_4_in_an_auction_asks_the_lowest_alone() -> None:
    found = low_offers(GP, EX_4, Direction.DOWN, CEILING)

    assert {plate: [one.rule for one in fired] for plate, fired in found.items()} == {"C": ["AL-2", "AL-3"]}


@pytest.mark.parametrize(
    ("made", "direction", "regime"),
    [
        (result(A=540_000, B=1_000_000, C=1_100_000), Direction.DOWN, "GP"),
        (EX_4, Direction.UP, "GP"),
        (EX_4, Direction.DOWN, "SM"),
    ],
)
def test_ex_5_a_sale_and_another_law_ask_nobody(
    made: dict[str, Any], direction: Direction, regime: str
) -> None:
    assert low_offers(rulebook.in_force(regime, "CN", NOW), made, direction, CEILING) == {}


@pytest.mark.parametrize(
    ("accepted", "explained", "settled", "passed", "state"),
    [
        (None, False, None, -1, ReviewState.ASKED),
        (None, False, None, 0, ReviewState.SILENT),
        (None, True, None, 0, ReviewState.EXPLAINED),
        (None, True, NOW, 0, ReviewState.MOOT),
        (True, True, NOW, 0, ReviewState.PASSED),
        (False, False, NOW, 0, ReviewState.REJECTED),
    ],
)
def test_time_alone_makes_silence_of_a_request(
    accepted: bool | None, explained: bool, settled: datetime | None, passed: int, state: ReviewState
) -> None:
    due = NOW + timedelta(minutes=30)
    at = due + timedelta(seconds=passed)

    assert (
        review_state(accepted=accepted, explained=explained, due_at=due, settled_at=settled, now=at) is state
    )


@pytest.mark.parametrize(
    ("reviews", "plate", "fallen"),
    [
        ({}, "C", ()),
        ({"C": ReviewState.PASSED}, "C", ()),
        ({"C": ReviewState.REJECTED}, "D", ()),
        ({"C": ReviewState.SILENT}, "D", ("C",)),
        ({"C": ReviewState.SILENT, "D": ReviewState.REJECTED}, "B", ("C",)),
        ({"C": ReviewState.PASSED, "D": ReviewState.ASKED}, "C", ()),
    ],
)
def test_the_first_offer_that_is_left_is_taken(
    reviews: dict[str, ReviewState], plate: str, fallen: tuple[str, ...]
) -> None:
    made = choose(EX_4, Direction.DOWN, {}, reviews, DUE)

    assert (made.plate, made.fallen) == (plate, fallen)
    assert set(made.passed_over.values()) <= {GROUND}


def test_a_drawn_winner_stays_when_a_lower_offer_falls() -> None:
    drawn = result("D", A=1_000_000, C=420_000, D=880_000)

    made = choose(drawn, Direction.DOWN, {"C": "资格被撤销"}, {}, DUE)

    assert (made.plate, made.rank, made.price) == ("D", 2, Money.from_yuan("880000"))


def test_a_failed_review_outweighs_the_buyers_own_words() -> None:
    made = choose(EX_4, Direction.DOWN, {"C": "太低"}, {"C": ReviewState.REJECTED}, DUE)

    assert made.passed_over == {"C": GROUND}


@pytest.mark.parametrize(
    ("grounds", "reviews", "code"),
    [
        ({}, {"C": ReviewState.ASKED}, "price_review_open"),
        ({}, {"C": ReviewState.EXPLAINED}, "price_review_open"),
        ({"C": "太低"}, {"C": ReviewState.EXPLAINED}, "price_review_open"),
        ({}, {"C": ReviewState.REJECTED, "D": ReviewState.ASKED}, "price_review_open"),
        ({"C": ""}, {}, "reason_missing"),
        ({"X": "x"}, {}, "plate_unknown"),
        ({}, dict.fromkeys("ABCD", ReviewState.SILENT), "nothing_left"),
    ],
)
def test_what_is_open_unnamed_or_empty_is_refused(
    grounds: dict[str, str], reviews: dict[str, ReviewState], code: str
) -> None:
    with pytest.raises((NotNow, NotValid), match=code):
        choose(EX_4, Direction.DOWN, grounds, reviews, DUE)
    with pytest.raises(NotValid, match="sale_is_final"):
        choose(EX_4, Direction.UP, {"C": "x"}, {}, DUE)
