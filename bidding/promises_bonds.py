"""What must always hold about bid bonds. Every promise has a sabotage test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.bonds_end import Around, around, held_of
from bidding.bond_facts import OPEN_FIELDS
from bidding.models_bond import BidBond, BondOrder, BondOrderKind
from bidding.rules import bonds
from bidding.rules.bonds import Kept
from bidding.rules.states import BidState
from kernel import calendar as calendars
from kernel.ledger.models import FactRow
from kernel.promises import Breach, promise
from trading.actions.notices import law_of
from trading.models import AwardLapse, Lot, Tender
from trading.rules import dues
from trading.rules.lifecycle import Stage


@promise(
    "Every bid bond whose event has come is ordered back by the law's day, or kept on a listed ground.",
    source="招标投标法实施条例 第三十五条, 第五十七条, 第七十四条; 政府采购法实施条例 第三十三条",
)
def bonds_go_back(session: Session, now: datetime) -> Iterable[Breach]:
    found = session.execute(
        sa.select(BidBond, BondOrder)
        .outerjoin(BondOrder, BondOrder.bond_id == BidBond.id)
        .where(
            sa.or_(BondOrder.id.is_(None), BondOrder.kind == BondOrderKind.KEEP, BondOrder.done_at.is_(None))
        )
    )
    rows: list[tuple[BidBond, BondOrder | None]] = [(bond, order) for bond, order in found]
    held = held_of(session, [bond for bond, _ in rows])
    known = _around(session, {bond.tender_id for bond, _ in rows})
    for bond, order in rows:
        here = known[bond.lot_id]
        if order is None:
            # The deadline sends a bond without a bid back with the close, which the timekeeper writes moments later.
            closing = here.lot.stage is Stage.TENDERING and now >= here.tender.bids_close_at
            if bond.id in held and not closing and here.why(bond.org_id, now) is not None:
                yield Breach(bond.id, "its event has come, and nothing is ordered")
        elif order.kind is BondOrderKind.KEEP:
            if not _may_be_kept(session, here, bond, order.reason):
                yield Breach(bond.id, f"kept without a ground: {order.reason}")
        elif order.due_at != _day(here, order):
            yield Breach(bond.id, "another day than the law's")


def _around(session: Session, tenders: set[UUID]) -> dict[UUID, Around]:
    found: dict[UUID, Around] = {}
    for tender in session.scalars(sa.select(Tender).where(Tender.id.in_(sorted(tenders)))).unique():
        found |= around(session, tender, tender.lots)
    return found


def _day(here: Around, order: BondOrder) -> datetime:
    calendar = calendars.official()
    law = law_of(here.tender, order.since)
    term = dues.due(law, order.row, order.since, calendar=calendar) if order.row else None
    return term.due_at if term is not None else bonds.shortest_refund(order.since, calendar=calendar)


def _may_be_kept(session: Session, here: Around, bond: BidBond, reason: str) -> bool:
    if reason == Kept.REVOKED:
        return BidState.REVOKED in here.states.get(bond.org_id, set())
    lapsed = sa.select(AwardLapse.id).where(
        AwardLapse.lot_id == bond.lot_id, AwardLapse.org_id == bond.org_id
    )
    if reason in (Kept.NO_CONTRACT, Kept.NO_PERFORMANCE_BOND) and session.scalar(lapsed.limit(1)) is not None:
        return True
    lot = session.get_one(Lot, bond.lot_id)
    won = (lot.outcome or {}).get("supplier") == str(bond.org_id)
    return won and reason == Kept.NO_PERFORMANCE_BOND


@promise(
    "No record about a bid bond names a bidder, an account or an amount to the public.",
    source="招标投标法 第二十二条",
)
def bonds_name_nobody(session: Session, now: datetime) -> Iterable[Breach]:
    rows = session.execute(
        sa.select(FactRow.subject, FactRow.body).where(FactRow.name.like("bidding.bid_bond.%"))
    )
    for subject, body in rows:
        if strange := sorted(set(body) - OPEN_FIELDS):
            yield Breach(subject, f"says {', '.join(strange)}")


PROMISES = (bonds_go_back, bonds_name_nobody)
