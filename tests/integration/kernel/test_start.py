"""What a process of the platform loads when it starts."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import cli
import serving
from simulation.demo import open_demo

ROOT = Path(__file__).resolve().parents[3]
HEAVY = (
    "reportlab", "pandas", "numpy", "scipy", "sklearn", "networkx", "pyhanko", "matplotlib",
    "flask_socketio", "redis", "alembic", "webauthn",
)  # fmt: skip
"""Libraries that one page or one command needs; each is imported where it is used."""

SCRIPT = f"""
import gc, sys, serving
serving.prepare_to_fork()
assert gc.isenabled() and gc.get_freeze_count() > 0
print(*[name for name in {HEAVY!r} if name in sys.modules])
print(*[name for name in ("trading.room", "supervision.room") if name in sys.modules])
"""

BUILT = """
import sys, threading
from pathlib import Path
import serving
from simulation.demo import open_demo
settings = open_demo(Path(sys.argv[1]), 18080).settings
built = serving.before_the_fork(settings)
assert built() is built()
database = serving.platform_in(built()).database
assert [engine.pool.checkedin() for engine in (database.writer, database.reader)] == [0, 0]
assert not Path(settings.database_url.removeprefix("sqlite:///")).exists(), "nobody connected"
assert threading.enumerate() == [threading.main_thread()]
"""
"""In a process of its own: in this one other tests have threads."""


def test_what_the_children_share_holds_every_room_and_no_heavy_library() -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stderr
    heavy, rooms = said.stdout.split("\n")[:2]
    assert heavy == ""
    assert rooms == "trading.room supervision.room"


def test_what_is_built_before_the_fork_holds_no_connection_and_no_thread(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", BUILT, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    "changed",
    [
        {"redis_url": "redis://127.0.0.1:1/0"},
        {"blobs_mirror_url": "s3://bucket/prefix"},
        {"database_url": "postgresql://127.0.0.1:1/none"},
    ],
)
def test_what_may_hold_connections_is_not_shared(tmp_path: Path, changed: dict[str, str]) -> None:
    settings = replace(open_demo(tmp_path, 18080).settings, **changed)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        serving.before_the_fork(settings)


@pytest.mark.parametrize(("forbidden", "wanted"), [(True, "folder of ours"), (False, None)])
def test_compiled_modules_have_a_place_where_they_may_not_lie_beside_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forbidden: bool, wanted: str | None
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", forbidden)
    monkeypatch.setattr(sys, "pycache_prefix", None)

    cli._keep_compiled(tmp_path / "folder of ours")

    assert sys.pycache_prefix == (str(tmp_path / wanted) if wanted else None)
    assert not sys.dont_write_bytecode


def test_a_port_that_answers_without_a_page_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        assert not serving.wait_for("127.0.0.1", port, seconds=0.3)
    assert not serving.wait_for("127.0.0.1", port, seconds=0.1)
