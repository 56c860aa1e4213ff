"""A ring that leaves no trace is found inside the simulated city by its company alone; honest bids in the same long form
stay without colour.
"""

from __future__ import annotations

import pytest

from simulation.season import Night, Plan, Told, a_season, lines

pytestmark = pytest.mark.nightly
SMALL = Plan(seed=3, days=15, firms=40, districts=1, every_days=1, every_lots=5, silent=0.27, marked=0.0)
"""Thirty lots in two weeks; the ring agrees on one in four, so that a fortnight shows what a season has."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return a_season(SMALL, tmp_path_factory.mktemp("season"))


def test_the_silent_ring_heads_the_leads_without_colour_by_history_alone(told: Told) -> None:
    night = told.found

    assert told.breaches == []
    assert night is not None, told.nights
    assert night.codes == ("H-01",)
    assert (night.among_clear, night.strange) == (1, ())


def test_no_lot_is_coloured_because_everybody_fills_in_the_same_form(told: Told) -> None:
    assert sum(told.lots.values()) == 30
    assert [night.hard for night in told.nights] == [()] * len(told.nights)


def test_before_it_met_often_enough_there_is_no_lead(told: Told) -> None:
    early = [night for night in told.nights if night.silent < 6]

    assert early
    assert [night.place for night in early] == [0] * len(early)


def test_the_figure_says_when_a_ring_was_not_found() -> None:
    quiet = Told(Plan(days=30), [Night(30, 12, 4, 0, 0, 0, (), (), (), 0.5)], {"honest": 8, "silent": 4})

    assert "| not found in 30 days | never | – | 0 | 0 |" in lines(quiet)[-1]
