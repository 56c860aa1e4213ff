"""Reading the editions: TOML rows into checked limits, and the book for one regime, place and day.

Source: rules.md appendix B.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from kernel.calendar import local_date
from kernel.money import Money
from kernel.rulebook.model import (
    Limit,
    Mark,
    Operator,
    Regime,
    Rulebook,
    RulebookError,
    Severity,
    Unit,
    Value,
    select,
)

_FILES = Path(__file__).parent / "editions"
_WHOLE = {Unit.NATURAL_DAYS, Unit.WORKING_DAYS, Unit.MINUTES, Unit.HOURS, Unit.MONTHS, Unit.YEARS, Unit.COUNT}
_REQUIRED = {"id", "name", "regime", "op", "value", "unit", "severity", "basis", "mark"}
_OPTIONAL = {"jurisdiction", "effective_from", "effective_until", "low", "high", "lenient"}
_PLACE = re.compile(r"CN(-\d{2,6})?")


def in_force(regime: Regime | str, jurisdiction: str, at: datetime) -> Rulebook:
    """The book for a tender published at ``at``.

    The newest edition issued by then decides; before the first one was issued the first one does. Rows
    are taken by their own dates, so a law that starts later stays out.

    Args:
        regime: as resolved by ``regime_of``.
        jurisdiction: ``CN`` or a code such as ``CN-50``; the most local row of each name wins.
        at: an aware instant; its Shanghai date counts.

    Raises:
        RulebookError: for an unknown regime or a malformed jurisdiction.
    """
    on = local_date(at)
    issued = [name for name in _issued() if _header(name)["issued_on"] <= on]
    return _book(issued[-1] if issued else _issued()[0], _regime(regime), jurisdiction, on)


def edition(name: str) -> Rulebook:
    """The book a tender froze, from the name it kept, such as ``2026.1/TM/CN-50/2026-12-01``.

    Raises:
        RulebookError: for a name no edition answers to.
    """
    try:
        issue, regime, jurisdiction, on = name.split("/")
        day = date.fromisoformat(on)
    except ValueError as error:
        raise RulebookError(f"no edition is called {name!r}") from error
    if issue not in _issued():
        raise RulebookError(f"no edition is called {name!r}")
    return _book(issue, _regime(regime), jurisdiction, day)


@cache
def rows(issue: str = "2026.1") -> tuple[Limit, ...]:
    """Every row of an issue, one per regime it binds, checked."""
    span_from = _header(issue)["span_from"]
    found: list[Limit] = []
    for path in _chapters(issue):
        for row in tomllib.loads(path.read_text("utf-8"))["rule"]:
            found.extend(parse_row(row, span_from))
    check(found)
    return tuple(found)


@lru_cache(maxsize=256)
def _book(issue: str, regime: Regime, jurisdiction: str, on: date) -> Rulebook:
    if not _PLACE.fullmatch(jurisdiction):
        raise RulebookError(f"no jurisdiction is called {jurisdiction!r}")
    return Rulebook(
        edition=f"{issue}/{regime}/{jurisdiction}/{on.isoformat()}",
        regime=regime,
        jurisdiction=jurisdiction,
        on=on,
        digest=_digest(issue),
        limits=select(rows(issue), regime, jurisdiction, on),
    )


def parse_row(row: Mapping[str, Any], span_from: date) -> list[Limit]:
    """One TOML row as limits, one per regime.

    Raises:
        RulebookError: for a missing or unknown key, an unknown unit, regime, severity, operator or mark,
            a value that does not fit its unit, a row without an article, or dates that run backwards.
    """
    label = row.get("id", "a row")
    if missing := _REQUIRED - row.keys():
        raise RulebookError(f"{label}: missing {', '.join(sorted(missing))}")
    if unknown := row.keys() - _REQUIRED - _OPTIONAL:
        raise RulebookError(f"{label}: unknown {', '.join(sorted(unknown))}")
    try:
        unit = Unit(row["unit"])
        severity, op = Severity(row["severity"]), Operator(row["op"])
        marks = tuple(Mark(mark) for mark in row["mark"])
        regimes = [Regime(code) for code in row["regime"].split()]
        lenient = {Regime(code) for code in row.get("lenient", "").split()}
    except ValueError as error:
        raise RulebookError(f"{label}: {error}") from error
    if not row["basis"] or not marks or not regimes or len(set(regimes)) != len(regimes):
        raise RulebookError(f"{label}: basis, mark and distinct regimes are needed")
    if not lenient <= set(regimes):
        raise RulebookError(f"{label}: lenient in a regime it does not bind")
    jurisdiction = row.get("jurisdiction", "CN")
    if not _PLACE.fullmatch(jurisdiction):
        raise RulebookError(f"{label}: no jurisdiction is called {jurisdiction!r}")
    since, until = row.get("effective_from", span_from), row.get("effective_until")
    if until is not None and until <= since:
        raise RulebookError(f"{label}: ends before it begins")
    value = _value(label, row["value"], unit)
    low, high = (None if row.get(end) is None else _value(label, row[end], unit) for end in ("low", "high"))
    if (low is None) != (high is None) or (low is not None and not low <= value <= high):  # type: ignore[operator]
        raise RulebookError(f"{label}: the value lies outside its own range")
    return [
        Limit(
            id=row["id"],
            name=row["name"],
            regime=regime,
            value=value,
            unit=unit,
            op=op,
            declared=severity,
            basis=tuple(row["basis"]),
            marks=marks,
            jurisdiction=jurisdiction,
            effective_from=since,
            effective_until=until,
            low=low,
            high=high,
            lenient=regime in lenient,
        )
        for regime in regimes
    ]


def check(limits: Iterable[Limit]) -> None:
    """Refuse rows that would both be in force for one question.

    Raises:
        RulebookError: when two rows of one name, or of one id, overlap in regime, place and time, or one
            name is counted in different kinds of value.
    """
    groups: dict[tuple[str, str, Regime, str], list[Limit]] = {}
    kinds: dict[str, type[object]] = {}
    for limit in limits:
        for kind, key in (("name", limit.name), ("id", limit.id)):
            groups.setdefault((kind, key, limit.regime, limit.jurisdiction), []).append(limit)
        if kinds.setdefault(limit.name, type(limit.value)) is not type(limit.value):
            raise RulebookError(f"{limit.id}: {limit.name} is a {kinds[limit.name].__name__} elsewhere")
    for group in groups.values():
        group.sort(key=lambda limit: limit.effective_from)
        for earlier, later in pairwise(group):
            if earlier.effective_until is None or earlier.effective_until > later.effective_from:
                raise RulebookError(f"{earlier.id} and {later.id} overlap for {later.name} in {later.regime}")


def _value(label: str, raw: object, unit: Unit) -> Value:
    """The value of a row in the type of its unit."""
    if unit is Unit.FLAG and isinstance(raw, bool):
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
        if unit in _WHOLE:
            return raw
        if unit is Unit.FEN:
            return Money(raw)
    if isinstance(raw, str):
        if unit is Unit.TEXT:
            return raw
        if unit is Unit.RATIO:
            try:
                return Fraction(raw)
            except (ValueError, ZeroDivisionError) as error:
                raise RulebookError(f"{label}: {raw!r} is no ratio") from error
    raise RulebookError(f"{label}: {raw!r} does not fit the unit {unit}")


def _regime(code: str) -> Regime:
    try:
        return Regime(code)
    except ValueError as error:
        raise RulebookError(f"no regime is called {code!r}") from error


@cache
def _issued() -> tuple[str, ...]:
    """Names of the issues on file, in order of issue."""
    names = [path.stem for path in _FILES.glob("*.toml") if "-" not in path.stem]
    return tuple(sorted(names, key=lambda name: (_header(name)["issued_on"], name)))


@cache
def _header(issue: str) -> Mapping[str, Any]:
    header = tomllib.loads((_FILES / f"{issue}.toml").read_text("utf-8"))
    if header["edition"] != issue:
        raise RulebookError(f"{issue}.toml calls itself {header['edition']}")
    return header


def _chapters(issue: str) -> list[Path]:
    return sorted(_FILES.glob(f"{issue}-*.toml"))


@cache
def _digest(issue: str) -> str:
    """SHA-256 over the names and contents of the issue's files, in order."""
    total = hashlib.sha256()
    for path in [_FILES / f"{issue}.toml", *_chapters(issue)]:
        content = path.read_bytes()
        total.update(f"{path.name} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()
