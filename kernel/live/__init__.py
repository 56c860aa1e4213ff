"""Live pages: channels with numbered news, audiences, catch-up and resync; see docs/formats/live-channel.md.

A channel is ``prefix:id``, for example ``auction:0198…``. Its state lives in the database and has a version;
news say which version they lead to. A browser that sees a gap asks for what it missed and gets it, or all of
the state. Messages may be lost on the way; nothing depends on them.

Browser to server: ``join`` and ``leave`` ``{channel, seen?}``, ``do`` ``{channel, command, message}``, ``sync``.
Server to browser: ``news`` ``{channel, version, news, at}``, ``own`` ``{channel, own, at}``, ``behind``
``{channel, version}``. Every answer is ``{ok: true, …}`` or ``{ok: false, problem}``.

Two transports speak it: ``kernel.live.stock``, Flask-SocketIO inside the web process, and ``kernel.live.lean``, the
``hall`` process. ``platform.live`` is whichever this process has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask

from kernel.live.channel import (
    MESSAGE_BYTES_MAX,
    MORE,
    NAMESPACE,
    Ack,
    Channel,
    Command,
    Connection,
    HotCommand,
    Json,
)
from kernel.live.door import Telling, refused
from kernel.live.late import LateLive
from kernel.live.leases import Lease
from kernel.platform import Platform

if TYPE_CHECKING:
    from kernel.live.stock import StockLive

__all__ = [
    "MESSAGE_BYTES_MAX",
    "MORE",
    "NAMESPACE",
    "Ack",
    "Channel",
    "Command",
    "Connection",
    "HotCommand",
    "Json",
    "Lease",
    "Telling",
    "audible",
    "init_app",
    "refused",
    "tell",
    "tell_one",
]


def tell(
    platform: Platform, channel: str, *, version: int, news: Mapping[str, Any], audience: str = ""
) -> None:
    """Send numbered news to one audience of a channel. Call it after the commit, from any thread.

    Args:
        version: the version of this audience's view that the news lead to.
        news: what everybody in the audience may know; nothing else may stand in it.
        audience: exactly the listeners whose ``Channel.audience`` said this word at their join.
    """
    if platform.live is not None:
        platform.live.tell(channel, version=version, news=news, audience=audience)


def tell_one(
    platform: Platform, channel: str, seat_key: str, *, news: Mapping[str, Any], version: int = 0
) -> None:
    """Send private news to every connection of one participant. Call it after the commit, from any thread."""
    if platform.live is not None:
        platform.live.tell_one(channel, seat_key, news=news, version=version)


def audible(platform: Platform) -> bool:
    """Whether anybody can hear news from this process; where nobody can, nobody need work them out."""
    return platform.live is not None and not isinstance(platform.live, LateLive)


def init_app(app: Flask, platform: Platform) -> StockLive | LateLive:
    """Open the socket door of the web process. A hall process replaces it; see ``kernel.live.lean``.

    Its libraries wait for the first socket, where no other process is told anything by this one.
    """
    settings = platform.settings
    app.jinja_env.globals.update(live_url=settings.live_url, live_polling=settings.live_polling)
    sockets: StockLive | LateLive
    if app.testing or settings.redis_url:
        from kernel.live.stock import StockLive

        sockets = StockLive(app, platform)
    else:
        sockets = LateLive(app, platform)
    platform.live = sockets
    return sockets
