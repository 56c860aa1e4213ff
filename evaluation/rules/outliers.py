"""Scoring anomalies (裁量异常): leads for the committee, never a verdict.

Source: rules.md §7.4 (X-01…X-05), EX-13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from kernel.score import Exact, exact, mean, score

Given = Mapping[str, Mapping[str, Exact]]
"""Points by bid and member: of one item, or totals."""

_FACTOR = Fraction(6745, 10000)  # makes the MAD of a normal sample comparable with its deviation
_FLOOR = Fraction(2, 100)
_YELLOW, _RED = Fraction(5, 2), Fraction(7, 2)
_SHARE = Fraction(20, 100)
_SUSTAINED = 3


class Light(StrEnum):
    """Yellow: a lead. Orange: strong. Red: must be handled before the award."""

    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One anomaly: which check, how strong, whose points, on which bid, and the figure behind it."""

    check: str
    light: Light
    member: str
    bid: str
    figure: Decimal


def median(values: Sequence[Exact]) -> Fraction:
    """The exact median. Raises ValueError for nothing."""
    if not values:
        raise ValueError("nothing to take the middle of")
    ordered, middle = sorted(exact(value) for value in values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def robust_z(value: Exact, values: Sequence[Exact], *, floor: Exact = 0) -> Fraction | None:
    """0.6745 × (value − median) / MAD, with the MAD no smaller than ``floor``; None when that is zero.

    Source: rules.md §2.9 (EX-13, which uses no floor), §7.4.
    """
    centre = median(values)
    spread = max(median([abs(exact(one) - centre) for one in values]), exact(floor))
    return _FACTOR * (exact(value) - centre) / spread if spread else None


def far_from_others(given: Given, full: Exact) -> list[Finding]:
    """X-01 and X-02: a member's points against all members' (robust z, MAD at least 2 % of the full score:
    yellow above 2.5, red above 3.5) and against the others' mean (yellow above 20 % of the full score).

    Ordered by check, member, bid. Source: rules.md §7.4.
    """
    found: list[Finding] = []
    for bid, points in given.items():
        for member, value in points.items():
            z = robust_z(value, list(points.values()), floor=exact(full) * _FLOOR)
            if z is not None and abs(z) > _YELLOW:
                light = Light.RED if abs(z) > _RED else Light.YELLOW
                found.append(Finding("X-01", light, member, bid, score(z)))
            gap = _gap(points, member)
            if gap is not None and abs(gap) / exact(full) > _SHARE:
                found.append(Finding("X-02", Light.YELLOW, member, bid, score(gap)))
    return sorted(found, key=lambda one: (one.check, one.member, one.bid))


def sustained_bias(items: Mapping[str, tuple[Given, Exact]], winners: Sequence[str] = ()) -> list[Finding]:
    """X-03: one member, one bid, the same direction on at least three items beyond X-02.

    Args:
        items: for each item the points given and its full score.
        winners: bids that win; bias for one of them (upwards) is red, otherwise orange.

    ``figure`` is the number of items, negative for bias downwards. Source: rules.md §7.4.
    """
    counts: dict[tuple[str, str, int], int] = {}
    for given, full in items.values():
        for bid, points in given.items():
            for member in points:
                gap = _gap(points, member)
                if gap is not None and abs(gap) / exact(full) > _SHARE:
                    key = (member, bid, 1 if gap > 0 else -1)
                    counts[key] = counts.get(key, 0) + 1
    return [
        Finding(
            "X-03",
            Light.RED if bid in winners else Light.ORANGE,
            member,
            bid,
            Decimal(sign * count),
        )
        for (member, bid, sign), count in sorted(counts.items())
        if count >= _SUSTAINED
    ]


Winner = Callable[[Given], frozenset[str]]
"""Who wins on these points; a set, since equals win together."""


def best_mean(base: Mapping[str, Exact] | None = None) -> Winner:
    """The rule "highest printed total of base points and members' mean", for ``flips``."""

    def winner(given: Given) -> frozenset[str]:
        totals = {
            bid: score(exact((base or {}).get(bid, 0)) + exact(score(mean(list(points.values())))))
            for bid, points in given.items()
        }
        return frozenset(bid for bid, points in totals.items() if points == max(totals.values()))

    return winner


def flips(given: Given, winner: Winner | None = None) -> list[Finding]:
    """X-04: members without whose points, or with the others' mean in their place, somebody else wins.

    ``bid`` is the first who would win instead, ``figure`` the number of ways (of two) in which it flips.
    Source: rules.md §7.4.
    """
    decide = winner or best_mean()
    actual = decide(given)
    members = sorted({member for points in given.values() for member in points})
    found: list[Finding] = []
    for member in members:
        without = {
            bid: {one: p for one, p in points.items() if one != member} for bid, points in given.items()
        }
        if not all(without.values()):
            continue
        levelled = {
            bid: {**without[bid], **({member: mean(list(without[bid].values()))} if member in points else {})}
            for bid, points in given.items()
        }
        others = [outcome for outcome in (decide(without), decide(levelled)) if outcome != actual]
        if others:
            instead = min(others[0] - actual, default=min(others[0]))
            found.append(Finding("X-04", Light.ORANGE, member, instead, Decimal(len(others))))
    return found


def opposite_extremes(given: Given, *, top: str, rival: str) -> list[Finding]:
    """X-05: a member alone gives the top bid its highest points and the rival its lowest.

    ``figure`` is the distance between the two. Source: rules.md §7.4.
    """
    high, low = given[top], given[rival]
    found: list[Finding] = []
    for member in sorted(high.keys() & low.keys()):
        others = [exact(p) for one, p in high.items() if one != member]
        rivals = [exact(p) for one, p in low.items() if one != member]
        if others and rivals and exact(high[member]) > max(others) and exact(low[member]) < min(rivals):
            figure = score(exact(high[member]) - exact(low[member]))
            found.append(Finding("X-05", Light.RED, member, top, figure))
    return found


def _gap(points: Mapping[str, Exact], member: str) -> Fraction | None:
    """A member's points less the others' mean; None when he is alone."""
    others = [value for one, value in points.items() if one != member]
    return exact(points[member]) - mean(others) if others else None
