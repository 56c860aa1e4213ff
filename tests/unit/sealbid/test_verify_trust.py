"""Trust policies, checkpoints, proof files, tiles: what is read, and what is refused."""

from __future__ import annotations

import hashlib

import pytest

from sealbid.errors import SealError
from sealbid.note import KeyType, Note, SignatureLine, SignerKey, VerifierKey, sign_note
from sealbid.tiles import MemoryTiles, TileTree, bundle, parse_bundle, parse_tile_path, tile_path
from sealbid.tlog import Checkpoint, Cosigned, Interval, Policy, TlogProof, interval_of

LOG = SignerKey("log.example/1", KeyType.ED25519, b"\x01" * 32)
W = {
    name: SignerKey(f"{name}.example", KeyType.COSIGNATURE, hashlib.sha256(name.encode()).digest())
    for name in ("sup", "notary", "bank", "assoc")
}
WITNESSES = "".join(f"witness {name} {key.verifier}\n" for name, key in W.items())
HEAD = f"# a comment\nlog {LOG.verifier} https://log.example\n\n{WITNESSES}"
NESTED = HEAD + "group others 2 notary bank assoc\ngroup top all sup others\nquorum top\n"


def note(size: int, *names: str, time: int = 100, step: int = 10) -> Note:
    text = str(Checkpoint(LOG.name, size, bytes(32)))
    lines = [W[name].sign(text, time + step * i) for i, name in enumerate(names)]
    return sign_note(text, LOG).with_lines(lines)


def test_two_witnesses_among_them_the_supervisor() -> None:
    policy = Policy.parse(NESTED)

    judged = policy.require(note(5, "sup", "bank", "assoc"))

    assert (judged.first, judged.complete, sorted(judged.times)) == (100, 120, ["assoc", "bank", "sup"])
    assert policy.urls == {LOG.name: "https://log.example"}


@pytest.mark.parametrize("names", [(), ("sup",), ("sup", "bank"), ("notary", "bank", "assoc")])
def test_a_quorum_that_is_not_reached(names: tuple[str, ...]) -> None:
    with pytest.raises(SealError, match="quorum"):
        Policy.parse(NESTED).require(note(5, *names))


def test_any_of_a_group_and_a_single_witness_and_none() -> None:
    assert Policy.parse(HEAD + "group g any bank sup\nquorum g\n").require(note(5, "bank")).complete == 100
    assert Policy.parse(HEAD + "quorum sup\n").require(note(5, "sup")).complete == 100
    assert Policy.parse(HEAD + "quorum none\n").require(note(5)).complete is None


def test_a_wrong_cosignature_of_a_known_witness_is_never_ignored() -> None:
    whole = note(5, "sup", "bank", "assoc")
    line = whole.lines[1]
    broken = SignatureLine(line.name, line.key_id, line.payload[:-1] + bytes((line.payload[-1] ^ 1,)))

    with pytest.raises(SealError, match="note_signature"):
        Policy.parse(NESTED).require(Note(whole.text, (*whole.lines[:1], broken, *whole.lines[2:])))


def test_a_stranger_under_the_note_changes_nothing() -> None:
    stranger = SignerKey("x.example", KeyType.COSIGNATURE, b"\x09" * 32)
    whole = note(5, "sup", "bank", "assoc")

    judged = Policy.parse(NESTED).require(whole.with_lines([stranger.sign(whole.text, 7)]))

    assert judged.first == 100


def test_a_log_the_policy_does_not_know_is_refused() -> None:
    text = str(Checkpoint("other.example", 5, bytes(32)))
    with pytest.raises(SealError, match="log_unknown"):
        Policy.parse(NESTED).require(sign_note(text, LOG))

    unsigned = note(5, "sup", "bank", "assoc")
    with pytest.raises(SealError, match="log_signature"):
        Policy.parse(NESTED).require(Note(unsigned.text, unsigned.lines[1:]))


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        WITNESSES + "quorum sup\n",
        HEAD + "quorum nobody\n",
        HEAD + "quorum sup\nquorum bank\n",
        HEAD + "group g 3 sup bank\nquorum g\n",
        HEAD + "group g 0 sup bank\nquorum g\n",
        HEAD + "group g some sup bank\nquorum g\n",
        HEAD + "group g any sup sup\nquorum g\n",
        HEAD + "group g any sup\ngroup h any sup\nquorum h\n",
        HEAD + "group sup any bank\nquorum sup\n",
        HEAD + "group g any later\ngroup later any sup\nquorum g\n",
        HEAD + "colour blue\nquorum sup\n",
        HEAD + f"witness again {W['sup'].verifier}\nquorum again\n",
        HEAD + f"witness plain {LOG.verifier}\nquorum plain\n",
        "log x+00000000+AAAA\nquorum none\n",
    ],
)
def test_a_policy_that_leaves_doubt_is_refused(text: str) -> None:
    with pytest.raises(SealError, match="policy_text"):
        Policy.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "o\n1\n", "o\n01\n" + "A" * 43 + "=\n", "o\n-1\n" + "A" * 43 + "=\n", "o\n1\nAAAA\n",
     "o\n1\n" + "A" * 43 + "=\nextension\n", "o o\n1\n" + "A" * 43 + "=\n", "\n1\n" + "A" * 43 + "=\n"],
)  # fmt: skip
def test_what_no_checkpoint_is(text: str) -> None:
    with pytest.raises(SealError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.replace("— ", "- "),
        lambda s: s[:-1],
        lambda s: s.replace("\n\n", "\n"),
        lambda s: s + "\n",
        lambda s: s.replace("index 3", "index 03"),
        lambda s: s.replace("index 3", "index x"),
        lambda s: s.replace("@v1", "@v2"),
        lambda s: s.replace("=\n\n", "\n\n", 1),
        lambda s: s.replace("\n", "\r\n"),
    ],
)
def test_a_proof_file_has_one_spelling(damage) -> None:  # type: ignore[no-untyped-def]
    tree = TileTree(MemoryTiles())
    size, root = tree.append([b"%d" % i for i in range(9)])
    proof = TlogProof(
        3, tuple(tree.proof(3)), sign_note(str(Checkpoint(LOG.name, size, root)), LOG), b"extra"
    )
    text = str(proof)
    assert TlogProof.parse(text) == proof

    with pytest.raises(SealError):
        TlogProof.parse(damage(text))


def test_keys_are_read_back_and_a_wrong_id_is_refused() -> None:
    for kind in KeyType:
        key = SignerKey("k.example", kind, b"\x05" * 32)
        assert SignerKey.parse(key.export()) == key
        assert VerifierKey.parse(str(key.verifier)) == key.verifier
        assert key.export().split("+")[-1] not in repr(key)
        with pytest.raises(SealError, match="note_key"):
            VerifierKey.parse(str(key.verifier).replace(key.verifier.id.hex(), "00000000"))
    for name in ("", "a b", "a+b", "a\n", "a\u2003b"):
        with pytest.raises(SealError, match="note_name"):
            SignerKey(name, KeyType.ED25519, b"\x05" * 32)
    with pytest.raises(SealError, match="note_time"):
        W["sup"].sign("o\n1\nx\n")


def judged(size: int, first: int, complete: int) -> Cosigned:
    return Cosigned(Checkpoint("o", size, bytes(32)), note(size), {"w": first}, first, complete)


def test_a_leaf_is_sandwiched_between_cosigned_checkpoints() -> None:
    seen = [judged(3, 100, 104), judged(5, 110, 115), judged(9, 120, 125)]

    assert interval_of(4, seen) == Interval(100, 115)
    assert interval_of(0, seen) == Interval(None, 104)
    assert interval_of(9, seen) == Interval(120, None)
    Interval(100, 115).require(95)
    Interval(100, 115).require(120)
    for claim in (94, 121):
        with pytest.raises(SealError, match="time_interval"):
            Interval(100, 115).require(claim)


@pytest.mark.parametrize(
    ("place", "path"),
    [((0, 0, 256), "tile/0/000"), ((1, 1234067, 256), "tile/1/x001/x234/067"), ((0, 5, 7), "tile/0/005.p/7"),
     (("entries", 1000, 256), "tile/entries/x001/000")],
)  # fmt: skip
def test_tile_addresses_are_those_of_c2sp(place: tuple[int | str, int, int], path: str) -> None:
    assert tile_path(*place) == path
    assert parse_tile_path(path) == place


@pytest.mark.parametrize(
    "path", ["tile/0/0", "tile/0/000.p/0", "tile/0/000.p/257", "tile/x/000", "tile/0/001/000", ""]
)
def test_other_addresses_are_refused(path: str) -> None:
    with pytest.raises(SealError, match="tile_path"):
        parse_tile_path(path)


def test_bundles_are_read_back_and_cut_ones_refused() -> None:
    entries = [b"", b"a", b"x" * 300]
    data = bundle(entries)

    assert parse_bundle(data) == entries
    for cut in (1, 3, len(data) - 1):
        with pytest.raises(SealError, match="bundle_shape"):
            parse_bundle(data[:cut])
    with pytest.raises(SealError, match="bundle_shape"):
        bundle([b""] * 257)


def test_a_tree_whose_tiles_are_missing_says_so() -> None:
    tree = TileTree(MemoryTiles(), 300)

    for act in (tree.root, lambda: tree.proof(5), lambda: tree.append([b"x"])):
        with pytest.raises(SealError, match="tile_missing"):
            act()
    with pytest.raises(SealError, match="proof_range"):
        tree.proof(300)
