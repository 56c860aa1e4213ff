"""The web process's own door: what a room may ask of its channel holds there as it does in a hall.

Source: issue "Transport and scale"; performance §3.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from flask_socketio import SocketIOTestClient
from sqlalchemy.orm import Session

import app as composition
from kernel import live
from kernel.errors import NotFound, NotNow
from kernel.live import leases
from kernel.live.sweep import Sweep
from kernel.rights import Actor, Role
from kernel.room import Room
from tests.support.house import House

SALE = UUID("01980000-0000-7000-8000-000000000001")
NOWHERE = UUID("01980000-0000-7000-8000-000000000002")
NAME = f"sale:{SALE}"
stamps: list[datetime] = []
versions: dict[str, int] = {}


def snapshot(_session: Session, _actor: Actor, subject: UUID) -> dict[str, Any]:
    if subject == NOWHERE:
        raise NotFound("not_found")
    return {"version": versions.get("now", 0)}


def offer(
    connection: live.Connection, _id: UUID, message: live.Json, recv_at: datetime, ack: live.Ack
) -> None:
    stamps.append(recv_at)
    if message.get("low"):
        raise NotNow("bids_still_open")
    threading.Thread(target=lambda: ack({"by": connection.seat_key, "in": connection.audience})).start()


CHANNEL = live.Channel(
    "sale",
    lambda _session, actor, _id: not actor.is_anonymous,
    snapshot,
    hot={"offer": offer},
    audience=lambda _session, actor, _id: "bidders" if actor.has(Role.BIDDER) else "public",
    on_join=lambda _session, actor, _id: str(actor.org_id) if actor.has(Role.BIDDER) else None,
    own=lambda _session, actor, _id: {"name": actor.name},
    versions=lambda _session, keys: dict.fromkeys(keys, versions.get("now", 0)),
    owned=True,
)


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    rooms = composition.rooms()
    monkeypatch.setattr(composition, "rooms", lambda: (*rooms, Room("sale", channels=[replace(CHANNEL)])))
    stamps.clear()
    versions.clear()
    built = House(tmp_path)
    yield built
    built.platform.live.owners.close()
    built.close()


def enter(house: House, browser: FlaskClient) -> SocketIOTestClient:
    found = house.platform.live.test_client(house.app, namespace=live.NAMESPACE, flask_test_client=browser)
    assert isinstance(found, SocketIOTestClient)
    return found


def ask(socket: SocketIOTestClient, event: str, message: Any) -> Any:
    return socket.emit(event, message, namespace=live.NAMESPACE, callback=True)


def do(socket: SocketIOTestClient, **message: Any) -> Any:
    return ask(socket, "do", {"channel": NAME, "command": "offer", "message": message})


def told(socket: SocketIOTestClient) -> list[tuple[str, Any]]:
    return [(one["name"], one["args"][0]) for one in socket.get_received(live.NAMESPACE)]


def test_a_hot_command_waits_for_its_answer_from_another_thread(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    joined = ask(bidder, "join", {"channel": NAME})
    assert joined["own"]["name"].startswith("测试人")
    answer = do(bidder, price=1)
    assert (answer["ok"], answer["in"], len(answer["by"])) == (True, "bidders", 36)
    assert stamps == [hall.clock.now()]


def test_a_hot_command_is_refused_without_a_seat_in_the_room_and_after_signing_out(hall: House) -> None:
    browser = hall.client(hall.person(Role.BIDDER))
    bidder = enter(hall, browser)
    assert do(bidder, price=1)["problem"]["code"] == "not_joined"
    ask(bidder, "join", {"channel": NAME})
    assert do(bidder, low=True)["problem"]["code"] == "bids_still_open"
    assert do(bidder, price=1)["ok"]
    ask(bidder, "leave", {"channel": NAME})
    assert do(bidder, price=1)["problem"]["code"] == "not_joined"
    ask(bidder, "join", {"channel": NAME})
    browser.post("/sign-out")
    assert do(bidder, price=1)["problem"]["code"] == "not_signed_in"
    assert len(stamps) == 2


def test_news_stay_with_their_audience_and_private_news_with_their_participant(hall: House) -> None:
    one, two = (enter(hall, hall.client(hall.person(Role.BIDDER))) for _ in range(2))
    watcher = enter(hall, hall.client(hall.person(Role.BUYER)))
    for socket in (one, two, watcher):
        ask(socket, "join", {"channel": NAME})
    key = do(one, price=1)["by"]
    live.tell(hall.platform, NAME, version=1, news={"rank": 1}, audience="bidders")
    live.tell(hall.platform, NAME, version=1, news={"nobody": 1})
    live.tell_one(hall.platform, NAME, key, news={"won": True}, version=1)
    assert [(name, data.get("news"), data.get("own")) for name, data in told(one)] == [
        ("news", {"rank": 1}, None),
        ("own", None, {"won": True}),
    ]
    assert [data["news"] for _, data in told(two)] == [{"rank": 1}]
    assert told(watcher) == []


def test_a_join_that_finds_nothing_hears_nothing_either(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    assert ask(bidder, "join", {"channel": f"sale:{NOWHERE}"})["problem"]["code"] == "not_found"
    live.tell(hall.platform, f"sale:{NOWHERE}", version=1, news={"x": 1}, audience="bidders")
    assert told(bidder) == []


def test_the_sweep_gives_news_on_their_way_one_round_and_then_says_behind_once(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    ask(bidder, "join", {"channel": NAME})
    sweep = Sweep(hall.platform, hall.platform.live)
    sweep.once()
    versions["now"] = 1
    sweep.once()
    assert told(bidder) == []
    sweep.once()
    assert told(bidder) == [("behind", {"channel": NAME, "version": 1})]
    sweep.once()
    assert told(bidder) == []

    versions["now"] = 2
    sweep.once()
    live.tell(hall.platform, NAME, version=2, news={"late": 1}, audience="bidders")
    sweep.once()
    assert [name for name, _ in told(bidder)] == ["news"], "it came by itself"


def test_rooms_nobody_hears_any_more_are_not_swept(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    ask(bidder, "join", {"channel": NAME})
    assert hall.platform.live.joined() == [("sale", SALE, "bidders")]
    bidder.disconnect(live.NAMESPACE)
    assert hall.platform.live.joined() == []


def test_what_another_process_owns_is_done_there(hall: House) -> None:
    assert leases.acquire(hall.platform, NAME, "http://elsewhere#1", 3) is not None
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    ask(bidder, "join", {"channel": NAME})
    problem = do(bidder, price=1)["problem"]
    assert (problem["code"], problem["details"]) == ("moved", {"address": "http://elsewhere"})
    assert stamps == []


def test_a_web_process_beside_a_hall_never_becomes_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = composition.rooms()
    monkeypatch.setattr(composition, "rooms", lambda: (*rooms, Room("sale", channels=[replace(CHANNEL)])))
    house = House(tmp_path, hall_bind="127.0.0.1:1")
    bidder = enter(house, house.client(house.person(Role.BIDDER)))
    ask(bidder, "join", {"channel": NAME})
    assert do(bidder, price=1)["problem"]["code"] == "no_answer_yet"
    house.platform.live.owners.once(house.platform.live.joined())
    assert house.platform.live.owners.lease(NAME) is None
    assert leases.acquire(house.platform, NAME, "http://hall#1", 3) is not None
    assert do(bidder, price=1)["problem"]["code"] == "moved"
    house.platform.live.owners.close()
    house.close()


@pytest.mark.parametrize(("printed", "status"), [(True, 200), (False, 400)])
def test_long_polling_is_there_only_where_it_is_printed(tmp_path: Path, printed: bool, status: int) -> None:
    house = House(tmp_path, live_polling=printed)
    answer = house.client().get("/socket.io/?EIO=4&transport=polling")
    assert answer.status_code == status
    page = house.client().get("/sign-in").get_data(as_text=True)
    assert ("data-live-polling" in page) is printed
    house.close()


def test_settings_of_the_hall_are_checked_at_the_door() -> None:
    import base64

    from kernel.settings import Settings, UnsafeSettings

    seed = base64.b64encode(b"1" * 32).decode()
    env = {
        "SUNROAD_SECRET_KEY": "x" * 40, "SUNROAD_LOG_SEED": seed, "SUNROAD_PLATFORM_SEED": seed,
        "SUNROAD_ENV": "demo", "SUNROAD_LIVE_URL": "http://h:1/", "SUNROAD_HALL_BIND": "127.0.0.1:1",
    }  # fmt: skip
    good = Settings.from_env(env)
    assert (good.live_url, good.hall_bind, good.live_polling) == ("http://h:1", "127.0.0.1:1", False)
    with pytest.raises(UnsafeSettings) as no:
        Settings.from_env(env | {"SUNROAD_LIVE_URL": "ws://h", "SUNROAD_HALL_BIND": "here"})
    assert len(no.value.troubles) == 2
    with pytest.raises(UnsafeSettings) as no:
        Settings.from_env(env | {"SUNROAD_ENV": "production", "SUNROAD_BASE_URL": "https://t.example"})
    assert any("SUNROAD_LIVE_URL must begin with https://" in one for one in no.value.troubles)
