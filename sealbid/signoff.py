"""A bid leaves the competition on the word of its own key, never on another's.

Whoever replaces or takes back a bid signs that off with the key ``bk`` of the bid that leaves. A bidder who has lost
that key signs with his organisation's key instead and says so; the record carries the mark for ever.

Source: sealing specification §6 (``bid-withdraw``, ``replaces``), §13 T6, T11; 招标投标法 第二十九条.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from sealbid import jcs, signatures
from sealbid.errors import SealError
from sealbid.octets import unb64
from sealbid.records import Json
from sealbid.signatures import SignatureObject, Trust

REPLACE = "bid-replace"
WITHDRAW = "bid-withdraw"
LOST = "lost"

Signer = Callable[[str, Json], Json]
"""Signs (type, body) and returns the signature object as JSON."""


def commit_digest(commit: Mapping[str, Any]) -> str:
    """Hex SHA-256 over the canonical body of a commitment: what the old key consents to, byte for byte."""
    return hashlib.sha256(jcs.encode(dict(commit))).hexdigest()


def replacement(commit: Mapping[str, Any], *, lost_by: str = "") -> Json:
    """The body that is signed as ``bid-replace``.

    Args:
        commit: the newer bid's commitment; it names the bid it replaces.
        lost_by: the organisation's credit code, when the older bid's key is lost.
    """
    body: Json = {
        "tender": commit["tender"],
        "bid": commit["replaces"],
        "replaced_by": commit["bid"],
        "commit": commit_digest(commit),
    }
    return body | {"key": LOST, "org": lost_by} if lost_by else body


def withdrawal(bid: str, leaf: int, *, lost_by: str = "") -> Json:
    """The body that is signed as ``bid-withdraw``; ``leaf`` is the place of the bid's commitment."""
    body: Json = {"bid": bid, "commit_leaf": leaf}
    return body | {"key": LOST, "org": lost_by} if lost_by else body


def signed(kind: str, body: Json, sign: Signer) -> Json:
    """The statement as it travels: ``{"body","sig"}``."""
    return {"body": body, "sig": sign(kind, body)}


def sealed(statement: Json) -> tuple[Json, Json]:
    """What a record says of a statement for a lost key: (the mark in its body, the confidential part).

    Who signs would tell who bids, so the statement is disclosed with the opening and not before.
    """
    return {"key": LOST}, {"statement": statement}


def lost_by(body: Mapping[str, Any]) -> str:
    """The organisation that signs in place of a lost key; empty when the bid's own key signs.

    Raises:
        SealError: ``signoff_shape`` when the mark is anything but ``lost`` with an organisation.
    """
    if "key" not in body and "org" not in body:
        return ""
    org = body.get("org")
    if body.get("key") != LOST or not isinstance(org, str) or not org:
        raise SealError("signoff_shape", "a lost key is named lost, with the organisation that signs instead")
    return org


def require_replacement(
    statement: object, *, older: Mapping[str, Any], newer: Mapping[str, Any], trust: Trust
) -> str:
    """Refuse a replacement that the older bid did not sign off.

    Args:
        statement: ``{"body","sig"}`` as the record or the submission holds it, or None.
        older: the body of the older bid's commitment. newer: that of the newer one.
        trust: whose keys count where the older bid's own key is lost.

    Returns:
        The organisation that signed for a lost key, or "".

    Raises:
        SealError: ``replace_unsigned`` when there is no statement; ``replace_other`` when it is about another
            bid, tender or commitment; ``signoff_shape``; a refusal of the signature.
    """
    if statement is None:
        raise SealError("replace_unsigned", "the key of the replaced bid did not sign its replacement")
    if not isinstance(statement, Mapping) or set(statement) != {"body", "sig"}:
        raise SealError("signoff_shape", "a statement is a body and its signature")
    body = statement["body"]
    if not isinstance(body, Mapping):
        raise SealError("signoff_shape", "the body of a statement is an object")
    org = lost_by(body)
    same = newer.get("replaces") == older.get("bid") and newer.get("tender") == older.get("tender")
    if not same or newer.get("lot") != older.get("lot") or dict(body) != replacement(newer, lost_by=org):
        raise SealError("replace_other", "the statement consents to another replacement")
    require_signed(REPLACE, body, statement["sig"], bk=older.get("bk"), trust=trust)
    return org


def require_signed(kind: str, body: Mapping[str, Any], sig: object, *, bk: object, trust: Trust) -> str:
    """Refuse a statement signed neither by the bid's key nor, where it says the key is lost, by its organisation.

    Returns:
        The organisation that signed for a lost key, or "".
    """
    org = lost_by(body)
    signature = SignatureObject.from_json(sig)
    if org:
        trust.require_signed(signature, kind, dict(body), by=org)
    else:
        signatures.verify(signature, kind, dict(body), signatures.ed25519_spki(unb64(bk, 32)))
    return org
