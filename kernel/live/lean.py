"""Live pages in the ``hall`` process: the door on the engine's sockets, under Flask-SocketIO's public surface.

Joins, snapshots and ordinary commands wait for the database in native threads, joins in batches; hot commands are
called in the loop the moment their frame is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask
from flask_socketio import SocketIO

from kernel.errors import NotNow, NotValid, Refusal, TooMany
from kernel.facts import plain
from kernel.identity import sessions
from kernel.live import frames, packets, principals
from kernel.live.bus import Bus
from kernel.live.channel import NAMESPACE, Json, named, room_of, seat_room
from kernel.live.door import OUR_MISTAKE, Door, Telling, guarded, refused, stamp
from kernel.live.engine import Engine, Limits
from kernel.live.frames import Violation, framed
from kernel.live.handshake import Request
from kernel.live.joining import Entrance
from kernel.live.link import Link
from kernel.live.owners import Owners
from kernel.live.surface import LeanServer
from kernel.live.sweep import Sweep
from kernel.platform import Platform
from kernel.rights import Actor

log = structlog.get_logger("sunroad.live")

CHECK_BEATS = 10
"""In so many seconds everybody's session is looked at again."""


class Answer:
    """The acknowledgement of one message: to be called once, from any thread."""

    __slots__ = ("_link", "_live", "_namespace", "_number")

    def __init__(self, live: LeanLive, link: Link, number: int | None, namespace: str = NAMESPACE) -> None:
        self._live = live
        self._link = link
        self._number = number
        self._namespace = namespace

    def __call__(self, answer: Json) -> None:
        self.returned(answer if "ok" in answer else {"ok": True} | answer)

    def returned(self, value: Any) -> None:
        """What a handler of Flask-SocketIO returned: nothing, a value, or several."""
        number, self._number = self._number, None
        if number is not None:
            said = value if isinstance(value, tuple) else () if value is None else (value,)
            self._live.engine.send_soon(self._link, framed(packets.ack(self._namespace, number, *said)))


class LeanLive(Telling, SocketIO):  # type: ignore[misc]
    """What ``platform.live`` is in a hall process.

    Args:
        address: ``host:port`` to listen on.
        limits: for tests; the installation's number of connections otherwise.
    """

    def __init__(
        self, app: Flask, platform: Platform, address: str = "127.0.0.1:0", limits: Limits | None = None
    ) -> None:
        super().__init__()
        settings = platform.settings
        self.app = app
        self.platform = platform
        self.door = Door(platform)
        self.told = {}
        self.told_own = {}
        self.manage_session = False
        self.engine = _Hall(self, address, limits or Limits(connections=settings.live_connections_max))
        self.server = LeanServer(self)
        app.extensions["socketio"] = self
        self.bus = Bus(settings.redis_url, self) if settings.redis_url else None
        here = settings.live_url or "http://{}:{}".format(*self.engine.address)
        self.owners = Owners(platform, self.door.channels, self.bus, here)
        self.sweep = Sweep(platform, self)
        self._entrance = Entrance(self)
        platform.live = self

    def serve(self, stop: threading.Event) -> None:
        """Be the hall until told to stop."""
        if self.bus is not None:
            self.bus.listen()
        self.sweep.start()
        self.owners.keep(self.joined)
        try:
            self.engine.run(stop)
        finally:
            self.sweep.close()
            self.owners.close()
            if self.bus is not None:
                self.bus.close()

    def deliver(self, room: str, event: str, data: Json) -> None:
        """Serialised and framed once, whoever listens; nothing is made where nobody does."""
        if room in self.engine.rooms:
            frame = framed(packets.event(NAMESPACE, event, data))
            self.engine.cast(room, frame)
            self.note_told(room, data)

    def tell_all(
        self, channel: str, news: Sequence[tuple[str, int, Json]], own: Sequence[tuple[str, int, Json]]
    ) -> None:
        """As the slow way says it, with every frame written once and all of them handed over at once."""
        if self.bus is not None:
            super().tell_all(channel, news, own)
            return
        at, rooms = stamp(self.platform.outside.clock.now()), self.engine.rooms
        frames: list[tuple[str, bytes]] = []
        for audience, version, said in news:
            room = room_of(channel, audience)
            if room in rooms:
                text = f'{{"channel":"{channel}","version":{version},"news":{packets.text_of(said)},"at":"{at}"}}'
                frames.append((room, framed(packets.written(NAMESPACE, "news", text))))
                self.note_told(room, {"version": version})
        before, after = packets.around(NAMESPACE, "own", f'{{"channel":"{channel}","own":', f',"at":"{at}"')
        for key, version, said in own:
            room = seat_room(channel, key)
            if room in rooms:
                number = f',"version":{version}}}]' if version else "}]"
                if version:
                    self.told_own[room] = version
                frames.append(
                    (room, framed(f"{before}{packets.small_text_of(said)}{after}{number}".encode()))
                )
        if frames:
            self.engine.cast_all(frames)

    def together(self) -> AbstractContextManager[None]:
        """Wake the loop once for everything this thread sends meanwhile."""
        return self.engine.together()

    # Messages

    def packet(self, link: Link, payload: bytes, recv_at: datetime) -> None:
        """A Socket.IO packet."""
        try:
            packet = packets.parsed(payload.decode())
        except UnicodeDecodeError:
            raise Violation(frames.BAD_TEXT, "not UTF-8") from None
        except packets.Unreadable:
            raise Violation(frames.POLICY, "not a packet") from None
        if packet.kind == packets.EVENT:
            self._event(link, packet, recv_at)
        elif packet.kind == packets.CONNECT:
            self._connect(link, packet.namespace)
        elif packet.kind == packets.DISCONNECT:
            link.end(frames.NORMAL, "")

    def _connect(self, link: Link, namespace: str) -> None:
        if namespace != NAMESPACE and namespace not in self.server.handlers:
            link.send(framed(packets.connect_refused(namespace, "not_found")))
            return
        if namespace not in link.namespaces:
            link.namespaces = (*link.namespaces, namespace)
        link.send(framed(packets.connected(namespace, link.sid)))
        self.server.trigger(link, namespace, "connect", None, lambda _answer: None)

    def _event(self, link: Link, packet: packets.Packet, recv_at: datetime) -> None:
        data = packet.data
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise Violation(frames.POLICY, "not an event")
        if packet.namespace not in link.namespaces:
            return
        answer = Answer(self, link, packet.number, packet.namespace)
        if not link.allowed(time.monotonic()):
            link.strikes += 1
            answer(refused(TooMany("too_many"), link.lang))
            if link.strikes > self.engine.limits.strikes:
                link.end(frames.POLICY, "too many messages")
            return
        link.strikes = 0
        deed = _DEEDS.get(data[0]) if packet.namespace == NAMESPACE else None
        if deed is None:
            self.server.trigger(link, packet.namespace, data[0], data[1:], answer.returned)
            return
        message = data[1] if len(data) > 1 else None
        try:
            if not isinstance(message, dict):
                raise NotValid("message_unreadable")
            deed(self, link, message, packet.number, answer, recv_at)
        except Refusal as no:
            answer(refused(no, link.lang))
        except Exception:  # a bug must not take the socket down; the log has its story
            log.exception("live_mistake", sid=link.sid)
            answer(OUR_MISTAKE)

    def _join(
        self, link: Link, message: Json, number: int | None, _answer: Answer, _recv_at: datetime
    ) -> None:
        self._entrance.join(link, message, number)

    def _sync(
        self, link: Link, message: Json, _number: int | None, answer: Answer, recv_at: datetime
    ) -> None:
        """When the question came, and it is answered in the same breath; and what the client has missed, if it asks."""
        missed = self.missed(link.joined, message)
        answer({"now_us": int(recv_at.timestamp() * 1_000_000), **missed})

    def _do(self, link: Link, message: Json, _number: int | None, answer: Answer, recv_at: datetime) -> None:
        name, word, inner = message.get("channel"), message.get("command"), message.get("message", {})
        connection = link.joined.get(name) if isinstance(name, str) else None
        if connection is not None and isinstance(word, str) and isinstance(inner, dict):
            hot = self.door.channels[connection.channel.partition(":")[0]].hot.get(word)
            if hot is not None:
                self.owners.route(connection, word, hot, inner, recv_at, answer)
                return
        name, channel, subject, word, inner = self.door.command(message)
        if word in channel.hot:
            connection = link.joined.get(name)
            if connection is None:
                raise NotNow("not_joined")
            self.owners.route(connection, word, channel.hot[word], inner, recv_at, answer)
            return
        command = channel.commands[word]

        def run() -> Json:
            from kernel.web.current import actor

            with self.server.context(link, NAMESPACE):
                return guarded(
                    lambda: {
                        "channel": name,
                        "answer": plain(command(self.platform, actor(), subject, inner) or {}),
                    },
                    link.lang,
                )

        self.engine.work(run, answer)

    def _leave(
        self, link: Link, message: Json, _number: int | None, answer: Answer, _recv_at: datetime
    ) -> None:
        name, _, _ = named(self.door.channels, message)
        self.quit(link, name)
        answer({"channel": name})

    def quit(self, link: Link, name: str) -> None:
        """Let a socket leave a channel."""
        connection = link.joined.pop(name, None)
        if connection is not None:
            self.engine.leave(link, room_of(name, connection.audience))
            if connection.seat_key:
                self.engine.leave(link, seat_room(name, connection.seat_key))

    # Looking after them

    def check_sessions(self, links: list[Link]) -> None:
        """Cut whose session has ended or whose rights have changed; they may come back as what they are now."""
        ids = {link.actor.session_id for link in links if link.actor.session_id is not None}
        machines = {link.head.authorization: link.actor for link in links if link.head.authorization}
        if not ids and not machines:
            return

        def look() -> tuple[dict[Any, Actor], dict[str, Actor]]:
            found = {}
            for words in machines:
                known = sessions.from_token(self.platform, words.partition(" ")[2].strip())
                if known is not None:
                    found[words] = known.actor
            return principals.by_sessions(self.platform, ids), found

        def compare(present: tuple[dict[Any, Actor], dict[str, Actor]]) -> None:
            people, tokens = present
            for link in links:
                if not link.open or link.actor.is_anonymous:
                    continue
                session_id = link.actor.session_id
                now = people.get(session_id) if session_id else tokens.get(link.head.authorization)
                if (session_id in ids or not session_id) and now != link.actor:
                    link.end(frames.POLICY, "session ended")

        self.engine.aside(look, compare)


class _Hall(Engine):
    """The engine with the house's door."""

    def __init__(self, live: LeanLive, address: str, limits: Limits) -> None:
        host, _, port = address.rpartition(":")
        settings = live.platform.settings
        parts = urlsplit(settings.base_url)
        super().__init__(
            host or "127.0.0.1",
            int(port),
            origins=frozenset({f"{parts.scheme}://{parts.netloc}"}),
            limits=limits,
            now=live.platform.outside.clock.now,
        )
        self._live = live

    def arrived(self, link: Link, request: Request, accept: str, rest: bytes) -> None:
        self._live._entrance.arrived(link, request, accept, rest)

    def text(self, link: Link, payload: bytes, recv_at: datetime) -> None:
        first = payload[:1]
        if first == b"4":
            self._live.packet(link, payload[1:], recv_at)
        elif first == packets.EIO_CLOSE:
            link.end(frames.NORMAL, "")
        elif first not in (packets.PONG, packets.NOOP):
            raise Violation(frames.POLICY, "not a packet")

    def left(self, link: Link) -> None:
        for namespace in link.namespaces:
            self._live.server.trigger(
                link, namespace, "disconnect", ["transport close"], lambda _answer: None
            )

    def emptied(self, room: str) -> None:
        self._live.told.pop(room, None)
        self._live.told_own.pop(room, None)

    def beat(self) -> None:
        super().beat()
        turn = self._beat % CHECK_BEATS
        self._live.check_sessions([link for link in self.links.values() if link.slot % CHECK_BEATS == turn])


Deed = Callable[[LeanLive, Link, Json, int | None, Answer, datetime], None]
_DEEDS: dict[str, Deed] = {
    "join": LeanLive._join,
    "leave": LeanLive._leave,
    "do": LeanLive._do,
    "sync": LeanLive._sync,
}
