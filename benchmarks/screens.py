"""Seven screens over a million tenders against vectorised pandas in the same run; the memory they take.

Source: detection §7.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import default_rng

from benchmarks.report import Result
from supervision.rules.signals.compiled import kernel
from supervision.rules.signals.screens import ALL, screens

TENDERS = 1_000_000
ROUNDS = 5
RATIO_MIN, RATIO_COMPILED_MIN, MEMORY_MAX = 9.0, 50.0, 4.0


def run() -> Iterator[Result]:
    """Best of rounds, taken in turn; 2 to 10 bids a tender, those of one tender side by side."""
    rng = default_rng(1)
    n = rng.integers(2, 11, TENDERS)
    tender = np.repeat(np.arange(TENDERS), n)
    bid = np.exp(rng.normal(14, 0.1, len(tender)))
    load = f"{TENDERS:,} tenders, {len(bid):,} bids, best of {ROUNDS} in turn"
    plain, by_pandas = screens(tender, bid), vectorised(tender, bid)
    np.testing.assert_allclose(plain.values[:3], by_pandas[:3], rtol=1e-9)
    np.testing.assert_allclose(plain.values[6], by_pandas[6], rtol=1e-9)
    ways: dict[str, Callable[[], Any]] = {
        "pandas": lambda: vectorised(tender, bid),
        "numpy": lambda: screens(tender, bid),
    }
    if kernel() is not None:
        np.testing.assert_allclose(
            screens(tender, bid, compiled=True).values, plain.values, rtol=1e-8, atol=1e-9
        )
        ways["compiled"] = lambda: screens(tender, bid, compiled=True)
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - started)
    for name, least in (("numpy", RATIO_MIN), ("compiled", RATIO_COMPILED_MIN)):
        if name in best:
            ratio = best["pandas"] / best[name]
            yield Result(
                f"seven screens, {name}",
                load,
                f"{best[name]:.3f} s; pandas {best['pandas']:.2f} s ({ratio:.1f} ×)",
                f"≥ {least:.0f} ×",
                ratio >= least,
            )
    yield _memory(tender, bid)


def _memory(tender: np.ndarray, bid: np.ndarray) -> Result:
    tracemalloc.start()
    screens(tender, bid)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = tender.nbytes + bid.nbytes
    return Result(
        "seven screens, memory",
        f"{len(bid):,} bids, result included",
        f"{(most + size) / 1e6:.0f} MB beside and with {size / 1e6:.0f} MB of input ({(most + size) / size:.1f} ×)",
        f"≤ {MEMORY_MAX:.0f} × input",
        most + size <= MEMORY_MAX * size,
    )


def vectorised(tender: np.ndarray, bid: np.ndarray) -> np.ndarray:
    """The seven screens as one writes them with pandas when one knows pandas: no apply, no Python loop over groups."""
    frame = pd.DataFrame({"t": tender, "b": bid}).sort_values(["t", "b"], kind="stable")
    by = frame.groupby("t", sort=False)["b"]
    n, mean, low, high = by.transform("size"), by.transform("mean"), by.transform("min"), by.transform("max")
    rank = by.cumcount()
    frame["d2"] = (frame.b - mean) ** 2
    frame["d3"], frame["d4"] = frame.d2 * (frame.b - mean), frame.d2**2
    u = (frame.b - low) / (high - low)
    frame["ks"] = np.maximum((rank + 1) / n - u, u - rank / n)
    frame["second"] = frame.b.where(rank == 1)
    losers = frame[rank > 0].groupby("t", sort=False)["b"].std(ddof=1)
    one = frame.groupby("t", sort=False)
    total = one[["d2", "d3", "d4"]].sum()
    size, least, most = one.size(), one["b"].min(), one["b"].max()
    gap = one["second"].max() - least
    var = total.d2 / size
    skew = np.sqrt(size * (size - 1)) / (size - 2) * (total.d3 / size) / var**1.5
    excess = (size - 1) / ((size - 2) * (size - 3)) * ((size + 1) * (total.d4 / size / var**2 - 3) + 6)
    return np.array(
        [
            np.sqrt(total.d2 / (size - 1)) / one["b"].mean(),
            (most - least) / least,
            gap / least,
            gap / losers.reindex(size.index),
            skew.where(size > 2, 0.0),
            excess.where(size > 3, 0.0),
            one["ks"].max(),
        ]
    )


assert len(ALL) == 7
