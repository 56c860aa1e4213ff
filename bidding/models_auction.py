"""Tables of live auctions: columns and constraints, no decisions.

An auction's truth is its journal (``auction_event``); ``auction_head`` says how far it goes and who owns it, and may
always be made again from the journal. Everything a person or a rule decided about the auction stands in ``auction``.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kernel.database import Audited, Base
from kernel.money import Money


class AuctionStage(StrEnum):
    """What has been decided about an auction; what time alone decides stands in its journal.

    ``PRINTED``: its terms are published, bidders register. ``LIVE``: its journal has begun. ``SETTLING``: over,
    waiting for a sealed reserve, a priority holder or the buyer. ``SOLD`` and ``FAILED``: over with and without a
    winner. ``CANCELLED``: the tender ended before it.
    """

    PRINTED = "printed"
    LIVE = "live"
    SETTLING = "settling"
    SOLD = "sold"
    FAILED = "failed"
    CANCELLED = "cancelled"


def _states(kind: type[Any]) -> sa.Enum:
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda e: [m.value for m in e])


class Auction(Audited, Base):
    """竞价 of one lot under printed terms."""

    __tablename__ = "auction"
    __table_args__ = (sa.UniqueConstraint("lot_id", "round"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    round: Mapped[int]
    terms: Mapped[dict[str, Any]]
    terms_digest: Mapped[str] = mapped_column(sa.String(64))
    starts_at: Mapped[datetime]
    register_until_at: Mapped[datetime]
    stage: Mapped[AuctionStage] = mapped_column(_states(AuctionStage), index=True)
    holders: Mapped[list[Any]]
    reserve_bid: Mapped[str | None] = mapped_column(sa.String(32))
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]
    journal_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    failed_for: Mapped[str | None] = mapped_column(sa.String(40))
    settled_at: Mapped[datetime | None]


class AuctionHead(Base):
    """How far the journal of an auction goes. The one row that writers compete for, by version and fence.

    Attributes:
        version: grows by one with every transaction that writes to the journal.
        seq, chain: number of the last event, and the chain of all digests up to it (32 bytes).
        anchored_seq, anchored_at: how far the public log holds the chain, and since when.
        stage: as the engine names it; ``over``: no event will follow.
        owner, fence: the hall process that keeps the room in memory; a taken-over room has a higher fence.
        alive_at: when the owner last wrote that he is there. An owner that falls silent without a farewell is an outage.
        next_moment_at: when the timekeeper looks after it, should its owner be gone.
    """

    __tablename__ = "auction_head"

    id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), primary_key=True)
    version: Mapped[int]
    seq: Mapped[int]
    chain: Mapped[bytes]
    anchored_seq: Mapped[int]
    anchored_at: Mapped[datetime | None]
    stage: Mapped[str] = mapped_column(sa.String(24))
    over: Mapped[bool]
    owner: Mapped[str] = mapped_column(sa.String(64))
    fence: Mapped[int]
    alive_at: Mapped[datetime | None]
    next_moment_at: Mapped[datetime | None] = mapped_column(index=True)


class AuctionEvent(Base):
    """One event of an auction's journal; nothing here is ever changed.

    ``key`` is the client's idempotency key of an offer; ``receipt`` is what the client was answered, byte for byte.
    """

    __tablename__ = "auction_event"
    __table_args__ = (sa.UniqueConstraint("auction_id", "plate", "key"),)

    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(sa.String(24))
    plate: Mapped[str | None] = mapped_column(sa.String(12))
    key: Mapped[str | None] = mapped_column(sa.String(64))
    event: Mapped[str] = mapped_column(sa.Text)
    salt: Mapped[bytes]
    chain: Mapped[bytes]
    version: Mapped[int]
    receipt: Mapped[str | None] = mapped_column(sa.Text)


class AuctionAnchor(Base):
    """Which log record holds the chain up to which event."""

    __tablename__ = "auction_anchor"

    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    upto: Mapped[int]
    chain: Mapped[bytes]
    record_id: Mapped[UUID]
    at: Mapped[datetime]


class AuctionSeat(Audited, Base):
    """A bidder's registration for an auction: his plate, his deposit, and what he stated."""

    __tablename__ = "auction_seat"
    __table_args__ = (
        sa.UniqueConstraint("auction_id", "org_id"),
        sa.UniqueConstraint("auction_id", "plate"),
    )
    __subject__ = "auction_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    person_id: Mapped[UUID]
    plate: Mapped[str] = mapped_column(sa.String(12))
    nonce: Mapped[bytes]
    statement: Mapped[dict[str, Any]]
    priority_rank: Mapped[int | None]
    bond_account: Mapped[str] = mapped_column(sa.String(24), unique=True)
    bond_due: Mapped[Money]
    bond_paid: Mapped[Money | None]
    bond_at: Mapped[datetime | None]
    registered_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    record_id: Mapped[UUID]


class Outage(Audited, Base):
    """A time in which the platform failed an auction, and what the printed rule made of it."""

    __tablename__ = "auction_outage"
    __subject__ = "auction_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(24))
    reason: Mapped[str] = mapped_column(sa.Text)
    since_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    remedy: Mapped[str] = mapped_column(sa.String(24))


class Rehearsal(Base):
    """A practice room with robots, asked for by anybody; it leaves no trace in log, journal or results."""

    __tablename__ = "auction_rehearsal"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID | None]
    person_id: Mapped[UUID] = mapped_column(index=True)
    terms: Mapped[dict[str, Any]]
    plate: Mapped[str] = mapped_column(sa.String(12))
    robots: Mapped[int]
    seed: Mapped[bytes]
    starts_at: Mapped[datetime]
    made_at: Mapped[datetime]
