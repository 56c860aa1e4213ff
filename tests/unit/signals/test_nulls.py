"""Rules fire on independent bids no more often than the α they state; and they do fire on what they are about."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from supervision.rules.signals import nulls, patterns
from supervision.rules.signals.ranks import codes, exchangeable_p
from supervision.rules.signals.screens import grouped
from tests.unit.signals.null_rates import SHAPES, rates

ARITHMETIC = [9.48, 9.53, 9.58, 9.63, 9.68]
GEOMETRIC = [9_000_000 * 1.02**k for k in range(5)]
NEITHER = [9.4800, 9.5113, 9.6028, 9.6880, 9.7331]


def fired(bids: list[float]) -> list[str]:
    side = grouped(np.zeros(len(bids), dtype=np.int64), np.array(bids))
    found = patterns.progressions(side, lambda n: nulls.progressions(n, default_rng(1)))
    return [rule for rule, one in zip(("Q-01", "Q-02"), found, strict=True) if one.fires(0.01)[0]]


def test_ex16_names_the_progressions_and_leaves_the_rest() -> None:
    assert patterns.steps_even(np.array(ARITHMETIC))[0] == pytest.approx(0.0, abs=1e-6)
    difference, ratio = patterns.steps_even(np.array(GEOMETRIC))
    assert (round(difference, 4), round(ratio, 4)) == (0.0221, 0.0)
    assert [round(one, 3) for one in patterns.steps_even(np.array(NEITHER))] == [0.405, 0.407]
    assert fired(ARITHMETIC) == ["Q-01"]
    assert fired(GEOMETRIC) == ["Q-02"]
    assert fired(NEITHER) == []


def test_four_even_neighbours_among_five_bids_fire() -> None:
    assert fired([100.0, 101.0, 102.0, 103.0, 117.3]) == ["Q-01"]
    assert fired([100.0, 101.0, 102.0, 105.0, 117.3]) == []


def test_identical_prices_are_no_progression() -> None:
    assert fired([100.0] * 6) == []
    assert np.isnan(patterns.steps_even(np.array([5.0, 5.0, 5.0]))).all()


def test_a_progression_needs_four_bids() -> None:
    assert fired([1.0, 2.0, 3.0]) == []
    with pytest.raises(ValueError, match="four"):
        nulls.progressions(3, default_rng(1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 8, 12, 25, 50, 100])
def test_rules_fire_on_independent_bids_no_more_often_than_alpha(shape: str, n: int) -> None:
    tenders = 10_000 if n <= 25 else 3_000
    found = list(rates(shape, n, tenders, seed=7))

    assert len(found) > 30
    assert [one for one in found if not one.holds] == []


def test_a_rule_without_a_null_would_be_noticed() -> None:
    """The textbook rule, steps within 2 % anywhere, on a hundred independent bids."""
    bids = default_rng(1).lognormal(12, 0.1, (500, 100))
    side = grouped(np.repeat(np.arange(500), 100), bids.ravel())
    found, _ = patterns.progressions(side, lambda n: nulls.progressions(n, default_rng(1)))
    either = found.value <= patterns.EVEN_MAX
    assert either.mean() > 0.03
    assert found.fires(0.01).mean() <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 500)


def test_a_mixed_file_keeps_alpha_for_every_number_of_bids() -> None:
    rng = default_rng(9)
    n = rng.integers(2, 12, 6_000)
    tender = np.repeat(np.arange(6_000), n)
    from supervision.rules.signals.screens import Screen, screens

    found = screens(tender, rng.lognormal(10, 0.1, len(tender)))
    p = exchangeable_p(found[Screen.CV], codes(found.n.tolist()), high=False)
    for one in range(2, 12):
        some = p[n == one]
        assert (some <= 0.05).sum() == int(0.05 * len(some))


def test_cover_bids_under_the_ceiling_fire_only_where_the_market_does_not_bid_so() -> None:
    rng = default_rng(3)
    honest = rng.uniform(0.8, 1.0, (400, 5))
    rigged = np.array([0.93, 0.985, 0.99, 0.992, 0.998])
    bid = np.vstack([honest, rigged])
    tender = np.repeat(np.arange(401), 5)
    market = np.zeros(401, dtype=np.int64)
    side = grouped(tender, bid.ravel())

    found = patterns.under_the_ceiling(side, tender, bid.ravel(), np.ones(401), market)
    assert found.fires(0.01)[400]
    assert found.fires(0.01)[:400].mean() <= 0.01

    all_so = np.tile(rigged, (401, 1))
    same = patterns.under_the_ceiling(side, tender, all_so.ravel(), np.ones(401), market)
    assert same.met.all()
    assert not same.fires(0.01).any()


def test_bids_that_steer_a_mean_are_named() -> None:
    bids = np.array([100.0, 101.0, 102.0, 103.0, 104.0, 140.0, 141.0, 142.0])
    group, off = patterns.pivotal(bids)
    assert set(group) <= {5, 6, 7}
    assert off > 1
    assert any(set(one) == {5, 6, 7} for one in patterns.without(bids))
    assert patterns.pivotal(np.array([100.0, 101.0, 102.0])) == ((), 0.0)


def test_a_deal_keeps_every_firm_and_every_tender() -> None:
    rng = default_rng(2)
    tender = np.repeat(np.arange(200), 4)
    firm = np.concatenate([rng.choice(30, 4, replace=False) for _ in range(200)])
    stratum = tender % 3
    dealt = nulls.permuted_firms(firm, tender, nulls.dealer(stratum), rng)
    for one in range(3):
        here = stratum == one
        assert (np.bincount(dealt[here], minlength=30) == np.bincount(firm[here], minlength=30)).all()
    assert (dealt != firm).any()
    twice = 800 - len(np.unique(tender * 30 + dealt))
    assert twice <= 8
