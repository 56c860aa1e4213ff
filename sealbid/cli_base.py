"""What all commands share: their tools, their outcome, and how files are read.

Source: sealing specification §15 (CLI).
"""

import json
import os
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from sealbid import jcs, lockbox, signatures, tlog
from sealbid.custodian import require_logged_policy
from sealbid.errors import SealError
from sealbid.policy import Policy
from sealbid.records import Json
from sealbid.signatures import PrivateKey

IDENTITY = "identity"


@dataclass(frozen=True)
class Tools:
    """What a command takes from outside: entropy, the clock, a secret typed by a person, a voice."""

    entropy: Callable[[int], bytes]
    now: Callable[[], datetime]
    passphrase: Callable[[str], str]
    say: Callable[[str], None]
    confirm: Callable[[str], bool]


@dataclass(frozen=True)
class Outcome:
    """What a command found: lines for people, an object for machines, an exit code."""

    lines: list[str] = field(default_factory=list)
    data: Json = field(default_factory=dict)
    code: int = 0


Command = Callable[[Namespace, Tools], Outcome]


def read_json(path: Path) -> Any:
    """JSON as people write it: any spacing, but no floats and no doubled keys."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise SealError("file_unreadable", f"{path}: {error}") from error
    jcs.encode(found)
    return found


def write_secret(path: Path, data: bytes) -> None:
    """A file for its owner's eyes; never over an existing one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SealError("file_exists", f"{path} is already there and is not overwritten") from error
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def read_trust(path: Path) -> tlog.Policy:
    """A C2SP tlog-policy file."""
    return tlog.Policy.parse(path.read_text("utf-8"))


def read_policy(path: Path, trust: tlog.Policy | None) -> tuple[Policy, bool]:
    """A policy, and whether it is proven to be logged.

    The file holds either the bare policy or the platform's answer ``{"record","proof"}``;
    the latter is checked when a trust file is given.
    """
    found = read_json(path)
    if isinstance(found, dict) and "record" in found:
        if trust is None:
            raise SealError("policy_unlogged", "give --trust to check the proof that comes with the policy")
        return require_logged_policy(found, trust), True
    return Policy.from_json(found), False


def save_identity(path: Path, key: PrivateKey, passphrase: str, entropy: Callable[[int], bytes]) -> None:
    """Keep an identity key in a locked file."""
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    write_secret(path, lockbox.lock(der, passphrase, IDENTITY, entropy))


def load_identity(path: Path, tools: Tools) -> PrivateKey:
    """An identity key from a locked file or a PEM file; refuses ``public_key`` for kinds we do not admit."""
    data = path.read_bytes()
    typed = tools.passphrase(f"Passphrase of {path.name}: ")
    try:
        if data.startswith(b"-----BEGIN"):
            key = load_pem_private_key(data, typed.encode() if b"ENCRYPTED" in data else None)
        else:
            key = load_der_private_key(lockbox.unlock(data, typed, IDENTITY), None)
    except (ValueError, TypeError) as error:
        raise SealError("passphrase", f"{path.name} does not open: {error}") from error
    if not isinstance(key, PrivateKey):
        raise SealError("public_key", "This kind of key is not admitted.")
    signatures.load_public_key(signatures.spki(key))
    return key
