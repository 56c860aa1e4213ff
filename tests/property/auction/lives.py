"""Terms of every format, and the events that bidders, custodians and hosts may try at any moment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from bidding.rules.auction import Format, Terms
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import (
    Cap,
    Clock,
    Direction,
    Extension,
    ExtensionMode,
    Holder,
    LimitMode,
    Listing,
    Outage,
    Priority,
    PriorityMode,
    Rounds,
    Sealing,
    SecondBy,
    TieRule,
    Trigger,
    Turns,
)
from kernel.money import Money
from tests.unit.auction.kit import terms, yuan

PLATES = ("A", "B", "C", "D")
plates = st.sampled_from(PLATES)
amounts = st.integers(min_value=1, max_value=240).map(lambda half: Money(half * 50))
"""From 0.50 to 120.00 in halves, so that steps, ties and bounds are met often."""

extensions = st.none() | st.builds(
    Extension,
    st.sampled_from(ExtensionMode),
    st.sampled_from((1, 60)),
    st.sampled_from((1, 60)),
    st.sampled_from(Trigger),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 2),
)
priorities = st.none() | st.builds(
    Priority,
    st.sampled_from(PriorityMode),
    st.just((Holder("C", 1), Holder("D", 2))),
    st.none() | st.just(1),
    st.just(1),
)
limits = st.sampled_from(LimitMode)


@st.composite
def printed(draw: st.DrawFn, format_: Format | None = None) -> Terms:
    """Sound terms of some format, with short times."""
    kind = draw(st.sampled_from(Format)) if format_ is None else format_
    more: dict[str, Any] = {"free_seconds": 300, "reserve": draw(st.booleans()), "outage": Outage(1, 5)}
    up = {Format.LISTING, Format.ASCENDING, Format.CAPPED, Format.MULTI_OFFER}
    more["start"] = yuan(20 if kind in up else 100)
    if kind in {Format.OPEN_REVERSE, Format.BLIND_REVERSE, Format.SMALL, Format.ASCENDING}:
        more |= {"extension": draw(extensions), "limits": draw(limits)}
    if kind in {Format.ASCENDING, Format.LISTING, Format.MULTI_OFFER}:
        more |= {"priority": draw(priorities), "limits": draw(limits)}
    if kind in {Format.LISTING, Format.CAPPED}:
        entry = draw(st.sampled_from(((False, False), (True, False), (False, True))))
        more["listing"] = Listing(60, 30, *entry, minimum_of_offerers=draw(st.booleans()))
    if kind is Format.CAPPED:
        second = draw(st.sampled_from(SecondBy))
        cap = Cap(yuan(60), second, 30, 30, "area", "m²", Decimal(1), Decimal(1), Decimal(5))
        more["cap"] = cap.but(first_has_priority=draw(st.booleans()))
    if kind is Format.SMALL:
        more["lottery_band_percent"] = draw(st.none() | st.just(Decimal(10)))
    if kind is Format.SEALED_ROUNDS:
        more["rounds"] = Rounds(
            draw(st.integers(1, 3)), 60, draw(st.sampled_from((0, 10))), draw(st.booleans())
        )
    if kind in {Format.SEALED_ROUNDS, Format.ONE_OFFER, Format.WEIGHTED}:
        more["sealing"] = draw(st.sampled_from(Sealing))
    if kind is Format.ONE_OFFER:
        more |= {"ties": draw(st.sampled_from(TieRule)), "direction": draw(st.sampled_from(Direction))}
        del more["start"]
    if kind is Format.WEIGHTED:
        del more["start"]
    if kind in {Format.DUTCH, Format.JAPANESE}:
        more["clock"] = Clock(yuan(10), 20, yuan(50))
    if kind is Format.TURN_BASED:
        more |= {"turns": Turns(rounds=2, first_pause_seconds=10, pause_seconds=10, turn_seconds=20)}
    return terms(kind, **more)


def opened(price: Money | None) -> st.SearchStrategy[ev.Event]:
    """A reveal of every non-empty set of plates, most of which are refused."""
    sets = st.sets(plates, min_size=1)
    return sets.map(lambda who: ev.SealedRevealed(tuple(ev.Opened(p, price) for p in sorted(who))))


keys = st.none() | st.sampled_from(("k1", "k2", "k3"))
attempts: st.SearchStrategy[ev.Event] = st.one_of(
    st.builds(ev.OfferMade, plates, amounts, keys, st.booleans()),
    st.builds(ev.OfferMade, plates, amounts, st.none(), st.just(True)),
    st.builds(ev.SealedMade, plates, st.just("digest"), keys),
    (st.none() | amounts).flatmap(opened),
    st.builds(ev.WillContinue, plates),
    st.builds(ev.Match, plates, st.none()),
    st.builds(ev.Waive, plates),
    st.builds(ev.Accept, plates, st.none()),
    st.builds(ev.StayIn, plates, st.none()),
    st.builds(ev.DropOut, plates),
    st.builds(ev.Bid2, plates, st.integers(0, 6).map(Decimal)),
    st.builds(ev.StandingLimit, plates, st.none() | amounts),
    st.builds(ev.LimitSealed, plates, st.just("digest")),
    st.builds(ev.LimitRevealed, plates, st.none() | amounts),
    st.builds(ev.ReserveRevealed, amounts),
    st.builds(ev.TurnBid, plates, st.integers(-1, 200).map(lambda half: Decimal(half) / 2)),
    st.builds(ev.LotteryDrawn, plates, st.just("proof")),
    st.just(ev.Pause("fault")),
    st.just(ev.Resume()),
    st.just(ev.Tick()),
)
"""Anything anybody may try; most of it is refused most of the time."""
