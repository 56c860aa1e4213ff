"""How a bid bond ends: ordered back by itself when its event comes, kept on a listed ground, carried out by the operator.

Source: 实施条例 第三十一条, 第三十五条, 第五十七条, 第七十四条; 政府采购法实施条例 第三十三条; rules.md T-116, T-117, T-123,
T-228, EX-19.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import auction_facts, bond_facts
from bidding.actions.bonds import asks_bond, payments_of, tell_bidder
from bidding.models import Bid
from bidding.models_auction import Auction
from bidding.models_bond import BidBond, BondForm, BondOrder, BondOrderKind, BondPayment
from bidding.rights import BOND_CONFIRM, BOND_KEEP
from bidding.rules import bonds
from bidding.rules.bonds import Kept, Why
from bidding.rules.states import BidState
from bidding.rules.submission import Loss
from kernel import calendar as calendars
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.work import Work
from trading.actions.lapses import lapses_of
from trading.actions.notices import law_of
from trading.facts import AwardSettled, BondForfeited, LotMoved
from trading.models import Lot, Notice, Tender
from trading.rules.lifecycle import Move, Stage

PPM = 1_000_000
_ENDS = (Move.FAIL, Move.TERMINATE, Move.CONTRACT)


@dataclass(frozen=True)
class Around:
    """What decides about the bonds of one lot, read together.

    ``states``: bidder → how his bids stand; ``candidates``: organisations on the published list.
    """

    tender: Tender
    lot: Lot
    states: dict[UUID, set[BidState]]
    candidates: Collection[UUID] = field(default_factory=tuple)

    def why(self, org_id: UUID, now: datetime) -> Why | None:
        """The event that sends a bidder's bond back, None while it is held."""
        letter_at = self.lot.awarded_at
        return bonds.why_back(
            self.lot.stage,
            self.states.get(org_id, set()),
            closed=now >= self.tender.bids_close_at,
            winner=(self.lot.outcome or {}).get("supplier") == str(org_id),
            losers_at_award=letter_at is not None and self.due(org_id, letter_at) is not None,
        )

    def due(self, org_id: UUID, letter_at: datetime) -> tuple[str, datetime] | None:
        """Row and day for a loser from the award letter; None where the law lets him wait for the contract."""
        found = bonds.refund_due(
            law_of(self.tender, letter_at),
            winner=False,
            calendar=calendars.official(),
            letter_at=letter_at,
            candidate=org_id in self.candidates,
        )
        return None if found is None else (found.name, found.due_at)


def around(session: Session, tender: Tender, lots: Iterable[Lot]) -> dict[UUID, Around]:
    """What decides about the bonds of some lots of one tender."""
    chosen = list(lots)
    bids = session.execute(
        sa.select(Bid.lot_id, Bid.org_id, Bid.state, Bid.code).where(
            Bid.lot_id.in_([lot.id for lot in chosen])
        )
    ).all()
    states: dict[UUID, dict[UUID, set[BidState]]] = {}
    for bid in bids:
        states.setdefault(bid.lot_id, {}).setdefault(bid.org_id, set()).add(bid.state)
    org_of = {bid.code: bid.org_id for bid in bids}
    return {
        lot.id: Around(tender, lot, states.get(lot.id, {}), _candidates(session, lot, org_of))
        for lot in chosen
    }


def _candidates(session: Session, lot: Lot, org_of: dict[str, UUID]) -> frozenset[UUID]:
    """Whoever stands on the newest published list of candidates."""
    if lot.stage is not Stage.AWARDED:
        return frozenset()
    body = session.scalar(
        sa.select(Notice.body)
        .where(Notice.lot_id == lot.id, Notice.kind == "candidates")
        .order_by(Notice.published_at.desc(), Notice.id.desc())
        .limit(1)
    )
    listed = [one["bid"] for one in (body or {}).get("candidates", ())]
    return frozenset(org_of[code] for code in listed if code in org_of)


def send_back(
    work: Work, tender_id: UUID, *, lot_id: UUID | None = None, org_id: UUID | None = None
) -> list[BondOrder]:
    """Order back every bond whose event has come and that has no order yet. Again changes nothing.

    Args:
        lot_id, org_id: only the bonds of this lot, of this bidder.

    Source: 实施条例 第三十一条, 第三十五条, 第五十七条; 政府采购法实施条例 第三十三条 (T-116, T-117, T-123, T-228).
    """
    work.session.flush()
    query = (
        sa.select(BidBond)
        .outerjoin(BondOrder, BondOrder.bond_id == BidBond.id)
        .where(BidBond.tender_id == tender_id, BondOrder.id.is_(None))
        .order_by(BidBond.id)
    )
    if lot_id is not None:
        query = query.where(BidBond.lot_id == lot_id)
    if org_id is not None:
        query = query.where(BidBond.org_id == org_id)
    waiting = work.scalars(query)
    held = held_of(work.session, waiting)
    waiting = [one for one in waiting if one.id in held]
    if not waiting:
        return []
    tender = work.session.get_one(Tender, tender_id)
    lots = {one.lot_id for one in waiting}
    known = around(work.session, tender, [lot for lot in tender.lots if lot.id in lots])
    made = []
    for bond in waiting:
        why = known[bond.lot_id].why(bond.org_id, work.now)
        if why is not None:
            made.append(_send(work, known[bond.lot_id], bond, held[bond.id], why))
    return made


def _send(work: Work, here: Around, bond: BidBond, held: Money, why: Why) -> BondOrder:
    row, due_at = _day(work, here, bond, why)
    order = _order(work, here.tender, bond, BondOrderKind.REFUND, held, why.value, row, due_at)
    tell_bidder(
        work,
        bond,
        here.tender,
        "bond_ordered",
        amount=f"{held.yuan:,.2f}",
        due=calendars.local_date(due_at - timedelta(seconds=1)).isoformat(),
    )
    return order


def _day(work: Work, here: Around, bond: BidBond, why: Why) -> tuple[str, datetime]:
    """Row and end of the term; five working days where the law of the tender names none."""
    if why is Why.NOT_WINNER:
        found = here.due(bond.org_id, work.now)
        assert found is not None, "losers only wait for the letter where the law says so"
        return found
    early = why in (Why.WITHDRAWN, Why.NO_BID)
    term = bonds.refund_due(
        law_of(here.tender, work.now),
        winner=True,
        calendar=calendars.official(),
        withdrawn_at=work.now if early else None,
        contract_at=None if early else work.now,
    )
    if term is None:
        return "", bonds.shortest_refund(work.now, calendar=calendars.official())
    return term.name, term.due_at


def _order(
    work: Work,
    tender: Tender,
    bond: BidBond,
    kind: BondOrderKind,
    amount: Money,
    reason: str,
    row: str,
    due_at: datetime,
) -> BondOrder:
    order = work.add(
        BondOrder(
            id=work.new_id(),
            auction_id=None,
            seat_id=None,
            bond_id=bond.id,
            kind=kind,
            amount=amount,
            reason=reason[:80],
            row=row,
            since=work.now,
            due_at=due_at,
            ordered_at=work.now,
            done_at=None,
            interest=None,
        )
    )
    work.record(
        bond_facts.BidBondOrdered(
            subject=bond.id,
            tender=tender.code,
            order=order.id,
            kind_of=kind.value,
            reason=order.reason,
            row=row,
            since=work.now,
            due_at=due_at,
            amount=amount,
        )
    )
    return order


def held_of(session: Session, some: Collection[BidBond]) -> dict[UUID, Money]:
    """What is held of each bond: the money that came, or what the guarantee is over; bonds with nothing are left out."""
    paid = payments_of(session, [one.id for one in some if one.form is BondForm.TRANSFER])
    found = {key: Money(sum(one.amount.minor for one in rows)) for key, rows in paid.items()}
    return found | {one.id: one.guaranteed for one in some if one.guaranteed is not None}


def catch_up(work: Work, bond: BidBond, tender: Tender) -> None:
    """Money that came after the event that would have sent it back goes back at once."""
    send_back(work, tender.id, lot_id=bond.lot_id, org_id=bond.org_id)


def keep_held(work: Work, bid: Bid) -> None:
    """A bidder who took his bid back bids again: his bond, unless it went back already, stays for the new bid."""
    waiting = work.scalars(
        sa.select(BondOrder)
        .join(BidBond, BidBond.id == BondOrder.bond_id)
        .where(
            BidBond.lot_id == bid.lot_id,
            BidBond.org_id == bid.org_id,
            BondOrder.done_at.is_(None),
            BondOrder.reason == Why.WITHDRAWN.value,
        )
    )
    for order in waiting:
        tender = work.session.get_one(Tender, bid.tender_id)
        work.record(
            bond_facts.BidBondOrderDropped(subject=order.fact_subject(), tender=tender.code, order=order.id)
        )
        work.session.delete(order)


# ---- events of the tender ---------------------------------------------------------------------------------------


def follow_lot(work: Work, fact: LotMoved) -> None:
    """Listener: a lot that failed, was terminated or has its contract sends its bonds back."""
    if fact.move not in _ENDS:
        return
    lot = work.lock(Lot, fact.lot)
    if asks_bond(lot.tender):
        send_back(work, lot.tender_id, lot_id=lot.id)


def follow_award(work: Work, fact: AwardSettled) -> None:
    """Listener: with the award letter the bonds of those go back who need not wait for the contract."""
    lot = work.lock(Lot, fact.lot)
    if asks_bond(lot.tender):
        send_back(work, lot.tender_id, lot_id=lot.id)


def follow_forfeit(work: Work, fact: BondForfeited) -> None:
    """Listener: the award lapsed by the winner's doing, which is a listed ground; what he lodged is kept.

    Source: 实施条例 第七十四条.
    """
    lot = work.lock(Lot, fact.lot)
    if not asks_bond(lot.tender):
        return
    for bond, held in _unordered(work, lot.id, fact.supplier):
        _order(work, lot.tender, bond, BondOrderKind.KEEP, held, Kept.NO_CONTRACT.value, "", _keep_day(work))


def _unordered(work: Work, lot_id: UUID, org_id: UUID) -> list[tuple[BidBond, Money]]:
    some = work.scalars(
        sa.select(BidBond)
        .outerjoin(BondOrder, BondOrder.bond_id == BidBond.id)
        .where(BidBond.lot_id == lot_id, BidBond.org_id == org_id, BondOrder.id.is_(None))
        .order_by(BidBond.number)
    )
    held = held_of(work.session, some)
    return [(one, held[one.id]) for one in some if one.id in held]


def _keep_day(work: Work) -> datetime:
    """The buyer's money is passed on as quickly as a bidder's would be."""
    return bonds.shortest_refund(work.now, calendar=calendars.official())


# ---- people's words ---------------------------------------------------------------------------------------------


def keep_bond(work: Work, bond_id: UUID, kept: Kept, reason: str) -> BondOrder:
    """The buyer keeps a bond on a listed ground, for a reason that is recorded. Again returns the first order.

    Raises:
        NotFound: no such bond. NotNow: ``bond_ordered_back``, ``bond_missing`` when nothing was lodged.
        NotValid: ``reason_missing``; ``bond_must_be_returned`` without a ground that fits.

    Source: 实施条例 第三十五条, 第七十四条.
    """
    bond = work.lock(BidBond, bond_id)
    tender = work.get(Tender, bond.tender_id, to=BOND_KEEP)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    known = work.one(sa.select(BondOrder).where(BondOrder.bond_id == bond.id))
    if known is not None:
        assert isinstance(known, BondOrder)
        if known.kind is BondOrderKind.KEEP:
            return known
        raise NotNow("bond_ordered_back", source="实施条例 第三十五条, 第五十七条", due_at=known.due_at)
    session = work.session
    bonds.require_ground_to_keep(kept, loss=_loss(session, bond), is_winner=_was_winner(session, bond, kept))
    held = held_of(work.session, [bond])
    if not held:
        raise NotNow("bond_missing", source="实施条例 第七十四条")
    order = _order(work, tender, bond, BondOrderKind.KEEP, held[bond.id], kept.value, "", _keep_day(work))
    tell_bidder(
        work, bond, tender, "bond_kept", amount=f"{order.amount.yuan:,.2f}", reason=reason.strip()[:500]
    )
    return order


def grounds_to_keep(session: Session, bond: BidBond) -> tuple[Kept, ...]:
    """The listed grounds that fit a bond now; for the page's sake, the action decides again."""
    loss = _loss(session, bond)
    found = []
    for kept in Kept:
        try:
            bonds.require_ground_to_keep(kept, loss=loss, is_winner=_was_winner(session, bond, kept))
        except NotValid:
            continue
        found.append(kept)
    return tuple(found)


def _loss(session: Session, bond: BidBond) -> Loss | None:
    """Whether a bid of his left after the deadline by his own doing."""
    query = sa.select(Bid.id).where(
        Bid.lot_id == bond.lot_id, Bid.org_id == bond.org_id, Bid.state == BidState.REVOKED
    )
    return Loss.REVOKED if session.scalar(query.limit(1)) is not None else None


def _was_winner(session: Session, bond: BidBond, kept: Kept) -> bool:
    """Whether he won and his award lapsed; before that only a missing performance bond is a ground."""
    if any(one.org_id == bond.org_id for one in lapses_of(session, bond.lot_id)):
        return True
    lot = session.get_one(Lot, bond.lot_id)
    holds = lot.stage is Stage.AWARDED and (lot.outcome or {}).get("supplier") == str(bond.org_id)
    return holds and kept is Kept.NO_PERFORMANCE_BOND


def done_bond(work: Work, order_id: UUID) -> BondOrder:
    """Book that an order about a deposit was carried out: a bid bond's or an auction's. Again changes nothing.

    Money of a bid bond goes back with the interest of the days it was held, where the law asks that.

    Source: 实施条例 第五十七条 (T-116, EX-19); rules.md §4.3 A-15.
    """
    work.require(BOND_CONFIRM)
    order = work.lock(BondOrder, order_id)
    if order.done_at is not None:
        return order
    if order.bond_id is None:
        order.done_at = work.now
        auction = work.session.get_one(Auction, order.fact_subject())
        tender = work.session.get_one(Tender, auction.tender_id)
        work.record(auction_facts.BondOrderDone(subject=auction.id, tender=tender.code, order=order.id))
        return order
    bond = work.lock(BidBond, order.bond_id)
    tender = work.session.get_one(Tender, bond.tender_id)
    paid = payments_of(work.session, [bond.id]).get(bond.id, [])
    ppm = work.platform.settings.bond_interest_ppm
    order.interest = interest_now(order, bond, tender, paid, work.now, ppm)
    order.done_at = work.now
    work.record(
        bond_facts.BidBondOrderDone(
            subject=bond.id, tender=tender.code, order=order.id, interest=order.interest
        )
    )
    if order.kind is BondOrderKind.REFUND:
        tell_bidder(
            work,
            bond,
            tender,
            "bond_returned",
            amount=f"{order.amount.yuan:,.2f}",
            interest=f"{(order.interest or Money(0)).yuan:,.2f}",
        )
    return order


def interest_now(
    order: BondOrder, bond: BidBond, tender: Tender, paid: Iterable[BondPayment], now: datetime, ppm: int
) -> Money | None:
    """The interest that goes back with an order if it is carried out at ``now``; None where the law asks none.

    Args:
        paid: every payment on the bond. ppm: the yearly rate of demand deposits, in millionths
            (``Settings.bond_interest_ppm``).

    Source: 实施条例 第五十七条 (银行同期存款利息; EX-19).
    """
    back = order.kind is BondOrderKind.REFUND and bond.form is BondForm.TRANSFER
    if not back or not law_of(tender, now).regime.is_construction:
        return None
    earned = [
        bonds.interest(
            one.amount,
            days=bonds.days_held(calendars.local_date(one.arrived_at), calendars.local_date(now)),
            yearly_rate=Fraction(ppm, PPM),
        )
        for one in paid
    ]
    return Money(sum(one.minor for one in earned))
