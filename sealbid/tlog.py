"""Checkpoints, proof files and the trust policy that judges them.

Source: C2SP tlog-checkpoint, tlog-proof and tlog-policy; sealing specification §7.2 and §7.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sealbid.errors import SealError
from sealbid.merkle import leaf_hash, verify_inclusion
from sealbid.note import Note, VerifierKey, checkpoint_fields
from sealbid.octets import b64, unb64

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
PROOF_HASHES_MAX = 63
CLOCK_SKEW_SECONDS = 5


@dataclass(frozen=True)
class Checkpoint:
    """One state of a log: who it is, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a checkpoint text without extension lines; ``checkpoint_shape`` otherwise."""
        return cls(*checkpoint_fields(text))


@dataclass(frozen=True)
class Cosigned:
    """A checkpoint that satisfied a policy.

    Attributes:
        times: Unix seconds per witness that signed.
        first: the earliest of them; None when the policy needs no witness.
        complete: the instant at which the quorum was complete; None likewise.
    """

    checkpoint: Checkpoint
    note: Note
    times: Mapping[str, int]
    first: int | None
    complete: int | None


@dataclass(frozen=True)
class Group:
    """A named choice among witnesses or groups: so many of them must agree."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A trust policy: which logs, which witnesses, and how many of whom are enough."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Read a C2SP tlog-policy; refuses (``policy_text``) what it cannot judge without doubt.

        Lines: ``log <vkey> [<url>]``, ``witness <name> <vkey> [<url>]``,
        ``group <name> <any|all|k> <member>…``, ``quorum <name|none>``; ``#`` begins a comment.
        """
        reader = _PolicyReader()
        for number, line in enumerate(text.split("\n"), start=1):
            words = line.split()
            if words and not words[0].startswith("#"):
                reader.line(number, words)
        return reader.policy()

    def require(self, note: Note) -> Cosigned:
        """The checkpoint of a note, if a known log signed it and the quorum cosigned it.

        Raises:
            SealError: ``checkpoint_shape``, ``log_unknown``, ``log_signature``,
                ``note_signature`` or ``quorum``, in this order.
        """
        checkpoint = self.require_log(note)
        times = {name: at for name, key in self.witnesses.items() if (at := _time_by(note, key)) is not None}
        if self.quorum == "none":
            return Cosigned(checkpoint, note, times, min(times.values(), default=None), None)
        complete = self._satisfied_at(self.quorum, times)
        if complete is None:
            raise SealError(
                "quorum", f"{len(times)} witness(es) signed, the quorum {self.quorum} needs others"
            )
        return Cosigned(checkpoint, note, times, min(times.values()), complete)

    def require_log(self, note: Note) -> Checkpoint:
        """The checkpoint of a note signed by a log of this policy, witnesses not asked."""
        checkpoint = Checkpoint.parse(note.text)
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            raise SealError("log_unknown", f"the policy does not know the log {checkpoint.origin}")
        if not note.verified(keys):
            raise SealError("log_signature", f"no signature of {checkpoint.origin} under its checkpoint")
        return checkpoint

    def _satisfied_at(self, name: str, times: Mapping[str, int]) -> int | None:
        group = self.groups.get(name)
        if group is None:
            return times.get(name)
        reached = sorted(t for m in group.members if (t := self._satisfied_at(m, times)) is not None)
        return reached[group.threshold - 1] if len(reached) >= group.threshold else None


def _time_by(note: Note, key: VerifierKey) -> int | None:
    answer = note.signed_by(key)
    return answer[0] if answer else None


class _PolicyReader:
    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.urls: dict[str, str] = {}
        self.taken: set[str] = set()
        self.quorum: str | None = None

    def line(self, number: int, words: list[str]) -> None:
        try:
            match words:
                case ["log", vkey, *url] if len(url) < 2:
                    key = VerifierKey.parse(vkey)
                    self.logs.append(key)
                    self._url(key.name, url)
                case ["witness", name, vkey, *url] if len(url) < 2:
                    self._new_name(name)
                    self.witnesses[name] = self._witness(vkey)
                    self._url(name, url)
                case ["group", name, threshold, *members] if members:
                    self._group(name, threshold, members)
                case ["quorum", name] if self.quorum is None:
                    if name != "none":
                        self._known(name)
                    self.quorum = name
                case _:
                    raise SealError("policy_text", "not a line of a policy")
        except SealError as error:
            raise SealError("policy_text", f"line {number}: {error.detail}") from error

    def policy(self) -> Policy:
        if self.quorum is None or not self.logs:
            raise SealError("policy_text", "a policy names at least one log and exactly one quorum")
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum, self.urls)

    def _witness(self, vkey: str) -> VerifierKey:
        key = VerifierKey.parse(vkey)
        if key.kind == 0x01:
            raise SealError("policy_text", "a witness key carries its instant: type 0x04 or 0x06")
        if any(key.public == other.public for other in self.witnesses.values()):
            raise SealError("policy_text", "one key under two names would count twice")
        return key

    def _group(self, name: str, threshold: str, members: Sequence[str]) -> None:
        for member in members:
            self._known(member)
            if member in self.taken:
                raise SealError("policy_text", f"{member} already belongs to a group")
            self.taken.add(member)
        self._new_name(name)
        words = {"any": 1, "all": len(members)}
        if threshold not in words and not (threshold.isascii() and threshold.isdigit()):
            raise SealError("policy_text", "a threshold is any, all or a number")
        needed = words[threshold] if threshold in words else int(threshold)
        if not 1 <= needed <= len(members):
            raise SealError("policy_text", f"{threshold} of {len(members)} cannot be")
        self.groups[name] = Group(needed, tuple(members))

    def _url(self, name: str, given: Sequence[str]) -> None:
        if given:
            self.urls[name] = given[0]

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise SealError("policy_text", f"{name} is not defined above")

    def _new_name(self, name: str) -> None:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise SealError("policy_text", f"the name {name} is taken")


@dataclass(frozen=True)
class TlogProof:
    """A proof file: one leaf's place, its audit path and a signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def __str__(self) -> str:
        lines = [PROOF_HEADER]
        if self.extra is not None:
            lines.append(f"extra {b64(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(b64(h) for h in self.hashes)
        return "\n".join(lines) + f"\n\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "TlogProof":
        """Read a ``.tlog-proof``; refuses (``proof_shape``) what would not be written the same way."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != PROOF_HEADER or not lines:
            raise SealError("proof_shape", f"a proof file begins with {PROOF_HEADER}")
        extra = unb64(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
        word, _, number = lines.pop(0).partition(" ") if lines else ("", "", "")
        if word != "index" or not number.isascii() or not number.isdigit() or len(number) > 19:
            raise SealError("proof_shape", "the index is missing")
        if len(lines) > PROOF_HASHES_MAX:
            raise SealError("proof_shape", "the proof is too long")
        found = cls(int(number), tuple(unb64(line, 32) for line in lines), Note.parse(note), extra)
        if str(found) != text:
            raise SealError("proof_shape", "the proof file is not in its one canonical spelling")
        return found

    def verify(self, entry: bytes, policy: Policy) -> Cosigned:
        """Check that ``entry`` stands at ``index`` in a checkpoint the policy accepts.

        Raises:
            SealError: whatever ``Policy.require`` refuses, or ``inclusion_proof``.
        """
        cosigned = policy.require(self.note)
        self.verify_in(entry, cosigned.checkpoint)
        return cosigned

    def verify_in(self, entry: bytes, checkpoint: Checkpoint) -> None:
        """Check inclusion alone, under a checkpoint that was judged elsewhere."""
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root)


@dataclass(frozen=True)
class Interval:
    """When a leaf was sequenced, in Unix seconds; None where nobody independent bears witness."""

    after: int | None
    before: int | None

    def require(self, claimed: float, skew: int = CLOCK_SKEW_SECONDS) -> None:
        """Refuse (``time_interval``) a claimed instant that lies outside by more than ``skew`` seconds."""
        if self.after is not None and claimed < self.after - skew:
            raise SealError("time_interval", f"claims {self.after - claimed:.0f} s before it can have been")
        if self.before is not None and claimed > self.before + skew:
            raise SealError("time_interval", f"claims {claimed - self.before:.0f} s after it was witnessed")


def interval_of(index: int, checkpoints: Iterable[Cosigned]) -> Interval:
    """The independent time interval of a leaf.

    Present in a checkpoint (size > index): it existed when the quorum was complete.
    Absent from one (size ≤ index): it was sequenced after the first witness saw that one.

    Source: sealing specification §7.3.
    """
    after: int | None = None
    before: int | None = None
    for found in checkpoints:
        if found.complete is None or found.first is None:
            continue
        if found.checkpoint.size > index:
            before = found.complete if before is None else min(before, found.complete)
        else:
            after = found.first if after is None else max(after, found.first)
    return Interval(after, before)
