"""The same seed writes the same ledger on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.plans import Plan
from simulation.run import simulate
from tests.simulation.telling import told_of

ONE = Plan(method="comprehensive", replace=1, withdraw=1, bidders=4)
TWO = Plan(method="gp_scoring", silent=1)


@pytest.mark.parametrize(
    "plans", [[ONE], pytest.param([ONE, TWO], marks=pytest.mark.nightly)], ids=["one", "two"]
)
def test_both_databases_write_the_same_ledger(tmp_path: Path, pg_url: str, plans: list[Plan]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    sqlite = simulate(7, 36, folder=tmp_path / "a", plans=plans)
    postgres = simulate(7, 36, folder=tmp_path / "b", plans=plans, database_url=pg_url)

    assert not postgres.breaches, told_of(postgres)
    assert postgres.story == sqlite.story
    assert postgres.ledger_head == sqlite.ledger_head
