"""What a notice must say before it may appear, and what its scoring terms must add up to.

Source: rules.md §6.2 (NR-01, NR-05), §6.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from kernel.errors import Caution, NotValid
from kernel.money import Money
from kernel.rulebook import Limit, Rulebook
from kernel.score import Exact, exact


class NoticeKind(StrEnum):
    """The notices of a tender."""

    TENDER = "tender"  # 招标公告
    PREQUALIFICATION = "prequalification"  # 资格预审公告
    INVITATION = "invitation"  # 投标邀请书
    CLARIFICATION = "clarification"  # 澄清/更正公告
    SUSPENSION = "suspension"  # 暂停公告
    TERMINATION = "termination"  # 终止公告
    OPENING = "opening"  # 开标记录
    CANDIDATES = "candidates"  # 中标候选人公示
    RESULT = "result"  # 中标结果公示; 中标/成交结果公告
    FAILURE = "failure"  # 废标/流标公告
    SINGLE_SOURCE = "single_source"  # 单一来源公示
    CONTRACT = "contract"  # 合同公告


_TENDER = (
    "buyer.name",
    "buyer.code",
    "buyer.address",
    "buyer.contact",
    "buyer.phone",
    "buyer.email",
    "project.name",
    "project.nature",
    "project.quantity",
    "project.place",
    "project.time",
    "project.funds",
    "project.approval_no",
    "lots[].code",
    "qualification",
    "consortium",
    "documents.how",
    "documents.from_at",
    "documents.until_at",
    "documents.price",
    "submission.method",
    "submission.url",
    "submission.closes_at",
    "opening.at",
    "opening.method",
    "media",
    "data_checker",
)

REQUIRED: Mapping[NoticeKind, tuple[str, ...]] = MappingProxyType(
    {
        NoticeKind.TENDER: _TENDER,
        NoticeKind.PREQUALIFICATION: _TENDER,
        NoticeKind.INVITATION: _TENDER,
        NoticeKind.CLARIFICATION: (
            "changes[].item",
            "changes[].before",
            "changes[].after",
            "affects_bids",
            "closes_at",
        ),
        NoticeKind.SUSPENSION: ("reason",),
        NoticeKind.TERMINATION: ("reason", "refunds"),
        NoticeKind.OPENING: (
            "lot.code",
            "scheduled_at",
            "opened_at",
            "place",
            "delivered",
            "bids[].order",
            "bids[].bidder",
            "bids[].arrived_at",
            "bids[].price",
            "bids[].price_words",
            "bids[].seal",
        ),
        NoticeKind.CANDIDATES: (
            "candidates[].rank",
            "candidates[].name",
            "candidates[].code",
            "candidates[].price",
            "candidates[].quality",
            "candidates[].period",
            "candidates[].manager",
            "candidates[].manager_certificates",
            "candidates[].qualification",
            "evaluation",
            "objection_channel",
            "from_at",
            "until_at",
        ),
        NoticeKind.RESULT: ("winner.name", "winner.amount"),
        NoticeKind.FAILURE: ("reason",),
        NoticeKind.SINGLE_SOURCE: (
            "project.name",
            "supplier",
            "reasons",
            "expert_opinion",
            "objection_channel",
        ),
        NoticeKind.CONTRACT: ("parties", "subject", "amount", "term"),
    }
)
"""Required fields by notice: dotted paths; ``[]`` means every element of a list that may not be empty."""

_AGENT = ("agent.name", "agent.code", "agent.address", "agent.contact", "agent.phone", "agent.email")
_PROCUREMENT_RESULT = (
    "buyer.contact",
    "project.code",
    "project.name",
    "winner.address",
    "items[].name",
    "items[].specification",
    "items[].quantity",
    "items[].unit_price",
    "experts",
    "documents",
)
_SOURCES = {
    NoticeKind.TENDER: "招标投标法 第十六条",
    NoticeKind.PREQUALIFICATION: "招标投标法 第十六条",
    NoticeKind.INVITATION: "招标投标法 第十七条",
    NoticeKind.CLARIFICATION: "招标投标法实施条例 第二十一条",
    NoticeKind.SUSPENSION: "招标投标法实施条例 第二十二条",
    NoticeKind.TERMINATION: "招标投标法实施条例 第三十一条",
    NoticeKind.OPENING: "招标投标法 第三十六条",
    NoticeKind.CANDIDATES: "招标投标法实施条例 第五十四条",
    NoticeKind.RESULT: "招标投标法 第四十五条",
    NoticeKind.FAILURE: "政府采购法 第三十六条",
    NoticeKind.SINGLE_SOURCE: "政府采购法实施条例 第三十八条",
    NoticeKind.CONTRACT: "政府采购法实施条例 第五十条",
}


def required_fields(law: Rulebook, kind: NoticeKind, *, has_agent: bool = False) -> tuple[str, ...]:
    """The fields a notice of ``kind`` needs under ``law``: with an agent its data, and GP results more.

    Source: rules.md §6.3; 政府采购法实施条例 第四十三条.
    """
    fields = REQUIRED[kind]
    if has_agent and kind in {NoticeKind.TENDER, NoticeKind.PREQUALIFICATION, NoticeKind.INVITATION}:
        fields += _AGENT
    if kind is NoticeKind.RESULT and law.regime == "GP":
        fields += _PROCUREMENT_RESULT
    return fields


def missing_fields(
    law: Rulebook, kind: NoticeKind, body: Mapping[str, object], *, has_agent: bool = False
) -> list[str]:
    """The required fields that ``body`` lacks or leaves empty; zero and "no" are answers, not gaps."""
    wanted = required_fields(law, kind, has_agent=has_agent)
    return [path for path in wanted if not _filled(body, path.split("."))]


def require_complete_notice(
    law: Rulebook, kind: NoticeKind, body: Mapping[str, object], *, has_agent: bool = False
) -> None:
    """Refuse a notice that lacks a required field.

    Raises:
        NotValid: ``notice_incomplete``; ``details["missing"]`` lists the paths.

    Source: rules.md §6.2 (NR-01), §6.3.
    """
    if missing := missing_fields(law, kind, body, has_agent=has_agent):
        raise NotValid(
            "notice_incomplete", source=_SOURCES[kind], field=missing[0], kind=kind.value, missing=missing
        )


def require_sound_weights(
    law: Rulebook,
    weights: Mapping[str, Exact],
    *,
    price_factor: str | None = None,
    category: str = "works",
    consultation: bool = False,
) -> tuple[Caution, ...]:
    """Refuse scoring terms that do not add up, or a price share outside the law's limits.

    Args:
        law: the tender's book.
        weights: points of every factor; together exactly 100.
        price_factor: the factor that is the price, when price is scored.
        category: ``goods``, ``services`` or ``works``.
        consultation: 竞争性磋商, which has a range of its own.

    Raises:
        NotValid: ``weights_not_100``, ``weight_not_positive``, ``price_not_scored`` (GP), ``price_share``.

    Returns:
        Cautions for limits that only warn.

    Source: 招标投标法实施条例 第四十九条; 政府采购法实施条例 第三十四条; rules.md §2.1, NR-05.
    """
    row = law["weights_sum"]
    if low := sorted(name for name, weight in weights.items() if exact(weight) <= 0):
        raise NotValid("weight_not_positive", source=row.source, field="weights", factors=low)
    total = sum((exact(weight) for weight in weights.values()), Fraction(0))
    if total != row.count:
        raise NotValid(
            "weights_not_100",
            source=row.source,
            field="weights",
            total=str(Decimal(total.numerator) / total.denominator),
        )
    if law.regime != "GP":
        return ()
    if price_factor is None or price_factor not in weights:
        raise NotValid("price_not_scored", source="政府采购法实施条例 第三十四条", field="weights")
    share = exact(weights[price_factor]) / 100
    if category not in {"goods", "services"}:
        return ()
    if consultation:
        limit = law[f"consultation_price_share_{category}"]
        sound = limit.allows(share)
    else:
        limit = law[f"price_share_{category}_min"]
        sound = share >= limit.ratio
    if sound:
        return ()
    return (
        limit.object_to("price_share", field="weights", share=_percent(share), least=_percent(limit.ratio)),
    )


def require_lawful_bond(
    law: Rulebook, bond: Money, estimate: Money, *, category: str = "works", cash_only: bool = False
) -> tuple[Caution, ...]:
    """Refuse a bid bond above its share or cap, or one that may only be paid in cash.

    Args:
        bond: what the documents ask for; zero is always lawful.
        estimate: project estimate (construction) or budget (procurement) of the lot.
        category: ``works``, ``goods``, ``services`` or ``survey``.
        cash_only: the documents accept no guarantee.

    Raises:
        NotValid: ``bond_negative``, ``bond_cash_only``, ``bond_share``, ``bond_cap``.

    Source: 招标投标法实施条例 第二十六条; 政府采购法实施条例 第三十三条;
    保障中小企业款项支付条例 第十三条 (SF-02).
    """
    if bond.minor < 0:
        raise NotValid("bond_negative", field="bond")
    cautions: list[Caution] = []
    guarantee = law.get("bid_bond_guarantee_accepted") or law.get("bid_bond_non_cash")
    if bond and cash_only and guarantee is not None:
        cautions.append(guarantee.object_to("bond_cash_only", field="bond"))
    share = law.get("bid_bond_share_max")
    if share is not None and bond.exact > estimate.exact * share.ratio:
        most = Money(estimate.minor * share.ratio.numerator // share.ratio.denominator, estimate.currency)
        cautions.append(share.object_to("bond_share", field="bond", most=most))
    cap: Limit | None = law.get(
        "bid_bond_survey_design_max" if category == "survey" else "bid_bond_works_goods_max"
    )
    if cap is not None and bond > cap.money:
        cautions.append(cap.object_to("bond_cap", field="bond", most=cap.money))
    return tuple(cautions)


def _filled(body: object, path: Sequence[str]) -> bool:
    """Whether ``path`` leads to something; a list on the way needs an element and each must have the rest."""
    if not path:
        empty = isinstance(body, str | list | tuple | Mapping) and not body
        return body is not None and not empty
    if not isinstance(body, Mapping):
        return False
    name, rest = path[0], path[1:]
    if not name.endswith("[]"):
        return _filled(body.get(name), rest)
    rows = body.get(name[:-2])
    return isinstance(rows, list | tuple) and bool(rows) and all(_filled(row, rest) for row in rows)


def _percent(share: Fraction) -> str:
    return f"{Decimal(share.numerator * 100) / share.denominator:f} %"
