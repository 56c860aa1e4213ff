"""``docs/howto/run-in-production.md`` walked as it stands: PostgreSQL, Redis, mail, three witnesses, every process by
itself, nginx with TLS before them.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from kernel.identity.models import SignInSession
from kernel.ledger.models import LogCheckpoint
from tests.support import services
from tests.support.production import HOST, PASSWORD, TOKEN, USCC, Installation, nginx


@pytest.fixture
def installation(tmp_path: Path, smtp: Any, s3: tuple[str, dict[str, str]]) -> Iterator[Installation]:
    bucket, options = s3
    store = {
        "SUNROAD_BLOBS_URL": bucket,
        **{f"SUNROAD_S3_{name.upper()}": text for name, text in options.items()},
    }
    try:
        nginx()
        with (
            services.postgres_cluster() as cluster,
            services.postgres_database(cluster, "sunroad") as database,
            services.postgres_database(cluster, "restored") as spare,
            services.redis_server() as redis,
        ):
            found = Installation(tmp_path, database, redis, smtp.url, spare=spare, store=store)
            yield found
            found.stop()
    except services.Missing as why:
        pytest.skip(str(why))


class Client:
    """Asks the installation from outside, by its name, and believes its certificate only."""

    def __init__(self, house: Installation) -> None:
        self._port = house.port
        self._trust = ssl.create_default_context(cafile=str(house.chain))

    def line(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        return self._trust.wrap_socket(plain, server_hostname=HOST)

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = HTTPSConnection(HOST, self._port, timeout=20)
        connection.sock = self.line()
        connection.request(
            "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def upgrade(self, origin: str) -> bytes:
        """The first bytes of the answer to a browser that opens a socket."""
        asked = (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {HOST}:{self._port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {origin}\r\n\r\n"
        )
        with self.line() as line:
            line.sendall(asked.encode())
            found = line.recv(4096)
            if found.startswith(b"HTTP/1.1 101") and b"\r\n\r\n0" not in found[:-1]:
                found += line.recv(4096)
            return found


def asked(url: str, query: sa.Select[tuple[Any]]) -> list[Any]:
    """What a database of the installation holds."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(query))
    engine.dispose()
    return found


def test_a_city_sets_up_its_platform_as_the_pagesays(installation: Installation, browser: Browser) -> None:
    house = installation
    house.run("sunroad", "migrate")
    words = (
        "--org",
        "某市公共资源交易中心",
        "--uscc",
        USCC,
        "--name",
        "某某",
        "--email",
        "operator@example.org",
    )
    said = house.run("sunroad", "first-operator", *words, env={**house.env, "SUNROAD_PASSWORD": PASSWORD})
    assert "operator@example.org" in said
    house.run("sunroad", "standing-custodian", "operator", "--uscc", USCC)

    house.start_platform()
    house.start_nginx()
    client = Client(house)
    house.until(lambda: client.get("/readyz")[0] == 200, "/readyz never said ok", 90)
    assert json.loads(client.get("/readyz")[2]) == {"ok": True, "database": True, "blobs": True}

    # The witnesses learn the log's key from the platform, and cosign what is there from the first fact on.
    trust = client.get("/log/trust")[2]
    key = re.search(r"^log\s+(\S+)", trust, re.M)
    assert key is not None, trust
    house.start_witnesses(key[1])

    def cosigned() -> bool:
        note = client.get("/log/checkpoint")[2]
        return (
            sum(line.startswith(f"— w{n}.example.org/w") for n in range(3) for line in note.split("\n")) >= 2
        )

    house.until(cosigned, "no quorum of witnesses cosigned the log", 90)

    # Those on watch see it too; nobody else does.
    assert client.get("/metrics")[0] == 401
    status, _, text = client.get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert 'sunroad_witness_behind_entries{witness="w0.example.org/w"}' in text
    assert 'endpoint="readyz"' in text

    status, headers, text = client.get("/", Accept_Language="zh-CN")
    assert status == 200
    assert "max-age" in headers["strict-transport-security"]
    assert "演示" not in text, "a production installation does not call itself a demonstration"

    # Sockets pass the proxy and reach the hall; other people's pages do not.
    assert client.upgrade(house.url).startswith(b"HTTP/1.1 101")
    assert b"pingInterval" in client.upgrade(house.url)
    assert client.upgrade("https://elsewhere.example").startswith(b"HTTP/1.1 403")

    # The operator signs in with the password the command took; nobody can say for him where he comes from.
    context = browser.new_context(
        ignore_https_errors=True, locale="en", extra_http_headers={"X-Forwarded-For": "203.0.113.9"}
    )
    page = context.new_page()
    page.goto(f"{house.url}/sign-in?lang=en")
    page.locator("[name=email]").fill("operator@example.org")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator("body")).to_contain_text("某市公共资源交易中心")
    cookie = next(one for one in context.cookies() if one["domain"].endswith(HOST) and one["httpOnly"])
    assert cookie["secure"]
    context.close()
    assert asked(house.env["SUNROAD_DATABASE_URL"], sa.select(SignInSession.address)) == ["127.0.0.1"]

    kept = house.run("sunroad", "promises")
    assert "BROKEN" not in kept
    assert kept.count("kept") > 10

    trust_file = house.folder / "trust.txt"
    trust_file.write_text(trust, "utf-8")
    last = house.folder / "last.checkpoint"
    audit = ("audit-log", "--url", house.url, "--trust", str(trust_file), "--last", str(last))
    for _ in range(2):
        house.run("sealbid", *audit, env={"SSL_CERT_FILE": str(house.chain)})
    assert last.exists()

    # A copy of the night before is a whole platform again.
    house.copy_database()
    assert asked(house.spare, sa.select(SignInSession.address)) == ["127.0.0.1"]
    notes = asked(house.spare, sa.select(LogCheckpoint.note))
    assert set(notes) <= set(asked(house.env["SUNROAD_DATABASE_URL"], sa.select(LogCheckpoint.note)))
    assert notes
    assert house.run("sunroad", "promises", env={**house.env, "SUNROAD_DATABASE_URL": house.spare}) == kept

    assert all('"event": "request"' in house.said(f"web-{number}") for number in range(2)), (
        "only one web was asked"
    )
    codes = house.stop()
    assert {name: code for name, code in codes.items() if code not in (0, -15)} == {}
