"""The log against itself and against the house's own history: every hash again, every record, every fact.

Source: spec sealing §7, §13 (T7-T9); rules of the house: replaying the facts gives the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger import book, sequencer, trust
from kernel.ledger.models import (
    FactRow,
    LogCheckpoint,
    LogEntry,
    LogPending,
    LogRecord,
    LogTile,
    WitnessSignature,
)
from sealbid import jcs, records, tlog
from sealbid.errors import SealError
from sealbid.note import Note
from sealbid.tiles import MemoryTiles, TileTree

if TYPE_CHECKING:
    from kernel.platform import Platform

FACTLESS = frozenset({"genesis", "tick"})
"""Records the log writes on its own account."""
BATCH = 5000


@dataclass
class Audit:
    """What an audit saw; ``findings`` is empty when everything agrees."""

    size: int = 0
    records: int = 0
    facts: int = 0
    checkpoints: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings


def audit_log(platform: Platform) -> Audit:
    """Recompute tiles and roots from the entries, then check every record against its entry and every fact
    against its record. Reads only; about two seconds for a million entries.
    """
    audit = Audit()
    with platform.read() as session:
        tree = _audit_tree(session, audit)
        if tree is not None:
            _audit_checkpoints(platform, session, tree, audit)
        _audit_records(session, audit)
        _audit_facts(session, audit)
    return audit


def _entries(session: Session) -> Iterator[tuple[int, bytes]]:
    start = 0
    while True:
        rows = session.execute(
            sa.select(LogEntry.idx, LogEntry.entry)
            .where(LogEntry.idx >= start)
            .order_by(LogEntry.idx)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        for row in rows:
            yield row.idx, bytes(row.entry)
        start = rows[-1].idx + 1


def _audit_tree(session: Session, audit: Audit) -> TileTree | None:
    rebuilt = TileTree(MemoryTiles())
    entries: list[bytes] = []
    for place, (index, entry) in enumerate(_entries(session)):
        if index != place:
            audit.findings.append(f"entry {place} is missing; the next one is {index}")
            return None
        entries.append(entry)
    rebuilt.append(entries)
    audit.size = len(entries)
    store = rebuilt.store
    assert isinstance(store, MemoryTiles)
    stored = {
        (row.level, row.n): bytes(row.data)
        for row in session.execute(sa.select(LogTile.level, LogTile.n, LogTile.data))
    }
    for level, n in sorted(stored.keys() | store.tiles.keys()):
        if stored.get((level, n)) != store.tiles.get((level, n)):
            audit.findings.append(f"tile {level}/{n} is not the one its entries make")
    head = sequencer.head(session)
    if (head.size, head.root) != (audit.size, rebuilt.root()):
        audit.findings.append(
            f"the head says size {head.size}; the entries make {audit.size} and another root"
        )
    return rebuilt


def _audit_checkpoints(platform: Platform, session: Session, tree: TileTree, audit: Audit) -> None:
    policy = tlog.Policy.parse(trust.trust_text(platform.settings))
    vkeys = {name: vkey for name, vkey, _ in platform.settings.witnesses}
    for row in session.scalars(sa.select(LogCheckpoint).order_by(LogCheckpoint.size)):
        audit.checkpoints += 1
        try:
            checkpoint = policy.require_log(Note.parse(row.note))
        except SealError as no:
            audit.findings.append(f"checkpoint {row.size}: {no}")
            continue
        if checkpoint.size != row.size or row.size > tree.size or checkpoint.root != tree.root(row.size):
            audit.findings.append(f"checkpoint {row.size} does not fit the tree of the entries")
    for sig in session.scalars(sa.select(WitnessSignature)):
        text = sequencer.cosigned_note(session, sig.size)
        key = next((k for k in policy.witnesses.values() if str(k) == vkeys.get(sig.name)), None)
        try:
            good = text is not None and key is not None and Note.parse(text).signed_by(key) is not None
        except SealError:
            good = False
        if not good:
            audit.findings.append(f"cosignature of {sig.name} under {sig.size} does not verify")


def _audit_records(session: Session, audit: Audit) -> None:
    explained = 0
    query = (
        sa.select(LogRecord, LogEntry.entry)
        .outerjoin(LogEntry, LogEntry.idx == LogRecord.idx)
        .order_by(LogRecord.idx)
        .execution_options(yield_per=BATCH)
    )
    waiting = set(session.scalars(sa.select(LogPending.record_id)))
    for row, entry in session.execute(query):
        audit.records += 1
        name = f"record {row.id} at leaf {row.idx}"
        try:
            record = records.parse_record(row.jcs)
        except SealError as no:
            audit.findings.append(f"{name}: {no}")
            continue
        if row.idx is None:
            if row.id not in waiting:
                audit.findings.append(f"{name} has no place and does not wait for one")
        elif entry is None or bytes(entry) != records.entry_of(record):
            audit.findings.append(f"{name} is not what its entry commits to")
        else:
            explained += 1
        if (row.kind, row.tender) != (record["t"], record["tender"]):
            audit.findings.append(f"{name} is filed under another type or tender")
        _audit_private(row, record, name, audit)
    if explained < audit.size:
        audit.findings.append(f"{audit.size - explained} leaves have no record behind them")


def _audit_private(row: LogRecord, record: records.Json, name: str, audit: Audit) -> None:
    if row.confidential is None:
        return
    try:
        records.require_private(record["body"], jcs.decode_object(row.confidential), bytes(row.salt2 or b""))
    except SealError as no:
        audit.findings.append(f"{name}: confidential part: {no}")


def _audit_facts(session: Session, audit: Audit) -> None:
    query = (
        sa.select(FactRow, LogRecord)
        .outerjoin(LogRecord, LogRecord.id == FactRow.record_id)
        .order_by(FactRow.subject, FactRow.seq)
        .execution_options(yield_per=BATCH)
    )
    before: tuple[object, int] = (None, 0)
    told = set()
    for found in session.execute(query):
        fact: FactRow = found[0]
        row: LogRecord | None = found[1]
        audit.facts += 1
        name = f"fact {fact.name} {fact.subject}#{fact.seq}"
        if fact.seq != (before[1] + 1 if before[0] == fact.subject else 1):
            audit.findings.append(f"{name}: the story of its subject has a gap before it")
        before = (fact.subject, fact.seq)
        if row is None:
            audit.findings.append(f"{name} has no record")
            continue
        told.add(row.id)
        _audit_fact(fact, row, name, audit)
    for key, kind, index in session.execute(sa.select(LogRecord.id, LogRecord.kind, LogRecord.idx)):
        if kind not in FACTLESS and key not in told:
            audit.findings.append(f"record {key} at leaf {index} ({kind}) has no fact")


def _audit_fact(fact: FactRow, row: LogRecord, name: str, audit: Audit) -> None:
    try:
        body = jcs.decode_object(row.jcs)["body"]
        private = jcs.decode_object(row.confidential) if row.confidential is not None else {}
    except (SealError, KeyError):
        return  # told about the record already
    expected = dict(fact.body)
    if row.kind not in book.BARE:
        expected |= {"fact": fact.name, "seq": fact.seq}
    if fact.private:
        expected |= {"d": body.get("d")}
    if body != expected or private != fact.private or fact.tender != row.tender:
        audit.findings.append(f"{name} tells another story than its record at leaf {row.idx}")
