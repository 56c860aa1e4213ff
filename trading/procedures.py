"""Ways of trading as values: open, invited, negotiated, compared, listed, auctioned.

What differs between procedures is a ``Procedure``, never a subclass and never a setting. A procedure
names the rows of the rulebook that bind it; a row its regime lacks does not bind.

Source: rules.md §1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kernel.errors import NotValid
from kernel.rulebook import Limit, Regime, Rulebook

_CONSTRUCTION = frozenset({"TM", "TV", "TR", "WR"})
_RIGHTS = frozenset({"LA", "MI", "EQ", "AD", "FO"})


class Offering(StrEnum):
    """How prices are made."""

    SEALED = "sealed"  # one sealed bid, opened together
    NEGOTIATED = "negotiated"  # responses, talks, sealed final offers
    ASCENDING = "ascending"  # live, the highest wins
    DESCENDING = "descending"  # live, the lowest wins


@dataclass(frozen=True, slots=True)
class Procedure:
    """One way of trading.

    Attributes:
        code: stored with the tender.
        offering: how prices are made.
        regimes: codes of the regimes that may use it.
        invited: only the invited may bid.
        tendering: row for documents issued → deadline.
        documents: row for how long documents are available.
        clarification: row for a clarification before the deadline.
        bids: row for the least number of bids to open, None where one is enough.
        needs_panel: a committee evaluates; otherwise the price alone decides.
    """

    code: str
    offering: Offering
    regimes: frozenset[str]
    invited: bool = False
    tendering: str = "tendering_days_min"
    documents: str = "document_days_min"
    clarification: str = "clarification_days_min"
    bids: str | None = "bidders_min"
    needs_panel: bool = True

    @property
    def live(self) -> bool:
        """Whether prices are made in an auction hall, in the sight of all and against a clock."""
        return self.offering in (Offering.ASCENDING, Offering.DESCENDING)

    def bids_min(self, law: Rulebook) -> Limit | None:
        """The row for how many bids are needed before anything is opened; None where one is enough."""
        return law.get(self.bids) if self.bids else None


OPEN = Procedure("open", Offering.SEALED, _CONSTRUCTION | {"GP", "SM"})
INVITED = Procedure("invited", Offering.SEALED, _CONSTRUCTION | {"GP", "SM"}, invited=True)
NEGOTIATION = Procedure(
    "negotiation",
    Offering.NEGOTIATED,
    frozenset({"GP"}),
    tendering="negotiation_response_days_min",
    documents="negotiation_response_days_min",
    clarification="negotiation_clarification_days_min",
    bids="negotiation_suppliers_min",
)
INQUIRY = Procedure(
    "inquiry",
    Offering.SEALED,
    frozenset({"GP"}),
    tendering="negotiation_response_days_min",
    documents="negotiation_response_days_min",
    clarification="negotiation_clarification_days_min",
    bids="negotiation_suppliers_min",
)
CONSULTATION = Procedure(
    "consultation",
    Offering.NEGOTIATED,
    frozenset({"GP"}),
    tendering="consultation_response_days_min",
    documents="consultation_document_days_min",
    clarification="consultation_clarification_days_min",
    bids="consultation_offers_min",
)
SINGLE_SOURCE = Procedure(
    "single_source",
    Offering.NEGOTIATED,
    frozenset({"GP"}),
    invited=True,
    tendering="single_source_notice_days_min",
    documents="single_source_notice_days_min",
    bids=None,
)
COMPARISON = Procedure("comparison", Offering.SEALED, frozenset({"SM", "NP"}), needs_panel=False)
REVERSE_AUCTION = Procedure(
    "reverse_auction", Offering.DESCENDING, frozenset({"GP", "SM", "NP"}), needs_panel=False
)
LISTING = Procedure(
    "listing",
    Offering.ASCENDING,
    _RIGHTS,
    tendering="notice_days_min",
    documents="notice_days_min",
    bids=None,
    needs_panel=False,
)
AUCTION = Procedure(
    "auction",
    Offering.ASCENDING,
    _RIGHTS,
    tendering="notice_days_min",
    documents="notice_days_min",
    bids="live_auction_bidders_min",
    needs_panel=False,
)
SEALED_SALE = Procedure("sealed_sale", Offering.SEALED, _RIGHTS | {"SM", "NP"}, bids=None, needs_panel=False)

PROCEDURES: Mapping[str, Procedure] = MappingProxyType(
    {
        procedure.code: procedure
        for procedure in (
            OPEN,
            INVITED,
            NEGOTIATION,
            INQUIRY,
            CONSULTATION,
            SINGLE_SOURCE,
            COMPARISON,
            REVERSE_AUCTION,
            LISTING,
            AUCTION,
            SEALED_SALE,
        )
    }
)


def procedure(code: str, regime: Regime | str) -> Procedure:
    """The procedure called ``code``, when ``regime`` knows it.

    Raises:
        NotValid: ``unknown_procedure`` or ``procedure_not_in_regime``.

    Source: rules.md §1.4.
    """
    found = PROCEDURES.get(code)
    if found is None:
        raise NotValid("unknown_procedure", field="procedure", procedure=code)
    if regime not in found.regimes:
        raise NotValid("procedure_not_in_regime", field="procedure", procedure=code, regime=str(regime))
    return found
