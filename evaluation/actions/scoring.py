"""Scoring: drafts are a member's own, a lock is final and signed, nobody sees another's before his own lock.

Source: spec rules §2.9, V-11…V-13; 招标投标法 第四十四条.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid
from evaluation import facts
from evaluation.actions.panels import committed, lots_in_evaluation, require_panel, terms_of
from evaluation.actions.review import (
    current_report,
    needs_competition_vote,
    open_abnormal,
    valid_verdicts,
)
from evaluation.blind import codes_of
from evaluation.models import Panel, Panelist, ScoreSheet
from evaluation.rights import SHEET_WRITE
from evaluation.rules import scoring as rules
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.signing import require_signature
from kernel.work import Work
from trading.models import Lot, Tender
from trading.terms import Terms

SCORED = ("comprehensive", "gp_scoring")


def factors_of(terms: Terms) -> list[rules.Factor]:
    """The printed criteria that members score."""
    return [
        rules.Factor(code=f.id, full=Decimal(f.max), objective=f.kind == "objective") for f in terms.factors
    ]


def save_sheet(
    work: Work, panelist_id: UUID, bid_id: UUID, scores: Mapping[str, Mapping[str, str]]
) -> ScoreSheet:
    """Keep a draft; incomplete is fine, out of range is not.

    Args:
        scores: factor id → ``{"score": decimal string or "", "note", "page"}``.

    Raises:
        NotNow: ``not_scoring``, ``sheet_locked``. NotValid: ``criterion_not_printed``, ``out_of_range``, ``score_number``.
    """
    member, panel, tender = _scoring(work, panelist_id)
    lot = _scored_lot(work, tender, bid_id)
    sheet = sheet_of(work.session, member.id, bid_id)
    if sheet is not None and sheet.locked_at is not None:
        raise NotNow("sheet_locked", source="spec rules V-12")
    kept = _parsed(terms_of(tender), scores)
    if sheet is None:
        sheet = work.add(
            ScoreSheet(
                id=work.new_id(),
                tender_id=tender.id,
                lot_id=lot.id,
                panelist_id=member.id,
                bid_id=bid_id,
                scores=kept,
                saved_at=work.now,
            )
        )
    else:
        sheet.scores, sheet.saved_at = kept, work.now
    bid = work.session.get_one(Bid, bid_id)
    work.record(
        facts.SheetSaved(
            subject=tender.id, tender=tender.code, panel=panel.id, number=member.number, bid=bid.code
        )
    )
    return sheet


def sheet_body(session: Session, sheet: ScoreSheet) -> dict[str, Any]:
    """What a member signs (type ``score-sheet``) when locking."""
    return sheet_as_signed(
        tender=session.get_one(Tender, sheet.tender_id).code,
        lot=session.get_one(Lot, sheet.lot_id).number,
        bid=session.get_one(Bid, sheet.bid_id).code,
        member=session.get_one(Panelist, sheet.panelist_id).number,
        scores=sheet.scores,
    )


def sheet_as_signed(
    *, tender: str, lot: int, bid: str, member: int, scores: dict[str, Any]
) -> dict[str, Any]:
    """The signed document of a sheet, from the codes and numbers that it names."""
    return {"v": 1, "tender": tender, "lot": str(lot), "bid": bid, "member": member, "scores": scores}


def draft_total(sheet: ScoreSheet) -> Decimal:
    """The sum of the points on a sheet so far."""
    return sum((Decimal(one["score"]) for one in sheet.scores.values() if one.get("score")), Decimal(0))


def lock_sheet(work: Work, sheet_id: UUID, sig: object) -> ScoreSheet:
    """Lock a complete sheet with the member's signature. Locked twice is the same lock.

    Raises:
        NotValid: ``sheet_incomplete``, ``reason_missing`` (a subjective score below 60 % or above 95 %),
            ``signature_missing``, ``signature_wrong``.
    """
    sheet = work.lock(ScoreSheet, sheet_id)
    work.get(Panelist, sheet.panelist_id, to=SHEET_WRITE)
    if sheet.locked_at is not None:
        return sheet
    member, panel, tender = _scoring(work, sheet.panelist_id)
    terms = terms_of(tender)
    factors = factors_of(terms)
    points = {code: Decimal(given["score"]) for code, given in sheet.scores.items() if given.get("score")}
    bid = work.session.get_one(Bid, sheet.bid_id)
    rules.require_sound_sheet(rules.Sheet(str(member.number), bid.code, points), factors)
    for factor in factors:
        note = str(sheet.scores[factor.code].get("note", ""))
        if not factor.objective and rules.needs_reason(points[factor.code], factor.full) and not note.strip():
            raise NotValid("reason_missing", source="spec rules V-13", field=factor.code)
    body = sheet_body(work.session, sheet)
    signed = require_signature(
        work.session, work.platform.settings, work.actor.person_id, sig, "score-sheet", body
    )
    sheet.locked_at, sheet.sig = work.now, signed
    recorded = work.record(
        facts.SheetLocked(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            number=member.number,
            bid=bid.code,
            sheet=body,
        ),
        sig=None,
    )
    sheet.record_id = recorded.record_id
    work.session.flush()
    finish_if_locked(work, tender, panel)
    return sheet


def finish_if_locked(work: Work, tender: Tender, panel: Panel) -> None:
    """When nothing is left to decide or to score, make the reports."""
    from evaluation.actions.reports import make_report

    if panel.state != "scoring":
        return
    lots = [lot for lot in lots_in_evaluation(tender) if current_report(work.session, lot.id) is None]
    for lot in lots:
        waiting = open_abnormal(work.session, lot.id) or needs_competition_vote(
            work.session, tender, panel, lot
        )
        if waiting or not _all_locked(work.session, tender, panel, lot):
            return
    try:
        _require_equal_objective(work.session, tender, panel, lots)
    except NotValid as unequal:
        _unlock_unequal(work, tender, panel, unequal)
        return
    panel.state = "reporting" if lots else "finished"
    panel.version += 1
    for lot in lots:
        make_report(work, tender, panel, lot)


def _all_locked(session: Session, tender: Tender, panel: Panel, lot: Lot) -> bool:
    if terms_of(tender).method not in SCORED:
        return True
    wanted = len(valid_verdicts(session, lot.id)) * len(committed(panel))
    locked = session.scalar(
        sa.select(sa.func.count())
        .select_from(ScoreSheet)
        .join(Panelist, Panelist.id == ScoreSheet.panelist_id)
        .where(
            ScoreSheet.lot_id == lot.id,
            ScoreSheet.locked_at.is_not(None),
            Panelist.state == "committed",
            ScoreSheet.bid_id.in_([v.bid_id for v in valid_verdicts(session, lot.id)]),
        )
    )
    return wanted == locked


def _require_equal_objective(session: Session, tender: Tender, panel: Panel, lots: list[Lot]) -> None:
    """Objective criteria get the same points from everybody (spec rules CL-02)."""
    terms = terms_of(tender)
    factors, names = factors_of(terms), {one.id: one.name for one in terms.factors}
    for lot in lots:
        unequal = rules.unequal_objective(sheets_of(session, panel, lot), factors)
        if unequal:
            raise NotValid(
                "objective_unequal",
                source="政府采购货物和服务招标投标管理办法 第六十四条",
                pairs=[list(p) for p in unequal],
                items=sorted({names.get(code, code) for _, code in unequal}),
            )


def _unlock_unequal(work: Work, tender: Tender, panel: Panel, unequal: NotValid) -> None:
    """Unequal objective points are a listed ground to change scores: the sheets concerned open again."""
    codes = {pair[0] for pair in unequal.details["pairs"]}  # type: ignore[attr-defined]
    for sheet in work.scalars(sa.select(ScoreSheet).where(ScoreSheet.tender_id == tender.id)):
        bid = work.session.get_one(Bid, sheet.bid_id)
        if bid.code in codes and sheet.locked_at is not None:
            sheet.locked_at = sheet.sig = None
            member = work.session.get_one(Panelist, sheet.panelist_id)
            work.record(
                facts.SheetUnlocked(
                    subject=tender.id,
                    tender=tender.code,
                    panel=panel.id,
                    number=member.number,
                    bid=bid.code,
                    ground=rules.ChangeGround.UNEQUAL_OBJECTIVE,
                )
            )


def sheets_of(session: Session, panel: Panel, lot: Lot) -> list[rules.Sheet]:
    """All locked sheets of a lot as the rules take them."""
    numbers = {m.id: str(m.number) for m in committed(panel)}
    valid = {v.bid_id for v in valid_verdicts(session, lot.id)}
    codes = {bid.id: bid.code for bid in session.scalars(sa.select(Bid).where(Bid.lot_id == lot.id))}
    return [
        rules.Sheet(
            numbers[sheet.panelist_id],
            codes[sheet.bid_id],
            {code: Decimal(given["score"]) for code, given in sheet.scores.items()},
        )
        for sheet in session.scalars(
            sa.select(ScoreSheet)
            .where(ScoreSheet.lot_id == lot.id, ScoreSheet.locked_at.is_not(None))
            .order_by(ScoreSheet.bid_id, ScoreSheet.panelist_id)
        )
        if sheet.panelist_id in numbers and sheet.bid_id in valid
    ]


def sheet_of(session: Session, panelist_id: UUID, bid_id: UUID) -> ScoreSheet | None:
    return session.scalars(
        sa.select(ScoreSheet).where(ScoreSheet.panelist_id == panelist_id, ScoreSheet.bid_id == bid_id)
    ).one_or_none()


def _scoring(work: Work, panelist_id: UUID) -> tuple[Panelist, Panel, Tender]:
    member = work.get(Panelist, panelist_id, to=SHEET_WRITE)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    if panel.state != "scoring" or member.state != "committed":
        raise NotNow("not_scoring", state=panel.state)
    if terms_of(tender).method not in SCORED:
        raise NotNow("not_scoring", state=terms_of(tender).method)
    return member, panel, tender


def _scored_lot(work: Work, tender: Tender, bid_id: UUID) -> Lot:
    for lot in lots_in_evaluation(tender):
        if any(v.bid_id == bid_id for v in valid_verdicts(work.session, lot.id)):
            return lot
    raise NotFound("not_found", thing="bid", id=str(bid_id))


def _parsed(terms: Terms, scores: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    printed = {factor.code: factor for factor in factors_of(terms)}
    if strange := sorted(scores.keys() - printed.keys()):
        raise NotValid("criterion_not_printed", source="实施条例 第四十九条", factors=strange)
    kept: dict[str, Any] = {}
    for code, given in scores.items():
        text = str(given.get("score", "")).strip()
        if text:
            text = _points(code, text, printed[code])
        kept[code] = {
            "score": text,
            "note": str(given.get("note", ""))[:1000],
            "page": str(given.get("page", ""))[:40],
        }
    return kept


def _points(code: str, text: str, factor: rules.Factor) -> str:
    try:
        points = Decimal(text)
    except InvalidOperation as problem:
        raise NotValid("score_number", field=code) from problem
    if not points.is_finite() or not factor.least <= points <= factor.full:
        raise NotValid(
            "out_of_range", source="spec rules §2.9", field=code, least=factor.least, most=factor.full
        )
    if points != points.quantize(Decimal("0.01")):
        raise NotValid("too_many_decimals", source="spec rules §2.10", field=code)
    return f"{points:.2f}"


def code_of(session: Session, bid_id: UUID) -> str:
    """The blind code of a bid."""
    tender_id = session.scalars(sa.select(Bid.tender_id).where(Bid.id == bid_id)).one()
    return codes_of(session, tender_id)[bid_id]
