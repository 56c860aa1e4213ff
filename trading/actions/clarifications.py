"""Questions of bidders, answers for everybody, and deadlines that move when an answer comes late."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from kernel import calendar as calendars
from kernel.errors import NotFound, NotNow, NotValid
from kernel.facts import plain
from kernel.work import Work
from trading import facts, procedures
from trading.actions.notices import law_of, publish_text
from trading.models import Question, Tender
from trading.rights import CLARIFY, QUESTION_ASK
from trading.rules.timetable import require_timely_clarification

TEXT_LENGTH_MAX = 4000


def ask_question(work: Work, tender_id: UUID, text: str) -> Question:
    """Ask about the documents. The buyer sees the question, nobody sees who asked.

    Source: 招标投标法 第二十二条、第二十三条.
    """
    work.require(QUESTION_ASK)
    tender = work.lock(Tender, tender_id)
    require_tendering(work, tender)
    text = require_text(text, "text")
    assert work.actor.org_id is not None
    question = work.add(
        Question(
            id=work.new_id(),
            tender_id=tender.id,
            org_id=work.actor.org_id,
            text=text,
            asked_at=work.now,
            affects_bids=False,
        )
    )
    recorded = work.record(
        facts.QuestionAsked(
            subject=tender.id,
            tender=tender.code,
            question=question.id,
            text_digest=_digest(text),
            asker=work.actor.org_id,
        )
    )
    question.record_id = recorded.record_id
    return question


def answer_question(
    work: Work,
    question_id: UUID,
    answer: str,
    *,
    affects_bids: bool,
    bids_close_at: datetime | None = None,
) -> Question:
    """Answer for everybody. When the answer can affect bids and comes too late, the deadline must move.

    Raises:
        NotValid: ``clarification_too_late`` proposes the new deadline; ``deadline_earlier``.

    Source: 招标投标法 第二十三条; 实施条例 第二十一条; 政府采购法实施条例 第三十一条.
    """
    question = work.lock(Question, question_id)
    tender = work.get(Tender, question.tender_id, to=CLARIFY)
    if question.answered_at is not None:
        raise NotNow("already_answered")
    answer = require_text(answer, "answer")
    move_deadline(work, tender.id, bids_close_at, affects_bids=affects_bids, text=answer, question=question)
    question.answer, question.answered_at, question.affects_bids = answer, work.now, affects_bids
    return question


def move_deadline(
    work: Work,
    tender_id: UUID,
    bids_close_at: datetime | None,
    *,
    affects_bids: bool,
    text: str,
    question: Question | None = None,
) -> Tender:
    """Publish a clarification or amendment, with a later deadline when one is given or needed."""
    tender = work.get(Tender, tender_id, to=CLARIFY)
    require_tendering(work, tender)
    text = require_text(text, "text")
    closes_at = bids_close_at or tender.bids_close_at
    if closes_at < tender.bids_close_at:
        raise NotValid("deadline_earlier", field="bids_close_at", bids_close_at=tender.bids_close_at)
    law = law_of(tender, work.now)
    require_timely_clarification(
        law,
        issued_at=work.now,
        bids_close_at=closes_at,
        affects_bids=affects_bids,
        calendar=calendars.official(),
        procedure=procedures.procedure(tender.procedure, law.regime),
    )
    moved = closes_at != tender.bids_close_at
    before = tender.bids_close_at
    tender.bids_close_at = closes_at.replace(microsecond=0)
    tender.version += 1
    work.record(
        facts.ClarificationPublished(
            subject=tender.id,
            tender=tender.code,
            question=question.id if question else None,
            affects_bids=affects_bids,
            digest=_digest(text),
            bids_close_at=tender.bids_close_at,
        )
    )
    if affects_bids or moved:
        publish_text(
            work,
            tender,
            kind="correction",
            title=f"{tender.title} 澄清与更正公告",
            body={
                "text": text,
                "question": question.text if question else "",
                "affects_bids": affects_bids,
                "deadline_before": plain(before),
                "deadline_after": plain(tender.bids_close_at),
            },
        )
    return tender


def require_tendering(work: Work, tender: Tender) -> None:
    """Refuse before publication and after the deadline."""
    if tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender.id))
    if tender.terminated_at is not None or work.now >= tender.bids_close_at:
        raise NotNow("bids_closed", closed_at=tender.bids_close_at, server_now=work.now)


def require_text(text: str, field: str) -> str:
    text = text.strip()
    if not text:
        raise NotValid("text_missing", field=field)
    if len(text) > TEXT_LENGTH_MAX:
        raise NotValid("text_too_long", field=field, length_max=TEXT_LENGTH_MAX)
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
