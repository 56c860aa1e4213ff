"""The page on which limits, offers and reserve prices are sealed. It carries public values only."""

from __future__ import annotations

import base64
from uuid import UUID

from bidding import auction_drawing as drawing
from bidding import auction_words as words
from bidding import proofs, queries
from bidding import queries_places as places
from bidding.queries_sealed import sealing
from bidding.views.base import page, views
from kernel.errors import NotFound
from kernel.rights import Role
from kernel.web import actor, me, platform, read, signed_in
from sealbid import jcs
from trading.models import Tender


@views.get("/auctions/<uuid:auction_id>/sealed")
@signed_in
def auction_sealed(auction_id: UUID) -> str:
    """Seal in this browser; for admitted bidders, and for the seller where a reserve price is printed."""
    now = platform().outside.clock.now()
    with read() as session:
        seen = drawing.look(session, auction_id, actor(), now)
        told = sealing(session, me(), auction_id)
        seller = seen.role == "host" and bool(told["reserve_part"])
        bidder = bool(told["plate"]) and bool(told["limit_part"] or told["offer_part"])
        if not (seller or bidder):
            raise NotFound("not_found", thing="auction", id=str(auction_id))
        tender = session.get_one(Tender, seen.tender.id)
        answer = proofs.policy_answer(platform(), session, tender)
        return page(
            "bidding/auction_sealed.html",
            seen=seen,
            told=told,
            seller=seller,
            over=seen.over,
            begun=now >= seen.auction.starts_at,
            policy=queries.policy_view(session, tender),
            kit={
                "tender": tender.code,
                "base": f"/api/v1/auctions/{auction_id}",
                "policy": base64.b64encode(jcs.encode(answer["record"]["body"])).decode(),
                "record": answer["record"],
                "proof": answer["proof"],
                "trust": answer["trust"],
                "known": proofs.keys_answer(session, tender),
                "items": told["items"],
                "rp_id": platform().relying_party.rp_id,
            },
        )


@views.get("/auctions/<uuid:auction_id>/receipts")
@signed_in(Role.BIDDER)
def auction_receipts(auction_id: UUID) -> str:
    """A bidder's own receipts, each with its place in the log as a file. Source: rules §4.3 A-09."""
    with read() as session:
        seen = drawing.look(session, auction_id, actor(), platform().outside.clock.now())
        return page(
            "bidding/auction_receipts.html",
            seen=seen,
            receipts=places.own_receipts(session, me(), auction_id),
            words=words,
        )
