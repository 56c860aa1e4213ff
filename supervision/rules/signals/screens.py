"""Seven screens of how the prices of one tender lie, for all tenders in one pass over arrays.

Tenders are bucketed by their number of bids; a bucket is walked in pieces that stay in the processor's cache,
laid out one bid rank a row, so that every step is a long vector operation. Standard deviations are two-pass:
sums of squares lose all digits on tight bids.

Source: detection §2 (definitions), §7 (speed).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PIECE = 16_384
"""Numbers in a piece of a bucket: 128 kB, which stays in a second-level cache with its temporaries."""
NETWORK_MAX = 12
"""Up to this many bids, rows are sorted by compare-exchange of whole vectors; beyond, by the library's sort."""


class Screen(StrEnum):
    """The seven screens, in the order of the columns."""

    CV = "CV"
    SPD = "SPD"
    DIFFP = "DIFFP"
    RD = "RD"
    SKEW = "SKEW"
    KURT = "KURT"
    KSTEST = "KSTEST"


ALL = tuple(Screen)


@dataclass(frozen=True)
class Screens:
    """Screens of tenders 0 … m − 1.

    Attributes:
        n: number of bids, shape (m,). values: shape (7, m), rows as in ``Screen``; NaN where undefined: all for
            n = 0 and 1, RD for n = 2 (one losing bid has no deviation) and KSTEST or RD where bids coincide.
    """

    n: Ints
    values: Floats

    def __getitem__(self, screen: Screen) -> Floats:
        found: Floats = self.values[ALL.index(screen)]
        return found

    def as_mapping(self) -> Mapping[str, Floats]:
        """Name of each screen → its values, shape (m,)."""
        return {screen.value: self.values[row] for row, screen in enumerate(ALL)}


@dataclass(frozen=True)
class Grouped:
    """Bids with those of one tender side by side: ``bid[start[t] : start[t] + n[t]]`` are the bids of tender t.

    Attributes:
        order: where each bid stood in the input, shape (b,); None when the input already was side by side.
    """

    n: Ints
    start: Ints
    bid: Floats
    order: Ints | None


def grouped(tender: NDArray[np.integer], bid: Floats, *, tenders: int | None = None) -> Grouped:
    """Put the bids of each tender side by side, keeping their order.

    Args:
        tender: index of the tender of each bid, 0 ≤ index, shape (b,). bid: prices, shape (b,).
        tenders: number of tenders; by default the highest index + 1.

    Raises:
        ValueError: the shapes differ, or an index is out of range.
    """
    if tender.shape != bid.shape or tender.ndim != 1:
        raise ValueError("tender and bid must be two arrays of one length")
    if not len(tender):
        none = np.zeros(tenders or 0, dtype=np.int64)
        return Grouped(none, none.copy(), np.empty(0), None)
    if int(tender.min()) < 0 or (tenders is not None and int(tender.max()) >= tenders):
        raise ValueError("an index of a tender is out of range")
    n = np.bincount(tender, minlength=tenders or 0).astype(np.int64, copy=False)
    start = np.cumsum(n) - n
    if bool(np.all(tender[1:] >= tender[:-1])):
        return Grouped(n, start, np.ascontiguousarray(bid, dtype=np.float64), None)
    order = np.argsort(tender, kind="stable")
    return Grouped(n, start, np.ascontiguousarray(bid[order], dtype=np.float64), order)


def buckets(n: Ints, start: Ints, *, piece: int = PIECE) -> Iterator[tuple[int, Ints, Ints]]:
    """Pieces of tenders with the same number of bids: (number of bids, tenders, their starts)."""
    by_count = np.argsort(n.astype(np.int32), kind="stable")
    counts, firsts = np.unique(n[by_count], return_index=True)
    for count, first, last in zip(counts, firsts, [*firsts[1:], len(by_count)], strict=True):
        if count < 1:
            continue
        step = max(1, piece // int(count))
        for begin in range(int(first), int(last), step):
            members = by_count[begin : min(begin + step, int(last))]
            yield int(count), members, start[members]


@cache
def exchanges(n: int) -> tuple[tuple[int, int], ...]:
    """Compare-exchanges that sort n numbers (Batcher's odd-even merge, for any n)."""
    pairs = []
    p = 1
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(min(k, n - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        pairs.append((i + j, i + j + k))
            k //= 2
        p *= 2
    return tuple(pairs)


def sorted_rows(bid: Floats, start: Ints, count: int) -> Floats:
    """Bids of the tenders that begin at ``start``, ascending, one rank a row: shape (count, len(start))."""
    if count > NETWORK_MAX:
        rows = bid[start[:, None] + np.arange(count)]
        rows.sort(axis=1)
        return np.ascontiguousarray(rows.T)
    found = np.empty((count, len(start)))
    for rank in range(count):
        np.take(bid, start + rank, out=found[rank], mode="clip")
    low = np.empty(len(start))
    for i, j in exchanges(count):
        np.minimum(found[i], found[j], out=low)
        np.maximum(found[i], found[j], out=found[j])
        found[i] = low
    return found


def of_sorted(b: Floats) -> Floats:
    """The seven screens of tenders with the same number of bids n ≥ 2.

    Args:
        b: ascending bids, one rank a row, shape (n, m), all positive.

    Returns:
        Shape (7, m), rows as in ``Screen``.
    """
    n, m = b.shape
    found = np.empty((len(ALL), m))
    low, high = b[0], b[-1]
    mean = _mean(b)
    d = b - mean
    d2 = d * d
    m2 = d2.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(np.sqrt(m2 / (n - 1)), mean, out=found[0])
        np.divide(high - low, low, out=found[1])
        gap = b[1] - low
        np.divide(gap, low, out=found[2])
        found[3] = _relative_distance(b, gap)
        found[4], found[5] = _shape(d, d2, m2)
        found[6] = _distance_from_uniform(b)
    return found


def _mean(b: Floats) -> Floats:
    """Mean of ascending bids; rounding may not carry it out of their range, so equal bids deviate by nothing."""
    return np.asarray(np.clip(b.sum(axis=0) / len(b), b[0], b[-1]))


def _relative_distance(b: Floats, gap: Floats) -> Floats:
    losers = b[1:]
    n = len(losers)
    if n < 2:
        return np.full(b.shape[1], np.nan)
    e = losers - _mean(losers)
    e *= e
    return np.asarray(gap / np.sqrt(e.sum(axis=0) / (n - 1)))


def _shape(d: Floats, d2: Floats, m2: Floats) -> tuple[Floats | float, Floats | float]:
    """Adjusted Fisher-Pearson skewness and sample excess kurtosis; 0 for few or coinciding bids."""
    n = len(d)
    if n < 3:
        return 0.0, 0.0
    flat = m2 <= 0
    s = np.where(flat, 1.0, m2 / n)
    m3 = (d2 * d).sum(axis=0) / n
    skew = np.where(flat, 0.0, np.sqrt(n * (n - 1)) / (n - 2) * m3 / (s * np.sqrt(s)))
    if n < 4:
        return skew, 0.0
    excess = (d2 * d2).sum(axis=0) / n / (s * s) - 3
    return skew, np.where(flat, 0.0, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6))


def _distance_from_uniform(b: Floats) -> Floats:
    n = len(b)
    low = b[0]
    u = (b - low) / (b[-1] - low)
    furthest = np.full(b.shape[1], 1.0 / n)
    for rank in range(1, n):
        np.maximum(furthest, (rank + 1) / n - u[rank], out=furthest)
        np.maximum(furthest, u[rank] - rank / n, out=furthest)
    return np.where(b[-1] > low, furthest, np.nan)


def screens(
    tender: NDArray[np.integer], bid: Floats, *, tenders: int | None = None, compiled: bool = False
) -> Screens:
    """The seven screens of every tender.

    Args:
        tender: index of the tender of each bid, in any order, shape (b,). bid: positive prices, shape (b,).
        tenders: number of tenders; by default the highest index + 1.
        compiled: use the compiled kernel where it is installed; the figures are the same up to rounding.

    Raises:
        ValueError: the shapes differ, an index is out of range, or a price is not a positive finite number.

    Source: detection §2.
    """
    one = grouped(tender, bid, tenders=tenders)
    if len(one.bid) and not (float(one.bid.min()) > 0 and np.isfinite(float(one.bid.max()))):
        raise ValueError("prices must be positive and finite")
    if compiled:
        from supervision.rules.signals.compiled import kernel

        if (run := kernel()) is not None:
            return Screens(one.n, run(one.n, one.start, one.bid))
    values = np.full((len(ALL), len(one.n)), np.nan)
    for count, members, start in buckets(one.n, one.start):
        if count > 1:
            values[:, members] = of_sorted(sorted_rows(one.bid, start, count))
    return Screens(one.n, values)
