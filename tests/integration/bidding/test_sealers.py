"""The release of the offline sealer is recorded once, whoever keeps time beside us."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from bidding.actions import sealers
from bidding.facts import SealerReleased
from kernel.ledger.models import FactRow
from kernel.rights import SYSTEM
from tests.support.house import House


def releases(house: House) -> int:
    with house.read() as session:
        found = session.scalar(
            sa.select(sa.func.count()).select_from(FactRow).where(FactRow.name == SealerReleased.name)
        )
    assert found is not None
    return found


def test_a_release_is_recorded_once(house: House) -> None:
    assert sealers.release_sealer(house.platform)
    assert not sealers.release_sealer(house.platform)

    assert releases(house) == 1


def test_of_two_timekeepers_at_once_the_later_takes_its_record_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sealers.release_sealer(house.platform)
    monkeypatch.setattr(sealers, "release_of", lambda *_: None)  # as it looked before the other one committed

    assert not sealers.release_sealer(house.platform)

    assert releases(house) == 1


def test_a_policy_names_a_released_file_only(house: House) -> None:
    def named() -> Any:
        with house.platform.begin(SYSTEM) as work:
            return sealers.released_sealers(work)

    assert named() == ()
    sealers.release_sealer(house.platform)
    assert named() == (sealers.sealer_digest(),)
