"""The only module that asks the machine for the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Where `now` comes from. Instants are aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, which operations must discipline to the national time service.

    Source: spec rules C-06 (only server time counts).
    """

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """A clock that moves only when told: tests, simulation, replay and the demonstration city use it."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def move(self, to: datetime) -> None:
        """Go forward to an instant.

        Raises:
            ValueError: when asked to go back; time never does.
        """
        if to < self._now:
            raise ValueError(f"a clock cannot go back from {self._now} to {to}")
        self._now = to.astimezone(UTC)

    def tick(self, delta: timedelta) -> datetime:
        self.move(self._now + delta)
        return self._now


class ShiftedClock:
    """The machine's clock moved by a fixed offset, so that a prepared demonstration goes on living."""

    def __init__(self, offset: timedelta) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class GuardedClock:
    """A clock for deciding in seconds: it never goes back and never jumps, even when the host's clock does.

    Between two looks it moves with the machine's monotonic clock. Where the host's clock disagrees, it draws near
    by at most one part in ``SLEW``: a step of five seconds is made good over most of an hour and a half, in which
    nobody's auction ends a moment earlier or later than its monotonic length. A clock that is moved by hand
    (tests, demonstrations) is followed at once, but never back.

    Args:
        wall: the clock that is drawn near to.
        monotonic: seconds that only grow; handed in by tests.

    Source: rules §4.3 A-03, A-11 (only the core's clock counts); C-06.
    """

    SLEW = 1000

    def __init__(self, wall: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._follows = isinstance(wall, VirtualClock)
        self._lock = threading.Lock()
        self._last = wall.now()
        self._mark = monotonic()

    def now(self) -> datetime:
        with self._lock:
            wall = self._wall.now()
            if self._follows:
                self._last = max(self._last, wall)
                return self._last
            mark = self._monotonic()
            passed = max(0.0, mark - self._mark)
            self._mark = mark
            off = (wall - self._last).total_seconds() - passed
            bound = passed / self.SLEW
            self._last += timedelta(seconds=passed + (bound if off > bound else max(off, -bound)))
            return self._last

    def behind(self) -> timedelta:
        """How far the host's clock is ahead of this one now; a step of the host shows here."""
        with self._lock:
            return self._wall.now() - self._last
