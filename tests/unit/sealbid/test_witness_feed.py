"""The log brings its checkpoints to a witness and believes only what verifies."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealbid.errors import SealError
from sealbid.feed import Send, cosign
from sealbid.note import Note, sign_note
from sealbid.tlog import Checkpoint
from sealbid.witness import StateFile, Witness
from tests.unit.sealbid.test_witness import KEYS, LOG, NOW, a_tree

VERIFIERS = [key.verifier for key in KEYS]


def a_witness(tmp_path: Path) -> Send:
    witness = Witness(KEYS, [LOG.verifier], StateFile(tmp_path / "state"), lambda: NOW)

    def send(body: bytes) -> tuple[int, bytes]:
        answer = witness.add_checkpoint(body)
        return answer.status, answer.body

    return send


def a_note(size: int, flavour: str = "") -> Note:
    return sign_note(str(Checkpoint(LOG.name, size, a_tree(12, flavour).root(size))), LOG)


def test_a_witness_that_has_seen_another_size_is_asked_again_from_there(tmp_path: Path) -> None:
    send, tree = a_witness(tmp_path), a_tree(12)

    first = cosign(send, a_note(5), known=0, prove=tree.consistency, keys=VERIFIERS)
    second = cosign(send, a_note(12), known=0, prove=tree.consistency, keys=VERIFIERS)

    assert (first.known, second.known, len(second.lines)) == (5, 12, 2)
    assert len(a_note(12).with_lines(second.lines).verified(VERIFIERS)) == 2


def test_a_log_rolled_back_learns_that_its_witness_is_ahead(tmp_path: Path) -> None:
    send, tree = a_witness(tmp_path), a_tree(12)
    cosign(send, a_note(12), known=0, prove=tree.consistency, keys=VERIFIERS)

    with pytest.raises(SealError, match="witness_ahead"):
        cosign(send, a_note(5), known=5, prove=tree.consistency, keys=VERIFIERS)


def test_a_fork_is_refused(tmp_path: Path) -> None:
    send, fork = a_witness(tmp_path), a_tree(12, "fork")
    cosign(send, a_note(5), known=0, prove=a_tree(12).consistency, keys=VERIFIERS)

    with pytest.raises(SealError, match="witness_refused"):
        cosign(send, a_note(12, "fork"), known=5, prove=fork.consistency, keys=VERIFIERS)


def test_an_answer_that_is_no_signature_of_this_witness_is_not_believed(tmp_path: Path) -> None:
    tree, note = a_tree(12), a_note(5)
    stranger = LOG.sign(note.text)
    other = "".join(str(key.sign(a_note(6).text, NOW)) for key in KEYS)
    for answer, code in (
        (str(stranger), "note_signature"),
        (other, "note_signature"),
        ("", "witness_refused"),
    ):
        with pytest.raises(SealError, match=code):
            cosign(
                lambda body, a=answer: (200, a.encode()),
                note,
                known=0,
                prove=tree.consistency,
                keys=VERIFIERS,
            )  # type: ignore[misc]
    with pytest.raises(SealError, match="witness_refused"):
        cosign(lambda body: (409, b"?"), note, known=0, prove=tree.consistency, keys=VERIFIERS)
