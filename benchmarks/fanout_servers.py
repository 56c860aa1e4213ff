"""The servers of ``benchmarks.auction_fanout``, each started as a process of its own.

``python -m benchmarks.fanout_servers KIND PORT FOLDER``; the file ``wanted`` in the folder holds JSON with ``rooms``,
``each``, ``bidders``, the ``url`` of a PostgreSQL database and the ports of ``more`` halls. ``lean-sqlite`` and
``lean-postgresql`` are the hall as it is installed: the whole application, auctions made by its actions, the hall core with
its journal and signed receipts.
``lean-none`` is its transport alone, ``stock-gevent`` and ``stock-threading`` are plain Flask-SocketIO; these three store
nothing and sign nothing, and all but the first sign nobody in, which is to their advantage.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

KINDS = ("lean-none", "lean-sqlite", "lean-postgresql", "stock-gevent", "stock-threading")
ORIGIN = "http://localhost"
EPOCH = UUID("01980000-0000-7000-8000-000000000000")
FIRST = "1000.00"

Waiting = tuple[Any, str, Callable[[dict[str, Any]], None]]


def channel_name(number: int) -> str:
    """The channel of a room of a server that has no auctions."""
    return f"bench:{UUID(int=EPOCH.int + number)}"


def news_of(amount: str) -> dict[str, Any]:
    """News of the size and shape an ascending auction tells, from servers that have none."""
    entry = {"amount": amount, "at": "2026-11-22T01:00:00.000000Z", "plate": "101", "kind": "offer"}
    whole, _, fen = amount.partition(".")
    return {"best": entry, "next": f"{int(whole) + 1}.{fen}", "list": [entry]}


class Committer:
    """The place of the core where there is none: takes what waits, acknowledges it, then tells the rooms.

    Args:
        tell: ``(channel, version, news)``.
    """

    def __init__(self, tell: Callable[[str, int, dict[str, Any]], None]) -> None:
        self._tell = tell
        self._waiting: deque[Waiting] = deque()
        self._some = threading.Event()
        self.versions: dict[str, int] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def offer(self, channel: str, amount: str, ack: Callable[[dict[str, Any]], None]) -> None:
        self._waiting.append((channel, amount, ack))
        self._some.set()

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
                told = []
                for channel, amount, ack in batch:
                    version = self.versions[channel] = self.versions.get(channel, 0) + 1
                    ack({"version": version})
                    told.append((channel, version, amount))
                for channel, version, amount in told:
                    self._tell(channel, version, news_of(amount))


def serve_auctions(port: int, folder: Path) -> None:
    """The hall of an installation whose auctions run, and further halls beside it when they are wanted."""
    from benchmarks.fanout_sale import make

    wanted = json.loads((folder / "wanted").read_text())
    made = make(folder, wanted["url"], rooms=wanted["rooms"], each=wanted["each"], bidders=wanted["bidders"])
    (folder / "cookies").write_text("\n".join(made.cookies) + "\n")
    (folder / "rooms").write_text("\n".join(made.rooms) + "\n")
    (folder / "settings").write_bytes(pickle.dumps(made.settings))
    for other in wanted["more"]:
        subprocess.Popen([sys.executable, "-m", "benchmarks.fanout_servers", "hall", str(other), str(folder)])
    serve_hall(port, folder)


def serve_hall(port: int, folder: Path) -> None:
    """One hall process over auctions that were made; whoever is joined first owns an auction."""
    import app as composition
    from kernel.live.engine import Limits, prepare_process
    from kernel.live.lean import LeanLive

    settings = pickle.loads((folder / "settings").read_bytes())
    built = composition.create_app(settings)
    prepare_process()
    # Saturation is the point here: the bucket that keeps people from flooding would hide it.
    limits = Limits(per_second=1e6, burst=1e6, connections=settings.live_connections_max)
    LeanLive(built, built.extensions["sunroad"], f"127.0.0.1:{port}", limits).serve(threading.Event())


def serve_transport(port: int, folder: Path) -> None:
    """The hall's sessions, joins, acknowledgements and news without an auction behind them."""
    import app as composition
    from benchmarks.fanout_sale import sign_in
    from kernel import live
    from kernel.live.engine import Limits, prepare_process
    from kernel.live.lean import LeanLive
    from kernel.room import Room
    from kernel.settings import Settings

    rooms = composition.rooms()
    made: list[Committer] = []

    def offer(
        connection: live.Connection, _id: UUID, message: live.Json, _recv_at: datetime, ack: live.Ack
    ) -> None:
        made[0].offer(connection.channel, str(message["amount"]), ack)

    channel = live.Channel(
        "bench",
        lambda _session, actor, _id: not actor.is_anonymous,
        lambda _session, _actor, key: {"version": made[0].versions.get(f"bench:{key}", 0), "next": FIRST},
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
    wanted = json.loads((folder / "wanted").read_text())
    people = wanted["rooms"] * wanted["each"]
    (folder / "cookies").write_text("\n".join(sign_in(built, datetime.now(UTC), [], people)) + "\n")
    made.append(Committer(lambda name, version, news: live.tell(platform, name, version=version, news=news)))
    prepare_process()
    limits = Limits(per_second=1e6, burst=1e6, connections=settings.live_connections_max)
    LeanLive(built, platform, f"127.0.0.1:{port}", limits).serve(threading.Event())


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
        return {"ok": True, "channel": message["channel"], "state": {"version": 0, "next": FIRST}}

    def do(message: dict[str, Any]) -> dict[str, Any]:
        name = message["channel"]
        version = versions[name] = versions.get(name, 0) + 1
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        news = {"channel": name, "version": version, "news": news_of(message["message"]["amount"]), "at": at}
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
    if kind == "lean-none":
        serve_transport(at, where)
    elif kind == "hall":
        serve_hall(at, where)
    elif kind.startswith("lean-"):
        serve_auctions(at, where)
    else:
        serve_stock(kind, at)
