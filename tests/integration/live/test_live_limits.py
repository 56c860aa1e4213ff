"""What a listener who was away gets back, and what the hall's limits cut.

Source: performance §3; issue "Continuity", "Transport and scale".
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import websocket

from kernel import live
from kernel.live import frames
from kernel.live.engine import Limits
from kernel.live.lean import LeanLive
from kernel.rights import Role
from tests.support.house import House
from tests.support.live import Browser, cookie_of, eventually, hall
from tests.support.live_sale import NAME, port, sale

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


def test_trouble_while_many_come_in_ends_with_them(
    house: House, open_hall: LeanLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kernel.live import joining, principals

    cookie, right = cookie_of(house, Role.BIDDER), principals.by_tokens

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    for _ in range(joining.BATCHES_AT_ONCE + 1):  # a batch that never ended would be missed by now
        monkeypatch.setattr(open_hall._entrance, "_token", broken)
        with pytest.raises((OSError, websocket.WebSocketException)):
            Browser(port(open_hall), cookie)
        monkeypatch.undo()
    monkeypatch.setattr(principals, "by_tokens", broken)
    with pytest.raises((OSError, websocket.WebSocketException)):
        Browser(port(open_hall), cookie)  # nobody is believed without a look-up, nor taken for a stranger
    monkeypatch.setattr(principals, "by_tokens", right)
    assert Browser(port(open_hall), cookie).join(NAME)["ok"]
