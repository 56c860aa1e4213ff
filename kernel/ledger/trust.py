"""The trust policy of this platform's log, as C2SP tlog-policy text, and the proofs it hands out.

Default quorum: so many of the witnesses, among them the first (the supervisor's). Source: spec sealing §7.2.
"""

from __future__ import annotations

import functools
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger import sequencer
from kernel.ledger.models import LogRecord, WitnessSignature
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


class Prover:
    """Proofs of many leaves in one read: neighbours share their checkpoint, and tiles are read once."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._tree = sequencer.tree(session)
        self._notes: dict[int, note.Note] = {}
        self._span = range(0)

    def witnessed_proof(self, index: int) -> TlogProof | None:
        """A proof in a checkpoint that a quorum signed, or None while there is none."""
        if index not in self._span:
            size = witnessed_size(self._session, self._settings, index)
            if size is None:
                return None
            self._span = range(index, size)
        size = self._span.stop
        if size not in self._notes:
            text = sequencer.cosigned_note(self._session, size)
            assert text is not None, "a signed checkpoint is stored"
            self._notes[size] = note.Note.parse(text)
        return TlogProof(index=index, hashes=tuple(self._tree.proof(index, size)), note=self._notes[size])


def proof_of_record(session: Session, settings: Settings, record_id: UUID) -> TlogProof | None:
    index = session.scalar(sa.select(LogRecord.idx).where(LogRecord.id == record_id))
    return None if index is None else proof_of(session, settings, index)
