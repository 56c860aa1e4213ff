"""The picture of a Merkle path: coordinates only; the template draws, the style sheet colours."""

from __future__ import annotations

from dataclasses import dataclass

from supervision.log_queries import Entry

WIDTH, BOX, HIGH = 600, 92, 34
SPREAD = (92, 56, 50, 48)
LEVEL = 74
DRAWN = len(SPREAD)


@dataclass(frozen=True)
class Node:
    """A box: centre x, top y, its words and whose it is (``own``, ``given``, ``leaf``, ``root``)."""

    x: int
    y: int
    kind: str
    words: str
    above: str = ""


@dataclass(frozen=True)
class Line:
    """An elbow from a parent's foot to a child's top."""

    path: str
    own: bool


@dataclass(frozen=True)
class Figure:
    """A drawing ``height`` units high; ``more`` steps are left out between the drawn part and the root."""

    height: int
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    more: int
    more_y: int


def path_figure(entry: Entry) -> Figure:
    """Draw the lowest steps of a path as a tree, and the root above them."""
    steps = entry.steps[:DRAWN]
    more = len(entry.steps) - len(steps)
    nodes: list[Node] = []
    lines: list[Line] = []
    x, y = WIDTH // 2, 8
    if more or not steps:
        nodes.append(Node(x, y, "root", entry.root[:12], "root"))
        if more:
            lines.append(Line(f"M{x} {y + 44}V{y + 104}", own=True))
            y += 104
    more_y = 8 + 44 + 30
    for depth, step in enumerate(reversed(steps)):
        top = not more and depth == 0
        nodes.append(
            Node(x, y, "root" if top else "own", step.joined[: 12 if top else 8], "root" if top else "")
        )
        foot, below = y + (44 if top else HIGH), y + LEVEL + (10 if top else 0)
        spread = SPREAD[depth + DRAWN - len(steps)] if len(steps) < DRAWN else SPREAD[depth]
        sibling, own = (x - spread, x + spread) if step.left else (x + spread, x - spread)
        middle = (foot + below) // 2
        for child, mine in ((sibling, False), (own, True)):
            lines.append(Line(f"M{x} {foot}V{middle}H{child}V{below}", own=mine))
        words = f"#{step.first}" if step.first == step.last else f"#{step.first}–{step.last}"
        nodes.append(Node(sibling, below, "given", step.sibling[:8], words))
        x, y = own, below
    if steps:
        nodes.append(Node(x, y, "leaf", entry.leaf[:8], f"#{entry.row.index}"))
    lines.sort(key=lambda line: line.own)
    return Figure(y + 64, tuple(nodes), tuple(lines), more, more_y)
