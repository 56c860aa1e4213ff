"""Looks every second whether the database is ahead of what listeners were told, so that lost news are noticed.

News come from whatever process committed; without Redis, or when it loses some, this is how they arrive: listeners are
told that they are behind, and ask for what they missed.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
import structlog

from kernel.live.channel import MORE, room_of
from kernel.live.door import Door, Telling

if TYPE_CHECKING:
    from kernel.platform import Platform

log = structlog.get_logger("sunroad.live")

SWEEP_SECONDS = 1.0
UNSURE_ROUNDS = 3
"""Rounds after a break of the bus in which a number that grew does not prove that all news came."""


class Sweep:
    """The sweep of one process."""

    def __init__(self, platform: Platform, live: Telling, *, seconds: float = SWEEP_SECONDS) -> None:
        self._platform = platform
        self._live = live
        self._channels = Door(platform).channels
        self._seconds = seconds
        self._suspects: dict[str, int] = {}
        self._noticed: dict[str, tuple[str, int]] = {}
        self._before: dict[str, int] = {}
        self._breaks = 0
        self._unsure = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sweep in a thread of its own, if any channel offers its versions."""
        if self._thread is None and any(one.versions is not None for one in self._channels.values()):
            self._thread = threading.Thread(target=self._run, name="live sweep", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.once()
            except (sa.exc.SQLAlchemyError, OSError):
                log.exception("live_sweep")

    def once(self) -> None:
        """Compare once. A room that was behind at the last look and still is hears about it: news that are on their
        way right now are given one round to arrive.
        """
        asked: dict[str, list[tuple[UUID, str]]] = defaultdict(list)
        for prefix, subject, audience in self._live.joined():
            asked[prefix].append((subject, audience))
        earlier, self._noticed = self._noticed, {}
        suspects: dict[str, int] = {}
        for prefix, keys in asked.items():
            versions = self._channels[prefix].versions
            if versions is None:
                continue
            with self._platform.read() as session:
                found = versions(session, keys)
            for (subject, audience), version in found.items():
                name = f"{prefix}:{subject}"
                room = room_of(name, audience)
                told = self._live.told.get(room)
                if told is not None and version == MORE:
                    self._noticed[room] = name, self._before.get(room, told)
                if told is None or told >= version:
                    continue
                before = self._suspects.get(room)
                if before is not None and told < before:
                    self._live.deliver(room, "behind", {"channel": name, "version": version})
                else:
                    suspects[room] = version
        self._suspects = suspects
        self._say_more(earlier)
        self._before = dict(self._live.told)

    def _say_more(self, noticed: dict[str, tuple[str, int]]) -> None:
        """Where the last round noticed a change whose news have not come since: they were lost, listeners must ask."""
        bus = self._live.bus
        sure = bus is not None and bus.alive and bus.breaks == self._breaks
        self._breaks = bus.breaks if bus is not None else 0
        self._unsure = max(0, self._unsure - 1) if sure else UNSURE_ROUNDS
        for room, (name, before) in noticed.items():
            told = self._live.told.get(room)
            if told is not None and (told <= before or self._unsure):
                self._live.deliver(room, "behind", {"channel": name, "version": told + 1})
