"""Fixtures of the house: databases, files, mail and stores, each thrown away afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house on SQLite with virtual time."""
    built = House(tmp_path)
    yield built
    built.close()
