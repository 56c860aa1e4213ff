"""What people and the timekeeper do with a tender. Rooms above call these and never write our tables."""

from trading.actions.clarifications import answer_question, ask_question, move_deadline
from trading.actions.contracts import draft_contract, file_contract, living_contract, sign_contract
from trading.actions.drafting import (
    add_document,
    add_lot,
    change_draft,
    change_lot,
    draft_tender,
    fix_policy,
    print_live_terms,
    register_project,
    remove_lot,
    take_document,
)
from trading.actions.lapses import give_up_lot, lapse_award, lapses_of, refuse_award
from trading.actions.lots import (
    move_lot,
    open_objections,
    require_undisturbed,
    resume_tender,
    settle_lot,
    suspend_tender,
    terminate_tender,
)
from trading.actions.notices import publish_notice, publish_text
from trading.actions.objections import answer_objection, file_objection

__all__ = [
    "add_document",
    "add_lot",
    "answer_objection",
    "answer_question",
    "ask_question",
    "change_draft",
    "change_lot",
    "draft_contract",
    "draft_tender",
    "file_contract",
    "file_objection",
    "fix_policy",
    "give_up_lot",
    "lapse_award",
    "lapses_of",
    "living_contract",
    "move_deadline",
    "move_lot",
    "open_objections",
    "print_live_terms",
    "publish_notice",
    "publish_text",
    "refuse_award",
    "register_project",
    "remove_lot",
    "require_undisturbed",
    "resume_tender",
    "settle_lot",
    "sign_contract",
    "suspend_tender",
    "take_document",
    "terminate_tender",
]
