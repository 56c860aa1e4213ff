"""Our own log vectors: roots at nine sizes, a proof file, a consistency proof, from lists and from tiles."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sealbid import merkle
from sealbid.errors import SealError
from sealbid.note import Note
from sealbid.tiles import MemoryTiles, TileTree
from sealbid.tlog import Checkpoint, Policy, TlogProof

OWN = Path(__file__).resolve().parents[3] / "../shared/vectors/own/tlog.json"


def entry(i: int) -> bytes:
    return b"\x01\x01" + hashlib.sha256(b"e%d" % i).digest()


@pytest.fixture(scope="module")
def own() -> dict[str, Any]:
    if not OWN.exists():
        pytest.skip("needs the folder `shared/vectors` beside the project")
    return dict(json.loads(OWN.read_text()))


@pytest.fixture(scope="module")
def policy(own: dict[str, Any]) -> Policy:
    log, w1, w2 = own["vkeys"]
    return Policy.parse(
        f"log {log}\nwitness sup {w1}\nwitness notary {w2}\ngroup both all sup notary\nquorum both\n"
    )


def test_the_nine_roots_come_out_of_lists_and_tiles(own: dict[str, Any]) -> None:
    leaves = [merkle.leaf_hash(entry(i)) for i in range(1000)]
    tree = TileTree(MemoryTiles())
    for start in range(0, 1000, 7):
        tree.append([entry(i) for i in range(start, min(start + 7, 1000))])

    assert len(own["roots"]) == 9
    for size, root in own["roots"].items():
        assert merkle.root_of_hashes(leaves[: int(size)]).hex() == root
        assert tree.root(int(size)).hex() == root


def test_the_proof_file_of_leaf_777_verifies_under_a_quorum_of_both(
    own: dict[str, Any], policy: Policy
) -> None:
    proof = TlogProof.parse(own["tlog_proof_777"])

    cosigned = proof.verify(entry(777), policy)

    assert (proof.index, cosigned.checkpoint.size, len(cosigned.times)) == (777, 1000, 2)
    assert str(proof) == own["tlog_proof_777"]


def test_the_proof_of_one_leaf_proves_no_other(own: dict[str, Any], policy: Policy) -> None:
    with pytest.raises(SealError, match="inclusion_proof"):
        TlogProof.parse(own["tlog_proof_777"]).verify(entry(776), policy)


def test_one_missing_cosignature_breaks_the_quorum(own: dict[str, Any], policy: Policy) -> None:
    note = Note.parse(own["note"])

    with pytest.raises(SealError, match="quorum"):
        policy.require(Note(note.text, note.lines[:2]))


def test_the_proof_file_is_rebuilt_from_tiles(own: dict[str, Any]) -> None:
    tree = TileTree(MemoryTiles())
    tree.append(entry(i) for i in range(1000))

    assert str(TlogProof(777, tuple(tree.proof(777)), Note.parse(own["note"]))) == own["tlog_proof_777"]


def test_the_consistency_proof_from_300_to_1000(own: dict[str, Any]) -> None:
    leaves = [merkle.leaf_hash(entry(i)) for i in range(1000)]
    proof = [bytes.fromhex(step) for step in own["consistency_300_1000"]]
    checkpoint = Checkpoint.parse(Note.parse(own["note"]).text)
    old = merkle.root_of_hashes(leaves[:300])

    merkle.verify_consistency(300, 1000, proof, old, checkpoint.root)

    assert merkle.consistency_proof(leaves, 300) == proof
    with pytest.raises(SealError):
        merkle.verify_consistency(299, 1000, proof, old, checkpoint.root)
