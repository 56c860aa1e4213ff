"""The sweep where only the owner knows the numbers: who must ask, and who is left in peace."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from kernel.live import MORE, Channel
from kernel.live.door import Telling
from kernel.live.sweep import UNSURE_ROUNDS, Sweep

ONE = UUID("01980000-0000-7000-8000-000000000001")
ROOM = f"sale:{ONE}#public"


class Listeners(Telling):
    """A process with listeners of one room, and a bus that is alive or not."""

    def __init__(self, *, alive: bool = True) -> None:
        self.told, self.said = {ROOM: 7}, []  # type: ignore[var-annotated]
        self.bus: Any = SimpleNamespace(alive=alive, breaks=0)

    def deliver(self, room: str, event: str, data: dict[str, Any]) -> None:
        self.said.append((room, event, data["version"]))
        self.note_told(room, data)


def swept(listeners: Listeners, changes: list[bool]) -> Sweep:
    """A sweep of a channel that changes, as the database shows, in the rounds that are true."""
    rounds = iter(changes)
    channel = Channel(
        "sale",
        lambda *_: True,
        lambda *_: {},
        versions=lambda _session, keys: dict.fromkeys(keys, MORE) if next(rounds, False) else {},
    )
    platform: Any = SimpleNamespace(rooms=[SimpleNamespace(channels=[channel])], read=nullcontext)
    return Sweep(platform, listeners)


def calm(sweep: Sweep, rounds: int = UNSURE_ROUNDS + 1) -> None:
    for _ in range(rounds):
        sweep.once()


def test_a_change_whose_news_never_came_makes_listeners_ask_once() -> None:
    listeners = Listeners()
    sweep = swept(listeners, [False] * (UNSURE_ROUNDS + 1) + [True])
    calm(sweep)

    calm(sweep)

    assert listeners.said == [(ROOM, "behind", 8)]


@pytest.mark.parametrize("late", [0, 1])
def test_a_change_whose_news_came_bothers_nobody(late: int) -> None:
    listeners = Listeners()
    sweep = swept(listeners, [False] * (UNSURE_ROUNDS + 1) + [True])
    calm(sweep)
    if not late:
        listeners.told[ROOM] = 8
    sweep.once()
    if late:
        listeners.told[ROOM] = 8

    calm(sweep)

    assert listeners.said == []


@pytest.mark.parametrize("fault", ["away", "broke"])
def test_a_number_that_grew_proves_nothing_while_the_bus_loses_news(fault: str) -> None:
    listeners = Listeners()
    sweep = swept(listeners, [False] * (UNSURE_ROUNDS + 1) + [True])
    calm(sweep)
    if fault == "away":
        listeners.bus.alive = False
    else:
        listeners.bus.breaks += 1
    listeners.told[ROOM] = 8
    sweep.once()

    sweep.once()

    assert listeners.said == [(ROOM, "behind", 9)]
