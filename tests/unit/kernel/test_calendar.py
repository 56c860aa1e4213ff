"""Counting of days: C-01…C-07 and the date vectors DV-1…DV-10 of the rules specification."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from kernel.calendar import (
    SHANGHAI,
    Calendar,
    CalendarYear,
    DayUnit,
    Period,
    Verdict,
    end_of_day,
    is_in_time,
    local_date,
    natural_days_between,
    official,
    parse_year,
    start_of_day,
    without_notice,
)

# The vectors assume weekends and 2027-01-01 only; a later notice for 2027 must not change them.
VECTORS = Calendar([without_notice(2026), without_notice(2027)])


def natural(days: int) -> Period:
    return Period(days, DayUnit.NATURAL)


def working(days: int) -> Period:
    return Period(days, DayUnit.WORKING)


def at(day: str, clock: str = "09:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize("calendar", [VECTORS, official()], ids=["vectors", "official"])
@pytest.mark.parametrize(
    ("vector", "start", "length", "expected"),
    [
        ("DV-1", "2026-12-01", natural(20), "2026-12-21"),
        ("DV-5 N", "2026-12-01", natural(5), "2026-12-06"),
        ("DV-5 W", "2026-12-01", working(5), "2026-12-08"),
        ("DV-9 start", "2026-12-01", natural(20), "2026-12-21"),
        ("DV-9 end", "2026-12-21", natural(10), "2026-12-31"),
        ("DV-10 equity", "2026-12-01", working(20), "2026-12-29"),
        ("DV-10 asset", "2026-12-01", working(10), "2026-12-15"),
    ],
)
def test_a_minimum_ends_on_the_first_lawful_date_and_never_rolls(
    calendar: Calendar, vector: str, start: str, length: Period, expected: str
) -> None:
    assert calendar.earliest_after(day(start), length) == day(expected), vector


def test_dv_10_a_capital_increase_is_disclosed_for_forty_working_days() -> None:
    assert VECTORS.earliest_after(day("2026-12-01"), working(40)) == day("2027-01-27")


@pytest.mark.parametrize(
    ("vector", "start", "length", "expected"),
    [
        ("DV-4", "2026-12-03", natural(3), "2026-12-07"),
        ("DV-6 notice", "2026-12-01", working(1), "2026-12-02"),
        ("DV-6 challenge", "2026-12-02", working(7), "2026-12-11"),
        ("DV-6 answer", "2026-12-11", working(7), "2026-12-22"),
        ("DV-6 complaint", "2026-12-22", working(15), "2027-01-13"),
        ("DV-7", "2026-12-10", natural(30), "2027-01-11"),
        ("DV-8 construction", "2026-12-28", natural(5), "2027-01-04"),
        ("DV-8 procurement", "2026-12-28", working(5), "2027-01-05"),
    ],
)
def test_a_period_given_to_a_party_ends_on_a_working_day(
    vector: str, start: str, length: Period, expected: str
) -> None:
    assert VECTORS.end_of_period(day(start), length) == day(expected), vector


@pytest.mark.parametrize(
    ("vector", "deadline", "length", "expected"),
    [
        ("DV-2", "2026-12-21", natural(15), "2026-12-06"),
        ("DV-3", "2026-12-21", natural(10), "2026-12-11"),
        ("working", "2026-12-21", working(3), "2026-12-16"),
        ("working over a weekend", "2026-12-20", working(3), "2026-12-15"),
    ],
)
def test_c04_at_least_n_days_before_never_rolls_forward(
    vector: str, deadline: str, length: Period, expected: str
) -> None:
    latest = VECTORS.at_least_before(day(deadline), length)

    assert latest == day(expected), vector
    assert VECTORS.earliest_after(latest, length) <= day(deadline)
    assert VECTORS.earliest_after(latest + timedelta(days=1), length) > day(deadline)


def test_dv_2_a_late_clarification_moves_the_deadline() -> None:
    assert VECTORS.earliest_after(day("2026-12-08"), natural(15)) == day("2026-12-23")


@pytest.mark.parametrize(
    ("deadline", "clock", "verdict"),
    [
        ("2026-12-20", "23:59", Verdict.BLOCK),
        ("2026-12-21", "08:00", Verdict.WARN),
        ("2026-12-21", "08:59", Verdict.WARN),
        ("2026-12-21", "09:00", Verdict.OK),
        ("2026-12-22", "08:00", Verdict.OK),
    ],
)
def test_dv_1_and_c05_the_last_day_may_not_be_shorter_than_the_first(
    deadline: str, clock: str, verdict: Verdict
) -> None:
    assert VECTORS.judge_span(at("2026-12-01"), at(deadline, clock), natural(20)) is verdict


def test_c01_the_start_day_is_not_counted() -> None:
    assert natural_days_between(day("2026-12-01"), day("2026-12-02")) == 1
    assert VECTORS.add_working_days(day("2026-12-01"), 1) == day("2026-12-02")
    assert VECTORS.add_working_days(day("2026-12-01"), 0) == day("2026-12-01")


def test_c02_a_last_day_of_rest_moves_and_a_working_one_stays() -> None:
    assert VECTORS.end_of_period(day("2026-12-01"), natural(3)) == day("2026-12-04")
    assert VECTORS.end_of_period(day("2026-12-02"), natural(3)) == day("2026-12-07")


def test_c02_a_make_up_saturday_is_a_working_day() -> None:
    assert official().is_working_day(day("2026-10-10"))
    assert official().end_of_period(day("2026-10-07"), natural(3)) == day("2026-10-10")


def test_c03_a_period_ends_at_midnight_of_shanghai_and_then_it_is_too_late() -> None:
    closes = VECTORS.closes_at(day("2026-12-03"), natural(3))

    assert closes == datetime(2026, 12, 7, 16, tzinfo=UTC)
    assert is_in_time(closes - timedelta(microseconds=1), day("2026-12-07"))
    assert not is_in_time(closes, day("2026-12-07"))


def test_c06_dates_are_those_of_shanghai_whatever_the_zone_of_the_instant() -> None:
    assert local_date(datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)) == day("2026-11-30")
    assert local_date(datetime(2026, 11, 30, 16, tzinfo=UTC)) == day("2026-12-01")
    assert start_of_day(day("2026-12-01")) == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert end_of_day(day("2026-12-01")) == start_of_day(day("2026-12-02"))


def test_c06_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        local_date(datetime(2026, 12, 1, 9))


def test_c07_an_arrival_counts_by_the_instant_of_its_last_byte() -> None:
    closes_at = at("2026-12-21", "09:00")
    last_byte_at = closes_at - timedelta(microseconds=1)

    assert last_byte_at < closes_at  # the comparison itself lives in bidding.rules.submission


@pytest.mark.parametrize(
    ("year", "statutory", "worked_weekends"),
    [(2024, 11, 8), (2025, 13, 5), (2026, 13, 6)],
)
def test_a_year_on_file_moves_rest_days_and_adds_only_the_statutory_ones(
    year: int, statutory: int, worked_weekends: int
) -> None:
    first, last = date(year, 1, 1), date(year, 12, 31)
    weekdays = sum((first + timedelta(n)).weekday() < 5 for n in range((last - first).days + 1))
    on_file = official().year(year)

    assert on_file.verified
    assert not on_file.provisional
    assert len(on_file.workdays) == worked_weekends
    assert official().working_days_between(first - timedelta(days=1), last) == weekdays - statutory


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("2024-02-04", True),
        ("2024-02-10", False),
        ("2024-02-17", False),
        ("2024-02-18", True),
        ("2024-02-19", True),
        ("2025-01-26", True),
        ("2025-01-27", True),
        ("2025-01-28", False),
        ("2025-02-08", True),
        ("2025-10-08", False),
        ("2026-01-02", False),
        ("2026-01-04", True),
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-09-20", True),
        ("2026-09-25", False),
        ("2026-11-21", False),
        ("2027-01-01", False),
        ("2027-01-04", True),
    ],
)
def test_single_days_follow_the_notices(text: str, works: bool) -> None:
    assert official().is_working_day(day(text)) is works


def test_a_count_names_the_versions_of_its_years() -> None:
    assert official().versions(day("2026-12-22"), day("2027-01-13")) == ("2026.1", "2027.0")
    assert official().versions(day("2026-12-01"), day("2026-12-02")) == ("2026.1",)


def test_a_year_without_a_notice_says_that_it_is_provisional() -> None:
    assert official().is_provisional(day("2026-12-22"), day("2027-01-13"))
    assert official().is_provisional(day("2031-05-01"), day("2031-05-02"))
    assert not official().is_provisional(day("2026-01-01"), day("2026-12-31"))
    assert official().year(2027).holidays == frozenset({day("2027-01-01")})


@pytest.mark.parametrize(
    ("holidays", "workdays", "reason"),
    [
        ({"2025-12-31"}, set(), "not in 2026"),
        ({"2026-10-10"}, {"2026-10-10"}, "both"),
        (set(), {"2026-10-09"}, "weekday"),
    ],
)
def test_a_year_that_contradicts_itself_is_refused(
    holidays: set[str], workdays: set[str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        CalendarYear(
            2026, "2026.x", "", False, True, frozenset(map(day, holidays)), frozenset(map(day, workdays))
        )


def test_a_span_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="backwards"):
        parse_year(
            'year = 2026\nversion = "x"\nsource = ""\nverified = true\nprovisional = false\n'
            '[[holiday]]\nname = "x"\ndays = ["2026-01-03..2026-01-01"]\nworkdays = []\n'
        )


def test_two_calendars_of_one_year_are_refused() -> None:
    with pytest.raises(ValueError, match="two calendars"):
        Calendar([without_notice(2026), without_notice(2026)])


@pytest.mark.parametrize("days", [-1, True, 1.5])
def test_a_period_is_a_whole_number_of_days(days: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Period(days, DayUnit.NATURAL)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="whole number"):
        VECTORS.add_working_days(day("2026-12-01"), days)  # type: ignore[arg-type]
