"""The contract is the award's: same party, same price, and nothing that departs from tender documents and bid.

Source: 招标投标法 第四十六条; 实施条例 第五十七条, 第五十八条, 第七十四条; 政府采购法 第四十六条; rules.md T-114, T-225.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.errors import NotNow, NotValid
from kernel.money import Money
from kernel.rulebook import Rulebook


class Party(StrEnum):
    """Who signs: the one who tendered, and the one who won."""

    BUYER = "buyer"
    SUPPLIER = "supplier"


class Ground(StrEnum):
    """Why an award lapses before its contract is made."""

    REFUSED = "refused"  # the winner says in writing that he does not sign
    SILENT = "silent"  # the term is over, the buyer has signed, the winner has not


@dataclass(frozen=True, slots=True)
class Settled:
    """What an award fixed about a contract: the winner's credit code, his bid, its price, the report's digest."""

    supplier: str
    bid: str
    price: Money
    report: str


def require_as_awarded(awarded: Settled, asked: Settled) -> None:
    """Refuse a contract with another party, for another bid or at another price than the award.

    Raises:
        NotValid: ``contract_departs``; the field and both values are named.

    Source: 招标投标法 第四十六条; 实施条例 第五十七条, 第七十五条; 政府采购法 第四十六条.
    """
    article = "招标投标法 第四十六条; 招标投标法实施条例 第五十七条; 政府采购法 第四十六条"
    for field, wanted, given in (
        ("supplier", awarded.supplier, asked.supplier),
        ("bid", awarded.bid, asked.bid),
        ("price", f"{awarded.price.yuan:.2f}", f"{asked.price.yuan:.2f}"),
        ("report", awarded.report, asked.report),
    ):
        if wanted != given:
            raise NotValid("contract_departs", source=article, field=field, wanted=wanted, given=given)


def performance_bond_max(law: Rulebook, price: Money) -> Money | None:
    """The most a performance bond may be; None where the law names no bound.

    Source: 招标投标法实施条例 第五十八条; 政府采购法实施条例 第四十八条.
    """
    limit = law.get("performance_bond_share_max")
    return None if limit is None else Money(price.minor * limit.ratio.numerator // limit.ratio.denominator)


def require_lawful_performance_bond(law: Rulebook, bond: Money, price: Money) -> None:
    """Refuse a performance bond above the law's share of the contract price.

    Raises:
        NotValid: ``performance_bond_share``.

    Source: 招标投标法实施条例 第五十八条; 政府采购法实施条例 第四十八条.
    """
    limit, most = law.get("performance_bond_share_max"), performance_bond_max(law, price)
    if limit is not None and most is not None and bond.minor > most.minor:
        raise NotValid(
            "performance_bond_share",
            source=limit.source,
            field="performance_bond",
            most=f"{most.yuan:.2f}",
            given=f"{bond.yuan:.2f}",
        )


def require_ground_to_lapse(
    ground: Ground, *, now: datetime, due_at: datetime | None, buyer_signed: bool, supplier_signed: bool
) -> None:
    """Refuse to let an award lapse without a ground that lies with the winner.

    He says in writing that he refuses; or the term is over, the buyer has signed, and he has not.

    Raises:
        NotNow: ``contract_term_running``, ``contract_not_offered``, ``contract_signed_by_supplier``.

    Source: 招标投标法实施条例 第五十五条, 第七十四条; 政府采购法实施条例 第四十九条.
    """
    article = "招标投标法实施条例 第五十五条, 第七十四条; 政府采购法实施条例 第四十九条"
    if supplier_signed:
        raise NotNow("contract_signed_by_supplier", source=article)
    if ground is Ground.REFUSED:
        return
    if due_at is not None and now < due_at:
        raise NotNow("contract_term_running", source=article, due_at=due_at)
    if not buyer_signed:
        raise NotNow("contract_not_offered", source=article)


def bond_is_forfeit(bond: Money, ground: Ground) -> bool:
    """Whether the bid bond is kept when an award lapses: both grounds lie with the winner.

    Source: 招标投标法 第六十条; 招标投标法实施条例 第七十四条.
    """
    return bond.minor > 0 and ground in (Ground.REFUSED, Ground.SILENT)
