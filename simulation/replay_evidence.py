"""Evidence of replayed auctions, written and verified beside the platform, in a process that only reads.

The verifier gets the package and the trust file, as any stranger does, and nothing else.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from app import rooms
from kernel.batch import collect_seldom
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.ledger import trust
from kernel.outside import LocalBlobs, MailDrop, Outside, SeededEntropy
from kernel.platform import Platform
from kernel.settings import Settings
from sealbid.verify import verify_evidence
from simulation.replay_cohort import Replayed
from supervision.evidence import export_evidence

NAME_MAX = 120


@dataclass(frozen=True)
class Package:
    """A written evidence package: hex SHA-256 and size of the zip, checks passed, and the failed lines."""

    sha256: str
    size: int
    checks: int
    failed: tuple[str, ...]


@dataclass(frozen=True)
class _Order:
    settings: Settings
    now: datetime
    tender_id: UUID
    path: Path


def file_name(auction: str) -> str:
    """``<auction>.zip`` with everything percent-encoded that a file name should not hold."""
    safe = quote(auction, safe="")
    if len(safe) > NAME_MAX:
        safe = safe[:80] + hashlib.sha256(auction.encode()).hexdigest()[:32]
    return f"{safe.lstrip('.') or '_'}.zip"


def write_and_verify(platform: Platform, tender_id: UUID, path: Path) -> Package:
    """Export a tender's evidence into ``path`` and verify that file."""
    data = export_evidence(platform, tender_id)
    path.write_bytes(data)
    lines: list[str] = []
    code = verify_evidence(path, trust.trust_text(platform.settings), lines.append)
    failed = tuple(line for line in lines if line.startswith("FAIL"))
    assert (code == 0) is (not failed), lines
    passed = sum(line.startswith("ok") for line in lines)
    return Package(hashlib.sha256(data).hexdigest(), len(data), passed, failed)


_reader: Platform | None = None


def leave_with(parent: int) -> None:
    """A helper does not outlive a parent that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(order: _Order) -> Package:
    global _reader
    if _reader is None:
        settings = order.settings
        outside = Outside(
            VirtualClock(order.now),
            SeededEntropy("never asked: evidence is only read"),
            MailDrop(),
            LocalBlobs(settings.data_folder / "blobs", durable=False),
        )
        database = Database(settings.database_url, durable=settings.durable)
        _reader = Platform(settings, database, outside, rooms())
        collect_seldom()
    clock = _reader.outside.clock
    assert isinstance(clock, VirtualClock)
    clock.move(order.now)
    return write_and_verify(_reader, order.tender_id, order.path)


class Scribe:
    """Writes and verifies packages in order; hands back each replayed auction with its package.

    Args:
        processes: 0 works in this very process; otherwise that many helpers, which read the same database.
    """

    def __init__(self, platform: Platform, folder: Path, *, processes: int) -> None:
        self.platform = platform
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pool: ProcessPoolExecutor | None = None
        if processes:
            spawning = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                processes, mp_context=spawning, initializer=leave_with, initargs=(os.getpid(),)
            )
        self._waiting: deque[tuple[Replayed, Future[Package]]] = deque()

    def __enter__(self) -> Scribe:
        return self

    def __exit__(self, *_trouble: Any) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def give(self, replayed: Replayed) -> None:
        """Have the evidence of one auction written."""
        path = self.folder / file_name(replayed.auction.name)
        if self._pool is None:
            done: Future[Package] = Future()
            done.set_result(write_and_verify(self.platform, replayed.tender_id, path))
            self._waiting.append((replayed, done))
            return
        order = _Order(self.platform.settings, self.platform.outside.clock.now(), replayed.tender_id, path)
        self._waiting.append((replayed, self._pool.submit(_work, order)))

    def take(self, *, leave: int = 0) -> Iterator[tuple[Replayed, Package]]:
        """Finished packages in the order given; waits until at most ``leave`` are under way."""
        while len(self._waiting) > leave or (self._waiting and self._waiting[0][1].done()):
            replayed, package = self._waiting.popleft()
            yield replayed, package.result()
