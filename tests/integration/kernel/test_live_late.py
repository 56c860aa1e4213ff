"""The socket door of a web process loads its libraries when somebody knocks, and not before."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import app as composition
from kernel import live
from kernel.database import Database
from kernel.live.late import LateLive
from kernel.live.stock import StockLive

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


def built(house: Any, **settings: Any) -> Any:
    """A running installation's application over the house's database."""
    return composition.create_app(
        replace(house.settings, live_polling=True, **settings),
        house.outside,
        Database(house.settings.database_url, durable=False),
    )


def test_the_first_knock_opens_the_door_and_pages_do_not(house: Any) -> None:
    app = built(house)
    platform, browser = app.extensions["sunroad"], app.test_client()

    assert browser.get("/").status_code == HTTPStatus.OK
    live.tell(platform, "auction:1", version=1, news={"a": 1})
    live.tell_one(platform, "auction:1", "somebody", news={"a": 1})
    assert isinstance(platform.live, LateLive)
    assert (platform.live.joined(), platform.live.told) == ([], {})
    assert not live.audible(platform)

    first = browser.get(HANDSHAKE)

    assert (first.status_code, first.data[:1]) == (HTTPStatus.OK, b"0")
    opened = platform.live
    assert isinstance(opened, StockLive)
    assert live.audible(platform)
    assert browser.get(HANDSHAKE).data[:1] == b"0"
    assert platform.live is opened
    assert browser.get("/").status_code == HTTPStatus.OK
    opened.owners.close()


def test_two_that_knock_at_once_find_one_door(house: Any) -> None:
    app = built(house)
    late = app.extensions["sunroad"].live

    late.open()
    opened = app.extensions["sunroad"].live
    late.open()

    assert app.extensions["sunroad"].live is opened
    assert app.test_client().get(HANDSHAKE).data[:1] == b"0"
    opened.owners.close()


def test_a_process_that_others_hear_opens_at_once(house: Any) -> None:
    app = built(house, redis_url="redis://127.0.0.1:1/0")

    opened = app.extensions["sunroad"].live
    assert isinstance(opened, StockLive)
    assert opened.bus is not None
    opened.owners.close()


def test_the_libraries_of_the_door_wait_for_the_knock(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from app import create_app
from simulation.demo import open_demo
app = create_app(open_demo(Path({str(tmp_path)!r}), 18080).settings)
names = ("flask_socketio", "socketio", "redis", "alembic", "webauthn")
assert not [name for name in names if name in sys.modules]
app.extensions["sunroad"].live.open()
assert "flask_socketio" in sys.modules
"""
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
