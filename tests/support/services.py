"""Services that tests start for themselves and throw away: PostgreSQL, Redis, and the browser."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

HOW = "run 'sh scripts/services.sh' as root, or let an administrator install it"


class Missing(Exception):
    """A service cannot run here; the text says why and what would help."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise Missing(f"PostgreSQL is not installed; {HOW}")
    return Path(on_path).parent


@contextmanager
def postgres_cluster(*, durable: bool = False) -> Iterator[str]:
    """A cluster on a unix socket, without fsync unless ``durable``; gives the folder of the socket.

    PostgreSQL refuses to run as root, so root hands it to the user ``postgres``.
    """
    binaries = postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="sunroad-pg-"))
    prefix: list[str] = []
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            raise Missing(f"there is no user 'postgres'; {HOW}") from None
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]
    data, sockets = folder / "data", folder

    def run(*words: str) -> None:
        subprocess.run([*prefix, *words], check=True, capture_output=True, cwd=folder)

    run(
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    )
    (folder / "durable").write_text("yes" if durable else "")
    postgres_start(str(sockets))
    try:
        yield str(sockets)
    finally:
        postgres_stop(str(sockets))
        shutil.rmtree(folder, ignore_errors=True)


def _pg_ctl(sockets: str, *words: str) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    tool = str(postgres_binaries() / "pg_ctl")
    subprocess.run(
        [*prefix, tool, "-D", f"{sockets}/data", *words], check=True, capture_output=True, cwd=sockets
    )


def postgres_start(sockets: str) -> None:
    """Start a cluster of ours, for the first time or again."""
    durable = (Path(sockets) / "durable").read_text()
    careless = "" if durable else "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={sockets} {careless} "
        "-c max_connections=60 -c shared_buffers=32MB"
    )
    _pg_ctl(sockets, "-o", options, "-l", f"{sockets}/log", "-w", "start")


def postgres_stop(sockets: str) -> None:
    """Stop a cluster as a crash would: no checkpoint, every connection cut. Nothing happens when it is down."""
    if (Path(sockets) / "data" / "postmaster.pid").exists():
        _pg_ctl(sockets, "-m", "immediate", "-w", "stop")


@contextmanager
def postgres_database(sockets: str, name: str) -> Iterator[str]:
    """A fresh database in a cluster; gives its URL."""
    with psycopg.connect(f"host={sockets} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield f"postgresql://postgres@/{name}?host={sockets}"
    finally:
        with psycopg.connect(f"host={sockets} user=postgres dbname=postgres", autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def redis_server(port: int = 0) -> Iterator[str]:
    """A Redis that keeps nothing; gives its URL. ``port``: one that was given before, to come back there."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise Missing(f"Redis is not installed; {HOW}")
    import redis

    folder, port = tempfile.mkdtemp(prefix="sunroad-redis-"), port or free_port()
    process = subprocess.Popen(
        [
            binary,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            folder,
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        client = redis.Redis(port=port)
        _until(lambda: bool(client.ping()), redis.ConnectionError)
        client.close()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _until(ready: object, trouble: type[Exception], *, seconds: float = 10) -> None:
    assert callable(ready)
    end = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except trouble:
            pass
        if time.monotonic() > end:
            raise Missing("the service did not come up in time")
        time.sleep(0.02)


def chromium() -> str:
    """The browser for end-to-end tests."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise Missing(f"no Chromium found; {HOW}")


CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
