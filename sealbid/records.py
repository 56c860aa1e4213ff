"""Records and their blinded log entries.

A record is what happened, in full; the public log only holds a salted digest
of it, so the log shows neither who acted nor how many did. Confidential
content is kept outside the body, which carries a second salted digest of it.

Source: sealing specification §2 and §7.1.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

from cryptography.hazmat.primitives import hashes

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.octets import b64, label, unb64

Json = dict[str, Any]

SALT_BYTES = 32
ENTRY_BYTES = 34
KEYS = frozenset({"v", "t", "ts", "tender", "body", "by", "salt"})
_TS = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_HEX32 = re.compile(r"[0-9a-f]{64}")


class RecordType(StrEnum):
    """Every type of record the log may hold."""

    GENESIS = "genesis"
    POLICY = "policy"
    NOTICE = "notice"
    CLARIFICATION = "clarification"
    CUSTODIAN_KEY = "custodian-key"
    CUSTODIAN_ACK = "custodian-ack"
    BID_COMMIT = "bid-commit"
    BID_COMPLETE = "bid-complete"
    BID_WITHDRAW = "bid-withdraw"
    TENDER_CLOSE = "tender-close"
    SHARE_RELEASE = "share-release"
    BID_OPEN = "bid-open"
    DRAW_COMMIT = "draw-commit"
    DRAW_RESULT = "draw-result"
    SCORE_SHEET = "score-sheet"
    REPORT = "report"
    AWARD = "award"
    CONTRACT = "contract"
    OBJECTION = "objection"
    DECISION = "decision"
    SEALER_RELEASE = "sealer-release"
    KEY_CHANGE = "key-change"
    ADMIN_ACTION = "admin-action"
    AUCTION = "auction"
    AUCTION_JOURNAL = "auction-journal"
    SLIP_COMMIT = "slip-commit"
    SLIP_CLOSE = "slip-close"
    TICK = "tick"


TYPES = frozenset(str(t) for t in RecordType)


class EntryAlg(IntEnum):
    """Hash of a log entry: its second byte."""

    SHA256 = 1
    SM3 = 2


def digest(data: bytes, alg: EntryAlg = EntryAlg.SHA256) -> bytes:
    """32-byte digest by the hash of the given entry algorithm."""
    h = hashes.Hash(hashes.SHA256() if alg is EntryAlg.SHA256 else hashes.SM3())
    h.update(data)
    return h.finalize()


def format_ts(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds (cut, never rounded up).

    Raises:
        SealError: ``naive_time`` for an instant without a zone.
    """
    if moment.utcoffset() is None:
        raise SealError("naive_time", "an instant needs its zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_ts(text: object) -> datetime:
    """The instant of a ``ts``; refuses every other spelling with ``bad_time``."""
    if not isinstance(text, str) or not _TS.fullmatch(text):
        raise SealError("bad_time", f"not RFC 3339 UTC with milliseconds: {text!r}")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise SealError("bad_time", f"no such instant: {text}") from error


def make_record(
    t: str,
    ts: datetime,
    tender: str,
    body: Mapping[str, Any],
    *,
    by: str,
    salt: bytes,
    sig: Mapping[str, Any] | None = None,
) -> Json:
    """Build one record.

    Args:
        t: its type, one of ``TYPES``.
        ts: the claimed instant, with a zone; milliseconds are kept.
        tender: code of the tender, or "" for records of the platform itself.
        body: the public content; confidential content goes in as ``private_digest``.
        by: key id of the actor.
        salt: 32 fresh random bytes, handed in.
        sig: the actor's signature object over (``t``, ``body``), if there is one.

    Raises:
        SealError: ``record_*`` when a part is not what §7.1 says.

    Source: sealing specification §7.1.
    """
    return validate(_assembled(t, ts, tender, body, by=by, salt=salt, sig=sig))


def encode_new_record(
    t: str,
    ts: datetime,
    tender: str,
    body: Mapping[str, Any],
    *,
    by: str,
    salt: bytes,
    sig: Mapping[str, Any] | None = None,
) -> bytes:
    """The canonical bytes of the record that ``make_record`` builds; encoding is the last of its checks."""
    return jcs.encode(_well_formed(_assembled(t, ts, tender, body, by=by, salt=salt, sig=sig)))


def _assembled(
    t: str,
    ts: datetime,
    tender: str,
    body: Mapping[str, Any],
    *,
    by: str,
    salt: bytes,
    sig: Mapping[str, Any] | None,
) -> Json:
    record: Json = {
        "v": 1,
        "t": str(t),
        "ts": format_ts(ts),
        "tender": tender,
        "body": dict(body),
        "by": by,
        "salt": b64(salt),
    }
    if sig is not None:
        record["sig"] = dict(sig)
    return record


def validate(record: object) -> Json:
    """Return the record if it is exactly what §7.1 allows, otherwise refuse.

    Raises:
        SealError: ``record_shape``, ``record_type``, ``bad_time`` or ``bad_base64``.
    """
    found = _well_formed(record)
    jcs.encode(found)
    return found


def _well_formed(record: object) -> Json:
    """``validate`` but for the profile of canonical JSON."""
    if not isinstance(record, dict):
        raise SealError("record_shape", "a record is a JSON object")
    keys = frozenset(record)
    if keys - {"sig"} != KEYS or type(record["v"]) is not int or record["v"] != 1:
        raise SealError("record_shape", f"unexpected or missing members: {sorted(map(str, keys ^ KEYS))}")
    if record["t"] not in TYPES:
        raise SealError("record_type", f"unknown type {record['t']!r}")
    parse_ts(record["ts"])
    if not isinstance(record["tender"], str) or not isinstance(record["by"], str):
        raise SealError("record_shape", "tender and by are strings")
    if not isinstance(record["body"], dict) or not isinstance(record.get("sig", {}), dict):
        raise SealError("record_shape", "body and sig are objects")
    unb64(record["salt"], SALT_BYTES)
    return record


def parse_record(data: bytes) -> Json:
    """Read the canonical bytes of one record; refuses anything not canonical."""
    return _well_formed(jcs.decode(data))


def entry_of(record: Mapping[str, Any], alg: EntryAlg = EntryAlg.SHA256) -> bytes:
    """The 34-byte log entry ``0x01 ‖ alg ‖ H(JCS(record))``."""
    return bytes((1, alg)) + digest(jcs.encode(dict(record)), alg)


def entry_of_bytes(encoded: bytes, alg: EntryAlg = EntryAlg.SHA256) -> bytes:
    """``entry_of`` for a record that is already in its canonical bytes."""
    return bytes((1, alg)) + digest(encoded, alg)


def private_digest(private: Mapping[str, Any], salt2: bytes, alg: EntryAlg = EntryAlg.SHA256) -> str:
    """Hex digest that stands in a body for confidential content kept apart.

    Raises:
        SealError: ``record_salt`` unless ``salt2`` is 32 bytes.
    """
    if len(salt2) != SALT_BYTES:
        raise SealError("record_salt", "the second salt must be 32 bytes")
    return digest(label("sealbid/1 private") + salt2 + jcs.encode(dict(private)), alg).hex()


def require_private(body: Mapping[str, Any], private: Mapping[str, Any], salt2: bytes) -> None:
    """Refuse (``private_digest``) confidential content that is not the one the body committed to."""
    stated = body.get("d")
    if not isinstance(stated, str) or not _HEX32.fullmatch(stated):
        raise SealError("private_digest", "the body commits to no private part")
    if private_digest(private, salt2) != stated:
        raise SealError("private_digest", "the private part is not the one that was logged")
