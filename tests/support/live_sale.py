"""A channel for tests of live transports: a sale in memory, with audiences, seats, hot and slow commands."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from kernel import live
from kernel.errors import NotFound, NotNow
from kernel.live.lean import LeanLive
from kernel.platform import Platform
from kernel.rights import Actor, Role

SALE = UUID("01980000-0000-7000-8000-000000000001")
NOWHERE = UUID("01980000-0000-7000-8000-000000000002")
NAME = f"sale:{SALE}"


@dataclass
class Sale:
    """A thing with a version and a history, in memory: what a room would keep in the database."""

    version: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    acks: list[live.Ack] = field(default_factory=list)
    stamps: list[datetime] = field(default_factory=list)
    platform: Platform | None = None
    slow: threading.Event = field(default_factory=threading.Event)

    def add(self, *, tell: bool = True, **news: Any) -> None:
        self.version += 1
        self.history.append(news)
        if tell and self.platform is not None:
            for audience in ("bidders", "public"):
                live.tell(self.platform, NAME, version=self.version, news=news, audience=audience)


sale = Sale()


def snapshot(_session: Session, actor: Actor, subject: UUID) -> dict[str, Any]:
    if subject == NOWHERE:
        raise NotFound("not_found")
    return {"version": sale.version, "all": list(sale.history)}


def since(_s: Session, _a: Actor, _id: UUID, seen: int) -> list[tuple[int, dict[str, Any]]] | None:
    if sale.version - seen > 5:
        return None
    return [(at, sale.history[at - 1]) for at in range(seen + 1, sale.version + 1)]


def offer(
    connection: live.Connection, _id: UUID, message: live.Json, recv_at: datetime, ack: live.Ack
) -> None:
    sale.stamps.append(recv_at)
    if message.get("low"):
        raise NotNow("bids_still_open")
    if message.get("bug"):
        raise ZeroDivisionError

    def later() -> None:
        ack({"by": connection.seat_key, "price": message["price"]})
        ack({"by": "nobody"})  # a second answer must not reach anybody
        sale.add(price=message["price"])

    if message.get("wait"):
        sale.acks.append(ack)
    else:
        threading.Thread(target=later).start()


def ponder(_platform: Platform, actor: Actor, _id: UUID, message: live.Json) -> live.Json:
    assert sale.slow.wait(10)
    return {"name": actor.name}


CHANNEL = live.Channel(
    "sale",
    lambda _session, actor, _id: actor.has(Role.BIDDER) or actor.has(Role.BUYER),
    snapshot,
    since,
    commands={"ponder": ponder},
    hot={"offer": offer},
    audience=lambda _session, actor, _id: "bidders" if actor.has(Role.BIDDER) else "public",
    on_join=lambda _session, actor, _id: str(actor.org_id) if actor.has(Role.BIDDER) else None,
    own=lambda _session, actor, _id: {"org": actor.org_name},
    versions=lambda _session, keys: dict.fromkeys(keys, sale.version),
)


def port(found: LeanLive) -> int:
    return found.engine.address[1]


def raw(found: LeanLive) -> socket.socket:
    return socket.create_connection(found.engine.address, timeout=10)
