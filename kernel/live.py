"""Live pages: one socket door, channels with numbered news, catch-up and resync.

A channel is ``prefix:id``, for example ``auction:0198…``. Its state lives in the database and has a version;
news say which version they lead to. A browser that sees a gap asks for what it missed and gets it, or all of
the state. Messages may be lost on the way; nothing depends on them.

Browser to server: ``join`` and ``leave`` ``{channel, seen?}``, ``do`` ``{channel, command, message}``.
Server to browser: ``news`` ``{channel, version, news, at}``.
Every answer is ``{ok: true, …}`` or ``{ok: false, problem}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, request
from flask_socketio import SocketIO, join_room, leave_room
from sqlalchemy.orm import Session

from kernel.errors import NotAllowed, NotFound, NotValid, Refusal
from kernel.facts import plain, rfc3339
from kernel.platform import Platform
from kernel.rights import Actor

log = structlog.get_logger("sunroad.live")

NAMESPACE = "/live"
MESSAGE_BYTES_MAX = 64 << 10

Json = dict[str, Any]
Command = Callable[[Platform, Actor, UUID, Json], Json | None]


@dataclass(frozen=True)
class Channel:
    """A kind of live page.

    Attributes:
        prefix: the first half of the channel's name.
        may_join: whether an actor may listen to this thing; a read-only session is given.
        snapshot: the whole state for this actor, with its ``version``; NotFound when there is no such thing.
        since: the news after a version, oldest first, as ``(version, news)``; None when the state is needed.
        commands: what can be done over the socket: ``(platform, actor, id, message) → answer``. A command
            opens its own transaction with ``platform.begin(actor)`` and may refuse like any action.
    """

    prefix: str
    may_join: Callable[[Session, Actor, UUID], bool]
    snapshot: Callable[[Session, Actor, UUID], Json]
    since: Callable[[Session, Actor, UUID, int], list[tuple[int, Json]] | None] | None = None
    commands: Mapping[str, Command] = field(default_factory=dict)


def tell(platform: Platform, channel: str, *, version: int, news: Mapping[str, Any]) -> None:
    """Send numbered news to all who listen to a channel. Call it after the commit, from ``Room.heard``.

    Args:
        news: what everybody on the channel may know; nothing else may stand in it.
    """
    if platform.live is None:
        return
    platform.live.emit(
        "news",
        {
            "channel": channel,
            "version": version,
            "news": plain(dict(news)),
            "at": rfc3339(platform.outside.clock.now()),
        },
        to=channel,
        namespace=NAMESPACE,
    )


def init_app(app: Flask, platform: Platform) -> SocketIO:
    """Open the socket door. Several processes need Redis (``SUNROAD_REDIS_URL``) to hear each other."""
    settings = platform.settings
    queue = None
    if settings.redis_url:
        # The pool must hold every client that joins at once, or the listener is dropped and news are lost.
        joint = "&" if "?" in settings.redis_url else "?"
        queue = f"{settings.redis_url}{joint}max_connections=5000"
    sockets = SocketIO(
        app,
        async_mode="threading",
        transports=["websocket"],
        message_queue=queue,
        cors_allowed_origins=None if app.testing else [settings.base_url],
        max_http_buffer_size=MESSAGE_BYTES_MAX,
        manage_session=False,
        logger=False,
        engineio_logger=False,
    )
    channels = {channel.prefix: channel for room in platform.rooms for channel in room.channels}
    door = _Door(platform, channels)
    sockets.on_event("join", door.join, namespace=NAMESPACE)
    sockets.on_event("leave", door.leave, namespace=NAMESPACE)
    sockets.on_event("do", door.do, namespace=NAMESPACE)
    sockets.on_event("connect", lambda _auth=None: None, namespace=NAMESPACE)
    platform.live = sockets
    return sockets


class _Door:
    """Handlers of the one namespace. The actor is looked up at every event, so a closed session is out."""

    def __init__(self, platform: Platform, channels: Mapping[str, Channel]) -> None:
        self.platform = platform
        self.channels = channels

    def join(self, message: object = None) -> Json:
        return self._answered(self._join, message)

    def leave(self, message: object = None) -> Json:
        return self._answered(self._leave, message)

    def do(self, message: object = None) -> Json:
        return self._answered(self._do, message)

    def _answered(self, deed: Callable[[Json], Json], message: object) -> Json:
        from kernel.web.problems import problem_of

        try:
            if not isinstance(message, dict):
                raise NotValid("message_unreadable")
            return {"ok": True} | deed(message)
        except Refusal as no:
            return {"ok": False, "problem": problem_of(no)}
        except Exception:  # a bug must not take the socket down; the log has its story
            log.exception("live_mistake", event=str(request.sid))  # type: ignore[attr-defined]
            return {"ok": False, "problem": {"status": 500, "code": "our_mistake"}}

    def _named(self, message: Json) -> tuple[str, Channel, UUID]:
        name = message.get("channel")
        prefix, _, key = name.partition(":") if isinstance(name, str) else ("", "", "")
        channel = self.channels.get(prefix)
        try:
            subject = UUID(key)
        except ValueError:
            raise NotFound("not_found", thing="channel") from None
        if channel is None:
            raise NotFound("not_found", thing="channel")
        return f"{prefix}:{subject}", channel, subject

    def _join(self, message: Json) -> Json:
        from kernel.web.current import actor

        name, channel, subject = self._named(message)
        seen = message.get("seen")
        with self.platform.read() as session:
            if not channel.may_join(session, actor(), subject):
                raise NotAllowed("channel_closed")
            # Join before looking: news in between would be lost otherwise, and news told twice are harmless.
            join_room(name)
            if channel.since is not None and isinstance(seen, int):
                news = channel.since(session, actor(), subject, seen)
                if news is not None:
                    return {
                        "channel": name,
                        "news": [{"version": at, "news": plain(item)} for at, item in news],
                    }
            return {"channel": name, "state": plain(channel.snapshot(session, actor(), subject))}

    def _leave(self, message: Json) -> Json:
        name, _, _ = self._named(message)
        leave_room(name)
        return {"channel": name}

    def _do(self, message: Json) -> Json:
        from kernel.web.current import actor

        name, channel, subject = self._named(message)
        command = channel.commands.get(str(message.get("command")))
        inner = message.get("message", {})
        if command is None or not isinstance(inner, dict):
            raise NotValid("message_unreadable")
        return {"channel": name, "answer": plain(command(self.platform, actor(), subject, inner) or {})}
