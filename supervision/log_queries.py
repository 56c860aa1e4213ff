"""Read side of the public log: entries as anybody may see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, Opening, SealPolicy
from bidding.rules.states import OpeningState
from kernel.ledger import sequencer, trust
from kernel.ledger.models import FactRow, LogCheckpoint, LogEntry, LogRecord
from kernel.ledger.witnesses import checkpoint_after
from kernel.settings import Settings
from sealbid import jcs, merkle, note, records
from sealbid.octets import b64
from supervision.rules.disclosure import AT_ONCE, TenderState, disclosed, overdue
from trading.models import Document, Tender
from trading.rules.lifecycle import FINAL, Stage

SHOWN = 20
_HEX64, _HEX32 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{32}")

GROUPS: dict[str, tuple[str, ...]] = {
    "notice": ("notice", "clarification", "policy"),
    "sealing": ("custodian-key", "custodian-ack", "bid-commit", "bid-complete", "bid-withdraw"),
    "opening": ("tender-close", "share-release", "bid-open", "draw-result"),
    "evaluation": ("draw-commit", "score-sheet", "report", "award", "contract"),
    "supervision": ("objection", "decision", "admin-action"),
}
"""Filters of the list of entries; they choose among disclosed records only."""

DONE = frozenset({*FINAL, Stage.AWARDED})
"""Stages at which a lot counts as finished for disclosure and evidence."""


@dataclass(frozen=True)
class EntryRow:
    """One line of the list: a hidden record shows its hash and the checkpoint's time, nothing else."""

    index: int
    entry: str
    at: datetime
    shown: bool
    kind: str = ""
    tender: str = ""
    title: str = ""


@dataclass(frozen=True)
class Step:
    """One step of an audit path: the sibling, its side and leaves, and what joining gives."""

    number: int
    left: bool
    sibling: str
    first: int
    last: int
    joined: str


@dataclass(frozen=True)
class Entry:
    """One entry with its path to a signed root and, where it may be shown, its record.

    Attributes:
        head: the checkpoint's tree size; root: its root in hex; note: the signed text with cosignatures.
        witnessed: whether that checkpoint has its quorum.
        record: the record's canonical text; private: the digest of its confidential part.
    """

    row: EntryRow
    leaf: str
    head: int
    root: str
    note: str
    witnessed: bool
    hashes: tuple[str, ...]
    steps: tuple[Step, ...]
    record: str
    body: dict[str, Any]
    by: str
    private: str


def tender_states(session: Session, codes: Iterable[str]) -> dict[str, TenderState]:
    """What disclosure depends on, for each of these tender codes that exists."""
    wanted = {code for code in codes if code}
    if not wanted:
        return {}
    found: dict[str, TenderState] = {}
    tenders = session.scalars(sa.select(Tender).where(Tender.code.in_(wanted))).unique().all()
    openings = {
        row.tender_id: row
        for row in session.scalars(
            sa.select(Opening).where(Opening.tender_id.in_([tender.id for tender in tenders]))
        )
    }
    for tender in tenders:
        opening = openings.get(tender.id)
        complete = opening is not None and opening.state in (OpeningState.OPENED, OpeningState.CONFIRMED)
        found[tender.code] = TenderState(
            opened_at=opening.opened_at if opening is not None and complete else None,
            finished=bool(tender.lots) and all(lot.stage in DONE for lot in tender.lots),
            close_at=tender.bids_close_at if tender.published_at else None,
        )
    return found


def finished(session: Session, code: str) -> bool:
    """Whether every lot of a tender is awarded, failed or terminated."""
    state = tender_states(session, [code]).get(code)
    return state is not None and state.finished


def rows_of(session: Session, indexes: Sequence[int], now: datetime) -> list[EntryRow]:
    """Entries by index, in the order given; what may not be shown is left out of them."""
    found = {
        row.idx: (row, bytes(entry))
        for row, entry in session.execute(
            sa.select(LogRecord, LogEntry.entry)
            .join(LogEntry, LogEntry.idx == LogRecord.idx)
            .where(LogRecord.idx.in_(list(indexes)))
        )
    }
    states = tender_states(session, {record.tender for record, _ in found.values()})
    named = session.execute(sa.select(Tender.code, Tender.title).where(Tender.code.in_(states)))
    titles = {row.code: row.title for row in named}
    return [_row(session, *found[index], states, titles, now) for index in indexes if index in found]


def _row(
    session: Session,
    record: LogRecord,
    entry: bytes,
    states: dict[str, TenderState],
    titles: dict[str, str],
    now: datetime,
) -> EntryRow:
    assert record.idx is not None
    if _shown(record, states, now):
        return EntryRow(
            record.idx,
            entry.hex(),
            record.at,
            True,
            record.kind,
            record.tender,
            titles.get(record.tender, ""),
        )
    cosigned = checkpoint_after(session, record.idx)
    assert cosigned is not None, "an entry with a place is in a signed checkpoint"
    return EntryRow(record.idx, entry.hex(), cosigned.at, False)


def _shown(record: LogRecord, states: dict[str, TenderState], now: datetime) -> bool:
    state = states.get(record.tender)
    if record.tender and state is None:
        return record.kind in AT_ONCE
    return disclosed(record.kind, record.at, state, now)


def latest(session: Session, now: datetime, *, group: str = "", size: int = SHOWN) -> list[EntryRow]:
    """The newest entries; with a group, the newest disclosed ones of its types."""
    query = sa.select(LogRecord.idx).where(LogRecord.idx.is_not(None)).order_by(LogRecord.idx.desc())
    if not group:
        return rows_of(session, _indexes(session, query.limit(size)), now)
    kinds = query.where(LogRecord.kind.in_(GROUPS[group])).limit(size * 10)
    return [row for row in rows_of(session, _indexes(session, kinds), now) if row.shown][:size]


def _indexes(session: Session, query: sa.Select[Any]) -> list[int]:
    return list(session.scalars(query))


def of_tender(session: Session, code: str, now: datetime) -> list[EntryRow]:
    """Every disclosed entry of a tender, oldest first. Hidden ones are not even counted."""
    query = (
        sa.select(LogRecord.idx)
        .where(LogRecord.tender == code, LogRecord.idx.is_not(None))
        .order_by(LogRecord.idx)
    )
    return [row for row in rows_of(session, _indexes(session, query), now) if row.shown]


def entry_of(session: Session, settings: Settings, index: int, now: datetime) -> Entry | None:
    """One entry with its proof; None when the log has no such leaf yet."""
    rows = rows_of(session, [index], now)
    proof = trust.proof_of(session, settings, index)
    if not rows or proof is None:
        return None
    _, size, root = note.checkpoint_fields(proof.note.text)
    row = rows[0]
    leaf = merkle.leaf_hash(bytes.fromhex(row.entry))
    record: dict[str, Any] = {}
    if row.shown:
        text = session.scalar(sa.select(LogRecord.jcs).where(LogRecord.idx == index))
        assert text is not None
        record = jcs.decode_object(text)
    return Entry(
        row=row,
        leaf=leaf.hex(),
        head=size,
        root=root.hex(),
        note=str(proof.note),
        witnessed=trust.witnessed_size(session, settings, index) == size,
        hashes=tuple(b64(step) for step in proof.hashes),
        steps=tuple(_steps(index, size, leaf, proof.hashes)),
        record=jcs.encode(record).decode() if record else "",
        body=record.get("body", {}),
        by=str(record.get("by", "")),
        private=str(record.get("body", {}).get("d", "")),
    )


def _steps(index: int, size: int, leaf: bytes, hashes: Sequence[bytes]) -> Iterable[Step]:
    own = leaf
    ranges = zip(merkle.inclusion_ranges(index, size), hashes, strict=True)
    for number, ((first, end), sibling) in enumerate(ranges, start=1):
        left = end <= index
        own = merkle.node_hash(sibling, own) if left else merkle.node_hash(own, sibling)
        yield Step(number, left, sibling.hex(), first, end - 1, own.hex())


def search(session: Session, text: str) -> list[int]:
    """Indexes of the entries a person may mean: a log index, a fingerprint, or the id of a bid.

    A fingerprint is looked for among entries, leaves' digests, public files, policies and the public facts.
    """
    text = text.strip().lower().lstrip("#").replace(",", "").replace(" ", "")
    if text.isascii() and text.isdigit() and len(text) < 16:
        index = int(text)
        return [index] if index < sequencer.head(session).size else []
    if _HEX32.fullmatch(text):
        bid = session.scalars(sa.select(Bid).where(Bid.code == text)).one_or_none()
        if bid is None:
            return []
        return _places(session, [bid.commit_record_id, bid.complete_record_id, bid.withdraw_record_id])
    if _HEX64.fullmatch(text):
        return _by_fingerprint(session, text)
    return []


def _places(session: Session, ids: Iterable[Any]) -> list[int]:
    wanted = [one for one in ids if one is not None]
    query = sa.select(LogRecord.idx).where(LogRecord.id.in_(wanted), LogRecord.idx.is_not(None))
    return sorted(_indexes(session, query))


def _by_fingerprint(session: Session, text: str) -> list[int]:
    entry = bytes((1, records.EntryAlg.SHA256)) + bytes.fromhex(text)
    if found := _indexes(session, sa.select(LogEntry.idx).where(LogEntry.entry == entry)):
        return found
    ids: set[Any] = set(
        session.scalars(
            sa.select(Document.record_id)
            .join(Tender, Tender.id == Document.tender_id)
            .where(Document.sha256 == text, Document.public.is_(True), Tender.published_at.is_not(None))
        )
    )
    ids.update(session.scalars(sa.select(SealPolicy.record_id).where(SealPolicy.digest == text)))
    public = sa.select(FactRow.record_id).join(LogRecord, LogRecord.id == FactRow.record_id)
    kinds = ("notice", "report", "award", "decision", "policy", "sealer-release")
    ids.update(
        session.scalars(
            public.where(LogRecord.kind.in_(kinds), sa.cast(FactRow.body, sa.Text).contains(text)).limit(
                SHOWN
            )
        )
    )
    return _places(session, ids)


@dataclass(frozen=True)
class Unexplained:
    """Leaves whose records are hidden, and how many of them should have been shown by now."""

    leaves: int
    hidden: int
    overdue: int


def unexplained(session: Session, now: datetime) -> Unexplained:
    """Count what the log does not explain yet; ``overdue`` above zero is a finding. Source: sealing §7.1."""
    hidden = late = 0
    rows = session.execute(
        sa.select(LogRecord.kind, LogRecord.tender, LogRecord.at).where(
            LogRecord.idx.is_not(None), LogRecord.kind.not_in(AT_ONCE)
        )
    ).all()
    states = tender_states(session, {row.tender for row in rows})
    for kind, tender, at in rows:
        state = states.get(tender)
        if tender and state is None:
            hidden += 1
        elif not disclosed(kind, at, state, now):
            hidden += 1
            late += overdue(at, state, now)
    size = sequencer.head(session).size
    known = session.scalar(sa.select(sa.func.count()).where(LogRecord.idx.is_not(None))) or 0
    return Unexplained(size, hidden + size - known, late + size - known)


def checkpoints_since(session: Session, since: datetime) -> int:
    """How many checkpoints the log signed in a period."""
    return session.scalar(sa.select(sa.func.count()).where(LogCheckpoint.at >= since)) or 0
