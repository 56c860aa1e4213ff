"""Reads OCDS text: one release per line, or a JSON document with a package; bad lines are named and left out.

Source: detection §6.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

OF_A_RELEASE = frozenset({"tender", "bids", "awards"})
"""What a release alone has at its top; with one of these, other words beside it make it no package and no record."""


@dataclass(frozen=True)
class BadLine:
    """A line nothing could be read from, and why."""

    line: int
    why: str


def releases_of(text: Iterable[str], *, whole: bool = False) -> Iterator[dict[str, Any] | BadLine]:
    """Releases in some lines.

    Args:
        text: the lines of a file.
        whole: the file is one JSON document (a release, a package, or a list of either).

    Each line may hold a release, a compiled release, a release package, a record or a record package.
    """
    if whole:
        joined = "".join(text)
        document = _parsed(joined, 1)
        if not (isinstance(document, BadLine) and "\n" in joined.strip()):
            yield from [document] if isinstance(document, BadLine) else _inside(document, 1)
            return
        text = joined.split("\n")
    for number, line in enumerate(text, start=1):
        if number == 1:
            line = line.removeprefix("\ufeff")
        if line.strip():
            document = _parsed(line, number)
            yield from [document] if isinstance(document, BadLine) else _inside(document, number)


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _whole(digits: str) -> int | float:
    """An integer; one beyond every double is only known to be too large."""
    return int(digits) if len(digits) < 400 else math.inf


def _parsed(text: str, line: int) -> Any:
    """A line's value; half characters, in bytes or as escapes, make it a bad line as in other readers of JSON."""
    try:
        text.encode()
        document = json.loads(text, parse_constant=_no_constant, parse_int=_whole)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except UnicodeEncodeError:
        return BadLine(line, "not JSON: bytes or escapes that are no text in UTF-8")
    except (ValueError, RecursionError) as problem:
        return BadLine(line, f"not JSON: {problem}")


def _inside(document: Any, line: int) -> Iterator[dict[str, Any] | BadLine]:
    if isinstance(document, list):
        for one in document:
            yield from _inside(one, line)
    elif not isinstance(document, dict):
        yield BadLine(line, "neither a release nor a package")
    elif isinstance(document.get("ocid"), str) and not document.keys().isdisjoint(OF_A_RELEASE):
        yield document
    elif isinstance(document.get("records"), list):
        for record in document["records"]:
            yield _compiled(record, line)
    elif isinstance(document.get("compiledRelease"), dict):
        yield document["compiledRelease"]
    elif isinstance(document.get("releases"), list):
        if isinstance(document.get("ocid"), str):
            yield _compiled(document, line)
        else:
            for release in document["releases"]:
                yield from _inside(release, line)
    elif isinstance(document.get("ocid"), str):
        yield document
    else:
        yield BadLine(line, "a release without a text ocid")


def _compiled(record: Any, line: int) -> dict[str, Any] | BadLine:
    if isinstance(record, dict):
        compiled, releases = record.get("compiledRelease"), record.get("releases")
        if isinstance(compiled, dict):
            return compiled
        if isinstance(releases, list) and len(releases) == 1 and isinstance(releases[0], dict):
            only: dict[str, Any] = releases[0]
            return only
    return BadLine(line, "a record without a compiled release")
