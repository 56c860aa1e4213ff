"""Limits, offers and reserve prices sealed to the custodians: taken as ciphertext, opened after the end, executed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bidding import promises_auction, promises_sealed
from bidding.actions import auctions_unseal
from bidding.auction_replay import Broken, recount
from bidding.models_auction import AuctionStage
from bidding.models_sealed import ClosedSlip
from bidding.rules.auction import Format
from bidding.rules.auction.state import Stage
from bidding.rules.auction.terms import LimitMode, Rounds, Sealing, TieRule
from bidding.rules.states import OpeningState
from kernel.rights import Role
from sealbid import slip as slips
from sealbid.octets import b64
from tests.integration.auction.sale import Hall, Sale
from tests.integration.auction.sealing import SealedSale
from tests.support.house import House


@pytest.fixture
def rising(house: House) -> SealedSale:
    """An ascending auction with limits and a reserve sealed to the custodians."""
    sale = SealedSale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ASCENDING,
        printed={"limits": LimitMode.SEALED, "reserve": True, "bidders_min": 1},
        start="100000",
    )
    sale.publish()
    return sale


def kept_promises(sale: SealedSale) -> None:
    with sale.house.read() as session:
        for promise in (*promises_auction.PROMISES, *promises_sealed.PROMISES):
            assert list(promise.check(session, sale.house.clock.now())) == [], promise.name


def test_sealed_limits_are_opened_after_the_end_and_executed(rising: SealedSale, house: House) -> None:
    ann, bob = rising.bidders(2)
    rising.seal_reserve("120000.00")
    rising.seal_limit(ann, "110000.00")  # replaced by the next
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    rising.seal_limit(bob, "130000.00")
    rising.over(hall)
    assert rising.auction().stage is AuctionStage.SETTLING
    closing = rising.closing("lot-1")
    assert len(closing.close_body["bids"]) == 3
    assert closing.close_body["upto"] == rising.head().seq

    rising.release_part("lot-1", 1, 2)
    assert rising.auction().stage is AuctionStage.SETTLING
    rising.release_part("lot-1", 4)

    auction = rising.auction()
    assert auction.stage is AuctionStage.SOLD
    assert auction.result is not None
    assert auction.result["winner"] == ann.plate
    assert auction.result["price"] == "130650.00"  # one step (0.5 %) above the other limit
    kept_promises(rising)
    told = recount(rising.journal())
    assert told["agrees"]
    assert told["slips"] == "3 slips opened again, 0 void"


def test_no_share_is_released_before_the_part_is_closed(rising: SealedSale) -> None:
    (seat,) = rising.bidders(1)
    rising.seal_limit(seat, "110000.00")
    Hall(rising).start().follow().core.stop()

    answer = rising.as_custodian(1).get(rising.url("release-kit?part=lot-1"))

    assert (answer.status_code, answer.json["code"]) == (409, "not_closed")
    body = {"tender": rising.code, "part": "lot-1", "close": 1, "x": 1, "bad": [], "d": "0" * 64}
    answer = rising.as_custodian(1).post(rising.url("releases"), json={"body": body, "sig": {}})
    assert (answer.status_code, answer.json["code"]) == (409, "not_closed")
    assert rising.policy.opening == rising.auction().starts_at + timedelta(
        seconds=rising.terms().free_seconds
    )


def test_a_limit_taken_back_is_never_opened(rising: SealedSale, house: House) -> None:
    ann, bob = rising.bidders(2)
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    client = house.client(rising.person_of(ann))
    answer = client.post(f"/api/v1/auctions/{hall.id}/slips/withdrawal", json={})
    assert (answer.status_code, answer.json["kind"]) == (200, "limit_sealed")
    hall.offer(bob.plate, 100000)
    rising.over(hall)
    rising.chores()

    # No reserve was sealed and no limit is left: nothing waits for anybody.
    result = rising.auction().result
    assert result is not None
    assert (result["winner"], result["price"]) == (bob.plate, "100000.00")
    assert recount(rising.journal())["agrees"]
    with house.read() as session:
        assert session.query(ClosedSlip).count() == 0


def test_the_same_slip_again_gets_the_same_receipt_and_changes_nothing(rising: SealedSale) -> None:
    (ann,) = rising.bidders(1)
    slip = rising.slip(ann, slips.LIMIT, "110000.00")
    first = rising.hand_in(ann, slip)
    seq = rising.head().seq

    again = rising.hand_in(ann, slip)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data
    assert rising.head().seq == seq
    assert "110000" not in first.text


def test_a_slip_is_refused_from_outside_for_what_can_be_seen(rising: SealedSale, house: House) -> None:
    ann, bob = rising.bidders(2)
    good = rising.slip(ann, slips.LIMIT, "110000.00")

    def refused(seat: Any, slip: Any, what: str | None = None) -> str:
        answer = rising.hand_in(seat, slip, what)
        assert answer.status_code in (403, 409, 413, 422), answer.json
        return str(answer.json["code"])

    def changed(**parts: Any) -> Any:
        from dataclasses import replace

        return replace(good, **parts)

    body = good.commit["body"]
    other_lot = {"body": {**body, "lot": "2"}, "sig": good.commit["sig"]}
    extra = {"body": {**body, "amount": "1.00"}, "sig": good.commit["sig"]}
    flipped = good.container[:-1] + bytes([good.container[-1] ^ 1])
    assert refused(ann, changed(commit=other_lot)) == "slip_body"
    assert refused(ann, changed(commit=extra)) == "slip_body"
    assert refused(
        ann, changed(commit={"body": body, "sig": {**good.commit["sig"], "sig": b64(b"\1" * 64)}})
    ) == ("slip_signature")
    assert refused(ann, changed(container=flipped)) == "slip_container"
    assert refused(ann, changed(container=b"SEALBID1")) == "slip_container"
    assert (
        refused(ann, changed(container=good.container + b"\0" * (70_000 - len(good.container))))
        == "slip_too_large"
    )
    assert refused(ann, good, "offer") == "slip_not_printed"
    wrong_part = rising.slip(ann, slips.LIMIT, "110000.00")
    assert rising.head().seq == 2  # two admissions, and nothing of what was refused
    assert rising.hand_in(ann, good).status_code == 200
    assert refused(bob, good) == "slip_taken"
    stranger = house.person(Role.BIDDER)
    client = house.client(stranger)
    answer = client.post(
        f"/api/v1/auctions/{rising.auction().id}/slips",
        json={"what": "limit", **wrong_part.commit, "container": b64(wrong_part.container)},
    )
    assert (answer.status_code, answer.json["code"]) == (403, "auction_no_seat")


def test_a_slip_that_speaks_for_another_plate_is_void_and_the_others_stand(rising: SealedSale) -> None:
    ann, bob = rising.bidders(2)
    foreign = rising.slip(ann, slips.LIMIT, "190000.00", plate=bob.plate)
    assert rising.hand_in(ann, foreign).status_code == 200  # nobody can see it from outside
    rising.seal_limit(bob, "120000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    rising.over(hall)

    rising.release_part("lot-1")

    result = rising.auction().result
    assert result is not None
    assert (result["winner"], result["price"]) == (bob.plate, "100000.00")
    with rising.house.read() as session:
        void = session.query(ClosedSlip).filter_by(ok=False).one()
        assert (void.why, void.cause) == ("slip_other", "bidder")
    assert recount(rising.journal())["slips"] == "1 slips opened again, 1 void"


def test_without_shares_the_bidders_own_secret_opens_and_silence_is_void(
    rising: SealedSale, house: House
) -> None:
    ann, bob = rising.bidders(2)
    own = rising.seal_limit(ann, "150000.00")
    rising.seal_limit(bob, "180000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    path = f"/api/v1/auctions/slips/{own.slip.bid.hex()}/secret"
    client = house.client(rising.person_of(ann))
    early = client.post(path, json={"secret": b64(own.secret)})
    assert (early.status_code, early.json["code"]) == (409, "not_closed")
    rising.over(hall)
    rising.release_part("lot-1", 1, 2)
    wrong = client.post(path, json={"secret": b64(b"\7" * 32)})
    assert (wrong.status_code, wrong.json["code"]) == (422, "secret_wrong")
    other = house.client(rising.person_of(bob)).post(path, json={"secret": b64(own.secret)})
    assert other.status_code == 409

    assert client.post(path, json={"secret": b64(own.secret)}).json == {"opened": 0}
    house.clock.move(rising.closing("lot-1").window_until_at)
    rising.chores()

    with house.read() as session:
        ways = {row.way: (row.ok, row.why, row.cause) for row in session.query(ClosedSlip)}
    assert ways == {"bidder": (True, "", ""), "": (False, "shares_missing", "custodians")}
    result = rising.auction().result
    assert result is not None
    assert (result["winner"], result["price"]) == (ann.plate, "100500.00")
    assert recount(rising.journal())["slips"] == "1 slips opened again, 1 void"
    kept_promises(rising)


def test_a_lying_custodian_is_named_and_harms_nobody(rising: SealedSale) -> None:
    ann, bob = rising.bidders(2)
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    rising.over(hall)
    rising.release_part("lot-1", 2, lie=True)

    rising.release_part("lot-1", 1, 3, 5)

    from bidding.auction_facts import SlipOpened
    from kernel.ledger.models import FactRow

    with rising.house.read() as session:
        fact = session.query(FactRow).filter_by(name=SlipOpened.name).one()
    assert (fact.body["verdict"], fact.body["void"]) == ("opened", [2])


@pytest.mark.parametrize(
    ("reserve", "stage"), [("120000.00", AuctionStage.SOLD), ("120000.01", AuctionStage.FAILED)]
)
def test_a_reserve_is_sealed_like_a_bid_and_decides(
    rising: SealedSale, house: House, reserve: str, stage: AuctionStage
) -> None:
    (ann,) = rising.bidders(1)
    slip = rising.slip(None, slips.RESERVE, reserve)
    for _ in range(2):
        assert rising.reserve(slip).json == {"root": slip.root.hex()}
    other = rising.reserve(rising.slip(None, slips.RESERVE, "1.00"))
    assert (other.status_code, other.json["code"]) == (409, "reserve_given")
    hall = Hall(rising).start().follow()
    hall.offer(ann.plate, 120000)
    rising.over(hall)

    rising.release_part("lot-1")

    assert rising.auction().stage is stage
    kept_promises(rising)
    assert recount(rising.journal())["agrees"]


def test_a_reserve_that_does_not_open_counts_as_none(rising: SealedSale, house: House) -> None:
    (ann,) = rising.bidders(1)
    rising.seal_reserve("900000.00")
    hall = Hall(rising).start().follow()
    hall.offer(ann.plate, 100000)
    rising.over(hall)
    rising.chores()
    assert rising.auction().stage is AuctionStage.SETTLING

    house.clock.move(rising.closing("lot-1").window_until_at)
    rising.chores()

    assert rising.auction().stage is AuctionStage.SOLD
    assert recount(rising.journal())["slips"] == "0 slips opened again, 1 void"


def test_only_printed_reserves_are_sealed_by_the_seller_and_before_the_start(
    house: House, rising: SealedSale
) -> None:
    slip = rising.slip(None, slips.RESERVE, "120000.00")
    message = {**slip.commit, "container": b64(slip.container)}
    path = f"/api/v1/auctions/{rising.auction().id}/reserve"
    assert house.client(house.person(Role.BUYER)).post(path, json=message).status_code == 403
    rising.bidders(1)
    Hall(rising).start().follow().core.stop()
    late = rising.reserve(slip)
    assert (late.status_code, late.json["code"]) == (409, "auction_begun")


def test_a_reserve_that_is_not_printed_is_refused(sale: Sale, house: House) -> None:
    path = f"/api/v1/auctions/{sale.auction().id}/reserve"
    answer = house.client(sale.buyer).post(path, json={"body": {}, "sig": {}, "container": ""})
    assert (answer.status_code, answer.json["code"]) == (422, "reserve_not_printed")


def test_one_sealed_offer_each_and_a_second_round_among_equals(house: House) -> None:
    sale = SealedSale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ONE_OFFER,
        printed={
            "sealing": Sealing.SEALED,
            "ties": TieRule.ROUND_THEN_DRAW,
            "tie_seconds": 600,
            "bidders_min": 2,
        },
        start="100000",
    )
    sale.publish()
    assert sale.policy.parts == ("lot-1-r1", "lot-1-r2")
    seats = sale.bidders(3)
    hall = Hall(sale).start().follow()
    for seat, amount in zip(seats, ("150000.00", "150000.00", "120000.00"), strict=True):
        sale.seal_offer(seat, amount)
    second = sale.hand_in(seats[0], sale.slip(seats[0], slips.OFFER, "160000.00"))
    assert (second.status_code, second.json["code"]) == (409, "auction_one_offer")
    hall.end().follow()

    sale.release_part("lot-1-r1")

    assert sale.state().stage is Stage.SECOND
    assert sale.auction().stage is AuctionStage.LIVE
    hall.core.refresh(hall.id)
    hall.core.turn()
    sale.seal_offer(seats[1], "155000.00")
    out = sale.hand_in(seats[2], sale.slip(seats[2], slips.OFFER, "190000.00"))
    assert (out.status_code, out.json["code"]) == (403, "auction_not_entered")
    hall.core.stop()
    house.clock.tick(timedelta(seconds=601))
    sale.tick()
    sale.tick()
    sale.release_part("lot-1-r2")

    result = sale.auction().result
    assert result is not None
    assert (result["winner"], result["price"]) == (seats[1].plate, "155000.00")
    assert recount(sale.journal())["slips"] == "4 slips opened again, 0 void"
    kept_promises(sale)


def test_sealed_rounds_open_round_by_round(house: House) -> None:
    sale = SealedSale(
        house,
        format=Format.SEALED_ROUNDS,
        printed={"sealing": Sealing.SEALED, "rounds": Rounds(2, 600, 60), "bidders_min": 1},
    )
    sale.publish()
    ann, bob, _ = sale.bidders(3)
    hall = Hall(sale).start().follow()
    sale.seal_offer(ann, "900000.00")
    sale.seal_offer(bob, "910000.00")
    hall.end().follow()
    hall.core.stop()
    sale.release_part("lot-1-r1")
    assert sale.state().stage is Stage.BREAK
    house.clock.tick(timedelta(seconds=61))
    sale.tick()
    sale.tick()
    sale.seal_offer(bob, "890000.00")
    house.clock.tick(timedelta(seconds=601))
    sale.tick()
    sale.tick()
    sale.release_part("lot-1-r2", 2, 3, 5)

    result = sale.auction().result
    assert result is not None
    assert (result["winner"], result["price"]) == (bob.plate, "890000.00")
    assert [one["price"] for one in result["ranking"]] == ["890000.00", "900000.00"]
    assert recount(sale.journal())["agrees"]
    kept_promises(sale)


def test_a_terminated_tender_leaves_its_slips_sealed(rising: SealedSale, house: House) -> None:
    from trading import actions as trading

    ann, bob = rising.bidders(2)
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    rising.over(hall)
    with house.begin(rising.actor(rising.buyer)) as work:
        trading.terminate_tender(work, rising.tender_id, "重大变故")

    assert rising.auction().stage is AuctionStage.CANCELLED
    assert rising.closing("lot-1").state is OpeningState.FAILED
    answer = rising.as_custodian(1).post(
        rising.url("releases"),
        json={
            "body": {"tender": rising.code, "part": "lot-1", "close": 1, "x": 1, "bad": [], "d": "0" * 64},
            "sig": {},
        },
    )
    assert (answer.status_code, answer.json["code"]) == (409, "release_over")
    assert auctions_unseal.open_waiting(house.platform) == 0
    assert recount(rising.journal())["agrees"]


def test_a_replay_notices_whatever_is_changed_in_a_slip(rising: SealedSale) -> None:
    ann, bob = rising.bidders(2)
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    rising.over(hall)
    rising.release_part("lot-1")
    journal = rising.journal()
    assert recount(journal)["agrees"]

    def broken(change: Any) -> str:
        other = json.loads(json.dumps(journal))
        change(other["slips"][0])
        with pytest.raises(Broken) as caught:
            recount(other)
        return str(caught.value)

    assert "slip_other" in broken(lambda one: one.update(secret="", why="shares_missing"))
    assert "slip_open" in broken(lambda one: one.update(why="slip_other"))
    assert "slip_closed" in broken(lambda one: one.update(secret=""))
    assert "slip_root" in broken(lambda one: one.update(container=one["container"][:-8] + "AAAAAAA="))
    assert "secret" in broken(lambda one: one.update(secret=b64(b"\1" * 32)))
    gone = json.loads(json.dumps(journal))
    gone["slips"] = []
    with pytest.raises(Broken, match="slip_missing"):
        recount(gone)
