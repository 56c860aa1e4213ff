"""Reads traces that come from outside (banks, registries, tool makers) as CSV; wrong lines are named, not guessed.

The file is UTF-8 (with or without a mark) or GB 18030, its first line names the columns. See docs/formats/leads-import.md.

Source: rules §5.2 (B-01 … B-03, P-01 … P-03, E-01 … E-03, D-01 … D-07: data needed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from bidding.rules.accounts import account
from kernel.encodings import NotATable, table_of
from kernel.i18n import marked
from supervision.rules.signals import traces_values as clean

LINES_MOST = 20_000
BYTES_MOST = 10 * 2**20
NAMED_MOST = 200
"""So many wrong lines are named; the rest are counted."""

COLUMNS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bond": (
        ("tender", "lot", "uscc", "account"),
        ("funding_account", "buyer_contact", "issued_at", "issuer", "number"),
    ),
    "contact": (("uscc",), ("tender", "lot", "phone", "email", "agent_id")),
    "staff": (("tender", "lot", "uscc", "id_number"), ("name", "role")),
    "insurance": (("tender", "lot", "uscc", "id_number", "insured_by"), ("month",)),
    "payment": (("tender", "lot", "uscc", "to", "amount"), ("paid_at",)),
    "address": (("tender", "lot", "uscc", "address"), ("moment",)),
    "relation": (("uscc", "kind", "other"), ("percent",)),
    "device": (
        ("tender", "lot", "uscc"),
        ("machine", "mac", "disk", "board", "cpu", "lock", "certificate", "file_id"),
    ),
}
"""Kind of file → columns it must have, columns it may have."""

TIES = ("legal", "holds", "controls", "director", "address")
PLACEMENT = ("tender", "lot", "uscc")

PROBLEMS = {
    "unreadable": marked("The file is not a table: a quotation mark is never closed, or a cell is too long."),
    "column_missing": marked("The column %(column)s is missing."),
    "column_unknown": marked("The column %(column)s is not known for this kind of file."),
    "too_long": marked("The file is longer than %(most)s lines; import it in pieces."),
    "value_missing": marked("%(column)s is empty."),
    "value_wrong": marked("%(column)s is not in the expected form."),
    "nothing_to_compare": marked(
        "The line holds no value that could be compared: defaults and placeholders are left out."
    ),
    "firm_unknown": marked("No organisation has the code %(value)s."),
    "lot_unknown": marked("No tender %(value)s with this lot has been published."),
    "width": marked("The line has %(cells)s cells, the heading %(wanted)s."),
}
"""Codes of wrong lines and their texts, which stand in both catalogues."""


@dataclass(frozen=True)
class WrongLine:
    """A line that was left out, and why. ``code`` is a key of ``PROBLEMS``."""

    line: int
    code: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A line that was understood: values cleaned, ready to be hashed; ``place`` is tender, lot and credit code."""

    line: int
    place: Mapping[str, str]
    values: Mapping[str, str]


@dataclass(frozen=True)
class Parsed:
    lines: tuple[Line, ...]
    wrong: tuple[WrongLine, ...]


def parse_traces(kind: str, data: bytes) -> Parsed:
    """The lines of a file of traces.

    Args:
        kind: a key of ``COLUMNS``.
    """
    try:
        rows = table_of(data)
    except NotATable:
        return Parsed((), (WrongLine(1, "unreadable"),))
    required, optional = COLUMNS[kind]
    heading = rows[0] if rows else []
    wrong = [WrongLine(1, "column_missing", {"column": one}) for one in required if one not in heading]
    wrong += [
        WrongLine(1, "column_unknown", {"column": one})
        for one in heading
        if one not in (*required, *optional)
    ]
    if len(rows) > LINES_MOST + 1:
        wrong.append(WrongLine(LINES_MOST + 2, "too_long", {"most": str(LINES_MOST)}))
    if wrong:
        return Parsed((), tuple(wrong))
    lines: list[Line] = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(heading):
            wrong.append(WrongLine(number, "width", {"cells": str(len(row)), "wanted": str(len(heading))}))
            continue
        cells = {name: cell.strip() for name, cell in zip(heading, row, strict=True)}
        found = _line(kind, number, cells, required)
        if isinstance(found, WrongLine):
            wrong.append(found)
        else:
            lines.append(found)
    return Parsed(tuple(lines), tuple(wrong))


def _line(kind: str, number: int, cells: Mapping[str, str], required: tuple[str, ...]) -> Line | WrongLine:
    for column in required:
        if not cells[column]:
            return WrongLine(number, "value_missing", {"column": column})
    values: dict[str, str] = {}
    for column, raw in cells.items():
        if column in PLACEMENT or not raw:
            continue
        cleaned = CLEAN[kind].get(column, clean.folded)(raw)
        if not cleaned and column in STRICT:
            return WrongLine(number, "value_wrong", {"column": column})
        if cleaned:
            values[column] = cleaned
    if not set(values) & COMPARED[kind]:
        return WrongLine(number, "nothing_to_compare")
    place = {column: cells.get(column, "") for column in PLACEMENT}
    return Line(number, place, values)


def _instant(value: str) -> str:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return ""
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _whole(value: str) -> str:
    return value if value.isascii() and value.isdigit() and len(value) <= 18 else ""


def _fen(value: str) -> str:
    """An amount in yuan as fen; empty when it is none."""
    try:
        yuan = Decimal(value.replace(",", ""))
    except InvalidOperation:
        return ""
    return str(int(yuan * 100)) if yuan.is_finite() and Decimal(0) < yuan < Decimal("1e13") else ""


def _percent(value: str) -> str:
    try:
        share = float(value.rstrip("%"))
    except ValueError:
        return ""
    return str(int(share)) if 0 <= share <= 100 else ""


def _tie(value: str) -> str:
    return value.lower() if value.lower() in TIES else ""


def _hardware(kind: str) -> Callable[[str], str]:
    return lambda value: clean.hardware(kind, value)


CLEAN: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "bond": {
        "account": account,
        "funding_account": account,
        "buyer_contact": clean.phone,
        "issued_at": _instant,
        "number": _whole,
    },
    "contact": {"phone": clean.phone, "email": clean.email, "agent_id": clean.id_number},
    "staff": {"id_number": clean.id_number},
    "insurance": {"id_number": clean.id_number, "insured_by": clean.folded},
    "payment": {"to": clean.folded, "amount": _fen, "paid_at": _instant},
    "address": {"address": clean.public_address},
    "relation": {"kind": _tie, "percent": _percent},
    "device": {
        name: _hardware(name)
        for name in ("machine", "mac", "disk", "board", "cpu", "lock", "certificate", "file_id")
    },
}
STRICT = frozenset(
    {"account", "id_number", "agent_id", "issued_at", "number", "percent", "kind", "amount", "paid_at"}
)
"""Columns whose unreadable value makes a line wrong; elsewhere a placeholder is simply left out."""
COMPARED: Mapping[str, frozenset[str]] = {
    "bond": frozenset({"account"}),
    "contact": frozenset({"phone", "email", "agent_id"}),
    "staff": frozenset({"id_number"}),
    "insurance": frozenset({"insured_by"}),
    "payment": frozenset({"to"}),
    "address": frozenset({"address"}),
    "relation": frozenset({"other"}),
    "device": frozenset(CLEAN["device"]),
}
PLAIN = frozenset(
    {"issued_at", "number", "kind", "percent", "issuer", "role", "amount", "paid_at", "month", "moment"}
)
"""Values that identify nobody and are kept as they are; everything else is hashed and shown masked."""
