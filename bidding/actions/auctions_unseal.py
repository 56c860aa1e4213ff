"""Opening the slips of an auction: cryptography outside the transaction, its findings inside, each exactly once.

What the slips said goes into the journal as one act, so that the engine executes and decides as if it had known all of
them at the end. A slip that does not open is void, with its reason and whose cause it was; the others stand.

Source: spec sealing §5 (opening), §8.4, §8.5; rules §4.2, §4.3 A-12, §4.6 F8, §4.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import auction_facts as facts
from bidding.actions.auctions_life import follow
from bidding.actions.auctions_sealed import closing_at, header_of, slip_by_code, slips_of
from bidding.actions.auctions_write import append, hold
from bidding.actions.releasing import shares_in
from bidding.actions.unsealing import BIDDER, CUSTODIANS, NOBODY, PLATFORM
from bidding.hall_core import rooms
from bidding.hall_core.rooms import Room
from bidding.models import Release
from bidding.models_auction import Auction
from bidding.models_sealed import AuctionClosing, AuctionSlip, ClosedSlip
from bidding.rights import AUCTION_HOST, AUCTION_OFFER
from bidding.rules.auction import events
from bidding.rules.states import OpeningState
from kernel.errors import NotNow, NotValid, Refusal
from kernel.money import Money
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid import slip as slips
from sealbid.envelope import check_share, recover_secret, require_secret
from sealbid.errors import SealError
from sealbid.octets import unb64
from sealbid.slip import Slip
from trading.models import Lot


@dataclass(frozen=True)
class Finding:
    """What opening one slip gave."""

    slip_id: UUID
    ok: bool
    why: str = ""
    cause: str = NOBODY
    way: str = ""
    secret: bytes | None = None
    slip: Slip | None = None
    void: tuple[int, ...] = ()


def open_part(platform: Platform, closing_id: UUID) -> bool:
    """Open what can be opened of a closing now; True when it is over (or was). Safe to call at any time and twice."""
    with platform.read() as session:
        closing = session.get_one(AuctionClosing, closing_id)
        if closing.state is not OpeningState.RELEASING:
            return True
        auction = session.get_one(Auction, closing.auction_id)
        lot = session.get_one(Lot, auction.lot_id)
        late = platform.outside.clock.now() >= closing.window_until_at
        findings = [
            found
            for slip, held in slips_of(session, closing_id)
            if held.ok is None
            and (found := _opened(session, auction, lot, closing, slip, held, last_chance=late)) is not None
        ]
    with platform.begin(SYSTEM) as work:
        return _write(work, closing_id, findings)


def open_waiting(platform: Platform, tender_id: UUID | None = None) -> int:
    """Chore, and after every release: open what can be opened of every closing; returns how many were finished."""
    with platform.read() as session:
        query = sa.select(AuctionClosing.id).where(AuctionClosing.state == OpeningState.RELEASING)
        if tender_id is not None:
            query = query.where(AuctionClosing.tender_id == tender_id)
        waiting = session.scalars(query.order_by(AuctionClosing.closed_at, AuctionClosing.id)).all()
    done = 0
    for closing_id in waiting:
        try:
            done += open_part(platform, closing_id)
        except Refusal:
            continue  # the journal moved in between; the next round sees where it stands
    return done


def _opened(
    session: Session,
    auction: Auction,
    lot: Lot,
    closing: AuctionClosing,
    slip: AuctionSlip,
    held: ClosedSlip,
    *,
    last_chance: bool,
) -> Finding | None:
    """Open one slip with the released shares, else with the secret of whoever sealed it; None: wait."""
    header = header_of(slip)
    good: dict[int, bytes] = {}
    void: list[int] = []
    for x, share in _shares(session, closing, slip.code).items():
        try:
            check_share(header, x, share)
            good[x] = share
        except SealError:
            void.append(x)
    if len(good) >= header.t:
        try:
            secret, way = recover_secret(header, good), "custodians"
        except SealError as no:
            return Finding(slip.id, ok=False, why=no.code, cause=BIDDER, void=tuple(void))
    elif held.offered is not None:
        secret, way = held.offered, "bidder"
    elif last_chance:
        return Finding(slip.id, ok=False, why="shares_missing", cause=CUSTODIANS, void=tuple(void))
    else:
        return None
    try:
        found = slips.open_slip(bytes(slip.container), secret, root=bytes.fromhex(slip.root), header=header)
        slips.require_own(
            found,
            what=slip.what,
            auction=str(auction.id),
            plate=slip.plate,
            lot=str(lot.number),
            bk=unb64(slip.commit_body["bk"], 32),
        )
    except SealError as no:
        cause = BIDDER if slips.root_of(bytes(slip.container))[0].hex() == slip.root else PLATFORM
        return Finding(slip.id, ok=False, why=no.code, cause=cause, way=way, secret=secret, void=tuple(void))
    return Finding(slip.id, ok=True, way=way, secret=secret, slip=found, void=tuple(void))


def _shares(session: Session, closing: AuctionClosing, code: str) -> dict[int, bytes]:
    found = {}
    for release in session.scalars(
        sa.select(Release).where(
            Release.tender_id == closing.tender_id,
            Release.part == closing.part,
            Release.content.is_not(None),
        )
    ):
        assert release.content is not None
        share = shares_in(release.content).get(code)
        if share is not None:
            found[release.x] = share
    return found


def offer_secret(work: Work, code: str, secret: bytes) -> None:
    """The second way in, from whoever sealed the slip, while its part is being opened.

    Raises:
        NotFound. NotNow: ``not_closed``, ``release_over``. NotValid: ``secret_wrong``.

    Source: spec sealing §8.5.
    """
    slip = slip_by_code(work.session, code)
    tender, auction = hold(work, slip.auction_id)
    if slip.what == slips.RESERVE:
        work.require(AUCTION_HOST, tender)
    else:
        from bidding.actions.auctions_offer import own_seat

        seat = own_seat(work, auction.id)
        work.require(AUCTION_OFFER, seat)
        if seat.plate != slip.plate:
            raise NotNow("bid_not_open", state=slip.what)
    closing = closing_at(work.session, tender.id, slip.part)
    held = work.session.get(ClosedSlip, slip.id)
    if closing is None or held is None:
        raise NotNow("not_closed", source="rules §4.7", bids_close_at=tender.bids_close_at)
    if closing.state is not OpeningState.RELEASING or held.ok is not None:
        raise NotNow("release_over", state=closing.state)
    try:
        require_secret(header_of(slip), secret, b"")
    except SealError as no:
        raise NotValid("secret_wrong", source="sealing §8.5", field="secret", why=no.code) from no
    if held.offered is None:
        held.offered = secret
        work.record(facts.SlipSecretOffered(subject=auction.id, tender=tender.code, slip=code))


# ---- writing ----------------------------------------------------------------------------------------------------


def _write(work: Work, closing_id: UUID, findings: Sequence[Finding]) -> bool:
    auction_id = work.session.get_one(AuctionClosing, closing_id).auction_id
    tender, auction = hold(work, auction_id)
    closing = work.session.get_one(AuctionClosing, closing_id)
    work.session.refresh(closing)
    if closing.state is not OpeningState.RELEASING:
        return True
    kept = {slip.id: (slip, held) for slip, held in slips_of(work.session, closing_id)}
    for finding in findings:
        slip, held = kept[finding.slip_id]
        if held.ok is None:
            _note(held, finding)
            _record(work, tender.code, auction, slip, held, finding)
    work.session.flush()
    if any(held.ok is None for _, held in kept.values()):
        return False
    for slip, held in kept.values():
        if held.record_id is None:  # sealed for another part, so nobody may open it
            _record(
                work,
                tender.code,
                auction,
                slip,
                held,
                Finding(slip.id, ok=False, why=held.why, cause=held.cause),
            )
    room, _ = rooms.load(work.session.connection(), auction_id, lock=True)
    said = {slip.root: held for slip, held in kept.values()}
    closing.state, closing.opened_at = OpeningState.OPENED, work.now
    good = sum(bool(held.ok) for _, held in kept.values())
    work.record(
        facts.SlipsOpened(
            subject=auction.id, tender=tender.code, part=closing.part, opened=good, void=len(kept) - good
        )
    )
    append(
        work, auction_id, _events(work.session, room, said, {slip.what: held for slip, held in kept.values()})
    )
    follow(work, auction_id)
    return True


def _note(held: ClosedSlip, finding: Finding) -> None:
    held.ok, held.why, held.cause, held.way = finding.ok, finding.why, finding.cause, finding.way
    held.secret = finding.secret
    if finding.slip is not None:
        held.content = finding.slip.to_json()
        held.amount = Money.from_yuan(finding.slip.amount)


def _record(
    work: Work, tender: str, auction: Auction, slip: AuctionSlip, held: ClosedSlip, finding: Finding
) -> None:
    recorded = work.record(
        facts.SlipOpened(
            subject=auction.id,
            tender=tender,
            slip=slip.code,
            part=slip.part,
            root=slip.root,
            ok=finding.ok,
            verdict="opened" if finding.ok else f"void:{finding.why}",
            cause=finding.cause,
            way=finding.way,
            void=finding.void,
            content=finding.slip.to_json() if finding.slip is not None else {},
        )
    )
    held.record_id = recorded.record_id


def _events(
    session: Session, room: Room, said: Mapping[str, ClosedSlip], by_what: Mapping[str, ClosedSlip]
) -> list[events.Event]:
    """What the journal goes on with: the offers of the round together; or every limit, then the reserve."""
    state = room.state
    shut = sorted(
        (seat for seat in state.seats.values() if seat.sealed is not None), key=lambda seat: seat.plate
    )
    if shut:
        return [
            events.SealedRevealed(tuple(_offer(seat.plate, said.get(seat.sealed or "")) for seat in shut))
        ]
    limits = sorted(
        (seat for seat in state.seats.values() if seat.limit_digest is not None),
        key=lambda seat: seat.limit_seq,
    )
    made: list[events.Event] = [
        events.LimitRevealed(seat.plate, _amount(said.get(seat.limit_digest or ""))) for seat in limits
    ]
    if state.terms.reserve and state.reserve is None:
        # A reserve that was not sealed, or does not open, counts as none: the start price is always reached.
        start = state.terms.start
        assert start is not None, "auctions with a reserve have a start price"
        made.append(events.ReserveRevealed(_amount(by_what.get(slips.RESERVE)) or start))
    return made


def _offer(plate: str, held: ClosedSlip | None) -> events.Opened:
    amount = _amount(held)
    if amount is None or held is None or held.content is None:
        return events.Opened(plate, None)
    items = tuple((one["name"], Decimal(one["value"])) for one in held.content["items"])
    return events.Opened(plate, amount, items)


def _amount(held: ClosedSlip | None) -> Money | None:
    """What a slip said, in the auction's currency; None when it is void."""
    if held is None or not held.ok or held.amount is None or held.content is None:
        return None
    return held.amount if held.content["currency"] == held.amount.currency else None


__all__ = ["Finding", "offer_secret", "open_part", "open_waiting"]
