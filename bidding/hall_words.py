"""What is said in an opening hall, between what happens there, and how many take part.

Everything here is empty before the close. From then on the opening record names the bidders whose bids are opened
(``bidders_named``), and nothing here names or counts another bidder: not one whose lot failed, not one who withdrew.

Source: design guide §6 (04); 招标投标法 第二十二条, 第三十六条.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.closing import bids_to_open
from bidding.actions.custody import seats_of
from bidding.models import Attendance, Bid, HallMessage, OpenedPart
from bidding.rights import runs_tender
from bidding.rules.speaking import Voice, voice
from kernel.identity.queries import organizations
from kernel.ledger import book
from kernel.ledger.models import FactRow, LogRecord
from kernel.party import NOBODY, PartyName
from kernel.rights import Actor, Role
from trading.models import Objection, Tender

CLOSED, DISCLOSED = "bidding.tender.closed", "bidding.shares.disclosed"
SPOKEN = "bidding.hall.spoken"
FILED, ANSWERED = "trading.objection.filed", "trading.objection.answered"
SHOWN = (
    CLOSED,
    DISCLOSED,
    "bidding.bids.opened",
    "bidding.coefficient.drawn",
    "bidding.opening.failed",
    "bidding.opening.confirmed",
    SPOKEN,
    FILED,
    ANSWERED,
)
"""Facts of a tender that stand in the column of its hall with their log number."""


@dataclass(frozen=True)
class Line:
    """One line of the hall's column, in the order of time.

    ``kind``: ``event`` (what the platform recorded; ``name`` is the fact), ``message``, ``objection`` or ``answer``.
    ``voice``: in which capacity somebody wrote. ``reached``: this key was the last one needed. ``took``: how long an
    objection waited for its answer, None while it waits.
    """

    key: str
    kind: str
    at: datetime
    leaf: int | None
    who: PartyName = NOBODY
    own: bool = False
    voice: str = ""
    text: str = ""
    name: str = ""
    reached: bool = False
    upheld: bool = False
    took: timedelta | None = None


@dataclass(frozen=True)
class Crowd:
    """How many organisations of one capacity signed in, of how many; ``all`` is 0 where nobody is expected."""

    voice: str
    here: int
    all: int = 0


def bidders_named(session: Session, tender_id: UUID) -> frozenset[UUID]:
    """Organisations that the opening record names; empty before the close and of a failed opening."""
    opened = session.scalars(
        sa.select(Bid.org_id)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(OpenedPart.tender_id == tender_id, OpenedPart.part == "price")
    )
    return frozenset(opened) | {bid.org_id for bid in bids_to_open(session, tender_id)}


def voice_of(session: Session, tender: Tender, actor: Actor) -> Voice | None:
    """In which capacity the actor may write in the hall of a closed tender; None for an observer."""
    if actor.org_id is None or actor.person_id is None:
        return None
    return voice(
        hosts=runs_tender(actor, tender),
        keeps_share=actor.has(Role.CUSTODIAN)
        and actor.org_id in {seat.org_id for seat in seats_of(session, tender.id)},
        supervises=actor.has(Role.SUPERVISOR),
        named=actor.has(Role.BIDDER) and actor.org_id in bidders_named(session, tender.id),
    )


def lines(session: Session, tender: Tender, threshold: int, actor: Actor) -> tuple[Line, ...]:
    """Events, messages and objections of a closed tender in the order of its facts."""
    told = session.scalars(
        sa.select(FactRow).where(FactRow.subject == tender.id, FactRow.name.in_(SHOWN)).order_by(FactRow.seq)
    ).all()
    return _Telling(session, tender, threshold, actor, told).lines()


def message_line(session: Session, message_id: UUID) -> Line | None:
    """One message as everybody in the hall reads it."""
    one = session.get(HallMessage, message_id)
    if one is None:
        return None
    name = organizations(session, [one.org_id])[one.org_id].party
    return _message(one, name, book.place_of(session, one.record_id), None)


def _message(one: HallMessage, who: PartyName, leaf: int | None, actor: Actor | None) -> Line:
    return Line(
        key=f"said-{one.id}",
        kind="message",
        at=one.said_at,
        leaf=leaf,
        who=who,
        own=actor is not None and actor.person_id == one.person_id,
        voice=one.voice,
        text=one.text,
    )


class _Telling:
    """Turns the facts of one hall into lines; everything it needs is loaded at the beginning."""

    def __init__(
        self,
        session: Session,
        tender: Tender,
        threshold: int,
        actor: Actor,
        told: Sequence[FactRow],
    ) -> None:
        self._told, self._threshold, self._actor = told, threshold, actor
        self._parts = frozenset(tender.terms["parts"])
        self._places = book.places_of(session, (one.record_id for one in told))
        seats = seats_of(session, tender.id)
        self._said = {
            str(one.id): one
            for one in session.scalars(sa.select(HallMessage).where(HallMessage.tender_id == tender.id))
        }
        self._objections = {
            str(one.id): one
            for one in session.scalars(
                sa.select(Objection).where(Objection.tender_id == tender.id, Objection.matter == "opening")
            )
        }
        wanted = {one.org_id for one in seats} | {one.org_id for one in self._said.values()}
        wanted |= {one.org_id for one in self._objections.values()}
        wanted |= {one.org_id for one in told if one.name == ANSWERED and one.org_id is not None}
        names = {org.id: org.party for org in organizations(session, wanted).values()}
        self._names = names
        self._keepers = {seat.x: names[seat.org_id] for seat in seats}
        self._arrived: dict[int, set[str]] = {}
        self._whole = 0

    def lines(self) -> tuple[Line, ...]:
        tellers = {SPOKEN: self._spoken, FILED: self._filed, ANSWERED: self._answered, DISCLOSED: self._key}
        found = (tellers.get(row.name, self._event)(row) for row in self._told)
        return tuple(line for line in found if line is not None)

    def _event(self, row: FactRow) -> Line:
        return Line(
            key=f"fact-{row.seq}",
            kind="event",
            at=row.at,
            leaf=self._places.get(row.record_id),
            name=row.name,
        )

    def _key(self, row: FactRow) -> Line | None:
        """A custodian's key is released when the content of the last part has arrived."""
        x, part = int(row.body["x"]), str(row.body["part"])
        if part not in self._parts:
            return None  # of something sealed beside an auction
        arrived = self._arrived.setdefault(x, set())
        arrived.add(part)
        if arrived != self._parts:
            return None
        self._whole += 1
        return replace(
            self._event(row), who=self._keepers.get(x, NOBODY), reached=self._whole == self._threshold
        )

    def _spoken(self, row: FactRow) -> Line | None:
        one = self._said.get(str(row.body["message"]))
        if one is None:
            return None
        return _message(one, self._names[one.org_id], self._places.get(row.record_id), self._actor)

    def _filed(self, row: FactRow) -> Line | None:
        one = self._objections.get(str(row.body["objection"]))
        if one is None:
            return None
        return Line(
            key=f"objection-{one.id}",
            kind="objection",
            at=row.at,
            leaf=self._places.get(row.record_id),
            who=self._names[one.org_id],
            own=self._actor.org_id == one.org_id and self._actor.has(Role.BIDDER),
            voice=Voice.BIDDER.value,
            text=one.text,
            took=one.answered_at - one.filed_at if one.answered_at is not None else None,
        )

    def _answered(self, row: FactRow) -> Line | None:
        one = self._objections.get(str(row.body["objection"]))
        if one is None:
            return None
        return Line(
            key=f"answer-{one.id}",
            kind="answer",
            at=row.at,
            leaf=self._places.get(row.record_id),
            who=self._names[row.org_id] if row.org_id is not None else NOBODY,
            voice=Voice.HOST.value,
            text=one.answer or "",
            upheld=bool(one.upheld),
        )


def crowds(session: Session, tender: Tender) -> tuple[Crowd, ...]:
    """How many of each capacity signed in to the hall of a closed tender; each organisation counts once.

    Whoever is neither host, custodian, supervisor nor named in the record is not counted: those may be bidders
    whose bids are not opened.
    """
    query = sa.select(Attendance.org_id).where(Attendance.tender_id == tender.id)
    here = set(session.scalars(query))
    orgs = organizations(session, here)
    hosts = {one for one in (tender.buyer_id, tender.agent_id) if one is not None}
    keepers = {seat.org_id for seat in seats_of(session, tender.id)} - hosts
    watchers = {one for one in here if Role.SUPERVISOR.value in orgs[one].kinds} - hosts - keepers
    named = bidders_named(session, tender.id) - hosts - keepers
    return (
        Crowd(Voice.BIDDER.value, len(named & here), len(named)),
        Crowd(Voice.HOST.value, len(hosts & here), len(hosts)),
        Crowd(Voice.CUSTODIAN.value, len(keepers & here), len(keepers)),
        Crowd(Voice.SUPERVISOR.value, len(watchers)),
    )


def placed_now(session: Session, tender_id: UUID) -> int:
    """How many of the facts that a hall shows have their place in the log; the hall's version counts them."""
    query = (
        sa.select(sa.func.count())
        .select_from(FactRow)
        .join(LogRecord, LogRecord.id == FactRow.record_id)
        .where(FactRow.subject == tender_id, FactRow.name.in_(SHOWN), LogRecord.idx.is_not(None))
    )
    return session.scalar(query) or 0
