"""The words and numbers of the statistics page, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from kernel.i18n import gettext, marked, number
from kernel.score import half_up
from trading.words import BUSINESS

KINDS: Mapping[str, str] = {
    "building": marked("Building and municipal works"),
    "transport": marked("Transport works"),
    "water": marked("Water works"),
    "procurement-works": marked("Procurement, works"),
    "procurement-goods": marked("Procurement, goods"),
    "procurement-services": marked("Procurement, services"),
    "land": marked("Land use rights"),
    "mining": marked("Mining rights"),
    "assets": marked("State assets"),
    "other": marked("Small and other purchases"),
}
"""Kinds of deals whose competition is compared."""

TITLES: Mapping[str, str] = {
    "figures": marked("Figures"),
    "months": marked("Amount and deals by month"),
    "composition": marked("Amount by kind of business"),
    "competition": marked("Competition, mean bidders"),
    "savings": marked("Distribution of saving rates"),
    "days": marked("Openings and auctions by day"),
    "districts": marked("Figures by district"),
}

DEFINITIONS: Mapping[str, tuple[str, ...]] = {
    "figures": (
        marked(
            "A deal is a lot whose award was confirmed within the period, Shanghai time. An award that lapsed "
            "because the winner did not sign is taken out again."
        ),
        marked(
            "Mean saving: (sum of ceilings - sum of award prices) / sum of ceilings, over purchases with a "
            "ceiling. Sales have none; they count in the mean premium: (sum of prices - sum of starting prices) "
            "/ sum of starting prices."
        ),
        marked(
            "Bidders of a sealed procedure are its bids opened; bidders of an auction are those who made a valid "
            "offer. A single response is a deal to which only one came, also where the law allows that."
        ),
        marked(
            "Compared is the same stretch of the year before, up to the same day. A dash stands where there is "
            "nothing to compare with."
        ),
    ),
    "months": (
        marked(
            "The month in which the award was confirmed; amounts are award prices, exact to the fen and rounded "
            "for display only. A month that is not over is hatched and holds only the days counted so far."
        ),
    ),
    "composition": (
        marked(
            "The sum of award prices by the law a deal ran under: its kind of business. Shares are of the sum of "
            "all deals shown."
        ),
    ),
    "competition": (
        marked(
            "Bidders divided by deals, for each kind of deal, in the counted period (filled dot) and in the same "
            "stretch of the year before (hollow dot). Kinds without a deal in either are left out."
        ),
    ),
    "savings": (
        marked(
            "(ceiling - price) / ceiling of each purchase with a ceiling, rounded down to a hundredth of a "
            "percent; every deal counts once, whatever its amount. The median is the middle one. With fewer than "
            "50 deals each is drawn as a dot. A rate on an edge belongs to the bin that begins there."
        ),
    ),
    "days": (
        marked(
            "Tenders whose bids were opened that day, and auctions that began that day, Shanghai time. Tenders "
            "that ended before the opening and rehearsals do not count. Lines around empty squares mark days "
            "that are not counted yet."
        ),
    ),
    "districts": (
        marked(
            "By the region printed in the tender. Answer to objections: the mean time from filing to the "
            "published answer, over objections answered within the period; open ones are not in it."
        ),
        marked(
            "The share of local winners is not shown: the records hold an address of every supplier, but no "
            "district that could be compared with the tender's."
        ),
    ),
}
"""How each figure is counted."""

NO_FUNDS = marked(
    "There is no filter by source of funds: projects state it in free words, which cannot be sorted reliably."
)


def percent(value: Fraction | None, places: int = 2) -> str:
    """A share as ``8.74``, without its sign; a dash for none."""
    if value is None:
        return "—"
    return number(half_up(value * 100, Decimal(1).scaleb(-places)), places)


def decimal(value: Fraction | None, places: int = 1) -> str:
    """A mean as ``7.3``; a dash for none."""
    return "—" if value is None else number(half_up(value, Decimal(1).scaleb(-places)), places)


def business_word(key: str) -> str:
    return gettext(BUSINESS[key][0])


def kind_word(kind: str) -> str:
    return gettext(KINDS.get(kind, kind))


def arrow(value: Fraction, shown: str) -> str:
    """The direction before a change; level where nothing of it can be seen."""
    if not any(digit in shown for digit in "123456789"):
        return "→"
    return "↑" if value > 0 else "↓"
