"""What supervision adds to other pages: the proof of everything on a tender's page, and a supervisor's first page."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.rights import Actor, Role
from kernel.web import platform
from kernel.web.panels import Filling, panel
from supervision import desk_queries, log_queries, watch
from supervision.leads_models import Lead, LeadState
from supervision.words import kind_word, rule_word


@panel("tender", "proof", "Proof", order=80)
def proof(session: Session, subject: Any, actor: Actor) -> Filling:
    """Every disclosed log entry of the tender, and the evidence package when it is finished."""
    if subject is None or subject.published_at is None:
        return None
    rows = log_queries.of_tender(session, subject.code, platform().outside.clock.now())
    return "supervision/panel_proof.html", {
        "count": len(rows),
        "rows": rows[-60:],
        "finished": log_queries.finished(session, subject.code),
        "code": subject.code,
        "kind_word": kind_word,
    }


@panel("desk", "watch", order=10)
def watched(session: Session, _subject: Any, actor: Actor) -> Filling:
    """For a supervisor: the lights, what is late or nearly late, open leads, and broken promises."""
    if not actor.has(Role.SUPERVISOR):
        return None
    house = platform()
    now = house.outside.clock.now()
    found = watch.cases(session, now)
    leads = session.scalar(sa.select(sa.func.count()).select_from(Lead).where(Lead.state != LeadState.CLOSED))
    return "supervision/panel_watch.html", {
        "totals": Counter(case.colour.value for case in found),
        "first": watch.queue(found, now)[:5],
        "leads": leads or 0,
        "broken": desk_queries.promises(house, session).broken,
        "rule_word": rule_word,
    }
