"""Tables of deposits: columns and constraints, no decisions.

A bid bond of a sealed tender hangs on a lot and a bidder (``bid_bond``), the deposit of an auction on a registration
(``auction_seat``). What arrives (``bond_payment``) and what is to be done with it (``bond_order``) is one thing for both.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kernel.database import Audited, Base
from kernel.money import Money


class BondForm(StrEnum):
    """In which form a bid bond is given."""

    TRANSFER = "transfer"
    GUARANTEE = "guarantee"


class BondOrderKind(StrEnum):
    """What is to be done with a deposit."""

    REFUND = "refund"
    KEEP = "keep"


def _states(kind: type[Any]) -> sa.Enum:
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda e: [m.value for m in e])


class BidBond(Audited, Base):
    """投标保证金 of one bidder for one lot: an account of its own to pay to, or a guarantee (保函).

    Attributes:
        number: counts his bonds for the lot; the second follows a first that went back, or is in another form.
        account: of a transfer: sixteen random digits, which name nobody.
        payer_hash, payer_shown: the account he pays from (基本账户), as keyed hash and masked.
        genuine: what the operator found when he asked the issuer of a guarantee; None while he has not.
    """

    __tablename__ = "bid_bond"
    __table_args__ = (sa.UniqueConstraint("lot_id", "org_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tender_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tender.id"), index=True)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lot.id"))
    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    person_id: Mapped[UUID]
    number: Mapped[int]
    form: Mapped[BondForm] = mapped_column(_states(BondForm))
    due: Mapped[Money]
    made_at: Mapped[datetime]
    record_id: Mapped[UUID]
    account: Mapped[str | None] = mapped_column(sa.String(24), unique=True)
    payer_hash: Mapped[str] = mapped_column(sa.String(64))
    payer_shown: Mapped[str] = mapped_column(sa.String(40))
    issuer: Mapped[str] = mapped_column(sa.String(120))
    guarantee_no: Mapped[str] = mapped_column(sa.String(80))
    guaranteed: Mapped[Money | None]
    valid_until: Mapped[date | None]
    file_name: Mapped[str] = mapped_column(sa.String(200))
    file_sha256: Mapped[str] = mapped_column(sa.String(64))
    genuine: Mapped[bool | None]
    checked_at: Mapped[datetime | None]
    checked_note: Mapped[str] = mapped_column(sa.Text)


class BondPayment(Base):
    """Money that arrived on a deposit account; nothing here is ever changed.

    Attributes:
        bank_ref: the bank's number of the transfer; the same number again is the same payment.
        payer_hash, payer_shown: the account it came from, as keyed hash and masked.
        own: whether name and account are the bidder's own.
    """

    __tablename__ = "bond_payment"
    __table_args__ = (sa.CheckConstraint("(bond_id IS NULL) <> (seat_id IS NULL)", name="one_account"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bond_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("bid_bond.id"), index=True)
    seat_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("auction_seat.id"), index=True)
    amount: Mapped[Money]
    arrived_at: Mapped[datetime]
    booked_at: Mapped[datetime] = mapped_column(index=True)
    bank_ref: Mapped[str] = mapped_column(sa.String(64), unique=True)
    payer_name: Mapped[str] = mapped_column(sa.String(200))
    payer_hash: Mapped[str] = mapped_column(sa.String(64))
    payer_shown: Mapped[str] = mapped_column(sa.String(40))
    own: Mapped[bool]
    record_id: Mapped[UUID]


class BondOrder(Audited, Base):
    """An order to give a deposit back, or to keep it for a listed reason.

    Attributes:
        row, since: of a bid bond: the row of the rulebook its day follows from, and the instant it runs from.
        interest: what was paid back on top of ``amount``; None before, and where the law asks none.
    """

    __tablename__ = "bond_order"
    __table_args__ = (
        sa.CheckConstraint("(bond_id IS NULL) <> (seat_id IS NULL)", name="one_deposit"),
        sa.Index("ix_bond_order_done_at_due_at", "done_at", "due_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("auction.id"), index=True)
    seat_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("auction_seat.id"), unique=True)
    bond_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("bid_bond.id"), unique=True)
    kind: Mapped[BondOrderKind] = mapped_column(_states(BondOrderKind))
    amount: Mapped[Money]
    reason: Mapped[str] = mapped_column(sa.String(80))
    row: Mapped[str] = mapped_column(sa.String(40))
    since: Mapped[datetime]
    due_at: Mapped[datetime]
    ordered_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    interest: Mapped[Money | None]

    def fact_subject(self) -> UUID:
        subject = self.auction_id or self.bond_id
        assert subject is not None
        return subject
