"""Orders with reasons, and looks that leave a line. Source: 招标投标法实施条例 第六十二条; rules.md §6.1."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from bidding.models import Bid
from bidding.rules.states import BidState
from kernel.errors import NotFound, NotValid
from kernel.work import Work
from supervision import facts
from supervision.rights import COUNTS_READ, ORDER_ISSUE
from trading import actions as trading
from trading.models import Document, DocumentTaking, Tender


def order_suspension(work: Work, tender_id: UUID, reason: str) -> Tender:
    """Hold a tender still by order of the supervisor.

    Raises:
        NotAllowed; NotValid: ``reason_missing``.

    Source: 招标投标法实施条例 第六十二条.
    """
    return _order(work, tender_id, "suspend", reason)


def order_resumption(work: Work, tender_id: UUID, reason: str) -> Tender:
    """Let a tender go on; a deadline still ahead moves by the time it stood still.

    Raises:
        NotNow: ``not_suspended``, ``objection_open``. NotValid: ``reason_missing``.
    """
    return _order(work, tender_id, "resume", reason)


def _order(work: Work, tender_id: UUID, order: str, reason: str) -> Tender:
    tender = work.get(Tender, tender_id, to=ORDER_ISSUE)
    if tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    if not reason.strip():
        raise NotValid("reason_missing", field="reason", source="招标投标法实施条例 第六十二条")
    assert work.actor.person_id is not None
    if order == "suspend":
        trading.suspend_tender(work, tender_id, reason.strip())
    else:
        trading.resume_tender(work, tender_id)
    work.record(
        facts.OrderIssued(
            subject=tender.id,
            tender=tender.code,
            order=order,
            reason=reason.strip(),
            issuer=work.actor.person_id,
        )
    )
    return tender


@dataclass(frozen=True)
class Counts:
    """How many, never who: complete bids, bids still arriving, withdrawn ones, takings of documents.

    ``keys_lost``: of the withdrawn ones, those that left on their organisation's signature instead of their own key's.
    """

    complete: int
    arriving: int
    withdrawn: int
    documents_taken: int
    keys_lost: int


def read_counts(work: Work, tender_id: UUID, purpose: str) -> Counts:
    """A supervisor looks at how many bids have come in; the look is a fact with its purpose.

    Raises:
        NotAllowed; NotValid: ``reason_missing``.

    Source: rules.md §6.1 (before the deadline the supervisor sees counts, no identities and no sizes).
    """
    tender = work.get(Tender, tender_id, to=COUNTS_READ)
    if tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    if not purpose.strip():
        raise NotValid("reason_missing", field="purpose", source="rules.md §6.1")
    assert work.actor.person_id is not None
    work.record(
        facts.ConfidentialRead(
            subject=tender.id,
            tender=tender.code,
            what="bid_counts",
            purpose=purpose.strip(),
            reader=work.actor.person_id,
        )
    )
    counted = work.session.execute(
        sa.select(Bid.state, sa.func.count()).where(Bid.tender_id == tender_id).group_by(Bid.state)
    )
    states: dict[BidState, int] = {state: count for state, count in counted}  # noqa: C416 - rows are no pairs
    documents = sa.select(Document.id).where(Document.tender_id == tender_id)
    taken = work.session.scalar(
        sa.select(sa.func.count())
        .select_from(DocumentTaking)
        .where(DocumentTaking.document_id.in_(documents))
    )
    return Counts(
        complete=states.get(BidState.COMPLETE, 0),
        arriving=states.get(BidState.COMMITTED, 0),
        withdrawn=states.get(BidState.WITHDRAWN, 0) + states.get(BidState.REPLACED, 0),
        documents_taken=taken or 0,
        keys_lost=work.session.scalar(
            sa.select(sa.func.count()).select_from(Bid).where(Bid.tender_id == tender_id, Bid.key_lost)
        )
        or 0,
    )
