"""Read side of the reviews of low prices: what each party may see, and what waits on whose desk.

The request and the decision are public; before the decision only the parties and the supervisor see a review. The text of
an explanation is never public, its digest is.

Source: 财库〔2026〕2号; rules §2.5, §4.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.auctions_price import reviews_of, state_of_review
from bidding.models_auction import Auction, AuctionSeat
from bidding.models_result import PriceReview
from bidding.rights import runs_tender
from bidding.rules.low_offers import ReviewState, Vote, votes_of
from kernel.rights import Actor, Role
from trading.models import Lot, Tender

DECIDED = (ReviewState.PASSED, ReviewState.REJECTED)


@dataclass(frozen=True)
class ReviewLine:
    """One review as a page shows it.

    Attributes:
        explanation: its text for those who may read it, None for everybody else, and where there is none.
        votes: members with their votes; empty where the rule decided.
    """

    plate: str
    state: ReviewState
    triggers: Sequence[dict[str, Any]]
    asked_at: datetime
    due_at: datetime
    explained_at: datetime | None
    explanation: str | None
    votes: Sequence[Vote]
    reason: str
    decided_at: datetime | None


def _line(review: PriceReview, auction: Auction, now: datetime, *, text: bool) -> ReviewLine:
    return ReviewLine(
        plate=review.plate,
        state=state_of_review(review, auction, now),
        triggers=review.triggers,
        asked_at=review.asked_at,
        due_at=review.due_at,
        explained_at=review.explained_at,
        explanation=review.explanation if text else None,
        votes=votes_of(review.votes),
        reason=review.reason,
        decided_at=review.decided_at,
    )


def price_reviews(
    session: Session, auction: Auction, role: str, plate: str | None, now: datetime
) -> list[ReviewLine]:
    """The reviews of an auction that a looker may see, in the order of the ranking.

    Args:
        role: as ``auction_drawing.Look`` has it; host and supervisor see everything, others what is decided and their own.
        plate: the looker's own.
    """
    inside = role in ("host", "supervisor")
    ranking = [one["plate"] for one in (auction.result or {}).get("ranking", [])]
    lines = [
        _line(one, auction, now, text=inside or one.plate == plate) for one in reviews_of(session, auction.id)
    ]
    lines.sort(key=lambda one: ranking.index(one.plate))
    return [one for one in lines if inside or one.plate == plate or one.state in DECIDED]


@dataclass(frozen=True)
class PriceDuty:
    """A review that waits for somebody; ``explains`` tells the bidder's duty from the buyer's."""

    auction: Auction
    tender: Tender
    lot: Lot
    plate: str
    state: ReviewState
    due_at: datetime
    explains: bool


def price_duties(session: Session, actor: Actor, now: datetime) -> list[PriceDuty]:
    """What waits for this person: an explanation to give, or a decision to file, the most urgent first."""
    if actor.org_id is None:
        return []
    mine, theirs = AuctionSeat.org_id == actor.org_id, (Tender.buyer_id, Tender.agent_id)
    rows = session.execute(
        sa.select(PriceReview, Auction, Tender, Lot, AuctionSeat.org_id)
        .join(Auction, Auction.id == PriceReview.auction_id)
        .join(AuctionSeat, AuctionSeat.id == PriceReview.seat_id)
        .join(Tender, Tender.id == Auction.tender_id)
        .join(Lot, Lot.id == Auction.lot_id)
        .where(
            PriceReview.decided_at.is_(None),
            Auction.settled_at.is_(None),
            sa.or_(mine, *(column == actor.org_id for column in theirs)),
        )
        .order_by(PriceReview.due_at, PriceReview.plate)
    ).unique()
    found = []
    for review, auction, tender, lot, org_id in rows:
        state = state_of_review(review, auction, now)
        explains = org_id == actor.org_id and actor.has(Role.BIDDER)
        wanted = (ReviewState.ASKED,) if explains else (ReviewState.EXPLAINED, ReviewState.SILENT)
        if state in wanted and (explains or runs_tender(actor, tender)):
            found.append(PriceDuty(auction, tender, lot, review.plate, state, review.due_at, explains))
    return found
