"""History alone: a ring that hides every trace is found within a year, and a city without one stays quiet."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
import pytest

from supervision.actions.leads_history import Statistics, findings, steady_firms
from supervision.analysis.nightly import analyse
from supervision.analysis.shapes import History
from supervision.rules.signals.tails import poisson_tail

RING = ("F00", "F01", "F02", "F03")


def a_city(seed: int, days: int, *, rigged: bool) -> Statistics:
    """What the statistics say after some days: forty firms, three lots in two days, one in eleven rigged.

    The ring bids alone elsewhere, covers its winner by uneven margins and takes turns.
    """
    dice = random.Random(seed)
    firms = [f"F{number:02}" for number in range(40)]
    lots: list[tuple[int, float, dict[str, float]]] = []
    turn = 0
    for day in range(days):
        for _ in range(1 + day % 2):
            ceiling = dice.uniform(1e6, 1e7)
            if rigged and dice.random() < 0.09:
                winner, turn = RING[turn % 4], turn + 1
                base = ceiling * dice.uniform(0.955, 0.985)
                bids = {winner: base} | {
                    f: base * (1 + dice.uniform(0.004, 0.03)) for f in RING if f != winner
                }
                bids |= {
                    f: ceiling * dice.uniform(0.86, 0.99)
                    for f in dice.sample(firms[4:], dice.choice([0, 1, 2]))
                }
            else:
                bids = {f: ceiling * dice.uniform(0.86, 0.99) for f in dice.sample(firms, dice.randint(3, 7))}
            lots.append((day, ceiling, bids))
    keys = [str(uuid5(NAMESPACE_URL, str(number))) for number in range(len(lots))]
    rows = [
        (n, f, p, p == min(bids.values())) for n, (_, _, bids) in enumerate(lots) for f, p in bids.items()
    ]
    history = History(
        keys=keys,
        category=["works"] * len(lots),
        opened_on=np.array([np.datetime64("2026-01-01") + day for day, _, _ in lots], dtype="datetime64[D]"),
        ceiling=np.array([ceiling for _, ceiling, _ in lots]),
        firms=firms,
        tender=np.array([row[0] for row in rows]),
        firm=np.array([firms.index(row[1]) for row in rows]),
        bid=np.array([row[2] for row in rows]),
        won=np.array([row[3] for row in rows]),
    )
    found = analyse(history, now=datetime(2026, 12, 31, tzinfo=UTC), seed=1)
    prices = {UUID(key): {f: round(p * 100) for f, p in lots[n][2].items()} for n, key in enumerate(keys)}
    return findings(found, prices)


def company(found: Statistics) -> list[tuple[str, ...]]:
    return [one.firms for seen in found.indicators.values() for one in seen if one.code.startswith("H")]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_ring_without_any_trace_is_found_by_its_history_within_three_months(seed: int) -> None:
    pairs = company(a_city(seed, 90, rigged=True))

    assert len(pairs) >= 1
    assert all(set(pair) <= set(RING) for pair in pairs)


@pytest.mark.parametrize("seed", [3, 4])
def test_a_city_of_independent_bidders_stays_quiet(seed: int) -> None:
    assert company(a_city(seed, 365, rigged=False)) == []


def test_statistics_never_give_a_colour_of_their_own() -> None:
    from supervision.rules.signals.combine import Light, judge

    found = a_city(0, 300, rigged=True)

    assert {judge(seen).light for seen in found.indicators.values()} == {Light.NONE}


def test_the_tail_of_a_count_is_exact() -> None:
    assert poisson_tail(2.0, 0) == 1.0
    assert poisson_tail(2.0, 1) == pytest.approx(1 - 2.718281828**-2, abs=1e-9)
    assert poisson_tail(0.0, 1) == 0.0
    assert poisson_tail(float("nan"), 5) == 1.0
    assert poisson_tail(5.0, 30) < 1e-12


def test_the_firms_of_even_steps_are_named_and_the_others_left_out() -> None:
    prices = {"a": 9480, "b": 9530, "c": 9580, "d": 9630, "x": 8000, "y": 9900}

    assert steady_firms(prices, "Q-01") == ("a", "b", "c", "d")
    assert steady_firms({"a": 1000, "b": 1020, "c": 1040, "d": 1061}, "Q-02") == ("a", "b", "c", "d")
    assert steady_firms(prices, "Q-07") == tuple(sorted(prices))
