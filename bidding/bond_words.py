"""What a bond is worth and what becomes of it, in words: one set for sealed tenders and auctions."""

from __future__ import annotations

from collections.abc import Iterable

from bidding.rules.bonds import Kept, Standing, Why
from kernel.i18n import gettext as _
from kernel.i18n import marked

FORMS = {"transfer": marked("Transfer"), "guarantee": marked("Guarantee"), "": marked("None")}

STANDINGS = {
    Standing.SOUND: marked("In order"),
    Standing.LATE: marked("Arrived after the deadline"),
    Standing.OTHER_PAYER: marked("Not from the bidder's own basic account"),
    Standing.ENDS_EARLY: marked("Ends before the bids do"),
    Standing.NOT_GENUINE: marked("Its issuer does not know it"),
    Standing.SHORT: marked("Less than asked"),
    Standing.NONE: marked("Not arrived"),
}

REASONS = {
    Why.WITHDRAWN: marked("The bid was taken back"),
    Why.NO_BID: marked("No bid was delivered"),
    Why.FAILED: marked("The lot failed"),
    Why.TERMINATED: marked("The tender was terminated"),
    Why.NOT_WINNER: marked("The award went to another bidder"),
    Why.CONTRACT: marked("The contract is signed"),
    "not_the_winner": marked("Not the winner of the auction"),
    Kept.REVOKED: marked("Bid revoked after the deadline"),
    Kept.NO_CONTRACT: marked("The winner does not sign the contract"),
    Kept.NO_PERFORMANCE_BOND: marked("The winner gives no performance bond"),
}


RECORD_FORMS = {"transfer": "转账", "guarantee": "保函", "": "未提交"}
RECORD_WORTH = {
    "sound": "符合",
    "late": "截止后到账",
    "other_payer": "非基本账户",
    "ends_early": "保函期限不足",
    "not_genuine": "保函不实",
    "short": "金额不足",
    "none": "未到账",
}
"""What a bond is worth, as the record prints it."""


def form_word(form: str) -> str:
    """Transfer, guarantee, or none."""
    return _(FORMS[form])


def standing_word(standing: str) -> str:
    """What a bond is worth."""
    return _(STANDINGS[Standing(standing)])


def standing_light(standing: str) -> str:
    """Green for a bond as asked, yellow while it may still come, red for one that does not count."""
    if standing == Standing.SOUND:
        return "g"
    return "y" if standing in (Standing.NONE, Standing.SHORT) else "r"


def reason_word(reason: str) -> str:
    """Why a deposit goes back or is kept; what an organiser of an auction wrote is shown as he wrote it."""
    known: dict[str, str] = {str(key): text for key, text in REASONS.items()}
    return _(known[reason]) if reason in known else reason


def ground_choices(grounds: Iterable[Kept]) -> list[tuple[str, str]]:
    """Listed grounds to keep a bond, for a form."""
    return [(one.value, _(REASONS[one])) for one in grounds]
