"""How many seats a notice may print for its panel: what the panel must be when it forms is refused before the notice.

Source: 招标投标法 第三十七条; rules.md §2.9.
"""

from __future__ import annotations

from fractions import Fraction

from kernel.errors import Caution
from kernel.money import Money
from kernel.rulebook import Limit, Rulebook


def seats_least(law: Rulebook, *, amount: Money | None = None) -> Limit | None:
    """The row for the least number of seats, larger for large procurements; None where no committee is known.

    Args:
        law: the tender's book.
        amount: the sum of the ceilings, to tell large procurements; None when it does not matter.

    Source: 招标投标法 第三十七条; 政府采购货物和服务招标投标管理办法 第四十七条.
    """
    large, start = law.get("panel_seats_large_min"), law.get("panel_large_from")
    if large is not None and start is not None and amount is not None and amount >= start.money:
        return large
    return law.get("panel_seats_min")


def require_lawful_seats(
    law: Rulebook, *, seats: int, buyer_seats: int, amount: Money | None = None
) -> tuple[Caution, ...]:
    """Refuse printed seats that no lawful panel could take: too few, an even number, too many for the buyer.

    Args:
        law: the tender's book.
        seats, buyer_seats: as the terms print them, the second among the first.
        amount: as for ``seats_least``.

    Raises:
        NotValid: ``panel_size``, ``too_few_experts`` or ``too_many_buyer_seats``, in that order.

    Returns:
        Cautions for limits that only warn.

    Source: 招标投标法 第三十七条; rules.md §2.9 (PN-1 to PN-6).
    """
    base, size = law.get("panel_seats_min"), seats_least(law, amount=amount)
    if base is None or size is None:
        return ()
    found: list[Caution] = []
    odd = law.get("panel_seats_odd")
    if seats < base.count or (odd is not None and odd.flag and seats % 2 == 0):
        found.append(base.object_to("panel_size", field="seats", seats=seats, least=base.count))
    elif seats < size.count:
        found.append(size.object_to("panel_size", field="seats", seats=seats, least=size.count))
    experts = law.get("panel_expert_share_min")
    share = Fraction(seats - buyer_seats, seats) if seats else Fraction(0)
    if experts is not None and share < experts.ratio:
        told = {"seats": seats, "experts": seats - buyer_seats}
        found.append(experts.object_to("too_few_experts", field="buyer_seats", **told))
    most, local = law.get("panel_buyer_share_max"), law.get("panel_buyer_seats_max")
    told = {"seats": seats, "representatives": buyer_seats}
    if most is not None and seats and Fraction(buyer_seats, seats) > most.ratio:
        found.append(most.object_to("too_many_buyer_seats", field="buyer_seats", **told))
    elif local is not None and buyer_seats > local.count:
        found.append(local.object_to("too_many_buyer_seats", field="buyer_seats", **told))
    return tuple(found)
