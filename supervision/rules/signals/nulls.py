"""What chance does: null distributions of the pattern rules and of meetings between firms.

Spacings between sorted independent bids are, up to their scale, exponential variables where the density is flat; with many
bids any other density makes them less even. With few bids a hump makes them slightly more even, so there the p-value is
the largest over several shapes. No spread has to be known: the statistic is scale-free.

Source: detection §1 (4), §5 (p-value by simulation; permutation of bidders inside category and year).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 20_000
"""Simulated tenders behind a progression's p-value: it cannot be below 1 ÷ 20,001."""
DRAWS_MANY = 4_000
"""The same beyond ``FEW`` bids, where every draw costs more."""
FEW = 10
"""Up to this many bids the shape of the distribution matters."""
WINDOW = 4
"""Least number of consecutive bids a progression may have (rules §5.2 Q-01)."""


def unevenness(steps: Floats) -> tuple[Floats, Floats]:
    """Coefficient of variation (population) of the steps between sorted bids: of all, and the least of any window.

    Args:
        steps: steps between neighbours, ascending bids, shape (n − 1, m) with n ≥ 4.

    Returns:
        Two arrays of shape (m,); NaN where every step is 0 (identical bids are no progression).
    """
    first, second, third = steps[:-2], steps[1:-1], steps[2:]
    mean = (first + second + third) / 3
    spread = np.sqrt(((first - mean) ** 2 + (second - mean) ** 2 + (third - mean) ** 2) / 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        window = np.fmin.reduce(spread / mean, axis=0)
        whole = steps.std(axis=0) / steps.mean(axis=0)
    return whole, window


@dataclass(frozen=True)
class Shape:
    """The null of progressions among n bids of one shape.

    Attributes:
        whole, window: sorted null values of the two statistics. least: sorted null values of the smaller of their two
            p-values, which is what a rule with two chances must be judged by. Each of shape (draws,).
    """

    whole: Floats
    window: Floats
    least: Floats

    def p(self, whole: Floats, window: Floats) -> Floats:
        """P(either statistic is as small as its own p-value says) for independent bids; NaN counts as 1."""
        least = np.fmin(_lower(self.whole, whole), _lower(self.window, window))
        found = _lower(self.least, least)
        return np.where(np.isnan(least), 1.0, found)


def _lower(null: Floats, value: Floats) -> Floats:
    found = (1.0 + np.searchsorted(null, value, side="right")) / (len(null) + 1.0)
    return np.where(np.isnan(value), np.nan, found)


@dataclass(frozen=True)
class Progressions:
    """The null of progressions among n bids of whatever shape: the least favourable of several."""

    shapes: tuple[Shape, ...]

    def p(self, whole: Floats, window: Floats) -> Floats:
        """The largest p-value of any shape, shape (m,)."""
        return np.asarray(np.maximum.reduce([one.p(whole, window) for one in self.shapes]))


def _flat(n: int, m: int, rng: Generator) -> Floats:
    return rng.standard_exponential((n - 1, m))


def _normal(n: int, m: int, rng: Generator) -> Floats:
    return np.diff(np.sort(rng.standard_normal((n, m)), axis=0), axis=0)


def _dome(n: int, m: int, rng: Generator) -> Floats:
    return np.diff(np.sort(rng.beta(2.0, 2.0, (n, m)), axis=0), axis=0)


def _logistic(n: int, m: int, rng: Generator) -> Floats:
    return np.diff(np.sort(rng.logistic(size=(n, m)), axis=0), axis=0)


def progressions(n: int, rng: Generator, *, draws: int | None = None) -> Progressions:
    """Simulate the null for n ≥ 4 independent bids; ``draws`` tenders a shape."""
    if n < WINDOW:
        raise ValueError("a progression needs four bids")
    kinds = (_flat, _normal, _dome, _logistic) if n <= FEW else (_flat,)
    size = draws or (DRAWS if n <= FEW else DRAWS_MANY)
    return Progressions(tuple(_simulated(kind, n, rng, size) for kind in kinds))


def _simulated(kind: Callable[[int, int, Generator], Floats], n: int, rng: Generator, draws: int) -> Shape:
    whole, window = np.empty(draws), np.empty(draws)
    step = max(1, 200_000 // n)
    for first in range(0, draws, step):
        some = slice(first, min(first + step, draws))
        whole[some], window[some] = unevenness(kind(n, some.stop - first, rng))
    pair = [np.searchsorted(np.sort(one), one, side="right") for one in (whole, window)]
    least = np.sort((1.0 + np.minimum(*pair)) / (draws + 1.0))
    return Shape(np.sort(whole), np.sort(window), least)


@dataclass(frozen=True)
class Dealer:
    """The bids of each stratum side by side, the same for every deal. Arrays of shape (b,).

    Attributes:
        order: bids by stratum. home: their strata. start, size: where the stratum of each begins and how many it has.
        place: where each bid stands in ``order``.
    """

    order: Ints
    home: Ints
    start: Ints
    size: Ints
    place: Ints


def dealer(stratum: Ints) -> Dealer:
    """Lay bids out for dealing; ``stratum`` of each bid, shape (b,)."""
    order = np.argsort(stratum, kind="stable")
    home = stratum[order]
    start = np.searchsorted(home, home, side="left")
    place = np.empty(len(stratum), dtype=np.int64)
    place[order] = np.arange(len(stratum))
    return Dealer(order, home, start, np.searchsorted(home, home, side="right") - start, place)


def permuted_firms(firm: Ints, tender: Ints, of: Dealer, rng: Generator, *, tries: int = 12) -> Ints:
    """Deal the bids of each stratum (category and year) to its tenders anew.

    Every firm keeps its number of bids in the stratum and every tender its number of bids; a firm dealt twice to one
    tender is dealt again, ``tries`` times, after which the few that remain meet nobody new.

    Args:
        firm, tender: of each bid, shape (b,). of: their strata (category and year), constant within a tender.

    Returns:
        The firm of each bid after the deal, shape (b,).
    """
    dealt = firm.copy()
    dealt[of.order] = firm[of.order[np.lexsort((rng.random(len(firm)), of.home))]]
    wide = int(firm.max(initial=0)) + 1
    for _ in range(tries):
        key = tender * wide + dealt
        order = np.argsort(key, kind="stable")
        key = key[order]
        twice = order[1:][key[1:] == key[:-1]]
        if not len(twice):
            break
        for bid in twice.tolist():
            at = of.place[bid]
            other = of.order[of.start[at] + int(rng.integers(of.size[at]))]
            dealt[bid], dealt[other] = dealt[other], dealt[bid]
    return dealt
