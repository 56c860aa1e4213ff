"""Tables of the tender itself: columns and constraints, no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kernel.database import Audited, Base
from kernel.money import Money
from trading.rules.lifecycle import Stage


class Project(Audited, Base):
    """项目: what the public body wants done, with its approval and money."""

    __tablename__ = "project"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    buyer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    category: Mapped[str] = mapped_column(sa.String(16))
    region: Mapped[str] = mapped_column(sa.String(40))
    funds: Mapped[str] = mapped_column(sa.String(200))
    approval_no: Mapped[str] = mapped_column(sa.String(80))
    budget: Mapped[Money]
    created_at: Mapped[datetime]


class Tender(Audited, Base):
    """招标 / 采购项目: one procedure over one or more lots, under the law frozen at publication."""

    __tablename__ = "tender"
    __table_args__ = (
        sa.Index("ix_tender_next_moment_at", "next_moment_at"),
        sa.CheckConstraint("documents_from_at < bids_close_at", name="documents_before_close"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(sa.ForeignKey("project.id"), index=True)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    summary: Mapped[str] = mapped_column(sa.Text)
    regime: Mapped[str] = mapped_column(sa.String(8))
    category: Mapped[str] = mapped_column(sa.String(16))
    procedure: Mapped[str] = mapped_column(sa.String(16))
    region: Mapped[str] = mapped_column(sa.String(40))
    jurisdiction: Mapped[str] = mapped_column(sa.String(16))
    buyer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    agent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    edition: Mapped[str | None] = mapped_column(sa.String(40))
    terms: Mapped[dict[str, Any]]
    qualification: Mapped[str] = mapped_column(sa.Text)
    contact: Mapped[dict[str, Any]]
    place: Mapped[str] = mapped_column(sa.String(200))
    bond: Mapped[Money]
    validity_days: Mapped[int]
    documents_from_at: Mapped[datetime]
    documents_until_at: Mapped[datetime]
    bids_close_at: Mapped[datetime] = mapped_column(index=True)
    policy_digest: Mapped[str | None] = mapped_column(sa.String(64))
    published_at: Mapped[datetime | None] = mapped_column(index=True)
    suspended_at: Mapped[datetime | None]
    suspended_for: Mapped[str | None] = mapped_column(sa.Text)
    terminated_at: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    next_moment_at: Mapped[datetime | None]

    project: Mapped[Project] = relationship(lazy="joined")
    lots: Mapped[list[Lot]] = relationship(order_by="Lot.number", lazy="selectin", back_populates="tender")


class Lot(Audited, Base):
    """标段 / 包: the unit that is bid for, evaluated and awarded."""

    __tablename__ = "lot"
    __table_args__ = (sa.UniqueConstraint("tender_id", "number"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    number: Mapped[int]
    title: Mapped[str] = mapped_column(sa.String(200))
    quantity: Mapped[str] = mapped_column(sa.Text)
    ceiling: Mapped[Money]
    stage: Mapped[Stage] = mapped_column(
        sa.Enum(Stage, native_enum=False, length=16, values_callable=lambda e: [m.value for m in e])
    )
    round: Mapped[int]
    failed_for: Mapped[str | None] = mapped_column(sa.String(40))
    outcome: Mapped[dict[str, Any] | None]
    standstill_until_at: Mapped[datetime | None]
    awarded_at: Mapped[datetime | None] = mapped_column(index=True)
    live: Mapped[dict[str, Any] | None]

    tender: Mapped[Tender] = relationship(back_populates="lots", lazy="joined")


class Document(Audited, Base):
    """One version of one file of a document set; replaced versions stay downloadable."""

    __tablename__ = "document"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(24))
    name: Mapped[str] = mapped_column(sa.String(200))
    media: Mapped[str] = mapped_column(sa.String(100))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    version: Mapped[int]
    replaces_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("document.id"))
    replaced_at: Mapped[datetime | None]
    public: Mapped[bool]
    added_at: Mapped[datetime]
    record_id: Mapped[UUID | None]


class Notice(Audited, Base):
    """公告 / 公示: a text the public can rely on, never changed after publication."""

    __tablename__ = "notice"
    __table_args__ = (sa.Index("ix_notice_published", "published_at", "id"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("lot.id"))
    kind: Mapped[str] = mapped_column(sa.String(24), index=True)
    title: Mapped[str] = mapped_column(sa.String(300))
    body: Mapped[dict[str, Any]]
    regime: Mapped[str] = mapped_column(sa.String(8))
    category: Mapped[str] = mapped_column(sa.String(16))
    region: Mapped[str] = mapped_column(sa.String(40))
    amount: Mapped[Money | None]
    words: Mapped[str] = mapped_column(sa.Text)
    published_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    record_id: Mapped[UUID]

    tender: Mapped[Tender] = relationship(lazy="joined")


class Question(Audited, Base):
    """澄清与答疑: a bidder's question and the buyer's published answer. Who asked is shown to nobody."""

    __tablename__ = "question"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    text: Mapped[str] = mapped_column(sa.Text)
    asked_at: Mapped[datetime]
    answer: Mapped[str | None] = mapped_column(sa.Text)
    answered_at: Mapped[datetime | None]
    affects_bids: Mapped[bool]
    record_id: Mapped[UUID | None]


class Objection(Audited, Base):
    """异议 / 质疑: filed by somebody concerned, answered within the law's term; holds the tender still."""

    __tablename__ = "objection"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("lot.id"))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    matter: Mapped[str] = mapped_column(sa.String(16))
    text: Mapped[str] = mapped_column(sa.Text)
    in_time: Mapped[bool]
    filed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    answer: Mapped[str | None] = mapped_column(sa.Text)
    upheld: Mapped[bool | None]
    answered_at: Mapped[datetime | None]
    record_id: Mapped[UUID | None]


class Contract(Audited, Base):
    """合同: what buyer and supplier sign for one awarded lot; nothing in it departs from tender and bid.

    ``state``: ``draft`` until both have signed, ``signed``, ``superseded`` by a newer draft, or ``lapsed``.
    """

    __tablename__ = "contract"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    number: Mapped[str] = mapped_column(sa.String(60), unique=True)
    buyer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    price: Mapped[Money]
    performance_bond: Mapped[Money]
    body: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(sa.String(64))
    state: Mapped[str] = mapped_column(sa.String(16))
    signatures: Mapped[dict[str, Any]]
    drafted_at: Mapped[datetime]
    signed_at: Mapped[datetime | None]
    document_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    pdf_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    filing_no: Mapped[str | None] = mapped_column(sa.String(80))
    filed_at: Mapped[datetime | None]
    record_id: Mapped[UUID | None]


class AwardLapse(Audited, Base):
    """An award whose winner did not sign: why, and what bond he lost by it."""

    __tablename__ = "award_lapse"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    bid: Mapped[str] = mapped_column(sa.String(32))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    ground: Mapped[str] = mapped_column(sa.String(16))
    reason: Mapped[str] = mapped_column(sa.Text)
    bond: Mapped[Money]
    at: Mapped[datetime]
    record_id: Mapped[UUID]


class DocumentTaking(Base):
    """Who took a document and when; only counts are shown before the deadline (招标投标法 第二十二条)."""

    __tablename__ = "document_taking"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(sa.ForeignKey("document.id"), index=True)
    org_id: Mapped[UUID | None]
    at: Mapped[datetime]


class Counter(Base):
    """Running numbers that people read, one row per series."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    last: Mapped[int]
