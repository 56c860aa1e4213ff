"""Tables of sealing, submission and opening: columns and constraints, no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bidding.rules.states import BidState, OpeningState
from kernel.database import Audited, Base
from kernel.money import Money


def _states(kind: type[Any]) -> sa.Enum:
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda e: [m.value for m in e])


class Seat(Audited, Base):
    """A custodian's seat at a tender: who keeps share ``x`` and, once stated, his key for this tender."""

    __tablename__ = "seat"
    __table_args__ = (sa.UniqueConstraint("tender_id", "x"), sa.UniqueConstraint("tender_id", "org_id"))
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    x: Mapped[int]
    role: Mapped[str] = mapped_column(sa.String(24))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    not_after: Mapped[datetime]
    statement: Mapped[dict[str, Any] | None]
    stated_at: Mapped[datetime | None]


class SealPolicy(Audited, Base):
    """A policy ("lock") of a tender in its canonical bytes; the newest of a tender is in force."""

    __tablename__ = "seal_policy"
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    jcs: Mapped[bytes]
    threshold: Mapped[int]
    fixed_at: Mapped[datetime]
    record_id: Mapped[UUID]


class Bid(Audited, Base):
    """投标文件, sealed: what the outside shows, and how its delivery stands."""

    __tablename__ = "bid"
    __table_args__ = (sa.Index("ix_bid_lot_org", "lot_id", "org_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(32), unique=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    person_id: Mapped[UUID]
    policy: Mapped[str] = mapped_column(sa.String(64))
    bk: Mapped[bytes]
    state: Mapped[BidState] = mapped_column(_states(BidState))
    commit_body: Mapped[dict[str, Any]]
    replaces: Mapped[str] = mapped_column(sa.String(32))
    replace_statement: Mapped[dict[str, Any] | None]
    key_lost: Mapped[bool] = mapped_column(default=False)
    committed_at: Mapped[datetime]
    commit_record_id: Mapped[UUID]
    completed_at: Mapped[datetime | None]
    complete_record_id: Mapped[UUID | None]
    withdrawn_at: Mapped[datetime | None]
    withdraw_record_id: Mapped[UUID | None]

    parts: Mapped[list[BidPart]] = relationship(order_by="BidPart.part", lazy="selectin")


class BidPart(Base):
    """One sealed container of a bid: its Merkle root, size and the hashes of its blocks (32 bytes each)."""

    __tablename__ = "bid_part"

    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), primary_key=True)
    part: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    root: Mapped[str] = mapped_column(sa.String(64))
    size: Mapped[int]
    blocks: Mapped[int]
    hashes: Mapped[bytes]


class BidBlock(Base):
    """A block of a container that is in the store."""

    __tablename__ = "bid_block"

    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), primary_key=True)
    part: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class CustodianAck(Base):
    """A custodian's word that his own share of a bid fits its commitment."""

    __tablename__ = "custodian_ack"

    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), primary_key=True)
    part: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    x: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[dict[str, Any]]
    sig: Mapped[dict[str, Any]]
    record_id: Mapped[UUID]
    at: Mapped[datetime]


class Opening(Audited, Base):
    """开标 of a tender: from the close to the confirmed opening record."""

    __tablename__ = "opening"
    __table_args__ = (sa.Index("ix_opening_next_moment_at", "next_moment_at"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), unique=True)
    state: Mapped[OpeningState] = mapped_column(_states(OpeningState))
    close_body: Mapped[dict[str, Any]]
    close_record_id: Mapped[UUID]
    close_index: Mapped[int]
    close_size: Mapped[int]
    close_root: Mapped[bytes]
    closed_at: Mapped[datetime]
    window_until_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    objections_until_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    record_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    version: Mapped[int]
    next_moment_at: Mapped[datetime | None]


class Release(Audited, Base):
    """A custodian's shares for one part: first their digest, then their content; both are logged."""

    __tablename__ = "share_release"
    __table_args__ = (sa.UniqueConstraint("tender_id", "part", "x"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    part: Mapped[str] = mapped_column(sa.String(16))
    x: Mapped[int]
    body: Mapped[dict[str, Any]]
    sig: Mapped[dict[str, Any]]
    promised_at: Mapped[datetime]
    record_id: Mapped[UUID]
    content: Mapped[dict[str, Any] | None]
    salt2: Mapped[bytes | None]
    released_at: Mapped[datetime | None]


class BidderSecret(Base):
    """The second way in: a bidder's own secret for a part, offered in the release window."""

    __tablename__ = "bidder_secret"

    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), primary_key=True)
    part: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    secret: Mapped[bytes]
    lock: Mapped[bytes]
    offered_at: Mapped[datetime]


class OpenedPart(Audited, Base):
    """What opening one part of one bid gave: the content, or the reason why not and whose cause it was."""

    __tablename__ = "opened_part"
    __table_args__ = (sa.UniqueConstraint("bid_id", "part"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"), index=True)
    bid_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bid.id"), index=True)
    part: Mapped[str] = mapped_column(sa.String(16))
    order: Mapped[int] = mapped_column("opening_order")
    ok: Mapped[bool]
    why: Mapped[str] = mapped_column(sa.String(40))
    cause: Mapped[str] = mapped_column(sa.String(16))
    way: Mapped[str] = mapped_column(sa.String(16))
    secret: Mapped[bytes | None]
    manifest: Mapped[dict[str, Any] | None]
    manifest_sig: Mapped[dict[str, Any] | None]
    bundle_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    price: Mapped[Money | None]
    nonce: Mapped[bytes | None]
    record_id: Mapped[UUID]
    opened_at: Mapped[datetime]


class OpenedFile(Base):
    """A file from an opened bid in quarantine: served only as an attachment to those who may read it."""

    __tablename__ = "opened_file"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    opened_id: Mapped[UUID] = mapped_column(sa.ForeignKey("opened_part.id"), index=True)
    number: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(200))
    media: Mapped[str] = mapped_column(sa.String(100))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    blob: Mapped[str] = mapped_column(sa.String(200))


class CoefficientDraw(Audited, Base):
    """A draw at the opening (K, δ, tie): inputs and result, recomputable by anybody."""

    __tablename__ = "coefficient_draw"
    __table_args__ = (sa.UniqueConstraint("lot_id", "kind"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"))
    kind: Mapped[str] = mapped_column(sa.String(16))
    inputs: Mapped[dict[str, Any]]
    result: Mapped[list[Any]]
    record_id: Mapped[UUID]
    drawn_at: Mapped[datetime]


class RecordSignature(Base):
    """A bidder's signature, or remark, under the opening record."""

    __tablename__ = "record_signature"

    opening_id: Mapped[UUID] = mapped_column(sa.ForeignKey("opening.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    at: Mapped[datetime]
    remark: Mapped[str] = mapped_column(sa.Text)


class Attendance(Base):
    """Who signed in to the opening hall, and when."""

    __tablename__ = "attendance"

    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    at: Mapped[datetime]


class HallMessage(Audited, Base):
    """A message in the opening hall; never changed, never deleted. ``voice``: in which capacity it was written."""

    __tablename__ = "hall_message"
    __table_args__ = (sa.Index("ix_hall_message_tender_id_said_at", "tender_id", "said_at"),)
    __subject__ = "tender_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"))
    person_id: Mapped[UUID]
    voice: Mapped[str] = mapped_column(sa.String(12))
    text: Mapped[str] = mapped_column(sa.Text)
    said_at: Mapped[datetime]
    record_id: Mapped[UUID]


class StandingCustodian(Audited, Base):
    """An organisation that keeps shares for every tender of the city, besides the tenderer himself."""

    __tablename__ = "standing_custodian"
    __subject__ = "org_id"

    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(24), unique=True)
    since: Mapped[datetime]
