"""The plaintext inside a container (``SBB1``): a signed manifest, the files, and padding that hides the size.

No archive format, so no bombs and no paths: a file's ``name`` is text for people, never a place on a disk.

Source: spec sealing §5 (plaintext bundle).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Self

from sealbid import jcs
from sealbid.container import Entropy, Header, Sealed, prepare, reader_of, seal_payload
from sealbid.errors import SealError
from sealbid.octets import b64, is_display_text, u32, unb64, unhex
from sealbid.policy import Policy
from sealbid.signatures import SignatureObject, Trust

MAGIC = b"SBB1"
MANIFEST = "bid-manifest"
MANIFEST_BYTES_MAX = 1 << 22
SIGNATURE_BYTES_MAX = 1 << 16
FILES_MAX = 1000
PIECE_BYTES = 1 << 20

_FIELDS = {"v", "tender", "lot", "bid", "part", "policy", "hb", "bk", "nonce", "bidder", "opening", "files"}
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,8})?")
FEN, PRICE_BOUND = Decimal("0.01"), Decimal(10) ** 15
_MEDIA = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,127}")

Signer = Callable[[dict[str, Any]], SignatureObject]


@dataclass(frozen=True)
class FileEntry:
    """One file of a bid: name for display, media type, size in bytes, SHA-256 (32 bytes)."""

    name: str
    media: str
    size: int
    sha256: bytes

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "media": self.media, "size": self.size, "sha256": self.sha256.hex()}

    @classmethod
    def from_json(cls, found: object) -> Self:
        if not isinstance(found, dict) or set(found) != {"name", "media", "size", "sha256"}:
            raise SealError("manifest_format", "A file has a field too few or too many.")
        size, media = found["size"], found["media"]
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise SealError("manifest_format", "A file's size is a number of bytes.")
        if not isinstance(media, str) or not _MEDIA.fullmatch(media):
            raise SealError("manifest_format", "A file's media type cannot be read.")
        return cls(_text(found["name"], 255), media, size, unhex(found["sha256"], 32))


@dataclass(frozen=True)
class Manifest:
    """What the bidder signs: which envelope this is, who bids, what is read aloud, which files follow.

    Attributes:
        hb: ``H(hb)``, the hash of the container's header: the signature fits no other envelope.
        bk: raw Ed25519 public key of this bid, 32 bytes.
        nonce: the bid's lottery number, 32 bytes.
        bidder_name, bidder_uscc: the company and its unified social credit code.
        opening: the items read aloud; amounts are decimal strings.
    """

    tender: str
    lot: str
    bid: bytes
    part: str
    policy: bytes
    hb: bytes
    bk: bytes
    nonce: bytes
    bidder_name: str
    bidder_uscc: str
    opening: Mapping[str, Any]
    files: tuple[FileEntry, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "v": 1,
            "tender": self.tender,
            "lot": self.lot,
            "bid": self.bid.hex(),
            "part": self.part,
            "policy": self.policy.hex(),
            "hb": self.hb.hex(),
            "bk": b64(self.bk),
            "nonce": b64(self.nonce),
            "bidder": {"name": self.bidder_name, "uscc": self.bidder_uscc},
            "opening": dict(self.opening),
            "files": [entry.to_json() for entry in self.files],
        }

    @classmethod
    def from_json(cls, found: object) -> Self:
        """Parse strictly; ``manifest_format`` says what cannot be read."""
        if not isinstance(found, dict) or set(found) != _FIELDS or found["v"] != 1 or found["v"] is True:
            raise SealError("manifest_format", "A manifest has a field too few or too many.")
        bidder, opening, files = found["bidder"], found["opening"], found["files"]
        if not isinstance(bidder, dict) or set(bidder) != {"name", "uscc"}:
            raise SealError("manifest_format", "A bidder has a name and a credit code.")
        if not isinstance(opening, dict) or not isinstance(files, list) or len(files) > FILES_MAX:
            raise SealError("manifest_format", "Opening items or files cannot be read.")
        price = opening.get("price")
        if "price" in opening and not (isinstance(price, str) and _AMOUNT.fullmatch(price)):
            raise SealError("manifest_format", "A price is a decimal string without sign or exponent.")
        try:
            return cls(
                tender=_text(found["tender"], 128),
                lot=_text(found["lot"], 128),
                bid=unhex(found["bid"], 16),
                part=_text(found["part"], 32),
                policy=unhex(found["policy"], 32),
                hb=unhex(found["hb"], 32),
                bk=unb64(found["bk"], 32),
                nonce=unb64(found["nonce"], 32),
                bidder_name=_text(bidder["name"], 200),
                bidder_uscc=_text(bidder["uscc"], 64),
                opening=opening,
                files=tuple(FileEntry.from_json(entry) for entry in files),
            )
        except SealError as problem:
            raise SealError("manifest_format", problem.detail) from problem


@dataclass(frozen=True)
class Bundle:
    """A bundle read to its end; ``digest`` is the SHA-256 of all its bytes, padding included."""

    manifest: Manifest
    signature: SignatureObject
    digest: bytes
    size: int


@dataclass(frozen=True)
class BidPart:
    """What a bidder puts into one part, before it is bound to an envelope.

    ``files`` pairs each entry (see ``describe``) with a function that opens the file for reading.
    """

    part: str
    lot: str
    bk: bytes
    nonce: bytes
    bidder_name: str
    bidder_uscc: str
    opening: Mapping[str, Any]
    files: Sequence[tuple[FileEntry, Callable[[], BinaryIO]]]


def seal_part(
    content: BidPart,
    out: BinaryIO,
    *,
    policy: Policy,
    bid: bytes,
    entropy: Entropy,
    signer: Signer,
    own_lock: bool = False,
) -> Sealed:
    """Seal one part of a bid: prepare the envelope, have its manifest signed, stream the files into it.

    Args:
        signer: signs the manifest body (type ``bid-manifest``) with the bidder's certificate or passkey.

    Raises:
        SealError: any refusal of ``prepare`` and ``write``; ``manifest_format``.

    Source: spec sealing §5.
    """
    envelope = prepare(policy=policy, part=content.part, bid=bid, entropy=entropy, own_lock=own_lock)
    manifest = Manifest(
        tender=policy.tender,
        lot=content.lot,
        bid=bid,
        part=content.part,
        policy=policy.digest,
        hb=envelope.header.hash,
        bk=content.bk,
        nonce=content.nonce,
        bidder_name=content.bidder_name,
        bidder_uscc=content.bidder_uscc,
        opening=content.opening,
        files=tuple(entry for entry, _ in content.files),
    )
    body = manifest.to_json()
    Manifest.from_json(body)
    pieces = write(manifest, signer(body), (opener for _, opener in content.files))
    return seal_payload(envelope, reader_of(pieces), out)


def describe(name: str, media: str, stream: BinaryIO) -> FileEntry:
    """Read ``stream`` to its end and return its entry for a manifest."""
    state, size = hashlib.sha256(), 0
    while piece := stream.read(PIECE_BYTES):
        state.update(piece)
        size += len(piece)
    return FileEntry(name, media, size, state.digest())


def write(
    manifest: Manifest, signature: SignatureObject, openers: Iterable[Callable[[], BinaryIO]]
) -> Iterator[bytes]:
    """Yield the bytes of a bundle; each file is opened, read once and closed.

    Raises:
        SealError: ``file_changed`` when a file is not what its entry says; the bundle is then worthless.
    """
    text, signed = jcs.encode(manifest.to_json()), jcs.encode(signature.to_json())
    head = MAGIC + u32(len(text)) + text + u32(len(signed)) + signed
    yield head
    for entry, opener in zip(manifest.files, openers, strict=True):
        state, size = hashlib.sha256(), 0
        with opener() as stream:
            while piece := stream.read(PIECE_BYTES):
                state.update(piece)
                size += len(piece)
                yield piece
        if (size, state.digest()) != (entry.size, entry.sha256):
            raise SealError("file_changed", "A file changed after its digest was taken.", name=entry.name)
    used = len(head) + sum(entry.size for entry in manifest.files)
    yield from _zeros(padded_size(used) - used)


def read(stream: BinaryIO, sink: Callable[[int, FileEntry], BinaryIO], *, size_max: int) -> Bundle:
    """Read a bundle, sending each file into the stream that ``sink(index, entry)`` returns.

    The manifest is parsed before the first byte of a file is written anywhere. The streams stay open; when
    this function refuses, the caller throws away what they hold.

    Args:
        size_max: bytes that the files may claim together (``bundle_too_large``).

    Raises:
        SealError: ``bundle_magic``, ``bundle_truncated``, ``bundle_too_large``, ``json_*``,
            ``manifest_format``, ``signature_format``, ``file_digest``, ``padding_length`` or
            ``padding_nonzero``.

    Source: spec sealing §5.
    """
    source = _Counted(stream)
    if source.exactly(len(MAGIC)) != MAGIC:
        raise SealError("bundle_magic", "This is not a bundle.")
    manifest = Manifest.from_json(jcs.decode_object(source.text(MANIFEST_BYTES_MAX)))
    signature = SignatureObject.from_json(jcs.decode_object(source.text(SIGNATURE_BYTES_MAX)))
    if sum(entry.size for entry in manifest.files) > size_max:
        raise SealError("bundle_too_large", "The files claim more than is allowed.")
    for index, entry in enumerate(manifest.files):
        target, state = sink(index, entry), hashlib.sha256()
        for piece in source.pieces(entry.size):
            state.update(piece)
            target.write(piece)
        if state.digest() != entry.sha256:
            raise SealError("file_digest", "A file differs from its digest.", index=index)
    padding = padded_size(source.size) - source.size
    for piece in source.pieces(padding):
        if piece.strip(b"\0"):
            raise SealError("padding_nonzero", "The padding holds something else than zeros.")
    if stream.read(1):
        raise SealError("padding_length", "Something follows the padding.")
    return Bundle(manifest, signature, source.digest(), source.size)


def require_own_manifest(bundle: Bundle, header: Header, *, trust: Trust) -> None:
    """Refuse a manifest that was made for another envelope, or that the bidder did not sign.

    Raises:
        SealError: ``manifest_other_envelope`` naming the field; any refusal of ``Trust.require_signed``.

    Source: spec sealing §5.
    """
    manifest = bundle.manifest
    pairs = {
        "hb": (manifest.hb, header.hash),
        "bid": (manifest.bid, header.bid),
        "policy": (manifest.policy, header.policy),
        "tender": (manifest.tender, header.tender),
        "part": (manifest.part, header.part),
    }
    for field, (said, is_so) in pairs.items():
        if said != is_so:
            raise SealError("manifest_other_envelope", f"The manifest names another {field}.", field=field)
    trust.require_signed(bundle.signature, MANIFEST, manifest.to_json(), by=manifest.bidder_uscc)


def price_of(opening: Mapping[str, Any]) -> Decimal:
    """The price an opening list announces, in yuan: positive, in CNY, whole fen.

    Raises:
        SealError: ``price_unreadable``.

    Source: spec sealing §5 (``opening`` of the price part).
    """
    try:
        price = Decimal(str(opening["price"]))
    except (KeyError, InvalidOperation) as problem:
        raise SealError("price_unreadable", "The opening list has no readable price.") from problem
    sound = opening.get("currency", "CNY") == "CNY" and price.is_finite() and 0 < price < PRICE_BOUND
    if not sound or price != price.quantize(FEN):
        raise SealError("price_unreadable", "The price is not a positive amount of CNY in whole fen.")
    return price


def padded_size(size: int) -> int:
    """Return the Padmé length for ``size`` bytes: at most 12 % more, hiding all but the leading bits."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


class _Counted:
    """Reads exact amounts from a stream, counting and hashing what passes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._state = hashlib.sha256()
        self.size = 0

    def digest(self) -> bytes:
        return self._state.digest()

    def pieces(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._stream.read(min(size, PIECE_BYTES))
            if not piece:
                raise SealError("bundle_truncated", "The bundle ends too early.")
            self._state.update(piece)
            self.size += len(piece)
            size -= len(piece)
            yield piece

    def exactly(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def text(self, longest: int) -> bytes:
        size = int.from_bytes(self.exactly(4), "big")
        if size > longest:
            raise SealError("bundle_too_large", "A manifest or signature claims more than is allowed.")
        return self.exactly(size)


def _zeros(count: int) -> Iterator[bytes]:
    block = bytes(min(count, PIECE_BYTES))
    while count:
        piece = block[:count]
        count -= len(piece)
        yield piece


def _text(found: object, longest: int) -> str:
    if not isinstance(found, str) or not is_display_text(found, longest):
        raise SealError("manifest_format", f"A plain text of 1 to {longest} characters was expected.")
    return found
