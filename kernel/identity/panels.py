"""The operator's first page: organisations that wait for a check, and how many there are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.identity import queries
from kernel.identity.models import Organization
from kernel.rights import Actor, Role
from kernel.web.panels import Filling, panel

SHOWN = 8


@panel("desk", "organizations", order=20)
def waiting_organizations(session: Session, _subject: Any, actor: Actor) -> Filling:
    """For an operator: who waits to be let in, the longest waiting first."""
    if not actor.has(Role.OPERATOR):
        return None
    return "identity/panel_organizations.html", {
        "waiting": session.scalars(queries.waiting().limit(SHOWN)).all(),
        "pending": session.scalar(sa.select(sa.func.count()).select_from(queries.waiting().subquery())) or 0,
        "count": session.scalar(sa.select(sa.func.count()).select_from(Organization)) or 0,
    }
