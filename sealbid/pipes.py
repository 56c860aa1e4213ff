"""Commands whose output goes into a pipe that somebody closes early, as ``head`` does."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

CLOSED = 141
"""Exit code of a command whose reader has gone: what a shell says of one that SIGPIPE ended (128 + 13)."""


def into_pipe(deed: Callable[[], int]) -> int:
    """Run a command to its last line of output.

    Returns:
        Its exit code; ``CLOSED`` when nobody reads any more, without a word about it.

    Source: POSIX.1-2017 XCU 2.8.2 (a signal's exit status exceeds 128).
    """
    try:
        code = deed()
        sys.stdout.flush()
    except BrokenPipeError:
        if not _unread():
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(
            nowhere, sys.stdout.fileno()
        )  # what is left in the buffer must not complain at the end either
        os.close(nowhere)
        return CLOSED
    return code


def _unread() -> bool:
    """Whether it is standard output that nobody reads, and not some other connection that broke."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in asked.poll(0))
