"""Leases: one holder at a time, tokens that only grow, and no write by whoever lost one without noticing.

Source: issue "Transport and scale" (auctions owned by lease with fencing).
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kernel import live
from kernel.errors import Refusal, Stale
from kernel.live import leases
from kernel.live.owners import Owners
from kernel.rights import ANONYMOUS
from tests.support.house import House

THING = UUID("01980000-0000-7000-8000-000000000001")
NAME = f"sale:{THING}"


def test_only_one_holds_a_lease_until_it_ends(any_house: House) -> None:
    platform = any_house.platform
    first = leases.acquire(platform, NAME, "one", 3)
    assert first is not None
    assert (first.token, first.until) == (1, any_house.clock.now() + timedelta(seconds=3))
    assert leases.acquire(platform, NAME, "two", 3) is None

    any_house.clock.tick(timedelta(seconds=2, microseconds=999_999))
    assert leases.acquire(platform, NAME, "two", 3) is None
    any_house.clock.tick(timedelta(microseconds=1))
    second = leases.acquire(platform, NAME, "two", 3)
    assert second is not None
    assert (second.holder, second.token) == ("two", 2)


def test_a_lease_is_prolonged_by_its_holder_alone(any_house: House) -> None:
    platform = any_house.platform
    first = leases.acquire(platform, NAME, "one", 3)
    other = leases.acquire(platform, "sale:other", "two", 3)
    assert first is not None
    assert other is not None
    any_house.clock.tick(timedelta(seconds=2))
    kept = leases.renew(platform, first, 3)
    assert kept is not None
    assert kept.until == any_house.clock.now() + timedelta(seconds=3)
    any_house.clock.tick(timedelta(seconds=2))
    taken = leases.acquire(platform, "sale:other", "three", 3)
    assert taken is not None
    assert leases.renew_all(platform, [kept, other], 3).keys() == {NAME}


def test_taking_ones_own_lease_again_keeps_the_token(any_house: House) -> None:
    first = leases.acquire(any_house.platform, NAME, "one", 3)
    assert first is not None
    assert leases.acquire(any_house.platform, NAME, "one", 3) == first


def test_who_lost_a_lease_cannot_write_however_late_it_wakes_up(any_house: House) -> None:
    platform = any_house.platform
    first = leases.acquire(platform, NAME, "one", 3)
    assert first is not None
    with any_house.begin() as work:
        leases.assert_held(work.session, first)
    any_house.clock.tick(timedelta(seconds=60))
    with any_house.begin() as work:  # it ended, but nobody took it: there is nobody to collide with
        leases.assert_held(work.session, first)
    second = leases.acquire(platform, NAME, "two", 3)
    assert second is not None
    with pytest.raises(Stale) as no, any_house.begin() as work:
        leases.assert_held(work.session, first)
    assert no.value.code == "lease_lost"
    with any_house.begin() as work:
        leases.assert_held(work.session, second)


def test_a_lease_that_was_let_go_is_free_at_once_and_its_token_goes_on(any_house: House) -> None:
    platform = any_house.platform
    first = leases.acquire(platform, NAME, "one", 3)
    assert first is not None
    leases.release(platform, first)
    second = leases.acquire(platform, NAME, "two", 3)
    assert second is not None
    assert second.token == 2
    leases.release(platform, first)
    assert leases.acquire(platform, NAME, "three", 3) is None


def test_of_many_who_want_it_at_once_exactly_one_gets_it(any_house: House) -> None:
    found: list[Any] = []
    start = threading.Barrier(8)

    def want(number: int) -> None:
        start.wait()
        found.append(leases.acquire(any_house.platform, NAME, f"h{number}", 3))

    threads = [threading.Thread(target=want, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(one is not None for one in found) == [False] * 7 + [True]


def test_a_taker_waits_for_the_write_of_the_holder(pg_house: House) -> None:
    """The row is locked by whoever asserts it, so a write and a takeover never overlap."""
    first = leases.acquire(pg_house.platform, NAME, "one", 3)
    assert first is not None
    pg_house.clock.tick(timedelta(seconds=4))
    taken: list[Any] = []
    taker = threading.Thread(target=lambda: taken.append(leases.acquire(pg_house.platform, NAME, "two", 3)))
    with pg_house.begin() as work:
        leases.assert_held(work.session, first)
        taker.start()
        taker.join(0.5)
        assert taker.is_alive()
    taker.join(40)
    assert taken[0].token == 2


class Owned:
    """An owner of one channel, with what it was told."""

    def __init__(self, house: House, address: str) -> None:
        self.told: list[tuple[str, object]] = []
        channel = live.Channel(
            "sale",
            lambda *_: True,
            lambda *_: {"version": 0},
            hot={"bid": self._bid},
            owned=True,
            taken=lambda _platform, _id, lease: self.told.append(("taken", lease.token)),
            lost=lambda _platform, key: self.told.append(("lost", key)),
        )
        self.owners = Owners(house.platform, {"sale": channel}, None, address)
        self.channel = channel

    def _bid(self, _c: live.Connection, _id: UUID, message: live.Json, _at: Any, ack: live.Ack) -> None:
        ack({"took": message["n"]})

    def bid(self, house: House, n: int) -> live.Json:
        answers: list[live.Json] = []
        done = threading.Event()

        def ack(answer: live.Json) -> None:
            answers.append(answer)
            done.set()

        someone = live.Connection(sid="x", actor=ANONYMOUS, channel=NAME, subject=THING, lang="en")
        self.owners.route(someone, "bid", self.channel.hot["bid"], {"n": n}, house.clock.now(), ack)
        assert done.wait(40)
        return answers[0]


def test_the_first_command_takes_the_lease_and_others_are_sent_there(any_house: House) -> None:
    one, two = Owned(any_house, "http://one"), Owned(any_house, "http://two")
    try:
        assert one.bid(any_house, 1) == {"took": 1}
        assert one.told == [("taken", 1)]
        moved = two.bid(any_house, 2)
        assert (moved["problem"]["code"], moved["problem"]["details"]) == ("moved", {"address": "http://one"})
        assert one.bid(any_house, 3) == {"took": 3}
        assert two.told == []
    finally:
        one.owners.close()
        two.owners.close()
    assert one.told[-1] == ("lost", THING)


def test_a_lease_that_ended_is_taken_over_by_whoever_has_listeners(any_house: House) -> None:
    one, two = Owned(any_house, "http://one"), Owned(any_house, "http://two")
    try:
        one.bid(any_house, 1)
        any_house.clock.tick(timedelta(seconds=4))
        two.owners.once([])
        assert two.told == [], "nobody listens there"
        two.owners.once([("sale", THING, "")])
        assert two.told == [("taken", 2)]
        one.owners.once([])
        assert one.told == [("taken", 1), ("lost", THING)]
        assert one.owners.lease(NAME) is None
    finally:
        one.owners.close()
        two.owners.close()


def test_a_lost_lease_reads_as_a_refusal_in_both_languages() -> None:
    no: Refusal = Stale("lease_lost", thing=NAME)
    assert live.refused(no, "en")["problem"]["title"] != live.refused(no, "zh-CN")["problem"]["title"]
