"""Pages of bonds: the bidder's own, the operator's desk, the buyer's once the bids are open.

Source: 招标投标法 第二十二条; 实施条例 第二十六条, 第三十五条.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding import queries_bonds
from bidding.models_bond import BidBond, BondPayment
from kernel.clock import SHANGHAI
from kernel.rights import Role
from tests.integration.bidding import lodging
from tests.integration.bidding.deal import Deal
from tests.support.house import House


def only(house: House) -> BidBond:
    with house.read() as session:
        return session.scalars(sa.select(BidBond).order_by(BidBond.made_at.desc())).first()  # type: ignore[return-value]


def wall(house: House) -> str:
    return house.clock.now().astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")


def booking(house: House, account: str, **more: str) -> dict[str, str]:
    return {
        "account": account,
        "amount": "500,000.00",
        "payer_name": "某公司",
        "payer_account": lodging.BASIC,
        "bank_ref": "B1",
        "arrived_at": wall(house),
        **more,
    }


def guarantee_form(deal: Deal, **more: Any) -> dict[str, Any]:
    return {
        "guaranteed_lot": "1",
        "issuer": "阳光银行",
        "number": "BH-1",
        "amount": "500000",
        "valid_until": (deal.closes_at + timedelta(days=100)).date().isoformat(),
        "file": (io.BytesIO(b"%PDF-1.7"), "保函.pdf"),
        **more,
    }


def test_a_bidder_lodges_and_the_operator_books(deal: Deal, house: House) -> None:
    bidder, operator = house.person(Role.BIDDER), lodging.operator_of(house)
    client, desk = house.client(bidder), house.client(operator)
    page = f"/tenders/{deal.code}/bond"
    assert f'href="{page}"' in client.get(f"/tenders/{deal.code}").text
    assert "500,000.00" in client.get(page).text

    wrong = client.post(f"{page}/account", data={"lot": "1", "payer_account": "12"})
    assert wrong.status_code == 422
    assert (
        client.post(f"{page}/account", data={"lot": "9", "payer_account": lodging.BASIC}).status_code == 404
    )
    assert (
        client.post(f"{page}/account", data={"lot": "1", "payer_account": lodging.BASIC}).status_code == 303
    )
    account = only(house).account
    assert account is not None
    shown = client.get(page).text
    assert account in shown
    assert "••••7731" in shown
    assert lodging.BASIC not in shown

    assert desk.post("/bonds/payments", data=booking(house, "1" * 16)).status_code == 422
    assert desk.post("/bonds/payments", data=booking(house, account, amount="0")).status_code == 422
    assert desk.post("/bonds/payments", data=booking(house, account)).status_code == 303
    assert account in desk.get("/bonds").text
    assert "B1" in client.get(page).text
    assert "/bond" in client.get("/desk").text


def statement(*lines: dict[str, str], columns: str = "", encoding: str = "utf-8") -> dict[str, Any]:
    """A bank's statement as the desk reads it; the columns in another order than the form's."""
    names = columns.split(",") if columns else [*reversed(booking_columns())]
    rows = [",".join(names), *(",".join(f'"{line[name]}"' for name in names) for line in lines)]
    data = "\r\n".join(rows).encode(encoding)
    return {"file": (io.BytesIO(data), "statement.csv")}


def booking_columns() -> tuple[str, ...]:
    return ("account", "amount", "payer_name", "payer_account", "bank_ref", "arrived_at")


def test_a_banks_statement_is_booked_line_by_line(deal: Deal, house: House) -> None:
    bidder, other, operator = house.person(Role.BIDDER), house.person(Role.BIDDER), lodging.operator_of(house)
    desk = house.client(operator)
    mine, his = lodging.ask(deal, bidder), lodging.ask(deal, other, account="6222020200099999")
    name = lodging.arrival(house, bidder, mine).payer_name
    good = booking(house, mine.account or "", payer_name=name, bank_ref="S1")
    foreign = booking(house, his.account or "", payer_name=name, bank_ref="S2")
    unknown = booking(house, "1" * 16, bank_ref="S3")
    free = booking(house, mine.account or "", amount="一百", bank_ref="S4")

    page = desk.post(
        "/bonds/statement?lang=en", data=statement(good, foreign, unknown, free, encoding="gb18030")
    )
    again = desk.post("/bonds/statement?lang=en", data=statement(good, foreign, unknown, free))

    assert page.status_code == again.status_code == 200
    assert "2 payments booked, 0 known before, 2 lines left out" in page.text
    assert "1 of them do not come from the account the bidder named" in page.text
    assert "No deposit account has this number." in page.text
    assert "amount: " in page.text
    assert "0 payments booked, 2 known before, 2 lines left out" in again.text
    assert page.text.index('<th scope="row" class="sr-num">4<') < page.text.index(">5<")
    with house.read() as session:
        booked = session.scalars(sa.select(BondPayment).order_by(BondPayment.bank_ref)).all()
        assert [(one.bank_ref, one.own) for one in booked] == [("S1", True), ("S2", False)]


def test_a_statement_that_cannot_be_read_books_nothing(deal: Deal, house: House, monkeypatch: Any) -> None:
    desk, mine = house.client(lodging.operator_of(house)), lodging.ask(deal, house.person(Role.BIDDER))
    good = booking(house, mine.account or "")

    columns = desk.post("/bonds/statement?lang=en", data=statement(good, columns="account,amount"))
    nothing = desk.post("/bonds/statement?lang=en", data={})
    narrow = desk.post(
        "/bonds/statement?lang=en",
        data={"file": (io.BytesIO((",".join(booking_columns()) + "\n1,2\n").encode()), "s.csv")},
    )
    endless = ",".join(booking_columns()) + '\n"' + "1" * 200_000
    broken = desk.post("/bonds/statement?lang=en", data={"file": (io.BytesIO(endless.encode()), "s.csv")})
    monkeypatch.setattr("bidding.statement.LINES_MAX", 0)
    long = desk.post("/bonds/statement?lang=en", data=statement(good))

    assert [one.status_code for one in (columns, nothing, narrow, long)] == [422, 422, 200, 413]
    assert "Choose a file first." in nothing.text
    assert broken.status_code == 422
    assert "A quotation mark is never closed" in broken.text
    assert "account, amount, payer_name" in columns.text
    assert "2 where the heading has 6" in narrow.text
    assert "read it in pieces" in long.text
    with house.read() as session:
        assert session.scalar(sa.select(sa.func.count(BondPayment.id))) == 0


def test_a_guarantee_is_filed_asked_about_and_opened_by_few(deal: Deal, house: House) -> None:
    bidder, operator = house.person(Role.BIDDER), lodging.operator_of(house)
    client, desk = house.client(bidder), house.client(operator)
    page = f"/tenders/{deal.code}/bond/guarantee"
    assert client.post(page, data=guarantee_form(deal, amount="1")).status_code == 422
    assert client.post(page, data=guarantee_form(deal, file=(io.BytesIO(b"x"), "x.exe"))).status_code == 422
    assert client.post(page, data=guarantee_form(deal)).status_code == 303
    bond = only(house)
    file = f"/bonds/guarantees/{bond.id}/file"
    assert client.get(file).data == b"%PDF-1.7"
    assert desk.get(file).status_code == 200
    for other in (
        deal.buyer,
        house.person(Role.BIDDER),
        house.person(Role.SUPERVISOR),
        house.person(Role.EXPERT),
    ):
        assert house.client(other).get(file).status_code == 404
    assert "BH-1" in desk.get("/bonds").text

    assert desk.post(f"/bonds/guarantees/{bond.id}", data={"genuine": "no"}).status_code == 422
    assert desk.post(f"/bonds/guarantees/{bond.id}", data={"genuine": "yes"}).status_code == 303
    assert only(house).genuine is True


@pytest.mark.parametrize("role", [Role.BUYER, Role.AGENT, Role.EXPERT, Role.SUPERVISOR, Role.BIDDER, None])
def test_the_operators_desk_is_the_operators(house: House, role: Role | None) -> None:
    client = house.client(house.person(role) if role else None)
    assert client.get("/bonds").status_code in (302, 303, 401, 403)
    assert client.post("/bonds/payments", data={}).status_code in (302, 303, 401, 403)


def test_before_the_opening_nobody_else_sees_a_bond(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    bond = lodging.pay(deal, bidder)
    pages = [f"/tenders/{deal.code}", f"/tenders/{deal.code}/opening", f"/tenders/{deal.code}/opening/state"]
    people = [deal.buyer, house.person(Role.SUPERVISOR), house.person(Role.BIDDER), house.person(Role.AGENT)]
    for who in people:
        client = house.client(who)
        assert client.get(f"/desk/tenders/{deal.code}/bonds").status_code in (403, 404)
        for page in pages:
            assert str(bond.account) not in client.get(page).text
    before = house.client(deal.buyer).get(pages[2]).json["version"]
    lodging.pay(deal, house.person(Role.BIDDER))
    assert house.client(deal.buyer).get(pages[2]).json["version"] == before, "not even that somebody paid"


def test_after_the_opening_the_buyer_keeps_a_bond_or_is_refused(deal: Deal, house: House) -> None:
    sealed = deal.bids(3)
    bonds = [lodging.pay(deal, one.bidder) for one in sealed]
    deal.close()
    client, page = house.client(deal.buyer), f"/desk/tenders/{deal.code}/bonds"
    assert client.get(page).status_code == 404
    deal.release(1, 2, 3)
    assert client.get(page).text.count("500,000.00") == 3
    name = house.actor(sealed[0].bidder).org_name
    assert name.en in client.get(f"{page}?lang=en").text
    assert str(name) in client.get(f"{page}?lang=zh-CN").text
    assert house.client(house.person(Role.BUYER)).get(page).status_code == 404
    keep = f"{page}/{bonds[0].id}/keep"
    assert client.post(keep, data={"kept": "revoked", "reason": "x"}).status_code == 422
    assert client.post(keep, data={"kept": "because", "reason": "x"}).status_code == 422


def test_an_order_is_carried_out_at_the_desk(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    lodging.pay(deal, bidder)
    deal.close()
    (order,) = lodging.orders(house)
    desk = house.client(lodging.operator_of(house))
    assert str(order.id) in desk.get("/bonds").text
    assert desk.post(f"/bonds/orders/{order.id}/done").status_code == 303
    assert lodging.orders(house)[0].done_at == house.clock.now()
    assert house.client(bidder).post(f"/bonds/orders/{order.id}/done").status_code == 403
    assert "500,000.00" in house.client(bidder).get(f"/tenders/{deal.code}/bond").text


def test_the_desk_asks_no_more_for_many_orders_than_for_one(deal: Deal, house: House) -> None:
    bidders = [house.person(Role.BIDDER) for _ in range(4)]
    for bidder in bidders[:-1]:
        lodging.pay(deal, bidder)
    lodging.file(deal, bidders[-1])
    deal.close()
    asked: list[str] = []
    counts: list[tuple[int, int]] = []

    def note(_c: object, _k: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    sa.event.listen(house.platform.database.reader, "before_cursor_execute", note)
    for size in (1, 4):
        asked.clear()
        with house.read() as session:
            lines = queries_bonds.bond_orders(session, house.clock.now(), 2000, size=size)
            assert {one.lot for one in lines} == {1}
        counts.append((len(lines), len(asked)))
    sa.event.remove(house.platform.database.reader, "before_cursor_execute", note)

    assert counts == [(1, counts[0][1]), (4, counts[0][1])]


def test_machines_ask_book_and_carry_out(deal: Deal, house: House) -> None:
    bidder, operator = house.person(Role.BIDDER), lodging.operator_of(house)
    own, centre = house.token(bidder, "bid"), house.token(operator, "admin")
    client = house.client()
    ask = deal.url("lots/1/bond")
    assert client.post(ask, json={"payer_account": "12"}, headers=own).status_code == 422
    assert (
        client.post(deal.url("lots/9/bond"), json={"payer_account": lodging.BASIC}, headers=own).status_code
        == 404
    )
    assert client.post(ask, json={"payer_account": lodging.BASIC}, headers=centre).status_code == 403
    asked = client.post(ask, json={"payer_account": lodging.BASIC}, headers=own)
    assert asked.status_code == 201, asked.json
    (bond,) = asked.json["bonds"]
    paid = {
        "account": bond["account"],
        "amount": "500000.00",
        "payer_name": "某公司",
        "payer_account": lodging.BASIC,
        "bank_ref": "B1",
        "arrived_at": house.clock.now().isoformat(),
    }
    assert client.post("/api/v1/bonds/payments", json=paid, headers=own).status_code == 403
    for _ in range(2):
        booked = client.post("/api/v1/bonds/payments", json=paid, headers=centre)
        assert (booked.status_code, booked.json["own"]) == (200, False), booked.json
    lost = client.post(
        "/api/v1/bonds/payments", json=paid | {"account": "1" * 16, "bank_ref": "B2"}, headers=centre
    )
    assert lost.status_code == 404
    mine = client.get(deal.url("bonds"), headers=own).json
    assert (mine["bonds"][0]["standing"], mine["lots"][0]["due"]) == ("other_payer", "500000.00")
    assert (
        client.get(deal.url("bonds"), headers=house.token(house.person(Role.BIDDER), "bid")).json["bonds"]
        == []
    )

    deal.close()
    (order,) = lodging.orders(house)
    done = f"/api/v1/bonds/orders/{order.id}/done"
    assert client.post(done, headers=own).status_code == 403
    answer = client.post(done, headers=centre)
    assert (answer.status_code, answer.json["amount"]) == (200, "500000.00"), answer.json
