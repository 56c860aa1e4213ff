"""Figures of trade over generated values: nothing is lost or counted twice, and like is compared with like."""

from __future__ import annotations

import itertools
import statistics
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from supervision.rules import statistics as rules
from supervision.rules.statistics import Sums
from supervision.statistics_drawing import calendar_picture, savings_picture
from supervision.statistics_queries import DayLine

days = st.dates(date(2000, 1, 2), date(2099, 12, 31))
rates = st.lists(st.integers(-3000, 10_000), max_size=200)
amounts = st.integers(0, 10**13)
sums = st.builds(Sums, *[amounts] * 9)


def counted_values(values: list[int]) -> list[tuple[int, int]]:
    return [(value, values.count(value)) for value in set(values)]


@given(days)
def test_a_running_year_is_compared_up_to_the_same_day(today: date) -> None:
    span = rules.counted((today - rules.DAY).year, today)
    assert span is not None
    before = rules.year_before(span)

    assert span.last == today - rules.DAY
    assert before.last < span.first
    assert (before.first.month, before.first.day) == (1, 1)
    assert before.last.month == span.last.month
    assert before.last.day in (span.last.day, span.last.day - 1)


@given(days)
def test_months_cover_every_counted_day_once(today: date) -> None:
    span = rules.counted((today - rules.DAY).year, today)
    assert span is not None
    months = rules.months_of(span)

    covered = [one.first + timedelta(n) for one in months for n in range((one.last - one.first).days + 1)]

    assert covered == [span.first + timedelta(n) for n in range((span.last - span.first).days + 1)]
    assert [one for one in months[:-1] if one.partial] == []
    assert months[-1].partial == ((span.last + rules.DAY).day != 1)


@given(rates)
def test_the_median_is_that_of_the_values_one_by_one(values: list[int]) -> None:
    middle = rules.median(counted_values(values))

    assert middle == (Fraction(statistics.median([Fraction(v) for v in values])) if values else None)


@given(rates)
def test_every_rate_lies_in_exactly_one_bin(values: list[int]) -> None:
    found = rules.bins(counted_values(values))

    assert sum(one.count for one in found) == len(values)
    for value in values:
        assert sum(value in one for one in found) == 1


@given(st.lists(sums, max_size=8))
def test_sums_do_not_depend_on_how_deals_are_grouped(parts: list[Sums]) -> None:
    half = len(parts) // 2

    assert rules.total(parts) == rules.total(parts[:half]) + rules.total(parts[half:])
    assert rules.total(parts) == rules.total(reversed(parts))


@given(st.integers(1, 10**13), st.integers(1, 10**13))
def test_a_saving_and_its_price_make_the_ceiling_again(ceiling: int, price: int) -> None:
    saving = Sums(ceiling=ceiling, spent=price).saving
    assert saving is not None

    assert ceiling - saving * ceiling == price
    assert (saving > 0) == (price < ceiling)


@given(st.fractions(0, 10**9, max_denominator=1000))
def test_the_last_mark_of_an_axis_is_just_beyond_the_largest_value(most: Fraction) -> None:
    marks = rules.ticks(most)
    steps = {b - a for a, b in itertools.pairwise(marks)}

    assert marks[0] == 0
    assert len(steps) == 1
    assert marks[-1] >= most
    assert most == 0 or marks[-2] < most
    assert 2 <= len(marks) <= 11


@given(st.integers(0, 5000))
def test_shades_have_no_gap(most: int) -> None:
    ranges = rules.levels(most)

    assert [n for n in range(1, most + 1) if rules.level_of(n, ranges) == 0] == []
    assert [b[0] - a[1] for a, b in itertools.pairwise(ranges)] == [1] * max(0, len(ranges) - 1)


@given(rates)
def test_few_savings_are_drawn_one_by_one_and_inside_the_frame(values: list[int]) -> None:
    drawn = savings_picture(counted_values(values))

    few = 0 < len(values) < rules.POINTS_BELOW
    assert len(drawn.dots) == (len(values) if few else 0)
    assert all(0 <= float(one.y) <= drawn.top + drawn.high for one in drawn.dots)
    assert all(one.y >= drawn.top and one.y + one.height == drawn.top + drawn.high for one in drawn.bars)
    assert bool(drawn.middle) == bool(values)


@given(st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.tuples(*[st.integers(0, 90)] * 2)))
def test_every_day_of_a_year_has_its_square(found: dict[date, tuple[int, int]]) -> None:
    lines = [DayLine(day, *counts) for day, counts in sorted(found.items())]

    drawn = calendar_picture(lines, 2026, date(2026, 6, 30))

    assert len(drawn.cells) == 365
    assert len({(cell.x, cell.row) for cell in drawn.cells}) == 365
    assert sum(cell.level == -1 for cell in drawn.cells) == 184
    assert drawn.sessions == sum(sum(counts) for counts in found.values())
