"""Writing to an auction's journal from an ordinary transaction: admissions, orders, revelations, and moments kept late.

The same rows and the same engine as the hall's committer; a hall that keeps the room in memory notices by its version
and reads again. Source: performance §3; rules §4.3 A-01.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from bidding.hall_core import journal, rooms
from bidding.hall_core.draft import Draft
from bidding.hall_core.registry import hall_of
from bidding.hall_core.rooms import Room
from bidding.models_auction import Auction
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import State
from kernel.errors import NotFound
from kernel.work import Work
from trading.models import Tender


def hold(work: Work, auction_id: UUID) -> tuple[Tender, Auction]:
    """Lock an auction with its tender, always in this order and before its head: facts are numbered within both.

    Raises:
        NotFound: no such auction.
    """
    tender_id = work.session.scalar(sa.select(Auction.tender_id).where(Auction.id == auction_id))
    if tender_id is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    return work.lock(Tender, tender_id), work.lock(Auction, auction_id)


def write(work: Work, auction_id: UUID, deed: Callable[[Draft, datetime], None]) -> tuple[Room, State]:
    """Let a deed add events to a journal within this transaction; returns the room after it and the state before.

    The head is locked first, so nobody else can append before this transaction ends.

    Raises:
        NotFound: no such auction. Refusal: the engine's.
    """
    work.session.flush()
    connection = work.session.connection()
    room, _ = rooms.load(connection, auction_id, lock=True)
    before = room.state
    draft = Draft(room.head, room.state, work.platform.outside.entropy)
    deed(draft, draft.at_least(work.now))
    if draft.lines:
        journal.append(connection, [draft.closed()], draft.pairs())
        room.install(draft.state, draft.head)
        work.after_commit(lambda: announce(work, auction_id))
    return room, before


def append(work: Work, auction_id: UUID, events: Sequence[Event]) -> tuple[Room, State]:
    """Append events at this transaction's instant, after everything that was due by then."""

    def deed(draft: Draft, now: datetime) -> None:
        draft.advance(now)
        for event in events:
            draft.apply(event, draft.at_least(now))

    return write(work, auction_id, deed)


def announce(work: Work, auction_id: UUID) -> None:
    """Tell the hall of this process, if there is one, that a journal has grown."""
    hall = hall_of(work.platform)
    if hall is not None:
        hall.refresh(auction_id)
