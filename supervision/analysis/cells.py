"""Cells of a file of bids: amounts, days, words for nothing, numbers in keys.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, overload
from unicodedata import normalize

import numpy as np

from kernel.tables import Mark, plain_number
from supervision.analysis.shapes import Floats

MONEY = re.compile(
    r"(?P<before>[A-Za-z]{3}|[¥￥$€£₩₹])?\s*(?P<number>[-+]?[\d.][\d.,'’\s]*(?:[eE][-+]?\d+)?)\s*(?P<after>[A-Za-z]{3}|元|円|[¥￥$€£₩₹])?"
)
DAY = re.compile(
    r"(?P<y>\d{4})(?:(?P<between>[-/.])(?P<m>\d{1,2})(?P=between)(?P<d>\d{1,2})|年(?P<zm>\d{1,2})月(?P<zd>\d{1,2})日)"
    r"(?:[T ]\s*\d{1,2}:\d.*)?"
)
"""Year first; as a spreadsheet writes it, without zeros in front, or in Chinese."""
GERMAN_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
"""Points between them: nobody writes the month first so."""
# fmt: off
YES, NO = (
    frozenset(["1", "1.0", "true", "yes", "y", "t", "collusive", "collusion", "rigged", "cartel", "是", "串标", "围标"]),
    frozenset([
        "0", "0.0", "false", "no", "n", "f", "competitive", "clean", "honest", "non-collusive", "noncollusive",
        "not collusive", "否", "正常",
    ]),
)
# fmt: on
MISSING = frozenset(["", "na", "nan", "null", "none", "n/a", "."])
NUMBER_IN_KEY = re.compile(r"^(\D*)(\d+)(\D*)$")


def day(text: str) -> date:
    """ISO or year first with /, . or 年月日 (with or without a time), DD.MM.YYYY, YYYYMMDD, unix seconds, or a year.

    Of a year no day is known: 1 January stands for it.

    Raises:
        ValueError: none of them.
    """
    if re.fullmatch(r"\d{4}(?:\.0)?", text):
        return date(int(text[:4]), 1, 1)
    if re.fullmatch(r"\d{8}", text) and "19000101" <= text <= "21001231":
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    if re.fullmatch(r"-?\d{7,11}(?:\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC).date()
    if (found := DAY.fullmatch(text)) is not None:
        return date(int(found["y"]), int(found["m"] or found["zm"]), int(found["d"] or found["zd"]))
    if (found := GERMAN_DAY.fullmatch(text)) is not None:
        return date(int(found[3]), int(found[2]), int(found[1]))
    return datetime.fromisoformat(text).date()


def amount(text: str, mark: Mark = Mark.UNKNOWN) -> tuple[float, str]:
    """A number, with the currency written beside it or an empty text.

    Args:
        mark: how the decimals of the file are marked.

    Raises:
        TwoReadings: it could be meant in two ways, as 1,234 where nothing tells what the comma is.
        ValueError: not a finite number.
    """
    found = MONEY.fullmatch(text if text.isascii() else normalize("NFKC", text))
    if found is None:
        raise ValueError(text)
    value = float(plain_number(found["number"], mark))
    if not np.isfinite(value):
        raise ValueError(text)
    return value, (found["before"] or found["after"] or "").upper()


def as_numbers(column: array[int] | array[float]) -> Any:
    """A column as an array over the same memory."""
    return np.frombuffer(column, dtype=column.typecode) if column else np.empty(0, np.int64)


def cleaned(column: Sequence[str]) -> list[str]:
    """Cells as ``clean`` makes them. Equal texts are looked at once."""
    made = {raw: clean(raw) for raw in set(column)}
    return [made[raw] for raw in column]


def clean(text: str) -> str:
    """A cell without blanks around it and with single ones inside; words for nothing become empty."""
    text = " ".join(text.split())
    return "" if text.lower() in MISSING else text


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


class Keys(Sequence[str]):
    """Texts side by side in one buffer: a million keys as a list of texts weigh as much as the file they came from."""

    def __init__(self, texts: Iterable[str]) -> None:
        buffer, ends = bytearray(), array("q", [0])
        for text in texts:
            buffer += text.encode("utf-8", "surrogatepass")
            ends.append(len(buffer))
        self._buffer, self._ends = bytes(buffer), ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        place = range(len(self))[at]
        return self._buffer[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]
