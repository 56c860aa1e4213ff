"""Bid bonds of sealed tenders: lodging, booking, secrecy, and how they end. Each refusal beside its success.

Source: 招标投标法 第二十二条; 实施条例 第二十六条, 第三十五条, 第五十七条, 第七十四条.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding.actions import bonds, bonds_book, bonds_end
from bidding.bond_facts import OPEN_FIELDS
from bidding.models_bond import BidBond, BondOrderKind, BondPayment
from bidding.rules.bonds import Kept, Standing
from kernel.errors import NotAllowed, NotFound, NotNow, NotValid, TooLarge
from kernel.identity.models import Organization
from kernel.ledger.models import LogRecord
from kernel.money import Money
from kernel.outbox.models import Message
from kernel.rights import Role
from sealbid import signatures
from tests.integration.bidding import lodging
from tests.integration.bidding.deal import Deal, SealedBid
from tests.support.house import House
from trading import actions as trading
from trading.models import Tender


def withdraw(deal: Deal, bid: SealedBid) -> None:
    client = deal.house.client(bid.bidder)
    leaf = client.get(f"/api/v1/bids/{bid.code}").json["commit_leaf"]
    body = {"bid": bid.code, "commit_leaf": leaf}
    sig = signatures.sign("bid-withdraw", body, bid.bk).to_json()
    answer = client.post(f"/api/v1/bids/{bid.code}/withdraw", json={"body": body, "sig": sig})
    assert answer.status_code == 200, answer.json


def standing(deal: Deal, bidder: Any) -> bonds.Lodged | None:
    with deal.house.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        found = bonds.lodged(session, tender, deal.house.clock.now())
        return found.get((lodging.lot_of(deal), deal.actor(bidder).org_id))


def test_a_bidder_gets_an_account_of_its_own_and_pays(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    first, again = lodging.ask(deal, bidder), lodging.ask(deal, bidder)
    other = lodging.ask(deal, house.person(Role.BIDDER))

    assert first.id == again.id
    assert first.account is not None
    assert len(first.account) == 16
    assert first.account.isdigit()
    assert first.account != other.account
    assert first.due == Money.from_yuan("500000")
    assert (first.payer_shown, lodging.BASIC in first.payer_hash) == ("••••7731", False)
    assert standing(deal, bidder).standing is Standing.NONE  # type: ignore[union-attr]

    lodging.pay(deal, bidder, first)

    found = standing(deal, bidder)
    assert found is not None
    assert (found.standing, found.amount, found.own, found.form) == (
        Standing.SOUND,
        Money.from_yuan("500000"),
        True,
        "transfer",
    )
    with house.read() as session:
        mails = session.scalars(sa.select(Message).where(Message.template == "bond_booked")).all()
    assert [one.to for one in mails] == [bidder.email]


def test_no_account_without_a_payer_a_bond_or_time(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    with pytest.raises(NotValid, match="payer_account_invalid"):
        lodging.ask(deal, bidder, account="12")
    with pytest.raises(NotAllowed), house.begin(deal.actor(deal.buyer)) as work:
        bonds.ask_account(work, lodging.lot_of(deal), lodging.BASIC)
    with pytest.raises(NotFound), house.begin(deal.actor(bidder)) as work:
        bonds.ask_account(work, deal.tender_id, lodging.BASIC)
    with house.begin() as work:
        tender = work.lock(Tender, deal.tender_id)
        tender.bond = Money(0)
        _note(work, tender)
    with pytest.raises(NotNow, match="bond_not_asked"):
        lodging.ask(deal, bidder)
    house.clock.move(deal.closes_at)
    with pytest.raises(NotNow, match="bids_closed"):
        lodging.ask(deal, bidder)


def _note(work: Any, tender: Tender) -> None:
    """A change of the tender needs its fact; which one is no matter here."""
    from trading.facts import TenderResumed

    work.record(TenderResumed(subject=tender.id, tender=tender.code, bids_close_at=tender.bids_close_at))


def test_nothing_is_lodged_before_the_notice(house: House) -> None:
    deal = Deal(house)
    bidder = house.person(Role.BIDDER)
    with pytest.raises(NotFound):
        lodging.ask(deal, bidder)
    deal.publish()
    assert lodging.ask(deal, bidder).account


def test_what_is_booked_must_be_whole_and_here(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    bond = lodging.ask(deal, bidder)
    operator = deal.actor(lodging.operator_of(house))
    good = lodging.arrival(house, bidder, bond)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"amount": Money(0)}, NotValid, "payment_amount"),
        ({"payer_name": " "}, NotValid, "payer_missing"),
        ({"payer_account": "0000"}, NotValid, "payer_account_invalid"),
        ({"bank_ref": ""}, NotValid, "bank_ref_missing"),
        ({"arrived_at": house.clock.now() + timedelta(seconds=1)}, NotValid, "arrives_later"),
        ({"account": "0" * 16}, NotFound, "not_found"),
    ]
    for change, kind, code in wrong:
        with pytest.raises(kind, match=code), house.begin(operator) as work:
            bonds_book.book_payment(work, bonds_book.Arrival(**(vars(good) | change)))
    with pytest.raises(NotAllowed), house.begin(deal.actor(bidder)) as work:
        bonds_book.book_payment(work, good)
    for _ in range(2):
        with house.begin(operator) as work:
            assert bonds_book.book_payment(work, good)
    with house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(BondPayment)) == 1


@pytest.mark.parametrize(
    ("more", "own", "worth"),
    [
        ({}, True, Standing.SOUND),
        ({"name": "别人有限公司"}, False, Standing.OTHER_PAYER),
        ({"amount": "499999.99"}, True, Standing.SHORT),
    ],
)
def test_the_payer_must_be_the_bidder_from_his_basic_account(
    deal: Deal, house: House, more: dict[str, Any], own: bool, worth: Standing
) -> None:
    bidder = house.person(Role.BIDDER)
    lodging.pay(deal, bidder, **more)
    found = standing(deal, bidder)
    assert found is not None
    assert (found.own, found.standing) == (own, worth)


def test_another_account_of_the_bidder_is_not_his_basic_one(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    bond = lodging.ask(deal, bidder)
    lodging.pay(deal, bidder, bond, account="6222020200019999")
    assert standing(deal, bidder).standing is Standing.OTHER_PAYER  # type: ignore[union-attr]


def test_a_guarantee_counts_like_money(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    filed = lodging.file(deal, bidder)
    assert lodging.file(deal, bidder).id == filed.id
    found = standing(deal, bidder)
    assert found is not None
    assert (found.standing, found.form, found.issuer) == (Standing.SOUND, "guarantee", "阳光银行")

    operator = deal.actor(lodging.operator_of(house))
    with pytest.raises(NotValid, match="reason_missing"), house.begin(operator) as work:
        bonds_book.check_guarantee(work, filed.id, genuine=False)
    with house.begin(operator) as work:
        bonds_book.check_guarantee(work, filed.id, genuine=False, note="出函机构查无此函")
    assert standing(deal, bidder).standing is Standing.NOT_GENUINE  # type: ignore[union-attr]
    with house.begin(operator) as work:
        bonds_book.check_guarantee(work, filed.id, genuine=True)
    assert standing(deal, bidder).standing is Standing.SOUND  # type: ignore[union-attr]

    paid = lodging.ask(deal, bidder)
    assert paid.number == 2
    with pytest.raises(NotFound), house.begin(operator) as work:
        bonds_book.check_guarantee(work, paid.id, genuine=True)
    with pytest.raises(NotAllowed), house.begin(deal.actor(bidder)) as work:
        bonds_book.check_guarantee(work, filed.id, genuine=True)


def test_a_guarantee_that_could_not_count_is_refused(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    last = deal.closes_at.astimezone().date()
    binds = bonds.bonds.bind_until(deal.closes_at, 90)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"issuer": " "}, NotValid, "guarantee_incomplete"),
        ({"number": ""}, NotValid, "guarantee_incomplete"),
        ({"amount": Money.from_yuan("499999.99")}, NotValid, "guarantee_short"),
        ({"valid_until": binds - timedelta(days=1)}, NotValid, "guarantee_ends_early"),
        ({"valid_until": last}, NotValid, "guarantee_ends_early"),
        ({"file_name": "保函.exe"}, NotValid, "guarantee_file"),
        ({"data": b""}, NotValid, "guarantee_file"),
        ({"data": b"x" * (bonds.GUARANTEE_BYTES_MAX + 1)}, TooLarge, "guarantee_too_large"),
    ]
    for more, kind, code in wrong:
        with pytest.raises(kind, match=code):
            lodging.file(deal, bidder, **more)
    assert lodging.file(deal, bidder, valid_until=binds).valid_until == binds


def test_every_lot_has_its_own_account_and_share(house: House) -> None:
    deal = Deal(house, lots=2).publish()
    bidder = house.person(Role.BIDDER)
    first, second = lodging.ask(deal, bidder), lodging.ask(deal, bidder, lot=2)
    assert first.account != second.account
    assert first.due == second.due == Money.from_yuan("250000")


def test_nothing_in_log_or_facts_names_a_bidder(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    bond = lodging.pay(deal, bidder)
    lodging.file(deal, bidder)
    deal.submit(bid := deal.seal(bidder))
    withdraw(deal, bid)
    told = lodging.bond_facts(house)
    assert {name for name, _, _ in told} == {
        "bidding.bid_bond.asked",
        "bidding.bid_bond.arrived",
        "bidding.bid_bond.guaranteed",
        "bidding.bid_bond.ordered",
    }
    with house.read() as session:
        org = session.get_one(Organization, bond.org_id)
        records = session.execute(
            sa.select(LogRecord.kind, LogRecord.jcs).where(LogRecord.tender == deal.code)
        ).all()
        subjects = set(session.scalars(sa.select(BidBond.id)))
        from kernel.ledger.models import FactRow

        assert deal.tender_id not in set(
            session.scalars(sa.select(FactRow.subject).where(FactRow.name.like("bidding.bid_bond.%")))
        )
    for _, body, _ in told:
        assert set(body) <= OPEN_FIELDS
    assert len(subjects) == 2
    for kind, text in records:
        if kind == "decision":
            for secret in (str(org.id), org.uscc, org.name, str(bond.account)):
                assert secret not in text.decode()


@pytest.mark.parametrize("lodge", [lodging.pay, lodging.file])
def test_t_117_a_withdrawn_bid_sends_its_bond_back(deal: Deal, house: House, lodge: Any) -> None:
    bidder = house.person(Role.BIDDER)
    bond = lodge(deal, bidder)
    bid = deal.submit(deal.seal(bidder))
    assert lodging.orders(house) == []

    withdraw(deal, bid)

    (order,) = lodging.orders(house)
    assert (order.bond_id, order.kind, order.reason, order.row, order.amount) == (
        bond.id,
        BondOrderKind.REFUND,
        "withdrawn",
        "withdrawn_bond_refund_days_max",
        Money.from_yuan("500000"),
    )
    assert house.clock.now() < order.due_at <= house.clock.now() + timedelta(days=9)

    deal.submit(deal.seal(bidder))
    assert lodging.orders(house) == [], "he bids again: the bond stays"


def test_a_bond_that_went_back_is_lodged_anew(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    bond = lodging.pay(deal, bidder)
    withdraw(deal, deal.submit(deal.seal(bidder)))
    (order,) = lodging.orders(house)
    house.clock.move(house.clock.now() + timedelta(days=3))
    operator = deal.actor(lodging.operator_of(house))
    with pytest.raises(NotAllowed), house.begin(deal.actor(bidder)) as work:
        bonds_end.done_bond(work, order.id)
    for _ in range(2):
        with house.begin(operator) as work:
            done = bonds_end.done_bond(work, order.id)
    assert done.interest == Money.from_yuan("8.33"), "500,000 for three days at 0.2 %, of 360"
    with pytest.raises(NotNow, match="bond_went_back"), house.begin(operator) as work:
        bonds_book.book_payment(work, lodging.arrival(house, bidder, bond, ref="late"))

    deal.submit(deal.seal(bidder))
    fresh = lodging.ask(deal, bidder)
    assert (fresh.number, fresh.account == bond.account) == (2, False)


def test_a_replaced_bid_keeps_its_bond(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    lodging.pay(deal, bidder)
    first = deal.submit(deal.seal(bidder))
    deal.submit(deal.seal(bidder, replaces=first.code))
    assert lodging.orders(house) == []


def test_at_the_close_bonds_without_a_bid_go_back_and_a_failed_lot_returns_all(
    deal: Deal, house: House
) -> None:
    idle, one = house.person(Role.BIDDER), house.person(Role.BIDDER)
    lodging.pay(deal, idle)
    lodging.pay(deal, one)
    lodging.ask(deal, house.person(Role.BIDDER))
    deal.submit(deal.seal(one))
    deal.close()
    found = {order.reason for order in lodging.orders(house)}
    assert found == {"failed"}
    assert len(lodging.orders(house)) == 2, "an account nothing came to needs no order"


def test_money_that_comes_after_the_close_is_late_and_goes_back(deal: Deal, house: House) -> None:
    idle, late = house.person(Role.BIDDER), house.person(Role.BIDDER)
    empty, waiting = lodging.ask(deal, idle), lodging.ask(deal, late)
    deal.submit(deal.seal(late))
    deal.bids(2)
    deal.close()
    lodging.pay(deal, idle, empty)
    lodging.pay(deal, late, waiting)
    assert [order.reason for order in lodging.orders(house)] == ["no_bid"]
    found = standing(deal, late)
    assert found is not None
    assert found.standing is Standing.LATE


def test_a_terminated_tender_returns_every_bond(deal: Deal, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    lodging.pay(deal, bidder)
    with house.begin(deal.actor(deal.buyer)) as work:
        trading.terminate_tender(work, deal.tender_id, "规划调整")
    assert [order.reason for order in lodging.orders(house)] == ["terminated"]


def test_o_09_a_bond_is_kept_on_a_listed_ground_only(deal: Deal, house: House) -> None:
    sound = deal.bids(3)
    spoiled = house.person(Role.BIDDER)
    kept = lodging.pay(deal, spoiled)
    other = lodging.pay(deal, sound[0].bidder)
    nothing = lodging.ask(deal, sound[1].bidder)

    def spoil(part: str, raw: bytes) -> bytes:
        return raw[:-1] + bytes([raw[-1] ^ 1])

    deal.submit(deal.seal(spoiled, spoil=spoil))
    deal.close()
    deal.release(1, 2, 3)
    buyer = deal.actor(deal.buyer)
    for bond, ground, reason, kind, code in (
        (kept, Kept.REVOKED, " ", NotValid, "reason_missing"),
        (other, Kept.REVOKED, "无", NotValid, "bond_must_be_returned"),
        (other, Kept.NO_CONTRACT, "无", NotValid, "bond_must_be_returned"),
        (nothing, Kept.NO_PERFORMANCE_BOND, "无", NotValid, "bond_must_be_returned"),
    ):
        with pytest.raises(kind, match=code), house.begin(buyer) as work:
            bonds_end.keep_bond(work, bond.id, ground, reason)
    with pytest.raises(NotAllowed), house.begin(deal.actor(spoiled)) as work:
        bonds_end.keep_bond(work, kept.id, Kept.REVOKED, "截标后撤销")
    for _ in range(2):
        with house.begin(buyer) as work:
            order = bonds_end.keep_bond(work, kept.id, Kept.REVOKED, "因投标人原因无法解密，视为撤销")
    assert (order.kind, order.reason) == (BondOrderKind.KEEP, "revoked")
    assert [one.reason for one in lodging.orders(house)] == ["revoked"]
