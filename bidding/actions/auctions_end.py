"""The end of an auction: the journal is published, the lot moves on, deposits go back, the buyer confirms the winner.

Source: rules §4.3 A-12, A-15, A-16; §4.5 steps 6–9; §4.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding import auction_facts as facts
from bidding.actions.auctions_letters import issue_confirmation
from bidding.actions.auctions_price import ask_low_prices, reviews_of, take_offer
from bidding.actions.auctions_sealed import published
from bidding.actions.auctions_write import hold
from bidding.hall_core import journal
from bidding.hall_core.journal import Line
from bidding.hall_core.rooms import Room
from bidding.models_auction import Auction, AuctionSeat, AuctionStage
from bidding.models_bond import BondOrder, BondOrderKind
from bidding.rights import AUCTION_HOST
from bidding.rules.auction.state import Outcome as Came
from bidding.rules.auction.state import Result
from bidding.rules.auction.values import instant_text, money_text
from bidding.rules.low_offers import GROUND
from kernel import calendar as calendars
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Membership, Organization, Person
from kernel.money import Money
from kernel.work import Work
from sealbid.octets import b64
from trading import actions as trading
from trading.actions.lots import Outcome
from trading.actions.notices import law_of
from trading.models import Lot, Tender
from trading.rules import dues
from trading.rules.lifecycle import Move
from trading.rules.lifecycle import Stage as LotStage

REFUND_ROWS = ("deposit_refund_days_max", "online_auction_refund_hours_max", "bond_refund_days_max")
JOURNAL_VERSION = 1
LOW_PRICE = "报价异常低，未说明或说明未被认可（财库〔2026〕2号）"
"""How the ground of a failed review is written into the result."""


def conclude(
    work: Work, auction: Auction, tender: Tender, lot: Lot, room: Room, lines: Sequence[Line]
) -> None:
    """Everything that follows from the last event of an auction, in the transaction that locked its head."""
    made = room.state.outcome
    assert made is not None, "an auction that is over came out somehow"
    auction.ended_at, auction.result = room.state.at, result_plain(made)
    slips = published(work.session, auction.id)
    auction.journal_sha256 = hashlib.sha256(journal_file(auction, room, lines, slips)).hexdigest()
    work.record(
        facts.AuctionEnded(
            subject=auction.id,
            tender=tender.code,
            lot=lot.id,
            events=room.head.seq,
            chain=room.head.chain,
            journal=auction.journal_sha256,
            result=auction.result,
        )
    )
    if made.outcome is Came.CANCELLED and tender.terminated_at is not None:
        auction.stage = AuctionStage.CANCELLED
        work.record(
            facts.AuctionCancelled(subject=auction.id, tender=tender.code, lot=lot.id, reason=made.reason)
        )
        _refund_all(work, auction, tender, but=None)
    elif made.winner is None:
        _fail(work, auction, tender, lot, made.reason)
    else:
        auction.stage = AuctionStage.SOLD
        if lot.stage is LotStage.TENDERING and tender.suspended_at is None:
            trading.move_lot(work, lot.id, Move.OPEN_BIDS, by_law=True)
        if lot.stage is LotStage.OPENING and tender.suspended_at is None:
            trading.move_lot(work, lot.id, Move.EVALUATE, by_law=True)
        _refund_all(work, auction, tender, but=made.winner)
        ask_low_prices(work, auction, tender, lot)


def _fail(work: Work, auction: Auction, tender: Tender, lot: Lot, reason: str) -> None:
    auction.stage, auction.failed_for = AuctionStage.FAILED, reason[:40]
    work.record(facts.AuctionFailed(subject=auction.id, tender=tender.code, lot=lot.id, reason=reason))
    if lot.stage in (LotStage.TENDERING, LotStage.OPENING, LotStage.EVALUATION):
        trading.move_lot(work, lot.id, Move.FAIL, reason=reason[:40], by_law=True)
    trading.publish_text(
        work,
        tender,
        kind="failure",
        title=f"{tender.title}（第 {lot.number} 标段）竞价失败公告",
        body={"lot": lot.number, "reason": reason, "auction": auction.id},
        lot=lot,
    )
    _refund_all(work, auction, tender, but=None)


def result_plain(made: Result) -> dict[str, Any]:
    """The outcome by plates, as it is stored, logged and published."""
    return {
        "outcome": made.outcome.value,
        "reason": made.reason,
        "winner": made.winner or "",
        "price": "" if made.price is None else money_text(made.price),
        "ranking": [{"plate": plate, "price": money_text(price)} for plate, price in made.ranking],
        "points": [{"plate": plate, "points": points} for plate, points in made.points],
    }


def journal_file(
    auction: Auction, room: Room, lines: Sequence[Line], slips: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """The journal as anybody may replay it: header, salted events, chain, opened slips.

    Format: docs/formats/auction-journal.md.
    """
    number = room.lot.rpartition("/")[2]
    terms = room.state.terms
    holders = terms.priority.holders if terms.priority is not None else ()
    return journal.canonical(
        {
            "v": JOURNAL_VERSION,
            "auction": str(auction.id),
            "tender": room.tender,
            "lot": number,
            "terms": auction.terms,
            "holders": [{"plate": one.plate, "rank": one.rank} for one in holders],
            "events": [{"text": line.text, "salt": b64(line.salt)} for line in lines],
            "chain": room.head.chain.hex(),
            "result": auction.result or {},
            **({"slips": list(slips)} if slips else {}),
        }
    ).encode()


# ---- deposits ---------------------------------------------------------------------------------------------------


def _refund_all(work: Work, auction: Auction, tender: Tender, *, but: str | None) -> None:
    """Order every deposit back but the winner's, with the date the law gives. Source: rules §4.3 A-15."""
    due_at = _refund_due(work, tender)
    for seat in work.scalars(sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction.id)):
        if seat.bond_paid is not None and seat.bond_paid.minor and seat.plate != but:
            order_bond(work, auction, tender, seat, BondOrderKind.REFUND, "not_the_winner", due_at)


def _refund_due(work: Work, tender: Tender) -> datetime:
    law, calendar = law_of(tender, work.now), calendars.official()
    for name in REFUND_ROWS:
        limit = law.get(name)
        if limit is not None and limit.unit.value == "H":
            return work.now + timedelta(hours=int(str(limit.value)))
        found = dues.due(law, name, work.now, calendar=calendar)
        if found is not None:
            return found.due_at
    return calendar.closes_at(calendars.local_date(work.now), calendars.Period(5, calendars.DayUnit.WORKING))


def order_bond(
    work: Work,
    auction: Auction,
    tender: Tender,
    seat: AuctionSeat,
    kind: BondOrderKind,
    reason: str,
    due_at: datetime,
) -> BondOrder:
    """Order a deposit to be paid back or kept; the order of a seat that has one already stays as it is."""
    known = work.one(sa.select(BondOrder).where(BondOrder.seat_id == seat.id))
    if known is not None:
        assert isinstance(known, BondOrder)
        return known
    assert seat.bond_paid is not None
    order = work.add(
        BondOrder(
            id=work.new_id(),
            auction_id=auction.id,
            seat_id=seat.id,
            kind=kind,
            amount=seat.bond_paid,
            reason=reason,
            row="",
            since=work.now,
            due_at=due_at,
            ordered_at=work.now,
            done_at=None,
            interest=None,
        )
    )
    work.session.flush()
    work.record(
        facts.BondOrdered(
            subject=auction.id,
            tender=tender.code,
            order=order.id,
            kind_of=kind.value,
            reason=reason,
            due_at=due_at,
            amount=seat.bond_paid,
            seat=seat.id,
        )
    )
    return order


# ---- the buyer's word -------------------------------------------------------------------------------------------


def confirm_result(work: Work, auction_id: UUID, *, rejected: Mapping[str, str] | None = None) -> Lot:
    """Confirm the result of an auction: the lot is settled with its supplier and price, and the result published.

    Args:
        rejected: plate → the ground, in words everybody reads, on which a better offer of a reverse auction is not
            taken. An abnormally low price is no such ground: it is asked about and judged (``auctions_price``), and
            an offer whose review failed, or that nobody explained in time, is passed over without being named here.

    Raises:
        NotNow: ``auction_not_over``, ``objection_open``, ``suspended``, ``wrong_stage``; ``price_review_open`` while
            the low price of the offer to be taken, or of one to be passed over, is not decided.
        NotValid: ``reason_missing``, ``plate_unknown``, ``sale_is_final`` for a rejection where the highest offer
            buys, ``nothing_left`` when every offer is rejected.

    Source: rules §4.8, §2.5; 拍卖法 第五十一条 (the highest offer, once confirmed, buys).
    """
    tender, auction = hold(work, auction_id)
    lot = work.lock(Lot, auction.lot_id)
    work.require(AUCTION_HOST, tender)
    if auction.stage is not AuctionStage.SOLD or auction.result is None:
        raise NotNow("auction_not_over", source="rules §4.3 A-11", stage=auction.stage)
    if auction.settled_at is not None:
        return lot
    grounds = {plate: reason.strip() for plate, reason in (rejected or {}).items()}
    taken = take_offer(work, tender, auction, grounds)
    rank, plate, price = taken.rank, taken.plate, taken.price
    trading.require_undisturbed(work.session, tender, lot)
    _catch_up(work, lot)
    seat = work.one(
        sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction.id, AuctionSeat.plate == plate)
    )
    assert seat is not None, "plates of the journal are plates of seats"
    supplier = work.session.get_one(Organization, seat.org_id)
    passed = sorted(taken.passed_over.items())
    told = "; ".join(f"{one}: {LOW_PRICE if reason == GROUND else reason}" for one, reason in passed)
    trading.move_lot(work, lot.id, Move.PROPOSE_AWARD)
    lot.standstill_until_at = None
    assert auction.journal_sha256 is not None
    outcome = Outcome(
        bid=seat.id.hex,
        rank=rank,
        supplier_id=supplier.id,
        supplier_name=supplier.party,
        price=price,
        report=auction.journal_sha256,
        reason=told,
        watched=any(one.plate == plate and one.accepted for one in reviews_of(work.session, auction.id)),
        told={"auction": str(auction.id), "plate": plate}
        | ({"passed_over": [{"plate": one, "ground": ground} for one, ground in passed]} if passed else {}),
    )
    trading.settle_lot(work, lot.id, outcome)
    auction.settled_at = work.now
    work.record(
        facts.AuctionSettled(
            subject=auction.id,
            tender=tender.code,
            lot=lot.id,
            plate=plate,
            supplier=supplier.id,
            price=price,
        )
    )
    _refund_all(work, auction, tender, but=plate)
    assert isinstance(seat, AuctionSeat)
    until = _publish(work, tender, lot, auction, supplier, plate, price, told)
    issue_confirmation(work, auction, tender, lot, seat, price, until)
    _tell(work, tender, lot, auction, plate)
    return lot


def _catch_up(work: Work, lot: Lot) -> None:
    """A lot that stood still while its auction ended catches up with it."""
    for stage, move in (
        (LotStage.TENDERING, Move.OPEN_BIDS),
        (LotStage.OPENING, Move.EVALUATE),
    ):
        if lot.stage is stage:
            trading.move_lot(work, lot.id, move, by_law=True)


def _publish(
    work: Work,
    tender: Tender,
    lot: Lot,
    auction: Auction,
    supplier: Organization,
    plate: str,
    price: Money,
    told: str,
) -> datetime | None:
    """The result notice, and until when it is on public display.

    Only now, and only of the winner, a name stands beside a plate. Source: rules §4.5 step 9, §4.8.
    """
    law = law_of(tender, work.now)
    publicity = dues.standstill(law, work.now, calendar=calendars.official())
    assert auction.ended_at is not None
    trading.publish_text(
        work,
        tender,
        kind="result",
        title=f"{tender.title}（第 {lot.number} 标段）成交结果公告",
        body={
            "lot": lot.number,
            "winner": {
                "name": supplier.name,
                "uscc": supplier.uscc,
                "plate": plate,
                "price": f"{price.yuan:.2f}",
            },
            "auction": auction.id,
            "ended_at": instant_text(auction.ended_at),
            "journal": auction.journal_sha256,
            "passed_over": told,
        },
        lot=lot,
        until_at=publicity.due_at if publicity is not None else None,
        amount=price,
    )
    return publicity.due_at if publicity is not None else None


def _tell(work: Work, tender: Tender, lot: Lot, auction: Auction, winner: str) -> None:
    """Everybody who registered hears it in the same act."""
    seats = {
        seat.org_id: seat
        for seat in work.scalars(sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction.id))
    }
    rows = work.session.execute(
        sa.select(Membership.org_id, Person)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.org_id.in_(seats), Membership.until.is_(None))
        .order_by(Person.id)
    )
    told: set[tuple[UUID, UUID]] = set()
    for org_id, person in rows:
        if (org_id, person.id) in told:
            continue
        told.add((org_id, person.id))
        work.message(
            to=person.email,
            template="award" if seats[org_id].plate == winner else "result",
            lang=person.lang,
            tender=tender.code,
            title=tender.title,
            lot=str(lot.number),
        )


def keep_bond(work: Work, auction_id: UUID, reason: str) -> BondOrder:
    """Keep the deposit of a winner who does not stand by his offer, for a reason everybody can read.

    He is refused when the lot is auctioned again. For a confirmed winner ``auctions_default`` also bars him from
    re-sales in other tenders, and states the difference he owes.

    Raises:
        NotNow: ``auction_not_over``; ``bond_missing`` when the notice asked none. NotValid: ``reason_missing``.

    Source: rules §4.3 A-16; 拍卖法 第三十九条.
    """
    auction = work.lock(Auction, auction_id)
    tender = _tender_of(work, auction_id)
    work.require(AUCTION_HOST, tender)
    if auction.stage is not AuctionStage.SOLD or auction.result is None:
        raise NotNow("auction_not_over", source="rules §4.3 A-16", stage=auction.stage)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    plate = auction.result["winner"]
    seat = work.one(
        sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction.id, AuctionSeat.plate == plate)
    )
    if seat is None or seat.bond_paid is None:
        raise NotNow("bond_missing", source="rules §4.3 A-16")
    return order_bond(work, auction, tender, seat, BondOrderKind.KEEP, reason.strip()[:80], work.now)


def _tender_of(work: Work, auction_id: UUID) -> Tender:
    found = work.one(
        sa.select(Tender).join(Auction, Auction.tender_id == Tender.id).where(Auction.id == auction_id)
    )
    if found is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    assert isinstance(found, Tender)
    return found
