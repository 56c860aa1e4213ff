"""Replay throughput with five bids an auction on SQLite, and memory over the file."""

from __future__ import annotations

import csv
import io
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Result
from simulation.history import History
from simulation.replay import HOUSES, Summary, replay_history

RATE_MIN = 10.0
GROWTH_MAX = 1.15
AUCTIONS, BIDS = 200, 5


def a_file(path: Path, auctions: int) -> Path:
    """A synthetic history: five firms of forty bid on each auction."""
    dice = random.Random(5)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("auction", "bidder", "price", "reserve"))
        for number in range(auctions):
            for firm in dice.sample(range(40), BIDS):
                price = dice.randrange(800_000, 999_000)
                writer.writerow((f"A{number}", f"firm {firm}", price, 1_000_000))
    return path


def replayed(folder: Path, auctions: int) -> Summary:
    """One replay of a synthetic file as the command does it; everything must agree."""
    with History(a_file(folder / "history.csv", auctions)) as history:
        summary = replay_history(history, folder / "out", progress=io.StringIO())
    assert summary.code == 0, summary
    return summary


def run() -> Iterator[Result]:
    """Auctions per second in wall time, the processor time behind them, and resident memory over the file."""
    home = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=home) as name:
        reference = _reference()
        summary = replayed(Path(name), AUCTIONS)
    rate = summary.auctions / summary.seconds
    each = summary.cpu_seconds / summary.auctions
    load = (
        f"{AUCTIONS} auctions of {BIDS} bids, {HOUSES} houses on SQLite without syncs; "
        "each writes and verifies its evidence"
    )
    yield Result(
        "replay",
        load,
        f"{rate:.1f} auctions/s, {each * 1000:.0f} CPU-ms each ({each / reference:.1f} × 10⁶ additions)",
        f"≥ {RATE_MIN:.0f}/s",
        rate >= RATE_MIN,
    )
    early = next(size for done, size in summary.memory if done >= AUCTIONS // 4)
    last = summary.memory[-1][1]
    yield Result(
        "replay, memory",
        load,
        f"{early / 1e6:.0f} MB at {AUCTIONS // 4} auctions, {last / 1e6:.0f} MB at {AUCTIONS}",
        f"≤ {GROWTH_MAX} ×",
        last <= early * GROWTH_MAX,
    )


def _reference() -> float:
    """CPU seconds of a million additions in Python just now: how fast this machine is under its present load."""
    started = time.process_time()
    sum(number * number for number in range(1_000_000))
    return time.process_time() - started
