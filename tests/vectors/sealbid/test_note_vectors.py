"""Signed notes: the C2SP example and our own note with three kinds of signature."""

import json
from pathlib import Path
from typing import Any

import pytest

from sealbid.errors import SealError
from sealbid.note import KeyType, Note, SignerKey, VerifierKey, sign_note

OWN = Path(__file__).resolve().parents[3] / "../shared/vectors/own/tlog.json"

# The worked example of C2SP signed-note (CC-BY 4.0; the same as in golang.org/x/mod/sumdb/note).
EXAMPLE_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
EXAMPLE_NOTE = (
    EXAMPLE_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZIn"
    "NIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture(scope="module")
def own() -> dict[str, Any]:
    if not OWN.exists():
        pytest.skip("needs the folder `shared/vectors` beside the project")
    return dict(json.loads(OWN.read_text()))


def test_the_c2sp_example_note_verifies() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    note = Note.parse(EXAMPLE_NOTE)

    assert note.verified([key]) == {key: None}
    assert str(note) == EXAMPLE_NOTE


def test_the_c2sp_example_key_signs_the_same_bytes() -> None:
    signer = SignerKey.parse(EXAMPLE_SIGNER)

    assert str(signer.verifier) == EXAMPLE_KEY
    assert str(sign_note(EXAMPLE_TEXT, signer)) == EXAMPLE_NOTE


def test_a_changed_text_under_the_example_signature_is_refused() -> None:
    note = Note.parse(EXAMPLE_NOTE.replace("answer", "questn"))

    with pytest.raises(SealError, match="note_signature"):
        note.verified([VerifierKey.parse(EXAMPLE_KEY)])


def test_our_note_carries_a_log_signature_and_two_kinds_of_cosignature(own: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(vkey) for vkey in own["vkeys"]]

    found = Note.parse(own["note"]).verified(keys)

    assert [key.kind for key in found] == [KeyType.ED25519, KeyType.COSIGNATURE, KeyType.MLDSA44]
    assert next(iter(found.values())) is None
    assert all(isinstance(found[key], int) for key in keys[1:])
    assert [str(key) for key in keys] == own["vkeys"]


def test_a_cosignature_moved_to_another_instant_is_refused(own: dict[str, Any]) -> None:
    note = Note.parse(own["note"])
    for number, vkey in enumerate(own["vkeys"][1:], start=1):
        line = note.lines[number]
        moved = type(line)(line.name, line.key_id, b"\x00" * 7 + b"\x05" + line.payload[8:])

        with pytest.raises(SealError, match="note_signature"):
            Note(note.text, (moved,)).verified([VerifierKey.parse(vkey)])
