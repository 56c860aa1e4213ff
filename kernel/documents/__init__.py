"""Content-addressed files: the name of a file is its SHA-256, so what was published cannot change unseen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kernel.errors import NotFound
from kernel.outside import BlobStore


@dataclass(frozen=True)
class StoredFile:
    """A file that is in the store: hex SHA-256 and size in bytes."""

    sha256: str
    size: int


def key_of(sha256: str) -> str:
    return f"documents/{sha256[:2]}/{sha256}"


def store(blobs: BlobStore, data: bytes) -> StoredFile:
    """Put a file into the store before the transaction that refers to it; storing it again changes nothing."""
    sha256 = hashlib.sha256(data).hexdigest()
    blobs.put(key_of(sha256), data)
    return StoredFile(sha256, len(data))


class Corrupted(Exception):
    """Stored bytes no longer match their name: an incident, never served."""


def load(blobs: BlobStore, sha256: str) -> bytes:
    """Fetch a file and check it against its name.

    Raises:
        NotFound: the store does not have it.
        Corrupted: the bytes changed.
    """
    data = blobs.get(key_of(sha256))
    if data is None:
        raise NotFound("file_missing", sha256=sha256)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Corrupted(sha256)
    return data
