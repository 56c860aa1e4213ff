"""A page of notices found by a word of two Chinese characters: the bigram index against a scan with LIKE."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.report import Result
from kernel.database import bigrams
from simulation.names import DISTRICTS, WORKS
from simulation.replay_house import START, a_house
from simulation.world import World
from trading.models import Notice
from trading.search import matching

NOTICES, ROUNDS, PAGE = 100_000, 30, 20
RARE, COMMON = "码头", "工程"
SEARCH_MS_MAX = 5.0


def run() -> Iterator[Result]:
    """Medians on SQLite; the first page, newest first."""
    with tempfile.TemporaryDirectory() as name, a_house(Path(name), 1) as world:
        _fill(world)
        for word, kind in ((RARE, "on few notices"), (COMMON, "on most notices")):
            with world.read() as session:
                index = _median_ms(lambda: _by_index(session, word))  # noqa: B023
                scan = _median_ms(lambda: _by_scan(session, word))  # noqa: B023
                assert _by_index(session, word) == _by_scan(session, word)
            yield Result(
                f"notice search, word {kind}",
                f"{NOTICES:,} notices, first page of {PAGE}, median of {ROUNDS}",
                f"{index:.2f} CPU-ms; LIKE {scan:.2f} ({scan / index:.1f} ×)",
                f"≤ {SEARCH_MS_MAX:.0f} CPU-ms",
                index <= SEARCH_MS_MAX,
            )


def _by_index(session: Session, word: str) -> list[UUID]:
    condition = matching(session, word)
    assert condition is not None
    newest = (Notice.published_at.desc(), Notice.id.desc())
    return list(session.scalars(sa.select(Notice.id).where(condition).order_by(*newest).limit(PAGE)))


def _by_scan(session: Session, word: str) -> list[UUID]:
    newest = (Notice.published_at.desc(), Notice.id.desc())
    return list(
        session.scalars(sa.select(Notice.id).where(Notice.title.contains(word)).order_by(*newest).limit(PAGE))
    )


def _median_ms(deed: Callable[[], object]) -> float:
    """Processor time, since SQLite works inside this process and others may be using the machine."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        deed()
        times.append(time.process_time() - started)
    return median(times) * 1000


def _fill(world: World) -> None:
    """Notices alone, without the tenders behind them: only the search reads them here."""
    dice = random.Random(3)
    nobody = UUID(int=1)
    connection = world.platform.database.writer.raw_connection()
    try:
        connection.cursor().execute("PRAGMA foreign_keys=OFF")
    finally:
        connection.close()
    with world.platform.database.writer.begin() as writer:
        for start in range(0, NOTICES, 5000):
            writer.execute(
                sa.insert(Notice), [_row(dice, number, nobody) for number in range(start, start + 5000)]
            )


def _row(dice: random.Random, number: int, nobody: UUID) -> dict[str, object]:
    title = dice.choice(WORKS)[0].format(d=dice.choice(DISTRICTS)) + ("码头" if number % 5000 == 7 else "")
    return {
        "id": UUID(int=number + 10),
        "tender_id": nobody,
        "kind": "notice",
        "title": title,
        "body": {},
        "regime": "TM",
        "category": "works",
        "region": "310000",
        "words": bigrams(title),
        "published_at": START + timedelta(minutes=number),
        "record_id": nobody,
    }
