"""What people do with leads: look, ask firms, answer, close with a written reason. Every deed is a fact.

Source: rules §5.1 (the supplier can see and answer), §5.3.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from kernel.errors import NotFound, NotNow, NotValid
from kernel.work import Work
from supervision import leads_facts as facts
from supervision.leads_models import Lead, LeadAnswer, LeadState
from supervision.rights import LEAD_ANSWER, LEAD_HANDLE

ANSWER_DAYS = 5
OUTCOMES = ("unfounded", "explained", "transferred", "punished")
"""How a lead can end: nothing in it, explained by the firms, handed to other authorities, decided by this one."""


def lead_by_code(work: Work, code: str) -> Lead:
    """A lead, locked, for somebody who may handle leads.

    Raises:
        NotAllowed, NotFound.
    """
    work.require(LEAD_HANDLE)
    lead = work.one(sa.select(Lead).where(Lead.code == code))
    if lead is None:
        raise NotFound("not_found", thing="lead", id=code)
    assert isinstance(lead, Lead)
    return lead


def note_read(work: Work, code: str, what: str = "case", purpose: str = "") -> Lead:
    """A supervisor looks at a lead; every look is a fact. Personal values need a purpose.

    Raises:
        NotAllowed, NotFound. NotValid: ``reason_missing``.
    """
    lead = lead_by_code(work, code)
    if what != "case" and not purpose.strip():
        raise NotValid("reason_missing", field="purpose", source="rules.md §6.1")
    assert work.actor.person_id is not None
    work.record(
        facts.LeadRead(subject=lead.id, what=what, purpose=purpose.strip()[:200], reader=work.actor.person_id)
    )
    return lead


def ask_firm(work: Work, code: str, org_id: UUID, question: str) -> LeadAnswer:
    """Ask one firm of a lead to explain; it has five days and sees what is asked, not who else is.

    Raises:
        NotAllowed, NotFound. NotValid: ``reason_missing``, ``lead_firm``. NotNow: ``lead_closed``, ``lead_asked``.
    """
    lead = lead_by_code(work, code)
    _still_open(lead)
    if not question.strip():
        raise NotValid("reason_missing", field="question", source="rules §5.1")
    if str(org_id) not in lead.firms:
        raise NotValid("lead_firm", field="org")
    if any(one.org_id == org_id for one in lead.answers):
        raise NotNow("lead_asked", source="rules §5.1")
    assert work.actor.person_id is not None
    row = work.add(
        LeadAnswer(
            id=work.new_id(),
            lead_id=lead.id,
            org_id=org_id,
            question=question.strip()[:4000],
            asked_by=work.actor.person_id,
            asked_at=work.now,
            due_at=work.now + timedelta(days=ANSWER_DAYS),
            answer="",
        )
    )
    lead.state = LeadState.ASKED
    work.record(facts.FirmAsked(subject=lead.id, lead=lead.code, org=org_id, question=row.question))
    return row


def answer_question(work: Work, answer_id: UUID, text: str) -> LeadAnswer:
    """A firm answers what it was asked, once.

    Raises:
        NotAllowed, NotFound. NotValid: ``reason_missing``. NotNow: ``lead_answered``, ``lead_closed``.
    """
    row = work.get(LeadAnswer, answer_id, to=LEAD_ANSWER)
    lead = work.lock(Lead, row.lead_id)
    _still_open(lead)
    if row.answered_at is not None:
        raise NotNow("lead_answered")
    if not text.strip():
        raise NotValid("reason_missing", field="answer", source="rules §5.1")
    row.answer, row.answered_at, row.answered_by = text.strip()[:20_000], work.now, work.actor.person_id
    work.record(facts.FirmAnswered(subject=lead.id, lead=lead.code, org=row.org_id, answer=row.answer))
    return row


def close_lead(work: Work, code: str, outcome: str, reason: str) -> Lead:
    """Close a lead with a written reason. Nothing here decides guilt: ``transferred`` hands it to who may.

    Raises:
        NotAllowed, NotFound. NotValid: ``lead_outcome``, ``reason_missing``. NotNow: ``lead_closed``.
    """
    lead = lead_by_code(work, code)
    _still_open(lead)
    if outcome not in OUTCOMES:
        raise NotValid("lead_outcome", field="outcome", outcomes=list(OUTCOMES))
    if len(reason.strip()) < 10:
        raise NotValid("lead_reason", field="reason", least=10)
    lead.state, lead.closed_at, lead.closed_by = LeadState.CLOSED, work.now, work.actor.person_id
    lead.outcome, lead.reason = outcome, reason.strip()[:4000]
    work.record(facts.LeadClosed(subject=lead.id, lead=lead.code, outcome=outcome, reason=lead.reason))
    return lead


def _still_open(lead: Lead) -> None:
    if lead.state is LeadState.CLOSED:
        raise NotNow("lead_closed", closed_at=lead.closed_at)
