"""Lay out the files of an evidence package from what a log and a tender hold.

The platform and the tests pack through here, so that the layout of
``docs/formats/evidence.md`` has one writer.

Source: sealing specification §8 (evidence package).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sealbid import evidence, jcs
from sealbid.note import Note, checkpoint_fields
from sealbid.octets import b64
from sealbid.policy import Policy
from sealbid.records import Json, RecordType
from sealbid.signatures import RelyingParty
from sealbid.tlog import TlogProof

Prove = Callable[[int, int], Sequence[bytes]]
"""(smaller size, larger size) → consistency proof."""


@dataclass(frozen=True)
class Leaf:
    """One disclosed record, also in its canonical bytes, with its proof and the confidential part that may be shown."""

    record: Json
    encoded: bytes
    proof: TlogProof
    private: Json | None = None
    salt2: bytes = b""


@dataclass(frozen=True)
class Keys:
    """Whom the package names: organization → public keys (SPKI, DER), and who plays which part."""

    organizations: Mapping[str, Sequence[bytes]]
    tenderer: str
    operator: str
    controlled_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    roots: Sequence[bytes] = ()
    relying_party: RelyingParty | None = None

    def encode(self) -> bytes:
        """The bytes of ``keys.json``. Organizations stand in lists: their names are free text."""
        found: Json = {
            "v": 1,
            "organizations": [
                {"org": org, "keys": [b64(key) for key in keys]}
                for org, keys in sorted(self.organizations.items())
            ],
            "roots": [b64(root) for root in self.roots],
            "tenderer": self.tenderer,
            "operator": self.operator,
            "controlled_by": [
                {"org": org, "by": sorted(by)} for org, by in sorted(self.controlled_by.items())
            ],
        }
        if self.relying_party is not None:
            party = self.relying_party
            found["relying_party"] = {"rp_id": party.rp_id, "origins": sorted(party.origins)}
        return jcs.encode(found)


def pack(
    *,
    policy: Policy,
    trust: str,
    keys: Keys,
    leaves: Iterable[Leaf],
    prove: Prove,
    checkpoints: Iterable[Note] = (),
    containers: Mapping[tuple[str, str], bytes] | None = None,
    secrets: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
    receipts: Mapping[str, bytes] | None = None,
    documents: Mapping[str, bytes] | None = None,
    award: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """All files of a package but its manifest; hand them to ``evidence.build_evidence``.

    Args:
        policy: the last policy in force.
        trust: the C2SP tlog-policy printed with the tender.
        leaves: every record of the tender, and ``genesis`` and ``key-change`` of the log.
        prove: consistency proofs of the log; asked once per pair of neighbouring sizes.
        checkpoints: further cosigned notes; they narrow the time intervals.
        containers: (bid, part) → the published ``.sb`` file.
        secrets: (bid, part) → ``{"secret","lock"}`` in base64, where a bidder opened his bid himself.
        receipts, documents: file name → bytes.
        award: the JSON whose SHA-256 the award record names.
    """
    files: dict[str, bytes] = {
        evidence.POLICY: policy.encode(),
        evidence.TRUST: trust.encode(),
        evidence.KEYS: keys.encode(),
    }
    sizes: set[int] = set()
    for leaf in leaves:
        _add_leaf(files, sizes, leaf)
    for note in checkpoints:
        size = checkpoint_fields(note.text)[1]
        sizes.add(size)
        files[f"checkpoints/{size:010d}.note"] = str(note).encode()
    files[evidence.CONSISTENCY] = jcs.encode(
        {
            "v": 1,
            "steps": [
                {"from": a, "to": b, "proof": [b64(h) for h in prove(a, b)]}
                for a, b in pairwise(sorted(sizes))
            ],
        }
    )
    for (bid, part), data in (containers or {}).items():
        files[evidence.container_name(bid, part)] = data
    for (bid, part), secret in (secrets or {}).items():
        files[evidence.secret_name(bid, part)] = jcs.encode(dict(secret))
    files.update({f"receipts/{name}": data for name, data in (receipts or {}).items()})
    files.update({f"documents/{name}": data for name, data in (documents or {}).items()})
    if award is not None:
        files[evidence.AWARD] = jcs.encode(dict(award))
    return files


def _add_leaf(files: dict[str, bytes], sizes: set[int], leaf: Leaf) -> None:
    index = leaf.proof.index
    files[evidence.record_name(index)] = leaf.encoded
    files[evidence.proof_name(index)] = str(leaf.proof).encode()
    sizes.add(checkpoint_fields(leaf.proof.note.text)[1])
    if leaf.private is not None:
        files[evidence.private_name(index)] = jcs.encode(
            {"v": 1, "salt": b64(leaf.salt2), "private": leaf.private}
        )
    if leaf.record["t"] == RecordType.DRAW_RESULT and "size" in leaf.record["body"]:
        sizes.add(leaf.record["body"]["size"])
