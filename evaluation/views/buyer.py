"""The buyer after the opening: who represents him, the panel without names, candidates, standstill, award."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from evaluation import desks, queries
from evaluation.actions import awards, panels, pools, price_only
from evaluation.forms import AwardForm, Certain, Enlarging, Representative, passed_over
from evaluation.views.doors import Page, views
from kernel.errors import NotFound, NotNow, Refusal
from kernel.i18n import gettext
from kernel.identity.queries import english_names
from kernel.money import Money
from kernel.rights import Role
from kernel.web import begin, form_refused, me, parse_form, platform, read, signed_in
from trading.actions import lapses_of
from trading.actions.notices import law_of
from trading.models import Notice
from trading.rules.lifecycle import Stage


@views.get("/desk/evaluations")
@signed_in(Role.BUYER, Role.AGENT)
def my_evaluations() -> Page:
    who = me()
    with read() as session:
        lines = desks.run_evaluations(session, who.org_id) if who.org_id else []
    return render_template("evaluation/evaluations.html", lines=lines)


def _values(code: str) -> dict[str, Any]:
    now = platform().outside.clock.now()
    with read() as session:
        tender = queries.run_tender(session, code, me())
        law = law_of(tender, now)
        lots = desks.lot_desks(session, tender)
        reports = [desk.report.body for desk in lots if desk.report is not None]
        return {
            "tender": tender,
            "panel": desks.panel_state(session, tender),
            "colleagues": desks.colleagues(session, tender),
            "lots": lots,
            "english": english_names(session, [one["bidder"] for body in reports for one in body["bids"]]),
            "law": law,
            "procurement": law.regime == "GP",
            "publicity": law.get("candidate_publicity_days_min") or law.get("result_notice_period_days"),
            "price_only": tender.terms.get("method") == "lowest_price",
            "notices": {
                (notice.lot_id, notice.kind): notice
                for notice in session.scalars(
                    sa.select(Notice)
                    .where(Notice.tender_id == tender.id, Notice.kind.in_(("candidates", "result")))
                    .order_by(Notice.published_at)
                ).unique()
            },
            "now": now,
        }


@views.get("/desk/tenders/<code>/evaluation")
@signed_in(Role.BUYER, Role.AGENT)
def buyer_desk(code: str) -> Page:
    return render_template("evaluation/buyer.html", form={}, errors={}, problem=None, **_values(code))


def _back(code: str) -> Page:
    return redirect(url_for("evaluation.buyer_desk", code=code), code=303)


@views.post("/desk/tenders/<code>/evaluation/representatives")
@signed_in(Role.BUYER, Role.AGENT)
def name_representative(code: str) -> Page:
    values = _values(code)
    try:
        form = parse_form(Representative)
        with begin() as work:
            panels.name_representative(work, values["tender"].id, form.person)
    except Refusal as no:
        return form_refused("evaluation/buyer.html", no, **values)
    flash(gettext("The representative is named and invited."), "success")
    return _back(code)


@views.post("/desk/tenders/<code>/evaluation/pool")
@signed_in(Role.BUYER, Role.AGENT)
def enlarge_pool(code: str) -> Page:
    """The pool is used up: open the reserve of related fields and draw at once."""
    values = _values(code)
    try:
        form = parse_form(Enlarging)
        with begin() as work:
            pools.enlarge_pool(work, values["tender"].id, form.fields, form.reason)
    except Refusal as no:
        return form_refused("evaluation/buyer.html", no, **values)
    flash(gettext("The reserve is drawn and the next experts are invited."), "success")
    return _back(code)


@views.post("/desk/tenders/<code>/evaluation/lots/<int:number>/conclude")
@signed_in(Role.BUYER, Role.AGENT)
def conclude_by_price(code: str, number: int) -> Page:
    """Where the price alone decides: judge the opened prices."""
    values = _values(code)
    try:
        parse_form(Certain)
        lot = queries.lot_by_number(values["tender"], number)
        with begin() as work:
            price_only.conclude_by_price(work, lot.id)
    except Refusal as no:
        return form_refused("evaluation/buyer.html", no, **values)
    flash(gettext("The prices are judged and the report is delivered."), "success")
    return _back(code)


@views.post("/desk/tenders/<code>/evaluation/lots/<int:number>/candidates")
@signed_in(Role.BUYER, Role.AGENT)
def publish_candidates(code: str, number: int) -> Page:
    values = _values(code)
    try:
        parse_form(Certain)
        lot = queries.lot_by_number(values["tender"], number)
        with begin() as work:
            awards.publish_candidates(work, lot.id)
    except Refusal as no:
        return form_refused("evaluation/buyer.html", no, **values)
    flash(gettext("The candidates are published; the publicity period runs."), "success")
    return _back(code)


def _award_values(code: str, number: int) -> dict[str, Any]:
    values = _values(code)
    desk = next((one for one in values["lots"] if one.lot.number == number), None)
    if desk is None:
        raise NotFound("not_found", thing="lot", id=str(number))
    if not desk.delivered or desk.lot.stage not in (Stage.EVALUATION, Stage.STANDSTILL):
        raise NotNow("wrong_stage", stage=desk.lot.stage, move="confirm_award")
    assert desk.report is not None
    with read() as session:
        gone = {one.bid for one in lapses_of(session, desk.lot.id)}
    candidates = [c for c in desk.report.body["candidates"] if c["bid"] not in gone]
    if not candidates:
        raise NotNow("no_candidate_left", source="实施条例 第五十五条")
    typed = request.values.get("bid", "")
    chosen = next((c for c in candidates if c["bid"] == typed), candidates[0])
    better = [c for c in candidates if c["rank"] < chosen["rank"]]
    return values | {
        "desk": desk,
        "candidates": candidates,
        "chosen": chosen,
        "price": Money.from_yuan(chosen["price"]),
        "better": better,
        "running": desk.lot.standstill_until_at is not None and values["now"] < desk.lot.standstill_until_at,
    }


@views.get("/desk/tenders/<code>/evaluation/lots/<int:number>/award")
@signed_in(Role.BUYER, Role.AGENT)
def award_page(code: str, number: int) -> Page:
    """Review before the award: the amount in digits and capitals, and reasons for whoever is passed over."""
    values = _award_values(code, number)
    return render_template("evaluation/award.html", form={}, errors={}, problem=None, **values)


@views.post("/desk/tenders/<code>/evaluation/lots/<int:number>/award")
@signed_in(Role.BUYER, Role.AGENT)
def confirm_award(code: str, number: int) -> Page:
    values = _award_values(code, number)
    try:
        reasons = passed_over(request.form, [c["bid"] for c in values["better"]])
        form = parse_form(
            AwardForm, MultiDict((name, request.form.get(name, "")) for name in ("bid", "certain"))
        )
        with begin() as work:
            awards.confirm_award(work, values["desk"].lot.id, bid=form.bid, passed_over=reasons)
    except Refusal as no:
        return form_refused("evaluation/award.html", no, **values)
    flash(
        gettext("The award is decided: letter, result notice and everybody's own result are out."), "success"
    )
    return _back(code)
