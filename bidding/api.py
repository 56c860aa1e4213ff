"""Machine doors of the bidding room; ``sealbid`` is their first client. Source: spec sealing §4, §6, §8."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from bidding import proofs, queries
from bidding.actions import custody, delivery, releasing, submission, unsealing
from bidding.forms import (
    AckQuery,
    Disclosure,
    Empty,
    KitQuery,
    Message,
    PolicyQuery,
    ReceiptQuery,
    ReleaseStep,
    Secret,
    Submission,
)
from bidding.models import Release
from bidding.upload import blocks_from, parse_range
from kernel.errors import NotFound, NotNow, NotValid
from kernel.facts import plain
from kernel.ledger import book, trust
from kernel.web import actor, begin, me, platform, read, require_step_up
from kernel.web.openapi import Answer, Shown, endpoint
from sealbid.errors import SealError
from sealbid.octets import unb64

api = Blueprint("bidding_api", __name__, url_prefix="/api/v1")

JSON = "application/json"
BYTES = "application/octet-stream"
OWN = ("bid", "read")


class Missing(Shown):
    """How many blocks of the whole bid have not arrived."""

    missing: int


class Placed(Shown):
    """Where in the log something stands."""

    leaf: int


class SeatShown(Shown):
    """A seat whose key is stated; ``policy`` is the digest once every seat has one."""

    tender: str
    x: int
    policy: str


class PartState(Shown):
    part: str
    root: str
    size: int
    blocks: int
    missing: list[int]


class BidShown(Shown):
    """A bid for its own bidder. ``receipt``: stored, logged or witnessed; only witnessed is called received."""

    bid: str
    tender: str
    lot: str
    state: str
    receipt: str
    committed_at: datetime
    completed_at: datetime | None
    withdrawn_at: datetime | None
    commit_leaf: int | None
    parts: list[PartState]


class Opened(Shown):
    """Whether the opening is over."""

    opened: bool


def _canonical(value: dict[str, Any], status: int = 200) -> Response:
    return Response(proofs.canonical(plain(value)), status, mimetype=JSON)


def _bytes(value: str, field: str, size: int | None = None) -> bytes:
    try:
        return unb64(value) if size is None else unb64(value, size)
    except SealError as no:
        raise NotValid("base64", field=field, why=no.code) from no


@api.get("/tenders/<code>/policy")
@endpoint(
    "The sealing policy with the proof that it was logged",
    answers={200: JSON},
    query=PolicyQuery,
    problems=(409,),
    tag="sealing",
)
def policy(code: str, query: PolicyQuery) -> Response:
    """Answers ``{"record","proof","trust"}`` in canonical JSON; before publication for custodians and buyer only."""
    with read() as session:
        tender = queries.tender_by_code(session, code, platform().outside.clock.now(), actor())
        return _canonical(proofs.policy_answer(platform(), session, tender, query.digest))


@api.get("/tenders/<code>/keys")
@endpoint("Registered keys of the custodians, for checking the policy", answers={200: JSON}, tag="sealing")
def keys(code: str) -> Response:
    with read() as session:
        tender = queries.tender_by_code(session, code, platform().outside.clock.now(), actor())
        return _canonical(proofs.keys_answer(session, tender))


@api.get("/tenders/<code>/trust")
@endpoint("The log and witnesses as a C2SP tlog-policy", answers={200: "text/plain"}, tag="sealing")
def trust_file(code: str) -> Response:
    """The same text stands in every policy; compare it with what the witnesses themselves publish."""
    with read() as session:
        queries.tender_by_code(session, code, platform().outside.clock.now(), actor())
    return Response(trust.trust_text(platform().settings), mimetype="text/plain")


@api.post("/tenders/<code>/bids")
@endpoint(
    "Commit a bid: every byte is fixed before it arrives",
    answers={201: JSON},
    scopes=("bid",),
    body=Submission,
    problems=(404, 409),
    idempotent=True,
    tag="bids",
)
def commit(code: str, body: Submission) -> Response:
    """Answers the receipt. The same commitment again gets its receipt again.

    Who signs for a lost key proves his presence first, so a token alone cannot replace a bid without its key.
    """
    if body.lost_key:
        require_step_up()
    replace = None if body.replace is None else body.replace.model_dump()
    parts = [one.part for one in body.blocks]
    hashes = {one.part: _bytes(one.hashes, "blocks") for one in body.blocks}
    if twice := sorted({part for part in parts if parts.count(part) > 1}):
        raise NotValid("bid_hashes", source="sealing §6", field="blocks", part=twice)
    with begin() as work:
        tender = queries.tender_by_code(work.session, code, work.now)
        bid = submission.commit_bid(work, tender.id, body.body, body.sig, hashes, replace=replace)
        bid_code, record_id = bid.code, bid.commit_record_id
    proofs.settle(platform(), record_id)
    return _receipt(bid_code, "commit", 201)


@api.get("/bids/<bid>")
@endpoint("State of an own bid and the blocks still missing", answers={200: BidShown}, scopes=OWN, tag="bids")
def state(bid: str) -> BidShown:
    with read() as session:
        found = queries.own_bid(session, bid, me())
        return BidShown.model_validate(queries.bid_state(session, platform().settings, found))


@api.put("/bids/<bid>/<part>/blocks/<span>")
@endpoint(
    "Hand in blocks a…b of a part; any order, again changes nothing",
    answers={200: Missing},
    scopes=("bid",),
    upload=BYTES,
    problems=(409, 413),
    tag="bids",
)
def put_blocks(bid: str, part: str, span: str) -> Missing:
    first, last = parse_range(span)
    with read() as session:
        queries.own_bid(session, bid, me())  # nobody else's bytes are even read
    data = blocks_from(request.stream, request.content_length, first=first, count=last - first + 1)
    return Missing(missing=delivery.put_blocks(platform(), me(), bid, part, first, data))


@api.get("/bids/<bid>/<part>/blocks/<span>")
@endpoint("Own sealed blocks a…b back, for a rehearsal", answers={200: BYTES}, scopes=OWN, tag="bids")
def get_blocks(bid: str, part: str, span: str) -> Response:
    first, last = parse_range(span)
    with read() as session:
        held = proofs.part_of(queries.own_bid(session, bid, me()), part)
        if last >= held.blocks:
            raise NotValid("block_range", field="blocks", part=part, first=first, count=last - first + 1)
    blobs = platform().outside.blobs
    names = [delivery.block_key(bid, part, number) for number in range(first, last + 1)]
    if not all(blobs.exists(name) for name in names):
        raise NotNow("blocks_missing", missing=sum(not blobs.exists(name) for name in names))
    return Response((blobs.get(name) or b"" for name in names), mimetype=BYTES)


@api.post("/bids/<bid>/complete")
@endpoint(
    "Declare a bid delivered", answers={200: JSON}, scopes=("bid",), body=Empty, problems=(409,), tag="bids"
)
def complete(bid: str, body: Empty) -> Response:
    with begin() as work:
        done = submission.complete_bid(work, bid)
        record_id = done.complete_record_id
    assert record_id is not None
    proofs.settle(platform(), record_id)
    return _receipt(bid, "complete")


@api.post("/bids/<bid>/withdraw")
@endpoint(
    "Withdraw a bid before the deadline, signed with its own key",
    answers={200: JSON},
    scopes=("bid",),
    body=Message,
    problems=(409,),
    tag="bids",
)
def withdraw(bid: str, body: Message) -> Response:
    """Who signs for a lost key proves his presence first."""
    if "key" in body.body:
        require_step_up()
    with begin() as work:
        gone = submission.withdraw_bid(work, bid, body.body, body.sig)
        record_id = gone.withdraw_record_id
    assert record_id is not None
    proofs.settle(platform(), record_id)
    return _receipt(bid, "withdraw")


@api.get("/receipts/<bid>")
@endpoint("The newest receipt of an own bid", answers={200: JSON}, scopes=OWN, query=ReceiptQuery, tag="bids")
def receipt(bid: str, query: ReceiptQuery) -> Response:
    return _receipt(bid, query.kind)


def _receipt(bid: str, kind: str, status: int = 200) -> Response:
    with read() as session:
        found = queries.own_bid(session, bid, me())
        return Response(proofs.receipt_of(platform(), session, found, kind), status, mimetype=JSON)


@api.post("/bids/<bid>/secret")
@endpoint(
    "Offer the bidder's own secret while custodians' shares are awaited",
    answers={200: Opened},
    scopes=("bid",),
    body=Secret,
    problems=(409,),
    tag="opening",
)
def offer_secret(bid: str, body: Secret) -> Opened:
    secret, lock = _bytes(body.secret, "secret", 32), _bytes(body.lock, "lock")
    with begin() as work:
        tender_id = queries.own_bid(work.session, bid, me()).tender_id
        releasing.offer_secret(work, bid, body.part, secret, lock)
    return Opened(opened=unsealing.open_bids(platform(), tender_id))


@api.get("/custodians/me/duties")
@endpoint(
    "What is wanted of this custodian now: keys, acknowledgements, releases",
    answers={200: JSON},
    scopes=("custody",),
    tag="custody",
)
def duties() -> Response:
    with read() as session:
        return _canonical(queries.duties(session, me(), platform().outside.clock.now()))


@api.post("/tenders/<code>/custodian-keys")
@endpoint(
    "State this custodian's key for one tender",
    answers={200: SeatShown},
    scopes=("custody",),
    body=Message,
    problems=(404, 409),
    tag="custody",
)
def state_key(code: str, body: Message) -> SeatShown:
    """The body is ``{"tender","x","role","org","pk","not_after"}``, signed as ``custodian-key`` (sealing §4)."""
    with begin() as work:
        tender = queries.tender_by_code(work.session, code, work.now, me())
        seat = queries.my_seat(work.session, tender.id, me())
        if body.body.get("tender") != tender.code:
            raise NotValid("custodian_statement", source="sealing §4", field="tender", why="wrong_seat")
        statement = {name: value for name, value in body.body.items() if name != "tender"}
        custody.state_key(work, seat.id, {**statement, "kid": body.sig.get("kid"), "sig": body.sig})
        made = custody.newest_policy(work.session, tender.id)
        return SeatShown(tender=tender.code, x=seat.x, policy=made.digest if made else "")


@api.get("/tenders/<code>/ack-kit")
@endpoint(
    "What a custodian needs to try his own share of a bid",
    answers={200: JSON},
    scopes=("custody",),
    query=AckQuery,
    problems=(409,),
    tag="custody",
)
def ack_kit(code: str, query: AckQuery) -> Response:
    with read() as session:
        bid = submission.bid_by_code(session, query.bid)
        tender = queries.tender_by_code(session, code, platform().outside.clock.now(), me())
        queries.seat_for_ack(session, bid, me())
        if bid.tender_id != tender.id:
            raise NotFound("not_found", thing="bid", id=query.bid)
        return _canonical(proofs.ack_kit(platform(), session, bid, query.part))


@api.post("/tenders/<code>/acks")
@endpoint(
    "Acknowledge that the own share of a bid is good",
    answers={200: JSON},
    scopes=("custody",),
    body=Message,
    problems=(404, 409),
    tag="custody",
)
def acknowledge(code: str, body: Message) -> Response:
    bid, part, x = (body.body.get(name) for name in ("bid", "part", "x"))
    if not isinstance(bid, str) or not isinstance(part, str) or type(x) is not int:
        raise NotValid("ack_body", source="sealing §6.1", field="body")
    with begin() as work:
        tender = queries.tender_by_code(work.session, code, work.now, me())
        found = submission.bid_by_code(work.session, bid)
        queries.seat_for_ack(work.session, found, me())
        if found.tender_id != tender.id:
            raise NotFound("not_found", thing="bid", id=bid)
        releasing.acknowledge_share(work, bid, part, x, body.body, body.sig)
    return _canonical({"ok": True})


@api.get("/tenders/<code>/release-kit")
@endpoint(
    "All a custodian must see before he releases a part",
    answers={200: JSON},
    scopes=("custody",),
    query=KitQuery,
    problems=(409,),
    tag="custody",
)
def release_kit(code: str, query: KitQuery) -> Response:
    with read() as session:
        tender = queries.tender_by_code(session, code, platform().outside.clock.now(), me())
        queries.my_seat(session, tender.id, me())
        return _canonical(proofs.release_kit(platform(), session, tender, query.part, query.since))


@api.post("/tenders/<code>/releases")
@endpoint(
    "Release shares: first their digest, then their content",
    answers={200: Placed},
    scopes=("custody",),
    body=ReleaseStep,
    problems=(404, 409),
    tag="custody",
)
def release(code: str, body: ReleaseStep) -> Answer:
    """The t-th disclosed content opens the bids, after its own transaction is durable."""
    step = body.root
    with begin() as work:
        tender = queries.tender_by_code(work.session, code, work.now, me())
        if isinstance(step, Message):
            record_id = releasing.promise_release(work, tender.id, step.body, step.sig).record_id
        else:
            seat = queries.my_seat(work.session, tender.id, me())
            found = _promised(work.session, tender.id, seat.x, step)
            salt = _bytes(step.salt, "salt", 32)
            releasing.disclose_release(work, tender.id, found.part, seat.x, step.private, salt)
            record_id = found.record_id
    return Answer(Placed(leaf=proofs.settle(platform(), record_id)))


def _promised(session: Session, tender_id: UUID, x: int, step: Disclosure) -> Release:
    for part in releasing.promised(session, tender_id, x):
        if book.place_of(session, part.record_id) == step.release:
            return part
    raise NotNow("release_not_promised", source="sealing §8.3", leaf=step.release, x=x)
