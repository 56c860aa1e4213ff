"""A hall in a process of its own, for tests that kill it: ``python -m tests.support.live_process FOLDER PORT OFFSET [REDIS]``.

Its one channel ``sale`` is owned; a ``bid`` is written to the database under its lease and answered with the process's
id and the lease's token; ``write`` is told to the room as news.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app as composition
from kernel import live
from kernel.live import leases
from kernel.live.engine import prepare_process
from kernel.live.lean import LeanLive
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.room import Room
from kernel.settings import Settings

TABLE = sa.table("trial_bid", sa.column("sale"), sa.column("version"), sa.column("n"), sa.column("pid"))
CREATE = "CREATE TABLE trial_bid (sale text, version int, n int, pid int, PRIMARY KEY (sale, version))"
platforms: list[Platform] = []


def newest(session: Session, key: UUID) -> int:
    found = session.scalar(sa.select(sa.func.max(TABLE.c.version)).where(TABLE.c.sale == str(key)))
    return int(found or 0)


def bid(connection: live.Connection, key: UUID, message: live.Json, _at: datetime, ack: live.Ack) -> None:
    """Written in a thread, because a loop must not wait for a database."""

    def write() -> None:
        platform = platforms[0]
        lease = platform.live.owners.lease(connection.channel)
        with platform.begin(SYSTEM) as work:
            leases.assert_held(work.session, lease)
            version = newest(work.session, key) + 1
            row = {"sale": str(key), "version": version, "n": message["n"], "pid": os.getpid()}
            work.session.execute(sa.insert(TABLE).values(row))
        ack({"pid": os.getpid(), "token": lease.token, "version": version})
        if not message.get("silent"):
            live.tell(platform, connection.channel, version=version, news={"n": message["n"]})

    threading.Thread(target=write).start()


def since(session: Session, _actor: object, key: UUID, seen: int) -> list[tuple[int, live.Json]]:
    rows = session.execute(
        sa.select(TABLE.c.version, TABLE.c.n)
        .where(TABLE.c.sale == str(key), TABLE.c.version > seen)
        .order_by(TABLE.c.version)
    )
    return [(version, {"n": n}) for version, n in rows]


CHANNEL = live.Channel(
    "sale",
    lambda _session, actor, _id: not actor.is_anonymous,
    lambda session, _actor, key: {"version": newest(session, key)},
    since,
    hot={"bid": bid},
    versions=lambda session, keys: {(key, audience): newest(session, key) for key, audience in keys},
    owned=True,
)


def settings(folder: Path, offset: int, port: int, redis: str) -> Settings:
    """As ``tests.support.house.House`` has them, on a running clock."""
    return Settings(
        database_url=f"sqlite:///{folder / 'house.db'}",
        data_folder=folder,
        secret_key="only for tests, thirty-two letters and more",
        log_seed=b"\x01" * 32,
        platform_seed=b"\x02" * 32,
        base_url="http://localhost",
        live_url=f"http://127.0.0.1:{port}",
        redis_url=redis,
        clock_offset_s=offset,
        durable=False,
    )


def main(folder: Path, port: int, offset: int, redis: str = "") -> None:
    rooms = composition.rooms()
    composition.rooms = lambda: (*rooms, Room("trial", channels=[CHANNEL]))  # type: ignore[assignment]
    app = composition.create_app(settings(folder, offset, port, redis))
    platforms.append(app.extensions["sunroad"])
    prepare_process()
    LeanLive(app, platforms[0], f"127.0.0.1:{port}").serve(threading.Event())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
