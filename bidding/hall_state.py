"""The opening hall as one value: what everybody may see of an opening, and what this actor may do in it.

Before the deadline it says nothing about bids, their number or who signed in (招标投标法 第二十二条); of a failed lot it
says only that it failed. Source: 招标投标法 第三十四条至第三十六条; 实施条例 第四十四条; spec rules §3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.bonds import Lodged, asks_bond, bonds_due, lodged
from bidding.actions.closing import bids_to_open, opening_of
from bidding.actions.custody import policy_by_digest, seats_of
from bidding.actions.unsealing import opening_order
from bidding.hall_words import Crowd, Line, crowds, lines, placed_now, voice_of
from bidding.models import Attendance, Bid, CoefficientDraw, OpenedPart, Opening, RecordSignature, Release
from bidding.rights import runs_tender
from bidding.rules.bonds import Standing
from bidding.rules.states import OpeningState
from kernel.identity.queries import organizations
from kernel.ledger import book
from kernel.ledger.models import FactRow
from kernel.money import Money
from kernel.rights import Actor, Role
from sealbid.policy import Policy
from trading.models import Objection, Tender
from trading.rules.lifecycle import Stage

HALL = Role.BIDDER, Role.SUPERVISOR, Role.CUSTODIAN, Role.BUYER, Role.AGENT


@dataclass(frozen=True)
class Key:
    """A custodian's card. ``state``: ``waiting``, ``promised`` (digest fixed) or ``released``."""

    x: int
    role: str
    org: str
    state: str
    released_at: datetime | None


@dataclass(frozen=True)
class Row:
    """A line of the opening record. ``state``: ``sealed``, ``opened`` or ``failed``."""

    order: int
    lot: int
    bid: str
    bidder: str
    own: bool
    state: str
    root: str
    price: Money | None = None
    below: str = ""
    period: str = ""
    opened_at: datetime | None = None
    why: str = ""
    cause: str = ""
    way: str = ""
    bond: Lodged | None = None


@dataclass(frozen=True)
class Draw:
    lot: int
    kind: str
    result: tuple[str, ...]
    seed: str
    leaf: int | None


@dataclass(frozen=True)
class Word:
    """An objection and its answer."""

    id: UUID
    who: str
    text: str
    filed_at: datetime
    answer: str | None
    upheld: bool | None
    answered_at: datetime | None
    leaf: int | None


@dataclass(frozen=True)
class Mark:
    """A bidder's word under the record."""

    org: str
    at: datetime
    remark: str


@dataclass(frozen=True)
class Hall:
    """Everything a hall shows. ``stage``: before, closing, releasing, opened, confirmed or failed.

    ``mute``: why the actor cannot write here: ``early``, ``over``, ``unnamed`` or ``watching``; empty when he can.
    """

    tender: Tender
    version: int
    stage: str
    now: datetime
    threshold: int
    opening: Opening | None
    keys: tuple[Key, ...]
    rows: tuple[Row, ...] = ()
    draws: tuple[Draw, ...] = ()
    objections: tuple[Word, ...] = ()
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    crowds: tuple[Crowd, ...] = ()
    failed_lots: tuple[int, ...] = ()
    can: frozenset[str] = field(default_factory=frozenset)
    mute: str = ""

    @property
    def released(self) -> int:
        return sum(key.state == "released" for key in self.keys)

    @property
    def opened(self) -> int:
        return sum(row.state != "sealed" for row in self.rows)

    @property
    def unanswered(self) -> int:
        return sum(word.answered_at is None for word in self.objections)


def hall(session: Session, tender: Tender, actor: Actor, now: datetime) -> Hall:
    """The hall of a published tender for one actor at one instant."""
    opening = opening_of(session, tender.id)
    stage, threshold = _stage(tender, opening, now), _threshold(session, tender)
    closed = opening is not None
    mute = _mute(session, tender, stage, actor)
    rows = _rows(session, tender, opening, actor) if opening and stage != "failed" else ()
    return Hall(
        tender=tender,
        version=_version(session, tender.id, closed=closed),
        stage=stage,
        now=now,
        threshold=threshold,
        opening=opening,
        keys=_keys(session, tender),
        rows=rows,
        draws=_draws(session, tender) if closed else (),
        objections=_objections(session, tender) if closed else (),
        lines=lines(session, tender, threshold, actor) if opening else (),
        marks=_marks(session, opening) if opening else (),
        crowds=crowds(session, tender) if closed and stage != "failed" else (),
        failed_lots=tuple(lot.number for lot in tender.lots if closed and lot.stage is Stage.FAILED),
        can=_can(session, tender, opening, stage, actor, now) | ({"say"} if not mute else set()),
        mute=mute,
    )


def state_json(found: Hall) -> dict[str, Any]:
    """The same for machines: nothing that the page does not show."""
    return {
        "version": found.version,
        "stage": found.stage,
        "opens_at": found.tender.bids_close_at,
        "threshold": found.threshold,
        "keys": [{"x": k.x, "role": k.role, "org": k.org, "state": k.state} for k in found.keys],
        "rows": [
            {
                "order": r.order,
                "lot": r.lot,
                "bidder": r.bidder,
                "state": r.state,
                "root": r.root,
                "price": r.price,
                "bond": r.bond.standing.value if r.bond is not None and r.state != "sealed" else None,
            }
            for r in found.rows
        ],
        "draws": [{"lot": d.lot, "kind": d.kind, "result": list(d.result)} for d in found.draws],
        "failed_lots": list(found.failed_lots),
        "unanswered": found.unanswered,
    }


def version_now(session: Session, tender_id: UUID) -> int:
    """The hall's version, for those who wait for a newer one."""
    return _version(session, tender_id, closed=opening_of(session, tender_id) is not None)


def stage_now(session: Session, tender: Tender, now: datetime) -> str:
    """The hall's stage alone."""
    return _stage(tender, opening_of(session, tender.id), now)


def _stage(tender: Tender, opening: Opening | None, now: datetime) -> str:
    if opening is None:
        return "before" if now < tender.bids_close_at else "closing"
    return opening.state.value


def _version(session: Session, tender_id: UUID, *, closed: bool) -> int:
    """Grows with everything the hall shows: the tender's facts and, once closed, who signed in and the log numbers."""
    last = session.scalar(sa.select(sa.func.max(FactRow.seq)).where(FactRow.subject == tender_id)) or 0
    if not closed:
        return last
    present = sa.select(sa.func.count()).select_from(Attendance).where(Attendance.tender_id == tender_id)
    return last + (session.scalar(present) or 0) + placed_now(session, tender_id)


def _threshold(session: Session, tender: Tender) -> int:
    if tender.policy_digest is None:
        return 0
    return Policy.decode(policy_by_digest(session, tender.policy_digest).jcs).t


def _keys(session: Session, tender: Tender) -> tuple[Key, ...]:
    seats = seats_of(session, tender.id)
    orgs = organizations(session, [seat.org_id for seat in seats])
    releases = session.scalars(sa.select(Release).where(Release.tender_id == tender.id)).all()
    found = []
    for seat in seats:
        mine = [one for one in releases if one.x == seat.x]
        done = [one.released_at for one in mine if one.released_at is not None]
        whole = len(done) == len(tender.terms["parts"])
        state = "released" if whole else ("promised" if mine else "waiting")
        found.append(Key(seat.x, seat.role, orgs[seat.org_id].party, state, max(done) if whole else None))
    return tuple(found)


def _rows(session: Session, tender: Tender, opening: Opening, actor: Actor) -> tuple[Row, ...]:
    lots = {lot.id: lot for lot in tender.lots}
    opened = {
        part.bid_id: part
        for part in session.scalars(
            sa.select(OpenedPart).where(OpenedPart.tender_id == tender.id, OpenedPart.part == "price")
        )
    }
    bids = {bid.id: bid for bid in bids_to_open(session, tender.id)}
    gone = session.scalars(sa.select(Bid).where(Bid.id.in_([key for key in opened if key not in bids])))
    bids.update({bid.id: bid for bid in gone})  # a bid lost by nobody's fault of his own stays in the record
    orgs = organizations(session, [bid.org_id for bid in bids.values()])
    held, asked = lodged(session, tender, opening.closed_at), asks_bond(tender)
    due = bonds_due(tender) if asked else {}
    rows = []
    ranked = sorted(bids.values(), key=lambda one: opening_order(opening.close_root, one.code))
    for place, bid in enumerate(ranked, start=1):
        part, lot = opened.get(bid.id), lots[bid.lot_id]
        root = next(one.root for one in bid.parts if one.part == "price")
        own = actor.org_id is not None and actor.org_id == bid.org_id and actor.has(Role.BIDDER)
        bond = held.get((bid.lot_id, bid.org_id), Lodged(Standing.NONE, due[lot.id])) if asked else None
        if part is None:
            name = orgs[bid.org_id].party
            rows.append(Row(place, lot.number, bid.code, name, own, "sealed", root, bond=bond))
            continue
        said = (part.manifest or {}).get("opening", {})
        rows.append(
            Row(
                part.order,
                lot.number,
                bid.code,
                orgs[bid.org_id].party,
                own,
                "opened" if part.ok else "failed",
                root,
                price=part.price,
                below=_below(part.price, lot.ceiling),
                period=str(said.get("period_days", "")),
                opened_at=part.opened_at,
                why=part.why,
                cause=part.cause,
                way=part.way,
                bond=bond,
            )
        )
    return tuple(sorted(rows, key=lambda row: row.order))


def _below(price: Money | None, ceiling: Money) -> str:
    """How far a price lies below the ceiling, in percent with two decimals; for reading only."""
    if price is None or not ceiling.minor:
        return ""
    share = Decimal(ceiling.minor - price.minor) * 100 / Decimal(ceiling.minor)
    return f"{share.quantize(Decimal('0.01'), rounding=ROUND_HALF_UP)}%"


def _draws(session: Session, tender: Tender) -> tuple[Draw, ...]:
    lots = {lot.id: lot.number for lot in tender.lots}
    rows = session.scalars(sa.select(CoefficientDraw).where(CoefficientDraw.tender_id == tender.id))
    return tuple(
        Draw(
            lots[row.lot_id],
            row.kind,
            tuple(str(one) for one in row.result),
            str(row.inputs["seed"]),
            book.place_of(session, row.record_id),
        )
        for row in rows
    )


def _objections(session: Session, tender: Tender) -> tuple[Word, ...]:
    rows = session.scalars(
        sa.select(Objection)
        .where(Objection.tender_id == tender.id, Objection.matter == "opening")
        .order_by(Objection.filed_at, Objection.id)
    ).all()
    orgs = organizations(session, [row.org_id for row in rows])
    return tuple(
        Word(
            row.id,
            orgs[row.org_id].party,
            row.text,
            row.filed_at,
            row.answer,
            row.upheld,
            row.answered_at,
            book.place_of(session, row.record_id) if row.record_id else None,
        )
        for row in rows
    )


def _marks(session: Session, opening: Opening) -> tuple[Mark, ...]:
    rows = session.scalars(
        sa.select(RecordSignature)
        .where(RecordSignature.opening_id == opening.id)
        .order_by(RecordSignature.at)
    ).all()
    orgs = organizations(session, [row.org_id for row in rows])
    return tuple(Mark(orgs[row.org_id].party, row.at, row.remark) for row in rows)


def _mute(session: Session, tender: Tender, stage: str, actor: Actor) -> str:
    """Why the actor cannot write in the hall; before the close the answer is the same for every bidder."""
    if not actor.has(*HALL):
        return "watching"
    if stage in ("before", "closing"):
        return "early"
    if stage in ("confirmed", "failed") or tender.terminated_at is not None:
        return "over"
    if voice_of(session, tender, actor) is not None:
        return ""
    return "unnamed" if actor.has(Role.BIDDER) else "watching"


def _can(
    session: Session, tender: Tender, opening: Opening | None, stage: str, actor: Actor, now: datetime
) -> frozenset[str]:
    """Which deeds the hall offers; each action checks again."""
    can: set[str] = set()
    if actor.org_id is None:
        return frozenset()
    here = session.get(Attendance, (tender.id, actor.org_id)) is not None
    if actor.has(*HALL) and not here and stage not in ("confirmed", "failed"):
        can.add("attend")
    if here:
        can.add("present")
    mine = session.scalar(
        sa.select(sa.func.count())
        .select_from(Bid)
        .where(Bid.tender_id == tender.id, Bid.org_id == actor.org_id)
    )
    if actor.has(Role.BIDDER) and mine and stage in ("releasing", "opened"):
        can.add("object")
    if runs_tender(actor, tender):
        can |= {"host"} | ({"answer"} if stage in ("releasing", "opened") else set())
    if opening is not None and opening.state is OpeningState.OPENED:
        signed = session.get(RecordSignature, (opening.id, actor.org_id)) is not None
        if actor.has(Role.BIDDER) and mine and not signed:
            can.add("sign")
        until = opening.objections_until_at
        if runs_tender(actor, tender) and until is not None and now >= until:
            can.add("confirm")
    return frozenset(can)
