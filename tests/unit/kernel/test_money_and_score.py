"""Money in fen, Chinese capitals, and points rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from kernel.money import Money
from kernel.score import DEVIATION, POINTS, exact, half_up, mean, score


@pytest.mark.parametrize(
    ("yuan", "words"),
    [
        ("0", "零元整"),
        ("0.01", "壹分"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("0.55", "伍角伍分"),
        ("1", "壹元整"),
        ("1.05", "壹元零伍分"),
        ("1.50", "壹元伍角整"),
        ("10", "壹拾元整"),
        ("15", "壹拾伍元整"),
        ("101", "壹佰零壹元整"),
        ("110", "壹佰壹拾元整"),
        ("1001", "壹仟零壹元整"),
        ("1010", "壹仟零壹拾元整"),
        ("10050", "壹万零伍拾元整"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("1000.01", "壹仟元零壹分"),
        ("20000.30", "贰万元叁角整"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("100010001", "壹亿零壹万零壹元整"),
        ("100000001", "壹亿零壹元整"),
        ("110000000", "壹亿壹仟万元整"),
        ("1234567890.12", "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分"),
        ("1000010000", "壹拾亿零壹万元整"),
        ("1000000000000", "壹万亿元整"),
        ("1234500000000", "壹万贰仟叁佰肆拾伍亿元整"),
        ("-3.40", "负叁元肆角整"),
    ],
)
def test_capitals_follow_the_rules_of_negotiable_instruments(yuan: str, words: str) -> None:
    assert Money.from_yuan(yuan).capitals() == words


def test_capitals_are_written_for_yuan_only() -> None:
    with pytest.raises(ValueError, match="CNY"):
        Money(100, "JPY").capitals()


@pytest.mark.parametrize("yuan", ["1250", "1250.0", "1250.00", "1250.000", Decimal("1.25E+3"), 1250])
def test_money_is_read_from_yuan_exactly(yuan: Decimal | str | int) -> None:
    assert Money.from_yuan(yuan) == Money(minor=1_250_00)


@pytest.mark.parametrize("yuan", ["0.001", "1250.005", "abc", "", "NaN", "Infinity", Decimal("0.011")])
def test_what_is_no_amount_in_fen_is_refused(yuan: Decimal | str) -> None:
    with pytest.raises(ValueError):
        Money.from_yuan(yuan)


def test_floats_take_no_part() -> None:
    with pytest.raises(TypeError):
        Money.from_yuan(12.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(12.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(100) * 1.5  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(100).times(0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        half_up(0.5, POINTS)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        exact(True)


def test_a_flag_is_no_amount() -> None:
    with pytest.raises(TypeError):
        Money(True)
    with pytest.raises(TypeError):
        Money.from_yuan(True)


def test_money_adds_subtracts_and_compares() -> None:
    two, three = Money.from_yuan(2), Money.from_yuan(3)

    assert two + three == Money(5_00)
    assert two - three == -Money(1_00)
    assert 3 * two == Money(6_00)
    assert two / three == Fraction(2, 3)
    assert two < three <= three
    assert three > two >= two
    assert not Money(0)
    assert sorted([three, two]) == [two, three]
    assert Money(-5).yuan == Decimal("-0.05")
    assert str(Money(1_250_00).yuan) == "1250.00"


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Money(1) + Money(1, "USD")
    with pytest.raises(ValueError, match="do not mix"):
        assert Money(1) < Money(1, "USD")
    assert Money(1) != Money(1, "USD")
    with pytest.raises(ValueError, match="currency code"):
        Money(1, "cny")


def test_money_meets_only_money() -> None:
    with pytest.raises(TypeError):
        Money(1) + 1  # type: ignore[operator]


def test_a_ratio_of_money_is_rounded_once_half_up() -> None:
    assert Money(1_00).times(Decimal("0.125")) == Money(13)
    assert Money(1_00).times(Fraction(1, 3)) == Money(33)
    assert Money.from_yuan(50_000_000).times(Decimal("0.952"), quantum=Decimal(1)) == Money(47_600_000_00)
    assert Money.from_yuan("12345.67").times(1, quantum=Decimal("1E+4")) == Money.from_yuan(10_000)


@pytest.mark.parametrize(
    ("value", "quantum", "expected"),
    [
        (Decimal("0.005"), POINTS, "0.01"),
        (Decimal("0.0049999"), POINTS, "0.00"),
        (Decimal("-0.005"), POINTS, "-0.01"),
        (Decimal("-0.004"), POINTS, "0.00"),
        (Fraction(2, 3), POINTS, "0.67"),
        (Fraction(1, 3), DEVIATION, "0.3333"),
        (Decimal("2.5"), Decimal(1), "3"),
        (Decimal("25"), Decimal("1E+1"), "3E+1"),
        (Decimal("0.3"), Decimal("0.25"), "0.25"),
        (7, POINTS, "7.00"),
    ],
)
def test_ties_go_away_from_zero_and_the_quantum_shows(
    value: Decimal | Fraction | int, quantum: Decimal, expected: str
) -> None:
    assert str(half_up(value, quantum)) == expected


def test_a_quantum_is_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        half_up(1, Decimal(0))


def test_a_score_is_rounded_to_printed_points() -> None:
    assert score(Fraction(9186, 100)) == Decimal("91.86")
    assert score(Decimal("28.255"), Decimal("0.1")) == Decimal("28.3")


def test_a_mean_is_exact_and_of_something() -> None:
    assert mean([Decimal("0.1"), Decimal("0.2"), 0]) == Fraction(1, 10)
    with pytest.raises(ValueError, match="nothing"):
        mean([])
