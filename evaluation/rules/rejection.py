"""Rejecting a bid (否决/无效): listed grounds, clause and page, a vote; and what happens when few remain.

Source: rules.md §2.8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook


class Ground(StrEnum):
    """The only grounds the engine knows."""

    NOT_SEALED = "RJ-01"
    CONSORTIUM_AGREEMENT = "RJ-02"
    QUALIFICATION = "RJ-03"
    TWO_PRICES = "RJ-04"
    PRICE = "RJ-05"  # below cost, or above the ceiling or budget
    NO_RESPONSE = "RJ-06"
    COLLUSION = "RJ-07"
    BOND = "RJ-08"
    CONDITIONS = "RJ-09"
    CORRECTION = "RJ-10"
    ABNORMALLY_LOW = "RJ-11"
    RELATED = "RJ-12"


_BOTH = frozenset({"construction", "GP"})
GROUNDS: Mapping[Ground, tuple[frozenset[str], str]] = MappingProxyType(
    {
        Ground.NOT_SEALED: (frozenset({"construction"}), "招标投标法实施条例 第五十一条第一项"),
        Ground.CONSORTIUM_AGREEMENT: (frozenset({"construction"}), "招标投标法实施条例 第五十一条第二项"),
        Ground.QUALIFICATION: (_BOTH, "招标投标法实施条例 第五十一条第三项"),
        Ground.TWO_PRICES: (frozenset({"construction"}), "招标投标法实施条例 第五十一条第四项"),
        Ground.PRICE: (_BOTH, "招标投标法实施条例 第五十一条第五项; 政府采购法 第三十六条"),
        Ground.NO_RESPONSE: (_BOTH, "招标投标法实施条例 第五十一条第六项"),
        Ground.COLLUSION: (_BOTH, "招标投标法实施条例 第五十一条第七项; 政府采购法实施条例 第七十四条"),
        Ground.BOND: (
            _BOTH,
            "招标投标法实施条例 第二十六条, 第五十一条第六项; 政府采购法实施条例 第三十三条",
        ),
        Ground.CONDITIONS: (frozenset({"GP"}), "政府采购货物和服务招标投标管理办法 第六十三条"),
        Ground.CORRECTION: (_BOTH, "rules.md §2.4"),
        Ground.ABNORMALLY_LOW: (frozenset({"GP"}), "财库〔2026〕2号"),
        Ground.RELATED: (_BOTH, "招标投标法实施条例 第三十四条; 政府采购法实施条例 第十八条"),
    }
)
"""For each ground the bodies of law that know it, and its article."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one bid is out: ground, document clause, page of the bid, reason in words, and who voted how."""

    bid: str
    ground: Ground
    clause: str
    page: str
    reason: str
    votes: Mapping[str, bool]


class Consequence(StrEnum):
    """What few remaining bids mean."""

    CONTINUE = "continue"
    VOTE = "vote"  # the committee votes whether competition is clearly lacking
    FAIL = "fail"


def source_of(ground: Ground) -> str:
    """The article of a ground."""
    return GROUNDS[ground][1]


def found(ground: Ground, item: str, seen: str, *, clause: str, computed: bool = True) -> dict[str, Any]:
    """A ground as a verdict holds it that no vote found: by arithmetic or a record, or by the buyer's public word.

    Args:
        item: what was looked at. seen: what was found there, in words or numbers.
        clause: where it is printed, the documents or the law.
    """
    return {
        "ground": ground.value,
        "item": item,
        "clause": clause,
        "reasons": [seen],
        "pages": [],
        "computed": computed,
        "source": source_of(ground),
    }


def grounds_of(law: Rulebook) -> tuple[Ground, ...]:
    """The grounds that apply under ``law``; regimes outside procurement follow the tendering law."""
    family = "GP" if law.regime == "GP" else "construction"
    return tuple(ground for ground, (families, _) in GROUNDS.items() if family in families)


def require_reasoned(law: Rulebook, rejection: Rejection, members: Collection[str]) -> None:
    """Refuse a rejection without a lawful ground, clause, page, reason, or a majority of all members.

    Raises:
        NotValid: ``ground_not_in_regime``, ``rejection_unreasoned`` (the details name what is missing),
            ``not_a_member``, ``no_majority``.
        NotNow: ``votes_missing`` until every member has voted.

    Source: 招标投标法实施条例 第五十一条; rules.md §2.8, CL-03.
    """
    article = source_of(rejection.ground)
    if rejection.ground not in grounds_of(law):
        raise NotValid("ground_not_in_regime", source=article, ground=rejection.ground.value)
    parts = {"clause": rejection.clause, "page": rejection.page, "reason": rejection.reason}
    if missing := [name for name, text in parts.items() if not text.strip()]:
        raise NotValid("rejection_unreasoned", source="rules.md §2.8", field=missing[0], missing=missing)
    if not passed(rejection.votes, members):
        raise NotValid("no_majority", source="rules.md §2.9", ground=rejection.ground.value)


def passed(votes: Mapping[str, bool], members: Collection[str]) -> bool:
    """Whether more than half of all members voted yes.

    Raises:
        NotValid: ``not_a_member``.
        NotNow: ``votes_missing`` until everybody has voted.

    Source: 重庆市招标投标条例 第三十四条; 政府采购货物和服务招标投标管理办法 第六十一条; rules.md §2.9.
    """
    if strange := sorted(set(votes) - set(members)):
        raise NotValid("not_a_member", source="rules.md §2.9", persons=strange)
    if missing := sorted(set(members) - set(votes)):
        raise NotNow("votes_missing", source="rules.md §2.9", persons=missing)
    return 2 * sum(votes.values()) > len(set(members))


def is_above(price: Money, ceiling: Money) -> bool:
    """Whether a price is over the ceiling or budget; equal is valid. Source: rules.md §2.8 (RJ-05)."""
    return price > ceiling


def when_few_remain(law: Rulebook, remaining: int, *, competition_lacking: bool | None = None) -> Consequence:
    """What the number of bids left after rejections means.

    None left fails the lot. Government procurement: fewer than three fail it. Construction: the committee
    votes whether competition is clearly lacking (``competition_lacking`` None: not yet), then the lot fails
    or goes on. Small works: one is enough.

    Source: 招标投标法 第四十二条; 政府采购法 第三十六条; 评标委员会和评标方法暂行规定 第二十七条;
    rules.md §2.8.
    """
    if remaining <= 0:
        return Consequence.FAIL
    least = law.get("effective_bids_min")
    if least is None or remaining >= least.count:
        return Consequence.CONTINUE
    if not law.regime.is_construction:
        return Consequence.FAIL
    if competition_lacking is None:
        return Consequence.VOTE
    return Consequence.FAIL if competition_lacking else Consequence.CONTINUE
