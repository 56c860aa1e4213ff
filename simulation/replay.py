"""``sunroad replay``: historical sealed-bid auctions through the platform's real actions, each checked against history.

Every auction is published, its bids are sealed, logged, closed, released by three of five custodians, opened, ranked
by two engines and awarded; its evidence is exported and verified as by a stranger. Amounts of the file count as yuan.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from kernel.ledger.audit import audit_log
from simulation.history import BadFile, Column, History, PastAuction, parse_maps
from simulation.replay_cohort import MIN_BIDS, Cohort, Replayed
from simulation.replay_evidence import Package, Scribe, file_name
from simulation.replay_house import a_house, trust_of
from simulation.world import Player

AGREES, DIFFERS, UNREADABLE = 0, 1, 2
COHORT = 25
FIELDS = (
    "auction", "date", "tender", "bids", "valid", "winner", "price", "lowest_by_rule", "winner_in_file", "verdict",
    "ranking", "rejected", "tie", "min_bids", "leaves", "close_leaf", "close_root", "log_size", "root",
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


def resident_bytes() -> int:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Summary:
    """What a replay came to; ``differing`` names every auction that does not agree."""

    auctions: int = 0
    bids: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    log_size: int = 0
    root: str = ""
    checks: int = 0
    evidence_bytes: int = 0
    log_findings: list[str] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    differing: list[tuple[str, str, str]] = field(default_factory=list)
    memory: list[tuple[int, int]] = field(default_factory=list)

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
    helpers: int = 1,
    cohort: int = COHORT,
) -> int:
    """Replay a file; writes ``results.csv``, ``skipped.csv``, ``trust.txt`` and ``evidence/`` below ``out``.

    Args:
        limit: at most so many auctions, the first of the file.
        progress, report: where the bar and the summary go; stderr and stdout.
        maps: our column → the file's, from ``history.parse_maps``.
        seed: ids, keys and numbers follow from it; envelopes are fresh each time, as in a city.
        helpers: processes that write and verify evidence beside the platform; 0 for none.

    Returns:
        0 when every winner agrees, 1 when one differs or evidence fails, 2 when the file cannot be read.
    """
    progress, report = progress or sys.stderr, report or sys.stdout
    try:
        with History(file, maps or {}) as history:
            summary = replay_history(
                history, out, limit=limit, progress=progress, seed=seed, helpers=helpers, cohort=cohort
            )
            _say_rows(history, out, report)
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
    helpers: int = 1,
    cohort: int = COHORT,
) -> Summary:
    """Replay an opened history and write its results; see ``replay``."""
    out.mkdir(parents=True, exist_ok=True)
    summary = Summary()
    total = min(len(history), limit) if limit is not None else len(history)
    bar = Progress(progress, total)
    started = time.monotonic(), _cpu()
    ties = "buyer" if "winner" in history.columns else "draw"
    with (
        tempfile.TemporaryDirectory(prefix=".house-", dir=out) as folder,
        a_house(Path(folder), seed) as world,
        (out / "results.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        (out / "trust.txt").write_text(trust_of(world))
        results = csv.DictWriter(file, FIELDS)
        results.writeheader()
        firms: dict[str, Player] = {}
        with Scribe(world.platform, out / "evidence", processes=helpers) as scribe:
            for auctions in _chunks(history.auctions(limit), cohort):
                for replayed in Cohort(world, firms, auctions, ties).walk():
                    scribe.give(replayed)
                for replayed, package in scribe.take(leave=2 * cohort):
                    _write(results, summary, replayed, package)
                summary.memory.append((summary.auctions, resident_bytes()))
                bar.show(summary.auctions)
            for replayed, package in scribe.take():
                _write(results, summary, replayed, package)
                bar.show(summary.auctions)
        summary.seconds, summary.cpu_seconds = time.monotonic() - started[0], _cpu() - started[1]
        bar.done()
        audit = audit_log(world.platform)
        summary.log_findings = audit.findings[:20]
        head = world.sequence()
        summary.log_size, summary.root = head.size, head.root.hex()
    return summary


def _cpu() -> float:
    """CPU seconds of this process and its finished helpers."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _chunks(auctions: Any, size: int) -> Any:
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
    say(f"log: {summary.log_size} leaves, root {summary.root}")
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
        "--helpers", type=int, default=1, metavar="N", help="processes that verify evidence; 0: none"
    )


def run(args: argparse.Namespace) -> int:
    """``sunroad replay``; returns the exit code."""
    try:
        maps = parse_maps(args.map)
    except BadFile as problem:
        print(f"sunroad replay: {problem}", file=sys.stderr)
        return UNREADABLE
    return replay(args.file, args.out, limit=args.limit, maps=maps, seed=args.seed, helpers=args.helpers)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
