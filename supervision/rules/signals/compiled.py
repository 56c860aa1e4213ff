"""The seven screens as one compiled loop, where the optional extra ``compiled`` is installed.

Source: detection §2, §7.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@cache
def kernel() -> Callable[[Ints, Ints, Floats], Floats] | None:
    """(number of bids, starts, bids side by side) → screens of shape (7, m); None without the extra."""
    try:
        import numba
    except ImportError:
        return None
    compiled = numba.njit(parallel=True, cache=False, nogil=True)(_loop(numba.prange))  # type: ignore[no-untyped-call]

    def run(n: Ints, start: Ints, bid: Floats) -> Floats:
        out = np.full((7, len(n)), np.nan)
        if len(n):
            compiled(n, start, bid, out, max(64, len(n) // 256))
        return out

    return run


def _loop(prange):  # type: ignore[no-untyped-def]
    """The loop over runs of tenders; a run keeps one buffer, sorts by insertion and takes moments in two passes."""

    def loop(n, start, bid, out, run):  # type: ignore[no-untyped-def]
        for piece in prange((len(n) + run - 1) // run):
            first, last = piece * run, min((piece + 1) * run, len(n))
            longest = 0
            for t in range(first, last):
                longest = max(longest, n[t])
            b = np.empty(max(longest, 1))
            for t in range(first, last):
                k = n[t]
                if k < 2:
                    continue
                total = 0.0
                for i in range(k):
                    x = bid[start[t] + i]
                    total += x
                    j = i
                    while j > 0 and b[j - 1] > x:
                        b[j] = b[j - 1]
                        j -= 1
                    b[j] = x
                low, high = b[0], b[k - 1]
                mean = min(max(total / k, low), high)  # rounding may not make equal bids deviate
                gap = b[1] - low
                s2 = s3 = s4 = 0.0
                for i in range(k):
                    d = b[i] - mean
                    d2 = d * d
                    s2 += d2
                    s3 += d2 * d
                    s4 += d2 * d2
                out[0, t] = np.sqrt(s2 / (k - 1)) / mean
                out[1, t] = (high - low) / low
                out[2, t] = gap / low
                if k > 2:
                    losers = min(max((total - low) / (k - 1), b[1]), high)
                    e2 = 0.0
                    for i in range(1, k):
                        e = b[i] - losers
                        e2 += e * e
                    sd = np.sqrt(e2 / (k - 2))
                    if sd > 0:
                        out[3, t] = gap / sd
                    elif gap > 0:
                        out[3, t] = np.inf
                out[4, t] = 0.0
                out[5, t] = 0.0
                if k > 2 and s2 > 0:
                    v = s2 / k
                    out[4, t] = np.sqrt(k * (k - 1.0)) / (k - 2) * (s3 / k) / (v * np.sqrt(v))
                    if k > 3:
                        excess = s4 / k / (v * v) - 3
                        out[5, t] = (k - 1.0) / ((k - 2.0) * (k - 3.0)) * ((k + 1) * excess + 6)
                if high > low:
                    furthest = 1.0 / k
                    for i in range(1, k):
                        u = (b[i] - low) / (high - low)
                        furthest = max(furthest, (i + 1.0) / k - u, u - i / k)
                    out[6, t] = furthest

    return loop
