"""Halls and their browsers for tests: a hall in a thread, and a client that speaks Socket.IO over a plain websocket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import websocket

from kernel.live.engine import Limits
from kernel.live.lean import LeanLive
from kernel.rights import Role
from tests.support.house import House

ORIGIN = "http://localhost"
PATIENCE = 40.0
"""Seconds for anything that has to happen: what happens at once costs nothing, and a busy machine is no failure."""
_open: list[Browser] = []
"""Sockets of this test: whatever a test forgot is closed with its hall."""


@contextmanager
def hall(house: House, limits: Limits | None = None, address: str = "127.0.0.1:0") -> Iterator[LeanLive]:
    """The house's hall, on a loop in a thread of its own; ``platform.live`` is put back afterwards."""
    before, box, stop = house.platform.live, [], threading.Event()
    ready = threading.Event()

    def run() -> None:
        box.append(LeanLive(house.app, house.platform, address, limits))
        ready.set()
        box[0].serve(stop)

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield box[0]
    finally:
        stop.set()
        thread.join(PATIENCE)
        while _open:
            _open.pop().ws.shutdown()
        house.platform.live = before
        house.app.extensions["socketio"] = before
        assert not thread.is_alive()


def keep_open(browser: Browser) -> Browser:
    """A socket that outlives its hall; the test closes it."""
    _open.remove(browser)
    return browser


def cookie_of(house: House, *roles: Role) -> str:
    """The cookie of a new person's session; empty roles give a person without any."""
    found = house.client(house.person(*roles)).get_cookie("sunroad")
    assert found is not None
    return str(found.value)


class Browser:
    """One socket. ``heard`` has every event as ``(name, data)``.

    Args:
        port: of the hall. cookie: the session's, or empty. origin: the page's.
    """

    def __init__(
        self, port: int, cookie: str = "", *, origin: str | None = ORIGIN, connect: bool = True
    ) -> None:
        self.ws = websocket.create_connection(
            f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket",
            origin=origin,
            cookie=f"sunroad={cookie}" if cookie else None,
            timeout=PATIENCE,
            suppress_origin=origin is None,
        )
        _open.append(self)
        self.heard: list[tuple[str, Any]] = []
        self.pings = 0
        self.answer_pings = True
        self._number = 0
        self.answers: dict[int, Any] = {}
        assert self.ws.recv().startswith("0{")
        if connect:
            self.ws.send("40/live,")
            while (said := self.ws.recv()) == "2":  # a ping may come first
                self.ws.send("3")
            assert said.startswith("40/live,{"), said

    def send(self, event: str, message: Any) -> int:
        """Send an event that wants an answer; returns its number."""
        self._number += 1
        self.ws.send(f"42/live,{self._number}{json.dumps([event, message])}")
        return self._number

    def ask(self, event: str, message: Any) -> Any:
        """Send an event and wait for its answer."""
        number = self.send(event, message)
        self.until(lambda: number in self.answers)
        return self.answers.pop(number)

    def join(self, channel: str, **more: Any) -> Any:
        return self.ask("join", {"channel": channel, **more})

    def do(self, channel: str, command: str, **message: Any) -> Any:
        return self.ask("do", {"channel": channel, "command": command, "message": message})

    def take(self) -> None:
        """Read one frame. Raises when the socket is closed."""
        text = self.ws.recv()
        if not text:
            raise websocket.WebSocketConnectionClosedException("closed")
        if text == "2":
            self.pings += 1
            if self.answer_pings:
                self.ws.send("3")
        elif text.startswith("43/live,"):
            number, _, rest = text[8:].partition("[")
            self.answers[int(number)] = json.loads("[" + rest)[0]
        elif text.startswith("42/live,"):
            name, data = json.loads(text[8:])
            self.heard.append((name, data))

    def until(self, done: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Read until something holds."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"nothing came; heard {self.heard[-3:]}"
            self.ws.settimeout(max(0.05, end - time.monotonic()))
            self.take()

    def told(self, name: str) -> list[Any]:
        return [data for event, data in self.heard if event == name]

    def quiet(self, seconds: float = 0.3) -> bool:
        """Whether nothing but pings and answers comes for a while."""
        before, end = len(self.heard), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.ws.settimeout(left)
            try:
                self.take()
            except websocket.WebSocketTimeoutException:
                break
        return len(self.heard) == before

    def close_code(self, seconds: float = PATIENCE) -> int | None:
        """Read until the hall closes; its close code, or None when the line just broke."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.ws.settimeout(max(0.05, end - time.monotonic()))
            try:
                kind, data = self.ws.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                break
            except (OSError, websocket.WebSocketException):
                return None
            if kind == websocket.ABNF.OPCODE_CLOSE:
                self.ws.shutdown()
                return int.from_bytes(data[:2], "big")
        raise AssertionError("the hall did not close")

    def close(self) -> None:
        self.ws.close()


def eventually(holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something is true; returns it."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)
