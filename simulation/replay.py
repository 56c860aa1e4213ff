"""``sunroad replay``: historical sealed-bid auctions through the platform's real actions, each checked against history.

Every auction is published, its bids are sealed, logged, closed, released by three of five custodians, opened, ranked
by two engines and awarded; its evidence is exported and verified as by a stranger. Amounts of the file count as yuan.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from kernel.batch import seldom_collected
from simulation.history import BadFile, Column, History, PastAuction, parse_maps
from simulation.replay_cohort import MIN_BIDS, Cohort, Replayed
from simulation.replay_evidence import Package, Scribe, file_name
from simulation.replay_house import a_house, trust_of
from simulation.replay_houses import Houses, LogEnd, cpu_seconds, end_of, resident_bytes, shares
from simulation.world import Player

AGREES, DIFFERS, UNREADABLE = 0, 1, 2
COHORT = 50
HOUSES = 2
"""Fixed, not the number of processors: the same file gives the same logs everywhere."""
HOUSE_LEAST = 10
"""A house is not opened for fewer auctions than this."""
FIELDS = (
    "auction", "date", "tender", "bids", "valid", "winner", "price", "lowest_by_rule", "winner_in_file", "verdict",
    "ranking", "rejected", "tie", "min_bids", "log", "leaves", "close_leaf", "close_root", "log_size", "root",
    "evidence", "evidence_sha256", "evidence_checks",
)  # fmt: skip
VERDICTS: Mapping[str, str] = {
    "agrees": "the platform's winner is the lowest valid price, and the file's winner where it names one",
    "tie": "several lowest valid prices; the buyer decided as the file does (it agrees)",
    "failed_as_expected": "no bid was valid, the platform awarded nobody, and the file names nobody (it agrees)",
    "not_the_rule": "the platform's winner is not a lowest valid price",
    "file_names_nobody": "a lowest valid price exists, the file names no winner",
    "lower_bid_passed_over": "the file's winner bid more than another valid bid; the file maps no ground",
    "file_winner_not_valid": "the file's winner is above the reserve, below the minimum, or rejected in the file",
    "file_winner_without_bid": "the file's winner has no usable row",
    "several_winners": "the file names more than one winner",
    "evidence": "the evidence package does not verify",
}
GOOD = frozenset({"agrees", "tie", "failed_as_expected"})


def judge(auction: PastAuction, winner: str) -> str:
    """How the platform's winner stands to the rule and to the file; a key of ``VERDICTS``."""
    lowest, named = auction.lowest, auction.winners
    if (winner or None) not in (lowest or (None,)):
        return "not_the_rule"
    if named is None or named == (winner,):
        return "tie" if named and len(lowest) > 1 else "agrees"
    if not named:
        return "file_names_nobody" if winner else "failed_as_expected"
    if len(named) > 1:
        return "several_winners"
    mine = next((bid for bid in auction.bids if bid.bidder == named[0]), None)
    if mine is None:
        return "file_winner_without_bid"
    return "file_winner_not_valid" if auction.invalid_for(mine) else "lower_bid_passed_over"


def ranges(places: Sequence[int]) -> str:
    """``3-5 9``: places of the log, ascending."""
    found: list[list[int]] = []
    for place in places:
        if found and place == found[-1][1] + 1:
            found[-1][1] = place
        else:
            found.append([place, place])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


@dataclass
class Summary:
    """What a replay came to; ``differing`` names every auction that does not agree."""

    auctions: int = 0
    bids: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    logs: list[LogEnd] = field(default_factory=list)
    checks: int = 0
    evidence_bytes: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    differing: list[tuple[str, str, str]] = field(default_factory=list)
    memory: list[tuple[int, int]] = field(default_factory=list)

    @property
    def log_size(self) -> int:
        """Leaves of all logs."""
        return sum(log.size for log in self.logs)

    @property
    def log_findings(self) -> list[str]:
        """What the audits found."""
        return [f"{log.origin}: {finding}" for log in self.logs for finding in log.findings]

    @property
    def code(self) -> int:
        """The exit code."""
        return DIFFERS if self.differing or self.log_findings else AGREES


def replay(
    file: Path,
    out: Path,
    *,
    limit: int | None = None,
    maps: Mapping[str, Column] | None = None,
    progress: TextIO | None = None,
    seed: int = 1,
    report: TextIO | None = None,
    helpers: int | None = None,
    houses: int = HOUSES,
    cohort: int = COHORT,
) -> int:
    """Replay a file; writes ``results.csv``, ``skipped.csv``, ``trust.txt`` and ``evidence/`` below ``out``.

    Args:
        limit: at most so many auctions, the first of the file.
        progress, report: where the bar and the summary go; stderr and stdout.
        maps: our column → the file's, from ``history.parse_maps``.
        seed: ids, keys and numbers follow from it; envelopes are fresh each time, as in a city.
        helpers: processes that write and verify evidence beside each house; None for one beside a single house,
            and none beside several.
        houses: platforms side by side, one process each; a small file gets one. See ``simulation.replay_houses``.

    Returns:
        0 when every winner agrees, 1 when one differs or evidence fails, 2 when the file cannot be read or holds
        no usable bid.
    """
    progress, report = progress or sys.stderr, report or sys.stdout
    try:
        with History(file, maps or {}) as history:
            summary = replay_history(
                history,
                out,
                limit=limit,
                progress=progress,
                seed=seed,
                helpers=helpers,
                houses=houses,
                cohort=cohort,
            )
            _say_rows(history, out, report)
            if not len(history):
                raise BadFile(f"{file.name} holds no usable bid")
    except (BadFile, OSError) as problem:
        print(f"sunroad replay: {problem}", file=report)
        return UNREADABLE
    _say_summary(summary, report, with_winners="winner" in history.columns)
    return summary.code


def replay_history(
    history: History,
    out: Path,
    *,
    limit: int | None = None,
    progress: TextIO,
    seed: int = 1,
    helpers: int | None = None,
    houses: int = HOUSES,
    cohort: int = COHORT,
) -> Summary:
    """Replay an opened history and write its results; see ``replay``."""
    out.mkdir(parents=True, exist_ok=True)
    summary = Summary()
    total = min(len(history), limit) if limit is not None else len(history)
    bar = Progress(progress, total)
    ties = "buyer" if "winner" in history.columns else "draw"
    houses, cohort = shares(total, houses, cohort, HOUSE_LEAST)
    helpers = int(houses == 1) if helpers is None else helpers
    cohorts = _chunks(history.auctions(limit), cohort)
    with (
        tempfile.TemporaryDirectory(prefix=".house-", dir=out) as folder,
        (out / "results.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        results = csv.DictWriter(file, FIELDS)
        results.writeheader()

        def write(replayed: Replayed, package: Package) -> None:
            _write(results, summary, replayed, package)
            bar.show(summary.auctions)

        if houses == 1:
            _in_one_house(summary, write, cohorts, out, Path(folder), seed, ties, helpers, cohort)
        else:
            plan = Houses(out, Path(folder), houses, seed, ties, helpers)
            _in_houses(summary, write, cohorts, plan, cohort, total)
    bar.done()
    return summary


Writing = Callable[[Replayed, Package], None]
Cohorts = Iterator[list[PastAuction]]


def _in_one_house(
    summary: Summary,
    write: Writing,
    cohorts: Cohorts,
    out: Path,
    folder: Path,
    seed: int,
    ties: str,
    helpers: int,
    cohort: int,
) -> None:
    """Walk all cohorts in this process; evidence is made here or by helpers."""
    started = time.monotonic(), cpu_seconds()
    with seldom_collected(), a_house(folder, seed) as world:
        (out / "trust.txt").write_text(trust_of(world))
        firms: dict[str, Player] = {}
        with Scribe(world.platform, out / "evidence", processes=helpers) as scribe:
            for auctions in cohorts:
                for replayed in Cohort(world, firms, auctions, ties).walk():
                    scribe.give(replayed)
                for replayed, package in scribe.take(leave=2 * cohort):
                    write(replayed, package)
                summary.memory.append((summary.auctions, resident_bytes()))
            for replayed, package in scribe.take():
                write(replayed, package)
        summary.seconds, summary.cpu_seconds = time.monotonic() - started[0], cpu_seconds() - started[1]
        summary.logs = [end_of(world)]


def _in_houses(
    summary: Summary, write: Writing, cohorts: Cohorts, plan: Houses, cohort: int, total: int
) -> None:
    """Share the cohorts out among houses, and write their results in the order of the file."""
    started = time.monotonic(), cpu_seconds()
    with plan as houses:
        (plan.out / "trust.txt").write_text(houses.trust)
        for replayed, package in houses.walk(cohorts):
            write(replayed, package)
            if summary.auctions % cohort == 0 or summary.auctions == total:
                summary.memory.append((summary.auctions, houses.resident))
        summary.seconds = time.monotonic() - started[0]
        summary.cpu_seconds = cpu_seconds() - started[1] + houses.cpu
        summary.logs = houses.close()


def _chunks(auctions: Iterable[PastAuction], size: int) -> Cohorts:
    chunk: list[PastAuction] = []
    for auction in auctions:
        chunk.append(auction)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write(results: Any, summary: Summary, replayed: Replayed, package: Package) -> None:
    auction = replayed.auction
    verdict = "evidence" if package.failed else judge(auction, replayed.winner)
    summary.auctions += 1
    summary.bids += len(auction.bids)
    summary.checks += package.checks
    summary.evidence_bytes += package.size
    summary.verdicts[verdict] += 1
    named = None if auction.winners is None else "; ".join(auction.winners)
    if verdict not in GOOD:
        lowest = ", ".join(auction.lowest) or "nobody"
        told = f"platform {replayed.winner or 'nobody'}, rule {lowest}, file {named or 'nobody'}"
        summary.differing.append((auction.name, verdict, package.failed[0] if package.failed else told))
    results.writerow(
        {
            "auction": auction.name,
            "date": auction.held_on.isoformat() if auction.held_on else "",
            "tender": replayed.tender,
            "bids": len(auction.bids),
            "valid": len(auction.valid),
            "winner": replayed.winner,
            "price": replayed.price if replayed.price is not None else "",
            "lowest_by_rule": "; ".join(auction.lowest),
            "winner_in_file": named if named is not None else "",
            "verdict": verdict,
            "ranking": json.dumps(
                [[r, name, str(price)] for r, name, price in replayed.ranking], ensure_ascii=False
            ),
            "rejected": json.dumps(replayed.rejected, ensure_ascii=False) if replayed.rejected else "",
            "tie": len(auction.lowest) if len(auction.lowest) > 1 else "",
            "min_bids": MIN_BIDS,
            "log": replayed.log,
            "leaves": ranges(replayed.leaves),
            "close_leaf": replayed.close_leaf,
            "close_root": replayed.close_root,
            "log_size": replayed.size,
            "root": replayed.root,
            "evidence": f"evidence/{file_name(auction.name)}",
            "evidence_sha256": package.sha256,
            "evidence_checks": package.checks,
        }
    )


def _say_rows(history: History, out: Path, report: TextIO) -> None:
    """Every line of the file that was skipped or explained, on paper and in ``skipped.csv``."""
    with (out / "skipped.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "code", "detail", "skipped"))
        for trouble in history.troubles:
            writer.writerow((trouble.line, trouble.code, trouble.detail, "yes" if trouble.skipped else "no"))
            print(trouble, file=report)
    for name in history.empty:
        print(f"auction {name}: no usable row", file=report)
    print(
        f"{history.rows} rows read, {history.skipped} skipped, {len(history)} auctions with bids", file=report
    )


def _say_summary(summary: Summary, report: TextIO, *, with_winners: bool) -> None:
    def say(text: str) -> None:
        print(text, file=report)

    rate = summary.auctions / summary.seconds if summary.seconds else 0.0
    say(f"{summary.auctions} auctions replayed, {summary.bids} bids sealed and opened")
    say(f"{summary.seconds:.1f} s, {rate:.2f} auctions/s; {summary.cpu_seconds:.1f} CPU seconds")
    for log in summary.logs:
        say(f"log {log.origin}: {log.size} leaves, root {log.root}")
    say(f"evidence: {summary.checks} checks passed, {summary.evidence_bytes / 1e6:.1f} MB")
    say(
        f"printed in every tender: min_bids {MIN_BIDS} (history opened single bids; the law's least is three)"
    )
    if with_winners:
        say("equal lowest prices: the printed rule lets the buyer decide, who follows the file's winner")
    for verdict, count in summary.verdicts.most_common():
        say(f"{count:6} {verdict}: {VERDICTS[verdict]}")
    for name, verdict, told in summary.differing:
        say(f"DIFFERS auction {name}: {verdict}: {told}")
    for finding in summary.log_findings:
        say(f"LOG {finding}")
    say("nothing differs" if summary.code == AGREES else f"{len(summary.differing)} auction(s) differ")


class Progress:
    """A bar on a terminal; a plain line every tenth elsewhere."""

    WIDTH = 32

    def __init__(self, out: TextIO, total: int) -> None:
        self.out, self.total = out, total
        self.live = out.isatty()
        self._shown = -1
        self._start = time.monotonic()

    def show(self, done: int) -> None:
        """Say how far it is."""
        share = done / self.total if self.total else 1.0
        rate = done / max(time.monotonic() - self._start, 0.001)
        if self.live:
            filled = int(share * self.WIDTH)
            bar = "█" * filled + "·" * (self.WIDTH - filled)
            self.out.write(f"\r{bar} {done}/{self.total}  {rate:.1f}/s ")
        elif (tenth := int(share * 10)) != self._shown:
            self._shown = tenth
            self.out.write(f"replay: {done}/{self.total} auctions, {rate:.1f}/s\n")
        self.out.flush()

    def done(self) -> None:
        if self.live:
            self.out.write("\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``sunroad replay``."""
    parser.add_argument("file", type=Path, help="CSV with the columns auction, bidder, price")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where results and evidence go"
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N auctions")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NEW=OLD",
        help="the file's column OLD is our NEW: auction, bidder, price, reserve, minimum, estimate, date, winner, "
        "rejected; winner and rejected may say which values mean yes: rejected=result:4|5",
    )
    parser.add_argument("--seed", type=int, default=1, help="ids and keys follow from it (default 1)")
    parser.add_argument(
        "--helpers",
        type=int,
        metavar="N",
        help="processes that verify evidence beside each house (default: 1 beside a single house, else 0)",
    )
    parser.add_argument(
        "--houses",
        type=_positive,
        default=HOUSES,
        metavar="N",
        help="platforms side by side, one process and one log each, all in one trust file (default 2)",
    )


def run(args: argparse.Namespace) -> int:
    """``sunroad replay``; returns the exit code."""
    try:
        maps = parse_maps(args.map)
    except BadFile as problem:
        print(f"sunroad replay: {problem}", file=sys.stderr)
        return UNREADABLE
    return replay(
        args.file,
        args.out,
        limit=args.limit,
        maps=maps,
        seed=args.seed,
        helpers=args.helpers,
        houses=args.houses,
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
