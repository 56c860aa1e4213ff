"""The label-free score: an order of the queue from what every market has, without any confirmed case.

A sum of ranks inside the market, each of which a supervisor can read by itself:

- ``dispersion``: low CV. Rigged tenders are more regular than honest ones.
- ``size``: a high mean price. Cartels go where the money is; on its own it says little.
- ``estimate``: a high winning bid ÷ estimate, where there is an estimate. Lost competition, the strongest of all; beside it
  size counts fully, because a size that the estimate confirms is no artefact of the bids.
- ``company``: the strongest past tie between two bidders, where bidders are named, above what is usual in the market. Not a
  rank: it counts in proportion, so a market without rings is ordered by its prices.
- ``neighbours``: the dispersion of the tenders around it in time, where no estimate says more and where permutation shows
  that neighbours resemble each other. Cartels last.

The weights were set on four markets and stay where they are; docs/detection.md shows what each brings where.

Source: detection §1 (2, 5, 6), §4.3, §5 (ranks, never one opaque sum: every part is shown beside it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from supervision.rules.signals.ranks import share_below

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TIE_FULL = 0.4
PRICES: Mapping[str, float] = {"dispersion": 1.0, "size": 0.5, "company": 4.0, "neighbours": 1.0}
WITH_ESTIMATE: Mapping[str, float] = {"dispersion": 1.0, "size": 1.0, "estimate": 2.0, "company": 4.0}
NEIGHBOURS_SPAN = 20.0
"""Standard deviation, in tenders, of the bell that weighs neighbours."""
NEIGHBOURS_P_MAX = 0.01
ESTIMATES_MIN = 0.5
"""Least share of a file's tenders with an estimate for the estimate to count."""


@dataclass(frozen=True)
class Score:
    """Scores of all tenders.

    Attributes:
        parts: name → contribution before its weight, 0 … 1 (or centred on 0: neighbours), shape (m,). weights: of the parts
            in use. total: their weighted sum, shape (m,). share: rank of the total among all, 0 … 1, shape (m,).
        neighbours_p: p-value of the resemblance of neighbours; None when no order was known.
    """

    parts: Mapping[str, Floats]
    weights: Mapping[str, float]
    total: Floats
    share: Floats
    neighbours_p: float | None


def score(
    *,
    market: Ints,
    cv: Floats,
    mean: Floats,
    estimate_ratio: Floats | None,
    tie: Floats | None,
    order: Floats | None,
    rng: Generator,
) -> Score:
    """Combine what is there.

    Args:
        market: of each tender, shape (m,). cv: NaN where a tender has no two bids; such tenders come last by dispersion.
        mean: mean bid. estimate_ratio: winning bid ÷ estimate, NaN where unknown, or None. tie: past tie as in
            ``company``, or None. order: moment of each tender, ties allowed, or None.
    """
    parts: dict[str, Floats] = {
        "dispersion": np.where(np.isnan(cv), 0.0, 1.0 - share_below(cv, market)),
        "size": share_below(mean, market),
    }
    if estimate_ratio is not None and np.mean(~np.isnan(estimate_ratio)) >= ESTIMATES_MIN:
        parts["estimate"] = share_below(estimate_ratio, market)
    if tie is not None:
        parts["company"] = _beyond_usual(np.nan_to_num(tie), market)
    table = WITH_ESTIMATE if "estimate" in parts else PRICES
    p = None
    if order is not None and "neighbours" in table:
        around, p = neighbours(parts["dispersion"], market, order, rng)
        if p <= NEIGHBOURS_P_MAX:
            parts["neighbours"] = around
    weights = {name: table[name] for name in parts}
    total = np.asarray(sum(weights[name] * value for name, value in parts.items()))
    everyone = np.zeros(len(total), dtype=np.int64)
    return Score(parts, weights, total, share_below(total, everyone), p)


def _beyond_usual(tie: Floats, market: Ints) -> Floats:
    """Ties above the median of their market, 1 at ``TIE_FULL`` above it: where few firms bid, everybody meets."""
    usual = np.zeros(int(market.max(initial=-1)) + 1)
    for one in np.unique(market):
        usual[one] = np.median(tie[market == one])
    return np.clip((tie - usual[market]) / TIE_FULL, 0.0, 1.0)


def neighbours(value: Floats, market: Ints, order: Floats, rng: Generator) -> tuple[Floats, float]:
    """Mean of the value around each tender in its market, itself left out, less the market's mean.

    Returns:
        The means, shape (m,), and P(neighbours resemble each other this much) by permuting tenders inside markets: the
        statistic is the correlation of each tender with its surroundings over all markets.
    """
    found = np.zeros(len(value))
    markets = [np.flatnonzero(market == one) for one in np.unique(market)]
    lined = [one[np.argsort(order[one], kind="stable")] for one in markets if len(one) >= 20]
    for one in lined:
        found[one] = _around(value[one] - value[one].mean())
    if not lined:
        return found, 1.0
    everyone = np.concatenate(lined)
    seen = float((found[everyone] * _centred(value, lined)).sum())
    tries, as_much = 199, 0
    for _ in range(tries):
        dealt = [rng.permutation(value[one] - value[one].mean()) for one in lined]
        as_much += sum(float((_around(one) * one).sum()) for one in dealt) >= seen
    return found, (1 + as_much) / (1 + tries)


def _centred(value: Floats, lined: list[Ints]) -> Floats:
    return np.concatenate([value[one] - value[one].mean() for one in lined])


def _around(value: Floats) -> Floats:
    span = NEIGHBOURS_SPAN
    half = int(min(4 * span, (len(value) - 1) // 2))
    bell = np.exp(-0.5 * (np.arange(-half, half + 1) / span) ** 2)
    bell[half] = 0.0
    weight = np.convolve(np.ones(len(value)), bell, "same")
    return np.asarray(np.convolve(value, bell, "same") / weight)
