"""The supervisor's desk: who may see it, what it never shows, and the lines every look leaves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.errors import NotAllowed, NotValid
from kernel.ledger import trust
from kernel.ledger.audit import audit_log
from kernel.ledger.models import FactRow
from kernel.money import Money
from kernel.promises import Breach, Promise
from sealbid.verify import verify_evidence
from simulation import deal as moves
from supervision import actions, watch
from supervision.evidence import export_evidence
from supervision.rules.lights import Colour
from trading.models import Tender


def supervisor(city: Any) -> Any:
    who = city.world.supervisors[0]
    return city.house.client(who.person_id, who.org_id)


def test_only_supervisors_enter(awarded: Any) -> None:
    city, deal = awarded
    bidder = city.world.bidders[0]
    for address in (
        "/supervision",
        f"/supervision/tenders/{deal.code}",
        "/supervision/promises",
        "/supervision/reads",
    ):
        assert city.house.client(bidder.person_id).get(address).status_code == 403
        assert city.house.client().get(address).status_code in (302, 303, 401)
        assert supervisor(city).get(address).status_code == 200


def test_before_the_opening_the_desk_names_no_bidder_and_no_number(city: Any) -> None:
    deal = city.tender("bids_in")
    client = supervisor(city)

    pages = [client.get("/supervision").text, client.get(f"/supervision/tenders/{deal.code}").text]

    for bidder in city.world.bidders[:4]:
        assert not any(bidder.org_name in page or bidder.uscc in page for page in pages)
    assert not any("正在上传" in page for page in pages)


def test_a_look_at_the_numbers_needs_a_purpose_and_leaves_a_line(city: Any) -> None:
    deal = city.tender("bids_in")
    client = supervisor(city)
    address = f"/supervision/tenders/{deal.code}/counts"

    assert client.post(address, data={"purpose": " "}).status_code == 422
    assert "supervision.confidential.read" not in city.house.facts(deal.tender_id)
    page = client.post(address, data={"purpose": "例行检查"})

    assert page.status_code == 200
    assert "例行检查" in page.text
    assert city.house.facts(deal.tender_id).count("supervision.confidential.read") == 1
    with city.world.begin(city.world.supervisors[0]) as work:
        counts = actions.read_counts(work, deal.tender_id, "再次检查")
    assert (counts.complete, counts.arriving, counts.withdrawn) == (4, 0, 0)


def test_a_bid_replaced_without_its_key_is_counted_and_named_after_the_opening(
    city: Any, tmp_path: Path
) -> None:
    deal = city.tender("bids_in")
    client, world = supervisor(city), city.world
    (code, bidder), (other, rival) = list(deal.bids.items())[:2]
    newer = moves.Offer(lot=1, price=Money.from_yuan("59000000"))
    moves.submit(
        world, deal, bidder, moves.seal_offer(world, deal, bidder, newer, replaces=code, key_lost=True)
    )
    moves.bid(world, deal, rival, newer, replaces=other)
    base = f"/supervision/tenders/{deal.code}"

    before = client.get(base).text
    counted = client.post(f"{base}/counts", data={"purpose": "例行检查"}).text
    for step in (city._closed, city._opened):
        step(deal, 4)
        world.sequence()
    after = supervisor(city).get(base).text

    assert "未凭自身密钥" not in before
    assert "其中未凭自身密钥" in counted
    assert code[:12] not in counted
    assert "未凭自身密钥退出的投标" in after
    assert code[:12] in after
    assert other[:12] not in after
    path, lines = tmp_path / "evidence.zip", list[str]()
    path.write_bytes(export_evidence(city.house.platform, deal.tender_id))
    assert verify_evidence(path, trust.trust_text(city.house.settings), lines.append) == 0, lines
    assert sum("OLD KEY LOST" in line for line in lines) == 1
    assert sum("replaced by" in line and "by its own key" in line for line in lines) == 1


def test_a_bidder_may_neither_count_nor_order(city: Any) -> None:
    deal = city.tender("published")
    with pytest.raises(NotAllowed), city.world.begin(city.world.bidders[0]) as work:
        actions.read_counts(work, deal.tender_id, "好奇")
    with pytest.raises(NotAllowed), city.world.begin(city.world.bidders[0]) as work:
        actions.order_suspension(work, deal.tender_id, "不服")


def test_an_order_holds_a_tender_still_and_lets_it_go_on(city: Any) -> None:
    deal = city.tender("published")
    client = supervisor(city)
    base = f"/supervision/tenders/{deal.code}"
    with city.house.read() as session:
        closes = session.get_one(Tender, deal.tender_id).bids_close_at

    assert client.post(f"{base}/suspension", data={"reason": ""}).status_code == 422
    assert client.post(f"{base}/suspension", data={"reason": "收到投诉，先行核查"}).status_code == 303
    city.house.clock.move(city.house.clock.now() + timedelta(days=2))
    client = supervisor(city)  # the first session has ended meanwhile
    assert client.post(f"{base}/resumption", data={"reason": "核查完毕"}).status_code == 303

    with city.house.read() as session:
        assert session.get_one(Tender, deal.tender_id).bids_close_at == closes + timedelta(days=2)
    story = city.house.facts(deal.tender_id)
    assert story.count("supervision.order.issued") == 2
    assert "收到投诉，先行核查" in client.get("/supervision/reads").text
    with pytest.raises(NotValid), city.world.begin(city.world.supervisors[0]) as work:
        actions.order_resumption(work, deal.tender_id, " ")


def test_a_late_contract_turns_yellow_then_red_and_each_change_is_logged_once(city: Any) -> None:
    deal = city.tender("awarded")
    platform = city.house.platform
    assert actions.watch_lights(platform) == 0

    seen = []
    for _ in range(2):
        city.house.clock.move(city.house.clock.now() + timedelta(days=21))
        assert actions.watch_lights(platform) == 1
        assert actions.watch_lights(platform) == 0
        with city.house.read() as session:
            (case,) = watch.cases(session, city.house.clock.now())
        seen.append(case.colour)
    assert seen == [Colour.YELLOW, Colour.RED]

    with city.house.read() as session:
        bodies = session.scalars(
            sa.select(FactRow.body).where(FactRow.name == "supervision.light.changed").order_by(FactRow.seq)
        ).all()
    assert [(b["rule"], b["before"], b["colour"]) for b in bodies] == [
        ("SX-09", "green", "yellow"),
        ("SX-09", "yellow", "red"),
    ]
    page = supervisor(city).get("/supervision").text
    assert "合同未按时签订" in page
    assert deal.code in page


def test_promises_are_asked_and_a_broken_one_shows(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = supervisor(city)
    assert client.post("/supervision/promises").status_code == 303
    page = client.get("/supervision/promises").text
    assert "守住" in page
    assert "未守住" not in page

    def nobody_is_ever_late(session: Any, now: Any) -> list[Breach]:
        return [Breach("tender 7", "late by a day")]

    room = city.house.platform.rooms[-1]
    object.__setattr__(room, "promises", (Promise("Nobody is late.", "rules", nobody_is_ever_late),))
    try:
        results = actions.run_promises(city.house.platform)
        assert [one.name for one in results if not one.kept] == ["nobody_is_ever_late"]
        page = client.get("/supervision/promises").text
        assert "未守住" in page
        assert "late by a day" in page
    finally:
        object.__setattr__(room, "promises", ())


def test_the_package_is_public_only_when_the_tender_is_finished(city: Any) -> None:
    deal = city.tender("opened")
    address = f"/tenders/{deal.code}/evidence.zip"

    assert city.house.client().get(address).status_code == 409
    assert supervisor(city).get(address).status_code == 200
    assert city.house.client().get("/tenders/SR-0/evidence.zip").status_code == 404


def test_a_finished_deal_passes_the_audit(awarded: Any) -> None:
    city, deal = awarded

    assert audit_log(city.house.platform).findings == []
    answer = city.house.client().get(f"/tenders/{deal.code}/evidence.zip")
    assert (answer.status_code, answer.data[:2]) == (200, b"PK")
