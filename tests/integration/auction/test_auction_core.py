"""The hall core: what is answered is durable, what is durable is in the journal, and nothing comes after the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bidding import queries_auction as queries
from bidding.actions import auctions_life
from bidding.hall_core import journal, rooms
from bidding.hall_core.draft import replayed
from bidding.models_auction import AuctionEvent, AuctionHead, AuctionStage
from bidding.rules.auction import Stage, engine, events
from bidding.rules.auction.terms import Outage
from bidding.rules.auction.values import money_text
from kernel.errors import NotNow
from kernel.money import Money
from sealbid import signatures
from tests.integration.auction.sale import Hall, Sale, plates
from tests.support.house import House

SECOND = timedelta(seconds=1)


@pytest.fixture
def hall(sale: Sale) -> Iterator[Hall]:
    """An owned auction with three bidders, running."""
    sale.bidders(3)
    made = Hall(sale).start()
    yield made
    made.core.stop()


def stored(sale: Sale) -> list[AuctionEvent]:
    with sale.house.read() as session:
        return list(
            session.scalars(
                sa.select(AuctionEvent)
                .where(AuctionEvent.auction_id == sale.auction().id)
                .order_by(AuctionEvent.seq)
            )
        )


def test_an_accepted_offer_is_in_the_journal_before_it_is_answered(hall: Hall, sale: Sale) -> None:
    one = plates(sale)[0]
    seen: list[int] = []
    before = len(stored(sale))

    hall.core.offer(
        hall.id, one, Money.from_yuan(900000), "key-00000001", ack=lambda _: seen.append(len(stored(sale)))
    )
    hall.core.turn()

    assert seen == [before + 1]
    assert stored(sale)[-1].key == "key-00000001"


def test_a_receipt_is_signed_by_the_platform_and_names_the_journals_event(hall: Hall, sale: Sale) -> None:
    receipt = hall.offer(plates(sale)[0], 900000)

    body = {name: value for name, value in receipt.items() if name != "sig"}
    line = stored(sale)[-1]
    signatures.verify(
        signatures.SignatureObject.from_json(receipt["sig"]),
        "auction-receipt",
        body,
        signatures.spki(sale.house.platform.platform_key),
    )
    assert body["event"] == journal.digest_of(line.event, bytes(line.salt)).hex()
    assert (body["price"], body["nr"], body["lot"]) == ("900000.00", 1, f"{sale.code}/1")
    assert "seq" not in body


def test_a_refused_offer_leaves_nothing_and_says_the_servers_time(hall: Hall, sale: Sale) -> None:
    one = plates(sale)[0]
    hall.offer(one, 900000)
    before = stored(sale)

    answer = hall.offer(one, 899999)

    assert (answer.code, "server_time" in answer.details) == ("auction_step", True)
    assert len(stored(sale)) == len(before)
    assert hall.core.figures.refused == 1


def test_the_same_key_again_gets_the_first_receipt_byte_for_byte(hall: Hall, sale: Sale) -> None:
    one = plates(sale)[0]
    first = hall.offer(one, 900000, "key-same-same")
    before = len(stored(sale))

    again = hall.offer(one, 900000, "key-same-same")
    hall.core.stop()
    other = Hall(sale, "hall-b")
    later = other.offer(one, 900000, "key-same-same")
    other.core.stop()

    assert again == first == later
    assert len(stored(sale)) == before


def test_two_arrivals_of_one_key_in_one_batch_are_one_offer(hall: Hall, sale: Sale) -> None:
    one = plates(sale)[0]
    before = len(stored(sale))

    hall.send(one, 900000, "key-twice-twice")
    hall.send(one, 900000, "key-twice-twice")
    hall.core.turn()

    assert hall.answers[0] == hall.answers[1]
    assert len(stored(sale)) == before + 1


def test_offers_of_one_batch_are_judged_in_order_of_arrival(hall: Hall, sale: Sale) -> None:
    a, b, c = plates(sale)

    for plate in (c, a, b):
        hall.send(plate, 900000)
    hall.core.turn()
    hall.end()

    state = hall.core.state(hall.id)
    assert state is not None
    assert [plate for plate, _ in engine.result(state).ranking] == [c, a, b]


def test_a_message_stamped_before_the_end_counts_though_the_core_wakes_after_it(
    hall: Hall, sale: Sale
) -> None:
    a, b, c = plates(sale)
    for plate in (b, c):
        hall.offer(plate, 950000)
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    end = state.ends_at
    sale.house.clock.move(end - timedelta(microseconds=1))

    hall.send(a, 900000)
    sale.house.clock.move(end + SECOND)
    hall.core.turn()

    assert hall.answers[-1]["price"] == "900000.00"
    assert hall.answers[-1]["recv_at"] < journal.at_text(end)


def test_a_message_stamped_at_the_end_is_refused_though_it_was_queued_first(hall: Hall, sale: Sale) -> None:
    a, b, c = plates(sale)
    for plate in (a, b, c):
        hall.offer(plate, 950000)
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    sale.house.clock.move(state.ends_at)

    answer = hall.offer(a, 900000)

    assert answer.code == "auction_over"
    sale.house.clock.tick(SECOND)
    hall.core.turn()
    assert hall.stage is Stage.ENDED
    assert stored(sale)[-1].kind == "tick"


def test_nobody_closes_an_auction_early(hall: Hall, sale: Sale) -> None:
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    sale.house.clock.move(state.ends_at - timedelta(microseconds=1))

    hall.core.turn()
    sale.tick()

    assert hall.stage is Stage.RUNNING
    assert sale.auction().stage is AuctionStage.LIVE


def test_a_failed_commit_answers_nothing_and_the_next_one_answers_all(hall: Hall, sale: Sale) -> None:
    a, b, _ = plates(sale)
    full = iter([True, True, False])
    troubles: list[bool] = []

    def disk(_connection: Any) -> None:
        if next(full, False):
            raise OperationalError("insert", {}, Exception("database or disk is full"))

    class Outlet:
        def told(self, room: Any, before: Any, after: Any) -> None: ...

        def trouble(self, auction: Any, on: bool) -> None:
            troubles.append(on)
            assert hall.answers == []

    hall.core._fault, hall.core.outlet = disk, Outlet()
    before = len(stored(sale))
    hall.send(a, 900000)
    hall.send(b, 890000)
    hall.core.turn()

    assert [answer["price"] for answer in hall.answers] == ["900000.00", "890000.00"]
    assert len(stored(sale)) == before + 2
    assert troubles == [True, False] or troubles == [True]
    assert hall.core.figures.troubles == 2


def test_a_long_storage_trouble_is_an_outage_and_nobody_pays_for_it(hall: Hall, sale: Sale) -> None:
    a, b, c = plates(sale)
    for plate in (a, b, c):
        hall.offer(plate, 950000)
    first = hall.core.state(hall.id)
    assert first is not None
    assert first.ends_at is not None
    sale.house.clock.move(first.ends_at - timedelta(seconds=3))
    began = sale.house.clock.now()
    rounds = iter(range(8))

    def gone(_connection: Any) -> None:
        if next(rounds, None) is not None:
            sale.house.clock.tick(SECOND)  # eight seconds in which nothing can be written, past the end
            raise OperationalError("insert", {}, Exception("server closed the connection"))

    hall.core._fault = gone
    hall.core.turn()

    state = hall.core.state(hall.id)
    assert state is not None
    assert state.stage is Stage.PAUSED
    assert state.stopped is not None
    assert state.stopped.since == began
    with sale.house.begin() as work:
        auctions_life.follow(work, hall.id)
    with sale.house.read() as session:
        outages = queries.outages_of(session, hall.id)
    assert [(one.kind, one.reason, one.since_at) for one in outages] == [("platform", "storage", began)]
    assert outages[0].until_at == state.stopped.resumes_at
    sale.house.clock.move(state.stopped.resumes_at or began)
    sale.house.clock.tick(SECOND)
    hall.core.turn()
    assert hall.offer(a, 900000)["price"] == "900000.00"


def test_an_outage_that_begins_and_ends_in_one_batch_is_published_too(house: House) -> None:
    sale = Sale(house, printed={"outage": Outage(resume_notice_minutes=0, remaining_seconds_min=60)})
    sale.publish()
    sale.bidders(3)
    followed: list[Any] = []
    hall = Hall(sale, following=lambda _platform, auction: followed.append(auction)).start()
    hall.offer(plates(sale)[0], 950000)
    hall.core._aside.submit(lambda: None).result()
    followed.clear()
    rounds = iter(range(8))

    def gone(_connection: Any) -> None:
        if next(rounds, None) is not None:
            sale.house.clock.tick(SECOND)
            raise OperationalError("insert", {}, Exception("server closed the connection"))

    hall.core._fault = gone
    hall.send(plates(sale)[1], 940000)
    hall.core.turn()
    hall.core.stop()

    assert followed == [hall.id]
    kinds = [line.kind for line in stored(sale)]
    assert kinds[kinds.index("pause") :][:2] == ["pause", "resume"]


def test_a_new_owner_goes_on_where_the_journal_ends(hall: Hall, sale: Sale) -> None:
    a, b, _ = plates(sale)
    hall.offer(a, 900000)
    before = hall.core.state(hall.id)

    other = Hall(sale, "hall-b")

    assert other.core.state(other.id) == before
    assert other.offer(b, 890000)["nr"] == 1
    other.core.stop()


def test_an_owner_that_lost_its_room_cannot_write_and_accepts_nothing(hall: Hall, sale: Sale) -> None:
    a, b, _ = plates(sale)
    other = Hall(sale, "hall-b")

    answer = hall.offer(a, 900000)

    assert isinstance(answer, NotNow)
    assert answer.code == "hall_elsewhere"
    assert not hall.core.owns(hall.id)
    assert other.offer(b, 890000)["price"] == "890000.00"
    other.core.stop()


def test_what_another_process_wrote_is_read_before_the_next_offer_is_judged(hall: Hall, sale: Sale) -> None:
    a = plates(sale)[0]
    with sale.house.begin(sale.actor(sale.buyer)) as work:
        auctions_life.stop_auction(work, hall.id, "电源故障")

    answer = hall.offer(a, 900000)

    assert answer.code == "auction_paused"
    assert hall.core.figures.moved == 1 or hall.stage is Stage.PAUSED


def test_a_dead_owner_near_the_end_stops_the_clock_instead_of_the_bidders(sale: Sale) -> None:
    sale.bidders(3)
    hall = Hall(sale).start()
    for plate in plates(sale):
        hall.offer(plate, 950000)
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    sale.house.clock.move(state.ends_at - SECOND)
    hall.core.turn()  # the last sign of life
    sale.house.clock.move(state.ends_at + timedelta(seconds=4))

    sale.tick()

    with sale.house.read() as session:
        now_state = queries.state_of(session, hall.id)
    assert now_state.stage is Stage.PAUSED
    assert now_state.stopped is not None
    assert now_state.stopped.since == state.ends_at - SECOND


def test_without_any_hall_the_timekeeper_starts_and_closes_each_once(sale: Sale) -> None:
    sale.bidders(3)
    sale.tick(sale.closes_at)
    sale.tick()
    assert sale.auction().stage is AuctionStage.LIVE
    end = sale.head().next_moment_at
    assert end is not None
    sale.tick(end - timedelta(microseconds=1))
    assert sale.auction().stage is AuctionStage.LIVE

    sale.tick(end)
    sale.tick()

    assert sale.auction().stage is AuctionStage.FAILED
    facts = sale.house.facts(sale.auction().id)
    assert facts.count("bidding.auction.ended") == 1
    assert facts.count("bidding.auction.failed") == 1


def test_two_halls_and_two_timekeepers_close_an_auction_once(sale: Sale) -> None:
    sale.bidders(3)
    hall = Hall(sale).start()
    for plate in plates(sale):
        hall.offer(plate, 950000)
    state = hall.core.state(hall.id)
    assert state is not None
    assert state.ends_at is not None
    sale.house.clock.move(state.ends_at + timedelta(seconds=3))
    problems: list[BaseException] = []

    def close(deed: Any) -> None:
        try:
            deed()
        except BaseException as problem:
            problems.append(problem)

    deeds = [hall.core.turn, sale.tick, sale.tick, sale.tick]
    threads = [threading.Thread(target=close, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert [line.kind for line in stored(sale)].count("tick") + sum(
        line.kind == "pause" for line in stored(sale)
    ) == 2
    assert sale.house.facts(hall.id).count("bidding.auction.ended") <= 1


def test_replaying_the_journal_gives_the_state_in_memory(hall: Hall, sale: Sale) -> None:
    for at, plate in enumerate(plates(sale) * 3):
        hall.offer(plate, 950000 - at * 10000)
    hall.end()

    with sale.house.read() as session:
        room, lines = rooms.load(session.connection(), hall.id)
        header = rooms.header_of(hall.id, sale.code, 1, sale.auction().terms)

    assert replayed(room.state.terms, lines) == hall.core.state(hall.id)
    assert journal.require_whole(journal.root_of(hall.id, header), lines) == room.head.chain
    with pytest.raises(ValueError, match="event 3"):
        journal.require_whole(journal.root_of(hall.id, header), [*lines[:2], *lines[3:]])


def test_an_event_written_by_hand_reads_like_the_general_form() -> None:
    event = events.OfferMade("123", Money.from_yuan("1250.50"), "key-aaaa-1", confirmed=True)

    text = journal.event_text("2026-11-21T02:00:00.000000Z", event)

    assert json.loads(text)["event"] == event.to_plain()
    assert text == journal.canonical({"at": "2026-11-21T02:00:00.000000Z", "event": event.to_plain()})
    assert money_text(event.amount) == "1250.50"


def test_a_journal_takes_inserts_only(hall: Hall, sale: Sale, house: House) -> None:
    hall.offer(plates(sale)[0], 900000)

    for statement in (sa.delete(AuctionEvent), sa.update(AuctionEvent).values(event="{}")):
        with (
            pytest.raises(sa.exc.IntegrityError),
            house.platform.database.session(write=True) as session,
            session.begin(),
        ):
            session.execute(statement)


def test_the_head_says_who_owns_a_room_and_is_silent_after_a_farewell(hall: Hall, sale: Sale) -> None:
    def owner() -> str:
        with sale.house.read() as session:
            return session.get_one(AuctionHead, hall.id).owner

    assert owner() == "hall-a"
    hall.core.drop(hall.id)
    assert owner() == ""
