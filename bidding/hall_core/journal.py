"""The journal of an auction: events in order, each bound by a salted digest into a chain the public log holds.

Statements here are SQLAlchemy Core on a connection of the caller, because thousands of offers a second pass through.
Whoever appends states the version he saw; the row of the head is the one thing writers compete for.

Source: rules §4.3 A-01, A-08, A-14; performance §3 (conditional update); docs/formats/auction-journal.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bidding.models_auction import AuctionEvent, AuctionHead
from bidding.rules.auction.events import Event, OfferMade
from bidding.rules.auction.values import instant_text, money_text
from kernel.errors import NotValid
from sealbid.octets import label

SALT_BYTES = 16

_EVENT_LABEL = label("sunroad/1 auction event")
_CHAIN_LABEL = label("sunroad/1 auction chain")
_ROOT_LABEL = label("sunroad/1 auction journal")

EVENTS = cast(sa.Table, AuctionEvent.__table__)
HEADS = cast(sa.Table, AuctionHead.__table__)
# In the driver's own words: type by type, SQLAlchemy would take longer than the engine.
_INSERT_SQLITE = (
    "INSERT INTO auction_event (auction_id, seq, at, kind, plate, key, event, salt, chain, version, receipt) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_POSTGRES = (
    "INSERT INTO auction_event (auction_id, seq, at, kind, plate, key, event, salt, chain, version, receipt) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_MOVE_SQLITE = (
    "UPDATE auction_head SET version = ?, seq = ?, chain = ?, stage = ?, over = ?, next_moment_at = ? "
    "WHERE id = ? AND version = ? AND fence = ? AND over = 0"
)
_MOVE_POSTGRES = (
    "UPDATE auction_head SET version = %s, seq = %s, chain = %s, stage = %s, over = %s, next_moment_at = %s "
    "WHERE id = %s AND version = %s AND fence = %s AND NOT over"
)
_BY_KEY = sa.select(EVENTS.c.receipt).where(
    EVENTS.c.auction_id == sa.bindparam("auction_id"),
    EVENTS.c.plate == sa.bindparam("plate"),
    EVENTS.c.key == sa.bindparam("key"),
)


class Moved(Exception):
    """Somebody else wrote to these journals, or owns their rooms now; nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a journal goes, and who may append to it."""

    id: UUID
    version: int
    seq: int
    chain: bytes
    fence: int
    over: bool
    stage: str
    next_moment_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One event as the journal holds it. ``text`` is its JSON with its instant, hashed and published byte for byte."""

    seq: int
    at: datetime
    kind: str
    text: str
    salt: bytes
    chain: bytes
    plate: str | None = None
    key: str | None = None
    receipt: str | None = None
    version: int = 0


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_PLAIN = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
"""What needs no escaping in JSON: keys of clients and plates."""


def require_key(key: object) -> str:
    """An idempotency key as a client may choose it.

    Raises:
        NotValid: ``idempotency_key``.
    """
    if not isinstance(key, str) or not _PLAIN.fullmatch(key) or len(key) < 8:
        raise NotValid("auction_key", source="rules §4.3 A-08", field="key")
    return key


at_text = instant_text
"""How instants stand in the journal and in receipts: ``2026-11-21T02:00:00.000000Z``."""


def event_text(at: str, event: Event) -> str:
    """The JSON of an event and its instant: sorted keys, no blanks, UTF-8 text as it is.

    An offer is written by hand, because thousands a second are; a test holds it against the general form.
    """
    if type(event) is OfferMade and not event.items and event.key is not None and _PLAIN.fullmatch(event.key):
        confirmed = "true" if event.confirmed else "false"
        return (
            f'{{"at":"{at}","event":{{"amount":"{money_text(event.amount)}","confirmed":{confirmed},"items":[],'
            f'"key":"{event.key}","kind":"offer","plate":{_encode(event.plate)}}}}}'
        )
    return _encode({"at": at, "event": event.to_plain()})


def canonical(plain: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no blanks; RFC 8785 for what stands in headers and receipts (ASCII keys, no floats)."""
    return _encode(plain)


def digest_of(text: str, salt: bytes) -> bytes:
    """What stands for an event in receipts and in the chain; it tells nothing without the salt."""
    return hashlib.sha256(_EVENT_LABEL + salt + text.encode()).digest()


def chained(chain: bytes, digest: bytes) -> bytes:
    """The chain with one more event."""
    return hashlib.sha256(_CHAIN_LABEL + chain + digest).digest()


def root_of(auction: UUID, header: str) -> bytes:
    """Where the chain of an auction begins; ``header`` is the JSON of its terms and participants."""
    return hashlib.sha256(_ROOT_LABEL + auction.bytes + header.encode()).digest()


def append(
    connection: Connection, moves: Sequence[tuple[Head, Head]], lines: Iterable[tuple[UUID, Line]]
) -> None:
    """Write the events of one or many auctions and move their heads, all or nothing.

    Args:
        moves: for every auction the head the writer saw, and the head he leaves.

    Raises:
        Moved: a head was not where the writer saw it. The caller rolls back.
    """
    sqlite = connection.dialect.name == "sqlite"
    changed = connection.exec_driver_sql(
        _MOVE_SQLITE if sqlite else _MOVE_POSTGRES,
        [
            (
                after.version,
                after.seq,
                after.chain,
                after.stage,
                after.over,
                _stored(after.next_moment_at, sqlite),
                before.id.hex if sqlite else before.id,
                before.version,
                before.fence,
            )
            for before, after in moves
        ],
    )
    if changed.rowcount != len(moves):
        raise Moved
    rows = [
        (
            auction.hex if sqlite else auction,
            line.seq,
            _stored(line.at, sqlite),
            line.kind,
            line.plate,
            line.key,
            line.text,
            line.salt,
            line.chain,
            line.version,
            line.receipt,
        )
        for auction, line in lines
    ]
    if rows:
        connection.exec_driver_sql(_INSERT_SQLITE if sqlite else _INSERT_POSTGRES, rows)


def _stored(at: datetime | None, sqlite: bool) -> str | datetime | None:
    """An instant as ``kernel.database.Instant`` stores it."""
    return at if at is None or not sqlite else f"{instant_text(at)[:-1]}+00:00"


def head_of(connection: Connection, auction: UUID, *, lock: bool = False) -> Head | None:
    """The head of an auction, None while its journal has not begun."""
    query = sa.select(HEADS).where(HEADS.c.id == auction)
    if lock and connection.dialect.name != "sqlite":
        query = query.with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else _head(row)


def _head(row: Any) -> Head:
    return Head(
        row.id, row.version, row.seq, bytes(row.chain), row.fence, row.over, row.stage, row.next_moment_at
    )


def lines_of(connection: Connection, auction: UUID, after: int = 0) -> list[Line]:
    """Events of an auction after a number, in order."""
    rows = connection.execute(
        sa.select(EVENTS).where(EVENTS.c.auction_id == auction, EVENTS.c.seq > after).order_by(EVENTS.c.seq)
    )
    return [
        Line(
            row.seq,
            row.at,
            row.kind,
            row.event,
            bytes(row.salt),
            bytes(row.chain),
            row.plate,
            row.key,
            row.receipt,
            row.version,
        )
        for row in rows
    ]


def receipt_by_key(connection: Connection, auction: UUID, plate: str, key: str) -> str | None:
    """What a client was answered under an idempotency key, byte for byte; None when it was never used."""
    found = connection.execute(_BY_KEY, {"auction_id": auction, "plate": plate, "key": key}).one_or_none()
    return None if found is None else found.receipt


def require_whole(root: bytes, lines: Iterable[Line]) -> bytes:
    """Recompute the chain over the events; returns its end.

    Raises:
        ValueError: naming the first event that is missing or is not the one that was chained.
    """
    chain = root
    for place, line in enumerate(lines, 1):
        chain = chained(chain, digest_of(line.text, line.salt))
        if line.seq != place or line.chain != chain:
            raise ValueError(f"event {place} is not the one that was chained")
    return chain
