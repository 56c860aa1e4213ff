"""Prices: policy deductions, price scores, corrections, evaluated lowest (EX-1, EX-2, EX-3, EX-6)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from evaluation.rules import prices as rules
from evaluation.rules.prices import (
    CorrectionStep,
    Line,
    Policy,
    Quoted,
    correct,
    evaluated_price,
    evaluation_price,
    lowest_evaluated,
    monetised,
    price_scores,
    with_deviations,
)
from evaluation.rules.ranking import TIES, Entry, rank_by_price, rank_by_score
from evaluation.rules.scoring import member_score, total
from kernel import rulebook
from kernel.errors import NotValid
from kernel.money import Money
from kernel.score import score

GP = rulebook.in_force("GP", "CN", datetime(2026, 12, 1, tzinfo=UTC))
SMALL, DOMESTIC = Fraction(1, 10), Fraction(2, 10)


def yuan(amount: int | str) -> Money:
    return Money.from_yuan(amount)


def test_ex_1_comprehensive_scoring_with_a_small_enterprise() -> None:
    raw = {"A": yuan(900_000), "B": yuan(860_000), "C": yuan(950_000)}
    evaluated = {bid: evaluated_price(price, [SMALL] if bid == "A" else []) for bid, price in raw.items()}
    technical = {"A": (42, 40, 44, 41, 43), "B": (46, 45, 44, 47, 46), "C": (48, 47, 49, 46, 48)}
    business = {"A": 15, "B": 18, "C": 16}

    points = price_scores(evaluated, 30)
    means = {bid: member_score(given) for bid, given in technical.items()}
    totals = {bid: total([points[bid], means[bid], score(business[bid])]) for bid in raw}
    places = rank_by_score([Entry(bid, totals[bid], raw[bid]) for bid in raw], TIES["GP"])

    assert evaluated["A"] == 810_000
    assert [str(points[bid]) for bid in "ABC"] == ["30.00", "28.26", "25.58"]
    assert [str(means[bid]) for bid in "ABC"] == ["42.00", "45.60", "47.60"]
    assert [str(totals[bid]) for bid in "ABC"] == ["87.00", "91.86", "89.18"]
    assert [(place.rank, place.bid) for place in places] == [(1, "B"), (2, "C"), (3, "A")]


EX_2 = {
    "A": evaluated_price(yuan(1_000_000), [DOMESTIC, SMALL]),
    "B": evaluated_price(yuan(800_000), []),
    "C": evaluated_price(yuan(840_000), [DOMESTIC]),
    "D": evaluated_price(yuan(760_000), [SMALL]),
}


def test_ex_2_deductions_are_each_computed_on_the_original_price() -> None:
    assert EX_2 == {"A": 700_000, "B": 800_000, "C": 672_000, "D": 684_000}
    assert {bid: str(points) for bid, points in price_scores(EX_2, 30).items()} == {
        "A": "28.80",
        "B": "25.20",
        "C": "30.00",
        "D": "29.47",
    }


def test_ex_2_multiplying_the_factors_is_the_trap_it_says() -> None:
    assert EX_2["A"] != 1_000_000 * (1 - DOMESTIC) * (1 - SMALL) == 720_000


def test_ex_2_the_lowest_evaluated_price_wins_and_the_contract_is_at_the_raw_one() -> None:
    assert lowest_evaluated(EX_2) == [(1, ["C"]), (2, ["D"]), (3, ["A"]), (4, ["B"])]
    assert [place.bid for place in rank_by_price(EX_2)] == ["C", "D", "A", "B"]


def test_equal_evaluated_prices_share_a_rank() -> None:
    assert lowest_evaluated({"A": 5, "B": 4, "C": 4, "D": 6}) == [(1, ["B", "C"]), (3, ["A"]), (4, ["D"])]


def test_no_price_is_dropped_however_low() -> None:
    assert price_scores({"A": 1, "B": 100, "C": 100}, 30) == {
        "A": Decimal("30.00"),
        "B": Decimal("0.30"),
        "C": Decimal("0.30"),
    }
    assert price_scores({}, 30) == {}


@pytest.mark.parametrize("rates", [[Fraction(1)], [Fraction(1, 2), Fraction(1, 2)], [Fraction(-1, 10)]])
def test_deductions_leave_something_and_take_something(rates: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="deductions"):
        evaluated_price(yuan(1), rates)


def test_an_evaluated_price_of_nothing_is_a_bug() -> None:
    with pytest.raises(ValueError, match="positive"):
        price_scores({"A": 0}, 30)


@pytest.mark.parametrize(
    ("policy", "category", "rate", "outcome"),
    [
        (Policy.SMALL, "goods", "0.10", "ok"),
        (Policy.SMALL, "goods", "0.20", "ok"),
        (Policy.SMALL, "goods", "0.09", "refused"),
        (Policy.SMALL, "services", "0.21", "refused"),
        (Policy.SMALL, "works", "0.03", "ok"),
        (Policy.SMALL, "works", "0.06", "cautioned"),
        (Policy.CONSORTIUM, "goods", "0.04", "ok"),
        (Policy.CONSORTIUM, "goods", "0.07", "refused"),
        (Policy.CONSORTIUM, "works", "0.03", "cautioned"),
        (Policy.DOMESTIC, "goods", "0.20", "ok"),
        (Policy.DOMESTIC, "goods", "0.19", "refused"),
    ],
)
def test_printed_rates_stay_inside_the_laws_ranges(
    policy: Policy, category: str, rate: str, outcome: str
) -> None:
    if outcome == "refused":
        with pytest.raises(NotValid) as refused:
            rules.require_lawful_rates(GP, {policy: Fraction(rate)}, category=category)
        assert refused.value.code == "rate_out_of_range"
    else:
        cautions = rules.require_lawful_rates(GP, {policy: Fraction(rate)}, category=category)
        assert len(cautions) == (outcome == "cautioned")


def test_a_project_reserved_for_small_enterprises_deducts_nothing_for_them() -> None:
    with pytest.raises(NotValid, match="no_deduction_when_reserved"):
        rules.require_lawful_rates(GP, {Policy.SMALL: SMALL}, category="goods", reserved_for_small=True)
    assert (
        rules.require_lawful_rates(GP, {Policy.DOMESTIC: DOMESTIC}, category="goods", reserved_for_small=True)
        == ()
    )


def test_a_domestic_deduction_needs_its_law_in_force() -> None:
    before = rulebook.in_force("GP", "CN", datetime(2025, 12, 31, tzinfo=UTC))

    with pytest.raises(NotValid, match="rate_not_in_force"):
        rules.require_lawful_rates(before, {Policy.DOMESTIC: DOMESTIC}, category="goods")


def test_ex_3_words_prevail_then_unit_prices_and_the_price_read_out_stays() -> None:
    quoted = Quoted(
        form_words=yuan(1_280_000),
        form_figures=yuan(1_208_000),
        lines=[
            Line(yuan(1_000_000), yuan(10_000), Fraction(100)),
            Line(yuan(280_000), yuan(2_950), Fraction(100)),
        ],
    )

    found = correct(quoted)

    assert (found.read_out, found.corrected) == (yuan(1_280_000), yuan(1_295_000))
    assert found.steps == (CorrectionStep.WORDS, CorrectionStep.UNIT_PRICE)
    assert found.needs_confirmation
    assert evaluation_price(found, confirmed=True) == yuan(1_295_000)


@pytest.mark.parametrize("answer", [False, None])
def test_ex_3_a_correction_that_is_not_confirmed_rejects_the_bid(answer: bool | None) -> None:
    found = correct(Quoted(yuan(10), yuan(10), lines=[Line(yuan(10), yuan(12), Fraction(1))]))

    with pytest.raises(NotValid) as refused:
        evaluation_price(found, confirmed=answer)

    assert refused.value.details["ground"] == "RJ-10"


def test_the_opening_form_prevails_over_other_parts() -> None:
    found = correct(Quoted(None, yuan(100), other=yuan(110)))

    assert (found.read_out, found.corrected, found.steps) == (yuan(100), yuan(100), (CorrectionStep.FORM,))
    assert evaluation_price(found, confirmed=None) == yuan(100)


def test_an_obvious_slip_in_a_unit_price_leaves_the_total() -> None:
    found = correct(
        Quoted(yuan(1_000), yuan(1_000), lines=[Line(yuan(1_000), yuan(1), Fraction(100), slip=True)])
    )

    assert (found.corrected, found.steps) == (yuan(1_000), (CorrectionStep.SLIP,))
    assert not found.needs_confirmation


def test_a_price_stated_only_elsewhere_counts_and_none_at_all_is_refused() -> None:
    assert correct(Quoted(None, None, other=yuan(7))).read_out == yuan(7)
    with pytest.raises(NotValid, match="price_missing"):
        correct(Quoted(None, None))


def test_ex_6_the_lowest_evaluated_price_counts_only_printed_deviations() -> None:
    printed = frozenset({"period", "missing"})
    late, none = yuan(100_000), yuan(0)

    evaluated = {
        "A": with_deviations(yuan(9_800_000), [monetised("period", 14 - 14, late)], printed),
        "B": with_deviations(yuan(9_650_000), [monetised("period", 16 - 14, late)], printed),
        "C": with_deviations(
            yuan(9_500_000), [monetised("period", 1, late), monetised("missing", 1, yuan(120_000))], printed
        ),
    }

    assert evaluated == {"A": yuan(9_800_000), "B": yuan(9_850_000), "C": yuan(9_720_000)}
    ranked = rank_by_price({bid: price.exact for bid, price in evaluated.items()})
    assert [(place.bid, place.rank) for place in ranked] == [("C", 1), ("A", 2), ("B", 3)]
    assert monetised("period", -1, late).amount == none  # early is worth nothing
    with pytest.raises(NotValid, match="criterion_not_printed"):
        with_deviations(yuan(1), [monetised("charm", 1, late)], printed)
