"""Custodians release, first by digest and then by content; a bidder may offer his own secret.

Source: spec sealing §8.2-§8.5.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import facts
from bidding.actions.auctions_sealed import closing_at
from bidding.actions.closing import OPENINGS, codes_to_open, opening_of
from bidding.actions.custody import SEATS
from bidding.actions.delivery import block_key
from bidding.actions.submission import bid_by_code
from bidding.models import Bid, BidderSecret, CustodianAck, Opening, Release, SealPolicy, Seat
from bidding.rights import KEY_STATE, SECRET_OFFER, SHARES_RELEASE
from bidding.rules.auction import closings
from bidding.rules.states import BidState, OpeningState
from kernel.errors import NotFound, NotNow, NotValid
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organization
from kernel.keyed import Keyed
from kernel.outside import BlobStore
from kernel.work import Work
from sealbid import records
from sealbid.envelope import Header, check_share, parse_header, require_secret
from sealbid.errors import SealError
from sealbid.octets import unb64
from sealbid.signatures import SignatureObject, Trust
from trading.models import Tender

_RELEASED = (
    sa.select(Release.part, Release.x, Release.content)
    .where(Release.tender_id == sa.bindparam("tender_id"), Release.content.is_not(None))
    .order_by(Release.x)
)
_TERMS = (
    sa.select(Tender.terms, SealPolicy.threshold)
    .join(SealPolicy, SealPolicy.digest == Tender.policy_digest)
    .where(Tender.id == sa.bindparam("tender_id"))
)
_RELEASED_COUNTS = (
    sa.select(Release.part, sa.func.count())
    .where(Release.tender_id == sa.bindparam("tender_id"), Release.content.is_not(None))
    .group_by(Release.part)
)
RELEASES = Keyed(Release, Release.tender_id, Release.part, Release.x)


def seat_of(work: Work, tender_id: UUID, x: int) -> Seat:
    seat = SEATS.find(work.session, tender_id, x)
    if seat is None:
        raise NotFound("not_found", thing="seat", id=str(x))
    return seat


def warm_releases(work: Work, tender_ids: Sequence[UUID]) -> None:
    """Lock many tenders and load what a custodian's releases at them ask for."""
    work.warm(Tender, tender_ids)
    OPENINGS.warm(work.session, tender_ids)
    SEATS.warm(work.session, tender_ids)
    RELEASES.warm(work.session, tender_ids)


def acknowledge_share(
    work: Work, code: str, part: str, x: int, body: Mapping[str, Any], sig: Mapping[str, Any]
) -> None:
    """Record a custodian's word that his own share of a bid fits; again changes nothing.

    Source: spec sealing §6.1 (custodian-ack).
    """
    bid = bid_by_code(work.session, code)
    seat = seat_of(work, bid.tender_id, x)
    work.require(KEY_STATE, seat)
    tender = work.session.get_one(Tender, bid.tender_id)
    held = next((p for p in bid.parts if p.part == part), None)
    wanted = {"tender": tender.code, "bid": code, "part": part, "x": x, "ok": True}
    if held is None or dict(body) != wanted | {"root": held.root}:
        raise NotValid("ack_body", source="sealing §6.1", field="body")
    if work.session.get(CustodianAck, (bid.id, part, x)) is not None:
        return
    _require_custodian_signed(work, seat, "custodian-ack", body, sig)
    recorded = work.record(
        facts.ShareAcknowledged(subject=bid.id, tender=tender.code, body=dict(body)), sig=dict(sig)
    )
    work.session.add(
        CustodianAck(
            bid_id=bid.id,
            part=part,
            x=x,
            body=dict(body),
            sig=dict(sig),
            record_id=recorded.record_id,
            at=work.now,
        )
    )


def promise_release(work: Work, tender_id: UUID, body: Mapping[str, Any], sig: Mapping[str, Any]) -> Release:
    """Fix a custodian's release by its digest. The same again returns the first.

    Args:
        body: ``{"tender","part","close","x","bad":[{"bid","why"}],"d"}`` signed by the custodian (``share-release``).

    Raises:
        NotNow: ``not_closed``, ``release_over``. NotValid: ``release_body``, ``release_changed``,
            ``custodian_signature``.
    """
    tender = work.lock(Tender, tender_id)
    close = _close_releasing(work, tender, body.get("part"))
    keys = {"tender", "part", "close", "x", "bad", "d"}
    if set(body) != keys or type(body["x"]) is not int or not isinstance(body["bad"], list):
        raise NotValid("release_body", source="sealing §8.3", field="body", wanted=sorted(keys))
    if (body["tender"], body["close"]) != (tender.code, close):
        raise NotValid("release_body", source="sealing §8.3", field="close", close=close)
    if not closings.is_part(body["part"]) and body["part"] not in tender.terms["parts"]:
        raise NotValid("release_body", field="part", parts=list(tender.terms["parts"]))
    if not all(isinstance(one, dict) and set(one) == {"bid", "why"} for one in body["bad"]):
        raise NotValid("release_body", source="sealing §8.3", field="bad")
    seat = seat_of(work, tender_id, body["x"])
    work.require(SHARES_RELEASE, seat)
    known = release_of(work.session, tender_id, body["part"], seat.x)
    if known is not None:
        if known.body == dict(body):
            return known
        raise NotValid("release_changed", source="sealing §8.3", field="d")
    _require_custodian_signed(work, seat, "share-release", body, sig)
    recorded = work.record(
        facts.SharesReleased(subject=tender.id, tender=tender.code, body=dict(body)), sig=dict(sig)
    )
    return work.add(
        Release(
            id=work.new_id(),
            tender_id=tender_id,
            part=body["part"],
            x=seat.x,
            body=dict(body),
            sig=dict(sig),
            promised_at=work.now,
            record_id=recorded.record_id,
            content=None,
            salt2=None,
            released_at=None,
        )
    )


def disclose_release(
    work: Work, tender_id: UUID, part: str, x: int, content: Mapping[str, Any], salt2: bytes
) -> Release:
    """Hand in the shares behind a promised digest.

    Args:
        content: ``{"shares": [{"bid", "share"}]}`` with shares in base64, ordered by bid.
        salt2: the 32 bytes that make the digest.

    Raises:
        NotNow: ``release_not_promised``. NotValid: ``release_digest`` when the content is not the promised one,
            ``release_incomplete`` when a bid is missing that was not declared bad.
    """
    seat = seat_of(work, tender_id, x)
    work.require(SHARES_RELEASE, seat)
    tender = work.lock(Tender, tender_id)
    release = release_of(work.session, tender_id, part, x)
    if release is None:
        raise NotNow("release_not_promised", source="sealing §8.3", part=part, x=x)
    if release.content is not None:
        return release
    _close_releasing(work, tender, part)
    try:
        records.require_private(release.body, dict(content), salt2)
    except SealError as no:
        raise NotValid("release_digest", source="sealing §8.3", field="content", why=no.code) from no
    shares = shares_in(content)
    bad = {item["bid"] for item in release.body["bad"]}
    wanted = _codes_to_open(work.session, tender_id, part)
    if missing := sorted(wanted - shares.keys() - bad):
        raise NotValid("release_incomplete", source="sealing §8.3", field="content", bids=missing)
    release.content, release.salt2, release.released_at = dict(content), salt2, work.now
    work.record(
        facts.SharesDisclosed(subject=tender.id, tender=tender.code, part=part, x=x, d=release.body["d"])
    )
    return release


def shares_in(content: Mapping[str, Any]) -> dict[str, bytes]:
    """Bid code → 32-byte share."""
    try:
        listed = content["shares"]
        found = {str(item["bid"]): unb64(item["share"], 32) for item in listed}
    except (KeyError, TypeError, SealError) as problem:
        raise NotValid("release_body", source="sealing §8.3", field="content") from problem
    if len(found) != len(listed):
        raise NotValid("release_body", source="sealing §8.3", field="content")
    return found


def offer_secret(work: Work, code: str, part: str, secret: bytes, lock: bytes = b"") -> BidderSecret:
    """The bidder's own way in, while the window is open; the key commitment proves it is the same bid.

    Raises:
        NotNow: ``not_closed``, ``release_over``. NotValid: ``secret_wrong``.

    Source: spec sealing §8.5.
    """
    bid = bid_by_code(work.session, code)
    work.require(SECRET_OFFER, bid)
    tender = work.lock(Tender, bid.tender_id)
    _opening_releasing(work, tender)
    if bid.state is not BidState.COMPLETE or part not in {p.part for p in bid.parts}:
        raise NotNow("bid_not_open", state=bid.state)
    try:
        require_secret(header_of(work.platform.outside.blobs, bid, part), secret, lock)
    except SealError as no:
        raise NotValid("secret_wrong", source="sealing §8.5", field="secret", why=no.code) from no
    known = work.session.get(BidderSecret, (bid.id, part))
    if known is not None:
        return known
    row = work.add(BidderSecret(bid_id=bid.id, part=part, secret=secret, lock=lock, offered_at=work.now))
    work.record(facts.SecretOffered(subject=bid.id, tender=tender.code, bid=code, part=part))
    return row


def header_of(blobs: BlobStore, bid: Bid, part: str) -> Header:
    """The parsed header of a stored container."""
    block = blobs.get(block_key(bid.code, part, 0))
    if block is None:
        raise NotFound("file_missing", thing="bid", id=bid.code)
    return _parsed(block)


@functools.lru_cache(maxsize=256)
def _parsed(block: bytes) -> Header:
    """A header is frozen; each custodian and the opening ask for the same bytes again."""
    return parse_header(block)


def released_shares(session: Session, tender_id: UUID) -> dict[str, dict[int, dict[str, bytes]]]:
    """Part → custodian → bid → share, of everything that was released at a tender."""
    found: dict[str, dict[int, dict[str, bytes]]] = {}
    for part, x, content in session.execute(_RELEASED, {"tender_id": tender_id}):
        found.setdefault(part, {})[x] = shares_in(content)
    return found


def good_shares(
    header: Header, code: str, released: Mapping[int, Mapping[str, bytes]]
) -> tuple[dict[int, bytes], list[int]]:
    """A bid's released shares that fit their commitments, and the custodians whose releases are void."""
    good, void = {}, []
    for x, shares in released.items():
        if code not in shares:
            continue
        try:
            check_share(header, x, shares[code])
        except SealError:
            void.append(x)
        else:
            good[x] = shares[code]
    return good, void


def release_of(session: Session, tender_id: UUID, part: str, x: int) -> Release | None:
    return RELEASES.find(session, tender_id, part, x)


def promised(session: Session, tender_id: UUID, x: int) -> list[Release]:
    """What a custodian has promised at a tender, by part."""
    return list(
        session.scalars(
            sa.select(Release).where(Release.tender_id == tender_id, Release.x == x).order_by(Release.part)
        )
    )


def enough_released(session: Session, tender_id: UUID) -> bool:
    """Whether every part has as many disclosed releases as the policy's threshold."""
    terms, threshold = session.execute(_TERMS, {"tender_id": tender_id}).one()
    rows = session.execute(_RELEASED_COUNTS, {"tender_id": tender_id})
    counts = {row[0]: row[1] for row in rows}
    return all(counts.get(part, 0) >= threshold for part in terms["parts"])


def _opening_releasing(work: Work, tender: Tender) -> Opening:
    opening = opening_of(work.session, tender.id)
    if opening is None or work.now < tender.bids_close_at:
        raise NotNow("not_closed", source="招标投标法 第三十四条", bids_close_at=tender.bids_close_at)
    if opening.state is not OpeningState.RELEASING:
        raise NotNow("release_over", state=opening.state)
    return opening


def _close_releasing(work: Work, tender: Tender, part: object) -> int:
    """The leaf of the closing under which a part may be released now: the tender's, or the one of an auction's part."""
    if not isinstance(part, str) or not closings.is_part(part):
        return _opening_releasing(work, tender).close_index
    closing = closing_at(work.session, tender.id, part)
    if closing is None:
        raise NotNow("not_closed", source="rules §4.2", bids_close_at=tender.bids_close_at)
    if closing.state is not OpeningState.RELEASING:
        raise NotNow("release_over", state=closing.state)
    return closing.close_index


def _codes_to_open(session: Session, tender_id: UUID, part: str) -> set[str]:
    if not closings.is_part(part):
        return set(codes_to_open(session, tender_id))
    closing = closing_at(session, tender_id, part)
    assert closing is not None, "its release was promised"
    return {one["bid"] for one in closing.close_body["bids"]}


def _require_custodian_signed(
    work: Work, seat: Seat, kind: str, body: Mapping[str, Any], sig: Mapping[str, Any]
) -> None:
    org = work.session.get_one(Organization, seat.org_id)
    trust = Trust(
        at=work.now,
        pinned={org.uscc: keys_of_organization(work.session, seat.org_id)},
        relying_party=work.platform.relying_party,
    )
    try:
        trust.require_signed(SignatureObject.from_json(dict(sig)), kind, dict(body), by=org.uscc)
    except SealError as no:
        raise NotValid("custodian_signature", source="sealing §2", field="sig", why=no.code) from no
