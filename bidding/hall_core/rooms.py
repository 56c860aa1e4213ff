"""An auction as a process keeps it: read from its journal, never ahead of it.

Source: performance §3; rules §4.3 A-14.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bidding.hall_core import journal
from bidding.hall_core.draft import next_moment, replayed
from bidding.hall_core.journal import Head, Line
from bidding.models_auction import Auction, AuctionHead, AuctionSeat
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import Holder, PricesShown, Terms
from kernel.errors import NotFound
from trading.models import Lot, Tender

HEADER_VERSION = 1


@dataclass(slots=True)
class Room:
    """One auction in memory.

    Attributes:
        lot: ``tender/number``. name: the id as text, which stands in every receipt and every message.
        counted: whether everybody sees all offers, so that a receipt may number them.
        moment: when time alone changes something next.
    """

    id: UUID
    tender: str
    lot: str
    counted: bool
    state: State
    head: Head
    moment: datetime | None = None
    name: str = ""

    def __post_init__(self) -> None:
        self.name = str(self.id)

    def install(self, state: State, head: Head) -> None:
        """A new durable state, with the moment at which time alone changes something next."""
        self.state, self.head, self.moment = state, head, next_moment(state)


def header_of(auction: UUID, tender: str, lot: int, terms: dict[str, Any]) -> str:
    """The JSON the chain of an auction begins with. Participants follow as events."""
    return journal.canonical(
        {"v": HEADER_VERSION, "auction": str(auction), "tender": tender, "lot": str(lot), "terms": terms}
    )


@functools.lru_cache(maxsize=512)
def _terms(digest: str, text: str) -> Terms:
    return Terms.from_plain(json.loads(text))


def terms_of(auction: Auction) -> Terms:
    """The printed terms as the engine reads them; frozen, so read once per process."""
    return _terms(auction.terms_digest, journal.canonical(auction.terms))


def with_holders(connection: Connection, auction_id: UUID, terms: Terms) -> Terms:
    """The terms with the plates of those who hold a priority right: the notice names them, chance numbers them."""
    if terms.priority is None:
        return terms
    rows = connection.execute(
        sa.select(AuctionSeat.plate, AuctionSeat.priority_rank)
        .where(AuctionSeat.auction_id == auction_id, AuctionSeat.priority_rank.is_not(None))
        .order_by(AuctionSeat.priority_rank, AuctionSeat.plate)
    )
    holders = tuple(Holder(row.plate, row.priority_rank) for row in rows)
    return replace(terms, priority=replace(terms.priority, holders=holders))


def counted(terms: Terms) -> bool:
    """Whether bidders see each other's offers one by one."""
    return terms.visible.prices is not PricesShown.NONE


def load(connection: Connection, auction_id: UUID, *, lock: bool = False) -> tuple[Room, list[Line]]:
    """The room an auction's journal leads to, and its lines.

    Raises:
        NotFound: no such auction.
    """
    row = connection.execute(
        sa.select(Auction.terms, Auction.terms_digest, Tender.code, Lot.number)
        .join(Tender, Tender.id == Auction.tender_id)
        .join(Lot, Lot.id == Auction.lot_id)
        .where(Auction.id == auction_id)
    ).one_or_none()
    head = journal.head_of(connection, auction_id, lock=lock)
    if row is None or head is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    terms = with_holders(connection, auction_id, _terms(row.terms_digest, journal.canonical(row.terms)))
    lines = journal.lines_of(connection, auction_id)
    state = replayed(terms, lines)
    lot = f"{row.code}/{row.number}"
    return Room(auction_id, row.code, lot, counted(terms), state, head, moment=next_moment(state)), lines


def owner_of(connection: Connection, auction_id: UUID) -> tuple[str, datetime | None]:
    """Which hall process keeps an auction, and when it last wrote so."""
    row = connection.execute(
        sa.select(AuctionHead.owner, AuctionHead.alive_at).where(AuctionHead.id == auction_id)
    ).one()
    return row.owner, row.alive_at
