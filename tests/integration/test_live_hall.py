"""The hall process's transport: who comes in, what reaches whom, and what is cut.

Source: performance §3; issue "Transport and scale".
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import websocket
from sqlalchemy.orm import Session

import app as composition
from kernel import live
from kernel.errors import NotFound, NotNow
from kernel.identity.models import ApiToken
from kernel.live import frames
from kernel.live.engine import Limits
from kernel.live.lean import LeanLive
from kernel.platform import Platform
from kernel.rights import Actor, Role
from kernel.room import Room
from tests.support.house import House
from tests.support.live import Browser, cookie_of, eventually, hall, keep_open

SALE = UUID("01980000-0000-7000-8000-000000000001")
NOWHERE = UUID("01980000-0000-7000-8000-000000000002")
NAME = f"sale:{SALE}"


@dataclass
class Sale:
    """A thing with a version and a history, in memory: what a room would keep in the database."""

    version: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    acks: list[live.Ack] = field(default_factory=list)
    stamps: list[datetime] = field(default_factory=list)
    platform: Platform | None = None
    slow: threading.Event = field(default_factory=threading.Event)

    def add(self, *, tell: bool = True, **news: Any) -> None:
        self.version += 1
        self.history.append(news)
        if tell and self.platform is not None:
            for audience in ("bidders", "public"):
                live.tell(self.platform, NAME, version=self.version, news=news, audience=audience)


sale = Sale()


def snapshot(_session: Session, actor: Actor, subject: UUID) -> dict[str, Any]:
    if subject == NOWHERE:
        raise NotFound("not_found")
    return {"version": sale.version, "all": list(sale.history)}


def since(_s: Session, _a: Actor, _id: UUID, seen: int) -> list[tuple[int, dict[str, Any]]] | None:
    if sale.version - seen > 5:
        return None
    return [(at, sale.history[at - 1]) for at in range(seen + 1, sale.version + 1)]


def offer(
    connection: live.Connection, _id: UUID, message: live.Json, recv_at: datetime, ack: live.Ack
) -> None:
    sale.stamps.append(recv_at)
    if message.get("low"):
        raise NotNow("bids_still_open")
    if message.get("bug"):
        raise ZeroDivisionError

    def later() -> None:
        ack({"by": connection.seat_key, "price": message["price"]})
        ack({"by": "nobody"})  # a second answer must not reach anybody
        sale.add(price=message["price"])

    if message.get("wait"):
        sale.acks.append(ack)
    else:
        threading.Thread(target=later).start()


def ponder(_platform: Platform, actor: Actor, _id: UUID, message: live.Json) -> live.Json:
    assert sale.slow.wait(10)
    return {"name": actor.name}


CHANNEL = live.Channel(
    "sale",
    lambda _session, actor, _id: actor.has(Role.BIDDER) or actor.has(Role.BUYER),
    snapshot,
    since,
    commands={"ponder": ponder},
    hot={"offer": offer},
    audience=lambda _session, actor, _id: "bidders" if actor.has(Role.BIDDER) else "public",
    on_join=lambda _session, actor, _id: str(actor.org_id) if actor.has(Role.BIDDER) else None,
    own=lambda _session, actor, _id: {"org": actor.org_name},
    versions=lambda _session, keys: dict.fromkeys(keys, sale.version),
)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    rooms = composition.rooms()
    monkeypatch.setattr(composition, "rooms", lambda: (*rooms, Room("sale", channels=[replace(CHANNEL)])))
    sale.__init__()  # type: ignore[misc]
    built = House(tmp_path)
    sale.platform = built.platform
    yield built
    built.close()


@pytest.fixture
def open_hall(house: House) -> Iterator[LeanLive]:
    with hall(house) as found:
        yield found


def port(found: LeanLive) -> int:
    return found.engine.address[1]


def raw(found: LeanLive) -> socket.socket:
    return socket.create_connection(found.engine.address, timeout=10)


# Coming in


def test_a_bidder_joins_with_state_and_own_part(house: House, open_hall: LeanLive) -> None:
    sale.add(price=1)
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    answer = browser.join(NAME)
    assert answer["ok"]
    assert answer["state"] == {"version": 1, "all": [{"price": 1}]}
    assert answer["own"]["org"].startswith("第")
    browser.close()


@pytest.mark.parametrize("origin", ["https://evil.example", None, "null"])
def test_pages_of_other_origins_are_refused(house: House, open_hall: LeanLive, origin: str | None) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as no:
        Browser(port(open_hall), cookie_of(house, Role.BIDDER), origin=origin)
    assert no.value.status_code == 403


@pytest.mark.parametrize("cookie", ["", "forged", "expired"])
def test_who_is_not_signed_in_does_not_join(house: House, open_hall: LeanLive, cookie: str) -> None:
    if cookie == "expired":
        client = house.client(house.person(Role.BIDDER))
        found = client.get_cookie("sunroad")
        assert found is not None
        cookie = found.value
        client.post("/sign-out")
    browser = Browser(port(open_hall), cookie)
    answer = browser.join(NAME)
    assert (answer["ok"], answer["problem"]["code"]) == (False, "channel_closed")
    refused = browser.do(NAME, "offer", price=1)
    assert refused["problem"]["code"] == "not_joined"
    assert sale.stamps == []
    sale.add(price=1)
    assert browser.quiet()
    browser.close()


def test_a_closed_session_is_cut_while_it_only_listens(house: House, open_hall: LeanLive) -> None:
    client = house.client(house.person(Role.BIDDER))
    found = client.get_cookie("sunroad")
    assert found is not None
    browser = Browser(port(open_hall), found.value)
    other = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    assert browser.join(NAME)["ok"]
    assert other.join(NAME)["ok"]
    client.post("/sign-out")
    open_hall.engine.post(lambda: open_hall.check_sessions(list(open_hall.engine.links.values())))
    assert browser.close_code() == frames.POLICY
    sale.add(price=1)
    other.until(lambda: bool(other.told("news")))
    other.close()


def test_a_machine_comes_in_by_its_token_without_an_origin(house: House, open_hall: LeanLive) -> None:
    headers = house.token(house.person(Role.BIDDER), "bid")
    ws = websocket.create_connection(
        f"ws://127.0.0.1:{port(open_hall)}/socket.io/?EIO=4&transport=websocket",
        header=headers,
        suppress_origin=True,
        timeout=10,
    )
    assert ws.recv().startswith("0{")
    ws.send("40/live,")
    ws.recv()
    ws.send(f'42/live,1["join",{{"channel":"{NAME}"}}]')
    assert '"ok":true' in ws.recv()
    check = lambda: open_hall.check_sessions(list(open_hall.engine.links.values()))  # noqa: E731
    open_hall.engine.post(check)
    ws.send('42/live,2["sync",{}]')
    assert ws.recv().startswith("43/live,2")
    with house.begin() as work:
        work.session.execute(sa.update(ApiToken).values(revoked_at=work.now))
    open_hall.engine.post(check)
    opcode, data = ws.recv_data(control_frame=True)
    assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, frames.POLICY)
    ws.shutdown()


def test_the_limit_of_connections_is_a_polite_no(house: House) -> None:
    with hall(house, Limits(connections=2)) as found:
        inside = [Browser(port(found)) for _ in range(2)]
        with pytest.raises(websocket.WebSocketBadStatusException) as no:
            Browser(port(found))
        assert no.value.status_code == 503
        assert no.value.resp_headers["retry-after"] == "3"
        inside[0].close()
        eventually(lambda: len(found.engine.links) == 1)
        Browser(port(found)).close()
        inside[1].close()


def test_the_hall_answers_health_and_nothing_else_over_http(open_hall: LeanLive) -> None:
    for path, status in (
        ("/healthz", b"200"),
        ("/", b"404"),
        ("/socket.io/?EIO=4&transport=polling", b"400"),
    ):
        with raw(open_hall) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert line.recv(4096).split(b" ")[1] == status


def test_a_request_that_never_ends_is_given_up(house: House) -> None:
    with hall(house, Limits(greet_seconds=0.5)) as found, raw(found) as line:
        line.sendall(b"GET /socket.io/ HTTP/1.1\r\n")
        assert line.recv(100) == b""


# Talking


def test_an_offer_is_stamped_answered_from_another_thread_and_told(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    answer = browser.do(NAME, "offer", price=7)
    browser.until(lambda: bool(browser.told("news")))
    (news,) = browser.told("news")
    assert (answer["ok"], answer["price"], len(answer["by"])) == (True, 7, 36)
    assert (news["channel"], news["version"], news["news"]) == (NAME, 1, {"price": 7})
    assert sale.stamps == [house.clock.now()]
    assert browser.quiet()
    browser.close()


def test_a_refused_offer_says_why_in_the_persons_language(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    problem = browser.do(NAME, "offer", low=True)["problem"]
    assert (problem["status"], problem["code"]) == (409, "bids_still_open")
    assert problem["title"] not in ("", "bids_still_open")
    assert sale.version == 0
    browser.close()


def test_a_bug_in_a_command_is_our_mistake_and_the_socket_lives_on(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    assert browser.do(NAME, "offer", bug=True)["problem"] == {"status": 500, "code": "our_mistake"}
    assert browser.do(NAME, "offer", price=1)["ok"]
    browser.close()


def test_many_threads_may_answer_at_once_and_everybody_gets_their_own(
    house: House, open_hall: LeanLive
) -> None:
    browsers = [Browser(port(open_hall), cookie_of(house, Role.BIDDER)) for _ in range(4)]
    numbers = []
    for browser in browsers:
        browser.join(NAME)
        numbers.append([browser.send("do", _offer(n)) for n in range(10)])
    eventually(lambda: len(sale.acks) == 40)
    threads = [
        threading.Thread(target=lambda n=n, ack=ack: ack({"turn": n})) for n, ack in enumerate(sale.acks)
    ]
    for thread in threads:
        thread.start()
    turns = set()
    for browser, mine in zip(browsers, numbers, strict=True):
        browser.until(lambda b=browser, m=mine: all(number in b.answers for number in m))  # type: ignore[misc]
        turns |= {browser.answers[number]["turn"] for number in mine}
        browser.close()
    assert turns == set(range(40))


def _offer(price: int) -> dict[str, Any]:
    return {"channel": NAME, "command": "offer", "message": {"price": price, "wait": True}}


def test_a_slow_command_holds_nobody_up(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    number = browser.send("do", {"channel": NAME, "command": "ponder", "message": {}})
    assert browser.do(NAME, "offer", price=1)["ok"]
    assert number not in browser.answers
    sale.slow.set()
    browser.until(lambda: number in browser.answers)
    assert browser.answers[number]["answer"]["name"].startswith("测试人")
    browser.close()


def test_sync_says_when_the_question_came(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall))
    assert browser.ask("sync", {}) == {"ok": True, "now_us": int(house.clock.now().timestamp() * 1e6)}
    browser.close()


@pytest.mark.parametrize(
    ("event", "message", "code"),
    [
        ("join", "sale", "message_unreadable"),
        ("join", {"channel": 7}, "not_found"),
        ("join", {"channel": f"cellar:{SALE}"}, "not_found"),
        ("join", {"channel": f"sale:{NOWHERE}"}, "not_found"),
        ("do", {"channel": NAME, "command": "explode"}, "message_unreadable"),
        ("do", {"channel": NAME, "command": "offer", "message": 3}, "message_unreadable"),
        ("leave", {}, "not_found"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_socket_lives_on(
    house: House, open_hall: LeanLive, event: str, message: Any, code: str
) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    assert browser.ask(event, message)["problem"]["code"] == code
    assert browser.join(NAME)["ok"]
    browser.close()


def test_who_left_hears_nothing_more(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    assert browser.ask("leave", {"channel": NAME}) == {"ok": True, "channel": NAME}
    sale.add(price=1)
    assert browser.quiet()
    browser.close()


def test_the_hall_says_goodbye_when_it_closes(house: House) -> None:
    with hall(house) as found:
        browser = keep_open(Browser(port(found)))
    assert browser.close_code() == frames.GOING_AWAY


# Audiences


def test_news_for_one_audience_never_reach_another(house: House, open_hall: LeanLive) -> None:
    bidder = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    watcher = Browser(port(open_hall), cookie_of(house, Role.BUYER))
    for browser in (bidder, watcher):
        browser.join(NAME)
    live.tell(house.platform, NAME, version=1, news={"rank": 3}, audience="bidders")
    live.tell(house.platform, NAME, version=1, news={"secret": 1})  # nobody joined as the unnamed audience
    bidder.until(lambda: bool(bidder.told("news")))
    assert [one["news"] for one in bidder.told("news")] == [{"rank": 3}]
    assert watcher.quiet()
    live.tell(house.platform, NAME, version=1, news={"count": 5}, audience="public")
    watcher.until(lambda: bool(watcher.told("news")))
    assert [one["news"] for one in watcher.told("news")] == [{"count": 5}]
    assert bidder.quiet()
    for browser in (bidder, watcher):
        browser.close()


def test_private_news_reach_every_window_of_one_participant_and_nobody_else(
    house: House, open_hall: LeanLive
) -> None:
    mine = cookie_of(house, Role.BIDDER)
    windows = [Browser(port(open_hall), mine) for _ in range(2)]
    rival = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    for browser in (*windows, rival):
        browser.join(NAME)
    key = windows[0].do(NAME, "offer", price=1)["by"]
    for browser in (*windows, rival):
        browser.until(lambda b=browser: bool(b.told("news")))  # type: ignore[misc]
    live.tell_one(house.platform, NAME, key, news={"won": True})
    for browser in windows:
        browser.until(lambda b=browser: bool(b.told("own")))  # type: ignore[misc]
        assert [one["own"] for one in browser.told("own")] == [{"won": True}]
    assert rival.quiet()
    for browser in (*windows, rival):
        browser.close()


# Continuity


def test_who_was_away_gets_exactly_what_was_missed(house: House, open_hall: LeanLive) -> None:
    cookie = cookie_of(house, Role.BIDDER)
    browser = Browser(port(open_hall), cookie)
    browser.join(NAME)
    sale.add(price=1)
    browser.until(lambda: bool(browser.told("news")))
    browser.close()
    sale.add(price=2)
    sale.add(price=3)

    answer = Browser(port(open_hall), cookie).join(NAME, seen=1)

    assert "state" not in answer
    assert [(one["version"], one["news"]) for one in answer["news"]] == [(2, {"price": 2}), (3, {"price": 3})]
    assert "own" in answer


def test_who_was_away_too_long_gets_the_state(house: House, open_hall: LeanLive) -> None:
    for price in range(9):
        sale.add(price=price)
    answer = Browser(port(open_hall), cookie_of(house, Role.BIDDER)).join(NAME, seen=1)
    assert answer["state"]["version"] == 9
    assert "news" not in answer


def test_lost_news_are_noticed_by_the_sweep(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    sale.add(price=1, tell=False)
    browser.until(lambda: bool(browser.told("behind")))
    assert browser.told("behind")[0] == {"channel": NAME, "version": 1}
    assert browser.join(NAME, seen=0)["news"] == [{"version": 1, "news": {"price": 1}}]
    assert browser.quiet(2.2), "it is said once"
    browser.close()


# Limits


def test_too_many_messages_are_refused_and_then_cut(house: House) -> None:
    with hall(house, Limits(per_second=1, burst=3, strikes=4)) as found:
        browser = Browser(port(found), cookie_of(house, Role.BIDDER))
        answers = [browser.ask("sync", {}) for _ in range(6)]
        assert [one["ok"] for one in answers[:3]] == [True] * 3
        assert [one["problem"]["status"] for one in answers[3:]] == [429] * 3
        for _ in range(3):
            browser.send("sync", {})
        assert browser.close_code() == frames.POLICY


def test_tokens_come_back_with_time(house: House) -> None:
    with hall(house, Limits(per_second=20, burst=1)) as found:
        browser = Browser(port(found), cookie_of(house, Role.BIDDER))
        assert browser.ask("sync", {})["ok"]
        eventually(lambda: browser.ask("sync", {})["ok"] or time.sleep(0.1))
        browser.close()


def test_a_message_may_be_so_big_and_no_bigger(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    fits = {"pad": "x" * (live.MESSAGE_BYTES_MAX - 100)}
    assert browser.ask("sync", fits)["ok"]
    browser.send("sync", {"pad": "x" * live.MESSAGE_BYTES_MAX})
    assert browser.close_code() == frames.TOO_BIG


@pytest.mark.parametrize(
    ("opcode", "data", "code"),
    [
        (websocket.ABNF.OPCODE_TEXT, b"\xff\xfe4", frames.POLICY),
        (websocket.ABNF.OPCODE_TEXT, b"42/live,\xff", frames.BAD_TEXT),
        (websocket.ABNF.OPCODE_TEXT, b"42/live,[", frames.POLICY),
        (websocket.ABNF.OPCODE_TEXT, b"hello", frames.POLICY),
        (websocket.ABNF.OPCODE_BINARY, b"4", frames.POLICY),
    ],
)
def test_a_client_that_speaks_something_else_is_cut(
    open_hall: LeanLive, opcode: int, data: bytes, code: int
) -> None:
    browser = Browser(port(open_hall))
    browser.ws.send(data, opcode)
    assert browser.close_code() == code


def test_a_slow_reader_is_cut_and_comes_back_to_what_it_missed(house: House) -> None:
    with hall(house, Limits(pending_bytes=64 << 10)) as found:
        cookie = cookie_of(house, Role.BIDDER)
        slow, good = Browser(port(found), cookie), Browser(port(found), cookie_of(house, Role.BIDDER))
        for browser in (slow, good):
            browser.join(NAME)

        text = "x" * 20_000
        for number in range(1500):
            if found.engine.cut_slow:
                break
            sale.add(pad=text, number=number)
            good.until(lambda n=number: len(good.told("news")) == n + 1)  # type: ignore[misc]
        assert found.engine.cut_slow == 1
        last = sale.version

        assert [one["version"] for one in good.told("news")] == list(range(1, last + 1))
        good.close()
        seen = 0
        try:
            while True:
                slow.take()
                seen = slow.told("news")[-1]["version"]
        except (OSError, websocket.WebSocketException):
            pass
        assert 0 <= seen < last
        back = Browser(port(found), cookie)
        answer = back.join(NAME, seen=seen)
        versions = [one["version"] for one in answer.get("news", ())]
        assert versions == list(range(seen + 1, last + 1)) or answer["state"]["version"] == last
        back.close()


def test_who_does_not_answer_pings_is_cut_and_who_does_stays(house: House) -> None:
    with hall(house, Limits(ping_seconds=1)) as found:
        mute, good = Browser(port(found)), Browser(port(found))
        mute.answer_pings = False
        thread = threading.Thread(target=lambda: good.quiet(4.0))
        thread.start()
        assert mute.close_code() == frames.GOING_AWAY
        thread.join()
        assert good.pings >= 2
        assert good.ask("sync", {})["ok"]
        good.close()


def test_no_descriptor_is_left_when_people_come_and_go(house: House, open_hall: LeanLive) -> None:
    import os

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    cookie = cookie_of(house, Role.BIDDER)
    Browser(port(open_hall), cookie).close()
    eventually(lambda: not open_hall.engine.links)
    before = count()
    for turn in range(30):
        browser = Browser(port(open_hall), cookie)
        browser.join(NAME)
        if turn % 2:
            browser.close()
        else:
            browser.ws.sock.close()
    eventually(lambda: not open_hall.engine.links)
    assert open_hall.engine.rooms == {}
    assert open_hall.told == {}
    assert count() <= before + 1


# Flask-SocketIO's surface


def test_handlers_of_flask_socketio_work_unchanged(house: House, open_hall: LeanLive) -> None:
    from flask import request
    from flask_socketio import Namespace, emit, join_room, leave_room, rooms

    @open_hall.on("echo", namespace="/live")
    def echo(message: Any) -> Any:
        from kernel.web.current import actor

        join_room("choir")
        emit("sung", message, to="choir")
        return {"who": actor().name, "rooms": rooms(), "sid": request.sid}  # type: ignore[attr-defined]

    class Cellar(Namespace):  # type: ignore[misc]
        def on_fetch(self, message: Any) -> Any:
            leave_room("choir")
            return {"fetched": message}

    open_hall.on_namespace(Cellar("/cellar"))
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    answer = browser.ask("echo", {"la": 1})
    browser.until(lambda: bool(browser.told("sung")))
    assert answer["who"].startswith("测试人")
    assert browser.told("sung") == [{"la": 1}]
    open_hall.emit("sung", {"la": 2}, to="choir", namespace="/live")
    browser.until(lambda: len(browser.told("sung")) == 2)
    browser.ws.send("40/cellar,")
    assert browser.ws.recv().startswith("40/cellar,")
    browser.ws.send('42/cellar,9["fetch","wine"]')
    assert browser.ws.recv() == '43/cellar,9[{"fetched":"wine"}]'
    browser.ws.send("40/attic,")
    assert browser.ws.recv().startswith("44/attic,")
    browser.close()
