"""Tails of counts by hand, for pages that must not load an array library.

Source: detection §5 (network family).
"""

from __future__ import annotations

import math


def poisson_tail(mean: float, least: int) -> float:
    """P(at least ``least``) of a Poisson count; 1 when the mean is unknown."""
    if not 0 <= mean < math.inf or least <= 0:
        return 1.0
    if mean == 0:
        return 0.0
    term = math.exp(least * math.log(mean) - mean - math.lgamma(least + 1))
    total, count = 0.0, least
    while term > 1e-18 * max(total, 1e-300) and count < least + 10_000:
        total += term
        count += 1
        term *= mean / count
    return min(1.0, total)
