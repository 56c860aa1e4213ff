"""The draws some terms print: between offers within a band, between equals, between those who go on at the cap.

The numbers are the bidders' own: the idempotency key each candidate's machine chose for his last offer. They are in the
journal before anybody knows that there will be a draw, and nobody can choose the key of another.

Source: rules §4.1 F12, §4.5 F6, §4.6 F8; spec sealing §9.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from bidding import auction_facts as facts
from bidding.actions.auctions_life import follow
from bidding.actions.auctions_write import append, hold
from bidding.hall_core import journal, rooms
from bidding.hall_core.journal import Line
from bidding.models_auction import Auction, AuctionStage
from bidding.rights import AUCTION_HOST
from bidding.rules.auction import events
from bidding.rules.auction.script import Lottery
from bidding.rules.auction.state import Stage
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid.draw import Draw, select

KIND = "auction-lottery"


def draw_of(
    auction_id: UUID, root: bytes, candidates: Sequence[str], lines: Sequence[Line]
) -> tuple[Draw, str]:
    """The draw between candidates, and the plate it names; anybody computes the same from the journal.

    Args:
        root: the journal's root, fixed when the notice was published.
    """
    keys = {line.plate: line.key for line in lines if line.plate is not None and line.key is not None}
    numbers = tuple(
        hashlib.sha256(f"{plate} {keys.get(plate, '')}".encode()).digest() for plate in sorted(candidates)
    )
    drawn = Draw(kind=KIND, tender=str(auction_id), draw_id="lottery", root=root, nonces=numbers)
    return drawn, select(drawn.stream(), sorted(candidates), 1)[0]


def draw_lottery(work: Work, auction_id: UUID) -> str:
    """Draw where the engine waits for a draw; returns the plate, or empty when it waits for none."""
    tender, auction = hold(work, auction_id)
    room, lines = rooms.load(work.session.connection(), auction_id)
    waiting = room.state.special
    if room.state.stage is not Stage.SETTLING or not isinstance(waiting, Lottery):
        return ""
    number = int(room.lot.rpartition("/")[2])
    root = journal.root_of(auction_id, rooms.header_of(auction_id, tender.code, number, auction.terms))
    drawn, plate = draw_of(auction_id, root, waiting.candidates, lines)
    recorded = work.record(
        facts.LotteryHeld(
            subject=auction.id,
            tender=tender.code,
            root=root,
            nonces=drawn.nonces,
            candidates=tuple(sorted(waiting.candidates)),
            picked=plate,
        )
    )
    append(work, auction_id, [events.LotteryDrawn(plate, proof=str(recorded.record_id))])
    follow(work, auction_id)
    return plate


def draw_lotteries(platform: Platform) -> int:
    """Chore: hold every draw that an auction waits for; returns how many were held."""
    with platform.read() as session:
        settling = session.scalars(sa.select(Auction.id).where(Auction.stage == AuctionStage.SETTLING)).all()
    done = 0
    for auction_id in settling:
        with platform.begin(SYSTEM) as work:
            done += bool(draw_lottery(work, auction_id))
    return done


def give_points(work: Work, auction_id: UUID, item: str, points: Mapping[str, Decimal]) -> None:
    """Enter the panel's points for one item of a weighted auction, of every bidder at once; they are public.

    Raises:
        Refusal: the engine's (wrong format, wrong stage, an unknown plate or item).

    Source: rules §4.6 F9.
    """
    tender, auction = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    given = tuple(sorted(points.items()))
    append(work, auction_id, [events.PointsGiven(item, given)])
    work.record(
        facts.PointsEntered(
            subject=auction.id,
            tender=tender.code,
            item=item,
            points=tuple({"plate": plate, "points": format(value, "f")} for plate, value in given),
        )
    )
    follow(work, auction_id)
