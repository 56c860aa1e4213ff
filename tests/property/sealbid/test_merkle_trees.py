"""Lists and tiles agree on every root and proof, and no proof proves anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbid import merkle
from sealbid.errors import SealError
from sealbid.tiles import MemoryTiles, TileTree

batches = st.lists(st.integers(0, 300), min_size=1, max_size=8)


def grown(counts: list[int]) -> tuple[TileTree, list[bytes]]:
    tree, leaves = TileTree(MemoryTiles()), []
    for count in counts:
        entries = [b"%d" % (len(leaves) + i) for i in range(count)]
        leaves += [merkle.leaf_hash(entry) for entry in entries]
        assert tree.append(entries) == (len(leaves), merkle.root_of_hashes(leaves))
    return tree, leaves


@settings(max_examples=40, deadline=None)
@given(counts=batches, data=st.data())
def test_tiles_give_the_roots_and_proofs_of_the_whole_list(counts: list[int], data: st.DataObject) -> None:
    tree, leaves = grown(counts)
    if not leaves:
        return
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))

    assert tree.proof(index, size) == merkle.inclusion_proof(leaves, index, size)
    assert tree.consistency(first, size) == merkle.consistency_proof(leaves, first, size)
    merkle.verify_inclusion(leaves[index], index, size, tree.proof(index, size), tree.root(size))
    merkle.verify_consistency(first, size, tree.consistency(first, size), tree.root(first), tree.root(size))
    assert tree.leaf(index) == leaves[index]


@settings(max_examples=60, deadline=None)
@given(size=st.integers(2, 600), data=st.data())
def test_a_damaged_inclusion_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    tree, leaves = grown([size])
    index = data.draw(st.integers(0, size - 1))
    proof = tree.proof(index)
    place = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes((proof[place][0] ^ 1,)) + proof[place][1:]
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index))

    for leaf, at, steps in (
        (leaves[index], index, [*proof[:place], flipped, *proof[place + 1 :]]),
        (leaves[index], index, proof[:-1]),
        (leaves[index], index, [*proof, bytes(32)]),
        (leaves[index], other, proof),
        (leaves[other], index, proof),
    ):
        with pytest.raises(SealError, match="inclusion_proof"):
            merkle.verify_inclusion(leaf, at, size, steps, tree.root())


@settings(max_examples=60, deadline=None)
@given(sizes=st.tuples(st.integers(1, 500), st.integers(1, 500)))
def test_a_rewritten_leaf_breaks_consistency(sizes: tuple[int, int]) -> None:
    first, more = sizes
    tree, leaves = grown([first, more])
    forged = [merkle.leaf_hash(b"forged"), *leaves[1:]]
    proof = merkle.consistency_proof(forged, first)

    with pytest.raises(SealError, match="consistency_proof"):
        merkle.verify_consistency(first, first + more, proof, tree.root(first), merkle.root_of_hashes(forged))


def test_a_tile_is_never_rewritten() -> None:
    store = MemoryTiles()
    store.put(0, 0, b"a" * 32)

    with pytest.raises(SealError, match="tile_rewritten"):
        store.put(0, 0, b"b" * 32)
