"""SQLite and PostgreSQL behave alike: one whole deal on each, and two writers at once.

Source: house style §5 (what differs is hidden in ``kernel/database.py``).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bidding.actions import bonds, bonds_book, closing, submission
from bidding.models import Bid, Opening
from bidding.models_bond import BondOrder, BondPayment
from kernel import timekeeper
from kernel.errors import Refusal
from kernel.ledger import sequencer
from kernel.ledger.audit import audit_log
from kernel.ledger.models import FactRow, LogCheckpoint, LogEntry, LogPending
from kernel.money import Money
from simulation import bonds as lodging
from simulation import deal as moves
from simulation.world import World, found_city
from tests.support.house import House
from trading import actions as trading
from trading.models import Tender
from trading.rules.lifecycle import Stage


def city(house: House, **more: int) -> World:
    return found_city(World(house.platform, house.clock, random.Random(7)), **more)


def published(world: World, method: str = "comprehensive", lots: int = 1) -> moves.Deal:
    regime, category = ("GP", "goods") if method.startswith("gp_") else ("TM", "works")
    deal = moves.draft_deal(
        world, world.buyers[0], title="向阳区污水管网提升工程", summary="新建与修复污水管道。", regime=regime,
        category=category, method=method, ceilings=[Money.from_yuan("9000000")] * lots,
    )  # fmt: skip
    moves.publish(world, deal)
    world.sequence()
    return deal


def offer(index: int, lot: int = 1) -> moves.Offer:
    return moves.Offer(lot=lot, price=Money.from_yuan(str(8_200_000 + 90_000 * index)))


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Do these in threads of their own, started together; what each returned or raised."""
    results: list[object] = [None] * len(deeds)
    start = threading.Barrier(len(deeds))

    def run(index: int, deed: Callable[[], object]) -> None:
        start.wait()
        try:
            results[index] = deed()
        except Exception as trouble:
            results[index] = trouble

    threads = [threading.Thread(target=run, args=(i, deed)) for i, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a deadlock"
    return results


@pytest.mark.parametrize("method", ["comprehensive", "gp_scoring"])
def test_a_deal_from_notice_to_award(any_house: House, method: str) -> None:
    world = city(any_house)
    deal = published(world, method)
    for i in range(4):
        lodging.lodge(world, deal, world.bidders[i])
    codes = [moves.bid(world, deal, world.bidders[i], offer(i)) for i in range(5)]
    moves.withdraw(world, deal, codes[0])
    moves.bid(world, deal, world.bidders[1], offer(9), replaces=codes[1])
    world.wait(days=22)
    assert moves.release(world, deal, [1, 2, 4])
    world.wait(minutes=11)
    moves.seat_panel(world, deal, refuse=1)
    moves.vote(world, deal)
    moves.score(world, deal)
    moves.sign_reports(world, deal)
    if method == "comprehensive":
        moves.publish_candidates(world, deal)
        end = moves.standstill_end(world, deal)
        with world.begin(world.bidders[2]) as work:
            objection = trading.file_objection(work, deal.tender_id, matter="result", text="评分有误。")
        with world.begin(deal.buyer) as work:
            trading.answer_objection(work, objection.id, "经核实，评分无误。", upheld=False)
        world.pass_time(end + timedelta(hours=1))
    moves.confirm(world, deal)
    world.sequence()

    with any_house.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        assert [lot.stage for lot in tender.lots] == [Stage.AWARDED]
        states = sorted(
            str(s) for s in session.scalars(sa.select(Bid.state).where(Bid.tender_id == tender.id))
        )
        assert states == ["complete"] * 4 + ["replaced", "withdrawn"]
        broken = [
            (one.name, breach)
            for room in any_house.platform.rooms
            for one in room.promises
            for breach in one.check(session, any_house.clock.now())
        ]
    assert broken == []
    assert audit_log(any_house.platform).findings == []


def test_all_rejected_by_the_panel_fails_the_lot(any_house: House) -> None:
    world = city(any_house)
    deal = published(world, "gp_lowest")
    codes = [moves.bid(world, deal, world.bidders[i], offer(i)) for i in range(3)]
    world.wait(days=22)
    assert moves.release(world, deal, [1, 3, 5])
    world.wait(minutes=11)
    moves.seat_panel(world, deal)

    moves.vote(world, deal, reject=dict.fromkeys(codes, "qualified"))

    with any_house.read() as session:
        lot = session.get_one(Tender, deal.tender_id).lots[0]
    assert (lot.stage, lot.failed_for) == (Stage.FAILED, "all_rejected")


def test_both_upheld_objections_send_the_lot_back_once(any_house: House) -> None:
    world = city(any_house)
    deal = published(world)
    for i in range(4):
        moves.bid(world, deal, world.bidders[i], offer(i))
    world.wait(days=22)
    assert moves.release(world, deal, [1, 2, 3])
    world.wait(minutes=11)
    moves.seat_panel(world, deal)
    moves.vote(world, deal)
    moves.score(world, deal)
    moves.sign_reports(world, deal)
    moves.publish_candidates(world, deal)
    filed = []
    for bidder in world.bidders[:2]:
        with world.begin(bidder) as work:
            filed.append(trading.file_objection(work, deal.tender_id, matter="result", text="资格不符。").id)

    with world.begin(deal.buyer) as work:
        trading.answer_objection(work, filed[0], "异议成立。", upheld=True)
    with any_house.read() as session:
        still = session.get_one(Tender, deal.tender_id)
        assert still.suspended_at is not None
        assert still.lots[0].stage is Stage.STANDSTILL
    with world.begin(deal.buyer) as work:
        trading.answer_objection(work, filed[1], "异议成立。", upheld=True)

    with any_house.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        assert (tender.suspended_at, tender.lots[0].stage) == (None, Stage.EVALUATION)


def test_two_bidders_commit_at_the_same_time(any_house: House) -> None:
    world = city(any_house, bidders=4)
    deal = published(world)
    sealed = [moves.seal_offer(world, deal, world.bidders[i], offer(i)) for i in range(4)]

    done = at_once(*(lambda i=i: moves.submit(world, deal, world.bidders[i], sealed[i]) for i in range(4)))  # type: ignore[misc]

    assert done == [one.code for one in sealed]
    world.sequence()
    assert audit_log(any_house.platform).findings == []


def test_the_same_commitment_twice_at_once_is_one_bid(any_house: House) -> None:
    world = city(any_house, bidders=2)
    deal = published(world)
    bidder = world.bidders[0]
    sealed = moves.seal_offer(world, deal, bidder, offer(0))

    def commit() -> str:
        with world.begin(bidder) as work:
            return submission.commit_bid(work, deal.tender_id, sealed.body, sealed.sig, sealed.hashes).code

    done = at_once(commit, commit, commit)

    assert sealed.code in done
    assert all(one == sealed.code or isinstance(one, Refusal) for one in done), done
    with any_house.read() as session:
        facts = sa.select(sa.func.count()).where(FactRow.name == "bidding.bid.committed")
        assert session.scalar(sa.select(sa.func.count()).select_from(Bid)) == 1
        assert session.scalar(facts) == 1


def test_one_firm_gets_one_bond_account_and_one_line_of_the_bank_is_one_payment(any_house: House) -> None:
    world = city(any_house, bidders=3)
    deal = published(world)
    bidder = world.bidders[0]
    with any_house.read() as session:
        lot_id = session.get_one(Tender, deal.tender_id).lots[0].id

    def ask() -> str | None:
        with world.begin(bidder) as work:
            return bonds.ask_account(work, lot_id, lodging.own_account(bidder)).account

    accounts = at_once(ask, ask, ask)
    assert len(set(accounts)) == 1, accounts

    def book() -> bool:
        with world.begin(world.operators[0]) as work:
            arrival = bonds_book.Arrival(
                account=str(accounts[0]),
                amount=Money.from_yuan("90000"),
                payer_name=bidder.org_name,
                payer_account=lodging.own_account(bidder),
                bank_ref="YH1",
                arrived_at=work.now,
            )
            return bonds_book.book_payment(work, arrival)

    assert at_once(book, book, book) == [True, True, True]
    with any_house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(BondPayment)) == 1
    world.wait(days=22)
    with any_house.read() as session:
        (order,) = session.scalars(sa.select(BondOrder)).all()
    assert (order.reason, order.amount) == ("failed", Money.from_yuan("90000"))
    assert lodging.carry_out(world) > Money.from_yuan("90000"), "with interest"
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), any_house.begin() as work:
        work.session.execute(sa.update(BondPayment).values(payer_name="另一家"))
    assert audit_log(any_house.platform).findings == []


def test_two_bids_of_one_firm_at_once_leave_one(any_house: House) -> None:
    world = city(any_house, bidders=2)
    deal = published(world)
    bidder = world.bidders[0]
    sealed = [moves.seal_offer(world, deal, bidder, offer(i)) for i in range(2)]

    done = at_once(*(lambda s=s: moves.submit(world, deal, bidder, s) for s in sealed))  # type: ignore[misc]

    complete = sum(isinstance(one, str) for one in done)
    assert complete == 1, done
    assert [one.code for one in done if isinstance(one, Refusal)] == ["bid_second"], done


def test_two_timekeepers_close_a_tender_once(any_house: House) -> None:
    world = city(any_house, bidders=4)
    deal = published(world)
    for i in range(3):
        moves.bid(world, deal, world.bidders[i], offer(i))
    any_house.clock.move(any_house.clock.now() + timedelta(days=22))

    done = at_once(*(lambda: timekeeper.keep_time(any_house.platform) for _ in range(3)))

    assert [one for one in done if isinstance(one, Exception)] == []
    with any_house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Opening)) == 1
        opening = closing.opening_of(session, deal.tender_id)
        assert opening is not None
        assert len(opening.close_body["bids"]) == 3


def test_two_sequencers_give_every_entry_one_place(any_house: House) -> None:
    world = city(any_house, bidders=2)
    published(world)
    for _ in range(3):
        sequencer.tick(any_house.platform, every=timedelta(0))

    done = at_once(*(lambda: sequencer.sequence(any_house.platform).size for _ in range(4)))

    assert len(set(done)) == 1
    with any_house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LogPending)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(LogEntry)) == done[0]
        assert session.scalar(sa.select(sa.func.max(LogCheckpoint.size))) == done[0]
    assert audit_log(any_house.platform).findings == []


def test_the_close_and_a_late_commit_do_not_cross(any_house: House) -> None:
    world = city(any_house, bidders=5)
    deal = published(world)
    for i in range(3):
        moves.bid(world, deal, world.bidders[i], offer(i))
    late = moves.seal_offer(world, deal, world.bidders[4], offer(4))
    any_house.clock.move(any_house.clock.now() + timedelta(days=22))

    done = at_once(
        lambda: timekeeper.keep_time(any_house.platform),
        lambda: moves.submit(world, deal, world.bidders[4], late),
    )

    assert isinstance(done[1], Refusal)
    assert done[1].code == "bids_closed"
    with any_house.read() as session:
        opening = closing.opening_of(session, deal.tender_id)
        assert opening is not None
        assert late.code not in {one["bid"] for one in opening.close_body["bids"]}
