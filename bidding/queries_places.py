"""A bidder's own receipts of an auction, and where the log holds them.

Source: rules §4.3 A-09; docs/formats/auction-journal.md §3.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.auctions import seat_of
from bidding.hall_core import journal, rooms
from bidding.hall_core.journal import Line
from bidding.models_auction import Auction, AuctionAnchor
from bidding.queries_auction import OVER
from kernel.errors import NotFound
from kernel.ledger import book, trust
from kernel.ledger.models import LogRecord
from kernel.platform import Platform
from kernel.rights import Actor
from sealbid import place, signatures
from sealbid.records import entry_of


@dataclass(frozen=True)
class OwnReceipt:
    """One own receipt. ``index``: the leaf that covers it, None while it waits for the beat."""

    event: str
    kind: str
    price: str
    recv_at: datetime
    index: int | None


def own_receipts(session: Session, actor: Actor, auction_id: UUID) -> list[OwnReceipt]:
    """The actor's own receipts, newest first. Raises NotFound for somebody without a registration."""
    anchors = _anchors(session, auction_id)
    found = []
    for line in reversed(_own_lines(session, actor, auction_id)):
        told = json.loads(line.receipt or "{}")
        index = next((idx for anchor, idx in anchors if anchor.upto >= line.seq and idx is not None), None)
        found.append(OwnReceipt(told["event"], told["kind"], told.get("price", ""), line.at, index))
    return found


def _own_lines(session: Session, actor: Actor, auction_id: UUID) -> list[Line]:
    seat = seat_of(session, auction_id, actor.org_id)
    if seat is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    lines = journal.lines_of(session.connection(), auction_id)
    return [line for line in lines if line.plate == seat.plate and line.receipt]


def _anchors(session: Session, auction_id: UUID) -> list[tuple[AuctionAnchor, int | None]]:
    rows = session.execute(
        sa.select(AuctionAnchor, LogRecord.idx)
        .join(LogRecord, LogRecord.id == AuctionAnchor.record_id)
        .where(AuctionAnchor.auction_id == auction_id)
        .order_by(AuctionAnchor.number)
    )
    return [(anchor, idx) for anchor, idx in rows]


def place_of(platform: Platform, session: Session, actor: Actor, auction_id: UUID, event: str) -> bytes:
    """The place of an own receipt in the log, as a file anybody can check (``sealbid receipt``).

    Before the end it holds no path: how many events lie between a receipt and the logged chain would tell how often
    others did something.

    Raises:
        NotFound: no such receipt of the actor.
    """
    own = {json.loads(line.receipt or "{}")["event"]: line for line in _own_lines(session, actor, auction_id)}
    line = own.get(event)
    if line is None or line.receipt is None:
        raise NotFound("not_found", thing="receipt", id=event)
    covering = next(
        (
            anchor
            for anchor, idx in _anchors(session, auction_id)
            if anchor.upto >= line.seq and idx is not None
        ),
        None,
    )
    record = book.record_of(session, covering.record_id) if covering is not None else None
    proof = (
        trust.proof_of_record(session, platform.settings, covering.record_id)
        if covering is not None
        else None
    )
    path = None
    auction = session.get_one(Auction, auction_id)
    if covering is not None and record is not None and auction.stage in OVER:
        path = _path(session, auction, line, covering, record)
    return place.build(
        json.loads(line.receipt),
        entry=entry_of(record) if record is not None else b"",
        proof=proof,
        path=path,
        sign=lambda kind, body: signatures.sign(kind, body, platform.platform_key).to_json(),
    )


def _path(
    session: Session, auction: Auction, line: Line, covering: AuctionAnchor, record: dict[str, Any]
) -> place.Path:
    lines = journal.lines_of(session.connection(), auction.id)
    room, _ = rooms.load(session.connection(), auction.id)
    header = rooms.header_of(auction.id, room.tender, int(room.lot.rpartition("/")[2]), auction.terms)
    before = lines[line.seq - 2].chain if line.seq > 1 else journal.root_of(auction.id, header)
    after = [journal.digest_of(one.text, one.salt).hex() for one in lines[line.seq : covering.upto]]
    return place.Path(before.hex(), after, record)
