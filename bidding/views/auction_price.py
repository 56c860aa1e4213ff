"""Abnormally low prices: the bidder explains, the buyer files what his review group decided.

Source: 财库〔2026〕2号; rules §2.5, §4.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bidding import auction_drawing as drawing
from bidding import price_words, queries_price
from bidding.actions import auctions_price
from bidding.auction_forms import Explain
from bidding.views.auction_end import RUNNERS, confirm_page
from bidding.views.base import views
from kernel.errors import NotFound, NotNow, NotValid, Refusal
from kernel.i18n import gettext as _
from kernel.rights import Role
from kernel.web import actor, begin, form_refused, parse_form, platform, read, signed_in

Page = str | tuple[str, int] | AnyResponse
SEATS = 7
"""Rows of the form for members of a review group."""


@views.get("/auctions/<uuid:auction_id>/price")
@signed_in(Role.BIDDER)
def auction_price(auction_id: UUID) -> Page:
    """Why one's own price is asked about, until when it may be explained, and what became of it."""
    with read() as session:
        return _price_page(session, auction_id)


def _price_page(session: Session, auction_id: UUID, refused: Refusal | None = None) -> Page:
    now = platform().outside.clock.now()
    seen = drawing.look(session, auction_id, actor(), now)
    lines = queries_price.price_reviews(session, seen.auction, seen.role, seen.plate, now)
    mine = next((one for one in lines if one.plate == seen.plate), None)
    if mine is None:
        raise NotFound("not_found", thing="price_review", id=str(auction_id))
    values: dict[str, Any] = {"seen": seen, "line": mine, "prices": price_words}
    if refused is not None:
        return form_refused("bidding/auction_price.html", refused, **values)
    return render_template("bidding/auction_price.html", errors={}, form={}, problem=None, **values)


@views.post("/auctions/<uuid:auction_id>/price")
@signed_in(Role.BIDDER)
def auction_price_explain(auction_id: UUID) -> Page:
    """A written explanation of one's own low price: once, before its time runs out. Source: 财库〔2026〕2号."""
    try:
        form = parse_form(Explain)
        with begin() as work:
            auctions_price.explain_price(work, auction_id, form.text)
    except (NotValid, NotNow) as no:
        with read() as session:
            return _price_page(session, auction_id, no)
    flash(_("Your explanation has reached the buyer."), "success")
    return redirect(url_for("bidding.auction_price", auction_id=auction_id), code=303)


@views.post("/auctions/<uuid:auction_id>/prices/<plate>")
@signed_in(*RUNNERS)
def auction_price_judge(auction_id: UUID, plate: str) -> Page:
    """File the votes of the review group on an explanation, and its reason. Source: rules §2.5."""
    try:
        votes = read_votes(request.form)
        with begin() as work:
            auctions_price.judge_price(work, auction_id, plate, votes, request.form.get("reason", ""))
    except (NotValid, NotNow) as no:
        with read() as session:
            return confirm_page(session, auction_id, no)
    flash(_("The decision is filed and public."), "success")
    return redirect(url_for("bidding.auction_confirm", auction_id=auction_id), code=303)


def read_votes(form: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Names with their votes; rows without either are left out. Raises NotValid for a name without a vote."""
    votes: list[tuple[str, bool]] = []
    problems: dict[str, str] = {}
    for n in range(1, SEATS + 1):
        name, vote = form.get(f"member-{n}", "").strip(), form.get(f"vote-{n}", "")
        if not name and not vote:
            continue
        if vote not in ("yes", "no"):
            problems[f"vote-{n}"] = _("Member %(n)s: how did %(name)s vote?", n=n, name=name)
        votes.append((name, vote == "yes"))
    if problems:
        first = next(iter(problems))
        raise NotValid("form_invalid", field=first, count=len(problems), problems=problems, rules={})
    return votes
