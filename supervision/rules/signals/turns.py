"""Who wins among whom: companions that never do, extreme win rates, and rings that take turns.

Source: rules §5.2 H-02, H-03, H-04, EX-18; detection §5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, lgamma, log

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

H02_P_MAX, H02_JOINT_MIN = 0.01, 10
H03_P_MAX = 0.01
H04_Z_MIN = 3.0


def no_win_p(base: float, joint: int) -> float:
    """Probability of no win in ``joint`` bids at a win rate of ``base``. Source: rules §5.3 EX-18."""
    return float((1.0 - base) ** joint)


def never_wins_beside(bids: int, wins: int, joint: int) -> float:
    """P(none of a firm's wins falls into ``joint`` of its ``bids``) when its wins fall anywhere, exactly.

    Hypergeometric, so the firm's own win rate is not first lowered by the losses in question; 1 for a firm without
    wins, which says nothing about its company.
    """
    if wins > bids - joint:
        return 0.0
    if bids <= 200:
        return comb(bids - joint, wins) / comb(bids, wins)

    def log_comb(n: int, k: int) -> float:
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)

    return exp(log_comb(bids - joint, wins) - log_comb(bids, wins))


def wins_p(chances: Sequence[float] | Floats, wins: int) -> tuple[float, float]:
    """P(at most ``wins``) and P(at least ``wins``) when bid i wins with chance i, independently (Poisson-binomial)."""
    share = np.zeros(len(chances) + 1)
    share[0] = 1.0
    for k, chance in enumerate(chances):
        share[1 : k + 2] = share[1 : k + 2] * (1 - chance) + share[: k + 1] * chance
        share[0] *= 1 - chance
    return float(min(1.0, share[: wins + 1].sum())), float(min(1.0, share[wins:].sum()))


def win_z(chances: Sequence[float] | Floats, wins: int) -> float:
    """Standardised difference of wins from what equal chances among the bidders of each tender expect (H-04)."""
    c = np.asarray(chances, dtype=np.float64)
    spread = float(np.sqrt((c * (1 - c)).sum()))
    return float((wins - c.sum()) / spread) if spread > 0 else 0.0


def winners_entropy(winners: Sequence[int]) -> float:
    """Entropy of the winners ÷ its maximum: 1 when all won equally often; 0 with one winner or none."""
    _, counts = np.unique(np.asarray(winners), return_counts=True)
    if len(counts) < 2:
        return 0.0
    share = counts / counts.sum()
    return float(-(share * np.log(share)).sum() / log(len(counts)))


def turn_taking_p(winners: Sequence[int], rng: Generator, *, permutations: int = 999) -> float:
    """P(as few repeats of the previous winner) when the same wins fall in any order (H-03).

    A ring that rotates never lets one member win twice in a row; chance does. One-sided; the wins of each member are
    kept, so a dominant firm is no rotation.
    """
    order = np.asarray(winners)
    if len(order) < 2:
        return 1.0
    repeats = int((order[1:] == order[:-1]).sum())
    shuffled = rng.permuted(np.tile(order, (permutations, 1)), axis=1)
    chance = (shuffled[:, 1:] == shuffled[:, :-1]).sum(axis=1)
    return float((1 + (chance <= repeats).sum()) / (permutations + 1))


@dataclass(frozen=True)
class Ring:
    """Firms every two of which meet often, by index."""

    firms: tuple[int, ...]


def rings(a: Ints, b: Ints, weight: Floats, *, least: float, members_max: int = 8) -> list[Ring]:
    """Groups in which every two firms are tied by at least ``least``, grown from the strongest tie; no firm twice.

    Args:
        a, b, weight: pairs of firms and their tie, shape (p,).
    """
    tie = {
        (int(min(x, y)), int(max(x, y))): float(w) for x, y, w in zip(a, b, weight, strict=True) if w >= least
    }
    near: dict[int, set[int]] = {}
    for x, y in tie:
        near.setdefault(x, set()).add(y)
        near.setdefault(y, set()).add(x)
    found: list[Ring] = []
    taken: set[int] = set()
    for (x, y), _ in sorted(tie.items(), key=lambda one: (-one[1], one[0])):
        if x in taken or y in taken:
            continue
        members = [x, y]
        others = (near[x] & near[y]) - taken
        while others and len(members) < members_max:
            best = max(
                sorted(others),
                key=lambda c: min(tie[min(c, m), max(c, m)] for m in members),
            )
            members.append(best)
            others &= near[best]
        taken.update(members)
        found.append(Ring(tuple(sorted(members))))
    return found
