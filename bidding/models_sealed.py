"""Tables of what is sealed in an auction: columns and constraints, no decisions.

A slip is a container of fixed length (docs/formats/auction-slip.md). That it was handed in, and when, stands in the
auction's journal, which names its root; here lies the ciphertext.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bidding.rules.states import OpeningState
from kernel.database import Audited, Base
from kernel.money import Money


class AuctionSlip(Base):
    """A sealed standing limit, offer or reserve price; nothing here is ever changed.

    ``plate`` is empty for a reserve price; ``code`` is the container's id; ``root`` what the journal names.
    """

    __tablename__ = "auction_slip"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    what: Mapped[str] = mapped_column(sa.String(8))
    plate: Mapped[str] = mapped_column(sa.String(12))
    part: Mapped[str] = mapped_column(sa.String(16))
    code: Mapped[str] = mapped_column(sa.String(32), unique=True)
    policy: Mapped[str] = mapped_column(sa.String(64))
    root: Mapped[str] = mapped_column(sa.String(64), index=True)
    commit_body: Mapped[dict[str, Any]]
    commit_sig: Mapped[dict[str, Any]]
    container: Mapped[bytes]
    handed_at: Mapped[datetime]


class AuctionClosing(Audited, Base):
    """A part of an auction whose slips are to be opened: listed, logged, and waiting for the custodians' shares."""

    __tablename__ = "auction_closing"
    __table_args__ = (sa.UniqueConstraint("auction_id", "part"),)
    __subject__ = "auction_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    part: Mapped[str] = mapped_column(sa.String(16))
    state: Mapped[OpeningState] = mapped_column(
        sa.Enum(OpeningState, native_enum=False, length=16, values_callable=lambda e: [m.value for m in e])
    )
    close_body: Mapped[dict[str, Any]]
    close_record_id: Mapped[UUID]
    close_index: Mapped[int]
    closed_at: Mapped[datetime]
    window_until_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]


class ClosedSlip(Audited, Base):
    """A slip of a closing, and what opening it gave: the content, or why not and whose cause it was."""

    __tablename__ = "auction_closed_slip"
    __subject__ = "auction_id"

    slip_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction_slip.id"), primary_key=True)
    closing_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction_closing.id"), index=True)
    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    commit_record_id: Mapped[UUID]
    offered: Mapped[bytes | None]
    ok: Mapped[bool | None]
    why: Mapped[str] = mapped_column(sa.String(40))
    cause: Mapped[str] = mapped_column(sa.String(16))
    way: Mapped[str] = mapped_column(sa.String(16))
    secret: Mapped[bytes | None]
    content: Mapped[dict[str, Any] | None]
    amount: Mapped[Money | None]
    record_id: Mapped[UUID | None]
