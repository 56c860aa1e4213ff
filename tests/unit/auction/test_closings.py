"""Which parts of an auction are sealed, when the first may be opened, and which one is waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bidding.rules.auction import Format, closings, default_terms, engine, events
from bidding.rules.auction.state import Stage
from bidding.rules.auction.terms import LimitMode, Rounds, Sealing, TieRule
from kernel.money import Money

START = datetime(2026, 11, 28, 2, tzinfo=UTC)


def terms(held: Format, **more: Any) -> Any:
    return default_terms(held, starts_at=START, start=Money.from_yuan("100000"), **more)


@pytest.mark.parametrize(
    ("held", "more", "parts"),
    [
        (Format.ASCENDING, {}, ()),
        (Format.ASCENDING, {"reserve": True}, ("lot-3",)),
        (Format.ASCENDING, {"limits": LimitMode.SEALED}, ("lot-3",)),
        (Format.ASCENDING, {"limits": LimitMode.HELD}, ()),
        (Format.ONE_OFFER, {"sealing": Sealing.SEALED, "ties": TieRule.FIRST}, ("lot-3-r1",)),
        (
            Format.ONE_OFFER,
            {"sealing": Sealing.SEALED, "ties": TieRule.ROUND_THEN_DRAW, "reserve": True},
            ("lot-3-r1", "lot-3-r2", "lot-3"),
        ),
        (Format.ONE_OFFER, {"sealing": Sealing.HELD}, ()),
        (
            Format.SEALED_ROUNDS,
            {"sealing": Sealing.SEALED, "rounds": Rounds(3, 600, 60)},
            ("lot-3-r1", "lot-3-r2", "lot-3-r3"),
        ),
    ],
)
def test_the_parts_are_one_for_each_moment_of_opening(
    held: Format, more: dict[str, Any], parts: tuple[str, ...]
) -> None:
    assert closings.parts_of(closings.prefix_of(3, 1), terms(held, **more)) == parts
    assert all(closings.is_part(one) and len(one) <= 16 for one in parts)


def test_a_lot_auctioned_again_has_parts_of_its_own() -> None:
    assert closings.prefix_of(12, 1) == "lot-12"
    assert closings.prefix_of(12, 2) == "lot-12b2"
    assert closings.is_part("lot-12b2-r1")
    assert not closings.is_part("price")
    assert not closings.is_part("lot-x")


def test_nothing_may_be_opened_before_the_earliest_end() -> None:
    listed = terms(Format.ASCENDING, reserve=True, free_seconds=600)
    assert closings.opens_at(listed) == START + timedelta(seconds=600)
    assert closings.opens_at(replace(listed, starts_at=None)) is None
    rounds = terms(Format.SEALED_ROUNDS, sealing=Sealing.SEALED, rounds=Rounds(2, 300, 60))
    assert closings.opens_at(rounds) == START + timedelta(seconds=300)


def test_offers_are_waited_for_before_limits_and_limits_with_the_reserve() -> None:
    sealed = terms(Format.ASCENDING, reserve=True, limits=LimitMode.SEALED, bidders_min=1)
    state = engine.begin(sealed, ["101", "102"])
    state = engine.apply(state, events.LimitSealed("101", "a" * 64), START)
    assert closings.due_part(state, "lot-1") is None
    state = engine.apply(state, events.OfferMade("102", Money.from_yuan("100000"), "key-00001"), START)
    assert state.ends_at is not None
    state = engine.apply(state, events.Tick(), state.ends_at)
    assert (state.stage, closings.due_part(state, "lot-1")) == (Stage.SETTLING, "lot-1")
    assert state.at is not None
    state = engine.apply(state, events.LimitRevealed("101", None), state.at)
    assert closings.due_part(state, "lot-1") == "lot-1"
    assert state.at is not None
    state = engine.apply(state, events.ReserveRevealed(Money.from_yuan("100000")), state.at)
    assert closings.due_part(state, "lot-1") is None


def test_a_repeated_slip_changes_nothing_and_an_empty_one_takes_back() -> None:
    sealed = terms(Format.ASCENDING, limits=LimitMode.SEALED)
    state = engine.apply(engine.begin(sealed, ["101"]), events.LimitSealed("101", "a" * 64), START)
    assert engine.apply(state, events.LimitSealed("101", "a" * 64), START).seats == state.seats
    assert engine.apply(state, events.LimitSealed("101", ""), START).seats["101"].limit_digest is None
