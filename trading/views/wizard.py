"""The tender wizard: one step a page, the law beside every field, nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from kernel import calendar as calendars
from kernel.calendar import local, natural_days_between
from kernel.errors import NotFound, NotNow, NotValid, Refusal, Stale
from kernel.rights import Role
from kernel.web import actor, begin, form_refused, parse_form, platform, read, signed_in
from kernel.web.panels import panels_at
from trading import actions, forms, procedures, queries
from trading.actions.drafting import FileDraft, LotDraft
from trading.actions.notices import law_of, plan_of, sound_seats, sound_weights
from trading.drafts import STEPS, Check, draft_checks
from trading.models import Document, Lot, Tender
from trading.rules.timetable import Plan, RuleResult, check_timetable, repaired
from trading.terms import parse_terms
from trading.views.doors import Page, own_tender, views, wall
from trading.views.public import tender_values
from trading.words import WIZARD_REGIMES

BUYERS = (Role.BUYER, Role.AGENT)
DATE_FIELDS = ("documents_from_at", "documents_until_at", "bids_close_at")


@views.get("/desk/tenders/<code>")
@signed_in(*BUYERS)
def draft(code: str) -> Page:
    return redirect(url_for("trading.wizard", code=code, step="basics"))


@views.get("/desk/tenders/<code>/<any(basics, lots, terms, dates, documents, sealing, review):step>")
@signed_in(*BUYERS)
def wizard(code: str, step: str) -> Page:
    values = page_values(code, step)
    if values["tender"].published_at is not None:
        return redirect(url_for("trading.tender", code=code))
    return render_template(f"trading/wizard/{step}.html", **values)


def page_values(code: str, step: str) -> dict[str, Any]:
    """What a step shows: the saved draft, every check, and what rooms above add to the sealing step."""
    now = platform().outside.clock.now()
    with read() as session:
        row = own_tender(session, code)
        law = law_of(row, now)
        files = queries.documents_of(session, row.id, public_only=False)
        living = [one for one in files if one.replaced_at is None]
        count = sum(one.kind == "tender_document" for one in living)
        checks = draft_checks(row, law, files=count, now=now, calendar=calendars.official())
        values: dict[str, Any] = {
            "now": now,
            "tender": row,
            "law": law,
            "step": step,
            "steps": _steps(code, step, checks),
            "checks": checks,
            "regimes": WIZARD_REGIMES,
            "files": files,
            "form": {},
            "errors": {},
            "problem": None,
            "before": _neighbour(step, -1),
            "after": _neighbour(step, 1),
            "at": None,
        }
        if step == "sealing":
            values["panels"] = panels_at("wizard", session, row, actor())
        if step == "terms":
            values["terms"] = parse_terms(row.terms)
            values["panels"] = panels_at("wizard-terms", session, row, actor())
        if step == "dates":
            values |= date_values(row, plan_of(row, now), law)
            most = law.get("bid_bond_share_max")
            values["bond_percent"] = None if most is None else float(most.ratio * 100)
        if step == "review":
            page = queries.tender_page(session, row, now)
            values |= {"page": page, "blocked": [check for check in checks if check.light == "r"]}
            values |= tender_values(page, row, now)
    return values


def _steps(code: str, step: str, checks: Sequence[Check]) -> list[dict[str, Any]]:
    found = []
    for name in STEPS:
        mine = [check for check in checks if check.step == name]
        lights = {check.light for check in mine}
        state = "now" if name == step else "r" if "r" in lights else "y" if "y" in lights else "done"
        if name == "review" and state == "done":
            state = "next"
        found.append(
            {
                "key": name,
                "state": state,
                "url": url_for("trading.wizard", code=code, step=name),
                "red": sum(check.light == "r" for check in mine),
                "yellow": sum(check.light == "y" for check in mine),
            }
        )
    return found


def _neighbour(step: str, by: int) -> str | None:
    at = STEPS.index(step) + by
    return STEPS[at] if 0 <= at < len(STEPS) else None


def _save(code: str, step: str, deed: Callable[[UUID], object], *, onward: bool = True) -> Page:
    """Carry out one step; after a refusal the page comes back with everything that was typed."""
    with read() as session:
        row = own_tender(session, code)
    try:
        _require_current(row)
        deed(row.id)
    except Refusal as no:
        if isinstance(no, NotFound) or _autosaves():
            raise
        values = page_values(code, step)
        kept = {name: value for name, value in values.items() if name not in ("errors", "problem", "form")}
        return form_refused(f"trading/wizard/{step}.html", no, form=_typed(no, values["tender"]), **kept)
    if _autosaves():
        with read() as session:
            return jsonify(version=own_tender(session, code).version)
    onward = onward and request.form.get("go") != "stay"
    target = (_neighbour(step, 1) if onward else step) or step
    return redirect(url_for("trading.wizard", code=code, step=target), code=303)


def _typed(no: Refusal, row: Tender) -> MultiDict[str, str]:
    """What was typed. After somebody else's save it names the version now known, so that saving again decides."""
    typed = MultiDict(request.form.items(multi=True))
    if isinstance(no, Stale):
        typed["version"] = str(row.version)
    return typed


def _autosaves() -> bool:
    """Whether the page's script saves a draft and waits for its new version."""
    return request.headers.get("Accept", "") == "application/json"


def _require_current(row: Tender) -> None:
    """Refuse to write over what somebody else saved meanwhile. Raises Stale ``draft_changed``."""
    seen = request.form.get("version", "")
    if seen and seen != str(row.version):
        raise Stale("draft_changed")


def _without_buttons() -> Any:
    """The posted form without what belongs to the page itself."""
    return MultiDict(
        [(name, text) for name, text in request.form.items(multi=True) if name not in ("version", "go")]
    )


@views.post("/desk/tenders/<code>/basics")
@signed_in(*BUYERS)
def save_basics(code: str) -> Page:
    def deed(tender_id: UUID) -> None:
        form = parse_form(forms.Basics, _without_buttons())
        changes = {
            name: getattr(form, name)
            for name in ("title", "regime", "category", "region", "place", "summary", "qualification")
        }
        with begin() as work:
            procedures.procedure(work.lock(Tender, tender_id).procedure, form.regime)
            actions.change_draft(work, tender_id, contact=form.contact(), **changes)

    return _save(code, "basics", deed)


@views.post("/desk/tenders/<code>/lots")
@signed_in(*BUYERS)
def add_lot(code: str) -> Page:
    def deed(tender_id: UUID) -> None:
        form = parse_form(forms.LotForm, _without_buttons())
        with begin() as work:
            actions.add_lot(work, tender_id, LotDraft(**dict(form)))

    return _save(code, "lots", deed, onward=False)


@views.post("/desk/tenders/<code>/lots/<uuid:lot_id>")
@signed_in(*BUYERS)
def change_lot(code: str, lot_id: UUID) -> Page:
    def deed(tender_id: UUID) -> None:
        form = parse_form(forms.LotForm, _without_buttons())
        _belongs(Lot, lot_id, tender_id)
        with begin() as work:
            actions.change_lot(work, lot_id, LotDraft(**dict(form)))

    return _save(code, "lots", deed, onward=False)


@views.post("/desk/tenders/<code>/lots/<uuid:lot_id>/remove")
@signed_in(*BUYERS)
def remove_lot(code: str, lot_id: UUID) -> Page:
    def deed(tender_id: UUID) -> None:
        _belongs(Lot, lot_id, tender_id)
        with begin() as work:
            actions.remove_lot(work, lot_id)

    return _save(code, "lots", deed, onward=False)


def _belongs(model: Any, key: UUID, tender_id: UUID) -> None:
    with read() as session:
        found = session.scalar(sa.select(model.tender_id).where(model.id == key))
    if found != tender_id:
        raise NotFound("not_found", thing=model.__tablename__, id=str(key))


@views.post("/desk/tenders/<code>/terms")
@signed_in(*BUYERS)
def save_terms(code: str) -> Page:
    with read() as session:
        row = own_tender(session, code)
        if procedures.PROCEDURES[row.procedure].live:
            raise NotFound("not_found", thing="form")  # the rules of an auction stand with its lot
    if row.terms["method"] == "lowest_price":
        return _save(code, "terms", _save_price_terms)

    def deed(tender_id: UUID) -> None:
        form = parse_form(forms.TermsForm, forms.single_fields(request.form))
        factors = forms.rows_of(request.form, "factor", forms.FACTOR_FIELDS)
        review = forms.rows_of(request.form, "review", forms.REVIEW_FIELDS)
        with begin() as work:
            row = work.lock(Tender, tender_id)
            found = forms.terms_of(form, factors, review, row.terms)
            law, terms = law_of(row, work.now), parse_terms(found)
            sound_weights(law, terms, row.category)
            sound_seats(law, row, terms)
            actions.change_draft(work, tender_id, terms=found)

    return _save(code, "terms", deed)


def _save_price_terms(tender_id: UUID) -> None:
    form = parse_form(forms.PriceTermsForm, _without_buttons())
    with begin() as work:
        row = work.lock(Tender, tender_id)
        actions.change_draft(work, tender_id, terms=form.terms(row.terms))


@views.post("/desk/tenders/<code>/dates")
@signed_in(*BUYERS)
def save_dates(code: str) -> Page:
    if request.form.get("go") == "repair":
        return _repair(code)

    def deed(tender_id: UUID) -> None:
        form = parse_form(forms.Dates, _without_buttons())
        if form.documents_from_at >= form.bids_close_at:
            raise NotValid("close_before_documents", source="招标投标法 第二十四条", field="bids_close_at")
        with begin() as work:
            actions.change_draft(work, tender_id, **dict(form))

    return _save(code, "dates", deed)


def _repair(code: str) -> Page:
    """Show the typed dates moved to the earliest lawful ones; nothing is saved until the person says so."""
    values = page_values(code, "dates")
    row: Tender = values["tender"]
    try:
        form = parse_form(forms.Dates, _without_buttons())
    except Refusal as no:
        kept = {name: value for name, value in values.items() if name not in ("errors", "problem", "form")}
        return form_refused("trading/wizard/dates.html", no, form=request.form, **kept)
    plan = _plan(row, form, values["now"])
    changes = repaired(
        values["law"],
        plan,
        calendar=calendars.official(),
        procedure=procedures.procedure(row.procedure, row.regime),
    )
    typed = dict(request.form.items())
    for name in DATE_FIELDS:
        if name in changes:
            typed[name] = wall(changes[name])
    moved = _plan(row, forms.Dates.model_validate({**_dates_only(typed)}, strict=False), values["now"])
    values |= date_values(row, moved, values["law"]) | {"form": typed, "moved": tuple(changes)}
    return render_template("trading/wizard/dates.html", **values)


def _dates_only(typed: dict[str, str]) -> dict[str, str]:
    return {name: typed[name] for name in forms.Dates.model_fields if typed.get(name)}


def _plan(row: Tender, form: forms.Dates, now: datetime) -> Plan:
    return Plan(
        published_at=now,
        documents_from_at=max(form.documents_from_at, now),
        documents_until_at=form.documents_until_at,
        bids_close_at=form.bids_close_at,
        opens_at=form.bids_close_at,
        validity_days=form.validity_days,
        bond_validity_days=form.validity_days if form.bond.minor else None,
    )


def date_values(row: Tender, plan: Plan, law: Any) -> dict[str, Any]:
    """The rule results beside the fields, and the bars of the time axis."""
    procedure = procedures.procedure(row.procedure, law.regime)
    results = check_timetable(law, plan, calendar=calendars.official(), procedure=procedure)
    by_field: dict[str, list[RuleResult]] = {}
    for result in results:
        if result.rule != "order" or result.verdict.value != "ok":
            by_field.setdefault(result.field, []).append(result)
    return {
        "plan": plan,
        "results": by_field,
        "axis": axis(plan, law, procedure),
        "wall": wall,
        "repairable": any(result.verdict.value != "ok" and result.earliest for result in results),
    }


def axis(plan: Plan, law: Any, procedure: procedures.Procedure) -> dict[str, Any]:
    """Bars of the time axis in tenths of a percent of its width: what the law asks under what was chosen."""
    first = local(plan.published_at).date()
    last = local(plan.bids_close_at).date()
    whole = max(natural_days_between(first, last), 1)
    calendar = calendars.official()

    def at(day: Any) -> int:
        return max(0, min(1000, natural_days_between(first, day) * 1000 // whole)) if day >= first else 0

    bars = []
    for key, name, start, end in (
        ("documents", procedure.documents, plan.documents_from_at, plan.documents_until_at),
        ("bids", procedure.tendering, plan.documents_from_at, plan.bids_close_at),
    ):
        limit = law.get(name)
        begins, ends = local(start).date(), local(end).date()
        bound = calendar.earliest_after(begins, limit.period) if limit else ends
        bars.append(
            {
                "key": key,
                "start": at(begins),
                "end": at(ends),
                "bound": at(bound),
                "days": calendar.days_between(begins, ends, limit.period.unit) if limit else None,
                "unit": limit.unit.value if limit else "N",
                "short": ends < bound,
                "least": limit.count if limit else None,
            }
        )
    return {"bars": bars, "first": first, "last": last}


@views.post("/desk/tenders/<code>/documents")
@signed_in(*BUYERS)
def add_file(code: str) -> Page:
    def deed(tender_id: UUID) -> None:
        form = parse_form(forms.FileForm, _without_buttons())
        upload = request.files.get("file")
        if upload is None or not upload.filename:
            raise NotValid("file_not_chosen", field="file")
        replaces = _replaced(form.replaces, tender_id)
        file = FileDraft(
            kind=form.kind,
            name=_file_name(upload.filename),
            media=(upload.mimetype or "application/octet-stream")[:100],
            data=upload.read(),
        )
        with begin() as work:
            if work.lock(Tender, tender_id).published_at is not None:
                raise NotNow("already_published", tender=code)
            actions.add_document(work, tender_id, file, replaces_id=replaces)

    return _save(code, "documents", deed, onward=False)


def _replaced(wish: str, tender_id: UUID) -> UUID | None:
    if not wish:
        return None
    try:
        key = UUID(wish)
    except ValueError:
        raise NotFound("not_found", thing="document", id=wish) from None
    _belongs(Document, key, tender_id)
    return key


def _file_name(name: str) -> str:
    """The last part of an uploaded file's name, without control characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in last if char.isprintable())[-200:] or "file"


@views.post("/desk/tenders/<code>/publish")
@signed_in(*BUYERS)
def publish(code: str) -> Page:
    with read() as session:
        row = own_tender(session, code)
    try:
        _require_current(row)
        parse_form(forms.Publish, _without_buttons())
        with begin() as work:
            actions.publish_notice(work, row.id)
    except Refusal as no:
        values = page_values(code, "review")
        kept = {name: value for name, value in values.items() if name not in ("errors", "problem", "form")}
        return form_refused("trading/wizard/review.html", no, form=request.form, **kept)
    return redirect(url_for("trading.tender", code=code), code=303)
