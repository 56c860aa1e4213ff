"""Pages of the operator: organisations and people."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from flask import flash, redirect, render_template, url_for

from kernel.errors import NotFound, Refusal
from kernel.i18n import gettext as _
from kernel.identity import actions, credentials, forms, queries
from kernel.identity.models import Membership, Organization, Person
from kernel.identity.views import Page, views
from kernel.rights import Role
from kernel.web import begin, form_refused, page_of, parse_form, platform, read, require_step_up, signed_in


@views.get("/admin/organizations")
@signed_in(Role.OPERATOR)
def organizations() -> Page:
    with read() as session:
        waiting = session.scalars(queries.waiting().limit(100)).all()
        page = page_of(session, sa.select(Organization), Organization.created_at, Organization.id)
        return render_template("identity/organizations.html", waiting=waiting, page=page)


@views.get("/admin/organizations/new")
@signed_in(Role.OPERATOR)
def new_organization() -> Page:
    return render_template("identity/new_organization.html", form={}, errors={}, roles=list(Role))


@views.post("/admin/organizations/new")
@signed_in(Role.OPERATOR)
def add_organization() -> Page:
    try:
        form = parse_form(forms.NewOrganization)
        with begin() as work:
            org = actions.register_organization(work, **form.model_dump())
    except Refusal as no:
        return form_refused("identity/new_organization.html", no, roles=list(Role))
    return redirect(url_for("identity.organization", org_id=org.id), code=303)


@views.get("/admin/organizations/<uuid:org_id>")
@signed_in(Role.OPERATOR)
def organization(org_id: UUID) -> Page:
    return render_template("identity/organization.html", form={}, errors={}, **_organization(org_id))


def _organization(org_id: UUID) -> dict[str, object]:
    with read() as session:
        org = session.get(Organization, org_id)
        if org is None:
            raise NotFound("not_found", thing="organization", id=str(org_id))
        members = session.execute(
            sa.select(Membership, Person)
            .join(Person, Person.id == Membership.person_id)
            .where(Membership.org_id == org_id, Membership.until.is_(None))
            .order_by(Membership.since)
        ).all()
        return {"org": org, "members": [(membership, person) for membership, person in members]}


@views.post("/admin/organizations/<uuid:org_id>/activate")
@signed_in(Role.OPERATOR)
def activate_organization(org_id: UUID) -> Page:
    with begin() as work:
        actions.set_organization_state(work, org_id, "active")
    flash(_("The organization is active."), "success")
    return redirect(url_for("identity.organization", org_id=org_id), code=303)


@views.post("/admin/organizations/<uuid:org_id>/suspend")
@signed_in(Role.OPERATOR)
def suspend_organization(org_id: UUID) -> Page:
    require_step_up()
    try:
        form = parse_form(forms.Reason)
        with begin() as work:
            actions.set_organization_state(work, org_id, "suspended", reason=form.reason)
    except Refusal as no:
        return form_refused("identity/organization.html", no, **_organization(org_id))
    return redirect(url_for("identity.organization", org_id=org_id), code=303)


@views.post("/admin/organizations/<uuid:org_id>/people")
@signed_in(Role.OPERATOR)
def add_person(org_id: UUID) -> Page:
    """A new person, or a further role for a known address, in this organisation."""
    try:
        form = parse_form(forms.NewPerson)
        with begin() as work:
            known = work.one(sa.select(Person).where(Person.email == form.email.lower()))
            person = known or actions.register_person(
                work, name=form.name, name_en=form.name_en, email=form.email, phone=form.phone
            )
            for role in form.roles:
                actions.give_role(work, person.id, org_id, role)
            email = person.email if known is None else ""
    except Refusal as no:
        return form_refused("identity/organization.html", no, **_organization(org_id))
    if email:
        credentials.ask_reset(platform(), email)
    flash(_("The person can act for this organization now."), "success")
    return redirect(url_for("identity.organization", org_id=org_id), code=303)


@views.post("/admin/memberships/<uuid:membership_id>/end")
@signed_in(Role.OPERATOR)
def end_membership(membership_id: UUID) -> Page:
    with begin() as work:
        actions.take_role(work, membership_id)
        org_id = work.lock(Membership, membership_id).org_id
    return redirect(url_for("identity.organization", org_id=org_id), code=303)
