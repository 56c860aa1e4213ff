"""Read side of the supervisor's desk: feed, access log, promises and when they were last asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid
from kernel.identity.models import Organization, Person
from kernel.ledger.models import FactRow, LogRecord
from kernel.platform import Platform
from supervision.actions.checks import PROMISES_STORY
from supervision.words import EVENTS
from trading.models import Tender

READS = (
    "evaluation.names.read",
    "supervision.confidential.read",
    "supervision.order.issued",
    "trading.tender.suspended",
    "trading.tender.resumed",
)


@dataclass(frozen=True)
class Event:
    """One line of the feed or of the access log."""

    at: datetime
    name: str
    code: str
    title: str
    who: str
    org: str
    body: dict[str, Any]
    entry: int | None


def feed(session: Session, *, size: int = 9) -> list[Event]:
    """What is happening now, newest first; nothing in it tells of bids before the opening."""
    return _events(session, FactRow.name.in_(EVENTS), size)


def access_log(session: Session, *, code: str = "", size: int = 100) -> list[Event]:
    """Who looked at what before it was public, and who gave orders; newest first."""
    where = FactRow.name.in_(READS)
    return _events(session, sa.and_(where, FactRow.tender == code) if code else where, size)


@dataclass(frozen=True)
class LostKey:
    """A bid that left without its own key: when, whose it is, and the log entry that says so."""

    at: datetime
    bid: str
    org: str
    entry: int | None


def lost_keys(session: Session, tender_id: UUID) -> list[LostKey]:
    """Bids of an opened tender that left on their organisation's signature. Before that only their number is shown."""
    rows = session.execute(
        sa.select(Bid.withdrawn_at, Bid.code, Organization.party, LogRecord.idx)
        .join(Organization, Organization.id == Bid.org_id)
        .join(LogRecord, LogRecord.id == Bid.withdraw_record_id)
        .where(Bid.tender_id == tender_id, Bid.key_lost)
        .order_by(Bid.withdrawn_at)
    )
    return [LostKey(at, code, org, entry) for at, code, org, entry in rows if at is not None]


def _events(session: Session, where: sa.ColumnElement[bool], size: int) -> list[Event]:
    rows = session.execute(
        sa.select(FactRow, LogRecord.idx, Tender.title, Person.name, Organization.party)
        .join(LogRecord, LogRecord.id == FactRow.record_id)
        .outerjoin(Tender, Tender.code == FactRow.tender)
        .outerjoin(Person, Person.id == FactRow.person_id)
        .outerjoin(Organization, Organization.id == FactRow.org_id)
        .where(where)
        .order_by(FactRow.at.desc(), FactRow.seq.desc())
        .limit(size)
    )
    return [
        Event(row.at, row.name, row.tender, title or "", who or "", org or "", dict(row.body), index)
        for row, index, title, who, org in rows
    ]


@dataclass(frozen=True)
class PromiseLine:
    """A promise as the page shows it; ``kept`` is None before the first check."""

    room: str
    sentence: str
    source: str
    kept: bool | None
    seen: tuple[str, ...]


@dataclass(frozen=True)
class Promises:
    """All promises of all rooms, and the last time they were asked."""

    lines: tuple[PromiseLine, ...]
    checked_at: datetime | None
    entry: int | None

    @property
    def broken(self) -> int:
        return sum(line.kept is False for line in self.lines)


def promises(platform: Platform, session: Session) -> Promises:
    """Every promise with the result of the last recorded check."""
    last = session.execute(
        sa.select(FactRow, LogRecord.idx)
        .join(LogRecord, LogRecord.id == FactRow.record_id)
        .where(FactRow.subject == PROMISES_STORY)
        .order_by(FactRow.seq.desc())
        .limit(1)
    ).one_or_none()
    broken = set(last[0].body.get("broken", ())) if last else set()
    seen = list(last[0].private.get("seen", ())) if last else []
    lines = tuple(
        PromiseLine(
            room.name,
            one.sentence,
            one.source,
            None if last is None else one.name not in broken,
            tuple(text.partition(": ")[2] for text in seen if text.startswith(f"{one.name}: ")),
        )
        for room in platform.rooms
        for one in room.promises
    )
    return Promises(lines, last[0].at if last else None, last[1] if last else None)
