"""Gathers what the platform knows about the bids of one opened lot, as values for the rules.

Only bids whose parts are open are read; nothing here runs before the opening, because nothing could be read then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from kernel import documents
from kernel.errors import NotFound
from kernel.identity.models import Organization
from kernel.platform import Platform
from kernel.settings import Settings
from kernel.traces import trace_hash
from supervision.actions.leads_rows import Around, Line, Place, Registered, Rows, Sealed, rows_of
from supervision.actions.leads_side import Side, side_of
from supervision.actions.leads_traces import salted
from supervision.rules.signals import traces_values as clean
from supervision.rules.signals.boq import Bill
from supervision.rules.signals.boq_reading import read_bill, stamps_of
from supervision.rules.signals.documents import Paper, Unreadable, read_paper
from supervision.rules.signals.text import Entity
from supervision.rules.signals.traces import Guarantee, Tie, Trail

BLIND = "暗标"
"""Chinese bidders put this word into the name of a file that must not show who wrote it."""
HARDWARE = ("machine", "mac", "disk", "board", "cpu")


@dataclass
class LotFile:
    """Everything about one lot that the rules look at. Firms are organisation ids as text.

    ``papers`` are all files of a bid, ``written`` those of them that are no priced bill.
    """

    lot: Place
    firms: dict[str, Organization] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    papers: dict[str, list[Paper]] = field(default_factory=dict)
    bills: dict[str, Bill] = field(default_factory=dict)
    written: dict[str, list[Paper]] = field(default_factory=dict)
    given: list[Paper] = field(default_factory=list)
    given_bill: Bill = field(default_factory=dict)
    given_marks: frozenset[str] = frozenset()
    unread: list[str] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)
    crowd: dict[str, int] = field(default_factory=dict)
    before: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    takers: frozenset[str] = frozenset()
    stamps: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    blind: dict[str, list[Paper]] = field(default_factory=dict)
    side: Side = field(default_factory=Side)

    @property
    def texts(self) -> dict[str, str]:
        return {firm: "\n".join(paper.text for paper in papers) for firm, papers in self.papers.items()}

    @property
    def prose(self) -> dict[str, str]:
        """Texts without priced bills: two honest bills share some prices by chance, which is no slip of the pen."""
        return {firm: "\n".join(paper.text for paper in papers) for firm, papers in self.written.items()}

    @property
    def given_texts(self) -> list[str]:
        return [paper.text for paper in self.given if paper.text]

    @property
    def entities(self) -> list[Entity]:
        return [
            Entity(firm, (org.name,), tuple(filter(None, (org.uscc, clean.phone(org.contact_phone)))))
            for firm, org in sorted(self.firms.items())
        ]


def collect(platform: Platform, session: Session, lots: Sequence[UUID], around: Around) -> Iterator[LotFile]:
    """Read the opened bids of some lots: files, bills, traces, registry, earlier lots.

    Rows are read for all of them at once, the documents of each when its turn comes.
    """
    rows = rows_of(session, lots, around)
    for lot_id in lots:
        yield _collected(platform, session, rows, rows.places[lot_id])


def _collected(platform: Platform, session: Session, rows: Rows, lot: Place) -> LotFile:
    file, settings = LotFile(lot), platform.settings
    bids = rows.bids.get(lot.id, [])
    file.firms = {str(bid.org_id): rows.orgs[bid.org_id] for bid in bids}
    file.prices = {str(bid.org_id): bid.price for bid in bids}
    _read_files(platform, file, rows.files.get(lot.id, ()), {bid.id: str(bid.org_id) for bid in bids})
    _read_given(platform, file, rows.given.get(lot.tender_id, ()))
    imported = rows.imported(lot.id)
    file.trails = _trails(settings, file, rows, bids, imported)
    file.ties = _ties(session, file.firms.values(), rows.around, imported)
    file.side = side_of(rows, lot, file.firms, file.prices, imported)
    file.crowd = rows.crowd
    file.before = _earlier(session, rows.around, file.trails, lot.id)
    file.takers = frozenset(map(str, rows.takers.get(lot.tender_id, ())))
    return file


def _read_files(
    platform: Platform, file: LotFile, files: Iterable[tuple[UUID, str, str]], firm_of: Mapping[UUID, str]
) -> None:
    for bid_id, name, blob in files:
        if bid_id not in firm_of:
            continue
        data = platform.outside.blobs.get(blob)
        firm = firm_of[bid_id]
        if data is None:
            file.unread.append(f"{name}: not in the store")
            continue
        paper = read_paper(name, data)
        file.papers.setdefault(firm, []).append(paper)
        if paper.unread:
            file.unread.append(f"{name}: {paper.unread}")
        if BLIND in name:
            file.blind.setdefault(firm, []).append(paper)
        _stamps(platform.settings, file, firm, name, data)
        lines: Bill = {}
        if paper.kind == "xlsx" or name.lower().endswith(".csv"):
            lines = _bill(name, data, file)
            file.bills[firm] = {**file.bills.get(firm, {}), **lines}
        if not lines:
            file.written.setdefault(firm, []).append(paper)
    file.bills = {firm: bill for firm, bill in file.bills.items() if bill}


def _stamps(settings: Settings, file: LotFile, firm: str, name: str, data: bytes) -> None:
    """Marks of cost programs in a bill or an exchange file, hashed like imported ones, so that the two compare."""
    if not name.lower().endswith((".csv", ".xlsx", ".xml", ".gbq", ".gcb")):
        return
    try:
        found = stamps_of(name, data)
    except Unreadable:
        return
    own = file.stamps.setdefault(firm, {})
    for kind, values in found.items():
        column = "file_id" if kind == "file" else kind
        hashed = frozenset(trace_hash(settings, f"device.{column}", value) for value in values)
        own[kind] = own.get(kind, frozenset()) | hashed


def _bill(name: str, data: bytes, file: LotFile) -> Bill:
    try:
        return read_bill(name, data)
    except Unreadable as problem:
        file.unread.append(f"{name}: {problem}")
        return {}


def _read_given(platform: Platform, file: LotFile, given: Iterable[tuple[str, str]]) -> None:
    """The tender's own documents, every version: bidders may have copied from any."""
    marks = []
    for name, sha256 in given:
        mark = salted(file.lot.tender, "document", sha256)
        marks.append(trace_hash(platform.settings, "client.document", mark))
        try:
            data = documents.load(platform.outside.blobs, sha256)
        except (NotFound, documents.Corrupted) as problem:
            file.unread.append(f"{name}: {type(problem).__name__}")
            continue
        paper = read_paper(name, data)
        file.given.append(paper)
        if paper.kind == "xlsx" or name.lower().endswith(".csv"):
            file.given_bill = {**file.given_bill, **_bill(name, data, file)}
    file.given_marks = frozenset(marks)


def _trails(
    settings: Settings, file: LotFile, rows: Rows, bids: Iterable[Sealed], imported: Iterable[Line]
) -> list[Trail]:
    by_firm: dict[str, list[Line]] = {}
    for row in imported:
        by_firm.setdefault(str(row.org_id), []).append(row)
    acts: dict[UUID, set[str]] = {}
    for org_id, address in rows.acts.get(file.lot.tender_id, ()):
        acts.setdefault(org_id, set()).add(address)
    made = []
    for bid in bids:
        firm = str(bid.org_id)
        trace, org, lines = rows.sent.get(bid.id), file.firms[firm], by_firm.get(firm, [])
        client = rows.clients.get(bid.id)
        device = dict(client.device) if client else {}
        stamps = file.stamps.get(firm, {})
        stated = {part: min(stamps[part]) for part in HARDWARE if stamps.get(part)}
        marks = _marks(lines)
        made.append(
            Trail(
                firm,
                submitted_at=bid.completed_at,
                browser=device.pop("browser", ""),
                address=trace.address if trace else "",
                network=trace.network if trace else "",
                other_addresses=frozenset(acts.get(bid.org_id, set()) | _addresses(lines)),
                hardware={**device, **stated, **_hardware(lines)},
                documents=frozenset(client.documents if client else ()) - file.given_marks,
                marks={
                    kind: marks.get(kind, frozenset()) | stamps.get(kind, frozenset())
                    for kind in ("lock", "certificate", "file")
                },
                contacts=_contacts(settings, rows.around.registered(org), bid.person_id, lines),
                staff=frozenset(one.hashes["id_number"] for one in lines if one.kind == "staff"),
                guarantees=(
                    *(_guarantee(one) for one in lines if one.kind == "bond"),
                    *(given for org, given in rows.bonds.get(file.lot.id, ()) if org == bid.org_id),
                ),
            )
        )
    return made


def _addresses(lines: Iterable[Line]) -> set[str]:
    return {one.hashes["address"] for one in lines if one.kind == "address"}


def _hardware(lines: Iterable[Line]) -> dict[str, str]:
    return {
        part: one.hashes[part]
        for one in lines
        if one.kind == "device"
        for part in HARDWARE
        if part in one.hashes
    }


def _marks(lines: Iterable[Line]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for one in lines:
        for column, mark in (("lock", "lock"), ("certificate", "certificate"), ("file_id", "file")):
            if one.kind == "device" and column in one.hashes:
                found.setdefault(mark, set()).add(one.hashes[column])
    return {mark: frozenset(values) for mark, values in found.items()}


def _contacts(
    settings: Settings, org: Registered, person: UUID, lines: Iterable[Line]
) -> dict[str, frozenset[str]]:
    """Registered contacts of the firm, the person who submitted, and imported contacts."""
    found = {
        "phone": {org.phone},
        "email": {org.email},
        "agent": {trace_hash(settings, "person", str(person))},
    }
    for one in lines:
        for column, kind in (("phone", "phone"), ("email", "email"), ("agent_id", "agent")):
            if one.kind == "contact" and column in one.hashes:
                found[kind].add(one.hashes[column])
    return {kind: frozenset(values - {""}) for kind, values in found.items()}


def _guarantee(line: Line) -> Guarantee:
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
    session: Session, orgs: Iterable[Organization], around: Around, imported: Iterable[Line]
) -> list[Tie]:
    """Registry relations: what organisations registered here, and what the registry's export says."""
    known = {str(org.id): around.registered(org) for org in orgs}
    code = {one.code: firm for firm, one in known.items()}
    return [tie for one in known.values() for tie in one.between] + _registry(session, code, around, imported)


def _registry(
    session: Session, code: Mapping[str, str], around: Around, imported: Iterable[Line]
) -> list[Tie]:
    """Imported relations, with the relations of the firms they lead to, two steps deep."""
    ties: list[Tie] = []
    seen: set[UUID] = set()
    waiting = [one for one in imported if one.kind == "relation"]
    for _ in range(2):
        reached: dict[str, None] = {}
        for one in waiting:
            if one.id in seen:
                continue
            seen.add(one.id)
            other = code.get(one.hashes["other"], one.hashes["other"])
            reached[one.hashes["other"]] = None
            ties.append(
                Tie(str(one.org_id), other, one.hashes["kind"], int(one.hashes.get("percent", 0) or 0))
            )
        waiting = [line for other in reached for line in around.relations(session, other)]
    return ties


def _earlier(
    session: Session, around: Around, trails: Iterable[Trail], lot_id: UUID
) -> dict[str, dict[str, frozenset[str]]]:
    """Devices of these trails in other lots within three years: hash → firm → lots.

    Marks of the sealing client are salted by their tender and cannot be seen again elsewhere; imported serials can.
    """
    found: dict[str, dict[str, set[str]]] = {}
    values = {v for t in trails for v in (*t.hardware.values(), *(m for ms in t.marks.values() for m in ms))}
    for value in values:
        for firm, lot in around.devices(session, value):
            if lot != lot_id:
                found.setdefault(value, {}).setdefault(firm, set()).add(str(lot))
    return {v: {firm: frozenset(lots) for firm, lots in firms.items()} for v, firms in found.items()}
