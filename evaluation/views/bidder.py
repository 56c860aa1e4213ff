"""A bidder after the opening: explain a low price, read the own result, take the award letter."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for

from evaluation import desks, queries
from evaluation.actions import awards, review
from evaluation.desks import OwnLine
from evaluation.forms import Explanation
from evaluation.report_view import report_view
from evaluation.views.doors import Page, attachment, names_of, views
from kernel import documents
from kernel.errors import NotFound, Refusal
from kernel.i18n import gettext
from kernel.rights import Role
from kernel.web import begin, form_refused, me, parse_form, platform, read, signed_in
from trading.terms import parse_terms


@views.get("/desk/results")
@signed_in(Role.BIDDER)
def my_results() -> Page:
    who = me()
    with read() as session:
        lines = desks.my_results(session, who.org_id) if who.org_id else []
    return render_template("evaluation/results.html", lines=lines, now=platform().outside.clock.now())


@views.get("/desk/results/<bid>")
@signed_in(Role.BIDDER)
def my_result(bid: str) -> Page:
    """The own score, rank and grounds; nobody else's.

    Source: 政府采购货物和服务招标投标管理办法 第六十九条.
    """
    with read() as session:
        line = desks.own_line(session, bid, me())
        report = queries.reports_of(session, line.tender.id).get(line.lot.id)
        if not line.decided or report is None:
            raise NotFound("not_found", thing="result", id=bid)
        own = awards.own_result(report, bid)
        place = next(one for one in _lines(report.body) if one.bid == bid)
        names = names_of(parse_terms(report.body["terms"]))
    return render_template(
        "evaluation/result.html",
        line=line,
        own=own,
        place=place,
        names=names,
        report=report,
        body=report.body,
    )


def _lines(body: dict[str, Any]) -> list[Any]:
    view = report_view(body)
    return [*view.lines, *view.rejected]


@views.get("/desk/results/<bid>/award-letter.pdf")
@signed_in(Role.BIDDER)
def award_letter(bid: str) -> Page:
    """The award letter, for the winner."""
    with read() as session:
        line = desks.own_line(session, bid, me())
    if line.award is None or not line.award.letter_sha256:
        raise NotFound("not_found", thing="letter", id=bid)
    data = documents.load(platform().outside.blobs, line.award.letter_sha256)
    return attachment(data, f"{line.tender.code}-{line.lot.number}-award-letter.pdf", "application/pdf")


def _asked(bid: str) -> OwnLine:
    with read() as session:
        line = desks.own_line(session, bid, me())
    if line.asked is None:
        raise NotFound("not_found", thing="abnormal_review", id=bid)
    return line


@views.get("/desk/results/<bid>/explanation")
@signed_in(Role.BIDDER)
def explanation(bid: str) -> Page:
    line = _asked(bid)
    now = platform().outside.clock.now()
    return render_template("evaluation/explain.html", line=line, now=now, form={}, errors={}, problem=None)


@views.post("/desk/results/<bid>/explanation")
@signed_in(Role.BIDDER)
def explain(bid: str) -> Page:
    """A written explanation of an abnormally low price, before its time runs out. Source: 财库〔2026〕2号."""
    line = _asked(bid)
    try:
        form = parse_form(Explanation)
        with begin() as work:
            review.explain_price(work, line.bid.id, form.text)
    except Refusal as no:
        return form_refused("evaluation/explain.html", no, line=line, now=platform().outside.clock.now())
    flash(gettext("Your explanation has reached the panel."), "success")
    return redirect(url_for("evaluation.my_results"), code=303)
