"""Patterns of prices that the law names (规律性差异), each against what chance does.

A rule fires when its criterion of rules §5.2 is met *and* its p-value is at most α. The criterion alone is noise: a
progression of four neighbours within 2 % is found in almost every tender of fifty independent bids.

Source: rules §5.2 Q-01, Q-02, Q-07, Q-08, EX-16; detection §5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from supervision.rules.signals.nulls import WINDOW, Progressions, unevenness
from supervision.rules.signals.ranks import exchangeable_p
from supervision.rules.signals.screens import Grouped, buckets, sorted_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EVEN_MAX = 0.02
NEAR_CEILING, BELOW_CEILING = 0.98, 0.95
SUSPECTS_MAX = 3


@dataclass(frozen=True)
class Pattern:
    """A rule over all tenders.

    Attributes:
        value: its statistic, NaN where it does not apply. p: under its null, 1 where it does not apply.
            met: whether the criterion of the rule is met, whatever the p-value. Each of shape (m,).
    """

    value: Floats
    p: Floats
    met: Bools

    def fires(self, alpha: float) -> Bools:
        """Criterion met and p ≤ α, shape (m,)."""
        return self.met & (self.p <= alpha)


def steps_even(bids: Floats) -> tuple[float, float]:
    """CV (population) of the differences and of the ratios − 1 of one tender's sorted bids, two or more, positive.

    Source: rules §5.3 EX-16.
    """
    b = np.sort(np.asarray(bids, dtype=np.float64))
    step, ratio = np.diff(b), b[1:] / b[:-1] - 1
    if len(step) == 0 or step.mean() == 0:
        return float("nan"), float("nan")
    return float(step.std() / step.mean()), float(ratio.std() / ratio.mean())


def progressions(of: Grouped, null: Callable[[int], Progressions]) -> tuple[Pattern, Pattern]:
    """Q-01 arithmetic and Q-02 geometric: all bids, or else four or more neighbours, in even steps.

    Where both fit, the one that fits better is named; where all bids fit one, windows of the other do not count.

    Args:
        of: bids side by side. null: number of bids → its null; asked once a number.
    """
    m = len(of.n)
    value = np.full((2, m), np.nan)
    p = np.ones((2, m))
    met = np.zeros((2, m), dtype=np.bool_)
    seen: dict[int, Progressions] = {}
    for count, members, start in buckets(of.n, of.start):
        if count < WINDOW:
            continue
        if count not in seen:
            seen[count] = null(count)
        b = sorted_rows(of.bid, start, count)
        found = [unevenness(b[1:] - b[:-1]), unevenness(b[1:] / b[:-1] - 1)]
        both = np.array([one[0] for one in found])
        some = np.array([one[1] for one in found])
        p[:, members] = np.array([seen[count].p(*one) for one in found])
        with np.errstate(invalid="ignore"):
            whole = both <= EVEN_MAX
            by_window = (some <= EVEN_MAX) & ~whole.any(axis=0)
        value[:, members] = np.where(whole.any(axis=0), both, some)
        fits = np.where(whole, both, np.where(by_window, some, np.inf))
        met[:, members] = np.isfinite(fits) & (fits <= fits.min(axis=0))
    return Pattern(value[0], p[0], met[0]), Pattern(value[1], p[1], met[1])


def under_the_ceiling(of: Grouped, tender: Ints, bid: Floats, ceiling: Floats, market: Ints) -> Pattern:
    """Q-07: all bids but one at 98 % of the ceiling or more, and that one at 95 % or less.

    Null: the bids of a tender are independent draws from the ratios to the ceiling in the *other* tenders of its
    market; then P = n·F(0.95)·(1 − F(0.98))^(n − 1). A market that always bids so says nothing about one tender.

    Args:
        tender, bid: as in ``grouped``. ceiling: of each tender, NaN where there is none, shape (m,).
        market: of each tender, shape (m,).
    """
    m = len(of.n)
    ratio = bid / ceiling[tender]
    has = ~np.isnan(ratio)
    high = np.bincount(tender[has], weights=(ratio[has] >= NEAR_CEILING).astype(float), minlength=m)
    low = np.bincount(tender[has], weights=(ratio[has] <= BELOW_CEILING).astype(float), minlength=m)
    n = np.where(np.isnan(ceiling), 0, of.n)
    all_n, all_high, all_low = (
        np.bincount(market, weights=w)[market] - w for w in (n.astype(float), high, low)
    )
    share_high, share_low = (all_high + 1) / (all_n + 2), (all_low + 1) / (all_n + 2)
    met = (n >= 3) & (high == n - 1) & (low == 1)
    p = np.where(met, np.minimum(1.0, n * share_low * share_high ** np.maximum(n - 1, 0)), 1.0)
    return Pattern(np.where(n > 0, high / np.maximum(n, 1), np.nan), p, met)


def pivotal(bids: Floats) -> tuple[tuple[int, ...], float]:
    """Q-08: extreme bids that decide who comes nearest to the mean, and how far they stand off.

    The winner is the bid nearest to the mean of all bids. A group of up to three of the lowest or highest bids is
    pivotal when another bid wins without it. Returns the group (positions in ``bids``) that stands off furthest,
    empty if there is none, and its distance: gap to the next bid ÷ spread of the others.
    """
    b = np.asarray(bids, dtype=np.float64)
    order = np.argsort(b, kind="stable")
    winner = int(order[np.argmin(np.abs(b[order] - b.mean()))])
    best: tuple[tuple[int, ...], float] = ((), 0.0)
    for size in range(1, min(SUSPECTS_MAX, len(b) - 3) + 1):
        for group, rest in ((order[:size], order[size:]), (order[-size:], order[:-size])):
            if winner in group:
                continue
            kept = b[rest]
            gap = max(kept[0] - b[group].max(), b[group].min() - kept[-1])
            spread = kept[-1] - kept[0]
            if (
                spread > 0
                and b[rest[np.argmin(np.abs(kept - kept.mean()))]] != b[winner]
                and gap / spread > best[1]
            ):
                best = tuple(int(i) for i in group), float(gap / spread)
    return best


def without(bids: Floats, *, suspects_max: int = SUSPECTS_MAX) -> list[tuple[int, ...]]:
    """Every group of up to three bids, other than the winner, without which another bid is nearest to the mean."""
    b = np.asarray(bids, dtype=np.float64)
    winner = int(np.argmin(np.abs(b - b.mean())))
    others = [i for i in range(len(b)) if i != winner]
    found = []
    for size in range(1, min(suspects_max, len(b) - 2) + 1):
        for group in combinations(others, size):
            kept = np.delete(b, group)
            if b[winner] != kept[int(np.argmin(np.abs(kept - kept.mean())))]:
                found.append(group)
    return found


def steering(of: Grouped, stratum: Ints) -> Pattern:
    """Q-08 over all tenders of five bids or more, where a mean is the benchmark.

    Null: tenders of one category with the same number of bids are exchangeable; outliers are as frequent as the market
    itself has them, so heavy tails do not fire the rule.

    Args:
        stratum: category and number of bids of each tender, shape (m,).
    """
    m = len(of.n)
    value = np.full(m, np.nan)
    for count, members, start in buckets(of.n, of.start):
        if count >= 5:
            value[members] = _stand_off(sorted_rows(of.bid, start, count))
    p = exchangeable_p(value, stratum, high=True)
    p = np.where(np.isnan(p) | ~(value > 0), 1.0, p)
    return Pattern(value, p, value >= 1.0)


def _stand_off(b: Floats) -> Floats:
    """As ``pivotal`` for sorted bids of many tenders, shape (n, m) → (m,)."""
    n, m = b.shape
    winner = np.argmin(np.abs(b - b.mean(axis=0)), axis=0)
    won = b[winner, np.arange(m)]
    best = np.zeros(m)
    for size in range(1, min(SUSPECTS_MAX, n - 3) + 1):
        for kept, gap, own in (
            (b[size:], b[size] - b[size - 1], winner < size),
            (b[:-size], b[-size] - b[-size - 1], winner >= n - size),
        ):
            other = kept[np.argmin(np.abs(kept - kept.mean(axis=0)), axis=0), np.arange(m)]
            spread = kept[-1] - kept[0]
            with np.errstate(invalid="ignore", divide="ignore"):
                off = np.where((spread > 0) & (other != won) & ~own, gap / spread, 0.0)
            best = np.maximum(best, np.nan_to_num(off))
    return best
