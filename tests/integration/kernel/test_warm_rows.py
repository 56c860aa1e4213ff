"""Rows asked for once: locks, ``Work.warm`` and ``kernel.keyed``."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa

from kernel.batch import YOUNG, seldom_collected
from kernel.errors import NotFound
from kernel.identity.models import Organization, Person
from kernel.keyed import Keyed, settle
from kernel.ledger import book, sequencer
from kernel.ledger.models import LogRecord
from kernel.rights import SYSTEM, Role
from tests.support.house import House

BY_EMAIL = Keyed(Person, Person.email)


@contextmanager
def statements(house: House) -> Iterator[list[str]]:
    """The SELECTs of a stretch of code."""
    said: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            said.append(statement)

    for engine in {house.platform.database.writer, house.platform.database.reader}:
        sa.event.listen(engine, "before_cursor_execute", heard)
    try:
        yield said
    finally:
        for engine in {house.platform.database.writer, house.platform.database.reader}:
            sa.event.remove(engine, "before_cursor_execute", heard)


def test_a_locked_row_is_asked_for_once(house: House) -> None:
    person = house.person(Role.BUYER)
    with house.platform.begin(SYSTEM) as work, statements(house) as said:
        row = work.lock(Person, person.id)
        asked = len(said)
        assert work.lock(Person, person.id) is row
        assert len(said) == asked


def test_a_deleted_row_is_not_found_though_it_was_locked(house: House) -> None:
    with house.platform.begin(SYSTEM) as work:
        row = work.add(book.LogPending(entry=b"\1" * 34, record_id=uuid4()))
        work.session.flush()
        number = row.id
        assert work.lock(book.LogPending, number) is row
        work.session.delete(row)
        with pytest.raises(NotFound):
            work.lock(book.LogPending, number)
        work.session.flush()
        with pytest.raises(NotFound):
            work.lock(book.LogPending, number)


def test_warm_rows_are_locked_in_one_query_and_unknown_ones_left_out(house: House) -> None:
    people = [house.person(Role.BUYER) for _ in range(4)]
    with house.platform.begin(SYSTEM) as work:
        with statements(house) as said:
            rows = work.warm(Person, [*(one.id for one in people), uuid4()])
        assert {row.id for row in rows} == {one.id for one in people}
        assert sum("FROM person" in one for one in said) == 1
        with statements(house) as said:
            assert [work.lock(Person, one.id).id for one in people] == [one.id for one in people]
            assert work.warm(Person, (one.id for one in people)) == []
        assert said == []


def test_stories_go_on_where_they_stood_after_warming(house: House) -> None:
    from kernel.identity import actions, facts

    person = house.person(Role.BUYER)
    before = house.facts(person.id)
    with house.platform.begin(SYSTEM) as work:
        work.warm(Person, [person.id])
        recorded = work.record(facts.KeyRevoked(subject=person.id, key="k"))
    assert recorded.seq == len(before) + 1
    with house.platform.begin(SYSTEM) as work:
        fresh = actions.register_person(work, name="新人", email="fresh@example.org", password_hash="")
        assert [one.seq for fact, one in work.recorded if fact.subject == fresh.id] == [1]


def test_a_row_found_by_what_makes_it_unique_is_not_asked_for_again(house: House) -> None:
    person = house.person(Role.BUYER)
    with house.platform.read() as session:
        email = session.get_one(Person, person.id).email
    with house.platform.read() as session, statements(house) as said:
        found = BY_EMAIL.find(session, email)
        assert found is not None
        assert found.id == person.id
        assert BY_EMAIL.find(session, email) is found
        assert len(said) == 1
        assert BY_EMAIL.find(session, "nobody@example.org") is None
        assert BY_EMAIL.find(session, "nobody@example.org") is None
        assert len(said) == 3, "what is not there is asked for again"


def test_a_new_row_is_found_while_it_waits_for_its_flush_and_a_deleted_one_is_not(house: House) -> None:
    from kernel.identity import actions

    with house.platform.begin(SYSTEM) as work:
        other = actions.register_person(work, name="另人", email="other@example.org", password_hash="")
        work.session.flush()
        other.name = "别人"  # waits, and is not sent just to look
        waiting = book.LogPending(entry=b"\1" * 34, record_id=uuid4())
        work.add(waiting)
        by_record = Keyed(book.LogPending, book.LogPending.record_id)

        assert by_record.find(work.session, waiting.record_id) is waiting
        assert waiting in work.session.new
        assert BY_EMAIL.find(work.session, "other@example.org") is other
        assert other in work.session.dirty

        settle(work.session, Organization)
        assert waiting in work.session.new
        settle(work.session, Organization, book.LogPending)
        assert waiting not in work.session.new
        work.session.delete(waiting)
        assert Keyed(book.LogPending, book.LogPending.record_id).find(work.session, waiting.record_id) is None


def test_many_rows_are_warmed_by_their_first_column(house: House) -> None:
    people = [house.person(Role.BUYER) for _ in range(3)]
    with house.platform.read() as session:
        emails = [session.get_one(Person, one.id).email for one in people]
    with house.platform.read() as session, statements(house) as said:
        assert len(BY_EMAIL.warm(session, [*emails, "nobody@example.org"])) == 3
        asked = len(said)
        assert [BY_EMAIL.find(session, email).id for email in emails] == [one.id for one in people]  # type: ignore[union-attr]
        assert len(said) == asked


def test_places_come_many_in_one_query(house: House) -> None:
    house.person(Role.BUYER)
    with house.platform.read() as session:
        waiting = list(session.scalars(sa.select(LogRecord.id)))
        assert book.places_of(session, []) == {}
        assert set(book.places_of(session, [*waiting, None]).values()) == {None}
    sequencer.sequence(house.platform)
    with house.platform.read() as session:
        places = book.places_of(session, [*waiting, None, uuid4()])
        assert sorted(places) == sorted(waiting)
        assert all(place == book.place_of(session, one) for one, place in places.items())


def test_a_row_stays_with_its_transaction(house: House) -> None:
    person = house.person(Role.BUYER)
    with house.platform.begin(SYSTEM) as work, statements(house) as said:
        org_id = work.session.scalars(sa.select(Organization.id)).first()
        asked = len(said)
        for _ in range(3):
            work.session.get_one(Organization, org_id)
            work.session.get_one(Person, person.id)
            gc.collect()
        assert len(said) == asked + 2


def test_a_batch_collects_seldom_and_leaves_the_collector_as_it_was() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
