"""The second door: a witness keeps bid commitments when the platform is "down".

Each accepted body becomes one line of an append-only file and one leaf of the
witness's own small log; the answer carries a proof under the witness's own
signature, so the bidder holds evidence of what he handed in and when.

Source: sealing specification §6 (second door).
"""

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

from sealbid import jcs, signatures
from sealbid.errors import SealError
from sealbid.merkle import leaf_hash
from sealbid.note import SignerKey, VerifierKey, sign_note
from sealbid.octets import b64, unb64
from sealbid.records import digest
from sealbid.signatures import SignatureObject
from sealbid.tiles import MemoryTiles, TileTree
from sealbid.tlog import Checkpoint, Policy, TlogProof

FILE_BYTES_MAX = 256 * 1024 * 1024


def require_commit(body: bytes) -> dict[str, Any]:
    """The submission in ``body``, if its bid key signed it.

    Raises:
        SealError: ``json_*`` for bytes that are not canonical, ``intake_shape`` or ``bad_signature``.
    """
    found = jcs.decode_object(body)
    inner = found.get("body")
    if not isinstance(inner, dict) or not isinstance(inner.get("bid"), str):
        raise SealError("intake_shape", "a submission has a body with a bid")
    key = signatures.ed25519_spki(unb64(inner.get("bk"), 32))
    signatures.verify(SignatureObject.from_json(found.get("sig")), "bid-commit", inner, key)
    return found


def entry_of_line(line: bytes) -> bytes:
    """The log entry of one intake line: ``0x01 ‖ 0x01 ‖ SHA-256(line)``."""
    return b"\x01\x01" + digest(line)


class IntakeLog:
    """An append-only file of submissions, with its tree in memory.

    Args:
        path: one JCS object a line: ``{"v","index","time","bid","body"}``.
        key: the witness's key; the log's origin is its name with ``/intake``.
    """

    def __init__(self, path: Path, key: SignerKey, bytes_max: int = FILE_BYTES_MAX) -> None:
        self.path = path
        self.key = SignerKey(f"{key.name}/intake", key.kind, key.seed)
        self.bytes_max = bytes_max
        self._guard = threading.Lock()
        self._tree = TileTree(MemoryTiles())
        self._bytes = 0
        self._lines: dict[bytes, tuple[int, bytes]] = {}
        if path.exists():
            self._restore(path.read_bytes())

    @property
    def size(self) -> int:
        """How many submissions are kept."""
        return self._tree.size

    def take(self, body: bytes, now: int) -> dict[str, Any]:
        """Keep one submission; the same body again gets the first place and time back.

        Returns:
            ``{"v","line","proof"}``: the line that was kept, in base64, and its proof file.

        Raises:
            SealError: what ``require_commit`` refuses, ``intake_full`` or ``intake_busy``.
        """
        found = require_commit(body)
        with self._guard:
            if digest(body) not in self._lines:
                line = {
                    "v": 1,
                    "index": self.size,
                    "time": now,
                    "bid": found["body"]["bid"],
                    "body": b64(body),
                }
                self._append(body, jcs.encode(line))
            index, kept = self._lines[digest(body)]
            checkpoint = Checkpoint(self.key.name, self._tree.size, self._tree.root())
            proof = self._tree.proof(index)
        note = sign_note(str(checkpoint), self.key, time=now)
        return {"v": 1, "line": b64(kept), "proof": str(TlogProof(index, tuple(proof), note))}

    def _append(self, body: bytes, line: bytes) -> None:
        with self.path.open("ab") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            if out.seek(0, os.SEEK_END) != self._bytes:
                raise SealError("intake_busy", "something else writes the intake file")
            if self._bytes + len(line) > self.bytes_max:
                raise SealError("intake_full", "the intake file has reached its size")
            out.write(line + b"\n")
            out.flush()
            os.fsync(out.fileno())
        self._bytes += len(line) + 1
        self._lines[digest(body)] = (self.size, line)
        self._tree.append_hashes([leaf_hash(entry_of_line(line))])

    def _restore(self, data: bytes) -> None:
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            # A crash tore the last line; nobody was answered for it, so it may go.
            with self.path.open("r+b") as out:
                out.truncate(len(data) - len(torn))
        self._bytes = len(data) - len(torn)
        for line in whole.split(b"\n") if whole else []:
            kept = jcs.decode_object(line)
            if kept.get("index") != self.size:
                raise SealError("intake_file", f"line {self.size} of the intake file is out of place")
            self._lines[digest(unb64(kept["body"]))] = (self.size, line)
            self._tree.append_hashes([leaf_hash(entry_of_line(line))])


def verify_intake(answer: dict[str, Any], body: bytes, key: VerifierKey) -> int:
    """Check an intake answer against the submission; the instant it was kept, in Unix seconds.

    Args:
        key: the witness's ordinary verifier key.

    Raises:
        SealError: ``intake_answer`` or what the proof refuses.
    """
    line = unb64(answer.get("line"))
    kept = jcs.decode_object(line)
    if unb64(kept.get("body")) != body:
        raise SealError("intake_answer", "another submission was kept")
    own = VerifierKey(f"{key.name}/intake", key.kind, key.public)
    proof = TlogProof.parse(str(answer.get("proof")))
    proof.verify(entry_of_line(line), Policy((own,), {}, {}, "none"))
    time = kept.get("time")
    if not isinstance(time, int) or kept.get("index") != proof.index:
        raise SealError("intake_answer", "the kept line contradicts its proof")
    return time
