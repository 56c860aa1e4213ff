"""Sealing and opening 100 MB beside ``openssl speed -evp aes-256-gcm`` on the same core, interleaved."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.report import Result
from sealbid import container
from sealbid.envelope import unwrap_share
from sealbid.policy import Policy, sign_custodian_key
from sealbid.suites import suite_named

MEGABYTES, ROUNDS = 100, 5
SEAL_MIN, OPEN_MIN = 0.14, 0.10
ROLES = ("tenderer", "operator", "supervisor", "notary", "association")


def openssl_rate() -> float:
    """Bytes per CPU second of AES-256-GCM in 16 KiB pieces."""
    done = subprocess.run(
        ["openssl", "speed", "-evp", "aes-256-gcm", "-bytes", "16384", "-seconds", "1", "-mr"],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("+F:"))
    return float(line.split(":")[-1])


def cpu_seconds(deed: Callable[[], object]) -> float:
    started = time.process_time()
    deed()
    return time.process_time() - started


def _policy() -> tuple[Policy, list[bytes]]:
    now, suite = datetime.now(UTC), suite_named("intl-1")
    seeds = [os.urandom(32) for _ in ROLES]
    custodians = tuple(
        sign_custodian_key(
            Ed25519PrivateKey.generate(),
            tender="BENCH",
            x=x,
            role=role,
            org=f"{x:018d}",
            pk=suite.public_key(seed),
            not_after=(now + timedelta(days=30)).replace(microsecond=0),
        )
        for x, (role, seed) in enumerate(zip(ROLES, seeds, strict=True), start=1)
    )
    close = (now + timedelta(days=1)).replace(microsecond=0)
    policy = Policy(
        tender="BENCH", suites=("intl-1",), t=3, custodians=custodians, deadline=close, opening=close, grace_s=0,
        min_bids=3, parts=("tech",), lock="none", log=("bench",), witness="none", sealer=(), prev="",
    )  # fmt: skip
    return policy, seeds


def run() -> Iterator[Result]:
    """Ratios of bytes per CPU second, medians of interleaved rounds on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield from _measure()
    finally:
        os.sched_setaffinity(0, before)


def _measure() -> Iterator[Result]:
    policy, seeds = _policy()
    home = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    sealing, opening, reference = [], [], []
    with tempfile.TemporaryDirectory(dir=home) as folder:
        plain, sealed, back = (Path(folder) / name for name in ("plain", "sealed", "back"))
        with plain.open("wb") as out:
            for _ in range(MEGABYTES):
                out.write(os.urandom(1_000_000))
        for _ in range(ROUNDS):
            reference.append(openssl_rate())
            bid = os.urandom(16)

            def seal() -> None:
                with plain.open("rb") as source, sealed.open("wb") as out:
                    container.seal(source, out, policy=policy, part="tech", bid=bid, entropy=os.urandom)  # noqa: B023

            def open_again() -> None:
                with sealed.open("rb") as source:
                    header = container.read_header(source)
                shares = {x: unwrap_share(header, x, seeds[x - 1], policy.digest) for x in (1, 2, 3)}
                with sealed.open("rb") as source, back.open("w+b") as out:
                    container.open_container(source, out, shares, policy=policy)

            sealing.append(MEGABYTES * 1e6 / cpu_seconds(seal))
            opening.append(MEGABYTES * 1e6 / cpu_seconds(open_again))
        assert back.stat().st_size == MEGABYTES * 1_000_000
    load = f"{MEGABYTES} MB, intl-1, five custodians, file to file in memory; median of {ROUNDS} rounds"
    for name, rates, least in (("sealing", sealing, SEAL_MIN), ("opening, three shares", opening, OPEN_MIN)):
        ratio = median(rate / base for rate, base in zip(rates, reference, strict=True))
        yield Result(
            name,
            load,
            f"{ratio:.3f} of AES-256-GCM, {median(rates) / 1e6:.0f} of {median(reference) / 1e6:.0f} MB/CPU-s",
            f"≥ {least}",
            ratio >= least,
        )
