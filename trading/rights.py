"""Who may do what in this room."""

from __future__ import annotations

from typing import Any

from kernel.rights import Actor, Permission, Right, Role, any_of, holds, only_system

PROJECT_REGISTER = Permission("trading:project:register")
TENDER_DRAFT = Permission("trading:tender:draft")
TENDER_EDIT = Permission("trading:tender:edit")
NOTICE_PUBLISH = Permission("trading:notice:publish")
QUESTION_ASK = Permission("trading:question:ask")
CLARIFY = Permission("trading:clarification:publish")
OBJECT = Permission("trading:objection:file")
OBJECTION_ANSWER = Permission("trading:objection:answer")
TENDER_SUSPEND = Permission("trading:tender:suspend")
TENDER_TERMINATE = Permission("trading:tender:terminate")
LOT_MOVE = Permission("trading:lot:move")
CONTRACT_DRAFT = Permission("trading:contract:draft")
CONTRACT_SIGN = Permission("trading:contract:sign")
CONTRACT_FILE = Permission("trading:contract:file")
AWARD_LAPSE = Permission("trading:award:lapse")
AWARD_REFUSE = Permission("trading:award:refuse")


def runs_tender(actor: Actor, tender: Any) -> bool:
    """The buyer of a tender, or the agency that acts for him."""
    mine = (tender.buyer_id, tender.agent_id)
    return actor.has(Role.BUYER, Role.AGENT) and actor.org_id is not None and actor.org_id in mine


def is_party(actor: Actor, contract: Any) -> bool:
    """One of the two who sign: the buyer himself, not his agency, or the supplier."""
    if actor.org_id is None:
        return False
    buys = actor.has(Role.BUYER) and actor.org_id == contract.buyer_id
    return buys or (actor.has(Role.BIDDER) and actor.org_id == contract.org_id)


def won(actor: Actor, lot: Any) -> bool:
    """The winner of a lot."""
    outcome = lot.outcome or {}
    return (
        actor.has(Role.BIDDER) and actor.org_id is not None and outcome.get("supplier") == str(actor.org_id)
    )


RIGHTS: dict[Permission, Right] = {
    PROJECT_REGISTER: holds(Role.BUYER, Role.AGENT),
    TENDER_DRAFT: holds(Role.BUYER, Role.AGENT),
    TENDER_EDIT: runs_tender,
    NOTICE_PUBLISH: any_of(runs_tender, only_system),
    QUESTION_ASK: holds(Role.BIDDER),
    CLARIFY: runs_tender,
    OBJECT: holds(Role.BIDDER),
    OBJECTION_ANSWER: runs_tender,
    TENDER_SUSPEND: any_of(only_system, holds(Role.SUPERVISOR)),
    TENDER_TERMINATE: runs_tender,
    LOT_MOVE: any_of(only_system, runs_tender),
    CONTRACT_DRAFT: runs_tender,
    CONTRACT_SIGN: is_party,
    CONTRACT_FILE: runs_tender,
    AWARD_LAPSE: runs_tender,
    AWARD_REFUSE: won,
}
