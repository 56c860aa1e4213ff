"""The simulator's own promises: replaying facts gives the rows, every leaf of the log is explained."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, Opening
from bidding.rules.states import BidState, OpeningState
from kernel.ledger.models import FactRow, LogEntry, LogHead, LogPending, LogRecord
from kernel.promises import Breach, promise
from trading.models import Tender

_REPLAYED = "house style §7 (replaying the facts gives the rows)"


@promise("The state of every bid is the one its facts tell.", source=_REPLAYED)
def bids_are_explained(session: Session, now: datetime) -> Iterable[Breach]:
    told: dict[object, BidState] = {}
    rows = session.execute(
        sa.select(FactRow.subject, FactRow.name, FactRow.body)
        .where(FactRow.name.like("bidding.bid.%"))
        .order_by(FactRow.subject, FactRow.seq)
    )
    for subject, name, body in rows:
        if name == "bidding.bid.committed":
            told[subject] = BidState.COMMITTED
        elif name == "bidding.bid.completed":
            told[subject] = BidState.COMPLETE
        elif name == "bidding.bid.withdrawn":
            told[subject] = BidState.REPLACED if "replaced_by" in body else BidState.WITHDRAWN
        elif name == "bidding.bid.lapsed":
            told[subject] = BidState.WITHDRAWN
        elif name == "bidding.bid.revoked":
            told[subject] = BidState.REVOKED if body["cause"] == "bidder" else BidState.WITHDRAWN
    for bid_id, state in session.execute(sa.select(Bid.id, Bid.state)):
        if told.get(bid_id) is not state:
            yield Breach(bid_id, f"{state}, but its facts say {told.get(bid_id)}")


@promise("How far every opening has come is what its facts tell.", source=_REPLAYED)
def openings_are_explained(session: Session, now: datetime) -> Iterable[Breach]:
    told: dict[object, OpeningState] = {}
    meant = {
        "bidding.tender.closed": OpeningState.RELEASING,
        "bidding.opening.failed": OpeningState.FAILED,
        "bidding.bids.opened": OpeningState.OPENED,
        "bidding.opening.confirmed": OpeningState.CONFIRMED,
    }
    rows = session.execute(
        sa.select(FactRow.subject, FactRow.name)
        .where(FactRow.name.in_(meant))
        .order_by(FactRow.subject, FactRow.seq)
    )
    for subject, name in rows:
        told[subject] = meant[name]
    for tender_id, state in session.execute(sa.select(Opening.tender_id, Opening.state)):
        if told.get(tender_id) is not state:
            yield Breach(tender_id, f"{state}, but its facts say {told.get(tender_id)}")


@promise("The deadline and the suspension of every tender are what its facts tell.", source=_REPLAYED)
def deadlines_are_explained(session: Session, now: datetime) -> Iterable[Breach]:
    closes: dict[object, str] = {}
    still: dict[object, bool] = {}
    rows = session.execute(
        sa.select(FactRow.subject, FactRow.name, FactRow.body)
        .where(
            FactRow.name.in_(
                (
                    "trading.notice.published",
                    "trading.clarification.published",
                    "trading.tender.resumed",
                    "trading.tender.suspended",
                )
            )
        )
        .order_by(FactRow.subject, FactRow.seq)
    )
    for subject, name, body in rows:
        if body.get("bids_close_at"):
            closes[subject] = body["bids_close_at"]
        if name != "trading.notice.published":
            still[subject] = (
                name == "trading.tender.suspended"
                if name != "trading.clarification.published"
                else still.get(subject, False)
            )
    tenders = sa.select(Tender.id, Tender.bids_close_at, Tender.suspended_at).where(
        Tender.published_at.is_not(None)
    )
    for tender_id, closes_at, suspended_at in session.execute(tenders):
        said = closes.get(tender_id)
        if said is None or abs((datetime.fromisoformat(said) - closes_at).total_seconds()) >= 0.001:
            yield Breach(tender_id, f"closes at {closes_at}, but its facts say {said}")
        if (suspended_at is not None) != still.get(tender_id, False):
            yield Breach(tender_id, f"suspended at {suspended_at}, but its facts say otherwise")


@promise(
    "Every leaf of the log has its record, and every record its leaf or its turn.", source="sealing §7.1"
)
def leaves_are_explained(session: Session, now: datetime) -> Iterable[Breach]:
    leaves = session.scalar(sa.select(sa.func.count()).select_from(LogEntry)) or 0
    placed = session.scalar(sa.select(sa.func.count()).where(LogRecord.idx.is_not(None))) or 0
    matched = (
        session.scalar(
            sa.select(sa.func.count()).select_from(LogEntry).join(LogRecord, LogRecord.idx == LogEntry.idx)
        )
        or 0
    )
    if not leaves == placed == matched:
        yield Breach("log", f"{leaves} leaves, {placed} records with a place, {matched} of them meet")
    head = session.get(LogHead, 1)
    if (head.size if head else 0) != leaves:
        yield Breach("log", f"the head says {head.size if head else 0}, there are {leaves} leaves")
    waiting = sa.select(LogPending.record_id)
    lost = session.scalars(
        sa.select(LogRecord.id).where(LogRecord.idx.is_(None), LogRecord.id.not_in(waiting))
    )
    yield from (Breach(key, "a record without a place that waits for none") for key in lost)


PROMISES = (
    bids_are_explained,
    openings_are_explained,
    deadlines_are_explained,
    leaves_are_explained,
)
