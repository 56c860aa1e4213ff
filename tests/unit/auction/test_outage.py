"""Pauses and outages: no bidder pays for the platform's fault. Rules §4.7."""

from __future__ import annotations

from bidding.rules.auction import Format, Stage, State, apply, begin, due, result
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Clock, LimitMode, Outage
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


def paused(seconds: float = 600, **printed: object) -> State:
    return apply(offer(running(terms(**printed)), "A", 100, 1), ev.Pause("network"), later(seconds))


def test_a_paused_auction_takes_nothing_and_nothing_becomes_due() -> None:
    state = paused()
    assert (state.stage, due(state), state.ends_at) == (Stage.PAUSED, None, None)
    refused(lambda: offer(state, "B", 105, 601), "auction_paused")
    refused(lambda: apply(state, ev.Pause("again"), later(602)), "auction_paused")
    assert apply(state, ev.Tick(), later(99999)) is state


def test_it_resumes_after_the_printed_notice_with_the_time_that_was_left() -> None:
    state = paused()
    answer = refused(
        lambda: apply(state, ev.Resume(later(700 + 1799)), later(700)), "auction_resume_too_soon"
    )
    assert answer.details["earliest"] == later(700 + 1800)
    state = apply(state, ev.Resume(), later(700))
    assert (state.stage, due(state)) == (Stage.PAUSED, later(2500))
    state = tick(state)
    assert (state.stage, state.ends_at, state.shown_ends_at) == (Stage.RUNNING, later(5500), later(5500))
    assert offer(state, "B", 105, 2501).leader == "B"


def test_no_less_time_is_left_than_one_extension_and_the_printed_minimum() -> None:
    short = tick(apply(paused(3590), ev.Resume(), later(4000)))
    assert short.ends_at == later(4000 + 1800 + 300)
    long = tick(apply(paused(3590, extension=extension(more=900)), ev.Resume(), later(4000)))
    assert long.ends_at == later(4000 + 1800 + 900)


def test_an_outage_noticed_after_the_end_stops_the_clock_when_it_truly_began() -> None:
    state = offer(running(terms()), "A", 100, 1)
    found = apply(state, ev.Pause("crash", since=later(3550)), later(3700))
    assert (found.stage, found.stopped.since if found.stopped else None) == (Stage.PAUSED, later(3550))
    again = tick(apply(found, ev.Resume(), later(3700)))
    assert offer(again, "B", 105, 5600).leader == "B"
    refused(lambda: apply(state, ev.Pause("crash"), later(3700)), "auction_over")


def test_an_outage_cannot_be_dated_before_the_latest_change() -> None:
    state = apply(offer(running(terms()), "A", 100, 500), ev.Pause("crash", since=later(100)), later(600))
    assert state.stopped is not None
    assert state.stopped.since == later(500)


def test_what_is_not_paused_does_not_resume() -> None:
    refused(lambda: apply(running(terms()), ev.Resume(), later(1)), "auction_not_paused")


def test_a_pause_before_the_start_postpones_it() -> None:
    waiting = begin(terms(starts_at=later(60), outage=Outage(0, 0)), PLATES)
    stopped = apply(waiting, ev.Pause("order"), later(30))
    state = tick(apply(stopped, ev.Resume(later(90)), later(40)))
    assert (state.stage, state.starts_at) == (Stage.RUNNING, later(90))
    early = tick(apply(stopped, ev.Resume(later(50)), later(40)))
    assert (early.stage, due(early)) == (Stage.WAITING, later(60))


def test_a_clock_goes_on_with_a_whole_tick() -> None:
    clock = Clock(yuan(10), 30, yuan(50))
    state = running(terms(Format.DUTCH, clock=clock, outage=Outage(1, 0)))
    state = tick(apply(apply(state, ev.Pause("fault"), later(45)), ev.Resume(), later(50)))
    assert state.ends_at == later(110 + 30)
    assert result(apply(state, ev.Accept("A"), later(120))).price == yuan(90)


def test_the_hidden_tail_survives_a_pause_unseen() -> None:
    printed = terms(Format.BLIND_REVERSE, tail_seconds_max=60, outage=Outage(0, 0))
    state = apply(begin(printed, PLATES), ev.Begin(40), START)
    state = tick(apply(apply(state, ev.Pause("fault"), later(600)), ev.Resume(), later(700)))
    assert (state.shown_ends_at, state.ends_at) == (later(3700), later(3740))


def test_a_limit_set_while_it_is_paused_works_when_it_goes_on() -> None:
    state = apply(paused(limits=LimitMode.HELD), ev.StandingLimit("B", yuan(150)), later(610))
    assert state.leader == "A"
    assert tick(apply(state, ev.Resume(), later(700))).leader == "B"


def test_cancelled_while_paused() -> None:
    assert apply(paused(), ev.Cancelled("order"), later(700)).stage is Stage.CANCELLED


def test_the_inquiry_comes_again_in_its_time_after_a_pause() -> None:
    state = running(terms(Format.LISTING, free_seconds=7200))
    state = apply(apply(state, ev.Pause("fault"), later(1000)), ev.Resume(), later(1000))
    state = tick(state)
    assert (state.ends_at, due(state)) == (later(2800 + 6200), later(2800 + 2600))
    assert over(state).stage is Stage.FAILED
