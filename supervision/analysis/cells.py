"""Cells of a file of bids: amounts, days, words for nothing, numbers in keys.

Source: docs/formats/screen-files.md.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, overload

import numpy as np

from supervision.analysis.shapes import Floats

MONEY = re.compile(
    r"^(?P<before>[A-Za-z]{3}|[¥￥$€£₩₹])?\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<after>[A-Za-z]{3}|元|円|[¥￥$€£₩₹])?$"
)
YES, NO = (
    frozenset(["1", "1.0", "true", "yes", "y", "t", "collusive", "rigged"]),
    frozenset(["0", "0.0", "false", "no", "n", "f", "competitive", "clean"]),
)
MISSING = frozenset(["", "na", "nan", "null", "none", "n/a", "."])
NUMBER_IN_KEY = re.compile(r"^(\D*)(\d+)(\D*)$")


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


def as_numbers(column: array[int] | array[float]) -> Any:
    """A column as an array over the same memory."""
    return np.frombuffer(column, dtype=column.typecode) if column else np.empty(0, np.int64)


def cleaned(column: Sequence[str]) -> list[str]:
    """Cells without blanks around them; words for nothing become empty. Equal texts are looked at once."""
    clean: dict[str, str] = {}
    for raw in set(column):
        text = raw.strip()
        clean[raw] = "" if text.lower() in MISSING else text
    return [clean[raw] for raw in column]


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
