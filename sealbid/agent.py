"""A custodian's own judgement: when a share may leave his machine, and when not.

Everything here is pure; ``sealbid.custodian`` keeps the seeds and talks to
the platform. A custodian who runs this code cannot be talked into opening a
bid early, opening too few, or opening under a history his witnesses have
not seen.

Source: sealing specification §6.1 (custodian-ack), §8 step 2.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sealbid import jcs, merkle, receipts, tlog
from sealbid.container import parse_header, require_header, unwrap_share
from sealbid.errors import SealError
from sealbid.octets import b64, unb64
from sealbid.policy import Policy, key_statement
from sealbid.records import Json, RecordType, entry_of, validate
from sealbid.suites import suite_named
from sealbid.tlog import Checkpoint, TlogProof

COMMITS = {RecordType.TENDER_CLOSE: RecordType.BID_COMMIT, RecordType.SLIP_CLOSE: RecordType.SLIP_COMMIT}
"""Which commitments a closing lists: bids of a tender, or slips of an auction."""

# What a body that was never checked makes our reading stumble over.
_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError)


@dataclass(frozen=True)
class BidKit:
    """What a custodian is shown of one bid: its logged commit and its container's header block.

    ``header_proof`` is the inclusion proof of block 0 under the committed root.
    """

    commit: Json
    proof: TlogProof
    header: bytes
    header_proof: tuple[bytes, ...]

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "BidKit":
        """Parse ``{"commit","proof","header","header_proof"}``."""
        return cls(
            commit=validate(found["commit"]),
            proof=TlogProof.parse(found["proof"]),
            header=unb64(found["header"]),
            header_proof=tuple(unb64(step, 32) for step in found["header_proof"]),
        )


@dataclass(frozen=True)
class ReleaseKit:
    """What a custodian is shown when he is asked to release one part.

    ``consistency`` leads from the last checkpoint he saw to the one under ``close_proof``.
    """

    part: str
    close: Json
    close_proof: TlogProof
    consistency: tuple[bytes, ...]
    bids: tuple[BidKit, ...]

    @classmethod
    def from_json(cls, data: bytes) -> "ReleaseKit":
        """Parse the answer of ``GET /api/v1/tenders/{t}/release-kit``; ``kit_shape`` otherwise."""
        found = jcs.decode_object(data)
        try:
            return cls(
                part=found["part"],
                close=validate(found["close"]),
                close_proof=TlogProof.parse(found["close_proof"]),
                consistency=tuple(unb64(step, 32) for step in found["consistency"]),
                bids=tuple(BidKit.from_json(bid) for bid in found["bids"]),
            )
        except (KeyError, TypeError) as error:
            raise SealError("kit_shape", "the release kit lacks a member") from error


def release_kit_json(kit: ReleaseKit) -> bytes:
    """The bytes that ``ReleaseKit.from_json`` reads: what a platform answers."""
    return jcs.encode(
        {
            "part": kit.part,
            "close": kit.close,
            "close_proof": str(kit.close_proof),
            "consistency": [b64(step) for step in kit.consistency],
            "bids": [
                {
                    "commit": bid.commit,
                    "proof": str(bid.proof),
                    "header": b64(bid.header),
                    "header_proof": [b64(step) for step in bid.header_proof],
                }
                for bid in kit.bids
            ],
        }
    )


@dataclass(frozen=True)
class Release:
    """A decision to release.

    Attributes:
        shares: (bid in hex, 32-byte share), by bid.
        bad: (bid, refusal code) where the bidder dealt this custodian no good share.
        close: leaf of the closing; ``checkpoint`` is to be remembered as the last seen.
    """

    part: str
    close: int
    shares: tuple[tuple[str, bytes], ...]
    bad: tuple[tuple[str, str], ...]
    checkpoint: Checkpoint

    def private(self) -> Json:
        """The confidential part of the ``share-release`` record."""
        return {"shares": [{"bid": bid, "share": b64(share)} for bid, share in self.shares]}

    def body(self, tender: str, x: int) -> Json:
        """The public part, without ``d``."""
        bad = [{"bid": bid, "why": why} for bid, why in self.bad]
        return {"tender": tender, "part": self.part, "close": self.close, "x": x, "bad": bad}


def decide_release(
    kit: ReleaseKit,
    *,
    policy: Policy,
    trust: tlog.Policy,
    x: int,
    seed: bytes,
    now: datetime,
    last_checkpoint: Checkpoint | None,
    parts_allowed: Collection[str],
    approved: bool,
    earlier: Sequence[Policy] = (),
) -> Release:
    """Release this custodian's shares, or refuse with the reason.

    Args:
        policy: the tender's policy, as this custodian signed it.
        trust: the log and witnesses this custodian believes.
        seed: his 32-byte seed of this tender.
        now: his own clock.
        last_checkpoint: the last one he accepted; None the first time.
        parts_allowed: parts that may be opened at this stage.
        approved: a person confirmed, or the agent is set to release by itself.
        earlier: predecessors of the policy, proven logged; bids under them stay valid (§4).
            A bid of a policy in which this seed has no seat is passed over.

    Raises:
        SealError: ``release_early`` (a); ``release_close``, ``release_rollback`` or what
            proofs refuse (b); ``release_too_few`` (c), counted
            lot by lot: of a lot with too few bids no share leaves; ``release_bid`` naming the bid (d);
            ``release_part`` (e); ``release_unapproved`` (f).

    Source: sealing specification §8 step 2 (a)–(f).
    """
    if now < policy.opening:
        raise SealError("release_early", f"the opening is at {policy.opening:%Y-%m-%dT%H:%M:%SZ}")
    checkpoint = _require_close(kit, policy, trust, last_checkpoint)
    listed: list[Json] = kit.close["body"]["bids"]
    if len(listed) < policy.min_bids:
        raise SealError("release_too_few", f"{len(listed)} bids, {policy.min_bids} needed: they stay sealed")
    shown = {str(bid.commit["body"].get("bid")): bid for bid in kit.bids}
    if set(shown) != {bid["bid"] for bid in listed} or len(shown) != len(kit.bids):
        raise SealError("release_bid", "the bids shown are not those of the closing")
    known = {p.digest.hex(): p for p in (policy, *earlier) if p.tender == policy.tender}
    for entry in listed:
        _require_bid(kit, known, checkpoint, entry, shown[entry["bid"]])
    if kit.part not in parts_allowed or kit.part not in policy.parts:
        raise SealError("release_part", f"the part {kit.part!r} is not due at this stage")
    if not approved:
        raise SealError("release_unapproved", "nobody confirmed this release")
    crowded = _lots_with_enough(shown.values(), policy.min_bids)
    if not crowded:
        raise SealError("release_too_few", f"no lot has {policy.min_bids} bids: they stay sealed")
    good: list[tuple[str, bytes]] = []
    bad: list[tuple[str, str]] = []
    for name in sorted(shown):
        own = known[shown[name].commit["body"]["policy"]]
        if shown[name].commit["body"]["lot"] not in crowded or not _is_seated(own, x, seed):
            continue
        try:
            good.append((name, _own_share(shown[name].header, own, kit.part, name, x=x, seed=seed)))
        except SealError as error:
            # The header is proven to be the bidder's own bytes: what is wrong with it is his doing,
            # and no single bidder may hold up the opening of the others.
            bad.append((name, error.code))
    return Release(kit.part, kit.close_proof.index, tuple(good), tuple(bad), checkpoint)


def _lots_with_enough(bids: Iterable[BidKit], least: int) -> set[str]:
    """The lots that reached the number of bids; of the others no share leaves, so they stay sealed for ever.

    Source: sealing specification §8 step 2 (c), counted for each lot, the unit of bidding.
    """
    counts = Counter(str(bid.commit["body"]["lot"]) for bid in bids)
    return {lot for lot, count in counts.items() if count >= least}


def _require_close(
    kit: ReleaseKit, policy: Policy, trust: tlog.Policy, last: Checkpoint | None
) -> Checkpoint:
    """Condition (b): a quorum saw the closing, in a history that grew out of what we saw before."""
    body = kit.close["body"]
    if kit.close["t"] not in COMMITS or body.get("tender") != policy.tender:
        raise SealError("release_close", "this is not the closing of the tender")
    if kit.close["t"] == RecordType.SLIP_CLOSE and body.get("part") != kit.part:
        raise SealError("release_close", "this closing is for another part")
    if kit.close["tender"] != policy.tender:
        raise SealError("release_close", "this is not the closing of the tender")
    checkpoint = kit.close_proof.verify(entry_of(kit.close), trust).checkpoint
    if last is not None:
        if last.origin != checkpoint.origin or last.size > checkpoint.size:
            raise SealError("release_rollback", f"we have already seen {last.origin} at size {last.size}")
        merkle.verify_consistency(last.size, checkpoint.size, kit.consistency, last.root, checkpoint.root)
    return checkpoint


def _is_seated(policy: Policy, x: int, seed: bytes) -> bool:
    """Whether this seed's key holds seat ``x`` of the policy."""
    return any(c.x == x and c.pk == suite_named(policy.suites[0]).public_key(seed) for c in policy.custodians)


def _require_bid(
    kit: ReleaseKit,
    known: Mapping[str, Policy],
    checkpoint: Checkpoint,
    listed: Mapping[str, Any],
    bid: BidKit,
) -> None:
    """Condition (d): committed before the closing, under this policy, not withdrawn, header as committed."""
    name, body = str(listed["bid"]), bid.commit["body"]

    def refuse(why: str) -> SealError:
        return SealError("release_bid", f"bid {name[:8]}…: {why}", bid=name)

    gone = {str(b.get("bid")) for key in ("withdrawn", "late") for b in kit.close["body"].get(key, [])}
    if name in gone:
        raise refuse("withdrawn or late")
    if bid.commit["t"] != COMMITS[kit.close["t"]] or bid.proof.index != listed["commit"]:
        raise refuse("the commit shown is not the one in the closing")
    if bid.proof.index >= kit.close_proof.index:
        raise refuse("committed after the closing")
    policy = known.get(str(body.get("policy")))
    if policy is None or body.get("tender") != policy.tender:
        raise refuse("committed under another policy")
    try:
        slip = kit.close["t"] == RecordType.SLIP_CLOSE  # a slip has one part, a bid all of them
        place = policy.parts.index(kit.part) if kit.part in policy.parts and not slip else 0
        part = body["parts"][place]
        if slip and (len(body["parts"]), part["part"]) != (1, kit.part):
            raise SealError("release_bid", "it belongs to another part")
        if listed["parts"][place] != part["root"]:
            raise SealError("release_bid", "the closing names another root")
        receipts.require_commit_signature(bid.commit)
        if Checkpoint.parse(bid.proof.note.text) != checkpoint:
            raise SealError("release_bid", "its proof stands under another checkpoint")
        bid.proof.verify_in(entry_of(bid.commit), checkpoint)
        _require_header_block(bid.header, bid.header_proof, part, policy)
    except SealError as error:
        raise refuse(f"{error.code}: {error.detail}") from error
    except _MALFORMED as error:
        raise refuse("its commit is malformed") from error


def _require_header_block(
    raw: bytes, proof: Sequence[bytes], part: Mapping[str, Any], policy: Policy
) -> None:
    """These bytes are block 0 of the committed container, whatever they say."""
    hasher = suite_named(policy.suites[0]).hash
    root = bytes.fromhex(part["root"])
    merkle.verify_inclusion(hasher(b"\x00", raw), 0, part["blocks"], proof, root, hasher=hasher)


def _own_share(raw: bytes, policy: Policy, part: str, bid: str, *, x: int, seed: bytes) -> bytes:
    """The share in a proven header block; any refusal is the bidder's fault."""
    header = parse_header(raw)
    require_header(header, policy=policy, part=part, bid=bytes.fromhex(bid))
    return unwrap_share(header, x, seed, policy.digest)


def make_ack(bid: BidKit, *, policy: Policy, x: int, seed: bytes, part: str) -> Json:
    """The body of a ``custodian-ack``: this custodian's own share of that bid is good.

    The share is decrypted and compared with its commitment; nothing of it leaves.

    Raises:
        SealError: ``ack_part``, a header that is not the committed one, or ``unwrap_share``'s
            refusals when the bidder dealt badly.

    Source: sealing specification §6.1.
    """
    body = bid.commit["body"]
    receipts.require_commit_signature(bid.commit)
    found = next((p for p in body["parts"] if p["part"] == part), None)
    if found is None:
        raise SealError("ack_part", f"the bid has no part {part!r}")
    _require_header_block(bid.header, bid.header_proof, found, policy)
    _own_share(bid.header, policy, part, body["bid"], x=x, seed=seed)
    return {
        "tender": policy.tender,
        "bid": body["bid"],
        "part": part,
        "x": x,
        "ok": True,
        "root": found["root"],
    }


def make_key_statement(
    tender: str, x: int, role: str, org: str, not_after: datetime, *, seed: bytes, suite: str = "intl-1"
) -> Json:
    """The body of a ``custodian-key`` statement for a fresh seed, to be signed by the custodian's identity.

    Source: sealing specification §4.
    """
    pk = suite_named(suite).public_key(seed)
    return key_statement(tender=tender, x=x, role=role, org=org, pk=pk, not_after=not_after)
