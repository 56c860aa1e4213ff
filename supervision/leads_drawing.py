"""Pictures of a lead: the graph of relations, the prices, the gauge. Coordinates only; the style sheet colours.

The page shows them as drawn by the server, and hands the same places to ECharts where scripts run.

The graph is laid out by a fixed recipe, so that the same lead looks the same every time: firms stand on an ellipse in
the order of their names, what ties them stands between them and is pushed apart where it would overlap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

WIDTH, HEIGHT = 680, 440
CENTRE, REACH = (270.0, 220.0), (205.0, 160.0)
APART = 74.0
ROUNDS = 80


@dataclass(frozen=True)
class Node:
    """A firm or a thing that ties firms. ``kind``: firm, other, device, money, people, text."""

    key: str
    kind: str
    label: str
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Edge:
    """A tie; ``light`` gives its weight: yellow thin and dashed, red thick."""

    one: str
    other: str
    light: str
    words: str = ""
    x1: int = 0
    y1: int = 0
    x2: int = 0
    y2: int = 0


@dataclass(frozen=True)
class Graph:
    """``ring``: centre and radii of the plate behind the firms of the lead."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    ringed: int
    width: int = WIDTH
    height: int = HEIGHT
    ring: tuple[int, int, int, int] = (int(CENTRE[0]), int(CENTRE[1]), 255, 208)


def lay_out(
    firms: Sequence[tuple[str, str]],
    others: Sequence[tuple[str, str]],
    things: Sequence[Node],
    edges: Sequence[Edge],
) -> Graph:
    """Place firms of the lead, what ties them, and other bidders.

    Args:
        firms, others: key and label of bidders inside and outside the lead.
        things: what ties firms; their places are computed here.
    """
    places: dict[str, tuple[float, float]] = {}
    for number, (key, _) in enumerate(firms):
        turn = 2 * math.pi * number / max(1, len(firms)) - math.pi / 2
        places[key] = (CENTRE[0] + REACH[0] * math.cos(turn), CENTRE[1] + REACH[1] * math.sin(turn))
    for number, thing in enumerate(things):
        ends = [
            places[e.one if e.other == thing.key else e.other] for e in edges if thing.key in (e.one, e.other)
        ]
        middle = [sum(p[axis] for p in ends) / max(1, len(ends)) for axis in (0, 1)]
        turn = 2.4 * number
        places[thing.key] = (
            CENTRE[0] + (middle[0] - CENTRE[0]) * 0.6 + 14 * math.cos(turn),
            CENTRE[1] + (middle[1] - CENTRE[1]) * 0.6 + 14 * math.sin(turn),
        )
    _push_apart(places, {thing.key for thing in things})
    step = min(76.0, (HEIGHT - 80) / max(1, len(others)))
    for number, (key, _) in enumerate(others):
        places[key] = (WIDTH - 70.0, HEIGHT - 60 - step * number)
    spots = {key: (round(x), round(y)) for key, (x, y) in places.items()}
    nodes = [Node(key, "firm", label, *spots[key]) for key, label in firms]
    nodes += [Node(one.key, one.kind, one.label, *spots[one.key]) for one in things]
    nodes += [Node(key, "other", label, *spots[key]) for key, label in others]
    drawn = [Edge(e.one, e.other, e.light, e.words, *spots[e.one], *spots[e.other]) for e in edges]
    return Graph(tuple(nodes), tuple(drawn), len(firms))


def _push_apart(places: dict[str, tuple[float, float]], loose: set[str]) -> None:
    """Move loose nodes until none overlaps another; firms stay where they are."""
    keys = sorted(places)
    for _ in range(ROUNDS):
        moved = False
        for key in sorted(loose):
            for other in keys:
                if other == key:
                    continue
                dx, dy = (places[key][axis] - places[other][axis] for axis in (0, 1))
                gap = math.hypot(dx, dy)
                if gap < APART:
                    dx, dy = (dx / gap, dy / gap) if gap > 1e-6 else (1.0, 0.0)
                    shift = (APART - gap) / 2 + 1
                    x = min(CENTRE[0] + REACH[0], max(CENTRE[0] - REACH[0], places[key][0] + dx * shift))
                    y = min(HEIGHT - 46.0, max(30.0, places[key][1] + dy * shift))
                    places[key] = (x, y)
                    moved = True
        if not moved:
            return


@dataclass(frozen=True)
class Dot:
    x: int
    y: int
    share: str
    label: str
    inside: bool


@dataclass(frozen=True)
class PriceChart:
    """Prices over the ceiling, highest first. ``line``: the path through the firms of the lead."""

    dots: tuple[Dot, ...] = ()
    grid: tuple[tuple[int, str], ...] = ()
    line: str = ""
    width: int = 420
    height: int = 220


def price_chart(prices: Sequence[tuple[str, str, Decimal]], inside: set[str]) -> PriceChart:
    """Draw prices as percent of the ceiling.

    Args:
        prices: key, label and percent of each bidder.
        inside: keys of the firms of the lead.
    """
    if not prices:
        return PriceChart()
    order = sorted(prices, key=lambda one: (-one[2], one[1]))
    low = math.floor(min(p for _, _, p in order)) - 1
    high = math.ceil(max(p for _, _, p in order)) + 1
    left, right, top, bottom = 46, 404, 26, 178

    def y(percent: Decimal) -> int:
        return round(bottom - float((percent - low) / (high - low)) * (bottom - top))

    gap = (right - left) / max(1, len(order))
    dots = [
        Dot(round(left + gap * (n + 0.5)), y(percent), f"{percent:.2f}", label, key in inside)
        for n, (key, label, percent) in enumerate(order)
    ]
    step = max(1, math.ceil((high - low) / 5))
    grid = tuple((y(Decimal(mark)), f"{mark}%") for mark in range(low, high + 1, step))
    line = " ".join(f"{'M' if n == 0 else 'L'}{d.x} {d.y}" for n, d in enumerate(d for d in dots if d.inside))
    return PriceChart(tuple(dots), grid, line)


@dataclass(frozen=True)
class HeatCell:
    """A correlation; ``level`` 0 … 4 is its shade."""

    text: str = ""
    level: int = 0


@dataclass(frozen=True)
class Heat:
    """A triangle of correlations: columns are the first firms, rows the later ones."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...] = field(default=())
    items: int = 0


def heat(found: Mapping[str, Sequence[str]], labels: Sequence[tuple[str, str]]) -> Heat:
    """The triangle of correlations between the firms' bills.

    Args:
        found: "key key" → correlation and number of items, as texts. labels: key and label in the order wanted.
    """
    values = {frozenset(pair.split()): (float(value), int(items)) for pair, (value, items) in found.items()}
    names = [(key, label) for key, label in labels if any(key in pair for pair in values)]
    rows = []
    for number, (key, label) in enumerate(names[1:], start=1):
        cells = []
        for other, _ in names[:number]:
            value, _ = values.get(frozenset((key, other)), (math.nan, 0))
            known = not math.isnan(value)
            level = (
                0
                if not known or value < 0.2
                else 1
                if value < 0.5
                else 2
                if value < 0.8
                else 3
                if value < 0.95
                else 4
            )
            cells.append(
                HeatCell(f"{value:.3f}" if known and value > 0.9 else f"{value:.2f}" if known else "–", level)
            )
        rows.append((label, tuple(cells)))
    items = max((n for _, n in values.values()), default=0)
    return Heat(tuple(label for _, label in names[:-1]), tuple(rows), items)
