"""The six figures with their comparison, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from kernel.i18n import gettext, money, money_unit, number
from kernel.money import Money
from kernel.score import half_up
from supervision.rules import statistics as rules
from supervision.statistics_drawing import in_unit
from supervision.statistics_queries import Statistics
from supervision.statistics_words import arrow, decimal, percent


@dataclass(frozen=True)
class Shown:
    """One figure: its word, value and unit, and how it stands to the same stretch of the year before."""

    word: str
    value: str
    unit: str
    note: str


def six(of: Statistics) -> tuple[Shown, ...]:
    """Deals, amount, mean saving, mean premium, mean bidders, single responses."""
    now, then = of.now, of.then
    amount, _, unit = money(Money(now.fen)).partition(" ")
    return (
        Shown(gettext("Deals"), number(now.deals), gettext("lots"), _grown(now.deals, then.deals)),
        Shown(gettext("Amount of deals"), amount, unit, _grown(now.fen, then.fen)),
        _rate(gettext("Mean saving"), now.saving, then.saving, 2),
        _rate(gettext("Mean premium of sales"), now.premium, then.premium, 1),
        Shown(
            gettext("Mean bidders"),
            decimal(now.mean_bidders),
            gettext("bidders") if now.mean_bidders is not None else "",
            _apart(rules.difference(now.mean_bidders, then.mean_bidders), 1, gettext("%(change)s bidders")),
        ),
        _rate(gettext("Single responses"), now.single_share, then.single_share, 1),
    )


def _rate(word: str, now: Fraction | None, then: Fraction | None, places: int) -> Shown:
    apart = rules.difference(now, then)
    return Shown(
        word,
        percent(now, places),
        "%" if now is not None else "",
        _apart(None if apart is None else apart * 100, places, gettext("%(change)s points")),
    )


def _grown(now: int, before: int) -> str:
    return _apart(_times_hundred(rules.change(now, before)), 1, "%(change)s%%")


def _times_hundred(share: Fraction | None) -> Fraction | None:
    return None if share is None else share * 100


def _apart(change: Fraction | None, places: int, unit: str) -> str:
    """``Year on year ↑ 6.2%``; a dash where there is nothing to compare with."""
    if change is None:
        return f"{gettext('Year on year')} —"
    shown = number(half_up(abs(change), Decimal(1).scaleb(-places)), places)
    return f"{gettext('Year on year')} {arrow(change, shown)} {unit % {'change': shown}}"


def district_amount(of: Statistics, fen: int) -> str:
    """An amount of the table of districts, in the unit of its column."""
    most = max((one.sums.fen for one in of.districts), default=0)
    return in_unit(fen, money_unit(Money(most))[0])
