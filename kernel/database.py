"""Engines, column types and the hidden differences between PostgreSQL and SQLite.

SQLite writes begin with ``BEGIN IMMEDIATE`` and wait their turn; readers use a second engine with a plain
``BEGIN`` and never queue behind writers. Foreign keys are on in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from uuid import UUID
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from kernel.money import Money

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant. Naive values are refused. SQLite stores fixed-width text that sorts."""

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        assert isinstance(value, datetime)
        return value.astimezone(UTC)


class Fen(TypeDecorator[Money]):
    """Money in whole fen of CNY; exact in both databases, also under SUM()."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Money | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        assert value.currency == "CNY", value
        return value.minor

    def process_result_value(self, value: int | None, dialect: Dialect) -> Money | None:
        return None if value is None else Money(value)


BUSY_MS = 30_000
"""How long a SQLite connection waits for another writer."""

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""None is SQL NULL in both, so that ``IS NOT NULL`` means what it says."""


class Base(DeclarativeBase):
    """The one metadata of the house."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant(),
        Money: Fen(),
        date: sa.Date(),
        UUID: sa.Uuid(),
        bytes: sa.LargeBinary(),
        dict[str, Any]: Json,
        list[Any]: Json,
        int: sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    }


class Audited:
    """Mixin: a row of this class may change only in a transaction that records a fact about its subject."""

    __subject__: ClassVar[str] = "id"

    def fact_subject(self) -> UUID:
        value = getattr(self, self.__subject__)
        assert isinstance(value, UUID)
        return value


class Database:
    """One database: a writing engine and a reading engine.

    Args:
        url: ``sqlite:///file`` or ``postgresql://…``.
        durable: for SQLite, ``synchronous=FULL``; without it a power cut may lose the last commits (replay only).
    """

    def __init__(self, url: str, *, durable: bool = True, pool_size: int = 10) -> None:
        self.url = url
        self._own: WeakSet[OwnWriter] = WeakSet()
        self.is_sqlite = url.startswith("sqlite")
        self._durable = durable
        if self.is_sqlite:
            self.writer = self._sqlite("BEGIN IMMEDIATE")
            self.reader = self._sqlite("BEGIN")
        else:
            self.writer = sa.create_engine(
                url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True
            )
            self.reader = self.writer
        self.writing = sessionmaker(self.writer, expire_on_commit=False, autoflush=True)
        for moment in ("loaded_as_persistent", "pending_to_persistent"):
            event.listen(self.writing, moment, _hold)
        self.reading = sessionmaker(self.reader, expire_on_commit=False, autoflush=False)

    def _sqlite(self, begin: str) -> Engine:
        engine = sa.create_engine(self.url, connect_args={"timeout": 30, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'OFF'}")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA cache_size=-16000")
            cursor.close()

        @event.listens_for(engine, "begin")
        def begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def session(self, *, write: bool) -> Session:
        return self.writing() if write else self.reading()

    def own_writer(self, seconds: float) -> OwnWriter:
        """A connection of somebody's own for many short transactions. Args: as ``OwnWriter``."""
        own = OwnWriter(self, seconds)
        self._own.add(own)
        return own

    def dispose(self) -> None:
        for own in list(self._own):
            own.close()
        self.writer.dispose()
        if self.reader is not self.writer:
            self.reader.dispose()


class OwnWriter:
    """A connection its owner keeps for many short transactions, one after the other: what passes through a pool every
    time, and asks every time whether the server is still there, costs more than a line of a journal.

    Args:
        seconds: how long to wait for other writers (SQLite, where all wait for one another).
    """

    def __init__(self, database: Database, seconds: float) -> None:
        self._database, self._seconds = database, seconds
        self._kept: sa.Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction; commits at the end. After an error the next one has a fresh connection; a SQLite file stays open.

        Raises:
            sa.exc.OperationalError: another writer was still at work, or the database is not there.
        """
        if self._kept is None:
            self._kept = self._connected()
        try:
            with self._kept.begin():
                yield self._kept
        except BaseException:
            if not self._database.is_sqlite or self._kept.in_transaction():
                self.close()
            raise

    def _connected(self) -> sa.Connection:
        found = self._database.writer.connect()
        found.detach()  # from the pool: it is closed when its owner is done with it
        if self._database.is_sqlite:
            raw = found.connection.dbapi_connection
            assert raw is not None
            raw.execute(f"PRAGMA busy_timeout={int(self._seconds * 1000)}")
        return found

    def close(self) -> None:
        """Give the connection back; the next transaction opens another."""
        kept, self._kept = self._kept, None
        if kept is not None:
            with suppress(sa.exc.SQLAlchemyError):
                kept.close()


def _hold(session: Session, row: object) -> None:
    """Keep a row as long as its transaction: the session itself forgets what nobody refers to, and asks again."""
    session.info.setdefault("held", []).append(row)


def bigrams(text: str) -> str:
    """The two-character words of a text, for one search index that behaves alike on both databases.

    Han runs become overlapping pairs (评标委员 → 评标 标委 委员); Latin words and numbers stay whole, lower case.
    A single Han character stands alone. The result is words joined by blanks.
    """
    words: list[str] = []
    for run in re.findall(r"[㐀-鿿豈-﫿]+|[0-9A-Za-z]+", text):
        if run[0].isascii():
            words.append(run.lower())
        elif len(run) == 1:
            words.append(run)
        else:
            words.extend(run[i : i + 2] for i in range(len(run) - 1))
    return " ".join(words)


class local_day(FunctionElement[str]):  # noqa: N801 - reads as the SQL function it is
    """``local_day(instant)``: the Shanghai date of an instant as ``2026-11-24``, for grouping in the database."""

    type = sa.String()
    inherit_cache = True


class seconds_between(FunctionElement[int]):  # noqa: N801
    """``seconds_between(start, end)``: whole seconds from one instant to another."""

    type = sa.BigInteger()
    inherit_cache = True


class array_length(FunctionElement[int]):  # noqa: N801
    """``array_length(column["name"])``: how many elements an array inside a JSON column has."""

    type = sa.Integer()
    inherit_cache = True


@compiles(local_day, "sqlite")
def _local_day_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    return f"date({compiler.process(element.clauses, **more)}, '+8 hours')"


@compiles(local_day, "postgresql")
def _local_day_postgresql(element: Any, compiler: Any, **more: Any) -> str:
    inner = compiler.process(element.clauses, **more)
    return f"to_char(({inner}) AT TIME ZONE INTERVAL '+08:00', 'YYYY-MM-DD')"


@compiles(seconds_between, "sqlite")
def _seconds_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    start, end = (compiler.process(one, **more) for one in element.clauses)
    return f"(CAST(strftime('%s', {end}) AS INTEGER) - CAST(strftime('%s', {start}) AS INTEGER))"


@compiles(seconds_between, "postgresql")
def _seconds_postgresql(element: Any, compiler: Any, **more: Any) -> str:
    start, end = (compiler.process(one, **more) for one in element.clauses)
    return (
        f"CAST(extract(epoch from date_trunc('second', {end}))"
        f" - extract(epoch from date_trunc('second', {start})) AS BIGINT)"
    )


@compiles(array_length, "sqlite")
def _array_length_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    return f"json_array_length({compiler.process(element.clauses, **more)})"


@compiles(array_length, "postgresql")
def _array_length_postgresql(element: Any, compiler: Any, **more: Any) -> str:
    return f"jsonb_array_length({compiler.process(element.clauses, **more)})"
