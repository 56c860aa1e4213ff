"""Bid bonds: refund days, interest, and when one may be kept.

Source: rules.md §1.2 (T-116, T-117, T-123), §1.3 (T-228), §6.2 (EX-19).
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from bidding.rules.submission import Loss
from kernel.calendar import Calendar
from kernel.errors import NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook
from kernel.score import Exact, exact
from trading.rules.dues import Due, due

_YEAR = 360  # days of a bank year for demand deposits


class Kept(StrEnum):
    """The listed reasons for which a bond may be kept."""

    REVOKED = "revoked"  # bid revoked after the deadline
    NO_CONTRACT = "no_contract"  # winner does not sign, or asks for changes
    NO_PERFORMANCE_BOND = "no_performance_bond"


def interest(principal: Money, *, days: int, yearly_rate: Exact) -> Money:
    """Demand-deposit interest for whole days at a yearly rate over 360 days, rounded once to the fen.

    Raises ValueError for negative days or rates. Source: 招标投标法实施条例 第五十七条 (T-116; EX-19).
    """
    if days < 0 or exact(yearly_rate) < 0:
        raise ValueError("interest runs forward at a rate that is not negative")
    return principal.times(exact(yearly_rate) * days / _YEAR)


def days_held(received_on: date, refunded_on: date) -> int:
    """Days a bond was held, the day of receipt counted and the day of refund not, as banks do."""
    if refunded_on < received_on:
        raise ValueError("a refund follows the receipt")
    return (refunded_on - received_on).days


def refund_due(
    law: Rulebook,
    *,
    winner: bool,
    calendar: Calendar,
    letter_at: datetime | None = None,
    contract_at: datetime | None = None,
    withdrawn_at: datetime | None = None,
    candidate: bool = True,
) -> Due | None:
    """By when a bond goes back, or None while the event it waits for has not come.

    A bid taken back before the deadline: from the notice of it. Procurement: losers from the award letter,
    the winner from the contract. Construction: everybody from the contract; where a local row says so,
    those who are not candidates from the award letter.

    Source: 招标投标法实施条例 第三十五条, 第五十七条; 政府采购法实施条例 第三十三条
    (T-116, T-117, T-123, T-228).
    """
    if withdrawn_at is not None:
        early = due(law, "withdrawn_bond_refund_days_max", withdrawn_at, calendar=calendar)
        return early or due(law, "bond_refund_days_max", withdrawn_at, calendar=calendar)
    if not winner and letter_at is not None:
        if not law.regime.is_construction:
            return due(law, "bond_refund_days_max", letter_at, calendar=calendar)
        if not candidate and (
            local := due(law, "non_candidate_refund_days_max", letter_at, calendar=calendar)
        ):
            return local
    return None if contract_at is None else due(law, "bond_refund_days_max", contract_at, calendar=calendar)


def require_ground_to_keep(kept: Kept, *, loss: Loss | None, is_winner: bool) -> None:
    """Refuse to keep a bond without a listed reason that fits.

    Raises:
        NotValid: ``bond_must_be_returned``.

    Source: 招标投标法实施条例 第三十五条, 第七十四条.
    """
    fits = loss is Loss.REVOKED if kept is Kept.REVOKED else is_winner
    if not fits:
        raise NotValid(
            "bond_must_be_returned", source="招标投标法实施条例 第三十五条, 第七十四条", reason=kept.value
        )
