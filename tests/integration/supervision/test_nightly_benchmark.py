"""The benchmark of a night: its bulk rows read as walked ones do, what it plants is found, and few statements do it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks import nightly
from benchmarks.nightly_city import Size
from supervision.actions import leads
from supervision.actions.leads_collect import LotFile, collect
from supervision.actions.leads_rows import Around
from supervision.leads_models import Lead, LeadIndicator
from supervision.leads_queries import lead_queue
from tests.integration.supervision.test_leads import rigged

SMALL = Size(lots=160, lots_a_day=20, firms=40, silent=14, marked=3)
LATER = nightly.FIRST_NIGHT + timedelta(days=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[nightly.City, nightly.Night]]:
    with nightly.a_city(tmp_path_factory.mktemp("filled"), SMALL) as city:
        yield city, nightly.night(city.folder, nightly.FIRST_NIGHT)


def newest(platform: Any) -> LotFile:
    with platform.read() as session:
        lots = leads.lots_to_read(session)
        return next(
            collect(platform, session, lots[-1:], Around(platform.settings, platform.outside.clock.now()))
        )


def test_a_filled_lot_reads_as_a_walked_one(tmp_path: Any, city: Any) -> None:
    rigged(city, ring=False, bonds=False)
    walked = newest(city.house.platform)
    with nightly.a_city(tmp_path, SMALL) as bulk:
        filled = newest(bulk.filling.platform)

    for field in ("firms", "prices", "papers", "bills", "written", "given", "trails", "ties", "given_marks"):
        assert getattr(filled, field), field
        assert getattr(walked, field), field
    assert filled.unread == walked.unread
    for trail in filled.trails:
        assert trail.submitted_at is not None
        assert trail.address
        assert trail.network
        assert {kind for kind, values in trail.contacts.items() if values} == {"phone", "email", "agent"}
    assert any(trail.browser for trail in filled.trails)
    assert filled.side.winner
    assert len(filled.side.ranking) == 3


def test_what_was_planted_is_found_and_nothing_else_is_coloured(
    filled: tuple[nightly.City, nightly.Night],
) -> None:
    city, night = filled

    assert night.run.lots == SMALL.lots
    assert city.found() == []


def test_a_ring_that_is_not_named_is_noticed(filled: tuple[nightly.City, nightly.Night]) -> None:
    city, _ = filled
    honest = city.filling.firms
    city.filling.firms = honest[8:] + honest[:8]

    wrong = city.found()

    city.filling.firms = honest
    assert len(wrong) == 2


def test_statements_follow_groups_of_lots_not_lots(filled: tuple[nightly.City, nightly.Night]) -> None:
    assert filled[1].statements < 3 * SMALL.lots


def test_the_night_after_reads_only_what_is_new(filled: tuple[nightly.City, nightly.Night]) -> None:
    city, _ = filled
    city.next_day(LATER.replace(hour=2))

    night = nightly.night(city.folder, LATER)

    assert night.run.lots == SMALL.lots_a_day
    with city.world.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Lead)) == night.run.leads
        evidence = session.scalar(sa.select(sa.func.count()).select_from(LeadIndicator))
        assert evidence is not None
        assert evidence >= night.run.leads


def test_pages_over_it_are_looked_at_as_a_supervisor(filled: tuple[nightly.City, nightly.Night]) -> None:
    city, _ = filled
    with city.world.read() as session:
        head = lead_queue(session, size=1)[0].code
    who = city.world.supervisors[0]

    look = nightly.look(city.folder, LATER, who.person_id, who.org_id, f"{nightly.QUEUE}/{head}")

    assert look.size > 10_000
    assert 0 < look.statements < 60
