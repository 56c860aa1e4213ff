"""Prices as they are evaluated: corrected, reduced by policy, scored against the lowest.

A bid has three prices: the one read out (kept), the corrected one (evaluated and contracted, once its
bidder has confirmed it) and the one after policy deductions (evaluated only).

Source: rules.md §2.2, §2.3, §2.4, §10 traps 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from kernel.errors import Caution, NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook
from kernel.score import Exact, Score, exact, score

B = TypeVar("B")
"""Whatever the caller names a bid by."""


class Policy(StrEnum):
    """Grounds of a policy deduction."""

    SMALL = "small"
    CONSORTIUM = "consortium"
    DOMESTIC = "domestic"


def require_lawful_rates(
    law: Rulebook, rates: Mapping[Policy, Fraction], *, category: str, reserved_for_small: bool = False
) -> tuple[Caution, ...]:
    """Refuse printed deduction rates outside the law's ranges.

    Args:
        law: the tender's book.
        rates: the rate the documents print for each ground.
        category: ``goods``, ``services`` or ``works``.
        reserved_for_small: the project is reserved for small enterprises; then none of theirs is deducted.

    Raises:
        NotValid: ``rate_not_in_force`` (the ground has no row here and now), ``rate_out_of_range``,
            ``no_deduction_when_reserved``.

    Source: 财库〔2020〕46号; 财库〔2022〕19号; 国办发〔2025〕34号 (PD-1…PD-6).
    """
    kind = "works" if category == "works" else "goods_services"
    cautions: list[Caution] = []
    for policy, rate in rates.items():
        if reserved_for_small and policy is not Policy.DOMESTIC:
            raise NotValid("no_deduction_when_reserved", source="财库〔2020〕46号", policy=policy.value)
        name = "domestic_rate" if policy is Policy.DOMESTIC else f"{policy.value}_{kind}_rate"
        limit = law.get(name)
        if limit is None:
            raise NotValid("rate_not_in_force", policy=policy.value, edition=law.edition)
        if not limit.allows(rate):
            cautions.append(
                limit.object_to(
                    "rate_out_of_range", policy=policy.value, low=str(limit.low), high=str(limit.high)
                )
            )
    return tuple(cautions)


def evaluated_price(price: Money, rates: Sequence[Fraction]) -> Fraction:
    """Exact yuan after policy deductions, each computed on the original price and then summed.

    Two rates of 20 % and 10 % leave 70 %, not 72 %. Raises ValueError for rates that leave nothing.

    Source: rules.md §2.2 (EX-2); 财库〔2022〕19号; 国办发〔2025〕34号.
    """
    share = 1 - sum(rates, Fraction(0))
    if not 0 < share <= 1 or any(rate < 0 for rate in rates):
        raise ValueError("deductions leave between nothing and the whole price")
    return price.exact * share


def price_scores(evaluated: Mapping[B, Exact], weight: Exact) -> dict[B, Score]:
    """Points of each bid by 综合评分法: lowest evaluated price over this one, times the weight, two decimals.

    No price is dropped, however high or low. Args: yuan after deductions of every responsive bid, all
    positive; ``weight`` in points, such as 30.

    Source: 政府采购货物和服务招标投标管理办法 第五十五条; rules.md §2.2 (BM-9, EX-1, EX-2).
    """
    if not evaluated:
        return {}
    exacts = {bid: exact(price) for bid, price in evaluated.items()}
    base = min(exacts.values())
    if base <= 0:
        raise ValueError("an evaluated price is positive")
    return {bid: score(base / price * exact(weight)) for bid, price in exacts.items()}


def lowest_evaluated(evaluated: Mapping[B, Exact]) -> list[tuple[int, list[B]]]:
    """Ranks by ascending evaluated price; bids of one price share a rank (joint) in the order given.

    Source: 政府采购法实施条例 第三十四条; rules.md §2.3; 招标投标法 第四十一条 (EX-2, EX-6).
    """
    by_price: dict[Fraction, list[B]] = {}
    for bid, price in evaluated.items():
        by_price.setdefault(exact(price), []).append(bid)
    ranks, place = [], 1
    for price in sorted(by_price):
        ranks.append((place, by_price[price]))
        place += len(by_price[price])
    return ranks


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation the documents turn into money."""

    code: str
    amount: Money


def monetised(code: str, units: int, each: Money) -> Deviation:
    """A deviation of ``units`` (months late, items missing) at ``each``; early is worth nothing."""
    return Deviation(code, each * max(units, 0))


def with_deviations(price: Money, deviations: Sequence[Deviation], printed: frozenset[str]) -> Money:
    """Corrected price plus every monetised deviation, by 经评审的最低投标价法.

    Raises:
        NotValid: ``criterion_not_printed`` for a deviation the documents do not list.

    Source: 招标投标法 第四十一条; 招标投标法实施条例 第四十九条; rules.md §2.6 (EX-6).
    """
    if strange := sorted({one.code for one in deviations} - printed):
        raise NotValid("criterion_not_printed", source="招标投标法实施条例 第四十九条", factors=strange)
    return sum((one.amount for one in deviations), price)


class CorrectionStep(StrEnum):
    """Which rule moved a price."""

    FORM = "opening_form_prevails"
    WORDS = "words_prevail"
    SLIP = "decimal_slip_in_unit_price"
    UNIT_PRICE = "unit_price_prevails"


@dataclass(frozen=True, slots=True)
class Line:
    """One priced item: total as written, unit price and quantity.

    ``slip`` says that the reviewer found an obvious decimal or percent slip in the unit price.
    """

    total: Money
    unit_price: Money
    quantity: Fraction
    slip: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """A price in all the places a bid states it; None where it does not.

    Attributes:
        form_words, form_figures: on the opening form, in capitals and in figures.
        other: the total elsewhere in the bid.
        lines: the priced list.
    """

    form_words: Money | None
    form_figures: Money | None
    other: Money | None = None
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """The outcome: the price to read out, the price to evaluate, the steps taken, and whether to ask.

    ``corrected`` binds only after the bidder confirms it in writing; without confirmation the bid is
    rejected (RJ-10). When nothing was corrected no confirmation is needed.
    """

    read_out: Money
    corrected: Money
    steps: tuple[CorrectionStep, ...]

    @property
    def needs_confirmation(self) -> bool:
        """Whether the evaluated price differs from the one read out."""
        return self.corrected != self.read_out


def correct(quoted: Quoted) -> Correction:
    """Apply the arithmetic corrections in their order: form, words, slips, unit prices.

    A slip in a unit price leaves its line's total; otherwise unit price times quantity decides, rounded
    to the fen. The price read out stays in the opening record whatever is corrected later.

    Raises:
        NotValid: ``price_missing`` when the bid states no total anywhere.

    Source: 政府采购货物和服务招标投标管理办法 第五十九条; 招标投标法 第三十九条;
    招标投标法实施条例 第五十二条; rules.md §2.4 (EX-3).
    """
    steps: list[CorrectionStep] = []
    stated = [price for price in (quoted.form_words, quoted.form_figures, quoted.other) if price is not None]
    if not stated:
        raise NotValid("price_missing", source="rules.md §2.4")
    read_out = stated[0]
    form = quoted.form_figures if quoted.form_figures is not None else quoted.form_words
    if quoted.other is not None and form is not None and quoted.other != form:
        steps.append(CorrectionStep.FORM)
    if None not in (quoted.form_words, quoted.form_figures) and quoted.form_words != quoted.form_figures:
        steps.append(CorrectionStep.WORDS)
    if not quoted.lines:
        return Correction(read_out, read_out, tuple(steps))
    total = Money(0, read_out.currency)
    for line in quoted.lines:
        by_unit = line.unit_price.times(line.quantity)
        if line.slip and by_unit != line.total:
            steps.append(CorrectionStep.SLIP)
            total += line.total
            continue
        total += by_unit
    if total != read_out:
        steps.append(CorrectionStep.UNIT_PRICE)
    return Correction(read_out, total, tuple(dict.fromkeys(steps)))


def evaluation_price(correction: Correction, *, confirmed: bool | None) -> Money:
    """The price the evaluation uses: the corrected one once confirmed.

    Raises:
        NotValid: ``correction_not_confirmed`` when it was refused or not answered (None); ground RJ-10.

    Source: rules.md §2.4 step 5.
    """
    if correction.needs_confirmation and not confirmed:
        raise NotValid(
            "correction_not_confirmed", source="rules.md §2.4", ground="RJ-10", asked=confirmed is not None
        )
    return correction.corrected
