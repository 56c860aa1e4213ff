"""Rows found by what makes them unique, in statements made once.

A session that has seen a row finds it again without asking, just as it does by primary key. ``warm`` asks for many in
one query: for an actor who does the same deed to many rows in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from kernel.database import Base

Row = TypeVar("Row", bound=Base)


def settle(session: Session, *models: type[Base]) -> None:
    """Send what waits for the next flush to the database, if anything of these tables is among it.

    For a statement that asks for columns of these tables only: what waits of others may go on waiting, and then goes
    many rows at once.
    """
    if any(isinstance(row, models) for row in (*session.new, *session.dirty, *session.deleted)):
        session.flush()


class Keyed(Generic[Row]):
    """The rows of a model by one or more columns that never change and together occur once.

    What is not there is asked for again each time. On PostgreSQL, look a row up (or warm it) after the row that guards
    it is locked: what a session has read it does not read again.
    """

    def __init__(self, model: type[Row], *columns: InstrumentedAttribute[Any]) -> None:
        self._model = model
        self._names = [column.key for column in columns]
        self._one = sa.select(model).where(*(column == sa.bindparam(column.key) for column in columns))
        self._many = sa.select(model).where(columns[0].in_(sa.bindparam("wanted", expanding=True)))

    def find(self, session: Session, *values: Any) -> Row | None:
        """The row with these values, in the order of the columns, or None."""
        seen = self._seen(session)
        row = seen.get(values) or self._pending(session, values)
        if row is None:
            if session.deleted:
                session.flush()
            with session.no_autoflush:  # the columns never change, so of what waits only new rows matter
                found = session.scalars(self._one, dict(zip(self._names, values, strict=True))).unique()
                row = found.one_or_none()
        if row is not None:
            seen[values] = row
        return row

    def _pending(self, session: Session, values: tuple[Any, ...]) -> Row | None:
        """A row that was added and waits for the next flush: nothing is sent to the database just to look."""
        for row in session.new:
            if isinstance(row, self._model) and tuple(getattr(row, name) for name in self._names) == values:
                return row
        return None

    def warm(self, session: Session, firsts: Iterable[Any]) -> list[Row]:
        """Load every row whose first column has one of these values."""
        rows = list(session.scalars(self._many, {"wanted": list(firsts)}).unique())
        seen = self._seen(session)
        for row in rows:
            seen[tuple(getattr(row, name) for name in self._names)] = row
        return rows

    def _seen(self, session: Session) -> dict[tuple[Any, ...], Row]:
        found: dict[tuple[Any, ...], Row] = session.info.setdefault(self, {})
        return found
