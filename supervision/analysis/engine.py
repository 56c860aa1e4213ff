"""Everything the statistics say about a history: screens, ranks, p-values, patterns, meetings and the score.

The command line and the nightly run both look through this one window.

Source: detection §2, §5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from supervision.analysis.shapes import Bools, Days, Floats, History, Ints
from supervision.rules.signals import network, nulls, patterns
from supervision.rules.signals.company import Before, Company, company, nothing_before
from supervision.rules.signals.network import Chance, Meetings, Pairs, Presence
from supervision.rules.signals.patterns import Pattern
from supervision.rules.signals.ranks import RankP, codes, rank_p
from supervision.rules.signals.score import Score, score
from supervision.rules.signals.screens import Grouped, Screen, Screens, grouped, screens

COMPILED_FROM = 20_000_000
"""Bids from which starting the compiled kernel (seconds, and a hundred megabytes) pays; below, arrays alone are faster."""
MARKET_MIN = 10
"""Categories with fewer tenders are read together: a rank among three says nothing."""
SUSPICIOUS_HIGH: Mapping[Screen, bool] = {
    Screen.CV: False,
    Screen.SPD: False,
    Screen.DIFFP: True,
    Screen.RD: True,
    Screen.SKEW: False,
    Screen.KURT: True,
    Screen.KSTEST: True,
}
"""Whether high values of a screen are the suspicious ones, as cover bids make them: close together, one apart."""

Tell = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _all: int) -> None:
    """Tell nobody how far the work is."""


@dataclass(frozen=True)
class Look:
    """What was seen. Arrays of shape (m,) unless said otherwise.

    Attributes:
        market: category of each tender, small ones together. stratum: category and number of bids. mean, lowest: bids.
        ratio: winning bid ÷ ceiling, NaN where unknown. screens, score: as computed. p: name → p-values.
        patterns: rule → result. presence … chance: of named firms; None without them, chance None when not asked for.
    """

    market: Ints
    stratum: Ints
    mean: Floats
    lowest: Floats
    ratio: Floats
    screens: Screens
    score: Score
    p: Mapping[str, RankP]
    patterns: Mapping[str, Pattern]
    presence: Presence | None
    met: Meetings | None
    company: Company | None
    pairs: Pairs | None
    chance: Chance | None


@dataclass(frozen=True)
class Extra:
    """What a file may know beyond a history: places, labels, counts from before, an order without days.

    Attributes:
        region, label, order: of each tender, shape (m,); label NaN where undecided. before: carried-over counts.
    """

    region: Ints | None = None
    label: Floats | None = None
    before: Before | None = None
    order: Floats | None = None


def moments(days: Days) -> Ints | None:
    """Days as numbers; None when any is unknown, because a half-known order is none."""
    return (
        None
        if len(days) == 0 or bool(np.isnat(days).any())
        else days.astype("datetime64[D]").astype(np.int64)
    )


def markets(history: History) -> Ints:
    """Category of each tender as a number, those with few tenders together."""
    names = {name: number for number, name in enumerate(sorted(set(history.category)))}
    found = np.fromiter((names[one] for one in history.category), np.int64, len(history.category))
    few = np.bincount(found, minlength=1) < MARKET_MIN
    found = np.where(few[found], -1, found)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def look(
    history: History,
    *,
    rng: Generator,
    extra: Extra | None = None,
    strata: Ints | None = None,
    permutations: int = 199,
    compiled: bool = True,
    tell: Tell = silent,
) -> Look:
    """Compute it all.

    Args:
        rng: for permutations and simulated nulls; the same seed finds the same. permutations: of bidders, 0 for none.
        strata: of each tender, inside which bidders are permuted, shape (m,); category and year unless given.
        compiled: use the compiled kernel where it is installed. tell: hears how far the work is.
    """
    extra = extra or Extra()
    m = len(history.keys)
    tell("screens", 0, 5)
    compiled = compiled and len(history.bid) >= COMPILED_FROM
    side = grouped(history.tender, history.bid, tenders=m)
    seen = screens(history.tender, history.bid, tenders=m, compiled=compiled)
    market = markets(history)
    stratum = codes(market, seen.n) if m else market
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(history.tender, weights=history.bid, minlength=m) / np.where(
            seen.n > 0, seen.n, np.nan
        )
    lowest, ratio = _winning(history, m)
    tell("patterns", 1, 5)
    rules = _patterns(history, side, market, stratum, rng)
    tell("firms", 2, 5)
    who = met = about = found = by_chance = None
    at = moments(history.opened_on)
    if bool((history.firm >= 0).any()):
        who = network.presence(
            history.tender, history.firm, _winners(history, lowest), firms=len(history.firms), tenders=m
        )
        met = network.meetings(who)
        before = extra.before or nothing_before(len(history.firms))
        about = company(who, met, at, extra.region, before, extra.label)
        found = network.pairs(who, met)
        if permutations and len(found.a):
            inside = years(market, history.opened_on) if strata is None else strata
            by_chance = network.chance(who, found, inside, rng, permutations=permutations, tell=tell)
    tell("score", 3, 5)
    order = at.astype(np.float64) if at is not None else extra.order
    marks = score(
        market=market,
        cv=seen[Screen.CV],
        mean=mean,
        estimate_ratio=None if np.isnan(ratio).all() else ratio,
        tie=about["tie"] if about is not None else None,
        order=order,
        rng=rng,
    )
    tell("p-values", 4, 5)
    p = {f"p_{one.value}": rank_p(seen[one], stratum, high=high) for one, high in SUSPICIOUS_HIGH.items()}
    p["p_estimate"] = rank_p(ratio, stratum, high=True)
    p["p_score"] = rank_p(np.where(seen.n > 1, marks.total, np.nan), stratum, high=True)
    tell("", 5, 5)
    return Look(
        market, stratum, mean, lowest, ratio, seen, marks, p, rules, who, met, about, found, by_chance
    )


def _winning(history: History, m: int) -> tuple[Floats, Floats]:
    """Lowest bid of each tender, and winning bid (known, or else the lowest) ÷ ceiling."""
    lowest = np.full(m, np.inf)
    np.minimum.at(lowest, history.tender, history.bid)
    lowest[np.isinf(lowest)] = np.nan
    winning = np.full(m, np.inf)
    np.minimum.at(winning, history.tender[history.won], history.bid[history.won])
    if np.isnan(history.ceiling).all():
        return lowest, np.broadcast_to(np.nan, (m,))
    return lowest, np.where(np.isinf(winning), lowest, winning) / history.ceiling


def _winners(history: History, lowest: Floats) -> Bools:
    """Known winners; where a tender has none, its lowest bid."""
    known = np.zeros(len(lowest), dtype=np.bool_)
    known[history.tender[history.won]] = True
    return history.won | (~known[history.tender] & (history.bid <= lowest[history.tender]))


def years(market: Ints, days: Days) -> Ints:
    """Category and calendar year of each tender as one number."""
    return codes(market, days.astype("datetime64[Y]").astype(np.int64))


def _patterns(
    history: History, side: Grouped, market: Ints, stratum: Ints, rng: Generator
) -> dict[str, Pattern]:
    known: dict[int, nulls.Progressions] = {}

    def null(n: int) -> nulls.Progressions:
        if n not in known:
            known[n] = nulls.progressions(n, rng)
        return known[n]

    arithmetic, geometric = patterns.progressions(side, null)
    rules = {"Q-01": arithmetic, "Q-02": geometric}
    if not np.isnan(history.ceiling).all():
        rules["Q-07"] = patterns.under_the_ceiling(side, history.tender, history.bid, history.ceiling, market)
    rules["Q-08"] = patterns.steering(side, stratum)
    return rules


def head(values: NDArray[np.float64]) -> Ints:
    """Positions from the highest value down; equal values in the order given."""
    return np.argsort(-values, kind="stable").astype(np.int64)
