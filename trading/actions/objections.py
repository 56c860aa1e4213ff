"""Objections (异议) and challenges (质疑): kept even when late, answered in time, holding the tender still.

Source: 招标投标法实施条例 第二十二条、第四十四条、第五十四条; 政府采购法 第五十二条、第五十三条.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from kernel import calendar as calendars
from kernel.calendar import Calendar
from kernel.errors import NotFound, NotNow, NotValid
from kernel.rulebook import Rulebook
from kernel.work import Work
from trading import facts
from trading.actions.clarifications import require_text
from trading.actions.lots import open_objections, resume_tender, suspend_tender
from trading.actions.notices import law_of, publish_text
from trading.models import Lot, Objection, Tender
from trading.rights import OBJECT, OBJECTION_ANSWER
from trading.rules import objections as rules
from trading.rules.lifecycle import Move, Stage
from trading.rules.objections import Effect, Matter, Window

MATTERS = (Matter.DOCUMENTS, Matter.OPENING, Matter.RESULT)


def file_objection(
    work: Work,
    tender_id: UUID,
    *,
    matter: str,
    text: str,
    lot_id: UUID | None = None,
    in_time: bool | None = None,
) -> Objection:
    """File an objection. In time, it suspends the tender until it is answered; late, it is kept and marked.

    Args:
        in_time: given by a room above that knows better (the opening hall); computed from the law otherwise.

    Raises:
        NotValid: ``objection_matter``, ``text_missing``. NotNow: ``objection_too_early``.
    """
    work.require(OBJECT)
    tender = work.lock(Tender, tender_id)
    if tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    if matter not in MATTERS:
        raise NotValid("objection_matter", field="matter", choices=list(MATTERS))
    text, about = require_text(text, "text"), Matter(matter)
    lot = work.lock(Lot, lot_id) if lot_id else None
    law, calendar = law_of(tender, work.now), calendars.official()
    filing = rules.file(law, about, _window(law, calendar, tender, lot, about), work.now, calendar=calendar)
    timely = filing.in_time if in_time is None else in_time
    assert work.actor.org_id is not None
    objection = work.add(
        Objection(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot_id,
            org_id=work.actor.org_id,
            matter=matter,
            text=text,
            in_time=timely,
            filed_at=work.now,
            due_at=filing.answer.due_at,
        )
    )
    recorded = work.record(
        facts.ObjectionFiled(
            subject=tender.id,
            tender=tender.code,
            objection=objection.id,
            matter=matter,
            in_time=timely,
            due_at=objection.due_at,
            text_digest=hashlib.sha256(text.encode()).hexdigest(),
            objector=work.actor.org_id,
        )
    )
    objection.record_id = recorded.record_id
    if rules.effect(law, about, in_time=timely) in (Effect.SUSPEND, Effect.HOLD_CONTRACT):
        suspend_tender(work, tender.id, "objection", by_law=True)
    return objection


def _window(law: Rulebook, calendar: Calendar, tender: Tender, lot: Lot | None, matter: Matter) -> Window:
    """Until when an objection is in time, counted from the instants this tender stored."""
    if matter is not Matter.RESULT:
        return rules.window(
            law,
            matter,
            calendar=calendar,
            closes_at=tender.bids_close_at,
            anchor_at=tender.documents_until_at,
        )
    ends = [one.standstill_until_at for one in ([lot] if lot else tender.lots) if one.standstill_until_at]
    if not ends:
        raise NotNow("objection_too_early", source="实施条例 第五十四条")
    return rules.window(law, matter, calendar=calendar, anchor_at=max(ends), ends_at=max(ends))


def answer_objection(work: Work, objection_id: UUID, answer: str, *, upheld: bool) -> Objection:
    """Answer in writing and publish. The last open objection's answer lets the tender go on.

    An upheld objection to the result sends its lots back to evaluation.

    Raises:
        NotNow: ``already_answered``. NotValid: ``text_missing``.
    """
    objection = work.lock(Objection, objection_id)
    tender = work.get(Tender, objection.tender_id, to=OBJECTION_ANSWER)
    if objection.answered_at is not None:
        raise NotNow("already_answered")
    answer = require_text(answer, "answer")
    objection.answer, objection.upheld, objection.answered_at = answer, upheld, work.now
    work.record(
        facts.ObjectionAnswered(
            subject=tender.id,
            tender=tender.code,
            objection=objection.id,
            upheld=upheld,
            digest=hashlib.sha256(answer.encode()).hexdigest(),
        )
    )
    publish_text(
        work,
        tender,
        kind="objection",
        title=f"{tender.title} 异议答复",
        body={"matter": objection.matter, "text": objection.text, "answer": answer, "upheld": upheld},
    )
    if tender.suspended_at is not None and tender.suspended_for == "objection":
        if open_objections(work.session, tender.id):
            return objection  # everything stands still until the last answer; it acts on all that were upheld
        since = tender.suspended_at
        resume_tender(work, tender.id, by_law=True)
        for one in _upheld_since(work, tender, since):
            _reopen(work, tender, one)
    elif upheld and objection.matter == "result":
        _reopen(work, tender, objection)
    return objection


def _upheld_since(work: Work, tender: Tender, since: datetime) -> list[Objection]:
    """Objections to the result that were found right while the tender stood still."""
    work.session.flush()
    return work.scalars(
        sa.select(Objection)
        .where(
            Objection.tender_id == tender.id,
            Objection.matter == "result",
            Objection.upheld.is_(True),
            Objection.answered_at >= since,
        )
        .order_by(Objection.filed_at, Objection.id)
    )


def _reopen(work: Work, tender: Tender, objection: Objection) -> None:
    from trading.actions.lots import move_lot

    for lot in tender.lots:
        chosen = objection.lot_id in (None, lot.id)
        if chosen and lot.stage in (Stage.STANDSTILL, Stage.AWARDED):
            lot.standstill_until_at = None
            move_lot(work, lot.id, Move.EVALUATE, reason="objection_upheld")
