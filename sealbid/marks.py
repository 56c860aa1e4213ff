"""Salted marks of this machine and of a bid's files, given only with consent. Format: docs/formats/client-traces.md.

A mark is SHA-256 over tender, kind and value, so one machine gives another mark in every tender.
"""

import hashlib
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

from sealbid.records import Json

CONSENT = "2026-12"
TEXT = """--consent-marks sends marks of this machine and fingerprints of your files with the bid, so that two bids from
one hand can be noticed. It is voluntary; without it the bid counts the same. The marks are hashed here with the number of
the tender, fit no other tender, are compared within the lot only, kept for at most three years and deleted when you
withdraw your consent on the platform's page /traces."""
FILES_MOST = 200
MACHINE_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
CARD_BITS = 0x02_00_00_00_00_00
NO_CARD = 0x01_00_00_00_00_00


def mark(tender: str, kind: str, value: str) -> str:
    """The salted mark of one value, 64 hex digits."""
    return hashlib.sha256("\0".join(("sunroad trace v1", tender, kind, value)).encode()).hexdigest()


def machine() -> str:
    """What the operating system calls this installation; empty when it says nothing."""
    if sys.platform == "win32":  # pragma: no cover - another system
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0]).strip().lower()
        except OSError:
            return ""
    for path in MACHINE_FILES:
        try:
            found = Path(path).read_text("ascii").strip().lower()
        except (OSError, UnicodeDecodeError):
            continue
        if len(found) == 32 and len(set(found)) > 2:
            return found
    return ""


def card() -> str:
    """The address of a built-in network card; empty when it is made up or random."""
    number = uuid.getnode()
    return "" if number & (CARD_BITS | NO_CARD) else f"{number:012x}"


def marks_of(tender: str, files: Iterable[Path]) -> Json:
    """The body that is sent: consent, device and documents."""
    device = {
        kind: mark(tender, kind, value) for kind, value in (("machine", machine()), ("mac", card())) if value
    }
    documents = []
    for path in list(files)[:FILES_MOST]:
        with path.open("rb") as stream:
            documents.append(mark(tender, "document", hashlib.file_digest(stream, "sha256").hexdigest()))
    return {"consent": CONSENT, "device": device, "documents": sorted(set(documents))}
