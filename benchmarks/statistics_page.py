"""The statistics page over two years of 10,000 tenders each: the first answer of a day, and those after it."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

from flask.testing import FlaskClient

from benchmarks.report import Result
from kernel.calendar import local_date
from simulation import figures
from simulation.replay_house import a_house
from simulation.world import World

A_YEAR, ROUNDS = 10_000, 5
FIRST_MS_MAX, AGAIN_MS_MAX = 1200.0, 100.0


def run() -> Iterator[Result]:
    """Processor time on SQLite, of the whole answer: queries, sums, drawing and writing the page."""
    with tempfile.TemporaryDirectory() as name, a_house(Path(name), 1) as world:
        client = _filled(world)
        for what, query, limit in (
            ("whole city", "", FIRST_MS_MAX),
            ("one kind of business", "?business=procurement", FIRST_MS_MAX),
        ):
            first = _median_ms(lambda: _anew(client, query))  # noqa: B023
            yield Result(
                f"statistics page, {what}, first of the day",
                f"2 × {A_YEAR:,} tenders, median of {ROUNDS}",
                f"{first:.0f} CPU-ms",
                f"≤ {limit:.0f} CPU-ms",
                first <= limit,
            )
        again = _median_ms(lambda: client.get("/statistics"))
        yield Result(
            "statistics page, again",
            f"2 × {A_YEAR:,} tenders, median of {ROUNDS}",
            f"{again:.1f} CPU-ms",
            f"≤ {AGAIN_MS_MAX:.0f} CPU-ms",
            again <= AGAIN_MS_MAX,
        )


def _filled(world: World) -> FlaskClient:
    from app import create_app

    yesterday = local_date(world.now) - timedelta(days=1)
    with world.platform.database.writer.begin() as connection:
        figures.insert(connection, figures.years(random.Random(3), until=yesterday, a_year=A_YEAR))
    app = create_app(world.platform.settings, world.platform.outside, world.platform.database)
    client = app.test_client()
    assert client.get("/statistics").status_code == 200
    return client


def _anew(client: FlaskClient, query: str) -> None:
    client.application.extensions.pop("sunroad.statistics", None)
    client.get(f"/statistics{query}")


def _median_ms(deed: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        deed()
        times.append(time.process_time() - started)
    return median(times) * 1000
