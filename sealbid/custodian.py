"""A custodian's machine: locked seeds, the last checkpoint seen, and the talk with the platform.

The judgement is in ``sealbid.agent``; this module only remembers and carries.

Source: sealing specification §2, §8 steps 2, 3 and 7.
"""

import hashlib
import os
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sealbid import jcs, lockbox, tlog
from sealbid.agent import BidKit, Release, ReleaseKit, decide_release, make_ack
from sealbid.client import Client
from sealbid.errors import SealError
from sealbid.octets import b64, label
from sealbid.policy import Policy
from sealbid.records import Json, RecordType, entry_of, private_digest, validate
from sealbid.suites import SEED_BYTES
from sealbid.tlog import Checkpoint

Entropy = Callable[[int], bytes]
Sign = Callable[[str, Json], Json]
PURPOSE = "custodian-seed"


class CustodianState:
    """A folder with one locked seed per tender and one checkpoint per log.

    Args:
        folder: created if missing, readable by its owner only.
        passphrase: opens every seed in it.
        entropy: fresh random bytes, handed in.
        cost: scrypt's N.
    """

    def __init__(self, folder: Path, passphrase: str, entropy: Entropy, *, cost: int = lockbox.COST) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._passphrase = passphrase
        self._entropy = entropy
        self._cost = cost

    def new_seed(self, tender: str) -> bytes:
        """Make and keep the seed of a tender; refuses ``seed_exists``, because shares may be under it."""
        path = self._seed_path(tender)
        if path.exists():
            raise SealError("seed_exists", f"there is already a seed for {tender}")
        seed = self._entropy(SEED_BYTES)
        _replace(path, lockbox.lock(seed, self._passphrase, _purpose(tender), self._entropy, cost=self._cost))
        return seed

    def seed(self, tender: str) -> bytes:
        """The seed of a tender; ``seed_missing`` or ``passphrase`` otherwise."""
        path = self._seed_path(tender)
        if not path.exists():
            raise SealError("seed_missing", f"no seed for {tender}")
        return lockbox.unlock(path.read_bytes(), self._passphrase, _purpose(tender))

    def forget(self, tender: str) -> None:
        """Delete a seed after the objection period (§8 step 7)."""
        self._seed_path(tender).unlink()

    def last_checkpoint(self, origin: str) -> Checkpoint | None:
        """The last checkpoint accepted from a log."""
        path = self._checkpoint_path(origin)
        return Checkpoint.parse(path.read_text("utf-8")) if path.exists() else None

    def remember(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, on disk before this returns; refuses ``release_rollback`` for a smaller one."""
        last = self.last_checkpoint(checkpoint.origin)
        if last is not None and last.size > checkpoint.size:
            raise SealError("release_rollback", f"we have already seen size {last.size}")
        _replace(self._checkpoint_path(checkpoint.origin), str(checkpoint).encode())

    def _seed_path(self, tender: str) -> Path:
        return self.folder / f"{_slug(tender)}.seed"

    def _checkpoint_path(self, origin: str) -> Path:
        return self.folder / f"{_slug(origin)}.checkpoint"


class CustodianAgent:
    """Carries decisions to the platform.

    Args:
        sign: signs (type, body) with the custodian's identity key.
        trust: the log and witnesses this custodian believes.
    """

    def __init__(self, client: Client, state: CustodianState, trust: tlog.Policy, sign: Sign) -> None:
        self.client = client
        self.state = state
        self.trust = trust
        self.sign = sign

    def fetch_policy(self, tender: str, digest: str = "") -> Policy:
        """The tender's policy, or the one of a digest, proven to be in the witnessed log."""
        path = f"/api/v1/tenders/{quote(tender, safe='')}/policy"
        found = self.client.get_json(f"{path}?digest={digest}" if digest else path)
        policy = require_logged_policy(found, self.trust)
        if digest and policy.digest.hex() != digest:
            raise SealError("policy_unlogged", "this is not the policy that was asked for")
        return policy

    def earlier_policies(self, policy: Policy, kit: ReleaseKit) -> tuple[Policy, ...]:
        """Predecessors of a policy as far back as the bids of a kit need them; bids under them stay valid (§4)."""
        wanted = {str(bid.commit["body"].get("policy")) for bid in kit.bids} - {policy.digest.hex()}
        found: list[Policy] = []
        while wanted and (found[-1] if found else policy).prev:
            found.append(self.fetch_policy(policy.tender, (found[-1] if found else policy).prev))
            wanted.discard(found[-1].digest.hex())
        return tuple(found)

    def release(
        self,
        policy: Policy,
        x: int,
        part: str,
        *,
        now: datetime,
        parts_allowed: Collection[str],
        approved: bool,
    ) -> Release:
        """Fetch what there is to see, decide, and send: the digest first, the content second.

        Raises:
            SealError: every refusal of ``decide_release``; then nothing was sent.
        """
        last = self.state.last_checkpoint(self.trust.logs[0].name)
        tender = quote(policy.tender, safe="")
        since = last.size if last else 0
        raw = self.client.get_json(
            f"/api/v1/tenders/{tender}/release-kit?part={quote(part, safe='')}&since={since}"
        )
        kit = ReleaseKit.from_json(jcs.encode(raw))
        decision = decide_release(
            kit,
            policy=policy,
            trust=self.trust,
            x=x,
            seed=self.state.seed(policy.tender),
            now=now,
            last_checkpoint=last,
            parts_allowed=parts_allowed,
            approved=approved,
            earlier=self.earlier_policies(policy, kit),
        )
        self.state.remember(decision.checkpoint)
        self._send(f"/api/v1/tenders/{tender}/releases", decision, policy.tender, x)
        return decision

    def _send(self, path: str, decision: Release, tender: str, x: int) -> None:
        salt2 = release_salt(self.state.seed(tender), decision)
        message = release_message(decision, tender, x, sign=self.sign, salt2=salt2)
        answer = self.client.post(path, {"body": message["body"], "sig": message["sig"]})
        leaf = answer.get("leaf")
        if not isinstance(leaf, int):
            raise SealError("release_answer", "the platform did not say where the digest was logged")
        content = {"release": leaf, "salt": message["salt"], "private": message["private"]}
        self.client.post(path, content)

    def acknowledge(self, policy: Policy, x: int, part: str, bid: BidKit) -> Json:
        """Tell the bidder that this custodian's share is good; the signed message that was sent."""
        body = make_ack(bid, policy=policy, x=x, seed=self.state.seed(policy.tender), part=part)
        message = {"body": body, "sig": self.sign("custodian-ack", body)}
        self.client.post(f"/api/v1/tenders/{quote(policy.tender, safe='')}/acks", message)
        return message


def release_salt(seed: bytes, decision: Release) -> bytes:
    """The second salt of a release, from the seed: a repeated release is byte for byte the same."""
    place = f"{decision.part} {decision.close}".encode()
    return hashlib.sha256(label("sealbid/1 release-salt") + seed + place).digest()


def release_message(decision: Release, tender: str, x: int, *, sign: Sign, salt2: bytes) -> Json:
    """A whole release, also for carrying by hand: ``{"body","sig","salt","private"}``."""
    private = decision.private()
    body = {**decision.body(tender, x), "d": private_digest(private, salt2)}
    return {"body": body, "sig": sign("share-release", body), "salt": b64(salt2), "private": private}


def require_logged_policy(found: dict[str, Any], trust: tlog.Policy) -> Policy:
    """The policy in ``{"record","proof"}``, if a quorum saw it logged; ``policy_unlogged`` otherwise.

    Source: sealing specification §4.
    """
    record, proof = validate(found.get("record")), found.get("proof")
    if record["t"] != RecordType.POLICY or not isinstance(proof, str) or not proof:
        raise SealError("policy_unlogged", "there is no proof that this policy was logged")
    tlog.TlogProof.parse(proof).verify(entry_of(record), trust)
    policy = Policy.from_json(record["body"])
    if policy.tender != record["tender"]:
        raise SealError("policy_unlogged", "the policy was logged for another tender")
    return policy


def _purpose(tender: str) -> str:
    return f"{PURPOSE} {tender}"


def _slug(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
