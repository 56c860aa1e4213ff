"""The contract of a lot: for its two parties to draft, sign, file or let lapse, and for everybody to read."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for

from kernel import documents
from kernel.errors import NotValid, Refusal
from kernel.i18n import gettext
from kernel.identity.signing import sign_request
from kernel.rights import Role
from kernel.web import begin, form_refused, me, parse_form, platform, public, read, signed_in
from kernel.web.files import disposition
from trading import actions
from trading.actions.contracts import SIGNED_AS, ContractDraft
from trading.contract_desk import contract_desk, contract_lines, public_contract
from trading.forms import ContractFiling, ContractForm, ContractSignature, Lapse
from trading.views.doors import Page, views

PARTIES = (Role.BUYER, Role.AGENT, Role.BIDDER)


@views.get("/desk/contracts")
@signed_in(*PARTIES)
def my_contracts() -> Page:
    now = platform().outside.clock.now()
    with read() as session:
        lines = contract_lines(session, me(), now)
    return render_template("trading/contracts.html", lines=lines, now=now)


def _values(code: str, number: int) -> dict[str, Any]:
    who, now = me(), platform().outside.clock.now()
    with read() as session:
        desk = contract_desk(session, code, number, who, now)
        sign = None
        if desk.may_sign and desk.contract is not None and who.person_id is not None:
            settings = platform().settings
            sign = json.dumps(sign_request(session, settings, who.person_id, SIGNED_AS, desk.contract.body))
    return {"desk": desk, "tender": desk.tender, "lot": desk.lot, "now": now, "sign": sign, "at": ""}


@views.get("/desk/tenders/<code>/lots/<int:number>/contract")
@signed_in(*PARTIES)
def contract(code: str, number: int) -> Page:
    return render_template("trading/contract.html", form={}, errors={}, problem=None, **_values(code, number))


def _again(code: str, number: int, no: Refusal, at: str) -> Page:
    return form_refused("trading/contract.html", no, **(_values(code, number) | {"at": at}))


def _back(code: str, number: int) -> Page:
    return redirect(url_for("trading.contract", code=code, number=number), code=303)


@views.post("/desk/tenders/<code>/lots/<int:number>/contract")
@signed_in(Role.BUYER, Role.AGENT)
def draft_contract(code: str, number: int) -> Page:
    lot_id = _values(code, number)["lot"].id
    try:
        form = parse_form(ContractForm)
        draft = ContractDraft(
            supplier=form.supplier, price=form.price, performance_bond=form.performance_bond
        )
        with begin() as work:
            actions.draft_contract(work, lot_id, draft)
    except Refusal as no:
        return _again(code, number, no, "draft")
    flash(gettext("The contract is drafted; both parties can sign it now."), "success")
    return _back(code, number)


@views.post("/desk/tenders/<code>/lots/<int:number>/contract/sign")
@signed_in(*PARTIES)
def sign_contract(code: str, number: int) -> Page:
    drafted = _values(code, number)["desk"].contract
    try:
        form = parse_form(ContractSignature)
        if drafted is None or drafted.digest != form.digest:
            raise NotValid("contract_changed", field="digest")
        with begin() as work:
            made = actions.sign_contract(work, drafted.id, _signature(form.signature))
    except Refusal as no:
        return _again(code, number, no, "sign")
    if made.state == "signed":
        flash(gettext("Both parties have signed. The contract is made and published."), "success")
    else:
        flash(gettext("Your signature is recorded. The other party's is awaited."), "success")
    return _back(code, number)


def _signature(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as no:
        raise NotValid("signature_wrong", source="sealing §10", field="signature", why="not_json") from no


@views.post("/desk/tenders/<code>/lots/<int:number>/contract/file")
@signed_in(Role.BUYER, Role.AGENT)
def file_contract(code: str, number: int) -> Page:
    signed = _values(code, number)["desk"].contract
    try:
        form = parse_form(ContractFiling)
        if signed is None:
            raise NotValid("contract_changed", field="filing_no")
        with begin() as work:
            actions.file_contract(work, signed.id, form.filing_no)
    except Refusal as no:
        return _again(code, number, no, "file")
    flash(gettext("The filing number is recorded."), "success")
    return _back(code, number)


@views.post("/desk/tenders/<code>/lots/<int:number>/contract/refuse")
@signed_in(Role.BIDDER)
def refuse_award(code: str, number: int) -> Page:
    """The winner says that he does not sign."""
    lot_id = _values(code, number)["lot"].id
    try:
        form = parse_form(Lapse)
        with begin() as work:
            actions.refuse_award(work, lot_id, form.reason)
    except Refusal as no:
        return _again(code, number, no, "refuse")
    flash(gettext("Your refusal is recorded. The award has lapsed."), "success")
    return redirect(url_for("trading.my_contracts"), code=303)


@views.post("/desk/tenders/<code>/lots/<int:number>/contract/lapse")
@signed_in(Role.BUYER, Role.AGENT)
def lapse_award(code: str, number: int) -> Page:
    """The buyer states that the winner let the term pass."""
    lot_id = _values(code, number)["lot"].id
    try:
        form = parse_form(Lapse)
        with begin() as work:
            actions.lapse_award(work, lot_id, form.reason)
    except Refusal as no:
        return _again(code, number, no, "lapse")
    flash(gettext("The award has lapsed. Decide on the next candidate, or tender again."), "success")
    return _back(code, number)


@views.post("/desk/tenders/<code>/lots/<int:number>/contract/give-up")
@signed_in(Role.BUYER, Role.AGENT)
def give_up_lot(code: str, number: int) -> Page:
    """No next candidate: the lot fails and is tendered again."""
    lot_id = _values(code, number)["lot"].id
    try:
        form = parse_form(Lapse)
        with begin() as work:
            actions.give_up_lot(work, lot_id, form.reason)
    except Refusal as no:
        return _again(code, number, no, "give_up")
    flash(gettext("The lot has failed. It can be tendered again."), "success")
    return redirect(url_for("trading.tender", code=code), code=303)


# ---- for everybody ----------------------------------------


@views.get("/tenders/<code>/lots/<int:number>/contract")
@public
def shown_contract(code: str, number: int) -> Page:
    """A signed contract. Source: 政府采购法实施条例 第五十条."""
    with read() as session:
        found = public_contract(session, code, number)
    return render_template(
        "trading/contract_public.html",
        found=found,
        base_url=platform().settings.base_url,
    )


@views.get("/tenders/<code>/lots/<int:number>/contract.<any(pdf, json):ending>")
@public
def contract_file(code: str, number: int, ending: str) -> Page:
    """The print, or the signed text itself, whose SHA-256 stands in the log."""
    with read() as session:
        signed = public_contract(session, code, number).contract
    sha256 = signed.pdf_sha256 if ending == "pdf" else signed.document_sha256
    data = documents.load(platform().outside.blobs, sha256 or "")
    response = Response(data, mimetype="application/pdf" if ending == "pdf" else "application/json")
    response.headers["Content-Disposition"] = disposition(f"{signed.number}.{ending}")
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.set_etag(sha256 or "")
    return response.make_conditional(request)
