"""Whatever the bids: scale and order do not matter, bounds hold, and p-values are ranks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from supervision.rules.signals.ranks import exchangeable_p, share_below
from supervision.rules.signals.screens import Screen, screens

bids = st.lists(st.integers(1, 10**9), min_size=2, max_size=60)


@given(bids, st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_scale_and_order_do_not_matter(some: list[int], factor: float, seed: int) -> None:
    b = np.array(some, dtype=float)
    t = np.zeros(len(b), dtype=np.int64)
    one, other = screens(t, b), screens(t, default_rng(seed).permutation(b) * factor)
    for screen in (Screen.CV, Screen.SPD, Screen.DIFFP):
        np.testing.assert_allclose(one[screen], other[screen], rtol=1e-6, atol=1e-9)


@given(bids)
@settings(max_examples=150, deadline=None)
def test_bounds_hold(some: list[int]) -> None:
    b = np.array(some, dtype=float)
    found = screens(np.zeros(len(b), dtype=np.int64), b)
    assert 0 <= found[Screen.DIFFP][0] <= found[Screen.SPD][0] + 1e-12
    assert 0 <= found[Screen.CV][0] <= np.sqrt(len(b)) + 1e-9
    ks = found[Screen.KSTEST][0]
    assert np.isnan(ks) or 1 / len(b) - 1e-12 <= ks <= 1


@given(
    st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan"))), min_size=1, max_size=80),
    st.integers(1, 4),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_p_values_count_those_as_extreme(values: list[float], strata: int, high: bool) -> None:
    v = np.array(values)
    s = np.arange(len(v)) % strata
    p = exchangeable_p(v, s, high=high)
    for i in range(len(v)):
        peers = v[(s == s[i]) & ~np.isnan(v)]
        if np.isnan(v[i]):
            assert np.isnan(p[i])
        else:
            as_extreme = (peers >= v[i]).sum() if high else (peers <= v[i]).sum()
            assert p[i] == as_extreme / len(peers)
    shares = share_below(v, s)
    assert ((shares >= 0) & (shares <= 1)).all()
