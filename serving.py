"""Runs the processes of an installation from one terminal and takes them all down together."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import Any

import gunicorn.app.base
from flask import Flask
from sqlalchemy.orm import configure_mappers

from app import create_app, rooms
from kernel.jobs import JOBS
from kernel.platform import Platform
from kernel.settings import Settings
from kernel.web.warm import warm_beside

STOP_SECONDS = 8.0

Child = Callable[[threading.Event], None]
Building = Callable[[], Flask]
"""Makes the application of a process, or hands over the one that was built before the fork."""


class Web(gunicorn.app.base.BaseApplication):  # type: ignore[misc]
    """Gunicorn with one threaded worker and our settings; no control socket, no wait for open sockets."""

    def __init__(self, built: Building, *, host: str, port: int, threads: int, workers: int) -> None:
        self._built = built
        self._options = {
            "bind": f"{host}:{port}",
            "worker_class": "gthread",
            "workers": workers,
            "threads": threads,
            "graceful_timeout": 3,
            "timeout": 120,
            "control_socket_disable": True,
            "accesslog": None,
            "loglevel": "warning",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        app = self._built()
        warm_beside(app)
        return app


def prepare_to_fork() -> None:
    """Import every room once in the parent, so that its children share it instead of each doing it again.

    The collector leaves alone afterwards what all of them share. It rests best from before the first import on, as
    there is nothing to collect; see ``cli.serve``.
    """
    gc.disable()
    rooms()
    configure_mappers()
    gc.freeze()
    gc.enable()


def anew(settings: Settings) -> Building:
    """Each process builds its own application, as every installation may."""
    return lambda: create_app(settings)


def before_the_fork(settings: Settings) -> Building:
    """Build once, for all children. Only for files and SQLite: what is built holds no connection and no thread.

    A client of an object store or of Redis may hold both, so an installation with them builds ``anew``.
    """
    assert settings.database_url.startswith("sqlite"), settings.database_url
    assert not settings.redis_url, "a bus belongs to one process"
    assert "://" not in settings.blobs_url + settings.blobs_mirror_url, (
        "an object store belongs to one process"
    )
    app = create_app(settings)
    return lambda: app


def platform_in(app: Flask) -> Platform:
    """The platform behind an application."""
    found = app.extensions["sunroad"]
    assert isinstance(found, Platform)
    return found


def platform_of(settings: Settings) -> Platform:
    """A platform for a process without a web server."""
    return platform_in(create_app(settings))


def job(built: Building, name: str) -> Child:
    """A loop beside the web as a child process."""
    return lambda stop: JOBS[name](platform_in(built()), stop)


def hall(built: Building) -> Child:
    """The live rooms as a child process: the same application, its sockets on a loop of their own.

    Listens on ``settings.hall_bind``.
    """

    def run(stop: threading.Event) -> None:
        from kernel.live.engine import prepare_process
        from kernel.live.lean import LeanLive

        app = built()
        platform = platform_in(app)
        prepare_process()
        LeanLive(app, platform, platform.settings.hall_bind).serve(stop)

    return run


class Crew:
    """Child processes that live and die together.

    Children are forked before any thread or connection exists, so each opens its own.
    """

    def __init__(self, logs: Path | None = None) -> None:
        self._children: dict[int, str] = {}
        self._logs = logs

    def start(self, name: str, run: Child) -> None:
        """Fork a child that runs until it gets SIGTERM."""
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._children[pid] = name
            return
        code = 1
        try:
            self._write_to(name)
            os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which then stops everybody in order
            stop = threading.Event()

            def told(_number: int, _frame: FrameType | None) -> None:
                stop.set()

            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, told)
            threading.Thread(target=_follow, args=(os.getppid(), stop), daemon=True).start()
            run(stop)
            code = 0
        finally:
            os._exit(code)

    def start_web(self, web: Web) -> None:
        """Fork gunicorn, which handles signals itself."""
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._children[pid] = "web"
            return
        try:
            self._write_to("web")
            os.setpgid(0, 0)
            web.run()
        finally:
            os._exit(0)

    def _write_to(self, name: str) -> None:
        """Send a child's words to its own file, where a folder for them was given."""
        if self._logs is None:
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        file = os.open(
            self._logs / f"{name.replace(' ', '-')}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        os.dup2(file, 1)
        os.dup2(file, 2)

    def wait(self) -> int:
        """Until a signal or until a child ends by itself; then stop everybody. Returns an exit code."""

        def told(_number: int, _frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, told)
        signal.signal(signal.SIGINT, told)
        code = 0
        try:
            pid, _status = os.wait()
            name = self._children.pop(pid, "?")
            print(f"{name} ended by itself; stopping the others", file=sys.stderr)
            code = 1
        except KeyboardInterrupt:
            pass
        self.stop()
        return code

    def stop(self) -> None:
        """Ask every child to end, and make sure of it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while self._children and time.monotonic() < until:
            for pid in list(self._children):
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG)[0] == 0:
                        continue
                del self._children[pid]
            time.sleep(0.05)
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _follow(parent: int, stop: threading.Event) -> None:
    """End when the parent is gone, however it went."""
    while not stop.wait(1.0):
        if os.getppid() != parent:
            stop.set()


def wait_for(host: str, port: int, seconds: float = 60.0) -> bool:
    """Whether the home page answers within the time given, and not only the port before it."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        connection = HTTPConnection(host, port, timeout=left)
        with contextlib.suppress(OSError, HTTPException), contextlib.closing(connection):
            connection.request("GET", "/")
            return connection.getresponse().status == HTTPStatus.OK
        time.sleep(0.02)
    return False


def port_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
