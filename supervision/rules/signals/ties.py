"""What joins a bidder to the buyer's side, to another bidder's payroll, or to losers after the award.

Values are keyed hashes or ids; each function says what it saw and leaves the decision to people.

Source: rules §5.2 (B-03, P-03, E-03); 招标投标法 第三十四条、第四十六条; 实施条例 第三十四条、第四十条.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from supervision.rules.signals.combine import Indicator, Kind, Light
from supervision.rules.signals.traces import Tie

ALIKE = Fraction(1, 1000)
"""Payments that differ by no more than this share are equal."""
CLOSE_TIES = ("controls", "employs", "holds", "director", "legal")


@dataclass(frozen=True)
class Insured:
    """A person named in a bid whose social insurance another organisation pays."""

    firm: str
    person: str
    payer: str


@dataclass(frozen=True)
class Payment:
    """Money from one firm to another, in fen."""

    payer: str
    to: str
    fen: int


def insured_elsewhere(found: Iterable[Insured], firms: Iterable[str]) -> list[Indicator]:
    """P-03: key staff of one bidder is insured by another bidder of the lot.

    Source: 实施条例 第四十条(一)、(三).
    """
    bidders = set(firms)
    return [
        Indicator(
            "P-03",
            Light.RED,
            Kind.PEOPLE,
            (min(one.firm, one.payer), max(one.firm, one.payer)),
            {"hash": one.person, "insured_by": one.payer},
        )
        for one in sorted(set(found), key=lambda one: (one.firm, one.payer, one.person))
        if one.payer in bidders and one.firm in bidders and one.payer != one.firm
    ]


def paid_losers(payments: Iterable[Payment], winner: str, firms: Iterable[str]) -> list[Indicator]:
    """B-03: the winner paid equal sums to at least two who lost.

    Source: rules §5.1 (Chongqing 48: equal co-operation fees to others).
    """
    losers = set(firms) - {winner}
    sums: dict[str, int] = {}
    for one in payments:
        if one.payer == winner and one.to in losers:
            sums[one.to] = sums.get(one.to, 0) + one.fen
    order = sorted(sums, key=lambda firm: (sums[firm], firm))
    best: list[str] = []
    for start in range(len(order)):
        run = [
            firm
            for firm in order[start:]
            if Fraction(sums[firm] - sums[order[start]], max(1, sums[order[start]])) <= ALIKE
        ]
        best = max(best, run, key=len)
    if len(best) < 2:
        return []
    facts = {"fen": [sums[firm] for firm in best], "paid_by": winner}
    return [Indicator("B-03", Light.RED, Kind.MONEY, tuple(sorted({winner, *best})), facts)]


def buyers_side(firms: Iterable[str], insiders: Mapping[str, str], ties: Sequence[Tie]) -> list[Indicator]:
    """E-03: a bidder is tied to the buyer, its agent or an expert of the panel.

    One step of control, shares, office or employment is red: whoever stands on the buyer's side must be avoided. A
    shared telephone, address or an earlier employment is orange.

    Args:
        insiders: id → ``buyer``, ``agency`` or ``expert``.

    Source: 招标投标法 第三十四条, 第四十六条; rules §5.2 E-03.
    """
    found: dict[tuple[str, str], tuple[Light, list[str]]] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for tie in ties:
        if tie.one in insiders:
            shared.setdefault((tie.kind, tie.other), []).append(tie.one)
    for firm in sorted(set(firms)):
        for one in ties:
            other = one.other if one.one == firm else one.one if one.other == firm else ""
            if not other:
                continue
            for insider in [other] if other in insiders else shared.get((one.kind, other), ()):
                if insider == firm:
                    continue
                light = Light.RED if other in insiders and one.kind in CLOSE_TIES else Light.ORANGE
                before = found.get((firm, insider), (Light.NONE, []))
                heavier = light if Light.RED not in (before[0], light) else Light.RED
                found[firm, insider] = (heavier, sorted({*before[1], one.kind}))
    return [
        Indicator("E-03", light, Kind.EQUITY, (firm,), {"side": insiders[insider], "reasons": kinds})
        for (firm, insider), (light, kinds) in sorted(found.items())
    ]
