"""A whole small tender made of pure protocol calls, from its policy to its award.

Three bids, five custodians (t = 3), a log with an Ed25519 witness and an
ML-DSA-44 witness, one drawn coefficient, score sheets and an award. Nothing
of the platform is used, so the package is what a stranger would be handed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealbid import bundle, draw, evidence, jcs, receipts, records, signatures
from sealbid.container import Sealed, unwrap_share
from sealbid.note import KeyType, Note, SignerKey, sign_note
from sealbid.octets import b64
from sealbid.pack import Keys, Leaf, pack
from sealbid.policy import Policy, sign_custodian_key
from sealbid.recompute import recompute
from sealbid.suites import suite_named
from sealbid.tiles import MemoryTiles, TileTree
from sealbid.tlog import Checkpoint, TlogProof

Json = dict[str, Any]

TENDER, LOT = "SR-2027-0001", "1"
DEADLINE = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
ROLES = ("tenderer", "operator", "supervisor", "notary", "bank")
PRICES = ("9600000.00", "9350000.00", "9100000.00")
COEFFICIENTS = ["0.95", "0.96", "0.97", "0.98"]
MEMBERS = ("E1", "E2", "E3", "E4", "E5")


class Entropy:
    """Bytes that look random and are the same in every run."""

    def __init__(self, seed: str) -> None:
        self.seed, self.count = seed, 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return hashlib.shake_256(f"{self.seed}/{self.count}".encode()).digest(size)


def identity(name: str) -> Ed25519PrivateKey:
    """The lasting key of an actor."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def signer_of(key: Ed25519PrivateKey) -> Callable[[str, Json], Json]:
    """Signs (type, body) and returns the signature object as JSON."""
    return lambda kind, body: signatures.sign(kind, body, key).to_json()


@dataclass
class LogWorld:
    """A log, its two witnesses and a clock that only the test moves."""

    now: datetime = DEADLINE - timedelta(hours=1)
    entropy: Entropy = field(default_factory=lambda: Entropy("log"))
    tree: TileTree = field(default_factory=lambda: TileTree(MemoryTiles()))
    kept: list[Json] = field(default_factory=list)
    private: dict[int, tuple[Json, bytes]] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)
    log_key: SignerKey = field(
        default_factory=lambda: SignerKey("log.example/1", KeyType.ED25519, hashlib.sha256(b"log").digest())
    )
    witnesses: tuple[SignerKey, ...] = (
        SignerKey("supervisor.example/w", KeyType.COSIGNATURE, hashlib.sha256(b"w1").digest()),
        SignerKey("notary.example/w", KeyType.MLDSA44, hashlib.sha256(b"w2").digest()),
    )

    @cached_property
    def trust(self) -> str:
        """The tlog-policy text: both witnesses must cosign."""
        supervisor, notary = (str(w.verifier) for w in self.witnesses)
        return (
            f"log {self.log_key.verifier}\nwitness supervisor {supervisor}\nwitness notary {notary}\n"
            "group both all supervisor notary\nquorum both\n"
        )

    def add(self, t: str, body: Json, by: str, *, sign: Any = None, private: Json | None = None) -> int:
        """Append one record a second later and let both witnesses cosign the new checkpoint."""
        self.now += timedelta(seconds=1)
        salt2 = self.entropy(32)
        if private is not None:
            body = {**body, "d": records.private_digest(private, salt2)}
        record = records.make_record(
            t, self.now, "" if t == "genesis" else TENDER, body,
            by=by, salt=self.entropy(32), sig=sign(t, body) if sign else None,
        )  # fmt: skip
        index = len(self.kept)
        if private is not None:
            self.private[index] = (private, salt2)
        self.kept.append(record)
        size, root = self.tree.append([records.entry_of(record)])
        text = str(Checkpoint(self.log_key.name, size, root))
        at = int(self.now.timestamp())
        self.notes[size] = sign_note(text, self.log_key, *self.witnesses, time=at)
        return index

    def proof(self, index: int) -> TlogProof:
        """The proof of a leaf in the first checkpoint that holds it."""
        return TlogProof(index, tuple(self.tree.proof(index, index + 1)), self.notes[index + 1])

    def leaves(self) -> list[Leaf]:
        """Every record with its proof."""
        return [
            Leaf(record, jcs.encode(record), self.proof(i), *self.private.get(i, (None, b"")))
            for i, record in enumerate(self.kept)
        ]


@dataclass
class SealedBid:
    """What a bidder keeps: his bid key and what sealing left."""

    bk: Ed25519PrivateKey
    sealed: Sealed
    data: bytes
    commit: int = -1
    complete: int = -1
    lot: str = LOT

    @property
    def id(self) -> str:
        """The bid's id in hex."""
        return self.sealed.bid.hex()


class TenderWorld:
    """The tender, step by step; ``finish`` runs all of it."""

    def __init__(self) -> None:
        self.log = LogWorld()
        self.entropy = Entropy("tender")
        self.platform = identity("platform")
        self.seeds = {x: self.entropy(32) for x in range(1, 6)}
        self.bids: list[SealedBid] = []
        self.policy = self._policy()
        self.award: Json = {}

    def _policy(self) -> Policy:
        suite = suite_named("intl-1")
        custodians = tuple(
            sign_custodian_key(
                identity(role), tender=TENDER, x=x, role=role, org=f"{role} org",
                pk=suite.public_key(self.seeds[x]), not_after=DEADLINE + timedelta(days=90),
            )
            for x, role in enumerate(ROLES, start=1)
        )  # fmt: skip
        return Policy(
            tender=TENDER, suites=("intl-1",), t=3, custodians=custodians, deadline=DEADLINE,
            opening=DEADLINE,
            min_bids=3, parts=("price",), log=(str(self.log.log_key.verifier),), witness=self.log.trust,
        )  # fmt: skip

    def publish(self) -> None:
        """Genesis, policy and notice."""
        sign = signer_of(self.platform)
        key = b64(signatures.spki(self.platform))
        self.log.add("genesis", {"origin": self.log.log_key.name, "platform": [key]}, "platform", sign=sign)
        self.log.add("policy", self.policy.to_json(), "platform", sign=sign)
        document = {"name": "notice.txt", "sha256": hashlib.sha256(b"notice").hexdigest()}
        notice = {"policy": self.policy.digest.hex(), "documents": [document]}
        self.log.add("notice", notice, "platform", sign=sign)

    def seal(self, bidder: str, price: str, lot: str = "", *, key: str = "bid key") -> SealedBid:
        """Seal one bid on the bidder's own machine."""
        bk, out = identity(f"{bidder} {key}"), io.BytesIO()
        content = bundle.BidPart(
            part="price", lot=lot or LOT, bk=bk.public_key().public_bytes_raw(), nonce=self.entropy(32),
            bidder_name=f"Company {bidder}", bidder_uscc=bidder,
            opening={"price": price, "currency": "CNY", "period_days": 120}, files=(),
        )  # fmt: skip
        sealed = bundle.seal_part(
            content, out, policy=self.policy, bid=self.entropy(16), entropy=self.entropy,
            signer=lambda body: signatures.sign("bid-manifest", body, identity(bidder)),
        )  # fmt: skip
        return SealedBid(bk, sealed, out.getvalue(), lot=lot or LOT)

    def commit_body(self, bid: SealedBid, replaces: str = "") -> Json:
        """What ``bk`` signs."""
        sealed = bid.sealed
        part = {
            "part": "price",
            "root": sealed.root.hex(),
            "size": sealed.size,
            "blocks": len(sealed.block_hashes),
        }
        return {
            "v": 1, "tender": TENDER, "lot": bid.lot, "bid": bid.id, "policy": self.policy.digest.hex(),
            "bk": b64(bid.bk.public_key().public_bytes_raw()), "parts": [part], "replaces": replaces,
        }  # fmt: skip

    def submit(self, bid: SealedBid, *, complete: bool = True, replaces: str = "") -> SealedBid:
        """Commit a bid and let its bytes arrive."""
        body = self.commit_body(bid, replaces)
        bid.commit = self.log.add("bid-commit", body, bid.id[:16], sign=signer_of(bid.bk))
        if complete:
            roots = [{"part": "price", "root": bid.sealed.root.hex()}]
            arrived = {"bid": bid.id, "commit": bid.commit, "parts": roots}
            bid.complete = self.log.add("bid-complete", arrived, "platform", sign=signer_of(self.platform))
        self.bids.append(bid)
        return bid

    def close(self, lie: Callable[[Json], None] = lambda body: None) -> int:
        """Close at the deadline; the leaf of the closing. ``lie`` may change what the platform logs."""
        self.log.now = DEADLINE
        listed = [
            {"bid": b.id, "commit": b.commit, "complete": b.complete, "parts": [b.sealed.root.hex()]}
            for b in sorted(self.bids, key=lambda b: b.id)
        ]
        body = {"tender": TENDER, "bids": listed, "withdrawn": [], "late": []}
        lie(body)
        return self.log.add("tender-close", body, "platform", sign=signer_of(self.platform))

    def release(self, close: int, x: int) -> int:
        """Custodian ``x`` releases his shares of every bid."""
        shares = [
            {"bid": b.id, "share": b64(unwrap_share(b.sealed.header, x, self.seeds[x], self.policy.digest))}
            for b in sorted(self.bids, key=lambda b: b.id)
        ]
        body = {"tender": TENDER, "part": "price", "close": close, "x": x, "bad": []}
        return self.log.add(
            "share-release",
            body,
            ROLES[x - 1],
            sign=signer_of(identity(ROLES[x - 1])),
            private={"shares": shares},
        )

    def opening_of(self, bid: SealedBid) -> Json:
        """Open with the bidder's secret, only to state what the record says."""
        from sealbid.container import open_with_secret

        plain = io.BytesIO()
        open_with_secret(io.BytesIO(bid.data), plain, bid.sealed.secret)
        plain.seek(0)
        found = bundle.read(plain, lambda index, entry: io.BytesIO(), size_max=1 << 20)
        return {
            "bid": bid.id, "part": "price", "root": bid.sealed.root.hex(), "verdict": "opened",
            "bundle": found.digest.hex(), "opening": dict(found.manifest.opening),
            "nonce": b64(found.manifest.nonce),
        }  # fmt: skip

    def draw(self, close: int, nonces: list[bytes]) -> str:
        """Draw K from the bidders' numbers; the coefficient."""
        root = self.log.tree.root(close + 1)
        drawn = draw.Draw("k-value", TENDER, "k1", root, tuple(nonces))
        picked = draw.select(drawn.stream(), COEFFICIENTS, 1)
        body = {
            "kind": "k-value", "draw": "k1", "size": close + 1, "root": root.hex(),
            "seed": drawn.seed().hex(),
            "candidates": COEFFICIENTS, "picked": picked,
        }  # fmt: skip
        self.log.add("draw-result", body, "platform", sign=signer_of(self.platform))
        return picked[0]

    def score(self) -> list[Json]:
        """Five score sheets, confidential in the log and disclosed in the package."""
        scores: list[Json] = []
        for number, member in enumerate(MEMBERS):
            own = [
                {"bid": b.id, "factor": "technical", "score": f"{20 + (number + place) % 9}.50"}
                for place, b in enumerate(self.bids)
            ]
            sheet = {"lot": LOT, "member": member, "scores": own}
            self.log.add("score-sheet", {"tender": TENDER, "lot": LOT}, member, private=sheet)
            scores += [{"bid": s["bid"], "member": member, "score": s["score"]} for s in own]
        return scores

    def decide(self, k: str, scores: list[Json]) -> None:
        """Compute the award and log its digest."""
        lot: Json = {
            "lot": LOT, "method": "comprehensive", "ties": ["lower_price"],
            "bids": [{"bid": b.id, "price": price} for b, price in zip(self.bids, PRICES, strict=True)],
            "price": {
                "formula": "deviation", "full": "100", "e1": "2", "e2": "1", "factor_weight": "0.6",
                "prices": list(PRICES),
                "benchmark": {"id": "BM-2", "trim": [], "k": k, "ceiling": "10000000"},
            },
            "factors": [{"code": "technical", "max": "30", "weight": "1", "scores": scores}],
            "drawn": [{"param": "k", "draw": "k1"}],
        }  # fmt: skip
        lot.update(recompute(lot))
        lot["winner"] = lot["results"][0]["bid"]
        self.award = {"v": 1, "tender": TENDER, "lots": [lot]}
        digest = hashlib.sha256(jcs.encode(self.award)).hexdigest()
        self.log.add(
            "award",
            {"award_sha256": digest, "winner": lot["winner"]},
            "platform",
            sign=signer_of(self.platform),
        )

    def finish(self) -> TenderWorld:
        """The whole life of the tender."""
        self.publish()
        for bidder, price in zip("ABC", PRICES, strict=True):
            self.submit(self.seal(bidder, price))
        close = self.close()
        for x in (1, 3, 5, 4):
            self.release(close, x)
        nonces = []
        for bid in sorted(self.bids, key=lambda b: b.id):
            body = self.opening_of(bid)
            nonces.append(signatures.unb64(body["nonce"]))
            self.log.add("bid-open", body, "platform", sign=signer_of(self.platform))
        self.decide(self.draw(close, nonces), self.score())
        return self

    def keys(self) -> Keys:
        """Pinned keys of custodians and bidders."""
        named = {f"{role} org": role for role in ROLES} | {name: name for name in "ABCD"}
        return Keys(
            organizations={org: [signatures.spki(identity(name))] for org, name in named.items()},
            tenderer="tenderer org",
            operator="operator org",
        )

    def files(self, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
        """The package as a dictionary, ready for ``write``; ``without`` hides the first record of a type."""
        hidden = {next(i for i, r in enumerate(self.log.kept) if r["t"] == t) for t in without}
        shown = [leaf for leaf in self.log.leaves() if leaf.proof.index not in hidden]
        first = self.bids[0]
        receipt = receipts.build_receipt(
            "commit",
            self.log.kept[first.commit],
            sign=signer_of(self.platform),
            proof=self.log.proof(first.commit),
        )
        return pack(
            policy=self.policy, trust=self.log.trust, keys=self.keys(), leaves=shown,
            prove=self.log.tree.consistency, checkpoints=[self.log.notes[max(self.log.notes)]],
            containers={(b.id, "price"): b.data for b in self.bids},
            receipts={f"{first.id}.commit.sbreceipt": receipt}, documents={"notice.txt": b"notice"},
            award=self.award or None,
        )  # fmt: skip

    def write(self, path: Path, files: Mapping[str, bytes] | None = None) -> Path:
        """Build the zip, signed by the platform — which may well be the liar."""
        evidence.build_evidence(
            path, files=files if files is not None else self.files(), sign=signer_of(self.platform)
        )
        return path


def finished_tender() -> TenderWorld:
    """A tender that has run to its award."""
    return TenderWorld().finish()
