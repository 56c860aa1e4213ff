"""No byte of an evidence package is free: change, insert or delete any one and verification fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealbid.verify import verify_evidence
from tests.support.evidence import finished_tender


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, str]:
    world = finished_tender()
    path = world.write(tmp_path_factory.mktemp("evidence") / "e.zip")
    assert verify_evidence(path, world.log.trust, lambda line: None) == 0
    return path, path.read_bytes(), world.log.trust


def is_refused(package: tuple[Path, bytes, str], data: bytes) -> bool:
    path, _, trust = package
    changed = path.with_name("changed.zip")
    changed.write_bytes(data)
    lines: list[str] = []
    code = verify_evidence(changed, trust, lines.append)
    return code == 1 and any(line.startswith("FAIL") for line in lines)


slowly = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@slowly
@given(where=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_found(package: tuple[Path, bytes, str], where: float, mask: int) -> None:
    data = bytearray(package[1])
    data[int(where * len(data))] ^= mask

    assert is_refused(package, bytes(data))


@slowly
@given(where=st.floats(0, 1), byte=st.integers(0, 255))
def test_an_inserted_byte_anywhere_is_found(
    package: tuple[Path, bytes, str], where: float, byte: int
) -> None:
    data, place = package[1], int(where * len(package[1]))

    assert is_refused(package, data[:place] + bytes((byte,)) + data[place:])


@slowly
@given(where=st.floats(0, 1, exclude_max=True), count=st.integers(1, 40))
def test_deleted_bytes_anywhere_are_found(package: tuple[Path, bytes, str], where: float, count: int) -> None:
    data, place = package[1], int(where * len(package[1]))

    assert is_refused(package, data[:place] + data[place + count :])


def test_every_byte_of_headers_and_directory_is_bound(package: tuple[Path, bytes, str]) -> None:
    data = package[1]
    start = data.index(b"PK\x01\x02")
    places = [*range(40), *range(start, start + 60), *range(len(data) - 22, len(data))]

    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1
        assert is_refused(package, bytes(changed)), place
