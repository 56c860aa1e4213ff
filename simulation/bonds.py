"""Bid bonds as the city handles them: a bidder asks for an account or files a guarantee, the trading centre books and
pays back.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from bidding.actions import bonds, bonds_book, bonds_end
from bidding.models_bond import BidBond, BondOrder
from kernel.money import Money
from simulation.deal import Deal
from simulation.world import Player, World
from trading.models import Tender

ISSUERS = ("阳光银行股份有限公司", "向阳融资担保有限公司", "阳光财产保险股份有限公司")


def own_account(player: Player) -> str:
    """A firm's basic account."""
    return str(6222020200010000 + 7 * int.from_bytes(player.uscc.encode()[-3:], "big") % 9000)


def pay(
    world: World, deal: Deal, bidder: Player, lot: int = 1, *, account: str = "", payer: str = ""
) -> bool:
    """Ask for the account, pay to it, and have the centre book it. False for a tender that asks no bond.

    Args:
        account: he pays from; his own unless told. payer: name on the transfer; his own unless told.
    """
    key = _lot_of(world, deal, lot)
    if key is None:
        return False
    account = account or own_account(bidder)
    with world.begin(bidder) as work:
        bond = bonds.ask_account(work, key, account)
    if _paid(world, bond):
        return True
    assert bond.account is not None
    with world.begin(world.operators[0]) as work:
        bonds_book.book_payment(
            work,
            bonds_book.Arrival(
                account=bond.account,
                amount=bond.due,
                payer_name=payer or bidder.org_name,
                payer_account=account,
                bank_ref=f"YH{bond.account}",
                arrived_at=work.now - timedelta(minutes=3),
            ),
        )
    return True


def _paid(world: World, bond: BidBond) -> bool:
    with world.read() as session:
        return bool(bonds.payments_of(session, [bond.id]))


def guarantee(world: World, deal: Deal, bidder: Player, lot: int = 1, *, asked: bool = True) -> bool:
    """File a guarantee, which the centre asks its issuer about. False for a tender that asks no bond."""
    key = _lot_of(world, deal, lot)
    if key is None:
        return False
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        due, closes = bonds.bonds_due(tender)[key], tender.bids_close_at
        days = tender.validity_days
    number = f"BH{world.now:%Y%m%d}{bidder.uscc[-4:]}"
    with world.begin(bidder) as work:
        filed = bonds.file_guarantee(
            work,
            key,
            bonds.Guarantee(
                issuer=ISSUERS[int.from_bytes(bidder.uscc.encode()[-2:], "big") % len(ISSUERS)],
                number=number,
                amount=due,
                valid_until=(closes + timedelta(days=days + 30)).date(),
                file_name=f"投标保函-{number}.pdf",
                data=f"%PDF-1.4\n投标保函 {number} {deal.code} {due.yuan}\n".encode(),
            ),
        )
    if asked:
        with world.begin(world.operators[0]) as work:
            bonds_book.check_guarantee(work, filed.id, genuine=True)
    return True


def lodge(world: World, deal: Deal, bidder: Player, lot: int = 1) -> bool:
    """A bond in the form this firm uses: every third brings a guarantee."""
    if int.from_bytes(bidder.uscc.encode()[-2:], "big") % 3 == 0:
        return guarantee(world, deal, bidder, lot)
    return pay(world, deal, bidder, lot)


def carry_out(world: World, *, due_only: bool = False) -> Money:
    """The centre carries out what is ordered; returns what went out, interest included.

    Args:
        due_only: only what is due within two days, as a desk works through its list.
    """
    with world.read() as session:
        query = (
            sa.select(BondOrder).where(BondOrder.done_at.is_(None)).order_by(BondOrder.due_at, BondOrder.id)
        )
        waiting = [
            one.id
            for one in session.scalars(query)
            if not due_only or one.due_at <= world.now + timedelta(days=2)
        ]
    out = 0
    for order_id in waiting:
        with world.begin(world.operators[0]) as work:
            done = bonds_end.done_bond(work, order_id)
            out += done.amount.minor + (done.interest.minor if done.interest is not None else 0)
    return Money(out)


def _lot_of(world: World, deal: Deal, number: int) -> UUID | None:
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        if not bonds.asks_bond(tender):
            return None
        return next(lot.id for lot in tender.lots if lot.number == number)
