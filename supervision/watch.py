"""What the supervisor watches: published tenders as values for the lights. Bulk queries, no bid content.

Source: rules.md §6.1 (what a supervisor may see live).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedPart, Opening
from bidding.models_bond import BidBond, BondOrder, BondOrderKind
from evaluation.models import EvaluationReport
from kernel import calendar as calendars
from kernel.ledger.models import FactRow, LogRecord
from supervision.log_queries import DONE
from supervision.rules import lights as rules
from supervision.rules.clocks import Clock, clocks
from supervision.rules.lights import Clarified, Light, LotWatch, Moved, Objected, Owed, Read, Watched
from trading.actions.notices import law_of
from trading.models import Contract, Lot, Notice, Objection, Tender
from trading.procedures import OPEN, PROCEDURES
from trading.rules.lifecycle import FINAL

FACTS = (
    "trading.notice.published",
    "trading.clarification.published",
    "trading.objection.filed",
    "trading.lot.moved",
    "bidding.tender.closed",
    "evaluation.report.delivered",
    "trading.award.settled",
    "trading.award.lapsed",
    "evaluation.names.read",
    "bidding.bid_bond.ordered",
)


@dataclass(frozen=True)
class Told:
    """A recorded fact with its place in the log."""

    name: str
    at: datetime
    body: Mapping[str, Any]
    entry: int | None


@dataclass(frozen=True)
class Case:
    """One tender under watch, with its lights and clocks at an instant."""

    tender: Tender
    watched: Watched
    lights: tuple[Light, ...]
    clocks: tuple[Clock, ...]
    stage: str

    @property
    def colour(self) -> rules.Colour:
        return rules.colour_of(self.lights)


def queue(found: Iterable[Case], now: datetime) -> list[tuple[Case, Light]]:
    """Every light that burns with its tender, the most urgent first: what is overdue, then red ones, then by term."""
    return sorted(
        ((case, light) for case in found for light in case.lights),
        key=lambda one: (
            one[1].due_at is None or one[1].due_at >= now,
            one[1].colour is not rules.Colour.RED,
            one[1].due_at or now + timedelta(days=9999),
        ),
    )


def cases(session: Session, now: datetime, *, codes: Sequence[str] = (), ended: bool = False) -> list[Case]:
    """Tenders under watch: published and not ended, or exactly those named."""
    query = sa.select(Tender).where(Tender.published_at.is_not(None)).order_by(Tender.published_at.desc())
    if codes:
        query = query.where(Tender.code.in_(codes))
    unfiled = _unfiled(session) | _unreturned(session)
    tenders = [
        tender
        for tender in session.scalars(query).unique()
        if codes or ended or tender.id in unfiled or any(lot.stage not in FINAL for lot in tender.lots)
    ]
    told = _told(session, [tender.code for tender in tenders])
    ids = [tender.id for tender in tenders]
    objections = _by_tender(session.scalars(sa.select(Objection).where(Objection.tender_id.in_(ids))))
    notices = _by_tender(
        session.scalars(
            sa.select(Notice)
            .where(Notice.tender_id.in_(ids), Notice.kind == "candidates")
            .order_by(Notice.published_at)
        ).unique()
    )
    reports = _by_tender(
        session.scalars(
            sa.select(EvaluationReport)
            .where(EvaluationReport.tender_id.in_(ids))
            .order_by(EvaluationReport.version)
        )
    )
    contracts = _by_tender(
        session.scalars(sa.select(Contract).where(Contract.tender_id.in_(ids), Contract.state == "signed"))
    )
    counts = _counts(session, ids)
    owed = _owed(session, ids)
    found = []
    for tender in tenders:
        watched = _watched(
            tender,
            now,
            told[tender.code],
            objections[tender.id],
            notices[tender.id],
            reports[tender.id],
            counts,
            contracts[tender.id],
            owed[tender.id],
        )
        found.append(
            Case(
                tender,
                watched,
                tuple(rules.lights(watched, now)),
                tuple(clocks(watched, now)),
                stage_of(tender),
            )
        )
    return found


def stage_of(tender: Tender) -> str:
    """The stage the tender counts under: that of its least advanced living lot."""
    living = [lot.stage for lot in tender.lots if lot.stage not in FINAL] or [
        lot.stage for lot in tender.lots
    ]
    order = list(type(living[0]))
    return min(living, key=order.index).value


def _by_tender(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.tender_id].append(row)
    return found


def _unfiled(session: Session) -> set[UUID]:
    """Tenders that wait for nothing but the filing of a signed contract, where the law asks for it."""
    return set(
        session.scalars(
            sa.select(Contract.tender_id)
            .join(Tender, Tender.id == Contract.tender_id)
            .where(Contract.state == "signed", Contract.filed_at.is_(None), Tender.regime == "GP")
        )
    )


def _unreturned(session: Session) -> set[UUID]:
    """Tenders that wait for nothing but bonds to go back."""
    return set(
        session.scalars(
            sa.select(BidBond.tender_id)
            .join(BondOrder, BondOrder.bond_id == BidBond.id)
            .where(BondOrder.done_at.is_(None), BondOrder.kind == BondOrderKind.REFUND)
        )
    )


def _owed(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[BondOrder]]:
    """Bonds of these tenders that are to go back or went back, in the order in which they were ordered."""
    found: dict[UUID, list[BondOrder]] = defaultdict(list)
    rows = session.execute(
        sa.select(BidBond.tender_id, BondOrder)
        .join(BondOrder, BondOrder.bond_id == BidBond.id)
        .where(BidBond.tender_id.in_(ids), BondOrder.kind == BondOrderKind.REFUND)
        .order_by(BondOrder.ordered_at, BondOrder.id)
    )
    for tender_id, order in rows:
        found[tender_id].append(order)
    return found


def _told(session: Session, codes: Sequence[str]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = defaultdict(list)
    rows = session.execute(
        sa.select(FactRow.tender, FactRow.name, FactRow.at, FactRow.body, LogRecord.idx)
        .join(LogRecord, LogRecord.id == FactRow.record_id)
        .where(FactRow.tender.in_(codes), FactRow.name.in_(FACTS))
        .order_by(FactRow.at, FactRow.seq)
    )
    for code, name, at, body, index in rows:
        found[code].append(Told(name, at, body, index))
    return found


def _counts(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Per lot of a closed tender: bids in time, and bids opened. Before the close nothing is counted."""
    listed = {
        entry["bid"]
        for opening in session.scalars(sa.select(Opening).where(Opening.tender_id.in_(ids)))
        for entry in opening.close_body["bids"]
    }
    delivered: dict[UUID, int] = defaultdict(int)
    if listed:
        for code, lot_id in session.execute(sa.select(Bid.code, Bid.lot_id).where(Bid.tender_id.in_(ids))):
            delivered[lot_id] += code in listed
    counted = session.execute(
        sa.select(OpenedPart.lot_id, sa.func.count(sa.distinct(OpenedPart.bid_id)).label("count"))
        .where(OpenedPart.tender_id.in_(ids), OpenedPart.ok.is_(True))
        .group_by(OpenedPart.lot_id)
    )
    opened = {row.lot_id: int(row[1]) for row in counted}
    return {lot_id: (delivered[lot_id], opened.get(lot_id, 0)) for lot_id in {*delivered, *opened}}


def _watched(
    tender: Tender,
    now: datetime,
    told: Sequence[Told],
    objections: Sequence[Objection],
    candidates: Sequence[Notice],
    reports: Sequence[EvaluationReport],
    counts: Mapping[UUID, tuple[int, int]],
    contracts: Sequence[Contract],
    owed: Sequence[BondOrder],
) -> Watched:
    procedure = PROCEDURES.get(tender.procedure, OPEN)
    numbers = {str(lot.id): lot.number for lot in tender.lots}
    entries = {(one.name, one.body.get("objection", "")): one.entry for one in told}
    decided = all(lot.stage in DONE for lot in tender.lots)
    decided_at = (
        max((lot.awarded_at for lot in tender.lots if lot.awarded_at), default=None) if decided else None
    )
    return Watched(
        law=law_of(tender, now),
        calendar=calendars.official(),
        documents_row=procedure.documents,
        tendering_row=procedure.tendering,
        documents_from_at=tender.documents_from_at,
        documents_until_at=tender.documents_until_at,
        bids_close_at=tender.bids_close_at,
        notice_entry=next((one.entry for one in told if one.name == FACTS[0]), None),
        close_entry=next((one.entry for one in told if one.name == "bidding.tender.closed"), None),
        clarifications=tuple(
            Clarified(one.at, datetime.fromisoformat(one.body["bids_close_at"]), one.entry)
            for one in told
            if one.name == "trading.clarification.published" and one.body.get("affects_bids")
        ),
        objections=tuple(
            Objected(
                str(one.id)[-8:],
                one.matter,
                one.filed_at,
                one.answered_at,
                one.in_time,
                entries.get(("trading.objection.filed", str(one.id))),
            )
            for one in objections
        ),
        moves=tuple(
            Moved(numbers.get(one.body["lot"], 0), one.body["move"], one.body["stage"], one.at, one.entry)
            for one in told
            if one.name == "trading.lot.moved"
        ),
        reads=tuple(
            Read("names", one.at, decided_at, str(one.body.get("purpose", "")), one.entry)
            for one in told
            if one.name == "evaluation.names.read"
        ),
        lots=tuple(_lot(lot, told, candidates, reports, counts, contracts) for lot in tender.lots),
        owed=tuple(
            Owed(
                f"bond-{number}",
                one.row,
                one.since,
                one.due_at,
                one.done_at,
                next((it.entry for it in told if it.body.get("order") == str(one.id)), None),
            )
            for number, one in enumerate(owed, start=1)
        ),
    )


def _lot(
    lot: Lot,
    told: Sequence[Told],
    candidates: Sequence[Notice],
    reports: Sequence[EvaluationReport],
    counts: Mapping[UUID, tuple[int, int]],
    contracts: Sequence[Contract],
) -> LotWatch:
    delivered, opened = counts.get(lot.id, (0, 0))
    report = next((one for one in reversed(reports) if one.lot_id == lot.id), None)
    notice = next((one for one in reversed(candidates) if one.lot_id == lot.id), None)
    if report is not None and notice is not None and notice.published_at < report.made_at:
        notice = None  # candidates of an earlier report do not answer for this one
    signed = next(
        (one for one in reversed(told) if _names(one, "trading.lot.moved", lot, move="contract")), None
    )
    lapsed = next((one for one in reversed(told) if _names(one, "trading.award.lapsed", lot)), None)
    contract = next((one for one in contracts if one.lot_id == lot.id), None)
    return LotWatch(
        number=lot.number,
        stage=lot.stage,
        delivered=delivered,
        opened=opened,
        reported_at=report.delivered_at if report else None,
        candidates_at=notice.published_at if notice else None,
        publicity_until_at=lot.standstill_until_at if notice else None,
        awarded_at=lot.awarded_at,
        lapsed_at=lapsed.at if lapsed else None,
        contracted_at=signed.at if signed else None,
        published_at=contract.signed_at if contract else None,  # both stand in one transaction
        filed_at=contract.filed_at if contract else None,
        report_entry=_entry(told, "evaluation.report.delivered", lot),
        candidates_entry=next(
            (
                one.entry
                for one in reversed(told)
                if notice is not None and one.body.get("notice") == str(notice.id)
            ),
            None,
        ),
        award_entry=_entry(told, "trading.award.settled", lot),
    )


def _names(one: Told, name: str, lot: Lot, **body: str) -> bool:
    return (
        one.name == name
        and one.body.get("lot") == str(lot.id)
        and all(one.body.get(key) == value for key, value in body.items())
    )


def _entry(told: Sequence[Told], name: str, lot: Lot) -> int | None:
    return next((one.entry for one in reversed(told) if _names(one, name, lot)), None)
