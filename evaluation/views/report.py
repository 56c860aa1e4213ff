"""The evaluation report: for members to sign, for the buyer to decide on, for the public to check."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for

from evaluation import queries
from evaluation.actions import reports
from evaluation.forms import Signed, signature_of
from evaluation.report_view import WIDTH, report_view
from evaluation.views.doors import Page, attachment, names_of, views
from kernel import documents
from kernel.errors import NotFound, Refusal
from kernel.i18n import gettext
from kernel.identity.queries import english_names
from kernel.identity.signing import sign_request
from kernel.web import actor, begin, form_refused, parse_form, platform, public, read, signed_in
from sealbid import jcs
from trading.rights import runs_tender
from trading.terms import parse_terms


def _values(code: str, number: int | None) -> dict[str, Any]:
    """A report as this reader may see it; the first lot that has one, unless a lot is named."""
    who = actor()
    with read() as session:
        tender = queries.tender_by_code(session, code)
        placed = queries.placed_reports(session, tender.id)
        found = {lot_id: report for lot_id, (report, _) in placed.items()}
        readable = []
        for lot in tender.lots:
            try:
                reader = queries.reader_of(session, tender, lot, found.get(lot.id), who)
            except NotFound:
                continue
            readable.append((lot, found[lot.id], reader))
        chosen = next((one for one in readable if number in (None, one[0].number)), None)
        if chosen is None:
            raise NotFound("not_found", thing="report", id=code)
        lot, report, reader = chosen
        terms = parse_terms(report.body["terms"])
        values = {
            "tender": tender,
            "lot": lot,
            "report": report,
            "reader": reader,
            "lots": [one[0] for one in readable],
            "body": report.body,
            "view": report_view(report.body),
            "names": names_of(terms),
            "width": WIDTH,
            "leaf": placed[lot.id][1],
            "english": english_names(session, [one["bidder"] for one in report.body["bids"]]),
            "seats": {str(m["number"]): m["seat"] for m in report.body["panel"]},
            "base_url": platform().settings.base_url,
            "runs": report.delivered_at is not None and runs_tender(who, tender),
            "sign": None,
            "unsigned": False,
        }
        member = reader.member
        if member is not None and who.person_id is not None:
            waiting = report.delivered_at is None and str(member.number) not in report.signatures
            values["unsigned"] = waiting
            dissent = request.values.get("dissent", "").strip()[:4000]
            if waiting:
                signing = reports.signing_body(report, member, dissent)
                request_ = sign_request(session, platform().settings, who.person_id, "report", signing)
                values |= {"signing": signing, "sign": json.dumps(request_), "dissent": dissent}
        return values


def _number() -> int | None:
    text = request.args.get("lot", "")
    return int(text) if text.isdecimal() and len(text) < 6 else None


@views.get("/evaluation/<code>/report")
@public
def report(code: str) -> Page:
    values = _values(code, _number())
    return render_template("evaluation/report.html", form={}, errors={}, problem=None, **values)


@views.post("/evaluation/<code>/report/<int:number>/dissent")
@signed_in
def prepare_dissent(code: str, number: int) -> Page:
    """Nothing is stored: the page comes again with the dissent inside what will be signed."""
    values = _values(code, number)
    if not values["unsigned"]:
        raise NotFound("not_found", thing="report", id=code)
    return render_template("evaluation/report.html", form={}, errors={}, problem=None, **values)


@views.post("/evaluation/<code>/report/<int:number>/sign")
@signed_in
def sign_report(code: str, number: int) -> Page:
    """The member's signature under the report, with a written dissent if there is one."""
    values = _values(code, number)
    member = values["reader"].member
    if member is None:
        raise NotFound("not_found", thing="report", id=code)
    try:
        form = parse_form(Signed)
        with begin() as work:
            reports.sign_report(
                work, values["report"].id, member.id, signature_of(form.signature), dissent=form.dissent
            )
    except Refusal as no:
        return form_refused("evaluation/report.html", no, **values)
    flash(gettext("You have signed the report."), "success")
    return redirect(url_for("evaluation.report", code=code, lot=number), code=303)


@views.get("/evaluation/<code>/report/<int:number>.pdf")
@public
def report_pdf(code: str, number: int) -> Page:
    """The report as the members signed it. All of it is for those inside; the public has its parts."""
    values = _values(code, number)
    if values["report"].pdf_sha256 is None or not values["reader"].inside:
        raise NotFound("not_found", thing="report", id=code)
    data = documents.load(platform().outside.blobs, values["report"].pdf_sha256)
    return attachment(data, f"{code}-{number}-report.pdf", "application/pdf")


@views.get("/evaluation/<code>/report/<int:number>.json")
@signed_in
def report_json(code: str, number: int) -> Page:
    """The canonical report: its SHA-256 is the digest that members signed."""
    values = _values(code, number)
    if not values["reader"].inside:
        raise NotFound("not_found", thing="report", id=code)
    response = Response(jcs.encode(values["body"]), mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename=f"{code}-{number}-report.json")
    return response
