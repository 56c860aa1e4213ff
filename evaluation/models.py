"""Tables of the expert roster, the panel and its work: columns and constraints, no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kernel.database import Audited, Base
from kernel.money import Money


class Expert(Audited, Base):
    """评标专家 on the roster."""

    __tablename__ = "expert"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    specialties: Mapped[list[Any]]
    region: Mapped[str] = mapped_column(sa.String(40))
    employer_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("organization.id"))
    past_employers: Mapped[list[Any]]
    title: Mapped[str] = mapped_column(sa.String(80))
    years: Mapped[int]
    status: Mapped[str] = mapped_column(sa.String(16))


class Panel(Audited, Base):
    """评标委员会 of one tender."""

    __tablename__ = "panel"
    __table_args__ = (sa.Index("ix_panel_next_moment_at", "next_moment_at"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), unique=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    seats: Mapped[int]
    buyer_seats: Mapped[int]
    specialty: Mapped[str] = mapped_column(sa.String(40))
    pool: Mapped[list[Any]]
    pool_salt: Mapped[bytes]
    pool_root: Mapped[str] = mapped_column(sa.String(64))
    pool_record_id: Mapped[UUID]
    reserve: Mapped[list[Any]] = mapped_column(default=list)
    reserve_root: Mapped[str] = mapped_column(sa.String(64), default="")
    enlargements: Mapped[list[Any]] = mapped_column(default=list)
    order: Mapped[list[Any] | None] = mapped_column("draw_order")
    draw_inputs: Mapped[dict[str, Any] | None]
    draw_record_id: Mapped[UUID | None]
    next_index: Mapped[int]
    competition: Mapped[dict[str, Any]]
    invited_until_at: Mapped[datetime | None]
    buyer_until_at: Mapped[datetime | None]
    working_until_at: Mapped[datetime | None]
    signing_until_at: Mapped[datetime | None]
    signing_rounds: Mapped[int] = mapped_column(default=0)
    version: Mapped[int]
    formed_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    next_moment_at: Mapped[datetime | None]

    members: Mapped[list[Panelist]] = relationship(order_by="Panelist.number", lazy="selectin")


class Panelist(Audited, Base):
    """A seat on a panel. Names are secret until the award is decided."""

    __tablename__ = "panelist"
    __table_args__ = (sa.UniqueConstraint("panel_id", "person_id"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    panel_id: Mapped[UUID] = mapped_column(sa.ForeignKey("panel.id"), index=True)
    tender_id: Mapped[UUID]
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    employer_id: Mapped[UUID | None]
    seat: Mapped[str] = mapped_column(sa.String(16))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(16))
    invited_at: Mapped[datetime]
    committed_at: Mapped[datetime | None]
    left_for: Mapped[str | None] = mapped_column(sa.Text)


class ReviewVote(Base):
    """One member's answer on one review item of one bid; the newest of a member counts."""

    __tablename__ = "review_vote"

    panelist_id: Mapped[UUID] = mapped_column(sa.ForeignKey("panelist.id"), primary_key=True)
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), primary_key=True)
    item: Mapped[str] = mapped_column(sa.String(24), primary_key=True)
    passed: Mapped[bool]
    reason: Mapped[str] = mapped_column(sa.Text)
    page: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime]


class Verdict(Audited, Base):
    """The panel's finding on a bid after the preliminary review."""

    __tablename__ = "verdict"
    __table_args__ = (sa.UniqueConstraint("bid_id"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"))
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"))
    code: Mapped[str] = mapped_column(sa.String(8))
    valid: Mapped[bool]
    grounds: Mapped[list[Any]]
    price: Mapped[Money]
    at: Mapped[datetime]


class AbnormalReview(Audited, Base):
    """A written request to explain an abnormally low price, the answer and the panel's vote."""

    __tablename__ = "abnormal_review"
    __table_args__ = (sa.UniqueConstraint("bid_id"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"))
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"))
    triggers: Mapped[list[Any]]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    explanation: Mapped[str | None] = mapped_column(sa.Text)
    explained_at: Mapped[datetime | None]
    votes: Mapped[dict[str, Any]]
    accepted: Mapped[bool | None]
    decided_at: Mapped[datetime | None]


class ScoreSheet(Audited, Base):
    """评分表: one member's scores of one bid. Drafts are the member's own; a lock is final and signed."""

    __tablename__ = "score_sheet"
    __table_args__ = (sa.UniqueConstraint("panelist_id", "bid_id"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"))
    panelist_id: Mapped[UUID] = mapped_column(sa.ForeignKey("panelist.id"), index=True)
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), index=True)
    scores: Mapped[dict[str, Any]]
    locked_at: Mapped[datetime | None]
    sig: Mapped[dict[str, Any] | None]
    record_id: Mapped[UUID | None]
    saved_at: Mapped[datetime]


class EvaluationReport(Audited, Base):
    """评标报告 of one lot: every input and result, so that anybody recomputes it, and the members' signatures."""

    __tablename__ = "evaluation_report"
    __table_args__ = (sa.UniqueConstraint("lot_id", "version"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    version: Mapped[int]
    body: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(sa.String(64))
    signatures: Mapped[dict[str, Any]]
    pdf_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    made_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    record_id: Mapped[UUID | None]


class Award(Audited, Base):
    """The buyer's decision on a lot and what followed from it."""

    __tablename__ = "award"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), unique=True)
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    rank: Mapped[int]
    price: Mapped[Money]
    reason: Mapped[str] = mapped_column(sa.Text)
    letter_sha256: Mapped[str] = mapped_column(sa.String(64))
    decided_at: Mapped[datetime]
    record_id: Mapped[UUID]
