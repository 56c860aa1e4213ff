"""A member's seats: invitations, answers, what is due; and the supervisor's logged look at names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for

from evaluation import desks, queries
from evaluation.actions import panels
from evaluation.forms import Accept, Decline, Purpose, Recuse
from evaluation.views.doors import Page, views
from kernel.errors import Refusal
from kernel.i18n import gettext
from kernel.rights import Role
from kernel.web import begin, form_refused, me, parse_form, platform, read, signed_in


@views.get("/desk/panels")
@signed_in
def my_seats() -> Page:
    who = me()
    assert who.person_id is not None
    with read() as session:
        seats = queries.my_seats(session, who.person_id)
    return render_template("evaluation/seats.html", seats=seats)


def _invitation(seat_id: UUID) -> dict[str, Any]:
    with read() as session:
        line = queries.own_seat(session, seat_id, me())
        return {
            "line": line,
            "lots": list(line.tender.lots),
            "now": platform().outside.clock.now(),
        }


@views.get("/desk/panels/<uuid:seat_id>")
@signed_in
def seat(seat_id: UUID) -> Page:
    """An invitation with its two answers."""
    return render_template("evaluation/seat.html", form={}, errors={}, problem=None, **_invitation(seat_id))


@views.post("/desk/panels/<uuid:seat_id>/accept")
@signed_in
def accept_seat(seat_id: UUID) -> Page:
    values = _invitation(seat_id)
    try:
        parse_form(Accept)
        with begin() as work:
            panels.answer_seat(work, seat_id, accept=True)
    except Refusal as no:
        return form_refused("evaluation/seat.html", no, **values)
    flash(gettext("You have accepted the seat. The names stay secret until the result is public."), "success")
    return redirect(url_for("evaluation.my_seats"), code=303)


@views.post("/desk/panels/<uuid:seat_id>/decline")
@signed_in
def decline_seat(seat_id: UUID) -> Page:
    values = _invitation(seat_id)
    try:
        form = parse_form(Decline)
        with begin() as work:
            panels.answer_seat(work, seat_id, accept=False, reason=form.reason)
    except Refusal as no:
        return form_refused("evaluation/seat.html", no, **values)
    flash(gettext("You have declined. The next expert of the same draw is invited."), "success")
    return redirect(url_for("evaluation.my_seats"), code=303)


@views.get("/evaluation/<code>/recuse")
@signed_in
def recusal(code: str) -> Page:
    return render_template("evaluation/recuse.html", form={}, errors={}, problem=None, **_seat_here(code))


def _seat_here(code: str) -> dict[str, Any]:
    with read() as session:
        tender = queries.tender_by_code(session, code)
        panel, member = queries.member_of(session, tender, me())
        return {"tender": tender, "panel": panel, "member": member}


@views.post("/evaluation/<code>/recuse")
@signed_in
def recuse(code: str) -> Page:
    values = _seat_here(code)
    try:
        form = parse_form(Recuse)
        with begin() as work:
            panels.recuse(work, values["member"].id, form.reason)
    except Refusal as no:
        return form_refused("evaluation/recuse.html", no, **values)
    flash(
        gettext("You have left the panel. Your conclusions are void; a successor starts afresh."), "success"
    )
    return redirect(url_for("evaluation.my_seats"), code=303)


@views.get("/evaluation/<code>/names")
@signed_in(Role.SUPERVISOR)
def names(code: str) -> Page:
    """Before the result is public, a supervisor sees names only for a stated purpose."""
    with read() as session:
        tender = queries.tender_by_code(session, code)
        state = desks.panel_state(session, tender)
    return render_template(
        "evaluation/names.html", tender=tender, state=state, names=None, form={}, errors={}, problem=None
    )


@views.post("/evaluation/<code>/names")
@signed_in(Role.SUPERVISOR)
def read_names(code: str) -> Page:
    with read() as session:
        tender = queries.tender_by_code(session, code)
        state = desks.panel_state(session, tender)
    found: list[tuple[int, str]] = []
    try:
        form = parse_form(Purpose)
        with begin() as work:
            found = panels.read_names(work, tender.id, form.purpose)
    except Refusal as no:
        return form_refused("evaluation/names.html", no, tender=tender, state=state, names=None)
    return render_template(
        "evaluation/names.html",
        tender=tender,
        state=state,
        names=found,
        form=request.form,
        errors={},
        problem=None,
    )
