"""Priority rights (优先购买权): rules §4.6, EX-15."""

from __future__ import annotations

import pytest

from bidding.rules.auction import Stage, State, apply, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Holder, Priority, PriorityMode
from tests.unit.auction.kit import extension, later, offer, over, refused, running, terms, tick, yuan

PLATES = ("A", "B", "H", "K")
IN, POST = PriorityMode.IN_SESSION, PriorityMode.POST_SESSION


def session(mode: PriorityMode = IN, **more: object) -> State:
    right = Priority(mode, (Holder("H", 1), Holder("K", 2)), **more)  # type: ignore[arg-type]
    return running(terms(priority=right, extension=extension()), PLATES)


def match(state: State, plate: str, seconds: float, key: str | None = None) -> State:
    return apply(state, ev.Match(plate, key), later(seconds))


def test_ex15_the_holder_matches_and_leads_until_somebody_offers_more() -> None:
    state = offer(offer(session(), "A", 100, 1), "B", 105, 2)
    state = match(state, "H", 3)
    assert state.leader == "H"
    assert result(over(state)).winner == "H"
    raised = offer(state, "A", 110, 4)
    assert raised.leader == "A"
    assert result(over(raised)).winner == "A"
    assert result(over(match(raised, "H", 5))).price == yuan(110)


def test_a_match_needs_something_to_match_and_a_right() -> None:
    refused(lambda: match(session(), "H", 1), "auction_nothing_to_match")
    state = offer(session(), "A", 100, 1)
    refused(lambda: match(state, "B", 2), "auction_no_priority")
    refused(lambda: match(running(terms()), "A", 2), "auction_no_priority")


def test_a_better_rank_goes_before_and_an_equal_one_the_earlier() -> None:
    state = match(offer(session(), "A", 100, 1), "K", 2)
    taken_over = match(state, "H", 3)
    assert taken_over.leader == "H"
    refused(lambda: match(taken_over, "K", 4), "auction_match_outranked")
    right = Priority(IN, (Holder("H", 1), Holder("K", 1)))
    equal = match(offer(running(terms(priority=right), PLATES), "A", 100, 1), "K", 2)
    refused(lambda: match(equal, "H", 3), "auction_match_outranked")


def test_who_leads_has_nothing_to_match() -> None:
    state = match(offer(session(), "A", 100, 1), "H", 2)
    refused(lambda: match(state, "H", 3), "auction_self_outbid")


def test_a_match_in_the_last_minutes_moves_the_end_like_any_offer() -> None:
    state = match(offer(session(), "A", 100, 1), "H", 3500)
    assert state.ends_at == later(3800)
    refused(lambda: match(offer(state, "A", 105, 3501), "H", 3801), "auction_over")


@pytest.mark.parametrize(("uses", "again"), [(1, False), (2, True), (None, True)])
def test_single_use_or_unlimited_as_printed(uses: int | None, again: bool) -> None:
    state = match(offer(session(uses=uses), "A", 100, 1), "H", 2)
    state = offer(state, "A", 105, 3)
    if again:
        assert match(state, "H", 4).leader == "H"
    else:
        refused(lambda: match(state, "H", 4), "auction_match_used")


def test_after_the_session_holders_are_asked_in_order_of_rank() -> None:
    state = tick(offer(session(POST), "A", 100, 1))
    assert (state.stage, state.ends_at) == (Stage.ASKING, later(3600 + 300))
    refused(lambda: match(state, "K", 3601), "auction_match_outranked")
    assert result(match(state, "H", 3601)).winner == "H"
    waived = apply(state, ev.Waive("H"), later(3601))
    assert waived.stage is Stage.ASKING
    assert result(match(waived, "K", 3602)).winner == "K"


def test_a_match_after_the_session_moves_no_end() -> None:
    state = tick(offer(session(POST), "A", 100, 1))
    assert match(state, "H", 3899).extensions == 0


def test_who_is_asked_and_does_not_answer_is_deemed_to_waive() -> None:
    state = tick(offer(session(POST), "A", 100, 1))
    assert result(tick(tick(state))).winner == "A"


def test_only_who_is_asked_can_waive_and_nobody_matches_in_session_then() -> None:
    state = offer(session(POST), "A", 100, 1)
    refused(lambda: match(state, "H", 2), "auction_wrong_stage")
    refused(lambda: apply(tick(state), ev.Waive("K"), later(3601)), "auction_match_outranked")


def test_a_holder_who_was_never_admitted_is_not_asked() -> None:
    right = Priority(POST, (Holder("nobody"),))
    assert result(over(offer(running(terms(priority=right)), "A", 100, 1))).winner == "A"


def test_a_match_repeats_without_harm() -> None:
    state = match(offer(session(), "A", 100, 1), "H", 2, key="m")
    assert match(state, "H", 3, key="m") is state
