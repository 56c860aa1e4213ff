"""Gathers what the platform knows about the bids of one opened lot, as values for the rules.

Only bids whose parts are open are read; nothing here runs before the opening, because nothing could be read then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedFile, OpenedPart
from kernel import documents
from kernel.errors import NotFound
from kernel.identity.models import Organization
from kernel.platform import Platform
from kernel.settings import Settings
from supervision.actions.leads_traces import trace_hash
from supervision.leads_models import ImportedTrace, SubmissionTrace
from supervision.rules.signals import traces_values as clean
from supervision.rules.signals.boq import Bill
from supervision.rules.signals.boq_reading import read_bill
from supervision.rules.signals.documents import Paper, Unreadable, read_paper
from supervision.rules.signals.text import Entity
from supervision.rules.signals.traces import Guarantee, Tie, Trail
from trading.models import Document, DocumentTaking, Lot

BEFORE = timedelta(days=3 * 366)
YEAR = timedelta(days=366)


@dataclass
class LotFile:
    """Everything about one lot that the rules look at. Firms are organisation ids as text."""

    lot: Lot
    firms: dict[str, Organization] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    papers: dict[str, list[Paper]] = field(default_factory=dict)
    bills: dict[str, Bill] = field(default_factory=dict)
    given: list[Paper] = field(default_factory=list)
    given_bill: Bill = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)
    crowd: dict[str, int] = field(default_factory=dict)
    before: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    takers: frozenset[str] = frozenset()

    @property
    def texts(self) -> dict[str, str]:
        return {firm: "\n".join(paper.text for paper in papers) for firm, papers in self.papers.items()}

    @property
    def given_texts(self) -> list[str]:
        return [paper.text for paper in self.given if paper.text]

    @property
    def entities(self) -> list[Entity]:
        return [
            Entity(firm, (org.name,), tuple(filter(None, (org.uscc, clean.phone(org.contact_phone)))))
            for firm, org in sorted(self.firms.items())
        ]


def collect(platform: Platform, session: Session, lot: Lot, now: datetime) -> LotFile:
    """Read the opened bids of a lot: files, bills, traces, registry, earlier lots."""
    file = LotFile(lot)
    bids = _opened_bids(session, lot.id)
    orgs = {bid.org_id for bid, _ in bids.values()}
    found = session.scalars(sa.select(Organization).where(Organization.id.in_(orgs)))
    file.firms = {str(org.id): org for org in found}
    for bid, price in bids.values():
        file.prices[str(bid.org_id)] = price
    _read_files(platform, session, file, {bid_id: str(bid.org_id) for bid_id, (bid, _) in bids.items()})
    _read_given(platform, session, file)
    imported = _imported(session, lot.id, orgs)
    file.trails = _trails(session, platform.settings, file, bids, imported)
    file.ties = _ties(session, platform.settings, file.firms.values(), imported)
    file.crowd = _crowd(session, file.trails, now)
    file.before = _earlier(session, file.trails, lot.id, now)
    taken = (
        sa.select(DocumentTaking.org_id)
        .join(Document, Document.id == DocumentTaking.document_id)
        .where(Document.tender_id == lot.tender_id, DocumentTaking.org_id.is_not(None))
    )
    file.takers = frozenset(map(str, session.scalars(taken)))
    return file


def _opened_bids(session: Session, lot_id: UUID) -> dict[UUID, tuple[Bid, int]]:
    rows = session.execute(
        sa.select(Bid, OpenedPart.price)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(OpenedPart.lot_id == lot_id, OpenedPart.part == "price", OpenedPart.ok)
        .order_by(Bid.code)
    )
    return {bid.id: (bid, price.minor) for bid, price in rows if price is not None}


def _read_files(platform: Platform, session: Session, file: LotFile, firm_of: Mapping[UUID, str]) -> None:
    rows = session.execute(
        sa.select(OpenedFile, OpenedPart.bid_id)
        .join(OpenedPart, OpenedPart.id == OpenedFile.opened_id)
        .where(OpenedPart.bid_id.in_(firm_of))
        .order_by(OpenedPart.bid_id, OpenedFile.number)
    )
    for row, bid_id in rows:
        data = platform.outside.blobs.get(row.blob)
        firm = firm_of[bid_id]
        if data is None:
            file.unread.append(f"{row.name}: not in the store")
            continue
        paper = read_paper(row.name, data)
        file.papers.setdefault(firm, []).append(paper)
        if paper.unread:
            file.unread.append(f"{row.name}: {paper.unread}")
        if paper.kind == "xlsx" or row.name.lower().endswith(".csv"):
            file.bills[firm] = {**file.bills.get(firm, {}), **_bill(row.name, data, file)}
    file.bills = {firm: bill for firm, bill in file.bills.items() if bill}


def _bill(name: str, data: bytes, file: LotFile) -> Bill:
    try:
        return read_bill(name, data)
    except Unreadable as problem:
        file.unread.append(f"{name}: {problem}")
        return {}


def _read_given(platform: Platform, session: Session, file: LotFile) -> None:
    """The tender's own documents, every version: bidders may have copied from any."""
    for row in session.scalars(sa.select(Document).where(Document.tender_id == file.lot.tender_id)):
        try:
            data = documents.load(platform.outside.blobs, row.sha256)
        except (NotFound, documents.Corrupted) as problem:
            file.unread.append(f"{row.name}: {type(problem).__name__}")
            continue
        paper = read_paper(row.name, data)
        file.given.append(paper)
        if paper.kind == "xlsx" or row.name.lower().endswith(".csv"):
            file.given_bill = {**file.given_bill, **_bill(row.name, data, file)}


def _imported(session: Session, lot_id: UUID, orgs: Iterable[UUID]) -> list[ImportedTrace]:
    where = sa.and_(
        ImportedTrace.org_id.in_(list(orgs)),
        sa.or_(ImportedTrace.lot_id == lot_id, ImportedTrace.lot_id.is_(None)),
    )
    return list(
        session.scalars(sa.select(ImportedTrace).where(where).order_by(ImportedTrace.at, ImportedTrace.line))
    )


def _trails(
    session: Session,
    settings: Settings,
    file: LotFile,
    bids: Mapping[UUID, tuple[Bid, int]],
    imported: Iterable[ImportedTrace],
) -> list[Trail]:
    sent = {
        row.org_id: row
        for row in session.scalars(sa.select(SubmissionTrace).where(SubmissionTrace.bid_id.in_(list(bids))))
    }
    by_firm: dict[str, list[ImportedTrace]] = {}
    for row in imported:
        by_firm.setdefault(str(row.org_id), []).append(row)
    persons: dict[str, UUID] = {str(bid.org_id): bid.person_id for bid, _ in bids.values()}
    made = []
    for bid, _ in bids.values():
        firm = str(bid.org_id)
        trace, org, lines = sent.get(bid.org_id), file.firms[firm], by_firm.get(firm, [])
        made.append(
            Trail(
                firm,
                submitted_at=bid.completed_at,
                browser=trace.device if trace else "",
                address=trace.address if trace else "",
                network=trace.network if trace else "",
                hardware=_hardware(lines),
                marks=_marks(lines),
                contacts=_contacts(settings, org, persons[firm], lines),
                staff=frozenset(one.hashes["id_number"] for one in lines if one.kind == "staff"),
                guarantees=tuple(_guarantee(one) for one in lines if one.kind == "bond"),
            )
        )
    return made


def _hardware(lines: Iterable[ImportedTrace]) -> dict[str, str]:
    return {
        part: one.hashes[part]
        for one in lines
        if one.kind == "device"
        for part in ("machine", "mac", "disk", "board", "cpu")
        if part in one.hashes
    }


def _marks(lines: Iterable[ImportedTrace]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for one in lines:
        for column, mark in (("lock", "lock"), ("certificate", "certificate"), ("file_id", "file")):
            if one.kind == "device" and column in one.hashes:
                found.setdefault(mark, set()).add(one.hashes[column])
    return {mark: frozenset(values) for mark, values in found.items()}


def _contacts(
    settings: Settings, org: Organization, person: UUID, lines: Iterable[ImportedTrace]
) -> dict[str, frozenset[str]]:
    """Registered contacts of the firm, the person who submitted, and imported contacts."""
    found = {
        "phone": {trace_hash(settings, "phone", clean.phone(org.contact_phone))},
        "email": {trace_hash(settings, "email", clean.email(org.contact_email))},
        "agent": {trace_hash(settings, "person", str(person))},
    }
    for one in lines:
        for column, kind in (("phone", "phone"), ("email", "email"), ("agent_id", "agent")):
            if one.kind == "contact" and column in one.hashes:
                found[kind].add(one.hashes[column])
    return {kind: frozenset(values - {""}) for kind, values in found.items()}


def _guarantee(line: ImportedTrace) -> Guarantee:
    said: Mapping[str, Any] = line.hashes
    return Guarantee(
        account=said.get("account", ""),
        funding=said.get("funding_account", ""),
        contact=said.get("buyer_contact", ""),
        issued_at=datetime.fromisoformat(said["issued_at"]) if said.get("issued_at") else None,
        issuer=said.get("issuer", ""),
        number=int(said["number"]) if said.get("number") else None,
    )


def _ties(
    session: Session, settings: Settings, orgs: Iterable[Organization], imported: Iterable[ImportedTrace]
) -> list[Tie]:
    """Registry relations: what organisations registered here, and what the registry's export says."""
    bidders = list(orgs)
    code = {trace_hash(settings, "registry", clean.folded(org.uscc)): str(org.id) for org in bidders}
    ties = []
    for org in bidders:
        person = clean.folded(org.legal_person)
        if person:  # a name alone is no identity: a clue, where an identity number would be a relation
            ties.append(Tie(str(org.id), "name " + trace_hash(settings, "legal", person)[:12], "namesake"))
        if org.controlled_by is not None:
            ties.append(Tie(str(org.controlled_by), str(org.id), "controls"))
        place = clean.folded(org.address)
        if len(place) >= 6:
            ties.append(Tie(str(org.id), trace_hash(settings, "place", place)[:16], "address"))
    return ties + _registry(session, code, imported)


def _registry(session: Session, code: Mapping[str, str], imported: Iterable[ImportedTrace]) -> list[Tie]:
    """Imported relations, with the relations of the firms they lead to, two steps deep."""
    ties: list[Tie] = []
    seen: set[UUID] = set()
    waiting = [one for one in imported if one.kind == "relation"]
    for _ in range(2):
        around: set[str] = set()
        for one in waiting:
            if one.id in seen:
                continue
            seen.add(one.id)
            other = code.get(one.hashes["other"], one.hashes["other"])
            around.add(one.hashes["other"])
            ties.append(
                Tie(str(one.org_id), other, one.hashes["kind"], int(one.hashes.get("percent", 0) or 0))
            )
        rows = session.scalars(sa.select(ImportedTrace).where(ImportedTrace.kind == "relation"))
        waiting = [row for row in rows if row.hashes["other"] in around]
    return ties


def _crowd(session: Session, trails: Iterable[Trail], now: datetime) -> dict[str, int]:
    """How many organisations used each address and network of these trails within a year."""
    wanted = {value for t in trails for value in (t.address, t.network) if value}
    found = {}
    for column in (SubmissionTrace.address, SubmissionTrace.network):
        rows = session.execute(
            sa.select(column, sa.func.count(sa.distinct(SubmissionTrace.org_id)))
            .where(column.in_(wanted), SubmissionTrace.at >= now - YEAR)
            .group_by(column)
        )
        found.update({value: count for value, count in rows})  # noqa: C416 - rows are no pairs
    return found


def _earlier(
    session: Session, trails: Iterable[Trail], lot_id: UUID, now: datetime
) -> dict[str, dict[str, frozenset[str]]]:
    """Devices of these trails in other lots within three years: hash → firm → lots."""
    devices = {t.browser for t in trails if t.browser}
    found: dict[str, dict[str, set[str]]] = {}
    rows = session.execute(
        sa.select(SubmissionTrace.device, SubmissionTrace.org_id, SubmissionTrace.lot_id).where(
            SubmissionTrace.device.in_(devices),
            SubmissionTrace.lot_id != lot_id,
            SubmissionTrace.at >= now - BEFORE,
        )
    )
    for device, org, lot in rows:
        found.setdefault(device, {}).setdefault(str(org), set()).add(str(lot))
    values = {v for t in trails for v in (*t.hardware.values(), *(m for ms in t.marks.values() for m in ms))}
    if values:
        imported = sa.select(ImportedTrace).where(
            ImportedTrace.kind == "device", ImportedTrace.lot_id != lot_id, ImportedTrace.at >= now - BEFORE
        )
        for row in session.scalars(imported):
            for value in row.hashes.values():
                if value in values:
                    found.setdefault(value, {}).setdefault(str(row.org_id), set()).add(str(row.lot_id))
    return {v: {firm: frozenset(lots) for firm, lots in firms.items()} for v, firms in found.items()}
