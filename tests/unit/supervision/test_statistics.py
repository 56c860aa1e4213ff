"""Figures of trade as tables of cases: days, rates, medians, bins, axes; each boundary from both sides."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from supervision.rules import statistics as rules
from supervision.rules.statistics import Span, Sums
from supervision.statistics_words import KINDS


@pytest.mark.parametrize(
    ("year", "today", "last"),
    [
        (2026, date(2026, 1, 1), None),
        (2026, date(2026, 1, 2), date(2026, 1, 1)),
        (2026, date(2026, 11, 18), date(2026, 11, 17)),
        (2026, date(2026, 12, 31), date(2026, 12, 30)),
        (2026, date(2027, 1, 1), date(2026, 12, 31)),
        (2025, date(2026, 11, 18), date(2025, 12, 31)),
        (2027, date(2026, 11, 18), None),
    ],
)
def test_only_days_that_are_over_are_counted(year: int, today: date, last: date | None) -> None:
    assert rules.counted(year, today) == (None if last is None else Span(date(year, 1, 1), last))


@pytest.mark.parametrize(
    ("last", "before"),
    [
        (date(2026, 11, 17), date(2025, 11, 17)),
        (date(2026, 12, 31), date(2025, 12, 31)),
        (date(2024, 2, 28), date(2023, 2, 28)),
        (date(2024, 2, 29), date(2023, 2, 28)),
        (date(2025, 2, 28), date(2024, 2, 28)),
    ],
)
def test_the_year_before_ends_on_the_same_day(last: date, before: date) -> None:
    assert rules.year_before(Span(date(last.year, 1, 1), last)) == Span(date(last.year - 1, 1, 1), before)


@pytest.mark.parametrize(
    ("last", "count", "partial"),
    [
        (date(2026, 1, 1), 1, True),
        (date(2026, 1, 31), 1, False),
        (date(2026, 2, 27), 2, True),
        (date(2026, 2, 28), 2, False),
        (date(2024, 2, 28), 2, True),
        (date(2026, 11, 17), 11, True),
        (date(2026, 12, 31), 12, False),
    ],
)
def test_only_the_last_month_may_be_partial(last: date, count: int, partial: bool) -> None:
    months = rules.months_of(Span(date(last.year, 1, 1), last))

    assert [month.first.month for month in months] == list(range(1, count + 1))
    assert [month.partial for month in months] == [False] * (count - 1) + [partial]
    assert months[-1].last == last


def test_a_span_that_begins_inside_a_month_has_a_partial_first_month() -> None:
    assert rules.months_of(Span(date(2026, 3, 2), date(2026, 3, 31)))[0].partial


def test_savings_premiums_and_bidders_come_from_their_own_deals() -> None:
    bought = Sums(deals=1, fen=90, ceiling=100, spent=90, bidders=5, known=1)
    sold = Sums(deals=1, fen=150, start=100, sold=150, bidders=1, known=1, single=1)
    both = bought + sold

    assert (both.deals, both.fen) == (2, 240)
    assert (both.saving, both.premium) == (Fraction(1, 10), Fraction(1, 2))
    assert (both.mean_bidders, both.single_share) == (Fraction(3), Fraction(1, 2))
    assert rules.total([bought, sold]) == both


def test_nothing_has_no_rate() -> None:
    nothing = rules.total([])

    assert nothing == Sums()
    assert (nothing.saving, nothing.premium, nothing.mean_bidders, nothing.single_share) == (None,) * 4


def test_a_price_above_the_ceiling_is_a_negative_saving() -> None:
    assert Sums(ceiling=100, spent=104).saving == Fraction(-1, 25)


@pytest.mark.parametrize(
    ("now", "before", "grown"),
    [
        (110, 100, Fraction(1, 10)),
        (90, 100, Fraction(-1, 10)),
        (100, 100, Fraction(0)),
        (5, 0, None),
        (0, 5, Fraction(-1)),
    ],
)
def test_growth_needs_something_to_compare_with(now: int, before: int, grown: Fraction | None) -> None:
    assert rules.change(now, before) == grown


def test_a_difference_needs_both_rates() -> None:
    assert rules.difference(Fraction(3, 10), Fraction(1, 10)) == Fraction(1, 5)
    assert rules.difference(None, Fraction(1)) is None
    assert rules.difference(Fraction(1), None) is None


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        ([], None),
        ([(5, 0)], None),
        ([(840, 1)], Fraction(840)),
        ([(800, 1), (900, 1)], Fraction(850)),
        ([(800, 1), (901, 1)], Fraction(1701, 2)),
        ([(900, 3), (100, 2)], Fraction(900)),
        ([(900, 2), (100, 2)], Fraction(500)),
        ([(-50, 1), (0, 1), (2500, 1)], Fraction(0)),
    ],
)
def test_the_median_is_the_middle_one(values: list[tuple[int, int]], middle: Fraction | None) -> None:
    assert rules.median(values) == middle


@pytest.mark.parametrize(
    ("rate", "low"),
    [
        (0, 0), (199, 0), (200, 200), (1399, 1200), (1400, 1400), (1599, 1400), (1600, 1600), (1999, 1600),
        (2000, 2000), (9999, 2000), (-1, None),
    ],
)  # fmt: skip
def test_a_rate_on_an_edge_belongs_to_the_bin_that_begins_there(rate: int, low: int | None) -> None:
    found = [one.low for one in rules.bins([(rate, 1)]) if one.count]

    assert found == [low]


def test_there_is_a_bin_below_zero_only_when_something_lies_there() -> None:
    assert len(rules.bins([])) == len(rules.EDGES)
    assert len(rules.bins([(-1, 1)])) == len(rules.EDGES) + 1


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0, [0, 1]),
        (Fraction(1587, 10), [0, 50, 100, 150, 200]),
        (150, [0, 50, 100, 150]),
        (151, [0, 50, 100, 150, 200]),
        (8.8, [0, 5, 10]),
        (Fraction(3, 10), [0, Fraction(1, 10), Fraction(1, 5), Fraction(3, 10)]),
    ],
)
def test_an_axis_has_round_marks(most: Fraction | int, marks: list[Fraction]) -> None:
    assert list(rules.ticks(Fraction(most).limit_denominator(100))) == marks


@pytest.mark.parametrize(
    ("most", "marks"), [(0, (0, 1)), (1, (0, 1)), (2, (0, 1, 2)), (3, (0, 1, 2, 3)), (9, (0, 5, 10))]
)
def test_an_axis_that_counts_has_whole_marks(most: int, marks: tuple[int, ...]) -> None:
    assert rules.whole_ticks(most) == marks


@pytest.mark.parametrize(
    ("most", "ranges"),
    [
        (0, ()),
        (1, ((1, 1),)),
        (3, ((1, 1), (2, 2), (3, 3))),
        (74, ((1, 18), (19, 37), (38, 55), (56, 74))),
    ],
)
def test_shades_cover_every_number_once(most: int, ranges: tuple[tuple[int, int], ...]) -> None:
    assert rules.levels(most) == ranges
    assert [rules.level_of(n, ranges) for n in (0, most)] == [0, len(ranges)]


@pytest.mark.parametrize(
    ("regime", "category", "kind"),
    [
        ("TM", "works", "building"),
        ("TV", "goods", "building"),
        ("TR", "works", "transport"),
        ("GP", "goods", "procurement-goods"),
        ("GP", "services", "procurement-services"),
        ("LA", "land", "land"),
        ("SM", "works", "other"),
        ("ZZ", "works", "other"),
    ],
)
def test_kinds_of_deals_have_words(regime: str, category: str, kind: str) -> None:
    assert rules.kind_of(regime, category) == kind
    assert kind in KINDS
