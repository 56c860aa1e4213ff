"""Read side of bonds: a bidder's own, the operator's desk, and what is held once the bids are open.

Before the opening nobody but a bidder and the operator learns of a bond, not even that there is one
(招标投标法 第二十二条).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.bonds import Lodged, asks_bond, bonds_due, payments_of, worth
from bidding.actions.bonds_end import grounds_to_keep, interest_now
from bidding.actions.closing import opening_of
from bidding.models_auction import Auction, AuctionSeat
from bidding.models_bond import BidBond, BondForm, BondOrder, BondPayment
from bidding.rights import runs_tender
from bidding.rules import bonds as rules
from bidding.rules.bonds import Kept
from kernel.errors import NotFound
from kernel.identity.queries import organizations
from kernel.ledger import book
from kernel.money import Money
from kernel.party import PartyName
from kernel.rights import Actor, Role
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage


@dataclass(frozen=True)
class Receipt:
    """A payment as its bidder and the operator see it; ``leaf``: its record's place in the log."""

    amount: Money
    arrived_at: datetime
    booked_at: datetime
    bank_ref: str
    payer_name: str
    payer_shown: str
    own: bool
    leaf: int | None


@dataclass(frozen=True)
class OrderLine:
    """An order about a deposit, for the desk that carries it out.

    Attributes:
        tender, lot: of a bid bond or an auction. where: account, or issuer and number of a guarantee.
        payer: whom and which account (masked) it goes back to; empty where nobody told.
        interest: what goes back on top, if it goes back now; what went back, once it is done.
    """

    id: UUID
    tender: str
    lot: int
    auction: bool
    form: str
    where: str
    kind: str
    amount: Money
    interest: Money | None
    reason: str
    due_at: datetime
    done_at: datetime | None
    payer: str


@dataclass(frozen=True)
class BondView:
    """One bond with everything that came of it."""

    row: BidBond
    lodged: Lodged
    receipts: tuple[Receipt, ...]
    order: BondOrder | None
    interest: Money | None


@dataclass(frozen=True)
class LotBonds:
    """A lot with what a bidder lodges for it and what he has lodged, newest first; ``open``: whether he still can."""

    lot: Lot
    due: Money
    bonds: tuple[BondView, ...]
    open: bool

    @property
    def standing(self) -> rules.Standing:
        living = [one for one in self.bonds if one.order is None or one.order.done_at is None]
        return rules.best_of([one.lodged.standing for one in living])


def my_lots(session: Session, tender: Tender, org_id: UUID, now: datetime, ppm: int) -> list[LotBonds]:
    """Every lot of a tender with one bidder's own bonds.

    Raises:
        NotFound: the tender asks no bond of bids.
    """
    if not asks_bond(tender):
        raise NotFound("not_found", thing="bond", id=tender.code)
    rows = session.scalars(
        sa.select(BidBond)
        .where(BidBond.tender_id == tender.id, BidBond.org_id == org_id)
        .order_by(BidBond.number.desc())
    ).all()
    views = _views(session, tender, rows, now, ppm)
    due = bonds_due(tender)
    going = now < tender.bids_close_at and tender.terminated_at is None
    return [
        LotBonds(
            lot,
            due[lot.id],
            tuple(one for one in views if one.row.lot_id == lot.id),
            going and lot.stage is Stage.TENDERING,
        )
        for lot in tender.lots
    ]


def _views(
    session: Session, tender: Tender, rows: Sequence[BidBond], now: datetime, ppm: int
) -> list[BondView]:
    paid = payments_of(session, [one.id for one in rows])
    orders = {
        one.bond_id: one
        for one in session.scalars(sa.select(BondOrder).where(BondOrder.bond_id.in_([r.id for r in rows])))
    }
    leaves = book.places_of(session, [one.record_id for some in paid.values() for one in some])
    found = []
    for row in rows:
        order = orders.get(row.id)
        interest = None
        if order is not None:
            interest = (
                order.interest
                if order.done_at
                else interest_now(order, row, tender, paid.get(row.id, ()), now, ppm)
            )
        receipts = tuple(_receipt(one, leaves.get(one.record_id)) for one in paid.get(row.id, ()))
        lodged = worth(tender, row, paid.get(row.id, ()), now)
        found.append(BondView(row, lodged, receipts, order, interest))
    return found


def _receipt(one: BondPayment, leaf: int | None) -> Receipt:
    return Receipt(
        one.amount,
        one.arrived_at,
        one.booked_at,
        one.bank_ref,
        one.payer_name,
        one.payer_shown,
        one.own,
        leaf,
    )


@dataclass(frozen=True)
class DueBond:
    """A bond a bidder began and that is not sound yet, or that goes back."""

    tender: Tender
    standing: rules.Standing
    order: BondOrder | None


def my_bonds(session: Session, org_id: UUID, now: datetime) -> list[DueBond]:
    """For a bidder's desk: tenders still open whose bond is begun and not sound, and bonds that are going back."""
    read = (
        session.execute(
            sa.select(BidBond, BondOrder, Tender)
            .join(Tender, Tender.id == BidBond.tender_id)
            .outerjoin(BondOrder, BondOrder.bond_id == BidBond.id)
            .where(
                BidBond.org_id == org_id,
                sa.or_(
                    sa.and_(BondOrder.id.is_not(None), BondOrder.done_at.is_(None)),
                    sa.and_(
                        BondOrder.id.is_(None), Tender.bids_close_at > now, Tender.terminated_at.is_(None)
                    ),
                ),
            )
            .order_by(BidBond.made_at.desc())
        )
        .unique()
        .all()
    )
    rows: list[tuple[BidBond, BondOrder | None, Tender]] = [
        (bond, order, tender) for bond, order, tender in read
    ]
    paid = payments_of(session, [bond.id for bond, order, _ in rows if order is None])
    found = []
    for bond, order, tender in rows:
        sound = rules.Standing.SOUND
        standing = sound if order is not None else worth(tender, bond, paid.get(bond.id, ()), now).standing
        if order is not None or standing is not sound:
            found.append(DueBond(tender, standing, order))
    return found


# ---- the operator -----------------------------------------------------------------------------------------------


def bond_orders(
    session: Session, now: datetime, ppm: int, *, done: bool = False, size: int = 200
) -> list[OrderLine]:
    """Orders about deposits of sealed tenders and of auctions: the most urgent first, or the newest that are done.

    No line names a bidder who paid to an auction; who paid a bid bond stands there, because the money goes back to him.
    """
    query = (
        sa.select(BondOrder, BidBond, AuctionSeat.bond_account, Lot)
        .outerjoin(BidBond, BidBond.id == BondOrder.bond_id)
        .outerjoin(AuctionSeat, AuctionSeat.id == BondOrder.seat_id)
        .outerjoin(Auction, Auction.id == AuctionSeat.auction_id)
        .join(Lot, Lot.id == sa.func.coalesce(BidBond.lot_id, Auction.lot_id))
        .limit(size)
    )
    if done:
        query = query.where(BondOrder.done_at.is_not(None)).order_by(BondOrder.done_at.desc(), BondOrder.id)
    else:
        query = query.where(BondOrder.done_at.is_(None)).order_by(BondOrder.due_at, BondOrder.id)
    rows = session.execute(query).unique().all()
    paid = payments_of(session, [bond.id for _, bond, _, _ in rows if bond is not None])
    return [
        _auction_line(order, account, lot)
        if bond is None
        else _bond_line(order, bond, lot, paid.get(bond.id, ()), now, ppm)
        for order, bond, account, lot in rows
    ]


def _auction_line(order: BondOrder, account: str, lot: Lot) -> OrderLine:
    return _line(order, lot, form=BondForm.TRANSFER, where=account, payer="", interest=None)


def _bond_line(
    order: BondOrder, bond: BidBond, lot: Lot, paid: Sequence[BondPayment], now: datetime, ppm: int
) -> OrderLine:
    done = order.done_at is not None
    return _line(
        order,
        lot,
        form=bond.form,
        where=bond.account or f"{bond.issuer} {bond.guarantee_no}",
        payer=f"{paid[-1].payer_name} {paid[-1].payer_shown}" if paid else "",
        interest=order.interest if done else interest_now(order, bond, lot.tender, paid, now, ppm),
    )


def _line(
    order: BondOrder, lot: Lot, *, form: BondForm, where: str, payer: str, interest: Money | None
) -> OrderLine:
    return OrderLine(
        id=order.id,
        tender=lot.tender.code,
        lot=lot.number,
        auction=order.bond_id is None,
        form=form.value,
        where=where,
        kind=order.kind.value,
        amount=order.amount,
        interest=interest,
        reason=order.reason,
        due_at=order.due_at,
        done_at=order.done_at,
        payer=payer,
    )


def payments_booked(session: Session, *, size: int = 30) -> list[tuple[str, Receipt]]:
    """The newest payments with the account they came to."""
    rows = session.execute(
        sa.select(BondPayment, sa.func.coalesce(BidBond.account, AuctionSeat.bond_account))
        .outerjoin(BidBond, BidBond.id == BondPayment.bond_id)
        .outerjoin(AuctionSeat, AuctionSeat.id == BondPayment.seat_id)
        .order_by(BondPayment.booked_at.desc(), BondPayment.id.desc())
        .limit(size)
    ).all()
    leaves = book.places_of(session, [one.record_id for one, _ in rows])
    return [(account, _receipt(one, leaves.get(one.record_id))) for one, account in rows]


@dataclass(frozen=True)
class GuaranteeLine:
    """A guarantee the operator asks its issuer about."""

    id: UUID
    tender: str
    lot: int
    issuer: str
    number: str
    amount: Money
    valid_until: date
    file_name: str
    sha256: str
    filed_at: datetime
    genuine: bool | None


def guarantees(session: Session, *, size: int = 100) -> list[GuaranteeLine]:
    """Guarantees nobody asked about yet, oldest first."""
    rows = session.execute(
        sa.select(BidBond, Lot)
        .join(Lot, Lot.id == BidBond.lot_id)
        .where(BidBond.form == BondForm.GUARANTEE, BidBond.genuine.is_(None))
        .order_by(BidBond.made_at, BidBond.id)
        .limit(size)
    ).unique()
    found = []
    for bond, lot in rows:
        assert bond.guaranteed is not None
        assert bond.valid_until is not None
        found.append(
            GuaranteeLine(
                bond.id,
                lot.tender.code,
                lot.number,
                bond.issuer,
                bond.guarantee_no,
                bond.guaranteed,
                bond.valid_until,
                bond.file_name,
                bond.file_sha256,
                bond.made_at,
                bond.genuine,
            )
        )
    return found


def guarantee_file(session: Session, bond_id: UUID, actor: Actor) -> BidBond:
    """A guarantee for whoever may open its file: its bidder, the operator, and after the opening buyer and supervisor.

    Raises:
        NotFound: for everybody else, and before the opening for all others.
    """
    bond = session.get(BidBond, bond_id)
    if bond is not None and bond.form is BondForm.GUARANTEE:
        tender = session.get_one(Tender, bond.tender_id)
        opened = is_open(session, tender)
        if (
            actor.has(Role.OPERATOR)
            or (actor.has(Role.BIDDER) and actor.org_id == bond.org_id)
            or (opened and (runs_tender(actor, tender) or actor.has(Role.SUPERVISOR)))
        ):
            return bond
    raise NotFound("not_found", thing="guarantee", id=str(bond_id))


def is_open(session: Session, tender: Tender) -> bool:
    """Whether who bid for a tender is public: its bids were opened."""
    opening = opening_of(session, tender.id)
    return opening is not None and opening.opened_at is not None


# ---- after the opening ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeldBond:
    """A bond as the buyer sees it once the bids are open; ``grounds``: the listed ones that may fit, often none."""

    view: BondView
    bidder: PartyName
    lot: int
    grounds: tuple[Kept, ...] = ()


def held_here(session: Session, tender: Tender, now: datetime, ppm: int) -> list[HeldBond]:
    """Every bond of an opened tender, by lot and bidder.

    Raises:
        NotFound: before the opening, and for a tender that asks none.
    """
    if not asks_bond(tender) or not is_open(session, tender):
        raise NotFound("not_found", thing="bond", id=tender.code)
    rows = session.scalars(
        sa.select(BidBond).where(BidBond.tender_id == tender.id).order_by(BidBond.lot_id, BidBond.made_at)
    ).all()
    orgs = organizations(session, [one.org_id for one in rows])
    numbers = {lot.id: lot.number for lot in tender.lots}
    found = [
        HeldBond(
            view,
            orgs[view.row.org_id].party,
            numbers[view.row.lot_id],
            grounds_to_keep(session, view.row) if view.order is None and view.lodged.amount.minor else (),
        )
        for view in _views(session, tender, rows, now, ppm)
    ]
    return sorted(found, key=lambda one: (one.lot, one.bidder, one.view.row.number))
