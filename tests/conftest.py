"""Fixtures of the house: databases, files, mail and stores, each thrown away afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import services
from tests.support.house import House

LONG_FIRST = ("e2e/test_crawl.py", "simulation/", "e2e/test_auction_formats.py")
"""Files are dealt out whole to the workers: what takes long goes first, or one of them would finish it alone."""
MIXED = ("e2e/", "integration/")
"""Then files with a browser and files without in turn: two browsers at once slow each other down."""


# A busy machine draws its examples slowly; that is no fault of the strategy.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by what they take; inside a file nothing changes."""
    here = Path(__file__).parent
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path.relative_to(here).as_posix(), []).append(item)
    order = [name for begin in LONG_FIRST for name in files if name.startswith(begin)]
    rows = [[name for name in files if name.startswith(begin) and name not in order] for begin in MIXED]
    order += [name for turn in zip_longest(*rows) for name in turn if name is not None]
    order += [name for name in files if name not in set(order)]
    items[:] = [item for name in order for item in files[name]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house on SQLite with virtual time."""
    built = House(tmp_path)
    yield built
    built.close()


@pytest.fixture(scope="session")
def pg_cluster() -> Iterator[str]:
    """One PostgreSQL cluster for the whole run; the folder of its socket."""
    try:
        with services.postgres_cluster() as sockets:
            yield sockets
    except services.Missing as why:
        pytest.skip(str(why))


@pytest.fixture
def pg_url(pg_cluster: str) -> Iterator[str]:
    """A fresh PostgreSQL database of this test alone."""
    with services.postgres_database(pg_cluster, f"test_{uuid.uuid4().hex[:12]}") as url:
        yield url


@pytest.fixture
def pg_house(tmp_path: Path, pg_url: str) -> Iterator[House]:
    """A house on PostgreSQL."""
    built = House(tmp_path, pg_url)
    yield built
    built.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The same test on both databases."""
    url = request.getfixturevalue("pg_url") if request.param == "postgresql" else ""
    built = House(tmp_path, url)
    yield built
    built.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server that keeps nothing."""
    try:
        with services.redis_server() as url:
            yield url
    except services.Missing as why:
        pytest.skip(str(why))


@pytest.fixture
def smtp() -> Iterator[Any]:
    """A mail server in memory: ``smtp.url``, and ``smtp.mails``, the parsed messages."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Message

    class Keep(Message):
        def __init__(self) -> None:
            super().__init__()
            self.mails: list[Any] = []

        def handle_message(self, message: Any) -> None:
            self.mails.append(message)

    keeper = Keep()
    controller: Any = Controller(keeper, hostname="127.0.0.1", port=services.free_port())
    controller.start()
    keeper.url = f"smtp://127.0.0.1:{controller.port}"  # type: ignore[attr-defined]
    yield keeper
    controller.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 server in memory; its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=services.free_port())
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str) -> tuple[str, dict[str, str]]:
    """A fresh bucket: its URL and the options of ``S3Blobs``."""
    import urllib.request

    bucket = f"test-{uuid.uuid4().hex[:12]}"
    made = urllib.request.Request(f"{s3_server}/{bucket}", method="PUT")
    with urllib.request.urlopen(made):
        pass
    options = {
        "endpoint": s3_server,
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
    }
    return f"s3://{bucket}/sunroad", options
