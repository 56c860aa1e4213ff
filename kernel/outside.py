"""Everything our code does not decide: clock, entropy, ids, mail and the file store, handed in as one value."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from kernel.clock import Clock

Entropy = Callable[[int], bytes]


class BlobExists(Exception):
    """A write-once key was written twice with different bytes."""


class BlobStore(Protocol):
    """A write-once store of bytes under keys such as ``documents/ab/cdef…``."""

    def put(self, key: str, data: bytes) -> None: ...
    def get(self, key: str) -> bytes | None: ...
    def exists(self, key: str) -> bool: ...
    def keys(self, prefix: str) -> Iterator[str]: ...


class LocalBlobs:
    """Files below one folder. A write is complete on disk, or it did not happen."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable

    def _path(self, key: str) -> Path:
        assert ".." not in key.split("/"), key
        assert not key.startswith("/"), key
        return self.folder / key

    def put(self, key: str, data: bytes) -> None:
        """Store once.

        Raises:
            BlobExists: the key already holds other bytes. The same bytes again change nothing.
        """
        path = self._path(key)
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                if self.durable:
                    file.flush()
                    os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                if path.read_bytes() != data:
                    raise BlobExists(key) from None
            if self.durable:
                folder = os.open(path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def keys(self, prefix: str) -> Iterator[str]:
        base = self._path(prefix)
        for path in sorted(base.rglob("*")):
            if path.is_file() and not path.name.startswith(".part-"):
                yield path.relative_to(self.folder).as_posix()


class S3Blobs:
    """Objects in an S3-compatible bucket, created only where absent.

    Args:
        url: ``s3://bucket/prefix``.
        options: endpoint, keys and region as obstore names them.
    """

    def __init__(self, url: str, options: dict[str, str]) -> None:
        from obstore.store import S3Store

        self._store = S3Store.from_url(url, config=options, client_options={"allow_http": True})  # type: ignore[arg-type]

    def put(self, key: str, data: bytes) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            obstore.put(self._store, key, data, mode="create")
        except AlreadyExistsError:
            if self.get(key) != data:
                raise BlobExists(key) from None

    def get(self, key: str) -> bytes | None:
        import obstore

        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        import obstore

        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        import obstore

        for page in obstore.list(self._store, prefix=prefix):
            for item in page:
                yield str(item["path"])


class MirroredBlobs:
    """Two or more stores written together: a file counts as stored when every one of them has it.

    Source: spec sealing §6 (a complete bid is stored in at least two places).
    """

    def __init__(self, stores: tuple[BlobStore, ...]) -> None:
        assert stores, "at least one store"
        self.stores = stores

    def put(self, key: str, data: bytes) -> None:
        for store in self.stores:
            store.put(key, data)

    def get(self, key: str) -> bytes | None:
        for store in self.stores:
            found = store.get(key)
            if found is not None:
                return found
        return None

    def exists(self, key: str) -> bool:
        return all(store.exists(key) for store in self.stores)

    def keys(self, prefix: str) -> Iterator[str]:
        return self.stores[0].keys(prefix)


class SeededEntropy:
    """Reproducible bytes from a seed: SHA-256 in counter mode. For simulation only, never for a city."""

    def __init__(self, seed: int | str) -> None:
        self._key = hashlib.sha256(f"sunroad entropy {seed}".encode()).digest()
        self._counter = 0
        self._lock = threading.Lock()

    def __call__(self, size: int) -> bytes:
        out = b""
        with self._lock:
            while len(out) < size:
                out += hashlib.sha256(self._key + self._counter.to_bytes(8, "big")).digest()
                self._counter += 1
        return out[:size]


class Mailer(Protocol):
    """Delivers one message, or raises; the courier tries again later."""

    def send(self, *, to: str, subject: str, text: str, message_id: str) -> None: ...


class MailDrop:
    """Keeps messages in memory: simulation and the demonstration, which must not write to strangers."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []

    def send(self, *, to: str, subject: str, text: str, message_id: str) -> None:
        self.sent.append({"to": to, "subject": subject, "text": text, "message_id": message_id})


@dataclass(frozen=True)
class Outside:
    """What is handed in. Only this object, built at the door, touches the world."""

    clock: Clock
    entropy: Entropy
    mail: Mailer
    blobs: BlobStore

    def new_id(self) -> UUID:
        """A time-ordered UUID (version 7, RFC 9562 §5.7) from our clock and entropy."""
        millis = int(self.clock.now().timestamp() * 1000)
        random = bytearray(self.entropy(10))
        random[0] = 0x70 | (random[0] & 0x0F)
        random[2] = 0x80 | (random[2] & 0x3F)
        return UUID(bytes=millis.to_bytes(6, "big") + bytes(random))


system_entropy: Entropy = secrets.token_bytes
