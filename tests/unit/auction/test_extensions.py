"""How late offers move the end: rules §4.4, EX-14."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bidding.rules.auction import Format, Stage, State, apply, begin, due
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import ExtensionMode, Trigger
from kernel.errors import Refusal
from tests.unit.auction.kit import PLATES, at, extension, later, offer, refused, running, terms

OFFERS = ("09:50:00", "09:57:30", "10:01:40", "10:06:39", "10:11:40")


def ends(mode: ExtensionMode) -> list[str]:
    """The end after each offer of EX-14, or "rejected"."""
    state = running(terms(extension=extension(mode)), when=at("09:00:00"))
    found = []
    for n, clock in enumerate(OFFERS):
        try:
            state = offer(state, "AB"[n % 2], 100 + 5 * n, at(clock))
        except Refusal as refusal:
            found.append(f"rejected: {refusal.code}")
        else:
            assert state.ends_at is not None
            found.append(state.ends_at.strftime("%H:%M:%S"))
    return found


def test_ex14_from_bid() -> None:
    assert ends(ExtensionMode.FROM_BID) == [
        "10:00:00",
        "10:02:30",
        "10:06:40",
        "10:11:39",
        "rejected: auction_over",
    ]


def test_ex14_from_end() -> None:
    assert ends(ExtensionMode.FROM_END) == ["10:00:00", "10:05:00", "10:10:00", "10:15:00", "10:20:00"]


@pytest.mark.parametrize(("seconds_before", "moved"), [(300, True), (301, False)])
def test_the_window_includes_its_first_instant(seconds_before: int, moved: bool) -> None:
    state = running(terms(extension=extension(ExtensionMode.FROM_END)))
    assert state.ends_at is not None
    after = offer(state, "A", 100, state.ends_at - timedelta(seconds=seconds_before))
    assert (after.ends_at != state.ends_at) is moved
    assert after.stage is (Stage.EXTENDED if moved else Stage.RUNNING)


def test_an_offer_at_the_edge_of_from_bid_moves_nothing_and_counts_as_no_extension() -> None:
    state = offer(running(terms(extension=extension())), "A", 100, 3300)
    assert (state.ends_at, state.extensions) == (later(3600), 0)


def late_pair(trigger: Trigger) -> State:
    """Back to back: A leads, then B improves his own price within the window without leading."""
    state = running(terms(Format.BLIND_REVERSE, extension=extension(trigger=trigger)))
    state = offer(state, "A", 50, 1)
    state = offer(state, "B", 90, 2)
    return offer(state, "B", 80, 3500)


def test_only_a_change_of_the_best_moves_the_end_where_printed() -> None:
    assert late_pair(Trigger.BEST).ends_at == later(3600)
    assert late_pair(Trigger.ANY).ends_at == later(3800)


def test_the_number_of_extensions_is_capped() -> None:
    state = running(terms(extension=extension(count_max=1)))
    state = offer(state, "A", 100, 3500)
    assert state.ends_at == later(3800)
    assert offer(state, "B", 105, 3700).ends_at == later(3800)


def test_the_total_of_extensions_is_capped_to_the_minute() -> None:
    rule = extension(ExtensionMode.FROM_END, total_minutes_max=7)
    state = offer(running(terms(extension=rule)), "A", 100, 3500)
    state = offer(state, "B", 105, 3800)
    assert (state.ends_at, state.extended) == (later(3600 + 420), timedelta(minutes=7))
    after = offer(state, "A", 110, 4000)
    assert (after.ends_at, after.extensions) == (state.ends_at, 2)


def test_a_last_bid_countdown_restarts_and_never_shortens() -> None:
    rule = extension(ExtensionMode.LAST_BID_COUNTDOWN, more=240)
    state = running(terms(extension=rule))
    assert offer(state, "A", 100, 10).ends_at == later(3600)
    assert offer(state, "A", 100, 3500).ends_at == later(3740)


def test_a_hidden_tail_follows_the_printed_end_and_is_not_shown() -> None:
    printed = terms(Format.BLIND_REVERSE, tail_seconds_max=120)
    waiting = begin(printed, PLATES)
    refused(lambda: apply(waiting, ev.Begin(121), later(0)), "auction_tail")
    state = apply(waiting, ev.Begin(77), later(0))
    assert (state.shown_ends_at, state.ends_at) == (later(3600), later(3677))
    assert offer(state, "A", 90, 3676).leader == "A"
    refused(lambda: offer(state, "A", 90, 3677), "auction_over")


def test_a_tail_must_be_drawn_before_a_printed_start_begins_it() -> None:
    printed = terms(Format.BLIND_REVERSE, tail_seconds_max=120, starts_at=later(60))
    waiting = begin(printed, PLATES)
    assert due(waiting) is None
    armed = apply(waiting, ev.Begin(5), later(0))
    assert (armed.stage, due(armed)) == (Stage.WAITING, later(60))
    assert apply(armed, ev.Tick(), later(61)).ends_at == later(60 + 3605)
