"""The simulated year: the real application against a virtual clock, seeded entropy and everything that goes
wrong.

``make simulate SEED=7 DAYS=365``; in tests ``simulate(seed, days).breaches == []``.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from app import create_app
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.ledger import sequencer, trust
from kernel.ledger.audit import audit_log
from kernel.ledger.witnesses import local_cosigner
from kernel.outside import LocalBlobs, Outside, SeededEntropy
from kernel.platform import Platform
from kernel.settings import Settings
from sealbid.note import KeyType, SignerKey, VerifierKey
from sealbid.witness import Witness
from simulation import coins
from simulation.actors import buyer
from simulation.bidders import bond_desk
from simulation.faults import Faults, FlakyMail, MemoryState, flaky
from simulation.plans import Plan, draw_plan
from simulation.world import World, found_city
from simulation.year import Fault, Life, Year

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WITNESSES = ("supervisor", "notary", "association")
STORY_LINES = 40


@dataclass(frozen=True)
class LedgerHead:
    """Size and root of the log: what two runs of one seed must agree on."""

    size: int
    root: str


@dataclass(frozen=True)
class Result:
    """What came of a simulated year.

    Attributes:
        breaches: everything that must not be; empty in a good year.
        steps: requests, timekeeper rounds and nights.
        story: one line per event. met: how often each turn of events was met, faults included.
    """

    seed: int
    days: int
    breaches: list[Fault]
    ledger_head: LedgerHead
    steps: int
    story: list[str]
    met: dict[str, int]

    def tail(self) -> list[str]:
        """The shortest story that explains the first breach: what happened to the tender it names."""
        if not self.breaches:
            return []
        code = next((word for word in self.story[-1].split() if word.startswith("SR")), "")
        about = [line for line in self.story if code and code in line]
        return (about or self.story)[-STORY_LINES:]


def simulate(
    seed: int,
    days: int,
    *,
    database_url: str | None = None,
    folder: Path | None = None,
    plans: Sequence[Plan] | None = None,
    pace_hours: float = 96,
    progress: Any = None,
) -> Result:
    """Live through so many days of trading.

    Args:
        seed: decides everything: keys, choices, faults.
        database_url: an empty PostgreSQL database; SQLite in ``folder`` otherwise.
        folder: where files go; a temporary one by default.
        plans: what becomes of the tenders, in this order, instead of plans from the dice.
        pace_hours: a new tender about this often.
        progress: called with the fraction lived so far, once a simulated day.
    """
    with _room(folder) as place, _quiet() as swallowed:
        year = found_year(seed, place, database_url)
        end = START + timedelta(days=days)
        year.live(_city_hall(year, plans, pace_hours))
        year.live(bond_desk(year))
        if progress is not None:
            year.live(_progress(year, end, progress))
        year.run(end)
        _finish(year, swallowed)
        with year.world.read() as session:
            head = sequencer.head(session)
        year.world.platform.database.dispose()
        met = {**year.seen, **{f"fault {name}": n for name, n in year.faults.counts.items()}}
        return Result(
            seed, days, year.breaches, LedgerHead(head.size, head.root.hex()), year.steps, year.story, met
        )


def found_year(
    seed: int, place: Path, database_url: str | None = None, *, bidders: int = 12, experts: int = 24
) -> Year:
    """A city on its first morning: the whole application, its people, witnesses and faults."""
    entropy, clock, mail = SeededEntropy(seed), VirtualClock(START), FlakyMail()
    keys = {name: SignerKey(f"{name}.example/w", KeyType.COSIGNATURE, entropy(32)) for name in WITNESSES}
    settings = Settings(
        database_url=database_url or f"sqlite:///{place / 'year.db'}",
        data_folder=place,
        secret_key="only for simulation, thirty-two letters and more",
        log_seed=entropy(32),
        platform_seed=entropy(32),
        base_url="http://localhost",
        witnesses=tuple((name, str(key.verifier), "-") for name, key in keys.items()),
        durable=False,
        make_pdfs=False,
        rate_limits=False,
        suite=coins.SUITE,
    )
    outside = Outside(clock, entropy, mail, LocalBlobs(place / "blobs", durable=False))
    app = create_app(settings, outside, Database(settings.database_url, durable=False), testing=True)
    platform: Platform = app.extensions["sunroad"]
    platform.create_schema()
    faults = Faults(random.Random(f"faults {seed}"))
    world = World(platform, clock, random.Random(f"city {seed}"))
    log_key = VerifierKey.parse(trust.log_vkey(settings))
    for name, key in keys.items():
        witness = Witness([key], [log_key], MemoryState(), lambda: int(clock.now().timestamp()))
        world.cosigners[name] = flaky(local_cosigner(witness, str(key.verifier)), faults)
    with faults.none():
        found_city(world, bidders=bidders, experts=experts)
        world.sequence()
    mail.faults = platform.faults = faults
    return Year(world, faults, random.Random(f"year {seed}"))


def _city_hall(year: Year, plans: Sequence[Plan] | None, pace_hours: float) -> Life:
    """Buyers with needs come along, one after another."""
    for plan in plans if plans is not None else iter(lambda: draw_plan(year.dice), None):
        assert plan is not None
        year.live(buyer(year, year.dice.choice(year.world.buyers), plan))
        yield year.soon(pace_hours * 30, pace_hours * 90)


def _progress(year: Year, end: datetime, progress: Any) -> Life:
    while True:
        progress(1 - (end - year.now) / (end - START))
        yield year.now + timedelta(days=1)


def _finish(year: Year, swallowed: list[dict[str, Any]]) -> None:
    """After the last day nothing goes wrong any more, and everything is checked once again."""
    year.stop_at_first = False
    with year.faults.none():
        year.sequence()
        for promise in year.promises:
            year.keep(promise)
        audit = audit_log(year.world.platform)
    for finding in audit.findings:
        year.breach("The log agrees with itself and with the facts.", "audit", finding)
    for event in swallowed:
        year.breach("Nothing fails behind a commit.", event.get("event"), str(event)[:600])


@contextmanager
def _room(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    place = Path(tempfile.mkdtemp(prefix="sunroad-year-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[list[dict[str, Any]]]:
    """Keep the log to ourselves: what was caught and logged as an exception, crashes aside, is a finding."""
    found: list[dict[str, Any]] = []

    def keep(_logger: Any, method: str, event: Any) -> Any:
        error = sys.exc_info()[1]
        if method in ("exception", "error") and type(error).__name__ != "Crash":
            found.append({**event, "error": repr(error)})
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    kept = list(before)
    before[:] = [keep]
    try:
        yield found
    finally:
        before[:] = kept


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``sunroad simulate`` understands."""
    parser.add_argument("--seed", type=int, default=7, help="decides everything")
    parser.add_argument("--days", type=int, default=30, help="how long to live")
    parser.add_argument("--database-url", default=None, help="an empty PostgreSQL database; SQLite otherwise")
    parser.add_argument("--pace-hours", type=float, default=96, help="a new tender about this often")
    parser.add_argument(
        "--ring",
        action="store_true",
        help="a season of small works with two rings instead: on which night are they found",
    )
    parser.add_argument("--story", type=Path, default=None, help="write every event into this file")


def run(args: argparse.Namespace) -> int:
    """Simulate, tell what was met, and fail with the seed and the story when a promise is broken."""
    began = time.monotonic()
    live = sys.stderr.isatty()

    def progress(fraction: float) -> None:
        if live:
            done = int(fraction * 40)
            print(f"\r[{'#' * done}{'.' * (40 - done)}] {fraction:4.0%}", end="", file=sys.stderr, flush=True)

    if args.ring:
        from simulation import season

        return season.run(args, progress)
    result = simulate(
        args.seed, args.days, database_url=args.database_url, pace_hours=args.pace_hours, progress=progress
    )
    if live:
        print(file=sys.stderr)
    seconds = time.monotonic() - began
    if args.story is not None:
        args.story.write_text("\n".join(result.story) + "\n", "utf-8")
    for name, count in sorted(result.met.items()):
        print(f"{count:6d}  {name}")
    print(f"seed {result.seed}, {result.days} days, {result.steps} steps in {seconds:.1f} s")
    print(f"log {result.ledger_head.size} leaves, root {result.ledger_head.root}")
    if not result.breaches:
        print("every promise was kept")
        return 0
    print(f"BROKEN with SEED={result.seed} DAYS={result.days}:")
    for fault in result.breaches:
        print(f"  {fault}")
    print("the story so far:")
    for line in result.tail():
        print(f"  {line}")
    return 1
