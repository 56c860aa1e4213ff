"""The auction hall: the list of auctions, everybody's room, the result, and the orders of those who run it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bidding import auction_drawing as drawing
from bidding import auction_forms as forms
from bidding import auction_words as words
from bidding import price_words, queries_price
from bidding import queries_auction as queries
from bidding.actions import auctions as actions
from bidding.actions import auctions_life as life
from bidding.models_auction import AuctionStage
from bidding.rights import runs_tender
from bidding.rules.auction.terms import Format, LimitMode, Sealing
from bidding.views.base import log_url, page, tender_url, views
from kernel.errors import NotFound, NotNow, NotValid, Refusal
from kernel.i18n import current_lang, datetime_text, party_name
from kernel.i18n import gettext as _
from kernel.identity.models import Organization
from kernel.money import Money
from kernel.rights import Role
from kernel.web import actor, begin, form_refused, parse_form, platform, public, read, signed_in

Page = str | tuple[str, int] | AnyResponse


def receipt_names() -> dict[str, str]:
    """The fields of a receipt in words, in the order in which they are shown."""
    return {
        "auction": _("Auction session"),
        "lot": _("Lot"),
        "plate": _("Plate"),
        "price": _("Price"),
        "nr": _("Own number"),
        "seq": _("Number among all"),
        "recv_at": _("Received by the server"),
        "end_at_after": _("End afterwards"),
        "event": _("Digest of the event"),
        "log_size": _("Size of the log then"),
        "log_root": _("Root of the log then"),
        "sig": _("Signed with key"),
    }


def roles() -> dict[str, tuple[str, str]]:
    """Who looks, and what he may see; the words beside rooms without a pad."""
    return {
        "host": (
            _("Organiser"),
            _(
                "You see the session as it is printed for you. No bidder and no unrevealed offer is shown before the end."
            ),
        ),
        "supervisor": (
            _("Supervisor"),
            _("Before the end you see counts only. Prices and plates are shown after it."),
        ),
        "observer": (_("Observer"), _("You see what the notice shows to everybody.")),
        "bidder": (_("Bidder"), ""),
    }


@views.app_template_filter("auction_yuan")
def auction_yuan(text: str | None) -> str:
    """An amount as the journal writes it, for people."""
    return "—" if not text else words.yuan(Money.from_yuan(text))


@views.app_template_filter("auction_at")
def auction_at(text: str) -> str:
    """An instant as the journal writes it, for people: with seconds."""
    return datetime_text(datetime.fromisoformat(text), seconds=True)


@views.get("/auctions")
@public
def auctions() -> str:
    """What is being auctioned, what comes, what is over."""
    with read() as session:
        now = platform().outside.clock.now()
        who = actor()
        mine = queries.my_auctions(session, who.org_id) if who.org_id and who.has(Role.BIDDER) else []
        return page(
            "bidding/auction_list.html",
            running=drawing.listed(session, (AuctionStage.LIVE, AuctionStage.SETTLING), now),
            coming=drawing.listed(session, (AuctionStage.PRINTED,), now),
            over=drawing.listed(session, drawing.ENDED, now, 20),
            mine=mine,
            words=words,
        )


@views.get("/auctions/<uuid:auction_id>")
@public
def auction(auction_id: UUID) -> Page:
    """The room; everybody sees what the printed rules show him."""
    with read() as session:
        return _room(session, auction_id)


def _room(session: Session, auction_id: UUID, refused: Refusal | None = None) -> Page:
    who, now = actor(), platform().outside.clock.now()
    seen = drawing.look(session, auction_id, who, now)
    role_word, role_more = roles()[seen.role]
    script = drawing.room_script(seen, current_lang())
    state = seen.state
    registers = (
        seen.seat is None
        and who.has(Role.BIDDER)
        and now < seen.auction.register_until_at
        and seen.role == "observer"
    )
    values: dict[str, Any] = {
        "auction": seen.auction,
        "title": seen.lot.title
        if seen.lot.title == seen.tender.title
        else f"{seen.tender.title} · {seen.lot.title}",
        "subtitle": f"{words.format_word(seen.terms)} · {seen.tender.code}/{seen.lot.number}",
        "role": seen.role,
        "role_word": role_word,
        "role_more": role_more,
        "plate": seen.plate,
        "script": script,
        "state": state,
        "over": seen.over,
        "stops": who.has(Role.OPERATOR),
        "stage_word": words.stages_of(seen.terms)[state.stage.value],
        "clock_at": state.shown_ends_at or state.starts_at or seen.auction.starts_at,
        "best_label": words.best_label(seen.terms)
        if seen.role == "bidder" or seen.terms.visible.public_live
        else _("The price is shown after the end"),
        "rules": words.rule_rows(seen.terms),
        "format_word": words.format_word(seen.terms),
        "digest": seen.auction.terms_digest,
        "receipt_names": receipt_names(),
        "registers": registers,
        "waiting_bond": seen.seat is not None and not seen.seat.admitted,
        "register_url": url_for("bidding.auction_register", auction_id=auction_id),
        "result_url": url_for("bidding.auction_result", auction_id=auction_id),
        "points_url": url_for("bidding.auction_points", auction_id=auction_id),
        "sealed": seen.terms.sealed,
        "items": words.item_rows(seen.terms),
        "replay_url": url_for("bidding.auction_replay", auction_id=auction_id),
        "leave_url": tender_url(seen.tender.code),
        "seal_url": _seal_url(seen),
        "seals_offer": seen.role == "bidder" and seen.terms.sealed and seen.terms.sealing is Sealing.SEALED,
        "receipts_url": url_for("bidding.auction_receipts", auction_id=auction_id)
        if seen.over and seen.plate
        else "",
        "rehearsal": False,
        "log_url": log_url,
    }
    if refused is not None:
        return form_refused("bidding/auction_room.html", refused, **values)
    return render_template("bidding/auction_room.html", errors={}, form={}, problem=None, **values)


def _seal_url(seen: drawing.Look) -> str:
    """Where this looker seals something of this auction; empty where nothing of his is sealed."""
    terms = seen.terms
    slips = terms.limits is LimitMode.SEALED or (terms.sealed and terms.sealing is Sealing.SEALED)
    mine = (seen.role == "bidder" and slips) or (seen.role == "host" and terms.reserve)
    return url_for("bidding.auction_sealed", auction_id=seen.auction.id) if mine and not seen.over else ""


@views.get("/auctions/<uuid:auction_id>/result")
@public
def auction_result(auction_id: UUID) -> Page:
    """What everybody may know once it is over: outcome, ranking by plate, the winner's name, journal and proofs."""
    with read() as session:
        now = platform().outside.clock.now()
        seen = drawing.look(session, auction_id, actor(), now)
        over = seen.auction.stage in drawing.ENDED
        winner = None
        if seen.lot.outcome and seen.auction.stage is AuctionStage.SOLD:
            supplier = seen.lot.outcome.get("supplier")
            org = session.get(Organization, UUID(str(supplier))) if supplier else None
            winner = party_name(org.party) if org is not None else None
        scored = seen.terms.format in (Format.WEIGHTED, Format.CAPPED)
        made = seen.snapshot["result"] if over else None
        return page(
            "bidding/auction_result.html",
            confirms=seen.auction.stage is AuctionStage.SOLD
            and seen.auction.settled_at is None
            and runs_tender(actor(), seen.tender),
            points=dict(made.get("points", ())) if made and scored else {},
            points_word=_("Points") if seen.terms.format is Format.WEIGHTED else _("Quantity"),
            seen=seen,
            over=over,
            winner=winner,
            reviews=queries_price.price_reviews(session, seen.auction, seen.role, seen.plate, now)
            if over
            else [],
            prices=price_words,
            snapshot=seen.snapshot if over else None,
            anchors=queries.anchors_of(session, auction_id) if over else [],
            outages=queries.outages_of(session, auction_id),
            words=words,
            rules=words.rule_rows(seen.terms),
        )


@views.post("/auctions/<uuid:auction_id>/stop")
@signed_in
def auction_stop(auction_id: UUID) -> Page:
    """Stop the clock for a published reason. Source: rules §4.7."""
    try:
        form = parse_form(forms.Stop)
        with begin() as work:
            life.stop_auction(work, auction_id, form.reason)
    except (NotValid, NotNow) as no:
        with read() as session:
            return _room(session, auction_id, no)
    flash(_("The clock stands. The reason is public."), "success")
    return redirect(url_for("bidding.auction", auction_id=auction_id), code=303)


@views.post("/auctions/<uuid:auction_id>/resume")
@signed_in
def auction_resume(auction_id: UUID) -> Page:
    """Announce when it goes on. Source: rules §4.7."""
    try:
        form = parse_form(forms.GoOn)
        with begin() as work:
            life.resume_auction(work, auction_id, form.resumes_at)
    except (NotValid, NotNow) as no:
        with read() as session:
            return _room(session, auction_id, no)
    flash(_("It is announced when the auction goes on."), "success")
    return redirect(url_for("bidding.auction", auction_id=auction_id), code=303)


@views.get("/auctions/<uuid:auction_id>/register")
@signed_in(Role.BIDDER)
def auction_register(auction_id: UUID) -> Page:
    """Registration: the printed conditions, the bidder's word, then plate and deposit account."""
    with read() as session:
        return _register_page(session, auction_id)


def _register_page(session: Session, auction_id: UUID, refused: Refusal | None = None) -> Page:
    now = platform().outside.clock.now()
    seen = drawing.look(session, auction_id, actor(), now)
    values: dict[str, Any] = {
        "seen": seen,
        "open": now < seen.auction.register_until_at and not seen.over,
        "rules": words.rule_rows(seen.terms),
        "format_word": words.format_word(seen.terms),
        "tender_url": tender_url,
    }
    if refused is not None:
        return form_refused("bidding/auction_register.html", refused, **values)
    return render_template("bidding/auction_register.html", errors={}, form={}, problem=None, **values)


@views.post("/auctions/<uuid:auction_id>/register")
@signed_in(Role.BIDDER)
def auction_register_now(auction_id: UUID) -> Page:
    """Declare eligibility and get the plate. Source: rules §4.5 step 1."""
    try:
        form = parse_form(forms.Register)
        with begin() as work:
            actions.register(work, auction_id, {"eligible": form.eligible, "text": form.text})
    except (NotValid, NotNow) as no:
        with read() as session:
            return _register_page(session, auction_id, no)
    flash(_("You are registered."), "success")
    return redirect(url_for("bidding.auction_register", auction_id=auction_id), code=303)


def require_over(seen: drawing.Look) -> None:
    """Refuse what is only there after the end. Raises NotFound."""
    if seen.auction.stage not in drawing.ENDED:
        raise NotFound("not_found", thing="journal", id=str(seen.auction.id))
