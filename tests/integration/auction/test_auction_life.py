"""From printed terms to a settled lot: every step, and the refusal beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding import promises_auction, queries_bonds
from bidding import queries_auction as queries
from bidding.actions import auctions, auctions_end, auctions_life, bonds_end
from bidding.models_auction import AuctionSeat, AuctionStage
from bidding.models_bond import BondOrder
from bidding.rules.auction import Format, Terms, sight
from bidding.rules.auction.terms import LimitMode, Priority, PriorityMode, Visible
from kernel.errors import NotAllowed, NotFound, NotNow, NotValid
from kernel.ledger import sequencer
from kernel.ledger.audit import audit_log
from kernel.ledger.models import FactRow, LogRecord
from kernel.money import Money
from kernel.rights import Role
from tests.integration.auction.sale import Hall, Sale, plates
from tests.support.house import House
from trading import actions as trading
from trading.models import Lot, Notice
from trading.rules.lifecycle import Stage as LotStage

SECOND = timedelta(seconds=1)


def played(sale: Sale, count: int = 3) -> Hall:
    """An auction that ran: everybody offered, the last one is best."""
    seats = sale.bidders(count)
    hall = Hall(sale).start()
    for at, seat in enumerate(seats):
        hall.offer(seat.plate, 950000 - at * 10000)
    hall.end().follow()
    hall.core.stop()
    return hall


def test_an_auction_from_the_notice_to_the_settled_lot(any_house: House) -> None:
    sale = Sale(any_house)
    sale.publish()
    assert sale.auction().stage is AuctionStage.PRINTED
    hall = played(sale)

    assert sale.auction().stage is AuctionStage.SOLD
    assert sale.lot().stage is LotStage.EVALUATION
    winner = sale.auction().result["winner"]  # type: ignore[index]
    with any_house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, hall.id)
    lot = sale.lot()
    assert lot.stage is LotStage.AWARDED
    assert lot.outcome is not None
    assert (lot.outcome["price"], lot.outcome["plate"]) == ("930000.00", winner)
    with any_house.read() as session:
        notice = session.scalars(sa.select(Notice).where(Notice.kind == "result")).unique().one()
        assert notice.body["winner"]["plate"] == winner
        seat = auctions.seat_of(session, hall.id, None if not lot.outcome else lot.outcome and _org(lot))
        assert seat is not None
        for promise in promises_auction.PROMISES:
            assert list(promise.check(session, any_house.clock.now())) == []
    sequencer.sequence(any_house.platform)
    assert audit_log(any_house.platform).findings == []


def _org(lot: Lot) -> Any:
    from uuid import UUID

    assert lot.outcome is not None
    return UUID(lot.outcome["supplier"])


def test_the_notice_prints_the_terms_and_nobody_changes_them_afterwards(sale: Sale, house: House) -> None:
    with house.read() as session:
        notice = session.scalars(sa.select(Notice).where(Notice.kind == "notice")).unique().one()
    assert notice.body["lots"][0]["live"]["terms"] == sale.auction().terms
    assert Terms.from_plain(sale.auction().terms) == sale.terms()
    assert notice.title.endswith("竞价公告")
    shown = sale.terms().but(visible=Visible())

    for wanted in (sale.terms().to_plain(), shown.to_plain()):
        with pytest.raises(NotNow, match="terms_are_printed"), house.begin(sale.actor(sale.buyer)) as work:
            auctions.set_terms(work, sale.lot_id(), wanted)
    with pytest.raises(NotNow, match="terms_are_printed"), house.begin(sale.actor(sale.buyer)) as work:
        trading.print_live_terms(work, sale.lot_id(), {})


def test_a_notice_without_terms_is_refused(house: House) -> None:
    sale = Sale(house)
    sale.state_keys()
    with house.platform.database.session(write=True) as session, session.begin():
        session.execute(sa.update(Lot).values(live=None))

    with pytest.raises(NotValid, match="auction_terms_missing"), house.begin(sale.actor(sale.buyer)) as work:
        trading.publish_notice(work, sale.tender_id)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("auction_start_missing", {"starts_at": None}),
        ("auction_direction", {"direction": "up", "format": "ascending", "basis": "best"}),
        ("auction_above_ceiling", {"start": "1000000.01"}),
        ("auction_value_invalid", {"free_seconds": "long"}),
    ],
)
def test_terms_that_do_not_fit_are_refused(house: House, code: str, changes: dict[str, Any]) -> None:
    sale = Sale(house)
    plain = sale.terms().to_plain() | changes

    with pytest.raises(NotValid, match=code), house.begin(sale.actor(sale.buyer)) as work:
        auctions.set_terms(work, sale.lot_id(), plain)


def test_only_the_buyer_enters_terms(house: House) -> None:
    sale = Sale(house)
    stranger = house.person(Role.BUYER)

    with pytest.raises(NotAllowed), house.begin(house.actor(stranger)) as work:
        auctions.set_terms(work, sale.lot_id(), sale.terms().to_plain())


def test_a_plate_is_random_unique_and_provable(sale: Sale, house: House) -> None:
    seats = sale.bidders(5)

    assert len({seat.plate for seat in seats}) == 5
    with house.read() as session:
        rows = session.scalars(
            sa.select(FactRow).where(FactRow.name == "bidding.auction_seat.taken").order_by(FactRow.seq)
        ).all()
    for row in rows:
        said = row.private
        assert (
            auctions.plate_from(sale.auction().id, bytes.fromhex(said["nonce"]), said["before"])
            == said["plate"]
        )
        assert "plate" not in row.body
        assert "org" not in row.body


def test_registering_twice_is_one_registration_and_too_late_is_none(sale: Sale, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    first = sale.register(bidder)
    again = sale.register(bidder)
    assert again.plate == first.plate
    house.clock.move(sale.closes_at)

    with pytest.raises(NotNow, match="registration_closed"):
        sale.register()


def test_registering_needs_a_statement_and_another_hat_than_the_buyers(sale: Sale, house: House) -> None:
    bidder = house.person(Role.BIDDER)
    with pytest.raises(NotValid, match="eligibility_missing"), house.begin(house.actor(bidder)) as work:
        auctions.register(work, sale.auction().id, {"eligible": False})
    with house.read() as session:
        buyer_org = session.get_one(auctions.Tender, sale.tender_id).buyer_id
    inside = replace(house.actor(bidder), org_id=buyer_org)
    with pytest.raises(NotValid, match="own_auction"), house.begin(inside) as work:
        auctions.register(work, sale.auction().id, {"eligible": True})
    with pytest.raises(NotAllowed), house.begin(sale.actor(sale.buyer)) as work:
        auctions.register(work, sale.auction().id, {"eligible": True})


def test_without_his_deposit_a_bidder_is_not_admitted(house: House) -> None:
    sale = Sale(house, bond="20000")
    sale.publish()
    bidder = house.person(Role.BIDDER)
    with house.begin(house.actor(bidder)) as work:
        seat = auctions.register(work, sale.auction().id, {"eligible": True})
    with house.read() as session:
        assert not isinstance(
            queries.viewer_of(session, house.actor(bidder), sale.auction().id), sight.Bidder
        )

    with pytest.raises(NotValid, match="bond_short"), house.begin() as work:
        auctions.confirm_bond(work, seat.bond_account, Money.from_yuan("19999.99"))
    with pytest.raises(NotFound), house.begin() as work:
        auctions.confirm_bond(work, "0000000000000000", Money.from_yuan("20000"))
    with pytest.raises(NotAllowed), house.begin(house.actor(bidder)) as work:
        auctions.confirm_bond(work, seat.bond_account, Money.from_yuan("20000"))
    with house.begin() as work:
        auctions.confirm_bond(work, seat.bond_account, Money.from_yuan("20000"))
    with house.read() as session:
        assert queries.viewer_of(session, house.actor(bidder), sale.auction().id) == sight.Bidder(seat.plate)
        assert seat.plate in queries.state_of(session, sale.auction().id).seats


def test_losers_deposits_are_ordered_back_at_the_close_and_the_winners_later(house: House) -> None:
    sale = Sale(house, bond="20000")
    sale.publish()
    hall = played(sale)
    with house.read() as session:
        rows = session.execute(
            sa.select(AuctionSeat.plate, BondOrder).join(BondOrder, BondOrder.seat_id == AuctionSeat.id)
        ).all()
    winner = sale.auction().result["winner"]  # type: ignore[index]
    assert {row.plate for row in rows} == set(plates(sale)) - {winner}
    assert all(order.due_at > order.ordered_at for _, order in rows)

    with house.begin(sale.actor(sale.buyer)) as work:
        kept = auctions_end.keep_bond(work, hall.id, "拒绝签订合同")
    with house.begin() as work:
        bonds_end.done_bond(work, rows[0][1].id)
    with house.read() as session:
        left = queries_bonds.bond_orders(session, house.clock.now(), 2000)
    assert kept.kind == "keep"
    assert {one.kind for one in left} == {"refund", "keep"}
    assert len(left) == 2


def test_too_few_bidders_at_the_start_fail_the_auction_and_its_lot(sale: Sale, house: House) -> None:
    sale.bidders(2)

    sale.tick(sale.closes_at)

    assert (sale.auction().stage, sale.auction().failed_for) == (AuctionStage.FAILED, "too_few_bidders")
    assert sale.lot().stage is LotStage.FAILED
    with house.read() as session:
        assert session.scalars(sa.select(Notice).where(Notice.kind == "failure")).unique().one()


def test_a_buyer_may_pass_over_a_low_offer_only_with_a_ground(sale: Sale, house: House) -> None:
    hall = played(sale)
    result = sale.auction().result
    assert result is not None
    best, second = result["ranking"][0]["plate"], result["ranking"][1]

    with pytest.raises(NotValid, match="reason_missing"), house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, hall.id, rejected={best: " "})
    with pytest.raises(NotValid, match="plate_unknown"), house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, hall.id, rejected={"001": "x"})
    with pytest.raises(NotAllowed), house.begin(house.actor(house.person(Role.BUYER))) as work:
        auctions_end.confirm_result(work, hall.id)
    with house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, hall.id, rejected={best: "报价明显过低且不能说明"})

    outcome = sale.lot().outcome
    assert outcome is not None
    assert (outcome["plate"], outcome["price"], outcome["rank"]) == (second["plate"], second["price"], 2)
    assert best in outcome["reason"]


def test_a_result_is_not_confirmed_before_the_end(sale: Sale, house: House) -> None:
    sale.bidders(3)
    hall = Hall(sale).start()
    with pytest.raises(NotNow, match="auction_not_over"), house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, hall.id)
    hall.core.stop()


def test_a_suspended_tender_stops_the_clock_and_going_on_gives_the_time_back(
    sale: Sale, house: House
) -> None:
    sale.bidders(3)
    hall = Hall(sale).start()
    before = hall.core.state(hall.id)
    assert before is not None
    assert before.ends_at is not None
    house.clock.tick(timedelta(minutes=10))
    left = before.ends_at - house.clock.now()
    with house.begin() as work:
        trading.suspend_tender(work, sale.tender_id, "投诉处理")
    house.clock.tick(timedelta(days=2))
    with house.begin() as work:
        trading.resume_tender(work, sale.tender_id)
    hall.core.turn()
    hall.core.refresh(hall.id)
    hall.core.turn()
    stopped = hall.core.state(hall.id)
    assert stopped is not None
    assert stopped.stopped is not None
    assert stopped.stopped.resumes_at == house.clock.now() + timedelta(minutes=30)
    house.clock.tick(timedelta(minutes=30))
    hall.core.turn()
    house.clock.tick(SECOND)
    hall.core.turn()
    after = hall.core.state(hall.id)
    assert after is not None
    assert after.ends_at is not None
    assert after.ends_at - stopped.stopped.resumes_at == left
    hall.core.stop()


def test_a_terminated_tender_takes_its_auctions_with_it(sale: Sale, house: House) -> None:
    sale.bidders(3)
    with house.begin(sale.actor(sale.buyer)) as work:
        trading.terminate_tender(work, sale.tender_id, "取消采购任务")

    assert sale.auction().stage is AuctionStage.CANCELLED
    assert sale.head().over


def test_stopping_needs_a_reason_and_a_right(sale: Sale, house: House) -> None:
    sale.bidders(3)
    sale.tick(sale.closes_at)
    for reason in (" ", "failover"):
        with pytest.raises(NotValid, match="reason_missing"), house.begin(sale.actor(sale.buyer)) as work:
            auctions_life.stop_auction(work, sale.auction().id, reason)
    with pytest.raises(NotAllowed), house.begin(house.actor(house.person(Role.BIDDER))) as work:
        auctions_life.stop_auction(work, sale.auction().id, "x")
    with house.begin(house.actor(house.person(Role.OPERATOR))) as work:
        auctions_life.stop_auction(work, sale.auction().id, "机房断电")
    with house.read() as session:
        assert [one.reason for one in queries.outages_of(session, sale.auction().id)] == ["机房断电"]


@pytest.mark.parametrize("offers", [0, 6])
def test_the_log_grows_alike_whether_or_not_anybody_offers(sale: Sale, house: House, offers: int) -> None:
    sale.bidders(3)
    hall = Hall(sale).start().follow()
    start = _records(house)
    for at in range(6):
        house.clock.tick(timedelta(seconds=6))
        if at < offers:
            hall.offer(plates(sale)[at % 3], 950000 - at * 10000)
        auctions_life.anchor_journals(house.platform)
    hall.core.stop()

    assert _records(house) - start == 6


def _records(house: House) -> int:
    with house.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(LogRecord)) or 0


def test_a_held_standing_limit_is_executed_by_the_core_and_replays(house: House) -> None:
    from bidding.rules.auction import events

    sale = Sale(house, format=Format.OPEN_REVERSE, printed={"limits": LimitMode.HELD})
    sale.publish()
    a, b, c = (seat.plate for seat in sale.bidders(3))
    hall = Hall(sale).start()
    hall.offer(a, 950000)
    hall.core.submit(hall.id, events.StandingLimit(a, Money.from_yuan(900000)), ack=hall.answers.append)
    hall.core.turn()
    assert json.loads(hall.answers[-1]["receipt"])["kind"] == "standing_limit"

    hall.offer(b, 940000)

    state = hall.core.state(hall.id)
    assert state is not None
    assert state.leader == a
    assert state.best is not None
    assert (state.best.kind.value, state.best.amount < Money.from_yuan(940000)) == ("limit", True)
    hall.offer(c, 890000)
    assert hall.core.state(hall.id).leader == c  # type: ignore[union-attr]
    hall.end().follow()
    with house.read() as session:
        for promise in promises_auction.PROMISES:
            assert list(promise.check(session, house.clock.now())) == []
    hall.core.stop()


def test_a_priority_holder_is_named_in_the_notice_and_numbered_by_chance(house: House) -> None:
    holder = house.person(Role.BIDDER)
    sale = Sale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ASCENDING,
        printed={"priority": Priority(PriorityMode.IN_SESSION)},
        holders=[holder],
        start="100",
    )
    sale.publish()
    seat = sale.register(holder)

    assert seat.priority_rank == 1
    with house.read() as session:
        right = queries.state_of(session, sale.auction().id).terms.priority
    assert right is not None
    assert [one.plate for one in right.holders] == [seat.plate]


def test_nobody_sees_names_before_the_end_but_a_supervisor_with_a_warrant(sale: Sale, house: House) -> None:
    sale.bidders(3)
    auction_id = sale.auction().id
    supervisor = house.actor(house.person(Role.SUPERVISOR))
    for who in (Role.OPERATOR, Role.BUYER, Role.AGENT, Role.BIDDER):
        with pytest.raises(NotAllowed), house.begin(house.actor(house.person(who))) as work:
            queries.identities(work, auction_id, warrant="1", reason="x")
    with pytest.raises(NotNow, match="auction_still_running"), house.begin(supervisor) as work:
        queries.identities(work, auction_id, warrant="", reason="x")
    with house.begin(supervisor) as work:
        names = queries.identities(work, auction_id, warrant="监〔2026〕1号", reason="举报核查")
    assert set(names) == set(plates(sale))
    assert "bidding.auction_identities.looked" in house.facts(auction_id)


def test_views_that_differ_only_in_hidden_facts_are_the_same(house: House) -> None:
    """Of a back-to-back auction a bidder, the host and the public see nothing that others' offers change."""
    sale = Sale(house)
    sale.publish()
    seats = sale.bidders(3)
    me = sale.actor_of(seats[0])
    hall = Hall(sale).start()
    hall.offer(seats[0].plate, 800000)
    with house.read() as session:
        before = [queries.snapshot(session, one, hall.id) for one in (me, sale.actor(sale.buyer))]
        mine = queries.own(session, me, hall.id)
    hall.offer(seats[1].plate, 950000)
    with house.read() as session:
        after = [queries.snapshot(session, one, hall.id) for one in (me, sale.actor(sale.buyer))]
        assert queries.own(session, me, hall.id) == mine
    assert after == before
    hall.core.stop()


def test_the_journal_and_its_anchors_are_closed_until_the_end(sale: Sale, house: House) -> None:
    sale.bidders(3)
    hall = Hall(sale).start().follow()
    for read in (queries.journal_of, queries.anchors_of):
        with house.read() as session, pytest.raises(NotNow, match="auction_still_running"):
            read(session, hall.id)
    for at, plate in enumerate(plates(sale)):
        hall.offer(plate, 950000 - at)
    hall.end().follow()
    hall.core.stop()
    with house.read() as session:
        import hashlib

        data = queries.journal_of(session, hall.id)
        anchors = queries.anchors_of(session, hall.id)
    found = json.loads(data)
    assert hashlib.sha256(data).hexdigest() == sale.auction().journal_sha256
    assert anchors[-1].chain == found["chain"]
    assert len(found["events"]) == anchors[-1].upto
    assert all(name.isdigit() for name in (plates(sale)))
    assert replace(anchors[0], number=1).number == 1
