"""What must always hold about leads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.promises import Breach, promise
from supervision.actions.leads_judging import indicators_of
from supervision.leads_models import Lead, LeadState
from supervision.rules.signals.combine import judge


@promise("A lead is closed only with a written reason and by a named supervisor.", source="rules §5.3")
def closed_leads_have_reasons(session: Session, now: datetime) -> Iterable[Breach]:
    bad = sa.select(Lead.code).where(
        Lead.state == LeadState.CLOSED,
        sa.or_(Lead.reason == "", Lead.closed_by.is_(None), Lead.closed_at.is_(None)),
    )
    return [Breach(code) for code in session.scalars(bad)]


@promise("The colour of a lead follows from its hard evidence alone.", source="rules §5.3")
def lead_colours_follow_from_evidence(session: Session, now: datetime) -> Iterable[Breach]:
    for lead in session.scalars(sa.select(Lead)):
        light = judge(indicators_of(lead)).light.value
        if light != lead.light:
            yield Breach(lead.code, f"{lead.light} instead of {light}")


PROMISES = (closed_leads_have_reasons, lead_colours_follow_from_evidence)
