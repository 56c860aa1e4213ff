"""Tables as spreadsheets of different countries save them: what parts the cells, and which mark the decimals have.

A comma in ``1,234`` may part thousands or decimals. The columns of amounts are looked through as a whole: where some
cells can be read in one way only (``1,234.50``, ``12,5``), the others are read like them; where nothing tells, or where
both ways occur, a cell that could be read in two ways is refused instead of guessed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from kernel.encodings import CHUNK_BYTES, encoding_of

SEPARATORS = (",", ";", "\t", "|")
_DOTTED = re.compile(rb"\d\.\d{3}\.\d{3}")
"""Thousands parted by points: worth a look even where no cell can hold a comma."""
_SPACED = re.compile(r"([+-]?\d{1,3})((?:[ '’\u00a0\u2009\u202f]\d{3})+)(?![\d])")
_NUMBER = re.compile(r"([+-]?)(\d[\d.,]*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COMMAS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?", re.ASCII)
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d*)?", re.ASCII)
_EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}", re.ASCII)


class Mark(StrEnum):
    """How the decimals of a file are marked."""

    POINT = "point"
    COMMA = "comma"
    BOTH = "both"
    UNKNOWN = "unknown"


class TwoReadings(ValueError):
    """A number that could be meant in two ways."""


@dataclass(frozen=True)
class Layout:
    """How a table is laid out: what parts its cells, how decimals are marked, lines before the header."""

    separator: str = ","
    mark: Mark = Mark.UNKNOWN
    skipped: int = 0

    @property
    def told(self) -> str:
        """What a reader should know of it; empty for the ordinary."""
        parts = []
        if self.separator != ",":
            name = "a tab" if self.separator == "\t" else repr(self.separator)
            parts.append(f"cells are parted by {name}")
        if self.mark is Mark.COMMA:
            parts.append("the decimal mark is a comma")
        if self.mark is Mark.BOTH:
            parts.append(
                "decimal points and decimal commas both occur: amounts with two readings are left out"
            )
        return "; ".join(parts)


def layout_of(path: Path, wanted: Collection[str], amounts: Collection[str]) -> Layout:
    """How a file is laid out.

    Args:
        wanted: names of columns to look for in the header; capitals do not matter. amounts: those that hold numbers.

    Raises:
        Undecodable: it is in no known encoding.
        OSError: as opening it.
    """
    encoding = encoding_of(path)
    names = {name.strip().casefold() for name in wanted}
    with path.open(encoding=encoding, newline="") as file:
        first = next(file, "")
        skipped, told = 0, re.fullmatch(r'"?sep=(.)"?', first.strip("\r\n"))
        if told is not None:  # a spreadsheet's own remark
            first, skipped = next(file, ""), 1
        separator = told[1] if told is not None else _separator(first, names)
        header = _cells(first, separator)
        looked = [n for n, name in enumerate(header) if name in {one.strip().casefold() for one in amounts}]
        if separator == "," and not _worth_a_look(path):
            return Layout(separator, Mark.UNKNOWN, skipped)
        try:
            return Layout(separator, _mark(csv.reader(file, delimiter=separator), looked), skipped)
        except csv.Error:  # reading it for good says where
            return Layout(separator, Mark.UNKNOWN, skipped)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip().casefold() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def _separator(header: str, names: Collection[str]) -> str:
    """What parts the header so that most of the names are found, then so that it has most cells."""

    def found(separator: str) -> tuple[int, int]:
        cells = _cells(header, separator)
        return len(set(cells) & set(names)), len(cells)

    return max(SEPARATORS, key=found)


def _worth_a_look(path: Path) -> bool:
    """Whether a file whose cells are parted by commas can hold anything but plain numbers with a point."""
    with path.open("rb") as file:
        kept = b""
        while chunk := file.read(CHUNK_BYTES):
            if b'"' in chunk or _DOTTED.search(kept + chunk):
                return True
            kept = chunk[-16:]
    return False


def _mark(rows: Iterable[list[str]], looked: Collection[int]) -> Mark:
    seen = set()
    for row in rows:
        for at in looked:
            if at < len(row) and ("," in row[at] or "." in row[at]):
                seen.add(reading(row[at]))
        if {"point", "comma"} <= seen:
            return Mark.BOTH
    return Mark.POINT if "point" in seen else Mark.COMMA if "comma" in seen else Mark.UNKNOWN


def _joined(text: str) -> str:
    """A number without the blanks or apostrophes that part its thousands."""
    return _SPACED.sub(lambda found: found[1] + re.sub(r"\D", "", found[2]), text)


def reading(text: str) -> str:
    """Which mark the decimals of a number have: ``point``, ``comma``, ``either``, or empty where nothing tells."""
    found = re.search(r"\d[\d.,]*", _joined(text))
    if found is None:
        return ""
    digits = found[0].rstrip(",.") if found[0].count(",") + found[0].count(".") > 1 else found[0]
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return "point" if digits.rindex(".") > digits.rindex(",") else "comma"
    if not points and not commas:
        return ""
    if points + commas > 1:
        return "comma" if points else "point"
    if _EITHER.fullmatch(digits):
        return "either"
    return "point" if points else "comma"


def plain_number(text: str, mark: Mark = Mark.UNKNOWN) -> str:
    """A number as ``float`` and ``Decimal`` read it.

    Args:
        mark: how the decimals of the file are marked.

    Raises:
        TwoReadings: it could be meant in two ways.
        ValueError: no number.
    """
    found = _NUMBER.fullmatch(_joined(text.strip()))
    if found is None:
        raise ValueError(f"not a number: {text!r}")
    sign, digits, power = found[1], found[2], found[3] or ""
    how = reading(digits)
    if how == "either":
        if mark is Mark.BOTH or (mark is Mark.UNKNOWN and "," in digits):
            raise TwoReadings(f"two readings: {text!r}")
        how = "comma" if mark is Mark.COMMA else "point"
    if how == "point" and "," in digits:
        if not _COMMAS.fullmatch(digits):
            raise ValueError(f"not a number: {text!r}")
        digits = digits.replace(",", "")
    elif how == "comma":
        if "." in digits and not _POINTS.fullmatch(digits):
            raise ValueError(f"not a number: {text!r}")
        digits = digits.replace(".", "").replace(",", ".")
    return sign + digits + power


class Record(NamedTuple):
    """A row with its first and last line. ``swallowed``: its lines all look like rows, joined by a lost quotation mark."""

    first: int
    last: int
    cells: list[str]
    swallowed: bool = False


def records(lines: Iterable[str], separator: str, before: int = 0) -> Iterator[Record]:
    """The rows of a table.

    Args:
        before: number of lines that stand before these.

    Raises:
        csv.Error: a quotation mark is never closed; names the line on which it stands.
    """
    pending: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            pending.append(line)
            yield line

    reader, first, last_lines = csv.reader(noted(), delimiter=separator), before + 1, [""]
    try:
        for row in reader:
            last = before + reader.line_num
            alike = last > first and len({line.count(separator) for line in pending}) == 1
            yield Record(first, last, row, alike and separator in pending[0])
            first, last_lines = last + 1, pending.copy()
            pending.clear()
    except csv.Error as error:
        raise csv.Error(f"line {first}: {error}; is a quotation mark never closed?") from error
    try:
        list(islice(csv.reader(last_lines, delimiter=separator, strict=True), 2))
    except csv.Error as error:
        if "end of data" in str(error):
            line = first - len(last_lines)
            raise csv.Error(f"line {line}: a quotation mark is opened and never closed") from error
