"""After the bidding, in the page: points of a panel, the confirmed result, and what brought it there by time alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from bidding.actions.auctions_life import anchor_journals
from bidding.hall_core.registry import install
from bidding.models_auction import AuctionStage
from bidding.rules.auction import Format, events
from bidding.rules.auction.terms import Direction, Item, Norm, Sealing, Step, Turns
from kernel.money import Money
from kernel.rights import Role
from tests.integration.auction.sale import Hall, Sale
from tests.integration.auction.test_auction_live import listening
from tests.support.house import House
from trading.actions.lots import winner_name

STEP = {"step": Step(amount=Money.from_yuan("5000"))}


def played(sale: Sale, *amounts: int) -> Hall:
    sale.publish()
    seats = sale.bidders(len(amounts))
    hall = Hall(sale).start().follow()
    for seat, amount in zip(seats, amounts, strict=True):
        hall.offer(seat.plate, amount)
    return hall


def test_the_organiser_confirms_in_the_page_and_only_with_the_tick(house: House) -> None:
    sale = Sale(house, printed=STEP)
    hall = played(sale, 990_000, 970_000, 960_000)
    path = f"/auctions/{hall.id}/confirm"
    host = house.client(sale.buyer)
    early = host.get(path)
    hall.end().follow()

    page = host.get(path).get_data(as_text=True)
    bare = host.post(path, data={})
    strangers = [
        house.client(house.person(role)).get(path).status_code for role in (Role.BUYER, Role.SUPERVISOR)
    ]
    unsettled = sale.auction().settled_at
    done = host.post(path, data={"checked": "yes"}, follow_redirects=True)

    assert early.status_code == 409
    assert "玖拾陆万元整" in page
    assert bare.status_code == 422
    assert "field-checked" in bare.get_data(as_text=True)
    assert strangers == [404, 403]
    assert unsettled is None
    assert "结果已确认" in done.get_data(as_text=True)
    assert sale.auction().settled_at is not None
    assert "结果待您确认" not in host.get(f"/auctions/{hall.id}/result").get_data(as_text=True)


def test_a_low_offer_is_passed_over_with_a_ground_but_a_sale_is_final(house: House) -> None:
    sale = Sale(house, printed=STEP)
    hall = played(sale, 990_000, 970_000, 940_000)
    hall.end().follow()
    result = sale.auction().result
    assert result is not None
    best, second = result["ranking"][0]["plate"], result["ranking"][1]["plate"]
    path = f"/auctions/{hall.id}/confirm"
    host = house.client(sale.buyer)

    answer = host.post(path, data={"checked": "yes", f"pass-{best}": "报价明显过低且不能说明"})

    assert answer.status_code == 303
    assert sale.lot().outcome is not None
    assert sale.lot().outcome["plate"] == second  # type: ignore[index]
    winner = winner_name(sale.lot().outcome or {})
    shown = house.client().get(f"/tenders/{sale.code}").get_data(as_text=True)
    assert winner
    assert f"中标人：{winner}" in shown

    up = sale.next(procedure="auction", regime="AD", format=Format.ASCENDING, printed=STEP)
    hall = played(up, 1_000_000)
    hall.end().follow()
    host = house.client(sale.buyer)  # weeks have passed: signed in again
    page = host.get(f"/auctions/{hall.id}/confirm").get_data(as_text=True)
    refused = host.post(
        f"/auctions/{hall.id}/confirm",
        data={"checked": "yes", f"pass-{up.auction().result['winner']}": "不卖了"},  # type: ignore[index]
    )
    assert "pass-" not in page
    assert refused.status_code == 422
    assert up.auction().settled_at is None


def test_points_are_entered_for_every_plate_or_not_at_all(house: House) -> None:
    items = (Item("price", Decimal(70), Norm.RATIO), Item("方案", Decimal(30), Norm.POINTS))
    printed = {"items": items, "sealing": Sealing.HELD, "direction": Direction.DOWN, "free_seconds": 600}
    sale = Sale(house, format=Format.WEIGHTED, printed=printed)
    hall = played(sale, 900_000, 950_000)
    path = f"/auctions/{hall.id}/points"
    host = house.client(sale.buyer)
    early = host.get(path).get_data(as_text=True)
    none = host.post(path, data={})
    hall.end().follow()

    page = host.get(path).get_data(as_text=True)
    plates = sorted(seat for seat in hall.core.state(hall.id).plates)  # type: ignore[union-attr]
    short = host.post(path, data={f"points-0-{plates[0]}": "80", f"points-0-{plates[1]}": "100.5"})
    foreign = house.client(house.person(Role.BUYER)).post(path, data={})
    before = sale.auction().stage
    done = host.post(path, data={f"points-0-{plates[0]}": "80", f"points-0-{plates[1]}": "90"})

    assert "没有待录入的评审分" in early
    assert none.status_code == 409
    assert all(f"points-0-{plate}" in page for plate in plates)
    assert "900,000" not in page
    assert short.status_code == 422
    assert f"field-points-0-{plates[1]}" in short.get_data(as_text=True)
    assert foreign.status_code == 404
    assert before is AuctionStage.SETTLING
    assert done.status_code == 303
    assert sale.auction().stage is AuctionStage.SOLD


def test_an_auction_that_time_alone_brings_to_its_settlement_is_followed(house: House) -> None:
    printed = STEP | {"lottery_band_percent": Decimal(5), "extension": None}
    sale = Sale(house, format=Format.SMALL, printed=printed)
    hall = played(sale, 990_000, 985_000, 980_000)
    house.clock.tick(timedelta(minutes=2))
    anchor_journals(house.platform)  # everything is logged; the end brings no event of its own

    hall.end().follow()

    assert sale.auction().stage is AuctionStage.SETTLING


def test_each_bidder_hears_whose_turn_it_is_and_his_own_offer_of_the_turn(house: House) -> None:
    turns = Turns(rounds=1, first_pause_seconds=30, pause_seconds=30, turn_seconds=30)
    sale = Sale(house, format=Format.TURN_BASED, printed=STEP | {"turns": turns})
    sale.publish()
    hall, ears, outlet = listening(sale, start=False)
    first, second = sorted(hall.core.state(hall.id).plates)[:2]  # type: ignore[union-attr]
    for plate in (first, second):
        outlet.joined(hall.id, plate)
    hall.offer(first, 1_000_000)
    hall.offer(second, 990_000)
    hall.start()
    house.clock.tick(timedelta(seconds=31))
    hall.core.turn()
    ears.own.clear()
    hall.core.submit(hall.id, events.TurnBid(first, Decimal("970000"), "key-turn-1"), None, lambda _: None)
    hall.core.turn()
    pending = list(ears.own)
    ears.own.clear()
    house.clock.tick(timedelta(seconds=30))
    hall.core.turn()

    assert [(plate, news["turn"]["offer"]) for plate, news in pending] == [(first, "970000.00")]
    assert (second, True) in [(plate, news["turn"]["mine"]) for plate, news in ears.own if "turn" in news]
    install(house.platform, None)
    hall.core.stop()
