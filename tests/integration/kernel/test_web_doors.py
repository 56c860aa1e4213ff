"""What all doors have in common: audiences, problems, headers, forgery, forms, paging, machine endpoints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Blueprint
from pydantic import Field

from kernel.errors import NotNow
from kernel.identity.models import Organization
from kernel.rights import Role
from kernel.web import Form, Instant, YuanField, audience, page_of, parse_form, public, read, signed_in
from kernel.web.openapi import Answer, Shown, endpoint
from tests.support.house import House


class Offer(Form):
    amount: YuanField
    valid_until: Instant
    note: str = ""
    lots: list[int] = Field(default_factory=list)


class OfferShown(Shown):
    amount: YuanField
    count: int


class Listing(Form):
    size: Annotated[int, Field(ge=1, le=5)] = 2
    after: str | None = None


class Names(Shown):
    names: list[str]


def trial_doors(counter: list[int]) -> Blueprint:
    doors = Blueprint("trial", __name__)

    @doors.get("/trial/now")
    @public
    def now() -> str:
        raise NotNow(
            "bids_still_open", source="招标投标法 第三十四条", closes_at=datetime(2026, 12, 1, tzinfo=UTC)
        )

    @doors.get("/trial/broken")
    @public
    def broken() -> str:
        raise ZeroDivisionError("a bug with a secret in its words")

    @doors.get("/trial/buyers")
    @signed_in(Role.BUYER)
    def buyers() -> str:
        return "in"

    @doors.post("/trial/form")
    @public
    def form() -> dict[str, Any]:
        offer = parse_form(Offer)
        return {"minor": offer.amount.minor, "until": offer.valid_until.isoformat(), "lots": offer.lots}

    @doors.post("/api/v1/trial/offers/<uuid:lot_id>")
    @endpoint(
        "Offer", body=Offer, answers={201: OfferShown}, scopes=("bid",), idempotent=True, problems=(409,)
    )
    def offer(lot_id: UUID, body: Offer) -> OfferShown:
        if body.note == "refuse":
            raise NotNow("bids_closed")
        counter.append(1)
        return OfferShown(amount=body.amount, count=len(counter))

    @doors.get("/api/v1/trial/names")
    @endpoint("Names", query=Listing, answers={200: Names})
    def names(query: Listing) -> Answer:
        with read() as session:
            page = page_of(
                session,
                sa.select(Organization),
                Organization.created_at,
                Organization.id,
                descending=False,
                size=query.size,
                after=query.after,
            )
        return Answer(Names(names=[org.name for org in page.items]), next=page.next)

    return doors


@pytest.fixture
def counter() -> list[int]:
    return []


@pytest.fixture
def trial(house: House, counter: list[int]) -> House:
    house.app.register_blueprint(trial_doors(counter))
    audience.require_audiences(house.app)
    return house


GOOD = {"amount": "5386000.00", "valid_until": "2026-12-01T17:00:00+08:00"}


def test_every_door_names_its_audience_and_an_open_one_stops_the_start(house: House) -> None:
    audience.require_audiences(house.app)
    house.app.add_url_rule("/forgotten", "forgotten", lambda: "oops")
    with pytest.raises(SystemExit, match="forgotten"):
        audience.require_audiences(house.app)


def test_a_refusal_is_a_page_for_people_and_a_problem_for_machines(trial: House) -> None:
    page = trial.client().get("/trial/now")
    assert page.status_code == 409
    assert page.mimetype == "text/html"
    assert "2026-12-01 08:00" in page.text

    told = trial.client().get("/trial/now", headers={"Accept": "application/json", "Accept-Language": "en"})
    assert told.mimetype == "application/problem+json"
    problem = told.get_json()
    assert problem["code"] == "bids_still_open"
    assert problem["title"] == "Bidding is still open"
    assert problem["source"] == "招标投标法 第三十四条"
    assert problem["details"] == {"closes_at": "2026-12-01T00:00:00.000Z"}
    assert problem["request_id"] == told.headers["X-Request-ID"]


def test_a_bug_tells_its_number_and_nothing_else(trial: House) -> None:
    trial.app.testing = False
    trial.app.config["PROPAGATE_EXCEPTIONS"] = False
    page = trial.client().get("/trial/broken")
    assert page.status_code == 500
    assert "secret" not in page.text
    assert page.headers["X-Request-ID"] in page.text


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/api/v1/trial/offers/not-a-uuid"])
def test_unknown_addresses_are_problems_of_their_kind(trial: House, path: str) -> None:
    answer = trial.client().get(path)
    assert answer.status_code == 404
    kind = "application/problem+json" if path.startswith("/api/") else "text/html"
    assert answer.mimetype == kind


def test_a_wrong_method_says_which_are_allowed(trial: House) -> None:
    answer = trial.client().delete("/api/v1/trial/names")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.mimetype == "application/problem+json"


def test_roles_open_doors_and_their_lack_closes_them(trial: House) -> None:
    assert trial.client(trial.person(Role.BUYER)).get("/trial/buyers").text == "in"
    assert trial.client(trial.person(Role.BIDDER)).get("/trial/buyers").status_code == 403
    assert trial.client().get("/trial/buyers").status_code == 302


def test_answers_carry_the_headers_that_keep_other_sites_out(house: House) -> None:
    headers = house.client().get("/sign-in").headers
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Request-ID"]
    mine = house.client(house.person(Role.BUYER)).get("/account")
    assert mine.headers["Cache-Control"] == "no-store"


def test_a_request_id_is_taken_over_only_when_it_is_harmless(house: House) -> None:
    given = house.client().get("/healthz", headers={"X-Request-ID": "trace-1234567"})
    assert given.headers["X-Request-ID"] == "trace-1234567"
    forged = house.client().get("/healthz", headers={"X-Request-ID": "x\tInjected: yes"})
    assert forged.headers["X-Request-ID"] != "x\tInjected: yes"


def test_the_session_cookie_is_out_of_reach_of_scripts(house: House) -> None:
    answer = house.client().get("/sign-in")
    cookie = answer.headers.get("Set-Cookie", "")
    assert not cookie or ("HttpOnly" in cookie and "SameSite=Lax" in cookie)


def test_a_long_text_survives_a_form_that_came_too_late_but_only_on_our_own_pages(tmp_path: Any) -> None:
    guarded = House(tmp_path, csrf=True)
    text = "We object because the <b>score</b> of lot 1 was added up wrongly."
    form = {"text": text, "password": "a very long password", "lot": "1"}

    ours = guarded.client().post("/language", data=form, headers={"Origin": "http://localhost"}).text
    theirs = (
        guarded.client().post("/language", data=form, headers={"Origin": "https://elsewhere.example"}).text
    )

    assert "We object because the &lt;b&gt;score&lt;/b&gt; of lot 1" in ours
    assert "a very long password" not in ours
    assert "/sign-in?next=" in ours
    assert "We object" not in theirs
    guarded.close()


def test_a_form_without_its_token_is_refused_and_a_bearer_token_needs_none(tmp_path: Any) -> None:
    guarded = House(tmp_path, csrf=True)
    refused = guarded.client().post("/sign-in", data={"email": "a@b.example", "password": "x"})
    assert refused.status_code == 400
    assert "csrf" in refused.text

    person = guarded.person(Role.BIDDER)
    assert guarded.client().get("/api/v1/me", headers=guarded.token(person, "read")).status_code == 200
    client = guarded.client(person)
    page = client.get("/account").text
    token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
    assert client.post("/language", data={"lang": "en", "csrf_token": token}).status_code == 303
    guarded.close()


def test_a_form_is_read_as_people_type(trial: House) -> None:
    data = {
        "amount": "5,386,000.5 元",
        "valid_until": "2026-12-01T17:00",
        "lots": ["1", "2"],
        "csrf_token": "x",
    }
    told = trial.client().post("/trial/form", data=data).get_json()
    assert told == {"minor": 538600050, "until": "2026-12-01T09:00:00+00:00", "lots": [1, 2]}


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"amount": "12.345"}, "amount", "money"),
        ({"amount": "NaN"}, "amount", "money"),
        ({"amount": ""}, "amount", "missing"),
        ({"valid_until": "tomorrow"}, "valid_until", "instant"),
        ({"surprise": "x"}, "surprise", "extra_forbidden"),
        ({"lots": "one"}, "lots/0", "int_parsing"),
    ],
)
def test_a_broken_field_is_named_with_its_rule(
    trial: House, change: dict[str, str], field: str, rule: str
) -> None:
    answer = trial.client().post("/trial/form", data=GOOD | change, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    problem = answer.get_json()
    assert (problem["code"], problem["field"]) == ("form_invalid", field)
    assert problem["details"]["rules"] == {field: rule}
    assert problem["details"]["problems"][field]


def test_machines_hand_in_json_strictly(trial: House) -> None:
    person = trial.person(Role.BIDDER)
    bearer, client = trial.token(person, "bid"), trial.client()
    url = "/api/v1/trial/offers/01980000-0000-7000-8000-000000000000"

    good = client.post(url, json=GOOD, headers=bearer)
    assert (good.status_code, good.get_json()) == (201, {"amount": "5386000.00", "count": 1})

    def status(**more: Any) -> int:
        return client.post(url, headers=bearer | more.pop("headers", {}), **more).status_code

    assert status(data="{", headers={"Content-Type": "application/json"}) == 400
    assert status(data="amount=1") == 415
    assert status(json=GOOD | {"amount": 5386000}) == 422
    assert status(json=GOOD | {"lots": ["1"]}) == 422
    assert client.post(url + "?x=1", json=GOOD, headers=bearer).status_code == 422
    assert client.post(url, json=GOOD).status_code == 401
    assert client.post(url, json=GOOD, headers=trial.token(person, "read")).status_code == 403


def test_the_same_key_does_the_deed_once(trial: House, counter: list[int]) -> None:
    bearer, client = trial.token(trial.person(Role.BIDDER), "bid"), trial.client()
    url = "/api/v1/trial/offers/01980000-0000-7000-8000-000000000000"
    key = bearer | {"Idempotency-Key": "offer-0001"}

    first = client.post(url, json=GOOD, headers=key)
    again = client.post(url, json=GOOD, headers=key)

    assert (first.status_code, again.status_code, len(counter)) == (201, 201, 1)
    assert first.data == again.data
    assert again.headers["Idempotency-Replayed"] == "true"
    other = client.post(url, json=GOOD | {"note": "other"}, headers=key)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
    stranger = trial.token(trial.person(Role.BIDDER), "bid") | {"Idempotency-Key": "offer-0001"}
    assert client.post(url, json=GOOD, headers=stranger).status_code == 201, "keys of others do not meet"


def test_a_refused_deed_gives_its_key_back(trial: House, counter: list[int]) -> None:
    bearer, client = trial.token(trial.person(Role.BIDDER), "bid"), trial.client()
    url = "/api/v1/trial/offers/01980000-0000-7000-8000-000000000000"
    key = bearer | {"Idempotency-Key": "offer-0002"}
    assert client.post(url, json=GOOD | {"note": "refuse"}, headers=key).status_code == 409
    assert client.post(url, json=GOOD, headers=key).status_code == 201
    assert len(counter) == 1


def test_pages_follow_each_other_without_gap_or_repetition(trial: House) -> None:
    for _ in range(7):
        trial.org(Role.BIDDER)
        trial.clock.tick(timedelta(seconds=1))
    client, seen, url = trial.client(), [], "/api/v1/trial/names?size=3"
    for _ in range(3):
        answer = client.get(url)
        seen += answer.get_json()["names"]
        url = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert seen == [f"第{number}号测试单位" for number in range(1, 8)]
    assert url == ""
    assert client.get("/api/v1/trial/names?after=nonsense").status_code == 422
    assert client.get("/api/v1/trial/names?size=99").status_code == 422


def test_pages_go_back_the_way_they_came(house: House) -> None:
    for _ in range(5):
        house.org(Role.BIDDER)
    with house.read() as session, house.app.test_request_context():

        def page(**where: str) -> Any:
            return page_of(
                session, sa.select(Organization), Organization.created_at, Organization.id, size=2, **where
            )

        first = page()
        second = page(after=first.next)
        back = page(before=second.prev)
    assert [org.id for org in back.items] == [org.id for org in first.items]
    assert first.prev is None
    assert back.prev is None
    assert back.next is not None


def test_a_read_answers_304_when_nothing_changed(trial: House) -> None:
    client = trial.client()
    first = client.get("/api/v1/trial/names")
    assert (
        client.get("/api/v1/trial/names", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    )


def test_the_description_of_the_api_is_whole(trial: House) -> None:
    told = trial.client().get("/api/openapi.json").get_json()
    assert told["openapi"] == "3.1.0"
    offer = told["paths"]["/api/v1/trial/offers/{lot_id}"]["post"]
    assert set(offer["responses"]) == {"201", "400", "401", "403", "404", "409", "413", "415", "422", "429"}
    assert offer["security"] == [{"token": []}]
    assert {one["name"] for one in offer["parameters"]} == {"lot_id", "Idempotency-Key"}
    schemas = told["components"]["schemas"]
    reference = offer["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert schemas[reference]["properties"]["amount"]["type"] == "string"
    assert schemas[reference]["additionalProperties"] is False


def test_static_files_are_kept_for_a_year_under_the_name_of_their_content(house: House) -> None:
    from kernel.web.static import static_url

    url = static_url("js/identity/sign.js")
    with house.client().get(url) as kept, house.client().get(url.partition("?")[0]) as plain:
        assert "immutable" in kept.headers["Cache-Control"]
        assert "immutable" not in plain.headers["Cache-Control"]
    with pytest.raises(FileNotFoundError):
        static_url("js/missing.js")
