"""The loops beside the web: timekeeper, courier and sequencer. Each may run twice without harm."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from kernel import timekeeper
from kernel.ledger import sequencer
from kernel.ledger.witnesses import cosigners_of
from kernel.outbox import courier
from kernel.outbox.render import renderer
from kernel.platform import Platform

log = structlog.get_logger("sunroad.jobs")

SEQUENCE_SECONDS = 0.05
TICK_SECONDS = 1.0
"""How often the sequencer looks whether the minute's tick is due."""
COSIGN_SECONDS = 1.0
SILENT_SECONDS_MAX = 10.0
"""Pause between two questions to a witness that gives no cosignature."""
TIMEKEEPER_SECONDS = 0.25
COURIER_SECONDS = 1.0


def forever(name: str, step: Callable[[], object], seconds: float, stop: threading.Event) -> None:
    """Repeat a step until told to stop. Trouble is logged and the next round tries again, a little later."""
    pause = seconds
    while not stop.wait(pause):
        try:
            step()
            pause = seconds
        except Exception:
            log.exception("job", job=name)
            pause = min(30.0, pause * 2 + 0.5)


def run_timekeeper(platform: Platform, stop: threading.Event) -> None:
    """Run the actions whose moment has come, and the rooms' chores in their turn."""
    done: dict[str, datetime] = {}

    def step() -> None:
        timekeeper.keep_time(platform)
        do_chores(platform, done)

    forever("timekeeper", step, TIMEKEEPER_SECONDS, stop)


def do_chores(platform: Platform, done: dict[str, datetime]) -> list[str]:
    """Do every chore whose pause is over; ``done`` remembers when. Returns the names of those done now."""
    now = platform.outside.clock.now()
    due = [
        chore
        for room in platform.rooms
        for chore in room.chores
        if chore.name not in done or now - done[chore.name] >= chore.every
    ]
    for chore in due:
        done[chore.name] = now
        chore.run(platform)
    return [chore.name for chore in due]


def run_courier(platform: Platform, stop: threading.Event) -> None:
    """Deliver the outbox."""
    render = renderer(platform.settings)
    forever("courier", lambda: courier.deliver(platform, render), COURIER_SECONDS, stop)


def run_sequencer(platform: Platform, stop: threading.Event) -> None:
    """Place pending entries, sign checkpoints, tick every minute, and take checkpoints to the witnesses.

    Each witness has a thread: one that does not answer keeps neither the log nor the other witnesses waiting.
    """
    couriers = [
        threading.Thread(
            target=run_witness, args=(platform, name, ask, stop), name=f"witness {name}", daemon=True
        )
        for name, ask in cosigners_of(platform.settings).items()
    ]
    for one in couriers:
        one.start()
    ticked: list[datetime] = []

    def step() -> None:
        if sequencer.pending(platform):
            sequencer.sequence(platform)
        now = platform.outside.clock.now()
        if not ticked or (now - ticked[-1]).total_seconds() >= TICK_SECONDS:
            ticked[:] = [now]
            sequencer.tick(platform)

    forever("sequencer", step, SEQUENCE_SECONDS, stop)
    for one in couriers:
        one.join(1.0)  # who still waits for an answer has nothing open


def run_witness(platform: Platform, name: str, ask: sequencer.Cosigner, stop: threading.Event) -> None:
    """Take every new checkpoint to one witness; the longer it is silent, the rarer it is asked, up to a limit."""
    pause = COSIGN_SECONDS
    while not stop.wait(pause):
        try:
            asked = sequencer.cosign_by(platform, name, ask)
        except Exception:
            log.exception("job", job=f"witness {name}")
            asked = sequencer.Asked.SILENT
        pause = min(SILENT_SECONDS_MAX, pause * 2) if asked is sequencer.Asked.SILENT else COSIGN_SECONDS


JOBS: dict[str, Callable[[Platform, threading.Event], None]] = {
    "timekeeper": run_timekeeper,
    "courier": run_courier,
    "sequencer": run_sequencer,
}
