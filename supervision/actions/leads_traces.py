"""What the platform itself notes when a bid arrives, and what comes through the import door.

Addresses and devices are kept as keyed hashes; the key is derived from the installation's secret, so a copy of the
table alone tells nothing. Marks of a machine and of files come from the sealing client only where its person allowed
it, and already salted by the tender, so that they say nothing about any other tender.

Source: rules §5.2 (D-01, D-02, D-05 … D-09); 个人信息保护法 第六条、第十三条 (only what the purpose needs; with consent).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import has_request_context, request
from sqlalchemy.orm import Session

from bidding.facts import BidCompleted, BidWithdrawn, SecretOffered
from bidding.models import Bid
from bidding.rules.accounts import masked
from kernel import documents
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.traces import trace_hash
from kernel.work import Work
from supervision import leads_facts as facts
from supervision.importing import BYTES_MOST, COLUMNS, PLAIN, Line, WrongLine, parse_traces
from supervision.leads_models import (
    AddressTrace,
    ClientTrace,
    ImportBatch,
    ImportedTrace,
    SubmissionTrace,
    TraceConsent,
)
from supervision.rights import TRACES_CONSENT, TRACES_IMPORT
from supervision.rules.signals import traces_values as clean
from trading.facts import QuestionAsked
from trading.models import Lot, Tender

CONSENT_TEXT = "2026-12"
PARTS = ("browser", "machine", "mac", "disk", "board")
KEPT = timedelta(days=3 * 366)
"""Traces of a submission are forgotten after this; what became evidence of a lead stays with the lead."""


def note_submission(work: Work, fact: BidCompleted) -> None:
    """A listener: a bid arrived; note where from, when this came through the web at all."""
    if not has_request_context():
        return
    bid = work.session.get(Bid, fact.subject)
    assert bid is not None
    settings, address = work.platform.settings, request.remote_addr or ""
    work.session.add(
        SubmissionTrace(
            id=work.new_id(),
            bid_id=bid.id,
            lot_id=bid.lot_id,
            org_id=bid.org_id,
            moment="complete",
            at=work.now,
            address=trace_hash(settings, "address", clean.public_address(address)),
            network=trace_hash(settings, "network", clean.network_of(address)),
        )
    )


def note_question(work: Work, fact: QuestionAsked) -> None:
    """A listener: a question came; note where from."""
    _note_address(work, fact.subject, "question")


def note_key(work: Work, fact: SecretOffered) -> None:
    """A listener: a bidder gave the key of its own bid; note where from."""
    _note_address(work, fact.subject, "key")


def note_withdrawal(work: Work, fact: BidWithdrawn) -> None:
    """A listener: a bid was withdrawn; note where from."""
    _note_address(work, fact.subject, "withdrawal")


def _note_address(work: Work, subject: UUID, moment: str) -> None:
    """Note the address of an act, when it came through the web and an organisation stands behind it."""
    org_id = work.actor.org_id
    if not has_request_context() or org_id is None:
        return
    bid = work.session.get(Bid, subject)
    tender_id = bid.tender_id if bid is not None else subject
    address = clean.public_address(request.remote_addr or "")
    if not address or work.session.get(Tender, tender_id) is None:
        return
    work.session.add(
        AddressTrace(
            id=work.new_id(),
            tender_id=tender_id,
            org_id=org_id,
            moment=moment,
            at=work.now,
            address=trace_hash(work.platform.settings, "address", address),
        )
    )


def salted(tender: str, kind: str, value: str) -> str:
    """The mark a sealing client sends: the same value gives another mark in every tender.

    Source: docs/formats/client-traces.md.
    """
    text = "\0".join(("sunroad trace v1", tender, kind, value))
    return hashlib.sha256(text.encode()).hexdigest()


def keep_marks(
    work: Work, code: str, *, text: str, device: Mapping[str, str], documents: Sequence[str]
) -> ClientTrace:
    """Keep what a sealing client says about its machine and files; a second word replaces the first.

    Raises:
        NotFound: no bid of this organisation; NotValid ``traces_consent``: not to the present text;
        NotNow ``traces_late``: bids of the tender are closed.

    Source: rules §5.2 (D-01, D-02, D-05, D-08); 个人信息保护法 第十三条、第十四条 (informed, explicit consent).
    """
    work.require(TRACES_CONSENT)
    if text != CONSENT_TEXT:
        raise NotValid("traces_consent", field="consent", text=CONSENT_TEXT)
    bid = work.one(sa.select(Bid).where(Bid.code == code, Bid.org_id == work.actor.org_id))
    if bid is None:
        raise NotFound("not_found", thing="bid", id=code)
    assert isinstance(bid, Bid)
    tender = work.session.get_one(Tender, bid.tender_id)
    if work.now >= tender.bids_close_at:
        raise NotNow("traces_late", closed_at=tender.bids_close_at, server_now=work.now)
    person = work.actor.person_id
    assert person is not None
    set_consent(work, given=True)
    settings = work.platform.settings
    row = work.session.get(ClientTrace, bid.id)
    if row is None:
        row = ClientTrace(bid_id=bid.id, lot_id=bid.lot_id, org_id=bid.org_id)
        work.session.add(row)
    row.person_id, row.text, row.at = person, text, work.now
    row.device = {part: trace_hash(settings, f"client.{part}", mark) for part, mark in device.items()}
    row.documents = sorted({trace_hash(settings, "client.document", mark) for mark in documents})
    return row


def forget_traces(work: Work) -> int:
    """Delete traces of submissions that are older than they may be kept; returns how many rows went.

    Source: 个人信息保护法 第十九条、第四十七条 (no longer than the purpose needs).
    """
    gone = 0
    for table in (ClientTrace, AddressTrace, SubmissionTrace):
        found = work.session.execute(sa.delete(table).where(table.at < work.now - KEPT))
        gone += int(getattr(found, "rowcount", 0))
    return gone


def consents(session: Session, person_id: UUID | None) -> bool:
    """Whether a person allows marks of its machine now."""
    if person_id is None:
        return False
    where = (TraceConsent.person_id == person_id, TraceConsent.withdrawn_at.is_(None))
    return session.scalar(sa.select(TraceConsent.id).where(*where).limit(1)) is not None


def set_consent(work: Work, given: bool) -> None:
    """A bidder allows marks of its machine, or takes that back; both are facts of the person.

    What was kept by consent is deleted with it. Source: 个人信息保护法 第十五条、第四十七条.
    """
    work.require(TRACES_CONSENT)
    person = work.actor.person_id
    assert person is not None
    if given == consents(work.session, person):
        return
    if given:
        work.session.add(
            TraceConsent(
                id=work.new_id(), person_id=person, text=CONSENT_TEXT, at=work.now, withdrawn_at=None
            )
        )
    else:
        open_ones = sa.select(TraceConsent).where(
            TraceConsent.person_id == person, TraceConsent.withdrawn_at.is_(None)
        )
        for row in work.scalars(open_ones):
            row.withdrawn_at = work.now
        work.session.execute(sa.delete(ClientTrace).where(ClientTrace.person_id == person))
    work.record(facts.ConsentGiven(subject=person, text=CONSENT_TEXT, given=given))


@dataclass(frozen=True)
class Imported:
    """How an import ended: its batch, how many lines were taken, and which were left out."""

    batch_id: UUID
    taken: int
    wrong: tuple[WrongLine, ...]


def import_traces(work: Work, kind: str, name: str, data: bytes) -> Imported:
    """Take a file of traces. Wrong lines are left out and named; the rest counts from the next nightly run on.

    Raises:
        NotAllowed; NotValid: ``import_kind``, ``import_size``, ``import_again`` (the same file was taken before).

    Source: rules §5.2; docs/formats/leads-import.md.
    """
    work.require(TRACES_IMPORT)
    if kind not in COLUMNS:
        raise NotValid("import_kind", field="kind", kinds=sorted(COLUMNS))
    if not data or len(data) > BYTES_MOST:
        raise NotValid("import_size", field="file", most=BYTES_MOST // 2**20)
    sha256 = hashlib.sha256(data).hexdigest()
    if work.one(sa.select(ImportBatch).where(ImportBatch.file_sha256 == sha256, ImportBatch.kind == kind)):
        raise NotValid("import_again", field="file")
    parsed = parse_traces(kind, data)
    documents.store(work.platform.outside.blobs, data)
    batch_id = work.new_id()
    placed = [_placed(work.session, line) for line in parsed.lines]
    good = [one for one in placed if not isinstance(one, WrongLine)]
    wrong = (*parsed.wrong, *(one for one in placed if isinstance(one, WrongLine)))
    recorded = work.record(
        facts.TracesImported(
            subject=batch_id, traces=kind, file_sha256=sha256, lines=len(good), refused=len(wrong)
        )
    )
    assert work.actor.person_id is not None
    work.add(
        ImportBatch(
            id=batch_id,
            kind=kind,
            name=name[:200],
            file_sha256=sha256,
            lines=len(good),
            refused=len(wrong),
            person_id=work.actor.person_id,
            at=work.now,
            record_id=recorded.record_id,
        )
    )
    work.session.flush()
    for line, lot_id, org_id in good:
        work.session.add(_row(work, batch_id, kind, line, lot_id, org_id))
    return Imported(batch_id, len(good), tuple(sorted(wrong, key=lambda one: one.line)))


def _placed(session: Session, line: Line) -> tuple[Line, UUID | None, UUID] | WrongLine:
    """The lot and firm a line speaks about."""
    org = session.scalar(sa.select(Organization.id).where(Organization.uscc == line.place["uscc"].upper()))
    if org is None:
        return WrongLine(line.line, "firm_unknown", {"value": line.place["uscc"]})
    code, number = line.place["tender"], line.place["lot"] or "1"
    if not code:
        return line, None, org
    found = None
    if number.isascii() and number.isdigit() and len(number) < 6:
        found = session.scalar(
            sa.select(Lot.id)
            .join(Tender, Tender.id == Lot.tender_id)
            .where(Tender.code == code, Lot.number == int(number), Tender.published_at.is_not(None))
        )
    if found is None:
        return WrongLine(line.line, "lot_unknown", {"value": f"{code} / {number}"})
    return line, found, org


def _row(
    work: Work, batch_id: UUID, kind: str, line: Line, lot_id: UUID | None, org_id: UUID
) -> ImportedTrace:
    settings = work.platform.settings
    hashed = {
        column: value if column in PLAIN else trace_hash(settings, kind_of(kind, column), value)
        for column, value in line.values.items()
    }
    shown = {column: masked(value) for column, value in line.values.items() if column not in PLAIN}
    return ImportedTrace(
        id=work.new_id(),
        batch_id=batch_id,
        kind=kind,
        lot_id=lot_id,
        org_id=org_id,
        line=line.line,
        hashes=hashed,
        shown=shown,
        at=work.now,
    )


def kind_of(kind: str, column: str) -> str:
    """Under which kind a column is hashed: an account is one value, whether it paid or funded; so is a telephone."""
    if kind == "bond" and column in ("account", "funding_account"):
        return "account"
    if column == "id_number":
        return "staff.id_number"
    return {
        "phone": "phone",
        "buyer_contact": "phone",
        "email": "email",
        "other": "registry",
        "to": "registry",
        "insured_by": "registry",
        "address": "address",
    }.get(column, f"{kind}.{column}")
