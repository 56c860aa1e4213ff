"""For commands that do very much of the same in one process: a replay, a simulated year, the demonstration city."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""Collect after so many new objects: a transaction makes thousands, and almost all go by themselves."""


def collect_seldom() -> None:
    """From now on leave alone what is loaded, and collect seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)


LARGE = 1 << 18
"""Blocks from this size on are asked of the system one by one, and given back as soon as they are free."""
_M_MMAP_THRESHOLD = -3


def give_back_memory() -> None:
    """For commands with few large arrays: without it the allocator keeps what one of them leaves, in pieces."""
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)
    except (AttributeError, OSError):  # another C library: memory is then only less tidy
        return


@contextmanager
def seldom_collected() -> Iterator[None]:
    """``collect_seldom``, and as before afterwards."""
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
