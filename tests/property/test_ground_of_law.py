"""Counting, rounding, ranking and the life of a lot over generated cases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from evaluation.rules.benchmark import TRIM_TABLES, bm2, bm7, deviation, deviation_score, trimmed
from evaluation.rules.draw import Answer, Plan, next_to_invite
from evaluation.rules.prices import price_scores
from evaluation.rules.ranking import TIES, Entry, rank_by_price, rank_by_score
from evaluation.rules.scoring import Aggregation, member_score
from kernel import rulebook
from kernel.calendar import (
    Calendar,
    CalendarYear,
    DayUnit,
    Period,
    Verdict,
    end_of_day,
    is_in_time,
    local,
    natural_days_between,
    official,
    start_of_day,
)
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.score import half_up, score
from trading.rules.lifecycle import FINAL, MOVES, Move, Stage, after
from trading.rules.timetable import check_span

days = st.dates(date(2023, 12, 1), date(2028, 12, 31))
lengths = st.integers(0, 60)
periods = st.builds(Period, lengths, st.sampled_from(DayUnit))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
points = st.decimals(0, 100, places=2)
amounts = st.integers(1, 10**13).map(Money)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Two years with arbitrary holidays and make-up days."""
    years = []
    for year in (2026, 2027):
        span = st.dates(date(year, 1, 1), date(year, 12, 31))
        holidays = draw(st.frozensets(span, max_size=40))
        weekend = span.filter(lambda day: day.weekday() >= 5)
        workdays = draw(st.frozensets(weekend, max_size=10)) - holidays
        years.append(CalendarYear(year, f"{year}.t", "test", True, False, holidays, workdays))
    return Calendar(years)


@given(calendars(), days, lengths)
def test_working_days_added_are_working_days_between(calendar: Calendar, start: date, length: int) -> None:
    end = calendar.add_working_days(start, length)

    assert calendar.working_days_between(start, end) == length
    assert length == 0 or calendar.is_working_day(end)
    assert (end - start).days >= length


@given(calendars(), days, periods)
def test_a_period_given_to_a_party_is_never_shorter_than_its_law(
    calendar: Calendar, start: date, length: Period
) -> None:
    end = calendar.end_of_period(start, length)

    assert end >= calendar.earliest_after(start, length)
    assert calendar.days_between(start, end, length.unit) >= length.days
    assert calendar.is_working_day(end)


@given(calendars(), days, periods)
def test_at_least_before_is_the_last_day_that_keeps_the_protection(
    calendar: Calendar, deadline: date, length: Period
) -> None:
    latest = calendar.at_least_before(deadline, length)

    assert calendar.earliest_after(latest, length) <= deadline
    assert length.days == 0 or calendar.earliest_after(latest + timedelta(days=1), length) > deadline


@given(days, periods, st.integers(0, 40))
def test_more_days_never_end_earlier(start: date, length: Period, more: int) -> None:
    longer = Period(length.days + more, length.unit)

    assert official().end_of_period(start, longer) >= official().end_of_period(start, length)


@given(moments, moments, periods)
def test_a_span_judged_lawful_has_its_days(start: datetime, end: datetime, length: Period) -> None:
    verdict = official().judge_span(start, end, length)

    counted = official().days_between(local(start).date(), local(end).date(), length.unit)
    if verdict is Verdict.BLOCK:
        assert counted < length.days or end < start
    else:
        assert counted >= length.days
    if verdict is Verdict.OK and length.unit is DayUnit.NATURAL and end >= start:
        assert end - start >= timedelta(days=length.days)


@given(days)
def test_a_day_lasts_twenty_four_hours_and_its_end_is_too_late(day: date) -> None:
    assert end_of_day(day) - start_of_day(day) == timedelta(hours=24)
    assert is_in_time(start_of_day(day), day)
    assert not is_in_time(end_of_day(day), day)
    assert natural_days_between(day, local(end_of_day(day)).date()) == 1


@given(moments, moments, st.sampled_from(["TM", "GP", "SM"]))
def test_the_proposed_repair_of_a_date_is_lawful(start: datetime, end: datetime, regime: str) -> None:
    limit = rulebook.in_force(regime, "CN", start)["tendering_days_min"]

    result = check_span(limit, "bids_close_at", start, end, calendar=official())

    assert result.earliest is not None
    again = check_span(limit, "bids_close_at", start, result.earliest, calendar=official())
    assert again.verdict is Verdict.OK


@given(st.fractions(-1000, 1000), st.sampled_from(["1", "0.1", "0.01", "0.0001", "0.25", "1E+1"]))
def test_rounding_moves_by_half_a_quantum_at_most_and_ties_away_from_zero(value: Fraction, step: str) -> None:
    quantum = Decimal(step)

    rounded = half_up(value, quantum)

    gap = Fraction(rounded) - value
    assert abs(gap) <= Fraction(quantum) / 2
    assert (Fraction(rounded) / Fraction(quantum)).denominator == 1
    assert half_up(rounded, quantum) == rounded
    assert half_up(-value, quantum) == -rounded
    if abs(gap) == Fraction(quantum) / 2:
        assert abs(Fraction(rounded)) > abs(value)


@given(st.integers(-(10**15), 10**15))
def test_yuan_and_money_agree(minor: int) -> None:
    money = Money(minor)

    assert Money.from_yuan(money.yuan) == money
    assert Money.from_yuan(str(money.yuan)) == money
    assert money.exact * 100 == minor


@given(st.lists(st.integers(0, 10**16), unique=True, max_size=20))
def test_different_amounts_have_different_capitals(minors: list[int]) -> None:
    words = {Money(minor).capitals() for minor in minors}

    assert len(words) == len(minors)
    assert all("零零" not in one and not one.startswith("零零") for one in words)


entries = st.lists(
    st.builds(
        lambda n, total, price: Entry(f"bid-{n:03}", score(total), Money(price)),
        st.integers(0, 200),
        st.decimals(0, 3, places=2),
        st.integers(1, 4),
    ),
    unique_by=lambda entry: entry.bid,
    max_size=12,
)


@given(entries, st.randoms(use_true_random=False))
def test_a_ranking_does_not_depend_on_the_order_of_arrival(pool: list[Entry], chance: object) -> None:
    shuffled = list(pool)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rank_by_score(shuffled, TIES["TM"]) == rank_by_score(pool, TIES["TM"])


@given(entries)
def test_a_ranking_is_by_total_then_price_and_joint_only_where_both_are_equal(pool: list[Entry]) -> None:
    known = {entry.bid: entry for entry in pool}

    places = rank_by_score(pool, TIES["TM"])

    assert {place.bid for place in places} == known.keys()
    keys = [(-known[place.bid].total, known[place.bid].price) for place in places]
    assert keys == sorted(keys)
    for place, key in zip(places, keys, strict=True):
        assert place.rank == 1 + sum(other < key for other in keys)
        assert place.joint == (keys.count(key) > 1)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), amounts, min_size=1, max_size=8))
def test_the_lowest_price_has_all_points_and_a_lower_price_never_fewer(prices: dict[str, Money]) -> None:
    scores = price_scores({bid: price.exact for bid, price in prices.items()}, 30)

    places = rank_by_price({bid: price.exact for bid, price in prices.items()})
    assert scores[places[0].bid] == 30
    ordered = [scores[place.bid] for place in places]
    assert ordered == sorted(ordered, reverse=True)
    assert all(0 <= one <= 30 for one in ordered)


@given(st.lists(points, min_size=3, max_size=11))
def test_means_stay_between_the_extremes(given_points: list[Decimal]) -> None:
    for how in (Aggregation.MEAN, Aggregation.TRIMMED):
        assert min(given_points) <= member_score(given_points, how) <= max(given_points)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=25), st.sampled_from(sorted(TRIM_TABLES)))
def test_a_trimmed_mean_lies_among_the_prices(prices: list[int], table: str) -> None:
    left = trimmed(prices, TRIM_TABLES[table])

    benchmark = bm2(prices, table=TRIM_TABLES[table], k=1)

    assert min(left) - Fraction(1, 100) <= benchmark <= max(left) + Fraction(1, 100)
    assert bm2(list(reversed(prices)), table=TRIM_TABLES[table], k=1) == benchmark
    assert min(prices) <= bm7(prices) <= max(prices)


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_farther_from_the_benchmark_on_one_side_is_never_better(benchmark: int, one: int, other: int) -> None:
    near, far = sorted((one, other))
    for sign in (1, -1):
        prices = [benchmark + sign * near, benchmark + sign * far]
        scores = [
            deviation_score(deviation(price, benchmark), full=100, above=2, below=1) for price in prices
        ]
        assert scores[0] >= scores[1]
        assert all(0 <= points <= 100 for points in scores)


@given(st.lists(st.sampled_from(Move), max_size=12))
def test_any_story_of_a_lot_keeps_to_the_table(moves: list[Move]) -> None:
    stage, seen = Stage.DRAFT, [Stage.DRAFT]
    for move in moves:
        try:
            stage = after(stage, move)
        except NotNow:
            assert (stage, move) not in MOVES
        else:
            assert seen[-1] not in FINAL
            seen.append(stage)
    if Stage.AWARDED in seen:
        before = seen[: seen.index(Stage.AWARDED)]
        assert before[:3] == [Stage.DRAFT, Stage.TENDERING, Stage.OPENING]
        assert before[-1] is Stage.STANDSTILL


@given(
    st.permutations([f"x{n}" for n in range(12)]),
    st.lists(st.sampled_from([Answer.ACCEPTED, Answer.DECLINED, Answer.AVOIDS]), max_size=30),
)
def test_seats_are_filled_once_in_drawn_order_whatever_people_answer(
    order: list[str], replies: list[Answer]
) -> None:
    regions = {name: "51" if int(name[1:]) < 7 else "50" for name in order}
    plan = Plan(seats=4, specialty="A", home_region="51", non_local_min=1)
    answers: dict[str, Answer | None] = {}
    left = list(replies)
    while True:
        try:
            invited = next_to_invite(order, regions, plan, answers)
        except NotValid:
            return
        assert not set(invited) & answers.keys()
        if not invited:
            break
        assert sorted(invited, key=order.index) == invited
        for name in invited:
            answers[name] = left.pop() if left else Answer.ACCEPTED
    seated = [name for name, answer in answers.items() if answer is Answer.ACCEPTED]
    assert len(seated) == plan.seats
    assert any(regions[name] != "51" for name in seated)
