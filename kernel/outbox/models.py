"""The outbox table."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kernel.database import Base


class Message(Base):
    """One mail: whom, which template with which parameters, and how its delivery stands."""

    __tablename__ = "message"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    to: Mapped[str] = mapped_column(sa.String(200))
    template: Mapped[str] = mapped_column(sa.String(80))
    lang: Mapped[str] = mapped_column(sa.String(8))
    params: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(16))
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(sa.Text)
