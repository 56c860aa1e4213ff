"""The browser and the city of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import a_browser
from tests.support.city import City, city_of_every_stage, served
from tests.support.services import Missing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module: two drivers cannot live in one thread at the same time."""
    try:
        with a_browser() as found:
            yield found
    except Missing as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The city of every stage, built once and looked at by many; nobody acts in it."""
    with served(city_of_every_stage(tmp_path_factory.mktemp("city"))) as found:
        yield found
