"""Bid bonds: what counts as one, refund days, interest, and when one may be kept.

Source: rules.md §1.2 (T-116, T-117, T-121, T-123), §1.3 (T-228), §2.8 (RJ-08), §6.2 (EX-19).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from bidding.rules.states import BidState
from bidding.rules.submission import Loss
from kernel.calendar import Calendar, DayUnit, Period, local_date
from kernel.errors import NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook
from kernel.score import Exact, exact
from trading.rules.dues import Due, due
from trading.rules.lifecycle import Stage

_YEAR = 360  # days of a bank year for demand deposits


class Why(StrEnum):
    """The events that send a bond back."""

    WITHDRAWN = "withdrawn"  # its bid was taken back, or could not be opened by nobody's fault of his
    NO_BID = "no_bid"  # its bidder did not bid
    FAILED = "failed"
    TERMINATED = "terminated"
    NOT_WINNER = "not_winner"  # the award letter went to another
    CONTRACT = "contract"


class Kept(StrEnum):
    """The listed reasons for which a bond may be kept."""

    REVOKED = "revoked"  # bid revoked after the deadline
    NO_CONTRACT = "no_contract"  # winner does not sign, or asks for changes
    NO_PERFORMANCE_BOND = "no_performance_bond"


class Standing(StrEnum):
    """What a bidder's bond for a lot is worth at the opening; only the first is a bond as the documents ask."""

    SOUND = "sound"
    LATE = "late"  # all of it, but not before the deadline
    OTHER_PAYER = "other_payer"  # in time and enough, but not from the bidder's own basic account
    ENDS_EARLY = "ends_early"  # a guarantee that ends before the bids do
    NOT_GENUINE = "not_genuine"  # its issuer does not know the guarantee
    SHORT = "short"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Paid:
    """Money that arrived; ``own``: from the bidder himself and the account he named."""

    amount: Money
    arrived_at: datetime
    own: bool


@dataclass(frozen=True, slots=True)
class Guaranteed:
    """A guarantee as it was filed; ``genuine``: what its issuer said, None while he was not asked."""

    amount: Money
    filed_at: datetime
    valid_until: date
    genuine: bool | None


def bind_until(bids_close_at: datetime, validity_days: int) -> date:
    """The last day bids bind, Shanghai; a guarantee binds at least as long.

    Source: 招标投标法实施条例 第二十五条, 第二十六条 (T-121).
    """
    return local_date(bids_close_at) + timedelta(days=validity_days)


def needs_own_account(law: Rulebook) -> bool:
    """Whether cash must come from the bidder's own basic account. Source: 招标投标法实施条例 第二十六条."""
    limit = law.get("bid_bond_cash_from_basic_account")
    return limit is not None and bool(limit.value)


def standing_of_money(paid: Sequence[Paid], *, due: Money, closes_at: datetime, own_only: bool) -> Standing:
    """What the money on one account is worth. At the deadline it is already too late.

    Source: 招标投标法实施条例 第二十六条; 政府采购法实施条例 第三十三条 (RJ-08).
    """

    def enough(some: Sequence[Paid]) -> bool:
        return sum(one.amount.minor for one in some) >= due.minor

    good = [one for one in paid if one.own or not own_only]
    if not paid:
        return Standing.NONE
    if enough([one for one in good if one.arrived_at < closes_at]):
        return Standing.SOUND
    if enough(good):
        return Standing.LATE
    if enough([one for one in paid if one.arrived_at < closes_at]):
        return Standing.OTHER_PAYER
    return Standing.SHORT


def standing_of_guarantee(
    given: Guaranteed, *, due: Money, closes_at: datetime, binds_until: date
) -> Standing:
    """What a guarantee is worth. Guarantees are accepted wherever a bond is asked.

    Source: 招标投标法实施条例 第二十六条; 保障中小企业款项支付条例 第十三条; 政府采购法实施条例 第三十三条.
    """
    if given.genuine is False:
        return Standing.NOT_GENUINE
    if given.amount < due:
        return Standing.SHORT
    if given.valid_until < binds_until:
        return Standing.ENDS_EARLY
    return Standing.SOUND if given.filed_at < closes_at else Standing.LATE


def best_of(found: Sequence[Standing]) -> Standing:
    """A bidder who gave several is judged by the best of them."""
    order = list(Standing)
    return min(found, key=order.index, default=Standing.NONE)


def require_guarantee(given: Guaranteed, *, due: Money, binds_until: date) -> None:
    """Refuse a guarantee that could not count, while there is time to bring a better one.

    Raises:
        NotValid: ``guarantee_short``, ``guarantee_ends_early``.

    Source: 招标投标法实施条例 第二十六条 (T-121).
    """
    source = "招标投标法实施条例 第二十六条"
    if given.amount < due:
        raise NotValid("guarantee_short", source=source, field="amount", due=f"{due.yuan:.2f}")
    if given.valid_until < binds_until:
        raise NotValid("guarantee_ends_early", source=source, field="valid_until", least=binds_until)


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


def shortest_refund(since: datetime, *, calendar: Calendar) -> datetime:
    """Five working days, for regimes whose law names no refund day. Source: house rule, as 政府采购法实施条例 第三十三条."""
    return calendar.closes_at(local_date(since), Period(5, DayUnit.WORKING))


_ENDED = {Stage.FAILED: Why.FAILED, Stage.TERMINATED: Why.TERMINATED, Stage.CONTRACTED: Why.CONTRACT}
_IN = frozenset({BidState.COMMITTED, BidState.COMPLETE, BidState.REVOKED})


def why_back(
    stage: Stage, states: Collection[BidState], *, closed: bool, winner: bool, losers_at_award: bool
) -> Why | None:
    """Which event that has come sends a bidder's bond for a lot back; None while it is still held.

    Args:
        states: of all his bids for the lot. closed: whether the deadline has passed.
        winner: whether the lot is awarded to him. losers_at_award: whether his bond goes back with the award letter.

    Source: 招标投标法实施条例 第三十一条, 第三十五条, 第五十七条; 政府采购法实施条例 第三十三条.
    """
    if stage in _ENDED:
        return _ENDED[stage]
    if not _IN.intersection(states):
        if BidState.WITHDRAWN in states:
            return Why.WITHDRAWN
        return Why.NO_BID if closed else None
    if stage is Stage.AWARDED and not winner and losers_at_award:
        return Why.NOT_WINNER
    return None


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
