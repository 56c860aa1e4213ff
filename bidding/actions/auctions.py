"""Before an auction: its terms are printed with the notice, bidders register, chance gives them plates.

Source: rules §1.5, §4.2, §4.3 A-02, §4.5 step 1; 招标拍卖挂牌出让国有建设用地使用权规定 第十条.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import auction_facts as facts
from bidding.actions.auctions_write import append
from bidding.hall_core import journal, rooms
from bidding.models_auction import Auction, AuctionHead, AuctionSeat, AuctionStage
from bidding.models_bond import BondOrder, BondOrderKind
from bidding.rights import AUCTION_REGISTER, AUCTION_TERMS, BOND_CONFIRM
from bidding.rules.auction import events
from bidding.rules.auction.terms import Direction, Format, Terms
from kernel.errors import NotAllowed, NotFound, NotNow, NotValid
from kernel.facts import plain, rfc3339
from kernel.identity.models import Organization
from kernel.identity.uscc import require_uscc
from kernel.money import Money
from kernel.work import Work
from sealbid.draw import Draw
from trading import actions as trading
from trading.facts import NoticePublished, TenderTerminated
from trading.models import Lot, Tender
from trading.procedures import PROCEDURES, Offering

PLATES = tuple(f"{number}" for number in range(100, 1000))
"""The pool plates are drawn from; far larger than a field of bidders, so that a number tells nothing of its size."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What the notice prints about the auction of one lot.

    Attributes:
        register_until_at: until when bidders may register; the start at the latest, the inquiry for a listing.
        holders: unified code → rank of those who hold a priority right (优先购买权).
    """

    terms: Terms
    register_until_at: datetime
    holders: Mapping[str, int]

    def to_plain(self) -> dict[str, Any]:
        """As the notice prints it and the journal's header binds it: what is not said is left out."""
        return {
            "terms": plain(self.terms.to_plain()),
            "register_until_at": rfc3339(self.register_until_at),
            "holders": [
                {"uscc": code, "rank": rank}
                for code, rank in sorted(self.holders.items(), key=lambda one: (one[1], one[0]))
            ],
        }

    @classmethod
    def from_plain(cls, found: Mapping[str, Any]) -> Printed:
        return cls(
            terms=Terms.from_plain(found["terms"]),
            register_until_at=datetime.fromisoformat(found["register_until_at"]),
            holders={one["uscc"]: int(one["rank"]) for one in found["holders"]},
        )


def set_terms(
    work: Work,
    lot_id: UUID,
    terms: Mapping[str, Any],
    *,
    register_until_at: datetime | None = None,
    holders: Mapping[str, int] | None = None,
) -> Lot:
    """Enter the terms of a draft lot's auction; the notice prints them as they stand then.

    Args:
        terms: as ``Terms.to_plain`` writes them.
        register_until_at: the printed start unless given.

    Raises:
        NotNow: ``terms_are_printed`` after publication. NotValid: ``auction_value_invalid``,
            ``auction_terms_invalid``, ``auction_not_here`` for a tender that holds no auction,
            ``auction_start_missing``, ``auction_direction``, ``auction_registration``, ``auction_holders``.

    Source: rules §4.1, §4.2.
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=AUCTION_TERMS)
    if tender.published_at is not None:
        raise NotNow("terms_are_printed", source="rules §4.2", tender=tender.code)
    parsed = Terms.from_plain(terms)
    if parsed.starts_at is None:
        raise NotValid("auction_start_missing", source="rules §4.5", field="terms.starts_at")
    printed = Printed(
        terms=parsed, register_until_at=register_until_at or parsed.starts_at, holders=dict(holders or {})
    )
    _require_fitting(tender, lot, printed)
    return trading.print_live_terms(work, lot_id, printed.to_plain())


def _require_fitting(tender: Tender, lot: Lot, printed: Printed) -> None:
    """Refuse terms that do not belong to this tender."""
    terms, procedure = printed.terms, PROCEDURES[tender.procedure]
    if not procedure.live:
        raise NotValid("auction_not_here", source="rules §1.4", field="procedure", procedure=procedure.code)
    up = terms.direction is Direction.UP
    if up is not (procedure.offering is Offering.ASCENDING):
        raise NotValid(
            "auction_direction", source="rules §1.4", field="terms.direction", procedure=procedure.code
        )
    if terms.currency != "CNY":
        raise NotValid("auction_currency", source="rules §2.10", field="terms.currency", currency="CNY")
    if not up and terms.first_minor is not None and terms.first_minor > lot.ceiling.minor:
        raise NotValid(
            "auction_above_ceiling",
            source="rules §4.8",
            field="terms.start",
            ceiling=f"{lot.ceiling.yuan:.2f}",
        )
    assert terms.starts_at is not None
    latest = terms.starts_at
    if terms.listing is not None and terms.format is Format.LISTING:
        latest += timedelta(seconds=terms.free_seconds - terms.listing.inquiry_seconds)
    if printed.register_until_at > latest:
        raise NotValid("auction_registration", source="rules §4.5", field="register_until_at", latest=latest)
    for code in printed.holders:
        require_uscc(code)
    ranked = all(rank >= 1 for rank in printed.holders.values())
    if bool(printed.holders) is not (terms.priority is not None) or not ranked:
        raise NotValid("auction_holders", source="rules §4.6", field="holders")


def prepare_auctions(work: Work, fact: NoticePublished) -> None:
    """Listener: with the notice of a live procedure, every lot gets its auction, and a journal that is still empty.

    Raises:
        NotValid: ``auction_terms_missing`` when a lot prints none, ``auction_starts_early`` when it would begin
            before the date the notice prints for the end of bidding documents.
    """
    if fact.type != "notice":
        return
    tender = work.lock(Tender, fact.subject)
    if not PROCEDURES[tender.procedure].live:
        return
    for lot in tender.lots:
        if lot.live is None:
            raise NotValid("auction_terms_missing", source="rules §4.2", field="lots", lot=lot.number)
        printed = Printed.from_plain(lot.live)
        _require_fitting(tender, lot, printed)
        starts_at = printed.terms.starts_at
        assert starts_at is not None
        if starts_at < tender.bids_close_at:
            raise NotValid(
                "auction_starts_early",
                source="rules §1.5",
                field="terms.starts_at",
                lot=lot.number,
                bids_close_at=tender.bids_close_at,
            )
        _prepare(work, tender, lot, printed)


def _prepare(work: Work, tender: Tender, lot: Lot, printed: Printed) -> Auction:
    terms = plain(printed.terms.to_plain())
    assert printed.terms.starts_at is not None
    auction = work.add(
        Auction(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            round=lot.round,
            terms=terms,
            terms_digest=hashlib.sha256(journal.canonical(terms).encode()).hexdigest(),
            holders=[[code, rank] for code, rank in sorted(printed.holders.items())],
            starts_at=printed.terms.starts_at,
            register_until_at=printed.register_until_at,
            stage=AuctionStage.PRINTED,
            reserve_bid=None,
        )
    )
    root = journal.root_of(auction.id, rooms.header_of(auction.id, tender.code, lot.number, terms))
    work.session.flush()
    work.session.add(
        AuctionHead(
            id=auction.id,
            version=0,
            seq=0,
            chain=root,
            anchored_seq=0,
            anchored_at=None,
            stage="waiting",
            over=False,
            owner="",
            fence=0,
            alive_at=None,
            next_moment_at=auction.starts_at,
        )
    )
    work.record(
        facts.AuctionPrinted(
            subject=auction.id,
            tender=tender.code,
            lot=lot.id,
            terms=auction.terms_digest,
            starts_at=auction.starts_at,
            register_until_at=auction.register_until_at,
        )
    )
    return auction


def auction_of(session: Session, lot_id: UUID) -> Auction | None:
    """The auction of a lot's present round, None where it holds none."""
    return session.scalars(
        sa.select(Auction).where(Auction.lot_id == lot_id).order_by(Auction.round.desc()).limit(1)
    ).one_or_none()


def seats_of(session: Session, auction_id: UUID) -> Sequence[AuctionSeat]:
    return session.scalars(
        sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction_id).order_by(AuctionSeat.registered_at)
    ).all()


def seat_of(session: Session, auction_id: UUID, org_id: UUID | None) -> AuctionSeat | None:
    """The registration of an organisation, None where there is none."""
    if org_id is None:
        return None
    return session.scalars(
        sa.select(AuctionSeat).where(AuctionSeat.auction_id == auction_id, AuctionSeat.org_id == org_id)
    ).one_or_none()


def register(work: Work, auction_id: UUID, statement: Mapping[str, Any]) -> AuctionSeat:
    """Register the actor's organisation for an auction; again returns the first registration.

    Where the notice asks no deposit, the bidder is admitted at once; otherwise when his deposit is confirmed.

    Args:
        statement: ``{"eligible": true, "text": …}``: the bidder's word that he meets the printed conditions.

    Raises:
        NotNow: ``registration_closed``. NotValid: ``eligibility_missing``, ``own_auction`` for buyer and agent.

    Source: rules §4.5 step 1, §1.5.
    """
    work.require(AUCTION_REGISTER)
    auction, tender = _auction_for(work, auction_id)
    known = seat_of(work.session, auction.id, work.actor.org_id)
    if known is not None:
        return known
    if (
        auction.stage not in (AuctionStage.PRINTED, AuctionStage.LIVE)
        or work.now >= auction.register_until_at
    ):
        raise NotNow(
            "registration_closed", source="rules §4.5", until=auction.register_until_at, server_now=work.now
        )
    if statement.get("eligible") is not True:
        raise NotValid("eligibility_missing", source="rules §4.3 A-02", field="eligible")
    if work.actor.org_id in (tender.buyer_id, tender.agent_id):
        raise NotValid("own_auction", source="拍卖法 第三十条", field="org")
    assert work.actor.org_id is not None
    assert work.actor.person_id is not None
    from bidding.actions.auctions_default import barred

    again = defaulted(work.session, auction.lot_id, work.actor.org_id)
    if again or barred(work, tender.project_id, work.actor.org_id):
        raise NotAllowed("defaulted_before", source="rules §4.3 A-16")
    taken = sorted(seat.plate for seat in seats_of(work.session, auction.id))
    nonce = work.entropy(32)
    plate = plate_from(auction.id, nonce, taken)
    org = work.session.get_one(Organization, work.actor.org_id)
    ranks = {code: int(rank) for code, rank in auction.holders}
    seat_id = work.new_id()
    said = {"eligible": True, "text": str(statement.get("text", ""))[:2000]}
    recorded = work.record(
        facts.SeatTaken(
            subject=auction.id,
            tender=tender.code,
            seat=seat_id,
            plate=plate,
            org=org.id,
            nonce=nonce,
            before=tuple(taken),
            statement=said,
        )
    )
    seat = work.add(
        AuctionSeat(
            id=seat_id,
            auction_id=auction.id,
            org_id=org.id,
            person_id=work.actor.person_id,
            plate=plate,
            nonce=nonce,
            statement=said,
            priority_rank=ranks.get(org.uscc),
            bond_account=_account(work.entropy(8)),
            bond_due=tender.bond,
            bond_paid=None,
            bond_at=None,
            registered_at=work.now,
            record_id=recorded.record_id,
        )
    )
    if not tender.bond.minor:
        work.session.flush()
        append(work, auction.id, [events.Admit(plate)])
    return seat


def defaulted(session: Session, lot_id: UUID, org_id: UUID) -> bool:
    """Whether an organisation's deposit was kept in an earlier auction of this lot.

    Source: rules §4.3 A-16; 最高法网络司法拍卖规定 第二十四条 (he may not bid in the re-sale).
    """
    query = (
        sa.select(BondOrder.id)
        .join(AuctionSeat, AuctionSeat.id == BondOrder.seat_id)
        .join(Auction, Auction.id == AuctionSeat.auction_id)
        .where(Auction.lot_id == lot_id, AuctionSeat.org_id == org_id, BondOrder.kind == BondOrderKind.KEEP)
    )
    return session.scalar(query.limit(1)) is not None


def plate_from(auction_id: UUID, nonce: bytes, taken: Sequence[str]) -> str:
    """The plate that follows from a random number and the plates already taken; anybody can recompute it.

    Source: rules §4.5 step 1 (random, unique per lot); spec sealing §9 (the stream of draws).
    """
    free = [plate for plate in PLATES if plate not in set(taken)]
    if not free:
        raise NotNow("plates_exhausted", source="rules §4.5")
    drawn = Draw(kind="plate", tender=str(auction_id), draw_id="plate", root=nonce, nonces=(nonce,))
    return free[drawn.stream().below(len(free))]


def _account(entropy: bytes) -> str:
    """A deposit account of this registration alone: who books a payment on it learns neither bidder nor plate."""
    return f"{int.from_bytes(entropy, 'big') % 10**16:016d}"


def confirm_bond(work: Work, account: str, amount: Money) -> None:
    """Book a deposit on its account; the bidder behind it is admitted when it is enough. Again changes nothing.

    Raises:
        NotFound: no such account. NotNow: ``registration_closed`` once the auction began without him.
        NotValid: ``bond_short`` for less than is asked.

    Source: rules §4.3 A-02, §1.5 (deposit to a per-lot sub-account).
    """
    work.require(BOND_CONFIRM)
    seat = work.one(sa.select(AuctionSeat).where(AuctionSeat.bond_account == account))
    if seat is None:
        raise NotFound("not_found", thing="account", id=account)
    auction, tender = _auction_for(work, seat.auction_id)
    if seat.bond_at is not None:
        return
    if amount < seat.bond_due:
        raise NotValid("bond_short", source="rules §1.5", field="amount", due=f"{seat.bond_due.yuan:.2f}")
    if work.now >= auction.register_until_at:
        raise NotNow(
            "registration_closed", source="rules §4.5", until=auction.register_until_at, server_now=work.now
        )
    seat.bond_paid, seat.bond_at = amount, work.now
    work.record(facts.BondConfirmed(subject=auction.id, tender=tender.code, account=account, amount=amount))
    append(work, auction.id, [events.Admit(seat.plate)])


def cancel_with_tender(work: Work, fact: TenderTerminated) -> None:
    """Listener: a terminated tender takes its auctions with it."""
    from bidding.actions.auctions_life import cancel_auction

    auctions = work.scalars(
        sa.select(Auction).where(
            Auction.tender_id == fact.subject,
            Auction.stage.in_((AuctionStage.PRINTED, AuctionStage.LIVE, AuctionStage.SETTLING)),
        )
    )
    for auction in auctions:
        cancel_auction(work, auction, reason=fact.reason)


def _auction_for(work: Work, auction_id: UUID) -> tuple[Auction, Tender]:
    """An auction, locked, with its tender; NotFound where the notice is not out."""
    auction = work.lock(Auction, auction_id)
    tender = work.session.get_one(Tender, auction.tender_id)
    if tender.published_at is None or tender.published_at > work.now:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    if tender.terminated_at is not None:
        raise NotNow("tender_terminated", tender=tender.code)
    return auction, tender
