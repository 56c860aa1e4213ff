"""Pages by keyset: a cursor names the last row seen, so that nothing is skipped or shown twice."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from flask import request
from sqlalchemy.orm import Session

from kernel.errors import NotValid

Item = TypeVar("Item")
Shown = TypeVar("Shown")

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A page of things; ``next`` and ``prev`` are cursors for ``?after=`` and ``?before=``, or None."""

    items: Sequence[Item]
    next: str | None = None
    prev: str | None = None

    def map(self, make: Callable[[Item], Shown]) -> Page[Shown]:
        return Page([make(item) for item in self.items], self.next, self.prev)


def _pack(values: Sequence[Any]) -> str:
    plain = [
        {"t": value.isoformat()}
        if isinstance(value, datetime)
        else {"u": value.hex}
        if isinstance(value, UUID)
        else value
        for value in values
    ]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _unpack(cursor: str, count: int) -> list[Any]:
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [
            (datetime.fromisoformat(item["t"]) if "t" in item else UUID(item["u"]))
            if isinstance(item, dict)
            else item
            for item in plain
        ]
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise NotValid("cursor_unknown", field="after") from None
    if len(values) != count or any(isinstance(value, datetime) and value.tzinfo is None for value in values):
        raise NotValid("cursor_unknown", field="after")
    return values


def page_of(
    session: Session,
    query: sa.Select[Any],
    *keys: Any,
    descending: bool = True,
    size: int = PAGE_SIZE,
    after: str | None = None,
    before: str | None = None,
) -> Page[Any]:
    """One page of a query.

    Args:
        query: a select of one entity or of rows, without order or limit.
        keys: columns to order by, the last of them unique; attributes of the entity selected first.
        after, before: cursors; taken from the request's ``?after=`` and ``?before=`` when both are None.

    Raises:
        NotValid: ``cursor_unknown`` for a cursor this list never gave.
    """
    if after is None and before is None:
        after, before = request.args.get("after"), request.args.get("before")
    backwards = before is not None and after is None
    cursor = before if backwards else after
    if cursor:
        values = _unpack(cursor, len(keys))
        bound = sa.tuple_(*(sa.literal(value, key.type) for value, key in zip(values, keys, strict=True)))
        row = sa.tuple_(*keys)
        query = query.where(row < bound if descending is not backwards else row > bound)
    falling = descending is not backwards
    ordered = query.order_by(*(key.desc() if falling else key.asc() for key in keys)).limit(size + 1)
    rows = list(session.execute(ordered).unique().all())
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    found = [row[0] if len(row) == 1 else row for row in rows]
    if not rows:
        return Page([])

    def cursor_of(row: Any) -> str:
        return _pack([getattr(row[0], key.key) for key in keys])

    has_next, has_prev = (True, more) if backwards else (more, bool(cursor))
    return Page(found, cursor_of(rows[-1]) if has_next else None, cursor_of(rows[0]) if has_prev else None)
