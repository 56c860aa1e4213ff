"""Opening the bids: cryptography outside the transaction, its findings written inside, each exactly once.

Source: spec sealing §5 (opening), §8.4, §8.5; spec rules O-08…O-11, §3.4 (whose cause it was).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from bidding import facts
from bidding.actions.bonds_end import send_back
from bidding.actions.closing import bids_to_open, opening_of, timers_of
from bidding.actions.delivery import block_key
from bidding.actions.draws import draw_coefficients
from bidding.actions.releasing import enough_released, good_shares, header_of, released_shares
from bidding.models import Bid, BidderSecret, BidPart, OpenedFile, OpenedPart, Opening
from bidding.rules.states import BidState, OpeningState
from kernel.errors import NotNow, Refusal
from kernel.facts import plain
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organizations, organizations
from kernel.money import Money
from kernel.outside import BlobStore
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid import bundle as bundles
from sealbid import container
from sealbid.envelope import Header, recover_secret
from sealbid.errors import SealError
from sealbid.octets import b64
from sealbid.signatures import Trust
from trading.models import Lot, Tender

log = structlog.get_logger("sunroad.opening")

SPOOL_BYTES = 8 << 20
VERDICTS = {"shares_missing": "too_few_shares", "manifest_other_bid": "manifest_other_envelope"}
"""What everybody else meets who opens the container, where our own word for it is another."""
BIDDER, CUSTODIANS, PLATFORM, NOBODY = "bidder", "custodians", "platform", ""


@dataclass
class Finding:
    """What opening one container gave."""

    bid_id: UUID
    part: str
    ok: bool
    why: str = ""
    cause: str = NOBODY
    way: str = ""
    secret: bytes | None = None
    bundle: bundles.Bundle | None = None
    price: Money | None = None
    void: list[int] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)


_OPENED = sa.select(
    OpenedPart.bid_id, OpenedPart.part, OpenedPart.lot_id, OpenedPart.ok, OpenedPart.cause, OpenedPart.why
).where(OpenedPart.tender_id == sa.bindparam("tender_id"))


def open_bids(platform: Platform, tender_id: UUID) -> bool:
    """Open everything that can be opened now; True when the opening is over (or was).

    Called after a release, after a bidder's secret, and when the window ends. Safe to call at any time, twice, and
    by several processes: each finding is written once.
    """
    with platform.read() as session:
        opening = opening_of(session, tender_id)
        if opening is None or opening.state is not OpeningState.RELEASING:
            return opening is not None
        window_over = platform.outside.clock.now() >= opening.window_until_at
        if not enough_released(session, tender_id) and not window_over:
            return False
        waiting = list(_unopened(session, tender_id))
        around = _Around.of(platform, session, tender_id, [bid for bid, _ in waiting])
        findings = [
            finding
            for bid, part in waiting
            if (finding := _open_part(around, bid, part, last_chance=window_over)) is not None
        ]
    with platform.begin(SYSTEM) as work:
        return _write(work, tender_id, findings, window_over)


def end_of_window(work: Work, opening_id: UUID) -> None:
    """The timekeeper's call at the end of the release window or of the objection window."""
    opening = work.lock(Opening, opening_id)
    if opening.next_moment_at is None or work.now < opening.next_moment_at:
        raise NotNow("window_open")
    if opening.state is OpeningState.RELEASING:
        tender_id = opening.tender_id
        opening.next_moment_at = None
        work.after_commit(lambda: _ignore(open_bids(work.platform, tender_id)))
    elif opening.state is OpeningState.OPENED:
        from bidding.actions.hall import confirm_opening

        confirm_opening(work, opening.tender_id)


def _ignore(_value: object) -> None:
    return None


def _unopened(session: Session, tender_id: UUID) -> Iterator[tuple[Bid, BidPart]]:
    done = {(row.bid_id, row.part) for row in session.execute(_OPENED, {"tender_id": tender_id})}
    for bid in bids_to_open(session, tender_id):
        for part in bid.parts:
            if (bid.id, part.part) not in done:
                yield bid, part


@dataclass(frozen=True)
class _Around:
    """What opening the bids of one tender needs besides their containers, read together."""

    platform: Platform
    released: Mapping[str, Mapping[int, Mapping[str, bytes]]]
    offered: Mapping[tuple[UUID, str], BidderSecret]
    bidders: Mapping[UUID, Organization]
    keys: Mapping[UUID, list[bytes]]
    lots: Mapping[UUID, int]

    @classmethod
    def of(cls, platform: Platform, session: Session, tender_id: UUID, bids: Sequence[Bid]) -> _Around:
        orgs = {bid.org_id for bid in bids}
        secrets = session.scalars(
            sa.select(BidderSecret).join(Bid, Bid.id == BidderSecret.bid_id).where(Bid.tender_id == tender_id)
        )
        numbers = session.execute(sa.select(Lot.id, Lot.number).where(Lot.tender_id == tender_id))
        return cls(
            platform=platform,
            released=released_shares(session, tender_id),
            offered={(row.bid_id, row.part): row for row in secrets},
            bidders=organizations(session, orgs),
            keys=keys_of_organizations(session, orgs),
            lots={row.id: row.number for row in numbers},
        )

    def trust(self, bid: Bid) -> Trust:
        """Whose signature under the manifest counts."""
        return Trust(
            at=bid.committed_at,
            pinned={self.bidders[bid.org_id].uscc: self.keys[bid.org_id]},
            relying_party=self.platform.relying_party,
        )


def _open_part(around: _Around, bid: Bid, part: BidPart, *, last_chance: bool) -> Finding | None:
    """Open one container with the released shares, else with the bidder's secret; None: wait for the window."""
    blobs = around.platform.outside.blobs
    try:
        header = header_of(blobs, bid, part.part)
    except (SealError, Refusal) as problem:  # it was parsed at completion, so our store lost or changed it
        return Finding(bid.id, part.part, ok=False, why=problem.code, cause=PLATFORM)
    good, void = good_shares(header, bid.code, around.released.get(part.part, {}))
    offered = around.offered.get((bid.id, part.part))
    if len(good) >= header.t:
        try:
            secret, lock, way = recover_secret(header, good), b"", "custodians"
        except SealError as no:
            return Finding(bid.id, part.part, ok=False, why=no.code, cause=BIDDER, void=void)
    elif offered is not None:
        secret, lock, way = offered.secret, offered.lock, "bidder"
    elif last_chance:
        return Finding(bid.id, part.part, ok=False, why="shares_missing", cause=CUSTODIANS, void=void)
    else:
        return None
    finding = Finding(bid.id, part.part, ok=True, way=way, secret=secret, void=void)
    try:
        _decrypt(around, bid, part, header, finding, secret, lock)
    except SealError as no:
        finding.ok, finding.why = False, no.code
        finding.cause = BIDDER if _intact(blobs, bid, part) else PLATFORM
    return finding


def _intact(blobs: BlobStore, bid: Bid, part: BidPart) -> bool:
    """Whether the store still holds exactly the blocks the bidder committed; then what is wrong is his doing.

    Source: spec sealing §13 T8, §8.5 (the log shows whose cause it was).
    """
    for number in range(part.blocks):
        block = blobs.get(block_key(bid.code, part.part, number))
        wanted = part.hashes[32 * number : 32 * number + 32]
        if block is None or hashlib.sha256(b"\0" + block).digest() != wanted:
            return False
    return True


def _decrypt(
    around: _Around,
    bid: Bid,
    part: BidPart,
    header: Header,
    finding: Finding,
    secret: bytes,
    lock: bytes,
) -> None:
    blobs = around.platform.outside.blobs

    def pieces() -> Iterator[bytes]:
        for number in range(part.blocks):
            block = blobs.get(block_key(bid.code, part.part, number))
            if block is None:
                raise SealError("container_truncated", f"Block {number} is not in the store.")
            yield block

    def sink(index: int, entry: bundles.FileEntry) -> BinaryIO:
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed once stored
        spools.append((index, spool))
        return spool  # type: ignore[return-value]

    spools: list[tuple[int, Any]] = []
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as plain_file:
        out: BinaryIO = plain_file  # type: ignore[assignment]
        container.open_with_secret(
            container.reader_of(pieces()), out, secret, lock, root=bytes.fromhex(part.root), size=part.size
        )
        plain_file.seek(0)
        found = bundles.read(out, sink, size_max=around.platform.settings.upload_bytes_max)
    if found.manifest.bidder_uscc != around.bidders[bid.org_id].uscc:
        raise SealError("manifest_other_bidder", "Another bidder's manifest.", field="bidder")
    bundles.require_own_manifest(found, header, trust=around.trust(bid))
    _require_this_bid(around, bid, found.manifest)
    if part.part == "price":
        finding.price = Money.from_yuan(str(bundles.price_of(found.manifest.opening)))
    for index, spool in spools:
        spool.seek(0)
        key = f"opened/{bid.code}/{part.part}/{index:04d}"
        blobs.put(key, spool.read())
        spool.close()
        finding.blobs.append(key)
    finding.bundle = found


def _require_this_bid(around: _Around, bid: Bid, manifest: bundles.Manifest) -> None:
    """Refuse another lot or key under this bid (spec sealing §13 T14)."""
    pairs = {
        "bk": (manifest.bk, bid.bk),
        "lot": (manifest.lot, str(around.lots[bid.lot_id])),
    }
    for name, (said, is_so) in pairs.items():
        if said != is_so:
            raise SealError("manifest_other_bid", f"The manifest names another {name}.", field=name)


def opening_order(close_root: bytes, code: str) -> bytes:
    """Sort key of the order in which bids are opened: nobody can choose it, anybody can recompute it."""
    return hashlib.sha256(b"sunroad opening order\0" + close_root + bytes.fromhex(code)).digest()


def _write(work: Work, tender_id: UUID, findings: list[Finding], window_over: bool) -> bool:
    tender = work.lock(Tender, tender_id)
    opening = opening_of(work.session, tender_id)
    assert opening is not None
    if opening.state is not OpeningState.RELEASING:
        return True
    bids = {bid.id: bid for bid in bids_to_open(work.session, tender_id)}
    ranked = sorted(bids.values(), key=lambda bid: opening_order(opening.close_root, bid.code))
    places = {bid.id: place for place, bid in enumerate(ranked, start=1)}
    done = {(row.bid_id, row.part) for row in work.session.execute(_OPENED, {"tender_id": tender_id})}
    for finding in findings:
        if (finding.bid_id, finding.part) not in done and finding.bid_id in bids:
            _write_part(work, tender, bids[finding.bid_id], finding, places[finding.bid_id])
    done |= {(finding.bid_id, finding.part) for finding in findings}
    if any((bid.id, part.part) not in done for bid in bids.values() for part in bid.parts):
        opening.next_moment_at = opening.window_until_at
        return False
    parts = work.session.execute(_OPENED, {"tender_id": tender_id}).all()
    _revoke_unopened(work, tender, bids, [part for part in parts if not part.ok])
    _conclude(work, tender, opening, parts)
    return True


def _write_part(work: Work, tender: Tender, bid: Bid, finding: Finding, place: int) -> None:
    held = next(p for p in bid.parts if p.part == finding.part)
    manifest = finding.bundle.manifest if finding.bundle else None
    body: dict[str, Any] = {
        "v": 1,
        "tender": tender.code,
        "bid": bid.code,
        "part": finding.part,
        "root": held.root,
        "ok": finding.ok,
        "verdict": "opened" if finding.ok else f"void:{VERDICTS.get(finding.why, finding.why)}",
        "way": finding.way,
        "void": finding.void,
    }
    apart: dict[str, Any] = {}
    if not finding.ok:
        body |= {"why": finding.why, "cause": finding.cause}
    if manifest is not None and finding.bundle is not None:
        body |= {"bundle": finding.bundle.digest.hex()}
        if finding.part == "price":
            body |= {"opening": plain(dict(manifest.opening)), "nonce": b64(manifest.nonce)}
        else:
            apart = {"opening": plain(dict(manifest.opening))}
    recorded = work.record(facts.BidOpened(subject=tender.id, tender=tender.code, body=body, apart=apart))
    opened = work.add(
        OpenedPart(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=bid.lot_id,
            bid_id=bid.id,
            part=finding.part,
            order=place,
            ok=finding.ok,
            why=finding.why,
            cause=finding.cause,
            way=finding.way,
            secret=finding.secret,
            manifest=manifest.to_json() if manifest else None,
            manifest_sig=finding.bundle.signature.to_json() if finding.bundle else None,
            bundle_sha256=finding.bundle.digest.hex() if finding.bundle else None,
            price=finding.price,
            nonce=manifest.nonce if manifest and finding.part == "price" else None,
            record_id=recorded.record_id,
            opened_at=work.now,
        )
    )
    if manifest is not None and manifest.files:
        work.session.flush()  # the part before its files
        for number, (entry, key) in enumerate(zip(manifest.files, finding.blobs, strict=True)):
            work.session.add(
                OpenedFile(
                    id=work.new_id(),
                    opened_id=opened.id,
                    number=number,
                    name=entry.name,
                    media=entry.media,
                    size=entry.size,
                    sha256=entry.sha256.hex(),
                    blob=key,
                )
            )


def _revoke_unopened(work: Work, tender: Tender, bids: dict[UUID, Bid], closed: Sequence[Any]) -> None:
    """Bids with a part that did not open leave: revoked by the bidder's cause, withdrawn by anybody else's.

    Source: spec rules O-09, §10 trap 4.
    """
    for part in closed:
        bid = bids[part.bid_id]
        if bid.state is not BidState.COMPLETE:
            continue
        bid.state = BidState.REVOKED if part.cause == BIDDER else BidState.WITHDRAWN
        work.record(
            facts.BidRevoked(subject=bid.id, tender=tender.code, bid=bid.code, cause=part.cause, why=part.why)
        )
    if closed and tender.bond.minor:
        send_back(work, tender.id)


def _conclude(work: Work, tender: Tender, opening: Opening, parts: Sequence[Any]) -> None:
    opening.state, opening.opened_at = OpeningState.OPENED, work.now
    opening.objections_until_at = work.now + timers_of(tender, work.now).objections_least
    opening.version += 1
    failed = {part.bid_id for part in parts if not part.ok}
    lots = sorted({part.lot_id for part in parts})
    draw_coefficients(work, tender, opening, lots)
    work.record(
        facts.BidsOpened(
            subject=tender.id,
            tender=tender.code,
            lots=tuple(lots),
            opened=len({part.bid_id for part in parts} - failed),
            unopened=len(failed),
        )
    )
