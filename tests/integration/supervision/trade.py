"""Trade for the tests of the statistics: rows of settled deals, and what the database makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from kernel.calendar import start_of_day
from simulation import figures
from simulation.figures import Row
from supervision.statistics_queries import Asked, statistics
from tests.support.house import House

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
YESTERDAY = date(2026, 11, 17)
MIDNIGHT = start_of_day(date(2026, 11, 18))
SECOND = timedelta(seconds=1)


def fill(house: House, *rows: Row, start: int = 1) -> None:
    with house.platform.database.writer.begin() as connection:
        figures.insert(connection, rows, start=start)


def deal(day: str, **more: Any) -> Row:
    at = start_of_day(date.fromisoformat(day)) + timedelta(hours=10)
    return Row(opened_at=at - timedelta(days=3), awarded_at=at, **more)


def of(house: House, now: datetime = NOW, **asked: Any) -> Any:
    with house.read() as session:
        return statistics(session, Asked(**({"year": 2026} | asked)), now)
