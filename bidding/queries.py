"""Read side of the bidding room: what bidders, custodians and buyers may see, as frozen views.

Before the deadline nobody but the bidder learns that a bid exists (招标投标法 第二十二条); the one exception are
institutional custodians, whose acknowledgements need the header of each sealed bid (spec sealing §6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.closing import opening_of
from bidding.actions.custody import newest_policy, seats_of
from bidding.actions.delivery import missing_blocks
from bidding.actions.submission import ALIVE, bid_by_code
from bidding.models import Bid, CustodianAck, Opening, Release, Seat
from bidding.models_sealed import AuctionClosing
from bidding.rights import runs_tender
from bidding.rules.states import BidState, OpeningState
from kernel.errors import NotFound
from kernel.identity.models import Organization
from kernel.identity.queries import organizations
from kernel.ledger import book, sequencer, trust
from kernel.party import PartyName
from kernel.platform import Platform
from kernel.rights import Actor, Role
from kernel.settings import Settings
from sealbid import signatures
from sealbid.policy import Policy, fingerprint
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage

ACK_ROLES = ("operator", "supervisor", "notary", "association")
"""Custodians who acknowledge before the deadline. The tenderer is not among them: counting the bids is what
招标投标法 第二十二条 keeps from him."""


def tender_by_code(session: Session, code: str, now: datetime, actor: Actor | None = None) -> Tender:
    """A published tender; a draft only for those who run it or keep a share of it.

    Raises:
        NotFound: no such tender, or one the reader may not know of yet.
    """
    tender = session.scalars(sa.select(Tender).where(Tender.code == code)).unique().one_or_none()
    if tender is None:
        raise NotFound("not_found", thing="tender", id=code)
    if tender.published_at is not None and tender.published_at <= now:
        return tender
    if actor is not None and not actor.is_anonymous:
        seated = actor.org_id in {seat.org_id for seat in seats_of(session, tender.id)}
        if runs_tender(actor, tender) or (seated and actor.has(Role.CUSTODIAN)):
            return tender
    raise NotFound("not_found", thing="tender", id=code)


def own_bid(session: Session, code: str, actor: Actor) -> Bid:
    """A bid of the actor's own organisation; anybody else's does not exist for him."""
    bid = bid_by_code(session, code)
    if not actor.has(Role.BIDDER) or bid.org_id != actor.org_id:
        raise NotFound("not_found", thing="bid", id=code)
    return bid


def delivery(session: Session, settings: Settings, bid: Bid) -> str:
    """How far the receipt of a bid's newest step has come: ``stored``, ``logged`` or ``witnessed``."""
    record_id = bid.withdraw_record_id or bid.complete_record_id or bid.commit_record_id
    place = book.place_of(session, record_id)
    if place is None or sequencer.head(session).size <= place:
        return "stored"
    return "logged" if trust.witnessed_size(session, settings, place) is None else "witnessed"


def bid_state(session: Session, settings: Settings, bid: Bid) -> dict[str, Any]:
    """The state of a bid for its bidder's client, with the blocks that are still to come, per part."""
    tender = session.get_one(Tender, bid.tender_id)
    missing = {} if bid.state is not BidState.COMMITTED else missing_blocks(session, bid)
    return {
        "bid": bid.code,
        "tender": tender.code,
        "lot": str(session.get_one(Lot, bid.lot_id).number),
        "state": bid.state.value,
        "receipt": delivery(session, settings, bid),
        "committed_at": bid.committed_at,
        "completed_at": bid.completed_at,
        "withdrawn_at": bid.withdrawn_at,
        "commit_leaf": book.place_of(session, bid.commit_record_id),
        "parts": [
            {
                "part": one.part,
                "root": one.root,
                "size": one.size,
                "blocks": one.blocks,
                "missing": missing.get(one.part, []),
            }
            for one in bid.parts
        ],
    }


@dataclass(frozen=True)
class BidRow:
    """A line of "my bids"."""

    bid: Bid
    tender: Tender
    lot: Lot
    delivery: str
    open_for_changes: bool


def my_bids(session: Session, settings: Settings, org_id: UUID, now: datetime) -> list[BidRow]:
    """Bids of an organisation, newest first."""
    rows = session.execute(
        sa.select(Bid, Tender, Lot)
        .join(Tender, Tender.id == Bid.tender_id)
        .join(Lot, Lot.id == Bid.lot_id)
        .where(Bid.org_id == org_id)
        .order_by(Bid.committed_at.desc(), Bid.id.desc())
        .limit(200)
    ).unique()
    return [
        BidRow(
            bid,
            tender,
            lot,
            delivery(session, settings, bid),
            bid.state in ALIVE and now < tender.bids_close_at,
        )
        for bid, tender, lot in rows
    ]


def bids_here(session: Session, tender_id: UUID, org_id: UUID) -> list[Bid]:
    """One organisation's bids for one tender, newest first."""
    return list(
        session.scalars(
            sa.select(Bid)
            .where(Bid.tender_id == tender_id, Bid.org_id == org_id)
            .order_by(Bid.committed_at.desc(), Bid.id.desc())
        )
    )


@dataclass(frozen=True)
class SeatRow:
    """A custodian's seat as pages show it. ``due``: what is wanted of him now."""

    seat: Seat
    tender: Tender
    org: Organization
    released: int
    parts: int
    due: str


def seats_view(session: Session, tender: Tender, now: datetime) -> list[SeatRow]:
    """All seats of a tender with what each has done."""
    return _rows(session, [(seat, tender) for seat in seats_of(session, tender.id)], now)


def my_seats(session: Session, org_id: UUID, now: datetime) -> list[SeatRow]:
    """Seats an organisation holds, the most urgent first."""
    pairs = session.execute(
        sa.select(Seat, Tender)
        .join(Tender, Tender.id == Seat.tender_id)
        .where(Seat.org_id == org_id)
        .order_by(Tender.bids_close_at.desc(), Tender.id)
        .limit(200)
    ).unique()
    rows = _rows(session, [(seat, tender) for seat, tender in pairs], now)
    order = {"release": 0, "key": 1, "": 2}
    return sorted(rows, key=lambda row: order[row.due])


def _rows(session: Session, pairs: Sequence[tuple[Seat, Tender]], now: datetime) -> list[SeatRow]:
    orgs = organizations(session, [seat.org_id for seat, _ in pairs])
    ids = [tender.id for _, tender in pairs]
    done: dict[tuple[UUID, int], int] = {
        (row.tender_id, row.x): row.n
        for row in session.execute(
            sa.select(Release.tender_id, Release.x, sa.func.count().label("n"))
            .where(Release.tender_id.in_(ids), Release.content.is_not(None))
            .group_by(Release.tender_id, Release.x)
        )
    }
    releasing = set(
        session.scalars(
            sa.select(Opening.tender_id).where(
                Opening.tender_id.in_(ids), Opening.state == OpeningState.RELEASING
            )
        )
    )
    closed = _closings(session, ids)
    found = []
    for seat, tender in pairs:
        own = closed.get(tender.id)
        parts = len(own) if own else len(tender.terms["parts"])
        released = done.get((tender.id, seat.x), 0)
        due = ""
        if seat.statement is None and tender.published_at is None and tender.terminated_at is None:
            due = "key"
        elif released < parts and (
            (tender.id in releasing and now >= tender.bids_close_at)
            or any(one.state is OpeningState.RELEASING for one in own or ())
        ):
            due = "release"
        found.append(SeatRow(seat, tender, orgs[seat.org_id], released, parts, due))
    return found


def _closings(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[AuctionClosing]]:
    """The closed parts of auctions, by tender."""
    found: dict[UUID, list[AuctionClosing]] = {}
    for row in session.scalars(
        sa.select(AuctionClosing)
        .where(AuctionClosing.tender_id.in_(ids))
        .order_by(AuctionClosing.closed_at, AuctionClosing.part)
    ):
        found.setdefault(row.tender_id, []).append(row)
    return found


def parts_due(session: Session, tender: Tender) -> list[tuple[str, int, datetime]]:
    """The parts whose shares are awaited at a tender, each with the leaf of its closing and the end of its window."""
    found = [
        (one.part, one.close_index, one.window_until_at)
        for one in _closings(session, [tender.id]).get(tender.id, [])
        if one.state is OpeningState.RELEASING
    ]
    opening = opening_of(session, tender.id)
    if opening is not None and opening.state is OpeningState.RELEASING:
        found += [(part, opening.close_index, opening.window_until_at) for part in tender.terms["parts"]]
    return found


def parts_shown(session: Session, tender: Tender) -> list[str]:
    """The parts a custodian sees at a tender: what is awaited now, or what its policy names."""
    due = [part for part, _, _ in parts_due(session, tender)]
    row = newest_policy(session, tender.id)
    return due or (list(Policy.decode(row.jcs).parts) if row is not None else list(tender.terms["parts"]))


def duties(session: Session, actor: Actor, now: datetime) -> dict[str, Any]:
    """What the platform asks of a custodian now: keys to state, shares to try, shares to release.

    Source: spec sealing §6.1, §8.2.
    """
    assert actor.org_id is not None
    rows = my_seats(session, actor.org_id, now)
    keys = [_key_duty(row) for row in rows if row.due == "key"]
    releases = []
    for row in rows:
        if row.due != "release":
            continue
        promised = set(
            session.scalars(
                sa.select(Release.part).where(
                    Release.tender_id == row.tender.id, Release.x == row.seat.x, Release.content.is_not(None)
                )
            )
        )
        releases += [
            {"tender": row.tender.code, "x": row.seat.x, "part": part, "close": close, "until": until}
            for part, close, until in parts_due(session, row.tender)
            if part not in promised
        ]
    return {"keys": keys, "acks": _acks_due(session, rows, now), "releases": releases}


def _key_duty(row: SeatRow) -> dict[str, Any]:
    return {
        "tender": row.tender.code,
        "seat": str(row.seat.id),
        "x": row.seat.x,
        "role": row.seat.role,
        "org": row.org.uscc,
        "not_after": row.seat.not_after,
    }


def _acks_due(session: Session, rows: Sequence[SeatRow], now: datetime) -> list[dict[str, Any]]:
    seats = {
        row.tender.id: row
        for row in rows
        if row.seat.role in ACK_ROLES and row.seat.statement is not None and now < row.tender.bids_close_at
    }
    bids = session.scalars(
        sa.select(Bid).where(Bid.tender_id.in_(seats), Bid.state == BidState.COMPLETE).order_by(Bid.code)
    ).all()
    given = {
        (row.bid_id, row.part, row.x)
        for row in session.execute(
            sa.select(CustodianAck.bid_id, CustodianAck.part, CustodianAck.x).where(
                CustodianAck.bid_id.in_([bid.id for bid in bids])
            )
        )
    }
    return [
        {"tender": seats[bid.tender_id].tender.code, "x": x, "bid": bid.code, "part": part.part}
        for bid in bids
        for part in bid.parts
        if (bid.id, part.part, x := seats[bid.tender_id].seat.x) not in given
    ]


def seat_for_ack(session: Session, bid: Bid, actor: Actor) -> Seat:
    """The seat by which a custodian may see a bid's header before the deadline; NotFound otherwise."""
    seat = session.scalars(
        sa.select(Seat).where(Seat.tender_id == bid.tender_id, Seat.org_id == actor.org_id)
    ).one_or_none()
    if seat is None or seat.role not in ACK_ROLES or not actor.has(Role.CUSTODIAN):
        raise NotFound("not_found", thing="bid", id=bid.code)
    return seat


def my_seat(session: Session, tender_id: UUID, actor: Actor) -> Seat:
    """The actor's seat at a tender; NotFound when he keeps no share of it."""
    seat = session.scalars(
        sa.select(Seat).where(Seat.tender_id == tender_id, Seat.org_id == actor.org_id)
    ).one_or_none()
    if seat is None or not actor.has(Role.CUSTODIAN):
        raise NotFound("not_found", thing="seat", id=str(tender_id))
    return seat


@dataclass(frozen=True)
class PolicyView:
    """A policy as pages show it: its fingerprint in four groups, threshold, custodians' names by seat."""

    digest: str
    fingerprint: str
    t: int
    n: int
    parts: tuple[str, ...]
    seats: tuple[tuple[int, str, PartyName], ...]


def policy_view(session: Session, tender: Tender) -> PolicyView | None:
    row = newest_policy(session, tender.id)
    if row is None:
        return None
    policy = Policy.decode(row.jcs)
    orgs = organizations(session, [seat.org_id for seat in seats_of(session, tender.id)])
    names = {org.uscc: org.party for org in orgs.values()}
    return PolicyView(
        digest=row.digest,
        fingerprint=fingerprint(policy.digest),
        t=policy.t,
        n=policy.n,
        parts=policy.parts,
        seats=tuple((one.x, one.role, names.get(one.org, PartyName(one.org))) for one in policy.custodians),
    )


def may_bid(tender: Tender, actor: Actor, now: datetime) -> bool:
    """Whether the way to the sealing page is open: for the link's sake; the action decides again."""
    tendering = any(lot.stage is Stage.TENDERING for lot in tender.lots)
    stopped = tender.suspended_at is not None or tender.terminated_at is not None
    return actor.has(Role.BIDDER) and tendering and not stopped and now < tender.bids_close_at


def platform_key(platform: Platform) -> bytes:
    """The platform's receipt key, SubjectPublicKeyInfo in DER."""
    return signatures.spki(platform.platform_key)
