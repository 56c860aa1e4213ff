"""The nightly run over many lots: read together or alone is the same, and a run that dies loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from supervision.actions import leads
from supervision.actions.leads_collect import collect
from supervision.actions.leads_rows import Around
from supervision.leads_models import Lead, LotAnalysis
from tests.integration.supervision.test_leads import rigged, the_lead


def found_in(city: Any, lots: list[Any], *, together: bool) -> dict[Any, Any]:
    platform, seen = city.house.platform, {}
    with platform.read() as session:
        for some in [lots] if together else [[one] for one in lots]:
            for file in collect(platform, session, some, Around(platform.settings, city.world.now)):
                seen[file.lot.id] = (
                    leads.hard_indicators(file),
                    [(t.firm, t.contacts, t.guarantees, t.submitted_at) for t in file.trails],
                    file.takers,
                    file.side,
                    file.prices,
                )
    return seen


def test_lots_read_together_show_what_each_shows_alone(city: Any) -> None:
    rigged(city)
    rigged(city, ring=False, bonds=False)
    with city.house.read() as session:
        lots = leads.lots_to_read(session)

    together, alone = (found_in(city, lots, together=one) for one in (True, False))

    assert len(together) == 2
    assert together == alone
    assert [bool(found) for found, *_ in together.values()] == [True, False]


def test_a_run_that_died_after_reading_has_kept_what_it_found(
    city: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rigged(city)

    def died(*_: Any, **__: Any) -> None:
        raise RuntimeError("the machine went away")

    with monkeypatch.context() as patch:
        patch.setattr(leads, "statistics_of", died)
        with pytest.raises(RuntimeError):
            leads.build_leads(city.house.platform)

    again = leads.build_leads(city.house.platform)

    assert again.lots == 0
    assert the_lead(city).light == "red"


def test_a_run_that_died_while_writing_reads_the_lot_again(
    city: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rigged(city)

    def died(*_: Any) -> None:
        raise RuntimeError("the machine went away")

    with monkeypatch.context() as patch:
        patch.setattr(leads, "make_changes", died)
        with pytest.raises(RuntimeError):
            leads.build_leads(city.house.platform)
    with city.house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LotAnalysis)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(Lead)) == 0

    again = leads.build_leads(city.house.platform)

    assert again.lots == 1
    assert the_lead(city).light == "red"
