"""One city for all reading tests of a module; a fresh one where a test changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.trading.city import City
from tests.support.house import House


@pytest.fixture(scope="module")
def standing_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city that tests only read."""
    house = House(tmp_path_factory.mktemp("city"))
    yield City(house)
    house.close()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    house = House(tmp_path)
    yield City(house)
    house.close()
