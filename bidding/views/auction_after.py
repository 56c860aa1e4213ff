"""After the confirmation: those concerned find their letter and their deposit; a winner's default is declared.

The confirming itself is bidding/views/auction_end.py.

Source: rules §4.5 step 9, §4.8, §4.3 A-15, A-16.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bidding import auction_drawing as drawing
from bidding import auction_words as words
from bidding import queries_auction as queries
from bidding.actions import auctions_default
from bidding.models_auction import AuctionSeat, AuctionStage
from bidding.models_result import AuctionConfirmation, AuctionDefault
from bidding.views.base import tender_url, views
from kernel import documents
from kernel.errors import NotFound, NotNow, NotValid, Refusal
from kernel.i18n import gettext as _
from kernel.identity.models import Organization
from kernel.web import actor, begin, form_refused, me, platform, read, signed_in

Page = str | AnyResponse | tuple[str, int]


@views.get("/auctions/<uuid:auction_id>/confirmation")
@signed_in
def auction_confirmation(auction_id: UUID) -> Page:
    """What the host has to decide, and what each participant has to know after the end."""
    with read() as session:
        return _after(session, auction_id)


def _after(session: Session, auction_id: UUID, refused: Refusal | None = None) -> Page:
    seen = drawing.look(session, auction_id, actor(), platform().outside.clock.now())
    if seen.role not in ("host", "bidder") and seen.seat is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    confirmed = session.get(AuctionConfirmation, auction_id)
    winner = session.get_one(AuctionSeat, confirmed.seat_id) if confirmed is not None else None
    host = seen.role == "host"
    mine = winner is not None and winner.org_id == me().org_id
    values: dict[str, Any] = {
        "seen": seen,
        "host": host,
        "over": seen.auction.stage in drawing.ENDED,
        "waits": host and seen.auction.stage is AuctionStage.SOLD and confirmed is None,
        "confirmed": confirmed,
        "winner": winner,
        "name": session.get_one(Organization, winner.org_id).party if winner is not None else "",
        "mine": mine,
        "letter": (host or mine) and confirmed is not None and bool(confirmed.letter_sha256),
        "default": session.get(AuctionDefault, auction_id),
        "orders": queries.orders_of(session, auction_id) if host else [],
        "words": words,
        "tender_url": tender_url,
    }
    if refused is not None:
        return form_refused("bidding/auction_confirmation.html", refused, **values)
    return render_template("bidding/auction_confirmation.html", errors={}, form={}, problem=None, **values)


@views.post("/auctions/<uuid:auction_id>/default")
@signed_in
def auction_default(auction_id: UUID) -> Page:
    """Declare that the winner does not stand by his word. Source: rules §4.3 A-16."""
    try:
        with begin() as work:
            auctions_default.declare_default(work, auction_id, request.form.get("reason", ""))
    except (NotValid, NotNow) as no:
        with read() as session:
            return _after(session, auction_id, no)
    flash(_("The default is declared; the reason is public."), "success")
    return redirect(url_for("bidding.auction_confirmation", auction_id=auction_id), code=303)


@views.get("/auctions/<uuid:auction_id>/confirmation.pdf")
@signed_in
def auction_letter(auction_id: UUID) -> Response:
    """The transaction confirmation, for the winner and for whoever runs the tender."""
    with read() as session:
        seen = drawing.look(session, auction_id, actor(), platform().outside.clock.now())
        confirmed = session.get(AuctionConfirmation, auction_id)
        seat = session.get_one(AuctionSeat, confirmed.seat_id) if confirmed is not None else None
        allowed = seen.role == "host" or (seat is not None and seat.org_id == me().org_id)
        if confirmed is None or not confirmed.letter_sha256 or not allowed:
            raise NotFound("not_found", thing="letter", id=str(auction_id))
        data = documents.load(platform().outside.blobs, confirmed.letter_sha256)
        name = f"{seen.tender.code}-{seen.lot.number}-confirmation.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    headers |= {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "no-store"}
    return Response(data, mimetype="application/pdf", headers=headers)
