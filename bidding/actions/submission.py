"""Hash first, bytes later: a bid is committed, delivered block by block, completed, replaced or withdrawn.

Source: spec sealing §6; 招标投标法 第二十八条、第二十九条.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload

from bidding import facts
from bidding.actions.custody import policy_by_digest
from bidding.models import Bid, BidBlock, BidPart
from bidding.rights import BID_CHANGE, BID_SUBMIT
from bidding.rules.states import BidState
from kernel.errors import NotFound, NotNow, NotValid, TooLarge
from kernel.ledger import book, sequencer
from kernel.outside import BlobExists
from kernel.platform import Platform
from kernel.rights import Actor
from kernel.work import Work
from sealbid import merkle
from sealbid.envelope import parse_header, require_header
from sealbid.errors import SealError
from sealbid.octets import unb64
from sealbid.policy import Policy
from sealbid.signatures import SignatureObject, ed25519_spki, verify
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage

BLOCK_BYTES_MAX = (1 << 20) + 16
HEADER_BLOCK_BYTES_MAX = 65536 + 12
ALIVE = (BidState.COMMITTED, BidState.COMPLETE)


def require_open(tender: Tender, work: Work) -> None:
    """Refuse any change to bids outside the tendering period. At the deadline it is already too late.

    Raises:
        NotFound: not published. NotNow: ``bids_closed`` with both clocks.

    Source: 招标投标法 第二十八条 (late bids are refused); spec rules C-07.
    """
    if tender.published_at is None or tender.published_at > work.now:
        raise NotFound("not_found", thing="tender", id=str(tender.id))
    if tender.terminated_at is not None:
        raise NotNow("tender_terminated", tender=tender.code)
    if work.now >= tender.bids_close_at:
        raise NotNow(
            "bids_closed", source="招标投标法 第二十八条", closed_at=tender.bids_close_at, server_now=work.now
        )


def commit_bid(
    work: Work,
    tender_id: UUID,
    body: Mapping[str, Any],
    sig: Mapping[str, Any],
    hashes: Mapping[str, bytes],
) -> Bid:
    """Fix every byte of a bid before its bytes arrive. The same commitment again returns the first answer.

    Args:
        body: ``{"v","tender","lot","bid","policy","bk","parts":[{"part","root","size","blocks"}],"replaces"}``.
        sig: signature object by ``bk`` over (``bid-commit``, body).
        hashes: part → concatenated 32-byte block hashes.

    Raises:
        NotValid: ``bid_body``, ``bid_signature``, ``bid_hashes``, ``bid_policy``, ``bid_parts``, ``bid_taken``,
            ``bid_second``, ``bid_replaces``. NotNow: ``bids_closed``, ``lot_not_open``. TooLarge: ``bid_too_large``.

    Source: spec sealing §6; 实施条例 第五十一条(四) (one bid of a bidder).
    """
    work.require(BID_SUBMIT)
    _one_at_a_time(work)
    tender = _tender_shared(work, tender_id)
    require_open(tender, work)
    given = _Commitment.parse(body)
    known = work.one(sa.select(Bid).where(Bid.code == given.bid))
    if known is not None:
        if known.org_id == work.actor.org_id and known.commit_body == dict(body):
            assert isinstance(known, Bid)
            return known
        raise NotValid("bid_taken", source="sealing §13 T14", field="bid")
    _require_signed("bid-commit", body, sig, given.bk)
    policy = _require_policy(work, tender, given)
    lot = _lot(tender, given.lot)
    if lot.stage is not Stage.TENDERING:
        raise NotNow("lot_not_open", lot=lot.number, stage=lot.stage)
    _require_parts(work.platform, policy, given, hashes)
    _require_only_bid(work, lot, given)
    bid = work.add(
        Bid(
            id=work.new_id(),
            code=given.bid,
            tender_id=tender.id,
            lot_id=lot.id,
            org_id=work.actor.org_id,
            person_id=work.actor.person_id,
            policy=given.policy,
            bk=given.bk,
            state=BidState.COMMITTED,
            commit_body=dict(body),
            replaces=given.replaces,
            committed_at=work.now,
            commit_record_id=work.new_id(),
            parts=[
                BidPart(
                    part=p["part"],
                    root=p["root"],
                    size=p["size"],
                    blocks=p["blocks"],
                    hashes=hashes[p["part"]],
                )
                for p in given.parts
            ],
        )
    )
    recorded = work.record(
        facts.BidCommitted(subject=bid.id, tender=tender.code, body=dict(body)), sig=dict(sig)
    )
    bid.commit_record_id = recorded.record_id
    return bid


def put_blocks(
    platform: Platform, actor: Actor, code: str, part: str, first: int, data: Sequence[bytes]
) -> int:
    """Store blocks of a committed bid; idempotent, in any order. Returns how many blocks are still missing.

    Bytes are hashed and made durable outside the transaction; only their presence is written inside.

    Raises:
        NotFound: no such bid of this organisation. NotNow: ``bids_closed``, ``bid_not_open``.
        NotValid: ``block_range``, ``block_hash`` naming the block whose bytes are not the committed ones.

    Source: spec sealing §6 (each block hashed and compared with the list).
    """
    with platform.read() as session:
        bid = bid_by_code(session, code)
        closes_at = session.scalar(sa.select(Tender.bids_close_at).where(Tender.id == bid.tender_id))
        assert closes_at is not None, "a bid belongs to a tender"
        if bid.org_id != actor.org_id:
            raise NotFound("not_found", thing="bid", id=code)
        held = next((p for p in bid.parts if p.part == part), None)
        if held is None or first < 0 or first + len(data) > held.blocks or not data:
            raise NotValid("block_range", field="blocks", part=part, first=first, count=len(data))
        if platform.outside.clock.now() >= closes_at:
            raise NotNow("bids_closed", closed_at=closes_at, server_now=platform.outside.clock.now())
        if bid.state is BidState.COMPLETE:
            return 0
        if bid.state is not BidState.COMMITTED:
            raise NotNow("bid_not_open", state=bid.state)
    for offset, block in enumerate(data):
        number = first + offset
        wanted = held.hashes[32 * number : 32 * number + 32]
        if hashlib.sha256(b"\0" + block).digest() != wanted:
            raise NotValid("block_hash", source="sealing §6", field="blocks", part=part, block=number)
    for offset, block in enumerate(data):
        try:
            platform.outside.blobs.put(block_key(code, part, first + offset), block)
        except BlobExists as problem:
            raise NotValid("block_hash", field="blocks", part=part, block=first + offset) from problem
    with platform.begin(actor) as work:
        bid = work.get(Bid, bid.id, to=BID_CHANGE)
        require_open(_tender_shared(work, bid.tender_id), work)
        rows = work.session.execute(
            sa.select(BidBlock.part, BidBlock.number).where(BidBlock.bid_id == bid.id)
        )
        present = {(row.part, row.number) for row in rows}
        arrived = {(part, number) for number in range(first, first + len(data))}
        for _, number in sorted(arrived - present):
            work.session.add(BidBlock(bid_id=bid.id, part=part, number=number))
        return sum(p.blocks for p in bid.parts) - len(present | arrived)


def missing_blocks(session: Session, bid: Bid) -> dict[str, list[int]]:
    """Per part, the numbers of the blocks that have not arrived; a client resumes from here."""
    present = {
        (row.part, row.number)
        for row in session.execute(sa.select(BidBlock.part, BidBlock.number).where(BidBlock.bid_id == bid.id))
    }
    return {p.part: [n for n in range(p.blocks) if (p.part, n) not in present] for p in bid.parts}


def complete_bid(work: Work, code: str) -> Bid:
    """Count a bid as delivered: every block present, its header made for this very tender.

    A bid it replaces leaves the competition in the same transaction.

    Raises:
        NotNow: ``bids_closed``, ``blocks_missing``, ``bid_not_open``. NotValid: ``bid_header``.

    Source: spec sealing §6; spec rules O-03 (wrongly encrypted packages are refused at once).
    """
    _one_at_a_time(work)
    bid = _own_bid(work, code)
    tender = _tender_shared(work, bid.tender_id)
    if bid.state is BidState.COMPLETE:
        return bid
    require_open(tender, work)
    if bid.state is not BidState.COMMITTED:
        raise NotNow("bid_not_open", state=bid.state)
    missing = sum(p.blocks for p in bid.parts) - _present(work.session, bid.id)
    if missing:
        raise NotNow("blocks_missing", missing=missing)
    others = sa.select(Bid).where(
        Bid.lot_id == bid.lot_id, Bid.org_id == bid.org_id, Bid.state == BidState.COMPLETE
    )
    if any(other.code != bid.replaces for other in work.scalars(others)):
        raise NotValid("bid_second", source="实施条例 第五十一条(四)", field="replaces")
    policy = Policy.decode(policy_by_digest(work.session, bid.policy).jcs)
    for part in bid.parts:
        _require_header(work.platform, policy, bid, part)
    bid.state, bid.completed_at = BidState.COMPLETE, work.now
    if leaf_of(work.session, bid) < 0:
        sequencer.sequence_within(work)  # the completion names its commitment by its place
    body = {
        "v": 1,
        "tender": tender.code,
        "bid": bid.code,
        "commit": leaf_of(work.session, bid),
        "parts": [{"part": p.part, "root": p.root, "size": p.size} for p in bid.parts],
    }
    recorded = work.record(facts.BidCompleted(subject=bid.id, tender=tender.code, body=body))
    bid.complete_record_id = recorded.record_id
    if bid.replaces:
        old = bid_by_code(work.session, bid.replaces)
        old.state, old.withdrawn_at = BidState.REPLACED, work.now
        replaced = work.record(
            facts.BidWithdrawn(
                subject=old.id,
                tender=tender.code,
                body={
                    "v": 1,
                    "bid": old.code,
                    "commit_leaf": leaf_of(work.session, old),
                    "replaced_by": bid.code,
                },
            )
        )
        old.withdraw_record_id = replaced.record_id
    return bid


def withdraw_bid(work: Work, code: str, body: Mapping[str, Any], sig: Mapping[str, Any]) -> Bid:
    """Take a bid back before the deadline (撤回). Its shares will never be released.

    Args:
        body: ``{"bid", "commit_leaf"}``, signed by the bid's key (type ``bid-withdraw``).

    Source: 招标投标法 第二十九条; spec sealing §6.
    """
    _one_at_a_time(work)
    bid = _own_bid(work, code)
    tender = _tender_shared(work, bid.tender_id)
    if bid.state is BidState.WITHDRAWN:
        return bid
    require_open(tender, work)
    if bid.state not in ALIVE:
        raise NotNow("bid_not_open", state=bid.state)
    if set(body) != {"bid", "commit_leaf"} or body["bid"] != code:
        raise NotValid("bid_body", field="body")
    if body["commit_leaf"] != leaf_of(work.session, bid):
        raise NotValid("commit_leaf", field="commit_leaf", leaf=leaf_of(work.session, bid))
    _require_signed("bid-withdraw", body, sig, bid.bk)
    bid.state, bid.withdrawn_at = BidState.WITHDRAWN, work.now
    recorded = work.record(
        facts.BidWithdrawn(subject=bid.id, tender=tender.code, body=dict(body)), sig=dict(sig)
    )
    bid.withdraw_record_id = recorded.record_id
    return bid


def block_key(code: str, part: str, number: int) -> str:
    return f"bids/{code[:2]}/{code}/{part}/{number:06d}"


def bid_by_code(session: Session, code: str) -> Bid:
    bid = session.scalars(sa.select(Bid).where(Bid.code == code)).one_or_none()
    if bid is None:
        raise NotFound("not_found", thing="bid", id=code)
    return bid


class _Commitment:
    """A parsed commitment body; every field checked once."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.tender: str = body["tender"]
        self.lot: str = body["lot"]
        self.bid: str = body["bid"]
        self.policy: str = body["policy"]
        self.bk: bytes = unb64(body["bk"], 32)
        self.parts: list[dict[str, Any]] = body["parts"]
        self.replaces: str = body["replaces"]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> _Commitment:
        keys = {"v", "tender", "lot", "bid", "policy", "bk", "parts", "replaces"}
        if set(body) != keys or body["v"] != 1:
            raise NotValid("bid_body", source="sealing §6", field="body", wanted=sorted(keys))
        texts = all(isinstance(body[k], str) for k in ("tender", "lot", "bid", "policy", "bk", "replaces"))
        if not texts or not _is_hex(body["bid"], 32) or not _is_hex(body["policy"], 64):
            raise NotValid("bid_body", source="sealing §6", field="bid")
        if body["replaces"] and not _is_hex(body["replaces"], 32):
            raise NotValid("bid_body", source="sealing §6", field="replaces")
        parts = body["parts"]
        if not isinstance(parts, list) or not all(_is_part(part) for part in parts):
            raise NotValid("bid_body", source="sealing §6", field="parts")
        try:
            return cls(body)
        except SealError as problem:
            raise NotValid("bid_body", source="sealing §6", field="bk") from problem


def _is_part(part: object) -> bool:
    return (
        isinstance(part, dict)
        and set(part) == {"part", "root", "size", "blocks"}
        and isinstance(part["part"], str)
        and _is_hex(part["root"], 64)
        and type(part["size"]) is int
        and type(part["blocks"]) is int
        and part["size"] > 0
        and part["blocks"] >= 2
    )


def _is_hex(text: object, length: int) -> bool:
    return isinstance(text, str) and len(text) == length and not set(text) - set("0123456789abcdef")


def _require_signed(kind: str, body: Mapping[str, Any], sig: Mapping[str, Any], bk: bytes) -> None:
    try:
        verify(SignatureObject.from_json(dict(sig)), kind, dict(body), ed25519_spki(bk))
    except SealError as no:
        raise NotValid("bid_signature", source="sealing §2", field="sig", why=no.code) from no


def _require_policy(work: Work, tender: Tender, given: _Commitment) -> Policy:
    if given.tender != tender.code:
        raise NotValid("bid_body", field="tender", tender=tender.code)
    row = policy_by_digest(work.session, given.policy)
    if row.tender_id != tender.id:
        raise NotValid("bid_policy", source="sealing §4", field="policy")
    return Policy.decode(row.jcs)


def _require_parts(
    platform: Platform, policy: Policy, given: _Commitment, hashes: Mapping[str, bytes]
) -> None:
    if [part["part"] for part in given.parts] != list(policy.parts):
        raise NotValid("bid_parts", source="sealing §4", field="parts", parts=list(policy.parts))
    if sum(part["size"] for part in given.parts) > platform.settings.upload_bytes_max:
        raise TooLarge("bid_too_large", field="parts", bytes_max=platform.settings.upload_bytes_max)
    for part in given.parts:
        listed = hashes.get(part["part"], b"")
        if len(listed) != 32 * part["blocks"]:
            raise NotValid("bid_hashes", source="sealing §6", field="hashes", part=part["part"])
        leaves = [listed[i : i + 32] for i in range(0, len(listed), 32)]
        if merkle.root_of_hashes(leaves).hex() != part["root"]:
            raise NotValid("bid_hashes", source="sealing §5", field="hashes", part=part["part"])


def _require_only_bid(work: Work, lot: Lot, given: _Commitment) -> None:
    alive = work.scalars(
        sa.select(Bid).where(Bid.lot_id == lot.id, Bid.org_id == work.actor.org_id, Bid.state.in_(ALIVE))
    )
    if given.replaces:
        if given.replaces not in {bid.code for bid in alive}:
            raise NotValid("bid_replaces", field="replaces")
    elif any(bid.state is BidState.COMPLETE for bid in alive):
        raise NotValid("bid_second", source="实施条例 第五十一条(四)", field="replaces", lot=lot.number)


def _require_header(platform: Platform, policy: Policy, bid: Bid, part: BidPart) -> None:
    block = platform.outside.blobs.get(block_key(bid.code, part.part, 0))
    assert block is not None, "present blocks are stored"
    try:
        header = parse_header(block)
        require_header(header, policy=policy, part=part.part, bid=bytes.fromhex(bid.code))
        if header.raw != block:
            raise SealError("header_length", "The first block is the header alone.")
    except SealError as no:
        raise NotValid("bid_header", source="sealing §5", field="blocks", part=part.part, why=no.code) from no


def _one_at_a_time(work: Work) -> None:
    """Let one bidder's changes follow each other, whatever the database: "one bid" is a matter of all its bids.

    SQLite has one writer anyway; on PostgreSQL two requests of one firm would otherwise not see each other.
    """
    if work.platform.database.is_sqlite or work.actor.org_id is None:
        return
    key = int.from_bytes(work.actor.org_id.bytes[8:], "big", signed=True)
    work.session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _tender_shared(work: Work, tender_id: UUID) -> Tender:
    """The tender, held against a concurrent close but not against other bidders."""
    lean = lazyload(Tender.lots)
    if work.platform.database.is_sqlite:  # this transaction is the only writer: what it read cannot be stale
        tender = work.session.get(Tender, tender_id, options=(lean,))
    else:
        query = sa.select(Tender).where(Tender.id == tender_id).execution_options(populate_existing=True)
        tender = work.one(query.with_for_update(read=True, of=Tender))
    if tender is None:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    assert isinstance(tender, Tender)
    return tender


def _own_bid(work: Work, code: str) -> Bid:
    bid = bid_by_code(work.session, code)
    if bid.org_id != work.actor.org_id:
        raise NotFound("not_found", thing="bid", id=code)
    return work.get(Bid, bid.id, to=BID_CHANGE)


def _lot(tender: Tender, number: str) -> Lot:
    lot = next((lot for lot in tender.lots if str(lot.number) == number), None)
    if lot is None:
        raise NotValid("bid_body", field="lot", lots=[str(lot.number) for lot in tender.lots])
    return lot


def _present(session: Session, bid_id: UUID) -> int:
    return (
        session.scalar(sa.select(sa.func.count()).select_from(BidBlock).where(BidBlock.bid_id == bid_id)) or 0
    )


def leaf_of(session: Session, bid: Bid) -> int:
    """The log index of a bid's commitment, or -1 while it waits for its place."""
    place = book.place_of(session, bid.commit_record_id)
    return -1 if place is None else place
