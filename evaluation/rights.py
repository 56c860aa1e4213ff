"""Who may do what in this room. Who tenders does not score, who supervises does not sit."""

from __future__ import annotations

from typing import Any

from kernel.rights import Actor, Permission, Right, Role, any_of, for_org, holds, only_system
from trading.rights import runs_tender

EXPERT_ENROL = Permission("evaluation:expert:enrol")
PANEL_NAME = Permission("evaluation:panel:name")
SEAT_ANSWER = Permission("evaluation:seat:answer")
REVIEW_VOTE = Permission("evaluation:review:vote")
SHEET_WRITE = Permission("evaluation:sheet:write")
REPORT_SIGN = Permission("evaluation:report:sign")
EXPLAIN = Permission("evaluation:abnormal:explain")
CANDIDATES_PUBLISH = Permission("evaluation:candidates:publish")
AWARD_CONFIRM = Permission("evaluation:award:confirm")
NAMES_READ = Permission("evaluation:names:read")


def sits(actor: Actor, panelist: Any) -> bool:
    """The very person in the seat, whatever hat he wears."""
    return actor.person_id is not None and panelist.person_id == actor.person_id


RIGHTS: dict[Permission, Right] = {
    EXPERT_ENROL: any_of(only_system, holds(Role.OPERATOR)),
    PANEL_NAME: runs_tender,
    SEAT_ANSWER: sits,
    REVIEW_VOTE: sits,
    SHEET_WRITE: sits,
    REPORT_SIGN: sits,
    EXPLAIN: for_org("org_id", Role.BIDDER),
    CANDIDATES_PUBLISH: runs_tender,
    AWARD_CONFIRM: runs_tender,
    NAMES_READ: holds(Role.SUPERVISOR),
}
