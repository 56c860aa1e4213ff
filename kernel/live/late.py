"""A web process before its first socket: the libraries of ``kernel.live.stock`` load when somebody knocks.

They are a fifth of what the platform imports, and most web processes stand beside a hall and never see a socket.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from kernel.live.channel import Json
from kernel.live.door import Telling
from kernel.platform import Platform

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/socket.io/"


class LateLive(Telling):
    """What ``platform.live`` is until the first socket comes, in a process without a bus: nobody hears it."""

    def __init__(self, app: Flask, platform: Platform) -> None:
        self.platform = platform
        self.told = {}
        self.told_own = {}
        self._app = app
        self._behind = app.wsgi_app
        self._opening = threading.Lock()
        app.wsgi_app = self._answer  # type: ignore[method-assign]

    def deliver(self, room: str, event: str, data: Json) -> None:
        """Nobody listens here yet."""

    def open(self) -> None:
        """Put the real door into our place, once."""
        with self._opening:
            if self.platform.live is self:
                from kernel.live.stock import StockLive

                self.platform.live = StockLive(self._app, self.platform)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        behind = self._behind
        if self.platform.live is self and str(environ.get("PATH_INFO", "")).startswith(PATH):
            self.open()
            behind = self._app.wsgi_app
        answer: Iterable[bytes] = behind(environ, start_response)
        return answer
