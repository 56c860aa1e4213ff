"""The log: appends with durable commits on both databases, and inclusion proofs at a million leaves."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

import sqlalchemy as sa

from benchmarks.report import ROOT, Result
from kernel.ledger import book, sequencer
from kernel.ledger.models import LogCheckpoint, LogHead
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid.merkle import verify_inclusion
from sealbid.tiles import TileTree
from simulation.replay_house import a_house
from simulation.world import World
from tests.support import services

MILLION = 1_000_000
PROOF_MS_MAX = 2.0
PROOFS = 2000
SECONDS = 4.0


def append(work: Work, count: int) -> None:
    """Write records and give them their places, root and signed checkpoint in one transaction."""
    for _ in range(count):
        book.write(
            work.session,
            platform=work.platform,
            now=work.now,
            kind="tick",
            tender="",
            body={},
            confidential={},
            by="platform",
        )
    sequencer.sequence_within(work)


def append_rate(world: World, batch: int) -> tuple[float, float]:
    """Records per second, each commit on the disk before the next begins; our processor ms per commit."""
    done, started, worked = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < SECONDS:
        with world.platform.begin(SYSTEM) as work:
            append(work, batch)
        done += batch
    busy = (time.process_time() - worked) * 1000 * batch / done
    return done / (time.perf_counter() - started), busy


def sync_rate(folder: Path) -> float:
    """How many times a second this disk syncs a small append: the bound of single commits."""
    with (folder / "sync").open("wb") as file:
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < 1:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            count += 1
    return count / (time.perf_counter() - started)


def run() -> Iterator[Result]:
    """Appends on SQLite and PostgreSQL, then proofs on SQLite."""
    with tempfile.TemporaryDirectory(dir=_on_disk()) as name, ExitStack() as stack:
        folder = Path(name)
        bound = f"this disk syncs {sync_rate(folder):.0f}/s"
        houses = {"SQLite (FULL)": stack.enter_context(a_house(folder / "lite", 1, durable=True))}
        try:
            cluster = stack.enter_context(services.postgres_cluster(durable=True))
            url = stack.enter_context(services.postgres_database(cluster, "bench"))
            house = a_house(folder / "pg", 1, database_url=url, durable=True)
            houses["PostgreSQL (fsync)"] = stack.enter_context(house)
        except services.Missing as why:
            yield Result("log appends, PostgreSQL", str(why), "not measured")
        for database, world in houses.items():
            for batch in (1, 10, 100, 1000):
                rate, work = append_rate(world, batch)
                load = f"one writer; record, entry, tiles, root, signature; {bound}"
                told = f"{rate:,.0f}/s; {work:.1f} CPU-ms per commit here"
                yield Result(f"log appends, {database}, {batch} a commit", load, told)
    yield from proofs()


def _on_disk() -> Path | None:
    """A folder on a disk that really syncs, not in memory."""
    return ROOT if os.access(ROOT, os.W_OK) else None


def proofs() -> Iterator[Result]:
    """Inclusion proofs at a million leaves without any cache of tiles, each verified."""
    with tempfile.TemporaryDirectory() as name, a_house(Path(name), 1) as world:
        leaves = _grow(world, MILLION)
        dice = random.Random(1)
        times, cpu, root = [], [], leaves.root
        for _ in range(PROOFS):
            index = dice.randrange(leaves.size)
            with world.read() as session:
                started, worked = time.perf_counter(), time.process_time()
                tree = sequencer.tree(session, leaves.size)
                found = tree.proof(index, leaves.size)
                times.append(time.perf_counter() - started)
                cpu.append(time.process_time() - worked)
                verify_inclusion(tree.leaf(index), index, leaves.size, found, root)
        (middle, late), (work, _) = _cuts(times), _cuts(cpu)
        yield Result(
            "inclusion proof, SQLite",
            f"{leaves.size:,} leaves, {PROOFS} random proofs, a fresh session each, no cache",
            f"p50 {work:.2f} CPU-ms; wall p50 {middle:.2f} ms, p99 {late:.2f} ms; {len(found)} hashes",
            f"≤ {PROOF_MS_MAX:.0f} CPU-ms",
            work <= PROOF_MS_MAX,
        )


def _cuts(times: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    cuts = quantiles(times, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def _grow(world: World, size: int) -> sequencer.Head:
    """Fill the tiles with that many leaves, as the sequencer's tree does, without their records."""
    with world.platform.begin(SYSTEM) as work:
        tiles = sequencer.SqlTiles(work.session)
        tree = TileTree(tiles, sequencer.head(work.session).size)
        while tree.size < size:
            count = min(50_000, size - tree.size)
            tree.append(os.urandom(34) for _ in range(count))
            tiles.flush()
        root = tree.root()
        signed = sequencer.sign_checkpoint(work.platform, size, root)
        values = {"note": signed, "at": work.now}
        work.session.execute(sa.update(LogHead).where(LogHead.id == 1).values(size=size, **values))
        work.session.execute(sa.insert(LogCheckpoint).values(size=size, **values))
    return sequencer.Head(size, root, signed, work.now)
