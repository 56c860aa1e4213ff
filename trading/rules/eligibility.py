"""Who may bid: qualification, debarment, and parties too close to bid against each other.

Source: rules.md §1.2 (caps), §2.8 (RJ-12).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import combinations

from kernel.errors import NotAllowed, NotValid
from kernel.rulebook import Rulebook


class Relation(StrEnum):
    """Why two bidders are too close."""

    SAME_HEAD = "same_head"
    CONTROL = "control"
    MANAGEMENT = "management"
    SAME_MEMBER = "same_member"


@dataclass(frozen=True, slots=True)
class Party:
    """An organization that wants to bid, alone or as a consortium.

    Attributes:
        org_id: stable id; of the leading member for a consortium.
        head: person in charge of the unit (单位负责人).
        controls: organizations it controls, itself not among them.
        manages: organizations it manages.
        members: every organization bidding together, itself among them; empty when it bids alone.
    """

    org_id: str
    head: str
    controls: AbstractSet[str] = frozenset()
    manages: AbstractSet[str] = frozenset()
    members: AbstractSet[str] = frozenset()

    @property
    def everyone(self) -> AbstractSet[str]:
        """All organizations behind the bid."""
        return self.members | {self.org_id}


@dataclass(frozen=True, slots=True, order=True)
class Related:
    """Two bids whose bidders are too close; ``first`` < ``second`` by id."""

    first: str
    second: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Applicant:
    """What is known of an organization that wants to bid.

    Attributes:
        org_id: stable id.
        qualifications: codes it has proved, each with the last day it is valid (None: without end).
        debarred_until: first day it may bid again, None when it is not debarred.
        serves_buyer: it is the buyer, its agent, or gave them design or consulting for this project.
    """

    org_id: str
    qualifications: Mapping[str, date | None] = field(default_factory=dict)
    debarred_until: date | None = None
    serves_buyer: bool = False


def require_eligible(applicant: Applicant, required: Collection[str], *, on: date) -> None:
    """Refuse somebody who may not bid, in this order: debarred, too close to the buyer, not qualified.

    Args:
        applicant: who wants to bid.
        required: qualification codes the documents ask for.
        on: the Shanghai date of the deadline.

    Raises:
        NotAllowed: ``debarred`` or ``serves_buyer``.
        NotValid: ``not_qualified``; the details name missing and expired codes.

    Source: 招标投标法 第二十六条; 招标投标法实施条例 第三十四条; 政府采购法 第二十二条;
    政府采购法实施条例 第十八条.
    """
    if applicant.debarred_until is not None and on < applicant.debarred_until:
        raise NotAllowed("debarred", source="招标投标法 第五十三条", until=applicant.debarred_until)
    if applicant.serves_buyer:
        raise NotAllowed("serves_buyer", source="招标投标法实施条例 第三十四条; 政府采购法实施条例 第十八条")
    held = applicant.qualifications
    missing = sorted(code for code in required if code not in held)
    expired = sorted(code for code in required if (end := held.get(code)) is not None and end < on)
    if missing or expired:
        raise NotValid(
            "not_qualified",
            source="招标投标法 第二十六条; 政府采购法 第二十二条",
            missing=missing,
            expired=expired,
        )


def related(parties: Sequence[Party]) -> list[Related]:
    """Every pair of bids in one lot whose bidders are too close, each with every reason, in order of ids.

    The same person in charge; control or management of one by the other; one organization in two bids.

    Source: 招标投标法实施条例 第三十四条, 第三十七条; 政府采购法实施条例 第十八条 (RJ-12).
    """
    found: list[Related] = []
    for one, other in combinations(sorted(parties, key=lambda party: party.org_id), 2):
        if one.head and one.head == other.head:
            found.append(Related(one.org_id, other.org_id, Relation.SAME_HEAD))
        if one.controls & other.everyone or other.controls & one.everyone:
            found.append(Related(one.org_id, other.org_id, Relation.CONTROL))
        if one.manages & other.everyone or other.manages & one.everyone:
            found.append(Related(one.org_id, other.org_id, Relation.MANAGEMENT))
        if one.everyone & other.everyone:
            found.append(Related(one.org_id, other.org_id, Relation.SAME_MEMBER))
    return found


def invalid_for_relation(law: Rulebook, parties: Sequence[Party]) -> frozenset[str]:
    """Ids of all bidders whose bids are invalid for being too close to another one in the lot (RJ-12).

    Source: 招标投标法实施条例 第三十四条; 政府采购法实施条例 第十八条.
    """
    row = law.get("related_parties_rejected")
    if row is None or not row.flag:
        return frozenset()
    return frozenset(org for pair in related(parties) for org in (pair.first, pair.second))
