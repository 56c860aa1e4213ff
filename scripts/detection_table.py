"""Write the measured part of docs/detection.md: python scripts/detection_table.py [--data FOLDER] [--part NAME].

Needs the reference data (``shared`` beside the project, or the folder named). Everything is computed by the code that
``sunroad screen`` runs, with fixed seeds. Takes about ten minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import default_rng

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from detection_tried import a_market, tried  # noqa: E402

from supervision.analysis import files, modelfile, training, validation  # noqa: E402
from supervision.analysis.command import _places  # noqa: E402
from supervision.analysis.engine import Extra, Look, look, silent  # noqa: E402
from supervision.analysis.features import duplicates  # noqa: E402
from supervision.analysis.files import Bids  # noqa: E402
from supervision.rules.signals.screens import Screen  # noqa: E402
from tests.unit.signals.null_rates import SHAPES, rates  # noqa: E402

PAGE = ROOT / "docs" / "detection.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
CARTEL = {"H.MEYER", "LOUISTRAUTH", "COORSBROTHERS"}
OHIO = {
    "tender": "contract_id",
    "bidder": "firm",
    "date": "year",
    "label": "is_cartel_firm",
    "region": "district",
    "won": "winning_bid",
}
NULL_N = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50, 75, 100)


@dataclass(frozen=True)
class Market:
    """A file of a market, how its columns are called, and what detection §4 measured: (text of each column)."""

    name: str
    file: str
    mapping: Mapping[str, str]
    only: str = ""
    spec_free: str = "–"
    spec_trained: str = "–"


MARKETS = (
    Market("Brazil", "collusion/gr2022_dev_bids.csv", {}, "Brazil", ".900", ".905 / .937"),
    Market(
        "Brazil with estimate",
        "collusion/brazil_with_estimate.csv",
        {
            "tender": "Tender",
            "bid": "Bid_value",
            "date": "Date",
            "estimate": "Pre-Tender Estimate (PTE)",
            "label": "Collusive_competitor",
            "won": "Winner",
        },
        spec_free=".937",
    ),
    Market("Italy", "collusion/gr2022_dev_bids.csv", {}, "Italy", ".630", ".911 / .914"),
    Market("GR/SG", "collusion/gr2022_dev_bids.csv", {}, "Switzerland_GR_SG", ".526", ".705 / .720"),
    Market(
        "Ohio 1980–86, prices only",
        "collusion/ohio_milk_1980_1986.csv",
        {k: v for k, v in OHIO.items() if k in ("tender", "date", "label")},
        spec_free=".457",
        spec_trained=".549 / .561",
    ),
    Market(
        "Ohio 1980–86, firms named",
        "collusion/ohio_milk_1980_1986.csv",
        OHIO,
        spec_free=".755 (all years)",
        spec_trained=".996 (same firms)",
    ),
    Market(
        "Tsuchiura (weak labels)",
        "tsuchiura/tsuchiura_data.csv",
        {"tender": "pid", "label": "auction_cartelized", "estimate": "reserveprice", "won": "winner"},
        spec_free=".54–.59",
    ),
)


def line(*cells: object) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head_of(*names: str) -> str:
    """The first two rows of a Markdown table."""
    return line(*names) + "\n" + line(*("---" for _ in names))


def opened(data: Path, market: Market, folder: Path) -> Bids:
    """The market's lines, read as the command reads them."""
    source = data / market.file
    mapping = dict(market.mapping)
    if market.only or market.name.endswith("prices only"):
        with source.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        keep = [one for one in lines if not market.only or one["market"] == market.only]
        names = [name for name in keep[0] if market.only or name in mapping.values() or name == "bid"]
        source = folder / f"{MARKETS.index(market)}.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, names, extrasaction="ignore")
            out.writeheader()
            out.writerows(keep)
    return files.read(source, mapping, silent)


def seen_of(bids: Bids, before: Any = None) -> Look:
    return look(
        bids.history, rng=default_rng(1), extra=Extra(bids.region, None, before, bids.place), permutations=0
    )


def figure(bids: Bids, seen: Look, score: np.ndarray, least: int) -> validation.Figures:
    where = np.flatnonzero(~np.isnan(bids.label) & (seen.screens.n >= least))
    return validation.measure(
        bids.label[where], score[where], duplicates(bids.history)[where], default_rng(1)
    )


def free(data: Path, folder: Path) -> Iterator[str]:
    """Label-free, and what each part brings alone."""
    yield head_of(
        "market",
        "tenders (n ≥ 3)",
        "low CV",
        "+ size",
        "+ estimate",
        "+ neighbours",
        "+ company = **score** [95 %]",
        "AP",
        "bal. acc.",
        "top 5 %",
        "detection §4",
    )
    for market in MARKETS:
        bids = opened(data, market, folder)
        seen = seen_of(bids)
        where = np.flatnonzero(~np.isnan(bids.label) & (seen.screens.n >= 3))
        y = bids.label[where]
        total = np.zeros(len(bids.label))
        cells = [f"{validation.auc(y, -seen.screens[Screen.CV][where]):.3f}"]
        for name in ("dispersion", "size", "estimate", "neighbours", "company"):
            if name in seen.score.parts:
                total = total + seen.score.weights[name] * seen.score.parts[name]
            if name not in ("dispersion", "company"):
                cells.append(f"{validation.auc(y, total[where]):.3f}" if name in seen.score.parts else "")
        found = figure(bids, seen, seen.score.total, 3)
        three = (f"**{found.auc}**", found.average_precision, found.balanced_accuracy)
        yield line(market.name, f"{len(where):,}", *cells, *three, f"{found.top5:.2f}", market.spec_free)
        print(market.name, found.auc, flush=True)


def trained(data: Path, folder: Path) -> Iterator[str]:
    """Trained inside the market, grouped folds."""
    yield head_of(
        "market",
        "decided",
        "members",
        "*beyond*: AUC [95 %]",
        "AP",
        "bal. acc.",
        "*within* (reads cases around in time): AUC",
        "better than label-free by",
        "detection §4.2 scale-free / with size",
    )
    for market in MARKETS[:4]:
        bids = opened(data, market, folder)
        place, at = _places(bids)
        made = training.train(
            bids.history, seen_of(bids), bids.label, default_rng(1), place=place, at=at, data={}
        )
        one = made.card["figures"]
        within = _cell(one["within"]["auc"]) if "within" in one else "–"
        gain = _cell(one["beyond"]["better_than_label_free"])
        b = one["beyond"]
        three = (f"**{_cell(b['auc'])}**", _cell(b["average_precision"]), _cell(b["balanced_accuracy"]))
        yield line(market.name, b["tenders"], b["members"], *three, within, gain, market.spec_trained)
        print(market.name, b["auc"], within, flush=True)


def _cell(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def later(data: Path, folder: Path) -> Iterator[str]:
    """Ohio: learn 1980–84, test 1985–86, as the command does with --train and --model."""
    halves = {"early": folder / "early.csv", "late": folder / "late.csv"}
    with (data / MARKETS[5].file).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for name, path in halves.items():
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, list(lines[0]))
            out.writeheader()
            out.writerows(one for one in lines if (int(one["year"]) <= 1984) == (name == "early"))
    old, new = (files.read(path, OHIO, silent) for path in halves.values())
    yield head_of(
        "Ohio, learned 1980–84, tested 1985–86",
        "tenders",
        "AUC [95 %]",
        "AP",
        "bal. acc.",
        "detection §4.4 (train ≤ 1986)",
    )
    for record in (False, True):
        seen = seen_of(old)
        place, at = _places(old)
        made = training.train(
            old.history, seen, old.label, default_rng(1), place=place, at=at, data={}, record=record
        )
        carried = modelfile.carried(seen, old.history.firms, old.label)
        now = seen_of(new, carried.before(new.history.firms))
        score = training.apply(made, new.history, now, _places(new)[0])
        what = "with earlier confirmed cases of the bidders" if record else "meetings, wins, places, prices"
        for least in (1, 3):
            found = figure(new, now, score, least)
            three = (f"**{found.auc}**", found.average_precision, found.balanced_accuracy)
            yield line(
                f"{what}, n ≥ {least}", found.tenders, *three, ".920 / .768" if least == 1 else ".920 / .894"
            )
        if not record:
            for least in (1, 2):
                found = figure(new, now, now.score.total, least)
                three = (found.auc, found.average_precision, found.balanced_accuracy)
                what = f"label-free with the firms' past since 1980, n ≥ {least}"
                yield line(what, found.tenders, *three, "" if least == 1 else ".755 / .693")


def pair_table(data: Path, folder: Path) -> Iterator[str]:
    """Pairs of firms without labels."""
    bids = opened(data, MARKETS[5], folder)
    pairs = seen_of(bids).pairs
    assert pairs is not None
    firms = bids.history.firms
    y = np.array(
        [float({firms[int(a)], firms[int(b)]} <= CARTEL) for a, b in zip(pairs.a, pairs.b, strict=True)]
    )
    yield head_of(
        "Ohio 1980–86, pairs without labels",
        "pairs",
        "AP likeness",
        "AP Jaccard",
        "AP lift",
        "AP joint bids",
    )
    for least in (1, 5, 15):
        some = pairs.joint >= least
        cells = [
            validation.average_precision(y[some], one[some].astype(float))
            for one in (pairs.likeness, pairs.jaccard, pairs.lift, pairs.joint)
        ]
        yield (
            f"| at least {least} meetings | {int(some.sum())} | "
            + " | ".join(f"{cell:.3f}" for cell in cells)
            + " |"
        )


def transfer(data: Path, folder: Path) -> Iterator[str]:
    """Leave one market out: trees learned on ranks in the other markets, beside the label-free score."""
    from supervision.analysis import trees
    from supervision.analysis.features import table
    from supervision.rules.signals.ranks import share_below

    seen = {
        one.name: (bids := opened(data, one, folder), seen_of(bids))
        for one in (MARKETS[0], MARKETS[2], MARKETS[3], MARKETS[4])
    }
    columns = {}
    for name, (bids, look_) in seen.items():
        where = np.flatnonzero(~np.isnan(bids.label) & (look_.screens.n >= 3))
        of = table(bids.history, look_).x[where]
        ranked = np.column_stack(
            [share_below(column, np.zeros(len(where), dtype=np.int64)) for column in of.T]
        )
        columns[name] = ranked, bids.label[where], look_.score.total[where]
    yield head_of(
        "market left out",
        "trees on ranks, learned on the others",
        "label-free score",
    )
    for name, (x, y, total) in columns.items():
        others = [columns[one] for one in columns if one != name]
        made = trees.fit_extra(
            np.vstack([one[0] for one in others]), np.concatenate([one[1] for one in others]), 1, trees=100
        )
        yield f"| {name} | {validation.auc(y, made.probability(x)):.3f} | {validation.auc(y, total):.3f} |"


def alone(data: Path, folder: Path) -> Iterator[str]:
    """Other ways to order tenders by prices alone, on the four open markets."""
    markets = {}
    for one in (MARKETS[0], MARKETS[2], MARKETS[3], MARKETS[4]):
        bids = opened(data, one, folder)
        markets[one.name] = a_market(bids.history, seen_of(bids), bids.label, duplicates(bids.history))
    yield from tried(markets)


def nulls() -> Iterator[str]:
    """The largest firing rate over rules and shapes, for each number of bids."""
    yield head_of(
        "n",
        "tenders a shape",
        "highest rate at α = 0.05",
        "at 0.01",
        "at 0.001",
        "rules above α + 3 standard errors",
    )
    for n in NULL_N:
        found = [one for shape in SHAPES for one in rates(shape, n, 10_000, 1)]
        cells = []
        for alpha in (0.05, 0.01, 0.001):
            worst = max((one for one in found if one.alpha == alpha), key=lambda one: one.fired)
            cells.append(f"{worst.fired / worst.tenders:.4f} ({worst.rule}, {worst.shape})")
        yield f"| {n} | 10,000 | {' | '.join(cells)} | {sum(not one.holds for one in found)} of {len(found)} |"


PARTS = {
    "Label-free": free,
    "Pairs of firms": pair_table,
    "Leave one market out": transfer,
    "Prices alone, tried": alone,
    "Trained on later years": later,
    "Trained inside a market, grouped folds": trained,
    "Independent random bids": lambda _data, _folder: nulls(),
}
"""Sections of the page in their order, and what measures each."""


def replaced(measured: str, made: Mapping[str, str]) -> str:
    """The measured part of the page with some sections new, all of them in their order."""
    old = {}
    for section in measured.split("### ")[1:]:
        head, _, body = section.partition("\n")
        old[head.strip()] = body.strip()
    wanted = {**old, **made}
    return "\n\n".join(f"### {head}\n\n{wanted[head]}" for head in PARTS if head in wanted)


def main() -> int:
    """Measure and replace the part of the page between the marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only these; all unless given")
    args = parser.parse_args()
    if not (args.data / MARKETS[0].file).exists():
        print(f"the reference data are not in {args.data}", file=sys.stderr)
        return 1
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for head in args.part or PARTS:
            made[head] = "\n".join(PARTS[head](args.data, Path(folder)))
            print(head, flush=True)
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    measured, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{replaced(measured, made)}\n\n{END}{after}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
