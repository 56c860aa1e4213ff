"""The bid bond in the preliminary review: proposed for rejection by what the opening found, decided by the panel.

Source: 招标投标法实施条例 第二十六条, 第五十一条第六项; 政府采购法实施条例 第三十三条; rules.md §2.8 (RJ-08).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bidding.actions.bonds import Lodged, asks_bond, bonds_due, lodged
from bidding.bond_words import RECORD_WORTH
from bidding.models import Bid
from bidding.rules.bonds import Standing
from evaluation.rules.rejection import Ground, source_of
from kernel.errors import NotValid
from trading.models import Tender
from trading.terms import ReviewItem, Terms

BOND_ITEM = ReviewItem(
    id="bid_bond",
    name="投标保证金",
    name_en="Bid bond",
    clause="招标公告 投标保证金",
    ground=Ground.BOND.value,
)
"""Added to the printed items where a bond is asked and no printed item is about it: the notice prints the bond."""

PAGE = "开标记录"
"""Where the panel reads how a bond stands."""


def proposed_reason(standing: Standing) -> str:
    """The reason a rejection is proposed with, in the words of the opening record; no reason to pass."""
    return f"投标保证金{RECORD_WORTH[standing.value]}"


def with_bond_item(tender: Tender, terms: Terms) -> Terms:
    """The terms with an item about the bond, where one is asked and a panel reviews at all."""
    if not asks_bond(tender) or not terms.review or bond_item(terms) is not None:
        return terms
    return terms.model_copy(update={"review": (*terms.review, BOND_ITEM)})


def bond_item(terms: Terms) -> ReviewItem | None:
    """The review item about the bond, if there is one."""
    return next((item for item in terms.review if item.ground == Ground.BOND.value), None)


def bond_of(session: Session, tender: Tender, bid: Bid, now: datetime) -> Lodged | None:
    """What the bidder of an opened bid lodged; None where nothing is asked."""
    if not asks_bond(tender):
        return None
    key: tuple[UUID, UUID] = (bid.lot_id, bid.org_id)
    known = lodged(session, tender, now)
    if key in known:
        return known[key]
    return Lodged(Standing.NONE, bonds_due(tender)[bid.lot_id])


def require_reasoned_pass(
    session: Session,
    tender: Tender,
    terms: Terms,
    bid: Bid,
    answers: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> None:
    """Refuse to pass a bid whose bond is not in order without saying why; to fail it is proposed.

    Raises:
        NotValid: ``bond_unreasoned``.

    Source: rules.md §2.8 (RJ-08), CL-03.
    """
    item = bond_item(terms)
    if item is None or not answers[item.id]["passed"]:
        return
    found = bond_of(session, tender, bid, now)
    if found is None or found.standing is Standing.SOUND:
        return
    if str(answers[item.id].get("reason", "")).strip() in ("", proposed_reason(found.standing)):
        raise NotValid(
            "bond_unreasoned", source=source_of(Ground.BOND), field=item.id, standing=found.standing.value
        )
