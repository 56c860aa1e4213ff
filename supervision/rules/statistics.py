"""Figures of trade: which days are compared, rates, medians, bins and axes. Nothing here decides about anybody.

Source: design guide §6 (12), §9.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
HUNDREDTHS = 10_000
"""Hundredths of a percent in the whole: rates are counted as whole hundredths of a percent, rounded down."""

EDGES = (0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 2000)
"""Where the bins of saving rates begin, in hundredths of a percent; the last is open above."""

POINTS_BELOW = 50
"""With fewer values than this a distribution shows every one of them. Source: design guide §9.6."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days from ``first`` to ``last``, both counted."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the counted year; ``partial`` when some of its days are not counted."""

    first: date
    last: date
    partial: bool


def counted(year: int, today: date) -> Span | None:
    """The days of a year that are over: 1 January to 31 December, or to yesterday while it runs; None before that."""
    first, last = date(year, 1, 1), min(date(year, 12, 31), today - DAY)
    return Span(first, last) if first <= last else None


def year_before(span: Span) -> Span:
    """The same stretch of the year before; up to 29 February is compared with up to 28 February."""
    return Span(_earlier(span.first), _earlier(span.last))


def _earlier(day: date) -> date:
    if (day.month, day.day) == (2, 29):
        return date(day.year - 1, 2, 28)
    return day.replace(year=day.year - 1)


def months_of(span: Span) -> tuple[Month, ...]:
    """The months that a span within one year touches, in order."""
    found = []
    first = span.first.replace(day=1)
    while first <= span.last:
        after = (first + 31 * DAY).replace(day=1)
        last = min(after - DAY, span.last)
        found.append(Month(first, last, last < after - DAY or first < span.first))
        first = after
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Sums:
    """What a number of deals add up to. Amounts in fen.

    Attributes:
        deals, fen: how many, and the sum of their prices.
        ceiling, spent: of purchases with a ceiling: the ceilings, and the prices.
        start, sold: of sales with a starting price: the starting prices, and the prices.
        bidders, known: how many bidders came, and to how many deals; deals whose bidders are unknown do not count.
        single: deals to which only one came.
    """

    deals: int = 0
    fen: int = 0
    ceiling: int = 0
    spent: int = 0
    start: int = 0
    sold: int = 0
    bidders: int = 0
    known: int = 0
    single: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.deals + other.deals,
            self.fen + other.fen,
            self.ceiling + other.ceiling,
            self.spent + other.spent,
            self.start + other.start,
            self.sold + other.sold,
            self.bidders + other.bidders,
            self.known + other.known,
            self.single + other.single,
        )

    @property
    def saving(self) -> Fraction | None:
        """(ceilings - prices) / ceilings of purchases: a deal counts by its amount."""
        return share(self.ceiling - self.spent, self.ceiling)

    @property
    def premium(self) -> Fraction | None:
        """(prices - starting prices) / starting prices of sales."""
        return share(self.sold - self.start, self.start)

    @property
    def mean_bidders(self) -> Fraction | None:
        return share(self.bidders, self.known)

    @property
    def single_share(self) -> Fraction | None:
        return share(self.single, self.known)


def total(parts: Iterable[Sums]) -> Sums:
    """All parts together; nothing for none."""
    return sum(parts, Sums())


def share(part: int | Fraction, whole: int | Fraction) -> Fraction | None:
    """``part`` of ``whole``, exactly; None where there is no whole."""
    return Fraction(part) / whole if whole else None


def change(now: int, before: int) -> Fraction | None:
    """By which share of itself the earlier figure grew; None where there was nothing to compare with."""
    return share(now - before, before) if before > 0 else None


def difference(now: Fraction | None, before: Fraction | None) -> Fraction | None:
    """How far two rates or means lie apart; None where one of them is missing."""
    return None if now is None or before is None else now - before


def median(values: Sequence[tuple[int, int]]) -> Fraction | None:
    """The middle of counted values, given as (value, how often); of two middles their mean; None for nothing."""
    ordered = sorted(values)
    count = sum(often for _, often in ordered)
    if not count:
        return None
    return Fraction(_at(ordered, (count - 1) // 2) + _at(ordered, count // 2), 2)


def _at(ordered: Sequence[tuple[int, int]], place: int) -> int:
    passed = 0
    for value, often in ordered:
        passed += often
        if place < passed:
            return value
    raise AssertionError("the place lies among the values")


@dataclass(frozen=True, slots=True)
class Bin:
    """Rates from ``low`` up to, not including, ``high``, in hundredths of a percent; None is open on that side."""

    low: int | None
    high: int | None
    count: int

    def __contains__(self, rate: int | Fraction) -> bool:
        return (self.low is None or self.low <= rate) and (self.high is None or rate < self.high)


def bins(values: Sequence[tuple[int, int]], edges: Sequence[int] = EDGES) -> tuple[Bin, ...]:
    """Counted values in bins. A bin for what lies below the first edge is there only when something does."""
    bounds = [(None, edges[0]), *zip(edges, [*edges[1:], None], strict=True)]
    found = []
    for low, high in bounds:
        empty = Bin(low, high, 0)
        count = sum(often for value, often in values if value in empty)
        if low is not None or count:
            found.append(Bin(low, high, count))
    return tuple(found)


def ticks(most: Fraction | int, about: int = 4) -> tuple[Fraction, ...]:
    """Round marks of an axis from 0 to at least ``most``; 0 and 1 where there is nothing to show."""
    if most <= 0:
        return (Fraction(0), Fraction(1))
    rough, step = Fraction(most) / about, Fraction(1)
    while step * 10 <= rough:
        step *= 10
    while step > rough:
        step /= 10
    step *= next(one for one in (1, 2, 5, 10) if step * one >= rough)
    count = -(-Fraction(most) // step)
    return tuple(step * n for n in range(int(count) + 1))


def whole_ticks(most: int, about: int = 4) -> tuple[int, ...]:
    """Marks of an axis that counts: whole numbers only."""
    found = [int(one) for one in ticks(max(most, 1), about) if one.denominator == 1]
    return tuple(found if found[-1] >= most else [*found, most])


def levels(most: int, steps: int = 4) -> tuple[tuple[int, int], ...]:
    """The shades of a heat map: ranges of whole numbers from 1 to ``most``, at most ``steps``, without a gap."""
    count = min(steps, most)
    tops = [most * n // count for n in range(1, count + 1)]
    return tuple((low + 1, top) for low, top in zip([0, *tops], tops, strict=False))


def level_of(value: int, ranges: Sequence[tuple[int, int]]) -> int:
    """Which shade a number has: 0 for none, 1 for the lightest."""
    return next((n for n, (low, top) in enumerate(ranges, 1) if low <= value <= top), 0)


KINDS = {
    "TR": "transport",
    "WR": "water",
    "TM": "building",
    "TV": "building",
    "LA": "land",
    "MI": "mining",
    "EQ": "assets",
    "AD": "assets",
}


def kind_of(regime: str, category: str) -> str:
    """The kind of deal whose competition is comparable: building, transport, water, ``procurement-goods``, land …"""
    if regime == "GP":
        return f"procurement-{category}"
    return KINDS.get(regime, "other")
