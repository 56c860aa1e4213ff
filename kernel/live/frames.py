"""WebSocket frames by hand: what a client sent, checked and unmasked; what we send, framed once for everybody.

Source: RFC 6455 §5 (framing), §7.4 (close codes). No extension is ever agreed, so reserved bits are a violation.
"""

from __future__ import annotations

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, GOING_AWAY, PROTOCOL_ERROR, BAD_TEXT, POLICY, TOO_BIG, TRY_LATER = (
    1000,
    1001,
    1002,
    1007,
    1008,
    1009,
    1013,
)
CONTROL_BYTES_MAX = 125
FRAGMENTS_MAX = 64
_KINDS = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))


class Violation(Exception):
    """The peer broke the protocol or a limit; the connection ends with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def framed(payload: bytes, kind: int = TEXT) -> bytes:
    """One final, unmasked frame, as servers send them."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | kind, size)) + payload
    if size < 1 << 16:
        return bytes((0x80 | kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | kind, 127)) + size.to_bytes(8, "big") + payload


def closing(code: int, reason: str = "") -> bytes:
    """A close frame."""
    return framed(code.to_bytes(2, "big") + reason.encode()[: CONTROL_BYTES_MAX - 2], CLOSE)


def unmasked(data: bytes, mask: bytes) -> bytes:
    """The payload behind a client's mask; masking again gives the masked bytes."""
    size = len(data)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


class Inbox:
    """What one connection sent so far and was not yet whole.

    Args:
        bytes_max: the largest message, also when it comes in fragments.
    """

    __slots__ = ("_bytes_max", "_kind", "_parts", "_rest")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._rest = b""
        self._parts: list[bytes] | None = None
        self._kind = TEXT

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes from the network; returns whole messages and control frames, in order, as ``(kind, payload)``.

        Raises:
            Violation: protocol broken (1002) or message too big (1009); what came before it in ``data`` is lost.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while at < end:
            step = self._frame(data, at, end, found)
            if step == 0:
                self._rest = data[at:]
                break
            at += step
        return found

    def _frame(self, data: bytes, at: int, end: int, found: list[tuple[int, bytes]]) -> int:
        """Read the frame at a place; returns its length, or 0 when it is not whole yet."""
        if end - at < 2:
            return 0
        first, second = data[at], data[at + 1]
        kind, size, head = first & 0x0F, second & 0x7F, 6
        if first & 0x70 or kind not in _KINDS:
            raise Violation(PROTOCOL_ERROR, "unknown frame")
        if not second & 0x80:
            raise Violation(PROTOCOL_ERROR, "frame without a mask")
        if kind & 0x8 and (size > CONTROL_BYTES_MAX or not first & 0x80):
            raise Violation(PROTOCOL_ERROR, "control frame too long or in pieces")
        if size == 126:
            head = 8
            if end - at < 4:
                return 0
            size = int.from_bytes(data[at + 2 : at + 4], "big")
            if size < 126:
                raise Violation(PROTOCOL_ERROR, "length not written shortly")
        elif size == 127:
            head = 14
            if end - at < 10:
                return 0
            size = int.from_bytes(data[at + 2 : at + 10], "big")
            if size < 1 << 16 or size >> 63:
                raise Violation(PROTOCOL_ERROR, "length not written shortly")
        if size + self._waiting() > self._bytes_max:
            raise Violation(TOO_BIG, "message too big")
        if end - at < head + size:
            return 0
        start = at + head
        payload = unmasked(data[start : start + size], data[start - 4 : start])
        self._whole(kind, bool(first & 0x80), payload, found)
        return head + size

    def _waiting(self) -> int:
        return 0 if self._parts is None else sum(map(len, self._parts))

    def _whole(self, kind: int, final: bool, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        if kind & 0x8:
            found.append((kind, payload))
        elif kind == CONTINUATION:
            if self._parts is None:
                raise Violation(PROTOCOL_ERROR, "nothing to continue")
            self._parts.append(payload)
            if len(self._parts) > FRAGMENTS_MAX:
                raise Violation(POLICY, "too many fragments")
            if final:
                found.append((self._kind, b"".join(self._parts)))
                self._parts = None
        elif self._parts is not None:
            raise Violation(PROTOCOL_ERROR, "a message inside another")
        elif final:
            found.append((kind, payload))
        else:
            self._kind, self._parts = kind, [payload]
