"""Screens are what the literature computes, by three ways of computing them."""

from __future__ import annotations

import csv
import importlib.util
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng

from supervision.rules.signals.compiled import kernel
from supervision.rules.signals.screens import ALL, Screen, Screens, exchanges, screens

SHARED = Path(__file__).resolve().parents[3] / "../shared/data/collusion"
PUBLISHED = [Screen.CV, Screen.SPD, Screen.DIFFP, Screen.RD, Screen.SKEW, Screen.KSTEST]


def of_one(*bids: float) -> dict[Screen, float]:
    found = screens(np.zeros(len(bids), dtype=np.int64), np.array(bids))
    return {one: float(found[one][0]) for one in ALL}


@pytest.mark.shared
def test_published_screens_of_the_brazilian_tenders_are_met_to_three_digits() -> None:
    path = SHARED / "brazil_with_estimate.csv"
    if not path.exists():
        pytest.skip("the reference data are not beside the project")
    bids: dict[str, list[float]] = defaultdict(list)
    told: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            bids[row["Tender"]].append(float(row["Bid_value"]))
            told[row["Tender"]] = row
    for compiled in (False, True):
        flat = np.concatenate([np.array(one) for one in bids.values()])
        tender = np.repeat(np.arange(len(bids)), [len(one) for one in bids.values()])
        found = screens(tender, flat, compiled=compiled)
        for one in PUBLISHED:
            published = np.array([float(told[key][one.value]) for key in bids])
            far = [
                (key, one)
                for key, off in zip(bids, np.abs(found[one] - published), strict=True)
                if not off <= 1e-3
            ]
            assert far == []


def test_definitions_by_hand() -> None:
    found = of_one(100.0, 110.0, 130.0)
    mean, sd = 340 / 3, float(np.std([100, 110, 130], ddof=1))

    assert found[Screen.CV] == pytest.approx(sd / mean)
    assert found[Screen.SPD] == pytest.approx(0.3)
    assert found[Screen.DIFFP] == pytest.approx(0.1)
    assert found[Screen.RD] == pytest.approx(10 / float(np.std([110, 130], ddof=1)))
    assert found[Screen.KURT] == 0.0
    assert found[Screen.KSTEST] == pytest.approx(2 / 3 - 1 / 3)


def test_skewness_and_kurtosis_are_those_of_the_statistics_library() -> None:
    from scipy import stats

    bids = default_rng(1).lognormal(10, 0.2, 9)
    found = of_one(*bids)
    assert found[Screen.SKEW] == pytest.approx(stats.skew(bids, bias=False))
    assert found[Screen.KURT] == pytest.approx(stats.kurtosis(bids, bias=False))
    low, wide = bids.min(), bids.max() - bids.min()
    assert found[Screen.KSTEST] == pytest.approx(stats.kstest(bids, "uniform", args=(low, wide)).statistic)


def test_few_and_equal_bids_have_what_can_be_said_and_nothing_else() -> None:
    assert all(np.isnan(value) for value in of_one(100.0).values())
    two = of_one(100.0, 110.0)
    assert np.isnan(two[Screen.RD])
    assert two[Screen.SKEW] == two[Screen.KURT] == 0.0
    same = of_one(100.0, 100.0, 100.0, 100.0)
    assert same[Screen.CV] == same[Screen.SPD] == same[Screen.DIFFP] == same[Screen.SKEW] == 0.0
    assert np.isnan(same[Screen.RD])
    assert np.isnan(same[Screen.KSTEST])
    assert of_one(90.0, 100.0, 100.0)[Screen.RD] == np.inf


@pytest.mark.parametrize("n", [3, 6, 12, 70])
@pytest.mark.parametrize("price", [33.33, 281370.9414914538, 1e9 / 7])
def test_equal_bids_do_not_deviate_however_they_round(n: int, price: float) -> None:
    same = of_one(*[price] * n)
    assert same[Screen.CV] == same[Screen.SKEW] == same[Screen.KURT] == 0.0
    assert np.isnan(same[Screen.RD])
    assert of_one(price * 0.9, *[price] * (n - 1))[Screen.RD] == np.inf


def test_tight_bids_keep_their_digits() -> None:
    wide = of_one(1.0, 1.5, 2.0, 2.25)
    tight = of_one(*(1e9 + np.array([1.0, 1.5, 2.0, 2.25])))
    assert tight[Screen.RD] == pytest.approx(wide[Screen.RD], rel=1e-6)


def test_prices_that_are_none_are_refused() -> None:
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="positive and finite"):
            of_one(100.0, bad)
    with pytest.raises(ValueError, match="out of range"):
        screens(np.array([0, 3]), np.array([1.0, 2.0]), tenders=2)
    with pytest.raises(ValueError, match="one length"):
        screens(np.array([0]), np.array([1.0, 2.0]))


def test_no_bids_are_no_tenders() -> None:
    found = screens(np.empty(0, dtype=np.int64), np.empty(0), tenders=2)
    assert found.values.shape == (7, 2)
    assert np.isnan(found.values).all()


@pytest.mark.parametrize("n", range(2, 17))
def test_the_sorting_network_sorts(n: int) -> None:
    rows = default_rng(n).integers(0, 5, (n, 300)).astype(float)
    expected = np.sort(rows, axis=0)
    for i, j in exchanges(n):
        rows[i], rows[j] = np.minimum(rows[i], rows[j]), np.maximum(rows[i], rows[j])
    assert (rows == expected).all()


def two_ways(seed: int) -> tuple[Screens, Screens]:
    rng = default_rng(seed)
    n = rng.integers(1, 40, 500)
    tender = rng.permutation(np.repeat(np.arange(500), n))
    bid = np.round(np.exp(rng.normal(12, 0.1, len(tender))), -1)
    return screens(tender, bid), screens(tender, bid, compiled=True)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="the extra 'compiled' is not installed")
def test_the_compiled_kernel_finds_the_same() -> None:
    assert kernel() is not None
    plain, fast = two_ways(3)
    assert (plain.n == fast.n).all()
    np.testing.assert_allclose(plain.values, fast.values, rtol=1e-9, atol=1e-10)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="the extra 'compiled' is not installed")
@pytest.mark.parametrize("price", [0.1, 1.1, 123456.78, 1e9 / 3])
def test_the_compiled_kernel_lets_equal_bids_deviate_by_nothing_too(price: float) -> None:
    sizes = np.arange(3, 80)
    tender = np.repeat(np.arange(len(sizes)), sizes)
    bid = np.full(len(tender), price)
    for compiled in (False, True):
        same = screens(tender, bid, compiled=compiled)
        assert (same[Screen.CV] == 0.0).all()
        assert (same[Screen.SKEW] == 0.0).all()
        assert np.isnan(same[Screen.RD]).all()
