"""Words for record types, rules, stages and events; their texts are in the catalogues."""

from __future__ import annotations

from kernel.i18n import gettext, marked

KINDS = {
    "genesis": marked("Log began"),
    "policy": marked("Sealing policy"),
    "notice": marked("Public notice"),
    "clarification": marked("Clarification"),
    "custodian-key": marked("Custodian's key"),
    "custodian-ack": marked("Custodian's acknowledgement"),
    "bid-commit": marked("Bid committed"),
    "bid-complete": marked("Bid complete"),
    "bid-withdraw": marked("Bid withdrawn"),
    "tender-close": marked("Bidding closed"),
    "share-release": marked("Key released"),
    "bid-open": marked("Bid opened"),
    "draw-commit": marked("Draw: candidates frozen"),
    "draw-result": marked("Draw: result"),
    "score-sheet": marked("Score sheet locked"),
    "report": marked("Evaluation report"),
    "award": marked("Award"),
    "contract": marked("Contract"),
    "objection": marked("Objection"),
    "decision": marked("Recorded decision"),
    "sealer-release": marked("Sealing program released"),
    "key-change": marked("Platform key changed"),
    "admin-action": marked("Administration"),
    "auction": marked("Auction"),
    "auction-journal": marked("Auction journal"),
    "slip-commit": marked("Sealed slip of an auction"),
    "slip-close": marked("Sealed slips to be opened"),
    "tick": marked("Clock tick"),
}


def kind_word(kind: str) -> str:
    """What people call a record type, in the current language."""
    return gettext(KINDS.get(kind, kind))


RULES = {
    "SX-01": marked("Documents issued for too few days"),
    "SX-02": marked("Too little time to prepare bids"),
    "SX-03": marked("Clarification too near to the deadline"),
    "SX-04": marked("Objection without an answer in time"),
    "SX-05": marked("Challenge without an answer in time"),
    "SX-06": marked("Candidates not published in time"),
    "SX-07": marked("Publicity shorter than the law asks"),
    "SX-08": marked("Award letter not issued in time"),
    "SX-09": marked("Contract not signed in time"),
    "SX-10": marked("Contract not published or filed in time"),
    "SX-11": marked("Bid bond not returned in time"),
    "LC-01": marked("Step skipped or out of order"),
    "LC-03": marked("Opened with too few bids"),
    "LC-04": marked("Work went on during an objection"),
    "LC-07": marked("Confidential data read before its time"),
}

STAGES = {
    "tendering": marked("Tendering"),
    "opening": marked("Opening"),
    "evaluation": marked("Evaluation stage"),
    "standstill": marked("Publicity"),
    "awarded": marked("Awarded"),
    "contracted": marked("Contract"),
    "failed": marked("Failed"),
    "terminated": marked("Terminated"),
    "draft": marked("Draft"),
}

CLOCKS = {
    "bids_close": marked("Bids close"),
    "objection_answer": marked("Objection to be answered"),
    "candidate_publication_days_max": marked("Candidates to be published"),
    "buyer_decision_days_max": marked("Buyer to decide"),
    "publicity_end": marked("Publicity ends"),
    "contract": marked("Contract to be signed"),
    "contract_filing_days_max": marked("Contract to be filed"),
}

EVENTS = {
    "trading.notice.published": marked("Notice published"),
    "trading.clarification.published": marked("Clarification published"),
    "trading.objection.filed": marked("Objection filed"),
    "trading.objection.answered": marked("Objection answered"),
    "trading.tender.suspended": marked("Tender suspended"),
    "trading.tender.resumed": marked("Tender resumed"),
    "trading.tender.terminated": marked("Tender terminated"),
    "bidding.tender.closed": marked("Bidding closed"),
    "bidding.shares.disclosed": marked("Custodian released his key"),
    "bidding.bids.opened": marked("Bids opened"),
    "bidding.coefficient.drawn": marked("Coefficient drawn"),
    "evaluation.experts.drawn": marked("Experts drawn"),
    "evaluation.pool.enlarged": marked("Pool of experts used up, reserve opened"),
    "evaluation.buyer_seats.passed_on": marked("Buyer's empty seats passed to experts"),
    "evaluation.report.delivered": marked("Evaluation report delivered"),
    "trading.award.settled": marked("Award decided"),
    "trading.award.lapsed": marked("Award lapsed"),
    "trading.contract.made": marked("Contract signed"),
    "supervision.order.issued": marked("Order issued"),
}
"""Facts the supervisor's feed shows; none of them tells who bids or how many before the opening."""

COLOURS = {"red": marked("Red light"), "yellow": marked("Yellow light"), "green": marked("Green light")}


ROOMS = {
    "trading": marked("Trading"),
    "bidding": marked("Bids and auctions"),
    "evaluation": marked("Expert evaluation"),
    "supervision": marked("Supervision"),
}


def room_word(name: str) -> str:
    return gettext(ROOMS.get(name, name))


def rule_word(rule: str) -> str:
    return gettext(RULES.get(rule, rule))


def stage_word(stage: str) -> str:
    return gettext(STAGES.get(stage, stage))


def clock_word(what: str) -> str:
    return gettext(CLOCKS.get(what, what))


def event_word(name: str) -> str:
    return gettext(EVENTS.get(name, name))


def colour_word(colour: str) -> str:
    return gettext(COLOURS.get(colour, colour))
