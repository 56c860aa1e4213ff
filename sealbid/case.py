"""What a verifier reads out of an evidence package before judging any of it.

Source: sealing specification §8 (evidence package).
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from sealbid import jcs, tlog
from sealbid.bundle import Manifest
from sealbid.errors import SealError
from sealbid.evidence import KEYS, POLICY, TRUST, Evidence, private_name
from sealbid.note import Note
from sealbid.octets import unb64
from sealbid.policy import Policy
from sealbid.records import Json, RecordType, entry_of_bytes, parse_record, require_private
from sealbid.signatures import RelyingParty, SignatureObject, Trust

T = TypeVar("T")

# Whatever a hostile package makes our parsing stumble over is a failed check, never a crash.
STUMBLES = (SealError, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError)


class Report:
    """Prints one line per check and counts."""

    def __init__(self, out: Callable[[str], None]) -> None:
        self.out = out
        self.passed = 0
        self.failed = 0

    def broken(self) -> bool:
        """Whether any check failed so far."""
        return self.failed > 0

    def ok(self, what: str, detail: str = "") -> None:
        """A check that passed."""
        self.passed += 1
        self.out(f"ok   {what}{': ' + detail if detail else ''}")

    def note(self, what: str, detail: str) -> None:
        """Something to know that is no check."""
        self.out(f"note {what}: {detail}")

    def fail(self, what: str, error: BaseException) -> None:
        """A check that failed, with its reason."""
        self.failed += 1
        reason = str(error) if isinstance(error, SealError | OSError) else f"malformed ({error!r})"
        self.out(f"FAIL {what}: {reason}".replace("\n", " "))

    def check(self, what: str, act: Callable[[], str | None]) -> bool:
        """Run one check; its return value is the detail shown."""
        try:
            detail = act()
        except STUMBLES as error:
            self.fail(what, error)
            return False
        self.ok(what, detail or "")
        return True

    def get(self, what: str, act: Callable[[], T]) -> T | None:
        """Run something whose result is needed; None after a failure."""
        try:
            return act()
        except STUMBLES as error:
            self.fail(what, error)
            return None


@dataclass
class Case:
    """Everything in the package, parsed but not yet believed."""

    evidence: Evidence
    manifest: Json
    trust: tlog.Policy
    policy: Policy
    keys: Json
    records: dict[int, Json]
    entries: dict[int, bytes]
    cosigned: dict[str, tlog.Cosigned] = field(default_factory=dict)
    opened: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    shown: dict[int, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_type: dict[str, list[tuple[int, Json]]] = {}
        for index, record in sorted(self.records.items()):
            self._by_type.setdefault(record["t"], []).append((index, record))

    @property
    def tender(self) -> str:
        """Code of the tender."""
        return str(self.manifest["tender"])

    def of_type(self, t: RecordType, **where: object) -> list[tuple[int, Json]]:
        """(index, record) of one type in the order of the log, by equal body members."""
        found = self._by_type.get(t, [])
        if not where:
            return list(found)
        return [
            (index, record)
            for index, record in found
            if all(record["body"].get(k) == v for k, v in where.items())
        ]

    def one(self, t: RecordType, **where: object) -> tuple[int, Json]:
        """The only record of a type; ``record_count`` if there is none or more than one."""
        found = self.of_type(t, **where)
        if len(found) != 1:
            raise SealError("record_count", f"{len(found)} records of type {t} {where or ''}, one expected")
        return found[0]

    def private(self, index: int) -> Json | None:
        """The confidential part of a record, proven to be the logged one; None if not disclosed."""
        name = private_name(index)
        if name not in self.evidence:
            return None
        if index in self.shown:
            return self.shown[index]
        found = jcs.decode_object(self.evidence.read(name))
        if set(found) != {"v", "salt", "private"}:
            raise SealError("private_shape", f"{name} has other members")
        require_private(self.records[index]["body"], found["private"], unb64(found["salt"], 32))
        self.shown[index] = dict(found["private"])
        return self.shown[index]

    def judge(self, note: Note) -> tlog.Cosigned:
        """The checkpoint of a note under the trust policy; each note is judged once."""
        key = str(note)
        if key not in self.cosigned:
            self.cosigned[key] = self.trust.require(note)
        return self.cosigned[key]

    @functools.cached_property
    def policies(self) -> dict[str, tuple[int, Policy]]:
        """Hex digest → (index, policy) of every logged policy."""
        found = {}
        for index, record in self.of_type(RecordType.POLICY):
            policy = Policy.from_json(record["body"])
            found[policy.digest.hex()] = (index, policy)
        return found

    @functools.cached_property
    def platform_keys(self) -> list[bytes]:
        """Keys (SPKI, DER) that genesis and key-change records of the package announce."""
        found: list[bytes] = []
        for t in (RecordType.GENESIS, RecordType.KEY_CHANGE):
            for _, record in self.of_type(t):
                found.extend(unb64(key) for key in record["body"].get("platform", []))
        return found

    def actors(self, at: datetime) -> Trust:
        """Whom ``keys.json`` names: pinned keys, authorities and the passkeys' home."""
        return replace(self._trust, at=at)

    @functools.cached_property
    def _trust(self) -> Trust:
        party = self.keys.get("relying_party")
        return Trust(
            at=datetime.fromtimestamp(0, UTC),
            pinned={o["org"]: tuple(unb64(k) for k in o["keys"]) for o in self.keys["organizations"]},
            roots=tuple(unb64(root) for root in self.keys["roots"]),
            relying_party=RelyingParty(party["rp_id"], frozenset(party["origins"])) if party else None,
        )

    def require_signed_by(self, record: Mapping[str, Any], org: str, at: datetime) -> None:
        """Refuse a record that the organization did not sign."""
        signature = SignatureObject.from_json(record.get("sig"))
        self.actors(at).require_signed(signature, record["t"], record["body"], by=org)


def read_case(evidence: Evidence, trust: str | None, keys: str | None) -> Case:
    """Parse a package: manifest, trust, policy, keys and all records."""
    manifest = evidence.require_manifest()
    given = jcs.decode_object(keys.encode() if keys is not None else evidence.read(KEYS))
    if not {"v", "organizations", "roots", "tenderer", "operator", "controlled_by"} <= set(given):
        raise SealError("keys_shape", "keys.json lacks a member")
    policy = Policy.decode(evidence.read(POLICY))
    if policy.tender != manifest["tender"]:
        raise SealError("manifest", "the policy belongs to another tender")
    listed = list(_records(evidence, evidence.under("records")))
    return Case(
        evidence=evidence,
        manifest=manifest,
        trust=tlog.Policy.parse(trust if trust is not None else evidence.read(TRUST).decode("utf-8")),
        policy=policy,
        keys=given,
        records={index: record for index, record, _ in listed},
        entries={index: entry for index, _, entry in listed},
    )


def _records(evidence: Evidence, names: Iterable[str]) -> Iterable[tuple[int, Json, bytes]]:
    """Index, record and log entry of each file; what parses is canonical, so its bytes are the entry's."""
    for name in names:
        digits = name.removeprefix("records/").removesuffix(".json")
        if name != f"records/{digits}.json" or len(digits) != 10 or not digits.isdigit():
            raise SealError("evidence_name", f"{name} names no leaf")
        data = evidence.read(name)
        yield int(digits), parse_record(data), entry_of_bytes(data)


def instant(seconds: int) -> datetime:
    """Unix seconds as an instant."""
    return datetime.fromtimestamp(seconds, UTC)
