"""Read side of what is sealed in an auction: what a slip has to name, and whether somebody's own one is there.

Nobody learns of another's slip, and nobody at all what is in one before its part is opened. Source: rules §4.2.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bidding.actions.auctions_sealed import sealed_reserve
from bidding.actions.custody import newest_policy
from bidding.models_auction import Auction
from bidding.queries_auction import auction_page, state_of, viewer_of
from bidding.rules.auction import closings, sight
from bidding.rules.auction.terms import LimitMode, Norm, Sealing
from kernel.rights import Actor
from trading.models import Lot, Tender


def sealing(session: Session, actor: Actor, auction_id: UUID) -> dict[str, Any]:
    """What a slip has to name now, for this actor.

    ``limit_part``, ``offer_part`` and ``reserve_part`` are empty where the notice prints no such thing; ``sealed``
    holds the roots of the actor's own slips that are still closed.

    Raises:
        NotFound.
    """
    page = auction_page(session, auction_id)
    auction = session.get_one(Auction, auction_id)
    lot, tender = session.get_one(Lot, page.lot_id), session.get_one(Tender, auction.tender_id)
    viewer, terms = viewer_of(session, actor, auction_id), page.terms
    prefix, state = closings.prefix_of(lot.number, lot.round), state_of(session, auction_id)
    policy = newest_policy(session, tender.id)
    plate = viewer.plate if isinstance(viewer, sight.Bidder) else ""
    sealed: dict[str, str] = {}
    if plate and (seat := state.seats.get(plate)) is not None:
        sealed |= {"limit": seat.limit_digest} if seat.limit_digest else {}
        sealed |= {"offer": seat.sealed} if seat.sealed else {}
    if isinstance(viewer, sight.Host) and (root := sealed_reserve(session, auction_id)):
        sealed["reserve"] = root
    offers = terms.sealed and terms.sealing is Sealing.SEALED
    end = closings.end_part(prefix)
    return {
        "auction": auction_id,
        "tender": tender.code,
        "lot": str(lot.number),
        "plate": plate,
        "policy": policy.digest if policy is not None else "",
        "limit_part": end if terms.limits is LimitMode.SEALED else "",
        "offer_part": closings.round_part(prefix, max(1, state.round)) if offers else "",
        "reserve_part": end if terms.reserve else "",
        "currency": terms.currency,
        "items": [one.name for one in terms.items if one.name != "price" and one.norm is not Norm.POINTS],
        "sealed": sealed,
    }
