"""What ``sunroad screen`` writes: scores, pairs, problems and the report.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from supervision.analysis import nightly, report
from supervision.analysis.engine import Look, Tell, head, silent
from supervision.analysis.files import Bids
from supervision.analysis.shapes import Floats, Ints
from supervision.rules.signals.ranks import RankP, share_below
from supervision.rules.signals.screens import ALL

CHARTED = 12
ROWS_AT_ONCE = 2_000
Column = Callable[[Ints], Sequence[Any]]
"""Places of tenders → their cells in one column."""
# fmt: off
PAIR_COLUMNS = (
    "rank", "a", "b", "joint", "bids_a", "bids_b", "jaccard", "lift", "expected", "p", "wins_a", "wins_b", "balance",
    "closure", "likeness", "score", "indicators",
)
# fmt: on


def shares(scores: Floats) -> Floats:
    """Rank of each score among all, 0 … 1."""
    return share_below(scores, np.zeros(len(scores), dtype=np.int64))


def fired(seen: Look, t: int, alpha: float) -> str:
    """Rules that fired on a tender."""
    return " ".join(rule for rule, one in seen.patterns.items() if one.met[t] and one.p[t] <= alpha)


def write_scores(
    path: Path, bids: Bids, seen: Look, scores: Floats, probability: Floats | None, alpha: float
) -> None:
    """One row a tender, head of the queue first."""
    history = bids.history
    columns: list[tuple[str, Column]] = [
        ("tender", lambda at: [history.keys[t] for t in at.tolist()]),
        ("market", lambda at: [history.category[t] for t in at.tolist()]),
        ("n", lambda at: seen.screens.n[at].tolist()),
        ("score", _of(shares(scores))),
        ("score_raw", _full(scores)),
        ("label_free", _full(seen.score.total)),
    ]
    if probability is not None:
        columns.append(("probability", _full(probability)))
    columns += [(one.value, _full(seen.screens.values[row])) for row, one in enumerate(ALL)]
    columns += [
        ("mean", _full(seen.mean)),
        ("lowest", _full(seen.lowest)),
        ("win_estimate", _full(seen.ratio)),
    ]
    columns += [(f"part_{name}", _of(value)) for name, value in seen.score.parts.items()]
    columns += [(name, _of(value)) for name, value in seen.p.items()]
    for rule, one in seen.patterns.items():
        columns += [(rule, _of(one.value)), (f"p_{rule}", _of(one.p))]
    columns.append(("rules", lambda at: [fired(seen, t, alpha) for t in at.tolist()]))
    if not np.isnan(bids.label).all():
        columns.append(("label", _of(bids.label)))
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["rank", *(name for name, _ in columns)])
        order = head(scores)
        for start in range(0, len(order), ROWS_AT_ONCE):
            at = order[start : start + ROWS_AT_ONCE]
            ranks = range(start + 1, start + 1 + len(at))
            out.writerows(zip(ranks, *(read(at) for _, read in columns), strict=True))


def _of(values: Floats | RankP) -> Column:
    def read(at: Ints) -> list[str]:
        return ["" if value != value else f"{value:.10g}" for value in values[at].tolist()]  # noqa: PLR0124 - NaN

    return read


def _full(values: Floats) -> Column:
    """Every digit, so that others can compute on and compare."""

    def read(at: Ints) -> list[str]:
        return ["" if value != value else repr(value) for value in values[at].tolist()]  # noqa: PLR0124 - NaN

    return read


def write_pairs(path: Path, bids: Bids, seen: Look, tell: Tell = silent) -> None:
    """One row a pair of firms that met, most cartel-like first; pairs that never met take neither time nor room."""
    found, firms = seen.pairs, bids.history.firms
    assert found is not None
    assert seen.presence is not None
    total = int(np.count_nonzero(np.bincount(seen.presence.tender)))
    often, beside = nightly.pair_indicators(found, seen.presence, total)
    least, most = np.minimum(found.wins_a, found.wins_b), np.maximum(found.wins_a, found.wins_b)
    unknown = np.full(len(found.a), np.nan)
    chance = seen.chance
    columns: list[Column] = [
        lambda at: [firms[f] for f in found.a[at].tolist()],
        lambda at: [firms[f] for f in found.b[at].tolist()],
        *((lambda at, one=one: one[at].tolist()) for one in (found.joint, found.bids_a, found.bids_b)),
        _of(found.jaccard),
        _of(found.lift),
        _of(chance.expected if chance else unknown),
        _of(chance.p if chance else unknown),
        *((lambda at, one=one: one[at].tolist()) for one in (found.wins_a, found.wins_b)),
        _of(least / np.maximum(most, 1)),
        _of(found.closure),
        _of(found.likeness),
        _of(found.likeness),
        lambda at: [
            " ".join(nightly.pair_codes(*both))
            for both in zip(often[at].tolist(), beside[at].tolist(), strict=True)
        ],
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(PAIR_COLUMNS)
        order = head(found.likeness)
        for start in range(0, len(order), ROWS_AT_ONCE):
            tell("pairs.csv", start, len(order))
            at = order[start : start + ROWS_AT_ONCE]
            ranks = range(start + 1, start + 1 + len(at))
            out.writerows(zip(ranks, *(read(at) for read in columns), strict=True))
        tell("pairs.csv", len(order), len(order))


def write_problems(path: Path, bids: Bids) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["line", "what", "text"])
        out.writerows(
            [one.line, one.what, one.text] for one in sorted(bids.problems.found, key=lambda p: p.line)
        )
        for what, number in bids.problems.counts.items():
            if number > bids.problems.keep:
                out.writerow(["", what, f"… and {number - bids.problems.keep} more lines"])


def page(args: argparse.Namespace, bids: Bids, seen: Look, scores: Floats, said: dict[str, Any]) -> str:
    history, order = bids.history, head(scores)
    first = [t for t in order.tolist() if seen.screens.n[t] > 1][:CHARTED]
    rigged = bids.label == 1
    sections = [
        (
            "The file",
            report.rows(
                ["", "count"],
                [
                    ["lines", bids.rows],
                    ["tenders", said["tenders"]],
                    ["bids used", said["bids"]],
                    *said["left_out"].items(),
                ],
            ),
        )
    ]
    if "figures" in said:
        sections.append(
            ("Measured against the labels", report.figures_table(said["figures"]) + _roc(bids, seen, scores))
        )
    sections += [
        ("Head of the queue", report.rows(list(said["top"][0]), [list(one.values()) for one in said["top"]])),
        (
            "How their bids lie",
            report.strip(
                [(history.keys[t], history.bid[history.tender == t]) for t in first],
                label="Bids ÷ lowest bid of the tender; the head of the queue",
            ),
        ),
        (
            "All tenders",
            "".join(
                report.histogram(
                    seen.screens.values[row],
                    label=f"{one.value}, number of tenders; dark: confirmed cases; the outermost bars hold what lies beyond",
                    marked=seen.screens.values[row][rigged],
                )
                for row, one in enumerate(ALL)
            ),
        ),
    ]
    if said["pairs"]:
        sections.append(
            (
                "Pairs of firms",
                report.rows(list(said["pairs"][0]), [list(one.values()) for one in said["pairs"]]),
            )
        )
    sections.append(("How the score is made", _how(said)))
    return report.page(f"sunroad screen: {args.file.name}", sections)


def _how(said: dict[str, Any]) -> str:
    parts = ", ".join(f"{name} × {weight:g}" for name, weight in said["parts"].items())
    return "".join(
        report.paragraph(one)
        for one in (
            f"Score in use: {said['score_in_use']}. Label-free: ranks inside each market, added: {parts}.",
            "p-values of screens and score: tenders of one category with the same number of bids are exchangeable. "
            "p-values of progressions: simulated independent bids of any spread. Pairs: bidders permuted inside category and year.",
            *said["notes"],
        )
    )


def _roc(bids: Bids, seen: Look, scores: Floats) -> str:
    where = np.flatnonzero(~np.isnan(bids.label) & (seen.screens.n > 1))
    y = bids.label[where][np.argsort(-scores[where], kind="stable")]
    step = max(1, len(y) // 200)
    hit, wrong = np.r_[0.0, np.cumsum(y) / y.sum()], np.r_[0.0, np.cumsum(1 - y) / (1 - y).sum()]
    points = list(zip(wrong[::step].tolist(), hit[::step].tolist(), strict=True))
    return report.curve(
        [*points, (1.0, 1.0)], label="Share of confirmed cases found against share of clean tenders looked at"
    )
