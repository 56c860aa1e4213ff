"""Standing limits (代理出价), executed by the core: rules §4.7."""

from __future__ import annotations

import pytest

from bidding.rules.auction import Format, Stage, State, apply, begin, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.state import Kind
from bidding.rules.auction.terms import LimitMode
from tests.unit.auction.kit import (
    PLATES,
    START,
    extension,
    later,
    offer,
    over,
    refused,
    running,
    terms,
    tick,
    yuan,
)

F1, F2, F5 = Format.OPEN_REVERSE, Format.BLIND_REVERSE, Format.ASCENDING


def held(format_: Format = F5, **printed: object) -> State:
    return running(terms(format_, limits=LimitMode.HELD, **printed))


def limit(state: State, plate: str, amount: int | None, seconds: float) -> State:
    return apply(state, ev.StandingLimit(plate, None if amount is None else yuan(amount)), later(seconds))


def story(state: State) -> list[tuple[str, int]]:
    return [(one.plate, one.amount.minor // 100) for one in state.offers]


def test_a_limit_offers_the_start_price_first_and_a_step_above_others_then() -> None:
    state = limit(held(), "A", 200, 1)
    assert story(state) == [("A", 100)]
    state = offer(state, "B", 120, 2)
    assert story(state)[1:] == [("B", 120), ("A", 125)]
    assert state.offers[2].kind is Kind.LIMIT


def test_a_limit_is_never_passed() -> None:
    state = offer(limit(held(), "A", 124, 1), "B", 120, 2)
    assert state.leader == "B"
    assert story(state) == [("A", 100), ("B", 120)]


def test_of_two_limits_the_higher_leads_one_step_above_the_other_in_few_offers() -> None:
    state = limit(limit(held(), "A", 1_000_000, 1), "B", 2_000_000, 2)
    assert state.leader == "B"
    assert story(state)[-2:] == [("A", 1_000_000), ("B", 1_000_005)]
    assert len(state.offers) < 6


def test_of_two_equal_limits_the_earlier_leads() -> None:
    assert limit(limit(held(), "A", 150, 1), "B", 150, 2).leader == "A"
    assert limit(limit(held(), "B", 150, 1), "A", 150, 2).leader == "B"


def test_three_limits_come_to_rest_with_the_strongest_leading() -> None:
    state = held()
    for n, (plate, amount) in enumerate({"A": 300, "B": 500, "C": 401}.items()):
        state = limit(state, plate, amount, n + 1)
    assert (state.leader, state.standing[0][0]) == ("B", -406_00)


def test_descending_in_the_open() -> None:
    state = limit(limit(held(F1), "A", 50, 1), "B", 40, 2)
    assert state.leader == "B"
    assert story(state)[-2:] == [("A", 50), ("B", 45)]


def test_back_to_back_each_steps_down_from_his_own_price() -> None:
    state = limit(held(F2), "A", 70, 1)
    assert story(state) == [("A", 100)]
    state = offer(state, "B", 88, 2)
    assert story(state)[1:] == [("B", 88), ("A", 85)]
    state = offer(state, "B", 60, 3)
    assert state.leader == "B"
    assert story(state)[-1] == ("B", 60)


def test_back_to_back_the_weaker_of_two_limits_goes_to_its_end() -> None:
    state = limit(limit(held(F2), "A", 52, 1), "B", 31, 2)
    assert state.leader == "B"
    assert dict(story(state)) == {"A": 55, "B": 50}
    state = limit(limit(held(F2), "B", 31, 1), "A", 52, 2)
    assert state.leader == "B"


def test_a_limit_left_before_the_start_works_from_the_start() -> None:
    waiting = begin(terms(limits=LimitMode.HELD), PLATES)
    waiting = apply(waiting, ev.StandingLimit("A", yuan(150)), START)
    assert waiting.stage is Stage.WAITING
    assert apply(waiting, ev.Begin(), START).leader == "A"


def test_the_line_is_cut_a_second_before_the_end_and_the_limit_still_executes() -> None:
    state = limit(held(), "A", 150, 1)
    state = offer(state, "B", 120, 3599.5)
    assert (state.leader, result(over(state)).price) == ("A", yuan(125))


def test_an_automatic_offer_moves_the_end_like_any_other() -> None:
    state = limit(held(extension=extension(count_max=9)), "A", 150, 1)
    state = offer(state, "B", 120, 3500)
    assert (state.leader, state.ends_at) == ("A", later(3800))


def test_a_limit_can_be_taken_back_for_the_future_only() -> None:
    state = limit(limit(held(), "A", 150, 1), "A", None, 2)
    assert state.leader == "A"
    assert offer(state, "B", 105, 3).leader == "B"


def test_limits_follow_the_rules_of_offers() -> None:
    refused(lambda: limit(held(), "A", 99, 1), "auction_first_offer")
    refused(lambda: limit(held(), "X", 150, 1), "auction_plate_unknown")
    refused(lambda: limit(running(terms()), "A", 150, 1), "auction_no_limits")
    refused(lambda: limit(over(held()), "A", 150, 9999), "auction_over")


def sealed_limits() -> State:
    state = running(terms(limits=LimitMode.SEALED))
    for n, plate in enumerate("AB"):
        state = apply(state, ev.LimitSealed(plate, "digest"), later(n + 1))
    state = offer(state, "C", 110, 3)
    assert story(state) == [("C", 110)]
    return state


def test_sealed_limits_are_opened_and_executed_at_the_end() -> None:
    state = sealed_limits()
    refused(lambda: apply(state, ev.LimitRevealed("A", yuan(150)), later(4)), "auction_still_running")
    state = tick(state)
    assert state.stage is Stage.SETTLING
    state = apply(state, ev.LimitRevealed("A", yuan(150)), later(3601))
    assert state.stage is Stage.SETTLING
    state = apply(state, ev.LimitRevealed("B", yuan(130)), later(3602))
    assert (result(state).winner, result(state).price) == ("A", yuan(135))


@pytest.mark.parametrize("amount", [None, 50])
def test_a_sealed_limit_that_cannot_be_used_counts_as_not_set(amount: int | None) -> None:
    state = tick(sealed_limits())
    for plate in "AB":
        state = apply(state, ev.LimitRevealed(plate, None if amount is None else yuan(amount)), later(3601))
    assert result(state).winner == "C"
    refused(lambda: apply(state, ev.LimitRevealed("A", None), later(3602)), "auction_still_running")
