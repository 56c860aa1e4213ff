"""``sunroad screen``: screen a file of bids without the web.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.random import default_rng

from kernel.batch import give_back_memory
from supervision.analysis import files, modelfile, report, training, validation
from supervision.analysis.engine import Extra, Look, head, look, moments
from supervision.analysis.features import duplicates
from supervision.analysis.files import Bids
from supervision.analysis.headings import COLUMNS, Unreadable
from supervision.analysis.outputs import fired, page, shares, write_pairs, write_problems, write_scores
from supervision.analysis.shapes import Floats, Ints
from supervision.rules.signals.screens import ALL

DONE, FOUND_WRONG, WORDS_OFF = 0, 1, 2
SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after ``sunroad screen``."""
    parser.add_argument(
        "file", type=Path, nargs="?", help="CSV with the columns tender, bid and, as known, bidder …"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NEW=OLD",
        help=f"our column NEW stands in the file under OLD; ours are {', '.join(COLUMNS)}",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write scores.csv, pairs.csv and report.html there"
    )
    parser.add_argument(
        "--train", type=Path, metavar="FILE", help="learn from this file, which has a column label"
    )
    parser.add_argument(
        "--model", type=Path, metavar="MODEL", help="with --train: write there; without: use it"
    )
    parser.add_argument(
        "--trust-model", action="store_true", help="use the model even if it was not measured to be better"
    )
    parser.add_argument(
        "--no-records",
        action="store_true",
        help="with --train: earlier confirmed cases of a bidder are not read",
    )
    parser.add_argument("--seed", type=int, default=1, help="of permutations and splits (default 1)")
    parser.add_argument(
        "--alpha", type=float, default=0.01, help="at which pattern rules fire (default 0.01)"
    )
    parser.add_argument(
        "--permutations", type=int, default=199, help="of bidders, for pairs (default 199; 0: none)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


class Bar:
    """A progress bar on standard error, only when somebody watches or the work is long."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.started, self.drawn = quiet, time.monotonic(), 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self.quiet or now - self.started < 1.0 or (now - self.drawn < 0.1 and done < total):
            return
        self.drawn = now
        share = done / max(total, 1)
        sys.stderr.write(f"\r{what:<18.18} [{'#' * round(30 * share):<30}] {share:4.0%}")
        if done >= total:
            sys.stderr.write("\n")
        sys.stderr.flush()


def run(args: argparse.Namespace) -> int:
    """Screen a file, or learn from one. 0 done; 1 a file cannot be used; 2 the words of the command are off."""
    mapping: dict[str, str] = {}
    for one in args.map:
        new, equals, old = one.partition("=")
        if not equals or new not in COLUMNS:
            return _off(f"--map {one}: write NEW=OLD with NEW one of {', '.join(COLUMNS)}")
        if new in mapping:
            return _off(f"--map {one}: {new} is mapped already, to {mapping[new]}")
        mapping[new] = old
    if args.file is None and args.train is None:
        return _off("name a file to screen, or one to learn from with --train")
    if args.train is not None and args.model is None:
        return _off("--train needs --model OUT, the file to write")
    if not 0 < args.alpha < 1 or args.permutations < 0:
        return _off("--alpha lies between 0 and 1, --permutations is not negative")
    bar = Bar(args.quiet)
    give_back_memory()
    said: dict[str, Any] = {}
    try:
        for folder in (args.out, args.model.absolute().parent if args.train is not None else None):
            if folder is not None:
                _require_writable(folder)
        if args.train is not None:
            said["training"] = _learn(args, mapping, bar)
        if args.file is not None:
            said |= _screen(args, mapping, bar)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sunroad screen: {error}\n")
        return FOUND_WRONG
    if args.json:
        out = json.dumps(_plain(said), ensure_ascii=False, indent=1, allow_nan=False)
    else:
        out = _told(said)
    sys.stdout.write(out + "\n")
    return DONE


def _off(text: str) -> int:
    sys.stderr.write(f"sunroad screen: {text}\n")
    return WORDS_OFF


def _require_writable(folder: Path) -> None:
    """Long work whose end could not be written is not begun. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass


def _plain(said: Any) -> Any:
    """What JSON can hold: no number beside the finite ones, which other readers refuse; ``null`` where undefined."""
    if isinstance(said, dict):
        return {str(key): _plain(one) for key, one in said.items()}
    if isinstance(said, list | tuple):
        return [_plain(one) for one in said]
    if isinstance(said, str | int | None):
        return said
    number = float(said)
    return number if math.isfinite(number) else "inf" if number > 0 else None


def _places(bids: Bids) -> tuple[Floats | None, Ints | None]:
    """Moments for a model: days where all are known, or else the numbers in the keys."""
    at = moments(bids.history.opened_on)
    return (at.astype(np.float64), at) if at is not None else (bids.place, None)


def _learn(args: argparse.Namespace, mapping: dict[str, str], bar: Bar) -> dict[str, Any]:
    bids = files.read(args.train, mapping, bar)
    if np.isnan(bids.label).all():
        raise Unreadable(f"{args.train}: no labels; training needs a column label with 1 and 0")
    rng = default_rng(args.seed)
    seen = look(
        bids.history, rng=rng, extra=Extra(bids.region, None, None, bids.place), permutations=0, tell=bar
    )
    place, at = _places(bids)
    data = {
        "file": args.train.name,
        "tenders": len(bids.history.keys),
        "bids": len(bids.history.bid),
        "decided": int((~np.isnan(bids.label)).sum()),
        "rigged": int((bids.label == 1).sum()),
        "moments": "days" if at is not None else "numbers in the keys" if place is not None else "unknown",
        "keys": bids.prefix,
        "seed": args.seed,
    }
    model = training.train(
        bids.history,
        seen,
        bids.label,
        rng,
        place=place,
        at=at,
        data=data,
        record=not args.no_records,
        tell=bar,
    )
    modelfile.save(args.model, model, modelfile.carried(seen, bids.history.firms, bids.label))
    return {"model": str(args.model), "problems": bids.problems.counts, **model.card}


def _screen(args: argparse.Namespace, mapping: dict[str, str], bar: Bar) -> dict[str, Any]:
    bids = files.read(args.file, mapping, bar)
    model = carried = before = None
    if args.model is not None:
        model, carried = modelfile.load(args.model)
        before = carried.before(bids.history.firms)
    rng = default_rng(args.seed)
    extra = Extra(bids.region, None, before, bids.place)
    seen = look(bids.history, rng=rng, extra=extra, permutations=args.permutations, tell=bar)
    scores, used, probability = seen.score.total, "label-free", None
    notes = [bids.layout.told] if bids.layout.told else []
    if model is not None:
        place, at = _places(bids)
        if at is None and place is not None:
            ours = (
                model.card["data"]["moments"] == "numbers in the keys"
                and model.card["data"]["keys"] == bids.prefix
            )
            if not ours or not bids.prefix or training.numbering_differs(model, bids.history):
                place = None
                notes.append("keys are numbered otherwise than in the model: moments are not used")
        elif at is not None and model.card["data"]["moments"] != "days":
            place = None
        probability = training.apply(model, bids.history, seen, place)
        if model.uses == "model" or args.trust_model:
            used, scores = "model", np.where(np.isnan(probability), -1.0, probability)
            scores = scores + 1e-9 * seen.score.share
        else:
            notes.append(f"label-free score in use: {model.card['why']}")
    said = _summary(args, bids, seen, scores, used, notes)
    if (figures := _figures(bids, seen, scores, used, rng)) is not None:
        said["figures"] = figures
    elif not np.isnan(bids.label).all():
        notes.append(
            "labels: nothing can be measured, both confirmed and cleared tenders with two bids or more are needed"
        )
    if args.out is not None:
        write_problems(args.out / "problems.csv", bids)
        write_scores(args.out / "scores.csv", bids, seen, scores, probability, args.alpha)
        said["files"] = ["problems.csv", "scores.csv"]
        if seen.pairs is not None:
            write_pairs(args.out / "pairs.csv", bids, seen, bar)
            said["files"].append("pairs.csv")
        (args.out / "report.html").write_text(page(args, bids, seen, scores, said), "utf-8")
        said["files"].append("report.html")
    return said


def _summary(
    args: argparse.Namespace, bids: Bids, seen: Look, scores: Floats, used: str, notes: list[str]
) -> dict[str, Any]:
    share = shares(scores)
    top = []
    for rank, t in enumerate(head(scores)[:SHOWN].tolist(), start=1):
        top.append(
            {
                "rank": rank,
                "tender": bids.history.keys[t],
                "n": int(seen.screens.n[t]),
                "score": float(share[t]),
                "p_score": float(seen.p["p_score"][t]),
                **{one.value: float(seen.screens.values[row, t]) for row, one in enumerate(ALL)},
                "rules": fired(seen, t, args.alpha),
            }
        )
    pairs = []
    if seen.pairs is not None:
        for rank, i in enumerate(head(seen.pairs.likeness)[:10].tolist(), start=1):
            names = [bids.history.firms[int(f[i])] for f in (seen.pairs.a, seen.pairs.b)]
            pairs.append(
                {
                    "rank": rank,
                    "a": names[0],
                    "b": names[1],
                    "joint": int(seen.pairs.joint[i]),
                    "likeness": float(seen.pairs.likeness[i]),
                }
            )
    return {
        "file": str(args.file),
        "rows": bids.rows,
        "tenders": len(bids.history.keys),
        "bids": len(bids.history.bid),
        "left_out": bids.problems.counts,
        "problems": [asdict(one) for one in bids.problems.found[:SHOWN]],
        "score_in_use": used,
        "parts": dict(seen.score.weights),
        "notes": notes,
        "top": top,
        "pairs": pairs,
    }


def _figures(
    bids: Bids, seen: Look, scores: Floats, used: str, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Of the score in use and of the label-free one, over tenders with two bids and with three or more."""
    if np.isnan(bids.label).all():
        return None
    found: dict[str, Any] = {}
    group = duplicates(bids.history)
    for name, score in {"label-free": seen.score.total, used: scores}.items():
        for least in (2, 3):
            where = np.flatnonzero(~np.isnan(bids.label) & (seen.screens.n >= least))
            if len(np.unique(bids.label[where])) == 2:
                one = validation.measure(bids.label[where], score[where], group[where], rng)
                found[f"{name}, {least} bids or more"] = asdict(one)
    return found or None


def _told(said: dict[str, Any]) -> str:
    lines: list[str] = []
    if "training" in said:
        card = said["training"]
        lines += [
            modelfile.card_page(card),
            f"written: {card['model']}, with .card.json and .card.md beside it",
            "",
        ]
    if "top" not in said:
        return "\n".join(lines)
    lines.append(
        f"{said['tenders']} tenders, {said['bids']} bids of {said['rows']} lines; score in use: {said['score_in_use']}"
    )
    lines += [f"  left out: {what}: {number}" for what, number in said["left_out"].items()]
    lines += [f"    line {one['line']}: {one['what']}: {one['text']}" for one in said["problems"]]
    lines += [f"  {one}" for one in said["notes"]]
    lines += ["", *_columns(said["top"])]
    if said["pairs"]:
        lines += ["", *_columns(said["pairs"])]
    for name, one in said.get("figures", {}).items():
        cells = [validation.Figure(**one[key]) for key in ("auc", "average_precision", "balanced_accuracy")]
        lines.append(
            f"\n{name} ({one['tenders']} tenders, {one['rigged']} rigged): "
            f"AUC {cells[0]}, average precision {cells[1]}, balanced accuracy {cells[2]}"
        )
    lines += ["", report.LEAD]
    return "\n".join(lines)


def _columns(found: Sequence[dict[str, Any]]) -> list[str]:
    table = [list(found[0]), *([report.shown(cell) for cell in one.values()] for one in found)]
    wide = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, wide, strict=True)).rstrip()
        for line in table
    ]
