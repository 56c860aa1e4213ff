"""Bids from a CSV file: what is usable becomes a history, everything else is named by line.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from supervision.analysis.shapes import Bools, Floats, History, Ints

COLUMNS = (
    "tender",
    "bid",
    "bidder",
    "date",
    "estimate",
    "category",
    "market",
    "region",
    "label",
    "currency",
    "won",
)
NEEDED = ("tender", "bid")
MONEY = re.compile(
    r"^(?P<before>[A-Za-z]{3}|[¥￥$€£₩₹])?\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<after>[A-Za-z]{3}|元|円|[¥￥$€£₩₹])?$"
)
YES, NO = (
    frozenset(["1", "1.0", "true", "yes", "y", "t", "collusive", "rigged"]),
    frozenset(["0", "0.0", "false", "no", "n", "f", "competitive", "clean"]),
)
MISSING = frozenset(["", "na", "nan", "null", "none", "n/a", "."])
NUMBER_IN_KEY = re.compile(r"^(\D*)(\d+)(\D*)$")


class Unreadable(ValueError):
    """The file as a whole cannot be used; the message says why."""


@dataclass(frozen=True)
class Problem:
    """A line that was left out, or a value that was: number of the line (the header is 1), what is wrong, the text."""

    line: int
    what: str
    text: str


@dataclass
class Problems:
    """Problems, the first ``keep`` of each kind in full, all of them counted."""

    keep: int = 10_000
    found: list[Problem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, line: int, what: str, text: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        if self.counts[what] <= self.keep:
            self.found.append(Problem(line, what, text[:80]))


@dataclass(frozen=True)
class Bids:
    """A file as read.

    Attributes:
        history: tenders in the order in which they first appear. label: of each tender, NaN undecided, shape (m,).
            region: of each tender as a number, or None. place: number in each key when all keys are alike but for it, shape
            (m,), or None. prefix: what the keys share. problems: what was left out. rows: lines read without the header.
    """

    history: History
    label: Floats
    region: Ints | None
    place: Floats | None
    prefix: str
    problems: Problems
    rows: int
    columns: tuple[str, ...]


class _Codes:
    """Texts → small numbers, in order of appearance."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def day(text: str) -> date:
    """ISO (with or without a time), YYYYMMDD, a year (its 1 July is not known: 1 January stands for it), unix seconds.

    Raises:
        ValueError: none of them.
    """
    if re.fullmatch(r"\d{4}(?:\.0)?", text):
        return date(int(text[:4]), 1, 1)
    if re.fullmatch(r"\d{8}", text) and "19000101" <= text <= "21001231":
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    if re.fullmatch(r"-?\d{7,11}(?:\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC).date()
    return datetime.fromisoformat(text.replace("/", "-")).date()


def amount(text: str) -> tuple[float, str]:
    """A number, with the currency written beside it or an empty text.

    Raises:
        ValueError: not a finite number. Thousands separators are refused, because a comma may be a decimal point.
    """
    try:
        value = float(text)
        mark = ""
    except ValueError:
        found = MONEY.match(text)
        if found is None:
            raise
        value, mark = float(found["number"]), (found["before"] or found["after"] or "").upper()
    if not np.isfinite(value):
        raise ValueError(text)
    return value, mark


def read(path: Path, mapping: Mapping[str, str], tell: Callable[[str, int, int], None]) -> Bids:
    """Read a file.

    Args:
        mapping: our name of a column → its name in the file. tell: hears how many bytes of how many were read.

    Raises:
        Unreadable: no such file, no header, a needed column is missing, a mapped one is missing, or no bid is usable.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _Reader(path, mapping, tell).read(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{path}: {error}") from error


class _Kept:
    """Columns of numbers, one entry a usable line."""

    def __init__(self) -> None:
        self.tender, self.firm, self.line = array("i"), array("i"), array("i")
        self.currency, self.won, self.bid = array("h"), array("b"), array("d")


class _Reader:
    """One pass over the lines; only numbers are kept of each."""

    def __init__(self, path: Path, mapping: Mapping[str, str], tell: Callable[[str, int, int], None]) -> None:
        self.path, self.mapping, self.tell = path, mapping, tell
        self.problems = Problems()
        self.tenders, self.firms, self.texts, self.currencies = _Codes(), _Codes(), _Codes(), _Codes()
        self.category: dict[int, int] = {}
        self.region: dict[int, int] = {}
        self.estimate: dict[int, float] = {}
        self.label: dict[int, float] = {}
        self.days: dict[int, int] = {}
        self.day_of: dict[str, int | None] = {}

    def read(self, file: Iterator[str]) -> Bids:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise Unreadable(f"{self.path}: the file is empty")
        column = self._columns(header)
        kept = _Kept()
        size = max(self.path.stat().st_size, 1)
        count, read_bytes = 0, 0
        for row in rows:
            count += 1
            read_bytes += sum(map(len, row)) + len(row)
            if count % 100_000 == 0:
                self.tell("reading", min(read_bytes, size), size)
            if row:
                self._row(rows.line_num, row, column, kept)
        self.tell("reading", size, size)
        return self._made(kept, count, tuple(column))

    def _columns(self, header: Sequence[str]) -> dict[str, int]:
        lower = {name.lower(): i for i, name in reversed(list(enumerate(header)))}
        exact = {name: i for i, name in reversed(list(enumerate(header)))}
        found = {}
        for name in COLUMNS:
            wanted = self.mapping.get(name)
            if wanted is not None:
                if wanted not in exact:
                    raise Unreadable(
                        f"{self.path}: there is no column {wanted!r}; there are {', '.join(header)}"
                    )
                found[name] = exact[wanted]
            elif name in lower:
                found[name] = lower[name]
        if missing := [name for name in NEEDED if name not in found]:
            raise Unreadable(
                f"{self.path}: no column {', '.join(missing)}; name it with --map {missing[0]}=…; there are {', '.join(header)}"
            )
        return found

    def _row(self, line: int, row: Sequence[str], column: Mapping[str, int], kept: _Kept) -> None:
        def cell(name: str) -> str:
            at = column.get(name)
            text = row[at].strip() if at is not None and at < len(row) else ""
            return "" if text.lower() in MISSING else text

        key = cell("tender")
        if not key:
            self.problems.add(line, "tender is missing", ",".join(row))
            return
        text = cell("bid")
        if not text:
            self.problems.add(line, "bid is missing", ",".join(row))
            return
        try:
            value, mark = amount(text)
        except ValueError:
            self.problems.add(line, "bid is not a number", text)
            return
        if value <= 0:
            self.problems.add(line, "bid is zero" if value == 0 else "bid is negative", text)
            return
        tender = self.tenders[key]
        firm = -1
        if "bidder" in column:
            if name := cell("bidder"):
                firm = self.firms[name]
            else:
                self.problems.add(line, "bidder is missing (the bid is kept without a name)", ",".join(row))
        self._about(line, tender, cell)
        kept.tender.append(tender)
        kept.firm.append(firm)
        kept.bid.append(value)
        kept.currency.append(self.currencies[cell("currency").upper() or mark])
        kept.won.append(cell("won").lower() in YES)
        kept.line.append(line)

    def _about(self, line: int, tender: int, cell: Callable[[str], str]) -> None:
        """What a line says about its tender; the first line that says it counts, for labels the highest."""
        kind = " / ".join(text for text in (cell("market"), cell("category")) if text)
        if kind:
            self.category.setdefault(tender, self.texts[kind])
        if place := cell("region"):
            self.region.setdefault(tender, self.texts[place])
        if (text := cell("estimate")) and tender not in self.estimate:
            try:
                value, _ = amount(text)
            except ValueError:
                value = 0.0
            if value > 0:
                self.estimate[tender] = value
            else:
                self.problems.add(line, "estimate is not a positive number (left out)", text)
        if text := cell("label").lower():
            if text in YES or text in NO:
                self.label[tender] = max(self.label.get(tender, 0.0), float(text in YES))
            else:
                self.problems.add(line, "label is neither 1 nor 0 (left out)", text)
        if text := cell("date"):
            if text not in self.day_of:
                try:
                    self.day_of[text] = day(text).toordinal() - date(1970, 1, 1).toordinal()
                except (ValueError, OverflowError, OSError):
                    self.day_of[text] = None
            number = self.day_of[text]
            if number is None:
                self.problems.add(line, "date is not understood (left out)", text)
            else:
                self.days[tender] = min(self.days.get(tender, number), number)

    def _made(self, kept: _Kept, rows: int, columns: tuple[str, ...]) -> Bids:
        tender, firm = np.array(kept.tender, dtype=np.int64), np.array(kept.firm, dtype=np.int64)
        currency, line = np.array(kept.currency, dtype=np.int64), np.array(kept.line, dtype=np.int64)
        bid, won = np.array(kept.bid), np.array(kept.won, dtype=np.bool_)
        once = self._once(tender, firm, line) & self._one_currency(tender, currency, line)
        tender, firm, bid, won, currency = tender[once], firm[once], bid[once], won[once], currency[once]
        if not len(bid):
            raise Unreadable(f"{self.path}: no usable bid among {rows} lines")
        old, tender = np.unique(tender, return_inverse=True)
        keys = list(self.tenders.numbers)
        texts = [*self.texts.numbers, ""]
        money = np.zeros(len(old), dtype=np.int64)
        money[tender] = currency
        marks = list(self.currencies.numbers)
        several = len(np.unique(money)) > 1
        kinds = [
            texts[self.category.get(t, -1)] + (f" ({marks[c]})" if several else "")
            for t, c in zip(old.tolist(), money.tolist(), strict=True)
        ]
        days = np.array([self.days.get(t, np.iinfo(np.int64).min) for t in old.tolist()], dtype=np.int64)
        history = History(
            [keys[t] for t in old.tolist()],
            kinds,
            days.astype("datetime64[D]"),
            np.array([self.estimate.get(t, np.nan) for t in old.tolist()]),
            list(self.firms.numbers),
            tender.astype(np.int64),
            firm,
            bid,
            won,
        )
        label = np.array([self.label.get(t, np.nan) for t in old.tolist()])
        region = np.array([self.region.get(t, -1) for t in old.tolist()]) if self.region else None
        if region is not None:
            region = np.unique(region, return_inverse=True)[1]
        place, prefix = numbers_of(history.keys)
        return Bids(history, label, region, place, prefix, self.problems, rows, columns)

    def _once(self, tender: Ints, firm: Ints, line: Ints) -> Bools:
        """Whether each bid is the first of its firm in its tender; the others are named."""
        first = np.ones(len(tender), dtype=np.bool_)
        named = np.flatnonzero(firm >= 0)
        key = tender[named] * max(len(self.firms.numbers), 1) + firm[named]
        first[named] = False
        first[named[np.unique(key, return_index=True)[1]]] = True
        names = list(self.firms.numbers)
        for i in np.flatnonzero(~first).tolist():
            self.problems.add(int(line[i]), "bidder stands twice in the tender", names[firm[i]])
        return first

    def _one_currency(self, tender: Ints, currency: Ints, line: Ints) -> Bools:
        """Whether each bid is in the commonest currency of its tender; the others are named."""
        names = list(self.currencies.numbers)
        if len(names) < 2:
            return np.ones(len(tender), dtype=np.bool_)
        counts = np.zeros((len(self.tenders.numbers), len(names)), dtype=np.int64)
        np.add.at(counts, (tender, currency), 1)
        main = counts.argmax(axis=1)[tender]
        for i in np.flatnonzero(currency != main).tolist():
            said = f"{names[currency[i]] or 'none'} beside {names[main[i]] or 'none'}"
            self.problems.add(int(line[i]), "currency differs from that of the tender", said)
        return np.asarray(currency == main)


def numbers_of(keys: Sequence[str]) -> tuple[Floats | None, str]:
    """The number in each key and what stands before it, when all keys are alike but for it; otherwise None."""
    frame: tuple[str, str] | None = None
    numbers = np.empty(len(keys))
    for i, key in enumerate(keys):
        one = NUMBER_IN_KEY.match(key)
        if one is None or (frame is not None and frame != (one[1], one[3])):
            return None, ""
        frame = one[1], one[3]
        numbers[i] = float(one[2])
    return (numbers, frame[0]) if frame is not None else (None, "")
