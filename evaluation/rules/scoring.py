"""Points: from members' sheets to printed factor scores and totals, rounded once per printed step.

Source: rules.md §2.9, §2.10 (EX-1, EX-13, EX-20).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from kernel.errors import NotNow, NotValid
from kernel.rulebook import Rulebook
from kernel.score import Exact, Score, exact, mean, score

_OBJECTIVE = "政府采购货物和服务招标投标管理办法 第六十四条"


class Aggregation(StrEnum):
    """How members' scores become one; printed in the documents."""

    MEAN = "mean"
    TRIMMED = "trimmed"  # drop one high and one low of each factor
    TRIMMED_TOTAL = "trimmed_total"  # drop the members with the highest and the lowest total of each bid


@dataclass(frozen=True, slots=True)
class Factor:
    """A printed criterion: ``full`` points at most, ``least`` at least; objective ones are equal for all."""

    code: str
    full: Decimal
    objective: bool = False
    least: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One member's points for one bid, by factor code."""

    member: str
    bid: str
    points: Mapping[str, Decimal]


def require_sound_sheet(sheet: Sheet, factors: Sequence[Factor]) -> None:
    """Refuse a sheet that leaves out a factor, adds one, or leaves a printed range.

    Raises:
        NotValid: ``criterion_not_printed``, ``sheet_incomplete``, ``out_of_range``, ``too_many_decimals``
            (points have two).

    Source: 招标投标法实施条例 第四十九条; 政府采购法实施条例 第三十四条; rules.md §2.9.
    """
    printed = {factor.code: factor for factor in factors}
    if strange := sorted(sheet.points.keys() - printed.keys()):
        raise NotValid("criterion_not_printed", source="招标投标法实施条例 第四十九条", factors=strange)
    if missing := sorted(printed.keys() - sheet.points.keys()):
        raise NotValid("sheet_incomplete", source="rules.md §2.9", factors=missing)
    for code, points in sheet.points.items():
        factor = printed[code]
        if not points.is_finite() or not factor.least <= points <= factor.full:
            raise NotValid(
                "out_of_range", source="rules.md §2.9", field=code, least=factor.least, most=factor.full
            )
        if score(points) != points:
            raise NotValid("too_many_decimals", source="rules.md §2.10", field=code)


def unequal_objective(sheets: Sequence[Sheet], factors: Sequence[Factor]) -> list[tuple[str, str]]:
    """Bid and factor wherever members gave different points to an objective factor, in order.

    Source: 政府采购货物和服务招标投标管理办法 第六十四条; rules.md CL-02.
    """
    objective = [factor.code for factor in factors if factor.objective]
    given: dict[tuple[str, str], set[Decimal]] = {}
    for sheet in sheets:
        for code in objective:
            given.setdefault((sheet.bid, code), set()).add(sheet.points[code])
    return sorted(key for key, points in given.items() if len(points) > 1)


def require_lawful_aggregation(law: Rulebook, how: Aggregation, *, members: int) -> None:
    """Refuse trimming with too few members.

    Raises:
        NotValid: ``too_few_to_trim``.

    Source: rules.md §2.9.
    """
    least = law["trimmed_mean_members_min"]
    if how is not Aggregation.MEAN and members < least.count:
        raise NotValid("too_few_to_trim", source=least.source, members=members, least=least.count)


def member_score(points: Sequence[Exact], how: Aggregation = Aggregation.MEAN) -> Score:
    """One factor's printed score from all members' points: the mean, or without one high and one low.

    Raises:
        NotValid: ``too_few_to_trim`` when trimming would leave nothing; ValueError for no points at all.
    """
    ordered = sorted(exact(one) for one in points)
    if how is not Aggregation.MEAN:
        if len(ordered) < 3:
            raise NotValid("too_few_to_trim", source="rules.md §2.9", members=len(ordered), least=3)
        ordered = ordered[1:-1]
    return score(mean(ordered))


def factor_scores(
    law: Rulebook,
    sheets: Sequence[Sheet],
    factors: Sequence[Factor],
    *,
    members: Sequence[str],
    how: Aggregation = Aggregation.MEAN,
) -> dict[str, dict[str, Score]]:
    """Printed factor scores of every bid, by bid and factor code.

    Args:
        law: the tender's book.
        sheets: exactly one of every member for every bid.
        factors: the printed criteria that members score.
        members: everyone who scores.
        how: as printed.

    Raises:
        NotNow: ``sheets_missing`` until every member has scored every bid.
        NotValid: ``sheet_doubled``, ``objective_unequal``, ``too_few_to_trim`` and what
            ``require_sound_sheet`` refuses.

    Source: rules.md §2.9, §2.10; 政府采购货物和服务招标投标管理办法 第六十四条.
    """
    require_lawful_aggregation(law, how, members=len(members))
    by_bid: dict[str, dict[str, Sheet]] = {}
    for sheet in sheets:
        require_sound_sheet(sheet, factors)
        if by_bid.setdefault(sheet.bid, {}).setdefault(sheet.member, sheet) is not sheet:
            raise NotValid("sheet_doubled", source="rules.md §2.9", member=sheet.member, bid=sheet.bid)
    missing = sorted((bid, one) for bid, given in by_bid.items() for one in members if one not in given)
    if missing:
        raise NotNow("sheets_missing", source="rules.md §2.9", missing=missing)
    if unequal := unequal_objective(sheets, factors):
        raise NotValid("objective_unequal", source=_OBJECTIVE, items=sorted({code for _, code in unequal}))
    result: dict[str, dict[str, Score]] = {}
    for bid in sorted(by_bid):
        given = [by_bid[bid][member] for member in sorted(by_bid[bid])]
        if how is Aggregation.TRIMMED_TOTAL:
            given = sorted(given, key=lambda sheet: (sum(sheet.points.values()), sheet.member))[1:-1]
        each = how if how is Aggregation.TRIMMED else Aggregation.MEAN
        result[bid] = {
            factor.code: member_score([sheet.points[factor.code] for sheet in given], each)
            for factor in factors
        }
    return result


def weighted(points: Exact, weight: Exact) -> Score:
    """A factor scored out of 100 as its share of the total: points × weight ÷ 100, rounded once (EX-20)."""
    return score(exact(points) * exact(weight) / 100)


def total(parts: Iterable[Score]) -> Score:
    """The printed total: the sum of the printed factor scores. Source: rules.md §2.10."""
    return score(sum((exact(part) for part in parts), Fraction(0)))


def replaced_by_others(points: Mapping[str, Exact], member: str) -> dict[str, Exact]:
    """All members' points with one member's replaced by the exact mean of the others'.

    Raises:
        NotValid: ``not_a_member``, ``nobody_else``.

    Source: 重庆市招标投标条例 第三十二条; rules.md §2.9 (EX-13).
    """
    if member not in points:
        raise NotValid("not_a_member", source="rules.md §2.9", member=member)
    others: list[Exact] = [exact(given) for name, given in points.items() if name != member]
    if not others:
        raise NotValid("nobody_else", source="rules.md §2.9")
    return {name: (mean(others) if name == member else given) for name, given in points.items()}


class ChangeGround(StrEnum):
    """The only grounds on which a score may change after the summary."""

    SUM_ERROR = "sum_error"
    OUT_OF_RANGE = "out_of_range"
    UNEQUAL_OBJECTIVE = "unequal_objective"
    ABNORMAL = "abnormal"


def require_change_ground(ground: str, reason: str) -> ChangeGround:
    """Refuse to unlock a sheet without one of the listed grounds and a written reason.

    Raises:
        NotValid: ``ground_not_listed``, ``reason_missing``.

    Source: 政府采购货物和服务招标投标管理办法 第六十四条; rules.md V-12.
    """
    if ground not in {one.value for one in ChangeGround}:
        raise NotValid("ground_not_listed", source=_OBJECTIVE, field="ground", ground=ground)
    if not reason.strip():
        raise NotValid("reason_missing", source=_OBJECTIVE, field="reason")
    return ChangeGround(ground)


def needs_reason(points: Decimal, full: Decimal) -> bool:
    """Whether a subjective score needs a written reason: below 60 % or above 95 % of the item.

    Source: rules.md §7.2 (V-13).
    """
    share = exact(points) / exact(full)
    return share < Fraction(60, 100) or share > Fraction(95, 100)
