"""The hall process's transport: who comes in, what reaches whom, and what is cut.

Source: performance §3; issue "Transport and scale".
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
import websocket

from kernel import live
from kernel.identity.models import ApiToken
from kernel.live import frames
from kernel.live.engine import Limits
from kernel.live.lean import LeanLive
from kernel.rights import Role
from tests.support.house import House
from tests.support.live import Browser, cookie_of, eventually, hall, keep_open
from tests.support.live_sale import NAME, NOWHERE, SALE, port, raw, sale

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


def test_a_client_that_says_what_private_news_it_has_hears_what_got_lost(
    house: House, open_hall: LeanLive
) -> None:
    cookie = cookie_of(house, Role.BIDDER)
    browser, rival = Browser(port(open_hall), cookie), Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    for one in (browser, rival):
        one.join(NAME)
    key = browser.do(NAME, "offer", price=1)["by"]
    live.tell_one(house.platform, NAME, key, news={"won": True}, version=3)
    browser.until(lambda: bool(browser.told("own")))

    assert browser.ask("sync", {"own": {NAME: 2}})["behind_own"] == {NAME: 3}
    assert "behind_own" not in browser.ask("sync", {"own": {NAME: 3}})
    assert "behind_own" not in rival.ask("sync", {"own": {NAME: 0}}), (
        "another's news are nobody else's business"
    )
    for one in (browser, rival):
        one.close()
    eventually(lambda: not open_hall.told_own)


def test_a_client_that_says_what_it_has_seen_hears_what_got_lost(house: House, open_hall: LeanLive) -> None:
    browser = Browser(port(open_hall), cookie_of(house, Role.BIDDER))
    browser.join(NAME)
    sale.add(price=1)
    browser.until(lambda: bool(browser.told("news")))

    lost = browser.ask("sync", {"seen": {NAME: 0, "sale:elsewhere": 0}})
    whole = browser.ask("sync", {"seen": {NAME: 1}})
    odd = browser.ask("sync", {"seen": ["no", "object"]})

    assert lost["behind"] == {NAME: 1}
    assert "behind" not in whole
    assert odd["ok"]
    assert "behind" not in odd
    browser.close()
