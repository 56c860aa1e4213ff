"""Who meets whom: pairs of firms over tenders, what chance expects, and what was known before each tender.

Source: detection §1 (6), §5 (network family); rules §5.2 H-01, EX-18.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from supervision.rules.signals.nulls import dealer, permuted_firms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

H01_JACCARD_MIN, H01_LIFT_MIN, H01_JOINT_MIN = 0.5, 3.0, 10
CLOSURE_PIECE = 8192
PRIOR_PAIR = 20.0
"""Tenders added to the union of a pair: two firms that met twice in two tenders are no ring yet."""
PRIOR_PAST = 10.0
"""The same for what was known before a tender, where histories are shorter."""


def jaccard(a: int, b: int, joint: int) -> float:
    """Tenders in which both bid ÷ tenders in which either did. Source: rules §5.3 EX-18."""
    return joint / (a + b - joint)


def lift(a: int, b: int, joint: int, tenders: int) -> float:
    """Joint tenders ÷ those that independence expects, a·b ÷ tenders. Source: rules §5.3 EX-18."""
    return joint * tenders / (a * b)


def meets_often(a: int, b: int, joint: int, tenders: int) -> bool:
    """H-01: Jaccard ≥ 0.5 and lift ≥ 3 with ten joint bids or more. Source: rules §5.2 H-01."""
    return (
        joint >= H01_JOINT_MIN
        and jaccard(a, b, joint) >= H01_JACCARD_MIN
        and lift(a, b, joint, tenders) >= H01_LIFT_MIN
    )


@dataclass(frozen=True)
class Presence:
    """Which firm bid in which tender, once each.

    Attributes:
        tender, firm: of each presence, sorted by tender, then firm, shape (q,). won: the firm won there, shape (q,).
        n_firms, n_tenders: how many there are.
    """

    tender: Ints
    firm: Ints
    won: Bools
    n_firms: int
    n_tenders: int


def presence(tender: Ints, firm: Ints, won: Bools, *, firms: int, tenders: int) -> Presence:
    """Presences of named firms (index ≥ 0); two bids of a firm in a tender count once, won if either did."""
    named = firm >= 0
    key, back = np.unique(tender[named] * max(firms, 1) + firm[named], return_inverse=True)
    has_won = np.zeros(len(key), dtype=np.bool_)
    np.logical_or.at(has_won, back, won[named])
    return Presence(key // max(firms, 1), key % max(firms, 1), has_won, firms, tenders)


@dataclass(frozen=True)
class Meetings:
    """Every meeting of two firms in a tender: positions of both presences, the lower firm first, shape (k,)."""

    first: Ints
    second: Ints


def meetings(of: Presence) -> Meetings:
    """All pairs of presences in the same tender."""
    n = np.bincount(of.tender, minlength=of.n_tenders)
    start = np.cumsum(n) - n
    firsts, seconds = [], []
    for count in np.unique(n[n > 1]).tolist():
        i, j = np.triu_indices(count, 1)
        begin = start[n == count]
        firsts.append((begin[:, None] + i).ravel())
        seconds.append((begin[:, None] + j).ravel())
    if not firsts:
        none = np.empty(0, dtype=np.int64)
        return Meetings(none, none.copy())
    return Meetings(np.concatenate(firsts), np.concatenate(seconds))


@dataclass(frozen=True)
class Pairs:
    """Pairs of firms that met at least once, in the order of their firms; every attribute of shape (p,).

    Attributes:
        a, b: the firms, a < b. joint: common tenders. bids_a, bids_b: tenders of either. wins_a, wins_b: wins of either
            in common tenders. jaccard, lift: as above. closure: the strongest third firm that meets both (the lesser
            of its two shrunken Jaccards). likeness: 0 … 1, see ``likeness``.
        of_meeting: the pair of each meeting, shape (k,).
    """

    a: Ints
    b: Ints
    joint: Ints
    bids_a: Ints
    bids_b: Ints
    wins_a: Ints
    wins_b: Ints
    jaccard: Floats
    lift: Floats
    closure: Floats
    likeness: Floats
    of_meeting: Ints


def pairs(of: Presence, met: Meetings) -> Pairs:
    """Count every pair of firms.

    The likeness of a pair to a cartel's is (shrunken Jaccard + half its closure) ÷ 1.5: rings close triangles, while two
    neighbours that happen to serve one district do not. The shrunken Jaccard adds ``PRIOR_PAIR`` tenders to the union.
    """
    a, b = of.firm[met.first], of.firm[met.second]
    key, back, joint = np.unique(a * max(of.n_firms, 1) + b, return_inverse=True, return_counts=True)
    own = np.bincount(of.firm, minlength=of.n_firms)
    pa, pb = key // max(of.n_firms, 1), key % max(of.n_firms, 1)
    union = own[pa] + own[pb] - joint
    shrunken = joint / (union + PRIOR_PAIR)
    closing = closure(pa, pb, shrunken, of.n_firms)
    return Pairs(
        pa,
        pb,
        joint.astype(np.int64),
        own[pa],
        own[pb],
        np.bincount(back, weights=of.won[met.first], minlength=len(key)).astype(np.int64),
        np.bincount(back, weights=of.won[met.second], minlength=len(key)).astype(np.int64),
        joint / np.maximum(union, 1),
        joint * np.count_nonzero(np.bincount(of.tender)) / np.maximum(own[pa] * own[pb], 1),
        closing,
        (shrunken + closing / 2) / 1.5,
        back.astype(np.int64),
    )


def closure(a: Ints, b: Ints, weight: Floats, firms: int, *, neighbours: int = 30) -> Floats:
    """For each pair the best third firm: max over c of min(weight(a, c), weight(b, c)), shape (p,).

    Only the ``neighbours`` strongest partners of each firm are asked, so it takes p · neighbours² comparisons, in pieces.
    """
    strongest = np.argsort(-weight, kind="stable")
    one = np.concatenate((a[strongest], b[strongest]))
    other = np.concatenate((b[strongest], a[strongest]))
    by_firm = np.argsort(one, kind="stable")  # strongest partner first within each firm …
    half = by_firm % max(len(a), 1)
    by_firm = by_firm[np.lexsort((half, one[by_firm]))]  # … whichever side of the pair it stood on
    begin = np.searchsorted(one[by_firm], np.arange(firms + 1))
    partner = other[by_firm]
    tie = np.concatenate((weight[strongest], weight[strongest]))[by_firm]
    degree = np.minimum(np.diff(begin), neighbours)
    found = np.zeros(len(a))
    for start in range(0, len(a), CLOSURE_PIECE):
        at = slice(start, start + CLOSURE_PIECE)
        wide = np.arange(int(max(degree[a[at]].max(initial=0), degree[b[at]].max(initial=0))))
        sides = []
        for firm in (a[at], b[at]):
            inside = wide < degree[firm][:, None]
            place = np.where(inside, begin[firm][:, None] + wide, 0)
            sides.append((np.where(inside, partner[place], -1), np.where(inside, tie[place], 0.0)))
        (mine, my_tie), (theirs, their_tie) = sides
        for column in wide.tolist():
            same = (mine[:, column, None] == theirs) & (mine[:, column, None] >= 0)
            both = np.where(same, np.minimum(my_tie[:, column, None], their_tie), 0.0)
            np.maximum(found[at], both.max(axis=1, initial=0.0), out=found[at])
    return found


@dataclass(frozen=True)
class Chance:
    """Meetings of each pair when bidders are permuted inside their strata: mean, standard deviation and p-value."""

    expected: Floats
    sd: Floats
    p: Floats


def chance(
    of: Presence,
    found: Pairs,
    stratum: Ints,
    rng: Generator,
    *,
    permutations: int = 199,
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Chance:
    """Permute bidders inside category and year, and count again: permutations × Σ n(n − 1)/2 meetings.

    Args:
        stratum: category and year of each tender, shape (m,). tell: hears how many permutations of how many are done.

    Returns:
        One-sided p = (1 + permutations with as many meetings or more) ÷ (1 + permutations), per pair.
    """
    width = max(of.n_firms, 1)
    keys = found.a * width + found.b
    place = _places(keys, width)
    at_least = np.ones(len(keys))
    total, squares = np.zeros(len(keys)), np.zeros(len(keys))
    own = dealer(stratum[of.tender])
    for done in range(permutations):
        tell("pairs", done, permutations)
        dealt = permuted_firms(of.firm, of.tender, own, rng)
        again = _joint(of, dealt, place, len(keys), width)
        at_least += again >= found.joint
        total += again
        squares += again * again
    mean = total / max(permutations, 1)
    spread = np.sqrt(np.maximum(squares / max(permutations, 1) - mean * mean, 0.0))
    return Chance(mean, spread, at_least / (permutations + 1))


TABLE_MOST = 4_000_000
"""Up to so many pairs of firms there could be, a pair is found in a table of all of them; beyond, by searching."""


def _places(keys: Ints, width: int) -> Callable[[Ints], Ints]:
    """Where pairs stand among these; ``len(keys)`` for a pair that is not among them."""
    if width * width <= TABLE_MOST:
        table = np.full(width * width, len(keys), dtype=np.int64)
        table[keys] = np.arange(len(keys))
        return lambda seen: table[seen]

    def search(seen: Ints) -> Ints:
        place = np.searchsorted(keys, seen)
        inside = place < len(keys)
        inside[inside] = keys[place[inside]] == seen[inside]
        return np.where(inside, place, len(keys))

    return search


def _joint(of: Presence, dealt: Ints, place: Callable[[Ints], Ints], count: int, width: int) -> Floats:
    key = np.sort(of.tender * width + dealt)
    key = key[np.diff(key, prepend=-1) > 0]
    again = Presence(key // width, key % width, np.zeros(len(key), np.bool_), of.n_firms, of.n_tenders)
    met = meetings(again)
    seen = again.firm[met.first] * width + again.firm[met.second]
    return np.bincount(place(seen), minlength=count + 1)[:count].astype(np.float64)


def earlier(group: Ints, at: Ints) -> Ints:
    """For every event, how many events of its group lie strictly before it; shape as both, in the order given."""
    order = np.lexsort((at, group))
    g, t = group[order], at[order]
    new_group = np.r_[True, g[1:] != g[:-1]] if len(g) else np.empty(0, np.bool_)
    new = new_group | np.r_[True, t[1:] != t[:-1]] if len(g) else new_group
    index = np.arange(len(g))
    of_group = np.maximum.accumulate(np.where(new_group, index, 0))
    of_moment = np.maximum.accumulate(np.where(new, index, 0))
    found = np.empty(len(g), dtype=np.int64)
    found[order] = of_moment - of_group
    return found


def earlier_sum(group: Ints, at: Ints, weight: Floats) -> Floats:
    """As ``earlier``, the sum of the weights of those events."""
    order = np.lexsort((at, group))
    before = np.cumsum(weight[order]) - weight[order]
    g, t = group[order], at[order]
    index = np.arange(len(g))
    new_group = np.r_[True, g[1:] != g[:-1]] if len(g) else np.empty(0, np.bool_)
    new = new_group | np.r_[True, t[1:] != t[:-1]] if len(g) else new_group
    of_group = np.maximum.accumulate(np.where(new_group, index, 0))
    of_moment = np.maximum.accumulate(np.where(new, index, 0))
    found = np.empty(len(g))
    found[order] = before[of_moment] - before[of_group]
    return found
