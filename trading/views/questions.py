"""What a buyer owes an answer: questions, corrections, objections."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for

from kernel import calendar as calendars
from kernel.errors import NotFound, Refusal
from kernel.rights import Role
from kernel.web import begin, form_refused, parse_form, platform, read, signed_in
from trading import actions, procedures
from trading.actions.notices import law_of
from trading.desk import objections_to, questions_to
from trading.forms import Amend, Answer, ObjectionAnswer
from trading.models import Objection, Question
from trading.rules.timetable import check_clarification
from trading.views.doors import Page, own_tender, views

BUYERS = (Role.BUYER, Role.AGENT)


def _values(code: str) -> dict[str, Any]:
    """What both pages show: the tender, its questions and objections, and what an answer now would mean."""
    now = platform().outside.clock.now()
    with read() as session:
        row = own_tender(session, code)
        law = law_of(row, now)
        late = check_clarification(
            law,
            issued_at=now,
            bids_close_at=row.bids_close_at,
            affects_bids=True,
            calendar=calendars.official(),
            procedure=procedures.procedure(row.procedure, law.regime),
        )
        return {
            "now": now,
            "tender": row,
            "questions": questions_to(session, row.id),
            "objections": objections_to(session, row),
            "clarification": late,
            "clarification_limit": law.get(procedures.procedure(row.procedure, law.regime).clarification),
            "answer_limit": law.get("inquiry_answer_days_max"),
            "objection_limit": law.get("objection_answer_days_max"),
            "errors": {},
            "form": {},
            "problem": None,
            "at": None,
        }


@views.get("/desk/tenders/<code>/questions")
@signed_in(*BUYERS)
def questions(code: str) -> Page:
    return render_template("trading/questions.html", **_values(code))


def _again(code: str, no: Refusal, at: str) -> Page:
    """The page after a refusal: what was typed stands in the form it was typed into."""
    values = _values(code) | {"at": at, "form": request.form}
    values.pop("errors")
    values.pop("problem")
    return form_refused("trading/questions.html", no, proposed=_proposed(no), **values)


def _proposed(no: Refusal) -> datetime | None:
    """The earliest lawful deadline a refused clarification proposes."""
    earliest = no.details.get("earliest")
    return datetime.fromisoformat(earliest) if isinstance(earliest, str) else None


@views.post("/desk/tenders/<code>/questions/<uuid:question_id>")
@signed_in(*BUYERS)
def answer(code: str, question_id: UUID) -> Page:
    _belongs(code, Question, question_id)
    try:
        form = parse_form(Answer)
        with begin() as work:
            actions.answer_question(
                work,
                question_id,
                form.answer,
                affects_bids=form.affects_bids == "yes",
                bids_close_at=form.bids_close_at,
            )
    except Refusal as no:
        return _again(code, no, str(question_id))
    return redirect(url_for("trading.questions", code=code), code=303)


@views.post("/desk/tenders/<code>/corrections")
@signed_in(*BUYERS)
def correct(code: str) -> Page:
    with read() as session:
        tender_id = own_tender(session, code).id
    try:
        form = parse_form(Amend)
        with begin() as work:
            actions.move_deadline(
                work, tender_id, form.bids_close_at, affects_bids=form.affects_bids == "yes", text=form.text
            )
    except Refusal as no:
        return _again(code, no, "correction")
    return redirect(url_for("trading.tender", code=code), code=303)


@views.get("/desk/tenders/<code>/objections")
@signed_in(*BUYERS)
def objections(code: str) -> Page:
    return render_template("trading/objections.html", **_values(code))


@views.post("/desk/tenders/<code>/objections/<uuid:objection_id>")
@signed_in(*BUYERS)
def answer_objection(code: str, objection_id: UUID) -> Page:
    _belongs(code, Objection, objection_id)
    try:
        form = parse_form(ObjectionAnswer)
        with begin() as work:
            actions.answer_objection(work, objection_id, form.answer, upheld=form.upheld == "yes")
    except Refusal as no:
        values = _values(code) | {"at": str(objection_id), "form": request.form}
        values.pop("errors")
        values.pop("problem")
        return form_refused("trading/objections.html", no, **values)
    return redirect(url_for("trading.objections", code=code), code=303)


def _belongs(code: str, model: type[Question] | type[Objection], key: UUID) -> None:
    """Refuse an address that joins one tender with another one's row."""
    with read() as session:
        row = own_tender(session, code)
        found: Any = session.get(model, key)
        if found is None or found.tender_id != row.id:
            raise NotFound("not_found", thing=model.__tablename__, id=str(key))
