"""Read side of live auctions: what each party may see, as frozen views.

Who is behind a plate is in no view before the end, the bidder's own excepted; what a party sees of prices and places
is decided by the engine's sight alone. Source: rules §4.2.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload

from bidding import auction_facts as facts
from bidding.actions.auctions import auction_of, seat_of
from bidding.actions.auctions_end import journal_file
from bidding.actions.auctions_sealed import published
from bidding.hall_core import journal, rooms
from bidding.hall_core.registry import hall_for
from bidding.hall_core.rooms import Room
from bidding.models_auction import Auction, AuctionAnchor, AuctionSeat, AuctionStage, Outage
from bidding.models_bond import BondOrder
from bidding.rights import AUCTION_IDENTITIES, runs_tender
from bidding.rules.auction import sight
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import Terms
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.ledger.models import LogRecord
from kernel.money import Money
from kernel.rights import Actor, Role
from kernel.work import Work
from trading.models import Lot, Tender

OVER = (AuctionStage.SOLD, AuctionStage.FAILED, AuctionStage.CANCELLED)
_KEPT = 64


@dataclass(frozen=True)
class AuctionPage:
    """An auction with its tender and lot, as every page of it begins.

    Attributes:
        terms: as printed. version: of its journal; for caches, never for people.
    """

    id: UUID
    tender: str
    tender_title: str
    lot: int
    lot_title: str
    lot_id: UUID
    stage: AuctionStage
    terms: Terms
    terms_digest: str
    starts_at: datetime
    register_until_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    settled_at: datetime | None
    result: Mapping[str, Any] | None
    failed_for: str
    journal_sha256: str
    bond: Money
    suspended: bool

    @property
    def over(self) -> bool:
        return self.stage in OVER


@dataclass(frozen=True)
class MySeat:
    """A bidder's own registration.

    Attributes:
        admitted: whether his plate may offer: registered, and the deposit has arrived where one is asked.
        order: what became of his deposit: ``refund`` or ``keep``, or empty.
    """

    id: UUID
    plate: str
    admitted: bool
    registered_at: datetime
    bond_account: str
    bond_due: Money
    bond_at: datetime | None
    priority_rank: int | None
    order: str
    order_due_at: datetime | None
    order_done_at: datetime | None


@dataclass(frozen=True)
class OutageLine:
    """A time the clock stood still."""

    kind: str
    reason: str
    since_at: datetime
    until_at: datetime | None


@dataclass(frozen=True)
class AnchorLine:
    """One record of the public log that holds the chain of a journal, with its place."""

    number: int
    upto: int
    chain: str
    at: datetime
    index: int | None


@dataclass(frozen=True)
class BondLine:
    """An order about a deposit: to the desk that pays it, without bidder or plate."""

    id: UUID
    account: str
    kind: str
    amount: Money
    reason: str
    due_at: datetime
    done_at: datetime | None


def auction_page(session: Session, auction_id: UUID) -> AuctionPage:
    """An auction whose notice is out. Raises NotFound."""
    row = session.execute(_pages().where(Auction.id == auction_id)).one_or_none()
    if row is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    return _page(*row)


def auctions_of(session: Session, tender_id: UUID) -> list[AuctionPage]:
    """The auctions of a tender's lots, in their order."""
    rows = session.execute(_pages().where(Auction.tender_id == tender_id).order_by(Lot.number, Auction.round))
    return [_page(*row) for row in rows]


def auction_of_lot(session: Session, code: str, number: int) -> AuctionPage:
    """The auction of a lot by the codes people read. Raises NotFound."""
    lot_id = session.scalar(
        sa.select(Lot.id)
        .join(Tender, Tender.id == Lot.tender_id)
        .where(Tender.code == code, Lot.number == number)
    )
    found = auction_of(session, lot_id) if lot_id is not None else None
    if found is None:
        raise NotFound("not_found", thing="auction", id=f"{code}/{number}")
    return auction_page(session, found.id)


def open_auctions(session: Session, *, size: int = 50) -> list[AuctionPage]:
    """Auctions that run or are still to come, the nearest first."""
    rows = session.execute(
        _pages()
        .where(Auction.stage.in_((AuctionStage.PRINTED, AuctionStage.LIVE, AuctionStage.SETTLING)))
        .order_by(Auction.starts_at, Auction.id)
        .limit(size)
    )
    return [_page(*row) for row in rows]


def my_auctions(session: Session, org_id: UUID, *, size: int = 50) -> list[tuple[AuctionPage, MySeat]]:
    """Auctions a bidder registered for, newest first."""
    rows = session.execute(
        _pages()
        .join(AuctionSeat, AuctionSeat.auction_id == Auction.id)
        .where(AuctionSeat.org_id == org_id)
        .order_by(Auction.starts_at.desc(), Auction.id)
        .limit(size)
    ).all()
    found = []
    for row in rows:
        seat = my_seat(session, row[0].id, org_id)
        assert seat is not None
        found.append((_page(*row), seat))
    return found


def _pages() -> sa.Select[Auction, Tender, Lot]:
    return (
        sa.select(Auction, Tender, Lot)
        .join(Tender, Tender.id == Auction.tender_id)
        .join(Lot, Lot.id == Auction.lot_id)
        .where(Tender.published_at.is_not(None))
    )


def _page(auction: Auction, tender: Tender, lot: Lot) -> AuctionPage:
    return AuctionPage(
        id=auction.id,
        tender=tender.code,
        tender_title=tender.title,
        lot=lot.number,
        lot_title=lot.title,
        lot_id=lot.id,
        stage=auction.stage,
        terms=rooms.terms_of(auction),
        terms_digest=auction.terms_digest,
        starts_at=auction.starts_at,
        register_until_at=auction.register_until_at,
        started_at=auction.started_at,
        ended_at=auction.ended_at,
        settled_at=auction.settled_at,
        result=auction.result,
        failed_for=auction.failed_for or "",
        journal_sha256=auction.journal_sha256 or "",
        bond=tender.bond,
        suspended=tender.suspended_at is not None,
    )


def my_seat(session: Session, auction_id: UUID, org_id: UUID | None) -> MySeat | None:
    """An organisation's own registration, None where it has none."""
    seat = seat_of(session, auction_id, org_id)
    if seat is None:
        return None
    order = session.scalars(sa.select(BondOrder).where(BondOrder.seat_id == seat.id)).one_or_none()
    return MySeat(
        id=seat.id,
        plate=seat.plate,
        admitted=not seat.bond_due.minor or seat.bond_at is not None,
        registered_at=seat.registered_at,
        bond_account=seat.bond_account,
        bond_due=seat.bond_due,
        bond_at=seat.bond_at,
        priority_rank=seat.priority_rank,
        order=order.kind.value if order is not None else "",
        order_due_at=order.due_at if order is not None else None,
        order_done_at=order.done_at if order is not None else None,
    )


def seats_by_plate(session: Session, auction_id: UUID) -> Sequence[AuctionSeat]:
    """Every registration, by plate: for the platform's own work, never for a page before the end."""
    return session.scalars(
        sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction_id).order_by(AuctionSeat.plate)
    ).all()


# ---- what is seen -----------------------------------------------------------------------------------------------


def tender_of(session: Session, auction_id: UUID) -> Tender | None:
    """The tender of an auction without its lots: a tender of two hundred lots is looked at at every join."""
    return session.scalars(
        sa.select(Tender)
        .join(Auction, Auction.tender_id == Tender.id)
        .where(Auction.id == auction_id)
        .options(lazyload(Tender.lots), lazyload(Tender.project))
    ).one_or_none()


def plates_of(session: Session, auction_id: UUID) -> dict[UUID, str]:
    """The admitted organisations of an auction with their plates: for the platform's own work."""
    rows = session.execute(
        sa.select(AuctionSeat.org_id, AuctionSeat.plate, AuctionSeat.bond_due, AuctionSeat.bond_at).where(
            AuctionSeat.auction_id == auction_id
        )
    )
    return {row.org_id: row.plate for row in rows if not row.bond_due.minor or row.bond_at is not None}


def viewer_of(
    session: Session,
    actor: Actor,
    auction_id: UUID,
    *,
    tender: Tender | None = None,
    plates: Mapping[UUID, str] | None = None,
) -> sight.Viewer:
    """As what an actor looks at an auction: bidder with a plate, host, supervisor, or everybody.

    Args:
        tender, plates: of the auction, where the caller has them already; ``tender_of``, ``plates_of``.

    Raises:
        NotFound: no such auction.
    """
    if tender is None:
        tender = tender_of(session, auction_id)
    if tender is None or tender.published_at is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    if actor.has(Role.BIDDER):
        if plates is None:
            plate = _plate_of(session, actor.org_id, auction_id)
        else:
            plate = plates.get(actor.org_id or _NOBODY)
        if plate is not None:
            return sight.Bidder(plate)
    if not actor.is_system and runs_tender(actor, tender):
        return sight.Host()
    if actor.has(Role.SUPERVISOR):
        return sight.Supervisor()
    return sight.Public()


_NOBODY = UUID(int=0)


def _plate_of(session: Session, org_id: UUID | None, auction_id: UUID) -> str | None:
    seat = my_seat(session, auction_id, org_id)
    return seat.plate if seat is not None and seat.admitted else None


class _Mirror:
    """States this process read from journals, brought up to date by the lines that came since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rooms: OrderedDict[tuple[int, UUID], Room] = OrderedDict()

    def room(self, session: Session, auction_id: UUID) -> Room:
        connection = session.connection()
        head = journal.head_of(connection, auction_id)
        if head is None:
            raise NotFound("not_found", thing="auction", id=str(auction_id))
        key = (id(session.get_bind()), auction_id)
        with self._lock:
            known = self._rooms.get(key)
            if known is not None and known.head == head:
                self._rooms.move_to_end(key)
                return known
        fresh, _ = rooms.load(connection, auction_id)
        with self._lock:
            self._rooms[key] = fresh
            while len(self._rooms) > _KEPT:
                self._rooms.popitem(last=False)
        return fresh


_mirror = _Mirror()


def state_of(session: Session, auction_id: UUID) -> State:
    """The last durable state: from this process's hall when it owns the auction, else from its journal."""
    hall = hall_for(session)
    state = hall.state(auction_id) if hall is not None else None
    return state if state is not None else _mirror.room(session, auction_id).state


def snapshot(session: Session, actor: Actor, auction_id: UUID) -> dict[str, Any]:
    """What an actor may see of an auction now: the engine's view for his audience."""
    return sight.snapshot(state_of(session, auction_id), viewer_of(session, actor, auction_id))


def own(session: Session, actor: Actor, auction_id: UUID) -> dict[str, Any]:
    """What only this bidder may know; empty for everybody else."""
    viewer = viewer_of(session, actor, auction_id)
    return own_of(session, auction_id, viewer) if isinstance(viewer, sight.Bidder) else {}


def own_of(session: Session, auction_id: UUID, viewer: sight.Bidder) -> dict[str, Any]:
    """What only this bidder may know, all of it."""
    return {"plate": viewer.plate} | (sight.private(None, state_of(session, auction_id), viewer.plate) or {})


# ---- afterwards -------------------------------------------------------------------------------------------------


def journal_of(session: Session, auction_id: UUID) -> bytes:
    """The published journal of an auction that is over; its SHA-256 stands in the log.

    Raises:
        NotFound. NotNow: ``auction_still_running``.

    Source: rules §4.3 A-14; docs/formats/auction-journal.md.
    """
    auction = session.get(Auction, auction_id)
    if auction is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    if auction.stage not in OVER or auction.result is None:
        raise NotNow("auction_still_running", source="rules §4.2")
    room, lines = rooms.load(session.connection(), auction_id)
    return journal_file(auction, room, lines, published(session, auction_id))


def anchors_of(session: Session, auction_id: UUID) -> list[AnchorLine]:
    """Where the public log holds an auction's chain, in order; only after its end.

    Raises:
        NotFound. NotNow: ``auction_still_running``: when anchors grow would tell when others bid.
    """
    auction = session.get(Auction, auction_id)
    if auction is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    if auction.stage not in OVER:
        raise NotNow("auction_still_running", source="rules §4.2")
    rows = session.execute(
        sa.select(AuctionAnchor, LogRecord.idx)
        .join(LogRecord, LogRecord.id == AuctionAnchor.record_id)
        .where(AuctionAnchor.auction_id == auction_id)
        .order_by(AuctionAnchor.number)
    )
    return [AnchorLine(row.number, row.upto, bytes(row.chain).hex(), row.at, idx) for row, idx in rows]


def outages_of(session: Session, auction_id: UUID) -> list[OutageLine]:
    """Times the clock stood still, with the published reasons."""
    rows = session.scalars(
        sa.select(Outage).where(Outage.auction_id == auction_id).order_by(Outage.since_at, Outage.id)
    )
    return [OutageLine(row.kind, row.reason, row.since_at, row.until_at) for row in rows]


def orders_of(session: Session, auction_id: UUID) -> Sequence[BondLine]:
    """The orders about the deposits of one auction, without bidder or plate. Source: rules §4.3 A-15."""
    rows = session.execute(
        sa.select(BondOrder, AuctionSeat.bond_account)
        .join(AuctionSeat, AuctionSeat.id == BondOrder.seat_id)
        .where(BondOrder.auction_id == auction_id)
        .order_by(BondOrder.due_at, BondOrder.id)
    )
    return [
        BondLine(row.id, account, row.kind.value, row.amount, row.reason, row.due_at, row.done_at)
        for row, account in rows
    ]


def identities(work: Work, auction_id: UUID, *, warrant: str, reason: str) -> dict[str, str]:
    """Plate → name of everybody who registered: for a supervisor, after the end or with a warrant; looking is a fact.

    Raises:
        NotAllowed. NotNow: ``auction_still_running`` before the end without a warrant. NotValid: ``reason_missing``.

    Source: rules §4.2 (identities: after the end, or with a logged warrant).
    """
    work.require(AUCTION_IDENTITIES)
    auction = work.lock(Auction, auction_id)
    if auction.stage not in OVER:
        if not warrant.strip():
            raise NotNow("auction_still_running", source="rules §4.2")
        if not reason.strip():
            raise NotValid("reason_missing", field="reason")
    tender = work.session.get_one(Tender, auction.tender_id)
    work.record(
        facts.IdentityLooked(
            subject=auction.id, tender=tender.code, warrant=warrant.strip()[:120], reason=reason.strip()[:500]
        )
    )
    rows = work.session.execute(
        sa.select(AuctionSeat.plate, Organization.name)
        .join(Organization, Organization.id == AuctionSeat.org_id)
        .where(AuctionSeat.auction_id == auction_id)
        .order_by(AuctionSeat.plate)
    )
    return {row.plate: row.name for row in rows}
