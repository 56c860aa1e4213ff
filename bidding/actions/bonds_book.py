"""The operator books what arrives on deposit accounts, of sealed tenders and of auctions, and asks about guarantees.

Source: 实施条例 第二十六条; 政府采购法实施条例 第三十三条; rules.md §1.5 (a sub-account per lot), §2.8 (RJ-08), §5.2 (B-01).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from bidding import bond_facts as facts
from bidding.actions.auctions import confirm_bond
from bidding.actions.bonds import tell_bidder
from bidding.actions.bonds_end import catch_up
from bidding.models_auction import AuctionSeat
from bidding.models_bond import BidBond, BondForm, BondOrder, BondPayment
from bidding.rights import BOND_CONFIRM
from bidding.rules import accounts
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.money import Money
from kernel.traces import trace_hash
from kernel.work import Work
from trading.models import Tender

_TAKEN = sa.select(BondPayment.id).where(BondPayment.bank_ref == sa.bindparam("bank_ref"))


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A payment as the bank reports it. ``bank_ref``: its number there; ``arrived_at``: when it was credited."""

    account: str
    amount: Money
    payer_name: str
    payer_account: str
    bank_ref: str
    arrived_at: datetime


def book_payment(work: Work, arrival: Arrival) -> bool:
    """Book money on its deposit account, of a sealed tender or of an auction. The same ``bank_ref`` changes nothing.

    A payment for a sealed tender is booked whatever it is worth: the money is here, and what it counts for is judged at
    the opening. Its bidder gets a receipt by mail. Returns whether payer and account are the bidder's own.

    Raises:
        NotFound: no such account. NotValid: ``payment_amount``, ``payer_missing``, ``payer_account_invalid``,
            ``bank_ref_missing``, ``arrives_later``; for an auction ``bond_short``. NotNow: ``bond_went_back`` once its
            order is carried out; for an auction ``registration_closed``.

    Source: 实施条例 第二十六条 (from the bidder's basic account); rules.md §1.5 (a sub-account per lot), §5.2 (B-01).
    """
    work.require(BOND_CONFIRM)
    payer = _require_whole(work, arrival)
    bond = work.one(sa.select(BidBond).where(BidBond.account == arrival.account))
    if bond is not None:
        bond = work.lock(BidBond, bond.id)
    known = work.session.scalar(_TAKEN, {"bank_ref": arrival.bank_ref.strip()})
    if known is not None:
        return bool(work.session.get_one(BondPayment, known).own)
    if bond is not None:
        own = _book_bid_bond(work, bond, arrival, payer)
    else:
        seat = work.one(sa.select(AuctionSeat).where(AuctionSeat.bond_account == arrival.account))
        confirm_bond(work, arrival.account, arrival.amount)
        assert seat is not None, "no deposit is confirmed without its registration"
        org = work.session.get_one(Organization, seat.org_id)
        own = accounts.same_name(org.name, arrival.payer_name)
        if work.recorded:
            _payment(work, arrival, payer, own=own, seat_id=seat.id)
    return own


def _require_whole(work: Work, arrival: Arrival) -> str:
    if arrival.amount.minor <= 0:
        raise NotValid("payment_amount", field="amount")
    if not arrival.payer_name.strip():
        raise NotValid("payer_missing", field="payer_name")
    payer = accounts.account(arrival.payer_account)
    if not payer:
        raise NotValid("payer_account_invalid", source="实施条例 第二十六条", field="payer_account")
    if not arrival.bank_ref.strip():
        raise NotValid("bank_ref_missing", field="bank_ref")
    if arrival.arrived_at > work.now:
        raise NotValid("arrives_later", field="arrived_at", server_now=work.now)
    return payer


def _book_bid_bond(work: Work, bond: BidBond, arrival: Arrival, payer: str) -> bool:
    order = work.one(sa.select(BondOrder).where(BondOrder.bond_id == bond.id))
    if order is not None and order.done_at is not None:
        raise NotNow("bond_went_back", done_at=order.done_at)
    tender = work.session.get_one(Tender, bond.tender_id)
    org = work.session.get_one(Organization, bond.org_id)
    hashed = trace_hash(work.platform.settings, "account", payer)
    own = accounts.same_name(org.name, arrival.payer_name) and hashed == bond.payer_hash
    work.record(
        facts.BondArrived(
            subject=bond.id,
            tender=tender.code,
            amount=arrival.amount,
            arrived_at=arrival.arrived_at,
            bank_ref=arrival.bank_ref.strip(),
            payer=hashed,
            own=own,
        )
    )
    _payment(work, arrival, payer, own=own, bond_id=bond.id)
    if order is not None:
        order.amount = Money(order.amount.minor + arrival.amount.minor)
    tell_bidder(work, bond, tender, "bond_booked", amount=f"{arrival.amount.yuan:,.2f}")
    if order is None and work.now >= tender.bids_close_at:
        catch_up(work, bond, tender)
    return own


def _payment(
    work: Work,
    arrival: Arrival,
    payer: str,
    *,
    own: bool,
    bond_id: UUID | None = None,
    seat_id: UUID | None = None,
) -> None:
    work.session.add(
        BondPayment(
            id=work.new_id(),
            bond_id=bond_id,
            seat_id=seat_id,
            amount=arrival.amount,
            arrived_at=arrival.arrived_at,
            booked_at=work.now,
            bank_ref=arrival.bank_ref.strip()[:64],
            payer_name=arrival.payer_name.strip()[:200],
            payer_hash=trace_hash(work.platform.settings, "account", payer),
            payer_shown=accounts.masked(payer),
            own=own,
            record_id=work.recorded[-1][1].record_id,
        )
    )
    work.session.flush()


def check_guarantee(work: Work, bond_id: UUID, *, genuine: bool, note: str = "") -> BidBond:
    """Note what the issuer of a guarantee said to the operator; the newest word holds.

    Raises:
        NotFound: no such guarantee. NotValid: ``reason_missing`` when it is not genuine and nobody says why.

    Source: 实施条例 第二十六条; rules.md §2.8 (RJ-08: bond missing or wrong).
    """
    work.require(BOND_CONFIRM)
    bond = work.lock(BidBond, bond_id)
    if bond.form is not BondForm.GUARANTEE:
        raise NotFound("not_found", thing="guarantee", id=str(bond_id))
    if not genuine and not note.strip():
        raise NotValid("reason_missing", field="note")
    bond.genuine, bond.checked_at, bond.checked_note = genuine, work.now, note.strip()[:500]
    tender = work.session.get_one(Tender, bond.tender_id)
    work.record(
        facts.GuaranteeChecked(subject=bond.id, tender=tender.code, genuine=genuine, note=bond.checked_note)
    )
    return bond
