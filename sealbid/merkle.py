"""RFC 6962 Merkle trees: hashes, proofs and their strict verification.

Every function takes the hash as its last argument, so the same code serves
the SHA-256 log, the SM3 log and the block tree of a sealed container.

Source: RFC 6962 §2.1, RFC 9162 §2.1.3.2 and §2.1.4.2; sealing specification §7.2, §12.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from sealbid.errors import SealError

Hash = Callable[[bytes], bytes]

HASH_BYTES = 32


def sha256(data: bytes) -> bytes:
    """The default tree hash."""
    return hashlib.sha256(data).digest()


def leaf_hash(entry: bytes, hasher: Hash = sha256) -> bytes:
    """Hash of one leaf: ``H(0x00 ‖ entry)``."""
    return hasher(b"\x00" + entry)


def node_hash(left: bytes, right: bytes, hasher: Hash = sha256) -> bytes:
    """Hash of an inner node: ``H(0x01 ‖ left ‖ right)``."""
    return hasher(b"\x01" + left + right)


def empty_root(hasher: Hash = sha256) -> bytes:
    """Root of the tree of size 0: ``H("")``."""
    return hasher(b"")


def split_point(size: int) -> int:
    """The largest power of two smaller than ``size`` (``size`` ≥ 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of_hashes(hashes: Sequence[bytes], hasher: Hash = sha256) -> bytes:
    """Root over the given leaf hashes, in one pass, level by level."""
    if not hashes:
        return empty_root(hasher)
    level = list(hashes)
    while len(level) > 1:
        paired = [hasher(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])  # a lone right node is carried up unhashed
        level = paired
    return level[0]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Leaf ranges ``[a, b)`` whose roots form the inclusion proof, lowest first."""
    if not 0 <= index < size:
        raise SealError("proof_range", f"no leaf {index} in a tree of {size}")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split_point(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """Leaf ranges whose roots form the consistency proof between two sizes."""
    if not 0 < first <= second:
        raise SealError("proof_range", f"no consistency proof from size {first} to {second}")
    ranges: list[tuple[int, int]] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + split_point(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(
    hashes: Sequence[bytes], index: int, size: int | None = None, *, hasher: Hash = sha256
) -> list[bytes]:
    """Audit path of leaf ``index`` in the tree over the first ``size`` leaf hashes."""
    size = _known(hashes, size)
    return [root_of_hashes(hashes[a:b], hasher) for a, b in inclusion_ranges(index, size)]


def consistency_proof(
    hashes: Sequence[bytes], first: int, second: int | None = None, *, hasher: Hash = sha256
) -> list[bytes]:
    """Proof that the tree of size ``first`` is a prefix of the tree of size ``second``."""
    second = _known(hashes, second)
    return [root_of_hashes(hashes[a:b], hasher) for a, b in consistency_ranges(first, second)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes, *, hasher: Hash = sha256
) -> None:
    """Check that the leaf hash stands at ``index`` under ``root``.

    Raises:
        SealError: ``inclusion_proof``; also when leaf, root or a step is not
            32 bytes, which the plain algorithm would let through for size 1.

    Source: RFC 9162 §2.1.3.2; sealing specification §12.
    """
    if not 0 <= index < size:
        raise SealError("inclusion_proof", f"index {index} is not below size {size}")
    if any(len(value) != HASH_BYTES for value in (leaf, root, *proof)):
        raise SealError("inclusion_proof", "leaf, root and steps must be 32 bytes each")
    node, last, reached = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise SealError("inclusion_proof", "the proof is too long")
        if node & 1 or node == last:
            reached = node_hash(step, reached, hasher)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            reached = node_hash(reached, step, hasher)
        node, last = node >> 1, last >> 1
    if last != 0 or reached != root:
        raise SealError("inclusion_proof", f"leaf {index} does not lead to the root of size {size}")


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], root1: bytes, root2: bytes, *, hasher: Hash = sha256
) -> None:
    """Check that the tree ``(first, root1)`` is a prefix of ``(second, root2)``.

    Size 0 to size 0 needs both roots to be the empty root; size 0 to anything
    else has no proof and is an error at this level.

    Raises:
        SealError: ``consistency_proof``.

    Source: RFC 9162 §2.1.4.2; sealing specification §12.
    """
    if not 0 <= first <= second:
        raise SealError("consistency_proof", f"size {first} is not a prefix of size {second}")
    if first == 0:
        if second or proof or root1 != root2 or root1 != empty_root(hasher):
            raise SealError("consistency_proof", "a tree of size 0 proves nothing")
        return
    verify_subtree_consistency((0, first), second, proof, root1, root2, hasher=hasher)


def verify_subtree_inclusion(
    leaf: bytes,
    index: int,
    span: tuple[int, int],
    proof: Sequence[bytes],
    root: bytes,
    *,
    hasher: Hash = sha256,
) -> None:
    """Check that leaf ``index`` of the whole tree stands under the root of subtree ``[start, end)``."""
    start, end = span
    if not _is_subtree(start, end) or not start <= index < end:
        raise SealError("inclusion_proof", f"leaf {index} is not in a subtree [{start}, {end})")
    verify_inclusion(leaf, index - start, end - start, proof, root, hasher=hasher)


def verify_subtree_consistency(
    span: tuple[int, int],
    size: int,
    proof: Sequence[bytes],
    subtree_root: bytes,
    root: bytes,
    *,
    hasher: Hash = sha256,
) -> None:
    """Check that ``subtree_root`` covers leaves ``[start, end)`` of the tree ``(size, root)``.

    An empty subtree is consistent with every tree, by the empty root and no proof.

    Raises:
        SealError: ``consistency_proof``.
    """
    start, end = span
    if not _is_subtree(start, end) or end > size:
        raise SealError("consistency_proof", f"[{start}, {end}) is no subtree of size {size}")
    if start == end:
        if proof or subtree_root != empty_root(hasher):
            raise SealError("consistency_proof", "an empty subtree has the empty root and no proof")
        return
    if any(len(step) != HASH_BYTES for step in proof):
        raise SealError("consistency_proof", "every step must be 32 bytes")
    steps = iter(proof)
    low, node, last = start, end - 1, size - 1
    while low != node and (node == last or node & 1):
        low, node, last = low >> 1, node >> 1, last >> 1
    seed = subtree_root if low == node else next(steps, b"")
    if not seed:
        raise SealError("consistency_proof", "the proof is empty")
    inner, outer = _climb((low, node, last), seed, steps, hasher)
    if inner != subtree_root or outer != root:
        raise SealError("consistency_proof", "the two roots do not describe one growing tree")


def _climb(
    place: tuple[int, int, int], seed: bytes, steps: Iterator[bytes], hasher: Hash
) -> tuple[bytes, bytes]:
    """Both roots a consistency proof leads to: that of the subtree and that of the tree."""
    low, node, last = place
    inner = outer = seed
    for step in steps:
        if last == 0:
            raise SealError("consistency_proof", "the proof is too long")
        if node & 1 or node == last:
            if low < node:
                inner = node_hash(step, inner, hasher)
            outer = node_hash(step, outer, hasher)
            while not node & 1:
                low, node, last = low >> 1, node >> 1, last >> 1
        else:
            outer = node_hash(outer, step, hasher)
        low, node, last = low >> 1, node >> 1, last >> 1
    if last != 0:
        raise SealError("consistency_proof", "the proof is too short")
    return inner, outer


def _is_subtree(start: int, end: int) -> bool:
    """A subtree starts at a multiple of its length rounded up to a power of two."""
    return 0 <= start <= end and (start == end or start % (1 << (end - start - 1).bit_length()) == 0)


def _known(hashes: Sequence[bytes], size: int | None) -> int:
    size = len(hashes) if size is None else size
    if size > len(hashes):
        raise SealError("proof_range", f"only {len(hashes)} of {size} leaf hashes are known")
    return size
