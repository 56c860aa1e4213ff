"""What the platform hands to those who check it: logged policies, receipts, kits for custodians.

Everything here is read only and can be verified by ``sealbid`` without trusting this code.
Source: spec sealing §4, §6.1, §8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.auctions_sealed import closing_at, header_of, slips_of
from bidding.actions.closing import opening_of
from bidding.actions.custody import newest_policy, policy_by_digest, seats_of
from bidding.actions.delivery import block_key
from bidding.models import Bid, BidPart, CustodianAck
from bidding.models_sealed import AuctionSlip, ClosedSlip
from bidding.rules.auction import closings
from bidding.rules.states import BidState
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organization, organizations
from kernel.ledger import book, sequencer, trust
from kernel.platform import Platform
from sealbid import jcs, merkle, note, receipts, signatures
from sealbid.octets import b64
from sealbid.slip import root_of
from sealbid.tiles import TileTree
from sealbid.tlog import TlogProof
from trading.models import Tender

Json = dict[str, Any]


def settle(platform: Platform, record_id: UUID) -> int:
    """The place of a committed record in the log; what waits is sequenced first when it has none yet.

    The sequencer usually was faster. Whoever comes first places everything that waits, so that many callers cost
    one batch. An answer that names a place is what lets a bidder withdraw and a custodian disclose.
    """
    for _ in range(3):
        with platform.read() as session:
            place = book.place_of(session, record_id)
        if place is not None:
            return place
        sequencer.sequence(platform)
    raise AssertionError("a committed record waits for its place for ever")


def policy_answer(platform: Platform, session: Session, tender: Tender, digest: str = "") -> Json:
    """``{"record","proof","trust"}`` of a policy of a tender: the newest, or the one with this digest.

    Raises:
        NotFound: ``policy_unknown``. NotNow: ``policy_unlogged`` while its record waits for its place.

    Source: spec sealing §4 (the client checks the policy's tlog-proof before it seals).
    """
    row = policy_by_digest(session, digest) if digest else newest_policy(session, tender.id)
    if row is None or row.tender_id != tender.id:
        raise NotFound("policy_unknown", digest=digest)
    proof = trust.proof_of_record(session, platform.settings, row.record_id)
    if proof is None:
        raise NotNow("policy_unlogged", source="sealing §4")
    return {
        "record": book.record_of(session, row.record_id),
        "proof": str(proof),
        "trust": trust.trust_text(platform.settings),
    }


def keys_answer(session: Session, tender: Tender) -> Json:
    """The registered keys behind a policy's custodian signatures, and who controls whom.

    The shape is the file ``sealbid policy-check --keys`` reads. Public keys and company registers are public.
    """
    seats = seats_of(session, tender.id)
    orgs = organizations(session, [seat.org_id for seat in seats])
    everybody = {org.id: org for org in session.scalars(sa.select(Organization))}
    by_role = {seat.role: orgs[seat.org_id].uscc for seat in seats}
    return {
        "tenderer": everybody[tender.buyer_id].uscc,
        "operator": by_role.get("operator", ""),
        "organizations": [
            {
                "org": orgs[seat.org_id].uscc,
                "keys": [b64(k) for k in keys_of_organization(session, seat.org_id)],
            }
            for seat in seats
        ],
        "controlled_by": [
            {"org": org.uscc, "by": [everybody[org.controlled_by].uscc]}
            for org in everybody.values()
            if org.controlled_by in everybody
        ],
    }


def receipt_of(platform: Platform, session: Session, bid: Bid, kind: str = "") -> bytes:
    """The newest receipt of a bid, or the one of a kind, signed by the platform, as ``.sbreceipt`` bytes.

    Its proof is empty while the record waits for its place, and stands under a witnessed checkpoint as soon as
    there is one.

    Raises:
        NotFound: ``receipt_missing`` when the bid has not come that far.

    Source: spec sealing §6.1.
    """
    steps = {
        "commit": bid.commit_record_id,
        "complete": bid.complete_record_id,
        "withdraw": bid.withdraw_record_id,
    }
    reached = [name for name, record_id in steps.items() if record_id is not None]
    chosen = kind or reached[-1]
    record_id = steps.get(chosen)
    if record_id is None:
        raise NotFound("receipt_missing", kind=chosen, reached=reached)
    record = book.record_of(session, record_id)
    assert record is not None, "every step of a bid has its record"
    return receipts.build_receipt(
        chosen,
        record,
        sign=lambda what, body: signatures.sign(what, body, platform.platform_key).to_json(),
        proof=trust.proof_of_record(session, platform.settings, record_id),
        acks=acks_of(session, bid) if chosen == "complete" else (),
    )


def acks_of(session: Session, bid: Bid) -> list[Json]:
    """Custodians' signed words that their shares of this bid are good."""
    rows = session.scalars(
        sa.select(CustodianAck)
        .where(CustodianAck.bid_id == bid.id)
        .order_by(CustodianAck.part, CustodianAck.x)
    )
    return [{"body": row.body, "sig": row.sig} for row in rows]


def release_kit(platform: Platform, session: Session, tender: Tender, part: str, since: int) -> Json:
    """All a custodian must see before a share leaves him, under one checkpoint.

    Args:
        since: the size of the last checkpoint he accepted; 0 the first time.

    Raises:
        NotNow: ``not_closed``. NotValid: ``release_part`` or ``since``.

    Source: spec sealing §8.2 (a)–(e); the shape is ``sealbid.agent.ReleaseKit``.
    """
    close_record_id, close_index, shown = _closed(platform, session, tender, part)
    size = _kit_size(platform, session, close_index)
    if not 0 <= since <= size:
        raise NotValid("since", field="since", size=size)
    tree = sequencer.tree(session)
    signed = _note_of(session, size)
    return {
        "part": part,
        "close": book.record_of(session, close_record_id),
        "close_proof": str(_proof(tree, close_index, size, signed)),
        "consistency": [b64(step) for step in (tree.consistency(since, size) if 0 < since < size else [])],
        "bids": [_one_kit(session, one, tree, size, signed) for one in shown],
    }


@dataclass(frozen=True)
class _Shown:
    """What a kit shows of one bid or slip: its commitment's record, its header block, the hashes of all its blocks."""

    code: str
    record_id: UUID
    header: bytes | None
    leaves: list[bytes]


def _closed(
    platform: Platform, session: Session, tender: Tender, part: str
) -> tuple[UUID, int, list[_Shown]]:
    """The closing of a part: its record, its leaf, and what it lists."""
    if closings.is_part(part):
        closing = closing_at(session, tender.id, part)
        if closing is None:
            raise NotNow("not_closed", source="rules §4.2", bids_close_at=tender.bids_close_at)
        listed = {one["bid"] for one in closing.close_body["bids"]}
        held = [(slip, row) for slip, row in slips_of(session, closing.id) if slip.code in listed]
        return closing.close_record_id, closing.close_index, [_slip_shown(slip, row) for slip, row in held]
    opening = opening_of(session, tender.id)
    if opening is None:
        raise NotNow("not_closed", source="招标投标法 第三十四条", bids_close_at=tender.bids_close_at)
    if part not in tender.terms["parts"]:
        raise NotValid("release_part", field="part", parts=list(tender.terms["parts"]))
    bids = session.scalars(
        sa.select(Bid)
        .where(Bid.tender_id == tender.id, Bid.code.in_([one["bid"] for one in opening.close_body["bids"]]))
        .order_by(Bid.code)
    )
    return opening.close_record_id, opening.close_index, [_bid_shown(platform, bid, part) for bid in bids]


def _slip_shown(slip: AuctionSlip, held: ClosedSlip) -> _Shown:
    _, leaves = root_of(bytes(slip.container))
    return _Shown(slip.code, held.commit_record_id, header_of(slip).raw, leaves)


def _bid_shown(platform: Platform, bid: Bid, part: str) -> _Shown:
    held = part_of(bid, part)
    header = platform.outside.blobs.get(block_key(bid.code, part, 0))
    leaves = [held.hashes[at : at + 32] for at in range(0, len(held.hashes), 32)]
    return _Shown(bid.code, bid.commit_record_id, header, leaves)


def ack_kit(platform: Platform, session: Session, bid: Bid, part: str) -> Json:
    """What a custodian needs to try his own share of a bid; the shape is ``sealbid.agent.BidKit``.

    Raises:
        NotNow: ``bid_not_open`` unless the bid is complete. NotFound: no such part.
    """
    if bid.state is not BidState.COMPLETE:
        raise NotNow("bid_not_open", state=bid.state)
    size = sequencer.head(session).size
    shown = _bid_shown(platform, bid, part)
    return _one_kit(session, shown, sequencer.tree(session), size, _note_of(session, size))


def _kit_size(platform: Platform, session: Session, close_index: int) -> int:
    """The newest witnessed checkpoint that holds the close; before there is one, the newest of the log itself.

    A custodian refuses the latter, because no quorum saw it: nothing is gained by hiding it from him.
    """
    witnessed = trust.newest_witnessed_size(session, platform.settings)
    return witnessed if witnessed > close_index else sequencer.head(session).size


def _note_of(session: Session, size: int) -> note.Note:
    text = sequencer.cosigned_note(session, size)
    assert text is not None, "a signed checkpoint is stored"
    return note.Note.parse(text)


def _proof(tree: TileTree, index: int, size: int, signed: note.Note) -> TlogProof:
    return TlogProof(index=index, hashes=tuple(tree.proof(index, size)), note=signed)


def _one_kit(session: Session, shown: _Shown, tree: TileTree, size: int, signed: note.Note) -> Json:
    place = book.place_of(session, shown.record_id)
    if shown.header is None or place is None or place >= size:
        raise NotNow("bid_kit_incomplete", bid=shown.code)
    return {
        "commit": book.record_of(session, shown.record_id),
        "proof": str(_proof(tree, place, size, signed)),
        "header": b64(shown.header),
        "header_proof": [b64(step) for step in merkle.inclusion_proof(shown.leaves, 0)],
    }


def part_of(bid: Bid, part: str) -> BidPart:
    held = next((one for one in bid.parts if one.part == part), None)
    if held is None:
        raise NotFound("not_found", thing="part", id=part)
    return held


def canonical(value: Json) -> bytes:
    """The bytes of an answer that a strict reader accepts."""
    return jcs.encode(value)
