"""Abnormally low prices: EX-4, EX-5, exact strictness, and the law's first day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from kernel import rulebook
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.rulebook import RulebookError
from trading.rules.abnormal import abnormal_prices, accepted, answer_due, group_least, require_group

NOW = datetime(2026, 12, 1, 2, tzinfo=UTC)
GP = rulebook.in_force("GP", "CN", NOW)


def yuan(amount: int | str) -> Money:
    return Money.from_yuan(amount)


def fired(
    prices: dict[str, int | str], ceiling: int | str | None, **more: dict[str, Fraction]
) -> dict[str, list[str]]:
    found = abnormal_prices(
        GP,
        {bid: yuan(price) for bid, price in prices.items()},
        ceiling=yuan(ceiling) if ceiling is not None else None,
        **more,
    )
    return {bid: [trigger.rule for trigger in triggers] for bid, triggers in found.items()}


def test_ex_4_c_sets_off_al_2_and_al_3_but_not_al_1() -> None:
    prices = {"A": 1_000_000, "B": 950_000, "C": 420_000, "D": 880_000}

    assert fired(prices, 1_200_000) == {"C": ["AL-2", "AL-3"]}


def test_ex_4_names_the_exact_bounds() -> None:
    found = abnormal_prices(
        GP,
        {"A": yuan(1_000_000), "B": yuan(950_000), "C": yuan(420_000), "D": yuan(880_000)},
        ceiling=yuan(1_200_000),
    )

    assert [(trigger.rule, trigger.bound) for trigger in found["C"]] == [("AL-2", 440_000), ("AL-3", 540_000)]
    assert all(trigger.source == "财库〔2026〕2号" for trigger in found["C"])


def test_ex_5_on_the_boundary_nothing_fires() -> None:
    assert fired({"A": 540_000, "B": 1_000_000, "C": 1_100_000}, 1_200_000) == {}


def test_ex_5_one_fen_below_the_boundary_al_3_fires() -> None:
    assert fired({"A": "539999.99", "B": 1_000_000, "C": 1_100_000}, 1_200_000) == {"A": ["AL-3"]}


@pytest.mark.parametrize(("low", "rules"), [("300.00", []), ("299.99", ["AL-1", "AL-2"])])
def test_al_1_is_strict_and_the_mean_includes_the_price_itself(low: str, rules: list[str]) -> None:
    # With 900 and 600 beside it: mean of 300, 900, 600 is 600, its half 300.
    assert fired({"A": low, "B": 900, "C": 600}, None) == ({"A": rules} if rules else {})


@pytest.mark.parametrize(("low", "rules"), [("50", []), ("49.99", ["AL-2"])])
def test_al_2_compares_the_lowest_with_the_second_lowest_strictly(low: str, rules: list[str]) -> None:
    # The mean stays low enough for AL-1 to sleep.
    assert fired({"A": low, "B": 100, "C": 100, "D": 100}, None).get("A", []) in (rules, [*["AL-1"], *rules])
    assert ("AL-2" in fired({"A": low, "B": 100}, None).get("A", [])) is bool(rules)


def test_two_equal_lowest_prices_do_not_set_off_al_2() -> None:
    assert fired({"A": 10, "B": 10, "C": 100}, None) == {"A": ["AL-1"], "B": ["AL-1"]}


def test_without_a_ceiling_the_budget_counts() -> None:
    found = abnormal_prices(GP, {"A": yuan(44), "B": yuan(60)}, ceiling=None, budget=yuan(100))

    assert [trigger.rule for trigger in found["A"]] == ["AL-3"]


@pytest.mark.parametrize(
    ("ratio", "outcome"), [("0.65", "AL-3"), ("0.45", None), ("0.66", "refused"), ("0.44", "refused")]
)
def test_documents_may_raise_a_ratio_up_to_65_percent(ratio: str, outcome: str | None) -> None:
    printed = {"AL-3": Fraction(ratio)}
    if outcome == "refused":
        with pytest.raises(NotValid, match="abnormal_ratio_out_of_range"):
            fired({"A": 640_000, "B": 1_000_000}, 1_000_000, printed=printed)
    else:
        expected = {"A": [outcome]} if outcome else {}
        assert fired({"A": 640_000, "B": 1_000_000}, 1_000_000, printed=printed) == expected


def test_before_its_first_day_and_in_construction_nothing_fires() -> None:
    prices = {"A": yuan(1), "B": yuan(100)}
    for law in (
        rulebook.in_force("GP", "CN", datetime(2026, 1, 31, 15, 59, tzinfo=UTC)),
        rulebook.in_force("TM", "CN", NOW),
    ):
        assert abnormal_prices(law, prices, ceiling=yuan(100)) == {}
    first_day = rulebook.in_force("GP", "CN", datetime(2026, 1, 31, 16, tzinfo=UTC))
    assert "A" in abnormal_prices(first_day, prices, ceiling=yuan(100))


def test_no_prices_no_triggers() -> None:
    assert abnormal_prices(GP, {}, ceiling=yuan(1)) == {}


def test_the_supplier_has_thirty_minutes_to_explain() -> None:
    assert answer_due(GP, NOW) == NOW + timedelta(minutes=30)
    assert answer_due(GP, NOW, minutes=45) == NOW + timedelta(minutes=45)
    with pytest.raises(NotValid, match="answer_time_too_short"):
        answer_due(GP, NOW, minutes=29)


MEMBERS = ["m1", "m2", "m3", "m4", "m5"]


@pytest.mark.parametrize(("yes", "convinced"), [(3, True), (2, False)])
def test_a_majority_of_all_members_accepts_an_explanation(yes: int, convinced: bool) -> None:
    votes = {member: n < yes for n, member in enumerate(MEMBERS)}

    assert accepted(votes, MEMBERS, explained=True, now=NOW, due_at=NOW) is convinced


def test_half_is_no_majority() -> None:
    votes = {"m1": True, "m2": False}

    assert not accepted(votes, list(votes), explained=True, now=NOW, due_at=NOW)


def test_silence_is_not_convincing_once_the_time_is_over() -> None:
    assert not accepted({}, MEMBERS, explained=False, now=NOW, due_at=NOW)
    with pytest.raises(NotNow, match="answer_not_due"):
        accepted({}, MEMBERS, explained=False, now=NOW - timedelta(seconds=1), due_at=NOW)


def test_votes_come_from_every_member_and_nobody_else() -> None:
    with pytest.raises(NotNow, match="votes_missing"):
        accepted({"m1": True}, MEMBERS, explained=True, now=NOW, due_at=NOW)
    with pytest.raises(NotValid, match="not_a_member"):
        accepted({"x": True}, MEMBERS, explained=True, now=NOW, due_at=NOW)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        (["王", "李"], "review_group_small"),
        (["王", "李", " "], "review_group_unnamed"),
        (["王", "李", "王"], "review_group_twice"),
    ],
)
def test_a_review_group_has_three_members_each_named_once(members: list[str], code: str) -> None:
    require_group(GP, ["王", "李", "赵"])
    with pytest.raises(NotValid, match=code) as no:
        require_group(GP, members)
    assert no.value.source == "政府采购法 第三十八条"


def test_the_least_group_is_the_rulebooks_and_refused_by_it() -> None:
    assert (group_least(GP).id, group_least(GP).count, group_least(GP).blocks) == ("AL-6", 3, True)
    larger = replace(GP, limits={**GP.limits, "abnormal_group_min": replace(group_least(GP), value=5)})

    require_group(larger, MEMBERS[:5])
    with pytest.raises(NotValid, match="review_group_small") as no:
        require_group(larger, MEMBERS[:4])
    assert no.value.details["least"] == 5
    with pytest.raises(RulebookError):
        require_group(rulebook.in_force("SM", "CN", NOW), MEMBERS)


def test_a_trigger_is_told_exactly() -> None:
    found = abnormal_prices(GP, {"A": yuan(100), "B": yuan(400), "C": yuan(500)}, ceiling=None)

    assert [one.to_plain() for one in found["A"]] == [
        {"rule": "AL-1", "price": "100.00", "ratio": "1/2", "bound": "500/3", "source": "财库〔2026〕2号"},
        {"rule": "AL-2", "price": "100.00", "ratio": "1/2", "bound": "200", "source": "财库〔2026〕2号"},
    ]
