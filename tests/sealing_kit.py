"""What the sealing tests share: five custodians, a policy, reproducible entropy, reference vectors."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sealbid.container import Sealed, seal
from sealbid.policy import Policy, sign_custodian_key
from sealbid.signatures import Trust, spki
from sealbid.suites import suite_named

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
BID = bytes(range(16))
OPENING = datetime(2027, 3, 1, 1, tzinfo=UTC)
SEATS = ("tenderer", "operator", "supervisor", "notary", "association")
ORGS = ("buyer-1", "centre-1", "bureau-1", "notary-1", "guild-1")


def shared_vectors(*path: str) -> Path:
    """The folder or file of reference vectors, or a skip that says what is missing."""
    found = SHARED.joinpath("vectors", *path)
    if not found.exists():
        pytest.skip(f"reference vectors are not beside the project: {'/'.join(path)}")
    return found


def own_vectors(name: str) -> Any:
    return json.loads(shared_vectors("own", name).read_text())


def entropy(seed: str = "seed") -> Callable[[int], bytes]:
    """A reproducible source of bytes; never used outside tests."""
    state = {"count": 0}

    def draw(size: int) -> bytes:
        state["count"] += 1
        return hashlib.shake_256(f"{seed} {state['count']}".encode()).digest(size)

    return draw


def custodian_seed(x: int) -> bytes:
    return hashlib.sha256(f"custodian {x}".encode()).digest()


def identity(x: int) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"identity {x}".encode()).digest())


def a_trust() -> Trust:
    return Trust(OPENING, pinned={org: (spki(identity(x)),) for x, org in enumerate(ORGS, start=1)})


def a_policy(*, t: int = 3, n: int = 5, suite: str = "intl-1", **changes: Any) -> Policy:
    """A sound policy (while n ≤ 5 and t ≥ 3), every custodian's statement signed."""
    keys = suite_named(suite)
    custodians = tuple(
        sign_custodian_key(
            identity(x),
            tender="T-1",
            x=x,
            role=SEATS[x - 1] if x <= 5 else "bank",
            org=ORGS[x - 1] if x <= 5 else f"bank-{x}",
            pk=keys.public_key(custodian_seed(x)),
            not_after=OPENING,
        )
        for x in range(1, n + 1)
    )
    plain = Policy(
        tender="T-1",
        suites=(suite,),
        t=t,
        custodians=custodians,
        deadline=OPENING,
        opening=OPENING,
        min_bids=3,
        parts=("price", "tech"),
    )
    return replace(plain, **changes)


def a_container(
    plain: bytes, *, policy: Policy | None = None, own_lock: bool = False, seed: str = "seed"
) -> tuple[bytes, Sealed]:
    out = io.BytesIO()
    sealed = seal(
        io.BytesIO(plain),
        out,
        policy=policy or a_policy(),
        part="price",
        bid=BID,
        entropy=entropy(seed),
        own_lock=own_lock,
    )
    return out.getvalue(), sealed
