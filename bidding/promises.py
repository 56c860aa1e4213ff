"""What must always hold between sealing and opening. Every promise has a sabotage test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, BidderSecret, HallMessage, OpenedPart, Opening, Release
from bidding.rules.auction import closings
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organizations
from kernel.ledger import book
from kernel.ledger.models import FactRow
from kernel.promises import Breach, promise
from sealbid import signoff
from sealbid.errors import SealError
from sealbid.signatures import Trust, kid_of
from trading.models import Lot, Tender

EPOCH = datetime.fromtimestamp(0, UTC)
"""An instant for checks that no certificate takes part in."""


@promise("No bid is opened before the deadline printed in the notice.", source="招标投标法 第三十四条")
def bids_open_on_time(session: Session, now: datetime) -> Iterable[Breach]:
    early = (
        sa.select(OpenedPart.bid_id, OpenedPart.opened_at)
        .join(Tender, Tender.id == OpenedPart.tender_id)
        .where(OpenedPart.opened_at < Tender.bids_close_at)
    )
    closed = (
        sa.select(Opening.id, Opening.closed_at)
        .join(Tender, Tender.id == Opening.tender_id)
        .where(Opening.closed_at < Tender.bids_close_at)
    )
    for subject, at in [*session.execute(early), *session.execute(closed)]:
        yield Breach(subject, f"opened at {at.isoformat()}")


@promise(
    "Sealed stays sealed: no share and no secret is with us before the close.", source="招标投标法 第二十八条"
)
def sealed_stays_sealed(session: Session, now: datetime) -> Iterable[Breach]:
    opened = sa.select(Opening.tender_id)
    shares = (
        sa.select(Release.id, Release.part)
        .join(Tender, Tender.id == Release.tender_id)
        .where(
            sa.or_(
                Release.promised_at < Tender.bids_close_at,
                Release.released_at < Tender.bids_close_at,
                Release.tender_id.not_in(opened),
            )
        )
    )
    secrets = (
        sa.select(BidderSecret.bid_id)
        .join(Bid, Bid.id == BidderSecret.bid_id)
        .join(Tender, Tender.id == Bid.tender_id)
        .where(sa.or_(BidderSecret.offered_at < Tender.bids_close_at, Bid.tender_id.not_in(opened)))
    )
    # What is sealed in an auction opens after the auction, and has a promise of its own (``promises_sealed``).
    early = (key for key, part in session.execute(shares) if not closings.is_part(part))
    yield from (Breach(key, "a share before the close") for key in early)
    yield from (Breach(key, "a secret before the close") for key in session.scalars(secrets))


@promise(
    "Every acknowledged complete bid is in the close, or was withdrawn by its own key.", source="sealing §8.1"
)
def acknowledged_bids_are_in_the_close(session: Session, now: datetime) -> Iterable[Breach]:
    listed = _listed(session)
    complete = sa.select(Bid.id, Bid.tender_id, Bid.code).where(
        Bid.tender_id.in_(sa.select(Opening.tender_id)), Bid.completed_at.is_not(None)
    )
    for bid_id, tender_id, code in session.execute(complete):
        if code not in listed[tender_id] and not _taken_back(session, session.get_one(Bid, bid_id)):
            yield Breach(bid_id, "missing from the close")


def _listed(session: Session) -> dict[UUID, set[str]]:
    """The bids that each close lists."""
    closes = session.execute(sa.select(Opening.tender_id, Opening.close_body))
    return {tender_id: {one["bid"] for one in body["bids"]} for tender_id, body in closes}


def _taken_back(session: Session, bid: Bid) -> bool:
    """Withdrawn with a signature, or replaced by a bid that exists with the word of its own key."""
    record = book.record_of(session, bid.withdraw_record_id) if bid.withdraw_record_id else None
    if record is None or bid.withdraw_record_id is None:
        return False
    body, apart = record["body"], book.apart_of(session, bid.withdraw_record_id)
    if "replaced_by" not in body:
        own = {"body": body, "sig": record.get("sig")}
        said = apart.get("statement", own)
        about = signoff.withdrawal(bid.code, body["commit_leaf"], lost_by=signoff.lost_by(said["body"]))
        return said["body"] == about and _signed(session, bid, signoff.WITHDRAW, said["body"], said["sig"])
    newer = session.scalar(sa.select(Bid).where(Bid.code == body["replaced_by"], Bid.replaces == bid.code))
    said = apart.get("statement", body.get("statement"))
    if newer is None or said is None:
        return False
    lost = said["body"].get("org", "")
    same = said["body"] == signoff.replacement(newer.commit_body, lost_by=lost)
    return same and _signed(session, bid, signoff.REPLACE, said["body"], said["sig"])


def _signed(session: Session, bid: Bid, kind: str, body: dict[str, Any], sig: dict[str, Any]) -> bool:
    """By the bid's own key; where the record says that it is lost, in the name of the bid's own organisation."""
    if signoff.lost_by(body):
        org = session.get_one(Organization, bid.org_id)
        registered = keys_of_organizations(session, [org.id], revoked=True)[org.id]
        return bid.key_lost and body["org"] == org.uscc and sig["kid"] in map(kid_of, registered)
    try:
        signoff.require_signed(kind, body, sig, bk=bid.commit_body["bk"], trust=Trust(at=EPOCH))
    except SealError:
        return False
    return not bid.key_lost


@promise("No bid is accepted at or after the deadline.", source="招标投标法 第二十八条")
def nothing_accepted_late(session: Session, now: datetime) -> Iterable[Breach]:
    late = (
        sa.select(Bid.id)
        .join(Tender, Tender.id == Bid.tender_id)
        .where(sa.or_(Bid.committed_at >= Tender.bids_close_at, Bid.completed_at >= Tender.bids_close_at))
    )
    return [Breach(key, "accepted late") for key in session.scalars(late)]


@promise("Fewer bids than the law asks are never opened.", source="实施条例 第四十四条")
def too_few_are_never_opened(session: Session, now: datetime) -> Iterable[Breach]:
    listed = _listed(session)
    bids = session.execute(sa.select(Bid.tender_id, Bid.lot_id, Bid.code))
    delivered = Counter(lot_id for tender_id, lot_id, code in bids if code in listed.get(tender_id, ()))
    parts = sa.select(OpenedPart.lot_id).where(OpenedPart.tender_id.in_(sa.select(Opening.tender_id)))
    opened = sa.select(Lot.id, Tender.terms).join(Tender, Tender.id == Lot.tender_id).where(Lot.id.in_(parts))
    for lot_id, terms in session.execute(opened):
        if delivered[lot_id] < int(terms["min_bids"]):
            yield Breach(lot_id, f"opened with {delivered[lot_id]} bids")


@promise(
    "Nobody speaks in an opening hall before its close, and what was said is what the log holds.",
    source="招标投标法 第二十二条",
)
def hall_words_are_logged(session: Session, now: datetime) -> Iterable[Breach]:
    said = (
        sa.select(HallMessage, Opening.closed_at, FactRow.private)
        .outerjoin(Opening, Opening.tender_id == HallMessage.tender_id)
        .outerjoin(FactRow, FactRow.record_id == HallMessage.record_id)
    )
    for one, closed_at, kept in session.execute(said):
        if closed_at is None or one.said_at < closed_at:
            yield Breach(one.id, "said before the close")
        elif kept is None or kept.get("text") != one.text:
            yield Breach(one.id, "other words than the log's")


PROMISES = (
    bids_open_on_time,
    sealed_stays_sealed,
    acknowledged_bids_are_in_the_close,
    nothing_accepted_late,
    too_few_are_never_opened,
    hall_words_are_logged,
)
