"""The figures of a report page, computed from the stored report alone: matrix, distribution, sensitivity.

Source: design guide §6 (07); spec rules §7.4 (X-01, X-02, X-04).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evaluation.rules import outliers
from kernel.score import Exact

WIDTH = 560
LEFT = 56
ROW = 34


@dataclass(frozen=True)
class Cell:
    """One member's points for one bid; ``light`` is empty unless they stand apart."""

    member: str
    points: Decimal
    light: str = ""
    x: int = 0


@dataclass(frozen=True)
class Line:
    """One bid in the matrix. Rejected bids have no rank."""

    bid: str
    code: str
    bidder: str
    price: str
    valid: bool
    grounds: Sequence[Mapping[str, Any]]
    rank: int | None = None
    total: str = ""
    price_score: str = ""
    price_points: str = ""
    factors: Mapping[str, str] | None = None
    cells: Sequence[Cell] = ()
    median_x: int = 0
    y: int = 0


@dataclass(frozen=True)
class ReportView:
    """A report for reading."""

    lines: Sequence[Line]
    rejected: Sequence[Line]
    members: Sequence[str]
    factors: Sequence[Mapping[str, Any]]
    benchmark: str
    scored: bool
    full: Decimal
    flips: Sequence[tuple[str, str]]
    ticks: Sequence[tuple[int, str]]
    outliers: Sequence[Mapping[str, Any]]
    height: int


def report_view(body: Mapping[str, Any]) -> ReportView:
    """Everything the page shows of a report body."""
    results = {entry["bid"]: entry for entry in body["results"]["results"]}
    given = _given(body["inputs"])
    members = sorted({m for points in given.values() for m in points}, key=int)
    lights = {(o["bid"], str(o["member"])): str(o["light"]) for o in body["outliers"]}
    full = sum((Decimal(f["max"]) for f in body["inputs"].get("factors", [])), Decimal(0))
    low, high = _span(given, full)
    lines: list[Line] = []
    for bid in sorted(body["bids"], key=lambda b: (results.get(b["bid"], {}).get("rank", 999), b["code"])):
        entry = results.get(bid["bid"], {})
        points = given.get(bid["bid"], {})
        y = 18 + ROW * sum(one.valid for one in lines)
        middle = outliers.median(list(points.values())) if points else None
        lines.append(
            Line(
                bid=bid["bid"],
                code=bid["code"],
                bidder=bid["bidder"],
                price=bid["price"],
                valid=bid["valid"],
                grounds=bid["grounds"],
                rank=entry.get("rank"),
                total=str(entry.get("total", entry.get("evaluated", ""))),
                price_score=str(entry.get("price_score", "")),
                price_points=_price_points(entry),
                factors=entry.get("factors"),
                cells=[
                    Cell(m, points[m], lights.get((bid["bid"], m), ""), _x(points[m], low, high))
                    for m in members
                    if m in points
                ],
                median_x=_x(middle, low, high) if middle is not None else 0,
                y=y,
            )
        )
    valid = [one for one in lines if one.valid]
    return ReportView(
        lines=valid,
        rejected=[one for one in lines if not one.valid],
        members=members,
        factors=body["terms"].get("factors", []) if body["inputs"].get("factors") else [],
        benchmark=str(body["results"].get("benchmark", "")),
        scored="factors" in body["inputs"],
        full=full,
        flips=_flips(body, given, results),
        ticks=_ticks(low, high),
        outliers=[one | {"code": _code(body, one["bid"])} for one in body["outliers"]],
        height=18 + ROW * len(valid) + 26,
    )


def _price_points(entry: Mapping[str, Any]) -> str:
    """What the price adds to the printed total: the total less the printed factor scores."""
    if "total" not in entry:
        return ""
    return str(Decimal(entry["total"]) - sum((Decimal(one) for one in entry["factors"].values()), Decimal(0)))


def _code(body: Mapping[str, Any], bid: str) -> str:
    return next(str(b["code"]) for b in body["bids"] if b["bid"] == bid)


def _given(inputs: Mapping[str, Any]) -> dict[str, dict[str, Decimal]]:
    """Every member's sum over the factors, by bid and member."""
    given: dict[str, dict[str, Decimal]] = {}
    for factor in inputs.get("factors", []):
        for one in factor["scores"]:
            points = given.setdefault(one["bid"], {})
            points[one["member"]] = points.get(one["member"], Decimal(0)) + Decimal(one["score"])
    return given


def _span(given: Mapping[str, Mapping[str, Decimal]], full: Decimal) -> tuple[Decimal, Decimal]:
    values = [value for points in given.values() for value in points.values()]
    if not values:
        return Decimal(0), Decimal(1)
    low = max(Decimal(0), (min(values) * Decimal("0.95")).quantize(Decimal(1)))
    high = min(full, (max(values) * Decimal("1.05")).quantize(Decimal(1)) + 1)
    return low, max(high, low + 1)


def _x(value: Exact, low: Decimal, high: Decimal) -> int:
    from kernel.score import exact

    share = (exact(value) - exact(low)) / (exact(high) - exact(low))
    return LEFT + round(share * (WIDTH - LEFT - 20))


def _ticks(low: Decimal, high: Decimal) -> list[tuple[int, str]]:
    steps = [low + (high - low) * n / 4 for n in range(5)]
    return [(_x(step, low, high), f"{step:.1f}") for step in steps]


def _flips(
    body: Mapping[str, Any], given: Mapping[str, Mapping[str, Decimal]], results: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Members without whose sheets another bid would come first: (member, code of that bid)."""
    if not given:
        return []
    base = {bid: Decimal(_price_points(results[bid])) for bid in given if bid in results}
    ranked = {bid: points for bid, points in given.items() if bid in results}
    found = outliers.flips(ranked, outliers.best_mean(base))
    return [(one.member, _code(body, one.bid)) for one in found]
