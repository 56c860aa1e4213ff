"""Benchmark prices (评标基准价): the published strategies, each from its printed parameters.

Values stay exact until the printed rounding step. A drawn coefficient comes
in as a parameter; that it was drawn honestly is checked where the draw is.

Source: rules specification §2.7 (BM-1 to BM-9).
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from sealbid.errors import SealError
from sealbid.exact import exact, half_up

Json = Mapping[str, Any]


def benchmark(params: Json, prices: Sequence[str]) -> Fraction:
    """The benchmark over the valid set ``prices`` (not rejected at the opening, not above the ceiling).

    Args:
        params: ``{"id": "BM-1"…"BM-9", …, "decimals": 2}``; the result is rounded to ``decimals``.
        prices: yuan, as decimal strings.

    Raises:
        SealError: ``award_inputs`` for an unknown strategy, a missing parameter or one outside its band.
    """
    values = [exact(price) for price in prices]
    strategy = STRATEGIES.get(str(params.get("id")))
    if strategy is None or not values or min(values) <= 0:
        raise SealError("award_inputs", f"no benchmark {params.get('id')!r} over {len(values)} prices")
    if "ceiling" in params and max(values) > exact(params["ceiling"]):
        raise SealError("award_inputs", "a price above the ceiling stands in the valid set")
    decimals = 0 if params["id"] == "BM-6" else params.get("decimals", 2)
    if not isinstance(decimals, int) or not 0 <= decimals <= 6:
        raise SealError("award_inputs", "decimals of the benchmark")
    try:
        return Fraction(half_up(strategy(params, values), decimals))
    except KeyError as error:
        raise SealError("award_inputs", f"{params['id']} needs the parameter {error.args[0]}") from error


def mean(values: Sequence[Fraction]) -> Fraction:
    """Arithmetic mean, exact."""
    return sum(values, Fraction(0)) / len(values)


def trimmed(values: Sequence[Fraction], table: Sequence[Json]) -> list[Fraction]:
    """Drop what the printed table says for this number of bids: rows ``{"from", "high", "low"}``, rising."""
    high = low = 0
    for row in table:
        if len(values) >= row["from"]:
            high, low = row["high"], row["low"]
    if high + low >= len(values):
        raise SealError("award_inputs", "the trim table leaves no price")
    ordered = sorted(values)
    return ordered[low : len(ordered) - high]


def _bm1(p: Json, v: list[Fraction]) -> Fraction:
    return mean(v) * (1 - exact(p["delta"]))


def _bm2(p: Json, v: list[Fraction]) -> Fraction:
    return mean(trimmed(v, p["trim"])) * exact(p["k"])


def _bm3(p: Json, v: list[Fraction]) -> Fraction:
    q1, q2 = exact(p["q1"]), exact(p["q2"])
    if q1 + q2 != 1:
        raise SealError("award_inputs", "Q1 and Q2 add up to 1")
    return mean(v) * exact(p["k1"]) * q1 + exact(p["ceiling"]) * exact(p["k2"]) * q2


def _bm4(p: Json, v: list[Fraction]) -> Fraction:
    ceiling = exact(p["ceiling"])
    a = ceiling * (1 - exact(p["delta"]))
    floor = (mean(v) * Fraction(7, 10) + ceiling * Fraction(3, 10)) * Fraction(3, 4)
    c = min((b for b in v if b >= floor), default=None)
    if c is None:
        raise SealError("award_inputs", "no bid reaches the lower limit of BM-4")
    b = exact(p["b"])
    if b not in (bm4_candidates(v, a, floor, c) or [c]):
        raise SealError("award_inputs", "the drawn B of BM-4 is none of its candidates")
    return (a / 2 + b * Fraction(3, 10) + c / 5) * exact(p["k"])


def bm4_candidates(v: Sequence[Fraction], a: Fraction, floor: Fraction, c: Fraction) -> list[Fraction]:
    """What B may be drawn from: bids between C and 0.95 A, or any bid from the lower limit except C."""
    within = [b for b in v if c < b < a * Fraction(95, 100)]
    return within or [b for b in v if b >= floor and b != c]


def _bm5(p: Json, v: list[Fraction]) -> Fraction:
    return (exact(p["ceiling"]) * Fraction(6, 10) + mean(v) * Fraction(4, 10)) * (1 - exact(p["delta"]))


_BANDS = (  # from this share of the ceiling: δ from, to
    (Fraction(95, 100), Fraction(2, 100), Fraction(5, 100)),
    (Fraction(90, 100), Fraction(-1, 100), Fraction(2, 100)),
    (Fraction(0), Fraction(-4, 100), Fraction(-1, 100)),
)


def _bm6(p: Json, v: list[Fraction]) -> Fraction:
    ceiling, delta = exact(p["ceiling"]), exact(p["delta"])
    if len(v) >= 15:
        v = _bm6_band(p, v, ceiling)
    a = Fraction(half_up(mean(v), 0))
    edge95, edge90 = (Fraction(half_up(ceiling * share, 0)) for share, _, _ in _BANDS[:2])
    band = _BANDS[0] if a >= edge95 else _BANDS[1] if a > edge90 else _BANDS[2]
    if not band[1] <= delta <= band[2]:
        raise SealError("award_inputs", f"δ = {p['delta']} is outside the band of BM-6")
    return a * (1 - delta)


def _bm6_band(p: Json, v: list[Fraction], ceiling: Fraction) -> list[Fraction]:
    """From 15 bids on the mean is taken over the one band that was drawn: ``high``, ``middle`` or ``low``."""
    edge95, edge90 = (Fraction(half_up(ceiling * share, 0)) for share, _, _ in _BANDS[:2])
    bands = {
        "high": [b for b in v if b >= edge95],
        "middle": [b for b in v if edge90 < b < edge95],
        "low": [b for b in v if b <= edge90],
    }
    chosen = bands.get(str(p["band"]))
    if not chosen:
        raise SealError("award_inputs", "the drawn band of BM-6 holds no bid")
    return chosen


def _bm7(p: Json, v: list[Fraction]) -> Fraction:
    first = mean(v)
    if p.get("variant", "second_mean") == "with_lowest":
        return (first + min(v)) / 2
    return mean([b for b in v if b <= first])


def _bm8(p: Json, v: list[Fraction]) -> Fraction:
    drawn = v
    if len(v) > 9:
        places = p["drawn"]
        if len(places) != 9 or len(set(places)) != 9 or not all(0 <= i < len(v) for i in places):
            raise SealError("award_inputs", "BM-8 draws nine different bids")
        drawn = [v[i] for i in places]
    if len(drawn) < 3:
        raise SealError("award_inputs", "BM-8 needs at least three bids")
    return mean(sorted(drawn)[1:-1])


def _bm9(p: Json, v: list[Fraction]) -> Fraction:
    return min(v)


STRATEGIES: Mapping[str, Callable[[Json, list[Fraction]], Fraction]] = {
    "BM-1": _bm1,
    "BM-2": _bm2,
    "BM-3": _bm3,
    "BM-4": _bm4,
    "BM-5": _bm5,
    "BM-6": _bm6,
    "BM-7": _bm7,
    "BM-8": _bm8,
    "BM-9": _bm9,
}
