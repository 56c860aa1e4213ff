"""A winner who defaults: his deposit is kept, he is barred from the re-sale, and owes what it brings less.

Source: rules §4.3 A-16; 拍卖法 第三十九条; 最高法网络司法拍卖规定 第二十四条.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from bidding import auction_facts as facts
from bidding.actions.auctions_end import order_bond
from bidding.actions.auctions_write import hold
from bidding.models_auction import Auction, AuctionSeat, AuctionStage
from bidding.models_bond import BondOrderKind
from bidding.models_result import AuctionConfirmation, AuctionDefault
from bidding.rights import AUCTION_HOST
from bidding.rules.auction.defaults import Owed, difference_owed
from bidding.rules.auction.terms import Terms
from kernel.errors import NotFound, NotNow, NotValid
from kernel.money import Money
from kernel.work import Work
from trading.models import Tender


def declare_default(work: Work, auction_id: UUID, reason: str) -> AuctionDefault:
    """Declare, for a reason everybody reads, that the confirmed winner does not stand by his word. Again changes nothing.

    Raises:
        NotNow: ``auction_not_settled`` before the result is confirmed. NotValid: ``reason_missing``.

    Source: rules §4.3 A-16.
    """
    tender, auction = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    known = work.session.get(AuctionDefault, auction_id)
    if known is not None:
        return known
    confirmed = work.session.get(AuctionConfirmation, auction_id)
    if confirmed is None or auction.stage is not AuctionStage.SOLD:
        raise NotNow("auction_not_settled", source="rules §4.3 A-16", stage=auction.stage)
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    seat = work.session.get_one(AuctionSeat, confirmed.seat_id)
    kept = seat.bond_paid or Money(0)
    if kept.minor:
        order_bond(work, auction, tender, seat, BondOrderKind.KEEP, reason.strip()[:80], work.now)
    work.record(
        facts.WinnerDefaulted(
            subject=auction.id,
            tender=tender.code,
            lot=auction.lot_id,
            plate=seat.plate,
            reason=reason.strip()[:500],
            kept=kept,
        )
    )
    return work.add(
        AuctionDefault(
            auction_id=auction.id,
            seat_id=seat.id,
            org_id=seat.org_id,
            price=confirmed.price,
            kept=kept,
            reason=reason.strip()[:500],
            declared_at=work.now,
            resale_id=None,
            difference=None,
            owed=None,
        )
    )


def settle_difference(work: Work, auction_id: UUID, resale_id: UUID) -> Owed:
    """State what a defaulting winner owes after the re-sale. The same re-sale again gives the same answer.

    Raises:
        NotFound: nobody defaulted there, or no such re-sale. NotNow: ``auction_not_settled`` while the re-sale has no
            confirmed result, ``difference_stated`` for another re-sale. NotValid: ``resale_other`` unless it is a later
            auction of the same project.

    Source: rules §4.3 A-16; 拍卖法 第三十九条.
    """
    tender, auction = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    default = work.session.get(AuctionDefault, auction_id)
    resale = work.session.get(Auction, resale_id)
    if default is None or resale is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id if default is None else resale_id))
    other = work.session.get_one(Tender, resale.tender_id)
    if (
        resale.id == auction.id
        or other.project_id != tender.project_id
        or resale.starts_at <= auction.starts_at
    ):
        raise NotValid("resale_other", source="rules §4.3 A-16", field="resale")
    again = work.session.get(AuctionConfirmation, resale_id)
    if again is None:
        raise NotNow("auction_not_settled", source="rules §4.3 A-16", stage=resale.stage)
    if default.resale_id not in (None, resale_id):
        raise NotNow("difference_stated", source="rules §4.3 A-16")
    owed = difference_owed(
        default.price, again.price, default.kept, Terms.from_plain(auction.terms).direction
    )
    if default.resale_id is None:
        default.resale_id, default.difference, default.owed = resale_id, owed.difference, owed.open
        work.record(
            facts.DifferenceOwed(
                subject=auction.id,
                tender=tender.code,
                resale=resale_id,
                difference=owed.difference,
                covered=owed.covered,
                owed=owed.open,
            )
        )
    return owed


def barred(work: Work, project_id: UUID, org_id: UUID) -> bool:
    """Whether an organisation defaulted in an earlier auction of this project, so that it may not bid in the re-sale."""
    query = (
        sa.select(AuctionDefault.auction_id)
        .join(Auction, Auction.id == AuctionDefault.auction_id)
        .join(Tender, Tender.id == Auction.tender_id)
        .where(Tender.project_id == project_id, AuctionDefault.org_id == org_id)
    )
    return work.session.scalar(query.limit(1)) is not None
