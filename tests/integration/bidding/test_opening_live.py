"""The hall's live channel: it tells that something changed, in order, to everybody, and nothing about a bid."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from bidding.hall_state import version_now
from bidding.opening_live import OPENING_CHANNEL, PREFIX
from kernel.errors import NotFound
from kernel.rights import ANONYMOUS
from tests.integration.bidding.deal import Deal
from tests.support.house import House

NOBODY = UUID("01980000-0000-7000-8000-000000000001")


class Ear:
    """Stands where the transport stands and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, dict[str, Any]]] = []

    def tell(self, channel: str, *, version: int, news: dict[str, Any], audience: str = "") -> None:
        assert audience == "", "everybody in the hall hears the same"
        self.heard.append((channel, version, news))


def test_the_hall_is_told_of_close_keys_opening_and_people(house: House, deal: Deal) -> None:
    house.platform.live = ear = Ear()  # type: ignore[assignment]
    deal.bids(3)
    assert ear.heard == [], "nothing is told of bids before the opening"

    deal.close()
    house.client(deal.buyer).post(f"/tenders/{deal.code}/opening/attend")
    deal.release(1, 3, 5)

    assert {channel for channel, _, _ in ear.heard} == {f"{PREFIX}:{deal.tender_id}"}
    assert all(set(news) == {"stage"} for _, _, news in ear.heard)
    stages = [news["stage"] for _, _, news in ear.heard]
    assert stages == sorted(stages, key=["closing", "releasing", "opened"].index)
    assert (stages[0], stages[-1]) == ("releasing", "opened")
    versions = [version for _, version, _ in ear.heard]
    assert versions == sorted(versions)
    with house.read() as session:
        assert versions[-1] == version_now(session, deal.tender_id)
        shown = house.client().get(f"/tenders/{deal.code}/opening").text
        assert f'data-version="{versions[-1]}"' in shown
        assert f'data-channel="{PREFIX}:{deal.tender_id}"' in shown


def test_everybody_may_listen_to_a_published_tender_and_to_no_draft(house: House, deal: Deal) -> None:
    with house.read() as session:
        assert OPENING_CHANNEL.may_join(session, ANONYMOUS, deal.tender_id)
        state = OPENING_CHANNEL.snapshot(session, ANONYMOUS, deal.tender_id)
        assert OPENING_CHANNEL.versions is not None
        key = (deal.tender_id, "")
        assert OPENING_CHANNEL.versions(session, [key]) == {key: state["version"]}
        with pytest.raises(NotFound):
            OPENING_CHANNEL.may_join(session, ANONYMOUS, NOBODY)


def test_a_draft_has_no_hall(house: House) -> None:
    draft = Deal(house)
    with house.read() as session, pytest.raises(NotFound):
        OPENING_CHANNEL.snapshot(session, ANONYMOUS, draft.tender_id)
