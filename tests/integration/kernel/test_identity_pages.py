"""People at the doors: signing in, registering, second factors, tokens, operators."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from flask.testing import FlaskClient

from kernel.identity.uscc import a_uscc
from kernel.outbox.courier import deliver
from kernel.outbox.render import renderer
from kernel.rights import Role
from tests.support.house import PASSWORD, House

PUBLIC = ("/sign-in", "/register", "/register/received", "/forgot", "/api/docs")
OWN = (
    "/account",
    "/account/password",
    "/account/sessions",
    "/account/second-factor",
    "/account/keys",
    "/account/tokens",
    "/step-up",
)


def sign_in(house: House, email: str, password: str = PASSWORD) -> tuple[FlaskClient, int]:
    client = house.client()
    answer = client.post("/sign-in", data={"email": email, "password": password})
    return client, answer.status_code


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_stand_in_both_languages(house: House, path: str, lang: str) -> None:
    answer = house.client().get(path, query_string={"lang": lang})
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == lang
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", OWN)
def test_own_pages_stand_and_are_closed_to_strangers(house: House, path: str) -> None:
    person = house.person(Role.BIDDER)

    assert house.client(person).get(path).status_code == 200
    stranger = house.client().get(path)
    assert (stranger.status_code, stranger.location) == (302, f"/sign-in?next={path}")


def test_the_right_password_opens_and_the_wrong_one_says_nothing_about_the_address(house: House) -> None:
    person = house.person(Role.BUYER)

    client, status = sign_in(house, person.email)
    assert status == 303
    assert client.get("/account").status_code == 200

    _, wrong = sign_in(house, person.email, "not the password")
    _, unknown = sign_in(house, "nobody@example.org")
    assert (wrong, unknown) == (401, 401)


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(house: House) -> None:
    person = house.person(Role.BUYER)
    for _ in range(5):
        assert sign_in(house, person.email, "wrong")[1] == 401
    assert sign_in(house, person.email)[1] == 429

    house.clock.tick(timedelta(minutes=15))

    assert sign_in(house, person.email)[1] == 303


def test_what_was_typed_is_still_there_after_a_refusal_but_never_the_password(house: House) -> None:
    answer = house.client().post("/sign-in", data={"email": "li@example.org", "password": "s3cret-typed"})
    assert answer.status_code == 401
    assert "li@example.org" in answer.text
    assert "s3cret-typed" not in answer.text


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_signing_in_never_leads_to_another_site(house: House, away: str) -> None:
    person = house.person(Role.BUYER)
    answer = house.client().post("/sign-in", data={"email": person.email, "password": PASSWORD, "next": away})
    assert answer.location == "/desk"


def test_signing_out_ends_the_session_also_for_a_copied_cookie(house: House) -> None:
    person = house.person(Role.BUYER)
    client = house.client(person)
    with client.session_transaction() as cookie:
        stolen = dict(cookie)
    assert client.post("/sign-out").status_code == 303

    thief = house.client()
    with thief.session_transaction() as cookie:
        cookie.update(stolen)

    assert thief.get("/account").status_code == 302


def test_a_session_ends_after_its_hours(house: House) -> None:
    client = house.client(house.person(Role.BUYER))
    house.clock.tick(timedelta(hours=house.settings.session_hours) - timedelta(seconds=1))
    assert client.get("/account").status_code == 200
    house.clock.tick(timedelta(seconds=1))
    assert client.get("/account").status_code == 302


def test_another_device_can_be_ended_and_a_strangers_cannot(house: House) -> None:
    person, other = house.person(Role.BUYER), house.person(Role.BIDDER)
    here, there, strange = house.client(person), house.client(person), house.client(other)
    shown = re.findall(r"/account/sessions/([0-9a-f-]{36})/end", here.get("/account/sessions").text)
    assert len(shown) == 1

    assert strange.post(f"/account/sessions/{shown[0]}/end").status_code == 404
    assert there.get("/account").status_code == 200
    assert here.post(f"/account/sessions/{shown[0]}/end").status_code == 303
    assert there.get("/account").status_code == 302


def test_a_bidder_registers_and_signs_in_once_an_operator_has_agreed(house: House) -> None:
    entries = {
        "uscc": a_uscc(4711),
        "org_name": "江南路桥有限公司",
        "legal_person": "王五",
        "address": "阳光市一号路 1 号",
        "person_name": "李四",
        "email": "li4@bidder.example",
        "phone": "021-5555",
        "password": "a quiet evening 9",
        "password_again": "a quiet evening 9",
    }
    assert house.client().post("/register", data=entries).status_code == 303
    assert sign_in(house, "li4@bidder.example", "a quiet evening 9")[1] == 401

    operator = house.client(house.person(Role.OPERATOR))
    page = operator.get("/admin/organizations").text
    assert "江南路桥有限公司" in page
    org_id = re.search(r"/admin/organizations/([0-9a-f-]{36})\"", page)
    assert org_id is not None
    assert operator.post(f"/admin/organizations/{org_id[1]}/activate").status_code == 303

    assert sign_in(house, "li4@bidder.example", "a quiet evening 9")[1] == 303
    deliver(house.platform, renderer(house.settings))
    assert [mail["to"] for mail in house.mail.sent] == ["li4@bidder.example"] * 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uscc": a_uscc(4711)[:-1] + "#"}, "uscc"),
        ({"email": "nonsense"}, "email"),
        ({"password_again": "another one 99"}, "password_again"),
        ({"password": "short", "password_again": "short"}, "password"),
        ({"org_name": ""}, "org_name"),
    ],
)
def test_a_registration_with_one_wrong_entry_points_at_it(
    house: House, change: dict[str, str], field: str
) -> None:
    entries = {
        "uscc": a_uscc(4711),
        "org_name": "江南路桥有限公司",
        "legal_person": "王五",
        "address": "阳光市一号路 1 号",
        "person_name": "李四",
        "email": "li4@bidder.example",
        "phone": "021-5555",
        "password": "a quiet evening 9",
        "password_again": "a quiet evening 9",
    } | change
    answer = house.client().post("/register", data=entries)
    assert answer.status_code == 422
    assert f'id="error-{field}"' in answer.text
    assert "阳光市一号路 1 号" in answer.text


def test_a_code_is_wanted_after_the_password_and_works_once(house: House) -> None:
    person = house.person(Role.EXPERT)
    client = house.client(person)
    assert client.post("/account/second-factor/start").status_code == 303
    secret = re.search(
        r"<code class=\"sr-mono\">([A-Z2-7]+)</code>", client.get("/account/second-factor").text
    )
    assert secret is not None
    totp = pyotp.TOTP(secret[1])
    switched = client.post("/account/second-factor/confirm", data={"code": totp.at(house.clock.now())})
    spare = re.findall(r"<li>([A-Z2-7-]{19})</li>", switched.text)
    assert len(spare) == 10
    house.clock.tick(timedelta(seconds=60))

    browser, status = sign_in(house, person.email)
    assert status == 303
    assert browser.get("/account").status_code == 302, "the password alone opens nothing"
    code = totp.at(house.clock.now())
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 303
    assert browser.get("/account").status_code == 200

    again, _ = sign_in(house, person.email)
    assert again.post("/sign-in/code", data={"code": code}).status_code == 422, "a code works once"
    assert again.post("/sign-in/code", data={"code": spare[0]}).status_code == 303
    third, _ = sign_in(house, person.email)
    assert third.post("/sign-in/code", data={"code": spare[0]}).status_code == 422


def test_a_lost_password_is_replaced_once_by_a_mailed_link(house: House) -> None:
    person = house.person(Role.BUYER)
    signed_in = house.client(person)
    assert house.client().post("/forgot", data={"email": person.email}).status_code == 200
    assert house.client().post("/forgot", data={"email": "nobody@example.org"}).status_code == 200
    deliver(house.platform, renderer(house.settings))
    assert len(house.mail.sent) == 1
    link = re.search(r"/reset/\S+", house.mail.sent[0]["text"])
    assert link is not None
    words = {"password": "entirely new 42", "password_again": "entirely new 42"}

    assert house.client().get(link[0]).status_code == 200
    assert house.client().post(link[0], data=words).status_code == 303

    assert house.client().post(link[0], data=words).status_code == 422
    assert signed_in.get("/account").status_code == 302, "all devices are out"
    assert sign_in(house, person.email, "entirely new 42")[1] == 303


def test_a_reset_link_is_too_old_after_an_hour(house: House) -> None:
    person = house.person(Role.BUYER)
    house.client().post("/forgot", data={"email": person.email})
    deliver(house.platform, renderer(house.settings))
    link = re.search(r"/reset/\S+", house.mail.sent[0]["text"])
    assert link is not None
    house.clock.tick(timedelta(minutes=60))
    assert house.client().get(link[0]).status_code == 422


def test_a_second_password_that_differs_is_said_to_differ(house: House) -> None:
    entries = {
        "uscc": a_uscc(4712),
        "org_name": "江南路桥有限公司",
        "legal_person": "王五",
        "address": "阳光市",
        "person_name": "李四",
        "email": "li4@bidder.example",
        "phone": "13800000000",
        "password": "a quiet evening 9",
        "password_again": "a quiet evening 8",
    }

    told = house.client().post("/register", data=entries).text

    assert "两次输入的密码不一致。请再次输入。" in told


def test_binding_pages_ask_for_presence_again_after_ten_minutes(house: House) -> None:
    client = house.client(house.person(Role.BIDDER))
    house.clock.tick(timedelta(minutes=10, seconds=1))
    answer = client.post("/account/tokens", data={"name": "cli", "scopes": ["bid"], "days": "30"})
    assert answer.status_code == 303
    assert answer.location.startswith("/step-up")
    unconfirmed = client.get("/account/tokens").text
    assert "/step-up?next=/account/tokens" in unconfirmed
    assert 'name="scopes"' not in unconfirmed, "nobody types into a form that the confirmation would empty"

    assert client.post("/step-up", data={"password": "wrong one"}).status_code == 422
    assert client.post("/step-up", data={"password": PASSWORD}).status_code == 303
    assert 'name="scopes"' in client.get("/account/tokens").text

    answer = client.post("/account/tokens", data={"name": "cli", "scopes": ["bid"], "days": "30"})
    assert answer.status_code == 200
    assert "data-sr-copy" in answer.text
    assert re.search(r"sr_[A-Za-z0-9_-]{43}", answer.text)


def test_a_token_opens_its_scopes_and_dies_when_revoked(house: House) -> None:
    person = house.person(Role.BIDDER)
    token = house.token(person, "bid")
    client = house.client()
    found = client.get("/api/v1/me", headers=token)
    assert found.status_code == 200
    assert found.json is not None
    assert found.json["roles"] == ["bidder"]
    assert client.get("/account", headers=token).status_code == 403, "a token opens no pages"

    browser = house.client(person)
    token_id = re.search(r"/account/tokens/([0-9a-f-]{36})/revoke", browser.get("/account/tokens").text)
    assert token_id is not None
    assert browser.post(f"/account/tokens/{token_id[1]}/revoke").status_code == 303

    gone = client.get("/api/v1/me", headers=token)
    assert gone.status_code == 401
    assert gone.headers["WWW-Authenticate"] == 'Bearer realm="sunroad"'


def test_only_operators_see_the_operators_pages(house: House) -> None:
    assert house.client(house.person(Role.OPERATOR)).get("/admin/organizations").status_code == 200
    assert house.client(house.person(Role.BIDDER)).get("/admin/organizations").status_code == 403


def test_an_operator_enters_an_organization_and_its_first_person(house: House) -> None:
    operator = house.client(house.person(Role.OPERATOR))
    entries = {"uscc": a_uscc(99), "name": "阳光市水务局", "kinds": ["buyer", "supervisor"]}
    page = operator.post("/admin/organizations/new", data=entries)
    assert page.status_code == 303
    people = page.location + "/people"

    assert (
        operator.post(
            people, data={"name": "赵六", "email": "zhao@water.example", "roles": ["buyer"]}
        ).status_code
        == 303
    )
    both = operator.post(
        people, data={"name": "赵六", "email": "zhao@water.example", "roles": ["supervisor"]}
    )

    assert both.status_code == 422, "a buyer may not supervise"
    assert "zhao@water.example" in operator.get(page.location).text


def test_the_language_is_remembered_by_person_and_by_cookie(house: House) -> None:
    person = house.person(Role.BUYER)
    client = house.client(person)
    assert client.get("/account").headers["Content-Language"] == "zh-CN"
    assert client.post("/language", data={"lang": "en"}).status_code == 303
    assert house.client(person).get("/account").headers["Content-Language"] == "en"

    visitor = house.client()
    assert visitor.get("/sign-in?lang=en").headers["Content-Language"] == "en"
    assert visitor.get("/sign-in").headers["Content-Language"] == "en"
