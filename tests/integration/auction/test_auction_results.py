"""After the end: the host confirms on a page, the winner takes his letter, a defaulting one pays."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest

from bidding.actions import auctions, auctions_default, auctions_end
from bidding.models_auction import AuctionSeat, AuctionStage
from bidding.models_result import AuctionConfirmation, AuctionDefault
from bidding.rules.auction import Format
from kernel.errors import NotAllowed, NotFound, NotNow, NotValid
from kernel.identity.models import Person
from kernel.money import Money
from kernel.rights import Role
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import House


def sold(house: House, yuan: int = 120000, **more: Any) -> tuple[Sale, list[AuctionSeat]]:
    sale = Sale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ASCENDING,
        printed={"bidders_min": 1},
        start="100000",
        bond="20000",
        **more,
    )
    sale.publish()
    seats = sale.bidders(2)
    hall = Hall(sale).start().follow()
    hall.offer(seats[1].plate, yuan - 10000)
    hall.offer(seats[0].plate, yuan)
    hall.end().follow()
    hall.core.stop()
    assert sale.auction().stage is AuctionStage.SOLD
    return sale, seats


def person_of(house: House, seat: AuctionSeat) -> Person:
    with house.read() as session:
        return session.get_one(Person, seat.person_id)


def test_the_host_confirms_on_the_page_and_the_winner_takes_his_letter(house: House) -> None:
    sale, (ann, bob) = sold(house)
    path = f"/auctions/{sale.auction().id}/confirmation"
    host = house.client(sale.buyer)
    confirm = f"/auctions/{sale.auction().id}/confirm"
    assert f'href="{confirm}"' in host.get(path).text

    assert host.post(confirm, data={"checked": "yes"}).status_code == 303

    page = host.get(path).text
    assert "120,000.00" in page
    winner, loser = house.client(person_of(house, ann)), house.client(person_of(house, bob))
    letter = winner.get(path + ".pdf")
    assert (letter.status_code, letter.mimetype, letter.data[:5]) == (200, "application/pdf", b"%PDF-")
    from pypdf import PdfReader

    text = "".join(one.extract_text() for one in PdfReader(io.BytesIO(letter.data)).pages)
    assert "成交确认书" in text
    assert ann.plate in text
    assert host.get(path + ".pdf").status_code == 200
    assert loser.get(path + ".pdf").status_code == 404
    assert loser.get(path).status_code == 200
    assert house.client(house.person(Role.BIDDER)).get(path).status_code == 404
    with house.read() as session:
        confirmed = session.get_one(AuctionConfirmation, sale.auction().id)
        assert confirmed.price == Money.from_yuan("120000")
    assert sale.auction().settled_at is not None


def test_only_the_host_confirms_and_a_sale_is_final(house: House) -> None:
    sale, (ann, _) = sold(house)
    path = f"/auctions/{sale.auction().id}/confirm"
    assert house.client(person_of(house, ann)).post(path, data={"checked": "yes"}).status_code in (403, 404)
    host = house.client(sale.buyer)
    refused = host.post(path, data={"checked": "yes", f"pass-{ann.plate}": "不想卖"})
    assert refused.status_code == 422
    assert sale.auction().settled_at is None


def test_a_defaulting_winner_loses_his_deposit_and_owes_what_the_re_sale_brings_less(house: House) -> None:
    sale, (ann, _) = sold(house)
    host = sale.actor(sale.buyer)
    with pytest.raises(NotNow, match="auction_not_settled"), house.begin(host) as work:
        auctions_default.declare_default(work, sale.auction().id, "拒签合同")
    with house.begin(host) as work:
        auctions_end.confirm_result(work, sale.auction().id)
    client = house.client(sale.buyer)
    path = f"/auctions/{sale.auction().id}"
    assert client.post(path + "/default", data={"reason": " "}).status_code == 422
    assert client.post(path + "/default", data={"reason": "拒签合同"}).status_code == 303
    assert "拒签合同" in client.get(path + "/confirmation").text
    with pytest.raises(NotAllowed), house.begin(sale.actor_of(ann)) as work:
        auctions_default.declare_default(work, sale.auction().id, "x")
    with house.begin(host) as work:
        tender = work.session.get_one(auctions.Tender, sale.tender_id)
        assert auctions_default.barred(work, tender.project_id, ann.org_id)
        default = work.session.get_one(AuctionDefault, sale.auction().id)
        assert default.kept == Money.from_yuan("20000")
        project = tender.project_id
        with pytest.raises(NotFound):
            auctions_default.settle_difference(work, sale.auction().id, work.new_id())
        with pytest.raises(NotValid, match="resale_other"):
            auctions_default.settle_difference(work, sale.auction().id, sale.auction().id)

    again = copy.copy(sale)  # the same people, a second notice of the same project
    again.project, again.seeds = project, {}
    again._draft()
    again.publish()
    with pytest.raises(NotAllowed, match="defaulted_before"):
        again.register(person_of(house, ann))
    with pytest.raises(NotNow, match="auction_not_settled"), house.begin(host) as work:
        auctions_default.settle_difference(work, sale.auction().id, again.auction().id)
    (bob,) = again.bidders(1)
    hall = Hall(again).start().follow()
    hall.offer(bob.plate, 105000)
    hall.end().follow()
    hall.core.stop()
    with house.begin(host) as work:
        auctions_end.confirm_result(work, again.auction().id)
    client = house.client(sale.buyer)
    answer = client.post(
        f"/api/v1/auctions/{sale.auction().id}/difference", json={"resale": str(again.auction().id)}
    )
    assert answer.json == {"difference": "15000.00", "covered": "15000.00", "owed": "0.00"}
    assert "15,000.00" in client.get(path + "/confirmation").text
