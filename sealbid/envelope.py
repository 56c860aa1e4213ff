"""The header of a sealed container: shares dealt, wrapped, committed to, and put together again.

Source: spec sealing §5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.octets import b64, is_display_text, label, u8, u32, unb64, unhex
from sealbid.policy import Policy
from sealbid.shamir import SHARES_MAX, interpolate, split
from sealbid.suites import SHARE_BYTES, Suite, suite_named

MAGIC = b"SEALBID1"
PREFIX_BYTES = len(MAGIC) + 4
HEADER_BYTES_MAX = 65536
CHUNK_BITS = 20
BID_BYTES = 16
SECRET_BYTES = SHARE_BYTES
TEXT_LENGTH_MAX = 128

Entropy = Callable[[int], bytes]

_FIELDS = {"v", "suite", "tender", "part", "policy", "bid", "t", "cs", "kc", "sh"}


@dataclass(frozen=True)
class WrappedShare:
    """Custodian ``x``'s share under his key, and the commitment to it."""

    x: int
    commitment: bytes
    envelope: bytes


@dataclass(frozen=True)
class Header:
    """A header that has passed every check of form; ``raw`` is magic, length and JSON as stored."""

    suite: str
    tender: str
    part: str
    policy: bytes
    bid: bytes
    t: int
    key_commitment: bytes
    shares: tuple[WrappedShare, ...]
    lock_commitment: bytes | None
    raw: bytes

    @property
    def n(self) -> int:
        return len(self.shares)

    @property
    def hash(self) -> bytes:
        """``H(hb)``, which the manifest names, 32 bytes."""
        return suite_named(self.suite).hash(self.raw)

    def share(self, x: int) -> WrappedShare:
        """Return entry ``x``; ``custodian_unknown`` when there is none."""
        if not 1 <= x <= self.n:
            raise SealError("custodian_unknown", f"No custodian has the number {x}.", x=x)
        return self.shares[x - 1]


@dataclass(frozen=True, repr=False)
class Envelope:
    """A header and the secrets behind it, before any payload exists; kept by the bidder alone."""

    header: Header
    secret: bytes
    lock: bytes


def prepare(
    *,
    policy: Policy,
    part: str,
    bid: bytes,
    entropy: Entropy,
    own_lock: bool = False,
    suite: str | None = None,
) -> Envelope:
    """Pick a fresh secret, deal it to the custodians and write the header.

    The manifest of the plaintext names the header's hash, so the header comes first.

    Args:
        policy: a policy the caller has found sound (``require_sound_policy``).
        bid: 16 random bytes, the same for all parts of one bid.
        entropy: returns that many fresh random bytes.
        own_lock: add the bidder's own lock; the policy must allow it.

    Raises:
        SealError: ``wrong_part``, ``suite_not_allowed``, ``lock_not_allowed``, ``bid_format``, ``entropy``,
            ``public_key`` or ``header_text``.

    Source: spec sealing §5 steps 1–5.
    """
    chosen = suite or policy.suites[0]
    if part not in policy.parts:
        raise SealError("wrong_part", f"The policy knows no part {part!r}.")
    if chosen not in policy.suites:
        raise SealError("suite_not_allowed", f"The policy does not allow suite {chosen!r}.")
    if own_lock and policy.lock != "optional":
        raise SealError("lock_not_allowed", "The policy does not allow a bidder's own lock.")
    if len(bid) != BID_BYTES:
        raise SealError("bid_format", "A bid id has 16 bytes.")
    algorithms = suite_named(chosen)
    secret = _random(entropy, SECRET_BYTES)
    lock = _random(entropy, SECRET_BYTES) if own_lock else b""
    shares = split(secret, t=policy.t, n=policy.n, entropy=entropy)
    fields: dict[str, Any] = {
        "v": 1,
        "suite": chosen,
        "tender": policy.tender,
        "part": part,
        "policy": policy.digest.hex(),
        "bid": bid.hex(),
        "t": policy.t,
        "cs": CHUNK_BITS,
        "kc": b64(_key_commitment(algorithms, secret, bid)),
        "sh": [
            {
                "x": x,
                "c": b64(_share_commitment(algorithms, bid, x, share)),
                "e": b64(algorithms.wrap(policy.custodian(x).pk, _share_info(policy.digest, bid, x), share)),
            }
            for x, share in shares.items()
        ],
    }
    if own_lock:
        fields["lk"] = b64(_lock_commitment(algorithms, bid, lock))
    text = jcs.encode(fields)
    return Envelope(parse_header(MAGIC + u32(len(text)) + text), secret, lock)


def parse_header(first_bytes: bytes) -> Header:
    """Parse the header at the beginning of a container; bytes after it are not looked at.

    Raises:
        SealError: ``header_magic``, ``header_length``, ``header_truncated``, ``json_*``, ``header_fields``,
            ``suite_unknown``, ``header_text``, ``header_threshold``, ``header_shares`` or ``header_format``.

    Source: spec sealing §5.
    """
    if first_bytes[: len(MAGIC)] != MAGIC:
        raise SealError("header_magic", "This is not a sealed container.")
    length = int.from_bytes(first_bytes[len(MAGIC) : PREFIX_BYTES], "big")
    if length > HEADER_BYTES_MAX:
        raise SealError("header_length", "The header claims more than 65536 bytes.")
    raw = bytes(first_bytes[: PREFIX_BYTES + length])
    if len(raw) < PREFIX_BYTES + length or length == 0:
        raise SealError("header_truncated", "The container ends within its header.")
    fields = jcs.decode_object(raw[PREFIX_BYTES:])
    if not _FIELDS <= set(fields) <= _FIELDS | {"lk"}:
        raise SealError("header_fields", "The header has a field too few or too many.")
    if any(isinstance(fields[name], bool) for name in ("v", "t", "cs")) or (fields["v"], fields["cs"]) != (
        1,
        CHUNK_BITS,
    ):
        raise SealError("header_format", "The header is of another version.")
    suite = suite_named(fields["suite"] if isinstance(fields["suite"], str) else "")
    for name in ("tender", "part"):
        _require_text(fields[name])
    shares = _parse_shares(suite, fields["sh"])
    if not isinstance(fields["t"], int) or not 2 <= fields["t"] <= len(shares) <= SHARES_MAX:
        raise SealError("header_threshold", "The threshold must satisfy 2 ≤ t ≤ n ≤ 16.")
    try:
        return Header(
            suite=suite.id,
            tender=fields["tender"],
            part=fields["part"],
            policy=unhex(fields["policy"], suite.hash_bytes),
            bid=unhex(fields["bid"], BID_BYTES),
            t=fields["t"],
            key_commitment=unb64(fields["kc"], 32),
            shares=shares,
            lock_commitment=unb64(fields["lk"], suite.hash_bytes) if "lk" in fields else None,
            raw=raw,
        )
    except SealError as problem:
        raise SealError("header_format", problem.detail) from problem


def require_header(
    header: Header, *, policy: Policy, part: str | None = None, bid: bytes | None = None
) -> None:
    """Refuse a container that was not made for this tender, policy, part and bid.

    Raises:
        SealError: ``wrong_policy``, ``wrong_tender``, ``suite_not_allowed``, ``wrong_threshold``,
            ``lock_not_allowed``, ``wrong_part`` or ``wrong_bid``, checked in that order.

    Source: spec sealing §3 (no downgrade), §5.
    """
    if header.policy != policy.digest:
        raise SealError("wrong_policy", "The container was sealed under another policy.")
    if header.tender != policy.tender:
        raise SealError("wrong_tender", "The container was sealed for another tender.")
    if header.suite not in policy.suites:
        raise SealError("suite_not_allowed", "The container uses a suite that the policy does not allow.")
    if (header.t, header.n) != (policy.t, policy.n):
        raise SealError("wrong_threshold", "The container deals another number of shares than the policy.")
    if header.lock_commitment is not None and policy.lock != "optional":
        raise SealError("lock_not_allowed", "The container has a lock that the policy does not allow.")
    if header.part not in policy.parts or (part is not None and header.part != part):
        raise SealError("wrong_part", "The container holds another part of a bid.")
    if bid is not None and header.bid != bid:
        raise SealError("wrong_bid", "The container belongs to another bid.")


def unwrap_share(header: Header, x: int, seed: bytes, policy_digest: bytes) -> bytes:
    """Decrypt a custodian's own share, 32 bytes, and compare it with its commitment.

    Raises:
        SealError: ``wrong_policy``; ``envelope_unreadable`` or ``share_dealt_wrong``, both the bidder's fault
            (to be disputed by showing the seed).

    Source: spec sealing §5 step 3, §6.1 (custodian-ack), §8 step 6.
    """
    if header.policy != policy_digest:
        raise SealError("wrong_policy", "The container was sealed under another policy.")
    suite, entry = suite_named(header.suite), header.share(x)
    try:
        share = suite.unwrap(seed, _share_info(policy_digest, header.bid, x), entry.envelope)
    except SealError as problem:
        raise SealError(problem.code, problem.detail, x=x, fault="bidder") from problem
    if _share_commitment(suite, header.bid, x, share) != entry.commitment:
        raise SealError(
            "share_dealt_wrong", f"The envelope of custodian {x} holds another share.", x=x, fault="bidder"
        )
    return share


def check_share(header: Header, x: int, share: bytes) -> None:
    """Refuse a released share that is not the committed one: ``share_void``, the custodian's fault.

    Source: spec sealing §5, opening step 1.
    """
    entry, suite = header.share(x), suite_named(header.suite)
    if len(share) != SHARE_BYTES or _share_commitment(suite, header.bid, x, share) != entry.commitment:
        raise SealError(
            "share_void", f"Custodian {x} released something else than his share.", x=x, fault="custodian"
        )


def recover_secret(header: Header, shares: Mapping[int, bytes]) -> bytes:
    """Return ``S`` from released shares, after proving that the bidder dealt consistently.

    Any t good shares give the same answer or the same refusal: the commitments fix all n share values.

    Raises:
        SealError: ``share_void`` naming the custodian in ``facts["x"]`` (leave that release out and try
            again), ``too_few_shares``, ``dealt_inconsistently`` or ``key_commitment``, both of which void the
            bid for everybody.

    Source: spec sealing §5, opening steps 1 and 2.
    """
    for x, share in sorted(shares.items()):
        check_share(header, x, share)
    if len(shares) < header.t:
        raise SealError("too_few_shares", "Fewer shares than the threshold.", have=len(shares), need=header.t)
    chosen = {x: shares[x] for x in sorted(shares)[: header.t]}
    suite = suite_named(header.suite)
    for entry in header.shares:
        point = interpolate(chosen, entry.x)
        if _share_commitment(suite, header.bid, entry.x, point) != entry.commitment:
            raise SealError(
                "dealt_inconsistently", "The bidder's shares lie on no common polynomial.", fault="bidder"
            )
    secret = interpolate(chosen)
    if _key_commitment(suite, secret, header.bid) != header.key_commitment:
        raise SealError("key_commitment", "The shares give another secret than committed.", fault="bidder")
    return secret


def payload_key(header: Header, secret: bytes, lock: bytes) -> bytes:
    """Return ``K``, which depends on every byte of the header. Source: spec sealing §5 step 6."""
    suite = suite_named(header.suite)
    return suite.hkdf(secret + lock, header.hash, b"sealbid/1 payload", suite.key_bytes)


def require_secret(header: Header, secret: bytes, lock: bytes) -> None:
    """Refuse keys that are not this container's: ``secret_mismatch``, ``lock_missing``, ``lock_mismatch``.

    Source: spec sealing §5 steps 4 and 5.
    """
    suite = suite_named(header.suite)
    if len(secret) != SECRET_BYTES or _key_commitment(suite, secret, header.bid) != header.key_commitment:
        raise SealError("secret_mismatch", "This secret does not belong to this container.")
    if header.lock_commitment is None:
        if lock:
            raise SealError("lock_mismatch", "This container has no lock of the bidder's own.")
    elif not lock:
        raise SealError("lock_missing", "The bidder's own lock is needed as well.")
    elif _lock_commitment(suite, header.bid, lock) != header.lock_commitment:
        raise SealError("lock_mismatch", "This lock does not belong to this container.")


def _parse_shares(suite: Suite, found: object) -> tuple[WrappedShare, ...]:
    if not isinstance(found, list) or not 2 <= len(found) <= SHARES_MAX:
        raise SealError("header_shares", "A header lists 2 to 16 shares.")
    shares = []
    for x, entry in enumerate(found, start=1):
        if not isinstance(entry, dict) or set(entry) != {"x", "c", "e"}:
            raise SealError("header_shares", "A share has a field too few or too many.")
        if isinstance(entry["x"], bool) or entry["x"] != x:
            raise SealError("header_shares", "Shares are numbered from 1 to n in order.")
        try:
            shares.append(
                WrappedShare(x, unb64(entry["c"], suite.hash_bytes), unb64(entry["e"], suite.envelope_bytes))
            )
        except SealError as problem:
            raise SealError("header_shares", problem.detail, x=x) from problem
    return tuple(shares)


def _require_text(found: object) -> None:
    if not is_display_text(found, TEXT_LENGTH_MAX):
        raise SealError("header_text", "Tender and part are plain texts of 1 to 128 characters.")


def _random(entropy: Entropy, size: int) -> bytes:
    data = entropy(size)
    if len(data) != size:
        raise SealError("entropy", "The source of entropy returned the wrong number of bytes.")
    return data


def _share_commitment(suite: Suite, bid: bytes, x: int, share: bytes) -> bytes:
    return suite.hash(label("sealbid/1 share-commit"), bid, u8(x), share)


def _share_info(policy_digest: bytes, bid: bytes, x: int) -> bytes:
    return label("sealbid/1 share") + policy_digest + bid + u8(x)


def _key_commitment(suite: Suite, secret: bytes, bid: bytes) -> bytes:
    return suite.hkdf(secret, bid, b"sealbid/1 key-commit", 32)


def _lock_commitment(suite: Suite, bid: bytes, lock: bytes) -> bytes:
    return suite.hash(label("sealbid/1 lock"), bid, lock)
