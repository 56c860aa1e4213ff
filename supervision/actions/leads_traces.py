"""What the platform itself notes when a bid arrives, and what comes through the import door.

Addresses and devices are kept as keyed hashes; the key is derived from the installation's secret, so a copy of the
table alone tells nothing. A device is recognised only where its person allowed it.

Source: rules §5.2 (D-06, D-08, D-09); 个人信息保护法 第六条、第十三条 (only what the purpose needs; with consent).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from flask import has_request_context, request
from sqlalchemy.orm import Session

from bidding.facts import BidCompleted
from bidding.models import Bid
from kernel import documents
from kernel.errors import NotValid
from kernel.identity.models import Organization
from kernel.settings import Settings
from kernel.work import Work
from supervision import leads_facts as facts
from supervision.importing import BYTES_MOST, COLUMNS, PLAIN, Line, WrongLine, parse_traces
from supervision.leads_models import ImportBatch, ImportedTrace, SubmissionTrace, TraceConsent
from supervision.rights import TRACES_CONSENT, TRACES_IMPORT
from supervision.rules.signals import traces_values as clean
from trading.models import Lot, Tender

DEVICE_COOKIE = "sunroad_device"
CONSENT_TEXT = "2026-11"


def trace_hash(settings: Settings, kind: str, value: str) -> str:
    """The keyed hash of a trace, or empty for an empty one. Kinds do not mix: one value hashes apart in each."""
    if not value:
        return ""
    key = hmac.digest(settings.secret_key.encode(), b"sunroad traces v1", "sha256")
    return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()


def note_submission(work: Work, fact: BidCompleted) -> None:
    """A listener: a bid arrived; note where from, when this came through the web at all."""
    if not has_request_context():
        return
    bid = work.session.get(Bid, fact.subject)
    assert bid is not None
    settings, address = work.platform.settings, request.remote_addr or ""
    mark = request.cookies.get(DEVICE_COOKIE, "")[:64] if consents(work.session, work.actor.person_id) else ""
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
            device=trace_hash(settings, "device", mark),
        )
    )


def consents(session: Session, person_id: UUID | None) -> bool:
    """Whether a person allows browsers to be recognised now."""
    if person_id is None:
        return False
    where = (TraceConsent.person_id == person_id, TraceConsent.withdrawn_at.is_(None))
    return session.scalar(sa.select(TraceConsent.id).where(*where).limit(1)) is not None


def set_consent(work: Work, given: bool) -> None:
    """A bidder allows a browser to be recognised, or takes that back; both are facts of the person."""
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
    shown = {column: clean.masked(value) for column, value in line.values.items() if column not in PLAIN}
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
    return {"phone": "phone", "buyer_contact": "phone", "email": "email", "other": "registry"}.get(
        column, f"{kind}.{column}"
    )
