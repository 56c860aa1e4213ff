"""What stands around a lot's bidders: the buyer's side, who insures their staff, who paid whom, how the award went.

Source: rules §5.2 (B-03, P-03, E-03, H-06).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evaluation.rules.award import PassOver
from kernel.identity.models import Organization
from supervision.actions.leads_rows import Line, Place, Rows
from supervision.rules.signals.ties import Insured, Payment
from supervision.rules.signals.traces import Tie

QUIT = (PassOver.GAVE_UP.value, PassOver.NO_PERFORMANCE_BOND.value)
"""Listed reasons that are the candidate's own doing; an act of God or a void bid is another matter."""


@dataclass
class Side:
    """``insiders``: id → buyer, agency or expert. ``winner``: empty before the award; ``ranking``: candidates and their fen.

    ``left``: candidates who went away without a reason the law accepts.
    """

    insiders: dict[str, str] = field(default_factory=dict)
    ties: list[Tie] = field(default_factory=list)
    insured: list[Insured] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    winner: str = ""
    left: dict[str, str] = field(default_factory=dict)
    ranking: list[tuple[str, int]] = field(default_factory=list)


def side_of(
    rows: Rows,
    lot: Place,
    firms: Mapping[str, Organization],
    prices: Mapping[str, int],
    lines: Iterable[Line],
) -> Side:
    """Everything around the bidders of a lot that the platform recorded or a supervisor brought in."""
    found = Side()
    houses = _houses(rows, lot)
    found.insiders = {str(org.id): role for org, role in houses}
    experts = rows.experts.get(lot.tender_id, [])
    found.insiders |= {str(person): "expert" for person, _, _ in experts}
    everybody = [*firms.values(), *(org for org, _ in houses)]
    for org in everybody:
        found.ties += rows.around.registered(org).buyers
    for person, employer, past in experts:
        if employer is not None:
            found.ties.append(Tie(str(person), str(employer), "employs"))
        found.ties += [Tie(str(person), str(one), "employed") for one in past]
    code = {rows.around.registered(org).code: str(org.id) for org in everybody}
    for one in lines:
        if one.kind == "relation":
            other = code.get(one.hashes["other"], one.hashes["other"])
            found.ties.append(Tie(str(one.org_id), other, one.hashes["kind"]))
        elif one.kind == "insurance":
            payer = code.get(one.hashes["insured_by"], "")
            found.insured.append(Insured(str(one.org_id), one.hashes["id_number"], payer))
        elif one.kind == "payment":
            to = code.get(one.hashes["to"], "")
            found.payments.append(Payment(str(one.org_id), to, int(one.hashes["amount"])))
    _award(rows, lot, prices, found)
    return found


def _houses(rows: Rows, lot: Place) -> list[tuple[Organization, str]]:
    roles = [(lot.buyer_id, "buyer"), (lot.agent_id, "agency")]
    return [(rows.orgs[org_id], role) for org_id, role in roles if org_id is not None]


def _award(rows: Rows, lot: Place, prices: Mapping[str, int], found: Side) -> None:
    """The winner, why others were passed over, and the ranking of the report the award rests on."""
    award = rows.awards.get(lot.id)
    if award is None:
        return
    found.winner = str(award.org_id)
    firm_of = {bid.code: str(bid.org_id) for bid in rows.bids.get(lot.id, ())}
    for _, code in award.candidates:
        firm = firm_of.get(code, "")
        if firm in prices:
            found.ranking.append((firm, prices[firm]))
            if award.reason and re.search(
                rf"(^|; ){re.escape(code[:8])}: ({'|'.join(QUIT)})( |$)", award.reason
            ):
                found.left[firm] = ""
