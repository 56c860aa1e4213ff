"""Doors of leads: the queue and a case for supervisors, imports, questions for firms, consent for bidders.

Pictures 08 and 09; rules §5.3.
"""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from kernel.errors import NotFound
from kernel.i18n import gettext
from kernel.rights import Role
from kernel.web import actor, begin, me, parse_form, platform, public, read, signed_in
from kernel.web.files import disposition
from supervision import leads_facts as facts
from supervision import leads_queries as queries
from supervision import leads_words as words
from supervision.actions import leads_export, leads_handling, leads_traces
from supervision.doors import views
from supervision.importing import COLUMNS, PROBLEMS, WrongLine
from supervision.leads_forms import AnswerForm, AskForm, CloseForm, PurposeForm
from supervision.leads_models import LeadState
from supervision.words import stage_word

WORDS = {
    "about": words.about,
    "kind_word": words.kind_word,
    "state_word": words.state_word,
    "outcome_word": words.outcome_word,
    "light_word": words.light_word,
    "import_word": words.import_word,
    "fact_word": words.fact_word,
    "title_word": lambda code: words.about(code).title,
    "stage_word": stage_word,
}


@views.get("/supervision/leads")
@signed_in(Role.SUPERVISOR)
def leads_page() -> str:
    """The queue: what to look at first."""
    state = request.args.get("state", "")
    chosen = state if state in tuple(LeadState) else ""
    with read() as session:
        return render_template(
            "supervision/leads.html",
            rows=queries.lead_queue(session, state=chosen),
            counts=queries.queue_counts(session),
            state=chosen,
            state_names=[one.value for one in LeadState],
            now=platform().outside.clock.now(),
            **WORDS,
        )


@views.get("/supervision/leads/<code>")
@signed_in(Role.SUPERVISOR)
def lead_page(code: str) -> str:
    """One case. That it was looked at is a fact."""
    with begin() as work:
        leads_handling.note_read(work, code)
    return _case(code)


def _case(code: str, *, clear: list[tuple[str, str, str]] | None = None) -> str:
    with read() as session:
        found = queries.case_of(session, queries.lead_named(session, code), clear=clear or ())
        return render_template(
            "supervision/case.html",
            case=found,
            outcomes=leads_handling.OUTCOMES,
            now=platform().outside.clock.now(),
            **WORDS,
        )


@views.post("/supervision/leads/<code>/question")
@signed_in(Role.SUPERVISOR)
def ask_firm(code: str) -> Answer:
    """Ask one firm to explain."""
    form = parse_form(AskForm)
    with begin() as work:
        leads_handling.ask_firm(work, code, form.org, form.question)
    flash(gettext("The firm sees the question at once and has five days to answer."), "success")
    return redirect(url_for("supervision.lead_page", code=code), code=303)


@views.post("/supervision/leads/<code>/closing")
@signed_in(Role.SUPERVISOR)
def close_lead(code: str) -> Answer:
    """Close a lead with a written reason."""
    form = parse_form(CloseForm)
    with begin() as work:
        leads_handling.close_lead(work, code, form.outcome, form.reason)
    flash(gettext("The lead is closed; the reason is in the log."), "success")
    return redirect(url_for("supervision.lead_page", code=code), code=303)


@views.post("/supervision/leads/<code>/unmasking")
@signed_in(Role.SUPERVISOR)
def unmask_lead(code: str) -> str:
    """Show personal values once, with the purpose on record."""
    form = parse_form(PurposeForm)
    house = platform()
    with begin() as work:
        leads_handling.note_read(work, code, "personal", form.purpose)
    with read() as session:
        clear = leads_export.clear_values(house, session, queries.lead_named(session, code))
    return _case(code, clear=clear or [("—", "—", "—")])


@views.post("/supervision/leads/<code>/dossier.zip")
@signed_in(Role.SUPERVISOR)
def lead_dossier(code: str) -> Response:
    """The dossier: canonical evidence, PDF, manifest signed by the platform."""
    form = parse_form(PurposeForm)
    house = platform()
    with begin() as work:
        lead = leads_handling.note_read(work, code, "dossier", form.purpose)
        data, digest = leads_export.export_lead(house, work.session, lead)
        work.record(facts.LeadExported(subject=lead.id, sha256=digest, purpose=form.purpose.strip()))
    response = Response(data, content_type="application/zip")
    response.headers["Content-Disposition"] = disposition(f"{code}.zip")
    response.headers["Cache-Control"] = "no-store"
    return response


@views.get("/supervision/traces")
@signed_in(Role.SUPERVISOR)
def imports_page() -> str:
    """Files of traces from outside."""
    return _imports()


def _imports(wrong: tuple[WrongLine, ...] = (), taken: int | None = None, name: str = "") -> str:
    with read() as session:
        return render_template(
            "supervision/leads_imports.html",
            batches=queries.batches(session),
            columns=COLUMNS,
            wrong=[(one.line, problem_text(one)) for one in wrong[:200]],
            more=max(0, len(wrong) - 200),
            taken=taken,
            name=name,
            **WORDS,
        )


def problem_text(one: WrongLine) -> str:
    """What is wrong with a line, in the current language."""
    return gettext(PROBLEMS[one.code], **one.details)


@views.post("/supervision/traces")
@signed_in(Role.SUPERVISOR)
def import_traces() -> str:
    """Take a CSV of traces; wrong lines are shown with their numbers."""
    file = request.files.get("file")
    data = file.read() if file else b""
    name = (file.filename or "traces.csv") if file else ""
    with begin() as work:
        done = leads_traces.import_traces(work, request.form.get("kind", ""), name, data)
    return _imports(done.wrong, done.taken, name)


@views.get("/leads")
@signed_in(Role.BIDDER)
def asked_page() -> str:
    """What supervisors asked this bidder's organisation, and its answers."""
    who = me()
    if who.org_id is None:
        raise NotFound("not_found", thing="lead", id="")
    with read() as session:
        return render_template(
            "supervision/leads_asked.html",
            rows=queries.asked_of(session, who.org_id),
            now=platform().outside.clock.now(),
        )


@views.post("/leads/<uuid:answer_id>/answer")
@signed_in(Role.BIDDER)
def answer_lead(answer_id: UUID) -> Answer:
    """Answer a question, once."""
    form = parse_form(AnswerForm)
    with begin() as work:
        leads_handling.answer_question(work, answer_id, form.answer)
    flash(gettext("The answer has been recorded; the supervisor sees it."), "success")
    return redirect(url_for("supervision.asked_page"), code=303)


@views.get("/traces")
@public
def traces_page() -> str:
    """What is recorded when a bid is submitted, why, and how to allow or refuse the part that needs consent."""
    who = actor()
    with read() as session:
        allowed = leads_traces.consents(session, who.person_id)
    return render_template(
        "supervision/leads_traces.html",
        allowed=allowed,
        may_choose=who.has(Role.BIDDER),
        version=leads_traces.CONSENT_TEXT,
    )


@views.post("/traces")
@signed_in(Role.BIDDER)
def choose_traces() -> Answer:
    """Allow marks of machines and files to go with bids, or no longer; what was kept by consent is then deleted."""
    given = request.form.get("choice") == "allow"
    with begin() as work:
        leads_traces.set_consent(work, given)
    return redirect(url_for("supervision.traces_page"), code=303)
