"""Live channels: who may join, what was missed, what a command answers; news come after the commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from flask_socketio import SocketIOTestClient
from sqlalchemy.orm import Session

import app as composition
from kernel import live
from kernel.errors import NotFound, NotNow
from kernel.facts import Fact
from kernel.platform import Platform
from kernel.rights import Actor, Role
from kernel.room import Room
from tests.support.house import House

HALL = UUID("01980000-0000-7000-8000-000000000001")
CLOSED = UUID("01980000-0000-7000-8000-000000000002")


@dataclass(frozen=True, kw_only=True)
class BellRang(Fact):
    name: ClassVar[str] = "trial.bell.rang"
    version: int


def ring(platform: Platform, actor: Actor, subject: UUID, message: dict[str, Any]) -> dict[str, Any]:
    if message.get("softly"):
        raise NotNow("bids_still_open")
    with platform.begin(actor) as work:
        work.record(BellRang(subject=subject, version=3))
    return {"version": 3}


def snapshot(_session: Session, _actor: Actor, subject: UUID) -> dict[str, Any]:
    if subject == CLOSED:
        raise NotFound("not_found")
    return {"version": 2, "bells": 2}


def since(
    _session: Session, _actor: Actor, _subject: UUID, seen: int
) -> list[tuple[int, dict[str, Any]]] | None:
    return [(version, {"bell": version}) for version in range(seen + 1, 3)] if seen else None


def heard(platform: Platform, fact: BellRang) -> None:
    live.tell(platform, f"hall:{fact.subject}", version=fact.version, news={"bell": fact.version})


ROOM = Room(
    "trial",
    channels=[
        live.Channel(
            "hall",
            lambda _session, actor, _id: actor.has(Role.BIDDER),
            snapshot,
            since,
            commands={"ring": ring},
        )
    ],
    heard={BellRang: [heard]},
)


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    rooms = composition.rooms()
    monkeypatch.setattr(composition, "rooms", lambda: (*rooms, replace(ROOM)))
    built = House(tmp_path)
    yield built
    built.close()


def enter(house: House, browser: FlaskClient) -> SocketIOTestClient:
    socket = house.platform.live.test_client(house.app, namespace=live.NAMESPACE, flask_test_client=browser)
    assert socket.is_connected(live.NAMESPACE)
    return socket  # type: ignore[no-any-return]


def ask(socket: SocketIOTestClient, event: str, message: Any) -> Any:
    return socket.emit(event, message, namespace=live.NAMESPACE, callback=True)


def test_those_who_take_part_join_and_get_the_state_and_strangers_do_not(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    joined = ask(bidder, "join", {"channel": f"hall:{HALL}"})
    assert joined == {"ok": True, "channel": f"hall:{HALL}", "state": {"version": 2, "bells": 2}}

    for browser in (hall.client(), hall.client(hall.person(Role.BUYER))):
        refused = ask(enter(hall, browser), "join", {"channel": f"hall:{HALL}"})
        assert (refused["ok"], refused["problem"]["code"]) == (False, "channel_closed")


def test_who_was_away_gets_exactly_what_was_missed(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    joined = ask(bidder, "join", {"channel": f"hall:{HALL}", "seen": 1})
    assert joined["news"] == [{"version": 2, "news": {"bell": 2}}]


def test_a_command_answers_and_all_listeners_hear_of_it_once(hall: House) -> None:
    one = enter(hall, hall.client(hall.person(Role.BIDDER)))
    two = enter(hall, hall.client(hall.person(Role.BIDDER)))
    outsider = enter(hall, hall.client(hall.person(Role.BIDDER)))
    for socket in (one, two):
        ask(socket, "join", {"channel": f"hall:{HALL}"})

    done = ask(one, "do", {"channel": f"hall:{HALL}", "command": "ring", "message": {}})

    assert done == {"ok": True, "channel": f"hall:{HALL}", "answer": {"version": 3}}
    for socket in (one, two):
        (news,) = socket.get_received(live.NAMESPACE)
        told = news["args"][0]
        assert (told["channel"], told["version"], told["news"]) == (f"hall:{HALL}", 3, {"bell": 3})
    assert outsider.get_received(live.NAMESPACE) == []


def test_a_refused_command_changes_and_tells_nothing(hall: House) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    ask(bidder, "join", {"channel": f"hall:{HALL}"})
    before = hall.facts()
    told = ask(bidder, "do", {"channel": f"hall:{HALL}", "command": "ring", "message": {"softly": True}})
    assert (told["ok"], told["problem"]["status"], told["problem"]["code"]) == (False, 409, "bids_still_open")
    assert hall.facts() == before
    assert bidder.get_received(live.NAMESPACE) == []


@pytest.mark.parametrize(
    ("event", "message", "code"),
    [
        ("join", "hall", "message_unreadable"),
        ("join", {"channel": 7}, "not_found"),
        ("join", {"channel": f"cellar:{HALL}"}, "not_found"),
        ("join", {"channel": f"hall:{CLOSED}"}, "not_found"),
        ("do", {"channel": f"hall:{HALL}", "command": "explode"}, "message_unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_socket_lives_on(
    hall: House, event: str, message: Any, code: str
) -> None:
    bidder = enter(hall, hall.client(hall.person(Role.BIDDER)))
    assert ask(bidder, event, message)["problem"]["code"] == code
    assert ask(bidder, "join", {"channel": f"hall:{HALL}"})["ok"]


def test_signing_out_shuts_the_socket_door_at_once(hall: House) -> None:
    browser = hall.client(hall.person(Role.BIDDER))
    bidder = enter(hall, browser)
    assert ask(bidder, "join", {"channel": f"hall:{HALL}"})["ok"]
    browser.post("/sign-out")
    assert ask(bidder, "join", {"channel": f"hall:{HALL}"})["problem"]["code"] == "channel_closed"
