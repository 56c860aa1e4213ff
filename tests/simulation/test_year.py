"""The simulated year: fixed seeds, kept stories, and the same ledger from the same seed on every database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealbid.errors import SealError
from sealbid.suites import suite_named
from simulation import coins
from simulation.plans import Plan, scenario, scenario_names
from simulation.run import Result, simulate

ROOT = Path(__file__).resolve().parents[2]
DAYS = 34


def _told(result: Result) -> str:
    return "\n".join([f"SEED={result.seed} DAYS={result.days}", *map(str, result.breaches), *result.tail()])


@pytest.mark.parametrize("seed", [7, 11])
def test_a_season_keeps_every_promise(seed: int, tmp_path: Path) -> None:
    result = simulate(seed, DAYS, folder=tmp_path, pace_hours=72)

    assert not result.breaches, _told(result)
    assert result.met["closed"] >= 1
    assert result.met["fault before_commit"] >= 1
    assert result.met["fault after_commit"] >= 1


@pytest.mark.parametrize("name", scenario_names())
def test_a_kept_story_comes_out_well(name: str, tmp_path: Path) -> None:
    _, plan = scenario(name)

    result = simulate(7, 48, folder=tmp_path, plans=[plan], pace_hours=1)

    assert not result.breaches, _told(result)
    met = EXPECTED.get(name, ())
    assert [turn for turn in met if not result.met.get(turn)] == []


EXPECTED = {
    "absent_custodians": ("too few custodians", "secret offered", "lot awarded"),
    "two_objections_upheld": ("objection upheld", "lot awarded"),
    "fewer_than_three": ("lot failed fewer_than_three",),
    "all_rejected": ("lot failed all_rejected",),
    "deadline_moves": ("deadline moved", "late refused"),
    "challenge_upheld_after_the_award": ("objection upheld", "lot awarded"),
    "ill_expert": ("recused", "silent expert", "lot awarded"),
    "nobody_comes": ("too few custodians", "lot failed nothing_opened"),
    "low_price": ("abnormal price judged",),
}


AGAIN = "from simulation.run import simulate; told = simulate(7, 30); print(told.ledger_head, told.steps)"


def test_the_same_seed_writes_the_same_ledger(tmp_path: Path) -> None:
    once = simulate(7, 30, folder=tmp_path)
    again = subprocess.run(
        [sys.executable, "-c", AGAIN],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "271"},  # another process that orders its sets otherwise
    )

    assert not once.breaches, _told(once)
    assert once.ledger_head.size > 300
    assert again.stdout.strip() == f"{once.ledger_head} {once.steps}"


def test_another_seed_writes_another_ledger(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    one, other = (simulate(seed, 2, folder=tmp_path / name) for seed, name in ((7, "a"), (8, "b")))

    assert one.ledger_head.root != other.ledger_head.root


def test_both_databases_write_the_same_ledger(tmp_path: Path, pg_url: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plans = [
        Plan(method="comprehensive", replace=1, withdraw=1, bidders=5),
        Plan(method="gp_scoring", silent=1),
    ]

    sqlite = simulate(7, 36, folder=tmp_path / "a", plans=plans)
    postgres = simulate(7, 36, folder=tmp_path / "b", plans=plans, database_url=pg_url)

    assert not postgres.breaches, _told(postgres)
    assert postgres.story == sqlite.story
    assert postgres.ledger_head == sqlite.ledger_head


def test_seeded_envelopes_open_with_the_real_suite_and_with_nothing_else() -> None:
    real, seed, info = suite_named("intl-0"), b"\x07" * 32, b"whose share it is"
    public = real.public_key(seed)

    envelope = coins.seal_base(public, info, b"\x2a" * 32, b"\x01" * 32)

    assert len(envelope) == real.envelope_bytes
    assert real.unwrap(seed, info, envelope) == b"\x2a" * 32
    with pytest.raises(SealError, match="envelope_unreadable"):
        real.unwrap(seed, b"another", envelope)
    assert coins.seal_base(public, info, b"\x2a" * 32, b"\x01" * 32) == envelope
