"""The only module that asks the machine for the time."""

from __future__ import annotations

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
