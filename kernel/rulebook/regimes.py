"""Which law governs: the regime of an undertaking from its object, money and amount.

Source: rules.md §0.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.money import Money
from kernel.rulebook.editions import in_force
from kernel.rulebook.model import Limit, Regime


class Object(StrEnum):
    """What is bought, granted or sold."""

    WORKS = "works"
    GOODS = "goods"
    SERVICES = "services"
    SURVEY = "survey"  # survey, design, supervision
    LAND = "land"
    MINERAL = "mineral"
    EQUITY = "equity"
    ASSET = "asset"
    FOREST = "forest"
    MEDICINE = "medicine"
    CONCESSION = "concession"


class Funds(StrEnum):
    """Whose money it is."""

    BUDGET = "budget"  # fiscal money of an agency, 政府采购
    STATE = "state"  # state-owned or state-controlled money in a construction project
    ENTERPRISE = "enterprise"
    PRIVATE = "private"


_BY_OBJECT = {
    Object.LAND: Regime.LAND,
    Object.MINERAL: Regime.MINERAL,
    Object.EQUITY: Regime.STATE_EQUITY,
    Object.ASSET: Regime.ASSET_DISPOSAL,
    Object.FOREST: Regime.FOREST_RURAL,
    Object.MEDICINE: Regime.MEDICINE,
    Object.CONCESSION: Regime.CONCESSION,
}
_THRESHOLDS = {
    Object.WORKS: "compulsory_works_min",
    Object.GOODS: "compulsory_goods_min",
    Object.SERVICES: "compulsory_survey_min",
    Object.SURVEY: "compulsory_survey_min",
}


@dataclass(frozen=True, slots=True)
class Undertaking:
    """What is known of a deal before its regime is.

    Attributes:
        object: what is bought, granted or sold.
        funds: whose money it is.
        amount: the estimate or budget.
        construction: part of a construction project (works, or its goods and services).
        public_safety: of the class whose tendering is compulsory for public interest or safety.
        tendered: the buyer holds a tender, whether or not the law compels it.
        in_catalogue: in the central procurement catalogue.
        procurement_threshold: the 采购限额标准 of this budget level, place, object and day; never assumed.
        sector: ``transport``, ``water`` or None.
    """

    object: Object
    funds: Funds
    amount: Money
    construction: bool = False
    public_safety: bool = False
    tendered: bool = True
    in_catalogue: bool = False
    procurement_threshold: Money | None = None
    sector: str | None = None


def regime_of(deal: Undertaking, *, jurisdiction: str, at: datetime) -> tuple[Regime, Limit | None]:
    """The regime that governs ``deal`` and the threshold row that decided it, if one did.

    Construction above the thresholds is compulsory tendering (of its sector); other budget purchases in
    the catalogue or above the given threshold are government procurement, works included unless they
    are tendered; what stays below is voluntary tendering when tendered in construction, small works or
    enterprise purchasing otherwise.

    Source: 招标投标法 第三条; 政府采购法 第二条, 第四条; 政府采购法实施条例 第七条; rules.md §0.3.
    """
    if regime := _BY_OBJECT.get(deal.object):
        return regime, None
    deciding: Limit | None = None
    if deal.construction:
        book = in_force(Regime.COMPULSORY_TENDER, jurisdiction, at)
        deciding = book[_THRESHOLDS[deal.object]]
        public = deal.public_safety or deal.funds in {Funds.BUDGET, Funds.STATE}
        if public and deal.amount >= deciding.money:
            return _SECTORS.get(deal.sector, Regime.COMPULSORY_TENDER), deciding
    over = deal.procurement_threshold is not None and deal.amount >= deal.procurement_threshold
    if deal.funds is Funds.BUDGET and (deal.in_catalogue or over):
        tendered_works = deal.construction and deal.tendered
        return (Regime.VOLUNTARY_TENDER if tendered_works else Regime.GOVERNMENT_PROCUREMENT), deciding
    if deal.tendered and deal.construction:
        return Regime.VOLUNTARY_TENDER, deciding
    return (Regime.ENTERPRISE if deal.funds is Funds.ENTERPRISE else Regime.SMALL), deciding


_SECTORS: dict[str | None, Regime] = {"transport": Regime.TRANSPORT, "water": Regime.WATER}
