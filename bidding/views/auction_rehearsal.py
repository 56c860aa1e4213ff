"""Rehearsals: choose a format, play against robots in the real page. Nothing is recorded, nothing binds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
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
    Cap,
    Clock,
    Direction,
    Extension,
    ExtensionMode,
    Format,
    Item,
    LimitMode,
    Listing,
    Norm,
    Rounds,
    Sealing,
    Step,
    Terms,
    Trigger,
    Turns,
)
from bidding.views.auction import receipt_names, roles
from bidding.views.base import page, views
from kernel.errors import NotFound
from kernel.i18n import current_lang
from kernel.i18n import gettext as _
from kernel.money import Money
from kernel.rights import Role
from kernel.web import actor, begin, platform, read, signed_in

PRACTISED = tuple(Format)
"""Formats the robots can play: all."""
PLAYERS = (Role.BIDDER, Role.BUYER, Role.AGENT)
RISING = (Format.ASCENDING, Format.LISTING, Format.MULTI_OFFER, Format.CAPPED, Format.DUTCH)


def practice_terms(kind: Format) -> Terms:
    """Short terms of a format: a few minutes, extensions of thirty seconds."""
    up = kind in RISING
    start = Money.from_yuan("300000000" if up else "5800000")
    step = Step(amount=Money.from_yuan("2000000" if up else "5000"))
    printed: dict[str, Any] = {"start": start, **_practice(kind, start)}
    if default_terms(kind, **printed).step is not None:
        printed["step"] = step
        if kind is not Format.TURN_BASED:
            printed["limits"] = LimitMode.HELD
    return default_terms(kind, **printed)


def _practice(kind: Format, start: Money) -> dict[str, Any]:
    down = {"direction": Direction.DOWN, "sealing": Sealing.HELD}
    tick = Money(start.minor // 50)
    match kind:
        case Format.LISTING | Format.CAPPED:
            printed: dict[str, Any] = {"listing": Listing(60, 60), "free_seconds": 180}
            if kind is Format.CAPPED:
                printed["cap"] = Cap(
                    Money(start.minor * 106 // 100),
                    inquiry_seconds=30,
                    wait_seconds=30,
                    indicator=_("Self-held floor area"),
                    indicator_unit="㎡",
                    start=Decimal(500),
                    step=Decimal(100),
                    maximum=Decimal(5000),
                )
            return printed
        case Format.MULTI_OFFER:
            return {"listing": Listing(0, 60, everyone_enters=True), "free_seconds": 120}
        case Format.SEALED_ROUNDS:
            return {"rounds": Rounds(3, 60, 20, best_after_each=True)}
        case Format.ONE_OFFER:
            return {"free_seconds": 90, "tie_seconds": 45, **down}
        case Format.WEIGHTED:
            items = (
                Item("price", Decimal(60), Norm.RATIO),
                Item(_("Years of warranty"), Decimal(20), Norm.RATIO, higher_is_better=True),
                Item(_("Plan"), Decimal(20), Norm.POINTS),
            )
            return {"free_seconds": 120, "items": items, **down}
        case Format.DUTCH:
            return {"clock": Clock(tick, 15, Money(start.minor // 2))}
        case Format.JAPANESE:
            return {"clock": Clock(tick, 20, Money(start.minor // 2))}
        case Format.TURN_BASED:
            return {
                "turns": Turns(rounds=2, first_pause_seconds=20, pause_seconds=15, turn_seconds=20),
            }
    trigger = Trigger.ANY if kind is Format.ASCENDING else Trigger.BEST
    return {
        "free_seconds": 360,
        "extension": Extension(ExtensionMode.FROM_BID, 30, 30, trigger, count_max=10),
    }


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
            stage_word=words.stages_of(terms)[state.stage.value],
            clock_at=state.shown_ends_at or row.starts_at + timedelta(0),
            best_label=words.best_label(terms),
            rules=words.rule_rows(terms),
            format_word=words.format_word(terms),
            sealed=terms.sealed,
            seals_offer=False,
            items=words.item_rows(terms),
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
