"""The evaluation room: review, explanations, votes, score sheets. It exists for committed members only."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from bidding import bond_words
from bidding.models import Bid, OpenedFile
from evaluation import facts, queries
from evaluation.actions import review, scoring
from evaluation.actions.bonds import PAGE, bond_item, bond_of, proposed_reason
from evaluation.actions.panels import terms_of
from evaluation.forms import Signed, Vote, review_answers, sheet_scores, signature_of
from evaluation.models import ScoreSheet
from evaluation.queries import BidTab, Desk
from evaluation.rights import REVIEW_VOTE
from evaluation.rules.rejection import Ground, source_of
from evaluation.rules.scoring import needs_reason
from evaluation.views.doors import Page, attachment, names_of, views, wants_json
from kernel.errors import NotFound, Refusal
from kernel.facts import rfc3339
from kernel.i18n import gettext
from kernel.identity.signing import sign_request
from kernel.outside import BlobStore
from kernel.web import begin, form_refused, me, parse_form, platform, read, signed_in
from trading.models import Tender
from trading.terms import Terms


@views.get("/evaluation/<code>")
@signed_in
def room(code: str) -> Page:
    return render_template("evaluation/room.html", form={}, errors={}, problem=None, **_values(code))


def _values(code: str, chosen: str = "") -> dict[str, Any]:
    """Everything on one member's screen; ``?bid=T-01`` chooses a bid, else the first that is due."""
    who = me()
    assert who.person_id is not None
    with read() as session:
        tender = queries.tender_by_code(session, code)
        panel, member = queries.member_of(session, tender, who)
        desk = queries.desk_of(session, tender, panel, member)
        tab = _chosen(desk, chosen or request.args.get("bid", ""))
        terms = terms_of(tender)
        return {
            "tender": tender,
            "panel": panel,
            "member": member,
            "desk": desk,
            "tab": tab,
            "bid": (bid := queries.bid_desk(session, member, tab) if tab else None),
            "bond": _bond(session, tender, terms, tab),
            "bonds": bond_words,
            "drafted": _drafted(terms, bid.sheet if bid else None),
            "terms": terms,
            "names": names_of(terms),
            "bands": bands_of(terms),
            "progress": queries.progress_of(session, tender, panel, desk, who.person_id),
            "now": platform().outside.clock.now(),
        }


def _bond(session: Session, tender: Tender, terms: Terms, tab: BidTab | None) -> dict[str, Any] | None:
    """How the bond of a bid stands, beside the item that is about it."""
    item = bond_item(terms)
    if item is None or tab is None:
        return None
    bid = session.get_one(Bid, tab.bid_id)
    found = bond_of(session, tender, bid, platform().outside.clock.now())
    assert found is not None, "an item about the bond stands only where one is asked"
    return {
        "item": item.id,
        "lodged": found,
        "page": PAGE,
        "reason": proposed_reason(found.standing),
        "source": source_of(Ground.BOND),
    }


def _chosen(desk: Desk, code: str) -> BidTab | None:
    if code:
        return desk.tab(code)
    return next((tab for tab in desk.tabs if tab.due), desk.tabs[0] if desk.tabs else None)


def _drafted(terms: Terms, sheet: ScoreSheet | None) -> dict[str, Any]:
    """Points and number of criteria on a sheet so far, and the most it can hold."""
    given = [one for one in (sheet.scores if sheet else {}).values() if one.get("score")]
    return {
        "points": f"{scoring.draft_total(sheet) if sheet else Decimal(0):.2f}",
        "done": len(given),
        "full": _short(sum((Decimal(factor.max) for factor in terms.factors), Decimal(0))),
    }


def bands_of(terms: Terms) -> dict[str, list[tuple[str, str]]]:
    """Hints for orientation: grade and range of points, by factor; nothing is decided by them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for factor in terms.factors:
        full = Decimal(factor.max)
        cuts = [full, full * 9 / 10, full * 3 / 4, full * 3 / 5, Decimal(0)]
        words = (gettext("Excellent"), gettext("Good"), gettext("Fair"), gettext("Poor"))
        found[factor.id] = [
            (word, f"{_short(cuts[n + 1])}–{_short(cuts[n])}") for n, word in enumerate(words)
        ]
    return found


def _short(value: Any) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text or "0"


def _find(session: Session, code: str, blind: str) -> tuple[Tender, Any, Any, BidTab]:
    tender = queries.tender_by_code(session, code)
    panel, member = queries.member_of(session, tender, me())
    return tender, panel, member, queries.desk_of(session, tender, panel, member).tab(blind)


def _onward(code: str, blind: str = "") -> Page:
    """To the next bid that is due, or stay with this one."""
    return redirect(url_for("evaluation.room", code=code, bid=blind or None), code=303)


@views.get("/evaluation/<code>/bids/<blind>/files/<uuid:file_id>")
@signed_in
def bid_file(code: str, blind: str, file_id: UUID) -> Page:
    """A file of an opened bid, as an attachment; who took it and when is noted.

    Source: 招标投标法 第三十八条 (evaluation in strict secrecy).
    """
    with read() as session:
        _tender, panel, member, tab = _find(session, code, blind)
        line = next((one for one in queries.files_of(session, tab) if one.id == file_id), None)
        if line is None:
            raise NotFound("not_found", thing="file", id=str(file_id))
        row = session.get_one(OpenedFile, file_id)
        bid_code = session.get_one(Bid, tab.bid_id).code
    data = _quarantined(platform().outside.blobs, row.blob)
    with begin() as work:
        work.require(REVIEW_VOTE, member)
        work.record(
            facts.BidFileRead(
                subject=member.tender_id,
                tender=code,
                panel=panel.id,
                number=member.number,
                bid=bid_code,
                sha256=row.sha256,
            )
        )
    return attachment(data, line.name)


def _quarantined(blobs: BlobStore, key: str) -> bytes:
    data = blobs.get(key)
    if data is None:
        raise NotFound("file_missing", sha256=key)
    return data


@views.post("/evaluation/<code>/bids/<blind>/review")
@signed_in
def vote_review(code: str, blind: str) -> Page:
    values = _values(code, blind)
    try:
        answers = review_answers(values["terms"], request.form)
        with begin() as work:
            review.vote_review(work, values["member"].id, values["tab"].bid_id, answers)
    except Refusal as no:
        return form_refused("evaluation/room.html", no, **values)
    flash(gettext("Your review of %(code)s is recorded.", code=blind), "success")
    return _onward(code)


@views.post("/evaluation/<code>/bids/<blind>/explanation")
@signed_in
def judge(code: str, blind: str) -> Page:
    """One member's vote on the explanation of an abnormally low price."""
    values = _values(code, blind)
    try:
        form = parse_form(Vote)
        with begin() as work:
            review.judge_explanation(
                work, values["member"].id, values["tab"].bid_id, convincing=form.answer == "yes"
            )
    except Refusal as no:
        return form_refused("evaluation/room.html", no, **values)
    flash(gettext("Your vote is recorded."), "success")
    return _onward(code)


@views.post("/evaluation/<code>/lots/<int:number>/competition")
@signed_in
def vote_competition(code: str, number: int) -> Page:
    """Fewer than three bids remain: does competition clearly lack?"""
    values = _values(code)
    try:
        form = parse_form(Vote)
        lot = queries.lot_by_number(values["tender"], number)
        with begin() as work:
            review.vote_competition(work, values["member"].id, lot.id, lacking=form.answer == "yes")
    except Refusal as no:
        return form_refused("evaluation/room.html", no, **values)
    flash(gettext("Your vote is recorded."), "success")
    return _onward(code)


@views.post("/evaluation/<code>/bids/<blind>/sheet")
@signed_in
def save_sheet(code: str, blind: str) -> Page:
    """Keep a draft; ``then=lock`` goes on to the page where it is locked and signed."""
    values = _values(code, blind)
    try:
        scores = sheet_scores(values["terms"], request.form)
        with begin() as work:
            sheet = scoring.save_sheet(work, values["member"].id, values["tab"].bid_id, scores)
            saved_at = sheet.saved_at
    except Refusal as no:
        if wants_json():
            raise
        return form_refused("evaluation/room.html", no, **values)
    if wants_json():
        return jsonify(saved_at=rfc3339(saved_at))
    if request.form.get("then") == "lock":
        return redirect(url_for("evaluation.lock_page", code=code, blind=blind), code=303)
    flash(gettext("The draft of %(code)s is saved.", code=blind), "success")
    return _onward(code, blind)


@views.get("/evaluation/<code>/bids/<blind>/lock")
@signed_in
def lock_page(code: str, blind: str) -> Page:
    return render_template(
        "evaluation/lock.html", form={}, errors={}, problem=None, **_lock_values(code, blind)
    )


def _lock_values(code: str, blind: str) -> dict[str, Any]:
    values = _values(code, blind)
    sheet = values["bid"].sheet
    if sheet is None:
        raise NotFound("not_found", thing="sheet", id=blind)
    who = me()
    assert who.person_id is not None
    with read() as session:
        body = scoring.sheet_body(session, sheet)
        request_ = sign_request(session, platform().settings, who.person_id, "score-sheet", body)
    gaps = lacking(values["terms"], sheet.scores)
    total = scoring.draft_total(sheet)
    return values | {"sheet": sheet, "body": body, "sign": json.dumps(request_), "gaps": gaps, "total": total}


def lacking(terms: Terms, scores: dict[str, Any]) -> list[tuple[str, str]]:
    """What keeps a sheet from being locked: (factor, ``score`` or ``note``)."""
    gaps = []
    for factor in terms.factors:
        given = scores.get(factor.id, {})
        if not given.get("score"):
            gaps.append((factor.id, "score"))
        elif (
            factor.kind != "objective"
            and needs_reason(Decimal(given["score"]), Decimal(factor.max))
            and not given.get("note", "").strip()
        ):
            gaps.append((factor.id, "note"))
    return gaps


@views.post("/evaluation/<code>/bids/<blind>/lock")
@signed_in
def lock_sheet(code: str, blind: str) -> Page:
    values = _lock_values(code, blind)
    try:
        form = parse_form(Signed)
        with begin() as work:
            scoring.lock_sheet(work, values["sheet"].id, signature_of(form.signature))
    except Refusal as no:
        return form_refused("evaluation/lock.html", no, **values)
    flash(gettext("The sheet of %(code)s is locked and signed.", code=blind), "success")
    return _onward(code)
