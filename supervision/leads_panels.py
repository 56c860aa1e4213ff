"""What leads add to other pages: a firm's desk shows what supervisors asked; a tender says what a submission records."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.rights import Actor, Role
from kernel.web import platform
from kernel.web.panels import Filling, panel
from supervision.actions import leads_traces
from supervision.leads_models import Lead, LeadAnswer, LeadState


@panel("desk", "asked", order=5)
def asked_panel(session: Session, _subject: Any, actor: Actor) -> Filling:
    """Unanswered questions to the signed-in bidder's organisation."""
    if not actor.has(Role.BIDDER) or actor.org_id is None:
        return None
    count = session.scalar(
        sa.select(sa.func.count())
        .select_from(LeadAnswer)
        .join(Lead, Lead.id == LeadAnswer.lead_id)
        .where(
            LeadAnswer.org_id == actor.org_id,
            LeadAnswer.answered_at.is_(None),
            Lead.state != LeadState.CLOSED,
        )
    )
    return ("supervision/leads_desk.html", {"count": count}) if count else None


@panel("tender-rail", "traces", order=90)
def traces_panel(_session: Session, subject: Any, actor: Actor) -> Filling:
    """Before the deadline, bidders read what a submission records."""
    if subject is None or not actor.has(Role.BIDDER) or subject.published_at is None:
        return None
    if platform().outside.clock.now() >= subject.bids_close_at:
        return None
    return "supervision/leads_notice.html", {}


@panel("bid", "marks", order=10)
def marks_panel(session: Session, subject: Any, actor: Actor) -> Filling:
    """On the sealing page: the consent text, and the box that lets marks go with the bid."""
    if subject is None or not actor.has(Role.BIDDER):
        return None
    allowed = leads_traces.consents(session, actor.person_id)
    return "supervision/leads_consent.html", {"allowed": allowed, "version": leads_traces.CONSENT_TEXT}


PANELS = (asked_panel, traces_panel, marks_panel)
