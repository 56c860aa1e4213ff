"""The pages of the auction hall: who sees what, what they refuse, and what stays as it was after a refusal."""

from __future__ import annotations

import ast
import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bidding.auction_forms import defaults, formats_for, item_rows, read_terms, sections, shown
from bidding.auction_rehearsal import Played, _plates
from bidding.auction_words import rule_rows
from bidding.models_auction import AuctionSeat
from bidding.rules.auction import Format, engine, soundness
from bidding.rules.auction.terms import Direction, LimitMode, RankShown, Step, Terms
from bidding.views.auction_rehearsal import PRACTISED, practice_terms
from kernel.errors import NotValid
from kernel.i18n import catalogue
from kernel.ledger import sequencer
from kernel.money import Money
from kernel.rights import Role
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import START, House


@pytest.fixture
def sale(house: House) -> Sale:
    found = Sale(house, printed={"step": Step(amount=Money.from_yuan("5000")), "limits": LimitMode.HELD})
    found.publish()
    return found


def script_of(text: str) -> dict[str, Any]:
    """What the page hands to its script."""
    found = re.search(r'id="room-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    made = json.loads(found[1])
    assert isinstance(made, dict)
    return made


def room(sale: Sale, person: Any = None, **more: Any) -> str:
    answer = sale.house.client(person).get(f"/auctions/{sale.auction().id}", **more)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_bidders_room_holds_his_plate_and_nothing_of_others(sale: Sale) -> None:
    seats = sale.bidders(3)
    hall = Hall(sale).start()
    hall.offer(seats[0].plate, 990_000)
    hall.offer(seats[1].plate, 973_000)

    page = room(sale, seats[0].person_id)

    script = script_of(page)
    assert script["plate"] == seats[0].plate
    assert script["state"]["best"] is None
    assert script["own"]["own"][0]["amount"] == "990000.00"
    assert "973000" not in page
    assert seats[1].plate not in script["state"]["list"]
    assert "本场不公布最优价" in page


@pytest.mark.parametrize("role", [None, Role.SUPERVISOR, Role.BUYER])
def test_nobody_else_sees_a_price_or_a_plate_before_the_end(sale: Sale, role: Role | None) -> None:
    seats = sale.bidders(3)
    hall = Hall(sale).start()
    hall.offer(seats[0].plate, 990_000)
    person = sale.buyer if role is Role.BUYER else sale.house.person(role) if role else None

    page = room(sale, person)

    assert "990000" not in page
    assert all(f'"{seat.plate}"' not in page for seat in seats)
    script = script_of(page)
    assert (script["state"] is None) == (role is None)
    if role is Role.SUPERVISOR:
        assert (script["state"]["bidders"], script["state"]["offers"]) == (3, 1)


def test_a_bidder_registers_once_and_only_with_his_word(sale: Sale) -> None:
    person = sale.house.person(Role.BIDDER)
    client, path = sale.house.client(person), f"/auctions/{sale.auction().id}/register"

    refused = client.post(path, data={})
    taken = client.post(path, data={"eligible": "yes"}, follow_redirects=True)
    again = client.post(path, data={"eligible": "yes"}, follow_redirects=True)

    assert refused.status_code == 422
    assert "field-eligible" in refused.get_data(as_text=True)
    with sale.house.read() as session:
        seat = session.query(AuctionSeat).one()
    assert seat.plate in taken.get_data(as_text=True)
    assert seat.plate in again.get_data(as_text=True)


def test_registration_closes_and_the_page_says_when(sale: Sale) -> None:
    person = sale.house.person(Role.BIDDER)
    sale.house.clock.move(sale.closes_at)
    client = sale.house.client(person)

    page = client.get(f"/auctions/{sale.auction().id}/register").get_data(as_text=True)
    answer = client.post(f"/auctions/{sale.auction().id}/register", data={"eligible": "yes"})

    assert "报名已截止" in page
    assert answer.status_code == 409


def test_a_buyer_cannot_register(sale: Sale) -> None:
    assert sale.house.client(sale.buyer).get(f"/auctions/{sale.auction().id}/register").status_code == 403


def test_the_clock_is_stopped_only_with_a_reason_and_by_whoever_may(sale: Sale) -> None:
    seats = sale.bidders(3)
    Hall(sale).start().follow()
    path = f"/auctions/{sale.auction().id}"
    host = sale.house.client(sale.buyer)

    silent = host.post(f"{path}/stop", data={"reason": " "})
    foreign = sale.house.client(seats[0].person_id).post(f"{path}/stop", data={"reason": "不想继续"})
    stopped = host.post(f"{path}/stop", data={"reason": "机房断电"}, follow_redirects=True)

    assert silent.status_code == 422
    assert foreign.status_code == 403
    assert "理由已公开" in stopped.get_data(as_text=True)
    assert script_of(room(sale, seats[0].person_id))["state"]["stopped"]["reason"] == "机房断电"
    soon = host.post(
        f"{path}/resume", data={"resumes_at": f"{sale.closes_at + timedelta(hours=8):%Y-%m-%dT%H:%M}"}
    )
    assert soon.status_code in (409, 422)
    assert host.post(f"{path}/resume", data={}).status_code == 303


def test_result_replay_and_frames_come_only_after_the_end(sale: Sale) -> None:
    seats = sale.bidders(3)
    hall = Hall(sale).start().follow()
    client, path = sale.house.client(), f"/auctions/{sale.auction().id}"
    for n, seat in enumerate(seats):
        hall.offer(seat.plate, 990_000 - 5000 * n)
    assert client.get(f"{path}/replay").status_code == 404
    assert client.get(f"{path}/frames").status_code == 404
    assert "985,000" not in client.get(f"{path}/result").get_data(as_text=True)

    hall.end().follow()
    sequencer.sequence(sale.house.platform)

    page = client.get(f"{path}/result").get_data(as_text=True)
    assert f"号牌 {seats[2].plate} 以 980,000 元胜出" in page
    assert client.get(f"{path}/replay").status_code == 200
    told = client.get(f"{path}/frames").json
    offers = [one for frame in told["frames"] for one in frame["news"].get("list", [])]
    assert [one["amount"] for one in offers] == ["990000.00", "985000.00", "980000.00"]
    assert told["records"]
    assert "回放" in client.get("/auctions").get_data(as_text=True)
    mine = sale.house.client(seats[2].person_id).get("/auctions").get_data(as_text=True)
    assert f"{path}/register" not in mine, "nobody registers for what is over"


def test_the_tender_page_leads_to_registration_and_hall(sale: Sale) -> None:
    person = sale.house.person(Role.BIDDER)
    path = f"/auctions/{sale.auction().id}"

    bidder = sale.house.client(person).get(f"/tenders/{sale.code}").get_data(as_text=True)
    guest = sale.house.client().get(f"/tenders/{sale.code}").get_data(as_text=True)

    assert f'href="{path}/register"' in bidder
    assert f'href="{path}/register"' not in guest
    assert f'href="{path}"' in guest
    assert "/opening" not in re.sub(r"/opening-", "", guest)


def test_home_shows_the_next_auction_and_its_price_only_where_it_is_public(sale: Sale) -> None:
    sale.bidders(3)
    before = sale.house.client().get("/").get_data(as_text=True)
    Hall(sale).start().follow()

    during = sale.house.client().get("/").get_data(as_text=True)

    assert f"/auctions/{sale.auction().id}" in before
    assert "价格在结束后公布" in during


def test_terms_are_entered_in_the_draft_and_closed_afterwards(house: House) -> None:
    sale = Sale(house)
    sale.publish()
    client = house.client(sale.buyer)

    page = client.get(f"/desk/tenders/{sale.code}/lots/1/auction").get_data(as_text=True)
    answer = client.post(f"/desk/tenders/{sale.code}/lots/1/auction", data={"format": "blind_reverse"})

    assert "公告发布后任何人不能更改" in page
    assert answer.status_code in (409, 422)
    assert (
        house.client(house.person(Role.BUYER)).get(f"/desk/tenders/{sale.code}/lots/1/auction").status_code
        == 404
    )


def typed_of(terms: Terms) -> dict[str, str]:
    """What the form posts when nobody changes anything."""
    plain = terms.to_plain()
    typed = {one.name: shown(plain, one) for _key, _heading, fields in sections(terms) for one in fields}
    rows = item_rows(terms) if terms.items else []
    return typed | {f"items-{n}-{part}": text for n, row in enumerate(rows) for part, text in row.items()}


@pytest.mark.parametrize(
    ("direction", "kind"), [(way, kind) for way in Direction for kind in formats_for(way)]
)
def test_the_form_of_every_format_gives_back_its_own_terms(direction: Direction, kind: Format) -> None:
    terms = defaults(kind, Money.from_yuan("1000000"), START, direction)
    typed = typed_of(terms)

    again = Terms.from_plain(read_terms(terms, typed))

    assert again == terms


def test_every_format_can_be_printed() -> None:
    assert {kind for way in Direction for kind in formats_for(way)} == set(Format)


def test_a_fixed_end_prints_no_extension_and_leaves_room_for_a_hidden_tail() -> None:
    terms = defaults(Format.BLIND_REVERSE, Money.from_yuan("1000000"), START)
    typed = typed_of(terms) | {"extension-mode": "none", "tail_seconds_max": "120"}

    made = Terms.from_plain(read_terms(terms, typed))

    assert made.extension is None
    assert made.tail_seconds_max == 120
    assert typed_of(made)["extension-mode"] == "none"


def test_weighted_items_are_read_by_row_and_each_bad_field_is_named() -> None:
    terms = defaults(Format.WEIGHTED, Money.from_yuan("1000000"), START, Direction.UP)
    row = {"name": "交付天数", "weight": "10", "norm": "linear", "worst": "90", "best": "30", "higher": ""}
    typed = typed_of(terms) | {f"items-2-{part}": text for part, text in row.items()}
    good = Terms.from_plain(read_terms(terms, typed | {"items-0-weight": "60"}))

    with pytest.raises(NotValid) as no:
        read_terms(terms, typed | {"items-0-weight": "sixty", "items-1-name": ""})
    with pytest.raises(NotValid) as sum_:
        Terms.from_plain(read_terms(terms, typed))

    assert [(one.name, one.weight) for one in good.items] == [
        ("price", Decimal(60)),
        ("plan", Decimal(30)),
        ("交付天数", Decimal(10)),
    ]
    assert set(no.value.details["problems"]) == {"items-0-weight", "items-1-name"}  # type: ignore[call-overload]
    assert sum_.value.code == "auction_terms_invalid"


def test_every_rule_that_terms_may_break_is_said_in_chinese() -> None:
    source = Path(soundness.__file__).read_text()
    said = {
        one.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_require" and len(node.args) == 3
        for one in ast.walk(node.args[2])
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }

    assert len(said) > 30
    assert [one for one in sorted(said) if f"word.{one}" not in catalogue("zh-CN")] == []


def test_a_field_that_does_not_read_is_named() -> None:
    terms = defaults(Format.OPEN_REVERSE, Money.from_yuan("1000000"), START)
    plain = terms.to_plain()
    typed = {one.name: shown(plain, one) for _key, _heading, fields in sections(terms) for one in fields}

    with pytest.raises(NotValid) as no:
        read_terms(terms, typed | {"free_seconds": "an hour", "start": "1,000,000.005"})

    assert set(no.value.details["problems"]) == {"free_seconds", "start"}  # type: ignore[call-overload]


def test_the_printed_rules_say_what_the_terms_say() -> None:
    blind = defaults(Format.BLIND_REVERSE, Money.from_yuan("5800000"), START)
    told = {term: text for term, text, _source in rule_rows(blind)}
    exact = blind.but(visible=blind.visible.but(rank=RankShown.EXACT))
    open_ = {term: text for term, text, _source in rule_rows(exact)}

    assert told["起始价"] == "5,800,000 元"
    assert told["信息公布"] == "是否最优"
    assert open_["信息公布"] == "本人名次"


@pytest.mark.parametrize("kind", PRACTISED)
def test_robots_play_every_practised_format_to_its_end(kind: Format) -> None:
    seed = b"\x05" * 32
    plates = _plates(seed, 6)
    state = engine.begin(practice_terms(kind).but(starts_at=START + timedelta(seconds=10)), plates)

    def play() -> Played:
        from uuid import UUID

        room = Played(seed, plates[0], UUID(int=1), tuple(plates[1:]), state, START)
        for minute in range(1, 61):
            room.live(START + timedelta(minutes=minute))
        return room

    first, second = play(), play()

    assert first.state.outcome is not None
    assert first.state.outcome.winner in plates[1:]
    assert first.state.outcome == second.state.outcome


def test_a_rehearsal_belongs_to_whoever_began_it_and_leaves_no_fact(house: House) -> None:
    mine, other = house.person(Role.BIDDER), house.person(Role.BIDDER)
    before = len(house.facts())

    answer = house.client(mine).post("/auctions/rehearsal", data={"format": "listing"})

    path = answer.headers["Location"]
    assert house.client(mine).get(path).status_code == 200
    assert house.client(other).get(path).status_code == 404
    assert [name for name in house.facts()[before:] if "auction" in name] == []
    assert house.client().get("/auctions/rehearsal").status_code in (302, 303, 401)
