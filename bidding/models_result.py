"""Tables of what follows an auction's result: columns and constraints, no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kernel.database import Audited, Base
from kernel.money import Money


class AuctionConfirmation(Audited, Base):
    """成交确认书: the confirmed result of an auction, its letter and how long it is on public display."""

    __tablename__ = "auction_confirmation"
    __subject__ = "auction_id"

    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), primary_key=True)
    seat_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction_seat.id"))
    price: Mapped[Money]
    letter_sha256: Mapped[str] = mapped_column(sa.String(64))
    public_until_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime]
    record_id: Mapped[UUID]


class AuctionDefault(Audited, Base):
    """A winner who did not stand by his word, and what a re-sale made of it."""

    __tablename__ = "auction_default"
    __subject__ = "auction_id"

    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), primary_key=True)
    seat_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction_seat.id"))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    price: Mapped[Money]
    kept: Mapped[Money]
    reason: Mapped[str] = mapped_column(sa.String(500))
    declared_at: Mapped[datetime]
    resale_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("auction.id"))
    difference: Mapped[Money | None]
    owed: Mapped[Money | None]


class PriceReview(Audited, Base):
    """A written request to explain the abnormally low price of an offer, the answer, and what the review group decided.

    ``triggers``: the tests that fired, as ``Trigger.to_plain``. ``votes``: every member of the group with his vote, empty
    where nothing was explained in time and the rule decided.
    """

    __tablename__ = "auction_price_review"
    __subject__ = "auction_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    seat_id: Mapped[UUID] = mapped_column(sa.ForeignKey("auction_seat.id"), unique=True)
    plate: Mapped[str] = mapped_column(sa.String(12))
    triggers: Mapped[list[Any]]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    explanation: Mapped[str | None] = mapped_column(sa.Text)
    explained_at: Mapped[datetime | None]
    votes: Mapped[list[Any]]
    reason: Mapped[str] = mapped_column(sa.Text)
    accepted: Mapped[bool | None]
    decided_at: Mapped[datetime | None]
