"""Live pages inside the web process: Flask-SocketIO with threads. For tests, and for small installations
without a hall process; it also offers long polling where the installation prints that it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, request
from flask_socketio import SocketIO, join_room, leave_room

from kernel.errors import NotNow, NotSignedIn, NotValid, Refusal
from kernel.facts import plain
from kernel.live.bus import Bus
from kernel.live.channel import MESSAGE_BYTES_MAX, NAMESPACE, Connection, Json, named, room_of, seat_room
from kernel.live.door import OUR_MISTAKE, Door, Telling
from kernel.live.owners import Owners
from kernel.live.sweep import Sweep
from kernel.platform import Platform

log = structlog.get_logger("sunroad.live")

HOT_SECONDS_MAX = 15.0


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]


class StockLive(Telling, SocketIO):  # type: ignore[misc]
    """Flask-SocketIO with the house's door."""

    def __init__(self, app: Flask, platform: Platform) -> None:
        settings = platform.settings
        super().__init__(
            app,
            async_mode="threading",
            transports=["websocket", "polling"] if settings.live_polling else ["websocket"],
            cors_allowed_origins=None if app.testing else [settings.base_url],
            max_http_buffer_size=MESSAGE_BYTES_MAX,
            manage_session=False,
            logger=False,
            engineio_logger=False,
        )
        self.platform = platform
        self.door = Door(platform)
        self.told = {}
        self.told_own = {}
        self._here: dict[str, dict[str, Connection]] = {}  # sid → channel → listener
        self._sweep = Sweep(platform, self)
        self._started = threading.Lock()
        self._running = False
        self._testing = app.testing
        self.bus = Bus(settings.redis_url, self) if settings.redis_url else None
        beside_a_hall = bool(settings.live_url or settings.hall_bind)
        self.owners = Owners(
            platform, self.door.channels, self.bus, settings.base_url, claims=not beside_a_hall
        )
        for event, deed in (
            ("join", self._join),
            ("leave", self._leave),
            ("do", self._do),
            ("sync", self._sync),
        ):
            self.on_event(event, self._answering(deed), namespace=NAMESPACE)
        self.on_event("connect", self._connected, namespace=NAMESPACE)
        self.on_event("disconnect", self._gone, namespace=NAMESPACE)

    def deliver(self, room: str, event: str, data: Json) -> None:
        self.emit(event, data, to=room, namespace=NAMESPACE)
        if "own" not in data or self._hears(room):
            self.note_told(room, data)

    def _connected(self, _auth: object = None) -> None:
        """The first socket wakes what a process without sockets does not need."""
        with self._started:
            if not self._running:
                self._running = True
                if self.bus is not None:
                    self.bus.listen()
                if not self._testing:
                    self._sweep.start()
                    self.owners.keep(self.joined)

    def _gone(self, *_why: object) -> None:
        for connection in self._here.pop(_sid(), {}).values():
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        """What its rooms were told is kept as long as somebody else here listens."""
        room = room_of(connection.channel, connection.audience)
        if not self._hears(room):
            self.told.pop(room, None)
        if connection.seat_key and not self._hears(own := seat_room(connection.channel, connection.seat_key)):
            self.told_own.pop(own, None)

    def _hears(self, room: str) -> bool:
        return any(
            room_of(one.channel, one.audience) == room
            or (one.seat_key and seat_room(one.channel, one.seat_key) == room)
            for found in list(self._here.values())
            for one in list(found.values())
        )

    def _answering(self, deed: Callable[[Json], Json]) -> Callable[..., Json]:
        from kernel.web.problems import problem_of

        def answer(message: object = None) -> Json:
            try:
                if not isinstance(message, dict):
                    raise NotValid("message_unreadable")
                return {"ok": True} | deed(message)
            except Refusal as no:
                return {"ok": False, "problem": problem_of(no)}
            except Exception:  # a bug must not take the socket down; the log has its story
                if not self.server.manager.is_connected(_sid(), NAMESPACE):
                    return OUR_MISTAKE  # it left while it was joining: nobody is there to be put into a room
                log.exception("live_mistake", sid=_sid())
                return OUR_MISTAKE

        return answer

    def _sync(self, message: Json) -> Json:
        now = self.platform.outside.clock.now()
        missed = self.missed(self._here.get(_sid(), {}), message)
        return {"now_us": int(now.timestamp() * 1_000_000), **missed}

    def _join(self, message: Json) -> Json:
        from kernel.i18n import current_lang
        from kernel.web.current import actor

        who = actor()
        with self.platform.read() as session:
            ticket = self.door.admit(session, who, message)
        connection = Connection(
            sid=_sid(), actor=who, channel=ticket.name, subject=ticket.subject, audience=ticket.audience,
            seat=ticket.seat, lang=current_lang(),
        )  # fmt: skip
        self._enter(connection)
        try:
            with self.platform.read() as session:
                answer, version = self.door.look(session, who, ticket, message.get("seen"))
        except Refusal:
            self._quit(ticket.name)
            raise
        self.told.setdefault(room_of(ticket.name, ticket.audience), version)
        return answer

    def _enter(self, connection: Connection) -> None:
        self._quit(connection.channel)
        self._here.setdefault(connection.sid, {})[connection.channel] = connection
        join_room(room_of(connection.channel, connection.audience))
        if connection.seat_key:
            join_room(seat_room(connection.channel, connection.seat_key))

    def _quit(self, name: str) -> None:
        connection = self._here.get(_sid(), {}).pop(name, None)
        if connection is not None:
            leave_room(room_of(name, connection.audience))
            if connection.seat_key:
                leave_room(seat_room(name, connection.seat_key))
            self._forget(connection)

    def _leave(self, message: Json) -> Json:
        name, _, _ = named(self.door.channels, message)
        self._quit(name)
        return {"channel": name}

    def _do(self, message: Json) -> Json:
        from kernel.web.current import actor

        recv_at = self.platform.outside.clock.now()
        name, channel, subject, word, inner = self.door.command(message)
        if word in channel.commands:
            answer = channel.commands[word](self.platform, actor(), subject, inner)
            return {"channel": name, "answer": plain(answer or {})}
        connection = self._here.get(_sid(), {}).get(name)
        if connection is None:
            raise NotNow("not_joined")
        if actor() != connection.actor:
            raise NotSignedIn("not_signed_in")
        return self._wait(connection, channel.hot[word], word, inner, recv_at)

    def _wait(self, connection: Connection, hot: Any, word: str, inner: Json, recv_at: Any) -> Json:
        """Run a hot command and wait for its answer, which may come from another thread."""
        done = threading.Event()
        answers: list[Json] = []

        def ack(answer: Json) -> None:
            answers.append(answer)
            done.set()

        self.owners.route(connection, word, hot, inner, recv_at, ack)
        if not done.wait(HOT_SECONDS_MAX):
            raise NotNow("no_answer_yet")
        return answers[0]
