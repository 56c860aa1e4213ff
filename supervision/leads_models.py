"""Tables of leads on bid rigging: what was collected, what was imported, what was found, what was answered.

Personal values are kept as keyed hashes; what a supervisor sees of them is masked.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kernel.database import Audited, Base


class LeadState(StrEnum):
    """The life of a lead: found, asked about, and closed with a written reason."""

    OPEN = "open"
    ASKED = "asked"
    CLOSED = "closed"


class SubmissionTrace(Base):
    """Keyed hashes of the address a bid came from, noted by the server."""

    __tablename__ = "submission_trace"
    __table_args__ = (sa.Index("ix_submission_trace_address", "address"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    moment: Mapped[str] = mapped_column(sa.String(16))
    at: Mapped[datetime]
    address: Mapped[str] = mapped_column(sa.String(64))
    network: Mapped[str] = mapped_column(sa.String(64))


class AddressTrace(Base):
    """Keyed hash of the address of something else a bidder did in a tender: asked, withdrew, gave its key."""

    __tablename__ = "address_trace"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    moment: Mapped[str] = mapped_column(sa.String(16))
    at: Mapped[datetime]
    address: Mapped[str] = mapped_column(sa.String(64))


class ClientTrace(Base):
    """What the sealing client said with its person's consent: marks salted by the tender, then hashed under our key.

    ``device``: part → hash; ``documents``: hashes of whole files. ``text``: the consent's version.
    """

    __tablename__ = "client_trace"

    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    text: Mapped[str] = mapped_column(sa.String(16))
    at: Mapped[datetime] = mapped_column(index=True)
    device: Mapped[dict[str, Any]]
    documents: Mapped[list[Any]]


class TraceConsent(Base):
    """Who allowed a browser to be recognised, to which text, and when that ended."""

    __tablename__ = "trace_consent"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    text: Mapped[str] = mapped_column(sa.String(16))
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class ImportBatch(Audited, Base):
    """A file of traces that came from outside: who brought it, its fingerprint, how many lines it had."""

    __tablename__ = "import_batch"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(sa.String(200))
    file_sha256: Mapped[str] = mapped_column(sa.String(64))
    lines: Mapped[int]
    refused: Mapped[int]
    person_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(index=True)
    record_id: Mapped[UUID]


class ImportedTrace(Base):
    """One line of a batch: hashes to compare and masked texts to show. ``lot_id`` None: it holds everywhere."""

    __tablename__ = "imported_trace"
    __table_args__ = (sa.Index("ix_imported_trace_kind_org", "kind", "org_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(sa.ForeignKey("import_batch.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    lot_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    org_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("organization.id"))
    line: Mapped[int]
    hashes: Mapped[dict[str, Any]]
    shown: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class LotAnalysis(Base):
    """What the last analysis of a lot's opened bids left: figures for the page, words for later comparisons."""

    __tablename__ = "lot_analysis"

    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    unread: Mapped[list[Any]]
    figures: Mapped[dict[str, Any]]
    words: Mapped[bytes]


class Lead(Audited, Base):
    """线索: a lot in which bids look as if they had been agreed. A reason to look, never a finding.

    ``light``: from hard evidence alone. ``risk``: ten-thousandths over all classes. ``queue``: ten-thousandths of the
    statistical score, which orders leads of one colour and risk. ``shares``: class → its part of the risk.
    """

    __tablename__ = "lead"
    __table_args__ = (sa.Index("ix_lead_queue", "state", "light", "risk"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(24), unique=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), unique=True)
    state: Mapped[LeadState] = mapped_column(
        sa.Enum(LeadState, native_enum=False, length=16, values_callable=lambda e: [m.value for m in e])
    )
    light: Mapped[str] = mapped_column(sa.String(8))
    risk: Mapped[int]
    queue: Mapped[int]
    shares: Mapped[dict[str, Any]]
    firms: Mapped[list[Any]]
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    outcome: Mapped[str] = mapped_column(sa.String(16))
    reason: Mapped[str] = mapped_column(sa.Text)

    indicators: Mapped[list[LeadIndicator]] = relationship(order_by="LeadIndicator.code", lazy="selectin")
    answers: Mapped[list[LeadAnswer]] = relationship(order_by="LeadAnswer.asked_at", lazy="selectin")


class LeadIndicator(Base):
    """One thing seen: raw evidence, its digest, and the log record that fixed it. ``gone_at``: no longer seen."""

    __tablename__ = "lead_indicator"
    __table_args__ = (sa.Index("ix_lead_indicator_lead", "lead_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lead.id"))
    code: Mapped[str] = mapped_column(sa.String(8))
    light: Mapped[str] = mapped_column(sa.String(8))
    kind: Mapped[str] = mapped_column(sa.String(16))
    firms: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    p: Mapped[str] = mapped_column(sa.String(24))
    null: Mapped[str] = mapped_column(sa.String(200))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    seen_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]
    record_id: Mapped[UUID]


class LeadAnswer(Audited, Base):
    """A supervisor's question to one firm of a lead, and the firm's answer."""

    __tablename__ = "lead_answer"
    __table_args__ = (sa.UniqueConstraint("lead_id", "org_id"),)
    __subject__ = "lead_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lead.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    question: Mapped[str] = mapped_column(sa.Text)
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    answer: Mapped[str] = mapped_column(sa.Text)
    answered_by: Mapped[UUID | None]
    answered_at: Mapped[datetime | None]
