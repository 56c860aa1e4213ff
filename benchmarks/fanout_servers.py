"""The servers of ``benchmarks.auction_fanout``, each started as a process of its own.

``python -m benchmarks.fanout_servers KIND PORT FOLDER``: ``lean-none``, ``lean-sqlite`` and ``lean-postgresql`` are our
hall with sessions, joins and a group-committing channel; ``stock-gevent`` and ``stock-threading`` are plain
Flask-SocketIO that signs nobody in and stores nothing, which is to their advantage.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

KINDS = ("lean-none", "lean-sqlite", "lean-postgresql", "stock-gevent", "stock-threading")
ORIGIN = "http://localhost"
EPOCH = UUID("01980000-0000-7000-8000-000000000000")
BATCH_MAX = 512

Waiting = tuple[Any, int, str, Callable[[dict[str, Any]], None]]


def channel_name(number: int) -> str:
    """The channel of a room of the benchmark."""
    return f"bench:{UUID(int=EPOCH.int + number)}"


class Committer:
    """Takes all waiting offers into one durable transaction, acknowledges them, then tells the rooms.

    Args:
        store: writes ``(room, version, n, at)`` rows and returns when they are on the disk; None stores nothing.
        tell: ``(channel, version, news)``.
    """

    def __init__(
        self,
        store: Callable[[list[tuple[str, int, int, str]]], None] | None,
        tell: Callable[[str, int, dict[str, Any]], None],
    ) -> None:
        self._store = store
        self._tell = tell
        self._waiting: deque[Waiting] = deque()
        self._some = threading.Event()
        self.versions: dict[str, int] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def offer(self, channel: str, n: int, at: str, ack: Callable[[dict[str, Any]], None]) -> None:
        self._waiting.append((channel, n, at, ack))
        self._some.set()

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            while self._waiting:
                self._commit([self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))])

    def _commit(self, batch: list[Waiting]) -> None:
        rows = []
        for channel, n, at, _ in batch:
            version = self.versions[channel] = self.versions.get(channel, 0) + 1
            rows.append((channel, version, n, at))
        if self._store is not None:
            self._store(rows)
        for (_, version, _, _), (_, _, _, ack) in zip(rows, batch, strict=True):
            ack({"version": version})
        for channel, version, n, _ in rows:
            self._tell(channel, version, {"n": n})


def _sqlite(folder: Path) -> Callable[[list[tuple[str, int, int, str]]], None]:
    import sqlite3

    base = sqlite3.connect(folder / "offers.db", isolation_level=None, check_same_thread=False)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE offer (room TEXT, version INT, n INT, at TEXT, PRIMARY KEY (room, version))")
    base.execute("CREATE TABLE room (room TEXT PRIMARY KEY, version INT)")

    def store(rows: list[tuple[str, int, int, str]]) -> None:
        base.execute("BEGIN IMMEDIATE")
        base.executemany("INSERT INTO offer VALUES (?, ?, ?, ?)", rows)
        base.executemany(
            "INSERT INTO room VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = excluded.version",
            list({room: version for room, version, _, _ in rows}.items()),
        )
        base.execute("COMMIT")

    return store


def _postgresql(url: str) -> Callable[[list[tuple[str, int, int, str]]], None]:
    import psycopg

    base = psycopg.connect(url)
    base.execute(
        "CREATE TABLE offer (room text, version bigint, n bigint, at text, PRIMARY KEY (room, version))"
    )
    base.execute("CREATE TABLE room (room text PRIMARY KEY, version bigint)")
    base.commit()

    def store(rows: list[tuple[str, int, int, str]]) -> None:
        latest = {room: version for room, version, _, _ in rows}
        columns = [list(column) for column in zip(*rows, strict=True)]
        base.execute(
            "WITH made AS (INSERT INTO offer SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[]))"
            " INSERT INTO room SELECT * FROM unnest(%s::text[], %s::bigint[])"
            " ON CONFLICT (room) DO UPDATE SET version = excluded.version",
            (*columns, list(latest), list(latest.values())),
        )
        base.commit()

    return store


def serve_lean(kind: str, port: int, folder: Path) -> None:
    """Our hall: the whole application, its sessions in SQLite, a channel of the benchmark."""
    import app as composition
    from kernel import live
    from kernel.live.engine import Limits, prepare_process
    from kernel.live.lean import LeanLive
    from kernel.room import Room
    from kernel.settings import Settings

    rooms = composition.rooms()
    made: list[Committer] = []

    def offer(
        connection: live.Connection, _id: UUID, message: live.Json, recv_at: datetime, ack: live.Ack
    ) -> None:
        made[0].offer(connection.channel, int(message["n"]), recv_at.isoformat(), ack)

    channel = live.Channel(
        "bench",
        lambda _session, actor, _id: not actor.is_anonymous,
        lambda _session, _actor, key: {"version": made[0].versions.get(f"bench:{key}", 0)},
        hot={"offer": offer},
        on_join=lambda _session, actor, _id: str(actor.person_id),
    )
    composition.rooms = lambda: (*rooms, Room("bench", channels=[channel]))  # type: ignore[assignment]
    settings = Settings(
        database_url=f"sqlite:///{folder / 'house.db'}",
        data_folder=folder,
        secret_key="only for benchmarks, thirty-two letters and more",
        log_seed=b"\x01" * 32,
        platform_seed=b"\x02" * 32,
        base_url=ORIGIN,
    )
    built = composition.create_app(settings)
    platform = built.extensions["sunroad"]
    platform.create_schema()
    (folder / "cookies").write_text("\n".join(sign_in(built, int((folder / "people").read_text()))) + "\n")
    store = None
    if kind == "lean-sqlite":
        store = _sqlite(folder)
    elif kind == "lean-postgresql":
        store = _postgresql((folder / "postgresql").read_text())
    made.append(
        Committer(store, lambda name, version, news: live.tell(platform, name, version=version, news=news))
    )
    prepare_process()
    # Saturation is the point here: the bucket that keeps people from flooding would hide it.
    limits = Limits(per_second=1e6, burst=1e6, connections=settings.live_connections_max)
    LeanLive(built, platform, f"127.0.0.1:{port}", limits).serve(threading.Event())


def sign_in(app: Any, count: int) -> list[str]:
    """That many people with a session each; their cookies."""
    import sqlalchemy as sa

    from kernel.identity.models import Person, SignInSession
    from kernel.identity.sessions import digest
    from kernel.web.current import SESSION_KEY

    platform = app.extensions["sunroad"]
    now = datetime.now(UTC)
    people, open_sessions, cookies = [], [], []
    sign = app.session_interface.get_signing_serializer(app)
    for number in range(count):
        person = platform.outside.new_id()
        people.append({
            "id": person, "name": f"竞买人{number}", "name_en": f"Bidder {number}", "email": f"b{number}@example.org",
            "phone": "", "lang": "zh-CN", "kid": f"kid{number}", "state": "active", "created_at": now,
        })  # fmt: skip
        open_sessions.append({
            "id": platform.outside.new_id(), "person_id": person, "org_id": None, "token_digest": digest(f"token{number}"),
            "method": "password", "device": "", "address": "", "created_at": now, "seen_at": now,
            "expires_at": now + timedelta(hours=12), "stepped_up_at": now, "revoked_at": None,
        })  # fmt: skip
        cookies.append(sign.dumps({SESSION_KEY: f"token{number}"}))
    with platform.database.writer.begin() as connection:
        connection.execute(sa.insert(Person), people)
        connection.execute(sa.insert(SignInSession), open_sessions)
    return cookies


def serve_stock(kind: str, port: int) -> None:
    """Flask-SocketIO as it comes: one handler, rooms, acknowledgements."""
    mode = kind.removeprefix("stock-")
    if mode == "gevent":
        from gevent import monkey

        monkey.patch_all()
    import resource

    from flask import Flask
    from flask_socketio import SocketIO, emit, join_room

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    built = Flask("stock")
    versions: dict[str, int] = {}
    sockets = SocketIO(built, async_mode=mode, transports=["websocket"], cors_allowed_origins=[ORIGIN])

    def join(message: dict[str, Any]) -> dict[str, Any]:
        join_room(message["channel"])
        return {"ok": True, "channel": message["channel"], "state": {"version": 0}}

    def do(message: dict[str, Any]) -> dict[str, Any]:
        name = message["channel"]
        version = versions[name] = versions.get(name, 0) + 1
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        news = {"channel": name, "version": version, "news": {"n": message["message"]["n"]}, "at": at}
        emit("news", news, to=name, namespace="/live")
        return {"ok": True, "version": version}

    sockets.on_event("join", join, namespace="/live")
    sockets.on_event("do", do, namespace="/live")
    sockets.on_event("connect", lambda _auth=None: None, namespace="/live")
    more = {"allow_unsafe_werkzeug": True} if mode == "threading" else {}
    sockets.run(built, host="127.0.0.1", port=port, log_output=False, **more)


if __name__ == "__main__":
    import logging

    kind, at, where = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    logging.disable(logging.WARNING)
    if kind.startswith("lean-"):
        serve_lean(kind, at, where)
    else:
        serve_stock(kind, at)
