"""Slips: standing limits, sealed offers and reserve prices that only the custodians together can open.

A slip is taken as ciphertext; that it came, and when, is an event of the journal which names its root. When an auction
waits for a part, the part is closed: its slips are listed in one logged record, and their shares may be released.

Source: rules §4.2, §4.3 A-12, §4.6 F8, §4.7; spec sealing §5, §6, §8.1; docs/formats/auction-slip.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import auction_facts as facts
from bidding.actions.auctions_offer import own_seat, place
from bidding.actions.auctions_write import hold
from bidding.actions.closing import timers_of
from bidding.actions.custody import newest_policy, policy_by_digest
from bidding.hall_core import journal, rooms
from bidding.hall_core.rooms import Room
from bidding.models_auction import Auction, AuctionStage
from bidding.models_sealed import AuctionClosing, AuctionSlip, ClosedSlip
from bidding.rights import AUCTION_HOST
from bidding.rules.auction import closings, events
from bidding.rules.auction.terms import LimitMode, Sealing
from bidding.rules.states import OpeningState
from kernel.errors import NotFound, NotNow, NotValid, TooLarge
from kernel.ledger import book, sequencer
from kernel.ledger.models import FactRow
from kernel.platform import Platform
from kernel.rights import Actor
from kernel.work import Work
from sealbid import slip as slips
from sealbid.envelope import Header, parse_header, require_header
from sealbid.errors import SealError
from sealbid.octets import b64, unb64
from sealbid.policy import Policy
from sealbid.records import RecordType
from sealbid.signatures import SignatureObject, ed25519_spki, verify
from trading.models import Lot, Tender

CONTAINER_BYTES_MAX = 64 << 10
SLIPS_MAX = 64
"""So many slips of one plate are kept; more is no bidding."""
_HEX32, _HEX64 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_KEYS = {"v", "tender", "lot", "auction", "bid", "policy", "bk", "parts"}


def hand_in(
    platform: Platform,
    actor: Actor,
    auction_id: UUID,
    what: str,
    body: Mapping[str, Any],
    sig: Mapping[str, Any],
    container: bytes,
) -> str:
    """Take a bidder's sealed limit or offer and return its receipt; the same slip again returns the same receipt.

    Raises:
        NotAllowed: ``auction_no_seat``. NotValid: ``slip_not_printed``, ``slip_body``, ``slip_signature``,
            ``slip_container``, ``slip_taken``. TooLarge: ``slip_too_large``. NotNow: ``slip_too_many``, and the
            engine's refusals: it is over, or not yet open.

    Source: rules §4.6 F8, §4.7; spec sealing §6.
    """
    with platform.begin(actor) as work:
        seat = own_seat(work, auction_id)
        auction, tender, lot = _auction_of(work.session, auction_id)
        terms = rooms.terms_of(auction)
        printed = {
            slips.LIMIT: terms.limits is LimitMode.SEALED,
            slips.OFFER: terms.sealed and terms.sealing is Sealing.SEALED,
        }
        if not printed.get(what, False):
            raise NotValid("slip_not_printed", source="rules §4.6, §4.7", field="what")
        row = _keep(work, auction, tender, lot, what, seat.plate, body, sig, container)
        plate, root, code = seat.plate, row.root, row.code
    event: events.Event = (
        events.LimitSealed(plate, root) if what == slips.LIMIT else events.SealedMade(plate, root, key=code)
    )
    receipt = place(platform, actor, auction_id, event)
    if receipt:
        return receipt
    with platform.read() as session:
        return _receipt_of(session, auction_id, plate, root)


def take_back(platform: Platform, actor: Actor, auction_id: UUID) -> str:
    """Take a sealed standing limit back; its slip is never opened. Source: rules §4.7."""
    with platform.begin(actor) as work:
        plate = own_seat(work, auction_id).plate
    return place(platform, actor, auction_id, events.LimitSealed(plate, ""))


def _receipt_of(session: Session, auction_id: UUID, plate: str, root: str) -> str:
    """The receipt of the last event of a plate that names this root."""
    for line in reversed(journal.lines_of(session.connection(), auction_id)):
        if line.plate == plate and line.receipt and root in line.text:
            return line.receipt
    return ""


def seal_reserve(
    work: Work, auction_id: UUID, body: Mapping[str, Any], sig: Mapping[str, Any], container: bytes
) -> AuctionSlip:
    """Take the seller's sealed reserve price before the start; its root is logged. The same again changes nothing.

    Raises:
        NotValid: ``reserve_not_printed`` and what ``hand_in`` refuses. NotNow: ``reserve_given`` for another one,
            ``auction_begun``.

    Source: rules §4.2 (reserve: holder only, sealed like a bid), §4.3 A-12.
    """
    tender, auction = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    if not rooms.terms_of(auction).reserve:
        raise NotValid("reserve_not_printed", source="rules §4.3 A-12")
    known = sealed_reserve(work.session, auction_id)
    named = str(body["parts"][0]["root"]) if _shaped(body) else ""
    if known and known == named:
        return slip_with(work.session, auction_id, known)
    if known:
        raise NotNow("reserve_given", source="rules §4.3 A-12")
    if auction.stage is not AuctionStage.PRINTED or work.now >= auction.starts_at:
        raise NotNow("auction_begun", source="rules §4.3 A-12", server_time=work.now)
    lot = work.session.get_one(Lot, auction.lot_id)
    row = _keep(work, auction, tender, lot, slips.RESERVE, "", body, sig, container)
    work.record(facts.ReserveSealed(subject=auction.id, tender=tender.code, digest=row.root))
    return row


def sealed_reserve(session: Session, auction_id: UUID) -> str:
    """The root of the sealed reserve price as the log has it, or empty."""
    row = session.scalars(
        sa.select(FactRow).where(FactRow.subject == auction_id, FactRow.name == facts.ReserveSealed.name)
    ).one_or_none()
    return "" if row is None else str(row.body["digest"])


def slip_with(session: Session, auction_id: UUID, root: str) -> AuctionSlip:
    """The slip a root names. Raises NotFound."""
    row = session.scalars(
        sa.select(AuctionSlip).where(AuctionSlip.auction_id == auction_id, AuctionSlip.root == root)
    ).first()
    if row is None:
        raise NotFound("not_found", thing="slip", id=root)
    return row


def header_of(slip: AuctionSlip) -> Header:
    """The header of a kept container; it was parsed when it came."""
    size = int.from_bytes(slip.container[8:12], "big")
    return parse_header(bytes(slip.container[: 12 + size]))


def _auction_of(session: Session, auction_id: UUID) -> tuple[Auction, Tender, Lot]:
    auction = session.get(Auction, auction_id)
    if auction is None:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    return auction, session.get_one(Tender, auction.tender_id), session.get_one(Lot, auction.lot_id)


# ---- taking -----------------------------------------------------------------------------------------------------


def _shaped(body: Mapping[str, Any]) -> bool:
    parts: Any = body.get("parts")
    texts = all(
        isinstance(body.get(name), str) for name in ("tender", "lot", "auction", "bid", "policy", "bk")
    )
    one = isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict)
    return (
        set(body) == _KEYS
        and body["v"] == 1
        and texts
        and bool(_HEX32.fullmatch(body["bid"]))
        and one
        and set(parts[0]) == {"part", "root", "size", "blocks"}
        and isinstance(parts[0]["part"], str)
        and isinstance(parts[0]["root"], str)
        and bool(_HEX64.fullmatch(parts[0]["root"]))
    )


def _keep(
    work: Work,
    auction: Auction,
    tender: Tender,
    lot: Lot,
    what: str,
    plate: str,
    body: Mapping[str, Any],
    sig: Mapping[str, Any],
    container: bytes,
) -> AuctionSlip:
    """Check everything that can be seen from outside, and keep the ciphertext."""
    if len(container) > CONTAINER_BYTES_MAX:
        raise TooLarge("slip_too_large", field="container", bytes_max=CONTAINER_BYTES_MAX)
    if not _shaped(body):
        raise NotValid("slip_body", source="sealing §6", field="body")
    for name, is_so in (("tender", tender.code), ("lot", str(lot.number)), ("auction", str(auction.id))):
        if body[name] != is_so:
            raise NotValid("slip_body", source="sealing §6", field=name)
    known = work.one(sa.select(AuctionSlip).where(AuctionSlip.code == body["bid"]))
    if known is not None:
        if (known.auction_id, known.plate, known.commit_body) == (auction.id, plate, dict(body)):
            assert isinstance(known, AuctionSlip)
            return known
        raise NotValid("slip_taken", source="sealing §13 T14", field="bid")
    try:
        key = ed25519_spki(unb64(body["bk"], 32))
        verify(SignatureObject.from_json(dict(sig)), RecordType.SLIP_COMMIT, dict(body), key)
    except SealError as no:
        raise NotValid("slip_signature", source="sealing §2", field="sig", why=no.code) from no
    part = _part_now(work.session, auction, lot, what)
    _require_container(work.session, tender, body, container, part)
    count = work.session.scalar(
        sa.select(sa.func.count())
        .select_from(AuctionSlip)
        .where(AuctionSlip.auction_id == auction.id, AuctionSlip.plate == plate)
    )
    if (count or 0) >= SLIPS_MAX:
        raise NotNow("slip_too_many", source="rules §4.7", most=SLIPS_MAX)
    return work.add(
        AuctionSlip(
            id=work.new_id(),
            auction_id=auction.id,
            what=what,
            plate=plate,
            part=part,
            code=body["bid"],
            policy=body["policy"],
            root=body["parts"][0]["root"],
            commit_body=dict(body),
            commit_sig=dict(sig),
            container=container,
            handed_at=work.now,
        )
    )


def _part_now(session: Session, auction: Auction, lot: Lot, what: str) -> str:
    """The part a slip of this kind belongs to now."""
    prefix = closings.prefix_of(lot.number, lot.round)
    if what != slips.OFFER:
        return closings.end_part(prefix)
    room, _ = rooms.load(session.connection(), auction.id)
    return closings.round_part(prefix, max(1, room.state.round))


def _require_container(
    session: Session, tender: Tender, body: Mapping[str, Any], container: bytes, part: str
) -> None:
    row = policy_by_digest(session, body["policy"])
    if row.tender_id != tender.id:
        raise NotValid("slip_body", source="sealing §4", field="policy")
    policy, listed = Policy.decode(row.jcs), body["parts"][0]
    try:
        root, hashes = slips.root_of(container)
        size = int.from_bytes(container[8:12], "big")
        header = parse_header(container[: 12 + size])
        require_header(header, policy=policy, part=part, bid=bytes.fromhex(body["bid"]))
        if (root.hex(), len(container), len(hashes)) != (listed["root"], listed["size"], listed["blocks"]):
            raise SealError("root", "The container is not the one of the commitment.")
        if len(container) != len(header.raw) + slips.SLIP_BYTES + 16:
            raise SealError("slip_length", "A slip has another length.")
    except SealError as no:
        raise NotValid("slip_container", source="sealing §5", field="container", why=no.code) from no


# ---- closing ----------------------------------------------------------------------------------------------------


def close_part(work: Work, auction: Auction, tender: Tender, lot: Lot, room: Room) -> AuctionClosing | None:
    """Close the part an auction waits for: list its slips in the log, so that custodians may release. Once for a part.

    None when it waits for nothing sealed. Plates that sealed nothing leave a record too, so that the log grows alike.

    Source: spec sealing §8.1; rules §4.2 (how many seal something is nobody's business).
    """
    prefix = closings.prefix_of(lot.number, lot.round)
    part = closings.due_part(room.state, prefix)
    if part is None or closing_of(work.session, auction.id, part) is not None:
        return None
    found = _waiting(work.session, auction, room, part)
    kept = [slip for slip in found if slip.part == part]
    late = [slip for slip in found if slip.part != part]
    committed = {
        slip.id: work.record(
            facts.SlipCommitted(subject=auction.id, tender=tender.code, body=slip.commit_body),
            sig=slip.commit_sig,
        ).record_id
        for slip in sorted(found, key=lambda one: one.code)
    }
    for plate in sorted(set(room.state.plates) - {slip.plate for slip in found}):
        work.record(facts.NothingSealed(subject=auction.id, tender=tender.code, part=part, plate=plate))
    sequencer.sequence_within(work)
    places = {slip.id: book.place_of(work.session, committed[slip.id]) for slip in found}
    policy = newest_policy(work.session, tender.id)
    assert policy is not None, "no tender is published without a policy"
    body = {
        "v": 1,
        "tender": tender.code,
        "policy": policy.digest,
        "auction": str(auction.id),
        "part": part,
        "upto": room.head.seq,
        "chain": room.head.chain.hex(),
        "bids": [
            {"bid": slip.code, "commit": places[slip.id], "parts": [slip.root]}
            for slip in sorted(kept, key=lambda one: one.code)
        ],
        "withdrawn": [],
        "late": [
            {"bid": slip.code, "leaf": places[slip.id]} for slip in sorted(late, key=lambda one: one.code)
        ],
    }
    recorded = work.record(facts.SlipsClosed(subject=auction.id, tender=tender.code, body=body))
    sequencer.sequence_within(work)
    index = book.place_of(work.session, recorded.record_id)
    assert index is not None, "the sequencer has just placed it"
    closing = work.add(
        AuctionClosing(
            id=work.new_id(),
            auction_id=auction.id,
            tender_id=tender.id,
            part=part,
            state=OpeningState.RELEASING,
            close_body=body,
            close_record_id=recorded.record_id,
            close_index=index,
            closed_at=work.now,
            window_until_at=work.now + timers_of(tender, work.now).decryption,
            opened_at=None,
        )
    )
    work.session.flush()
    for slip in found:
        work.add(
            ClosedSlip(
                slip_id=slip.id,
                closing_id=closing.id,
                auction_id=auction.id,
                commit_record_id=committed[slip.id],
                offered=None,
                ok=None if slip in kept else False,
                why="" if slip in kept else "wrong_part",
                cause="" if slip in kept else "bidder",
                way="",
                secret=None,
                content=None,
                amount=None,
                record_id=None,
            )
        )
    return closing


def leave_parts(work: Work, auction: Auction, tender: Tender) -> None:
    """An auction that ended otherwise leaves its closed parts sealed; from now on no share of them is taken."""
    for closing in work.scalars(
        sa.select(AuctionClosing).where(
            AuctionClosing.auction_id == auction.id, AuctionClosing.state == OpeningState.RELEASING
        )
    ):
        closing.state = OpeningState.FAILED
        work.record(facts.SlipsLeft(subject=auction.id, tender=tender.code, part=closing.part))


def _waiting(session: Session, auction: Auction, room: Room, part: str) -> Sequence[AuctionSlip]:
    """The slips whose roots the journal names and has not opened; the reserve's with those of the end."""
    seats = room.state.seats.values()
    roots = {seat.sealed for seat in seats} | {seat.limit_digest for seat in seats}
    if room.state.terms.reserve and room.state.reserve is None and "-r" not in part:
        roots.add(sealed_reserve(session, auction.id) or None)
    named = sorted(root for root in roots if root)
    return session.scalars(
        sa.select(AuctionSlip)
        .where(AuctionSlip.auction_id == auction.id, AuctionSlip.root.in_(named))
        .order_by(AuctionSlip.code)
    ).all()


def closing_of(session: Session, auction_id: UUID, part: str) -> AuctionClosing | None:
    return session.scalars(
        sa.select(AuctionClosing).where(AuctionClosing.auction_id == auction_id, AuctionClosing.part == part)
    ).one_or_none()


def closing_at(session: Session, tender_id: UUID, part: str) -> AuctionClosing | None:
    """The closing of a part of a tender's policy, None while nothing of it may be opened."""
    return session.scalars(
        sa.select(AuctionClosing).where(AuctionClosing.tender_id == tender_id, AuctionClosing.part == part)
    ).one_or_none()


def slips_of(session: Session, closing_id: UUID) -> list[tuple[AuctionSlip, ClosedSlip]]:
    """The slips of a closing with what has become of them, by code."""
    rows = session.execute(
        sa.select(AuctionSlip, ClosedSlip)
        .join(ClosedSlip, ClosedSlip.slip_id == AuctionSlip.id)
        .where(ClosedSlip.closing_id == closing_id)
        .order_by(AuctionSlip.code)
    )
    return [(slip, held) for slip, held in rows]


def slip_by_code(session: Session, code: str) -> AuctionSlip:
    """Raises NotFound."""
    row = session.scalars(sa.select(AuctionSlip).where(AuctionSlip.code == code)).one_or_none()
    if row is None:
        raise NotFound("not_found", thing="slip", id=code)
    return row


def published(session: Session, auction_id: UUID) -> list[dict[str, Any]]:
    """The slips of an auction that is over, as its journal file shows them: anybody may open them again.

    Source: rules §4.3 A-14; docs/formats/auction-journal.md §4.
    """
    rows = session.execute(
        sa.select(AuctionSlip, ClosedSlip)
        .join(ClosedSlip, ClosedSlip.slip_id == AuctionSlip.id)
        .where(AuctionSlip.auction_id == auction_id, ClosedSlip.ok.is_not(None))
        .order_by(AuctionSlip.code)
    )
    return [
        {
            "what": slip.what,
            "plate": slip.plate,
            "part": slip.part,
            "bid": slip.code,
            "root": slip.root,
            "bk": slip.commit_body["bk"],
            "container": b64(bytes(slip.container)),
            "secret": "" if held.secret is None else b64(bytes(held.secret)),
            "why": held.why,
        }
        for slip, held in rows
    ]
