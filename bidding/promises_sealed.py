"""What must always hold of what is sealed in auctions. Every promise has a sabotage test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.auctions_sealed import published
from bidding.hall_core import rooms
from bidding.hall_core.draft import replayed
from bidding.models import Release
from bidding.models_auction import Auction, AuctionStage
from bidding.models_sealed import AuctionClosing
from bidding.rules.auction import closings
from bidding.rules.auction.state import Stage
from kernel.errors import NotFound, Refusal
from kernel.promises import Breach, promise
from sealbid.errors import SealError
from sealbid.verify_slips import require_slips
from trading.models import Lot

OVER = (AuctionStage.SOLD, AuctionStage.FAILED, AuctionStage.CANCELLED)


@promise(
    "Nothing sealed in an auction is opened before the moment it was sealed for.",
    source="rules §4.2, §4.7; sealing §8.1",
)
def slips_stay_sealed(session: Session, now: datetime) -> Iterable[Breach]:
    closed = {(row.tender_id, row.part): row for row in session.scalars(sa.select(AuctionClosing))}
    for release in session.scalars(sa.select(Release)):
        if not closings.is_part(release.part):
            continue
        closing = closed.get((release.tender_id, release.part))
        if closing is None or release.promised_at < closing.closed_at:
            yield Breach(
                release.tender_id, f"custodian {release.x} released {release.part} before it was closed"
            )
    for closing in closed.values():
        try:
            room, lines = rooms.load(session.connection(), closing.auction_id)
            before = replayed(room.state.terms, lines[: closing.close_body["upto"]])
        except (Refusal, NotFound, ValueError, KeyError) as no:
            yield Breach(closing.auction_id, f"does not replay up to the closing of {closing.part}: {no}")
            continue
        chain = lines[closing.close_body["upto"] - 1].chain.hex() if lines else ""
        if before.stage is not Stage.SETTLING or chain != closing.close_body["chain"]:
            yield Breach(closing.auction_id, f"{closing.part} was closed while the auction still ran")


@promise("Every sealed slip that was opened says what the journal says.", source="rules §4.3 A-14, §4.7")
def slips_say_what_the_journal_says(session: Session, now: datetime) -> Iterable[Breach]:
    for auction_id in set(session.scalars(sa.select(AuctionClosing.auction_id))):
        auction = session.get_one(Auction, auction_id)
        if auction.stage not in OVER:
            continue
        _, lines = rooms.load(session.connection(), auction_id)
        lot = session.get_one(Lot, auction.lot_id)
        told = {
            "auction": str(auction_id),
            "lot": str(lot.number),
            "terms": auction.terms,
            "events": [{"text": line.text} for line in lines],
            "slips": published(session, auction_id),
        }
        try:
            require_slips(told)
        except SealError as no:
            yield Breach(auction_id, f"{no.code}: {no.detail}")


PROMISES = (slips_stay_sealed, slips_say_what_the_journal_says)
