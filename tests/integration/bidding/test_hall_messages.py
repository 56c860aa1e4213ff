"""Messages in the opening hall: who writes, what is kept, what is told, and what nobody learns from them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from bidding.hall_state import version_now
from bidding.models import Bid, HallMessage
from bidding.rules.speaking import LENGTH_MAX, PACE_MESSAGES, PACE_WINDOW, REPEAT_WINDOW
from kernel.identity.models import Organization, Person
from kernel.ledger import sequencer
from kernel.ledger.models import FactRow, LogRecord
from kernel.rights import Role
from sealbid import jcs, records
from tests.integration.bidding.deal import Deal, SealedBid
from tests.integration.bidding.test_opening_live import Ear
from tests.support.house import House
from trading import actions as trading


def address(deal: Deal, door: str = "") -> str:
    return f"/tenders/{deal.code}/opening{door}"


def say(client: FlaskClient, deal: Deal, text: str) -> int:
    return client.post(address(deal, "/messages"), data={"text": text}).status_code


def page(client: FlaskClient, deal: Deal) -> str:
    answer = client.get(address(deal))
    assert answer.status_code == 200
    return answer.text


def messages(house: House) -> list[HallMessage]:
    with house.read() as session:
        return list(session.scalars(sa.select(HallMessage).order_by(HallMessage.said_at, HallMessage.id)))


def facts_of_tender(house: House, deal: Deal) -> int:
    with house.read() as session:
        return (
            session.scalar(
                sa.select(sa.func.count()).select_from(FactRow).where(FactRow.subject == deal.tender_id)
            )
            or 0
        )


def name_of(house: House, person: Person) -> str:
    with house.read() as session:
        return session.get_one(Organization, house.actor(person).org_id).name


def column(text: str) -> str:
    """What the column of messages says, without marks."""
    found = re.search(r'<ul class="sr-feed" data-live="lines".*?</ul>', text, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


def test_host_custodian_supervisor_and_named_bidders_write_and_everybody_reads(
    deal: Deal, house: House
) -> None:
    bids = deal.bids(3)
    deal.close()
    supervisor = house.person(Role.SUPERVISOR)
    said = {
        deal.buyer: "请释放钥匙",
        deal.custodians[3]: "公证处已到场",
        supervisor: "监督到场",
        bids[0].bidder: "规费按新费率吗<script>alert(1)</script>",
    }

    for person, text in said.items():
        assert say(house.client(person), deal, text) == 303

    shown = page(house.client(), deal)
    told = column(shown)
    for person in said:
        assert name_of(house, person) in told
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert sorted(one.voice for one in messages(house)) == ["bidder", "custodian", "host", "supervisor"]
    order = [told.index(word) for word in ("不再接收投标", "请释放钥匙", "公证处已到场", "监督到场", "规费")]
    assert order == sorted(order)


def test_every_message_has_a_record_whose_words_stand_apart_and_a_log_number_on_the_page(
    deal: Deal, house: House
) -> None:
    deal.bids(3)
    deal.close()
    say(house.client(deal.buyer), deal, "请释放钥匙")
    before = page(house.client(), deal)
    with house.read() as session:
        version = version_now(session, deal.tender_id)

    sequencer.sequence(house.platform)

    one = messages(house)[0]
    with house.read() as session:
        record = session.get_one(LogRecord, one.record_id)
        assert version_now(session, deal.tender_id) > version, "the number is news for those who look"
    body = jcs.decode_object(record.jcs)["body"]
    assert record.idx is not None
    assert f"#{record.idx:,}" in column(page(house.client(), deal))
    assert f"#{record.idx:,}" not in column(before)
    assert "请释放钥匙" not in record.jcs.decode()
    assert (body["fact"], body["voice"], body["message"]) == ("bidding.hall.spoken", "host", str(one.id))
    assert record.confidential is not None
    assert record.salt2 is not None
    private = jcs.decode_object(record.confidential)
    assert private["text"] == "请释放钥匙"
    assert body["d"] == records.private_digest(private, record.salt2)


@pytest.mark.parametrize("who", ["buyer", "notary", "bidder", "supervisor"])
def test_nobody_writes_before_the_close_and_the_hall_stays_the_same(
    deal: Deal, house: House, who: str
) -> None:
    bids = deal.bids(3)
    people = {
        "buyer": deal.buyer,
        "notary": deal.custodians[3],
        "bidder": bids[0].bidder,
        "supervisor": house.person(Role.SUPERVISOR),
    }
    client, guest = house.client(people[who]), house.client()
    house.platform.live = ear = Ear()  # type: ignore[assignment]
    state, facts = guest.get(address(deal, "/state")).json, facts_of_tender(house, deal)

    answer = client.post(address(deal, "/messages"), data={"text": "我单位已投标"})

    assert answer.status_code == 409
    assert "保密" in answer.text, "the reason is said in plain words"
    assert guest.get(address(deal, "/state")).json == state
    assert (ear.heard, messages(house), facts_of_tender(house, deal)) == ([], [], facts)
    assert "我单位已投标" not in page(guest, deal)


def test_before_the_close_every_bidder_sees_the_same_column_and_no_counts(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    stranger = house.person(Role.BIDDER)
    for person in (bids[0].bidder, deal.custodians[3]):
        house.client(person).post(address(deal, "/attend"))

    seen = {}
    for word, person in (("bidder", bids[1].bidder), ("stranger", stranger)):
        text = page(house.client(person), deal)
        aside = text[text.index("sr-hall-side") : text.index('id="message-of-others"')]
        seen[word] = re.sub(r'name="csrf_token" value="[^"]*"', "", aside)

    assert seen["bidder"] == seen["stranger"]
    assert "data-message" not in seen["bidder"]
    assert "开标后才能发送消息" in seen["bidder"]
    guest = page(house.client(), deal)
    assert "家已签到" not in guest
    assert "签到情况" in guest


def test_an_objection_that_came_before_the_close_names_nobody_in_the_hall(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    with house.begin(house.actor(bids[0].bidder)) as work:
        trading.file_objection(work, deal.tender_id, matter="opening", text="开标地点不明")

    early = page(house.client(), deal)
    deal.close()

    assert name_of(house, bids[0].bidder) not in early
    assert "开标地点不明" not in early
    assert "开标地点不明" in column(page(house.client(), deal))


def test_a_stranger_an_observer_and_a_guest_only_read(deal: Deal, house: House) -> None:
    deal.bids(3)
    deal.close()
    stranger, other = house.person(Role.BIDDER), house.person(Role.CUSTODIAN)

    for person in (stranger, other, house.person(Role.BUYER)):
        client = house.client(person)
        answer = client.post(address(deal, "/messages"), data={"text": "我也说一句"})
        assert answer.status_code == 403
        assert "data-message" not in page(client, deal)
    expert = house.client(house.person(Role.EXPERT))
    assert say(expert, deal, "我也说一句") == 403
    assert say(house.client(), deal, "我也说一句") == 401
    assert "data-message" not in page(house.client(), deal)
    assert messages(house) == []


def test_a_bidder_whose_lot_failed_or_who_withdrew_stays_unnamed_and_silent(house: House) -> None:
    deal = Deal(house, lots=2).publish()
    named = deal.bids(3)
    alone = deal.submit(deal.seal(lot="2"))
    gone = deal.submit(deal.seal())
    withdraw(deal, gone)
    for person in (named[0].bidder, alone.bidder, gone.bidder):
        house.client(person).post(address(deal, "/attend"))
    deal.close()

    for bid in (alone, gone):
        assert say(house.client(bid.bidder), deal, "我也说一句") == 403
    assert say(house.client(named[0].bidder), deal, "我单位到场") == 303

    shown = page(house.client(), deal)
    assert name_of(house, named[0].bidder) in shown
    assert name_of(house, alone.bidder) not in shown
    assert name_of(house, gone.bidder) not in shown
    assert "3 家投标人中 1 家已签到" in shown, "only those whom the record names are counted"


def withdraw(deal: Deal, bid: SealedBid) -> None:
    """The bid leaves before the deadline, as its own key says."""
    with deal.house.read() as session:
        leaf = session.scalars(
            sa.select(LogRecord.idx)
            .join(Bid, Bid.commit_record_id == LogRecord.id)
            .where(Bid.code == bid.code)
        ).one()
    if leaf is None:
        sequencer.sequence(deal.house.platform)
        withdraw(deal, bid)
        return
    from sealbid import signatures

    body = {"bid": bid.code, "commit_leaf": leaf}
    message = {"body": body, "sig": signatures.sign("bid-withdraw", body, bid.bk).to_json()}
    answer = deal.house.client(bid.bidder).post(f"/api/v1/bids/{bid.code}/withdraw", json=message)
    assert answer.status_code == 200, answer.json


def test_a_failed_opening_and_a_confirmed_one_are_silent(deal: Deal, house: House) -> None:
    bids = deal.bids(2)
    house.client(bids[0].bidder).post(address(deal, "/attend"))
    deal.close()

    assert say(house.client(deal.buyer), deal, "为什么") == 409
    assert say(house.client(bids[0].bidder), deal, "为什么") == 409
    shown = page(house.client(), deal)
    assert name_of(house, bids[0].bidder) not in shown
    assert "家已签到" not in shown


def test_after_the_record_is_confirmed_nothing_more_is_said(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    deal.close()
    deal.release(1, 2, 3)
    assert say(house.client(bids[0].bidder), deal, "无异议") == 303
    until = deal.opening().objections_until_at
    assert until is not None
    house.clock.move(until)
    assert house.client(deal.buyer).post(address(deal, "/confirm")).status_code == 303

    assert say(house.client(bids[0].bidder), deal, "等等") == 409

    shown = page(house.client(bids[0].bidder), deal)
    assert "无异议" in column(shown)
    assert "data-message" not in shown
    told = column(shown)
    assert told.count("达到开启条件") == 1
    order = [told.index(word) for word in ("不再接收投标", "达到开启条件", "全部开启", "无异议", "已确认")]
    assert order == sorted(order)


def test_empty_long_hasty_and_repeated_messages(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    deal.close()
    client = house.client(bids[0].bidder)
    kept = "字" * (LENGTH_MAX + 1)

    assert say(client, deal, "  ") == 422
    refused = client.post(address(deal, "/messages"), data={"text": kept})
    assert refused.status_code == 422
    assert kept in refused.text, "what was typed is not lost"
    assert say(client, deal, "一句") == 303
    assert say(client, deal, "一句") == 303
    assert [one.text for one in messages(house)] == ["一句"], "the same press twice is one message"
    for number in range(PACE_MESSAGES - 1):
        assert say(client, deal, f"第 {number} 句") == 303
    assert say(client, deal, "太快了") == 429
    assert say(house.client(bids[1].bidder), deal, "轮到我") == 303, "the pace is each person's own"
    house.clock.move(house.clock.now() + max(PACE_WINDOW, REPEAT_WINDOW))
    assert say(client, deal, "第 0 句") == 303
    assert len(messages(house)) == PACE_MESSAGES + 2


def test_a_message_is_never_changed_and_never_deleted(deal: Deal, house: House) -> None:
    deal.bids(3)
    deal.close()
    say(house.client(deal.buyer), deal, "请释放钥匙")

    for statement in ("UPDATE hall_message SET text = 'x'", "DELETE FROM hall_message"):
        with pytest.raises(sa.exc.DBAPIError), house.platform.database.writer.begin() as connection:
            connection.execute(sa.text(statement))

    assert [one.text for one in messages(house)] == ["请释放钥匙"]


def test_the_hall_hears_the_words_with_their_number_and_nothing_else(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    deal.close()
    house.platform.live = ear = Ear()  # type: ignore[assignment]
    with house.read() as session:
        seen = version_now(session, deal.tender_id)

    say(house.client(bids[0].bidder), deal, "规费按新费率吗")

    (channel, version, news), one = ear.heard[0], messages(house)[0]
    assert len(ear.heard) == 1
    assert (channel, version) == (f"opening:{deal.tender_id}", seen + 1)
    assert set(news) == {"stage", "message"}
    told: dict[str, Any] = news["message"]
    assert told["who_en"].startswith("Test entity")
    assert told.pop("at").endswith("Z")
    assert told == {
        "key": f"said-{one.id}",
        "voice": "bidder",
        "who": name_of(house, bids[0].bidder),
        "who_en": told["who_en"],
        "text": "规费按新费率吗",
    }
    assert f'id="said-{one.id}"' in page(house.client(), deal), "who comes later finds it on the page"


def test_an_objection_and_its_answer_stand_between_the_messages_once(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    deal.close()
    bidder, host = house.client(bids[0].bidder), house.client(deal.buyer)
    bidder.post(address(deal, "/objections"), data={"text": "记录表缺少一栏"})
    waiting = column(page(house.client(), deal))
    with house.read() as session:
        from trading.models import Objection

        objection = session.scalars(sa.select(Objection)).one()
    say(host, deal, "请稍候")
    host.post(address(deal, f"/objections/{objection.id}"), data={"answer": "已经补充", "upheld": "true"})

    told = column(page(house.client(), deal))

    assert "待答复" in waiting
    assert (told.count("记录表缺少一栏"), told.count("已经补充")) == (1, 1)
    order = [told.index(word) for word in ("记录表缺少一栏", "请稍候", "异议成立")]
    assert order == sorted(order)
