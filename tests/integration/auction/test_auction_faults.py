"""What a file that cannot be written, a stepped clock and a bad line do to a running auction: the room is told, nothing
is answered that is not durable, it goes on by itself, and the journal is whole.

Source: rules §4.3 A-03, A-11, §4.7; issue "Faults".
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bidding.hall_core import journal, rooms
from bidding.hall_core.draft import replayed
from bidding.rules.auction import Stage
from kernel.clock import GuardedClock
from tests.integration.auction.sale import Hall, Sale, plates
from tests.integration.auction.test_auction_live import Host
from tests.support.live import eventually


class Room:
    """What a room is told, and how many were answered when it was."""

    def __init__(self) -> None:
        self.troubles: list[tuple[bool, int]] = []
        self.answered: Callable[[], int] = lambda: 0

    def told(self, room: Any, before: Any, after: Any) -> None: ...

    def trouble(self, auction: UUID, on: bool) -> None:
        self.troubles.append((on, self.answered()))


@contextmanager
def locked(sale: Sale) -> Iterator[None]:
    """Another writer who does not end."""
    file = Path(sale.house.settings.database_url.removeprefix("sqlite:///"))
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def told_to_the_file(sale: Sale, fault: str, mend: str) -> Iterator[None]:
    """Every transaction meanwhile works on a file that has this fault; SQLite itself finds it."""
    broken = True

    def begun(connection: sa.Connection) -> None:
        if broken:
            connection.exec_driver_sql(fault)

    def failed(context: sa.ExceptionContext) -> None:
        # The committer keeps his connection: it is mended where he meets the fault the last time.
        raw = context.connection.connection.dbapi_connection if context.connection is not None else None
        if not broken and raw is not None:
            raw.execute(mend)

    writer = sale.house.platform.database.writer
    sa.event.listen(writer, "begin", begun)
    sa.event.listen(writer, "handle_error", failed)
    try:
        yield
    finally:
        broken = False


FAULTS: dict[str, Callable[[Sale], Any]] = {
    "locked by another writer": locked,
    "readonly": lambda sale: told_to_the_file(sale, "PRAGMA query_only=ON", "PRAGMA query_only=OFF"),
    "full": lambda sale: told_to_the_file(sale, "PRAGMA max_page_count=1", "PRAGMA max_page_count=1000000"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_written_is_told_waited_for_and_gone_on_from(sale: Sale, fault: str) -> None:
    sale.bidders(3)
    room = Room()
    hall = Hall(sale, outlet=room).start()
    room.answered = lambda: len(hall.answers)
    one, two, three = plates(sale)
    hall.offer(one, 900_000)
    before = hall.core.state(hall.id)
    hall.core.start()

    with FAULTS[fault](sale):
        # Small offers fit into the pages that are there; a full disk is met by what does not.
        for at in range(300 if fault == "full" else 1):
            hall.send(two, 890_000 - at * 5_000 if at < 100 else 1, f"key-fault-{at:04d}-{'x' * 40}")
        eventually(lambda: room.troubles)
        assert room.troubles == [(True, 1)], "told once, before anybody was answered"
        assert hall.core.state(hall.id) == before, "nothing is accepted that cannot be written"

    eventually(lambda: len(hall.answers) > 1)
    assert room.troubles[1][0] is False
    hall.send(three, 880_000)
    eventually(lambda: three in [one["plate"] for one in hall.answers if isinstance(one, dict)])
    hall.core.stop()
    require_whole_journal(hall, sale)


def require_whole_journal(hall: Hall, sale: Sale) -> None:
    """The chain holds, the events replay, and everything that was answered is in it."""
    with sale.house.read() as session:
        room, lines = rooms.load(session.connection(), hall.id)
        header = rooms.header_of(hall.id, sale.code, 1, sale.auction().terms)
    assert journal.require_whole(journal.root_of(hall.id, header), lines) == room.head.chain
    assert replayed(room.state.terms, lines) == room.state
    digests = {journal.digest_of(line.text, line.salt).hex() for line in lines}
    receipts = [answer for answer in hall.answers if isinstance(answer, dict)]
    assert {one["event"] for one in receipts} <= digests
    assert len({one["event"] for one in receipts}) == len(receipts)


@pytest.mark.parametrize("step", [5, -5])
def test_a_stepped_host_clock_neither_ends_nor_prolongs_a_running_auction(sale: Sale, step: int) -> None:
    sale.bidders(3)
    host = Host()
    host.wall = sale.closes_at
    hall = Hall(sale, clock=GuardedClock(host, host.monotonic))
    one, two, three = plates(sale)
    host.pass_time(1)
    hall.core.turn()
    for plate in (one, two, three):
        hall.offer(plate, 950_000)
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    host.pass_time((state.ends_at - hall.core.clock.now()).total_seconds() - 3)
    last = hall.core.clock.now()

    host.wall += timedelta(seconds=step)
    host.pass_time(2)
    receipt = hall.offer(one, 900_000)

    assert hall.stage in (Stage.RUNNING, Stage.EXTENDED), "three seconds before the end is before the end"
    assert last < hall.core.clock.now() <= last + timedelta(seconds=2.01)
    assert receipt["recv_at"] > journal.at_text(last)
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    host.pass_time((state.ends_at - hall.core.clock.now()).total_seconds() * 1.002 + 0.1)
    hall.core.turn()
    assert hall.stage is Stage.ENDED
    hall.core.stop()
    require_whole_journal(hall, sale)


def test_the_time_a_committer_waits_is_bounded_and_only_his(sale: Sale) -> None:
    database = sale.house.platform.database
    own = database.own_writer(0.2)
    with locked(sale):
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(sa.exc.OperationalError, match="locked"), own.begin():
                pass
            assert time.monotonic() - began < 5
    with own.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 200
    with database.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    own.close()
    own.close()
