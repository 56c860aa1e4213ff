"""Awards computed again: the worked examples of the rules, and inputs that determine nothing."""

from fractions import Fraction
from typing import Any

import pytest

from sealbid.benchmarks import benchmark
from sealbid.errors import SealError
from sealbid.exact import exact, half_up
from sealbid.recompute import deducted, member_mean, price_scores, recompute

EX7 = ["62500000", "61800000", "60900000", "63700000", "59400000", "62100000"]
TRIM = [{"from": 4, "high": 1, "low": 1}]


def factor(code: str, most: str, given: dict[str, list[str]], **more: str) -> dict[str, Any]:
    scores = [
        {"bid": bid, "member": f"E{i}", "score": score}
        for bid, row in given.items()
        for i, score in enumerate(row, start=1)
    ]
    return {"code": code, "max": most, "scores": scores, **more}


def ex1() -> dict[str, Any]:
    return {
        "method": "comprehensive",
        "price": {"formula": "ratio", "weight": "0.30"},
        "bids": [
            {"bid": "A", "price": "900000.00", "deductions": ["0.10"]},
            {"bid": "B", "price": "860000.00"},
            {"bid": "C", "price": "950000.00"},
        ],
        "factors": [
            factor(
                "technical",
                "50",
                {
                    "A": ["42", "40", "44", "41", "43"],
                    "B": ["46", "45", "44", "47", "46"],
                    "C": ["48", "47", "49", "46", "48"],
                },
            ),
            factor("business", "20", {"A": ["15"], "B": ["18"], "C": ["16"]}),
        ],
    }


def test_ex_1_the_comprehensive_score_of_government_procurement() -> None:
    results = recompute(ex1())["results"]

    assert [(r["bid"], r["price_score"], r["total"], r["rank"]) for r in results] == [
        ("B", "28.26", "91.86", 1),
        ("C", "25.58", "89.18", 2),
        ("A", "30.00", "87.00", 3),
    ]


def ex2() -> list[dict[str, Any]]:
    return [
        {"bid": "A", "price": "1000000", "deductions": ["0.20", "0.10"]},
        {"bid": "B", "price": "800000"},
        {"bid": "C", "price": "840000", "deductions": ["0.20"]},
        {"bid": "D", "price": "760000", "deductions": ["0.10"]},
    ]


def test_ex_2_deductions_are_added_and_never_multiplied() -> None:
    scores, _ = price_scores({"formula": "ratio", "weight": "0.30"}, ex2())

    assert deducted(ex2()[0]) == 700_000
    assert {k: str(v) for k, v in scores.items()} == {"A": "28.80", "B": "25.20", "C": "30.00", "D": "29.47"}


def test_ex_2_ranked_by_the_lowest_evaluated_price() -> None:
    results = recompute({"method": "lowest_price", "bids": ex2()})["results"]

    assert [r["bid"] for r in results] == ["C", "D", "A", "B"]
    assert results[0]["price"] == "840000"


def test_ex_6_monetised_deviations_change_the_order() -> None:
    bids = [
        {"bid": "A", "price": "9800000"},
        {"bid": "B", "price": "9650000", "adjustments": ["200000"]},
        {"bid": "C", "price": "9500000", "adjustments": ["100000", "120000"]},
    ]

    results = recompute({"method": "evaluated_lowest", "bids": bids})["results"]

    assert [(r["bid"], r["evaluated"]) for r in results] == [
        ("C", "9720000.00"),
        ("A", "9800000.00"),
        ("B", "9850000.00"),
    ]


def test_ex_7_a_trimmed_mean_and_its_deviation_scores() -> None:
    price = {
        "formula": "deviation",
        "full": "100",
        "e1": "2",
        "e2": "1",
        "prices": EX7,
        "benchmark": {"id": "BM-2", "trim": TRIM, "k": "0.97", "ceiling": "66000000"},
    }
    bids = [{"bid": f"B{i}", "price": p} for i, p in enumerate(EX7, start=1)]

    scores, base = price_scores(price, bids)

    assert base == 59_970_250
    assert [str(s) for s in scores.values()] == ["91.56", "93.90", "96.90", "87.56", "99.05", "92.90"]


@pytest.mark.parametrize(
    ("params", "prices", "expected"),
    [
        ({"id": "BM-2", "trim": [{"from": 4, "high": 1, "low": 0}], "k": "0.97"}, EX7, "59499800"),
        ({"id": "BM-3", "k1": "0.97", "q1": "0.65", "ceiling": "10000000", "k2": "0.90", "q2": "0.35"},
         ["9000000"], "8824500"),
        ({"id": "BM-4", "ceiling": "10000000", "delta": "0.08", "k": "0.96", "b": "8550000"},
         ["9600000", "9350000", "9100000", "8800000", "8550000", "8300000", "7000000"], "8222400"),
        ({"id": "BM-5", "ceiling": "8000000", "delta": "0.02"},
         ["7600000", "7450000", "7300000", "7200000", "7700000"], "7624400"),
        ({"id": "BM-6", "ceiling": "50000000", "delta": "0.02"},
         ["48200000", "47600000", "46900000", "47300000", "48000000"], "46648000"),
        ({"id": "BM-6", "ceiling": "50000000", "delta": "0.035"},
         ["48200000", "47600000", "46900000", "47300000", "48000000"], "45934000"),
        ({"id": "BM-7"}, ["980", "960", "955", "940", "900"], "920"),
        ({"id": "BM-7", "variant": "with_lowest"}, ["980", "960", "955", "940", "900"], "923.5"),
        ({"id": "BM-1", "delta": "0.02"}, ["100", "200"], "147"),
        ({"id": "BM-8"}, ["1", "5", "6", "100"], "5.5"),
        ({"id": "BM-9"}, ["3", "2", "4"], "2"),
    ],
)  # fmt: skip
def test_benchmarks_of_the_worked_examples(params: dict[str, Any], prices: list[str], expected: str) -> None:
    assert benchmark(params, prices) == exact(expected)


@pytest.mark.parametrize(
    ("params", "prices"),
    [
        ({"id": "BM-6", "ceiling": "50000000", "delta": "0.01"}, ["47600000"] * 5),
        ({"id": "BM-4", "ceiling": "10000000", "delta": "0.08", "k": "0.96", "b": "9600000"},
         ["9600000", "8550000", "8300000", "7000000"]),
        ({"id": "BM-3", "k1": "1", "q1": "0.5", "ceiling": "9", "k2": "1", "q2": "0.6"}, ["9"]),
        ({"id": "BM-5", "ceiling": "5", "delta": "0"}, ["6"]),
        ({"id": "BM-1"}, ["6"]),
        ({"id": "BM-10"}, ["6"]),
    ],
)  # fmt: skip
def test_a_benchmark_outside_its_rules_is_refused(params: dict[str, Any], prices: list[str]) -> None:
    with pytest.raises(SealError, match="award_inputs"):
        benchmark(params, prices)


def test_ex_13_trimming_takes_the_outlier_out() -> None:
    a, b = ["78", "80", "79", "95", "81"], ["85", "84", "86", "70", "85"]

    assert [str(member_mean(x, "mean")) for x in (a, b)] == ["82.60", "82.00"]
    assert [str(member_mean(x, "trimmed")) for x in (a, b)] == ["80.00", "84.67"]


def test_ex_20_weighted_factors() -> None:
    lot = {
        "method": "comprehensive",
        "price": {
            "formula": "deviation", "full": "100", "e1": "2", "e2": "1", "prices": EX7,
            "factor_weight": "0.6",
            "benchmark": {"id": "BM-2", "trim": TRIM, "k": "0.97"},
        },
        "bids": [
            {"bid": "B5", "price": "59400000"},
            {"bid": "B3", "price": "60900000"},
            {"bid": "B2", "price": "61800000"},
        ],
        "factors": [
            factor("technical", "30", {"B5": ["22.00"], "B3": ["26.50"], "B2": ["28.00"]}),
            factor("credit", "10", {"B5": ["8.00"], "B3": ["9.00"], "B2": ["9.00"]}),
        ],
    }  # fmt: skip

    results = recompute(lot)["results"]

    assert [(r["bid"], r["total"]) for r in results] == [("B3", "93.64"), ("B2", "93.34"), ("B5", "89.43")]


def test_equal_totals_go_to_the_lower_price_and_equal_prices_share_the_rank() -> None:
    lot = ex1()
    lot["price"] = {
        "formula": "deviation", "full": "0", "e1": "2", "e2": "1", "prices": ["900000"],
        "benchmark": {"id": "BM-9"},
    }  # fmt: skip
    lot["factors"] = [factor("technical", "50", {"A": ["40"], "B": ["40"], "C": ["40"]})]
    assert [(r["bid"], r["rank"]) for r in recompute(lot)["results"]] == [("B", 1), ("A", 2), ("C", 3)]

    lot["bids"][0]["price"] = "860000.00"

    assert [(r["bid"], r["rank"]) for r in recompute(lot)["results"]] == [("A", 1), ("B", 1), ("C", 3)]


def test_a_missing_or_doubled_score_is_refused() -> None:
    lot = ex1()
    lot["factors"][0]["scores"].pop()
    with pytest.raises(SealError, match="every member"):
        recompute(lot)

    lot = ex1()
    lot["factors"][0]["scores"].append(dict(lot["factors"][0]["scores"][0]))
    with pytest.raises(SealError, match="every member"):
        recompute(lot)


def test_a_score_above_its_maximum_is_refused() -> None:
    lot = ex1()
    lot["factors"][0]["scores"][0]["score"] = "50.01"

    with pytest.raises(SealError, match="out of range"):
        recompute(lot)


def test_rounding_is_half_away_from_zero() -> None:
    assert [str(half_up(Fraction(x), 2)) for x in ("1.005", "1.0049", "-1.005", "0")] == [
        "1.01", "1.00", "-1.01", "0.00",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["1e3", "NaN", " 1", "1.", ".5", "+1", 1, None, "١"])
def test_only_plain_decimals_are_numbers(text: object) -> None:
    with pytest.raises(SealError):
        exact(text)
