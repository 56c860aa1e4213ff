"""What supervision adds to a tender's page: the proof of everything on it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from kernel.rights import Actor
from kernel.web import platform
from kernel.web.panels import Filling, panel
from supervision import log_queries
from supervision.words import kind_word


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
