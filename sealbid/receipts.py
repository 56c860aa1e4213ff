"""Receipts: what a bidder holds in hand after each step, and how far it has come.

Source: sealing specification §6.1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sealbid import jcs, signatures
from sealbid.errors import SealError
from sealbid.octets import b64, unb64
from sealbid.records import Json, RecordType, entry_of, validate
from sealbid.signatures import SignatureObject
from sealbid.tlog import Cosigned, Policy, TlogProof

SIGNATURE_TYPE = "receipt"
KINDS: Mapping[str, RecordType] = {
    "commit": RecordType.BID_COMMIT,
    "complete": RecordType.BID_COMPLETE,
    "withdraw": RecordType.BID_WITHDRAW,
}

Sign = Callable[[str, Json], Json]
"""Signs (type, body) and returns the signature object as JSON."""


class State(StrEnum):
    """How far a receipt has come; only ``witnessed`` is called received."""

    STORED = "stored"
    LOGGED = "logged"
    WITNESSED = "witnessed"


@dataclass(frozen=True)
class Receipt:
    """A parsed receipt; ``proof`` is None as long as the record is only stored."""

    kind: str
    record: Json
    proof: TlogProof | None
    acks: tuple[Json, ...]
    tst: bytes | None
    sig: SignatureObject

    @property
    def bid(self) -> str:
        """The bid's id, 32 hex digits."""
        return str(self.record["body"]["bid"])

    def body(self) -> Json:
        """What the platform signed: the receipt without its signature."""
        found: Json = {
            "v": 1,
            "kind": self.kind,
            "record": self.record,
            "proof": str(self.proof) if self.proof else "",
            "acks": list(self.acks),
        }
        if self.tst is not None:
            found["tst"] = b64(self.tst)
        return found

    def encode(self) -> bytes:
        """The bytes of the ``.sbreceipt`` file."""
        return jcs.encode({**self.body(), "sig": self.sig.to_json()})


@dataclass(frozen=True)
class Standing:
    """What a receipt proves: its state, the leaf's index and the judged checkpoint when there is one."""

    state: State
    index: int | None = None
    cosigned: Cosigned | None = None


def build_receipt(
    kind: str,
    record: Mapping[str, Any],
    *,
    sign: Sign,
    proof: TlogProof | None = None,
    acks: Sequence[Mapping[str, Any]] = (),
    tst: bytes | None = None,
) -> bytes:
    """The bytes of a receipt, signed by the platform.

    Args:
        kind: ``commit``, ``complete`` or ``withdraw``.
        record: the full log record, with its salt.
        sign: signs (``"receipt"``, body) with the platform's receipt key.
        proof: once the record is in a signed checkpoint.

    Raises:
        SealError: ``receipt_kind`` when the record is of another type.
    """
    body: Json = {
        "v": 1,
        "kind": kind,
        "record": _record_of(kind, dict(record)),
        "proof": str(proof) if proof else "",
        "acks": [dict(ack) for ack in acks],
    }
    if tst is not None:
        body["tst"] = b64(tst)
    return jcs.encode({**body, "sig": sign(SIGNATURE_TYPE, body)})


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt strictly; refuses ``receipt_shape``, ``receipt_kind`` and what its parts refuse."""
    found = jcs.decode_object(data)
    if set(found) - {"tst"} != {"v", "kind", "record", "proof", "acks", "sig"} or found["v"] != 1:
        raise SealError("receipt_shape", "not the members of a receipt")
    acks, proof = found["acks"], found["proof"]
    if not isinstance(acks, list) or not all(isinstance(a, dict) for a in acks) or not isinstance(proof, str):
        raise SealError("receipt_shape", "acks are objects and the proof is a text")
    return Receipt(
        kind=str(found["kind"]),
        record=_record_of(found["kind"], found["record"]),
        proof=TlogProof.parse(proof) if proof else None,
        acks=tuple(acks),
        tst=unb64(found["tst"]) if "tst" in found else None,
        sig=SignatureObject.from_json(found["sig"]),
    )


def verify_receipt(receipt: Receipt, *, platform_key: bytes, policy: Policy) -> Standing:
    """Check everything a receipt claims and say how far it has come.

    Args:
        platform_key: the platform's receipt key, SubjectPublicKeyInfo in DER.
        policy: the log and witness policy printed with the tender.

    Raises:
        SealError: a signature that is wrong (platform's, bid key's, log's, a witness's)
            or a proof that fails. A missing quorum is no error: the state is ``logged``.
    """
    signatures.verify(receipt.sig, SIGNATURE_TYPE, receipt.body(), platform_key)
    if receipt.kind == "commit":
        require_commit_signature(receipt.record)
    if receipt.proof is None:
        return Standing(State.STORED)
    entry = entry_of(receipt.record)
    receipt.proof.verify_in(entry, policy.require_log(receipt.proof.note))
    try:
        cosigned = policy.require(receipt.proof.note)
    except SealError as error:
        if error.code != "quorum":
            raise
        return Standing(State.LOGGED, receipt.proof.index)
    return Standing(State.WITNESSED, receipt.proof.index, cosigned)


def require_commit_signature(record: Mapping[str, Any]) -> None:
    """Refuse a ``bid-commit`` or ``slip-commit`` record whose own key did not sign its body."""
    body = record["body"]
    key = signatures.ed25519_spki(unb64(body.get("bk"), 32))
    kind = RecordType.SLIP_COMMIT if record["t"] == RecordType.SLIP_COMMIT else RecordType.BID_COMMIT
    signatures.verify(SignatureObject.from_json(record.get("sig")), kind, body, key)


def _record_of(kind: object, record: object) -> Json:
    found = validate(record)
    if not isinstance(kind, str) or KINDS.get(kind) != found["t"]:
        raise SealError("receipt_kind", f"a receipt of kind {kind!r} does not hold a record {found['t']!r}")
    if not isinstance(found["body"].get("bid"), str):
        raise SealError("receipt_shape", "the record names no bid")
    return found
