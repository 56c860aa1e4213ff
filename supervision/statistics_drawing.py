"""Pictures of the statistics: coordinates only; the template draws, the style sheet colours.

Lengths along the page are percent of the drawing's width and heights are pixels, so a drawing fits any width while its
letters keep their size; no script is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from kernel.i18n import money_unit, month_text, number, weekday_text
from kernel.money import Money
from kernel.score import half_up
from supervision.rules import statistics as rules
from supervision.rules.statistics import Bin, Sums
from supervision.statistics_queries import DayLine, KindLine, MonthLine, Statistics
from supervision.statistics_tables import bin_word
from supervision.statistics_words import business_word, decimal, kind_word, percent

TOP = 24
"""Above a drawing, room for the word over its highest bar."""
BARS, LINE, BINS = 190, 64, 216
LABELLED = 2
"""So many of the highest bars carry their value."""
BESIDE = Fraction(56, 100)
"""How far the longest lying bar reaches; the rest is for its value."""


@dataclass(frozen=True)
class Mark:
    """A mark of an axis: where it stands, and its word. ``odd`` ones leave room on a phone."""

    at: str
    word: str
    odd: bool = False


@dataclass(frozen=True)
class Bar:
    """A standing bar; ``kind`` is empty, ``partial`` or ``middle``."""

    x: str
    width: str
    middle: str
    y: int
    height: int
    kind: str = ""
    word: str = ""
    first: bool = False


@dataclass(frozen=True)
class Point:
    x: str
    y: str


@dataclass(frozen=True)
class Stroke:
    """A piece of a line; into a partial month it is dashed."""

    x1: str
    y1: str
    x2: str
    y2: str
    partial: bool


@dataclass(frozen=True)
class Months:
    """Amounts above, numbers of deals below, on one axis of months."""

    unit: str
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    points: tuple[Point, ...]
    strokes: tuple[Stroke, ...]
    counts: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    empty: bool
    top: int = TOP
    bars_high: int = BARS
    line_high: int = LINE


@dataclass(frozen=True)
class Lying:
    """A lying bar with its value and share behind its end."""

    word: str
    width: str
    value: str
    share: str


@dataclass(frozen=True)
class Composition:
    unit: str
    rows: tuple[Lying, ...]
    empty: bool
    high: int


@dataclass(frozen=True)
class Pair:
    """Two dots on one line: the year before (hollow, may be missing) and this year (filled, may be missing).

    ``left``: the value stands before its dot, as the other dot lies behind it.
    """

    word: str
    now: str
    before: str
    value: str
    left: bool


@dataclass(frozen=True)
class Competition:
    rows: tuple[Pair, ...]
    marks: tuple[Mark, ...]
    empty: bool
    high: int


@dataclass(frozen=True)
class Savings:
    """Bars of bins, or a dot for every deal; ``middle`` is where the median stands, empty without one."""

    bars: tuple[Bar, ...]
    dots: tuple[Point, ...]
    radius: str
    marks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    middle: str
    word: str
    anchor: str
    count: int
    top: int = TOP
    high: int = BINS


@dataclass(frozen=True)
class Cell:
    """A day of the year; ``level`` 0 … 4 is its shade, -1 a day that is not counted yet."""

    x: str
    row: int
    level: int
    word: str


@dataclass(frozen=True)
class Calendar:
    cells: tuple[Cell, ...]
    width: str
    months: tuple[Mark, ...]
    weekdays: tuple[Mark, ...]
    legend: tuple[str, ...]
    sessions: int
    most: int


@dataclass(frozen=True)
class Pictures:
    months: Months
    composition: Composition
    competition: Competition
    savings: Savings
    calendar: Calendar
    district_unit: str
    district_bars: tuple[str, ...]


def pictures(of: Statistics) -> Pictures:
    """All drawings of the page."""
    most = max((one.sums.fen for one in of.districts), default=0)
    return Pictures(
        months_picture(of.months),
        composition_picture(of.business, of.now),
        competition_picture(of.kinds),
        savings_picture(of.rates),
        calendar_picture(of.days, of.span.first.year, of.span.last),
        money_unit(Money(most))[1],
        tuple(_percent(rules.share(one.sums.fen, most) or 0) for one in of.districts),
    )


def _percent(share: Fraction | int) -> str:
    return f"{half_up(Fraction(share) * 100, Decimal('0.01')):f}%"


def _down(share: Fraction | int, high: int, top: int = 0) -> int:
    """The height of a value on a drawing whose zero lies at its foot."""
    return top + high - round(share * high)


def _row_high(rows: int, high: int) -> int:
    """How high each of so many rows is, for all of them to fill a drawing; never crowded, never lost."""
    return max(34, min(56, high // max(1, rows)))


def in_unit(fen: int, unit: int) -> str:
    """An amount in a chart's unit: 12,345; 1,382.6; 0.04."""
    amount = Fraction(fen, unit)
    places = 0 if amount >= 10_000 or fen == 0 or unit == 100 else 1 if amount >= 1 else 2
    return number(half_up(amount, Decimal(1).scaleb(-places)), places)


def _axis_word(value: Fraction) -> str:
    return number(Decimal(value.numerator) / Decimal(value.denominator))


def months_picture(lines: Sequence[MonthLine]) -> Months:
    """Bars of amounts and a line of deals; the two highest whole months carry their value."""
    slot = Fraction(1, max(1, len(lines)))
    fen = [one.sums.fen for one in lines]
    unit, word = money_unit(Money(max(fen, default=0)))
    marks = rules.ticks(Fraction(max(fen, default=0), unit))
    counts = rules.whole_ticks(max((one.sums.deals for one in lines), default=0), 2)
    highest = sorted(range(len(fen)), key=lambda n: (-fen[n], n))[:LABELLED]
    bars, points = [], []
    for place, one in enumerate(lines):
        centre = slot * place + slot / 2
        y = _down(Fraction(one.sums.fen, unit) / marks[-1], BARS, TOP)
        named = place in highest and one.sums.fen > 0
        bars.append(
            Bar(
                _percent(centre - slot / 4),
                _percent(slot / 2),
                _percent(centre),
                y,
                TOP + BARS - y,
                "partial" if one.month.partial else "",
                in_unit(one.sums.fen, unit) if named else "",
                place == highest[0],
            )
        )
        points.append(Point(_percent(centre), str(_down(Fraction(one.sums.deals, counts[-1]), LINE, 8))))
    strokes = [
        Stroke(a.x, a.y, b.x, b.y, line.month.partial)
        for a, b, line in zip(points, points[1:], lines[1:], strict=False)
    ]
    return Months(
        word,
        tuple(bars),
        tuple(Mark(str(_down(one / marks[-1], BARS, TOP)), _axis_word(one)) for one in marks),
        tuple(points),
        tuple(strokes),
        tuple(Mark(str(_down(Fraction(one, counts[-1]), LINE, 8)), number(one)) for one in counts),
        tuple(
            Mark(
                bar.middle,
                month_text(one.month.first) + ("*" if one.month.partial else ""),
                (len(lines) - place) % 2 == 0,
            )
            for place, (bar, one) in enumerate(zip(bars, lines, strict=True))
        ),
        not any(fen),
    )


def composition_picture(lines: Sequence[tuple[str, Sums]], whole: Sums) -> Composition:
    """A lying bar for every kind of business, in the order given."""
    most = max((sums.fen for _, sums in lines), default=0)
    unit, word = money_unit(Money(most))
    return Composition(
        word,
        tuple(
            Lying(
                business_word(key),
                _percent((rules.share(sums.fen, most) or 0) * BESIDE),
                in_unit(sums.fen, unit),
                f"{percent(rules.share(sums.fen, whole.fen) or Fraction(0), 1)}%",
            )
            for key, sums in lines
        ),
        not most,
        _row_high(len(lines), 330),
    )


def competition_picture(lines: Sequence[KindLine]) -> Competition:
    """Dots of mean bidders, this year's and the last's, on an axis from zero."""
    means = [mean for one in lines for mean in (one.now.mean_bidders, one.before.mean_bidders) if mean]
    marks = rules.ticks(max(means, default=Fraction(4)), 5)

    def place(mean: Fraction | None) -> str:
        return "" if mean is None else _percent(mean / marks[-1])

    return Competition(
        tuple(
            Pair(
                kind_word(one.kind),
                place(one.now.mean_bidders),
                place(one.before.mean_bidders),
                decimal(one.now.mean_bidders),
                (one.before.mean_bidders or 0) > (one.now.mean_bidders or 0),
            )
            for one in lines
        ),
        tuple(Mark(_percent(one / marks[-1]), _axis_word(one)) for one in marks),
        not lines,
        _row_high(len(lines), 250),
    )


def savings_picture(rates: Sequence[tuple[int, int]]) -> Savings:
    """Bars of bins, the median's dark; every deal as a dot while there are few."""
    found = rules.bins(rates)
    middle = rules.median(rates)
    count = sum(often for _, often in rates)
    few = 0 < count < rules.POINTS_BELOW
    marks = rules.whole_ticks(max((one.count for one in found), default=0))
    slot = Fraction(1, len(found))
    bars: list[Bar] = []
    dots: list[Point] = []
    where = Fraction(0)
    gap = Fraction(BINS, marks[-1])
    for place, one in enumerate(found):
        left = slot * place
        centre = left + slot / 2
        inside = middle is not None and middle in one
        if inside and middle is not None:
            where = left + slot * _within(one, middle) if few else centre
        y = _down(Fraction(one.count, marks[-1]), BINS, TOP)
        bars.append(
            Bar(
                _percent(left + slot * Fraction(6, 100)),
                _percent(slot * Fraction(88, 100)),
                _percent(centre),
                y,
                TOP + BINS - y,
                "middle" if inside else "",
            )
        )
        if few:
            dots += [
                Point(_percent(centre), f"{float(TOP + BINS - gap * n - gap / 2):.1f}")
                for n in range(one.count)
            ]
    return Savings(
        () if few else tuple(bars),
        tuple(dots),
        f"{min(5.5, float(gap) / 2 - 0.5):.1f}",
        tuple(Mark(str(_down(Fraction(one, marks[-1]), BINS, TOP)), number(one)) for one in marks),
        tuple(
            Mark(bar.middle, bin_word(one.low, one.high, ""), place % 2 == 1)
            for place, (bar, one) in enumerate(zip(bars, found, strict=True))
        ),
        _percent(where) if middle is not None else "",
        f"{percent(middle / rules.HUNDREDTHS)}%" if middle is not None else "",
        "start" if where < Fraction(15, 100) else "end" if where > Fraction(85, 100) else "middle",
        count,
    )


def _within(one: Bin, value: Fraction) -> Fraction:
    """Where in a bin a value lies, 0 … 1; the middle of a bin that is open."""
    if one.low is None or one.high is None:
        return Fraction(1, 2)
    return Fraction(value - one.low) / (one.high - one.low)


def calendar_picture(lines: Sequence[DayLine], year: int, last: date) -> Calendar:
    """The days of a year in columns of weeks, shaded by openings and auctions."""
    by_day = {one.day: one for one in lines}
    most = max((one.both for one in lines), default=0)
    ranges = rules.levels(most)
    first = date(year, 1, 1)
    monday = first - timedelta(days=first.weekday())
    weeks = ((date(year, 12, 31) - monday).days // 7) + 1
    lefts = [_percent(Fraction(n, weeks)) for n in range(weeks)]
    cells = []
    months: list[Mark] = []
    day = first
    while day.year == year:
        left = lefts[(day - monday).days // 7]
        found = by_day.get(day)
        both = found.both if found else 0
        cells.append(
            Cell(
                left,
                day.weekday(),
                rules.level_of(both, ranges) if day <= last else -1,
                f"{day.isoformat()}: {both}" if day <= last else "",
            )
        )
        if day.day == 1:
            months.append(Mark(left, month_text(day)))
        day += timedelta(days=1)
    return Calendar(
        tuple(cells),
        _percent(Fraction(1, weeks)),
        tuple(months),
        tuple(Mark(str(n), weekday_text(monday + timedelta(days=n))) for n in range(7)),
        ("0", *(f"{low}–{top}" if low < top else str(low) for low, top in ranges)),
        sum(one.both for one in lines),
        most,
    )
