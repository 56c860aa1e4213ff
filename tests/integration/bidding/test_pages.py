"""The pages of the room answer for whom they are meant, in both languages, and keep their secrets."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bidding.rules.states import OpeningState
from kernel import timekeeper
from kernel.ledger import sequencer
from kernel.ledger.models import FactRow
from kernel.rights import Role
from tests.integration.bidding.deal import Deal
from tests.support.house import House
from trading import actions as trading


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_every_page_of_the_room_shows_in_both_languages(deal: Deal, house: House, lang: str) -> None:
    bids = deal.bids(3)
    bidder, notary = house.client(bids[0].bidder), deal.as_custodian(4)
    sequencer.sequence(house.platform)

    for client, address in (
        (bidder, "/bids"),
        (bidder, f"/bids/{bids[0].code}"),
        (bidder, f"/tenders/{deal.code}/bid"),
        (bidder, f"/tenders/{deal.code}/opening"),
        (notary, "/custody"),
        (notary, f"/custody/{deal.code}"),
        (house.client(), f"/tenders/{deal.code}/opening"),
    ):
        answer = client.get(f"{address}?lang={lang}")
        assert answer.status_code == 200, (address, answer.text[:400])


def test_before_the_deadline_the_hall_says_nothing_about_bids(deal: Deal, house: House) -> None:
    address = f"/tenders/{deal.code}/opening"
    empty = house.client().get(f"{address}/state").json
    bids = deal.bids(3)
    house.client(bids[0].bidder).post(f"{address}/attend")

    state = house.client().get(f"{address}/state").json
    page = house.client().get(address).text

    assert state == empty
    assert state["rows"] == []
    with house.read() as session:
        from kernel.identity.models import Organization

        name = session.get_one(Organization, house.actor(bids[0].bidder).org_id).name
    assert name not in page


def test_the_hall_shows_sealed_rows_then_prices_then_the_record(deal: Deal, house: House) -> None:
    deal.bids(3)
    deal.close()
    address = f"/tenders/{deal.code}/opening"
    sealed = house.client().get(f"{address}/state").json
    page = house.client().get(address).text
    deal.release(1, 2, 3)

    opened = house.client().get(f"{address}/state").json

    assert [row["state"] for row in sealed["rows"]] == ["sealed"] * 3
    assert "price" not in sealed["rows"][0]
    assert "60,000,000.00" not in page
    assert sorted(row["price"] for row in opened["rows"]) == ["60000000.00", "61000000.00", "62000000.00"]
    assert opened["version"] > sealed["version"]
    assert "60,000,000.00" in house.client().get(address).text
    same = house.client().get(f"{address}/state?version={opened['version']}&stage=opened").json
    assert same["same"] is True


def test_an_objection_in_the_hall_must_be_answered_before_the_record_is_confirmed(
    deal: Deal, house: House
) -> None:
    bids = deal.bids(3)
    deal.close()
    deal.release(1, 2, 3)
    address = f"/tenders/{deal.code}/opening"
    bidder, host = house.client(bids[0].bidder), house.client(deal.buyer)
    stranger = house.client(house.person(Role.BIDDER))

    assert stranger.post(f"{address}/objections", data={"text": "不对"}).status_code == 403
    assert bidder.post(f"{address}/objections", data={"text": ""}).status_code == 422
    assert bidder.post(f"{address}/objections", data={"text": "少了一栏"}).status_code == 303
    assert bidder.post(f"{address}/signature", data={"remark": ""}).status_code == 303
    early = host.post(f"{address}/confirm")
    opening = deal.opening()
    assert opening.objections_until_at is not None
    house.clock.move(opening.objections_until_at)
    unanswered = host.post(f"{address}/confirm")
    with house.read() as session:
        from trading.models import Objection

        objection = session.scalars(sa.select(Objection)).one()
    answered = host.post(f"{address}/objections/{objection.id}", data={"answer": "已补充"})
    again = deal.opening().objections_until_at
    assert again is not None
    house.clock.move(again)
    confirmed = host.post(f"{address}/confirm")

    assert (early.status_code, unanswered.status_code) == (409, 409)
    assert (answered.status_code, confirmed.status_code) == (303, 303)
    record = house.client().get(f"{address}/record.pdf")
    assert record.status_code == 200
    assert record.data.startswith(b"%PDF")


def test_the_session_goes_on_by_itself_while_an_objection_waits_for_its_answer(
    deal: Deal, house: House
) -> None:
    bids = deal.bids(3)
    deal.close()
    deal.release(1, 2, 3)
    house.client(bids[0].bidder).post(f"/tenders/{deal.code}/opening/objections", data={"text": "少了一栏"})
    first = deal.opening().objections_until_at
    assert first is not None
    house.clock.move(first)

    timekeeper.keep_time(house.platform)

    opening = deal.opening()
    assert opening.state is OpeningState.OPENED
    assert opening.objections_until_at == first + timedelta(minutes=10)
    with house.read() as session:
        prolonged = session.scalars(
            sa.select(FactRow).where(FactRow.name == "bidding.session.prolonged")
        ).one()
    assert prolonged.body["open_objections"] == 1


def test_the_receipt_says_what_comes_next_as_the_opening_goes_on(deal: Deal, house: House) -> None:
    bid = deal.bids(3)[0]

    def steps() -> list[str]:
        page = house.client(bid.bidder).get(f"/bids/{bid.code}").text
        return re.findall(r'<li class="sr-step-(\w+)"', page)

    assert steps() == ["done", "now", "next", "next"]
    deal.close()
    assert steps() == ["done", "done", "now", "next"]
    deal.release(1, 3, 5)
    assert steps() == ["done", "done", "done", "now"]


def test_nobody_else_sees_a_bid_or_a_seat(deal: Deal, house: House) -> None:
    bid = deal.bids(1)[0]

    assert house.client(house.person(Role.BIDDER)).get(f"/bids/{bid.code}").status_code == 404
    assert house.client(deal.buyer).get(f"/bids/{bid.code}").status_code == 403
    assert house.client(house.person(Role.CUSTODIAN)).get(f"/custody/{deal.code}").status_code == 404
    assert house.client().get(f"/tenders/{deal.code}/opening/record.pdf").status_code == 404


def test_while_the_tender_is_suspended_no_deadline_runs_on_the_pages_of_a_bidder(
    deal: Deal, house: House
) -> None:
    bidder, supervisor = house.client(house.person(Role.BIDDER)), house.person(Role.SUPERVISOR)
    page = f"/tenders/{deal.code}/bid"
    assert "data-sr-countdown=" in bidder.get(page).text
    with house.begin(house.actor(supervisor)) as work:
        trading.suspend_tender(work, deal.tender_id, "投诉处理")

    sealing = bidder.get(page).text

    assert "data-sr-countdown=" not in sealing
    assert "截止时间停止计时，恢复后按暂停时长顺延" in sealing
    public = house.client().get(f"/tenders/{deal.code}").text
    assert "已暂停" in public
    assert "已停用" not in public, "that is an account"


def test_the_sealing_page_is_closed_at_the_deadline_and_names_both_clocks(deal: Deal, house: House) -> None:
    person = house.person(Role.BIDDER)
    assert house.client(person).get(f"/tenders/{deal.code}/bid").status_code == 200
    deal.close()

    answer = house.client(person).get(f"/tenders/{deal.code}/bid", headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json["code"]) == (409, "bids_closed")
    assert {"closed_at", "server_now"} <= answer.json["details"].keys()


def test_a_failed_opening_shows_the_fact_and_nothing_else(deal: Deal, house: House) -> None:
    deal.bids(2)
    deal.close()

    state = house.client().get(f"/tenders/{deal.code}/opening/state").json

    assert (state["stage"], state["rows"]) == ("failed", [])
