"""Tables of the log. They take inserts; triggers refuse update and delete where history would change."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kernel.database import Base


class FactRow(Base):
    """One fact: the house's own history, numbered within its subject."""

    __tablename__ = "fact"
    __table_args__ = (sa.UniqueConstraint("subject", "seq"), sa.Index("ix_fact_tender", "tender"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[UUID]
    seq: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(80))
    tender: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(sa.String(16))
    person_id: Mapped[UUID | None]
    org_id: Mapped[UUID | None]
    body: Mapped[dict[str, Any]]
    private: Mapped[dict[str, Any]]
    record_id: Mapped[UUID] = mapped_column(index=True)


class LogEntry(Base):
    """The tree's entries: 34 uniform bytes each."""

    __tablename__ = "log_entry"

    idx: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry: Mapped[bytes]


class LogTile(Base):
    """Hashes of the tree in tiles of 256 (C2SP tlog-tiles); a right-edge tile grows until it is full."""

    __tablename__ = "log_tile"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes]


class LogHead(Base):
    """The newest signed checkpoint; exactly one row."""

    __tablename__ = "log_head"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    note: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime]


class LogCheckpoint(Base):
    """Every checkpoint the log signed."""

    __tablename__ = "log_checkpoint"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime] = mapped_column(index=True)


class LogPending(Base):
    """Entries waiting for their place, in order of arrival."""

    __tablename__ = "log_pending"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    entry: Mapped[bytes]
    record_id: Mapped[UUID]


class LogRecord(Base):
    """The blinded data behind an entry, access-controlled; ``confidential`` and ``salt2`` are stored apart."""

    __tablename__ = "log_record"
    __table_args__ = (sa.Index("ix_log_record_kind_at", "kind", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    idx: Mapped[int | None] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(sa.String(24))
    tender: Mapped[str] = mapped_column(sa.String(40), index=True)
    at: Mapped[datetime]
    jcs: Mapped[bytes]
    confidential: Mapped[bytes | None]
    salt2: Mapped[bytes | None]


class WitnessSignature(Base):
    """A witness's cosignature line over the checkpoint of a size."""

    __tablename__ = "witness_sig"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    line: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime]
