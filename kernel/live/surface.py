"""Flask-SocketIO's public surface on the hall's own sockets: what it expects of a Socket.IO server, and no more.

``socketio.on(…)``, namespaces, ``emit``, ``join_room`` and the others work as they do in the web process; handlers run in
native threads, inside a request context made of the request that opened the socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from flask import request

from kernel.errors import TooMany
from kernel.live import frames, packets
from kernel.live.channel import NAMESPACE
from kernel.live.frames import framed

if TYPE_CHECKING:
    from kernel.live.lean import LeanLive
    from kernel.live.link import Link

log = structlog.get_logger("sunroad.live")

Handler = Callable[..., Any]


class LeanServer:
    """The part of ``socketio.Server`` that Flask-SocketIO calls."""

    async_mode = "hall"

    def __init__(self, live: LeanLive) -> None:
        self._live = live
        self.handlers: dict[str, dict[str, Handler]] = {}
        self.namespaces: dict[str, Any] = {}
        self._leaving: dict[str, Link] = {}

    def on(self, event: str, handler: Handler, namespace: str | None = None) -> None:
        self.handlers.setdefault(namespace or "/", {})[event] = handler

    def register_namespace(self, namespace: Any) -> None:
        namespace._set_server(self)
        self.namespaces[namespace.namespace] = namespace
        self.handlers.setdefault(namespace.namespace, {})

    def emit(
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        room: str | None = None,
        skip_sid: str | list[str] | None = None,
        namespace: str | None = None,
        callback: object = None,
        **_unused: object,
    ) -> None:
        """Send an event to a room, to one socket by its sid, or to everybody in a namespace."""
        assert callback is None, "the hall does not ask browsers for acknowledgements"
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        frame = framed(packets.event(namespace or "/", event, *args))
        skipped = {skip_sid} if isinstance(skip_sid, str) else set(skip_sid or ())
        self._live.engine.post(self._emit, frame, to or room, namespace or "/", skipped)

    def _emit(self, frame: bytes, to: str | None, namespace: str, skipped: set[str]) -> None:
        engine = self._live.engine
        if to is not None and not skipped and (key := _key(to, namespace)) in engine.rooms:
            engine._cast(key, frame)
            return
        members = (
            engine.links.values() if to is None else engine.rooms.get(_key(to, namespace)) or self._one(to)
        )
        for link in list(members):
            if link.sid not in skipped and namespace in link.namespaces:
                link.send(frame)

    def _one(self, sid: str) -> tuple[Link, ...]:
        found = self._live.engine.links.get(sid) or self._leaving.get(sid)
        return () if found is None else (found,)

    def _with(self, sid: str, deed: Callable[[Link], None]) -> None:
        """Do something to a socket, in the loop, if it is still there."""

        def run() -> None:
            for link in self._one(sid):
                deed(link)

        self._live.engine.post(run)

    def send(self, data: Any, to: str | None = None, namespace: str | None = None, **more: Any) -> None:
        self.emit("message", data, to=to, namespace=namespace, **more)

    def enter_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        self._with(sid, lambda link: self._live.engine.enter(link, _key(room, namespace)))

    def leave_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        self._with(sid, lambda link: self._live.engine.leave(link, _key(room, namespace)))

    def close_room(self, room: str, namespace: str | None = None) -> None:
        engine, key = self._live.engine, _key(room, namespace)

        def run() -> None:
            for link in list(engine.rooms.get(key, ())):
                engine.leave(link, key)

        engine.post(run)

    def rooms(self, sid: str, namespace: str | None = None) -> list[str]:
        mine = _key("", namespace)
        rooms = sorted(room for link in self._one(sid) for room in link.rooms)
        return [sid, *(room.removeprefix(mine) for room in rooms if room.startswith(mine))]

    def disconnect(self, sid: str, namespace: str | None = None) -> None:
        self._with(sid, lambda link: link.end(frames.NORMAL, ""))

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any] | None:
        return next((self.environ(link) for link in self._one(sid)), None)

    def start_background_task(self, target: Handler, *args: Any, **kwargs: Any) -> None:
        self._live.engine.aside(lambda: target(*args, **kwargs), lambda _result: None)

    def environ(self, link: Link) -> dict[str, Any]:
        """A request like the one that opened the socket."""
        from werkzeug.test import EnvironBuilder

        head = link.head
        headers = [("Cookie", head.cookie), ("Accept-Language", head.languages)]
        if head.authorization:
            headers.append(("Authorization", head.authorization))
        host = head.host or "localhost"
        built = EnvironBuilder("/socket.io/", base_url=f"http://{host}/", headers=headers).get_environ()
        return built | {"flask.app": self._live.app}

    @contextmanager
    def context(self, link: Link, namespace: str) -> Iterator[None]:
        """The request context of a socket's message."""
        with self._live.app.request_context(self.environ(link)):
            request.sid = link.sid  # type: ignore[attr-defined]
            request.namespace = namespace  # type: ignore[attr-defined]
            yield

    def trigger(
        self,
        link: Link,
        namespace: str,
        event: str,
        args: list[Any] | None,
        answer: Callable[[Any], object],
    ) -> None:
        """Run the handler of an event in a thread; what it returns is the answer. Nothing happens without one."""
        from kernel.live.door import OUR_MISTAKE, refused

        handler = self.handlers.get(namespace, {}).get(event)
        whole = self.namespaces.get(namespace)
        if handler is None and whole is None:
            return
        environ = self.environ(link)
        words: tuple[Any, ...] = (environ, args) if event == "connect" else tuple(args or ())
        if event == "disconnect":
            self._leaving[link.sid] = link

        def run() -> Any:
            try:
                if handler is not None:
                    return handler(link.sid, *words)
                assert whole is not None
                return whole.trigger_event(event, link.sid, *words)
            except Exception:  # a bug must not take the socket down; the log has its story
                log.exception("live_mistake", event=event)
                return OUR_MISTAKE
            finally:
                self._leaving.pop(link.sid, None)

        try:
            self._live.engine.work(run, answer)
        except TooMany as no:
            self._leaving.pop(link.sid, None)
            answer(refused(no, link.lang))


def _key(room: str, namespace: str | None) -> str:
    """Rooms of other namespaces than ours are kept apart by a prefix."""
    return room if namespace == NAMESPACE else f"{namespace or '/'} {room}"
