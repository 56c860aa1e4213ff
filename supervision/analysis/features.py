"""What a trained model reads of a tender: how its bids lie (free of scale), its size, its estimate, its company.

Source: detection §4.2 (scale-free rich, size), §4.4 (identity and estimate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from supervision.analysis.engine import Look
from supervision.analysis.shapes import Floats, History, Ints
from supervision.rules.signals.screens import buckets, grouped, sorted_rows

QUANTILES = (0.0, 0.05, 0.1, 0.25, 0.4, 0.6, 0.75, 0.9, 0.95, 1.0)
GAP_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
TIGHT = (1e-4, 1e-3, 5e-3)
NEAR = (0.002, 0.005, 0.01, 0.02)
# fmt: off
SHAPE = (
    "logsd", "mingap", "maxgap", "gapcv", "topgap", "lowgap", "second", "third", "rdalt", "rdnor", "trimmed", "losers",
    "losers_spread", "three", "iqr", "mad", "upper", "lower", "evenness", "distinct",
)
# fmt: on


@dataclass(frozen=True)
class Table:
    """Columns of features, shape (m, k), and their names; NaN where a tender has no such figure."""

    names: tuple[str, ...]
    x: Floats

    def joined(self, more: Mapping[str, Floats]) -> Table:
        """With further columns."""
        if not more:
            return self
        return Table((*self.names, *more), np.column_stack([self.x, *more.values()]))


def table(history: History, seen: Look, *, size: bool = True) -> Table:
    """All that does not depend on labels.

    Args:
        size: with the level of prices, which may encode a kind of contract or a period (detection §4.2).
    """
    columns: dict[str, Floats] = dict(seen.screens.as_mapping())
    columns["n"] = seen.screens.n.astype(np.float64)
    columns |= shape(history.tender, history.bid, len(history.keys))
    if size:
        columns["size"] = np.log(seen.mean)
    if not np.isnan(seen.ratio).all():
        columns["win_estimate"] = seen.ratio
        columns["mean_estimate"] = seen.mean / history.ceiling
        columns["estimate"] = np.log(history.ceiling)
    if seen.company is not None:
        columns |= {
            f"firms_{name}": value
            for name, value in seen.company.columns.items()
            if not name.startswith("record")
        }
    x = np.column_stack(list(columns.values())).astype(np.float64)
    return Table(tuple(columns), np.where(np.isinf(x), np.nan, x))


def shape(tender: Ints, bid: Floats, m: int) -> dict[str, Floats]:
    """Scale-free figures of the sorted logarithms of the bids, of tenders with three bids or more."""
    side = grouped(tender, bid, tenders=m)
    names = [
        *SHAPE,
        *(f"q{q}" for q in QUANTILES),
        *(f"gap{q}" for q in GAP_QUANTILES),
        *(f"tight{t}" for t in TIGHT),
        *(f"near{t}" for t in NEAR),
    ]
    found = np.full((len(names), m), np.nan)
    for count, members, start in buckets(side.n, side.start):
        if count >= 3:
            with np.errstate(invalid="ignore", divide="ignore"):
                found[:, members] = _of_rows(np.log(sorted_rows(side.bid, start, count)))
    return dict(zip(names, found, strict=True))


def _of_rows(logs: Floats) -> Floats:
    """The figures of ``shape`` for ascending logarithms, shape (n, m) → (k, m)."""
    n = len(logs)
    gaps = np.diff(logs, axis=0)
    spread = logs[-1] - logs[0]
    middle = np.median(logs, axis=0)
    share = gaps / spread
    evenness = -(share * np.log(np.maximum(share, 1e-300))).sum(axis=0) / np.log(max(n - 1, 2))
    lower, upper = np.quantile(logs, [0.25, 0.75], axis=0)
    rows = [
        logs.std(axis=0, ddof=1),
        gaps.min(axis=0),
        gaps.max(axis=0),
        gaps.std(axis=0) / gaps.mean(axis=0),
        gaps[-1] / spread,
        gaps[0] / spread,
        gaps[1],
        gaps[0] / logs.std(axis=0, ddof=1),
        gaps[0] / gaps[1:].mean(axis=0),
        gaps[0] / gaps.mean(axis=0),
        logs[1:-1].std(axis=0),
        logs[1:].std(axis=0),
        logs[-1] - logs[1],
        (logs[2:] - logs[:-2]).min(axis=0),
        upper - lower,
        np.median(np.abs(logs - middle), axis=0),
        logs[-1] - middle,
        middle - logs[0],
        evenness,
        (gaps > 1e-9).mean(axis=0),
        *(np.quantile(logs - middle, QUANTILES, axis=0)),
        *(np.quantile(gaps, GAP_QUANTILES, axis=0)),
        *((gaps < t).mean(axis=0) for t in TIGHT),
        *(_close(logs, t) for t in NEAR),
    ]
    return np.array(rows)


def _close(logs: Floats, width: float) -> Floats:
    """Share of pairs of bids closer than the width."""
    n = len(logs)
    pairs = np.zeros(logs.shape[1])
    for step in range(1, n):
        pairs += (logs[step:] - logs[:-step] < width).sum(axis=0)
    return pairs / (n * (n - 1) / 2)


def around(
    place: Floats, known: Ints, values: Floats, own_group: Ints, *, widths: tuple[float, ...] = (1.0, 5.0)
) -> Floats:
    """Weighted means of what is known of the tenders around each one in time, itself and its duplicates left out.

    Args:
        place: of each tender in time, shape (m,). known: positions of the tenders that may be read.
            values: of each of those, shape (len(known),) or (len(known), k): labels, screens. own_group: duplicates
            carry one number, shape (m,).
        widths: of the bell, in typical distances between the tenders that may be read.

    Returns:
        Shape (len(widths) × k, m), the columns of the first width first; drawn towards the overall mean where few are near.
    """
    columns = values.reshape(len(known), -1)
    steps = np.diff(np.sort(place[known]))
    unit = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    base = columns.mean(axis=0)
    found = np.empty((len(widths), columns.shape[1], len(place)))
    for first in range(0, len(place), 2_000):
        some = slice(first, first + 2_000)
        apart = (place[some, None] - place[known][None]) / unit
        other = own_group[some, None] != own_group[known][None]
        for row, width in enumerate(widths):
            weight = np.exp(-0.5 * (apart / width) ** 2) * other
            mean = (weight @ columns + 0.5 * base) / (weight.sum(axis=1) + 0.5)[:, None]
            found[row][:, some] = mean.T
    return found.reshape(-1, len(place))


AROUND = ("CV", "SPD", "SKEW", "KURT", "RD", "n", "size", "near0.005", "gap0.5")
"""What is read of the tenders around, beside their labels."""


def surroundings(of: Table, label: Floats) -> Floats:
    """Label and columns ``AROUND`` of each tender, unknown ones at the median, shape (m, 1 + len(AROUND))."""
    place = {name: column for column, name in enumerate(of.names)}
    columns = [label]
    for name in AROUND:
        value = of.x[:, place[name]]
        middle = float(np.nanmedian(value)) if np.isfinite(value).any() else 0.0
        columns.append(np.where(np.isfinite(value), value, middle))
    return np.column_stack(columns)


def around_columns(place: Floats, known: Ints, values: Floats, own_group: Ints) -> dict[str, Floats]:
    """The columns that ``surroundings`` of the known tenders give to every tender, by name, and the place itself."""
    found = around(place, known, values, own_group)
    names = [f"around_{width}_{name}" for width in ("near", "far") for name in ("label", *AROUND)]
    return {**dict(zip(names, found, strict=True)), "place": place}


def duplicates(history: History) -> Ints:
    """One number for all tenders with the same bids: they must stay on one side of every split."""
    side = grouped(history.tender, history.bid, tenders=len(history.keys))
    seen: dict[bytes, int] = {}
    found = np.empty(len(history.keys), dtype=np.int64)
    for t, (start, n) in enumerate(zip(side.start.tolist(), side.n.tolist(), strict=True)):
        bids = np.sort(side.bid[start : start + n])
        key = np.round(bids, 6).tobytes() if n > 2 else f"alone {t}".encode()
        found[t] = seen.setdefault(key, len(seen))
    return found
