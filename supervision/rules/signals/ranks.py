"""Ranks inside a market and p-values of exchangeable tenders.

A screen has no threshold that travels: what is a small spread for milk is a large one for roads. So every screen is
read as a rank inside its market. Its p-value asks less still: among tenders of one category with the same number of
bids, drawn independently from whatever distribution, each is equally likely to be the most extreme.

Source: detection §1 (2), §5 (dispersion: rank within category and n).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def codes(*columns: NDArray[np.generic] | list[str]) -> Ints:
    """One number for each combination of values, shape as the columns."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, own = np.unique(np.asarray(column), return_inverse=True)
        _, found = np.unique(found * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return found.astype(np.int64)


@dataclass(frozen=True)
class _Sorted:
    """Known values in the order of their strata and sizes: where each stood, its stratum, how many of the stratum are lower,
    how many are equal (itself included). Whole numbers of 32 bits: this is where memory is shortest.
    """

    order: Ints
    stratum: NDArray[np.integer[Any]]
    below: NDArray[np.int32]
    equal: NDArray[np.int32]
    size: Ints


def _sorted(values: Floats, stratum: NDArray[np.integer[Any]]) -> _Sorted:
    size = np.bincount(stratum[~np.isnan(values)], minlength=int(stratum.max(initial=-1)) + 1)
    order = np.lexsort((values, stratum))  # NaN stands last in its stratum
    s = stratum[order]
    v = values[order]
    known = ~np.isnan(v)
    if not known.all():
        order, s, v = order[known], s[known], v[known]
    new = np.ones(len(v), dtype=np.bool_)
    new[1:] = (v[1:] != v[:-1]) | (s[1:] != s[:-1])
    del v, known
    runs = np.flatnonzero(new).astype(np.int32)
    lengths = np.diff(runs, append=np.int32(len(s)))
    begins = (np.cumsum(size) - size).astype(np.int32)
    return _Sorted(order, s, np.repeat(runs, lengths) - begins[s], np.repeat(lengths, lengths), size)


def share_below(values: Floats, stratum: NDArray[np.integer[Any]]) -> Floats:
    """Rank in the stratum between 0 and 1, equal values sharing their middle; 0.5 where the value is NaN."""
    of = _sorted(values, stratum)
    found = np.full(len(values), 0.5)
    found[of.order] = (of.below + of.equal / 2) / np.maximum(of.size, 1)[of.stratum]
    return found


def exchangeable_p(values: Floats, stratum: NDArray[np.integer[Any]], *, high: bool) -> Floats:
    """P(a tender of its stratum is at least this extreme), when the tenders of a stratum are exchangeable.

    P(p ≤ α) ≤ α for every α, whatever the distribution of the bids; equality up to 1 ÷ size of the stratum. Small strata
    are silent rather than loud: with m tenders no p-value is below 1/m. NaN stays NaN.

    Args:
        high: whether high values are the suspicious ones.
    """
    return np.asarray(rank_p(values, stratum, high=high))


@dataclass(frozen=True)
class RankP:
    """p-values of ``exchangeable_p`` kept as whole ranks, half as large: rank ÷ known tenders of the stratum, when asked.

    Attributes:
        rank: 0 where the value is unknown, shape (m,). stratum: shape (m,). size: known tenders of each stratum.
    """

    rank: NDArray[np.int32]
    stratum: NDArray[np.integer[Any]]
    size: Ints

    def __len__(self) -> int:
        return len(self.rank)

    def __getitem__(self, at: Any) -> Any:
        """The p-values at a place, or at an array of places; NaN where the value is unknown."""
        rank = self.rank[at]
        found = rank / np.maximum(self.size[self.stratum[at]], 1)
        return np.where(rank == 0, np.nan, found) if np.ndim(rank) else float(found if rank else np.nan)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[np.arange(len(self.rank))], dtype=dtype)


def rank_p(values: Floats, stratum: NDArray[np.integer[Any]], *, high: bool) -> RankP:
    """The p-values of ``exchangeable_p``, kept small."""
    of = _sorted(values, stratum)
    if not len(of.order):
        return RankP(np.broadcast_to(np.int32(0), (len(values),)), stratum, of.size)
    rank = np.zeros(len(values), dtype=np.int32)
    rank[of.order] = of.size[of.stratum] - of.below if high else of.below + of.equal
    return RankP(rank, stratum, of.size)
