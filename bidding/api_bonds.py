"""Machine doors of bonds: a bidder's own, and the bank's or the centre's bookings.

Source: 实施条例 第二十六条; 招标投标法 第二十二条; rules.md §1.5 (a sub-account per lot).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from flask import Blueprint
from pydantic import Field

from bidding import queries_bonds as queries
from bidding.actions import bonds, bonds_book, bonds_end
from bidding.forms import PaymentArrived
from kernel.errors import NotFound
from kernel.web import Form, begin, me, platform, read
from kernel.web.openapi import Answer, Shown, endpoint
from trading.queries import tender_by_code

api_bonds = Blueprint("bonds_api", __name__, url_prefix="/api/v1")


class AccountWanted(Form):
    """The account the bidder pays from and is paid back to; kept as a keyed hash."""

    payer_account: Annotated[str, Field(max_length=60)]


class BondShown(Shown):
    """An own bond. ``standing``: what it is worth now; ``order``: what becomes of it."""

    id: UUID
    lot: int
    form: str
    due: str
    account: str
    issuer: str
    number: str
    valid_until: date | None
    standing: str
    arrived: str
    order: str
    order_due_at: datetime | None
    order_done_at: datetime | None


class LotDue(Shown):
    """What is lodged for a lot, before which instant."""

    lot: int
    due: str
    before: datetime
    standing: str


class BondsShown(Shown):
    lots: list[LotDue]
    bonds: list[BondShown]


class Booked(Shown):
    """``own``: whether payer and account are the bidder's own."""

    own: bool


class CarriedOut(Shown):
    """``interest``: what went back on top of the amount, in yuan."""

    amount: str
    interest: str


@api_bonds.get("/tenders/<code>/bonds")
@endpoint(
    "The own bid bonds of a tender, and what is due",
    answers={200: BondsShown},
    scopes=("bid", "read"),
    tag="bonds",
)
def bonds_of(code: str) -> BondsShown:
    return _mine(code)


def _mine(code: str) -> BondsShown:
    now = platform().outside.clock.now()
    with read() as session:
        tender = tender_by_code(session, code)
        org_id = me().org_id
        if tender is None or org_id is None or tender.published_at is None:
            raise NotFound("not_found", thing="tender", id=code)
        lots = queries.my_lots(session, tender, org_id, now, platform().settings.bond_interest_ppm)
        return BondsShown(
            lots=[
                LotDue(
                    lot=one.lot.number,
                    due=f"{one.due.yuan:.2f}",
                    before=tender.bids_close_at,
                    standing=one.standing.value,
                )
                for one in lots
            ],
            bonds=[_shown(one.lot.number, view) for one in lots for view in one.bonds],
        )


def _shown(lot: int, view: queries.BondView) -> BondShown:
    row, order = view.row, view.order
    return BondShown(
        id=row.id,
        lot=lot,
        form=row.form.value,
        due=f"{row.due.yuan:.2f}",
        account=row.account or "",
        issuer=row.issuer,
        number=row.guarantee_no,
        valid_until=row.valid_until,
        standing=view.lodged.standing.value,
        arrived=f"{view.lodged.amount.yuan:.2f}",
        order=order.kind.value if order is not None else "",
        order_due_at=order.due_at if order is not None else None,
        order_done_at=order.done_at if order is not None else None,
    )


@api_bonds.post("/tenders/<code>/lots/<int:number>/bond")
@endpoint(
    "Get an account of one's own to pay a bid bond to",
    answers={201: BondsShown},
    scopes=("bid",),
    body=AccountWanted,
    problems=(404, 409),
    tag="bonds",
)
def ask(code: str, number: int, body: AccountWanted) -> Answer:
    with begin() as work:
        tender = tender_by_code(work.session, code)
        lot = next((one for one in tender.lots if one.number == number), None) if tender is not None else None
        if lot is None:
            raise NotFound("not_found", thing="lot", id=f"{code}/{number}")
        bonds.ask_account(work, lot.id, body.payer_account)
    return Answer(_mine(code), status=201)


@api_bonds.post("/bonds/payments")
@endpoint(
    "Book a payment on a deposit account, of a sealed tender or an auction",
    answers={200: Booked},
    scopes=("admin",),
    body=PaymentArrived,
    problems=(404, 409),
    tag="bonds",
)
def book(body: PaymentArrived) -> Booked:
    with begin() as work:
        own = bonds_book.book_payment(work, bonds_book.Arrival(**dict(body)))
    return Booked(own=own)


@api_bonds.post("/bonds/orders/<uuid:order_id>/done")
@endpoint(
    "Book that an order about a deposit was carried out",
    answers={200: CarriedOut},
    scopes=("admin",),
    problems=(404, 409),
    tag="bonds",
)
def done(order_id: UUID) -> CarriedOut:
    with begin() as work:
        order = bonds_end.done_bond(work, order_id)
        interest = order.interest.yuan if order.interest is not None else 0
        return CarriedOut(amount=f"{order.amount.yuan:.2f}", interest=f"{interest:.2f}")
