"""Threes of firms that meet too often: found early, quiet under honesty, also where firms keep to their districts."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from supervision.rules.signals.groups import JOINT_LEAST, groups, poisson_tail, threes
from supervision.rules.signals.network import Presence, presence

DISTRICTS, FIRMS = 5, 40


def a_market(
    seed: int, tenders: int, *, at_home: float = 1.0, rigged: float = 0.0
) -> tuple[Presence, np.ndarray]:
    """Who bid where: firms prefer their own district, and firms 0 to 3 come together to some tenders."""
    dice = random.Random(seed)
    rows: list[tuple[int, int]] = []
    district = []
    for tender in range(tenders):
        here = dice.randrange(DISTRICTS)
        if dice.random() < rigged:
            firms = {0, 1, 2, 3, *dice.sample(range(4, FIRMS), dice.choice((0, 1, 2)))}
        else:
            weight = [at_home if firm % DISTRICTS == here else 1.0 for firm in range(FIRMS)]
            firms, wanted = set(), dice.randint(3, 7)
            while len(firms) < wanted:
                firms.add(dice.choices(range(FIRMS), weight)[0])
        district.append(here)
        rows += [(tender, firm) for firm in firms]
    tender, firm = np.array(rows).T
    return presence(tender, firm, np.zeros(len(rows), bool), firms=FIRMS, tenders=tenders), np.array(district)


@pytest.mark.parametrize("seed", range(4))
def test_a_ring_of_four_is_one_group_within_two_hundred_and_forty_tenders(seed: int) -> None:
    of, district = a_market(seed, 240, at_home=3, rigged=0.09)

    found = groups(threes(of, district), 0.01)

    assert [one.firms for one in found] == [(0, 1, 2, 3)]
    assert found[0].joint >= JOINT_LEAST
    assert found[0].p <= 0.01


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("at_home", [1.0, 3.0, 10.0])
def test_honest_firms_stay_quiet_however_much_they_keep_to_their_district(seed: int, at_home: float) -> None:
    of, district = a_market(seed, 400, at_home=at_home)

    assert groups(threes(of, district), 0.01) == []


def test_without_the_district_neighbours_would_look_like_a_ring() -> None:
    of, district = a_market(0, 400, at_home=10)

    assert groups(threes(of, np.zeros_like(district)), 0.01) != []


def test_the_expectation_is_what_independence_gives_and_all_threes_are_counted() -> None:
    of, _ = a_market(1, 20_000)
    found = threes(of, np.zeros(20_000, dtype=np.int64))
    places = len(of.tender)
    size = np.bincount(of.tender)
    bids = np.bincount(of.firm)
    a, b, c = found.firms[0]
    equal = places**2 / (bids.astype(float) ** 2).sum()
    expected = bids[a] * bids[b] * bids[c] * (size * (size - 1) * (size - 2)).sum() / places**3
    expected *= equal**2 / ((equal - 1) * (equal - 2))

    assert found.expected[0] == pytest.approx(expected)
    assert found.p[0] == pytest.approx(
        min(1, math.comb(FIRMS, 3) * poisson_tail(found.expected[0], int(found.joint[0])))
    )
    assert found.joint.mean() == pytest.approx(found.expected.mean(), rel=0.03)


def test_a_firm_that_met_only_some_of_a_group_does_not_join_it() -> None:
    company = {t: (0, 1, 2) if t < 14 else (2, 3, 4) for t in range(28)}
    rows = [(t, f) for t, firms in company.items() for f in firms]
    rows += [(t, f) for t in range(28, 120) for f in (5 + t % 9, 14 + t % 11, 25 + t % 13)]
    tender, firm = np.array(rows).T
    of = presence(tender, firm, np.zeros(len(rows), bool), firms=FIRMS, tenders=120)

    found = groups(threes(of, np.zeros(120, dtype=np.int64)), 0.01)

    assert [one.firms for one in found][:1] == [(0, 1, 2)]
    assert all(len(one.firms) == 3 for one in found)


def test_no_firms_no_threes() -> None:
    none = np.empty(0, dtype=np.int64)
    of = presence(none, none, np.empty(0, bool), firms=0, tenders=0)

    assert groups(threes(of, none), 0.01) == []
