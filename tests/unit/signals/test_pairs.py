"""Firms that meet too often are found; firms that meet by chance are not; nobody's future is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from supervision.analysis.nightly import analyse
from supervision.analysis.shapes import Analysis, History
from supervision.rules.signals import network, turns
from supervision.rules.signals.company import company, nothing_before
from supervision.rules.signals.network import closure

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def city(rng: Generator, *, tenders: int = 400, firms: int = 40, ring: tuple[int, ...] = ()) -> History:
    """Independent bids of random firms; every fourth tender belongs to the ring, which takes turns and covers."""
    tender, firm, bid, won = [], [], [], []
    for t in range(tenders):
        rigged = bool(ring) and t % 4 == 0
        others = rng.choice([f for f in range(firms) if f not in ring], 2 if rigged else 4, replace=False)
        who = [*ring, *others] if rigged else list(others)
        prices = 1e6 * np.exp(rng.normal(0, 0.08, len(who)))
        if rigged:
            prices[: len(ring)] = 0.95e6 + 1e3 * rng.random(len(ring))
            prices[(t // 4) % len(ring)] = 0.94e6
            prices[len(ring) :] = 0.97e6 + 2e4 * rng.random(2)
        tender += [t] * len(who)
        firm += who
        bid += prices.tolist()
        won += (prices == prices.min()).tolist()
    return History(
        [f"T{t}" for t in range(tenders)],
        ["works"] * tenders,
        (np.datetime64("2025-01-01") + np.arange(tenders) * 365 // tenders).astype("datetime64[D]"),
        np.full(tenders, np.nan),
        [f"F{f}" for f in range(firms)],
        np.array(tender),
        np.array(firm),
        np.array(bid),
        np.array(won),
    )


@pytest.fixture(scope="module")
def rigged() -> Analysis:
    return analyse(city(default_rng(1), ring=(3, 17, 29)), now=NOW, seed=1, permutations=99)


@pytest.fixture(scope="module")
def honest() -> Analysis:
    return analyse(city(default_rng(2)), now=NOW, seed=1, permutations=99)


def test_ex18_jaccard_lift_and_a_companion_that_never_wins() -> None:
    assert round(network.jaccard(40, 35, 30), 3) == 0.667
    assert round(network.lift(40, 35, 30, 200), 2) == 4.29
    assert network.meets_often(40, 35, 30, 200)
    assert not network.meets_often(40, 35, 9, 200)
    assert round(turns.no_win_p(0.2, 30), 4) == 0.0012


def test_the_pairs_of_a_ring_lead_the_list(rigged: Analysis) -> None:
    first = [{one.a, one.b} for one in rigged.pairs[:3]]
    assert all(pair <= {"F3", "F17", "F29"} for pair in first)
    assert all("H-01" in one.indicators and one.p == 0.01 for one in rigged.pairs[:3])
    assert rigged.pairs[0].tenders[:2] == ("T0", "T4")


def test_the_ring_and_its_turns_are_found(rigged: Analysis) -> None:
    assert rigged.rings[0].firms == ("F3", "F17", "F29")
    assert rigged.rings[0].p <= 0.01
    assert rigged.rings[0].entropy > 0.99
    assert rigged.rings[0].winners[:4] == ("F3", "F17", "F29", "F3")


def test_tenders_of_the_ring_head_the_queue_once_it_has_a_past(rigged: Analysis) -> None:
    head = [int(one.key[1:]) % 4 == 0 for one in rigged.tenders[:80]]
    assert np.mean(head) > 0.95


def test_honest_firms_have_no_pair_ring_or_companion_beyond_chance(honest: Analysis) -> None:
    p = np.array([one.p for one in honest.pairs])
    assert (p <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(p))
    assert all("H-01" not in one.indicators for one in honest.pairs)
    assert honest.rings == ()


def test_the_same_seed_finds_the_same(honest: Analysis) -> None:
    again = analyse(city(default_rng(2)), now=NOW, seed=1, permutations=99)
    assert again.pairs == honest.pairs
    assert [one.key for one in again.tenders] == [one.key for one in honest.tenders]


def test_only_earlier_tenders_count() -> None:
    tender, firm = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
    who = network.presence(tender, firm, np.array([1, 0] * 3, dtype=bool), firms=2, tenders=3)
    met = network.meetings(who)
    found = company(who, met, np.array([5, 5, 9]), None, nothing_before(2))
    assert found["met"].tolist() == [0, 0, 2]
    assert found["bids_max"].tolist() == [0, 0, 2]
    without_days = company(who, met, None, None, nothing_before(2))
    assert without_days["met"].tolist() == [2, 2, 2]


def test_records_read_no_label_of_the_tender_itself_or_of_later_ones() -> None:
    tender, firm = np.array([0, 1, 2]), np.array([0, 0, 0])
    who = network.presence(tender, firm, np.ones(3, dtype=bool), firms=1, tenders=3)
    label = np.array([1.0, 1.0, 0.0])
    found = company(who, network.meetings(who), np.array([1, 2, 3]), None, nothing_before(1), label)
    assert found["record_max"].tolist() == [0.0, 1 / 3, 2 / 4]


def test_wins_of_equal_chances() -> None:
    low, high = turns.wins_p([0.5] * 4, 0)
    assert (low, high) == (0.5**4, 1.0)
    assert turns.wins_p([0.5] * 4, 4)[1] == 0.5**4
    assert turns.win_z([0.5] * 4, 4) == 2.0
    assert turns.never_wins_beside(10, 0, 5) == 1.0
    assert turns.never_wins_beside(4, 2, 2) == pytest.approx(1 / 6)
    assert turns.never_wins_beside(4, 3, 2) == 0.0
    assert turns.never_wins_beside(400, 20, 100) == pytest.approx(0.00252, rel=0.2)


def test_turns_are_told_from_chance_and_from_dominance() -> None:
    rng = default_rng(1)
    assert turns.turn_taking_p([0, 1, 2] * 10, rng) <= 0.01
    assert turns.turn_taking_p([0] * 30, rng) == 1.0
    assert turns.turn_taking_p(rng.integers(0, 3, 30).tolist(), rng) > 0.01
    assert turns.winners_entropy([0, 1, 2]) == pytest.approx(1.0)
    assert turns.winners_entropy([1, 1]) == 0.0


def test_a_history_of_uneven_columns_is_refused() -> None:
    history = city(default_rng(1), tenders=10)
    with pytest.raises(ValueError, match="one value a bid"):
        replace(history, firm=history.firm[1:])
    with pytest.raises(ValueError, match="one value a tender"):
        replace(history, ceiling=history.ceiling[1:])


def test_a_history_without_names_has_scores_and_no_leads_on_firms() -> None:
    history = city(default_rng(1), tenders=50)
    found = analyse(replace(history, firm=np.full(len(history.firm), -1)), now=NOW, seed=1)
    assert (len(found.tenders), found.pairs, found.rings) == (50, (), ())
    assert [one.rank for one in found.tenders] == list(range(1, 51))


def test_closing_triangles_are_those_of_the_plain_definition() -> None:
    rng = default_rng(0)
    for firms, neighbours in ((3, 2), (10, 5), (60, 30), (120, 5)):
        key = np.unique(rng.integers(0, firms * firms, firms * 12))
        a, b = key // firms, key % firms
        a, b = a[a < b], b[a < b]
        weight = np.round(rng.random(len(a)), 1)

        found = closure(a, b, weight, firms, neighbours=neighbours)

        assert found.tolist() == plain_closure(a, b, weight, firms, neighbours)


def plain_closure(
    a: np.ndarray, b: np.ndarray, weight: np.ndarray, firms: int, neighbours: int
) -> list[float]:
    """Each firm's strongest partners one after the other, each pair's common ones asked singly."""
    near: list[dict[int, float]] = [{} for _ in range(firms)]
    for i in sorted(range(len(a)), key=lambda i: (-weight[i], i)):
        for one, other in ((int(a[i]), int(b[i])), (int(b[i]), int(a[i]))):
            if len(near[one]) < neighbours:
                near[one][other] = float(weight[i])
    return [
        max((min(near[x][c], near[y][c]) for c in near[x].keys() & near[y].keys()), default=0.0)
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
    ]


def test_pairs_are_counted_alike_from_a_table_and_by_searching(monkeypatch: pytest.MonkeyPatch) -> None:
    history = city(default_rng(4), tenders=120, ring=(3, 5, 8))

    by_table = analyse(history, now=NOW, seed=2, permutations=49)
    monkeypatch.setattr(network, "TABLE_MOST", 0)
    by_search = analyse(history, now=NOW, seed=2, permutations=49)

    assert by_table.pairs == by_search.pairs
    assert len({one.p for one in by_table.pairs}) > 5
