"""What must always hold of auctions. Every promise has a sabotage test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.auctions_end import result_plain
from bidding.actions.auctions_life import beat_of
from bidding.hall_core import journal, rooms
from bidding.hall_core.draft import begun, event_of
from bidding.hall_core.journal import Line
from bidding.hall_core.rooms import Room
from bidding.models_auction import (
    Auction,
    AuctionAnchor,
    AuctionEvent,
    AuctionHead,
    AuctionSeat,
    AuctionStage,
)
from bidding.models_result import AuctionConfirmation, PriceReview
from bidding.rules.auction import engine, events
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import OPEN, OVER, Stage, State
from bidding.rules.low_offers import low_offers, votes_of
from kernel.errors import NotValid, Refusal
from kernel.ledger.models import FactRow, LogRecord
from kernel.promises import Breach, promise
from kernel.rulebook import Rulebook
from sealbid import jcs
from trading.actions.notices import law_of
from trading.models import Lot, Tender
from trading.rules import abnormal

ENDED = (AuctionStage.SOLD, AuctionStage.FAILED, AuctionStage.CANCELLED)
OFFERS = (events.OfferMade, events.SealedMade, events.Accept, events.StayIn, events.Bid2, events.TurnBid)
CLOSED = frozenset({*OVER, Stage.SETTLING, Stage.ASKING})
ANCHOR_LATE = 6
"""Beats after which an event that the log does not hold is a breach."""


def _told(session: Session, stages: Iterable[AuctionStage]) -> Iterator[tuple[Auction, Room, list[Line]]]:
    """Auctions with their journals; one whose journal does not replay is somebody else's breach."""
    for auction in session.scalars(sa.select(Auction).where(Auction.stage.in_(tuple(stages)))):
        try:
            room, lines = rooms.load(session.connection(), auction.id)
        except (Refusal, ValueError, KeyError):
            continue
        yield auction, room, lines


def _story(room: Room, lines: list[Line]) -> Iterator[tuple[Line, Event, State, State]]:
    state = begun(room.state.terms)
    for line in lines:
        event = event_of(line.text, room.state.terms)
        before, state = state, engine.apply(state, event, line.at)
        yield line, event, before, state


@promise("An auction ends at its best offer.", source="拍卖法 第五十一条; rules §4.3 A-01, A-05")
def an_auction_ends_at_its_best_offer(session: Session, now: datetime) -> Iterable[Breach]:
    for auction, room, _ in _told(session, (AuctionStage.SOLD,)):
        terms, result = room.state.terms, auction.result or {}
        if not room.state.standing or terms.items or terms.turns is not None or terms.priority is not None:
            continue  # decided by points, turns or a right, which the replay promise covers
        if terms.cap is not None or terms.lottery_band_percent is not None:
            continue
        standing = [seat.last for seat in room.state.seats.values() if seat.last is not None]
        best = min(standing, key=lambda one: (terms.sign * one.amount.minor, one.seq))
        said = (result.get("winner"), result.get("price"))
        if (
            result.get("reason") == "lottery"
        ):  # equals were drawn among: the price is the best, the plate was drawn
            said = (best.plate, said[1])
        if said != (best.plate, f"{best.amount.yuan:.2f}"):
            yield Breach(auction.id, f"{result.get('winner')} won, {best.plate} offered {best.amount.yuan}")


@promise("No offer is taken that reached us at or after the end.", source="rules §4.3 A-02, A-11")
def no_offer_after_the_end(session: Session, now: datetime) -> Iterable[Breach]:
    living = (*ENDED, AuctionStage.LIVE, AuctionStage.SETTLING)
    for auction in session.scalars(sa.select(Auction).where(Auction.stage.in_(living))):
        head = session.get(AuctionHead, auction.id)
        ended = auction.ended_at if head is not None and head.over else None
        rows = session.execute(
            sa.select(AuctionEvent.seq, AuctionEvent.at, AuctionEvent.event)
            .where(AuctionEvent.auction_id == auction.id, AuctionEvent.kind.in_([one.kind for one in OFFERS]))
            .order_by(AuctionEvent.seq)
        )
        for row in rows:
            said = json.loads(row.event)["at"]
            if said != journal.at_text(row.at):
                yield Breach(auction.id, f"event {row.seq} has two instants")
            elif ended is not None and row.at >= ended:
                yield Breach(auction.id, f"event {row.seq} at {said}, ended {journal.at_text(ended)}")
    for auction, room, lines in _told(session, ENDED):
        for line, event, before, _ in _story(room, lines):
            end = before.ends_at
            if type(event) in OFFERS and before.stage in OPEN and end is not None and line.at >= end:
                yield Breach(auction.id, f"event {line.seq} after the end of its stage")


@promise(
    "What was answered accepted is in the journal, and what is in the journal is in the log.",
    source="rules §4.3 A-09, A-14",
)
def accepted_is_journaled_is_logged(session: Session, now: datetime) -> Iterable[Breach]:
    for auction in session.scalars(sa.select(Auction)):
        head = session.get(AuctionHead, auction.id)
        if head is None:
            continue
        header = _header(session, auction)
        lines = journal.lines_of(session.connection(), auction.id)
        try:
            whole = journal.require_whole(journal.root_of(auction.id, header), lines)
        except ValueError as no:
            yield Breach(auction.id, str(no))
            continue
        if (head.seq, bytes(head.chain)) != (len(lines), whole):
            yield Breach(auction.id, f"the head says {head.seq} events, the journal holds {len(lines)}")
        yield from _receipts(auction, lines)
        yield from _anchors(session, auction, head, lines, now)


def _header(session: Session, auction: Auction) -> str:
    code, number = session.execute(
        sa.select(Tender.code, Lot.number)
        .join(Lot, Lot.tender_id == Tender.id)
        .where(Lot.id == auction.lot_id)
    ).one()
    return rooms.header_of(auction.id, code, number, auction.terms)


def _receipts(auction: Auction, lines: list[Line]) -> Iterator[Breach]:
    for line in lines:
        if line.receipt is None:
            continue
        if json.loads(line.receipt)["event"] != journal.digest_of(line.text, line.salt).hex():
            yield Breach(auction.id, f"the receipt of event {line.seq} names another event")


def _anchors(
    session: Session, auction: Auction, head: AuctionHead, lines: list[Line], now: datetime
) -> Iterator[Breach]:
    rows = session.execute(
        sa.select(AuctionAnchor, LogRecord.jcs)
        .outerjoin(LogRecord, LogRecord.id == AuctionAnchor.record_id)
        .where(AuctionAnchor.auction_id == auction.id)
        .order_by(AuctionAnchor.number)
    )
    upto = 0
    for anchor, record in rows:
        upto = max(upto, anchor.upto)
        chain = bytes(anchor.chain)
        if anchor.upto and (anchor.upto > len(lines) or lines[anchor.upto - 1].chain != chain):
            yield Breach(auction.id, f"anchor {anchor.number} is not the journal's chain")
        if record is None or jcs.decode_object(bytes(record))["body"]["chain"] != chain.hex():
            yield Breach(auction.id, f"anchor {anchor.number} is not in the log")
    late = timedelta(seconds=beat_of(rooms.terms_of(auction)).total_seconds() * ANCHOR_LATE)
    unlogged = next((line for line in lines if line.seq > upto), None)
    begun_ago = auction.stage is not AuctionStage.PRINTED
    if unlogged is not None and begun_ago and (auction.stage in ENDED or now - unlogged.at > late):
        yield Breach(auction.id, f"event {unlogged.seq} is not in the log")


@promise("Replaying the journal of an auction gives its result.", source="rules §4.3 A-14")
def the_journal_gives_the_result(session: Session, now: datetime) -> Iterable[Breach]:
    for auction in session.scalars(sa.select(Auction).where(Auction.stage.in_(ENDED))):
        try:
            room, _ = rooms.load(session.connection(), auction.id)
            made = engine.result(room.state)
        except (Refusal, ValueError, KeyError) as no:
            yield Breach(auction.id, f"does not replay: {no}")
            continue
        if result_plain(made) != auction.result:
            yield Breach(auction.id, f"stored {auction.result}, replayed {result_plain(made)}")


@promise("Every auction is closed once, and never before its end.", source="rules §4.3 A-11")
def each_auction_closes_once(session: Session, now: datetime) -> Iterable[Breach]:
    ended = dict(_count(session, "bidding.auction.ended"))
    for auction in session.scalars(sa.select(Auction)):
        count = ended.get(auction.id, 0)
        over = auction.stage in ENDED
        if count != int(over):
            yield Breach(auction.id, f"{auction.stage.value} with {count} closes")
    for auction, room, lines in _told(session, ENDED):
        closes = [
            (line, before)
            for line, _, before, after in _story(room, lines)
            if before.stage not in CLOSED and after.stage in CLOSED
        ]
        for line, before in closes:
            if line.kind == events.Tick.kind and before.ends_at is not None and line.at < before.ends_at:
                yield Breach(auction.id, f"closed at {line.at.isoformat()}, before its end")
        further = sum(
            room.state.terms.sealed and before.stage in CLOSED and after.stage not in CLOSED
            for _, _, before, after in _story(room, lines)
        )  # rounds that follow the opening of sealed offers
        if len(closes) != 1 + further:
            yield Breach(auction.id, f"closed {len(closes)} times")


def _count(session: Session, name: str) -> list[tuple[UUID, int]]:
    rows = session.execute(
        sa.select(FactRow.subject, sa.func.count()).where(FactRow.name == name).group_by(FactRow.subject)
    )
    return [(row[0], row[1]) for row in rows]


@promise(
    "No abnormally low price of a reverse auction is confirmed before it was asked about and accepted.",
    source="财库〔2026〕2号; rules §2.5, §4.8",
)
def no_low_price_unasked(session: Session, now: datetime) -> Iterable[Breach]:
    rows = session.execute(
        sa.select(Auction, Tender, Lot, AuctionConfirmation, AuctionSeat.plate)
        .join(AuctionConfirmation, AuctionConfirmation.auction_id == Auction.id)
        .join(AuctionSeat, AuctionSeat.id == AuctionConfirmation.seat_id)
        .join(Tender, Tender.id == Auction.tender_id)
        .join(Lot, Lot.id == Auction.lot_id)
    ).unique()
    for auction, tender, lot, confirmed, plate in rows:
        law, direction = law_of(tender, confirmed.confirmed_at), rooms.terms_of(auction).direction
        if plate not in low_offers(law, auction.result or {"ranking": []}, direction, lot.ceiling):
            continue
        review = session.scalars(
            sa.select(PriceReview).where(PriceReview.seat_id == confirmed.seat_id)
        ).one_or_none()
        if review is None:
            yield Breach(auction.id, f"plate {plate} was confirmed without being asked about its price")
        elif review.accepted is not True or review.explanation is None or review.decided_at is None:
            yield Breach(auction.id, f"plate {plate} was confirmed though its price was not accepted")
        elif review.decided_at > confirmed.confirmed_at or not _carried(law, review):
            yield Breach(auction.id, f"plate {plate} was confirmed before a majority had accepted its price")


def _carried(law: Rulebook, review: PriceReview) -> bool:
    """Whether the recorded votes are those of a lawful group, and a majority of it was convinced."""
    votes = votes_of(review.votes)
    try:
        abnormal.require_group(law, [one.name for one in votes])
    except NotValid:
        return False
    return abnormal.majority([one.convinced for one in votes])


PROMISES = (
    an_auction_ends_at_its_best_offer,
    no_offer_after_the_end,
    accepted_is_journaled_is_logged,
    the_journal_gives_the_result,
    each_auction_closes_once,
    no_low_price_unasked,
)
