"""What was tried to order tenders better by prices alone; a part of what ``detection_table.py`` writes.

Every way is a fixed recipe, or learns on the other markets only. What it gains is measured against the score in use, on
the same tenders, by resampling groups inside every market; the gain that counts is the mean over the markets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import default_rng

from supervision.analysis import validation
from supervision.analysis.engine import SUSPICIOUS_HIGH, Look
from supervision.analysis.shapes import Floats, History, Ints
from supervision.rules.signals.ranks import codes, exchangeable_p, share_below
from supervision.rules.signals.screens import Screen

RIDGE = 1.0
SEVEN = tuple(SUSPICIOUS_HIGH)


@dataclass(frozen=True)
class Tried:
    """A market as the recipes see it: arrays over its tenders of three bids and more.

    Attributes:
        y: 1 rigged, 0 clean. group: equal bid vectors share one. total: the score in use. market, stratum: category, and
            category with number of bids. figure: screens and the mean bid by name, high is suspicious.
    """

    y: Floats
    group: Ints
    total: Floats
    market: Ints
    stratum: Ints
    n: Floats
    figure: Mapping[str, Floats]

    def rank(self, name: str, *, within_n: bool = False) -> Floats:
        return share_below(self.figure[name], self.stratum if within_n else self.market)

    def p(self, name: str, *, within_n: bool = False) -> Floats:
        """P(as suspicious a figure) among exchangeable tenders; ½ where there is none."""
        return np.nan_to_num(
            exchangeable_p(self.figure[name], self.stratum if within_n else self.market, high=True), nan=0.5
        )


def a_market(history: History, seen: Look, label: Floats, group: Ints) -> Tried:
    """The decided tenders of a market."""
    where = np.flatnonzero(~np.isnan(label) & (seen.screens.n >= 3))
    figure = {
        one.value: (1.0 if high else -1.0) * seen.screens[one][where] for one, high in SUSPICIOUS_HIGH.items()
    }
    figure["size"] = seen.mean[where]
    market = codes(seen.market[where])
    n = seen.screens.n[where].astype(np.int64)
    return Tried(
        label[where], group[where], seen.score.total[where], market, codes(market, n), n + 0.0, figure
    )


def _sum(weights: Mapping[str, float], *, within_n: bool = False) -> Callable[[Tried], Floats]:
    return lambda of: np.asarray(
        sum(weight * of.rank(name, within_n=within_n) for name, weight in weights.items())
    )


def _combined(names: tuple[str, ...], how: str, *, within_n: bool = False) -> Callable[[Tried], Floats]:
    """P-values of some figures as one: Fisher, Stouffer or the harmonic mean."""
    normal = NormalDist()

    def score(of: Tried) -> Floats:
        p = np.array([np.clip(of.p(name, within_n=within_n), 1e-9, 1 - 1e-9) for name in names])
        if how == "Fisher":
            return np.asarray(-np.log(p).sum(axis=0))
        if how == "Stouffer":
            return np.asarray(-np.vectorize(normal.inv_cdf)(p).sum(axis=0))
        return np.asarray((1 / p).sum(axis=0))

    return score


CV, RD, SPD = Screen.CV.value, Screen.RD.value, Screen.SPD.value
ALL_SEVEN = tuple(one.value for one in SEVEN)
RECIPES: Mapping[str, Callable[[Tried], Floats]] = {
    "score in use": lambda of: of.total,
    **{f"{name} alone": _sum({name: 1.0}) for name in ALL_SEVEN},
    "size alone": _sum({"size": 1.0}),
    "CV + ½ size": _sum({CV: 1.0, "size": 0.5}),
    "CV + ½ size, ranks within number of bids": _sum({CV: 1.0, "size": 0.5}, within_n=True),
    "CV within number of bids + ½ size": lambda of: of.rank(CV, within_n=True) + 0.5 * of.rank("size"),
    "score in use, size in full": lambda of: of.total + 0.5 * of.rank("size"),
    "CV + size": _sum({CV: 1.0, "size": 1.0}),
    "SPD + ½ size": _sum({SPD: 1.0, "size": 0.5}),
    "CV + SPD + size": _sum({CV: 1.0, SPD: 1.0, "size": 1.0}),
    "CV + RD + ½ size": _sum({CV: 1.0, RD: 1.0, "size": 0.5}),
    "mean rank of seven screens": _sum(dict.fromkeys(ALL_SEVEN, 1.0)),
    "mean rank of seven screens and size": _sum(dict.fromkeys((*ALL_SEVEN, "size"), 1.0)),
    **{
        f"{how}, {what}{', within number of bids' if within else ''}": _combined(names, how, within_n=within)
        for how in ("Fisher", "Stouffer", "harmonic mean")
        for what, names in (("CV and size", (CV, "size")), ("seven and size", (*ALL_SEVEN, "size")))
        for within in (False, True)
    },
}
"""Fixed ways to order tenders. High is suspicious."""


def leave_one_out(markets: Mapping[str, Tried], columns: Callable[[Tried], Floats]) -> dict[str, Floats]:
    """Scores of each market with weights learned on the others, every market counting the same."""
    found = {}
    for name, of in markets.items():
        others = [one for other, one in markets.items() if other != name]
        x = np.vstack([columns(one) for one in others])
        y = np.concatenate([one.y for one in others])
        weight = np.concatenate([_balanced(one.y) for one in others])
        found[name] = np.asarray(columns(of) @ _logistic(x, y, weight))
    return found


def best_on_the_others(
    markets: Mapping[str, Tried], scores: Mapping[str, Mapping[str, Floats]]
) -> dict[str, Floats]:
    """Scores of each market by the recipe with the highest mean AUC on the others."""
    found = {}
    for name in markets:
        others = [(other, of) for other, of in markets.items() if other != name]
        best = max(scores, key=lambda what: sum(validation.auc(of.y, scores[what][m]) for m, of in others))
        found[name] = scores[best][name]
    return found


def _balanced(y: Floats) -> Floats:
    """Weights with which both classes of a market count half, and the market a thousand."""
    ones = y.sum()
    return np.where(y > 0, 500 / max(ones, 1), 500 / max(len(y) - ones, 1))


def _logistic(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Coefficients of a ridge logistic line by Newton's method; the intercept orders nothing and is left out."""
    one = np.column_stack([x, np.ones(len(x))])
    found = np.zeros(one.shape[1])
    ridge = np.diag([RIDGE] * x.shape[1] + [1e-6])
    for _ in range(30):
        p = 1 / (1 + np.exp(-one @ found))
        step = np.linalg.solve(
            (one.T * (weight * p * (1 - p))) @ one + ridge, one.T @ (weight * (y - p)) - ridge @ found
        )
        found = found + step
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(found[:-1])


def _ranks(within_n: bool, number: bool) -> Callable[[Tried], Floats]:
    def columns(of: Tried) -> Floats:
        made = [of.rank(name, within_n=within_n) for name in (*ALL_SEVEN, "size")]
        if number:
            made.append(share_below(of.n, of.market))
        return np.column_stack(made) - 0.5

    return columns


def tried(markets: Mapping[str, Tried]) -> Iterator[str]:
    """Rows of the table: AUC in each market, the mean, and the gain over the score in use with its interval."""
    scores = {name: {m: recipe(of) for m, of in markets.items()} for name, recipe in RECIPES.items()}
    for what, columns in (
        ("weights learned on the others, ranks of seven and size", _ranks(False, False)),
        ("the same within number of bids", _ranks(True, False)),
        ("the same with the number of bids", _ranks(False, True)),
    ):
        scores[what] = leave_one_out(markets, columns)
    scores["the best of these on the other markets"] = best_on_the_others(markets, scores)
    names = list(markets)
    yield "| prices alone | " + " | ".join(names) + " | mean | gain over the score in use [95 %] |"
    yield "| --- |" + " --- |" * (len(names) + 2)
    for what, score in scores.items():
        cells = [validation.auc(of.y, score[name]) for name, of in markets.items()]
        gain = "" if what == "score in use" else str(gained(markets, score))
        yield (
            f"| {what} | "
            + " | ".join(f"{cell:.3f}" for cell in cells)
            + f" | {np.mean(cells):.3f} | {gain} |"
        )


def gained(markets: Mapping[str, Tried], score: Mapping[str, Floats]) -> validation.Figure:
    """Mean over the markets of what a score gains over the one in use, groups of every market resampled."""
    rng = default_rng(1)
    value, drawn = [], []
    for name, of in markets.items():
        value.append(validation.auc(of.y, score[name]) - validation.auc(of.y, of.total))
        drawn.append(
            [
                validation.auc(of.y[some], score[name][some]) - validation.auc(of.y[some], of.total[some])
                for some in validation.resamples(of.group, rng)
            ]
        )
    low, high = np.quantile(np.nanmean(np.array(drawn), axis=0), [0.025, 0.975])
    return validation.Figure(float(np.mean(value)), float(low), float(high))
