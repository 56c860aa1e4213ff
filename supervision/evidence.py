"""The evidence package of a tender: everything a stranger needs, and nothing that must stay closed.

Source: spec sealing §8; docs/formats/evidence.md. ``sealbid verify`` checks what is written here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.closing import opening_of
from bidding.actions.custody import newest_policy, seats_of
from bidding.actions.delivery import block_key
from bidding.facts import HallSpoken
from bidding.models import Bid, BidderSecret, OpenedPart, Opening, Release
from bidding.models_auction import Auction
from bidding.queries_auction import journal_of
from evaluation.facts import ExpertsDrawn
from evaluation.models import EvaluationReport
from kernel import documents
from kernel.errors import NotFound, NotNow
from kernel.facts import plain
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organizations
from kernel.ledger import sequencer, trust
from kernel.ledger.models import LogRecord, WitnessSignature
from kernel.platform import Platform
from sealbid import evidence, jcs, note, pack, records, signatures
from sealbid.octets import b64
from sealbid.policy import Policy
from supervision.award import award_document, is_bound
from supervision.log_queries import finished, tender_states
from supervision.rules.disclosure import disclosed
from trading.models import Contract, Lot, Notice, Tender

PUBLIC_PART = "price"
OF_THE_LOG = ("genesis", "key-change")


def export_evidence(platform: Platform, tender_id: UUID) -> bytes:
    """The evidence zip of a tender whose bids are open, or that is finished.

    Before it is finished the package holds what is disclosed by then; no confidential part is ever in it.

    Raises:
        NotFound: no such tender. NotNow: ``evidence_too_early``; ``evidence_unwitnessed`` while a record
            still waits for its place or for its cosignatures.
    """
    with platform.read() as session:
        files = evidence_files(platform, session, tender_id)
    with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        path = Path(folder) / "evidence.zip"
        evidence.build_evidence(
            path,
            files=files,
            sign=lambda kind, body: signatures.sign(kind, body, platform.platform_key).to_json(),
        )
        return path.read_bytes()


def evidence_files(platform: Platform, session: Session, tender_id: UUID) -> dict[str, bytes]:
    """All files of the package but its manifest, laid out by ``sealbid.pack``."""
    tender = session.get(Tender, tender_id)
    if tender is None or tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    state = tender_states(session, [tender.code])[tender.code]
    if state.opened_at is None and not state.finished:
        raise NotNow("evidence_too_early", source="sealing §8", bids_close_at=tender.bids_close_at)
    policy_row = newest_policy(session, tender.id)
    assert policy_row is not None, "no tender is published without a policy"
    policy = Policy.decode(policy_row.jcs)
    opening = opening_of(session, tender.id)
    now = platform.outside.clock.now()
    shown = [
        row
        for row in _rows(session, tender)
        if disclosed(row.kind, row.at, state if row.tender else None, now)
    ]
    prover = trust.Prover(session, platform.settings)
    return pack.pack(
        policy=policy,
        trust=policy.witness or trust.trust_text(platform.settings),
        keys=_keys(platform, session, tender),
        leaves=list(_leaves(prover, session, tender, shown, opened=state.opened_at is not None)),
        prove=prover.consistency,
        checkpoints=_checkpoints(platform, session, opening),
        containers=_containers(platform, session, tender),
        secrets=_secrets(session, tender),
        documents=_documents(platform, session, tender, opening, whole=state.finished),
        award=award_document(session, tender) if state.finished or is_bound(session, tender) else None,
    )


_ROWS = (
    sa.select(*cast(sa.Table, LogRecord.__table__).c)
    .where(sa.or_(LogRecord.tender == sa.bindparam("code"), LogRecord.kind.in_(OF_THE_LOG)))
    .order_by(LogRecord.idx)
)


def _rows(session: Session, tender: Tender) -> list[Any]:
    """Records of the tender, and those of the log that announce the platform's keys, as rows of ``LogRecord``."""
    return list(session.connection().execute(_ROWS, {"code": tender.code}))


def _leaves(
    prover: trust.Prover, session: Session, tender: Tender, rows: list[Any], *, opened: bool
) -> Iterator[pack.Leaf]:
    releases = {
        row.record_id: row
        for row in session.scalars(
            sa.select(Release).where(Release.tender_id == tender.id, Release.part == PUBLIC_PART)
        )
    }
    over = finished(session, tender.code)
    for row in rows:
        proof = None if row.idx is None else prover.witnessed_proof(row.idx)
        if proof is None:
            raise NotNow("evidence_unwitnessed", source="sealing §7.2", tender=tender.code)
        release = releases.get(row.id)
        encoded = bytes(row.jcs)
        record = records.parse_record(encoded)
        if release is not None and release.content is not None and release.salt2 is not None:
            yield pack.Leaf(record, encoded, proof, release.content, bytes(release.salt2))
        elif row.kind == "score-sheet" and over and row.confidential and row.salt2:
            # Seat numbers, not names: who recomputes the award holds its scores against the locked sheets.
            yield pack.Leaf(record, encoded, proof, jcs.decode(row.confidential), bytes(row.salt2))
        elif row.kind == "bid-withdraw" and row.confidential and opened:
            # Who signed for a lost key; before the opening it would tell who bids.
            yield pack.Leaf(record, encoded, proof, jcs.decode(row.confidential), bytes(row.salt2))
        elif record["body"].get("fact") == ExpertsDrawn.name and row.confidential and row.salt2:
            # Places in the frozen lists, no names: the numbers of the bids give the same order to anybody.
            yield pack.Leaf(record, encoded, proof, jcs.decode(row.confidential), bytes(row.salt2))
        elif record["body"].get("fact") == HallSpoken.name and row.confidential and row.salt2:
            # Said before everybody in a public hall: the words and the credit code of the organisation that said them.
            yield pack.Leaf(record, encoded, proof, jcs.decode(row.confidential), bytes(row.salt2))
        else:
            yield pack.Leaf(record, encoded, proof)


def _keys(platform: Platform, session: Session, tender: Tender) -> pack.Keys:
    """Custodians, bidders whose bids were opened or who signed for a lost key, with the keys they had registered."""
    seats = seats_of(session, tender.id)
    opened = session.scalars(
        sa.select(Bid.org_id)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(OpenedPart.tender_id == tender.id)
        .distinct()
    ).all()
    lost = sa.select(Bid.org_id).where(Bid.tender_id == tender.id, Bid.key_lost).distinct()
    stood_in = session.scalars(lost).all() if opened else []
    everybody = {org.id: org for org in session.scalars(sa.select(Organization))}
    by_role = {seat.role: everybody[seat.org_id].uscc for seat in seats}
    parties = session.execute(
        sa.select(Contract.buyer_id, Contract.org_id).where(
            Contract.tender_id == tender.id, Contract.state == "signed"
        )
    ).all()
    named = (
        {seat.org_id for seat in seats}
        | set(opened)
        | set(stood_in)
        | {org for row in parties for org in row}
    )
    custodians = [everybody[seat.org_id] for seat in seats]
    registered = keys_of_organizations(session, named, revoked=True)  # signatures outlive keys
    return pack.Keys(
        organizations={everybody[org_id].uscc: found for org_id, found in registered.items()},
        tenderer=everybody[tender.buyer_id].uscc,
        operator=by_role.get("operator", ""),
        controlled_by={
            org.uscc: [everybody[org.controlled_by].uscc]
            for org in custodians
            if org.controlled_by is not None and org.controlled_by in everybody
        },
        relying_party=platform.relying_party,
    )


def _checkpoints(platform: Platform, session: Session, opening: Opening | None) -> list[note.Note]:
    """The last checkpoint before the close: it bounds the close's instant from below."""
    if opening is None or not platform.settings.witnesses:
        return []
    sizes = session.execute(
        sa.select(WitnessSignature.size, WitnessSignature.name)
        .where(WitnessSignature.size <= opening.close_index)
        .order_by(WitnessSignature.size.desc())
        .limit(64)
    ).all()
    names: dict[int, set[str]] = {}
    for size, name in sizes:
        names.setdefault(size, set()).add(name)
    for size in sorted(names, reverse=True):
        if trust.satisfied(platform.settings, names[size]):
            text = sequencer.cosigned_note(session, size)
            assert text is not None
            return [note.Note.parse(text)]
    return []


def _containers(platform: Platform, session: Session, tender: Tender) -> dict[tuple[str, str], bytes]:
    """The public part of every bid that was opened, or found void by everybody."""
    found: dict[tuple[str, str], bytes] = {}
    rows = session.execute(
        sa.select(Bid, OpenedPart)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(OpenedPart.tender_id == tender.id, OpenedPart.part == PUBLIC_PART)
    ).unique()
    for bid, _ in rows:
        held = next(part for part in bid.parts if part.part == PUBLIC_PART)
        blocks = [
            platform.outside.blobs.get(block_key(bid.code, PUBLIC_PART, number))
            for number in range(held.blocks)
        ]
        if all(block is not None for block in blocks):
            found[bid.code, PUBLIC_PART] = b"".join(block for block in blocks if block is not None)
    return found


def _secrets(session: Session, tender: Tender) -> dict[tuple[str, str], dict[str, str]]:
    """Where a bidder opened his public part himself, or had his own lock on it."""
    rows = session.execute(
        sa.select(Bid.code, BidderSecret)
        .join(BidderSecret, BidderSecret.bid_id == Bid.id)
        .where(Bid.tender_id == tender.id, BidderSecret.part == PUBLIC_PART)
    )
    return {
        (code, PUBLIC_PART): {"secret": b64(row.secret), **({"lock": b64(row.lock)} if row.lock else {})}
        for code, row in rows
    }


def _documents(
    platform: Platform, session: Session, tender: Tender, opening: Opening | None, *, whole: bool
) -> dict[str, bytes]:
    """Notices as canonical JSON; the opening record and the delivered reports as PDF."""
    found: dict[str, bytes] = {}
    notices = session.scalars(
        sa.select(Notice).where(Notice.tender_id == tender.id).order_by(Notice.published_at, Notice.id)
    ).unique()
    for number, row in enumerate(notices, start=1):
        found[f"notice-{number:03d}-{row.kind}.json"] = jcs.encode(plain(row.body))
    blobs = platform.outside.blobs
    if opening is not None and opening.record_sha256:
        found["opening-record.pdf"] = documents.load(blobs, opening.record_sha256)
    for auction in session.scalars(sa.select(Auction).where(Auction.tender_id == tender.id)):
        if auction.journal_sha256:
            lot = session.get_one(Lot, auction.lot_id)
            found[f"auction-lot-{lot.number}-r{auction.round}.json"] = journal_of(session, auction.id)
    for contract in session.scalars(
        sa.select(Contract).where(Contract.tender_id == tender.id, Contract.state == "signed")
    ):
        name = f"contract-lot-{session.get_one(Lot, contract.lot_id).number}"
        for ending, sha256 in (("json", contract.document_sha256), ("pdf", contract.pdf_sha256)):
            if sha256:
                found[f"{name}.{ending}"] = documents.load(blobs, sha256)
    if not whole:
        return found  # reports stay with the panel and the buyer until the award
    reports = session.execute(
        sa.select(Lot.number, EvaluationReport)
        .join(Lot, Lot.id == EvaluationReport.lot_id)
        .where(EvaluationReport.tender_id == tender.id, EvaluationReport.delivered_at.is_not(None))
        .order_by(Lot.number, EvaluationReport.version)
    )
    for number, report in reports:
        if report.pdf_sha256:
            found[f"report-lot-{number}-v{report.version}.pdf"] = documents.load(blobs, report.pdf_sha256)
    return found
