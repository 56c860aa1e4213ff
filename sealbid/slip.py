"""A slip: what one party seals for an auction, in one small document of fixed length.

A standing limit, an offer of a sealed round, or the seller's reserve price. It names the one container it fits (by the
hash of its header, the key and the id), so it opens under no other plate, auction or round. All slips have the same
length, so a container tells nothing of the amount inside.

Source: spec sealing §5, §6; rules §4.2, §4.6 F8, §4.7; docs/formats/auction-slip.md.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealbid import jcs, merkle, signatures
from sealbid.container import Entropy, block_hashes_of, open_with_secret, prepare, seal_payload
from sealbid.envelope import Header
from sealbid.errors import SealError
from sealbid.octets import b64, u32, unb64, unhex
from sealbid.policy import Policy
from sealbid.records import RecordType

MAGIC = b"SBS1"
SLIP_BYTES = 4096
"""The length of every slip: magic, length, document, zeros."""
LIMIT, OFFER, RESERVE = "limit", "offer", "reserve"
WHATS = (LIMIT, OFFER, RESERVE)
ITEMS_MAX = 20

_FIELDS = {
    "v", "what", "tender", "lot", "auction", "plate", "bid", "part", "policy", "hb", "bk", "amount", "currency", "items",
}  # fmt: skip
_MONEY = re.compile(r"(?:0|[1-9][0-9]{0,15})\.[0-9]{2}")
_VALUE = re.compile(r"(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,8})?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Slip:
    """What is said under seal.

    Attributes:
        what: ``limit``, ``offer`` or ``reserve``. plate: empty for a reserve price.
        auction: its id. bid: the container's id, 16 bytes. hb: hash of its header. bk: key of this slip, 32 bytes.
        amount: with two decimals. items: the other values of a weighted offer, name → decimal string.
    """

    what: str
    tender: str
    lot: str
    auction: str
    plate: str
    bid: bytes
    part: str
    policy: bytes
    hb: bytes
    bk: bytes
    amount: str
    currency: str
    items: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "v": 1,
            "what": self.what,
            "tender": self.tender,
            "lot": self.lot,
            "auction": self.auction,
            "plate": self.plate,
            "bid": self.bid.hex(),
            "part": self.part,
            "policy": self.policy.hex(),
            "hb": self.hb.hex(),
            "bk": b64(self.bk),
            "amount": self.amount,
            "currency": self.currency,
            "items": [{"name": name, "value": value} for name, value in sorted(self.items.items())],
        }

    @classmethod
    def from_json(cls, found: object) -> Self:
        """Parse strictly; ``slip_format`` says what cannot be read."""
        if not isinstance(found, dict) or set(found) != _FIELDS or found["v"] != 1 or found["v"] is True:
            raise SealError("slip_format", "A slip has a field too few or too many.")
        texts = ("what", "tender", "lot", "auction", "plate", "part", "amount", "currency")
        if not all(isinstance(found[name], str) and len(found[name]) <= 128 for name in texts):
            raise SealError("slip_format", "A field of the slip is no short text.")
        if found["what"] not in WHATS or not _UUID.fullmatch(found["auction"]):
            raise SealError("slip_format", "The slip names no kind or no auction.", field="what")
        if bool(found["plate"]) is (found["what"] == RESERVE):
            raise SealError(
                "slip_format", "A bidder's slip names his plate, a reserve price none.", field="plate"
            )
        if not _MONEY.fullmatch(found["amount"]):
            raise SealError("slip_format", "An amount is a decimal string with two decimals.", field="amount")
        try:
            return cls(
                **{name: found[name] for name in texts},
                bid=unhex(found["bid"], 16),
                policy=unhex(found["policy"], 32),
                hb=unhex(found["hb"], 32),
                bk=unb64(found["bk"], 32),
                items=_items(found["items"]),
            )
        except SealError as problem:
            raise SealError("slip_format", problem.detail) from problem


def _items(found: object) -> dict[str, str]:
    if not isinstance(found, list) or len(found) > ITEMS_MAX:
        raise SealError("slip_format", "Further values are a list.", field="items")
    made: dict[str, str] = {}
    for one in found:
        if not isinstance(one, dict) or set(one) != {"name", "value"}:
            raise SealError("slip_format", "A further value has a name and a value.", field="items")
        name, value = one["name"], one["value"]
        if not isinstance(name, str) or not 1 <= len(name) <= 64 or name in made:
            raise SealError("slip_format", "A further value has a name of its own.", field="items")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise SealError("slip_format", "A further value is a decimal string.", field="items")
        made[name] = value
    if list(made) != sorted(made):
        raise SealError("slip_format", "Further values stand in the order of their names.", field="items")
    return made


def encode(slip: Slip) -> bytes:
    """The plaintext of a slip, always ``SLIP_BYTES`` long; ``slip_too_long`` when it does not fit."""
    text = jcs.encode(slip.to_json())
    if len(MAGIC) + 4 + len(text) > SLIP_BYTES:
        raise SealError("slip_too_long", "The slip does not fit its form.")
    return (MAGIC + u32(len(text)) + text).ljust(SLIP_BYTES, b"\0")


def decode(plain: bytes) -> Slip:
    """Read a plaintext strictly; refuses ``slip_format`` and what canonical JSON refuses."""
    if len(plain) != SLIP_BYTES or plain[:4] != MAGIC:
        raise SealError("slip_format", "This is no slip.")
    size = int.from_bytes(plain[4:8], "big")
    if size > SLIP_BYTES - 8 or plain[8 + size :].strip(b"\0"):
        raise SealError("slip_format", "The slip is longer than it says.")
    return Slip.from_json(jcs.decode_object(plain[8 : 8 + size]))


@dataclass(frozen=True, repr=False)
class SealedSlip:
    """A slip under seal: what is handed in, and what stays with whoever sealed it.

    Attributes:
        container: header and payload. commit: body and signature of its ``slip-commit``.
        secret: opens it without any custodian. seed: of the key that signed the commit.
    """

    container: bytes
    root: bytes
    commit: dict[str, Any]
    secret: bytes
    seed: bytes
    slip: Slip


def seal_slip(
    *,
    policy: Policy,
    part: str,
    what: str,
    lot: str,
    auction: str,
    plate: str,
    amount: str,
    entropy: Entropy,
    currency: str = "CNY",
    items: Mapping[str, str] | None = None,
) -> SealedSlip:
    """Seal a slip on the machine of whoever it belongs to; nothing is sent.

    Args:
        policy: one the caller has found sound and logged. part: the round of the auction, a part of the policy.

    Raises:
        SealError: ``slip_format``, ``slip_too_long`` and any refusal of ``prepare``.

    Source: spec sealing §5, §6.
    """
    bid, seed = entropy(16), entropy(32)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    envelope = prepare(policy=policy, part=part, bid=bid, entropy=entropy)
    slip = Slip(
        what=what,
        tender=policy.tender,
        lot=lot,
        auction=auction,
        plate=plate,
        bid=bid,
        part=part,
        policy=policy.digest,
        hb=envelope.header.hash,
        bk=key.public_key().public_bytes_raw(),
        amount=amount,
        currency=currency,
        items=dict(items or {}),
    )
    Slip.from_json(slip.to_json())
    out = io.BytesIO()
    sealed = seal_payload(envelope, io.BytesIO(encode(slip)), out)
    body = commit_body(slip, sealed.root, sealed.size, len(sealed.block_hashes))
    commit = {"body": body, "sig": signatures.sign(RecordType.SLIP_COMMIT, body, key).to_json()}
    return SealedSlip(out.getvalue(), sealed.root, commit, envelope.secret, seed, slip)


def commit_body(slip: Slip, root: bytes, size: int, blocks: int) -> dict[str, Any]:
    """The body of a slip's ``slip-commit``: like a bid's, and it names the auction."""
    return {
        "v": 1,
        "tender": slip.tender,
        "lot": slip.lot,
        "auction": slip.auction,
        "bid": slip.bid.hex(),
        "policy": slip.policy.hex(),
        "bk": b64(slip.bk),
        "parts": [{"part": slip.part, "root": root.hex(), "size": size, "blocks": blocks}],
    }


def root_of(container: bytes) -> tuple[bytes, list[bytes]]:
    """The root that identifies a container, and the hashes of its blocks."""
    hashes = block_hashes_of(io.BytesIO(container))
    return merkle.root_of_hashes(hashes), list(hashes)


def open_slip(container: bytes, secret: bytes, *, root: bytes, header: Header) -> Slip:
    """Decrypt and read a slip; the container must be the one of ``root``.

    Raises:
        SealError: what opening refuses, ``slip_format``; ``slip_other_envelope`` when it names another container.

    Source: spec sealing §5 (opening).
    """
    out = io.BytesIO()
    open_with_secret(io.BytesIO(container), out, secret, b"", root=root, size=len(container))
    slip = decode(out.getvalue())
    named = (slip.hb, slip.bid, slip.part, slip.policy, slip.tender)
    if named != (header.hash, header.bid, header.part, header.policy, header.tender):
        raise SealError("slip_other_envelope", "The slip was made for another envelope.")
    return slip


def require_own(slip: Slip, *, what: str, auction: str, plate: str, lot: str, bk: bytes) -> None:
    """Refuse (``slip_other``) a slip that speaks for another auction, plate, purpose or key."""
    pairs = {
        "what": (slip.what, what),
        "auction": (slip.auction, auction),
        "plate": (slip.plate, plate),
        "lot": (slip.lot, lot),
        "bk": (slip.bk, bk),
    }
    for name, (said, is_so) in pairs.items():
        if said != is_so:
            raise SealError("slip_other", f"The slip names another {name}.", field=name)
