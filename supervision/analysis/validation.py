"""How good an order is where labels are known, with intervals, under grouped splits.

Source: detection §1 (1, 9), §4.2 (grouped by tender, duplicates together, tuned inside).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from supervision.analysis.shapes import Bools, Floats, Ints

BOOTSTRAPS = 400
REPEATS = 20
FOLDS = 5


@dataclass(frozen=True)
class Figure:
    """A measured figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Figures:
    """Of a score against labels.

    Attributes:
        tenders, rigged: how many are decided, and how many of these are confirmed. auc, average_precision: with intervals by
            resampling groups. balanced_accuracy: threshold set on the other folds, repeated grouped folds.
        top5: precision in the top 5 %.
    """

    tenders: int
    rigged: int
    auc: Figure
    average_precision: Figure
    balanced_accuracy: Figure
    top5: float


def auc(y: Floats, score: Floats) -> float:
    """P(a rigged tender scores higher than a clean one), ties count half; NaN with one class."""
    _, back, number = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(number) - (number - 1) / 2)[back]
    ones = float(y.sum())
    zeros = len(y) - ones
    if not ones or not zeros:
        return float("nan")
    return float((rank[y > 0].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def average_precision(y: Floats, score: Floats) -> float:
    """Mean of the precision at every rise of recall, equal scores taken together; NaN without a rigged tender."""
    order = np.argsort(-score, kind="stable")
    hit, s = y[order], score[order]
    last = np.r_[s[1:] != s[:-1], True]
    found = np.cumsum(hit)[last]
    seen = (np.arange(len(y)) + 1.0)[last]
    if not len(found) or not found[-1]:
        return float("nan")
    return float((np.diff(np.r_[0.0, found]) * found / seen).sum() / found[-1])


def best_threshold(y: Floats, score: Floats) -> float:
    """The threshold (≥ is rigged) of the highest balanced accuracy."""
    order = np.argsort(-score, kind="stable")
    hit, s = y[order], score[order]
    last = np.r_[s[1:] != s[:-1], True]
    ones, zeros = max(hit.sum(), 1.0), max((1 - hit).sum(), 1.0)
    gain = (np.cumsum(hit) / ones - np.cumsum(1 - hit) / zeros)[last]
    return float(s[last][int(np.argmax(gain))])


def balanced(y: Floats, said: Bools) -> float:
    """Mean of the hit rates of both classes; NaN with one class."""
    if not (y > 0).any() or not (y == 0).any():
        return float("nan")
    return float((said[y > 0].mean() + (~said[y == 0]).mean()) / 2)


def folds(y: Floats, group: Ints, rng: Generator, *, number: int = FOLDS) -> Iterator[tuple[Ints, Ints]]:
    """Grouped folds with the classes spread evenly: (positions to learn from, positions to test)."""
    groups, first, back = np.unique(group, return_index=True, return_inverse=True)
    dealt = np.empty(len(groups), dtype=np.int64)
    for label in (0.0, 1.0):
        own = rng.permutation(np.flatnonzero(y[first] == label))
        dealt[own] = (np.arange(len(own)) + int(rng.integers(number))) % number
    of = dealt[back]
    for one in range(number):
        yield np.flatnonzero(of != one), np.flatnonzero(of == one)


def measure(y: Floats, score: Floats, group: Ints, rng: Generator) -> Figures:
    """All figures of a score that was made without these labels.

    Args:
        y: 1 rigged, 0 clean, shape (k,). score: high is suspicious, shape (k,). group: duplicates share one, shape (k,).
    """
    accuracy = []
    for _ in range(REPEATS):
        for learn, test in folds(y, group, rng):
            if len(np.unique(y[learn])) == 2:
                at = best_threshold(y[learn], score[learn])
                accuracy.append(balanced(y[test], score[test] >= at))
    top = max(1, round(0.05 * len(y)))
    return Figures(
        len(y),
        int(y.sum()),
        interval(auc, y, score, group, rng),
        interval(average_precision, y, score, group, rng),
        _spread(np.array(accuracy)),
        float(y[np.argsort(-score, kind="stable")[:top]].mean()),
    )


def _spread(values: Floats) -> Figure:
    known = values[~np.isnan(values)]
    if not len(known):
        return Figure(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(float(known.mean()), float(low), float(high))


def interval(
    figure: Callable[[Floats, Floats], float], y: Floats, score: Floats, group: Ints, rng: Generator
) -> Figure:
    """The figure and its percentile interval from resampling groups."""
    drawn = np.array([figure(y[one], score[one]) for one in resamples(group, rng)])
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (float("nan"), float("nan"))
    return Figure(figure(y, score), float(low), float(high))


def resamples(group: Ints, rng: Generator, *, times: int = BOOTSTRAPS) -> Iterator[Ints]:
    """Positions of groups drawn with replacement."""
    order = np.argsort(group, kind="stable")
    groups, start, size = np.unique(group[order], return_index=True, return_counts=True)
    for _ in range(times):
        drawn = rng.integers(len(groups), size=len(groups))
        length = size[drawn]
        offset = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        yield order[np.repeat(start[drawn], length) + offset]


def better(y: Floats, one: Floats, other: Floats, group: Ints, rng: Generator) -> Figure:
    """AUC of ``one`` − AUC of ``other`` on the same tenders, with its interval from resampling both together."""
    drawn = np.array([auc(y[some], one[some]) - auc(y[some], other[some]) for some in resamples(group, rng)])
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (float("nan"), float("nan"))
    return Figure(auc(y, one) - auc(y, other), float(low), float(high))
