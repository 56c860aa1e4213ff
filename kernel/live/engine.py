"""The hall's event loop: accepts, reads, casts, pings. It never waits for anything but the network.

gevent's loop is used as it is, without monkey patching: whatever waits for the database runs in native threads and
comes back through ``post``.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import resource
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from kernel.errors import TooMany
from kernel.live import frames, handshake, packets
from kernel.live.channel import MESSAGE_BYTES_MAX
from kernel.live.frames import framed
from kernel.live.handshake import Refused, Request
from kernel.live.link import Link
from kernel.outside import system_entropy

log = structlog.get_logger("sunroad.live")

FADING_SECONDS = 2.0
WORK_MAX = 500
SMALL = 64
"""Members of a room up to which their frames are gathered for one call each; in a large one nothing is gained."""
FRESH_MAX = 2000
"""Requests that have not become sockets yet; more are not even read."""


@dataclass(frozen=True)
class _Trouble:
    why: Exception


@dataclass(frozen=True)
class Limits:
    """What one connection may do, and when it is given up.

    Attributes:
        per_second, burst: messages. strikes: refused messages in a row before the connection is cut.
        pending_bytes: what may wait for a slow reader.
        ping_seconds: how often everybody is pinged; who has not said anything until the next ping is cut.
        greet_seconds: how long a request may take to arrive.
        connections: sockets at one time.
        slice: sockets written to before the loop looks at what came in.
    """

    per_second: float = 20.0
    burst: float = 60.0
    strikes: int = 200
    pending_bytes: int = 256 << 10
    ping_seconds: int = 25
    greet_seconds: float = 10.0
    connections: int = 20_000
    slice: int = 400


class Engine(ABC):
    """Sockets and rooms. Subclasses say who may come in and what messages mean.

    Args:
        host, port: where to listen; port 0 takes a free one, see ``address``.
        origins: pages that may open sockets here.
        now: the instant messages are stamped with.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        origins: frozenset[str],
        limits: Limits,
        now: Callable[[], datetime],
        threads: int = 4,
    ) -> None:
        from gevent import get_hub

        self.hub = get_hub()
        self.loop = self.hub.loop
        self.limits = limits
        self.now = now
        self.origins = origins
        self.links: dict[str, Link] = {}  # by sid
        self.rooms: dict[str, set[Link]] = {}
        self.cut_slow = 0
        self._fresh: set[Link] = set()
        self._fading: dict[Link, float] = {}
        self._slots: list[set[Link]] = [set() for _ in range(limits.ping_seconds)]
        self._beat = 0
        self._next_slot = 0
        self._posts: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._casts: deque[tuple[bytes, list[Link]]] = deque()
        self._owed = 0
        self._slice = limits.slice
        self._woken = False
        self._holding = 0
        self._thread = threading.get_ident()
        # Two pools: commands that take long must not keep people from coming in.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hall")
        self._working = ThreadPoolExecutor(threads, thread_name_prefix="hall work")
        self._at_work = 0
        self._wake = self.loop.async_()
        self._wake.start(self._drain)
        self._pulse = self.loop.timer(1.0, 1.0)
        self._pulse.start(self._guarded, self.beat)
        self._listener = _listener(host, port)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._door = self.loop.io(self._listener.fileno(), 1)
        self._door.start(self._guarded, self._accept)

    # From any thread

    def post(self, deed: Callable[..., object], *args: Any) -> None:
        """Have something done in the loop soon, in the order of posting."""
        self._posts.append((deed, args))
        if not self._woken and self._holding != threading.get_ident():
            self._woken = True
            self._wake.send()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread posts meanwhile wakes the loop once, at the end; one thread may do so at a time."""
        self._holding = threading.get_ident()
        try:
            yield
        finally:
            self._holding = 0
            if self._posts and not self._woken:
                self._woken = True
                self._wake.send()

    def aside(
        self,
        deed: Callable[[], Any],
        then: Callable[[Any], object],
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """Do something that waits in a native thread; ``then`` gets its result in the loop. A bug is logged."""

        def done(future: Future[Any]) -> None:
            if future.cancelled():
                return
            trouble = future.exception()
            if trouble is not None:
                log.error("live_mistake", exc_info=trouble)
            else:
                self.post(then, future.result())

        with contextlib.suppress(RuntimeError):  # the pool is shut: we are ending
            (pool or self._pool).submit(deed).add_done_callback(done)

    def work(self, deed: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Do what somebody asked for in a native thread; called in the loop.

        Raises:
            TooMany: as many wait already as may.
        """
        if self._at_work >= WORK_MAX:
            raise TooMany("too_many")
        self._at_work += 1

        def done(result: Any) -> None:
            self._at_work -= 1
            if isinstance(result, _Trouble):
                log.error("live_mistake", exc_info=result.why)
            else:
                then(result)

        def attempt() -> Any:
            try:
                return deed()
            except Exception as why:  # counted and logged in the loop
                return _Trouble(why)

        self.aside(attempt, done, self._working)

    def send_soon(self, link: Link, frame: bytes) -> None:
        """Send to one socket, at once when this is the loop."""
        if threading.get_ident() == self._thread:
            link.send(frame)
        else:
            self.post(link.send, frame)

    def cast(self, room: str, frame: bytes) -> None:
        """Send one frame to everybody in a room."""
        self.post(self._cast, room, frame)

    def cast_all(self, frames: Sequence[tuple[str, bytes]]) -> None:
        """Send several frames, each to everybody in its room, in this order."""
        self.post(self._cast_all, frames)

    # In the loop

    def enter(self, link: Link, room: str) -> None:
        link.rooms.add(room)
        self.rooms.setdefault(room, set()).add(link)

    def leave(self, link: Link, room: str) -> None:
        link.rooms.discard(room)
        members = self.rooms.get(room)
        if members is not None:
            members.discard(link)
            if not members:
                del self.rooms[room]
                self.emptied(room)

    def gone(self, link: Link) -> None:
        """A socket is closed."""
        self.links.pop(link.sid, None)
        self._fresh.discard(link)
        self._slots[link.slot].discard(link)
        for room in list(link.rooms):
            self.leave(link, room)
        self.left(link)
        link.joined = {}

    def fading(self, link: Link) -> None:
        """A socket has said goodbye and waits for the other side to close."""
        self._fading[link] = time.monotonic()

    def faded(self, link: Link) -> None:
        self._fading.pop(link, None)

    def mistake(self, link: Link) -> None:
        """A bug while a message was handled: logged, and the sender is cut."""
        log.exception("live_mistake", sid=link.sid)
        link.end(1011, "our mistake")

    def greeted(self, link: Link, data: bytes) -> None:
        """Bytes of a request that is not a socket yet."""
        link.head += data
        try:
            read = handshake.read_head(link.head)
            if read is None:
                return
            request, rest = read
            if request.path == "/healthz":
                link.send(handshake.answer(200, '{"ok":true}'))
                link.close()
                return
            if request.path not in ("/socket.io/", "/socket.io"):
                raise Refused(404, "not_found")
            accept = handshake.require_upgrade(request, self.origins)
            if len(self.links) >= self.limits.connections:
                raise Refused(503, "hall_full")
        except Refused as no:
            later = 3 if no.status == 503 else 0
            link.send(handshake.answer(no.status, f'{{"code":"{no.why}"}}', retry_after=later))
            link.close()
            return
        link.pause()
        self.arrived(link, request, accept, rest)

    def welcome(self, link: Link, accept: str, rest: bytes) -> None:
        """Open the socket of somebody we have looked up."""
        if not link.open:
            return
        self._fresh.discard(link)
        self.links[link.sid] = link
        limits = self.limits
        hello = packets.opened(
            link.sid, ping_seconds=limits.ping_seconds, pong_seconds=limits.ping_seconds,
            bytes_max=MESSAGE_BYTES_MAX,
        )  # fmt: skip
        link.send(handshake.switching(accept) + framed(hello))
        link.resume()
        link.upgrade(rest)

    def beat(self) -> None:
        """Once a second: ping one slot of the sockets, and give up those who did not answer the last time."""
        self._beat += 1
        late = time.monotonic() - self.limits.greet_seconds
        for link in [one for one in self._fresh if one.opened_at < late]:
            link.close()
        faded = time.monotonic() - FADING_SECONDS
        for link in [one for one, since in self._fading.items() if since < faded]:
            link.close()
        ping = framed(packets.PING)
        for link in list(self._slots[self._beat % len(self._slots)]):
            if link in self._fresh:
                continue
            if link.silent:
                link.end(frames.GOING_AWAY, "no answer to a ping")
            else:
                link.silent = True
                link.send(ping)

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop; then say goodbye to everybody and give everything back."""
        from gevent.event import Event

        ended = Event()
        watch = self.loop.timer(0.1, 0.1)
        watch.start(lambda: ended.set() if stop.is_set() else None)
        ended.wait()
        watch.stop()
        watch.close()
        self.close()

    def close(self) -> None:
        """Close every socket with "going away" and end the threads."""
        self._door.stop()
        self._door.close()
        self._listener.close()
        self._pulse.stop()
        self._pulse.close()
        for link in [*self.links.values(), *self._fresh]:
            link.end(frames.GOING_AWAY, "the hall closes")
        for link in list(self._fading):
            link.close()
        for pool in (self._pool, self._working):
            pool.shutdown(wait=True, cancel_futures=True)
        self._wake.stop()
        self._wake.close()

    # What the hall says

    @abstractmethod
    def arrived(self, link: Link, request: Request, accept: str, rest: bytes) -> None:
        """A proper request came; ``welcome`` or close it."""

    @abstractmethod
    def text(self, link: Link, payload: bytes, recv_at: datetime) -> None:
        """A message came."""

    @abstractmethod
    def left(self, link: Link) -> None:
        """A socket is closed and out of all rooms."""

    @abstractmethod
    def emptied(self, room: str) -> None:
        """Nobody hears a room any more."""

    # Inside

    def _guarded(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except Exception:  # the loop goes on, whatever happens
            log.exception("live_mistake")

    def _drain(self) -> None:
        self._woken = False
        self._slice = self.limits.slice
        posts = self._posts
        while posts:
            deed, args = posts.popleft()
            try:
                deed(*args)
            except Exception:  # one post must not take the others with it
                log.exception("live_mistake")
        if self._casts:
            self._cast_some()

    def _cast(self, room: str, frame: bytes) -> None:
        members = self.rooms.get(room)
        if members:
            self._casts.append((frame, list(members)))
            self._owed += len(members)

    def _cast_all(self, frames: Sequence[tuple[str, bytes]]) -> None:
        """As ``_cast`` one by one; in a small room everybody's frames are written with one call."""
        heaps: dict[Link, bytes] = {}
        rooms = self.rooms
        for room, frame in frames:
            members = rooms.get(room)
            if not members:
                continue
            if len(members) > SMALL:
                self._cast_heaps(heaps)
                self._cast(room, frame)
                continue
            for link in members:
                heaps[link] = heaps[link] + frame if link in heaps else frame
        self._cast_heaps(heaps)

    def _cast_heaps(self, heaps: dict[Link, bytes]) -> None:
        """Write what was gathered for each, at once within the slice; ``heaps`` is empty afterwards."""
        if self._casts or self._slice < len(heaps):
            self._casts.extend((frame, [link]) for link, frame in heaps.items())
            self._owed += len(heaps)
        else:
            self._slice -= len(heaps)
            for link, frame in heaps.items():
                link.send(frame)
        heaps.clear()

    def _cast_some(self) -> None:
        """Write one slice; then whatever came in meanwhile is stamped before the next slice.

        Where more comes in than goes out the slices grow, so that what is owed stays bounded and senders wait.
        """
        budget = self.limits.slice if self._owed < 20 * self.limits.slice else self._owed // 2
        while self._casts and budget > 0:
            frame, members = self._casts[0]
            now, size = members[-budget:], len(frame)
            del members[-budget:]
            budget -= len(now)
            self._owed -= len(now)
            if not members:
                self._casts.popleft()
            for link in now:
                if link.out is not None:
                    link.keep(frame, 0)
                    continue
                try:
                    sent = link.put(frame)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    link.close()
                    continue
                if sent != size:
                    link.keep(frame, sent)
        if self._casts and not self._woken:
            self._woken = True
            self._wake.send()

    def _accept(self) -> None:
        for _ in range(128):
            try:
                taken, _peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as trouble:
                if trouble.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                    log.error("hall_full", trouble=errno.errorcode[trouble.errno])
                    self._rest()
                return
            if len(self._fresh) >= FRESH_MAX:
                taken.close()
                continue
            taken.setblocking(False)
            self._next_slot = (self._next_slot + 1) % len(self._slots)
            sid = system_entropy(12).hex()
            link = Link(self, taken, sid, self._next_slot)
            self._fresh.add(link)
            self._slots[link.slot].add(link)

    def _rest(self) -> None:
        """Accept nothing for a second: there are no descriptors left."""
        self._door.stop()
        again = self.loop.timer(1.0)
        again.start(lambda: self._door.start(self._guarded, self._accept))


def _listener(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 << 10)  # sockets inherit both from the listener
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.bind((host, port))
    found.listen(4096)
    found.setblocking(False)
    return found


def prepare_process() -> None:
    """Make a process of its own fit to be a hall: all descriptors, short turns for threads, short collections."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.setswitchinterval(0.0005)  # a thread that waits for the database must not hold the loop up
    gc.collect()
    gc.freeze()  # what stays anyway is never looked at again: no long pauses in the middle of a room
    gc.set_threshold(20_000, 50, 100)  # journals are immutable and grow: looking at them often finds nothing
