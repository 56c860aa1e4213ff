"""How often each statistical rule fires on tenders of independent bids: shared by the tests and by the table in docs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from supervision.analysis.engine import look
from supervision.analysis.shapes import History

SHAPES = ("log-normal", "uniform", "heavy-tailed")


@dataclass(frozen=True)
class Rate:
    """A rule on ``tenders`` tenders of ``n`` bids: how many fired at ``alpha``."""

    rule: str
    shape: str
    n: int
    alpha: float
    fired: int
    tenders: int

    @property
    def bound(self) -> float:
        """α and three binomial standard errors."""
        return self.alpha + 3 * float(np.sqrt(self.alpha * (1 - self.alpha) / self.tenders))

    @property
    def holds(self) -> bool:
        return self.fired / self.tenders <= self.bound


def independent(shape: str, n: int, tenders: int, rng: Generator) -> NDArray[np.float64]:
    """Independent bids, each tender with a level and a spread of its own, shape (tenders, n)."""
    level = np.exp(rng.normal(14, 1, (tenders, 1)))
    spread = rng.uniform(0.01, 0.3, (tenders, 1))
    if shape == "log-normal":
        return level * np.exp(spread * rng.standard_normal((tenders, n)))
    if shape == "uniform":
        return level * (1 + spread * rng.random((tenders, n)))
    return level * (1 + spread * rng.pareto(2.0, (tenders, n)))


def rates(
    shape: str, n: int, tenders: int, seed: int, *, alphas: tuple[float, ...] = (0.05, 0.01, 0.001)
) -> Iterator[Rate]:
    """Every p-value and every pattern rule of the screen, on one file of such tenders."""
    rng = default_rng([seed, n, SHAPES.index(shape)])
    bids = independent(shape, n, tenders, rng)
    days = np.datetime64("2024-01-01") + rng.integers(0, 365, tenders)
    history = History(
        [str(t) for t in range(tenders)],
        ["works"] * tenders,
        days.astype("datetime64[D]"),
        bids.mean(axis=1) * 1.2,
        [],
        np.repeat(np.arange(tenders), n),
        np.full(tenders * n, -1),
        bids.ravel(),
        np.zeros(tenders * n, dtype=np.bool_),
    )
    seen = look(history, rng=rng, permutations=0, compiled=False)
    for alpha in alphas:
        for name, kept in seen.p.items():
            p = np.asarray(kept)
            yield Rate(name, shape, n, alpha, int((p <= alpha).sum()), tenders)
        for rule, pattern in seen.patterns.items():
            yield Rate(rule, shape, n, alpha, int(pattern.fires(alpha).sum()), tenders)
            yield Rate(f"p_{rule}", shape, n, alpha, int((pattern.p <= alpha).sum()), tenders)
