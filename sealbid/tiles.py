"""The log's tree kept in tiles of height 8, right edge rewritten, all else immutable.

A tile of level L and number N holds up to 256 hashes of complete subtrees
of ``256**L`` leaves each. Appending touches one tile per level; proofs read a
handful of tiles and never the entries.

Source: C2SP tlog-tiles; sealing specification §7.2 and §7.4.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Protocol

from sealbid.errors import SealError
from sealbid.merkle import (
    HASH_BYTES,
    Hash,
    consistency_ranges,
    empty_root,
    inclusion_ranges,
    sha256,
)

HEIGHT = 8
WIDTH = 1 << HEIGHT
TILE_BYTES_MAX = WIDTH * HASH_BYTES
NODES_MAX = 1 << 14


class TileStore(Protocol):
    """Where tiles live; ``put`` replaces a partial tile by a longer one with the same beginning."""

    def get(self, level: int, n: int) -> bytes | None:
        """The hashes stored for this tile so far, or None."""
        ...

    def put(self, level: int, n: int, data: bytes) -> None:
        """Store the tile; ``data`` is 32 to 8192 bytes."""
        ...


class MemoryTiles:
    """A tile store in memory, for tests and for auditors who rebuild a tree."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}

    def get(self, level: int, n: int) -> bytes | None:
        """See ``TileStore``."""
        return self.tiles.get((level, n))

    def put(self, level: int, n: int, data: bytes) -> None:
        """See ``TileStore``; refuses to change what is already written."""
        before = self.tiles.get((level, n), b"")
        if not data.startswith(before):
            raise SealError("tile_rewritten", f"tile {level}/{n} would lose hashes")
        self.tiles[level, n] = data


class TileTree:
    """An append-only tree of ``size`` leaves over a tile store.

    Args:
        store: the tiles.
        size: how many leaves the store is known to hold.
        hasher: tree hash; SHA-256 unless told.
    """

    def __init__(self, store: TileStore, size: int = 0, hasher: Hash = sha256) -> None:
        self.store = store
        self.size = size
        self.hasher = hasher
        self._nodes: dict[tuple[int, int, int, int], bytes] = {}

    def append(self, entries: Iterable[bytes]) -> tuple[int, bytes]:
        """Append entries in order; the new size and root."""
        return self.append_hashes([self.hasher(b"\x00" + entry) for entry in entries])

    def append_hashes(self, leaves: Sequence[bytes]) -> tuple[int, bytes]:
        """Append leaf hashes in order; the new size and root.

        Raises:
            SealError: ``tile_missing`` when the right edge is not in the store.
        """
        level, fresh, before = 0, list(leaves), self.size
        while fresh:
            number, used = divmod(before, WIDTH)
            held = self._tile(level, number, used) if used else b""
            fresh = self._fill(level, number, held, fresh)
            level, before = level + 1, before >> HEIGHT
        self.size += len(leaves)
        return self.size, self.root()

    def _fill(self, level: int, number: int, held: bytes, fresh: Sequence[bytes]) -> list[bytes]:
        """Write ``fresh`` after ``held``; the roots of the tiles that became full."""
        done: list[bytes] = []
        start = 0
        while start < len(fresh):
            room = WIDTH - len(held) // HASH_BYTES
            tile = held + b"".join(fresh[start : start + room])
            self.store.put(level, number, tile)
            if len(tile) == TILE_BYTES_MAX:
                done.append(self._fold(tile))
            start, number, held = start + room, number + 1, b""
        return done

    def root(self, size: int | None = None) -> bytes:
        """Root of the tree at ``size`` (default: now); any earlier size may be asked for."""
        size = self._within(size)
        return self._range_root(0, size, {}) if size else empty_root(self.hasher)

    def leaf(self, index: int) -> bytes:
        """The leaf hash stored at ``index``."""
        if not 0 <= index < self.size:
            raise SealError("proof_range", f"no leaf {index} in a tree of {self.size}")
        number, place = divmod(index, WIDTH)
        return self._tile(0, number, place + 1)[-HASH_BYTES:]

    def proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Inclusion proof of leaf ``index`` in the tree of ``size`` leaves."""
        cache: dict[tuple[int, int], bytes] = {}
        return [self._range_root(a, b, cache) for a, b in inclusion_ranges(index, self._within(size))]

    def consistency(self, first: int, second: int | None = None) -> list[bytes]:
        """Proof that the tree of ``first`` leaves is a prefix of that of ``second``."""
        cache: dict[tuple[int, int], bytes] = {}
        return [self._range_root(a, b, cache) for a, b in consistency_ranges(first, self._within(second))]

    def _within(self, size: int | None) -> int:
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise SealError("proof_range", f"the tree has {self.size} leaves, not {size}")
        return size

    def _range_root(self, start: int, end: int, cache: dict[tuple[int, int], bytes]) -> bytes:
        """Root of leaves ``[start, end)``: complete subtrees, largest first, joined from the right."""
        parts: list[bytes] = []
        while start < end:
            height = (end - start).bit_length() - 1
            parts.append(self._complete(height, start >> height, cache))
            start += 1 << height
        root = parts.pop()
        while parts:
            root = self.hasher(b"\x01" + parts.pop() + root)
        return root

    def _complete(self, height: int, place: int, cache: dict[tuple[int, int], bytes]) -> bytes:
        """Root of the complete subtree of ``2**height`` leaves that is the ``place``-th of its kind."""
        level, inner = divmod(height, HEIGHT)
        number, first = divmod(place << inner, WIDTH)
        last = first + (1 << inner)
        tile = cache.get((level, number), b"")
        if len(tile) < last * HASH_BYTES:
            tile = cache[level, number] = self._tile(level, number, last, whole=True)
        return self._node(level, number, first, last, tile)

    def _node(self, level: int, number: int, first: int, last: int, tile: bytes) -> bytes:
        """Root over the hashes ``[first, last)`` of a tile; a complete subtree never changes, so it is remembered."""
        if last - first == 1:
            return tile[first * HASH_BYTES : last * HASH_BYTES]
        place = (level, number, first, last)
        if (known := self._nodes.get(place)) is not None:
            return known
        if len(self._nodes) >= NODES_MAX:
            self._nodes.clear()
        middle = (first + last) // 2
        left = self._node(level, number, first, middle, tile)
        found = self.hasher(b"\x01" + left + self._node(level, number, middle, last, tile))
        self._nodes[place] = found
        return found

    def _fold(self, data: bytes) -> bytes:
        """Root over the hashes of a complete subtree; their number is a power of two."""
        hasher, pair = self.hasher, 2 * HASH_BYTES
        while len(data) > HASH_BYTES:
            data = b"".join([hasher(b"\x01" + data[i : i + pair]) for i in range(0, len(data), pair)])
        return data

    def _tile(self, level: int, number: int, width: int, *, whole: bool = False) -> bytes:
        data = self.store.get(level, number)
        if data is None or len(data) < width * HASH_BYTES or len(data) > TILE_BYTES_MAX:
            raise SealError("tile_missing", f"tile {level}/{number} does not hold {width} hashes")
        return data if whole else data[: width * HASH_BYTES]


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """Address below ``/log/`` of a tile or, with ``level="entries"``, of an entry bundle."""
    groups = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        groups.append(f"x{n % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_tile_path(path: str) -> tuple[int | str, int, int]:
    """Inverse of ``tile_path``: level (or ``entries``), number, width; refuses ``tile_path`` others."""
    head, _, rest = path.removeprefix("tile/").partition("/")
    numbers, dot, width = rest.partition(".p/")
    digits = numbers.replace("/x", "").replace("/", "").removeprefix("x")
    try:
        level: int | str = head if head == "entries" else int(head)
        found = level, int(digits), int(width) if dot else WIDTH
    except ValueError as error:
        raise SealError("tile_path", f"not the address of a tile: {path}") from error
    if not 0 < found[2] <= WIDTH or tile_path(*found) != path:
        raise SealError("tile_path", f"not the address of a tile: {path}")
    return found


def bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as u16, at most 256 of them."""
    listed = list(entries)
    if len(listed) > WIDTH or any(len(entry) > 0xFFFF for entry in listed):
        raise SealError("bundle_shape", "a bundle holds at most 256 entries of at most 65535 bytes")
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in listed)


def parse_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle; refuses (``bundle_shape``) a cut or overlong one."""
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 2], "big")
        entry = data[place + 2 : place + 2 + length]
        if place + 2 > len(data) or len(entry) != length or len(entries) == WIDTH:
            raise SealError("bundle_shape", "the bundle is cut or too long")
        entries.append(entry)
        place += 2 + length
    return entries
