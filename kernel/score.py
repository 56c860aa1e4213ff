"""Points and ratios: exact numbers that are rounded once, where the documents print them.

Every number that decides is a ``Decimal`` or a ``Fraction``; binary floating point takes no part.
Rounding is HALF_UP everywhere (a tie moves away from zero) and happens at a named quantum.

Source: rules.md §2, §2.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NewType

Exact = Decimal | Fraction | int
"""What a decision may be computed from."""

Score = NewType("Score", Decimal)
"""Points, already rounded to the quantum at which they are printed."""

POINTS = Decimal("0.01")
"""Quantum of a factor score, a member mean and a total. Source: rules.md §2.10."""

DEVIATION = Decimal("0.0001")
"""Quantum of a deviation rate, taken of the ratio and not of the percentage. Source: rules.md §2.7, §2.10."""


def exact(value: Exact) -> Fraction:
    """The same number as a fraction. Raises TypeError for a float or a bool, which never decide."""
    if isinstance(value, bool) or not isinstance(value, (Decimal, Fraction, int)):
        raise TypeError(f"an exact number is needed, not {type(value).__name__}")
    return Fraction(value)


def half_up(value: Exact, quantum: Decimal) -> Decimal:
    """``value`` rounded to a multiple of ``quantum``; ties go away from zero.

    Works on the exact value, so no context precision can round twice.

    Raises:
        TypeError: for a float.
        ValueError: for a quantum that is not positive.

    Source: rules.md §2.10.
    """
    if not quantum > 0:
        raise ValueError("a quantum is positive")
    steps = exact(value) / Fraction(quantum)
    whole = (2 * abs(steps.numerator) + steps.denominator) // (2 * steps.denominator)
    rounded = _times(whole, quantum)
    return -rounded if steps < 0 and whole else rounded


def score(value: Exact, quantum: Decimal = POINTS) -> Score:
    """``value`` as points, rounded once to ``quantum`` (0.01 unless the documents print another)."""
    return Score(half_up(value, quantum))


def mean(values: Sequence[Exact]) -> Fraction:
    """The exact arithmetic mean. Raises ValueError when there is nothing to average."""
    if not values:
        raise ValueError("nothing to average")
    return sum((exact(value) for value in values), Fraction(0)) / len(values)


def _times(whole: int, quantum: Decimal) -> Decimal:
    """``whole × quantum`` exactly, whatever precision the thread's decimal context has."""
    sign, digits, exponent = quantum.as_tuple()
    assert sign == 0
    assert isinstance(exponent, int)
    coefficient = whole * int("".join(map(str, digits)))
    return Decimal((0, tuple(map(int, str(coefficient))), exponent))
