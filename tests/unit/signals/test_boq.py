"""Bills of quantities: copied and scaled bills are found, honest ones and given prices are not, errors count once."""

from __future__ import annotations

import io
import math
import random
from decimal import Decimal
from fractions import Fraction

import pytest
from openpyxl import Workbook

from supervision.rules.signals.boq import (
    RATIO_NEAR,
    RATIO_SHARE,
    Item,
    _may_be_scaled,
    chance_of_equal,
    comparable,
    correlations,
    errors_of,
    is_free,
    item_traces,
    rank_correlation,
    upper_tail,
)
from supervision.rules.signals.boq_reading import items_of, read_bill
from supervision.rules.signals.documents import Unreadable

SIZE = 60


def line(
    number: int, price: Decimal, *, name: str = "", quantity: str = "10", amount: Decimal | None = None
) -> Item:
    return Item(f"{number:03}", name or f"子目{number}", Decimal(quantity), price, amount)


def bill(seed: int, *, spread: float = 0.12, size: int = SIZE) -> dict[str, Item]:
    """An honest bill: every item has its own cost, every bidder its own view of it."""
    market, dice = random.Random(99), random.Random(seed)
    made = {}
    for number in range(size):
        cost = math.exp(market.uniform(1, 8))
        price = Decimal(f"{cost * math.exp(dice.gauss(0, spread)):.2f}")
        made[f"{number:03}"] = line(number, price)
    return made


def test_honest_bills_are_quiet() -> None:
    bills = {name: bill(number) for number, name in enumerate("ABCDE")}

    assert item_traces(bills, {}, {}) == []


def copied(source: dict[str, Item], own: dict[str, Item], share: float) -> dict[str, Item]:
    kept = int(len(source) * share)
    return dict(list(source.items())[:kept]) | dict(list(own.items())[kept:])


@pytest.mark.parametrize(("share", "light"), [(0.29, None), (0.35, "orange"), (0.7, "red")])
def test_equal_prices_weigh_by_their_share(share: float, light: str | None) -> None:
    source = bill(1)

    found = [
        one
        for one in item_traces({"A": source, "B": copied(source, bill(2), share)}, {}, {})
        if one.code == "Q-04"
    ]

    assert [one.light.value for one in found] == ([light] if light else [])
    assert all(float(one.p) < 1e-6 for one in found)


def test_coarse_prices_equal_by_chance_stay_yellow() -> None:
    """Whole yuan between 1 and 6 agree often; the null says so."""
    dice = random.Random(5)
    one = {f"{n:03}": line(n, Decimal(dice.choice([2, 3]))) for n in range(40)}
    other = {f"{n:03}": line(n, Decimal(dice.choice([2, 3]))) for n in range(40)}

    found = item_traces({"A": one, "B": other}, {}, {})

    assert {one.light.value for one in found if one.code == "Q-04"} <= {"yellow"}
    assert chance_of_equal(comparable(one, other, {})) > 1e-6


def test_given_prices_and_short_bills_say_nothing() -> None:
    source = bill(1)
    fees = {f"f{n}": Item(f"f{n}", "安全文明施工费", Decimal(1), Decimal(500)) for n in range(40)}
    printed = {code: Item(code, "x", Decimal(10), item.price) for code, item in source.items()}

    assert [
        o for o in item_traces({"A": bill(1) | fees, "B": bill(2) | fees}, {}, {}) if o.code == "Q-04"
    ] == []
    assert item_traces({"A": source, "B": dict(source)}, printed, {}) == []
    assert item_traces({"A": bill(1, size=19), "B": bill(1, size=19)}, {}, {}) == []
    assert not is_free(Item("1", "暂列金额", Decimal(1), Decimal(9)))
    assert not is_free(Item("1", "x", Decimal(1), Decimal(9), fixed=True))
    assert not is_free(Item("1", "x", Decimal(1), Decimal(0)))


def test_a_scaled_bill_is_red_an_equal_one_is_not_called_scaled() -> None:
    source = bill(1)
    scaled = {
        c: line(int(c), (i.price * Decimal("1.023")).quantize(Decimal("0.01"))) for c, i in source.items()
    }

    found = [one for one in item_traces({"A": source, "B": scaled}, {}, {}) if one.code == "Q-03"]

    assert [(one.light.value, one.facts["factor"]) for one in found] == [("red", "1.0230")]
    assert [o.code for o in item_traces({"A": source, "B": dict(source)}, {}, {})] == ["Q-04"]


def test_three_same_errors_are_red_and_those_of_everybody_are_not() -> None:
    def wrong(seed: int, codes: list[int]) -> dict[str, Item]:
        made = bill(seed)
        for number in codes:
            made[f"{number:03}"] = line(number, Decimal("10.00"), amount=Decimal("90"))
        return made

    def errors(bills: dict[str, dict[str, Item]]) -> list[tuple[str, ...]]:
        return [one.firms for one in item_traces(bills, {}, {}) if one.code == "Q-05"]

    assert errors({"A": wrong(1, [1, 2, 3]), "B": wrong(2, [1, 2, 3])}) == [("A", "B")]
    assert errors({"A": wrong(1, [1, 2]), "B": wrong(2, [1, 2])}) == []
    assert errors({"A": wrong(1, [1, 2, 3]), "B": wrong(2, [1, 2, 3]), "C": wrong(3, [1, 2, 3])}) == []
    assert errors_of({"1": line(1, Decimal("3.333"), amount=Decimal("33.33"))}, {}) == {}
    changed = {"1": line(1, Decimal(5), quantity="11")}
    assert errors_of(changed, {"1": line(1, Decimal(0))}) == {"1": "11 ≠ 10"}


def test_close_totals_with_unlike_items_are_noted() -> None:
    up = {f"{n:03}": line(n, Decimal(n + 1)) for n in range(30)}
    down = {f"{n:03}": line(n, Decimal(30 - n)) for n in range(30)}

    def noted(totals: dict[str, int]) -> list[str]:
        return [one.code for one in item_traces({"A": up, "B": down}, {}, totals) if one.code == "Q-06"]

    assert noted({"A": 1000, "B": 1020}) == ["Q-06"]
    assert noted({"A": 1000, "B": 1021}) == []
    assert noted({}) == []


def test_unbalanced_prices_need_ten_items_and_three_bills() -> None:
    bills = {name: bill(number, spread=0.01) for number, name in enumerate("ABC")}
    for number in range(10):
        bills["C"][f"{number:03}"] = line(number, bills["A"][f"{number:03}"].price * 3)

    assert [(o.code, o.firms) for o in item_traces(bills, {}, {})] == [("Q-09", ("C",))]
    assert item_traces({"A": bills["A"], "C": bills["C"]}, {}, {}) == []


def test_deviations_from_the_median_correlate_only_for_copies() -> None:
    source = bill(1)
    near = {c: line(int(c), (i.price * Decimal("1.01")).quantize(Decimal("0.01"))) for c, i in source.items()}
    bills = {"A": source, "B": near, "C": bill(3), "D": bill(4), "E": bill(5)}

    found = correlations(bills, {})

    assert found["A", "B"][0] > 0.95
    assert abs(found["C", "D"][0]) < 0.6


def test_tails_and_ranks_are_exact() -> None:
    assert upper_tail([0.5] * 4, 3) == pytest.approx(5 / 16)
    assert upper_tail([0.5] * 4, 0) == 1.0
    assert upper_tail([0.5] * 4, 5) == 0.0
    assert rank_correlation([1, 2, 2, 3], [10, 20, 20, 30]) == pytest.approx(1)
    assert rank_correlation([1, 1], [1, 2]) is None


def test_the_null_holds_on_independent_bills() -> None:
    """Prices of whole ten yuan: the stated chance is not smaller than what happens."""
    below = 0
    for seed in range(200):
        dice = random.Random(seed)
        pairs = []
        for number in range(25):
            cost = dice.uniform(30, 120)
            mine, theirs = (Decimal(round(cost * math.exp(dice.gauss(0, 0.1)) / 10)) for _ in range(2))
            pairs.append((line(number, max(mine, Decimal(1))), line(number, max(theirs, Decimal(1)))))
        below += chance_of_equal(pairs) < 0.01
    assert below <= 8


def test_bills_are_read_from_workbooks_and_text() -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["分部分项工程量清单与计价表"])
    sheet.append(["序号", "项目名称", "工程量", "综合单价（元）", "合价"])
    sheet.append(["1", "挖土方", 12.5, 3.2, 40])
    sheet.append(["", "小计", None, None, 40])
    sheet.append(["2", "暂列金额", 1, "1,000.00", 1000])
    out = io.BytesIO()
    book.save(out)

    found = read_bill("清单.xlsx", out.getvalue())

    assert {code: (item.price, item.quantity) for code, item in found.items()} == {
        "1": (Decimal("3.2"), Decimal("12.5")),
        "2": (Decimal("1000.00"), Decimal(1)),
    }
    text = "编码,名称,数量,单价\nA1,x,2,3.50\nA2,y,a,1\n"
    assert list(read_bill("bill.csv", text.encode("gb18030"))) == ["A1"]
    assert read_bill("letter.csv", b"a,b\n1,2\n") == {}
    assert read_bill("photo.png", b"\x89PNG") == {}
    with pytest.raises(Unreadable):
        read_bill("broken.xlsx", b"PK\x03\x04" + out.getvalue()[4:200] + out.getvalue()[-200:])
    assert list(items_of([["code", "qty", "rate"], ["a", True, 1]])) == []


def test_the_quick_look_at_ratios_never_hides_a_scaled_bill() -> None:
    dice = random.Random(9)
    seen = set()
    for _ in range(300):
        wobble, factor = dice.choice((0.0002, 0.001, 0.0018, 0.003)), dice.uniform(0.8, 1.3)
        mine = [Decimal(dice.randint(100, 999_999)) / 100 for _ in range(24)]
        theirs = [
            (p * Decimal(factor + dice.uniform(-wobble, wobble))).quantize(Decimal("0.01")) for p in mine
        ]
        pairs = [(line(n, a), line(n, b)) for n, (a, b) in enumerate(zip(mine, theirs, strict=True))]
        ratios = [Fraction(b.price) / Fraction(a.price) for a, b in pairs]
        most = max(sum(0 <= ratio - low <= 2 * RATIO_NEAR for ratio in ratios) for low in ratios)
        enough = most >= RATIO_SHARE * len(pairs)

        assert _may_be_scaled(pairs) == enough
        seen.add(enough)
    assert seen == {True, False}
