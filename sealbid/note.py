"""C2SP signed notes: text, signature lines, keys of logs and witnesses.

Three kinds of keys: Ed25519 (0x01) for logs, Ed25519 cosignatures with a time
(0x04), and ML-DSA-44 (0x06), whose one message form serves logs and witnesses.

Source: C2SP signed-note and tlog-cosignature; sealing specification §7.2.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from sealbid.errors import SealError
from sealbid.octets import b64, unb64

DASH = "— "
LINES_MAX = 64
NOTE_BYTES_MAX = 1 << 20


class KeyType(IntEnum):
    """Algorithm byte of a note key."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    MLDSA44 = 0x06


SIGNATURE_BYTES = {KeyType.ED25519: 64, KeyType.COSIGNATURE: 72, KeyType.MLDSA44: 8 + 2420}
PUBLIC_BYTES = {KeyType.ED25519: 32, KeyType.COSIGNATURE: 32, KeyType.MLDSA44: 1312}
SEED_BYTES = 32


def require_name(name: str) -> str:
    """A key name: not empty, no spaces of any kind, no plus sign, nothing invisible."""
    if not name or "+" in name or " " in name or not name.isprintable():
        raise SealError("note_name", f"not a key name: {name!r}")
    return name


def key_id(name: str, kind: KeyType, public: bytes) -> bytes:
    """First four bytes of ``SHA-256(name ‖ 0x0A ‖ type ‖ public key)``."""
    return hashlib.sha256(name.encode() + b"\n" + bytes((kind,)) + public).digest()[:4]


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a log's or witness's key; ``str()`` is its vkey line."""

    name: str
    kind: KeyType
    public: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.public) != PUBLIC_BYTES[self.kind]:
            raise SealError("note_key", f"a key of type {self.kind:#04x} has {PUBLIC_BYTES[self.kind]} bytes")

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes((self.kind,)) + self.public)}"

    @property
    def id(self) -> bytes:
        """Four bytes that begin every signature of this key."""
        return key_id(self.name, self.kind, self.public)

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """Read ``name+hex id+base64(type ‖ key)``; refuses (``note_key``) an id that does not fit."""
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise SealError("note_key", "a vkey has three parts joined by plus signs")
        data = unb64(parts[2])
        if not data or data[0] not in set(KeyType):
            raise SealError("note_key", "the key type is not one we verify")
        key = cls(parts[0], KeyType(data[0]), data[1:])
        if key.id.hex() != parts[1]:
            raise SealError("note_key", f"the id of {parts[0]} does not fit the key")
        return key

    def verify(self, text: str, payload: bytes) -> int | None:
        """Check one signature payload; the cosigned instant in Unix seconds, or None for type 0x01.

        Raises:
            SealError: ``note_signature``.
        """
        if len(payload) != SIGNATURE_BYTES[self.kind]:
            raise SealError("note_signature", f"the signature of {self.name} has a wrong length")
        try:
            if self.kind is KeyType.ED25519:
                ed25519.Ed25519PublicKey.from_public_bytes(self.public).verify(payload, text.encode())
                return None
            time = int(struct.unpack(">Q", payload[:8])[0])
            if self.kind is KeyType.COSIGNATURE:
                ed25519.Ed25519PublicKey.from_public_bytes(self.public).verify(
                    payload[8:], cosignature_message(text, time)
                )
            else:
                mldsa.MLDSA44PublicKey.from_public_bytes(self.public).verify(
                    payload[8:], subtree_message(self.name, text, time)
                )
        except (InvalidSignature, ValueError) as error:
            raise SealError("note_signature", f"the signature of {self.name} is not valid") from error
        return time


@dataclass(frozen=True, repr=False)
class SignerKey:
    """The private half: a 32-byte seed with its name and kind."""

    name: str
    kind: KeyType
    seed: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.seed) != SEED_BYTES:
            raise SealError("note_key", "a seed has 32 bytes")

    def __repr__(self) -> str:
        return f"SignerKey({self.name!r}, {self.kind!r}, …)"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        if self.kind is KeyType.MLDSA44:
            public = mldsa.MLDSA44PrivateKey.from_seed_bytes(self.seed).public_key().public_bytes_raw()
        else:
            private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
            public = private.public_key().public_bytes_raw()
        return VerifierKey(self.name, self.kind, public)

    def export(self) -> str:
        """``PRIVATE+KEY+name+id+base64(type ‖ seed)``: a secret, for key files only."""
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{b64(bytes((self.kind,)) + self.seed)}"

    @classmethod
    def parse(cls, text: str) -> "SignerKey":
        """Inverse of ``export``; refuses (``note_key``) anything else."""
        parts = text.strip().split("+", 4)
        if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
            raise SealError("note_key", "not a private note key")
        data = unb64(parts[4], 1 + SEED_BYTES)
        if data[0] not in set(KeyType):
            raise SealError("note_key", "the key type is not one we sign with")
        key = cls(parts[2], KeyType(data[0]), data[1:])
        if key.verifier.id.hex() != parts[3]:
            raise SealError("note_key", "the id does not fit the key")
        return key

    def sign(self, text: str, time: int | None = None) -> "SignatureLine":
        """Sign a note text; types 0x04 and 0x06 need the instant in Unix seconds."""
        require_text(text)
        if self.kind is KeyType.ED25519:
            private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
            return SignatureLine(self.name, self.verifier.id, private.sign(text.encode()))
        if time is None or not 0 <= time < 1 << 63:
            raise SealError("note_time", "a cosignature needs its instant")
        if self.kind is KeyType.COSIGNATURE:
            private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
            signature = private.sign(cosignature_message(text, time))
        else:
            signature = mldsa.MLDSA44PrivateKey.from_seed_bytes(self.seed).sign(
                subtree_message(self.name, text, time)
            )
        return SignatureLine(self.name, self.verifier.id, struct.pack(">Q", time) + signature)


@dataclass(frozen=True)
class SignatureLine:
    """One line below a note: whose key, and the bytes after its id."""

    name: str
    key_id: bytes
    payload: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {b64(self.key_id + self.payload)}\n"

    @classmethod
    def parse(cls, line: str) -> "SignatureLine":
        """Read one line without its newline; ``note_line`` when malformed."""
        name, space, encoded = line.removeprefix(DASH).partition(" ")
        if not line.startswith(DASH) or not space:
            raise SealError("note_line", "a signature line reads '— name base64'")
        data = unb64(encoded)
        if len(data) < 5:
            raise SealError("note_line", "a signature line is too short")
        return cls(require_name(name), data[:4], data[4:])


@dataclass(frozen=True)
class Note:
    """A text and the signatures under it."""

    text: str
    lines: tuple[SignatureLine, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.lines))}"

    @classmethod
    def parse(cls, data: str | bytes) -> "Note":
        """Read a note; refuses (``note_shape``, ``note_line``) whatever would not be written the same way."""
        if len(data) > NOTE_BYTES_MAX:
            raise SealError("note_shape", "the note is too long")
        try:
            whole = data if isinstance(data, str) else bytes(data).decode("utf-8")
            whole.encode("utf-8")
        except UnicodeError as error:
            raise SealError("note_shape", "a note is UTF-8") from error
        text, blank, below = whole.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise SealError("note_shape", "a note is a text, a blank line and signature lines")
        lines = below[:-1].split("\n")
        if len(lines) > LINES_MAX:
            raise SealError("note_shape", "too many signature lines")
        return cls(require_text(text + "\n"), tuple(SignatureLine.parse(line) for line in lines))

    def with_lines(self, extra: Iterable[SignatureLine]) -> "Note":
        """The same note with more signatures; a line already there is not repeated."""
        added = dict.fromkeys((*self.lines, *extra))
        return Note(self.text, tuple(added))

    def signed_by(self, key: VerifierKey) -> tuple[int | None] | None:
        """None when the key did not sign, else a 1-tuple with the cosigned instant (or None).

        Raises:
            SealError: ``note_signature`` for a line that claims this key and is wrong.
        """
        answers = [
            key.verify(self.text, line.payload)
            for line in self.lines
            if line.name == key.name and line.key_id == key.id
        ]
        if not answers:
            return None
        # Two instants by one key: the earlier proves existence longer.
        return (min((a for a in answers if a is not None), default=None),)

    def verified(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int | None]:
        """Which of the given keys signed, with their instants; lines of other keys are ignored."""
        found: dict[VerifierKey, int | None] = {}
        for key in keys:
            answer = self.signed_by(key)
            if answer is not None:
                found[key] = answer[0]
        return found


def require_text(text: str) -> str:
    """A note text ends in a newline and holds no other control character."""
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise SealError("note_shape", "a note text ends in a newline and has no control characters")
    return text


def sign_note(text: str, *signers: SignerKey, time: int | None = None) -> Note:
    """A new note signed by each of the given keys."""
    return Note(require_text(text), tuple(signer.sign(text, time) for signer in signers))


def cosignature_message(text: str, time: int) -> bytes:
    """What an Ed25519 cosignature (0x04) signs."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def subtree_message(name: str, text: str, time: int) -> bytes:
    """What an ML-DSA-44 key (0x06) signs: the whole tree of a checkpoint, as its first subtree."""
    origin, size, root = checkpoint_fields(text)
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short(name),
            struct.pack(">Q", time),
            _short(origin),
            struct.pack(">QQ", 0, size),
            root,
        )
    )


def checkpoint_fields(text: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint text with no extension lines.

    Raises:
        SealError: ``checkpoint_shape``.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise SealError("checkpoint_shape", "a checkpoint has three lines and no extension")
    origin, size, root = lines[:3]
    if not size.isascii() or not size.isdigit() or str(int(size[:20])) != size or int(size) >= 1 << 63:
        raise SealError("checkpoint_shape", "the size is not a plain decimal number")
    return require_name(origin), int(size), unb64(root, 32)


def _short(text: str) -> bytes:
    data = text.encode()
    if not 0 < len(data) < 256:
        raise SealError("note_name", "a name in a cosignature has 1 to 255 bytes")
    return bytes((len(data),)) + data
