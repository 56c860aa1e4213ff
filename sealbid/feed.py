"""The log's side of witnessing: hand a checkpoint to a witness, bring its cosignatures home.

The transport is handed in, so the same code serves a sequencer, a test and a simulation.

Source: C2SP tlog-witness; sealing specification §7.2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sealbid.errors import SealError
from sealbid.note import Note, SignatureLine, VerifierKey, checkpoint_fields
from sealbid.witness import Request

Send = Callable[[bytes], tuple[int, bytes]]
"""Posts a body to ``<witness>/add-checkpoint``; returns status and body."""

Prove = Callable[[int, int], Sequence[bytes]]
"""(smaller size, larger size) → consistency proof; never asked with size 0."""


@dataclass(frozen=True)
class Cosignature:
    """A witness's answer: its lines, proven, and the size it now knows."""

    lines: tuple[SignatureLine, ...]
    known: int


def cosign(send: Send, note: Note, *, known: int, prove: Prove, keys: Sequence[VerifierKey]) -> Cosignature:
    """Ask one witness to cosign a checkpoint.

    Args:
        known: the size we believe the witness last saw; when it answers 409 with
            another one, it is asked once more from there.
        keys: its verifier keys; each line must verify under one of them.

    Raises:
        SealError: ``witness_ahead`` when it has seen more than this checkpoint — a rolled
            back log, or a slow one; ``witness_refused`` with the status otherwise;
            ``note_signature`` for lines that are not the witness's.
    """
    size = checkpoint_fields(note.text)[1]
    status, answer = _ask(send, note, known, size, prove)
    if status == 409:
        known = _size_in(answer)
        if known > size:
            raise SealError(
                "witness_ahead", f"the witness has seen size {known}, we offer {size}", size=known
            )
        status, answer = _ask(send, note, known, size, prove)
    if status != 200:
        raise SealError("witness_refused", answer[:200].decode("utf-8", "replace").strip(), status=status)
    text = answer.decode("utf-8", "replace")
    lines = tuple(SignatureLine.parse(line) for line in text.splitlines())
    mine = {(key.name, key.id): key for key in keys}
    for line in lines:
        key = mine.get((line.name, line.key_id))
        if key is None:
            raise SealError("note_signature", f"a line by {line.name}, whose key we do not know")
        key.verify(note.text, line.payload)
    if not lines:
        raise SealError("witness_refused", "an answer without a signature", status=status)
    return Cosignature(lines, size)


def _ask(send: Send, note: Note, known: int, size: int, prove: Prove) -> tuple[int, bytes]:
    proof = prove(known, size) if 0 < known < size else ()
    return send(str(Request(known, tuple(proof), note)).encode())


def _size_in(answer: bytes) -> int:
    digits = answer.strip()
    if not digits.isdigit() or len(digits) > 19:
        raise SealError("witness_refused", "a conflict without the witness's size", status=409)
    return int(digits)
