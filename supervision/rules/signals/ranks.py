"""Ranks inside a market and p-values of exchangeable tenders.

A screen has no threshold that travels: what is a small spread for milk is a large one for roads. So every screen is
read as a rank inside its market. Its p-value asks less still: among tenders of one category with the same number of
bids, drawn independently from whatever distribution, each is equally likely to be the most extreme.

Source: detection §1 (2), §5 (dispersion: rank within category and n).
"""

from __future__ import annotations

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


def ranks(values: Floats, stratum: Ints) -> tuple[Floats, Floats, Ints]:
    """Of every value in its stratum: how many are lower, how many are equal (itself included), how many there are.

    NaN has no rank and counts for nobody: its three are NaN, NaN and the size of its stratum. Shapes as ``values``.
    """
    below, equal = np.full(len(values), np.nan), np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    size = np.bincount(stratum[known], minlength=int(stratum.max(initial=-1)) + 1)
    if len(known):
        order = known[np.lexsort((values[known], stratum[known]))]
        v, s = values[order], stratum[order]
        new_stratum = np.r_[True, s[1:] != s[:-1]]
        new_value = new_stratum | np.r_[True, v[1:] != v[:-1]]
        first_of_stratum = np.maximum.accumulate(np.where(new_stratum, np.arange(len(v)), 0))
        first_of_value = np.maximum.accumulate(np.where(new_value, np.arange(len(v)), 0))
        runs = np.flatnonzero(new_value)
        lengths = np.diff(np.r_[runs, len(v)])
        below[order] = first_of_value - first_of_stratum
        equal[order] = np.repeat(lengths, lengths)
    return below, equal, size[stratum].astype(np.int64)


def share_below(values: Floats, stratum: Ints) -> Floats:
    """Rank in the stratum between 0 and 1, equal values sharing their middle; 0.5 where the value is NaN."""
    below, equal, size = ranks(values, stratum)
    return np.where(np.isnan(values), 0.5, (below + equal / 2) / np.maximum(size, 1))


def exchangeable_p(values: Floats, stratum: Ints, *, high: bool) -> Floats:
    """P(a tender of its stratum is at least this extreme), when the tenders of a stratum are exchangeable.

    P(p ≤ α) ≤ α for every α, whatever the distribution of the bids; equality up to 1 ÷ size of the stratum. Small strata
    are silent rather than loud: with m tenders no p-value is below 1/m. NaN stays NaN.

    Args:
        high: whether high values are the suspicious ones.
    """
    below, equal, size = ranks(values, stratum)
    rank = size - below if high else below + equal
    return np.asarray(rank / np.maximum(size, 1))
