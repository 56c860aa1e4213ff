"""Historical sealed-bid auctions from a CSV file: every row is used or reported by its line, never dropped quietly.

Rows wait in a temporary database on disk, so that memory does not grow with the file and auctions need not stand
together in it.
"""

from __future__ import annotations

import csv
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from kernel.encodings import Undecodable, encoding_of
from kernel.tables import Record, TwoReadings, layout_of, plain_number, records

REQUIRED = ("auction", "bidder", "price")
OPTIONAL = ("reserve", "minimum", "estimate", "date", "winner", "rejected")
COLUMNS = (*REQUIRED, *OPTIONAL)
YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "x", "是"})
NO = frozenset({"", "0", "0.0", "false", "f", "no", "n", "否"})
PRICE_MAX = Decimal(10) ** 13
FEN = Decimal("0.01")


class BadFile(Exception):
    """The file as a whole cannot be read: a missing column, an unknown mapping, no header."""


@dataclass(frozen=True)
class Trouble:
    """One thing said about one line. ``skipped`` rows take no part; other remarks only explain a value."""

    line: int
    code: str
    detail: str
    skipped: bool = True

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}: {self.detail}" + ("; row skipped" if self.skipped else "")


@dataclass(frozen=True)
class PastBid:
    """One historical bid; ``rejected`` holds the file's ground, empty for none."""

    line: int
    bidder: str
    price: Decimal
    rejected: str = ""


@dataclass(frozen=True)
class PastAuction:
    """One historical auction.

    Attributes:
        reserve: prices above it are not valid; ``minimum``: prices below it are not valid. None: no such bound.
        winners: what the winner column names; None where the file has no such column. Empty: the file says nobody.
    """

    name: str
    bids: tuple[PastBid, ...]
    reserve: Decimal | None = None
    minimum: Decimal | None = None
    estimate: Decimal | None = None
    held_on: date | None = None
    winners: tuple[str, ...] | None = None

    def invalid_for(self, bid: PastBid) -> str:
        """Why a bid is not valid by the printed rules, or an empty text."""
        if self.reserve is not None and bid.price > self.reserve:
            return "above_reserve"
        if self.minimum is not None and bid.price < self.minimum:
            return "below_minimum"
        return "rejected" if bid.rejected else ""

    @property
    def valid(self) -> tuple[PastBid, ...]:
        """Bids within reserve and minimum which the file does not call rejected."""
        return tuple(bid for bid in self.bids if not self.invalid_for(bid))

    @property
    def lowest(self) -> tuple[str, ...]:
        """The bidders of the lowest valid price, by name; several when prices are equal, none without a valid bid."""
        least = min((bid.price for bid in self.valid), default=None)
        return tuple(sorted(bid.bidder for bid in self.valid if bid.price == least))


@dataclass(frozen=True)
class Column:
    """Where one of our columns comes from: the file's column, and for yes-or-no the values that mean yes."""

    source: str
    values: frozenset[str] | None = None


def parse_maps(given: Sequence[str]) -> dict[str, Column]:
    """``new=old`` or, for ``winner`` and ``rejected``, ``new=old:value|value``.

    Raises:
        BadFile: not of that form, or no column of ours.
    """
    found: dict[str, Column] = {}
    for text in given:
        new, equals, old = text.partition("=")
        source, colon, values = old.partition(":")
        if not equals or not source or new not in COLUMNS or new in found:
            raise BadFile(f"--map {text!r}: expected new=old once, new one of {', '.join(COLUMNS)}")
        if colon and new not in ("winner", "rejected"):
            raise BadFile(f"--map {text!r}: only winner and rejected take values after a colon")
        found[new] = Column(source, frozenset(values.split("|")) if colon else None)
    return found


@dataclass
class History:
    """A file's auctions, in the order in which they first appear. Use as a context manager.

    Args:
        path: the CSV file with a header line: UTF-8, UTF-16 or GB 18030; cells parted by comma, semicolon, tab or bar.
        maps: our column → the file's.

    Raises:
        BadFile: no header, a needed column is missing, or the file is no such text.
    """

    path: Path
    maps: Mapping[str, Column] = field(default_factory=dict)
    rows: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._spool = tempfile.NamedTemporaryFile(prefix="history-", suffix=".db")
        self._db = sqlite3.connect(self._spool.name)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE auction (id INTEGER PRIMARY KEY, name TEXT UNIQUE, reserve TEXT, minimum TEXT,"
            " estimate TEXT, date TEXT);"
            "CREATE TABLE bid (auction INTEGER, bidder TEXT, line INTEGER, price TEXT, rejected TEXT,"
            " PRIMARY KEY (auction, bidder)) WITHOUT ROWID;"
            "CREATE TABLE won (auction INTEGER, name TEXT, bidder TEXT);"
            "CREATE INDEX won_by ON won (auction);"
        )
        try:
            self._load()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._db.close()
        self._spool.close()

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(DISTINCT auction) FROM bid").fetchone()[0])

    @property
    def columns(self) -> frozenset[str]:
        """Which of our columns the file has."""
        return frozenset(self._at)

    @property
    def skipped(self) -> int:
        """How many rows take no part."""
        return len({trouble.line for trouble in self.troubles if trouble.skipped})

    @property
    def empty(self) -> list[str]:
        """Auctions of which every row was skipped."""
        query = "SELECT name FROM auction WHERE id NOT IN (SELECT auction FROM bid) ORDER BY id"
        return [str(name) for (name,) in self._db.execute(query)]

    def auctions(self, limit: int | None = None) -> Iterator[PastAuction]:
        """The auctions that have a usable bid, at most ``limit`` of them."""
        query = (
            "SELECT id, name, reserve, minimum, estimate, date FROM auction"
            " WHERE id IN (SELECT auction FROM bid) ORDER BY id LIMIT ?"
        )
        for number, name, reserve, minimum, estimate, held in self._db.execute(
            query, (-1 if limit is None else limit,)
        ):
            bids = tuple(
                PastBid(line, bidder, Decimal(price), rejected)
                for bidder, line, price, rejected in self._db.execute(
                    "SELECT bidder, line, price, rejected FROM bid WHERE auction = ? ORDER BY line", (number,)
                )
            )
            yield PastAuction(
                name=name,
                bids=bids,
                reserve=_number(reserve),
                minimum=_number(minimum),
                estimate=_number(estimate),
                held_on=date.fromisoformat(held) if held else None,
                winners=self._winners(number),
            )

    def _winners(self, auction: int) -> tuple[str, ...] | None:
        if "winner" not in self._at:
            return None
        found = set()
        for name, bidder in self._db.execute("SELECT name, bidder FROM won WHERE auction = ?", (auction,)):
            if self._winner_is_name:
                found.add(name)
            elif self._means(name, "winner"):
                found.add(bidder)
        return tuple(sorted(found))

    def _means(self, value: str, column: str) -> bool:
        values = self.maps[column].values if column in self.maps else None
        return value in values if values is not None else value.casefold() in YES

    def _load(self) -> None:
        try:
            source = {one: self.maps[one].source if one in self.maps else one for one in COLUMNS}
            amounts = [source[one] for one in ("price", "reserve", "minimum", "estimate")]
            self.layout = layout_of(self.path, source.values(), amounts)
            with self.path.open(encoding=encoding_of(self.path), newline="") as file:
                before = sum(1 for _ in islice(file, self.layout.skipped))
                reader = records(file, self.layout.separator, before)
                self._at = self._columns(next(reader, Record(1, 1, [])).cells)
                for record in reader:
                    if record.cells:
                        self.rows += 1
                        self._take(record)
        except Undecodable as problem:
            raise BadFile(str(problem)) from problem
        except csv.Error as problem:
            raise BadFile(f"{self.path.name} is not a CSV file: {problem}") from problem
        flags = YES | NO
        if "winner" in self.maps and self.maps["winner"].values is not None:
            self._winner_is_name = False
        else:
            self._winner_is_name = any(
                str(name).casefold() not in flags
                for (name,) in self._db.execute("SELECT DISTINCT name FROM won")
            )

    def _columns(self, header: list[str]) -> dict[str, int]:
        names = [name.strip() for name in header]
        found = {}
        for column in COLUMNS:
            source = self.maps[column].source if column in self.maps else column
            if names.count(source) > 1:
                raise BadFile(f"the column {source!r} stands twice in {self.path.name}")
            if source in names:
                found[column] = names.index(source)
            elif column in REQUIRED or column in self.maps:
                raise BadFile(
                    f"{self.path.name} has no column {source!r} for {column}; it has {', '.join(names)}"
                )
        self._width = len(names)
        return found

    def _say(self, line: int, code: str, detail: str, *, skipped: bool = True) -> None:
        self.troubles.append(Trouble(line, code, detail, skipped))

    def _take(self, record: Record) -> None:
        line, last, cells, swallowed = record
        if len(cells) != self._width or swallowed:
            runs = f"; a quoted cell runs on to line {last}" if last > line else ""
            self._say(line, "columns", f"{len(cells)} cells, the header has {self._width}{runs}")
            return
        row = {column: " ".join(cells[place].split()) for column, place in self._at.items()}
        if row["auction"]:
            auction = self._auction(row["auction"])
            if row.get("winner"):  # also of a row that is skipped below: the file names its winner there
                self._db.execute("INSERT INTO won VALUES (?, ?, ?)", (auction, row["winner"], row["bidder"]))
        for column in REQUIRED:
            if not row[column]:
                self._say(line, "missing", f"{column} is empty")
                return
        price = self._amount(line, "price", row["price"], row)
        bounds = {}
        for column in ("reserve", "minimum", "estimate"):
            if row.get(column):
                bounds[column] = self._amount(line, column, row[column], row)
                if bounds[column] is None:
                    return
        if price is None:
            return
        self._keep(line, row, auction, price, bounds)

    def _auction(self, name: str) -> int:
        self._db.execute("INSERT OR IGNORE INTO auction (name) VALUES (?)", (name,))
        return int(self._db.execute("SELECT id FROM auction WHERE name = ?", (name,)).fetchone()[0])

    def _amount(self, line: int, column: str, text: str, row: Mapping[str, str]) -> Decimal | None:
        """A positive amount in whole fen, or None after a report."""
        of = f"{column} {text!r} of {row['bidder'] or '?'} in auction {row['auction'] or '?'}"
        try:
            value = Decimal(plain_number(text, self.layout.mark))
        except TwoReadings:
            self._say(line, "two_readings", of)
            return None
        except ValueError:
            self._say(line, "not_a_number", of)
            return None
        if value < 0:
            self._say(line, "negative", of)
            return None
        if not 0 < value < PRICE_MAX:
            self._say(line, "zero" if value == 0 else "too_large", of)
            return None
        rounded = value.quantize(FEN, ROUND_HALF_UP)
        if rounded == 0:
            self._say(line, "zero", of)
            return None
        if rounded != value:
            self._say(line, "rounded", f"{of} to {rounded}", skipped=False)
        return rounded

    def _keep(
        self,
        line: int,
        row: Mapping[str, str],
        auction: int,
        price: Decimal,
        bounds: Mapping[str, Decimal | None],
    ) -> None:
        ground = self._ground(row)
        try:
            self._db.execute(
                "INSERT INTO bid VALUES (?, ?, ?, ?, ?)", (auction, row["bidder"], line, str(price), ground)
            )
        except sqlite3.IntegrityError:
            query = "SELECT line FROM bid WHERE auction = ? AND bidder = ?"
            first = self._db.execute(query, (auction, row["bidder"])).fetchone()[0]
            self._say(
                line, "duplicate", f"{row['bidder']} bids in auction {row['auction']} on line {first} already"
            )
            return
        for column, value in bounds.items():
            self._bound(line, auction, row, column, str(value))
        if row.get("date"):
            held = _day(row["date"])
            if held is None:
                self._say(line, "date", f"{row['date']!r} is no date", skipped=False)
            else:
                self._bound(line, auction, row, "date", held.isoformat())

    def _ground(self, row: Mapping[str, str]) -> str:
        if "rejected" not in row:
            return ""
        column = self.maps.get("rejected")
        if column is not None and column.values is not None:
            return f"{column.source} = {row['rejected']}" if row["rejected"] in column.values else ""
        return "" if row["rejected"].casefold() in NO else row["rejected"]

    def _bound(self, line: int, auction: int, row: Mapping[str, str], column: str, value: str) -> None:
        """Facts of the auction stand on each of its rows; the first row that has one counts."""
        query = f"SELECT {column} FROM auction WHERE id = ?"
        (known,) = self._db.execute(query, (auction,)).fetchone()
        if known is None:
            self._db.execute(f"UPDATE auction SET {column} = ? WHERE id = ?", (value, auction))
        elif known != value:
            what = f"{column} {value} of auction {row['auction']}, but {known} stood before and counts"
            self._say(line, "differs", what, skipped=False)


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


def _day(text: str) -> date | None:
    compact = text.split("T", maxsplit=1)[0].split(" ", maxsplit=1)[0].replace("/", "-")
    parts = compact.split("-")
    try:
        if (
            len(parts) == 3
            and len(parts[0]) == 4
            and all(one.isdecimal() and len(one) < 3 for one in parts[1:])
        ):
            return date(*map(int, parts))  # 2007-6-7, as spreadsheets write it
        return date.fromisoformat(compact)  # 2007-06-07 and 20070607
    except ValueError:
        return None
