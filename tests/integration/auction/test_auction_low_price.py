"""Abnormally low prices of reverse auctions: asked when the result is made, explained once, judged by a named group."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bidding.actions import auctions_end, auctions_price
from bidding.models_auction import AuctionSeat, AuctionStage
from bidding.models_result import AuctionConfirmation, PriceReview
from bidding.promises_auction import no_low_price_unasked
from bidding.rules.auction import Format
from kernel.errors import NotAllowed, NotFound, NotNow, NotValid
from kernel.ledger import sequencer, trust
from kernel.ledger.models import FactRow
from kernel.outbox.models import Message
from kernel.rights import Role
from sealbid.verify import verify_evidence
from supervision.evidence import export_evidence
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import House

YES = [("王建国", True), ("李敏", True), ("赵强", False)]
NO = [("王建国", False), ("李敏", True), ("赵强", False)]
WORDS = "自有生产线，原材料长期协议价，附成本明细。"


def held(sale: Sale, *yuan: int) -> tuple[Hall, list[AuctionSeat]]:
    """An auction in which each seat made one offer, and which is over."""
    seats = sale.bidders(len(yuan))
    hall = Hall(sale).start().follow()
    for seat, amount in zip(seats, yuan, strict=True):
        hall.offer(seat.plate, amount, confirmed=True)
    hall.end().follow()
    hall.core.stop()
    assert sale.auction().stage is AuctionStage.SOLD
    return hall, seats


def reviews(house: House) -> dict[str, PriceReview]:
    with house.read() as session:
        return {one.plate: one for one in session.scalars(sa.select(PriceReview))}


def explain(sale: Sale, seat: AuctionSeat, text: str = WORDS) -> None:
    with sale.house.begin(sale.actor_of(seat)) as work:
        auctions_price.explain_price(work, sale.auction().id, text)


def judge(sale: Sale, plate: str, votes: list[tuple[str, bool]], reason: str = "成本明细可信") -> None:
    with sale.house.begin(sale.actor(sale.buyer)) as work:
        auctions_price.judge_price(work, sale.auction().id, plate, votes, reason)


def confirm(sale: Sale, rejected: dict[str, str] | None = None) -> None:
    with sale.house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, sale.auction().id, rejected=rejected)


def told(house: House, name: str) -> list[dict[str, Any]]:
    with house.read() as session:
        return list(
            session.scalars(sa.select(FactRow.body).where(FactRow.name == name).order_by(FactRow.seq))
        )


def test_whoever_offered_too_low_is_asked_in_the_transaction_that_makes_the_result(
    sale: Sale, house: House
) -> None:
    hall, seats = held(sale, 950_000, 940_000, 420_000)
    low = seats[2].plate

    found = reviews(house)

    assert list(found) == [low]
    assert [(one["rule"], one["bound"]) for one in found[low].triggers] == [
        ("AL-2", "470000"),
        ("AL-3", "450000"),
    ]
    assert found[low].due_at - found[low].asked_at == timedelta(minutes=30)
    assert found[low].asked_at == house.clock.now()
    (asked,) = told(house, "bidding.auction_price.asked")
    assert (asked["plate"], asked["auction"]) == (low, str(hall.id))
    with house.read() as session:
        mails = session.scalars(sa.select(Message).where(Message.template == "price_asked")).all()
    assert len(mails) == 1


def test_on_the_boundary_nobody_is_asked(sale: Sale, house: House) -> None:
    held(sale, 950_000, 900_000, 450_000)  # 45 % of the ceiling, half of the second lowest

    assert reviews(house) == {}
    confirm(sale)
    assert sale.lot().outcome is not None


@pytest.mark.parametrize(
    "more", [{"regime": "SM"}, {"regime": "AD", "procedure": "auction", "format": Format.ASCENDING}]
)
def test_a_law_without_the_tests_and_a_sale_ask_nobody(house: House, more: dict[str, Any]) -> None:
    sale = Sale(house, **more)
    sale.publish()
    up = "procedure" in more
    held(sale, *((1_000_000, 2_500_000, 9_000_000) if up else (950_000, 940_000, 420_000)))

    assert reviews(house) == {}
    confirm(sale)
    assert sale.auction().settled_at is not None


def test_an_accepted_explanation_lets_the_buyer_confirm_and_only_then(sale: Sale, house: House) -> None:
    hall, seats = held(sale, 950_000, 940_000, 420_000)
    low = seats[2]
    with pytest.raises(NotNow, match="price_review_open"):
        confirm(sale)
    with pytest.raises(NotNow, match="price_review_open"):
        confirm(sale, {low.plate: "价格太低"})
    with pytest.raises(NotNow, match="answer_not_due"):
        judge(sale, low.plate, YES)

    explain(sale, low)
    with pytest.raises(NotNow, match="price_review_open"):
        confirm(sale)
    judge(sale, low.plate, YES)
    confirm(sale)

    outcome = sale.lot().outcome
    assert outcome is not None
    assert (outcome["plate"], outcome["rank"], outcome["reason"]) == (low.plate, 1, "")
    assert outcome["watched"] is True
    (explained,) = told(house, "bidding.auction_price.explained")
    assert explained["digest"] == hashlib.sha256(WORDS.encode()).hexdigest()
    assert WORDS not in str(explained)
    (judged,) = told(house, "bidding.auction_price.judged")
    assert (judged["accepted"], judged["explained"], judged["reason"]) == (True, True, "成本明细可信")
    assert [(one["name"], one["convinced"]) for one in judged["members"]] == YES
    assert [one["rule"] for one in judged["triggers"]] == ["AL-2", "AL-3"]
    assert hall.id == sale.auction().id


def test_an_explanation_is_given_once_in_time_and_by_whom_it_is_asked(sale: Sale, house: House) -> None:
    _, seats = held(sale, 950_000, 430_000, 420_000)
    first, second = seats[2], seats[1]
    with pytest.raises(NotFound):
        explain(sale, seats[0])
    with pytest.raises(NotValid, match="text_missing"):
        explain(sale, first, "  ")
    with pytest.raises(NotFound), house.begin(sale.actor(sale.buyer)) as work:
        auctions_price.explain_price(work, sale.auction().id, WORDS)
    house.clock.move(reviews(house)[first.plate].due_at - timedelta(seconds=1))
    explain(sale, first)
    with pytest.raises(NotNow, match="explanation_given"):
        explain(sale, first, "再说一次")
    house.clock.move(reviews(house)[second.plate].due_at)

    with pytest.raises(NotNow, match="explanation_over"):
        explain(sale, second)

    assert reviews(house)[first.plate].explanation == WORDS
    assert reviews(house)[second.plate].explanation is None


def test_only_a_named_group_of_three_with_a_reason_decides_and_once(sale: Sale, house: House) -> None:
    _, seats = held(sale, 950_000, 940_000, 420_000)
    low = seats[2].plate
    explain(sale, seats[2])
    for votes, code in (
        (YES[:2], "review_group_small"),
        ([*YES[:2], (" ", True)], "review_group_unnamed"),
        ([*YES[:2], ("李敏", True)], "review_group_twice"),
    ):
        with pytest.raises(NotValid, match=code):
            judge(sale, low, votes)
    with pytest.raises(NotValid, match="reason_missing"):
        judge(sale, low, YES, " ")
    with pytest.raises(NotFound):
        judge(sale, seats[0].plate, YES)
    with pytest.raises(NotAllowed), house.begin(house.actor(house.person(Role.BUYER))) as work:
        auctions_price.judge_price(work, sale.auction().id, low, YES, "x")
    assert reviews(house)[low].decided_at is None

    judge(sale, low, YES)

    with pytest.raises(NotNow, match="already_decided"):
        judge(sale, low, NO)
    assert reviews(house)[low].accepted is True


def test_a_failed_review_is_the_rejection_and_the_next_offer_is_checked_in_its_turn(any_house: House) -> None:
    house, sale = any_house, Sale(any_house)
    sale.publish()
    _, seats = held(sale, 950_000, 430_000, 420_000)
    assert set(reviews(house)) == {seats[1].plate, seats[2].plate}
    explain(sale, seats[2])
    explain(sale, seats[1])
    judge(sale, seats[2].plate, NO, "人工成本低于最低工资标准")
    with pytest.raises(NotNow, match="price_review_open") as no:
        confirm(sale)
    assert no.value.details["plate"] == seats[1].plate
    judge(sale, seats[1].plate, YES)

    confirm(sale)

    outcome = sale.lot().outcome
    assert outcome is not None
    assert (outcome["plate"], outcome["rank"]) == (seats[1].plate, 2)
    assert outcome["passed_over"] == [{"plate": seats[2].plate, "ground": "abnormally_low"}]
    assert seats[2].plate in outcome["reason"]


def test_silence_falls_by_the_rule_at_the_confirmation_and_needs_no_vote(sale: Sale, house: House) -> None:
    _, seats = held(sale, 950_000, 940_000, 420_000)
    low = seats[2].plate
    house.clock.move(reviews(house)[low].due_at - timedelta(seconds=1))
    with pytest.raises(NotNow, match="price_review_open"):
        confirm(sale)
    house.clock.tick(timedelta(seconds=1))
    with pytest.raises(NotNow, match="explanation_missing"):
        judge(sale, low, YES)
    assert reviews(house)[low].decided_at is None

    confirm(sale)

    outcome = sale.lot().outcome
    assert outcome is not None
    assert (outcome["plate"], outcome["passed_over"]) == (
        seats[1].plate,
        [{"plate": low, "ground": "abnormally_low"}],
    )
    assert outcome["watched"] is False
    (judged,) = told(house, "bidding.auction_price.judged")
    assert (judged["accepted"], judged["explained"], judged["members"]) == (False, False, [])


def test_what_ranks_behind_the_accepted_offer_is_not_needed_any_more(sale: Sale, house: House) -> None:
    _, seats = held(sale, 950_000, 430_000, 420_000)
    explain(sale, seats[2])
    judge(sale, seats[2].plate, YES)

    confirm(sale)

    with pytest.raises(NotNow, match="explanation_over"):
        explain(sale, seats[1])
    with pytest.raises(NotNow, match="already_decided"):
        judge(sale, seats[1].plate, YES)
    assert reviews(house)[seats[1].plate].accepted is None


def test_when_every_offer_falls_nothing_is_confirmed_and_nothing_is_written(sale: Sale, house: House) -> None:
    _, seats = held(sale, 440_000, 430_000, 420_000)
    house.clock.move(reviews(house)[seats[0].plate].due_at)

    with pytest.raises(NotValid, match="nothing_left"):
        confirm(sale)

    assert {one.accepted for one in reviews(house).values()} == {None}
    assert sale.auction().settled_at is None


def test_another_ground_still_passes_over_an_offer_whose_price_was_accepted(sale: Sale, house: House) -> None:
    _, seats = held(sale, 950_000, 940_000, 420_000)
    explain(sale, seats[2])
    judge(sale, seats[2].plate, YES)

    confirm(sale, {seats[2].plate: "资格证书已被吊销"})

    outcome = sale.lot().outcome
    assert outcome is not None
    assert outcome["passed_over"] == [{"plate": seats[2].plate, "ground": "资格证书已被吊销"}]


def unasked(session: Any) -> None:
    session.execute(sa.delete(PriceReview))


def not_accepted(session: Any) -> None:
    session.execute(sa.update(PriceReview).values(accepted=False))


def without_words(session: Any) -> None:
    session.execute(sa.update(PriceReview).values(explanation=None))


def decided_later(session: Any) -> None:
    confirmed = session.scalars(sa.select(AuctionConfirmation)).one()
    at = confirmed.confirmed_at + timedelta(seconds=1)
    session.execute(sa.update(PriceReview).values(decided_at=at))


def two_votes(session: Any) -> None:
    review = session.scalars(sa.select(PriceReview)).one()
    review.votes = review.votes[:2]


def half(session: Any) -> None:
    review = session.scalars(sa.select(PriceReview)).one()
    review.votes = [{**one, "convinced": n == 0} for n, one in enumerate(review.votes)]


BROKEN_REVIEWS = tuple(
    (no_low_price_unasked, sabotage)
    for sabotage in (unasked, not_accepted, without_words, decided_later, two_votes, half)
)


@pytest.mark.parametrize(("promise", "sabotage"), BROKEN_REVIEWS)
def test_the_promise_notices_a_low_price_that_was_confirmed_unasked(
    sale: Sale, house: House, promise: Any, sabotage: Any
) -> None:
    _, seats = held(sale, 950_000, 940_000, 420_000)
    explain(sale, seats[2])
    judge(sale, seats[2].plate, YES)
    confirm(sale)
    with house.read() as session:
        assert list(promise.check(session, house.clock.now())) == []

    with house.platform.database.session(write=True) as session, session.begin():
        sabotage(session)

    with house.read() as session:
        assert list(promise.check(session, house.clock.now())) != []


@pytest.mark.parametrize("accepted", [True, False])
def test_a_stranger_verifies_the_review_from_the_evidence(
    sale: Sale, house: House, tmp_path: Path, accepted: bool
) -> None:
    _, seats = held(sale, 950_000, 940_000, 420_000)
    explain(sale, seats[2])
    judge(sale, seats[2].plate, YES if accepted else NO)
    confirm(sale)
    sequencer.sequence(house.platform)
    path = tmp_path / "evidence.zip"
    path.write_bytes(export_evidence(house.platform, sale.tender_id))
    lines: list[str] = []

    code = verify_evidence(path, trust.trust_text(house.settings), lines.append)

    assert [line for line in lines if line.startswith("FAIL")] == []
    assert code == 0
    assert any("1 low prices judged" in line for line in lines)
    with zipfile.ZipFile(path) as package:
        assert [name for name in package.namelist() if WORDS.encode() in package.read(name)] == []
