"""Writing records and reading the log. The sequencer alone gives places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger.models import FactRow, LogPending, LogRecord
from sealbid import jcs, records

if TYPE_CHECKING:
    from kernel.platform import Platform

BARE = frozenset(
    {
        "policy",
        "bid-commit",
        "bid-complete",
        "bid-withdraw",
        "tender-close",
        "share-release",
        "custodian-ack",
        "slip-commit",
        "slip-close",
    }
)
"""Record types whose body is given byte for byte by the protocol, so nothing of the house is added."""


_RECORDS, _PENDING = cast(sa.Table, LogRecord.__table__), cast(sa.Table, LogPending.__table__)
_FACTS = cast(sa.Table, FactRow.__table__)
_INSERT_FACT, _INSERT_RECORD, _INSERT_PENDING = sa.insert(_FACTS), sa.insert(_RECORDS), sa.insert(_PENDING)
_PLACES = sa.select(_RECORDS.c.id, _RECORDS.c.idx).where(
    _RECORDS.c.id.in_(sa.bindparam("record_ids", expanding=True))
)
_PLACE = sa.select(_RECORDS.c.idx).where(_RECORDS.c.id == sa.bindparam("record_id"))


def write(
    session: Session,
    *,
    platform: Platform,
    now: datetime,
    kind: str,
    tender: str,
    body: dict[str, Any],
    confidential: dict[str, Any],
    by: str,
    sig: dict[str, Any] | None = None,
) -> UUID:
    """Insert a record and its pending entry into the running transaction, with the next ``flush``.

    Source: spec sealing §7.1 (record, blinded entry) and §7.4 (one transaction, no row without a leaf).
    """
    salt2 = None
    if confidential:
        salt2 = platform.outside.entropy(32)
        body = body | {"d": records.private_digest(confidential, salt2)}
    encoded = records.encode_new_record(
        kind, now, tender, body, by=by or "platform", salt=platform.outside.entropy(32), sig=sig
    )
    record_id = platform.outside.new_id()
    waiting = _waiting(session)
    waiting.records.append(
        {
            "id": record_id,
            "idx": None,
            "kind": kind,
            "tender": tender,
            "at": now,
            "jcs": encoded,
            "confidential": jcs.encode(confidential) if confidential else None,
            "salt2": salt2,
        }
    )
    waiting.pending.append({"entry": records.entry_of_bytes(encoded), "record_id": record_id})
    return record_id


@dataclass
class _Waiting:
    """Rows of one transaction that go to the database together; nobody changes them through the session."""

    facts: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)


def _waiting(session: Session) -> _Waiting:
    found: _Waiting = session.info.setdefault("ledger", _Waiting())
    return found


def write_fact(session: Session, row: dict[str, Any]) -> None:
    """Insert a fact with the next ``flush``; ``row`` holds every column of ``FactRow``."""
    _waiting(session).facts.append(row)


def flush(session: Session) -> None:
    """Send what waits to the database: before the log is read in this transaction, and before its commit."""
    waiting = session.info.pop("ledger", None)
    if waiting is None:
        return
    connection = session.connection()
    for statement, rows in (
        (_INSERT_FACT, waiting.facts),
        (_INSERT_RECORD, waiting.records),
        (_INSERT_PENDING, waiting.pending),
    ):
        if rows:
            connection.execute(statement, rows)


def record_of(session: Session, record_id: UUID) -> dict[str, Any] | None:
    """The full record behind an id, as the protocol writes it."""
    flush(session)
    row = session.get(LogRecord, record_id)
    return None if row is None else jcs.decode(row.jcs)


def apart_of(session: Session, record_id: UUID) -> dict[str, Any]:
    """The confidential part of a record; empty when it has none."""
    flush(session)
    row = session.get(LogRecord, record_id)
    return {} if row is None or row.confidential is None else jcs.decode_object(row.confidential)


def place_of(session: Session, record_id: UUID) -> int | None:
    """The log index of a record, or None while it waits for the sequencer."""
    place: int | None = session.connection().scalar(_PLACE, {"record_id": record_id})
    return place


def places_of(session: Session, record_ids: Iterable[UUID | None]) -> dict[UUID | None, int | None]:
    """Record id → log index (None while it waits), in one query; ids of None are left out."""
    wanted = [record_id for record_id in record_ids if record_id is not None]
    if not wanted:
        return {}
    return {row[0]: row[1] for row in session.connection().execute(_PLACES, {"record_ids": wanted})}
