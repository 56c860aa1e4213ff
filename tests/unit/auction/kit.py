"""Auctions to try things on: a start, a few plates, and short ways to offer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bidding.rules.auction import Format, Stage, State, Terms, apply, begin, default_terms, due
from bidding.rules.auction import events as ev
from bidding.rules.auction.terms import Extension, ExtensionMode, Step, Trigger
from kernel.errors import Refusal
from kernel.money import Money

START = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
PLATES = ("A", "B", "C")


def yuan(amount: int | str) -> Money:
    return Money.from_yuan(amount)


def at(clock: str) -> datetime:
    """An instant of the day by "h:mm:ss" after the start's hour as written, e.g. "09:57:30"."""
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return datetime(2026, 12, 1, hours, minutes, seconds, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def terms(format_: Format = Format.ASCENDING, **printed: Any) -> Terms:
    defaults: dict[str, Any] = {"start": yuan(100), "extension": None, "free_seconds": 3600, "bidders_min": 1}
    if format_ not in {
        Format.DUTCH,
        Format.JAPANESE,
        Format.ONE_OFFER,
        Format.WEIGHTED,
        Format.SEALED_ROUNDS,
    }:
        defaults["step"] = Step(amount=yuan(5))
    if format_ in {Format.ONE_OFFER, Format.WEIGHTED}:
        del defaults["start"]
    return default_terms(format_, **{**defaults, **printed})


def running(printed: Terms, plates: tuple[str, ...] = PLATES, when: datetime = START) -> State:
    return apply(begin(printed, plates), ev.Begin(), when)


def offer(
    state: State,
    plate: str,
    amount: int | str,
    when: datetime | float,
    *,
    key: str | None = None,
    sure: bool = True,
) -> State:
    moment = when if isinstance(when, datetime) else later(when)
    return apply(state, ev.OfferMade(plate, yuan(amount), key, sure), moment)


def tick(state: State, times: int = 1) -> State:
    """Time passes to the next due moment."""
    for _ in range(times):
        moment = due(state)
        assert moment is not None, f"nothing is due in {state.stage}"
        state = apply(state, ev.Tick(), moment)
    return state


def over(state: State) -> State:
    """Time passes until nothing is due any more."""
    while due(state) is not None:
        state = tick(state)
    return state


def refused(deed: Callable[[], object], code: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        deed()
    assert caught.value.code == code
    return caught.value


def extension(
    mode: ExtensionMode = ExtensionMode.FROM_BID,
    *,
    window: int = 300,
    more: int = 300,
    trigger: Trigger = Trigger.ANY,
    **caps: int,
) -> Extension:
    return Extension(mode, window, more, trigger, **caps)


__all__ = ["Stage"]
