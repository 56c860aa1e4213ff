"""How the sequencer reaches its witnesses: over HTTP, or inside this process for the demonstration and tests.

A cosignature is believed only when it verifies under the key the settings name; whatever else a witness sends
back is thrown away. Source: C2SP tlog-witness; spec sealing §7.2.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger.models import LogCheckpoint, WitnessSignature
from kernel.ledger.sequencer import Cosigner
from kernel.settings import Settings
from sealbid.errors import SealError
from sealbid.note import Note, SignatureLine, VerifierKey
from sealbid.witness import Answer, Request, Witness

ANSWER_BYTES_MAX = 64 * 1024
TIMEOUT_SECONDS = 5.0

Send = Callable[[bytes], Answer]
"""Delivers one add-checkpoint request. Raises OSError when nobody answers."""


def http_cosigner(url: str, vkey: str, *, timeout: float = TIMEOUT_SECONDS) -> Cosigner:
    """Ask a witness over HTTP.

    Args:
        url: the address before ``/add-checkpoint``.
        vkey: the witness's C2SP verifier key; other signatures in the answer are dropped.

    Raises (when called):
        SealError: ``witness_conflict`` with the size the witness knows; ``witness_refused``;
            ``witness_answer``.
        OSError: nobody answers.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SealError("witness_url", "a witness is reached over http or https")
    address = url.rstrip("/") + "/add-checkpoint"

    def send(body: bytes) -> Answer:
        request = urllib.request.Request(address, data=body, headers={"Content-Type": "text/plain"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - scheme checked above
                return Answer(answer.status, answer.read(ANSWER_BYTES_MAX + 1))
        except urllib.error.HTTPError as no:
            with no:
                return Answer(no.code, no.read(ANSWER_BYTES_MAX + 1))
        except http.client.HTTPException as broken:
            raise OSError(f"not an answer: {broken!r}") from broken

    return _cosigner(send, VerifierKey.parse(vkey))


def local_cosigner(witness: Witness, vkey: str = "") -> Cosigner:
    """Ask a witness that lives in this process: demonstration, tests and simulation."""
    keys = [VerifierKey.parse(vkey)] if vkey else [key.verifier for key in witness.keys]
    return _cosigner(witness.add_checkpoint, *keys)


def cosigners_of(settings: Settings, local: Mapping[str, Witness] | None = None) -> dict[str, Cosigner]:
    """One cosigner for every configured witness, by name; ``local`` ones are asked without the network.

    A witness without an address (``-``) and without a local twin is left out: it cannot be asked.
    """
    found: dict[str, Cosigner] = {}
    for name, vkey, url in settings.witnesses:
        if local and name in local:
            found[name] = local_cosigner(local[name], vkey)
        elif url.startswith(("http://", "https://")):
            found[name] = http_cosigner(url, vkey)
    return found


def _cosigner(send: Send, *keys: VerifierKey) -> Cosigner:
    def ask(old: int, proof: Sequence[bytes], checkpoint: str) -> list[str]:
        note = Note.parse(checkpoint)
        answer = send(str(Request(old, tuple(proof), note)).encode())
        if answer.status == HTTPStatus.CONFLICT:
            raise SealError("witness_conflict", answer.body.decode("ascii", "replace").strip()[:20])
        if answer.status != HTTPStatus.OK:
            raise SealError(
                "witness_refused", f"{answer.status}: {answer.body[:200].decode('utf-8', 'replace')}"
            )
        return _believed(note, answer.body, keys)

    return ask


def _believed(note: Note, body: bytes, keys: Sequence[VerifierKey]) -> list[str]:
    """The lines of an answer that verify under one of the keys; at least one must."""
    try:
        lines = [SignatureLine.parse(line) for line in body.decode("utf-8").split("\n") if line]
        cosigned = note.with_lines(lines)
        good = [key for key in keys if cosigned.signed_by(key) is not None]
    except (SealError, UnicodeDecodeError) as error:
        raise SealError("witness_answer", f"the answer holds no cosignature: {error}") from error
    if not good:
        raise SealError("witness_answer", "no cosignature by the key of this witness")
    named = {(key.name, key.id) for key in good}
    return [str(line).rstrip("\n") for line in lines if (line.name, line.key_id) in named]


@dataclass(frozen=True)
class Standing:
    """How a witness keeps up.

    Attributes:
        name, vkey: as configured; ``key_id`` is the hex id that stands in its signature lines.
        size: the largest checkpoint it signed, 0 for none; ``at`` when that signature came in.
        behind: entries of the log it has not seen yet.
        signed, checkpoints: checkpoints it signed in the period, of all that were cosigned by anybody in it.
        since: the first signature on file.
    """

    name: str
    vkey: str
    key_id: str
    size: int
    at: datetime | None
    behind: int
    signed: int
    checkpoints: int
    since: datetime | None


def standings(session: Session, settings: Settings, *, size: int, since: datetime) -> list[Standing]:
    """How every configured witness keeps up with a log of ``size`` leaves, counted from ``since``."""
    recent = sa.select(sa.func.count(sa.distinct(WitnessSignature.size))).where(WitnessSignature.at >= since)
    total = session.scalar(recent) or 0
    found = []
    for name, vkey, _ in settings.witnesses:
        mine = WitnessSignature.name == name
        last, first = session.execute(
            sa.select(sa.func.max(WitnessSignature.size), sa.func.min(WitnessSignature.at)).where(mine)
        ).one()
        at = session.scalar(sa.select(WitnessSignature.at).where(mine, WitnessSignature.size == last))
        signed = session.scalar(sa.select(sa.func.count()).where(mine, WitnessSignature.at >= since)) or 0
        key = VerifierKey.parse(vkey)
        found.append(
            Standing(name, vkey, key.id.hex(), last or 0, at, size - (last or 0), signed, total, first)
        )
    return found


def checkpoint_after(session: Session, index: int) -> LogCheckpoint | None:
    """The first checkpoint that holds a leaf."""
    return session.scalars(
        sa.select(LogCheckpoint).where(LogCheckpoint.size > index).order_by(LogCheckpoint.size).limit(1)
    ).one_or_none()
