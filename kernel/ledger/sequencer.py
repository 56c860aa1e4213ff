"""Gives pending entries their place in the one tree, signs checkpoints and collects cosignatures.

One sequencer works at a time: SQLite's write lock or a PostgreSQL advisory lock sees to that, so starting it twice
is harmless. Source: spec sealing §7.2 and §7.4.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import cast

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from kernel.ledger import book
from kernel.ledger.models import (
    LogCheckpoint,
    LogEntry,
    LogHead,
    LogPending,
    LogRecord,
    LogTile,
    WitnessSignature,
)
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid import jcs, merkle, note, records, signatures
from sealbid.errors import SealError
from sealbid.tiles import TileTree

log = structlog.get_logger("sunroad.sequencer")

ADVISORY_LOCK = 0x53554E52  # "SUNR"
BATCH = 2000

Cosigner = Callable[[int, Sequence[bytes], str], list[str]]
"""Asks one witness: old size, consistency proof, checkpoint → its cosignature lines. Raises SealError or OSError."""


_TILES = cast(sa.Table, LogTile.__table__)
_THIS_TILE = (_TILES.c.level == sa.bindparam("at_level"), _TILES.c.n == sa.bindparam("at_n"))
_TILE = sa.select(_TILES.c.data).where(*_THIS_TILE)
_GROW_TILE = sa.update(_TILES).where(*_THIS_TILE).values(data=sa.bindparam("data"))
_NEW_TILE = sa.insert(_TILES)

_PENDING, _RECORDS = cast(sa.Table, LogPending.__table__), cast(sa.Table, LogRecord.__table__)
_HEADS, _CHECKPOINTS = cast(sa.Table, LogHead.__table__), cast(sa.Table, LogCheckpoint.__table__)
_HEAD = sa.select(_HEADS.c.size, _HEADS.c.note, _HEADS.c.at).where(_HEADS.c.id == 1)
_FIRST_HEAD = sa.insert(_HEADS).values(id=1)
_NEXT_HEAD = sa.update(_HEADS).where(_HEADS.c.id == 1)
_NEW_CHECKPOINT = sa.insert(_CHECKPOINTS)
_WAITING = (
    sa.select(_PENDING.c.id, _PENDING.c.entry, _PENDING.c.record_id).order_by(_PENDING.c.id).limit(BATCH)
)
_PLACED = sa.delete(_PENDING).where(_PENDING.c.id.in_(sa.bindparam("ids", expanding=True)))
_NEW_ENTRY = sa.insert(cast(sa.Table, LogEntry.__table__))
_GIVE_PLACE = (
    sa.update(_RECORDS).where(_RECORDS.c.id == sa.bindparam("record_id")).values(idx=sa.bindparam("place"))
)


class SqlTiles:
    """Tiles in the database; reads are remembered for the length of one transaction."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._seen: dict[tuple[int, int], bytes] = {}
        self._dirty: dict[tuple[int, int], bytes] = {}

    def get(self, level: int, n: int) -> bytes | None:
        key = (level, n)
        if key not in self._seen:
            data = self.session.connection().scalar(_TILE, {"at_level": level, "at_n": n})
            if data is None:
                return None
            self._seen[key] = bytes(data)
        return self._seen[key]

    def put(self, level: int, n: int, data: bytes) -> None:
        self._seen[level, n] = self._dirty[level, n] = data

    def flush(self) -> None:
        """Write the tiles that grew."""
        connection = self.session.connection()
        for (level, n), data in self._dirty.items():
            changed = connection.execute(_GROW_TILE, {"at_level": level, "at_n": n, "data": data})
            if not changed.rowcount:
                connection.execute(_NEW_TILE, {"level": level, "n": n, "data": data})
        self._dirty.clear()


@dataclass(frozen=True)
class Head:
    """The log's newest state: number of leaves, 32-byte root, signed note text."""

    size: int
    root: bytes
    note: str
    at: datetime | None


def head(session: Session) -> Head:
    """The newest checkpoint; an empty log has size 0 and no note."""
    row = session.connection().execute(_HEAD).one_or_none()
    if row is None:
        return Head(0, merkle.empty_root(), "", None)
    return Head(row.size, base64.b64decode(row.note.split("\n")[2]), row.note, row.at)


def tree(session: Session, size: int | None = None) -> TileTree:
    """The tree for proofs at the current size."""
    return TileTree(SqlTiles(session), head(session).size if size is None else size)


def pending(platform: Platform) -> bool:
    """Whether anything waits for its place; a cheap look without a lock."""
    with platform.read() as session:
        return session.scalar(sa.select(LogPending.id).limit(1)) is not None


def sequence(platform: Platform) -> Head:
    """Place everything that waits and sign one checkpoint, in a transaction of its own."""
    with platform.begin(SYSTEM) as work:
        return sequence_within(work)


def sequence_within(work: Work) -> Head:
    """Place everything that waits inside a running transaction.

    Used by the sequencer, and by the close of a tender, which must know every commit's index.
    """
    session, platform = work.session, work.platform
    session.flush()
    book.flush(session)
    if not platform.database.is_sqlite:
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    connection = session.connection()
    before = head(session)
    tiles = SqlTiles(session)
    grown = TileTree(tiles, before.size)
    if before.size == 0:
        _begin_log(work)
    while True:
        pending = connection.execute(_WAITING).all()
        if not pending:
            break
        start = grown.size
        grown.append([bytes(row.entry) for row in pending])
        connection.execute(
            _NEW_ENTRY, [{"idx": start + i, "entry": row.entry} for i, row in enumerate(pending)]
        )
        connection.execute(
            _GIVE_PLACE,
            [{"record_id": row.record_id, "place": start + i} for i, row in enumerate(pending)],
        )
        connection.execute(_PLACED, {"ids": [row.id for row in pending]})
        if len(pending) < BATCH:
            break
    if grown.size == before.size:
        return before
    tiles.flush()
    root = grown.root()
    signed = sign_checkpoint(platform, grown.size, root)
    values = {"size": grown.size, "note": signed, "at": work.now}
    connection.execute(_FIRST_HEAD if before.at is None else _NEXT_HEAD, values)
    connection.execute(_NEW_CHECKPOINT, values)
    return Head(grown.size, root, signed, work.now)


def _begin_log(work: Work) -> None:
    """Let the first leaf of a log announce its name and the platform's keys (``genesis``, spec sealing §7.1)."""
    platform = work.platform
    if work.session.scalar(sa.select(LogRecord.id).where(LogRecord.kind == "genesis")) is not None:
        return
    body = {
        "origin": platform.settings.log_origin,
        "platform": [base64.b64encode(signatures.spki(platform.platform_key)).decode()],
    }
    record = records.make_record(
        "genesis",
        work.now,
        "",
        body,
        by="platform",
        salt=platform.outside.entropy(32),
        sig=signatures.sign("genesis", body, platform.platform_key).to_json(),
    )
    row = LogRecord(
        id=platform.outside.new_id(), kind="genesis", tender="", at=work.now, jcs=jcs.encode(record)
    )
    work.session.add(row)
    work.session.add(LogPending(id=0, entry=records.entry_of(record), record_id=row.id))  # before all others
    work.session.flush()


def signer(platform: Platform) -> note.SignerKey:
    """The log's own signing key for checkpoints."""
    return note.SignerKey(platform.settings.log_origin, note.KeyType.ED25519, platform.settings.log_seed)


def sign_checkpoint(platform: Platform, size: int, root: bytes) -> str:
    """The signed note of a checkpoint (C2SP tlog-checkpoint, no extension lines)."""
    text = f"{platform.settings.log_origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    return str(note.sign_note(text, signer(platform)))


class Asked(Enum):
    """What came of asking a witness: it had signed before, it signed now, or it gave no cosignature."""

    UP_TO_DATE = "up to date"
    SIGNED = "signed"
    SILENT = "silent"


def cosign(platform: Platform, cosigners: Mapping[str, Cosigner]) -> int:
    """Take the newest checkpoint to every witness that has not signed it; returns how many signed now.

    A witness that does not answer is tried again next time.
    """
    return sum(cosign_by(platform, name, ask) is Asked.SIGNED for name, ask in cosigners.items())


def cosign_by(platform: Platform, name: str, ask: Cosigner) -> Asked:
    """Take the newest checkpoint to one witness. The network call happens outside any transaction."""
    with platform.read() as session:
        newest = head(session)
        old = session.scalar(
            sa.select(sa.func.max(WitnessSignature.size)).where(WitnessSignature.name == name)
        )
        if newest.size in (0, old):
            return Asked.UP_TO_DATE
        proof = _consistency(session, old or 0, newest.size)
    lines = _ask(platform, name, ask, old or 0, proof, newest)
    if not lines:
        return Asked.SILENT
    with platform.database.session(write=True) as session, session.begin():
        if session.get(WitnessSignature, (newest.size, name)) is None:
            now = platform.outside.clock.now()
            session.add(WitnessSignature(size=newest.size, name=name, line="\n".join(lines), at=now))
    return Asked.SIGNED


def _consistency(session: Session, old: int, new: int) -> list[bytes]:
    return tree(session, new).consistency(old) if 0 < old < new else []


def _ask(
    platform: Platform, name: str, ask: Cosigner, old: int, proof: Sequence[bytes], newest: Head
) -> list[str]:
    try:
        return ask(old, proof, newest.note)
    except SealError as trouble:
        if trouble.code == "witness_conflict" and str(trouble.detail).isdigit():
            known = int(str(trouble.detail))
            if known > newest.size:  # this database is older than what the witness has signed: T9
                log.error("witness_ahead", name=name, witness_size=known, size=newest.size)
                return []
            with platform.read() as session:
                proof = _consistency(session, known, newest.size)
            try:
                return ask(known, proof, newest.note)
            except (SealError, OSError) as again:
                log.warning("witness", name=name, trouble=str(again))
        else:
            log.warning("witness", name=name, trouble=str(trouble))
    except OSError as trouble:
        log.warning("witness", name=name, trouble=str(trouble))
    return []


def cosigned_note(session: Session, size: int) -> str | None:
    """The checkpoint of a size with every cosignature collected for it."""
    row = session.get(LogCheckpoint, size)
    if row is None:
        return None
    lines = session.scalars(
        sa.select(WitnessSignature.line).where(WitnessSignature.size == size).order_by(WitnessSignature.name)
    ).all()
    return row.note + "".join(f"{line}\n" for line in lines)


def cosigned_size(session: Session, index: int, quorum: int) -> int | None:
    """The smallest checkpoint size that holds a leaf and has a quorum of cosignatures, or None."""
    return session.scalar(
        sa.select(WitnessSignature.size)
        .where(WitnessSignature.size > index)
        .group_by(WitnessSignature.size)
        .having(sa.func.count() >= quorum)
        .order_by(WitnessSignature.size)
        .limit(1)
    )


def tick(platform: Platform, *, every: timedelta = timedelta(minutes=1)) -> bool:
    """Add the minute's ``tick`` record when it is due: it hides activity and sandwiches time (spec §7.1, §7.3)."""
    newest = sa.select(LogRecord.at).where(LogRecord.kind == "tick").order_by(LogRecord.at.desc()).limit(1)
    with platform.read() as session:
        last = session.scalar(newest)
        if last is not None and platform.outside.clock.now() - last < every:
            return False
    with platform.begin(SYSTEM) as work:
        last = work.session.scalar(newest)
        if last is not None and work.now - last < every:
            return False
        for _ in range(1 + work.entropy(1)[0] % 4):
            book.write(
                work.session,
                platform=platform,
                now=work.now,
                kind="tick",
                tender="",
                body={},
                confidential={},
                by="platform",
            )
    return True
