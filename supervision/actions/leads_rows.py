"""Rows about many opened lots, read together: a statement for all of them instead of one for each.

What is the same for every lot of a run (registered organisations, relations of the registry, devices of earlier lots) is
read once and kept by ``Around`` as long as the run lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedFile, OpenedPart
from bidding.models_bond import BidBond, BondForm, BondPayment
from evaluation.models import Award, EvaluationReport, Expert, Panel, Panelist
from kernel.identity.models import Organization
from kernel.settings import Settings
from kernel.traces import trace_hash
from supervision.leads_models import AddressTrace, ClientTrace, ImportedTrace, SubmissionTrace
from supervision.rules.signals import traces_values as clean
from supervision.rules.signals.traces import Guarantee, Tie
from trading.models import Document, DocumentTaking, Lot, Tender

BEFORE = timedelta(days=3 * 366)
YEAR = timedelta(days=366)
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Place:
    """A lot and its tender."""

    id: UUID
    tender_id: UUID
    tender: str
    buyer_id: UUID
    agent_id: UUID | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bid whose price was opened; ``price`` in fen."""

    id: UUID
    code: str
    org_id: UUID
    person_id: UUID
    completed_at: datetime | None
    price: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an import: hashes to compare."""

    id: UUID
    kind: str
    lot_id: UUID | None
    org_id: UUID
    hashes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a bid came from; both keyed hashes."""

    address: str
    network: str


@dataclass(frozen=True, slots=True)
class Client:
    """What a sealing client said."""

    device: Mapping[str, str]
    documents: Sequence[str]


@dataclass(frozen=True, slots=True)
class Decided:
    """An award, and the candidates of the report it rests on as places and bids."""

    org_id: UUID
    reason: str
    candidates: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """What an organisation registered about itself, as keyed hashes, and what that ties it to.

    Attributes:
        code, phone, email: hashes. between: ties that may join two bidders. buyers: ties that may lead to the buyer's side.
    """

    code: str
    phone: str
    email: str
    between: tuple[Tie, ...]
    buyers: tuple[Tie, ...]


def registered(settings: Settings, org: Organization) -> Registered:
    """The registered values of an organisation, hashed.

    A legal representative's name alone is no identity: a clue, where an identity number would be a relation.
    """
    key = str(org.id)
    phone = trace_hash(settings, "phone", clean.phone(org.contact_phone))
    email = trace_hash(settings, "email", clean.email(org.contact_email))
    person, place = clean.folded(org.legal_person), clean.folded(org.address)
    held = [Tie(str(org.controlled_by), key, "controls")] if org.controlled_by is not None else []
    home = [Tie(key, trace_hash(settings, "place", place)[:16], "address")] if len(place) >= 6 else []
    named = [Tie(key, "name " + trace_hash(settings, "legal", person)[:12], "namesake")] if person else []
    reached = [Tie(key, value[:16], kind) for kind, value in (("phone", phone), ("email", email)) if value]
    return Registered(
        trace_hash(settings, "registry", clean.folded(org.uscc)),
        phone,
        email,
        (*named, *held, *home),
        (*held, *reached, *home),
    )


_LINES = (
    ImportedTrace.id,
    ImportedTrace.kind,
    ImportedTrace.lot_id,
    ImportedTrace.org_id,
    ImportedTrace.hashes,
)


class Around:
    """What lies around all lots of one run.

    Args:
        settings: hold the key of the hashes. now: the instant of the run.
    """

    def __init__(self, settings: Settings, now: datetime) -> None:
        self.settings, self.now = settings, now
        self._registered: dict[UUID, Registered] = {}
        self._orgs: dict[UUID, Organization] = {}
        self._relations: dict[str, list[Line]] | None = None
        self._devices: dict[str, list[tuple[str, UUID]]] | None = None

    def orgs(self, session: Session, wanted: Iterable[UUID]) -> dict[UUID, Organization]:
        """Organisations by their ids."""
        keys = set(wanted)
        if missing := sorted(keys - self._orgs.keys()):
            rows = session.scalars(sa.select(Organization).where(Organization.id.in_(missing)))
            self._orgs |= {row.id: row for row in rows}
        return {key: self._orgs[key] for key in keys if key in self._orgs}

    def registered(self, org: Organization) -> Registered:
        """What an organisation registered, hashed once a run."""
        if org.id not in self._registered:
            self._registered[org.id] = registered(self.settings, org)
        return self._registered[org.id]

    def relations(self, session: Session, other: str) -> Sequence[Line]:
        """Imported relations that lead to the same firm or person."""
        if self._relations is None:
            rows = session.execute(sa.select(*_LINES).where(ImportedTrace.kind == "relation"))
            self._relations = _grouped((row.hashes["other"], Line(*row)) for row in rows)
        return self._relations.get(other, ())

    def devices(self, session: Session, value: str) -> Sequence[tuple[str, UUID]]:
        """Firms and lots for which an imported device with this mark was named within three years."""
        if self._devices is None:
            query = sa.select(*_LINES).where(
                ImportedTrace.kind == "device",
                ImportedTrace.lot_id.is_not(None),
                ImportedTrace.at >= self.now - BEFORE,
            )
            self._devices = _grouped(
                (str(value), (str(row.org_id), row.lot_id))
                for row in session.execute(query)
                for value in row.hashes.values()
            )
        return self._devices.get(value, ())


@dataclass
class Rows:
    """Everything the database knows about some lots, by lot, tender or bid."""

    around: Around
    places: dict[UUID, Place]
    bids: dict[UUID, list[Sealed]]
    orgs: dict[UUID, Organization]
    files: dict[UUID, list[tuple[UUID, str, str]]]
    given: dict[UUID, list[tuple[str, str]]]
    takers: dict[UUID, list[UUID]]
    sent: dict[UUID, Sent]
    clients: dict[UUID, Client]
    acts: dict[UUID, list[tuple[UUID, str]]]
    experts: dict[UUID, list[tuple[UUID, UUID | None, Sequence[str]]]]
    awards: dict[UUID, Decided]
    bonds: dict[UUID, list[tuple[UUID, Guarantee]]] = field(default_factory=dict)
    crowd: dict[str, int] = field(default_factory=dict)
    _of_lot: dict[UUID, list[Line]] = field(default_factory=dict)
    _anywhere: dict[UUID, list[Line]] = field(default_factory=dict)

    def imported(self, lot_id: UUID) -> list[Line]:
        """Lines about the bidders of a lot: those of the lot itself, and those that hold everywhere."""
        orgs = sorted({one.org_id for one in self.bids.get(lot_id, ())})
        here = [one for one in self._of_lot.get(lot_id, ()) if one.org_id in orgs]
        return here + [line for org in orgs for line in self._anywhere.get(org, ())]


def rows_of(session: Session, lots: Sequence[UUID], around: Around) -> Rows:
    """Read what there is about these lots."""
    places = _places(session, lots)
    tenders = sorted({one.tender_id for one in places.values()})
    bids = _bids(session, lots)
    bidders = {one.org_id for some in bids.values() for one in some}
    houses = {org for one in places.values() for org in (one.buyer_id, one.agent_id) if org is not None}
    rows = Rows(
        around,
        places,
        bids,
        around.orgs(session, bidders | houses),
        _files(session, lots),
        _pairs(
            session,
            sa.select(Document.tender_id, Document.name, Document.sha256)
            .where(Document.tender_id.in_(tenders))
            .order_by(Document.added_at, Document.id),
        ),
        _takers(session, tenders),
        {
            bid: Sent(address, network)
            for bid, address, network in session.execute(
                sa.select(SubmissionTrace.bid_id, SubmissionTrace.address, SubmissionTrace.network)
                .where(SubmissionTrace.lot_id.in_(lots))
                .order_by(SubmissionTrace.at)
            )
        },
        {
            bid: Client(device, documents)
            for bid, device, documents in session.execute(
                sa.select(ClientTrace.bid_id, ClientTrace.device, ClientTrace.documents).where(
                    ClientTrace.lot_id.in_(lots)
                )
            )
        },
        _pairs(
            session,
            sa.select(AddressTrace.tender_id, AddressTrace.org_id, AddressTrace.address).where(
                AddressTrace.tender_id.in_(tenders)
            ),
        ),
        _experts(session, tenders),
        _awards(session, lots),
        _bonds(session, lots),
    )
    _lines(session, rows, lots, bidders)
    rows.crowd = _crowd(session, rows, around.now)
    return rows


def _grouped(found: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    made: dict[K, list[V]] = {}
    for key, value in found:
        made.setdefault(key, []).append(value)
    return made


def _pairs(session: Session, query: sa.Executable) -> dict[UUID, list[Any]]:
    """The second and third column by the first."""
    return _grouped((key, (one, other)) for key, one, other in session.execute(query))


def _places(session: Session, lots: Sequence[UUID]) -> dict[UUID, Place]:
    rows = session.execute(
        sa.select(Lot.id, Lot.tender_id, Tender.code, Tender.buyer_id, Tender.agent_id)
        .join(Tender, Tender.id == Lot.tender_id)
        .where(Lot.id.in_(lots))
    )
    return {row.id: Place(*row) for row in rows}


def _bids(session: Session, lots: Sequence[UUID]) -> dict[UUID, list[Sealed]]:
    rows = session.execute(
        sa.select(
            OpenedPart.lot_id,
            Bid.id,
            Bid.code,
            Bid.org_id,
            Bid.person_id,
            Bid.completed_at,
            OpenedPart.price,
        )
        .join(Bid, Bid.id == OpenedPart.bid_id)
        .where(
            OpenedPart.lot_id.in_(lots),
            OpenedPart.part == "price",
            OpenedPart.ok,
            OpenedPart.price.is_not(None),
        )
        .order_by(Bid.code)
    )
    return _grouped(
        (row.lot_id, Sealed(row.id, row.code, row.org_id, row.person_id, row.completed_at, row.price.minor))
        for row in rows
    )


def _files(session: Session, lots: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, str, str]]]:
    """Bid, name and place in the store of every opened file, by lot."""
    rows = session.execute(
        sa.select(OpenedPart.lot_id, OpenedPart.bid_id, OpenedFile.name, OpenedFile.blob)
        .join(OpenedFile, OpenedFile.opened_id == OpenedPart.id)
        .where(OpenedPart.lot_id.in_(lots))
        .order_by(OpenedPart.bid_id, OpenedFile.number)
    )
    return _grouped((lot, (bid, name, blob)) for lot, bid, name, blob in rows)


def _takers(session: Session, tenders: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    rows = session.execute(
        sa.select(Document.tender_id, DocumentTaking.org_id)
        .join(DocumentTaking, DocumentTaking.document_id == Document.id)
        .where(Document.tender_id.in_(tenders), DocumentTaking.org_id.is_not(None))
    )
    return _grouped((tender, org) for tender, org in rows if org is not None)


def _experts(session: Session, tenders: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, UUID | None, Any]]]:
    """Person, employer and past employers of experts whose seats are filled now or were; names stay where they are."""
    rows = session.execute(
        sa.select(Panel.tender_id, Expert.person_id, Expert.employer_id, Expert.past_employers)
        .join(Panelist, Panelist.panel_id == Panel.id)
        .join(Expert, Expert.person_id == Panelist.person_id)
        .where(Panel.tender_id.in_(tenders))
    )
    seen: dict[UUID, dict[UUID, tuple[UUID, UUID | None, Any]]] = {}
    for tender, *expert in rows:
        seen.setdefault(tender, {})[expert[0]] = (expert[0], expert[1], expert[2])
    return {tender: list(found.values()) for tender, found in seen.items()}


def _awards(session: Session, lots: Sequence[UUID]) -> dict[UUID, Decided]:
    rows = session.execute(
        sa.select(Award.lot_id, Award.org_id, Award.reason, EvaluationReport.body)
        .outerjoin(
            EvaluationReport,
            sa.and_(EvaluationReport.lot_id == Award.lot_id, EvaluationReport.superseded_at.is_(None)),
        )
        .where(Award.lot_id.in_(lots))
    )
    return {lot: Decided(org, reason, _candidates(body or {})) for lot, org, reason, body in rows}


def _bonds(session: Session, lots: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, Guarantee]]]:
    """The platform's own records of who paid or guaranteed what: bidder and trace, by lot (B-01, B-02)."""
    paid = session.execute(
        sa.select(BidBond.lot_id, BidBond.org_id, BondPayment.payer_hash)
        .join(BondPayment, BondPayment.bond_id == BidBond.id)
        .where(BidBond.lot_id.in_(lots))
        .order_by(BondPayment.booked_at, BondPayment.id)
    )
    given = session.execute(
        sa.select(BidBond.lot_id, BidBond.org_id, BidBond.issuer, BidBond.guarantee_no)
        .where(BidBond.lot_id.in_(lots), BidBond.form == BondForm.GUARANTEE)
        .order_by(BidBond.made_at, BidBond.id)
    )
    found = [(lot, (org, Guarantee(account=payer))) for lot, org, payer in paid]
    for lot, org, issuer, number in given:
        digits = number[-12:]
        counted = int(digits) if digits.isascii() and digits.isdigit() else None
        found.append((lot, (org, Guarantee(issuer=clean.folded(issuer), number=counted))))
    return _grouped(found)


def _candidates(body: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    return tuple(sorted((int(one["rank"]), str(one["bid"])) for one in body.get("candidates", ())))


def _lines(session: Session, rows: Rows, lots: Sequence[UUID], bidders: Iterable[UUID]) -> None:
    order = (ImportedTrace.at, ImportedTrace.line)
    here = sa.select(*_LINES).where(ImportedTrace.lot_id.in_(lots)).order_by(*order)
    everywhere = (
        sa.select(*_LINES)
        .where(ImportedTrace.org_id.in_(sorted(bidders)), ImportedTrace.lot_id.is_(None))
        .order_by(*order)
    )
    rows._of_lot = _grouped((row.lot_id, Line(*row)) for row in session.execute(here))
    rows._anywhere = _grouped((row.org_id, Line(*row)) for row in session.execute(everywhere))


def _crowd(session: Session, rows: Rows, now: datetime) -> dict[str, int]:
    """How many organisations used each address and network of these lots within a year."""
    wanted = {value for one in rows.sent.values() for value in (one.address, one.network)}
    wanted |= {address for acts in rows.acts.values() for _, address in acts}
    wanted |= {
        line.hashes["address"]
        for lines in (*rows._of_lot.values(), *rows._anywhere.values())
        for line in lines
        if line.kind == "address"
    }
    wanted.discard("")
    found: dict[str, int] = {}
    for column in (SubmissionTrace.address, SubmissionTrace.network):
        counts = session.execute(
            sa.select(column, sa.func.count(sa.distinct(SubmissionTrace.org_id)))
            .where(column.in_(sorted(wanted)), SubmissionTrace.at >= now - YEAR)
            .group_by(column)
        )
        found.update({value: count for value, count in counts})  # noqa: C416 - rows are no pairs
    return found
