"""A witness: it remembers how far each log has come and signs nothing that looks back.

The state machine is pure but for one file; the server below is the standard
library's, so that a supervisor's office can run it without our platform.

Source: C2SP tlog-witness and tlog-cosignature; sealing specification §6 and §7.2.
"""

import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.intake import IntakeLog
from sealbid.merkle import empty_root, verify_consistency
from sealbid.note import Note, SignerKey, VerifierKey
from sealbid.octets import b64, unb64
from sealbid.tlog import PROOF_HASHES_MAX, Checkpoint

REQUEST_BYTES_MAX = 256 * 1024
INTAKE_BYTES_MAX = 64 * 1024
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    media: str = TEXT


@dataclass(frozen=True)
class Request:
    """A parsed add-checkpoint request: the size we are believed to know, a proof, a checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    @classmethod
    def parse(cls, data: bytes) -> "Request":
        """Read ``old <n>``, proof lines, a blank line and a note; ``request_shape`` otherwise."""
        try:
            head, blank, note = data.decode("utf-8").partition("\n\n")
        except UnicodeDecodeError as error:
            raise SealError("request_shape", "the request is not UTF-8") from error
        first, *steps = head.split("\n")
        word, _, number = first.partition(" ")
        if not blank or word != "old" or not (number.isascii() and number.isdigit()) or len(number) > 19:
            raise SealError("request_shape", "the request does not begin with the old size")
        if str(int(number)) != number or len(steps) > PROOF_HASHES_MAX:
            raise SealError("request_shape", "the old size or the proof is malformed")
        return cls(int(number), tuple(unb64(step, 32) for step in steps), Note.parse(note))

    def __str__(self) -> str:
        return f"old {self.old}\n{''.join(b64(step) + chr(10) for step in self.proof)}\n{self.note}"


class StateFile:
    """The last accepted checkpoint per log, in one JSON file, replaced whole and synced to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()

    @contextmanager
    def locked(self) -> Iterator[dict[str, Any]]:
        """The state, held against other threads and processes; write it back with ``write``."""
        with self._guard, self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file; returns only when disk and directory are synced."""
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as out:
            out.write(jcs.encode(dict(state)))
            out.flush()
            os.fsync(out.fileno())
        beside.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> dict[str, Any]:
        try:
            return jcs.decode_object(self.path.read_bytes())
        except FileNotFoundError:
            return {"v": 1, "logs": []}


class Witness:
    """Cosigns checkpoints of known logs, each only after it has been stored.

    Args:
        keys: cosigning keys, types 0x04 and 0x06; one line each in the answer.
        logs: verifier keys of the logs it watches; a log is its key name.
        state: where the last sizes and roots live.
        clock: Unix seconds, handed in.
        intake: the second door, when this witness keeps one.
    """

    def __init__(
        self,
        keys: Sequence[SignerKey],
        logs: Sequence[VerifierKey],
        state: StateFile,
        clock: Callable[[], int],
        intake: IntakeLog | None = None,
    ) -> None:
        if not keys or any(key.kind == 0x01 for key in keys):
            raise SealError("witness_key", "a witness signs with keys of type 0x04 or 0x06")
        self.keys = tuple(keys)
        self.logs = tuple(logs)
        self.state = state
        self.clock = clock
        self.intake = intake

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge one request.

        Returns:
            200 with cosignature lines; 409 with the size known here when ``old`` is
            another one, or when the same size has another root; 422 for a proof that
            fails; 403 without a valid log signature; 404 for an unknown log; 400 for
            anything malformed, also an ``old`` beyond the checkpoint.

        Source: C2SP tlog-witness.
        """
        try:
            request = Request.parse(body)
            checkpoint = Checkpoint.parse(request.note.text)
        except SealError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, error)
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            return Answer(HTTPStatus.NOT_FOUND, b"unknown log\n")
        try:
            if not request.note.verified(keys):
                raise SealError("log_signature", "no signature by a known key of this log")
        except SealError as error:
            return _refusal(HTTPStatus.FORBIDDEN, error)
        if request.old > checkpoint.size:
            return Answer(HTTPStatus.BAD_REQUEST, b"old size is beyond the checkpoint\n")
        return self._compare_and_store(request, checkpoint)

    def _compare_and_store(self, request: Request, checkpoint: Checkpoint) -> Answer:
        with self.state.locked() as state:
            known = _known(state, checkpoint.origin)
            if request.old != known.size or (known.size == checkpoint.size and known.root != checkpoint.root):
                return Answer(HTTPStatus.CONFLICT, f"{known.size}\n".encode(), SIZE)
            try:
                _require_growth(known, checkpoint, request.proof)
            except SealError as error:
                return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error)
            if checkpoint.size > known.size or not _listed(state, checkpoint.origin):
                self.state.write(_with(state, checkpoint))
        # Stored before signed: a crash in between costs a cosignature, never a second history.
        now = self.clock()
        lines = [key.sign(request.note.text, now) for key in self.keys]
        return Answer(HTTPStatus.OK, "".join(map(str, lines)).encode())

    def known(self, origin: str) -> Checkpoint:
        """The last checkpoint stored for a log; size 0 when there is none."""
        with self.state.locked() as state:
            return _known(state, origin)

    def status(self) -> Answer:
        """Names, keys and sizes, for people and monitors."""
        with self.state.locked() as state:
            logs = [
                {"origin": log["origin"], "size": log["size"], "root": log["root"]} for log in state["logs"]
            ]
        found = {
            "v": 1,
            "keys": [str(key.verifier) for key in self.keys],
            "watches": sorted({key.name for key in self.logs}),
            "logs": logs,
            "intake": self.intake.size if self.intake else 0,
            "time": self.clock(),
        }
        return Answer(HTTPStatus.OK, jcs.encode(found), JSON)

    def take(self, body: bytes) -> Answer:
        """The second door: keep a bid commitment and answer with a signed proof that it was kept."""
        if self.intake is None:
            return Answer(HTTPStatus.NOT_FOUND, b"this witness keeps no intake\n")
        if len(body) > INTAKE_BYTES_MAX:
            return Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"at most 64 KiB\n")
        try:
            return Answer(HTTPStatus.OK, jcs.encode(self.intake.take(body, self.clock())), JSON)
        except SealError as error:
            full = error.code == "intake_full"
            return _refusal(
                HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.UNPROCESSABLE_ENTITY, error
            )


def _refusal(status: HTTPStatus, error: SealError) -> Answer:
    return Answer(status, f"{error}\n".encode())


def _require_growth(known: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    if known.size in (0, new.size):
        # Nothing to prove: everything grows out of the empty tree, and equal roots were compared.
        if proof:
            raise SealError("consistency_proof", "no proof is needed here")
        if new.size == 0 and new.root != empty_root():
            raise SealError("consistency_proof", "the empty tree has the empty root")
        return
    verify_consistency(known.size, new.size, proof, known.root, new.root)


def _listed(state: Mapping[str, Any], origin: str) -> bool:
    return any(log["origin"] == origin for log in state["logs"])


def _known(state: Mapping[str, Any], origin: str) -> Checkpoint:
    for log in state["logs"]:
        if log["origin"] == origin:
            return Checkpoint(origin, log["size"], bytes.fromhex(log["root"]))
    return Checkpoint(origin, 0, empty_root())


def _with(state: Mapping[str, Any], new: Checkpoint) -> dict[str, Any]:
    others = [log for log in state["logs"] if log["origin"] != new.origin]
    entry = {"origin": new.origin, "size": new.size, "root": new.root.hex()}
    return {"v": 1, "logs": sorted([*others, entry], key=lambda log: str(log["origin"]))}


class WitnessServer(ThreadingHTTPServer):
    """``POST /add-checkpoint``, ``POST /intake``, ``GET /status`` and nothing else."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        super().__init__(address, _Handler)
        self.witness = witness


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "sealbid-witness"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        if self.path == "/status":
            self._send(self.server.witness.status())
        else:
            self._send(Answer(HTTPStatus.NOT_FOUND, b"not here\n"))

    def do_POST(self) -> None:
        doors = {
            "/add-checkpoint": (REQUEST_BYTES_MAX, self.server.witness.add_checkpoint),
            "/intake": (INTAKE_BYTES_MAX, self.server.witness.take),
        }
        if self.path not in doors:
            self.close_connection = True
            self._send(Answer(HTTPStatus.NOT_FOUND, b"not here\n"))
            return
        limit, door = doors[self.path]
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self.close_connection = True
            self._send(Answer(HTTPStatus.LENGTH_REQUIRED, b"say how long it is\n"))
        elif len(length) > 9 or int(length) > limit:
            self.close_connection = True
            self._send(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"too long\n"))
        else:
            try:
                answer = door(self.rfile.read(int(length)))
            except OSError as error:
                # The disk said no, so nothing was stored and nothing is signed; the caller tries again.
                sys.stderr.write(f"sealbid witness: {error}\n")
                answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"could not be stored\n")
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args: object) -> None:
        """Stay quiet: who asked what is nobody's business; the state file is the record."""
