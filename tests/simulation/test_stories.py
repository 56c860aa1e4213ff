"""Kept stories of the simulated year: each turn that matters comes about, and every promise is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.plans import scenario, scenario_names
from simulation.run import simulate
from tests.simulation.telling import told_of

NIGHTLY = (
    "deadline_moves",
    "low_price",
    "two_objections_upheld",
    "open_objection_at_the_opening",
    "challenge_upheld_after_the_award",
)
"""The longest; the seasons meet their turns too."""
STORIES = [
    pytest.param(name, marks=[pytest.mark.nightly] if name in NIGHTLY else []) for name in scenario_names()
]


@pytest.mark.parametrize("name", STORIES)
def test_a_kept_story_comes_out_well(name: str, tmp_path: Path) -> None:
    _, plan = scenario(name)

    result = simulate(7, 48, folder=tmp_path, plans=[plan], pace_hours=1)

    assert not result.breaches, told_of(result)
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
