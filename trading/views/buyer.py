"""The buyer's and agency's desk: projects, tenders by stage, ending a tender."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import redirect, render_template, request, url_for

from kernel import calendar as calendars
from kernel import rulebook
from kernel.errors import NotFound, NotValid, Refusal
from kernel.identity.models import Organization
from kernel.rights import Role
from kernel.web import actor, begin, form_refused, me, parse_form, platform, read, signed_in
from kernel.web.panels import panels_at
from trading import actions, queries
from trading.desk import asked_by, desk, objected_by, projects_of
from trading.drafts import first_draft
from trading.forms import NewProject, NewTender, Termination
from trading.models import Project
from trading.views.doors import Page, own_tender, views


@views.get("/desk")
@signed_in
def my_desk() -> Page:
    """The first page after signing in: what this person's organisation runs, asked and objected to."""
    who = me()
    now = platform().outside.clock.now()
    with read() as session:
        runs_tenders = who.org_id is not None and who.has(Role.BUYER, Role.AGENT)
        bids = who.org_id is not None and who.has(Role.BIDDER)
        page = desk(session, who.org_id, now) if runs_tenders and who.org_id else None
        return render_template(
            "trading/desk.html",
            now=now,
            page=page,
            next_url=url_for("trading.my_desk", after=page.next) if page and page.next else None,
            prev_url=url_for("trading.my_desk", before=page.prev) if page and page.prev else None,
            projects=projects_of(session, who.org_id) if runs_tenders and who.org_id else None,
            asked=asked_by(session, who.org_id) if bids and who.org_id else None,
            objected=objected_by(session, who.org_id) if bids and who.org_id else None,
            open_tenders=queries.openings_between(session, now, now + timedelta(days=365), now, size=8)
            if bids
            else None,
            panels=panels_at("desk", session, None, who),
        )


@views.get("/desk/projects/new")
@signed_in(Role.BUYER, Role.AGENT)
def new_project() -> Page:
    return render_template("trading/project_new.html", form={}, errors={}, problem=None)


@views.post("/desk/projects/new")
@signed_in(Role.BUYER, Role.AGENT)
def add_project() -> Page:
    try:
        form = parse_form(NewProject)
        buyer_id = _buyer(form.buyer_uscc)
        with begin() as work:
            project = actions.register_project(
                work,
                buyer_id=buyer_id,
                **form.model_dump(exclude={"buyer_uscc", "budget"}),
                budget=form.budget,
            )
    except Refusal as no:
        return form_refused("trading/project_new.html", no)
    return redirect(url_for("trading.new_tender", project_id=project.id), code=303)


def _buyer(uscc: str) -> UUID | None:
    """The buyer an agency names by its unified code; None for the own organisation.

    Raises:
        NotValid: ``buyer_unknown``; an agency that is no buyer itself must name one.
    """
    who = me()
    if not uscc:
        if not who.has(Role.BUYER):
            raise NotValid("buyer_unknown", field="buyer_uscc")
        return None
    with read() as session:
        found = session.scalars(
            sa.select(Organization).where(Organization.uscc == uscc.upper())
        ).one_or_none()
        if found is None or Role.BUYER.value not in found.kinds or found.state != "active":
            raise NotValid("buyer_unknown", field="buyer_uscc")
        if found.id != who.org_id and not who.has(Role.AGENT):
            raise NotValid("buyer_unknown", field="buyer_uscc")
        return found.id


def _project(project_id: UUID) -> Project:
    who = actor()
    with read() as session:
        found = session.get(Project, project_id)
    if found is None or (found.buyer_id != who.org_id and not who.has(Role.AGENT)):
        raise NotFound("not_found", thing="project", id=str(project_id))
    return found


@views.get("/desk/projects/<uuid:project_id>/tenders/new")
@signed_in(Role.BUYER, Role.AGENT)
def new_tender(project_id: UUID) -> Page:
    project = _project(project_id)
    return render_template("trading/tender_new.html", project=project, form={}, errors={}, problem=None)


@views.post("/desk/projects/<uuid:project_id>/tenders/new")
@signed_in(Role.BUYER, Role.AGENT)
def add_tender(project_id: UUID) -> Page:
    project = _project(project_id)
    who = me()
    now = platform().outside.clock.now()
    try:
        form = parse_form(NewTender)
        draft = first_draft(
            title=form.title,
            regime=form.regime,
            category=form.category,
            region=project.region,
            contact={"name": who.name},
            place=project.region,
            law=rulebook.in_force(form.regime, platform().settings.jurisdiction, now),
            now=now,
            calendar=calendars.official(),
            procedure=form.procedure,
            agent_id=who.org_id if who.org_id != project.buyer_id else None,
        )
        with begin() as work:
            tender = actions.draft_tender(work, project.id, draft)
    except Refusal as no:
        return form_refused("trading/tender_new.html", no, project=project)
    return redirect(url_for("trading.wizard", code=tender.code, step="basics"), code=303)


@views.get("/desk/tenders/<code>/end")
@signed_in(Role.BUYER, Role.AGENT)
def ending(code: str) -> Page:
    with read() as session:
        row = own_tender(session, code)
    return render_template("trading/end.html", tender=row, form={}, errors={}, problem=None)


@views.post("/desk/tenders/<code>/end")
@signed_in(Role.BUYER, Role.AGENT)
def end(code: str) -> Page:
    with read() as session:
        row = own_tender(session, code)
    try:
        form = parse_form(Termination)
        with begin() as work:
            actions.terminate_tender(work, row.id, form.reason)
    except Refusal as no:
        return form_refused("trading/end.html", no, tender=row, form=request.form)
    return redirect(url_for("trading.tender", code=code), code=303)
