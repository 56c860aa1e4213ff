"""Offers of money that are judged as they come: rules §4.3 A-01 … A-13."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bidding.rules.auction import Format, Outcome, Stage, State, apply, begin, due, receipt_of, replay, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Basis, PricesShown, RankShown, Step, Visible
from kernel.money import Money
from tests.unit.auction.kit import PLATES, START, later, offer, over, refused, running, terms, tick, yuan

F1, F2, F5 = Format.OPEN_REVERSE, Format.BLIND_REVERSE, Format.ASCENDING


def leading(state: State) -> tuple[str | None, Money | None]:
    best = state.best
    return state.leader, best.amount if best else None


def test_a01_offers_have_a_place_and_the_earlier_of_equal_prices_wins() -> None:
    state = running(terms(F2))
    state = offer(state, "B", 90, 1)
    state = offer(state, "A", 90, 1)
    assert [(one.seq, one.plate) for one in state.offers] == [(1, "B"), (2, "A")]
    assert leading(state) == ("B", yuan(90))


def test_a02_an_offer_at_the_very_end_is_too_late_and_just_before_it_is_not() -> None:
    state = running(terms())
    end = state.ends_at
    assert end is not None
    taken = offer(state, "A", 100, end - timedelta(microseconds=1))
    assert leading(taken) == ("A", yuan(100))
    answer = refused(lambda: offer(state, "A", 100, end), "auction_over")
    assert answer.details["server_time"] == end
    refused(lambda: offer(taken, "B", 105, end), "auction_over")


def test_a02_the_end_counts_even_when_nobody_has_ticked() -> None:
    state = offer(running(terms()), "A", 100, 1)
    refused(lambda: offer(state, "B", 105, 9999), "auction_over")
    assert state.stage is Stage.RUNNING
    assert tick(state).stage is Stage.ENDED


def test_a02_who_is_not_admitted_cannot_offer() -> None:
    refused(lambda: offer(running(terms()), "X", 100, 1), "auction_plate_unknown")


def test_a02_nothing_is_taken_before_the_start() -> None:
    waiting = begin(terms(), PLATES)
    refused(lambda: offer(waiting, "A", 100, 0), "auction_not_started")


def test_a_printed_start_begins_it_at_that_instant_however_late_the_tick() -> None:
    waiting = begin(terms(starts_at=START), PLATES)
    assert due(waiting) == START
    late = apply(waiting, ev.Tick(), later(40))
    assert (late.stage, late.starts_at) == (Stage.RUNNING, START)
    assert leading(offer(waiting, "A", 100, 7)) == ("A", yuan(100))


@pytest.mark.parametrize(
    ("format_", "good", "bad"), [(F5, 100, "99.99"), (F1, 100, "100.01"), (F2, 100, "100.01")]
)
def test_a04_the_first_offer_may_be_the_start_price_itself(format_: Format, good: int, bad: str) -> None:
    state = running(terms(format_))
    assert leading(offer(state, "A", good, 1)) == ("A", yuan(good))
    assert refused(lambda: offer(state, "A", bad, 1), "auction_first_offer").details["bound"] == yuan(100)


def test_a04_a_ceiling_below_the_start_price_binds() -> None:
    state = running(terms(F1, ceiling=yuan(80)))
    refused(lambda: offer(state, "A", 81, 1), "auction_first_offer")
    assert leading(offer(state, "A", 80, 1)) == ("A", yuan(80))


@pytest.mark.parametrize(
    ("format_", "first", "good", "bad"), [(F5, 100, 105, "104.99"), (F1, 90, 85, "85.01")]
)
def test_a05_the_next_offer_beats_the_best_by_a_step(
    format_: Format, first: int, good: int, bad: str
) -> None:
    state = offer(running(terms(format_)), "A", first, 1)
    assert leading(offer(state, "B", good, 2)) == ("B", yuan(good))
    assert refused(lambda: offer(state, "B", bad, 2), "auction_step").details["bound"] == yuan(good)


def test_a05_back_to_back_beats_only_the_own_last() -> None:
    state = offer(running(terms(F2)), "A", 60, 1)
    state = offer(state, "B", 90, 2)
    assert leading(offer(state, "B", 85, 3))[0] == "A"
    assert refused(lambda: offer(state, "B", "85.01", 3), "auction_step").details["bound"] == yuan(85)


def test_a05_an_open_reverse_auction_may_print_the_own_last_as_basis() -> None:
    state = offer(running(terms(F1, basis=Basis.OWN, equal_prices=True)), "A", 60, 1)
    state = offer(state, "B", 90, 2)
    assert leading(offer(state, "B", 85, 3))[0] == "A"


def test_a05_a_percentage_is_rounded_up_to_the_money_unit() -> None:
    step = Step(percent=Decimal("0.5"), unit=yuan(1))
    state = offer(running(terms(step=step, start=yuan(1001))), "A", 1001, 1)
    refused(lambda: offer(state, "B", "1006.99", 2), "auction_step")  # 5.005 yuan is a step of 6
    assert leading(offer(state, "B", 1007, 2)) == ("B", yuan(1007))


def test_a05_a_step_is_never_nothing() -> None:
    assert Step(percent=Decimal("0.01")).minor(1) == 1


def test_a05_the_fat_finger_guard_asks_twice_and_takes_the_confirmed_offer() -> None:
    state = offer(running(terms()), "A", 100, 1)
    assert leading(offer(state, "B", 350, 2, sure=False)) == ("B", yuan(350))  # exactly 50 steps
    answer = refused(lambda: offer(state, "B", "350.01", 2, sure=False), "auction_unconfirmed")
    assert answer.details["steps"] == 50
    assert leading(offer(state, "B", "350.01", 2, sure=True)) == ("B", yuan("350.01"))


def test_a05_the_guard_can_be_printed_away() -> None:
    state = running(terms(step=Step(amount=yuan(5), most=None)))
    assert leading(offer(state, "B", 99999, 2, sure=False)) == ("B", yuan(99999))


def test_a06_there_is_no_way_to_withdraw_an_offer() -> None:
    state = offer(running(terms(F2)), "A", 60, 1)
    refused(lambda: offer(state, "A", 90, 2), "auction_step")
    assert "withdraw" not in ev.EVENTS


def test_a07_the_leader_may_not_outbid_himself_unless_printed() -> None:
    refused(lambda: offer(offer(running(terms()), "A", 100, 1), "A", 105, 2), "auction_self_outbid")
    free = offer(running(terms(self_outbid=True)), "A", 100, 1)
    assert leading(offer(free, "A", 105, 2)) == ("A", yuan(105))


def test_a08_a_repeated_key_gives_back_the_same_state_and_the_first_receipt() -> None:
    state = offer(running(terms()), "A", 100, 1, key="k")
    again = offer(state, "A", 500, 2, key="k")
    assert again is state
    first = receipt_of(state, "k")
    assert first is not None
    assert (first.amount, first.recv_at, first.seq) == (yuan(100), later(1), 1)
    assert receipt_of(state, "other") is None


def test_a08_a_repeated_key_is_answered_even_after_the_end() -> None:
    state = over(offer(running(terms()), "A", 100, 1, key="k"))
    assert offer(state, "A", 100, 99999, key="k") is state


def test_a08_a_key_of_somebody_else_is_refused() -> None:
    state = offer(running(terms()), "A", 100, 1, key="k")
    refused(lambda: offer(state, "B", 105, 2, key="k"), "auction_key_foreign")


def test_a09_a_taken_offer_knows_the_end_it_left() -> None:
    state = offer(running(terms(Format.ASCENDING)), "A", 100, 1)
    assert state.offers[0].ends_at == later(3600)


def test_a10_equal_prices_are_refused_only_where_printed_and_visible() -> None:
    shown = Visible(best=True, prices=PricesShown.MASKED, rank=RankShown.EXACT)
    printed = terms(F1, basis=Basis.OWN, equal_prices=False, visible=shown)
    state = offer(running(printed), "A", 90, 1)
    refused(lambda: offer(state, "B", 90, 2), "auction_equal_price")
    assert offer(state, "B", 91, 2).leader == "A"


def test_a11_it_closes_by_time_and_once() -> None:
    state = offer(running(terms()), "A", 100, 1)
    end = due(state)
    assert end == later(3600)
    assert apply(state, ev.Tick(), end - timedelta(microseconds=1)) is state
    closed = apply(state, ev.Tick(), end)
    assert (closed.stage, due(closed)) == (Stage.ENDED, None)
    assert apply(closed, ev.Tick(), end) is closed


def test_time_does_not_run_backwards() -> None:
    state = offer(running(terms()), "A", 100, 10)
    with pytest.raises(ValueError, match="backwards"):
        apply(state, ev.Tick(), later(9))


@pytest.mark.parametrize(
    ("format_", "reserve", "outcome", "reason"),
    [
        (F5, "100.01", Outcome.FAILED, "reserve_not_met"),
        (F5, 100, Outcome.SOLD, "best_offer"),
        (F1, "99.99", Outcome.FAILED, "reserve_not_met"),
        (F1, 100, Outcome.AWARDED, "best_offer"),
    ],
)
def test_a12_the_reserve_decides_at_the_end(
    format_: Format, reserve: str, outcome: Outcome, reason: str
) -> None:
    state = offer(running(terms(format_, reserve=True)), "A", 100, 1)
    refused(lambda: apply(state, ev.ReserveRevealed(yuan(reserve)), later(2)), "auction_still_running")
    state = tick(state)
    assert state.stage is Stage.SETTLING
    refused(lambda: result(state), "auction_still_running")
    state = apply(state, ev.ReserveRevealed(yuan(reserve)), later(4000))
    assert (result(state).outcome, result(state).reason) == (outcome, reason)
    assert result(state).reserve_met is (outcome is not Outcome.FAILED)


def test_a12_no_reserve_was_printed() -> None:
    refused(lambda: apply(running(terms()), ev.ReserveRevealed(yuan(1)), later(1)), "auction_no_reserve")


@pytest.mark.parametrize(("offerers", "outcome"), [(2, Outcome.FAILED), (3, Outcome.AWARDED)])
def test_a13_three_valid_offers_are_needed_where_printed(offerers: int, outcome: Outcome) -> None:
    state = running(terms(F2, bidders_min=3))
    for n, plate in enumerate(PLATES[:offerers]):
        state = offer(state, plate, 90 - n, n + 1)
    assert result(over(state)).outcome is outcome


def test_a13_nobody_offered() -> None:
    ended = result(over(running(terms())))
    assert (ended.outcome, ended.reason, ended.winner, ended.price) == (
        Outcome.FAILED,
        "no_offer",
        None,
        None,
    )


def test_a14_the_story_replayed_gives_the_same_state() -> None:
    story = [
        (ev.Begin(), START),
        (ev.OfferMade("A", yuan(100), "k"), later(1)),
        (ev.OfferMade("B", yuan(110), None, True), later(2)),
        (ev.Tick(), later(3600)),
    ]
    live = begin(terms(), PLATES)
    for event, when in story:
        live = apply(live, ev.event_from_plain(event.to_plain()), when)
    assert replay(terms(), PLATES, story) == live
    assert result(live).ranking == (("B", yuan(110)), ("A", yuan(100)))


def test_an_amount_is_money_of_this_auction_and_more_than_nothing() -> None:
    state = running(terms(F2))
    refused(lambda: offer(state, "A", 0, 1), "auction_amount")
    foreign = ev.OfferMade("A", Money(100, "USD"))
    refused(lambda: apply(state, foreign, later(1)), "auction_currency")


def test_plates_are_admitted_once_and_before_the_start() -> None:
    waiting = apply(begin(terms(), ("A",)), ev.Admit("B"), START)
    assert waiting.plates == ("A", "B")
    refused(lambda: apply(waiting, ev.Admit("B"), START), "auction_plate_twice")
    refused(lambda: begin(terms(), ("A", "A")), "auction_plate_twice")
    refused(lambda: apply(running(terms()), ev.Admit("Z"), later(1)), "auction_wrong_stage")


def test_it_begins_once_and_can_be_cancelled_until_it_is_over() -> None:
    state = running(terms())
    refused(lambda: apply(state, ev.Begin(), later(1)), "auction_begun")
    gone = apply(state, ev.Cancelled("order"), later(1))
    assert (gone.stage, result(gone).outcome, result(gone).reason) == (
        Stage.CANCELLED,
        Outcome.CANCELLED,
        "order",
    )
    refused(lambda: apply(gone, ev.Cancelled("again"), later(2)), "auction_over")


def test_an_event_of_another_format_is_refused() -> None:
    refused(lambda: apply(running(terms()), ev.Accept("A"), later(1)), "auction_wrong_format")
