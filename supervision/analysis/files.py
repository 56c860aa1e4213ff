"""Bids from a CSV file: what is usable becomes a history, everything else is named by line.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice
from pathlib import Path

import numpy as np

from kernel.encodings import Undecodable, encoding_of
from kernel.tables import Layout, Mark, Record, TwoReadings, layout_of, records
from supervision.analysis.cells import NO, YES, Keys, amount, as_numbers, clean, cleaned, day, numbers_of
from supervision.analysis.headings import COLUMNS, Unreadable, columns_of
from supervision.analysis.shapes import Bools, Floats, History, Ints

BLOCK_LINES = 20_000
NO_DAY = -(2**31)


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

    @property
    def told(self) -> str:
        """All of them in a few words, to be put behind a sentence; empty when there are none."""
        parts = [f"{number} × {what}" for what, number in self.counts.items()]
        return f": {', '.join(parts)}; first line {self.found[0].line}: {self.found[0].text}" if parts else ""

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
            layout: how the file is laid out.
    """

    history: History
    label: Floats
    region: Ints | None
    place: Floats | None
    prefix: str
    problems: Problems
    rows: int
    columns: tuple[str, ...]
    layout: Layout


class _Codes:
    """Texts → small numbers, in order of appearance."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def read(path: Path, mapping: Mapping[str, str], tell: Callable[[str, int, int], None]) -> Bids:
    """Read a file.

    Args:
        mapping: our name of a column → its name in the file. tell: hears how many bytes of how many were read.

    Raises:
        Unreadable: no such file, no header, a needed column is missing, a mapped one is missing, or no bid is usable.
    """
    try:
        wanted = {name: mapping.get(name, name) for name in COLUMNS}
        layout = layout_of(path, wanted.values(), [wanted["bid"], wanted["estimate"]])
        with path.open(encoding=encoding_of(path), newline="") as file:
            return _Reader(path, mapping, layout, tell).read(file)
    except (OSError, Undecodable, csv.Error) as error:
        raise Unreadable(f"{path}: {error}") from error


def _slim(values: Floats) -> Floats:
    """A column in which nothing is known takes no room."""
    return np.broadcast_to(np.nan, values.shape) if np.isnan(values).all() else values


class _Kept:
    """Columns of numbers, one entry a usable line; ``firm`` stays empty where the file has no such column."""

    def __init__(self) -> None:
        self.tender, self.firm, self.line = array("i"), array("i"), array("i")
        self.currency, self.won, self.bid = array("h"), array("b"), array("d")


class _Reader:
    """One pass over the lines; only numbers are kept of each."""

    def __init__(
        self,
        path: Path,
        mapping: Mapping[str, str],
        layout: Layout,
        tell: Callable[[str, int, int], None],
    ) -> None:
        self.path, self.mapping, self.layout, self.tell = path, mapping, layout, tell
        self.problems = Problems()
        self.tenders, self.firms, self.texts, self.currencies = _Codes(), _Codes(), _Codes(), _Codes()
        self.category, self.region, self.days = array("i"), array("i"), array("i")
        self.estimate, self.label = array("d"), array("d")
        self.day_of: dict[str, int | None] = {}

    def _room(self) -> None:
        """Let the columns about tenders reach the newest one: nothing is known of it yet."""
        more = len(self.tenders.numbers) - len(self.category)
        if more > 0:
            self.category.extend([-1] * more)
            self.region.extend([-1] * more)
            self.days.extend([NO_DAY] * more)
            self.estimate.extend([np.nan] * more)
            self.label.extend([np.nan] * more)

    def read(self, file: Iterator[str]) -> Bids:
        parted = self.layout.separator
        before = sum(1 for _ in islice(file, self.layout.skipped))
        rows = csv.reader(file, delimiter=parted)
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise Unreadable(f"{self.path}: the file is empty")
        column, width = columns_of(self.path, header, self.mapping), len(header)
        kept = _Kept()
        size = max(self.path.stat().st_size, 1)
        before, count, read_bytes = before + rows.line_num, 0, 0
        while block := list(islice(file, BLOCK_LINES)):
            read_bytes += sum(map(len, block))
            self.tell("reading", min(read_bytes, size), size)
            quoted = any('"' in line for line in block)
            if not quoted and self._block(before, block, width, column, kept):
                before, count = before + len(block), count + len(block)
                continue
            # A quoted cell may run on over lines, so from the first quotation mark on one reader takes it all.
            for record in records(chain(block, file) if quoted else block, parted, before):
                count, before = count + 1, record.last
                if record.cells:
                    self._row(record, width, column, kept)
        self.tell("reading", size, size)
        return self._made(kept, count, tuple(column))

    def _block(
        self, before: int, block: Sequence[str], width: int, column: Mapping[str, int], kept: _Kept
    ) -> bool:
        """Take plain lines column by column; False, with nothing taken, when any of them needs a closer look."""
        if self.layout.mark in {Mark.COMMA, Mark.BOTH}:
            return False
        rows = [line.rstrip("\r\n").split(self.layout.separator) for line in block]
        if any(len(row) != width for row in rows):
            return False
        columns = list(zip(*rows, strict=True))
        cells = {name: cleaned(columns[at]) for name, at in column.items()}
        written = "".join([*cells["bid"], *cells.get("estimate", ())])
        if "_" in written or not written.isascii():
            return False
        try:
            bids = np.array(list(map(float, cells["bid"])))
            costs = {
                i: float(text) for i, text in enumerate(cells.get("estimate", ())) if text
            }  # the first of a tender counts
        except ValueError:
            return False
        marks = set(cells.get("label", ())) - {""}
        labels = {text: float(text.lower() in YES) for text in marks}
        plain = (
            bool(np.all(np.isfinite(bids) & (bids > 0)))
            and all(cells["tender"])
            and all(cells.get("bidder", ()))
            and all(0 < value < np.inf for value in costs.values())
            and all(text.lower() in YES or text.lower() in NO for text in marks)
            and all(self._day(text) is not None for text in set(cells.get("date", ())) - {""})
        )
        if not plain:
            return False
        tenders = [self.tenders[key] for key in cells["tender"]]
        self._room()
        for i, value in costs.items():
            if np.isnan(self.estimate[tenders[i]]):
                self.estimate[tenders[i]] = value
        for i, (tender, text) in enumerate(zip(tenders, cells.get("label", ()), strict=False)):
            if text:
                self._labelled(before + 1 + i, tender, labels[text], text)
        for tender, text in zip(tenders, cells.get("date", ()), strict=False):
            number = self._day(text) if text else None
            if number is not None and (self.days[tender] == NO_DAY or number < self.days[tender]):
                self.days[tender] = number
        self._kinds(tenders, cells)
        kept.tender.extend(tenders)
        if "bidder" in cells:
            kept.firm.extend([self.firms[name] for name in cells["bidder"]])
        kept.bid.frombytes(bids.tobytes())
        money = cells.get("currency")
        kept.currency.extend(
            [self.currencies[text.upper()] for text in money] if money else [self.currencies[""]] * len(rows)
        )
        won = cells.get("won")
        kept.won.extend([text.lower() in YES for text in won] if won else [0] * len(rows))
        kept.line.extend(range(before + 1, before + 1 + len(rows)))
        return True

    def _kinds(self, tenders: Sequence[int], cells: Mapping[str, Sequence[str]]) -> None:
        """Category and region of tenders of which a block of lines says them first."""
        blank = [""] * len(tenders)
        if "market" in cells or "category" in cells:
            for tender, *both in zip(
                tenders, cells.get("market", blank), cells.get("category", blank), strict=True
            ):
                if self.category[tender] < 0 and (kind := " / ".join(text for text in both if text)):
                    self.category[tender] = self.texts[kind]
        for tender, place in zip(tenders, cells.get("region", ()), strict=False):
            if place and self.region[tender] < 0:
                self.region[tender] = self.texts[place]

    def _labelled(self, line: int, tender: int, value: float, text: str) -> None:
        """The highest label of a tender's lines counts; that they differ is said."""
        known = self.label[tender]
        if known == value:
            return
        if not np.isnan(known):
            self.problems.add(line, "label differs inside the tender (the highest counts)", text)
        self.label[tender] = value if np.isnan(known) else max(known, value)

    def _day(self, text: str) -> int | None:
        """A date as a number of days, None when it is not understood; each text is read once."""
        if text not in self.day_of:
            try:
                self.day_of[text] = day(text).toordinal() - date(1970, 1, 1).toordinal()
            except (ValueError, OverflowError, OSError):
                self.day_of[text] = None
        return self.day_of[text]

    def _row(self, record: Record, width: int, column: Mapping[str, int], kept: _Kept) -> None:
        first, line, row, swallowed = record
        if swallowed or (len(row) < width and first < line):
            runs = f"lines {first} to {line}: {' '.join(','.join(row).split())}"
            self.problems.add(line, "a quoted cell runs on over lines, none of which was read", runs)
            return
        if any(map(str.strip, row[width:])):
            self.problems.add(line, "more cells than the header has", ",".join(row))
            return

        def cell(name: str) -> str:
            at = column.get(name)
            return clean(row[at]) if at is not None and at < len(row) else ""

        key = cell("tender")
        if not key:
            self.problems.add(line, "tender is missing", ",".join(row))
            return
        text = cell("bid")
        if not text:
            self.problems.add(line, "bid is missing", ",".join(row))
            return
        try:
            value, money = amount(text, self.layout.mark)
        except TwoReadings:
            self.problems.add(line, "bid can be read in two ways", text)
            return
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
        if "bidder" in column:
            kept.firm.append(firm)
        kept.bid.append(value)
        kept.currency.append(self.currencies[cell("currency").upper() or money])
        kept.won.append(cell("won").lower() in YES)
        kept.line.append(line)

    def _about(self, line: int, tender: int, cell: Callable[[str], str]) -> None:
        """What a line says about its tender; the first line that says it counts, for labels the highest."""
        self._room()
        kind = " / ".join(text for text in (cell("market"), cell("category")) if text)
        if kind and self.category[tender] < 0:
            self.category[tender] = self.texts[kind]
        if (place := cell("region")) and self.region[tender] < 0:
            self.region[tender] = self.texts[place]
        if (text := cell("estimate")) and np.isnan(self.estimate[tender]):
            try:
                value, _ = amount(text, self.layout.mark)
            except ValueError:
                value = 0.0
            if value > 0:
                self.estimate[tender] = value
            else:
                self.problems.add(line, "estimate is not a positive number (left out)", text)
        if text := cell("label"):
            if (word := text.lower()) in YES or word in NO:
                self._labelled(line, tender, float(word in YES), text)
            else:
                self.problems.add(line, "label is neither 1 nor 0 (left out)", text)
        if text := cell("date"):
            number = self._day(text)
            if number is None:
                self.problems.add(line, "date is not understood (left out)", text)
            elif self.days[tender] == NO_DAY or number < self.days[tender]:
                self.days[tender] = number

    def _made(self, kept: _Kept, rows: int, columns: tuple[str, ...]) -> Bids:
        """The columns as a history; what is used up is let go at once, because this is where memory is shortest."""
        tender, firm, currency, line = (
            as_numbers(one) for one in (kept.tender, kept.firm, kept.currency, kept.line)
        )
        bid, won = as_numbers(kept.bid).astype(np.float64, copy=False), as_numbers(kept.won).view(np.bool_)
        kept.tender = kept.firm = kept.line = kept.currency = kept.won = array("i")
        kept.bid = array("d")
        unnamed = not self.firms.numbers
        if unnamed:
            firm = np.broadcast_to(np.int64(-1), (len(bid),))
        once = self._once(tender, firm, line) & self._one_currency(tender, currency, line)
        del line
        if not once.all():
            tender, firm, bid, won, currency = tender[once], firm[once], bid[once], won[once], currency[once]
        if not len(bid):
            raise Unreadable(f"{self.path}: no usable bid among {rows} lines{self.problems.told}")
        seen = np.zeros(len(self.tenders.numbers), dtype=np.bool_)
        seen[tender] = True
        old = np.flatnonzero(seen)
        keys = Keys(key for key, kept in zip(self.tenders.numbers, seen.tolist(), strict=True) if kept)
        self.tenders.numbers.clear()
        if not seen.all():
            tender = (np.cumsum(seen) - 1)[tender]
        texts = [*self.texts.numbers, ""]
        marks = list(self.currencies.numbers)
        money = np.zeros(len(old), dtype=np.int16)
        money[tender] = currency
        del currency
        several = len(np.unique(money)) > 1
        named: dict[tuple[int, int], str] = {}
        kinds = [
            named.setdefault((k, c), texts[k] + (f" ({marks[c]})" if several else ""))
            for k, c in zip(as_numbers(self.category)[old].tolist(), money.tolist(), strict=True)
        ]
        days = np.array(self.days, dtype=np.int64)[old]
        days[days == NO_DAY] = np.iinfo(np.int64).min
        history = History(
            keys,
            kinds,
            days.view("datetime64[D]"),
            _slim(np.array(self.estimate)[old]),
            list(self.firms.numbers),
            tender if unnamed else tender.astype(np.int64),
            firm.astype(np.int64) if not unnamed else firm,
            bid,
            won,
        )
        label = _slim(np.array(self.label)[old])
        places = np.array(self.region, dtype=np.int64)
        region = np.unique(places[old], return_inverse=True)[1] if bool((places >= 0).any()) else None
        place, prefix = numbers_of(history.keys)
        return Bids(history, label, region, place, prefix, self.problems, rows, columns, self.layout)

    def _once(self, tender: Ints, firm: Ints, line: Ints) -> Bools:
        """Whether each bid is the first of its firm in its tender; the others are named."""
        first = np.ones(len(tender), dtype=np.bool_)
        named = np.flatnonzero(firm >= 0)
        if not len(named):
            return first
        key = tender[named].astype(np.int64) * max(len(self.firms.numbers), 1) + firm[named]
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
