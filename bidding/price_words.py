"""What people read about the review of a low price: the tests that fired with their bounds, and how it stands.

Source: 财库〔2026〕2号; rules §2.5, §4.8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from bidding.auction_words import yuan
from bidding.rules.low_offers import ReviewState
from kernel.i18n import gettext as _
from kernel.i18n import marked
from kernel.money import Money

TRIGGERS: Mapping[str, str] = {
    "AL-1": marked("%(price)s is below %(bound)s, %(share)s%% of the average of all valid offers"),
    "AL-2": marked("%(price)s is below %(bound)s, %(share)s%% of the second lowest offer"),
    "AL-3": marked("%(price)s is below %(bound)s, %(share)s%% of the ceiling"),
}

STATES: Mapping[ReviewState, tuple[str, str]] = {
    ReviewState.ASKED: ("y", marked("Waiting for the explanation")),
    ReviewState.EXPLAINED: ("y", marked("Explained; the review group decides")),
    ReviewState.SILENT: ("r", marked("Nothing was explained in time; the rule rejects the offer")),
    ReviewState.PASSED: ("g", marked("The explanation was accepted")),
    ReviewState.REJECTED: ("r", marked("Rejected as abnormally low")),
    ReviewState.MOOT: ("n", marked("Not needed: another offer was confirmed")),
}


def trigger_text(trigger: Mapping[str, str]) -> str:
    """One test that fired, as a sentence; the bound is rounded up to the fen, so that the price still lies below it."""
    fen = math.ceil(Fraction(trigger["bound"]) * 100)
    ratio = Fraction(trigger["ratio"])
    share = f"{(Decimal(ratio.numerator) * 100 / Decimal(ratio.denominator)).normalize():f}"
    price = Money.from_yuan(trigger["price"])
    return _(TRIGGERS[trigger["rule"]], price=yuan(price), bound=yuan(Money(fen)), share=share)


def state_word(state: ReviewState) -> str:
    """How a review stands, in words."""
    return _(STATES[state][1])


def state_light(state: ReviewState) -> str:
    """The colour beside the words."""
    return STATES[state][0]
