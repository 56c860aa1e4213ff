"""Abnormally low prices in government procurement: triggers that ask, never reject by themselves.

Sealed bids (``evaluation``) and offers of reverse auctions (``bidding``) are judged by the same tests.

Source: 财库〔2026〕2号, from 2026-02-01; rules.md §2.5.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TypeVar

from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.rulebook import Limit, Rulebook
from kernel.score import mean

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Trigger:
    """One test that fired: its row, the price, the ratio in effect, and the bound the price lies strictly below (exact
    yuan)."""

    rule: str
    source: str
    price: Money
    ratio: Fraction
    bound: Fraction

    def to_plain(self) -> dict[str, str]:
        """As rows and facts hold it; ratio and bound as exact fractions."""
        return {
            "rule": self.rule,
            "price": f"{self.price.yuan:.2f}",
            "ratio": str(self.ratio),
            "bound": str(self.bound),
            "source": self.source,
        }


def ratios(law: Rulebook, printed: Mapping[str, Fraction] | None = None) -> dict[str, tuple[Limit, Fraction]]:
    """The three ratios in effect by rule id: the law's, or higher ones the documents print.

    Raises:
        NotValid: ``abnormal_ratio_out_of_range`` for a printed ratio below the law's or above its ceiling.

    Returns an empty mapping when the tender's law knows no such tests (before 2026-02-01, other regimes).
    """
    found: dict[str, tuple[Limit, Fraction]] = {}
    for rule, name in _ROWS.items():
        limit = law.get(name)
        if limit is None:
            continue
        ratio = (printed or {}).get(rule, limit.ratio)
        if not limit.allows(ratio):
            limit.object_to(
                "abnormal_ratio_out_of_range", printed=str(ratio), low=str(limit.low), high=str(limit.high)
            )
        found[rule] = (limit, ratio)
    return found


def abnormal_prices(
    law: Rulebook,
    prices: Mapping[B, Money],
    *,
    ceiling: Money | None,
    budget: Money | None = None,
    printed: Mapping[str, Fraction] | None = None,
) -> dict[B, tuple[Trigger, ...]]:
    """The bids whose raw price sets off a test, each with every test it sets off.

    AL-1: below half the mean, itself included. AL-2: the lowest price, below half of the second lowest.
    AL-3: below 45 % of the ceiling, or of the budget when there is none. All strict, all on raw prices
    of bids that passed the conformity check. Equal lowest prices are each other's second lowest.

    Source: 财库〔2026〕2号 (AL-1, AL-2, AL-3; EX-4, EX-5).
    """
    in_effect = ratios(law, printed)
    if not prices or not in_effect:
        return {}
    bounds: dict[str, Fraction] = {"AL-1": mean([price.exact for price in prices.values()])}
    ordered = sorted(prices.values())
    if len(ordered) > 1:
        bounds["AL-2"] = ordered[1].exact
    top = ceiling if ceiling is not None else budget
    if top is not None:
        bounds["AL-3"] = top.exact
    fired: dict[B, tuple[Trigger, ...]] = {}
    for bid, price in prices.items():
        triggers = []
        for rule, base in bounds.items():
            limit, ratio = in_effect[rule]
            if rule == "AL-2" and price != ordered[0]:
                continue
            if price.exact < base * ratio:
                triggers.append(Trigger(rule, limit.source, price, ratio, base * ratio))
        if triggers:
            fired[bid] = tuple(triggers)
    return fired


def answer_due(law: Rulebook, asked_at: datetime, *, minutes: int | None = None) -> datetime:
    """Until when the supplier may explain: at least the law's minutes (30) after being asked.

    Raises:
        NotValid: ``answer_time_too_short`` when fewer minutes are given and the row blocks.

    Source: 财库〔2026〕2号 (AL-5).
    """
    limit = law.get("abnormal_answer_minutes_min")
    least = limit.count if limit else 0
    given = least if minutes is None else minutes
    if given <= 0 or given < least:
        raise NotValid(
            "answer_time_too_short", source=limit.source if limit else None, least=least, given=given
        )
    return asked_at + timedelta(minutes=given)


def accepted(
    votes: Mapping[str, bool], members: Collection[str], *, explained: bool, now: datetime, due_at: datetime
) -> bool:
    """Whether the committee is convinced, by majority of all members; nothing explained in time is not.

    Raises:
        NotNow: ``answer_not_due`` while the supplier may still explain; ``votes_missing`` until every member
            has voted on an explanation.
        NotValid: ``not_a_member`` for a vote from outside the committee.

    Source: 财库〔2026〕2号; rules.md §2.5.
    """
    if strange := sorted(set(votes) - set(members)):
        raise NotValid("not_a_member", source="财库〔2026〕2号", persons=strange)
    if not explained:
        if now < due_at:
            raise NotNow("answer_not_due", source="财库〔2026〕2号", due_at=due_at)
        return False
    if missing := sorted(set(members) - set(votes)):
        raise NotNow("votes_missing", source="财库〔2026〕2号", persons=missing)
    return majority(votes.values())


def majority(votes: Collection[bool]) -> bool:
    """Whether more than half of a group, every member with his vote, is convinced. Source: rules.md §2.5."""
    return 2 * sum(votes) > len(votes)


def group_least(law: Rulebook) -> Limit:
    """The row with the least number of members of a buyer's review group (today three).

    Raises RulebookError under a law without the tests, which asks nobody.

    Source: 政府采购法 第三十八条.
    """
    return law["abnormal_group_min"]


def require_group(law: Rulebook, members: Sequence[str]) -> None:
    """Refuse a group that may not judge an explanation: too few members, one without a name, or one twice.

    Raises:
        NotValid: ``review_group_small`` with the least number, ``review_group_unnamed``, ``review_group_twice`` with the
            names.

    Source: 政府采购法 第三十八条 (three or more); rules.md §2.5 (majority).
    """
    least = group_least(law)
    if len(members) < least.count:
        least.object_to("review_group_small", field="members", least=least.count)
    if any(not name.strip() for name in members):
        raise NotValid("review_group_unnamed", source=least.source, field="members")
    twice = sorted({name for name in members if members.count(name) > 1})
    if twice:
        raise NotValid("review_group_twice", source=least.source, field="members", persons=twice)


_ROWS = {
    "AL-1": "abnormal_mean_ratio",
    "AL-2": "abnormal_second_low_ratio",
    "AL-3": "abnormal_ceiling_ratio",
}
