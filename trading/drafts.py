"""What still stands between a draft and its notice, and what a new draft begins with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from kernel.calendar import Calendar, Verdict, local
from kernel.errors import Caution, NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook
from trading import procedures
from trading.actions.drafting import Draft
from trading.actions.notices import plan_of, require_lawful_terms
from trading.models import Tender
from trading.rules.timetable import Plan, RuleResult, check_timetable, repaired
from trading.terms import parse_terms

LIVE_TERMS: Mapping[str, Any] = {
    "method": "live",
    "price": {"formula": "none"},
    "parts": ["price"],
    "min_bids": 1,
}
"""What a tender prints whose lots are auctioned; the rules of each auction stand with its lot."""

PRICE_TERMS: Mapping[str, Any] = {
    "method": "lowest_price",
    "price": {"formula": "none"},
    "parts": ["price"],
    "min_bids": 3,
    "ties": ["draw"],
}
"""What a comparison of prices begins with: no panel sits, the lowest valid price wins, equal prices are drawn."""

STEPS = ("basics", "lots", "terms", "dates", "documents", "sealing", "review")

_NARROW = re.compile(
    r"(本市|本省|本县|本区|本地|当地)[^。；;，,]{0,8}(注册|设立|纳税|业绩|社保|分支机构|办事处)"
)
_OFFICE_HOUR = time(9, 0)
_CLOSE_HOUR = time(9, 30)


@dataclass(frozen=True)
class Check:
    """One line of the rule panel.

    Attributes:
        step: of which step of the wizard it is.
        light: ``g``, ``y`` or ``r``; red keeps the notice back.
        code: what is said, a key of the template's sentences.
        source: the article.
        details: what the sentence mentions.
    """

    step: str
    light: str
    code: str
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def draft_checks(
    tender: Tender, law: Rulebook, *, files: int, now: datetime, calendar: Calendar
) -> list[Check]:
    """Everything publishing will look at, and what only deserves a second look.

    Source: 招标投标法 第十六条, 第十九条, 第二十四条; 招标投标法实施条例 第二十六条, 第三十二条.
    """
    told = bool(tender.summary.strip() and tender.qualification.strip())
    found = [
        Check("basics", "g" if told else "r", "texts" if told else "texts_none", "招标投标法 第十六条"),
        Check(
            "lots",
            "g" if tender.lots else "r",
            "lots" if tender.lots else "lots_none",
            "招标投标法实施条例 第二十七条",
            {"count": len(tender.lots)},
        ),
    ]
    found.append(_qualification(tender))
    found.extend(_terms(tender, law))
    procedure = procedures.procedure(tender.procedure, law.regime)
    for result in check_timetable(law, draft_plan(tender, now), calendar=calendar, procedure=procedure):
        if result.rule != "order" or result.verdict is not Verdict.OK:
            found.append(_date(result))
    found.append(
        Check(
            "documents",
            "g" if files else "r",
            "files" if files else "files_none",
            "招标投标法 第十九条",
            {"count": files},
        )
    )
    sealed = tender.policy_digest is not None
    found.append(Check("sealing", "g" if sealed else "r", "sealed" if sealed else "sealed_not"))
    return found


def draft_plan(tender: Tender, now: datetime) -> Plan:
    """The dates as the notice would print them if it went out now."""
    return plan_of(tender, now)


def _qualification(tender: Tender) -> Check:
    """Conditions that shut out strangers deserve a second look. Source: 招标投标法实施条例 第三十二条."""
    source = "招标投标法实施条例 第三十二条; 公平竞争审查条例 第八条"
    narrow = _NARROW.search(tender.qualification)
    if narrow is None:
        return Check("basics", "g", "open_to_all", source)
    return Check("basics", "y", "narrow", source, {"words": narrow[0]})


def _terms(tender: Tender, law: Rulebook) -> list[Check]:
    terms = parse_terms(tender.terms)
    points = {"points": str(terms.points)}
    try:
        cautions = require_lawful_terms(law, tender, terms)
    except NotValid as no:
        return [
            Check("dates" if no.field == "bond" else "terms", "r", no.code, no.source or "", dict(no.details))
        ]
    found = [
        Check(
            "dates" if one.code.startswith("bond_") else "terms",
            "y",
            one.code,
            one.source or "",
            dict(one.details),
        )
        for one in cautions
    ]
    if terms.method == "live":
        missing = [lot.number for lot in tender.lots if lot.live is None]
        light, code = ("r", "live_terms_none") if missing else ("g", "live_terms")
        found.append(Check("terms", light, code, "rules.md §4.2", {"lots": ", ".join(map(str, missing))}))
    if terms.method in ("comprehensive", "gp_scoring"):
        found.append(Check("terms", "g", "weights_sound", law["weights_sum"].source, points))
    if terms.panel.seats and (row := law.get("panel_seats_min")) and not _seats_doubted(cautions):
        chairs = {"seats": terms.panel.seats, "buyer": terms.panel.buyer_seats}
        found.append(Check("terms", "g", "seats_sound", row.source, chairs))
    if not any(one.code.startswith("bond_") for one in cautions) and (limit := law.get("bid_bond_share_max")):
        budget = tender.project.budget.minor
        share = Decimal(tender.bond.minor * 100) / Decimal(budget) if budget else Decimal(0)
        most = Decimal(limit.ratio.numerator * 100) / Decimal(limit.ratio.denominator)
        told = {"share": f"{share:.2f}", "most": f"{most:f}"}
        found.append(Check("dates", "g", "bond_sound", limit.source, told))
    return found


def _seats_doubted(cautions: Sequence[Caution]) -> bool:
    return any(one.code in ("panel_size", "too_few_experts", "too_many_buyer_seats") for one in cautions)


def _date(result: RuleResult) -> Check:
    light = {Verdict.OK: "g", Verdict.WARN: "y", Verdict.BLOCK: "r"}[result.verdict]
    code = "date_sound" if result.verdict is Verdict.OK else result.code
    told = {
        "field": result.field,
        "rule": result.rule,
        "bound": result.bound,
        "actual": result.actual,
        "earliest": result.earliest,
        "provisional": result.provisional,
    }
    return Check("dates", light, code, result.source, told)


def lawful_dates(law: Rulebook, procedure: str, now: datetime, calendar: Calendar) -> dict[str, datetime]:
    """Dates a new draft begins with: documents from the next morning, the rest as early as lawful."""
    morning = _at(local(now) + timedelta(days=1), _OFFICE_HOUR, now)
    plan = Plan(
        published_at=now,
        documents_from_at=morning,
        documents_until_at=_at(local(morning) + timedelta(days=1), time(17, 0), now),
        bids_close_at=_at(local(morning) + timedelta(days=2), _CLOSE_HOUR, now),
        opens_at=_at(local(morning) + timedelta(days=2), _CLOSE_HOUR, now),
        validity_days=90,
    )
    changes = repaired(law, plan, calendar=calendar, procedure=procedures.procedure(procedure, law.regime))
    close = changes.get("bids_close_at", plan.bids_close_at)
    return {
        "documents_from_at": plan.documents_from_at,
        "documents_until_at": changes.get("documents_until_at", plan.documents_until_at),
        "bids_close_at": close,
    }


def _at(day: datetime, clock: time, like: datetime) -> datetime:
    return datetime.combine(day.date(), clock, tzinfo=day.tzinfo).astimezone(like.tzinfo)


def first_terms(regime: str, category: str) -> dict[str, Any]:
    """Terms a new draft begins with, sound in its regime; the buyer changes them."""
    review = [
        {
            "id": "r1",
            "name": "投标文件签章",
            "name_en": "Bid signed and sealed",
            "clause": "3.1",
            "ground": "RJ-09" if regime == "GP" else "RJ-01",
        },
        {"id": "r2", "name": "资质条件", "name_en": "Qualification", "clause": "1.4", "ground": "RJ-03"},
        {
            "id": "r3",
            "name": "投标报价不超过最高限价",
            "name_en": "Price not above the ceiling",
            "clause": "3.2",
            "ground": "RJ-05",
        },
    ]
    panel = {
        "seats": 5,
        "buyer_seats": 1,
        "specialty": {"works": "civil", "goods": "goods"}.get(category, "services"),
    }
    if regime == "GP":
        weight = {"goods": "30", "services": "10"}.get(category, "30")
        rest = str(100 - int(weight))
        factors = [
            {"id": "f1", "name": "技术与服务方案", "name_en": "Technical and service proposal", "max": rest}
        ]
        price: dict[str, Any] = {"formula": "ratio", "weight": weight}
        return {"method": "gp_scoring", "price": price, "factors": factors, "review": review, "panel": panel}
    price = {
        "formula": "deviation",
        "weight": "60",
        "benchmark": "BM-2",
        "k": ["0.95", "0.96", "0.97", "0.98"],
        "trim": [[0, 0, 0], [4, 0, 1], [7, 1, 1]],
    }
    factors = [
        {"id": "f1", "name": "施工组织与技术方案", "name_en": "Method statement", "max": "30"},
        {"id": "f2", "name": "信用与业绩", "name_en": "Credit and record", "max": "10"},
    ]
    return {"method": "comprehensive", "price": price, "factors": factors, "review": review, "panel": panel}


def first_draft(
    *,
    title: str,
    regime: str,
    category: str,
    region: str,
    contact: Mapping[str, str],
    place: str,
    law: Rulebook,
    now: datetime,
    calendar: Calendar,
    procedure: str = "open",
    **more: Any,
) -> Draft:
    """A draft with lawful dates and sound terms, its texts still to be written.

    Raises:
        NotValid: ``procedure_not_in_regime``.
    """
    known = procedures.procedure(procedure, law.regime)
    by_price = not known.live and not known.needs_panel
    terms = LIVE_TERMS if known.live else PRICE_TERMS if by_price else first_terms(regime, category)
    return Draft(
        title=title,
        summary="",
        regime=regime,
        category=category,
        region=region,
        terms=dict(terms),
        procedure=procedure,
        qualification="",
        contact=dict(contact),
        place=place,
        bond=Money(0),
        validity_days=90,
        **(more | lawful_dates(law, procedure, now, calendar)),
    )
