"""The statistics as tables: what stands beside every chart, and what its file holds, from one reading."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kernel.calendar import end_of_day
from kernel.facts import rfc3339
from kernel.i18n import date_text, duration, gettext, month_text, number, yuan
from kernel.money import Money
from kernel.score import half_up
from supervision.rules import statistics as rules
from supervision.rules.statistics import Sums
from supervision.statistics_queries import Statistics
from supervision.statistics_words import TITLES, business_word, decimal, kind_word, percent

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be computed by a spreadsheet; a name never is."""


@dataclass(frozen=True)
class Column:
    """A column. ``kind`` says how its values are written; ``code`` is its name in files, in any language.

    A value of the kind ``word`` is a pair: its code for files, its word for people.
    """

    code: str
    word: str
    kind: str

    @property
    def right(self) -> bool:
        return self.kind not in ("name", "word", "day", "month")


@dataclass(frozen=True)
class Table:
    """A table with one row per line of its chart; the first column names the row."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def title(self) -> str:
        return gettext(TITLES[self.name])

    @property
    def shown(self) -> list[list[str]]:
        """The rows as people read them."""
        return [[_shown(column.kind, value) for column, value in self._cells(row)] for row in self.rows]

    @property
    def written(self) -> list[list[str]]:
        """The rows as files hold them: plain numbers, nothing rounded away that counts."""
        return [[_written(column.kind, value) for column, value in self._cells(row)] for row in self.rows]

    def _cells(self, row: Sequence[Any]) -> list[tuple[Column, Any]]:
        return list(zip(self.columns, row, strict=True))


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


Writer = Callable[[Any], str]

_SHOWN: Mapping[str, Writer] = {
    "name": str,
    "word": lambda pair: str(pair[1]),
    "day": date_text,
    "month": month_text,
    "count": number,
    "yuan": lambda fen: yuan(Money(fen)),
    "percent": lambda share: f"{percent(share)}%",
    "mean": lambda mean: decimal(mean, 2),
    "seconds": duration,
}
_WRITTEN: Mapping[str, Writer] = {
    "name": _harmless,
    "word": lambda pair: str(pair[0]),
    "day": date.isoformat,
    "month": lambda first: str(first.strftime("%Y-%m")),
    "count": str,
    "yuan": lambda fen: f"{Money(fen).yuan:.2f}",
    "percent": lambda share: str(half_up(share * 100, Decimal("0.0001"))),
    "mean": lambda mean: str(half_up(mean, Decimal("0.0001"))),
    "seconds": str,
}


def _shown(kind: str, value: Any) -> str:
    return "—" if value is None else _SHOWN[kind](value)


def _written(kind: str, value: Any) -> str:
    return "" if value is None else _WRITTEN[kind](value)


def _bidding(sums: Sums) -> tuple[Fraction | None, Fraction | None]:
    return sums.mean_bidders, sums.single_share


def figures(of: Statistics) -> Table:
    """The six figures, for both stretches."""
    columns = (
        Column("period", gettext("Stretch of time"), "word"),
        Column("first_day", gettext("First day"), "day"),
        Column("last_day", gettext("Last day"), "day"),
        Column("deals", gettext("Deals"), "count"),
        Column("amount_yuan", gettext("Amount"), "yuan"),
        Column("saving_percent", gettext("Mean saving"), "percent"),
        Column("premium_percent", gettext("Mean premium"), "percent"),
        Column("mean_bidders", gettext("Mean bidders"), "mean"),
        Column("single_percent", gettext("Single responses"), "percent"),
    )
    rows = tuple(
        (name, span.first, span.last, sums.deals, sums.fen, sums.saving, sums.premium, *_bidding(sums))
        for name, span, sums in (
            (("counted", gettext("Counted")), of.span, of.now),
            (("compared", gettext("Compared with")), of.before, of.then),
        )
    )
    return Table("figures", columns, rows)


def months(of: Statistics) -> Table:
    """Amount and deals by month, with the last day counted."""
    columns = (
        Column("month", gettext("Month"), "month"),
        Column("until", gettext("Counted until"), "day"),
        Column("deals", gettext("Deals"), "count"),
        Column("amount_yuan", gettext("Amount"), "yuan"),
    )
    rows = tuple((one.month.first, one.month.last, one.sums.deals, one.sums.fen) for one in of.months)
    return Table("months", columns, rows)


def composition(of: Statistics) -> Table:
    """Amount and deals by kind of business."""
    columns = (
        Column("business", gettext("Kind of business"), "word"),
        Column("deals", gettext("Deals"), "count"),
        Column("amount_yuan", gettext("Amount"), "yuan"),
        Column("share_percent", gettext("Share of the amount"), "percent"),
    )
    rows = tuple(
        ((key, business_word(key)), sums.deals, sums.fen, rules.share(sums.fen, of.now.fen))
        for key, sums in of.business
    )
    return Table("composition", columns, rows)


def competition(of: Statistics) -> Table:
    """Mean bidders by kind of deal, this year and the last."""
    year = of.span.first.year
    columns = (
        Column("kind", gettext("Kind of deal"), "word"),
        Column("deals", gettext("Deals"), "count"),
        Column("mean_bidders", gettext("Mean bidders %(year)s", year=year), "mean"),
        Column("mean_bidders_before", gettext("Mean bidders %(year)s", year=year - 1), "mean"),
        Column("single_percent", gettext("Single responses"), "percent"),
    )
    rows = tuple(
        (
            (one.kind, kind_word(one.kind)),
            one.now.deals,
            one.now.mean_bidders,
            one.before.mean_bidders,
            one.now.single_share,
        )
        for one in of.kinds
    )
    return Table("competition", columns, rows)


def bin_word(low: int | None, high: int | None, unit: str = "%") -> str:
    """``8–10%``, ``>20%`` or ``<0%``; edges in hundredths of a percent."""
    if low is None:
        return f"<{(high or 0) // 100}{unit}"
    return f">{low // 100}{unit}" if high is None else f"{low // 100}–{high // 100}{unit}"


def bin_code(low: int | None, high: int | None) -> str:
    """``8-10``, ``20-`` or ``-0``: the edges in percent, for files."""
    return "-".join("" if edge is None else str(edge // 100) for edge in (low, high))


def savings(of: Statistics) -> Table:
    """How many purchases saved how much."""
    count = sum(often for _, often in of.rates)
    columns = (
        Column("saving", gettext("Saving rate"), "word"),
        Column("deals", gettext("Deals"), "count"),
        Column("share_percent", gettext("Share of the deals"), "percent"),
    )
    rows = tuple(
        ((bin_code(one.low, one.high), bin_word(one.low, one.high)), one.count, rules.share(one.count, count))
        for one in rules.bins(of.rates)
    )
    return Table("savings", columns, rows)


def days(of: Statistics) -> Table:
    """Openings and auctions of every day that had one."""
    columns = (
        Column("day", gettext("Day"), "day"),
        Column("openings", gettext("Openings held"), "count"),
        Column("auctions", gettext("Auctions held"), "count"),
        Column("both", gettext("Together"), "count"),
    )
    return Table("days", columns, tuple((one.day, one.openings, one.auctions, one.both) for one in of.days))


def districts(of: Statistics) -> Table:
    """The figures of every region."""
    columns = (
        Column("region", gettext("District"), "name"),
        Column("deals", gettext("Deals"), "count"),
        Column("amount_yuan", gettext("Amount"), "yuan"),
        Column("saving_percent", gettext("Saving rate"), "percent"),
        Column("mean_bidders", gettext("Mean bidders"), "mean"),
        Column("single_percent", gettext("Single responses"), "percent"),
        Column("objections", gettext("Objections answered"), "count"),
        Column("answer_seconds", gettext("Answer to objections"), "seconds"),
    )
    rows = tuple(
        (
            one.region,
            one.sums.deals,
            one.sums.fen,
            one.sums.saving,
            *_bidding(one.sums),
            one.answered,
            one.seconds,
        )
        for one in of.districts
    )
    return Table("districts", columns, rows)


TABLES: Mapping[str, Callable[[Statistics], Table]] = {
    "figures": figures,
    "months": months,
    "composition": composition,
    "competition": competition,
    "savings": savings,
    "days": days,
    "districts": districts,
}


def tables(of: Statistics) -> dict[str, Table]:
    """Every table of the page."""
    return {name: make(of) for name, make in TABLES.items()}


def one_file(table: Table) -> str:
    """A table as CSV for spreadsheets: a line of codes, then the rows. Source: RFC 4180."""
    return _csv([[column.code for column in table.columns], *table.written])


def whole_file(of: Statistics) -> str:
    """All tables in one CSV of single values: table, row, measure, value. What was asked for stands first."""
    asked = [
        ["asked", "", "year", str(of.asked.year)],
        ["asked", "", "business", of.asked.business],
        ["asked", "", "region", _harmless(of.asked.region)],
        ["asked", "", "counted_until", rfc3339(end_of_day(of.span.last))],
        ["asked", "", "computed_at", rfc3339(of.at)],
    ]
    values = [
        [table.name, row[0], column.code, value]
        for table in tables(of).values()
        for row in table.written
        for column, value in zip(table.columns[1:], row[1:], strict=True)
    ]
    return _csv([["table", "row", "measure", "value"], *asked, *values])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return "\ufeff" + out.getvalue()  # so that spreadsheets read the Chinese
