"""Bonds as bidders, their banks and the operator handle them, for tests: by the platform's own actions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding.actions import bonds, bonds_book
from bidding.models_bond import BidBond, BondOrder
from kernel.identity.models import Organization, Person
from kernel.ledger.models import FactRow
from kernel.money import Money
from kernel.rights import Role
from tests.integration.bidding.deal import Deal
from tests.support.house import House

BASIC = "6222020200017731"


def lot_of(deal: Deal, number: int = 1) -> UUID:
    with deal.house.read() as session:
        from trading.models import Lot

        found = session.scalar(sa.select(Lot.id).where(Lot.tender_id == deal.tender_id, Lot.number == number))
        assert found is not None
        return found


def operator_of(house: House) -> Person:
    return house.person(Role.OPERATOR)


def ask(deal: Deal, bidder: Person, *, account: str = BASIC, lot: int = 1) -> BidBond:
    with deal.house.begin(deal.actor(bidder)) as work:
        return bonds.ask_account(work, lot_of(deal, lot), account)


def arrival(
    house: House,
    bidder: Person,
    bond: BidBond,
    *,
    amount: str = "500000",
    account: str = BASIC,
    name: str = "",
    ref: str = "",
    at: datetime | None = None,
) -> bonds_book.Arrival:
    with house.read() as session:
        org = session.get_one(Organization, house.actor(bidder).org_id)
    assert bond.account is not None
    return bonds_book.Arrival(
        account=bond.account,
        amount=Money.from_yuan(amount),
        payer_name=name or org.name,
        payer_account=account,
        bank_ref=ref or f"T{bond.account}",
        arrived_at=at or house.clock.now(),
    )


def pay(deal: Deal, bidder: Person, bond: BidBond | None = None, **more: Any) -> BidBond:
    """Ask for the account, pay, and have it booked."""
    bond = bond or ask(deal, bidder, account=more.get("account", BASIC))
    with deal.house.begin(deal.actor(operator_of(deal.house))) as work:
        bonds_book.book_payment(work, arrival(deal.house, bidder, bond, **more))
    return bond


def guarantee(deal: Deal, **more: Any) -> bonds.Guarantee:
    given: dict[str, Any] = {
        "issuer": "阳光银行",
        "number": "BH-2026-0001",
        "amount": Money.from_yuan("500000"),
        "valid_until": (deal.closes_at + timedelta(days=120)).date(),
        "file_name": "保函.pdf",
        "data": b"%PDF-1.7 guarantee",
    }
    return bonds.Guarantee(**(given | more))


def file(deal: Deal, bidder: Person, **more: Any) -> BidBond:
    with deal.house.begin(deal.actor(bidder)) as work:
        return bonds.file_guarantee(work, lot_of(deal), guarantee(deal, **more))


def orders(house: House) -> list[BondOrder]:
    with house.read() as session:
        return list(session.scalars(sa.select(BondOrder).order_by(BondOrder.ordered_at, BondOrder.id)))


def bond_facts(house: House) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    with house.read() as session:
        rows = session.scalars(
            sa.select(FactRow).where(FactRow.name.like("bidding.bid_bond.%")).order_by(FactRow.at)
        )
        return [(row.name, dict(row.body), dict(row.private or {})) for row in rows]


def day(text: str) -> date:
    return date.fromisoformat(text)
