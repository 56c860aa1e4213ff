"""Shamir's secret sharing over GF(2^8) with the polynomial 0x11B, byte by byte.

All bytes of a secret travel side by side in the lanes of one big integer, and multiplication is shift and
mask. No table is ever indexed by a secret; only the custodians' numbers, which are public, steer the flow.

Source: spec sealing §5 step 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from sealbid.errors import SealError

SHARES_MAX = 16
_REDUCTION = 0x1B


def split(secret: bytes, *, t: int, n: int, entropy: Callable[[int], bytes]) -> dict[int, bytes]:
    """Deal ``n`` shares of ``secret``, any ``t`` of which give it back.

    Args:
        entropy: returns that many fresh random bytes; asked t-1 times, for c_1 … c_(t-1) in order.

    Returns:
        share by custodian number 1 … n, each as long as the secret.

    Raises:
        SealError: ``threshold`` unless 2 ≤ t ≤ n ≤ 16; ``entropy`` when too few bytes came back.
    """
    if not 2 <= t <= n <= SHARES_MAX:
        raise SealError("threshold", "The threshold must satisfy 2 ≤ t ≤ n ≤ 16.", t=t, n=n)
    coefficients = [secret, *(entropy(len(secret)) for _ in range(t - 1))]
    if any(len(c) != len(secret) for c in coefficients):
        raise SealError("entropy", "The source of entropy returned the wrong number of bytes.")
    lanes = [int.from_bytes(c, "big") for c in coefficients]
    return {x: _horner(lanes, x, len(secret)).to_bytes(len(secret), "big") for x in range(1, n + 1)}


def interpolate(shares: Mapping[int, bytes], at: int = 0) -> bytes:
    """Return f(``at``) for the one polynomial of degree < ``len(shares)`` through all the given shares.

    ``at=0`` is the secret. The caller decides how many shares make a threshold.

    Raises:
        SealError: ``share_format`` for no shares, unequal lengths, or numbers outside 0 … 255 (0 as a share).
    """
    sizes = {len(share) for share in shares.values()}
    if len(sizes) != 1 or not all(0 < x < 256 for x in shares) or not 0 <= at < 256:
        raise SealError("share_format", "Shares have equal lengths and numbers from 1 to 255.")
    size = sizes.pop()
    value = 0
    for x, share in shares.items():
        value ^= _scale(int.from_bytes(share, "big"), _lagrange(x, tuple(shares), at), size)
    return value.to_bytes(size, "big")


def _horner(lanes: list[int], x: int, size: int) -> int:
    value = 0
    for lane in reversed(lanes):
        value = _scale(value, x, size) ^ lane
    return value


def _scale(lanes: int, factor: int, size: int) -> int:
    """Multiply every byte lane by the public ``factor``."""
    ones = int.from_bytes(b"\x01" * size, "big")
    low = ones * 0x7F
    product = 0
    while factor:
        if factor & 1:
            product ^= lanes
        factor >>= 1
        lanes = ((lanes & low) << 1) ^ ((lanes >> 7 & ones) * _REDUCTION)
    return product


@functools.lru_cache(maxsize=4096)
def _lagrange(x: int, others: tuple[int, ...], at: int) -> int:
    """The weight of share ``x`` at the point ``at``; all inputs are public numbers, so they may be remembered."""
    numerator = denominator = 1
    for other in others:
        if other != x:
            numerator = _scale(numerator, other ^ at, 1)
            denominator = _scale(denominator, other ^ x, 1)
    return _scale(numerator, _inverse(denominator), 1)


def _inverse(number: int) -> int:
    """number^254 in GF(2^8), which is its inverse."""
    result, power = 1, number
    for bit in range(1, 8):
        power = _scale(power, power, 1)
        if 254 >> bit & 1:
            result = _scale(result, power, 1)
    return result
