"""The simulated year: fixed seeds, and the same ledger from the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealbid.errors import SealError
from sealbid.suites import suite_named
from simulation import coins
from simulation.run import Result, simulate
from tests.simulation.telling import told_of

ROOT = Path(__file__).resolve().parents[2]
DAYS = 34
PACE_HOURS = 72


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The season of seed 7."""
    return simulate(7, DAYS, folder=tmp_path_factory.mktemp("season"), pace_hours=PACE_HOURS)


def test_a_season_keeps_every_promise(season: Result) -> None:
    _holds(season)


@pytest.mark.nightly
def test_a_season_of_another_seed_does_too(tmp_path: Path) -> None:
    _holds(simulate(11, DAYS, folder=tmp_path, pace_hours=PACE_HOURS))


def _holds(result: Result) -> None:
    assert not result.breaches, told_of(result)
    assert result.met["closed"] >= 1
    assert result.met["fault before_commit"] >= 1
    assert result.met["fault after_commit"] >= 1


AGAIN = f"""from simulation.run import simulate
told = simulate(7, {DAYS}, pace_hours={PACE_HOURS}); print(told.ledger_head, told.steps)"""


@pytest.mark.nightly  # the two databases write the same ledger from one seed every day
def test_the_same_seed_writes_the_same_ledger(season: Result) -> None:
    again = subprocess.run(
        [sys.executable, "-c", AGAIN],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "271"},  # another process that orders its sets otherwise
    )

    assert season.ledger_head.size > 300
    assert again.stdout.strip() == f"{season.ledger_head} {season.steps}"


def test_another_seed_writes_another_ledger(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    one, other = (simulate(seed, 2, folder=tmp_path / name) for seed, name in ((7, "a"), (8, "b")))

    assert one.ledger_head.root != other.ledger_head.root


def test_seeded_envelopes_open_with_the_real_suite_and_with_nothing_else() -> None:
    real, seed, info = suite_named("intl-0"), b"\x07" * 32, b"whose share it is"
    public = real.public_key(seed)

    envelope = coins.seal_base(public, info, b"\x2a" * 32, b"\x01" * 32)

    assert len(envelope) == real.envelope_bytes
    assert real.unwrap(seed, info, envelope) == b"\x2a" * 32
    with pytest.raises(SealError, match="envelope_unreadable"):
        real.unwrap(seed, b"another", envelope)
    assert coins.seal_base(public, info, b"\x2a" * 32, b"\x01" * 32) == envelope
