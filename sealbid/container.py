"""The sealed container (``.sb``): a bid locked on the bidder's machine, opened by t of n custodians.

Everything streams through reused buffers of one chunk; nothing is released before its tag fits. The header
and its shares live in ``sealbid.envelope``; their names are offered here as well.

Source: spec sealing §5.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from sealbid import merkle
from sealbid.envelope import (
    BID_BYTES,
    CHUNK_BITS,
    HEADER_BYTES_MAX,
    MAGIC,
    PREFIX_BYTES,
    SECRET_BYTES,
    Entropy,
    Envelope,
    Header,
    WrappedShare,
    check_share,
    parse_header,
    payload_key,
    prepare,
    recover_secret,
    require_header,
    require_secret,
    unwrap_share,
)
from sealbid.errors import SealError
from sealbid.policy import Policy
from sealbid.suites import Suite, suite_named

__all__ = [
    "BID_BYTES",
    "CHUNK_BYTES",
    "SECRET_BYTES",
    "Entropy",
    "Envelope",
    "Header",
    "Opened",
    "Sealed",
    "WrappedShare",
    "block_hashes_of",
    "blocks_of",
    "check_share",
    "open_container",
    "open_with_secret",
    "parse_header",
    "prepare",
    "read_header",
    "reader_of",
    "recover_secret",
    "require_header",
    "seal",
    "seal_payload",
    "unwrap_share",
]

CHUNK_BYTES = 1 << CHUNK_BITS
SMALL_BYTES = 1 << 14
# How far around its place a chunk that does not open is looked for, to say that it was moved.
_SEARCH = 256


@dataclass(frozen=True, repr=False)
class Sealed:
    """What sealing leaves: ``root`` identifies the bid, ``secret`` (and ``lock``) open it.

    ``size`` is the length of the container in bytes; ``block_hashes`` are l_0 … l_k, header first.
    """

    bid: bytes
    part: str
    root: bytes
    size: int
    block_hashes: tuple[bytes, ...]
    secret: bytes
    lock: bytes
    header: Header


@dataclass(frozen=True)
class Opened:
    """What opening found. ``plain_size`` is the length of the plaintext in bytes."""

    header: Header
    root: bytes
    block_hashes: tuple[bytes, ...]
    plain_size: int


def seal_payload(envelope: Envelope, plain: BinaryIO, out: BinaryIO) -> Sealed:
    """Encrypt ``plain`` under a prepared envelope and write the whole container to ``out``.

    An envelope serves once: a second payload under it would use a nonce twice.

    Source: spec sealing §5 steps 6–8.
    """
    header = envelope.header
    suite = suite_named(header.suite)
    key = payload_key(header, envelope.secret, envelope.lock)
    out.write(header.raw)
    block_hashes = [suite.hash(b"\0", header.raw)]
    size = len(header.raw)
    sealed = bytearray()
    for index, chunk, last in _chunks(plain, CHUNK_BYTES):
        length = len(chunk) + suite.tag_bytes
        if len(sealed) < length:
            sealed = bytearray(length)
        target = memoryview(sealed)[:length]
        suite.aead_seal(key, _nonce(index, last), chunk, target)
        block_hashes.append(suite.hash(b"\0", target))
        out.write(target)
        size += len(target)
    root = merkle.root_of_hashes(block_hashes, suite.hash)
    return Sealed(
        header.bid, header.part, root, size, tuple(block_hashes), envelope.secret, envelope.lock, header
    )


def seal(
    plain: BinaryIO,
    out: BinaryIO,
    *,
    policy: Policy,
    part: str,
    bid: bytes,
    entropy: Entropy,
    own_lock: bool = False,
) -> Sealed:
    """``prepare`` and ``seal_payload`` in one go, for a plaintext that does not name its header."""
    envelope = prepare(policy=policy, part=part, bid=bid, entropy=entropy, own_lock=own_lock)
    return seal_payload(envelope, plain, out)


def read_header(container: BinaryIO) -> Header:
    """Read exactly the header from a stream, leaving it at the first chunk; refuses as ``parse_header``."""
    prefix = _read_up_to(container, PREFIX_BYTES)
    length = int.from_bytes(prefix[len(MAGIC) :], "big")
    rest = b"" if prefix[: len(MAGIC)] != MAGIC else _read_up_to(container, min(length, HEADER_BYTES_MAX))
    return parse_header(prefix + rest)


def open_with_secret(
    container: BinaryIO,
    out: BinaryIO,
    secret: bytes,
    lock: bytes = b"",
    *,
    root: bytes | None = None,
    size: int | None = None,
) -> Opened:
    """Decrypt a container into quarantine.

    ``out`` receives a chunk only after its tag has fitted. Whatever is refused, ``out`` is cut back to where
    it stood if it can be; a caller releases nothing before this function has returned.

    Args:
        secret, lock: ``S`` and, for a container with the bidder's own lock, ``B``.
        root: the logged root, compared at the end (``root_mismatch``).
        size: the logged size of the container in bytes (``container_truncated``, ``container_extended``).

    Raises:
        SealError: any of ``parse_header``; ``secret_mismatch``, ``lock_missing``, ``lock_mismatch``; for the
            payload ``container_truncated``, ``container_extended``, ``chunk_misplaced``, ``chunk_altered``,
            ``header_or_first_chunk_altered`` (``facts["index"]`` counts chunks from 0), ``root_mismatch``.

    Source: spec sealing §5.
    """
    header = read_header(container)
    suite = suite_named(header.suite)
    require_secret(header, secret, lock)
    start = out.tell() if out.seekable() else None
    try:
        block_hashes, plain_size, sealed_size = _open_chunks(
            header, payload_key(header, secret, lock), container, out, size
        )
        found = merkle.root_of_hashes(block_hashes, suite.hash)
        if size is not None and sealed_size != size:
            raise SealError(_length_code(sealed_size, size), "The container has another length than logged.")
        if root is not None and found != root:
            raise SealError("root_mismatch", "The container is not the one that was logged.")
    except SealError:
        if start is not None:
            out.seek(start)
            out.truncate()
        raise
    return Opened(header, found, tuple(block_hashes), plain_size)


def open_container(
    container: BinaryIO,
    out: BinaryIO,
    shares: Mapping[int, bytes],
    *,
    lock: bytes = b"",
    policy: Policy | None = None,
    root: bytes | None = None,
    size: int | None = None,
) -> Opened:
    """Combine released shares and open; ``container`` must be seekable. Refuses as the steps it joins."""
    start = container.tell()
    header = read_header(container)
    if policy is not None:
        require_header(header, policy=policy)
    secret = recover_secret(header, shares)
    container.seek(start)
    return open_with_secret(container, out, secret, lock, root=root, size=size)


def blocks_of(container: BinaryIO) -> Iterator[bytes]:
    """Yield the blocks of a container as uploaded and hashed: header, then each chunk with its tag."""
    header = read_header(container)
    yield header.raw
    for _, chunk, _ in _chunks(container, CHUNK_BYTES + suite_named(header.suite).tag_bytes):
        yield bytes(chunk)


def block_hashes_of(container: BinaryIO) -> list[bytes]:
    """Return l_0 … l_k of a container; ``merkle.root_of_hashes`` over them is its root."""
    header = read_header(container)
    suite = suite_named(header.suite)
    chunks = _chunks(container, CHUNK_BYTES + suite.tag_bytes)
    return [suite.hash(b"\0", header.raw), *(suite.hash(b"\0", chunk) for _, chunk, _ in chunks)]


def reader_of(pieces: Iterable[bytes]) -> BinaryIO:
    """Return an unbuffered binary reader over an iterable of byte strings."""
    return io.BufferedReader(_PieceReader(iter(pieces)), buffer_size=1 << 16)


def _open_chunks(
    header: Header, key: bytes, container: BinaryIO, out: BinaryIO, size: int | None
) -> tuple[list[bytes], int, int]:
    """Return block hashes, plaintext size and container size; refuse the first chunk that does not open."""
    suite = suite_named(header.suite)
    block_hashes, plain_size, sealed_size = [suite.hash(b"\0", header.raw)], 0, len(header.raw)
    plain = bytearray()
    for index, chunk, last in _chunks(container, CHUNK_BYTES + suite.tag_bytes):
        sealed_size += len(chunk)
        length = len(chunk) - suite.tag_bytes
        # An empty chunk after a full one would give the same plaintext a second spelling.
        if length < 0 or (length == 0 and index > 0):
            raise SealError("container_truncated", "The container ends within a chunk.", index=index)
        if len(plain) < length:
            plain = bytearray(length)
        target = memoryview(plain)[:length]
        if not suite.aead_open(key, _nonce(index, last), chunk, target):
            if last and size is not None and sealed_size != size:
                raise SealError(
                    _length_code(sealed_size, size), "The container has another length than logged."
                )
            raise _diagnosis(suite, key, index, last, chunk)
        block_hashes.append(suite.hash(b"\0", chunk))
        out.write(target)
        plain_size += length
    return block_hashes, plain_size, sealed_size


def _diagnosis(suite: Suite, key: bytes, index: int, last: bool, chunk: memoryview) -> SealError:
    """Say what happened to a chunk that does not open, as far as its bytes still tell."""
    scratch = bytearray(len(chunk) - suite.tag_bytes)
    if suite.aead_open(key, _nonce(index, not last), chunk, scratch):
        if last:
            return SealError("container_truncated", "The container ends after a whole chunk.", index=index)
        return SealError("container_extended", "Something follows the final chunk.", index=index)
    for other in range(max(0, index - _SEARCH), index + _SEARCH):
        for flag in (False, True):
            if suite.aead_open(key, _nonce(other, flag), chunk, scratch):
                return SealError("chunk_misplaced", f"Chunk {other} stands at place {index}.", index=index)
    if index == 0:
        return SealError("header_or_first_chunk_altered", "The header or chunk 0 was altered.", index=0)
    return SealError("chunk_altered", f"Chunk {index} was altered.", index=index)


def _length_code(found: int, logged: int) -> str:
    return "container_truncated" if found < logged else "container_extended"


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _chunks(stream: BinaryIO, size: int) -> Iterator[tuple[int, memoryview, bool]]:
    """Yield (index, chunk, last); a view is valid until the next one is asked for. Empty input: one chunk."""
    current = bytearray(min(size, SMALL_BYTES))  # most parts of a bid are small
    index, have = 0, _fill(stream, current)
    if have == len(current) < size:
        current.extend(bytes(size - have))
        have += _fill(stream, memoryview(current)[have:])
    following = bytearray(size) if have == size else bytearray()
    while True:
        ahead = _fill(stream, following) if have == size else 0
        yield index, memoryview(current)[:have], ahead == 0
        if ahead == 0:
            return
        current, following, have, index = following, current, ahead, index + 1


def _fill(stream: BinaryIO, buffer: bytearray | memoryview) -> int:
    """Read until ``buffer`` is full or the stream ends; sockets and pipes may answer in small pieces."""
    view, have = memoryview(buffer), 0
    readinto = getattr(stream, "readinto", None)
    while have < len(buffer):
        if readinto is not None:
            got = readinto(view[have:])
        else:
            piece = stream.read(len(buffer) - have)
            got = len(piece)
            view[have : have + got] = piece
        if not got:
            break
        have += got
    return have


def _read_up_to(stream: BinaryIO, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: _fill(stream, buffer)])


class _PieceReader(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
