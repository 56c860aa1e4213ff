"""One socket of the hall: a file descriptor with a reader in the event loop, no greenlet, no thread and no queue."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from socket import SHUT_WR, socket
from typing import TYPE_CHECKING, Any

from kernel.live import frames
from kernel.live.channel import MESSAGE_BYTES_MAX, Connection
from kernel.live.frames import Inbox, Violation
from kernel.rights import ANONYMOUS, Actor

if TYPE_CHECKING:
    from kernel.live.engine import Engine

READ_BYTES = 16 << 10


class Link:
    """A connection after ``accept``. Everything here happens in the thread of the loop.

    Attributes:
        actor: who is behind it; looked up at the handshake, checked again by the sweeper.
        rooms: the rooms it hears. joined: channel → what it joined as.
        silent: a ping went out and nothing has come in since.
    """

    __slots__ = (
        "_inbox",
        "_offset",
        "_reader",
        "_writer",
        "actor",
        "bucket",
        "checked_at",
        "ending",
        "engine",
        "fd",
        "head",
        "joined",
        "lang",
        "namespaces",
        "opened_at",
        "out",
        "pending",
        "put",
        "refilled_at",
        "rooms",
        "sid",
        "silent",
        "slot",
        "sock",
        "strikes",
        "tokens",
    )

    def __init__(self, engine: Engine, sock: socket, sid: str, slot: int) -> None:
        now = time.monotonic()
        self.engine = engine
        self.sock = sock
        self.put = sock.send
        self.fd = sock.fileno()
        self.sid = sid
        self.slot = slot
        self.head: Any = (
            b""  # bytes of the request until it is whole, then what a request context needs of it
        )
        self.actor: Actor = ANONYMOUS
        self.lang = "zh-CN"
        self.joined: dict[str, Connection] = {}
        self.rooms: set[str] = set()
        self.namespaces: tuple[str, ...] = ()
        self.silent = False
        self.ending = False
        self.strikes = 0
        self.tokens = engine.limits.burst
        self.opened_at = self.refilled_at = self.checked_at = now
        self.pending = 0
        self._offset = 0
        self.out: deque[bytes] | None = None
        self._inbox: Inbox | None = None
        self._writer: Any = None
        self._reader = engine.loop.io(self.fd, 1)
        self._reader.start(self._readable)

    @property
    def open(self) -> bool:
        return self.fd >= 0 and not self.ending

    def upgrade(self, rest: bytes) -> None:
        """From now on what comes in are frames; ``rest`` came with the request."""
        self._inbox = Inbox(MESSAGE_BYTES_MAX)
        if rest:
            self._take(rest)

    def pause(self) -> None:
        """Read nothing more for now."""
        self._reader.stop()

    def resume(self) -> None:
        if self.fd >= 0:
            self._reader.start(self._readable)

    def allowed(self, now: float) -> bool:
        """Take one token from the bucket; False when it is empty."""
        limits = self.engine.limits
        tokens = min(limits.burst, self.tokens + (now - self.refilled_at) * limits.per_second)
        self.refilled_at = now
        if tokens < 1.0:
            self.tokens = tokens
            return False
        self.tokens = tokens - 1.0
        return True

    def _spend(self) -> None:
        """Pings of the other side cost tokens too."""
        if not self.allowed(time.monotonic()):
            self.strikes += 1
            if self.strikes > self.engine.limits.strikes:
                raise Violation(frames.POLICY, "too many pings")

    def send(self, frame: bytes) -> None:
        """Write at once what the kernel takes, keep the rest within the bound, and cut whoever exceeds it."""
        if self.out is not None:
            self.keep(frame, 0)
            return
        try:
            sent = self.put(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent != len(frame):
            self.keep(frame, sent)

    def keep(self, frame: bytes, sent: int) -> None:
        """Remember what the kernel did not take of a frame."""
        if self.fd < 0:
            return
        self.pending += len(frame) - sent
        if self.out is None:
            self.out = deque([frame])
            self._offset = sent
            if self._writer is None:
                self._writer = self.engine.loop.io(self.fd, 2)
            self._writer.start(self._writable)
        else:
            self.out.append(frame)
            if self.pending > self.engine.limits.pending_bytes:
                self.engine.cut_slow += 1
                self.close()

    def end(self, code: int, reason: str) -> None:
        """Say why in a close frame, then close: when the other side has closed too, or a moment later.

        To close while something lies unread would reset the line, and the close frame with it.
        """
        if self.fd < 0 or self.ending:
            return
        if self._inbox is None:
            self.close()
            return
        self.send(frames.closing(code, reason))
        if self.fd < 0:
            return
        self.ending = True
        self.engine.gone(self)
        with contextlib.suppress(OSError):
            if self.out is None:
                self.sock.shutdown(SHUT_WR)
        self._reader.stop()
        self._reader.start(self._discard)
        self.engine.fading(self)

    def _discard(self) -> None:
        try:
            if self.sock.recv(READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close()

    def close(self) -> None:
        """Close the descriptor and leave all rooms; twice does no harm."""
        if self.fd < 0:
            return
        self.fd = -1
        self._reader.stop()
        self._reader.close()
        if self._writer is not None:
            self._writer.stop()
            self._writer.close()
        self.sock.close()
        self.out, self.pending, self._inbox = None, 0, None
        if self.ending:
            self.engine.faded(self)
        else:
            self.engine.gone(self)

    def _writable(self) -> None:
        out = self.out
        assert out is not None
        try:
            while out:
                sent = self.put(out[0][self._offset :] if self._offset else out[0])
                self.pending -= sent
                self._offset += sent
                if self._offset < len(out[0]):
                    return
                out.popleft()
                self._offset = 0
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self.out = None
        self._writer.stop()

    def _readable(self) -> None:
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
            return
        try:
            if self._inbox is None:
                self.engine.greeted(self, data)
            else:
                self._take(data)
        except Exception:  # a bug in one message must not take the loop down
            self.engine.mistake(self)

    def _take(self, data: bytes) -> None:
        assert self._inbox is not None
        recv_at = self.engine.now()
        self.silent = False
        try:
            for kind, payload in self._inbox.feed(data):
                if not self.open:
                    return
                if kind == frames.TEXT:
                    self.engine.text(self, payload, recv_at)
                elif kind == frames.PING:
                    self._spend()
                    self.send(frames.framed(payload, frames.PONG))
                elif kind == frames.CLOSE:
                    self.end(frames.NORMAL, "")
                elif kind == frames.BINARY:
                    raise Violation(frames.POLICY, "no attachments")
        except Violation as broken:
            self.end(broken.code, broken.reason)
