"""Rehearsals: choose a format, play against robots in the real page. Nothing is recorded, nothing binds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bidding import auction_drawing as drawing
from bidding import auction_words as words
from bidding.auction_rehearsal import begin_rehearsal, room_of
from bidding.models_auction import Rehearsal
from bidding.rules.auction import default_terms, sight
from bidding.rules.auction.terms import (
    Extension,
    ExtensionMode,
    Format,
    LimitMode,
    Listing,
    Step,
    Terms,
    Trigger,
)
from bidding.views.auction import receipt_names, roles
from bidding.views.base import page, views
from kernel.errors import NotFound
from kernel.i18n import current_lang
from kernel.i18n import gettext as _
from kernel.money import Money
from kernel.rights import Role
from kernel.web import actor, begin, platform, read, signed_in

PRACTISED = (Format.BLIND_REVERSE, Format.OPEN_REVERSE, Format.ASCENDING, Format.LISTING)
"""Formats the robots can play."""
PLAYERS = (Role.BIDDER, Role.BUYER, Role.AGENT)


def practice_terms(kind: Format) -> Terms:
    """Short terms of a format: six minutes, extensions of thirty seconds."""
    up = kind in (Format.ASCENDING, Format.LISTING)
    start = Money.from_yuan("300000000" if up else "5800000")
    step = Step(amount=Money.from_yuan("2000000" if up else "5000"))
    printed: dict[str, Any] = {"start": start, "step": step, "limits": LimitMode.HELD, "free_seconds": 360}
    if kind is Format.LISTING:
        printed["listing"] = Listing(inquiry_seconds=60, countdown_seconds=60)
        printed["free_seconds"] = 180
    else:
        trigger = Trigger.ANY if up else Trigger.BEST
        printed["extension"] = Extension(ExtensionMode.FROM_BID, 30, 30, trigger, count_max=10)
    return default_terms(kind, **printed)


@views.get("/auctions/rehearsal")
@signed_in(*PLAYERS)
def rehearsals() -> str:
    """Which format to rehearse."""
    return page("bidding/auction_rehearsals.html", kinds=PRACTISED, words=words)


@views.post("/auctions/rehearsal")
@signed_in(*PLAYERS)
def rehearsal_begin() -> AnyResponse:
    """Set one up; it begins in ten seconds."""
    wish = request.form.get("format", "")
    kind = Format(wish) if wish in {one.value for one in PRACTISED} else PRACTISED[0]
    with begin() as work:
        made = begin_rehearsal(work, practice_terms(kind))
        rehearsal_id = made.id
    return redirect(url_for("bidding.rehearsal", rehearsal_id=rehearsal_id), code=303)


@views.get("/auctions/rehearsal/<uuid:rehearsal_id>")
@signed_in(*PLAYERS)
def rehearsal(rehearsal_id: UUID) -> str:
    """The room of a rehearsal: the bidder's page, the real engine, robots."""
    with read() as session:
        row = session.get(Rehearsal, rehearsal_id)
        if row is None or row.person_id != actor().person_id:
            raise NotFound("not_found", thing="rehearsal", id=str(rehearsal_id))
        state = room_of(session, rehearsal_id).state
        terms, viewer = state.terms, sight.Bidder(row.plate)
        script = drawing.script_of(
            f"rehearsal:{rehearsal_id}",
            terms,
            current_lang(),
            role="bidder",
            plate=row.plate,
            state=sight.snapshot(state, viewer),
            own=sight.private(None, state, row.plate),
        )
        role_word, role_more = roles()["bidder"]
        return render_template(
            "bidding/auction_room.html",
            auction=row,
            title=_("Rehearsal with robots"),
            subtitle=words.format_word(terms),
            role="bidder",
            role_word=role_word,
            role_more=role_more,
            plate=row.plate,
            script=script | {"rehearsal": True},
            state=state,
            over=False,
            stops=False,
            stage_word=_(words.STAGES[state.stage.value]),
            clock_at=state.shown_ends_at or row.starts_at + timedelta(0),
            best_label=words.best_label(terms),
            rules=words.rule_rows(terms),
            format_word=words.format_word(terms),
            digest="",
            receipt_names=receipt_names(),
            registers=False,
            waiting_bond=False,
            leave_url=url_for("bidding.rehearsals"),
            rehearsal=True,
            errors={},
            form={},
            problem=None,
            now=platform().outside.clock.now(),
        )
