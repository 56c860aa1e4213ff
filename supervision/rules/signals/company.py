"""What was known about the bidders of a tender before it: their meetings, wins and places.

Everything is counted from strictly earlier tenders where days are known, and from all *other* tenders where not.

Source: detection §1 (6), §4.4, §5 (network family, incumbency).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from supervision.rules.signals.network import PRIOR_PAST, Meetings, Presence, closure, earlier, earlier_sum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Before:
    """Counts carried over from an older file, by firm and by pair of firms (lower index first).

    Attributes:
        bids, wins: of each firm, shape (f,). cases, cleared: its tenders confirmed as rigged and as clean, shape (f,).
        joint: (a, b) → common tenders.
    """

    bids: Floats
    wins: Floats
    cases: Floats
    cleared: Floats
    joint: Mapping[tuple[int, int], int] = field(default_factory=dict)


def nothing_before(firms: int) -> Before:
    """A history that starts with this file."""
    return Before(np.zeros(firms), np.zeros(firms), np.zeros(firms), np.zeros(firms))


@dataclass(frozen=True)
class Company:
    """Of each tender, shape (m,), NaN where it has no two named bidders (or none).

    Attributes:
        tie: strongest past shrunken Jaccard among its pairs. tie_mean: their mean. met: most past meetings of a pair.
        closure: strongest third firm's tie to both of a pair. bids_min, bids_mean, bids_max: past bids of its bidders.
        win_min, win_mean, win_max, win_winner: past win rates (shrunken to 1 in 3). local: share of its bidders that bid
            in its region before. incumbent: whether the lowest bidder won there before. fresh: share of bidders never
            seen. never: share of bidders with ten past bids or more and no win.
        record, record_max, record_mean: past confirmed cases ÷ past decided tenders of its bidders (shrunken); 0 before
            anything was decided.
    """

    columns: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]


def company(
    of: Presence,
    met: Meetings,
    at: Ints | None,
    region: Ints | None,
    before: Before,
    label: Floats | None = None,
) -> Company:
    """Look back from every tender.

    Args:
        at: moment of each tender as an increasing number, shape (m,); None when unknown: then all others count.
        region: place of each tender, shape (m,); None when unknown.
        label: 1 confirmed, 0 cleared, NaN undecided, shape (m,); None for none. Only earlier labels are read.
    """
    count = _Back(of, at)
    bids = count.events(of.firm) + before.bids[of.firm]
    wins = count.sums(of.firm, of.won.astype(np.float64)) + before.wins[of.firm]
    rate = (wins + 1.0) / (bids + 3.0)
    columns = dict(_ties(of, met, count, before, bids))
    columns |= {
        "bids_min": _least(of, bids),
        "bids_mean": _mean(of, bids),
        "bids_max": -_least(of, -bids),
        "win_min": _least(of, rate),
        "win_mean": _mean(of, rate),
        "win_max": -_least(of, -rate),
        "win_winner": _mean(of, rate, of.won),
        "fresh": _mean(of, (bids == 0).astype(np.float64)),
        "never": _mean(of, ((bids >= 10) & (wins == 0)).astype(np.float64)),
    }
    if region is not None:
        place = of.firm * (int(region.max(initial=0)) + 1) + region[of.tender]
        there = count.events(place)
        won_there = count.sums(place, of.won.astype(np.float64))
        columns["local"] = _mean(of, (there > 0).astype(np.float64))
        columns["incumbent"] = _mean(of, (won_there > 0).astype(np.float64), of.won)
    if label is not None or before.cases.any() or before.cleared.any():
        columns |= records(of, at, before, label)
    return Company(columns)


def records(of: Presence, at: Ints | None, before: Before, label: Floats | None) -> dict[str, Floats]:
    """Confirmed cases of the bidders before each tender: the highest and the mean share of their decided tenders.

    Args:
        label: 1 confirmed, 0 cleared, NaN undecided or not to be read, shape (m,); None for none.
    """
    count = _Back(of, at)
    cases, cleared = before.cases[of.firm], before.cleared[of.firm]
    if label is not None:
        own = label[of.tender]
        cases = cases + count.sums(of.firm, np.nan_to_num(own))
        cleared = cleared + count.sums(of.firm, np.where(np.isnan(own), 0.0, 1.0 - own))
    share = cases / (cases + cleared + 2.0)
    return {"record_max": -_least(of, -share), "record_mean": _mean(of, share)}


def _ties(of: Presence, met: Meetings, count: _Back, before: Before, bids: Floats) -> dict[str, Floats]:
    m = of.n_tenders
    a, b, tender = of.firm[met.first], of.firm[met.second], of.tender[met.first]
    joint = count.events(a * max(of.n_firms, 1) + b, tender)
    if before.joint:
        pairs = zip(a.tolist(), b.tolist(), strict=True)
        joint = joint + np.array([before.joint.get(one, 0) for one in pairs], dtype=np.float64)
    tie = joint / (bids[met.first] + bids[met.second] - joint + PRIOR_PAST)
    best, most, total = np.full(m, -np.inf), np.full(m, -np.inf), np.zeros(m)
    np.maximum.at(best, tender, tie)
    np.maximum.at(most, tender, joint)
    np.add.at(total, tender, tie)
    number = np.bincount(tender, minlength=m)
    third = _closing(met, tie, tender, len(of.firm), m)
    none = number == 0
    return {
        "tie": np.where(none, np.nan, best),
        "tie_mean": np.where(none, np.nan, total / np.maximum(number, 1)),
        "met": np.where(none, np.nan, most),
        "closure": np.where(none, np.nan, third),
    }


def _closing(met: Meetings, tie: Floats, tender: Ints, presences: int, m: int) -> Floats:
    """The best triangle inside each tender: the least of its three ties, at its largest."""
    found = np.zeros(m)
    few = np.isin(tender, np.flatnonzero(np.bincount(tender, minlength=m) <= 200)) & (tie > 0)
    closing = closure(met.first[few], met.second[few], tie[few], presences)
    np.maximum.at(found, tender[few], np.minimum(closing, tie[few]))
    return found


def _least(of: Presence, value: Floats) -> Floats:
    found = np.full(of.n_tenders, np.inf)
    np.minimum.at(found, of.tender, value)
    return np.where(np.isinf(found), np.nan, found)


def _mean(of: Presence, value: Floats, only: NDArray[np.bool_] | None = None) -> Floats:
    tender = of.tender if only is None else of.tender[only]
    number = np.bincount(tender, minlength=of.n_tenders)
    total = np.bincount(tender, weights=value if only is None else value[only], minlength=of.n_tenders)
    return np.where(number == 0, np.nan, total / np.maximum(number, 1))


class _Back:
    """Counts events of a group before the tender of each, or in all other tenders where moments are unknown."""

    def __init__(self, of: Presence, at: Ints | None) -> None:
        self.tender, self.at = of.tender, at

    def events(self, group: Ints, tender: Ints | None = None) -> Floats:
        where = self.tender if tender is None else tender
        if self.at is not None:
            return earlier(group, self.at[where]).astype(np.float64)
        _, back, number = np.unique(group, return_inverse=True, return_counts=True)
        return (number[back] - 1).astype(np.float64)

    def sums(self, group: Ints, weight: Floats) -> Floats:
        if self.at is not None:
            return earlier_sum(group, self.at[self.tender], weight)
        _, back = np.unique(group, return_inverse=True)
        return np.asarray(np.bincount(back, weights=weight)[back] - weight)
