"""Draws that nobody can steer: K values, coefficients, ties and experts out of the bidders' own numbers.

The stream never touches a random generator: the same inputs give the same result anywhere, for ever.

Source: spec sealing §9.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sealbid.errors import SealError
from sealbid.octets import label, u32, u64
from sealbid.suites import suite_named

NONCE_BYTES = 32
_SPAN = 2**64

T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """What a draw is about.

    Attributes:
        kind: what is drawn, for example ``k-value`` or ``experts``.
        draw_id: tells several draws of one tender apart.
        root: 32-byte root of the witnessed checkpoint that closed the contributions.
        nonces: 32-byte lottery numbers ordered by bid id; for a bid that cannot be opened its ``root``.
    """

    kind: str
    tender: str
    draw_id: str
    root: bytes
    nonces: tuple[bytes, ...]
    suite: str = "intl-1"

    def seed(self) -> bytes:
        """Return the 32-byte seed; ``draw_inputs`` for a root or number of another length, or no number."""
        if len(self.root) != NONCE_BYTES or not self.nonces:
            raise SealError("draw_inputs", "A draw needs a 32-byte root and at least one number.")
        if any(len(nonce) != NONCE_BYTES for nonce in self.nonces):
            raise SealError("draw_inputs", "A lottery number has 32 bytes.")
        return suite_named(self.suite).hash(
            label("sealbid/1 draw"),
            label(self.kind),
            label(self.tender),
            label(self.draw_id),
            self.root,
            u32(len(self.nonces)),
            *self.nonces,
        )

    def stream(self) -> Stream:
        """Return the stream of numbers, from its beginning."""
        return Stream(self.seed(), self.suite)


class Stream:
    """Blocks ``H(seed ‖ u64 i)`` read as big-endian 64-bit numbers, in order, without end."""

    def __init__(self, seed: bytes, suite: str = "intl-1") -> None:
        self._seed = seed
        self._hash = suite_named(suite).hash
        self._block = 0
        self._words: list[int] = []

    def word(self) -> int:
        """Return the next number in 0 … 2^64 - 1."""
        if not self._words:
            block = self._hash(self._seed, u64(self._block))
            self._block += 1
            self._words = [int.from_bytes(block[i : i + 8], "big") for i in range(len(block) - 8, -1, -8)]
        return self._words.pop()

    def below(self, n: int) -> int:
        """Return a number in 0 … n - 1, all equally likely; ``draw_range`` unless 1 ≤ n ≤ 2^64."""
        if not 1 <= n <= _SPAN:
            raise SealError("draw_range", "A draw picks among 1 to 2^64 possibilities.")
        while True:
            word = self.word()
            if word < _SPAN - _SPAN % n:
                return word % n


def select(stream: Stream, candidates: Sequence[T], count: int) -> list[T]:
    """Pick ``count`` of the frozen ``candidates``, in the order drawn: a partial Fisher–Yates shuffle.

    A replacement after an illness is the next place of the same stream: ask for one more and take the last;
    the earlier places do not change.

    Raises:
        SealError: ``draw_range`` when more are asked for than there are.
    """
    if not 0 <= count <= len(candidates):
        raise SealError("draw_range", "More are to be drawn than there are candidates.")
    order = list(candidates)
    for place in range(count):
        other = place + stream.below(len(order) - place)
        order[place], order[other] = order[other], order[place]
    return order[:count]


def blind_codes(secret: bytes, bids: Sequence[str]) -> dict[str, str]:
    """Code of each bid id (hex): numbered by HMAC-SHA256 of the id under a secret that was committed before.

    Who does not know the secret learns nothing from a code; who is shown it afterwards computes all of them again.
    """
    ranked = sorted(bids, key=lambda bid: hmac.digest(secret, bytes.fromhex(bid), "sha256"))
    return {bid: f"T-{place:02d}" for place, bid in enumerate(ranked, start=1)}
