"""A house with a sale in it, and its hall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import app as composition
from kernel.live.lean import LeanLive
from kernel.room import Room
from tests.support.house import House
from tests.support.live import hall
from tests.support.live_sale import CHANNEL, sale


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
