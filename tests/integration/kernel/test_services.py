"""The house on the services of a real installation."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.outbox.courier import SmtpMailer, deliver
from kernel.outbox.models import Message
from kernel.outbox.render import renderer
from kernel.outside import BlobExists, S3Blobs
from kernel.rights import Role
from tests.support.house import House


def test_identity_lives_on_both_databases(any_house: House) -> None:
    person = any_house.person(Role.OPERATOR)
    client = any_house.client(person)
    assert client.get("/admin/organizations").status_code == 200
    assert any_house.actor(person).has(Role.OPERATOR)


def test_mail_arrives_in_the_readers_language(house: House, smtp: Any) -> None:
    mailer = SmtpMailer(smtp.url, "noreply@sunroad.example")
    object.__setattr__(house.platform.outside, "mail", mailer)
    with house.begin() as work:
        work.message(to="a@example.org", template="account_received", lang="en", name="Li", org="Road Co")
        work.message(to="b@example.org", template="account_received", lang="zh-CN", name="李", org="路桥公司")

    assert deliver(house.platform, renderer(house.settings)) == 2

    english, chinese = smtp.mails
    assert english["Subject"] == "We received your registration"
    assert "Dear Li" in english.get_payload(decode=True).decode()
    assert "路桥公司" in chinese.get_payload(decode=True).decode()
    assert english["Message-ID"] != chinese["Message-ID"]


def test_mail_that_cannot_leave_waits_and_says_why(house: House) -> None:
    object.__setattr__(house.platform.outside, "mail", SmtpMailer("smtp://127.0.0.1:1", "x@y.example"))
    with house.begin() as work:
        work.message(to="a@example.org", template="account_received", lang="en", name="Li", org="Road Co")

    assert deliver(house.platform, renderer(house.settings)) == 0

    with house.read() as session:
        row = session.query(Message).one()
        assert row.state == "waiting"
        assert "Refused" in (row.trouble or "")


def test_an_object_store_writes_once(s3: tuple[str, dict[str, str]]) -> None:
    store = S3Blobs(*s3)
    store.put("documents/aa", b"one")
    store.put("documents/aa", b"one")
    assert store.get("documents/aa") == b"one"
    assert store.get("documents/bb") is None
    assert store.exists("documents/aa")
    assert not store.exists("documents/bb")
    with pytest.raises(BlobExists):
        store.put("documents/aa", b"two")


def test_rate_limits_are_shared_through_redis(tmp_path: Any, redis_url: str) -> None:
    built = House(tmp_path, redis_url=redis_url, rate_limits=True)
    client = built.client()
    codes = [
        client.post("/sign-in", data={"email": "a@b.example", "password": "wrong wrong"}).status_code
        for _ in range(11)
    ]
    assert codes[-1] == 429
    assert 429 not in codes[:10]
    built.close()
