"""What can have happened: frozen values, named ``room.thing.happened``, that join the ledger with their rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar
from uuid import UUID

from kernel.money import Money

PRIVATE = {"private": True}


def private(**options: Any) -> Any:
    """A field of a fact that goes into the confidential half of its record (disclosed apart, or never)."""
    return field(metadata=PRIVATE, **options)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened to one subject.

    Class attributes:
        name: ``room.thing.happened``.
        kind: the record type in the public log (``sealbid.records.TYPES``).

    Fields:
        subject: the id whose story this belongs to; its row is locked by the transaction.
        tender: the code of the tender it belongs to, or empty.
    """

    name: ClassVar[str]
    kind: ClassVar[str] = "decision"

    subject: UUID
    tender: str = ""

    def public(self) -> dict[str, Any]:
        """The part of the record body anybody may see once the record is disclosed."""
        return self._fields(private=False)

    def confidential(self) -> dict[str, Any]:
        """The part kept apart; only its salted digest stands in the record."""
        return self._fields(private=True)

    def _fields(self, *, private: bool) -> dict[str, Any]:
        chosen = {}
        for item in dataclasses.fields(self):
            if item.name in ("subject", "tender") or bool(item.metadata.get("private")) is not private:
                continue
            value = plain(getattr(self, item.name))
            if value is not None:
                chosen[item.name] = value
        return chosen


def rfc3339(at: datetime) -> str:
    """An instant as the protocol writes it: UTC, milliseconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def plain(value: Any) -> Any:
    """A value as restricted canonical JSON allows it: no floats, no null inside containers."""
    result: Any
    match value:
        case None | bool() | str() if not isinstance(value, Enum):
            result = value
        case Enum():
            result = plain(value.value)
        case int():
            result = int(value)
        case Money():
            result = f"{value.yuan:.2f}"
        case Decimal() | Fraction():
            result = str(value)
        case UUID():
            result = str(value)
        case datetime():
            result = rfc3339(value)
        case date():
            result = value.isoformat()
        case bytes():
            result = value.hex()
        case Mapping():
            result = {str(key): plain(item) for key, item in value.items() if item is not None}
        case list() | tuple() | set() | frozenset():
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            result = [plain(item) for item in items]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            result = plain(dataclasses.asdict(value))
        case _:
            raise TypeError(f"{type(value).__name__} cannot stand in a record")
    return result
