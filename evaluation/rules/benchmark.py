"""Benchmark prices (评标基准价) of construction tendering, and the score for deviating from them.

Every parameter is printed in the documents; what is drawn (K, δ, a method, a subset) is handed in by the
caller, who draws it verifiably in the opening session after all prices are public. Means keep full
precision until the printed rounding step.

Source: rules.md §2.7, §2.10 (BM-1…BM-8, EX-7…EX-12); BM-9 is ``prices.price_scores``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar

from kernel.errors import NotValid
from kernel.money import Money
from kernel.score import DEVIATION, POINTS, Exact, Score, exact, half_up, mean, score

B = TypeVar("B")
_SOURCE = "rules.md §2.7"
_YUAN = Decimal(1)


class FreezeAt(StrEnum):
    """When the valid set is fixed: at the opening (default), or after the preliminary review."""

    OPENING = "opening"
    PRELIM_REVIEW = "prelim_review"


@dataclass(frozen=True, slots=True)
class Trim:
    """From ``count`` prices on, drop ``high`` highest and ``low`` lowest."""

    count: int
    high: int
    low: int


TRIM_TABLES: Mapping[str, tuple[Trim, ...]] = MappingProxyType(
    {
        "none": (),
        "4-high-7-both": (Trim(4, 1, 0), Trim(7, 1, 1)),
        "5-one-10-two": (Trim(5, 1, 1), Trim(10, 2, 2)),
        "4-both": (Trim(4, 1, 1),),
    }
)
"""Printed trim tables by name; the last row whose count is reached applies."""


def valid_prices(
    prices: Mapping[B, Money],
    *,
    ceiling: Money,
    rejected_at_opening: Collection[B] = (),
    rejected_in_review: Collection[B] = (),
    freeze_at: FreezeAt = FreezeAt.OPENING,
) -> dict[B, Money]:
    """The prices the benchmark is made of: not rejected by the time it is fixed, and not above the ceiling.

    A price equal to the ceiling is valid. Later rejections change nothing unless the documents print that
    the set is fixed after the preliminary review.

    Source: 招标投标法实施条例 第五十一条; rules.md §2.7, §2.8.
    """
    out = set(rejected_at_opening)
    if freeze_at is FreezeAt.PRELIM_REVIEW:
        out |= set(rejected_in_review)
    return {bid: price for bid, price in prices.items() if bid not in out and price <= ceiling}


def trimmed(prices: Sequence[Exact], table: Sequence[Trim]) -> list[Fraction]:
    """The prices left, ascending, after the row of ``table`` for their count has dropped its share."""
    left = sorted(exact(price) for price in prices)
    row = max((row for row in table if row.count <= len(left)), key=lambda row: row.count, default=None)
    if row is None:
        return left
    if row.high + row.low >= len(left):
        raise NotValid("trim_leaves_nothing", source=_SOURCE, count=len(left))
    return left[row.low : len(left) - row.high]


def require_printed(
    value: Exact, printed: Collection[Exact], *, code: str = "parameter_not_printed"
) -> Fraction:
    """A drawn coefficient, exactly as the printed list has it; NotValid when the list has it not."""
    if exact(value) not in {exact(one) for one in printed}:
        raise NotValid(code, source=_SOURCE, value=str(value))
    return exact(value)


def steps(low: str, high: str, step: str) -> tuple[Decimal, ...]:
    """A printed range as its list: ``steps("0.95", "0.98", "0.005")`` has seven coefficients."""
    first, last, width = Decimal(low), Decimal(high), Decimal(step)
    if not width > 0 or last < first:
        raise ValueError("a range rises in steps")
    return tuple(first + width * n for n in range(int((last - first) / width) + 1))


def bm1(prices: Sequence[Exact], *, delta: Exact, quantum: Decimal = POINTS) -> Decimal:
    """Mean × (1 − δ), in yuan."""
    return half_up(_mean(prices) * (1 - exact(delta)), quantum)


def bm2(prices: Sequence[Exact], *, table: Sequence[Trim], k: Exact, quantum: Decimal = POINTS) -> Decimal:
    """Trimmed mean × K, in yuan (EX-7)."""
    return half_up(_mean(trimmed(prices, table)) * exact(k), quantum)


def bm3(
    a: Exact, b: Exact, *, k1: Exact, q1: Exact, k2: Exact, q2: Exact, quantum: Decimal = POINTS
) -> Decimal:
    """A×K1×Q1 + B×K2×Q2 with A the mean of bids and B the ceiling; Q1 + Q2 = 1 (EX-12)."""
    if exact(q1) + exact(q2) != 1:
        raise NotValid("shares_not_one", source=_SOURCE, q1=str(q1), q2=str(q2))
    return half_up(exact(a) * exact(k1) * exact(q1) + exact(b) * exact(k2) * exact(q2), quantum)


@dataclass(frozen=True, slots=True)
class Abc:
    """What BM-4 needs before its draw: A, the lower limit, C, and the prices B is drawn from, ascending."""

    a: Fraction
    lower_limit: Fraction
    c: Fraction
    draw_from: tuple[Fraction, ...]


def abc(prices: Sequence[Exact], *, ceiling: Exact, delta: Exact) -> Abc:
    """The parts of the ABC method: A = ceiling × (1 − Δ); L = (mean × 70 % + ceiling × 30 %) × 75 %; C = the
    lowest price ≥ L; B is drawn from those with C < b < 0.95 A, else from any price ≥ L except C.

    Raises:
        NotValid: ``no_price_above_limit`` when C does not exist, ``nothing_to_draw`` when only C is left.

    Source: rules.md §2.7 (BM-4, EX-8).
    """
    top, exacts = exact(ceiling), sorted(exact(price) for price in prices)
    a = top * (1 - exact(delta))
    limit = (_mean(exacts) * Fraction(7, 10) + top * Fraction(3, 10)) * Fraction(3, 4)
    above = [price for price in exacts if price >= limit]
    if not above:
        raise NotValid("no_price_above_limit", source=_SOURCE)
    c = above[0]
    between = tuple(price for price in above if c < price < a * Fraction(95, 100))
    draw_from = between or tuple(above[1:])
    if not draw_from:
        raise NotValid("nothing_to_draw", source=_SOURCE)
    return Abc(a, limit, c, draw_from)


def bm4(parts: Abc, *, drawn: Exact, k: Exact, quantum: Decimal = POINTS) -> Decimal:
    """(A × 50 % + B × 30 % + C × 20 %) × K with the drawn B, in yuan (EX-8)."""
    b = require_printed(drawn, parts.draw_from, code="drawn_price_not_in_set")
    base = parts.a * Fraction(1, 2) + b * Fraction(3, 10) + parts.c * Fraction(1, 5)
    return half_up(base * exact(k), quantum)


def bm5(prices: Sequence[Exact], *, ceiling: Exact, delta: Exact, quantum: Decimal = POINTS) -> Decimal:
    """(ceiling × 0.6 + mean × 0.4) × (1 − δ), in yuan (EX-9)."""
    base = exact(ceiling) * Fraction(6, 10) + _mean(prices) * Fraction(4, 10)
    return half_up(base * (1 - exact(delta)), quantum)


@dataclass(frozen=True, slots=True)
class Band:
    """BM-6: from ``share`` of the ceiling on (the edge rounded to yuan), δ lies in [low, high]."""

    share: Fraction
    strict: bool  # the mean must lie above the edge, not on it
    low: Fraction
    high: Fraction


BM6_BANDS = (
    Band(Fraction(95, 100), False, Fraction(2, 100), Fraction(5, 100)),
    Band(Fraction(90, 100), True, Fraction(-1, 100), Fraction(2, 100)),
    Band(Fraction(0), False, Fraction(-4, 100), Fraction(-1, 100)),
)
"""Bands of BM-6, highest first. Source: rules.md §2.7."""

BM6_MANY = 15
"""From this many prices on a method, one per band, is drawn. Source: rules.md §2.7."""


def band_of(price: Exact, *, ceiling: Exact, bands: Sequence[Band] = BM6_BANDS) -> int:
    """The index of the band a price or mean lies in; edges are rounded to one yuan before comparing."""
    for index, band in enumerate(bands):
        edge = Fraction(half_up(exact(ceiling) * band.share, _YUAN))
        if exact(price) > edge or (exact(price) == edge and not band.strict):
            return index
    raise NotValid("price_in_no_band", source=_SOURCE, price=str(price))


def bm6_methods(prices: Sequence[Exact], *, ceiling: Exact) -> tuple[int, ...]:
    """The bands open to a draw: that of the mean below 15 prices, else every band with a price in it."""
    if len(prices) < BM6_MANY:
        return (band_of(half_up(_mean(prices), _YUAN), ceiling=ceiling),)
    return tuple(sorted({band_of(price, ceiling=ceiling) for price in prices}))


def bm6(prices: Sequence[Exact], *, ceiling: Exact, delta: Exact, method: int | None = None) -> Decimal:
    """The banded benchmark, to one yuan: rounded mean × (1 − δ) with a δ legal in its band (EX-10).

    Args:
        prices: the valid prices in yuan.
        ceiling: in yuan.
        delta: as drawn.
        method: the drawn band; needed from 15 prices on, where the mean is taken over that band only.

    Raises:
        NotValid: ``method_not_drawn``, ``method_without_price``, ``delta_out_of_band``.
    """
    open_methods = bm6_methods(prices, ceiling=ceiling)
    if method is None:
        if len(prices) >= BM6_MANY:
            raise NotValid("method_not_drawn", source=_SOURCE, methods=open_methods)
        method = open_methods[0]
    if method not in open_methods:
        raise NotValid("method_without_price", source=_SOURCE, method=method, methods=open_methods)
    band, chosen = BM6_BANDS[method], list(prices)
    if len(prices) >= BM6_MANY:
        chosen = [price for price in prices if band_of(price, ceiling=ceiling) == method]
    if not band.low <= exact(delta) <= band.high:
        span = f"{band.low}..{band.high}"
        raise NotValid("delta_out_of_band", source=_SOURCE, delta=str(delta), span=span)
    return half_up(exact(half_up(_mean(chosen), _YUAN)) * (1 - exact(delta)), _YUAN)


def bm7(prices: Sequence[Exact], *, with_lowest: bool = False, quantum: Decimal = POINTS) -> Decimal:
    """The mean of the prices not above the first mean; or of first mean and lowest price (EX-11)."""
    first = _mean(prices)
    if with_lowest:
        return half_up((first + min(exact(price) for price in prices)) / 2, quantum)
    return half_up(_mean([price for price in prices if exact(price) <= first]), quantum)


def bm8(drawn: Sequence[Exact], *, in_range: int, wanted: int = 9, quantum: Decimal = POINTS) -> Decimal:
    """Mean of the drawn prices without one highest and one lowest.

    Args:
        drawn: the drawn prices; all of them when fewer than ``wanted`` are in range.
        in_range: how many prices were in range.
        wanted: how many are drawn.

    Raises:
        NotValid: ``wrong_draw_size``, ``trim_leaves_nothing``.
    """
    if len(drawn) != min(in_range, wanted):
        raise NotValid("wrong_draw_size", source=_SOURCE, drawn=len(drawn), wanted=min(in_range, wanted))
    return half_up(_mean(trimmed(drawn, (Trim(1, 1, 1),))), quantum)


def deviation(price: Exact, benchmark: Exact, quantum: Decimal = DEVIATION) -> Decimal:
    """(price − benchmark) / benchmark as a ratio, rounded to four decimals.

    Source: rules.md §2.7, §2.10.
    """
    base = exact(benchmark)
    if base <= 0:
        raise ValueError("a benchmark is positive")
    return half_up((exact(price) - base) / base, quantum)


def deviation_score(rate: Decimal, *, full: Exact, above: Exact, below: Exact) -> Score:
    """Points for a rounded deviation rate: F less E1 per percent above, F less E2 per percent below.

    Args:
        rate: as ``deviation`` gives it.
        full: F, the points of a price on the benchmark.
        above: E1, points lost per percent above; larger than E2.
        below: E2, points lost per percent below.

    Raises:
        NotValid: ``e1_not_above_e2``.

    Returns points, never below zero, two decimals. Source: rules.md §2.7 (EX-7).
    """
    if not exact(above) > exact(below) >= 0:
        raise NotValid("e1_not_above_e2", source=_SOURCE, above=str(above), below=str(below))
    percent = exact(rate) * 100
    points = exact(full) - percent * exact(above) if rate > 0 else exact(full) + percent * exact(below)
    return score(max(points, Fraction(0)))


def _mean(prices: Sequence[Exact]) -> Fraction:
    if not prices:
        raise NotValid("no_valid_price", source=_SOURCE)
    return mean(prices)
