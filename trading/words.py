"""The words of this room: which message says which code; they are translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.rulebook import Regime
from trading.rules.lifecycle import Stage

BUSINESS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "construction": ("Construction", ("TM", "TV", "TR", "WR"), "c1"),
    "procurement": ("Government procurement", ("GP",), "c2"),
    "land": ("Land use rights", ("LA",), "c3"),
    "mining": ("Mining rights", ("MI",), "c7"),
    "assets": ("State assets", ("EQ", "AD"), "c4"),
    "other": ("Small and other purchases", ("SM", "NP", "CO", "FO", "MD"), "c5"),
}
"""Kinds of business as people look for them: word, regimes, colour of the tag."""

REGIMES: Mapping[str, str] = {
    "TM": "Compulsory tendering",
    "TV": "Voluntary tendering",
    "TR": "Transport works tendering",
    "WR": "Water works tendering",
    "GP": "Government procurement",
    "LA": "Land use rights",
    "MI": "Mining rights",
    "EQ": "State equity",
    "AD": "Asset disposal",
    "FO": "Forest and rural rights",
    "MD": "Medicine",
    "CO": "Concession",
    "SM": "Small purchase",
    "NP": "Enterprise purchase",
}
WIZARD_REGIMES = ("TM", "TV", "TR", "WR", "GP", "SM", "NP", "LA", "MI", "EQ", "AD", "FO")
"""Regimes a buyer can tender, sell or buy under on this platform."""

WIZARD_PROCEDURES = ("open", "comparison", "reverse_auction", "listing", "auction")
"""Procedures the wizard prepares; the rules say which regime knows which."""

CATEGORIES: Mapping[str, str] = {
    "works": "Works",
    "goods": "Goods",
    "services": "Services",
    "land": "Land and mining",
    "property": "State property",
}

PROCEDURES: Mapping[str, str] = {
    "open": "Open tendering",
    "invited": "Invited tendering",
    "negotiation": "Competitive negotiation",
    "inquiry": "Price inquiry",
    "consultation": "Competitive consultation",
    "single_source": "Single source",
    "comparison": "Comparison",
    "reverse_auction": "Reverse auction",
    "listing": "Listing",
    "auction": "Auction",
    "sealed_sale": "Sealed sale",
}

KINDS: Mapping[str, str] = {
    "notice": "Tender notice",
    "correction": "Correction notice",
    "objection": "Answer to an objection",
    "termination": "Termination notice",
    "suspension": "Suspension notice",
    "opening": "Opening record",
    "candidates": "Award candidates",
    "result": "Award result",
    "failure": "Failure notice",
    "contract": "Contract notice",
    "lapse": "Award lapsed",
}

CONTRACT_DUTIES: Mapping[str, str] = {
    "draft": "Draft the contract",
    "sign": "Sign the contract",
    "file": "Record the filing",
    "decide": "Decide how it goes on",
    "wait": "The other party is awaited",
    "nothing": "Nothing to do",
}
"""What an organisation owes a contract."""

METHODS: Mapping[str, str] = {
    "comprehensive": "Comprehensive evaluation",
    "evaluated_lowest": "Lowest evaluated price",
    "gp_scoring": "Comprehensive scoring",
    "gp_lowest": "Lowest price",
    "lowest_price": "Lowest price without a panel",
    "live": "Online auction",
}

STAGES: Mapping[str, tuple[str, str]] = {
    "draft": ("Draft", "n"),
    "suspended": ("On hold", "y"),
    "tendering": ("Open for bids", "i"),
    "closed": ("Waiting to be opened", "i"),
    "opening": ("Being opened", "i"),
    "evaluation": ("Being evaluated", "i"),
    "standstill": ("Candidates published", "i"),
    "awarded": ("Awarded", "g"),
    "contracted": ("Contract signed", "g"),
    "failed": ("Failed", "n"),
    "terminated": ("Terminated", "n"),
}
"""Where a tender or lot stands: word and light. Failing or ending is no fault, so it is grey, not red."""

LIVE_STAGES: Mapping[str, tuple[str, str]] = {
    "tendering": ("Open for registration", "i"),
    "closed": ("Auction about to begin", "i"),
    "opening": ("Auction running", "i"),
}
"""Stages that bear another name where prices are made in an auction: nothing is opened there."""

STAGE_FILTERS = tuple(stage.value for stage in Stage if stage is not Stage.DRAFT)

MATTERS: Mapping[str, str] = {
    "documents": "The tender documents",
    "opening": "The opening",
    "result": "The result",
}

FILE_KINDS: Mapping[str, str] = {
    "tender_document": "Tender document",
    "bill_of_quantities": "Bill of quantities",
    "drawing": "Drawings",
    "contract_draft": "Draft contract",
    "clarification": "Clarification",
    "other": "Other file",
}

CHECKS: Mapping[str, str] = {
    "documents_from_at": "Documents available from",
    "documents_until_at": "Documents available until",
    "bids_close_at": "Bids close and are opened",
    "opens_at": "Opening",
    "notice_until_at": "End of the notice period",
    "objections_until_at": "End of objections to the documents",
    "bond_validity_days": "Validity of the bond",
}
"""Fields of a timetable, as the rule panel calls them."""

UNITS: Mapping[str, str] = {"N": "%(count)s days", "W": "%(count)s working days"}

SPANS: Mapping[str, tuple[str, str]] = {
    "M": ("1 minute", "%(count)s minutes"),
    "H": ("1 hour", "%(count)s hours"),
    "MO": ("1 month", "%(count)s months"),
    "Y": ("1 year", "%(count)s years"),
}
"""Units of the rulebook that are no days: one of it, and several."""


def business_of(regime: str) -> tuple[str, str]:
    """The word and the tag colour of a regime's kind of business."""
    for word, regimes, colour in BUSINESS.values():
        if regime in regimes:
            return word, colour
    return REGIMES.get(regime, regime), ""


AMOUNTS: Mapping[str, str] = {
    "result": "Award price",
    "candidates": "First candidate",
    "contract": "Contract price",
}
"""What the amount of a notice is, where it is not the ceiling."""


SALES = tuple(regime.value for regime in Regime if regime.is_sale)
"""Regimes in which something is sold: prices go up from the printed amount, which is no ceiling."""


def price_word(regime: str) -> str:
    """The word for the amount a lot is tendered at: a message id."""
    if regime in SALES:
        return "Start price"
    return "Budget" if regime == "GP" else "Ceiling"


def amount_word(kind: str, regime: str) -> str:
    """The word before a notice's amount: a message id."""
    return AMOUNTS.get(kind, price_word(regime))


def kind_word(kind: str, regime: str) -> str:
    """The word for a notice's kind; the first notice of a government procurement has its own."""
    if kind == "notice" and regime == "GP":
        return "Procurement notice"
    return KINDS.get(kind, kind)
