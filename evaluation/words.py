"""The words people read for the values of this room; every one is a message id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from kernel.i18n import gettext, marked

METHODS = {
    "comprehensive": marked("Comprehensive evaluation"),
    "evaluated_lowest": marked("Lowest evaluated price"),
    "gp_scoring": marked("Comprehensive scoring (procurement)"),
    "gp_lowest": marked("Lowest evaluated price (procurement)"),
    "lowest_price": marked("Lowest price"),
    "live": marked("Online auction"),
}
PANEL_STATES = {
    "frozen": marked("Pool frozen, draw follows the opening"),
    "inviting": marked("Members are being invited"),
    "reviewing": marked("Preliminary review"),
    "scoring": marked("Detailed evaluation"),
    "reporting": marked("Report waits for signatures"),
    "finished": marked("Report delivered"),
    "": marked("No panel"),
}
SEAT_STATES = {
    "invited": marked("Waiting for an answer"),
    "committed": marked("Accepted"),
    "left": marked("Left"),
}
SEATS = {"expert": marked("Expert"), "buyer": marked("Buyer's representative")}
DUES = {
    "answer": marked("Answer the invitation"),
    "review": marked("Review the bids"),
    "score": marked("Score the bids"),
    "sign": marked("Sign the report"),
    "wait": marked("Wait for the others"),
    "nothing": marked("Nothing to do"),
}
TAB_DUES = {
    "review": marked("to review"),
    "score": marked("to score"),
    "explain": marked("explanation to judge"),
}
PARTS = {"price": marked("Price part"), "tech": marked("Technical part"), "business": marked("Business part")}
GROUNDS = {
    "RJ-01": marked("Not signed or sealed as required"),
    "RJ-02": marked("Consortium without agreement"),
    "RJ-03": marked("Qualification not met"),
    "RJ-04": marked("Two different bids or prices"),
    "RJ-05": marked("Price above the ceiling or below cost"),
    "RJ-06": marked("A substantive requirement is not met"),
    "RJ-07": marked("Collusion, fraud or bribery"),
    "RJ-08": marked("Bid bond missing or wrong"),
    "RJ-09": marked("Unacceptable conditions added"),
    "RJ-10": marked("Correction not confirmed"),
    "RJ-11": marked("Abnormally low price not explained"),
    "RJ-12": marked("Related bidders in the same lot"),
}
PASS_OVER = {
    "gave_up": marked("The candidate gave up the award"),
    "force_majeure": marked("Force majeure keeps the candidate from the contract"),
    "no_performance_bond": marked("The candidate gave no performance bond in time"),
    "unlawful": marked("The candidate was found to have acted unlawfully"),
}
CHECKS = {
    "X-01": marked("far from the members' median"),
    "X-02": marked("far from the others' mean"),
}
FAILED = {
    "award_lapsed": marked("The award lapsed and the lot is tendered again"),
    "all_rejected": marked("All bids were rejected"),
    "competition_lacking": marked("Fewer than three bids remained"),
}


def grouped(value: Any) -> str:
    """A decimal string with thousands separators, its decimals kept: ``19,865,000.00``."""
    try:
        return f"{Decimal(str(value)):,}"
    except InvalidOperation:
        return str(value)


def readable(document: Mapping[str, Any]) -> str:
    """A document that is to be signed, as people can read it; the signature is over its canonical form."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)


def pass_over() -> list[tuple[str, str]]:
    """The listed reasons for passing a better candidate over, with their words."""
    return [(key, gettext(word)) for key, word in PASS_OVER.items()]


def flip_text(flips: Sequence[tuple[str, str]]) -> str:
    """Members on whom the first place depends, and who would come first instead."""
    told = [
        gettext("member %(number)s → %(code)s", number=f"{int(member):02d}", code=code)
        for member, code in flips
    ]
    return gettext(", ").join(told)


def code_of(body: Mapping[str, Any], bid: str) -> str:
    """The code of a bid in a report."""
    return next((str(one["code"]) for one in body["bids"] if one["bid"] == bid), bid[:8])
