"""The policy ("lock") of a tender: who keeps its shares, how many open it, and when.

Source: spec sealing §0 (SP-1), §4.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.octets import b64, unb64, unhex
from sealbid.shamir import SHARES_MAX
from sealbid.signatures import PrivateKey, SignatureObject, Trust, sign
from sealbid.suites import suite_named

TENDERER, OPERATOR = "tenderer", "operator"
KEY_STATEMENT = "custodian-key"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Custodian:
    """One keeper of one share; ``sig`` is his signature over ``statement``.

    Attributes:
        x: 1 … n, the point at which his share is taken.
        pk: his key for this tender, as the suite spells it (1216 bytes in ``intl-1``).
        not_after: the last instant at which he will answer; aware, whole seconds.
    """

    x: int
    role: str
    org: str
    pk: bytes
    not_after: datetime
    sig: SignatureObject

    def statement(self, tender: str) -> dict[str, Any]:
        """The body that ``sig`` covers (type ``custodian-key``): this key, this seat, this tender only."""
        return key_statement(
            tender=tender, x=self.x, role=self.role, org=self.org, pk=self.pk, not_after=self.not_after
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "x": self.x,
            "role": self.role,
            "org": self.org,
            "kid": self.sig.kid,
            "pk": b64(self.pk),
            "not_after": _spell(self.not_after),
            "sig": self.sig.to_json(),
        }

    @classmethod
    def from_json(cls, found: object) -> Self:
        if not isinstance(found, Mapping) or set(found) != {"kid", *_field_names(Custodian)}:
            raise SealError("policy_format", "A custodian has a field too few or too many.")
        signature = SignatureObject.from_json(found["sig"])
        if signature.kid != found["kid"]:
            raise SealError("policy_format", "A custodian's key id differs from his signature's.")
        return cls(
            _integer(found["x"], 1, SHARES_MAX),
            _name(found["role"]),
            _text(found["org"], 200),
            unb64(found["pk"]),
            _instant(found["not_after"]),
            signature,
        )


@dataclass(frozen=True)
class Policy:
    """The rules of one tender's envelopes; ``digest`` is what the notice prints.

    Attributes:
        suites: allowed suites, the preferred first.
        t: custodians needed to open; ``n`` is their number.
        grace_s: seconds that the *same* bytes may arrive after the deadline.
        lock: ``none`` or ``optional``: whether a bidder may add his own lock.
        log: verifier keys of the log; witness: a C2SP tlog-policy.
        sealer: hex SHA-256 of each released sealer file.
        prev: hex digest of the policy that this one replaces, or empty.
    """

    tender: str
    suites: tuple[str, ...]
    t: int
    custodians: tuple[Custodian, ...]
    deadline: datetime
    opening: datetime
    min_bids: int
    parts: tuple[str, ...]
    grace_s: int = 0
    lock: str = "none"
    log: tuple[str, ...] = ()
    witness: str = ""
    sealer: tuple[str, ...] = ()
    prev: str = ""

    @property
    def n(self) -> int:
        return len(self.custodians)

    @cached_property
    def digest(self) -> bytes:
        """``P = H(JCS(policy))``, 32 bytes. Source: spec sealing §4."""
        return suite_named(self.suites[0] if self.suites else "").hash(self.encode())

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return jcs.encode(self.to_json())

    def to_json(self) -> dict[str, Any]:
        return {
            "v": 1,
            "tender": self.tender,
            "suites": list(self.suites),
            "t": self.t,
            "n": self.n,
            "custodians": [custodian.to_json() for custodian in self.custodians],
            "deadline": _spell(self.deadline),
            "opening": _spell(self.opening),
            "grace_s": self.grace_s,
            "min_bids": self.min_bids,
            "parts": list(self.parts),
            "lock": self.lock,
            "log": list(self.log),
            "witness": self.witness,
            "sealer": list(self.sealer),
            "prev": self.prev,
        }

    @staticmethod
    def decode(data: bytes) -> Policy:
        """Parse canonical bytes; refuses with ``json_*`` or ``policy_format``."""
        return _decoded(bytes(data))

    @classmethod
    def from_json(cls, found: object) -> Self:
        """Parse the object strictly; ``policy_format`` says what cannot be read."""
        if not isinstance(found, Mapping) or set(found) != {"v", "n", *_field_names(Policy)}:
            raise SealError("policy_format", "A policy has a field too few or too many.")
        try:
            policy = cls(
                tender=_text(found["tender"], 128),
                suites=tuple(_name(name) for name in _list(found["suites"])),
                t=_integer(found["t"], 1, SHARES_MAX),
                custodians=tuple(Custodian.from_json(entry) for entry in _list(found["custodians"])),
                deadline=_instant(found["deadline"]),
                opening=_instant(found["opening"]),
                grace_s=_integer(found["grace_s"], 0, 2**31),
                min_bids=_integer(found["min_bids"], 1, 2**31),
                parts=tuple(_name(part) for part in _list(found["parts"])),
                lock=_text(found["lock"], 16),
                log=tuple(_text(vkey, 8192) for vkey in _list(found["log"])),
                witness=_text(found["witness"], 32768, least=0),
                sealer=tuple(unhex(digest, 32).hex() for digest in _list(found["sealer"])),
                prev=unhex(found["prev"], 32).hex() if found["prev"] != "" else "",
            )
        except SealError as problem:
            raise SealError("policy_format", problem.detail) from problem
        if (found["v"], found["n"]) != (1, policy.n) or found["v"] is True:
            raise SealError("policy_format", "The policy is of another version, or miscounts its custodians.")
        return policy

    def custodian(self, x: int) -> Custodian:
        """Return the custodian with number ``x``; ``custodian_unknown`` otherwise."""
        for custodian in self.custodians:
            if custodian.x == x:
                return custodian
        raise SealError("custodian_unknown", f"No custodian has the number {x}.", x=x)


def fingerprint(digest: bytes) -> str:
    """The first 64 bits of ``P`` as four groups of four hex digits, as printed in the notice."""
    digits = digest.hex()[:16]
    return " ".join(digits[i : i + 4] for i in range(0, 16, 4))


def key_statement(
    *, tender: str, x: int, role: str, org: str, pk: bytes, not_after: datetime
) -> dict[str, Any]:
    """Return the body a custodian signs (type ``custodian-key``), also for a passkey to sign elsewhere.

    Source: spec sealing §4.
    """
    return {
        "tender": tender,
        "x": x,
        "role": role,
        "org": org,
        "pk": b64(pk),
        "not_after": _spell(not_after),
    }


def sign_custodian_key(
    key: PrivateKey,
    *,
    tender: str,
    x: int,
    role: str,
    org: str,
    pk: bytes,
    not_after: datetime,
    chain: Sequence[bytes] = (),
) -> Custodian:
    """Return a custodian whose statement is signed with his identity key (not with the KEM seed).

    Source: spec sealing §4.
    """
    body = key_statement(tender=tender, x=x, role=role, org=org, pk=pk, not_after=not_after)
    signature = sign(KEY_STATEMENT, body, key, chain=chain)
    return Custodian(x, role, org, pk, not_after, signature)


def require_sound_policy(
    policy: Policy,
    *,
    tenderer: str,
    operator: str,
    controlled_by: Mapping[str, Collection[str]],
    trust: Trust,
) -> None:
    """Refuse a policy under which no bidder should seal.

    Args:
        tenderer, operator: the organizations behind the two roles.
        controlled_by: organization → organizations that control it directly; indirect control is followed.
        trust: ties the custodians' signatures to their organizations.

    Raises:
        SealError: in this order ``policy_threshold``, ``policy_custodians`` (numbers not 1 … n),
            ``policy_orgs_not_distinct``, ``policy_role`` (a seat that claims the wrong role), ``policy_sp1``,
            ``policy_suites``, ``policy_parts``, ``policy_lock``, ``policy_times``, ``policy_key_format``,
            ``policy_key_expires``, ``policy_key_unsigned`` (naming the custodian).

    Source: spec sealing §0 (SP-1), §4.
    """
    if not 2 <= policy.t <= policy.n <= SHARES_MAX:
        raise SealError(
            "policy_threshold", "The threshold must satisfy 2 ≤ t ≤ n ≤ 16.", t=policy.t, n=policy.n
        )
    if [custodian.x for custodian in policy.custodians] != list(range(1, policy.n + 1)):
        raise SealError("policy_custodians", "Custodians are numbered from 1 to n in order.")
    orgs = [custodian.org for custodian in policy.custodians]
    if len(set(orgs)) != policy.n or len({custodian.pk for custodian in policy.custodians}) != policy.n:
        raise SealError("policy_orgs_not_distinct", "One organization, one key, one share.")
    for custodian in policy.custodians:
        if (custodian.role == TENDERER) != (custodian.org == tenderer) or (custodian.role == OPERATOR) != (
            custodian.org == operator
        ):
            raise SealError("policy_role", "A seat claims a role that is not its own.", x=custodian.x)
    together = [org for org in orgs if _is_within({tenderer, operator}, org, controlled_by)]
    if len(together) > policy.t - 1:
        raise SealError(
            "policy_sp1",
            "Tenderer, operator and the entities they control could open the bids by themselves.",
            orgs=together,
            t=policy.t,
        )
    _require_sound_terms(policy)
    for custodian in policy.custodians:
        _require_sound_key(policy, custodian, trust)


def _require_sound_terms(policy: Policy) -> None:
    if not policy.suites or len(set(policy.suites)) != len(policy.suites):
        raise SealError("policy_suites", "A policy names each allowed suite once.")
    # One key per custodian, so all allowed suites must read the same kind of key.
    if len({suite_named(name).public_key_bytes for name in policy.suites}) != 1:
        raise SealError("policy_suites", "These suites need different custodian keys.")
    if not policy.parts or len(set(policy.parts)) != len(policy.parts):
        raise SealError("policy_parts", "A policy names each part of a bid once.")
    if policy.lock not in ("none", "optional"):
        raise SealError("policy_lock", "A bidder's own lock is either none or optional.")
    if policy.opening < policy.deadline:
        raise SealError("policy_times", "The opening comes before the deadline.")


def _require_sound_key(policy: Policy, custodian: Custodian, trust: Trust) -> None:
    if len(custodian.pk) != suite_named(policy.suites[0]).public_key_bytes:
        raise SealError("policy_key_format", "A custodian's key does not fit the suite.", x=custodian.x)
    if custodian.not_after < policy.opening:
        raise SealError("policy_key_expires", "A custodian's key ends before the opening.", x=custodian.x)
    try:
        trust.require_signed(
            custodian.sig, KEY_STATEMENT, custodian.statement(policy.tender), by=custodian.org
        )
    except SealError as problem:
        raise SealError(
            "policy_key_unsigned",
            f"Custodian {custodian.x}: {problem.detail}",
            x=custodian.x,
            why=problem.code,
        ) from problem


def _is_within(heads: Collection[str], org: str, controlled_by: Mapping[str, Collection[str]]) -> bool:
    """Whether ``org`` is one of ``heads`` or controlled by one of them, however indirectly."""
    seen: set[str] = set()
    waiting = [org]
    while waiting:
        current = waiting.pop()
        if current in heads:
            return True
        if current not in seen:
            seen.add(current)
            waiting.extend(controlled_by.get(current, ()))
    return False


@functools.cache
def _field_names(of: type[Custodian] | type[Policy]) -> set[str]:
    return {field.name for field in fields(of)}


def _spell(at: datetime) -> str:
    if at.utcoffset() is None or at.microsecond:
        raise SealError("policy_format", "Instants of a policy are aware and whole seconds.")
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _instant(found: object) -> datetime:
    try:
        at = datetime.fromisoformat(_text(found, 20)).astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise SealError("policy_format", "An instant reads 2027-03-01T01:00:00Z.") from problem
    if _spell(at) != found:
        raise SealError("policy_format", "An instant reads 2027-03-01T01:00:00Z.")
    return at


def _text(found: object, longest: int, least: int = 1) -> str:
    if not isinstance(found, str) or not least <= len(found) <= longest:
        raise SealError("policy_format", f"A text of {least} to {longest} characters was expected.")
    return found


def _name(found: object) -> str:
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        raise SealError("policy_format", "A name is made of a-z, 0-9, hyphen and underscore.")
    return found


def _integer(found: object, least: int, most: int) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise SealError("policy_format", f"An integer from {least} to {most} was expected.")
    return found


def _list(found: object) -> list[object]:
    if not isinstance(found, list):
        raise SealError("policy_format", "A list was expected.")
    return found


@functools.lru_cache(maxsize=64)
def _decoded(data: bytes) -> Policy:
    """A policy is frozen, and every bid of a tender asks for the same one."""
    return Policy.from_json(jcs.decode_object(data))
