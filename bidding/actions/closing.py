"""The close: one record that lists every bid in time by its place in the log.

Source: spec sealing §8.1; 招标投标法 第二十八条; 实施条例 第四十四条 (fewer than three bids are not opened).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import facts
from bidding.actions.bonds_end import send_back
from bidding.actions.custody import newest_policy
from bidding.models import Bid, Opening
from bidding.rights import CLOSE
from bidding.rules.opening import Windows, windows
from bidding.rules.states import BidState, OpeningState
from kernel.errors import NotNow
from kernel.keyed import Keyed, settle
from kernel.ledger import book, sequencer
from kernel.work import Work
from sealbid.policy import Policy
from trading import actions as trading
from trading.actions.notices import law_of
from trading.models import Lot, Tender
from trading.procedures import PROCEDURES
from trading.rules.lifecycle import Move, Stage

OPENINGS = Keyed(Opening, Opening.tender_id)

_OPENABLE = (
    Bid.tender_id.in_(sa.bindparam("tender_ids", expanding=True)),
    Bid.completed_at.is_not(None),
    Bid.state.in_((BidState.COMPLETE, BidState.REVOKED)),
    Lot.stage != Stage.FAILED,
    Lot.stage != Stage.TENDERING,
)
_ALL_BIDS = sa.select(Bid).where(Bid.tender_id == sa.bindparam("tender_id")).order_by(Bid.code)
_TO_OPEN = sa.select(Bid).join(Lot, Lot.id == Bid.lot_id).where(*_OPENABLE).order_by(Bid.code)
_CODES_TO_OPEN = sa.select(Bid.code).join(Lot, Lot.id == Bid.lot_id).where(*_OPENABLE).order_by(Bid.code)


def close_moment(tender: Any) -> datetime | None:
    """When a tender waits for its close: published, not stopped, some lot still tendering."""
    if tender.published_at is None or tender.suspended_at is not None or tender.terminated_at is not None:
        return None
    if PROCEDURES[tender.procedure].live:
        return None  # bidders register; what is sealed beside an auction closes with it
    waiting = any(lot.stage is Stage.TENDERING for lot in tender.lots)
    return tender.bids_close_at if waiting else None


def close_tender(work: Work, tender_id: UUID) -> Opening | None:
    """Close the tendering period: nothing comes in after this, and what came in before is listed.

    Everything that waits for the log is placed first, inside this transaction, so that the list can name leaf
    indexes. Lots with fewer bids than the policy asks fail and nothing of them is opened.

    Raises:
        NotNow: ``not_yet_closed`` before the deadline; ``already_closed`` afterwards.
    """
    work.require(CLOSE)
    tender = work.lock(Tender, tender_id)
    moment = close_moment(tender)
    if moment is None:
        raise NotNow("already_closed", tender=tender.code)
    if work.now < moment:
        raise NotNow("not_yet_closed", source="招标投标法 第三十四条", bids_close_at=moment)
    policy_row = newest_policy(work.session, tender.id)
    assert policy_row is not None, "no tender is published without a policy"
    policy = Policy.decode(policy_row.jcs)
    bids = list(work.session.scalars(_ALL_BIDS, {"tender_id": tender.id}))
    late = _drop_incomplete(work, tender, bids)
    sequencer.sequence_within(work)
    in_time = [bid for bid in bids if bid.state is BidState.COMPLETE]
    places = book.places_of(
        work.session,
        (
            record
            for bid in bids
            for record in (bid.commit_record_id, bid.complete_record_id, bid.withdraw_record_id)
        ),
    )
    body = {
        "v": 1,
        "tender": tender.code,
        "policy": policy_row.digest,
        "bids": [_listed(places, bid) for bid in in_time],
        "withdrawn": [
            {"bid": bid.code, "leaf": places[bid.withdraw_record_id]}
            for bid in bids
            if bid.withdraw_record_id is not None and bid.code not in late
        ],
        "late": [{"bid": bid.code, "leaf": places[bid.commit_record_id]} for bid in bids if bid.code in late],
    }
    recorded = work.record(facts.TenderClosed(subject=tender.id, tender=tender.code, body=body))
    sequencer.sequence_within(work)
    index = book.place_of(work.session, recorded.record_id)
    assert index is not None
    size = index + 1  # the tree right behind the close: nobody chooses its root, draws start from it
    root = sequencer.tree(work.session).root(size)
    counts = Counter(bid.lot_id for bid in in_time)
    any_open = False
    for lot in tender.lots:
        if lot.stage is not Stage.TENDERING:
            continue
        if counts[lot.id] < policy.min_bids:
            trading.move_lot(work, lot.id, Move.FAIL, reason="fewer_than_three")
        else:
            trading.move_lot(work, lot.id, Move.OPEN_BIDS)
            any_open = True
    opening = work.add(
        Opening(
            id=work.new_id(),
            tender_id=tender.id,
            state=OpeningState.RELEASING if any_open else OpeningState.FAILED,
            close_body=body,
            close_record_id=recorded.record_id,
            close_index=index,
            close_size=size,
            close_root=root,
            closed_at=work.now,
            window_until_at=work.now + timers_of(tender, work.now).decryption,
            version=1,
        )
    )
    if not any_open:
        work.record(facts.OpeningFailed(subject=tender.id, tender=tender.code, reason="fewer_than_three"))
    if tender.bond.minor:
        send_back(work, tender.id)
    return opening


def _listed(places: Mapping[UUID | None, int | None], bid: Bid) -> dict[str, Any]:
    assert bid.complete_record_id is not None
    return {
        "bid": bid.code,
        "commit": places[bid.commit_record_id],
        "complete": places[bid.complete_record_id],
        "parts": [part.root for part in bid.parts],
    }


def _drop_incomplete(work: Work, tender: Tender, bids: list[Bid]) -> set[str]:
    """A transfer that is incomplete at the deadline counts as withdrawn (spec rules §1.1, CLOSED)."""
    late = {bid.code for bid in bids if bid.state is BidState.COMMITTED}
    for bid in bids:
        if bid.state is BidState.COMMITTED:
            bid.state, bid.withdrawn_at = BidState.WITHDRAWN, work.now
            work.record(facts.BidLapsed(subject=bid.id, tender=tender.code, bid=bid.code))
    return late


def timers_of(tender: Tender, now: datetime) -> Windows:
    """The opening's windows by the edition the tender froze. Source: spec rules §3.2."""
    return windows(law_of(tender, now))


def opening_of(session: Session, tender_id: UUID) -> Opening | None:
    """The opening of a tender, once it is closed."""
    return OPENINGS.find(session, tender_id)


def bids_to_open(session: Session, tender_id: UUID) -> list[Bid]:
    """Bids in time, of lots that are being opened; ordered by code as the close lists them."""
    return list(session.scalars(_TO_OPEN, {"tender_ids": [tender_id]}))


def bids_to_open_of(session: Session, tender_ids: Iterable[UUID]) -> dict[UUID, list[Bid]]:
    """``bids_to_open`` of many tenders in one query."""
    found: dict[UUID, list[Bid]] = {tender_id: [] for tender_id in tender_ids}
    for bid in session.scalars(_TO_OPEN, {"tender_ids": list(found)}):
        found[bid.tender_id].append(bid)
    return found


def codes_to_open(session: Session, tender_id: UUID) -> list[str]:
    """The codes of ``bids_to_open``, without the bids."""
    settle(session, Bid, Lot)
    return list(session.connection().scalars(_CODES_TO_OPEN, {"tender_ids": [tender_id]}))
