"""Abnormally low prices of a reverse auction: the request, the explanation, the decision of the buyer's review group.

Asked when the result is made, by the timekeeper, in the same transaction; nobody chooses whom to ask and when.

Source: 财库〔2026〕2号; rules §2.5, §4.8; docs/decisions/0020-prices-too-low-in-auctions.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import price_facts as facts
from bidding.actions.auctions_write import hold
from bidding.models_auction import Auction, AuctionSeat
from bidding.models_result import PriceReview
from bidding.rights import AUCTION_HOST, PRICE_EXPLAIN
from bidding.rules import low_offers as rules
from bidding.rules.auction.terms import Terms
from bidding.rules.low_offers import Choice, ReviewState, Vote
from kernel.errors import NotFound, NotValid
from kernel.rights import Role
from kernel.work import Work
from trading.actions.contracts import tell_members
from trading.actions.notices import law_of
from trading.models import Lot, Tender
from trading.rules import abnormal


def ask_low_prices(work: Work, auction: Auction, tender: Tender, lot: Lot) -> None:
    """Ask in writing whose final price sets off a test of the tender's own law; never an automatic rejection.

    Everybody whose price fires is asked at once, so that the next offer needs no further half hour when a better one is
    rejected. Nothing happens in a sale, or under a law that knows no such test.

    Source: 财库〔2026〕2号; rules §4.8.
    """
    assert auction.result is not None
    law = law_of(tender, work.now)
    direction = Terms.from_plain(auction.terms).direction
    fired = rules.low_offers(law, auction.result, direction, lot.ceiling)
    if not fired:
        return
    due_at = abnormal.answer_due(law, work.now)
    query = sa.select(AuctionSeat).where(
        AuctionSeat.auction_id == auction.id, AuctionSeat.plate.in_(list(fired))
    )
    seats = {seat.plate: seat for seat in work.scalars(query)}
    for plate, triggers in fired.items():
        told = [one.to_plain() for one in triggers]
        work.add(
            PriceReview(
                id=work.new_id(),
                auction_id=auction.id,
                seat_id=seats[plate].id,
                plate=plate,
                triggers=told,
                asked_at=work.now,
                due_at=due_at,
                votes=[],
                reason="",
            )
        )
        work.record(
            facts.PriceAsked(
                subject=auction.id,
                tender=tender.code,
                auction=auction.id,
                lot=lot.id,
                plate=plate,
                triggers=tuple(told),
                due_at=due_at,
            )
        )
        tell_members(work, seats[plate].org_id, Role.BIDDER, "price_asked", tender, auction=str(auction.id))


def reviews_of(session: Session, auction_id: UUID) -> list[PriceReview]:
    """The reviews of an auction's low prices, by plate."""
    query = sa.select(PriceReview).where(PriceReview.auction_id == auction_id).order_by(PriceReview.plate)
    return list(session.scalars(query))


def state_of_review(review: PriceReview, auction: Auction, now: datetime) -> ReviewState:
    """How a review stands at an instant."""
    return rules.review_state(
        accepted=review.accepted,
        explained=review.explanation is not None,
        due_at=review.due_at,
        settled_at=auction.settled_at,
        now=now,
    )


def explain_price(work: Work, auction_id: UUID, text: str) -> PriceReview:
    """A bidder's written explanation of his own low price: once, in the time allowed. Only its digest is logged.

    Raises:
        NotFound: his price is not asked about. NotNow: ``explanation_given``, ``explanation_over``.
        NotValid: ``text_missing``.

    Source: 财库〔2026〕2号; rules §2.5.
    """
    tender, auction = hold(work, auction_id)
    found = work.one(
        sa.select(PriceReview)
        .join(AuctionSeat, AuctionSeat.id == PriceReview.seat_id)
        .where(PriceReview.auction_id == auction_id, AuctionSeat.org_id == work.actor.org_id)
    )
    if found is None:
        raise NotFound("not_found", thing="price_review", id=str(auction_id))
    assert isinstance(found, PriceReview)
    work.require(PRICE_EXPLAIN, work.session.get_one(AuctionSeat, found.seat_id))
    rules.require_explainable(state_of_review(found, auction, work.now), found.due_at)
    if not text.strip():
        raise NotValid("text_missing", field="text")
    found.explanation, found.explained_at = text.strip()[:8000], work.now
    work.record(
        facts.PriceExplained(
            subject=auction.id,
            tender=tender.code,
            auction=auction.id,
            lot=auction.lot_id,
            plate=found.plate,
            digest=hashlib.sha256(found.explanation.encode()).hexdigest(),
        )
    )
    tell_members(work, tender.buyer_id, Role.BUYER, "price_explained", tender, auction=str(auction.id))
    if tender.agent_id is not None:
        tell_members(work, tender.agent_id, Role.AGENT, "price_explained", tender, auction=str(auction.id))
    return found


def judge_price(
    work: Work, auction_id: UUID, plate: str, votes: Sequence[tuple[str, bool]], reason: str
) -> PriceReview:
    """File what the buyer's review group decided about an explanation: each named member's vote, and the reason.

    Args:
        votes: every member's name, and whether the explanation convinced him; the majority of them all decides.
        reason: in words that everybody reads.

    Raises:
        NotFound: that plate's price is not asked about. NotNow: ``answer_not_due``, ``explanation_missing``,
            ``already_decided``. NotValid: ``review_group_small``, ``review_group_unnamed``, ``review_group_twice``,
            ``reason_missing``.

    Source: 财库〔2026〕2号; rules §2.5.
    """
    tender, auction = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    found = {one.plate: one for one in reviews_of(work.session, auction_id)}.get(plate)
    if found is None:
        raise NotFound("not_found", thing="price_review", id=plate)
    rules.require_judgeable(state_of_review(found, auction, work.now), found.due_at)
    given = [Vote(name.strip()[:40], bool(vote)) for name, vote in votes]
    abnormal.require_group(law_of(tender, work.now), [one.name for one in given])
    if not reason.strip():
        raise NotValid("reason_missing", field="reason")
    accepted = abnormal.majority([one.convinced for one in given])
    _decide(work, tender, auction, found, accepted=accepted, votes=given, reason=reason.strip()[:2000])
    return found


def _decide(
    work: Work,
    tender: Tender,
    auction: Auction,
    review: PriceReview,
    *,
    accepted: bool,
    votes: Sequence[Vote] = (),
    reason: str = "",
) -> None:
    members = [one.to_plain() for one in votes]
    review.accepted, review.decided_at = accepted, work.now
    review.votes, review.reason = members, reason
    work.record(
        facts.PriceJudged(
            subject=auction.id,
            tender=tender.code,
            auction=auction.id,
            lot=auction.lot_id,
            plate=review.plate,
            triggers=tuple(review.triggers),
            accepted=accepted,
            explained=review.explanation is not None,
            members=tuple(members),
            reason=reason,
        )
    )


def chosen(session: Session, auction: Auction, grounds: Mapping[str, str], now: datetime) -> Choice:
    """Whose offer would be taken at an instant. Raises as ``low_offers.choose``."""
    assert auction.result is not None
    reviews = reviews_of(session, auction.id)
    return rules.choose(
        auction.result,
        Terms.from_plain(auction.terms).direction,
        grounds,
        {one.plate: state_of_review(one, auction, now) for one in reviews},
        {one.plate: one.due_at for one in reviews},
    )


def take_offer(work: Work, tender: Tender, auction: Auction, grounds: Mapping[str, str]) -> Choice:
    """Choose the offer that is confirmed; better ones whose price nobody explained in time fall by the rule.

    Raises:
        NotValid, NotNow: as ``low_offers.choose``.

    Source: 财库〔2026〕2号; rules §4.8.
    """
    made = chosen(work.session, auction, grounds, work.now)
    for review in reviews_of(work.session, auction.id):
        if review.plate in made.fallen:
            _decide(work, tender, auction, review, accepted=False)
    work.session.flush()
    return made
