"""After the bidding: the organiser enters a panel's points (F9) and confirms the result.

Source: rules §4.5 step 9, §4.6 F9, §4.8; 拍卖法 第五十一条.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bidding import auction_drawing as drawing
from bidding import auction_words as words
from bidding import price_words, queries_price
from bidding.actions import auctions_draw, auctions_end, auctions_price
from bidding.models_auction import Auction, AuctionStage
from bidding.rights import runs_tender
from bidding.rules.auction.state import Stage
from bidding.rules.auction.terms import Direction, Norm
from bidding.rules.low_offers import Choice, ReviewState
from bidding.views.base import tender_url, views
from kernel.errors import NotFound, NotNow, NotValid, Refusal
from kernel.i18n import gettext as _
from kernel.rights import Role
from kernel.web import actor, begin, form_refused, platform, read, signed_in
from kernel.web.problems import problem_of
from trading.actions.notices import law_of
from trading.rules.abnormal import group_least

Page = str | tuple[str, int] | AnyResponse
RUNNERS = (Role.BUYER, Role.AGENT)


def _hosted(session: Session, auction_id: UUID) -> drawing.Look:
    """The auction, for those who run it. Raises NotFound for everybody else."""
    seen = drawing.look(session, auction_id, actor(), platform().outside.clock.now())
    if not runs_tender(actor(), seen.tender):
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    return seen


# ---- confirming the result --------------------------------------------------------------------------------------


@views.get("/auctions/<uuid:auction_id>/confirm")
@signed_in(*RUNNERS)
def auction_confirm(auction_id: UUID) -> Page:
    """What is confirmed: winner, amount in digits and capitals; better offers may be passed over with a ground."""
    with read() as session:
        return confirm_page(session, auction_id)


def _taken(session: Session, auction: Auction, now: datetime) -> tuple[Choice | None, Refusal | None]:
    """Whose offer a confirmation would take now, or what stands in its way."""
    try:
        return auctions_price.chosen(session, auction, {}, now), None
    except (NotNow, NotValid) as no:
        return None, no


def confirm_page(session: Session, auction_id: UUID, refused: Refusal | None = None) -> Page:
    """The page with what waits for the buyer's word, low prices under review included."""
    seen = _hosted(session, auction_id)
    auction = seen.auction
    if auction.stage is not AuctionStage.SOLD or auction.result is None:
        raise NotNow("auction_not_over", source="rules §4.3 A-11", stage=auction.stage)
    now = platform().outside.clock.now()
    taken, hindered = _taken(session, auction, now)
    lines = queries_price.price_reviews(session, auction, "host", None, now)
    values: dict[str, Any] = {
        "seen": seen,
        "settled": auction.settled_at,
        "taken": taken,
        "hindered": problem_of(hindered) if hindered is not None else None,
        "reviews": lines,
        "states": {one.plate: one.state for one in lines},
        "judged": next((one.plate for one in lines if one.state is ReviewState.EXPLAINED), None),
        "group": group_least(law_of(seen.tender, now)) if lines else None,
        "prices": price_words,
        "ranking": auction.result["ranking"],
        "passes": seen.terms.direction is Direction.DOWN,
        "words": words,
        "tender_url": tender_url,
    }
    if refused is not None:
        return form_refused("bidding/auction_confirm.html", refused, **values)
    return render_template("bidding/auction_confirm.html", errors={}, form={}, problem=None, **values)


@views.post("/auctions/<uuid:auction_id>/confirm")
@signed_in(*RUNNERS)
def auction_confirm_now(auction_id: UUID) -> Page:
    """Confirm: the lot is settled, the result notice published with the winner's name."""
    grounds = {
        name.removeprefix("pass-"): text for name, text in request.form.items() if name.startswith("pass-")
    }
    try:
        if request.form.get("checked") != "yes":
            problems = {"checked": _("Please tick this once you have checked it.")}
            raise NotValid("form_invalid", field="checked", count=1, problems=problems, rules={})
        with begin() as work:
            auctions_end.confirm_result(
                work, auction_id, rejected={plate: text for plate, text in grounds.items() if text.strip()}
            )
    except (NotValid, NotNow) as no:
        with read() as session:
            return confirm_page(session, auction_id, no)
    flash(_("The result is confirmed and published."), "success")
    return redirect(url_for("bidding.auction_result", auction_id=auction_id), code=303)


# ---- the panel's points (F9) ------------------------------------------------------------------------------------


@views.get("/auctions/<uuid:auction_id>/points")
@signed_in(*RUNNERS)
def auction_points(auction_id: UUID) -> Page:
    """The items that a panel judges, for every plate whose offer stands; prices are not shown before the result."""
    with read() as session:
        return _points_page(session, auction_id)


def _points_page(session: Session, auction_id: UUID, refused: Refusal | None = None) -> Page:
    seen = _hosted(session, auction_id)
    waits = _waiting(seen)
    values: dict[str, Any] = {
        "seen": seen,
        "waits": waits,
        "plates": sorted(rung[3] for rung in seen.state.standing) if waits else [],
        "words": words,
    }
    if refused is not None:
        return form_refused("bidding/auction_points.html", refused, **values)
    return render_template("bidding/auction_points.html", errors={}, form={}, problem=None, **values)


def _waiting(seen: drawing.Look) -> list[Any]:
    """The items whose points the engine waits for now."""
    if seen.state.stage is not Stage.SETTLING or not seen.state.standing:
        return []
    given = {name for name, _points in getattr(seen.state.special, "points", ())}
    return [item for item in seen.terms.items if item.norm is Norm.POINTS and item.name not in given]


@views.post("/auctions/<uuid:auction_id>/points")
@signed_in(*RUNNERS)
def auction_points_now(auction_id: UUID) -> Page:
    """Enter the points of every waiting item; the result follows at once."""
    try:
        with begin() as work:
            seen = _hosted(work.session, auction_id)
            items = _waiting(seen)
            if not items:
                raise NotNow("auction_still_running", source="rules §4.6 F9")
            plates = sorted(rung[3] for rung in seen.state.standing)
            points = _read_points(request.form, items, plates)
            for item in items:
                auctions_draw.give_points(work, auction_id, item.name, points[item.name])
    except (NotValid, NotNow) as no:
        with read() as session:
            return _points_page(session, auction_id, no)
    flash(_("The points are entered. The result is public."), "success")
    return redirect(url_for("bidding.auction", auction_id=auction_id), code=303)


def _read_points(
    form: Mapping[str, str], items: list[Any], plates: list[str]
) -> dict[str, dict[str, Decimal]]:
    """Points by item and plate. Raises NotValid naming each field that is no number from 0 to 100."""
    found: dict[str, dict[str, Decimal]] = {}
    problems: dict[str, str] = {}
    for at, item in enumerate(items):
        for plate in plates:
            name = f"points-{at}-{plate}"
            try:
                value = Decimal(form.get(name, "").strip())
                if not value.is_finite() or not 0 <= value <= 100:
                    raise InvalidOperation
                found.setdefault(item.name, {})[plate] = value
            except InvalidOperation:
                problems[name] = _(
                    "Plate %(plate)s, %(item)s: a number from 0 to 100", plate=plate, item=item.name
                )
    if problems:
        first = next(iter(problems))
        raise NotValid("form_invalid", field=first, count=len(problems), problems=problems, rules={})
    return found
