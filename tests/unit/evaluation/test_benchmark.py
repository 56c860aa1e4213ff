"""Benchmarks and deviation scores: EX-7 to EX-12."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from evaluation.rules.benchmark import (
    BM6_MANY,
    TRIM_TABLES,
    FreezeAt,
    Trim,
    abc,
    band_of,
    bm1,
    bm2,
    bm3,
    bm4,
    bm5,
    bm6,
    bm6_methods,
    bm7,
    bm8,
    deviation,
    deviation_score,
    require_printed,
    steps,
    trimmed,
    valid_prices,
)
from kernel.errors import NotValid
from kernel.money import Money

MILLION = 1_000_000
EX_7 = {
    "B1": Money.from_yuan(62_500_000),
    "B2": Money.from_yuan(61_800_000),
    "B3": Money.from_yuan(60_900_000),
    "B4": Money.from_yuan(63_700_000),
    "B5": Money.from_yuan(59_400_000),
    "B6": Money.from_yuan(62_100_000),
    "B7": Money.from_yuan(66_500_000),
}
CEILING = Money.from_yuan(66_000_000)


def ex_7_valid() -> dict[str, Decimal]:
    return {bid: price.yuan for bid, price in valid_prices(EX_7, ceiling=CEILING).items()}


def test_ex_7_a_price_above_the_ceiling_is_not_in_the_valid_set_and_an_equal_one_is() -> None:
    assert sorted(ex_7_valid()) == ["B1", "B2", "B3", "B4", "B5", "B6"]
    assert "B7" in valid_prices(EX_7, ceiling=EX_7["B7"])


def test_ex_7_trimmed_mean_times_k_and_the_scores() -> None:
    valid = ex_7_valid()

    benchmark = bm2(list(valid.values()), table=TRIM_TABLES["4-both"], k=Decimal("0.97"))
    rates = {bid: deviation(price, benchmark) for bid, price in valid.items()}
    points = {bid: deviation_score(rate, full=100, above=2, below=1) for bid, rate in rates.items()}

    assert benchmark == Decimal("59970250.00")
    assert [str(rates[bid]) for bid in sorted(valid)] == [
        "0.0422", "0.0305", "0.0155", "0.0622", "-0.0095", "0.0355",
    ]  # fmt: skip
    assert [str(points[bid]) for bid in sorted(valid)] == [
        "91.56", "93.90", "96.90", "87.56", "99.05", "92.90",
    ]  # fmt: skip


def test_ex_7_dropping_only_the_highest_gives_another_benchmark() -> None:
    benchmark = bm2(list(ex_7_valid().values()), table=TRIM_TABLES["4-high-7-both"], k=Decimal("0.97"))

    assert benchmark == Decimal("59499800.00")


EX_8 = [9_600_000, 9_350_000, 9_100_000, 8_800_000, 8_550_000, 8_300_000, 7_000_000]


def test_ex_8_abc_composition() -> None:
    parts = abc(EX_8, ceiling=10 * MILLION, delta=Decimal("0.08"))

    assert (parts.a, parts.lower_limit, parts.c) == (9_200_000, Decimal("6802500.00"), 7_000_000)
    assert parts.draw_from == (8_300_000, 8_550_000)
    assert bm4(parts, drawn=8_550_000, k=Decimal("0.96")) == Decimal("8222400.00")


def test_ex_8_b_comes_from_the_draw_set_only() -> None:
    parts = abc(EX_8, ceiling=10 * MILLION, delta=Decimal("0.08"))

    with pytest.raises(NotValid, match="drawn_price_not_in_set"):
        bm4(parts, drawn=8_800_000, k=Decimal("0.96"))


def test_abc_without_a_price_between_draws_from_the_rest_above_the_limit() -> None:
    parts = abc([9_500_000, 9_400_000, 9_300_000], ceiling=10 * MILLION, delta=Decimal("0.12"))

    assert parts.c == 9_300_000
    assert parts.draw_from == (9_400_000, 9_500_000)


def test_abc_needs_a_second_price() -> None:
    with pytest.raises(NotValid, match="nothing_to_draw"):
        abc([9_500_000], ceiling=10 * MILLION, delta=Decimal("0.08"))


def test_ex_9_ceiling_and_mean_mixed() -> None:
    prices = [7_600_000, 7_450_000, 7_300_000, 7_200_000, 7_700_000]

    benchmark = bm5(prices, ceiling=8 * MILLION, delta=Decimal("0.02"))

    assert benchmark == Decimal("7624400.00")
    assert [str(deviation(price, benchmark)) for price in prices] == [
        "-0.0032", "-0.0229", "-0.0425", "-0.0557", "0.0099",
    ]  # fmt: skip


EX_10 = [48_200_000, 47_600_000, 46_900_000, 47_300_000, 48_000_000]


@pytest.mark.parametrize(
    ("delta", "benchmark"),
    [("0.02", 46_648_000), ("0.035", 45_934_000), ("0.05", 45_220_000), ("0.01", None), ("0.051", None)],
)
def test_ex_10_only_a_delta_legal_in_its_band_is_taken(delta: str, benchmark: int | None) -> None:
    if benchmark is None:
        with pytest.raises(NotValid, match="delta_out_of_band"):
            bm6(EX_10, ceiling=50 * MILLION, delta=Decimal(delta))
    else:
        assert bm6(EX_10, ceiling=50 * MILLION, delta=Decimal(delta)) == benchmark


@pytest.mark.parametrize(
    ("price", "band"),
    [(47_500_000, 0), (47_499_999, 1), (45_000_001, 1), (45_000_000, 2), (1, 2)],
)
def test_ex_10_band_edges_belong_where_the_rule_says(price: int, band: int) -> None:
    assert band_of(price, ceiling=50 * MILLION) == band


def test_bm_6_with_many_bids_draws_a_band_that_holds_one() -> None:
    prices = [48_000_000] * 10 + [46_000_000] * (BM6_MANY - 10)

    assert bm6_methods(prices, ceiling=50 * MILLION) == (0, 1)
    assert bm6(prices, ceiling=50 * MILLION, delta=Decimal("0.01"), method=1) == 45_540_000
    with pytest.raises(NotValid, match="method_not_drawn"):
        bm6(prices, ceiling=50 * MILLION, delta=Decimal("0.01"))
    with pytest.raises(NotValid, match="method_without_price"):
        bm6(prices, ceiling=50 * MILLION, delta=Decimal("-0.01"), method=2)


def test_ex_11_second_mean_and_its_variant() -> None:
    prices = [980, 960, 955, 940, 900]

    assert bm7(prices) == Decimal("920.00")
    assert bm7(prices, with_lowest=True) == Decimal("923.50")


def test_ex_12_mean_and_ceiling_weighted() -> None:
    shares = {"k1": Decimal("0.97"), "q1": Decimal("0.65"), "k2": Decimal("0.90"), "q2": Decimal("0.35")}

    assert bm3(9 * MILLION, 10 * MILLION, **shares) == Decimal("8824500.00")
    with pytest.raises(NotValid, match="shares_not_one"):
        bm3(9 * MILLION, 10 * MILLION, **{**shares, "q2": Decimal("0.36")})


def test_bm_1_mean_less_delta() -> None:
    assert bm1([100, 200], delta=Decimal("0.02")) == Decimal("147.00")


def test_bm_8_nine_drawn_one_high_and_one_low_dropped() -> None:
    nine = [1, 10, 10, 10, 10, 10, 10, 10, 1000]

    assert bm8(nine, in_range=20) == Decimal("10.00")
    assert bm8([1, 10, 1000], in_range=3) == Decimal("10.00")
    with pytest.raises(NotValid, match="wrong_draw_size"):
        bm8(nine[:8], in_range=20)
    with pytest.raises(NotValid, match="trim_leaves_nothing"):
        bm8([1, 2], in_range=2)


@pytest.mark.parametrize(
    ("table", "count", "left"),
    [
        ("4-high-7-both", 3, 3),
        ("4-high-7-both", 4, 3),
        ("4-high-7-both", 6, 5),
        ("4-high-7-both", 7, 5),
        ("5-one-10-two", 4, 4),
        ("5-one-10-two", 5, 3),
        ("5-one-10-two", 9, 7),
        ("5-one-10-two", 10, 6),
        ("none", 30, 30),
    ],
)
def test_trim_tables_switch_at_their_counts(table: str, count: int, left: int) -> None:
    assert len(trimmed(list(range(count)), TRIM_TABLES[table])) == left


def test_trimming_drops_from_the_right_ends() -> None:
    assert trimmed([5, 1, 3, 2, 4], (Trim(4, 2, 1),)) == [2, 3]


def test_the_valid_set_is_frozen_at_the_opening_unless_printed_otherwise() -> None:
    at_opening = valid_prices(EX_7, ceiling=CEILING, rejected_in_review=["B1"])
    after_review = valid_prices(
        EX_7, ceiling=CEILING, rejected_in_review=["B1"], freeze_at=FreezeAt.PRELIM_REVIEW
    )

    assert "B1" in at_opening
    assert "B1" not in after_review
    assert "B2" not in valid_prices(EX_7, ceiling=CEILING, rejected_at_opening=["B2"])


def test_nothing_valid_gives_no_benchmark() -> None:
    with pytest.raises(NotValid, match="no_valid_price"):
        bm1([], delta=0)


def test_drawn_coefficients_come_from_the_printed_list() -> None:
    printed = steps("0.95", "0.98", "0.005")

    assert len(printed) == 7
    assert require_printed(Decimal("0.970"), printed) == Fraction(97, 100)
    with pytest.raises(NotValid, match="parameter_not_printed"):
        require_printed(Decimal("0.971"), printed)
    with pytest.raises(ValueError, match="rises"):
        steps("0.98", "0.95", "0.005")


def test_a_price_on_the_benchmark_has_full_points_and_none_has_less_than_zero() -> None:
    assert deviation_score(Decimal("0.0000"), full=100, above=2, below=1) == 100
    assert deviation_score(Decimal("0.5001"), full=100, above=2, below=1) == 0
    assert deviation_score(Decimal("-0.9999"), full=60, above=2, below=1) == 0
    with pytest.raises(NotValid, match="e1_not_above_e2"):
        deviation_score(Decimal("0.01"), full=100, above=1, below=1)
    with pytest.raises(ValueError, match="positive"):
        deviation(1, 0)
