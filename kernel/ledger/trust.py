"""The trust policy of this platform's log, as C2SP tlog-policy text, and the proofs it hands out.

Default quorum: so many of the witnesses, among them the first (the supervisor's). Source: spec sealing §7.2.
"""

from __future__ import annotations

import bisect
import functools
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger import sequencer
from kernel.ledger.models import LogCheckpoint, LogRecord, WitnessSignature
from kernel.settings import Settings
from sealbid import note
from sealbid.tlog import TlogProof


@functools.lru_cache(maxsize=64)
def _text(origin: str, log_seed: bytes, witnesses: tuple[tuple[str, str, str], ...], quorum: int) -> str:
    log_key = note.SignerKey(origin, note.KeyType.ED25519, log_seed).verifier
    lines = [f"log {log_key}"]
    names = []
    for number, (_, vkey, url) in enumerate(witnesses, start=1):
        names.append(f"w{number}")
        lines.append(f"witness w{number} {vkey} {url}".rstrip())
    if not names or quorum <= 0:
        return "\n".join([*lines, "quorum none"]) + "\n"
    if quorum == 1 or len(names) == 1:
        return "\n".join([*lines, "quorum w1"]) + "\n"
    lines.append(f"group others {min(quorum - 1, len(names) - 1)} {' '.join(names[1:])}")
    lines.append("group enough all w1 others")
    return "\n".join([*lines, "quorum enough"]) + "\n"


def trust_text(settings: Settings) -> str:
    """The tlog-policy text printed in policies, evidence packages and on the log page."""
    return _text(settings.log_origin, settings.log_seed, settings.witnesses, settings.witness_quorum)


def log_vkey(settings: Settings) -> str:
    """The log's verifier key as C2SP spells it."""
    return str(note.SignerKey(settings.log_origin, note.KeyType.ED25519, settings.log_seed).verifier)


def witness_names(settings: Settings) -> tuple[str, ...]:
    return tuple(name for name, _, _ in settings.witnesses)


def satisfied(settings: Settings, names: set[str]) -> bool:
    """Whether cosignatures of these witnesses make a quorum."""
    known = [name for name, _, _ in settings.witnesses]
    if not known or settings.witness_quorum <= 0:
        return True
    return known[0] in names and len(names & set(known)) >= min(settings.witness_quorum, len(known))


def witnessed_size(session: Session, settings: Settings, index: int) -> int | None:
    """The smallest cosigned checkpoint size that holds the leaf with a quorum, or None so far.

    Without configured witnesses the newest own checkpoint counts (tests and replay say so in their policy).
    """
    if not settings.witnesses or settings.witness_quorum <= 0:
        size = sequencer.head(session).size
        return size if size > index else None
    rows = session.execute(
        sa.select(WitnessSignature.size, WitnessSignature.name)
        .where(WitnessSignature.size > index)
        .order_by(WitnessSignature.size)
        .limit(64)
    ).all()
    names: dict[int, set[str]] = {}
    for size, name in rows:
        names.setdefault(size, set()).add(name)
    return next((size for size in sorted(names) if satisfied(settings, names[size])), None)


def newest_witnessed_size(session: Session, settings: Settings) -> int:
    """The largest checkpoint size with a quorum; 0 when there is none."""
    if not settings.witnesses or settings.witness_quorum <= 0:
        return sequencer.head(session).size
    rows = session.execute(
        sa.select(WitnessSignature.size, WitnessSignature.name)
        .order_by(WitnessSignature.size.desc())
        .limit(64)
    ).all()
    names: dict[int, set[str]] = {}
    for size, name in rows:
        names.setdefault(size, set()).add(name)
    return next((size for size in sorted(names, reverse=True) if satisfied(settings, names[size])), 0)


def proof_of(session: Session, settings: Settings, index: int) -> TlogProof | None:
    """A C2SP tlog-proof of a leaf: against a witnessed checkpoint if there is one, else the newest signed one."""
    size = witnessed_size(session, settings, index)
    if size is None:
        size = sequencer.head(session).size
        if size <= index:
            return None
    text = sequencer.cosigned_note(session, size)
    assert text is not None, "a signed checkpoint is stored"
    hashes = sequencer.tree(session).proof(index, size)
    return TlogProof(index=index, hashes=tuple(hashes), note=note.Note.parse(text))


_COSIGNED = (
    sa.select(WitnessSignature.size, WitnessSignature.name, WitnessSignature.line, LogCheckpoint.note)
    .join(LogCheckpoint, LogCheckpoint.size == WitnessSignature.size)
    .where(WitnessSignature.size > sa.bindparam("index"))
    .order_by(WitnessSignature.size, WitnessSignature.name)
    .limit(128)
)


class Prover:
    """Proofs of many leaves in one read: neighbours share their checkpoint, and tiles are read once."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._tree = sequencer.tree(session)
        self._notes: dict[int, note.Note] = {}
        self._window: list[int] = []  # sizes with a quorum, ascending
        self._from = 0  # the window lists every such size above this leaf, up to its last

    def witnessed_proof(self, index: int) -> TlogProof | None:
        """A proof in the first checkpoint that a quorum signed, or None while there is none."""
        size = self._witnessed_size(index)
        if size is None:
            return None
        return TlogProof(index=index, hashes=tuple(self._tree.proof(index, size)), note=self._notes[size])

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the tree of ``old`` leaves is a prefix of that of ``new``."""
        return self._tree.consistency(old, new)

    def _witnessed_size(self, index: int) -> int | None:
        if not self._settings.witnesses or self._settings.witness_quorum <= 0:
            size = witnessed_size(self._session, self._settings, index)
            if size is not None and size not in self._notes:
                text = sequencer.cosigned_note(self._session, size)
                assert text is not None, "a signed checkpoint is stored"
                self._notes[size] = note.Note.parse(text)
            return size
        place = bisect.bisect_right(self._window, index)
        if index < self._from or place == len(self._window):
            self._look(index)
            place = 0
        return self._window[place] if place < len(self._window) else None

    def _look(self, index: int) -> None:
        """Read the next checkpoints above a leaf with all their cosignatures."""
        rows = self._session.connection().execute(_COSIGNED, {"index": index}).all()
        lines: dict[int, dict[str, str]] = {}
        texts: dict[int, str] = {}
        for size, name, line, text in rows:
            lines.setdefault(size, {})[name] = line
            texts[size] = text
        if len(rows) == 128:
            lines.popitem()  # the last size may have more signatures than were read
        self._window = [size for size, signed in lines.items() if satisfied(self._settings, set(signed))]
        self._from = index
        for size in self._window:
            signatures = "".join(f"{line}\n" for line in lines[size].values())
            self._notes[size] = note.Note.parse(texts[size] + signatures)


def proof_of_record(session: Session, settings: Settings, record_id: UUID) -> TlogProof | None:
    index = session.scalar(sa.select(LogRecord.idx).where(LogRecord.id == record_id))
    return None if index is None else proof_of(session, settings, index)
