"""The bytes of a committed bid: blocks arrive in any order, each compared with the list that was committed.

Source: spec sealing §6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.holding import require_open, tendering, warm_tenderings
from bidding.models import Bid, BidBlock, BidPart
from bidding.rights import BID_CHANGE
from bidding.rules.states import BidState
from kernel.errors import NotFound, NotNow, NotValid
from kernel.outside import BlobExists
from kernel.platform import Platform
from kernel.rights import Actor
from kernel.work import Work
from trading.models import Tender

_ALL_PARTS = cast(sa.Table, BidPart.__table__).alias("all_parts")
_OWNER = sa.select(Bid.id, Bid.org_id).where(Bid.id == sa.bindparam("bid_id"))
_OWNER_LOCKED = _OWNER.with_for_update(of=Bid)
_HELD = (
    sa.select(
        *(Bid.id, Bid.tender_id, Bid.org_id, Bid.state, BidPart.blocks, BidPart.hashes),
        Tender.bids_close_at.label("closes_at"),
        sa.select(sa.func.sum(_ALL_PARTS.c.blocks))
        .where(_ALL_PARTS.c.bid_id == Bid.id)
        .scalar_subquery()
        .label("blocks_of_all"),
    )
    .join(Tender, Tender.id == Bid.tender_id)
    .outerjoin(BidPart, sa.and_(BidPart.bid_id == Bid.id, BidPart.part == sa.bindparam("part")))
    .where(Bid.code == sa.bindparam("code"))
)
_BLOCKS = sa.select(BidBlock.part, BidBlock.number).where(BidBlock.bid_id == sa.bindparam("bid_id"))
_PRESENT = sa.select(sa.func.count()).select_from(BidBlock).where(BidBlock.bid_id == sa.bindparam("bid_id"))
_ARRIVED = sa.insert(cast(sa.Table, BidBlock.__table__))


def put_blocks(
    platform: Platform, actor: Actor, code: str, part: str, first: int, data: Sequence[bytes]
) -> int:
    """Store blocks of a committed bid; idempotent, in any order. Returns how many blocks are still missing.

    Bytes are hashed and made durable outside the transaction; only their presence is written inside.

    Raises:
        NotFound: no such bid of this organisation. NotNow: ``bids_closed``, ``bid_not_open``.
        NotValid: ``block_range``, ``block_hash`` naming the block whose bytes are not the committed ones.

    Source: spec sealing §6 (each block hashed and compared with the list).
    """
    return put_parcels(platform, actor, [Parcel(code, part, first, data)])[0]


@dataclass(frozen=True)
class Parcel:
    """Blocks of one part of a bid, from the block ``first`` on."""

    code: str
    part: str
    first: int
    data: Sequence[bytes]


def put_parcels(platform: Platform, actor: Actor, parcels: Sequence[Parcel]) -> list[int]:
    """``put_blocks`` for several parts or bids of one bidder, their presence written in one transaction.

    Returns how many blocks each bid still misses.
    """
    with platform.read() as session:
        known = [
            session.execute(_HELD, {"code": parcel.code, "part": parcel.part}).one_or_none()
            for parcel in parcels
        ]
    stored = [_store(platform, actor, held, parcel) for held, parcel in zip(known, parcels, strict=True)]
    if not any(stored):
        return [0] * len(parcels)
    with platform.begin(actor) as work:
        warm_tenderings(work, (held.tender_id for held in stored if held is not None))
        return [
            0 if held is None else _arrived(work, held, parcel)
            for held, parcel in zip(stored, parcels, strict=True)
        ]


def _store(platform: Platform, actor: Actor, held: Any, parcel: Parcel) -> Any:
    """Check a parcel and make its bytes durable; what is known of the part, or None where all is complete."""
    code, part, first, data = parcel.code, parcel.part, parcel.first, parcel.data
    if held is None or held.org_id != actor.org_id:
        raise NotFound("not_found", thing="bid", id=code)
    if held.blocks is None or first < 0 or first + len(data) > held.blocks or not data:
        raise NotValid("block_range", field="blocks", part=part, first=first, count=len(data))
    if platform.outside.clock.now() >= held.closes_at:
        raise NotNow("bids_closed", closed_at=held.closes_at, server_now=platform.outside.clock.now())
    if held.state is BidState.COMPLETE:
        return None
    if held.state is not BidState.COMMITTED:
        raise NotNow("bid_not_open", state=held.state)
    for offset, block in enumerate(data):
        number = first + offset
        wanted = held.hashes[32 * number : 32 * number + 32]
        if hashlib.sha256(b"\0" + block).digest() != wanted:
            raise NotValid("block_hash", source="sealing §6", field="blocks", part=part, block=number)
    for offset, block in enumerate(data):
        try:
            platform.outside.blobs.put(block_key(code, part, first + offset), block)
        except BlobExists as problem:
            raise NotValid("block_hash", field="blocks", part=part, block=first + offset) from problem
    return held


def _arrived(work: Work, held: Any, parcel: Parcel) -> int:
    """Write that a parcel's blocks are present; returns how many of the bid are still missing."""
    connection = work.session.connection()
    work.require(BID_CHANGE, connection.execute(_bid_locked(work), {"bid_id": held.id}).one())
    require_open(tendering(work, held.tender_id), work)
    present = {(row.part, row.number) for row in connection.execute(_BLOCKS, {"bid_id": held.id})}
    arrived = {(parcel.part, number) for number in range(parcel.first, parcel.first + len(parcel.data))}
    fresh = [
        {"bid_id": held.id, "part": parcel.part, "number": number} for _, number in sorted(arrived - present)
    ]
    if fresh:
        connection.execute(_ARRIVED, fresh)
    return int(held.blocks_of_all) - len(present | arrived)


def missing_blocks(session: Session, bid: Bid) -> dict[str, list[int]]:
    """Per part, the numbers of the blocks that have not arrived; a client resumes from here."""
    present = {
        (row.part, row.number)
        for row in session.execute(sa.select(BidBlock.part, BidBlock.number).where(BidBlock.bid_id == bid.id))
    }
    return {p.part: [n for n in range(p.blocks) if (p.part, n) not in present] for p in bid.parts}


def present_blocks(session: Session, bid_id: UUID) -> int:
    return session.connection().scalar(_PRESENT, {"bid_id": bid_id}) or 0


def block_key(code: str, part: str, number: int) -> str:
    return f"bids/{code[:2]}/{code}/{part}/{number:06d}"


def _bid_locked(work: Work) -> sa.Executable:
    """A bid's owner, its row held for writing."""
    return _OWNER if work.platform.database.is_sqlite else _OWNER_LOCKED
