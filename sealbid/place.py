"""The place of an auction's receipt in the log: what a bidder holds once the journal's chain has gone there.

A receipt names its event by a salted digest. The platform states which leaf of the log covers that event, and proves
that the leaf is in a (witnessed) checkpoint. While the auction runs the leaf's content stays closed, because it counts
everybody's events; after the end the file also holds the record and the digests that lead from the receipt to it. A
platform that named a leaf which does not cover the event is convicted by its own signature.

Source: rules specification §4.3 A-09; spec sealing §6.1, §7.2; docs/formats/auction-journal.md §3.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sealbid import jcs, signatures
from sealbid.errors import SealError
from sealbid.octets import b64, label, unb64, unhex
from sealbid.receipts import State
from sealbid.records import ENTRY_BYTES, Json, RecordType, entry_of, validate
from sealbid.signatures import SignatureObject
from sealbid.tlog import Cosigned, Policy, TlogProof

KIND = "auction-place"
RECEIPT_TYPE = "auction-receipt"
Sign = Callable[[str, Json], Json]

_CHAIN = label("sunroad/1 auction chain")
_FIELDS = {"v", "kind", "receipt", "entry", "proof", "path", "sig"}


@dataclass(frozen=True)
class Path:
    """From a receipt's event to the logged chain: the chain before it, the digests after it, the record."""

    before: str
    after: Sequence[str]
    record: Json

    def to_json(self) -> Json:
        return {"before": self.before, "after": list(self.after), "record": self.record}


@dataclass(frozen=True)
class Standing:
    """What a place proves. ``chained``: whether the leaf is shown to hold this very receipt's event."""

    state: State
    chained: bool
    index: int | None = None
    cosigned: Cosigned | None = None


def build(receipt: Json, *, entry: bytes, proof: TlogProof | None, path: Path | None, sign: Sign) -> bytes:
    """The bytes of the file, signed by the platform (type ``auction-place``).

    Args:
        entry: the 34-byte log entry of the anchor that covers the receipt's event; empty while there is none.
    """
    body: Json = {
        "v": 1,
        "kind": KIND,
        "receipt": receipt,
        "entry": b64(entry),
        "proof": str(proof) if proof is not None else "",
        "path": path.to_json() if path is not None else {},
    }
    return jcs.encode({**body, "sig": sign(KIND, body)})


def is_place(data: bytes) -> bool:
    """Whether these bytes are such a file, by their own word."""
    try:
        return jcs.decode_object(data).get("kind") == KIND
    except SealError:
        return False


def verify(data: bytes, *, platform_key: bytes, policy: Policy) -> Standing:
    """Check everything the file claims, and say how far the receipt has come.

    Raises:
        SealError: ``place_shape``; a signature that is wrong; ``place_entry`` when the record is not the proven leaf;
            ``place_chain`` when the receipt's event is not under the logged chain; a proof that fails.
    """
    found = jcs.decode_object(data)
    if (
        set(found) != _FIELDS
        or found["v"] != 1
        or found["kind"] != KIND
        or not isinstance(found["receipt"], dict)
    ):
        raise SealError("place_shape", "not the members of a receipt's place")
    body = {name: value for name, value in found.items() if name != "sig"}
    signatures.verify(SignatureObject.from_json(found["sig"]), KIND, body, platform_key)
    receipt = found["receipt"]
    said = {name: value for name, value in receipt.items() if name != "sig"}
    signatures.verify(SignatureObject.from_json(receipt.get("sig")), RECEIPT_TYPE, said, platform_key)
    if not found["proof"]:
        return Standing(State.STORED, chained=False)
    entry = unb64(found["entry"], ENTRY_BYTES)
    chained = bool(found["path"])
    if chained:
        _require_path(receipt, found["path"], entry)
    proof = TlogProof.parse(found["proof"])
    proof.verify_in(entry, policy.require_log(proof.note))
    try:
        cosigned = policy.require(proof.note)
    except SealError as error:
        if error.code != "quorum":
            raise
        return Standing(State.LOGGED, chained, proof.index)
    return Standing(State.WITNESSED, chained, proof.index, cosigned)


def _require_path(receipt: Json, path: Any, entry: bytes) -> None:
    if not isinstance(path, dict) or set(path) != {"before", "after", "record"}:
        raise SealError("place_shape", "not the members of a path")
    record = validate(path["record"])
    if record["t"] != RecordType.AUCTION_JOURNAL or entry_of(record) != entry:
        raise SealError("place_entry", "the record is not the leaf that was proven")
    chain = unhex(path["before"], 32)
    for digest in (receipt["event"], *path["after"]):
        chain = hashlib.sha256(_CHAIN + chain + unhex(digest, 32)).digest()
    if chain.hex() != record["body"]["chain"]:
        raise SealError("place_chain", "the receipt's event is not under the logged chain")
