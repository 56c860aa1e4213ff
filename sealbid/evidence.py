"""The evidence package of a tender: one zip file in which no byte is free.

Entries are stored, dated 1980-01-01 and ordered; reading means writing the
file again in memory and comparing, so an altered, added or missing byte
shows wherever it stands: in an entry, in a header, or between them. The
format is described in ``docs/formats/evidence.md``.

Source: sealing specification §8 (evidence package).
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.records import Json

SIGNATURE_TYPE = "evidence"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
POLICY = "policy.json"
TRUST = "trust.txt"
KEYS = "keys.json"
CONSISTENCY = "checkpoints/consistency.json"
AWARD = "award.json"
FOLDERS = frozenset(
    {"records", "proofs", "checkpoints", "private", "containers", "secrets", "receipts", "documents"}
)
TOP = frozenset({POLICY, TRUST, KEYS, AWARD})

PIECE_BYTES = 1 << 20
ZIP_BYTES_MAX = 0xFFFF_FFFF
FILES_MAX = 60_000

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_DATE = 0x0021  # 1980-01-01
_MODE = 0o100644 << 16


def record_name(index: int) -> str:
    """Where the record of a leaf stands."""
    return f"records/{index:010d}.json"


def proof_name(index: int) -> str:
    """Where the proof of a leaf stands."""
    return f"proofs/{index:010d}.tlog-proof"


def private_name(index: int) -> str:
    """Where the confidential part of a record stands, once it may be shown."""
    return f"private/{index:010d}.json"


def container_name(bid: str, part: str) -> str:
    """Where a published container stands."""
    return f"containers/{bid}.{part}.sb"


def secret_name(bid: str, part: str) -> str:
    """Where the bidder's own secret stands, if he opened his bid himself or used a lock."""
    return f"secrets/{bid}.{part}.json"


def build_evidence(path: Path, *, files: Mapping[str, bytes], sign: Callable[[str, Json], Json]) -> str:
    """Write an evidence package and return the hex SHA-256 of its manifest.

    Args:
        files: name → content; ``policy.json`` and ``trust.txt`` must be among them.
        sign: signs (``"evidence"``, manifest) with the platform's key.

    Raises:
        SealError: ``evidence_name`` or ``evidence_size``.
    """
    for name in files:
        _require_name(name)
    if POLICY not in files or TRUST not in files:
        raise SealError("evidence_name", "an evidence package holds policy.json and trust.txt")
    manifest: Json = {
        "v": 1,
        "tender": jcs.decode_object(files[POLICY])["tender"],
        "files": [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        ],
    }
    encoded = jcs.encode(manifest)
    signature = jcs.encode(sign(SIGNATURE_TYPE, manifest))
    entries = [(MANIFEST, encoded), (SIGNATURE, signature), *sorted(files.items())]
    if len(entries) > FILES_MAX or sum(len(n) * 2 + len(d) + 128 for n, d in entries) > ZIP_BYTES_MAX:
        raise SealError("evidence_size", "the package would be too large for its format")
    with path.open("wb") as out:
        _write_zip(out, entries)
    return hashlib.sha256(encoded).hexdigest()


def _write_zip(out: BinaryIO, entries: list[tuple[str, bytes]]) -> None:
    placed: list[_Entry] = []
    for name, data in entries:
        entry = _Entry(name, zlib.crc32(data), len(data), out.tell())
        out.write(entry.local())
        out.write(data)
        placed.append(entry)
    out.write(_directory(placed, out.tell()))


@dataclass(frozen=True)
class _Entry:
    """One stored file: ``offset`` is where its local header begins."""

    name: str
    crc: int
    size: int
    offset: int

    @property
    def data_at(self) -> int:
        return self.offset + _LOCAL.size + len(self.name)

    def local(self) -> bytes:
        head = (0x04034B50, 20, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(self.name), 0)
        return _LOCAL.pack(*head) + self.name.encode("ascii")

    def central(self) -> bytes:
        head = (0x02014B50, 0x0314, 20, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(self.name))
        return _CENTRAL.pack(*head, 0, 0, 0, 0, _MODE, self.offset) + self.name.encode("ascii")


def _directory(entries: list[_Entry], offset: int) -> bytes:
    central = b"".join(entry.central() for entry in entries)
    count = len(entries)
    return central + _END.pack(0x06054B50, 0, 0, count, count, len(central), offset, 0)


class Evidence:
    """An opened package. Opening proves that the zip is canonical; ``require_manifest`` the rest.

    Raises:
        SealError: ``zip_canonical`` for any byte the format leaves no room for,
            ``evidence_name`` for a name it does not know.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._entries = {entry.name: entry for entry in self._scan()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """All entries, in the order of the file."""
        return list(self._entries)

    def under(self, folder: str) -> list[str]:
        """Entries of one folder, sorted."""
        return sorted(name for name in self._entries if name.startswith(folder + "/"))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """Content of one entry; ``evidence_missing`` if it is not there."""
        entry = self._entries.get(name)
        if entry is None:
            raise SealError("evidence_missing", f"{name} is not in the package")
        self._file.seek(entry.data_at)
        return self._file.read(entry.size)

    def sha256(self, name: str) -> str:
        """Hex digest of one entry, read in pieces."""
        entry = self._entries[name]
        self._file.seek(entry.data_at)
        found = hashlib.sha256()
        for piece in self._pieces(entry.size):
            found.update(piece)
        return found.hexdigest()

    def require_manifest(self) -> Json:
        """The manifest, once every entry is listed in it, with its size and digest, and nothing else is.

        Raises:
            SealError: ``manifest`` naming the first entry that differs.
        """
        manifest = jcs.decode_object(self.read(MANIFEST))
        if set(manifest) != {"v", "tender", "files"} or manifest["v"] != 1:
            raise SealError("manifest", "not the members of a manifest")
        listed = manifest["files"]
        names = [item["name"] for item in listed]
        present = self.names
        if [MANIFEST, SIGNATURE, *names] != present or names != sorted(set(names)):
            odd = sorted(set(names) ^ set(present) - {MANIFEST, SIGNATURE})
            raise SealError("manifest", f"the entries are not those listed: {odd[:5]}")
        for item in listed:
            if set(item) != {"name", "size", "sha256"} or item["size"] != self._entries[item["name"]].size:
                raise SealError("manifest", f"{item['name']} has another size")
            if self.sha256(item["name"]) != item["sha256"]:
                raise SealError("manifest", f"{item['name']} has another digest")
        return manifest

    def _scan(self) -> Iterator[_Entry]:
        """Walk the local headers, then compare everything behind them with what it must be."""
        entries: list[_Entry] = []
        seen: set[str] = set()
        while (entry := self._next_entry()) is not None:
            if entry.name in seen or len(entries) >= FILES_MAX:
                raise SealError("zip_canonical", f"the entry {entry.name} stands twice")
            seen.add(entry.name)
            entries.append(entry)
        offset = self._file.tell()
        expected = _directory(entries, offset)
        if self._file.read(len(expected) + 1) != expected:
            raise SealError("zip_canonical", "the directory at the end is not the one that must stand there")
        return iter(entries)

    def _next_entry(self) -> _Entry | None:
        offset = self._file.tell()
        head = self._file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            self._file.seek(offset)
            return None
        fields = _LOCAL.unpack(head)
        size, name_size = fields[8], fields[9]
        raw = self._file.read(name_size)
        name = raw.decode("ascii", "replace")
        if name not in (MANIFEST, SIGNATURE):
            _require_name(name)
        crc = 0
        for piece in self._pieces(size):
            crc = zlib.crc32(piece, crc)
        entry = _Entry(name, crc, size, offset)
        if head + raw != entry.local():
            raise SealError("zip_canonical", f"the header of {name} is not the one that must stand there")
        return entry

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._file.read(min(size, PIECE_BYTES))
            if not piece:
                raise SealError("zip_canonical", "the file ends inside an entry")
            size -= len(piece)
            yield piece


def _require_name(name: str) -> None:
    folder, slash, rest = name.partition("/")
    known = name in TOP or (slash and folder in FOLDERS and rest)
    if len(name) > 200 or not _NAME.fullmatch(name) or not known:
        raise SealError("evidence_name", f"not a name of this format: {name[:80]!r}")
