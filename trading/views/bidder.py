"""What a bidder does in this room: ask and object."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for

from kernel import calendar as calendars
from kernel.errors import NotValid, Refusal
from kernel.i18n import gettext as _
from kernel.rights import Role
from kernel.web import begin, form_refused, parse_form, platform, read, signed_in
from trading import actions
from trading.actions.notices import law_of
from trading.forms import Objection, Question
from trading.models import Tender
from trading.process import objections_until
from trading.rules.lifecycle import Stage
from trading.views.doors import Page, public_tender, views


def _values(code: str) -> dict[str, Any]:
    now = platform().outside.clock.now()
    with read() as session:
        row = public_tender(session, code)
        law = law_of(row, now)
        until = objections_until(law, row.bids_close_at, row.documents_until_at, calendars.official())
        return {
            "now": now,
            "tender": row,
            "lots": list(row.lots),
            "until": until,
            "answer_limit": law.get("objection_answer_days_max"),
            "inquiry_limit": law.get("inquiry_answer_days_max"),
            "result_open": any(_decided(row)),
            "form": {},
            "errors": {},
            "problem": None,
        }


def _decided(row: Tender) -> list[bool]:
    return [lot.stage in (Stage.STANDSTILL, Stage.AWARDED) for lot in row.lots]


@views.get("/tenders/<code>/ask")
@signed_in(Role.BIDDER)
def asking(code: str) -> Page:
    return render_template("trading/ask.html", **_values(code))


@views.post("/tenders/<code>/ask")
@signed_in(Role.BIDDER)
def ask(code: str) -> Page:
    values = _values(code)
    try:
        form = parse_form(Question)
        with begin() as work:
            actions.ask_question(work, values["tender"].id, form.text)
    except Refusal as no:
        return _again("trading/ask.html", no, values)
    flash(_("Your question is filed. The answer is published to everybody, without your name."), "success")
    return redirect(url_for("trading.my_desk"), code=303)


@views.get("/tenders/<code>/object")
@signed_in(Role.BIDDER)
def objecting(code: str) -> Page:
    """The form; whoever comes from a result finds its matter and its lot chosen."""
    chosen = {name: request.args.get(name, "") for name in ("matter", "lot")}
    return render_template("trading/object.html", **(_values(code) | {"form": chosen}))


@views.post("/tenders/<code>/object")
@signed_in(Role.BIDDER)
def file_objection(code: str) -> Page:
    values = _values(code)
    try:
        form = parse_form(Objection)
        with begin() as work:
            actions.file_objection(
                work, values["tender"].id, matter=form.matter, text=form.text, lot_id=_lot(values, form.lot)
            )
    except Refusal as no:
        return _again("trading/object.html", no, values)
    flash(_("Your objection is filed. The day of the answer stands beside it."), "success")
    return redirect(url_for("trading.my_desk"), code=303)


def _lot(values: dict[str, Any], wish: str) -> UUID | None:
    """The lot somebody chose. Raises NotValid ``lot_unknown`` for one of another tender."""
    if not wish:
        return None
    for lot in values["lots"]:
        if str(lot.id) == wish:
            found: UUID = lot.id
            return found
    raise NotValid("lot_unknown", field="lot")


def _again(template: str, no: Refusal, values: dict[str, Any]) -> Page:
    kept = {name: value for name, value in values.items() if name not in ("errors", "problem", "form")}
    return form_refused(template, no, form=request.form, **kept)
