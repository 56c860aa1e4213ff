"""The deal most tests of this room begin with."""

from __future__ import annotations

import pytest

from tests.integration.bidding.deal import Deal
from tests.support.house import House


@pytest.fixture
def deal(house: House) -> Deal:
    """A published tender, before its deadline."""
    return Deal(house).publish()
