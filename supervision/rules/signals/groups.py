"""Three firms that bid together more often than chance has it: a ring shows here long before any of its pairs does.

Two firms of a busy market meet all the time; three of them hardly ever. Under independent bidding the number of tenders in
which three given firms all bid is small, so a handful is already too many, even counting every three there are.

Source: detection §1 (6), §5 (network family); rules §5.2 H-01.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supervision.rules.signals.network import Presence
from supervision.rules.signals.tails import poisson_tail

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

JOINT_LEAST = 6
"""Fewer common tenders of three firms raise nothing: coincidence and one shared speciality look like that too."""
CROWD_MOST = 25
"""Tenders with more bidders are left out: a crowd says nothing about company, and its threes are too many to count."""


@dataclass(frozen=True)
class Threes:
    """Threes of firms with at least ``JOINT_LEAST`` common tenders, most telling first; every attribute of shape (k,).

    Attributes:
        firms: the three, ascending, shape (k, 3). joint: common tenders. expected: under independence. p: chance of any
            three of the city meeting that often, all threes considered (Bonferroni).
    """

    firms: Ints
    joint: Ints
    expected: Floats
    p: Floats


def threes(of: Presence, stratum: Ints) -> Threes:
    """Count every three that met, and what independence expects.

    A bidder's place in a tender goes to each firm in proportion to its bids in the stratum, so three firms with bids a, b and
    c there meet in a·b·c·Σ n(n−1)(n−2) ÷ N³ tenders, N being all bids of the stratum; and more often by
    F² ÷ (F−1)(F−2), because no firm fills two places of a tender, F being how many firms of equal weight there would be.

    Args:
        stratum: category and year of each tender, shape (m,).
    """
    size = np.bincount(of.tender, minlength=of.n_tenders)
    firms, count = _counted(of, size)
    chosen = count >= JOINT_LEAST
    firms, count = firms[chosen], count[chosen]
    expected = _expected(of, size, stratum, firms)
    active = int(np.count_nonzero(np.bincount(of.firm, minlength=of.n_firms)))
    possible = math.comb(active, 3)
    tails = [poisson_tail(m, int(n)) for m, n in zip(expected.tolist(), count.tolist(), strict=True)]
    p = np.minimum(1.0, possible * np.array(tails, dtype=np.float64))
    order = np.lexsort((-count, p))
    return Threes(firms[order], count[order], expected[order], p[order])


def _counted(of: Presence, size: Ints) -> tuple[Ints, Ints]:
    """Every three of firms that met, and how often."""
    width = max(of.n_firms, 1)
    start = np.cumsum(size) - size
    keys = []
    busy = np.bincount(of.firm, minlength=width) >= JOINT_LEAST
    for n in np.unique(size[(size > 2) & (size <= CROWD_MOST)]).tolist():
        at = start[size == n][:, None] + np.arange(n)
        one = of.firm[at]
        i, j, k = (np.array(side) for side in zip(*_combinations(n), strict=True))
        enough = busy[one]
        some = enough[:, i] & enough[:, j] & enough[:, k]
        keys.append(((one[:, i] * width + one[:, j]) * width + one[:, k])[some])
    found = np.concatenate(keys) if keys else np.empty(0, dtype=np.int64)
    key, count = np.unique(found, return_counts=True)
    firms = np.column_stack((key // (width * width), key // width % width, key % width))
    return firms.astype(np.int64), count.astype(np.int64)


def _combinations(n: int) -> list[tuple[int, int, int]]:
    return [(i, j, k) for i in range(n) for j in range(i + 1, n) for k in range(j + 1, n)]


def _expected(of: Presence, size: Ints, stratum: Ints, firms: Ints) -> Floats:
    total = np.zeros(len(firms))
    if not len(firms):
        return total
    for one in np.unique(stratum[size > 2]).tolist():
        inside = stratum == one
        n = size[inside & (size <= CROWD_MOST)].astype(np.float64)
        places = float(n.sum())
        if places == 0:
            continue
        here = inside[of.tender] & (size[of.tender] <= CROWD_MOST)
        bids = np.bincount(of.firm[here], minlength=of.n_firms).astype(np.float64)
        equal = places**2 / float((bids**2).sum())
        apart = equal**2 / ((equal - 1) * (equal - 2)) if equal > 2 else math.inf
        with np.errstate(invalid="ignore"):
            here_expected = bids[firms].prod(axis=1) * (
                float((n * (n - 1) * (n - 2)).sum()) / places**3 * apart
            )
        total += np.nan_to_num(here_expected, nan=0.0, posinf=math.inf)
    return total


@dataclass(frozen=True)
class Group:
    """Firms every few of which meet too often: members ascending, the strongest three's joint, expected and p."""

    firms: tuple[int, ...]
    joint: int
    expected: float
    p: float


def groups(found: Threes, alpha: float, *, members_max: int = 8) -> list[Group]:
    """Join threes that share two firms, strongest first, as long as the newcomer's every three in the group tells as much."""
    telling = {tuple(three): n for n, three in enumerate(found.firms.tolist()) if found.p[n] <= alpha}
    made: list[Group] = []
    taken: set[int] = set()
    for three, n in telling.items():
        if taken & set(three):
            continue
        members = list(three)
        while len(members) < members_max:
            ready = [
                one
                for one in sorted({firm for other in telling for firm in other} - set(members) - taken)
                if all(
                    tuple(sorted((a, b, one))) in telling
                    for place, a in enumerate(members)
                    for b in members[place + 1 :]
                )
            ]
            if not ready:
                break
            members.append(ready[0])
        taken.update(members)
        made.append(
            Group(tuple(sorted(members)), int(found.joint[n]), float(found.expected[n]), float(found.p[n]))
        )
    return made
