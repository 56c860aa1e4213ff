"""Hash first, bytes later: a bid is committed, delivered block by block, completed, replaced or withdrawn.

Source: spec sealing §6; 招标投标法 第二十八条、第二十九条.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace as changed
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import facts
from bidding.actions.bonds_end import keep_held, send_back
from bidding.actions.commitment import Commitment
from bidding.actions.custody import POLICIES, policy_by_digest
from bidding.actions.delivery import block_key, present_blocks
from bidding.actions.holding import one_at_a_time, require_open, tender_shared, tendering
from bidding.actions.leaving import require_signed_off, require_withdrawal, tell_of_lost_key
from bidding.models import Bid, BidPart
from bidding.rights import BID_CHANGE, BID_SUBMIT
from bidding.rules.states import BidState
from kernel.errors import NotFound, NotNow, NotValid, TooLarge
from kernel.keyed import Keyed
from kernel.ledger import book, sequencer
from kernel.platform import Platform
from kernel.work import Work
from sealbid import merkle, signoff
from sealbid.envelope import parse_header, require_header
from sealbid.errors import SealError
from sealbid.policy import Policy
from sealbid.signatures import SignatureObject, ed25519_spki, verify
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage

BLOCK_BYTES_MAX = (1 << 20) + 16
HEADER_BLOCK_BYTES_MAX = 65536 + 12
ALIVE = (BidState.COMMITTED, BidState.COMPLETE)


BIDS = Keyed(Bid, Bid.code)

_TAKEN = sa.select(Bid.id).where(Bid.code == sa.bindparam("code"))
_MINE = sa.select(Bid.code, Bid.state).where(
    Bid.lot_id == sa.bindparam("lot_id"), Bid.org_id == sa.bindparam("org_id"), Bid.state.in_(ALIVE)
)


def commit_bid(
    work: Work,
    tender_id: UUID,
    body: Mapping[str, Any],
    sig: Mapping[str, Any],
    hashes: Mapping[str, bytes],
    *,
    replace: Mapping[str, Any] | None = None,
) -> Bid:
    """Fix every byte of a bid before its bytes arrive. The same commitment again returns the first answer.

    Args:
        body: ``{"v","tender","lot","bid","policy","bk","parts":[{"part","root","size","blocks"}],"replaces"}``.
        sig: signature object by ``bk`` over (``bid-commit``, body).
        hashes: part → concatenated 32-byte block hashes.
        replace: ``{"body","sig"}``, type ``bid-replace``, by the key of the bid that this one replaces.

    Raises:
        NotValid: ``bid_body``, ``bid_signature``, ``bid_hashes``, ``bid_policy``, ``bid_parts``, ``bid_taken``,
            ``bid_second``, ``bid_replaces``, ``bid_replace_unsigned``, ``bid_replace_signature``.
        NotNow: ``bids_closed``, ``lot_not_open``. TooLarge: ``bid_too_large``.

    Source: spec sealing §6; 实施条例 第五十一条(四) (one bid of a bidder).
    """
    work.require(BID_SUBMIT)
    one_at_a_time(work)
    tender = tender_shared(work, tender_id)
    require_open(tender, work)
    given = Commitment.parse(body)
    if work.session.connection().scalar(_TAKEN, {"code": given.bid}) is not None:
        known = bid_by_code(work.session, given.bid)
        if known.org_id == work.actor.org_id and known.commit_body == dict(body):
            return known
        raise NotValid("bid_taken", source="sealing §13 T14", field="bid")
    _require_signed("bid-commit", body, sig, given.bk)
    policy = _require_policy(work, tender, given)
    lot = _lot(tender, given.lot)
    if lot.stage is not Stage.TENDERING:
        raise NotNow("lot_not_open", lot=lot.number, stage=lot.stage)
    _require_parts(work.platform, policy, given, hashes)
    _require_only_bid(work, lot, given)
    older = bid_by_code(work.session, given.replaces) if given.replaces else None
    lost = require_signed_off(work, older, given, replace)
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
            replace_statement=None if replace is None else dict(replace),
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
    if older is not None and lost:
        tell_of_lost_key(work, older, "replace")
    return bid


def complete_bid(work: Work, code: str) -> Bid:
    """Count a bid as delivered: every block present, its header made for this very tender.

    A bid it replaces leaves the competition in the same transaction.

    Raises:
        NotNow: ``bids_closed``, ``blocks_missing``, ``bid_not_open``. NotValid: ``bid_header``.

    Source: spec sealing §6; spec rules O-03 (wrongly encrypted packages are refused at once).
    """
    one_at_a_time(work)
    bid = _own_bid(work, code)
    tender = tendering(work, bid.tender_id)
    if bid.state is BidState.COMPLETE:
        return bid
    require_open(tender, work)
    if bid.state is not BidState.COMMITTED:
        raise NotNow("bid_not_open", state=bid.state)
    missing = sum(p.blocks for p in bid.parts) - present_blocks(work.session, bid.id)
    if missing:
        raise NotNow("blocks_missing", missing=missing)
    alive = _alive(work, bid.lot_id)
    if any(state is BidState.COMPLETE and other != bid.replaces for other, state in alive.items()):
        raise NotValid("bid_second", source="实施条例 第五十一条(四)", field="replaces")
    policy = Policy.decode(policy_by_digest(work.session, bid.policy).jcs)
    for part in bid.parts:
        _require_header(work.platform, policy, bid, part)
    bid.state, bid.completed_at = BidState.COMPLETE, work.now
    leaf = leaf_of(work.session, bid)
    if leaf < 0:
        sequencer.sequence_within(work)  # the completion names its commitment by its place
        leaf = leaf_of(work.session, bid)
    body = {
        "v": 1,
        "tender": tender.code,
        "bid": bid.code,
        "commit": leaf,
        "parts": [{"part": p.part, "root": p.root, "size": p.size} for p in bid.parts],
    }
    recorded = work.record(facts.BidCompleted(subject=bid.id, tender=tender.code, body=body))
    bid.complete_record_id = recorded.record_id
    if bid.replaces in alive:
        old, statement = bid_by_code(work.session, bid.replaces), bid.replace_statement
        assert statement is not None, "no replacement is committed without it"
        old.state, old.withdrawn_at = BidState.REPLACED, work.now
        old.key_lost = signoff.lost_by(statement["body"]) != ""
        gone = {"v": 1, "bid": old.code, "commit_leaf": leaf_of(work.session, old), "replaced_by": bid.code}
        said, apart = signoff.sealed(statement) if old.key_lost else ({"statement": statement}, {})
        replaced = work.record(
            facts.BidWithdrawn(subject=old.id, tender=tender.code, body=gone | said, apart=apart)
        )
        old.withdraw_record_id = replaced.record_id
    if tender.bond.minor:
        keep_held(work, bid)
    return bid


def withdraw_bid(work: Work, code: str, body: Mapping[str, Any], sig: Mapping[str, Any]) -> Bid:
    """Take a bid back before the deadline (撤回). Its shares will never be released.

    Args:
        body: ``{"bid", "commit_leaf"}``, signed by the bid's key (type ``bid-withdraw``); with ``"key": "lost"`` and
            ``"org"`` by a key of that organisation.

    Source: 招标投标法 第二十九条; spec sealing §6.
    """
    one_at_a_time(work)
    bid = _own_bid(work, code)
    tender = tendering(work, bid.tender_id)
    if bid.state is BidState.WITHDRAWN:
        return bid
    require_open(tender, work)
    if bid.state not in ALIVE:
        raise NotNow("bid_not_open", state=bid.state)
    if set(body) - {"key", "org"} != {"bid", "commit_leaf"} or body["bid"] != code:
        raise NotValid("bid_body", field="body")
    if body["commit_leaf"] != leaf_of(work.session, bid):
        raise NotValid("commit_leaf", field="commit_leaf", leaf=leaf_of(work.session, bid))
    bid.key_lost = require_withdrawal(work, bid, body, sig)
    bid.state, bid.withdrawn_at = BidState.WITHDRAWN, work.now
    fact = facts.BidWithdrawn(subject=bid.id, tender=tender.code, body=dict(body))
    if bid.key_lost:
        mark, apart = signoff.sealed({"body": dict(body), "sig": dict(sig)})
        fact = changed(fact, body=signoff.withdrawal(code, body["commit_leaf"]) | mark, apart=apart)
        tell_of_lost_key(work, bid, "withdraw")
    recorded = work.record(fact, sig=None if bid.key_lost else dict(sig))
    bid.withdraw_record_id = recorded.record_id
    if tender.bond.minor:
        send_back(work, bid.tender_id, lot_id=bid.lot_id, org_id=bid.org_id)
    return bid


def bid_by_code(session: Session, code: str) -> Bid:
    """The bid with a code, or ``NotFound``."""
    bid = BIDS.find(session, code)
    if bid is None:
        raise NotFound("not_found", thing="bid", id=code)
    return bid


def warm_bids(work: Work, codes: Iterable[str]) -> None:
    """Load and lock many bids of one bidder, with the policies they were sealed under."""
    one_at_a_time(work)
    bids = work.warm(Bid, [bid.id for bid in BIDS.warm(work.session, codes)])
    POLICIES.warm(work.session, {bid.policy for bid in bids})


def _require_signed(kind: str, body: Mapping[str, Any], sig: Mapping[str, Any], bk: bytes) -> None:
    try:
        verify(SignatureObject.from_json(dict(sig)), kind, dict(body), ed25519_spki(bk))
    except SealError as no:
        raise NotValid("bid_signature", source="sealing §2", field="sig", why=no.code) from no


def _require_policy(work: Work, tender: Tender, given: Commitment) -> Policy:
    if given.tender != tender.code:
        raise NotValid("bid_body", field="tender", tender=tender.code)
    row = policy_by_digest(work.session, given.policy)
    if row.tender_id != tender.id:
        raise NotValid("bid_policy", source="sealing §4", field="policy")
    return Policy.decode(row.jcs)


def _require_parts(
    platform: Platform, policy: Policy, given: Commitment, hashes: Mapping[str, bytes]
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


def _require_only_bid(work: Work, lot: Lot, given: Commitment) -> None:
    alive = _alive(work, lot.id)
    if given.replaces:
        if given.replaces not in alive:
            raise NotValid("bid_replaces", field="replaces")
    elif BidState.COMPLETE in alive.values():
        raise NotValid("bid_second", source="实施条例 第五十一条(四)", field="replaces", lot=lot.number)


def _alive(work: Work, lot_id: UUID) -> dict[str, BidState]:
    """Code → state of the actor's bids for a lot that are still in, with what this transaction changed so far."""
    session, org_id = work.session, work.actor.org_id
    rows = session.connection().execute(_MINE, {"lot_id": lot_id, "org_id": org_id})
    found = {row.code: row.state for row in rows}
    for bid in (*session.new, *session.dirty):
        if isinstance(bid, Bid) and (bid.lot_id, bid.org_id) == (lot_id, org_id):
            found[bid.code] = bid.state
    return {code: state for code, state in found.items() if state in ALIVE}


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


def leaf_of(session: Session, bid: Bid) -> int:
    """The log index of a bid's commitment, or -1 while it waits for its place."""
    place = book.place_of(session, bid.commit_record_id)
    return -1 if place is None else place
