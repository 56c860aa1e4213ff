"""Working days and periods of law, counted on Asia/Shanghai dates.

The State Council's yearly notices live as data in ``calendars/``; a year without a notice counts
weekends and New Year's Day only and says that it is provisional. Every bound can name the versions
of the years it was counted with, so a later reader counts the same days.

Rules of counting (rules.md §0.2):

- C-01 the start day is not counted;
- C-02 a period given to a party that would end on a rest day ends on the next working day;
- C-03 a period ends at 24:00 of its last day;
- C-04 "at least n days before" is never rolled forward, it would shorten the protection;
- C-05 "not less than n days from issue to deadline" compares dates and warns about a short last day;
- C-06 instants are the server's and are handed in;
- C-07 a bid arrives when the last byte of its package is accepted; the caller stamps that instant.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from functools import cache
from pathlib import Path

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Beijing time: one zone, UTC+8, no summer time since 1992."""

_FILES = Path(__file__).parent / "calendars"
_DAY = timedelta(days=1)
_SATURDAY = 5


class DayUnit(StrEnum):
    """How a period counts its days."""

    NATURAL = "N"
    WORKING = "W"


@dataclass(frozen=True, slots=True)
class Period:
    """A length in days, such as ``Period(20, DayUnit.NATURAL)``."""

    days: int
    unit: DayUnit

    def __post_init__(self) -> None:
        if isinstance(self.days, bool) or not isinstance(self.days, int) or self.days < 0:
            raise ValueError(f"a period is a whole number of days, not {self.days!r}")


class Verdict(StrEnum):
    """What a rule says about an actual date: fine, doubtful, or unlawful."""

    OK = "ok"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One year's exceptions to "Monday to Friday are working days".

    Attributes:
        year: the calendar year all dates belong to.
        version: name of this edition of the year, for the record.
        source: the notice the dates come from.
        verified: the dates were checked against the notice.
        provisional: no notice exists yet.
        holidays: rest days that a notice or the law gives.
        workdays: weekend days that are worked (调休).
    """

    year: int
    version: str
    source: str
    verified: bool
    provisional: bool
    holidays: frozenset[date]
    workdays: frozenset[date]

    def __post_init__(self) -> None:
        if wrong := sorted(day for day in self.holidays | self.workdays if day.year != self.year):
            raise ValueError(f"{self.version}: {wrong[0]} is not in {self.year}")
        if both := sorted(self.holidays & self.workdays):
            raise ValueError(f"{self.version}: {both[0]} is both a holiday and a working day")
        if idle := sorted(day for day in self.workdays if day.weekday() < _SATURDAY):
            raise ValueError(f"{self.version}: {idle[0]} is a weekday and needs no make-up row")


def without_notice(year: int) -> CalendarYear:
    """A year nobody has announced: weekends and New Year's Day rest, everything else works."""
    return CalendarYear(
        year=year,
        version=f"{year}.0",
        source="国务院办公厅通知未收录: 仅周末与元旦",
        verified=False,
        provisional=True,
        holidays=frozenset({date(year, 1, 1)}),
        workdays=frozenset(),
    )


class Calendar:
    """Working days over any span of years, and the periods counted on them."""

    def __init__(self, years: Iterable[CalendarYear] = ()) -> None:
        self._years: dict[int, CalendarYear] = {}
        for year in years:
            if year.year in self._years:
                raise ValueError(f"two calendars for {year.year}")
            self._years[year.year] = year

    def year(self, year: int) -> CalendarYear:
        """The exceptions of ``year``; provisional when no notice is on file."""
        return self._years.get(year) or without_notice(year)

    def versions(self, first: date, last: date) -> tuple[str, ...]:
        """Versions of every calendar year from ``first`` to ``last``, for the record of a counted bound."""
        low, high = sorted((first.year, last.year))
        return tuple(self.year(year).version for year in range(low, high + 1))

    def is_provisional(self, first: date, last: date) -> bool:
        """Whether a year between the two dates still waits for its notice, so that a count may change."""
        low, high = sorted((first.year, last.year))
        return any(self.year(year).provisional for year in range(low, high + 1))

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on ``day``: make-up days do, holidays and other weekend days do not."""
        year = self.year(day.year)
        if day in year.holidays:
            return False
        return day.weekday() < _SATURDAY or day in year.workdays

    def next_working_day(self, day: date) -> date:
        """``day`` itself when it works, otherwise the first day after it that does."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def add_working_days(self, start: date, days: int) -> date:
        """The ``days``-th working day after ``start``, which is not counted.

        Source: 民法典 第二百零一条 (C-01).
        """
        _whole(days)
        day = start
        for _ in range(days):
            day = self.next_working_day(day + _DAY)
        return day

    def subtract_working_days(self, end: date, days: int) -> date:
        """The latest date from which ``days`` working days remain up to ``end``.

        ``add_working_days(result, days) <= end`` and the day after the result fails that. Source: C-01, C-04.
        """
        _whole(days)
        day = end
        for _ in range(days):
            while not self.is_working_day(day):
                day -= _DAY
            day -= _DAY
        return day

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days lie after ``start`` up to and including ``end``; never negative."""
        count, day = 0, start
        while day < end:
            day += _DAY
            count += self.is_working_day(day)
        return count

    def days_between(self, start: date, end: date, unit: DayUnit) -> int:
        """Days from ``start`` (not counted) to ``end`` (counted) in ``unit``. Source: C-01."""
        if unit is DayUnit.WORKING:
            return self.working_days_between(start, end)
        return natural_days_between(start, end)

    def earliest_after(self, start: date, length: Period) -> date:
        """The first date that lies at least ``length`` after ``start``: a minimum, so nothing rolls.

        Source: C-01, C-05.
        """
        if length.unit is DayUnit.WORKING:
            return self.add_working_days(start, length.days)
        return start + timedelta(days=length.days)

    def at_least_before(self, deadline: date, length: Period) -> date:
        """The last date that is still at least ``length`` before ``deadline``; never rolled. Source: C-04."""
        if length.unit is DayUnit.WORKING:
            return self.subtract_working_days(deadline, length.days)
        return deadline - timedelta(days=length.days)

    def end_of_period(self, start: date, length: Period) -> date:
        """The last day of a period given to a party; a last day of rest moves to the next working day.

        Source: 民法典 第二百零一条, 第二百零三条 (C-01, C-02).
        """
        return self.next_working_day(self.earliest_after(start, length))

    def closes_at(self, start: date, length: Period) -> datetime:
        """The instant a party's period is over: 24:00 Shanghai of its last day. Source: C-02, C-03."""
        return end_of_day(self.end_of_period(start, length))

    def judge_span(self, issued_at: datetime, deadline_at: datetime, length: Period) -> Verdict:
        """Judge "not less than ``length`` from issue to deadline".

        Dates decide; on the boundary date a time of day earlier than that of the issue warns, since fewer
        than n × 24 hours remain. For working days the same comparison of times holds. Source: C-05.
        """
        issued, deadline = local(issued_at), local(deadline_at)
        earliest = self.earliest_after(issued.date(), length)
        if deadline.date() < earliest:
            return Verdict.BLOCK
        if deadline.date() == earliest and deadline.time() < issued.time():
            return Verdict.WARN
        return Verdict.OK


def natural_days_between(start: date, end: date) -> int:
    """Days from ``start`` (not counted) to ``end`` (counted); negative when it is earlier. Source: C-01."""
    return (end - start).days


def local(instant: datetime) -> datetime:
    """``instant`` on Shanghai clocks. Raises ValueError for a naive instant."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(SHANGHAI)


def local_date(instant: datetime) -> date:
    """The Shanghai date of ``instant``, on which periods of law are counted."""
    return local(instant).date()


def start_of_day(day: date) -> datetime:
    """00:00 Shanghai of ``day`` as a UTC instant."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """24:00 Shanghai of ``day`` as a UTC instant: the first moment that is too late. Source: C-03."""
    return start_of_day(day + _DAY)


def is_in_time(instant: datetime, last_day: date) -> bool:
    """Whether ``instant`` lies before 24:00 of ``last_day``. Source: C-03, half-open periods."""
    return instant < end_of_day(last_day)


@cache
def official() -> Calendar:
    """The calendar of the years on file in ``calendars/``."""
    return Calendar(parse_year(path.read_text("utf-8")) for path in sorted(_FILES.glob("*.toml")))


def parse_year(text: str) -> CalendarYear:
    """One year from its TOML text. Raises ValueError for dates outside the year, doubled or needless rows."""
    data = tomllib.loads(text)
    holidays: set[date] = set()
    workdays: set[date] = set()
    for row in data["holiday"]:
        for span in row["days"]:
            holidays |= set(_days(span))
        workdays |= {date.fromisoformat(day) for day in row["workdays"]}
    return CalendarYear(
        year=int(data["year"]),
        version=str(data["version"]),
        source=str(data["source"]),
        verified=_flag(data, "verified"),
        provisional=_flag(data, "provisional"),
        holidays=frozenset(holidays),
        workdays=frozenset(workdays),
    )


def _days(span: str) -> Iterable[date]:
    first, _, last = span.partition("..")
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    if end < day:
        raise ValueError(f"a span runs backwards: {span}")
    while day <= end:
        yield day
        day += _DAY


def _flag(data: Mapping[str, object], name: str) -> bool:
    value = data[name]
    if not isinstance(value, bool):
        raise ValueError(f"{name} is true or false")
    return value


def _whole(days: int) -> None:
    if isinstance(days, bool) or not isinstance(days, int) or days < 0:
        raise ValueError(f"a whole number of days is needed, not {days!r}")
