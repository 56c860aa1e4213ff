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

from kernel.live.channel import room_of
from kernel.live.door import Door, Telling

if TYPE_CHECKING:
    from kernel.platform import Platform

log = structlog.get_logger("sunroad.live")

SWEEP_SECONDS = 1.0


class Sweep:
    """The sweep of one process."""

    def __init__(self, platform: Platform, live: Telling, *, seconds: float = SWEEP_SECONDS) -> None:
        self._platform = platform
        self._live = live
        self._channels = Door(platform).channels
        self._seconds = seconds
        self._suspects: dict[str, int] = {}
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
                if told is None or told >= version:
                    continue
                before = self._suspects.get(room)
                if before is not None and told < before:
                    self._live.deliver(room, "behind", {"channel": name, "version": version})
                else:
                    suspects[room] = version
        self._suspects = suspects
