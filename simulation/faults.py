"""What goes wrong in a simulated year: crashes around a commit, doubled and late requests, silent mail and
witnesses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kernel.ledger.sequencer import Cosigner
from kernel.outside import MailDrop
from kernel.work import Work
from sealbid.witness import StateFile


class Crash(Exception):
    """The process died here. Before the commit nothing has happened; after it everything has, untold."""


@dataclass
class Faults:
    """Decides, from the seed alone, what goes wrong. Install as ``platform.faults``.

    Attributes:
        before, after: how likely a transaction crashes just before, or just after, its commit.
        doubled: how likely a request arrives twice at once.
        late: how likely a copy of a request arrives hours later.
        mail, witness: how likely one delivery, or one witness's answer, fails.
        timekeepers: how likely a second timekeeper acts on what both have read.
        lazy: how likely the sequencer leaves a step's entries waiting.
    """

    dice: random.Random
    before: float = 0.02
    after: float = 0.02
    doubled: float = 0.06
    late: float = 0.05
    mail: float = 0.2
    witness: float = 0.15
    timekeepers: float = 0.3
    lazy: float = 0.3
    on: bool = True
    counts: dict[str, int] = field(default_factory=dict)

    def __call__(self, when: str, work: Work) -> None:
        chance = self.before if when == "before_commit" else self.after
        if self.happens(when, chance):
            raise Crash(f"{when} of {work.actor.name or work.actor.kind}")

    def happens(self, name: str, chance: float) -> bool:
        """Whether the named misfortune strikes now; counted when it does."""
        if not self.on or self.dice.random() >= chance:
            return False
        self.counts[name] = self.counts.get(name, 0) + 1
        return True

    @contextmanager
    def none(self) -> Iterator[None]:
        """Nothing goes wrong in here."""
        was, self.on = self.on, False
        try:
            yield
        finally:
            self.on = was


class FlakyMail(MailDrop):
    """A mail server that is sometimes not there; the courier must try again."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: Faults | None = None

    def send(self, *, to: str, subject: str, text: str, message_id: str) -> None:
        if self.faults is not None and self.faults.happens("mail", self.faults.mail):
            raise OSError("the mail server does not answer")
        super().send(to=to, subject=subject, text=text, message_id=message_id)


class MemoryState(StateFile):
    """A witness's state without a disk, for simulated witnesses only."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {"v": 1, "logs": []}

    @contextmanager
    def locked(self) -> Iterator[dict[str, Any]]:
        yield self._state

    def write(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)


def flaky(ask: Cosigner, faults: Faults) -> Cosigner:
    """A witness that is sometimes away, and sometimes signs but its answer gets lost."""

    def asked(old: int, proof: Sequence[bytes], checkpoint: str) -> list[str]:
        if faults.happens("witness", faults.witness / 2):
            raise OSError("the witness does not answer")
        lines = ask(old, proof, checkpoint)
        if faults.happens("witness", faults.witness / 2):
            raise OSError("the witness's answer was lost")
        return lines

    return asked
