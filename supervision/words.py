"""Words for record types and stages; their texts are in the catalogues."""

from __future__ import annotations

from kernel.i18n import gettext

KINDS = {
    "genesis": "Log began",
    "policy": "Sealing policy",
    "notice": "Notice",
    "clarification": "Clarification",
    "custodian-key": "Custodian's key",
    "custodian-ack": "Custodian's acknowledgement",
    "bid-commit": "Bid committed",
    "bid-complete": "Bid complete",
    "bid-withdraw": "Bid withdrawn",
    "tender-close": "Bidding closed",
    "share-release": "Key released",
    "bid-open": "Bid opened",
    "draw-commit": "Draw: candidates frozen",
    "draw-result": "Draw: result",
    "score-sheet": "Score sheet locked",
    "report": "Evaluation report",
    "award": "Award",
    "objection": "Objection",
    "decision": "Decision",
    "sealer-release": "Sealing program released",
    "key-change": "Platform key changed",
    "admin-action": "Administration",
    "tick": "Clock tick",
}


def kind_word(kind: str) -> str:
    """What people call a record type, in the current language."""
    return gettext(KINDS.get(kind, kind))
