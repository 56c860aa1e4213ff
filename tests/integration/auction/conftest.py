"""The auction most tests of this room begin with."""

from __future__ import annotations

import pytest

from tests.integration.auction.sale import Sale
from tests.support.house import House


@pytest.fixture
def sale(house: House) -> Sale:
    """A published reverse auction, before its start."""
    sale = Sale(house)
    sale.publish()
    return sale
