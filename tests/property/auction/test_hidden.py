"""Two runs that differ only in what the matrix hides look byte for byte the same to whom it is hidden from.

Source: rules §4.2.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bidding.rules.auction import (
    Bidder,
    Format,
    Host,
    Public,
    Supervisor,
    Terms,
    Viewer,
    apply,
    begin,
    news,
    private,
    sight,
    snapshot,
)
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import LimitMode, Listing, RankShown, Rounds, Sealing, Visible
from kernel.errors import Refusal
from kernel.money import Money
from tests.unit.auction.kit import START, terms, yuan

PLATES = ("A", "B", "C", "D")
Story = list[tuple[int, ev.Event]]
"""Seconds after the start, and what was tried."""


def seen(printed: Terms, story: Story, viewer: Viewer, *, tail: int = 0) -> bytes:
    """Everything the viewer gets on the wire, in order and with the instant at which it is sent."""
    state = apply(begin(printed, PLATES), ev.Begin(tail), START)
    plate = viewer.plate if isinstance(viewer, Bidder) else None
    wire: list[tuple[str, object]] = [("snapshot", snapshot(state, viewer))]
    for seconds, event in sorted(story, key=lambda one: one[0]):
        now: datetime = START + timedelta(seconds=seconds)
        before, answer = state, "taken"
        try:
            state = apply(state, event, now)
        except Refusal as refusal:
            answer = str(refusal)
        if getattr(event, "plate", None) == plate:
            wire.append((now.isoformat(), answer))
        for told in (news(before, state, viewer), private(before, state, plate) if plate else None):
            if told is not None:
                wire.append((now.isoformat(), told))
    wire.append(("snapshot", snapshot(state, viewer)))
    wire.append(("own", private(None, state, plate) if plate else None))
    return json.dumps(wire, default=str).encode()


def offers_of(*plates: str, low: int = 1, high: int = 110) -> st.SearchStrategy[Story]:
    one = st.tuples(
        st.integers(1, 290),
        st.builds(
            ev.OfferMade,
            st.sampled_from(plates),
            st.integers(low * 2, high * 2).map(lambda half: Money(half * 50)),
            st.none(),
            st.just(True),
        ),
    )
    return st.lists(one, max_size=12)


def back_to_back(rank: RankShown, limits: LimitMode = LimitMode.NONE, tail: int = 0) -> Terms:
    shown = Visible(rank=rank)
    return terms(Format.BLIND_REVERSE, free_seconds=300, visible=shown, limits=limits, tail_seconds_max=tail)


@given(offers_of("A"), offers_of("B", "C", "D"), offers_of("B", "C", "D"))
@settings(max_examples=80, deadline=None)
def test_back_to_back_without_rank_nothing_of_the_others_shows(
    mine: Story, these: Story, those: Story
) -> None:
    printed = back_to_back(RankShown.NONE)
    for viewer in (Bidder("A"), Host(), Public()):
        assert seen(printed, mine + these, viewer) == seen(printed, mine + those, viewer)


@given(offers_of("B", "C", "D", low=51), offers_of("B", "C", "D", low=51))
@settings(max_examples=60, deadline=None)
def test_back_to_back_who_is_best_learns_nothing_of_how_far_the_others_are(
    these: Story, those: Story
) -> None:
    printed = back_to_back(RankShown.BEST_OR_NOT)
    mine: Story = [(0, ev.OfferMade("A", yuan(50), None, True))]
    assert seen(printed, mine + these, Bidder("A")) == seen(printed, mine + those, Bidder("A"))


@given(offers_of("B", "C", "D", high=30), offers_of("B", "C", "D", high=30), offers_of("A", low=40))
@settings(max_examples=60, deadline=None)
def test_back_to_back_who_is_not_best_learns_nothing_of_how_many_are_better(
    these: Story, those: Story, mine: Story
) -> None:
    printed = back_to_back(RankShown.BEST_OR_NOT)
    first: Story = [(0, ev.OfferMade("B", yuan(30), None, True))]
    assert seen(printed, first + mine + these, Bidder("A")) == seen(
        printed, first + mine + those, Bidder("A")
    )


@given(offers_of("A"), offers_of("B", "C"), st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_the_hidden_tail_does_not_show_before_it_ends(mine: Story, others: Story, one: int, two: int) -> None:
    printed = back_to_back(RankShown.BEST_OR_NOT, tail=100)
    for viewer in (Bidder("A"), Host(), Supervisor(), Public()):
        assert seen(printed, mine + others, viewer, tail=one) == seen(
            printed, mine + others, viewer, tail=two
        )


def test_a_leak_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = back_to_back(RankShown.NONE)
    these: Story = [(1, ev.OfferMade("B", yuan(50), None, True))]
    those: Story = [(1, ev.OfferMade("B", yuan(60), None, True))]
    assert seen(printed, these, Public()) == seen(printed, those, Public())
    monkeypatch.setattr(sight, "_sees", lambda state, viewer: sight._ALL)
    assert seen(printed, these, Public()) != seen(printed, those, Public())


CLOSED = {
    Format.SEALED_ROUNDS: {"rounds": Rounds(1, 300, 0, best_after_each=True)},
    Format.ONE_OFFER: {"free_seconds": 300, "sealing": Sealing.HELD},
}


@given(st.sampled_from(sorted(CLOSED)), offers_of("A"), offers_of("B", "C", "D"), offers_of("B", "C", "D"))
@settings(max_examples=80, deadline=None)
def test_closed_offers_do_not_show_while_they_are_closed(
    format_: Format, mine: Story, these: Story, those: Story
) -> None:
    printed = terms(format_, **CLOSED[format_])
    for viewer in (Bidder("A"), Host(), Public()):
        assert seen(printed, mine + these, viewer) == seen(printed, mine + those, viewer)


@given(
    st.lists(
        st.tuples(st.sampled_from("ABCD"), st.integers(2, 90), st.integers(2, 90)),
        max_size=4,
        unique_by=lambda t: t[0],
    )
)
@settings(max_examples=60, deadline=None)
def test_a_supervisor_learns_numbers_and_no_prices(pairs: list[tuple[str, int, int]]) -> None:
    printed = back_to_back(RankShown.EXACT)
    these: Story = [(n + 1, ev.OfferMade(p, yuan(a), None, True)) for n, (p, a, _) in enumerate(pairs)]
    those: Story = [(n + 1, ev.OfferMade(p, yuan(b), None, True)) for n, (p, _, b) in enumerate(pairs)]
    assert seen(printed, these, Supervisor()) == seen(printed, those, Supervisor())


@given(offers_of("A", "B", low=100, high=150), st.integers(400, 500), st.integers(400, 500))
@settings(max_examples=60, deadline=None)
def test_how_far_a_standing_limit_reaches_does_not_show(others: Story, one: int, two: int) -> None:
    printed = terms(free_seconds=300, limits=LimitMode.HELD)
    for viewer in (Bidder("A"), Host(), Supervisor(), Public()):
        views = [
            seen(printed, [(0, ev.StandingLimit("C", yuan(reach))), *others], viewer) for reach in (one, two)
        ]
        assert views[0] == views[1]


@given(st.sets(st.sampled_from("BCD")), st.sets(st.sampled_from("BCD")))
@settings(max_examples=30, deadline=None)
def test_who_answers_the_inquiry_does_not_show(these: set[str], those: set[str]) -> None:
    printed = terms(Format.LISTING, free_seconds=300, listing=Listing(200, 30))
    tick: Story = [(100, ev.Tick())]
    for viewer in (Bidder("A"), Host(), Supervisor(), Public()):
        views = [
            seen(printed, tick + [(150, ev.WillContinue(plate)) for plate in sorted(who)], viewer)
            for who in (these, those)
        ]
        assert views[0] == views[1]
