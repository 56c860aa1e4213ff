"""Writing records and reading the log. The sequencer alone gives places."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger.models import LogPending, LogRecord
from sealbid import jcs, records

if TYPE_CHECKING:
    from kernel.platform import Platform

BARE = frozenset(
    {"policy", "bid-commit", "bid-complete", "bid-withdraw", "tender-close", "share-release", "custodian-ack"}
)
"""Record types whose body is given byte for byte by the protocol, so nothing of the house is added."""


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
    """Insert a record and its pending entry into the running transaction.

    Source: spec sealing §7.1 (record, blinded entry) and §7.4 (one transaction, no row without a leaf).
    """
    salt2 = None
    if confidential:
        salt2 = platform.outside.entropy(32)
        body = body | {"d": records.private_digest(confidential, salt2)}
    record = records.make_record(
        kind, now, tender, body, by=by or "platform", salt=platform.outside.entropy(32), sig=sig
    )
    record_id = platform.outside.new_id()
    session.add(
        LogRecord(
            id=record_id,
            idx=None,
            kind=kind,
            tender=tender,
            at=now,
            jcs=jcs.encode(record),
            confidential=jcs.encode(confidential) if confidential else None,
            salt2=salt2,
        )
    )
    session.add(LogPending(entry=records.entry_of(record), record_id=record_id))
    return record_id


def record_of(session: Session, record_id: UUID) -> dict[str, Any] | None:
    """The full record behind an id, as the protocol writes it."""
    row = session.get(LogRecord, record_id)
    return None if row is None else jcs.decode(row.jcs)


def place_of(session: Session, record_id: UUID) -> int | None:
    """The log index of a record, or None while it waits for the sequencer."""
    return session.scalar(sa.select(LogRecord.idx).where(LogRecord.id == record_id))
