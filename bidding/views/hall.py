"""The opening hall: everybody looks, those concerned sign in, object, answer, sign and confirm."""

from __future__ import annotations

import io
from uuid import UUID

from flask import Response, flash, jsonify, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from bidding import forms
from bidding.actions import hall as actions
from bidding.actions.closing import opening_of
from bidding.actions.speaking import speak
from bidding.hall_state import hall, state_json
from bidding.models import Bid
from bidding.rules.states import OpeningState
from bidding.views.base import page, tender_of, views
from kernel import documents
from kernel.errors import NotAllowed, NotFound, NotNow, NotValid, Refusal, TooMany
from kernel.facts import plain
from kernel.i18n import gettext as _
from kernel.web import actor, begin, form_refused, parse_form, platform, public, read, signed_in
from kernel.work import Work
from trading import actions as trading
from trading.models import Objection, Tender

Page = str | tuple[str, int] | AnyResponse


def _back(code: str) -> AnyResponse:
    return redirect(url_for("bidding.opening", code=code), code=303)


def _hall_page(code: str, refused: Refusal | None = None) -> Page:
    with read() as session:
        tender = tender_of(session, code)
        found = hall(session, tender, actor(), platform().outside.clock.now())
        if refused is not None:
            from bidding.views.base import log_url, seat_text, tender_url

            return form_refused(
                "bidding/opening.html",
                refused,
                hall=found,
                seat_text=seat_text,
                log_url=log_url,
                tender_url=tender_url,
            )
        return page("bidding/opening.html", hall=found, errors={}, problem=None, form={})


@views.get("/tenders/<code>/opening")
@public
def opening(code: str) -> Page:
    return _hall_page(code)


@views.get("/tenders/<code>/opening/state")
@public
def opening_state(code: str) -> Response:
    """The hall for scripts; with ``?version=`` only whether something is newer."""
    with read() as session:
        tender = tender_of(session, code)
        found = hall(session, tender, actor(), platform().outside.clock.now())
        seen = request.args.get("version", "")
        if seen == str(found.version) and request.args.get("stage", found.stage) == found.stage:
            return jsonify(version=found.version, stage=found.stage, same=True)
        return jsonify(plain(state_json(found)))


@views.post("/tenders/<code>/opening/attend")
@signed_in
def attend(code: str) -> Page:
    with begin() as work:
        tender = tender_of(work.session, code)
        actions.attend(work, tender.id)
    flash(_("You have signed in to the hall."), "success")
    return _back(code)


@views.post("/tenders/<code>/opening/messages")
@signed_in
def say(code: str) -> Page:
    """A message to everybody in the hall. Scripts take the page that comes back, with or without a refusal."""
    try:
        form = parse_form(forms.Speaking)
        with begin() as work:
            speak(work, tender_of(work.session, code).id, form.text)
    except (NotAllowed, NotNow, NotValid, TooMany) as no:
        return _hall_page(code, no)
    return _back(code)


@views.post("/tenders/<code>/opening/objections")
@signed_in
def object_here(code: str) -> Page:
    """An objection to the opening, on the spot and by somebody who bid here. Source: 实施条例 第四十四条."""
    try:
        form = parse_form(forms.Objecting)
        with begin() as work:
            tender = tender_of(work.session, code)
            _require_session(work, tender)
            if not _bid_here(work, tender):
                raise NotAllowed("not_a_bidder_here")
            trading.file_objection(work, tender.id, matter="opening", text=form.text, in_time=True)
    except (NotValid, NotNow) as no:
        return _hall_page(code, no)
    flash(
        _("Your objection is recorded. The buyer must answer it before the record can be confirmed."),
        "success",
    )
    return _back(code)


@views.post("/tenders/<code>/opening/objections/<uuid:objection_id>")
@signed_in
def answer_here(code: str, objection_id: UUID) -> Page:
    try:
        form = parse_form(forms.Answering)
        with begin() as work:
            tender = tender_of(work.session, code)
            objection = work.session.get(Objection, objection_id)
            if objection is None or objection.tender_id != tender.id or objection.matter != "opening":
                raise NotFound("not_found", thing="objection", id=str(objection_id))
            trading.answer_objection(work, objection_id, form.answer, upheld=form.upheld)
    except (NotValid, NotNow) as no:
        return _hall_page(code, no)
    return _back(code)


@views.post("/tenders/<code>/opening/signature")
@signed_in
def sign_record(code: str) -> Page:
    try:
        form = parse_form(forms.Signing)
        with begin() as work:
            actions.sign_record(work, tender_of(work.session, code).id, form.remark)
    except (NotValid, NotNow) as no:
        return _hall_page(code, no)
    flash(_("Your word under the record is kept."), "success")
    return _back(code)


@views.post("/tenders/<code>/opening/confirm")
@signed_in
def confirm(code: str) -> Page:
    try:
        with begin() as work:
            actions.confirm_opening(work, tender_of(work.session, code).id)
    except NotNow as no:
        return _hall_page(code, no)
    return _back(code)


@views.get("/tenders/<code>/opening/record.pdf")
@public
def opening_record(code: str) -> AnyResponse:
    """The confirmed record; its SHA-256 stands in the log."""
    with read() as session:
        found = opening_of(session, tender_of(session, code).id)
    if found is None or found.record_sha256 is None:
        raise NotFound("not_found", thing="opening", id=code)
    data = documents.load(platform().outside.blobs, found.record_sha256)
    return send_file(io.BytesIO(data), mimetype="application/pdf", download_name=f"{code}-opening.pdf")


def _require_session(work: Work, tender: Tender) -> None:
    """Objections to an opening are made while it is held, not before and not after."""
    found = opening_of(work.session, tender.id)
    if found is None or found.state not in (OpeningState.RELEASING, OpeningState.OPENED):
        raise NotNow(
            "opening_not_open", source="实施条例 第四十四条", state=found.state if found else "before"
        )


def _bid_here(work: Work, tender: Tender) -> bool:
    import sqlalchemy as sa

    query = sa.select(Bid.id).where(Bid.tender_id == tender.id, Bid.org_id == work.actor.org_id).limit(1)
    return work.session.scalar(query) is not None
