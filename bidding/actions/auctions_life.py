"""The life of an auction as its journal tells it: moments nobody else kept, stages, outages, the log, the end.

The journal is written first; what stands here brings tables, lots and the public log after it, once, whoever calls
and however often. Source: rules §4.3 A-11…A-16, §4.7; performance §3 (closing exactly once).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from bidding import auction_facts as facts
from bidding.actions.auctions_end import conclude
from bidding.actions.auctions_sealed import close_part, leave_parts
from bidding.actions.auctions_write import append, hold, write
from bidding.hall_core import rooms
from bidding.hall_core.core import lost
from bidding.hall_core.draft import GRACE, Draft, event_of, next_moment
from bidding.hall_core.journal import HEADS, Line
from bidding.hall_core.rooms import Room
from bidding.models_auction import Auction, AuctionAnchor, AuctionHead, AuctionStage, Outage
from bidding.rights import AUCTION_KEEP, AUCTION_STOP
from bidding.rules.auction import engine, events
from bidding.rules.auction.state import OVER, Stage, State
from bidding.rules.auction.terms import Terms
from kernel.errors import NotNow, NotValid, Refusal
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from trading import actions as trading
from trading.facts import TenderResumed, TenderSuspended
from trading.models import Lot, Tender
from trading.rules.lifecycle import Move
from trading.rules.lifecycle import Stage as LotStage

BEAT = timedelta(seconds=5)
"""How often the chain of a running auction goes into the log, whether or not anything happened: a log that grew with
every offer would tell when others bid. Where the notice shows all offers, only news are logged."""
LONG = 2000
"""At most so many anchors over the printed length of an auction: days are anchored less often than minutes."""
PLATFORM_REASONS = frozenset({"failover", "storage"})
_ANCHORED_AT = sa.select(HEADS.c.anchored_at).where(HEADS.c.id == sa.bindparam("auction_id"))
LIVING = (AuctionStage.PRINTED, AuctionStage.LIVE)
AFTER = (*OVER, Stage.SETTLING, Stage.ASKING)
"""Stages in which nobody offers any more."""


def keep_moment(work: Work, auction_id: UUID) -> None:
    """The timekeeper's call when a hall that owns the auction let its moment pass, or when no hall does.

    Safe to call at any time, twice, and by several processes: the head is locked, and the engine compares instants.
    Time lost with an owner that fell silent is made up for once. Whoever listens calls another owner meanwhile; where
    nobody does, the next moment is kept like any other, so that an auction ends though all halls are gone.

    Raises:
        NotNow: ``hall_keeps_it`` while the owner is alive and not late, ``moment_not_due`` before the moment.
    """
    work.require(AUCTION_KEEP)
    hold(work, auction_id)
    work.session.flush()
    owner, alive_at = rooms.owner_of(work.session.connection(), auction_id)
    made_up: list[datetime] = []

    def deed(draft: Draft, now: datetime) -> None:
        moment = next_moment(draft.state)
        if moment is None or moment > now:
            raise NotNow("moment_not_due", moment=moment)
        if owner and alive_at is not None:
            if now - alive_at < GRACE and now < moment + GRACE:
                raise NotNow("hall_keeps_it", owner=owner)
            if now - alive_at >= GRACE and lost(draft.state, alive_at, now):
                draft.stand_still("failover", alive_at, now)
                made_up.append(now)
                return
        draft.advance(now)

    write(work, auction_id, deed)
    for now in made_up:  # ownerless, and silent since now: who takes it later makes up for the rest
        given_up = sa.update(HEADS).where(HEADS.c.id == auction_id).values(owner="", alive_at=now)
        work.session.connection().execute(given_up)
    follow(work, auction_id)


def follow(work: Work, auction_id: UUID) -> Auction:
    """Bring an auction's row, its lot and the log up to what its journal says. Again changes nothing."""
    tender, auction = hold(work, auction_id)
    work.session.flush()
    room, lines = rooms.load(work.session.connection(), auction_id, lock=True)
    if auction.stage not in (*LIVING, AuctionStage.SETTLING):
        return auction
    lot = work.session.get_one(Lot, auction.lot_id)
    _note_outages(work, auction, tender, room, lines)
    if auction.stage is AuctionStage.PRINTED and room.state.starts_at is not None:
        _note_start(work, auction, tender, lot, room)
    if room.state.stage is Stage.SETTLING and auction.stage is AuctionStage.LIVE:
        auction.stage = AuctionStage.SETTLING
        anchor(work, auction, tender, beat=True)
    elif room.state.stage not in AFTER and auction.stage is AuctionStage.SETTLING:
        auction.stage = AuctionStage.LIVE  # what was sealed of a round is open, and the next one has begun
        anchor(work, auction, tender, beat=True)
    close_part(work, auction, tender, lot, room)
    if room.state.stage in OVER and auction.stage in (*LIVING, AuctionStage.SETTLING):
        leave_parts(work, auction, tender)
        anchor(work, auction, tender)
        conclude(work, auction, tender, lot, room, lines)
    return auction


def _note_start(work: Work, auction: Auction, tender: Tender, lot: Lot, room: Room) -> None:
    auction.stage, auction.started_at = AuctionStage.LIVE, room.state.starts_at
    if lot.stage is LotStage.TENDERING and tender.suspended_at is None:
        trading.move_lot(work, lot.id, Move.OPEN_BIDS, by_law=True)
    holders = room.state.terms.priority.holders if room.state.terms.priority else ()
    work.record(
        facts.AuctionStarted(
            subject=auction.id,
            tender=tender.code,
            lot=lot.id,
            chain=room.head.chain,
            participants=tuple({"plate": plate} for plate in sorted(room.state.plates)),
            holders=tuple({"plate": one.plate, "rank": one.rank} for one in holders),
        )
    )


def _note_outages(work: Work, auction: Auction, tender: Tender, room: Room, lines: Sequence[Line]) -> None:
    """Every time the clock stood still, and when it went on. Source: rules §4.7 (the reason is published)."""
    known = {
        row.since_at: row for row in work.scalars(sa.select(Outage).where(Outage.auction_id == auction.id))
    }
    pauses = [line for line in lines if line.kind in (events.Pause.kind, events.Resume.kind)]
    if not pauses:
        return
    state: State = engine.begin(room.state.terms)
    for line in lines:
        event = event_of(line.text, room.state.terms)
        state = engine.apply(state, event, line.at)
        if isinstance(event, events.Pause):
            assert state.stopped is not None
            since = state.stopped.since
            if since not in known:
                known[since] = _begin_outage(work, auction, tender, event.reason, since)
        elif isinstance(event, events.Resume):
            assert state.stopped is not None
            row, until = known[state.stopped.since], state.stopped.resumes_at
            if until is not None and row.until_at != until:
                row.until_at, row.remedy = until, "resumed"
                work.record(
                    facts.OutageEnded(
                        subject=auction.id,
                        tender=tender.code,
                        outage=row.id,
                        until_at=until,
                        remedy="resumed",
                    )
                )


def _begin_outage(work: Work, auction: Auction, tender: Tender, reason: str, since: datetime) -> Outage:
    kind = "platform" if reason in PLATFORM_REASONS else "order"
    row = work.add(
        Outage(
            id=work.new_id(),
            auction_id=auction.id,
            kind=kind,
            reason=reason,
            since_at=since,
            until_at=None,
            remedy="",
        )
    )
    work.record(
        facts.OutageBegan(
            subject=auction.id, tender=tender.code, outage=row.id, type=kind, reason=reason, since_at=since
        )
    )
    return row


def stop_auction(work: Work, auction_id: UUID, reason: str) -> None:
    """Stop the clock at once, for a reason everybody reads. Whoever runs, supervises or operates it may.

    Raises:
        NotValid: ``reason_missing``. NotNow: ``auction_over``, ``auction_paused``.

    Source: rules §4.7; 最高法网络司法拍卖规定 第二十八条.
    """
    _require_stop(work, auction_id)
    if not reason.strip() or reason in PLATFORM_REASONS:
        raise NotValid("reason_missing", field="reason")
    append(work, auction_id, [events.Pause(reason.strip()[:500])])
    follow(work, auction_id)


def resume_auction(work: Work, auction_id: UUID, resumes_at: datetime | None = None) -> None:
    """Announce when it goes on: at the earliest after the printed notice.

    Raises:
        NotNow: ``auction_not_paused``, ``auction_resume_too_soon``.

    Source: rules §4.7.
    """
    _require_stop(work, auction_id)
    append(work, auction_id, [events.Resume(resumes_at)])
    follow(work, auction_id)


def _require_stop(work: Work, auction_id: UUID) -> None:
    tender, _ = hold(work, auction_id)
    work.require(AUCTION_STOP, tender)


def cancel_auction(work: Work, auction: Auction, *, reason: str) -> None:
    """Call an auction off, because its tender ended."""
    hold(work, auction.id)
    append(work, auction.id, [events.Cancelled(reason[:500])])
    follow(work, auction.id)


def stand_still(work: Work, fact: TenderSuspended) -> None:
    """Listener: a suspended tender stops the clock of its auctions. Source: 实施条例 第五十四条."""
    for auction in _living(work, fact.subject):
        room, _ = rooms.load(work.session.connection(), auction.id)
        if room.state.stopped is None and room.state.stage not in (*OVER, Stage.SETTLING):
            append(work, auction.id, [events.Pause(fact.reason[:500])])
            follow(work, auction.id)


def go_on(work: Work, fact: TenderResumed) -> None:
    """Listener: it goes on with the notice the terms print, and with the time that was left."""
    for auction in _living(work, fact.subject):
        room, _ = rooms.load(work.session.connection(), auction.id)
        if room.state.stopped is not None and room.state.stopped.resumes_at is None:
            append(work, auction.id, [events.Resume()])
            follow(work, auction.id)


def _living(work: Work, tender_id: UUID) -> list[Auction]:
    return work.scalars(
        sa.select(Auction)
        .where(Auction.tender_id == tender_id, Auction.stage.in_(LIVING))
        .order_by(Auction.id)
    )


# ---- the log ----------------------------------------------------------------------------------------------------


def beat_of(terms: Terms) -> timedelta:
    """The pause between two anchors of an auction with these terms."""
    return max(BEAT, timedelta(seconds=terms.free_seconds) / LONG)


def anchor(work: Work, auction: Auction, tender: Tender, *, beat: bool = False) -> AuctionAnchor | None:
    """Put the chain of a journal into the log as far as it goes now.

    None when the log holds it already; on a beat it is logged again, so that silence looks like speech.
    """
    connection = work.session.connection()
    query = sa.select(HEADS.c.seq, HEADS.c.chain, HEADS.c.anchored_seq).where(HEADS.c.id == auction.id)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update()
    head = connection.execute(query).one()
    last = work.session.scalar(
        sa.select(sa.func.max(AuctionAnchor.number)).where(AuctionAnchor.auction_id == auction.id)
    )
    if last is not None and head.anchored_seq == head.seq and not beat:
        return None
    number = (last or 0) + 1
    recorded = work.record(
        facts.JournalAnchored(
            subject=auction.id, tender=tender.code, number=number, upto=head.seq, chain=bytes(head.chain)
        )
    )
    connection.execute(
        sa.update(HEADS).where(HEADS.c.id == auction.id).values(anchored_seq=head.seq, anchored_at=work.now)
    )
    return work.add(
        AuctionAnchor(
            auction_id=auction.id,
            number=number,
            upto=head.seq,
            chain=bytes(head.chain),
            record_id=recorded.record_id,
            at=work.now,
        )
    )


def anchor_journals(platform: Platform) -> int:
    """Chore: give every running auction its anchor when its beat has come; returns how many got one."""
    now = platform.outside.clock.now()
    with platform.read() as session:
        rows = session.execute(
            sa.select(Auction, AuctionHead.seq, AuctionHead.anchored_seq, AuctionHead.anchored_at)
            .join(AuctionHead, AuctionHead.id == Auction.id)
            .where(Auction.stage.in_(LIVING), AuctionHead.over.is_(False), AuctionHead.seq > 0)
        ).all()
        due = [row[0].id for row in rows if _wants_anchor(*row, now)]
    if not due:
        return 0
    with platform.begin(SYSTEM) as work:
        made = 0
        for auction_id in sorted(due):
            auction = work.lock(Auction, auction_id)
            at = work.session.connection().scalar(_ANCHORED_AT, {"auction_id": auction_id})
            if at is None or work.now - at >= beat_of(
                rooms.terms_of(auction)
            ):  # another timekeeper was not faster
                tender = work.session.get_one(Tender, auction.tender_id)
                made += anchor(work, auction, tender, beat=True) is not None
    return made


def _wants_anchor(
    auction: Auction, seq: int, anchored_seq: int, anchored_at: datetime | None, now: datetime
) -> bool:
    terms = rooms.terms_of(auction)
    if anchored_at is not None and now - anchored_at < beat_of(terms):
        return False
    return seq > anchored_seq or (auction.stage is AuctionStage.LIVE and not terms.visible.public_live)


def follow_all(platform: Platform) -> int:
    """Chore: bring every auction after its journal whose hall died before it could; returns how many moved."""
    with platform.read() as session:
        behind = session.scalars(
            sa.select(Auction.id)
            .join(AuctionHead, AuctionHead.id == Auction.id)
            .where(
                sa.or_(
                    sa.and_(Auction.stage == AuctionStage.PRINTED, AuctionHead.stage != Stage.WAITING.value),
                    sa.and_(Auction.stage == AuctionStage.LIVE, AuctionHead.stage == Stage.SETTLING.value),
                    sa.and_(
                        Auction.stage == AuctionStage.SETTLING,
                        AuctionHead.stage.not_in([stage.value for stage in AFTER]),
                    ),
                    sa.and_(Auction.stage.in_((*LIVING, AuctionStage.SETTLING)), AuctionHead.over),
                )
            )
        ).all()
    moved = 0
    for auction_id in behind:
        moved += follow_now(platform, auction_id)
    return moved


def follow_now(platform: Platform, auction_id: UUID) -> bool:
    """``follow`` in a transaction of its own, for the hall and for the chore."""
    try:
        with platform.begin(SYSTEM) as work:
            follow(work, auction_id)
    except Refusal:
        return False
    return True
