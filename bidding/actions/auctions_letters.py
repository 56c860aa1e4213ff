"""The transaction confirmation of an auction: one letter, one fact. Source: rules §4.5 step 9."""

from __future__ import annotations

from datetime import datetime

from bidding import auction_facts as facts
from bidding.models_auction import Auction, AuctionSeat
from bidding.models_result import AuctionConfirmation
from bidding.rules.auction.terms import Direction, Terms
from bidding.rules.auction.values import instant_text
from kernel import documents
from kernel.calendar import local_date
from kernel.identity.models import Organization
from kernel.money import Money
from kernel.work import Work
from trading.models import Lot, Tender


def issue_confirmation(
    work: Work,
    auction: Auction,
    tender: Tender,
    lot: Lot,
    seat: AuctionSeat,
    price: Money,
    public_until_at: datetime | None,
) -> AuctionConfirmation:
    """Write the letter of a confirmed result, once; the winner takes it from the result page."""
    assert auction.ended_at is not None
    assert auction.journal_sha256 is not None
    sha256 = ""
    if work.platform.settings.make_pdfs:
        from bidding.confirmation_letter import render_confirmation

        letter = render_confirmation(
            tender_title=tender.title,
            tender_code=tender.code,
            lot=f"第 {lot.number} 标段 {lot.title}",
            seller=work.session.get_one(Organization, tender.buyer_id).name,
            winner=work.session.get_one(Organization, seat.org_id).name,
            plate=seat.plate,
            price=price,
            ended_at=instant_text(auction.ended_at),
            journal_sha256=auction.journal_sha256,
            decided_on=local_date(work.now),
            sale=Terms.from_plain(auction.terms).direction is Direction.UP,
        )
        sha256 = documents.store(work.platform.outside.blobs, letter).sha256
    recorded = work.record(
        facts.ConfirmationIssued(
            subject=auction.id, tender=tender.code, lot=lot.id, plate=seat.plate, sha256=sha256
        )
    )
    return work.add(
        AuctionConfirmation(
            auction_id=auction.id,
            seat_id=seat.id,
            price=price,
            letter_sha256=sha256,
            public_until_at=public_until_at,
            confirmed_at=work.now,
            record_id=recorded.record_id,
        )
    )
