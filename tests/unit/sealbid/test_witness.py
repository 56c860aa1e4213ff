"""A witness signs what grows, stores before it answers, and keeps a second door."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealbid import jcs, signatures
from sealbid.errors import SealError
from sealbid.intake import IntakeLog, verify_intake
from sealbid.note import KeyType, Note, SignatureLine, SignerKey, sign_note
from sealbid.octets import b64
from sealbid.tiles import MemoryTiles, TileTree
from sealbid.tlog import Checkpoint
from sealbid.witness import Request, StateFile, Witness, WitnessServer

LOG = SignerKey("log.example/1", KeyType.ED25519, b"\x01" * 32)
KEYS = (
    SignerKey("w.example", KeyType.COSIGNATURE, b"\x02" * 32),
    SignerKey("w.example", KeyType.MLDSA44, b"\x03" * 32),
)
NOW = 1_800_000_000


def a_tree(size: int, flavour: str = "") -> TileTree:
    tree = TileTree(MemoryTiles())
    tree.append(f"{flavour}{i}".encode() for i in range(size))
    return tree


def body(
    tree: TileTree, old: int, size: int, *, signer: SignerKey = LOG, proof: list[bytes] | None = None
) -> bytes:
    note = sign_note(str(Checkpoint(LOG.name, size, tree.root(size))), signer)
    steps = proof if proof is not None else (tree.consistency(old, size) if 0 < old < size else [])
    return str(Request(old, tuple(steps), note)).encode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    intake = IntakeLog(tmp_path / "intake.jsonl", KEYS[0])
    return Witness(KEYS, [LOG.verifier], StateFile(tmp_path / "state.json"), lambda: NOW, intake)


def test_a_growing_log_gets_both_cosignatures(witness: Witness) -> None:
    tree = a_tree(10)

    first, second = witness.add_checkpoint(body(tree, 0, 4)), witness.add_checkpoint(body(tree, 4, 10))

    assert (first.status, second.status) == (200, 200)
    lines = [SignatureLine.parse(line) for line in second.body.decode().splitlines()]
    note = sign_note(str(Checkpoint(LOG.name, 10, tree.root())), LOG).with_lines(lines)
    assert note.verified([key.verifier for key in KEYS]) == {key.verifier: NOW for key in KEYS}
    assert witness.known(LOG.name).size == 10


def test_the_same_checkpoint_again_is_signed_again(witness: Witness) -> None:
    tree = a_tree(5)
    witness.add_checkpoint(body(tree, 0, 5))

    assert witness.add_checkpoint(body(tree, 5, 5)).status == 200


def test_a_wrong_old_size_is_told_the_right_one(witness: Witness) -> None:
    tree = a_tree(10)
    witness.add_checkpoint(body(tree, 0, 4))

    answer = witness.add_checkpoint(body(tree, 3, 10))

    assert (answer.status, answer.body, answer.media) == (409, b"4\n", "text/x.tlog.size")
    assert witness.known(LOG.name).size == 4


def test_another_root_of_the_same_size_is_a_conflict(witness: Witness) -> None:
    witness.add_checkpoint(body(a_tree(4), 0, 4))

    assert witness.add_checkpoint(body(a_tree(4, "fork"), 4, 4)).status == 409


def test_a_rollback_to_a_backup_is_refused(witness: Witness) -> None:
    tree = a_tree(10)
    witness.add_checkpoint(body(tree, 0, 10))

    assert witness.add_checkpoint(body(tree, 10, 6)).status == 400
    assert witness.add_checkpoint(body(tree, 6, 6)).status == 409
    assert witness.add_checkpoint(body(tree, 0, 6)).status == 409


def test_a_fork_signed_with_the_real_key_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(body(a_tree(4), 0, 4))

    answer = witness.add_checkpoint(body(a_tree(10, "fork"), 4, 10))

    assert answer.status == 422
    assert witness.known(LOG.name).root == a_tree(4).root()


def test_a_proof_where_none_belongs_is_refused(witness: Witness) -> None:
    assert witness.add_checkpoint(body(a_tree(4), 0, 4, proof=[b"\x00" * 32])).status == 422


def test_a_checkpoint_without_the_logs_signature_is_forbidden(witness: Witness) -> None:
    stranger = SignerKey(LOG.name, KeyType.ED25519, b"\x09" * 32)

    assert witness.add_checkpoint(body(a_tree(4), 0, 4, signer=stranger)).status == 403
    assert witness.known(LOG.name).size == 0


def test_a_forged_line_of_the_known_key_is_forbidden(witness: Witness) -> None:
    text = str(Checkpoint(LOG.name, 4, a_tree(4).root()))
    forged = Note(text, (SignatureLine(LOG.name, LOG.verifier.id, b"\x00" * 64),))

    assert witness.add_checkpoint(str(Request(0, (), forged)).encode()).status == 403


def test_an_unknown_log_is_not_found(witness: Witness) -> None:
    other = SignerKey("other.example", KeyType.ED25519, b"\x01" * 32)
    note = sign_note(str(Checkpoint(other.name, 4, a_tree(4).root())), other)

    assert witness.add_checkpoint(str(Request(0, (), note)).encode()).status == 404


@pytest.mark.parametrize(
    "data", [b"", b"old 0\n", b"old x\n\n", b"old 00\n\nx", b"\xff\n\n", b"new 0\n\n", b"old -1\n\n"]
)
def test_malformed_requests_are_bad(witness: Witness, data: bytes) -> None:
    assert witness.add_checkpoint(data).status == 400


def test_the_state_survives_a_restart(witness: Witness, tmp_path: Path) -> None:
    tree = a_tree(10)
    witness.add_checkpoint(body(tree, 0, 7))

    again = Witness(KEYS, [LOG.verifier], StateFile(tmp_path / "state.json"), lambda: NOW)

    assert again.known(LOG.name) == Checkpoint(LOG.name, 7, tree.root(7))
    assert again.add_checkpoint(body(a_tree(10, "fork"), 0, 10)).status == 409


def test_nothing_is_signed_when_storing_fails(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(state: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(witness.state, "write", full)

    with pytest.raises(OSError, match="disk full"):
        witness.add_checkpoint(body(a_tree(4), 0, 4))
    assert witness.known(LOG.name).size == 0


def test_of_two_branches_at_once_only_one_is_signed(witness: Witness) -> None:
    requests = [body(a_tree(8, flavour), 0, 8) for flavour in "abcdefgh"]

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status for answer in pool.map(witness.add_checkpoint, requests))

    assert statuses == [200] + [409] * 7


def test_a_split_view_cannot_reach_a_quorum_of_two_out_of_three(tmp_path: Path) -> None:
    witnesses = [Witness(KEYS, [LOG.verifier], StateFile(tmp_path / f"s{i}"), lambda: NOW) for i in range(3)]
    left, right = body(a_tree(6, "left"), 0, 6), body(a_tree(6, "right"), 0, 6)

    signed_left = [w.add_checkpoint(left).status for w in witnesses[:2]]
    signed_right = [w.add_checkpoint(right).status for w in witnesses]

    assert signed_left == [200, 200]
    assert signed_right.count(200) == 1


def test_a_witness_does_not_sign_with_a_plain_log_key(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="witness_key"):
        Witness([LOG], [LOG.verifier], StateFile(tmp_path / "s"), lambda: NOW)


def submission(bid: str = "ab" * 16, seed: bytes = b"\x05" * 32) -> bytes:
    bk = Ed25519PrivateKey.from_private_bytes(seed)
    inner = {"v": 1, "bid": bid, "bk": b64(bk.public_key().public_bytes_raw())}
    return jcs.encode({"body": inner, "sig": signatures.sign("bid-commit", inner, bk).to_json()})


def test_the_second_door_keeps_a_commit_and_proves_it(witness: Witness) -> None:
    witness.take(submission("cd" * 16))
    answer = witness.take(submission())

    assert answer.status == 200
    found = jcs.decode_object(answer.body)
    assert verify_intake(found, submission(), KEYS[0].verifier) == NOW
    with pytest.raises(SealError, match="intake_answer"):
        verify_intake(found, submission("cd" * 16), KEYS[0].verifier)
    with pytest.raises(SealError, match="log_signature"):
        verify_intake(found, submission(), SignerKey("w.example", KeyType.COSIGNATURE, b"\x08" * 32).verifier)


def test_the_second_door_gives_a_repeated_commit_its_first_place(witness: Witness) -> None:
    assert witness.intake is not None
    witness.take(submission())
    witness.take(submission())

    assert witness.intake.size == 1


def test_the_intake_file_is_read_again_and_a_torn_line_dropped(witness: Witness, tmp_path: Path) -> None:
    witness.take(submission())
    path = tmp_path / "intake.jsonl"
    with path.open("ab") as out:
        out.write(b'{"torn')

    again = IntakeLog(path, KEYS[0])

    assert again.size == 1
    again.take(submission("cd" * 16), NOW)
    assert IntakeLog(path, KEYS[0]).size == 2


@pytest.mark.parametrize("data", [b"{}", b"x", submission()[:-1], submission().replace(b"abab", b"acac", 1)])
def test_the_second_door_refuses_what_no_bid_key_signed(witness: Witness, data: bytes) -> None:
    assert witness.take(data).status == 422
    assert witness.intake is not None
    assert witness.intake.size == 0


def test_the_second_door_has_a_size_and_a_limit(witness: Witness, tmp_path: Path) -> None:
    assert witness.take(b"x" * (64 * 1024 + 1)).status == 413
    witness.intake = IntakeLog(tmp_path / "small", KEYS[0], bytes_max=10)
    assert witness.take(submission()).status == 507


@pytest.fixture
def server(witness: Witness) -> Iterator[str]:
    with WitnessServer(("127.0.0.1", 0), witness) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def call(url: str, data: bytes | None = None) -> tuple[int, bytes, str]:
    try:
        with urllib.request.urlopen(url, data=data, timeout=5) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"]


def test_over_http_the_doors_are_three_and_no_more(server: str) -> None:
    tree = a_tree(4)

    assert call(f"{server}/add-checkpoint", body(tree, 0, 4))[0] == 200
    assert call(f"{server}/add-checkpoint", body(tree, 1, 4)) == (409, b"4\n", "text/x.tlog.size")
    assert call(f"{server}/intake", submission())[0] == 200
    assert call(f"{server}/intake", b"x" * (64 * 1024 + 1))[0] == 413
    assert call(f"{server}/other", b"")[0] == 404
    assert call(f"{server}/")[0] == 404
    status, data, _ = call(f"{server}/status")
    found = jcs.decode_object(data)
    assert (status, found["logs"][0]["size"], found["intake"]) == (200, 4, 1)
