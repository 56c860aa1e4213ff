"""Draws give the reference results."""

from dataclasses import replace

import pytest

from sealbid.draw import Draw, select
from tests.sealing_kit import own_vectors


@pytest.fixture
def vector():
    return own_vectors("draw.json")


@pytest.fixture
def draw(vector):
    nonces = tuple(bytes.fromhex(nonce) for nonce in vector["nonces"])
    return Draw(vector["kind"], vector["tender"], vector["draw"], bytes.fromhex(vector["root"]), nonces)


def test_the_seed_is_the_reference_seed(vector, draw):
    assert draw.seed().hex() == vector["seed"]


def test_selections_are_the_reference_selections(vector, draw):
    experts = [f"E{number:03}" for number in range(100)]

    assert select(draw.stream(), vector["pick1_of"], 1) == vector["pick1"]
    assert select(draw.stream(), experts, 5) == vector["pick5"]


def test_one_changed_number_is_another_draw(vector, draw):
    other = replace(draw, nonces=(bytes(32), *draw.nonces[1:]))

    assert other.seed() != draw.seed()
