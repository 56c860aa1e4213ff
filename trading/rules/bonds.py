"""The bid bond of one lot of a tender. Source: rules.md §1.2, §1.3 (bid bond limits)."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.money import Money


def lot_bonds(bond: Money, ceilings: Sequence[Money]) -> list[Money]:
    """What a bidder lodges for each lot, in the order of ``ceilings``; together exactly the tender's bond.

    The law bounds the bond by the estimate of what is bid for, so each lot bears its share of the ceilings, in whole
    fen; what is left over by cutting goes to the last lot. Lots without ceilings bear equal shares.

    Raises ValueError without a lot. Source: 招标投标法实施条例 第二十六条; 政府采购法实施条例 第三十三条.
    """
    if not ceilings:
        raise ValueError("a tender has lots")
    weights = [one.minor for one in ceilings]
    if not any(weights):
        weights = [1] * len(ceilings)
    shares = [bond.minor * weight // sum(weights) for weight in weights]
    shares[-1] += bond.minor - sum(shares)
    return [Money(share) for share in shares]
