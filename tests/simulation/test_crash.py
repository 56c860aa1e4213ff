"""kill -9 at random points: nothing acknowledged is lost or doubled, and the check would notice if it were.

Source: sealing §6, §7.4, §13 (T6, T8).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bidding.actions import delivery
from simulation.crash import Case, Stage, Tally, _submit, check, play

ROOT = Path(__file__).resolve().parents[2]


def test_killed_processes_lose_nothing_they_acknowledged() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulation.crash", "--rounds", "12", "--seed", "3"],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["findings"] == []
    assert told["rounds"] == 12
    assert sum(told["killed"].values()) >= 6
    assert told["acks"] >= 30


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Case]]:
    """A tender with one acknowledged bid, everything in order."""
    stage = Stage(tmp_path_factory.mktemp("crash"))
    case = stage.case()
    player, sealed = case.offers[1]
    _submit(stage, case, player, sealed, lambda *words: case.acks.add(words))
    stage.world.sequence()
    assert check(stage, case) == []
    yield stage, case
    stage.platform.database.dispose()


def test_the_check_notices_a_lost_bid(delivered: tuple[Stage, Case]) -> None:
    stage, case = delivered
    other = case.offers[2][1].code
    case.acks.add(("complete", other))

    found = check(stage, case)

    case.acks.discard(("complete", other))
    assert found == [f"acknowledged bid {other} is lost"]


def test_the_check_notices_a_changed_block(delivered: tuple[Stage, Case]) -> None:
    stage, case = delivered
    code = case.offers[1][1].code
    path = stage.folder / "blobs" / delivery.block_key(code, "price", 1)
    good = path.read_bytes()
    path.write_bytes(bytes([good[0] ^ 1]) + good[1:])

    found = check(stage, case)

    path.write_bytes(good)
    assert found == [f"acknowledged block 1 of price {code} is lost"]


def test_the_check_notices_a_doubled_fact_and_a_forked_witness(delivered: tuple[Stage, Case]) -> None:
    stage, case = delivered
    state = stage.folder / "notary.json"
    good = state.read_bytes() if state.exists() else None
    origin = stage.settings.log_origin
    root = "a" * 64
    state.write_text(f'{{"logs":[{{"origin":"{origin}","root":"{root}","size":9}}],"v":1}}')

    found = check(stage, case)

    state.unlink() if good is None else state.write_bytes(good)
    assert found == ["witness notary remembers another tree of size 9"]


def test_the_check_notices_rows_without_facts(delivered: tuple[Stage, Case]) -> None:
    stage, case = delivered
    with stage.platform.database.writer.begin() as raw:
        raw.execute(sa.text("DROP TRIGGER guard_fact_delete"))
        raw.execute(sa.text("DELETE FROM fact WHERE name = 'bidding.bid.completed'"))

    found = check(stage, case)

    assert any("has no fact" in one for one in found)


def test_a_round_ends_with_nobody_alive(delivered: tuple[Stage, Case]) -> None:
    stage, _ = delivered
    case = stage.case()
    stage.platform.database.dispose()
    tally = Tally()

    play(stage, case, random.Random(1), tally)

    stage.reconnect()
    assert sum(tally.killed.values()) <= 1
    assert _others_at_work_in(stage.folder) == []


def _others_at_work_in(folder: Path) -> list[int]:
    """Processes besides this one that hold a file of the folder open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            held = [os.readlink(one) for one in (process / "fd").iterdir()]
            if any(one.startswith(f"{folder}/") for one in held):
                found.append(int(process.name))
    return found
