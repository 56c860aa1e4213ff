"""Sheets to totals to ranks: EX-13, EX-20, ties and completeness."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from evaluation.rules.ranking import TIES, Entry, Place, Tie, candidates, rank_by_price, rank_by_score
from evaluation.rules.scoring import (
    Aggregation,
    ChangeGround,
    Factor,
    Sheet,
    factor_scores,
    member_score,
    needs_reason,
    replaced_by_others,
    require_change_ground,
    total,
    unequal_objective,
    weighted,
)
from kernel import rulebook
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.score import Score, score

TM = rulebook.in_force("TM", "CN", datetime(2026, 12, 1, tzinfo=UTC))
MEMBERS = ["E1", "E2", "E3", "E4", "E5"]
EX_13 = {"A": (78, 80, 79, 95, 81), "B": (85, 84, 86, 70, 85), "C": (74, 75, 73, 72, 74)}
TECHNICAL = Factor("technical", Decimal(100))


def sheets(points: dict[str, tuple[int, ...]], factor: str = "technical") -> list[Sheet]:
    return [
        Sheet(member, bid, {factor: Decimal(given)})
        for bid, row in points.items()
        for member, given in zip(MEMBERS, row, strict=True)
    ]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Aggregation.MEAN, {"A": "82.60", "B": "82.00", "C": "73.60"}),
        (Aggregation.TRIMMED, {"A": "80.00", "B": "84.67", "C": "73.67"}),
        (Aggregation.TRIMMED_TOTAL, {"A": "80.00", "B": "84.67", "C": "73.67"}),
    ],
)
def test_ex_13_mean_and_trimmed_mean(how: Aggregation, expected: dict[str, str]) -> None:
    found = factor_scores(TM, sheets(EX_13), [TECHNICAL], members=MEMBERS, how=how)

    assert {bid: str(points["technical"]) for bid, points in found.items()} == expected


def test_ex_13_e4_replaced_by_the_mean_of_the_others() -> None:
    levelled = {
        bid: member_score(list(replaced_by_others(dict(zip(MEMBERS, row, strict=True)), "E4").values()))
        for bid, row in EX_13.items()
    }

    assert {bid: str(points) for bid, points in levelled.items()} == {
        "A": "79.50",
        "B": "85.00",
        "C": "74.00",
    }


def test_ex_20_weighted_totals() -> None:
    price = {"B5": "99.05", "B3": "96.90", "B2": "93.90"}
    others = {"B5": ("22.00", "8.00"), "B3": ("26.50", "9.00"), "B2": ("28.00", "9.00")}

    weighted_price = {bid: weighted(Decimal(points), 60) for bid, points in price.items()}
    totals = {
        bid: total([weighted_price[bid], *(score(Decimal(points)) for points in others[bid])])
        for bid in price
    }
    places = rank_by_score([Entry(bid, totals[bid], Money(1)) for bid in price], TIES["TM"])

    assert {bid: str(points) for bid, points in weighted_price.items()} == {
        "B5": "59.43", "B3": "58.14", "B2": "56.34",
    }  # fmt: skip
    assert {bid: str(points) for bid, points in totals.items()} == {
        "B5": "89.43",
        "B3": "93.64",
        "B2": "93.34",
    }
    assert [place.bid for place in places] == ["B3", "B2", "B5"]


def test_trimming_needs_five_members() -> None:
    four = [sheet for sheet in sheets(EX_13) if sheet.member != "E5"]

    factor_scores(TM, four, [TECHNICAL], members=MEMBERS[:4])
    with pytest.raises(NotValid, match="too_few_to_trim"):
        factor_scores(TM, four, [TECHNICAL], members=MEMBERS[:4], how=Aggregation.TRIMMED)


def test_every_member_scores_every_bid_once() -> None:
    complete = sheets(EX_13)

    with pytest.raises(NotNow, match="sheets_missing"):
        factor_scores(TM, complete[:-1], [TECHNICAL], members=MEMBERS)
    with pytest.raises(NotValid, match="sheet_doubled"):
        factor_scores(
            TM, [*complete, Sheet("E1", "A", {"technical": Decimal(1)})], [TECHNICAL], members=MEMBERS
        )


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ({"technical": "100.01"}, "out_of_range"),
        ({"technical": "-0.01"}, "out_of_range"),
        ({"technical": "NaN"}, "out_of_range"),
        ({"technical": "50.001"}, "too_many_decimals"),
        ({}, "sheet_incomplete"),
        ({"technical": "50", "charm": "1"}, "criterion_not_printed"),
    ],
)
def test_a_sheet_outside_the_printed_criteria_is_refused(points: dict[str, str], code: str) -> None:
    sheet = Sheet("E1", "A", {name: Decimal(given) for name, given in points.items()})

    with pytest.raises(NotValid, match=code):
        factor_scores(TM, [sheet], [TECHNICAL], members=["E1"])


@pytest.mark.parametrize("edge", ["0", "100", "99.99"])
def test_points_on_the_edge_of_the_range_are_taken(edge: str) -> None:
    found = factor_scores(TM, [Sheet("E1", "A", {"technical": Decimal(edge)})], [TECHNICAL], members=["E1"])

    assert found["A"]["technical"] == Decimal(edge)


def test_an_objective_factor_is_equal_for_all_members() -> None:
    factor = Factor("licence", Decimal(5), objective=True)
    equal, unequal = sheets({"A": (5, 5, 5, 5, 5)}, "licence"), sheets({"A": (5, 5, 5, 4, 5)}, "licence")

    assert unequal_objective(equal, [factor]) == []
    assert unequal_objective(unequal, [factor]) == [("A", "licence")]
    assert factor_scores(TM, equal, [factor], members=MEMBERS)["A"]["licence"] == 5
    with pytest.raises(NotValid, match="objective_unequal"):
        factor_scores(TM, unequal, [factor], members=MEMBERS)


def test_points_are_rounded_once_per_printed_step() -> None:
    assert member_score([Decimal("82.33"), Decimal("82.34")]) == Decimal("82.34")  # 82.335 goes up
    assert total([score(Decimal("1.005")), score(Decimal("1.005"))]) == Decimal("2.02")


def test_replacing_needs_a_member_and_others() -> None:
    with pytest.raises(NotValid, match="not_a_member"):
        replaced_by_others({"E1": 1, "E2": 2}, "E9")
    with pytest.raises(NotValid, match="nobody_else"):
        replaced_by_others({"E1": 1}, "E1")


@pytest.mark.parametrize(
    ("points", "needed"), [("59.99", True), ("60", False), ("95", False), ("95.01", True), ("80", False)]
)
def test_v_13_extreme_points_need_a_reason(points: str, needed: bool) -> None:
    assert needs_reason(Decimal(points), Decimal(100)) is needed


def test_v_12_a_locked_sheet_opens_on_a_listed_ground_with_a_reason() -> None:
    assert require_change_ground("sum_error", "wrong sum") is ChangeGround.SUM_ERROR
    with pytest.raises(NotValid, match="ground_not_listed"):
        require_change_ground("second_thoughts", "hm")
    with pytest.raises(NotValid, match="reason_missing"):
        require_change_ground("sum_error", " ")


def entry(bid: str, points: str, price: int, technical: str | None = None, drawn: int | None = None) -> Entry:
    return Entry(
        bid,
        score(Decimal(points)),
        Money.from_yuan(price),
        None if technical is None else score(Decimal(technical)),
        drawn,
    )


def ranks(places: list[Place]) -> list[tuple[int, str, bool]]:
    return [(place.rank, place.bid, place.joint) for place in places]


def test_equal_totals_go_to_the_lower_price() -> None:
    places = rank_by_score([entry("A", "90", 11), entry("B", "90", 10), entry("C", "91", 99)], TIES["TM"])

    assert ranks(places) == [(1, "C", False), (2, "B", False), (3, "A", False)]


def test_equals_that_no_rule_divides_stay_joint_and_the_next_rank_skips() -> None:
    places = rank_by_score([entry("B", "90", 10), entry("A", "90", 10), entry("C", "80", 1)], TIES["GP"])

    assert ranks(places) == [(1, "A", True), (1, "B", True), (3, "C", False)]


def test_consultation_ties_go_to_price_then_technical() -> None:
    two = [entry("A", "90", 10, "40"), entry("B", "90", 10, "41")]

    assert ranks(rank_by_score(two, TIES["GP-consultation"])) == [(1, "B", False), (2, "A", False)]
    with pytest.raises(NotValid, match="technical_missing"):
        rank_by_score([entry("A", "90", 10)], TIES["GP-consultation"])


def test_a_draw_decides_only_between_equals() -> None:
    three = [entry("A", "90", 10, drawn=2), entry("B", "90", 10, drawn=1), entry("C", "91", 99, drawn=3)]

    assert [place.bid for place in rank_by_score(three, (Tie.LOWER_PRICE, Tie.DRAW))] == ["C", "B", "A"]


def test_hidden_digits_never_decide() -> None:
    with pytest.raises(NotValid, match="total_not_rounded"):
        rank_by_score([Entry("A", Score(Decimal("90.001")), Money(1))], TIES["TM"])


def test_a_bid_is_ranked_once() -> None:
    with pytest.raises(NotValid, match="bid_doubled"):
        rank_by_score([entry("A", "90", 1), entry("A", "80", 1)], TIES["TM"])


def test_a_sale_ranks_the_highest_price_first_and_a_draw_divides_equals() -> None:
    prices = {"A": 5, "B": 7, "C": 5}

    assert ranks(rank_by_price(prices, descending=True)) == [(1, "B", False), (2, "A", True), (2, "C", True)]
    assert [place.bid for place in rank_by_price(prices, drawn={"C": 1, "A": 2})] == ["C", "A", "B"]


def test_at_most_three_candidates_and_no_part_of_a_tie() -> None:
    four = rank_by_price({"A": 1, "B": 2, "C": 3, "D": 4})
    tied = rank_by_price({"A": 1, "B": 2, "C": 3, "D": 3})

    assert [place.bid for place in candidates(four, 3)] == ["A", "B", "C"]
    with pytest.raises(NotValid, match="tie_undecided"):
        candidates(tied, 3)
