"""Blocks of a sealed container out of one request body, without holding more than one group in memory.

Source: spec sealing §5 (layout), §6 (8 MiB is a good size).
"""

from __future__ import annotations

import re
from typing import IO

from bidding.actions.submission import BLOCK_BYTES_MAX, HEADER_BLOCK_BYTES_MAX
from kernel.errors import NotValid, TooLarge

GROUP_BLOCKS_MAX = 8
GROUP_BYTES_MAX = HEADER_BLOCK_BYTES_MAX + GROUP_BLOCKS_MAX * BLOCK_BYTES_MAX
PREFIX_BYTES = 12
_RANGE = re.compile(r"(0|[1-9][0-9]{0,6})-(0|[1-9][0-9]{0,6})")


def parse_range(text: str) -> tuple[int, int]:
    """``a-b``, both included; NotValid ``block_range`` otherwise or for more blocks than one group holds."""
    found = _RANGE.fullmatch(text)
    first, last = (int(found[1]), int(found[2])) if found else (0, -1)
    if not 0 <= last - first <= GROUP_BLOCKS_MAX:  # the header is one more than the eight chunks beside it
        raise NotValid(
            "block_range",
            source="sealing §6",
            field="blocks",
            count=max(last - first + 1, 0),
            blocks_max=GROUP_BLOCKS_MAX + 1,
        )
    return first, last


def blocks_from(stream: IO[bytes], length: int | None, *, first: int, count: int) -> list[bytes]:
    """Cut a body into its blocks. Block 0 says its own length, every other but the last is a full chunk.

    Raises:
        TooLarge: ``group_too_large`` by the declared length, before anything is read.
        NotValid: ``block_range`` when the body holds fewer or more blocks than the address says.
    """
    if length is None or length > GROUP_BYTES_MAX:
        raise TooLarge("group_too_large", field="blocks", bytes_max=GROUP_BYTES_MAX)
    blocks: list[bytes] = []
    left = length
    for number in range(first, first + count):
        if number == 0:
            prefix = _read(stream, min(PREFIX_BYTES, left))
            size = int.from_bytes(prefix[8:], "big") if len(prefix) == PREFIX_BYTES else 0
            block = prefix + _read(stream, min(size, left - len(prefix), HEADER_BLOCK_BYTES_MAX))
        else:
            block = _read(stream, min(BLOCK_BYTES_MAX, left))
        left -= len(block)
        if not block:
            break
        blocks.append(block)
    if left or len(blocks) != count:
        raise NotValid("block_range", source="sealing §6", field="blocks", first=first, count=len(blocks))
    return blocks


def _read(stream: IO[bytes], size: int) -> bytes:
    pieces = []
    while size:
        piece = stream.read(size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
