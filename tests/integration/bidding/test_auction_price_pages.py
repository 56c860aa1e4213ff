"""Low prices in the page: the bidder explains, the buyer's group decides, everybody reads the decision and not the words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding import price_words
from bidding.models_result import PriceReview
from kernel.i18n import speaking
from kernel.outbox.render import renderer
from kernel.rights import Role
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import House

WORDS = "自有产线，附成本明细第三页"
VOTES = {
    "member-1": "王建国",
    "vote-1": "yes",
    "member-2": "李敏",
    "vote-2": "yes",
    "member-3": "赵强",
    "vote-3": "no",
    "reason": "成本构成可信",
}


@pytest.fixture
def low(house: House) -> tuple[Sale, Hall, Any, Any]:
    """An auction whose best offer is abnormally low: the sale, its hall, the low bidder's seat and another one."""
    sale = Sale(house)
    sale.publish()
    seats = sale.bidders(3)
    hall = Hall(sale).start().follow()
    for seat, amount in zip(seats, (950_000, 940_000, 420_000), strict=True):
        hall.offer(seat.plate, amount, confirmed=True)
    hall.end().follow()
    hall.core.stop()
    return sale, hall, seats[2], seats[0]


def review(house: House) -> PriceReview:
    with house.read() as session:
        return session.scalars(sa.select(PriceReview)).one()


def test_the_bidder_finds_the_request_on_his_desk_and_explains_once(low: Any, house: House) -> None:
    sale, hall, seat, other = low
    bidder, path = house.client(seat.person_id), f"/auctions/{hall.id}/price"

    desk = bidder.get("/desk").get_data(as_text=True)
    page = bidder.get(path).get_data(as_text=True)
    empty = bidder.post(path, data={"text": " "})
    sent = bidder.post(path, data={"text": WORDS}, follow_redirects=True).get_data(as_text=True)
    again = bidder.post(path, data={"text": "再说"})

    assert f'href="{path}"' in desk
    assert "420,000 元低于 450,000 元（最高限价的 45%）" in page
    assert "420,000 元低于 470,000 元（次低报价的 50%）" in page
    assert empty.status_code == 422
    assert "您的说明已送达采购人" in sent
    assert WORDS in sent
    assert "<textarea" not in sent
    assert again.status_code == 409
    assert f'href="{path}"' not in bidder.get("/desk").get_data(as_text=True)
    assert house.client(other.person_id).get(path).status_code == 404
    assert house.client(house.person(Role.BIDDER)).get(path).status_code == 404
    assert house.client(sale.buyer).get(path).status_code == 403


def test_too_late_the_page_says_so(low: Any, house: House) -> None:
    _, hall, seat, _ = low
    house.clock.move(review(house).due_at)
    bidder, path = house.client(seat.person_id), f"/auctions/{hall.id}/price"

    page = bidder.get(path).get_data(as_text=True)
    late = bidder.post(path, data={"text": WORDS})

    assert "逾期未说明" in page
    assert "<textarea" not in page
    assert late.status_code == 409
    assert review(house).explanation is None


def test_the_buyer_decides_in_the_page_and_only_then_confirms(low: Any, house: House) -> None:
    sale, hall, seat, _ = low
    host, confirm = house.client(sale.buyer), f"/auctions/{hall.id}/confirm"
    judge = f"/auctions/{hall.id}/prices/{seat.plate}"
    before = host.get(confirm).get_data(as_text=True)
    early = host.post(confirm, data={"checked": "yes"})
    house.client(seat.person_id).post(f"/auctions/{hall.id}/price", data={"text": WORDS})

    desk = host.get("/desk").get_data(as_text=True)
    page = host.get(confirm).get_data(as_text=True)
    two = host.post(judge, data=VOTES | {"member-3": "", "vote-3": ""})
    unsaid = host.post(judge, data=VOTES | {"vote-3": ""})
    bare = host.post(judge, data=VOTES | {"reason": " "})
    foreign = house.client(house.person(Role.BUYER)).post(judge, data=VOTES)
    undecided = review(house).decided_at
    filed = host.post(judge, data=VOTES, follow_redirects=True).get_data(as_text=True)
    done = host.post(confirm, data={"checked": "yes"})

    assert "异常低价尚未认定" in before
    assert 'name="checked"' not in before
    assert early.status_code == 409
    assert f'href="{confirm}"' in desk
    assert WORDS in page
    assert "评审小组：至少 3 名成员，逐人填写表决（政府采购法 第三十八条）" in page
    assert f'action="{judge}"' in page
    for answer, field in ((two, "field-members"), (unsaid, "field-vote-3"), (bare, "field-reason")):
        assert answer.status_code == 422
        assert f'href="#{field}"' in answer.get_data(as_text=True)
    assert "王建国" in bare.get_data(as_text=True)
    assert foreign.status_code == 403
    assert undecided is None
    assert "认定结果已记录并公开" in filed
    assert 'name="checked"' in filed
    assert done.status_code == 303


def test_everybody_reads_the_decision_and_nobody_the_words(low: Any, house: House) -> None:
    sale, hall, seat, other = low
    result = f"/auctions/{hall.id}/result"
    public, supervisor = house.client(), house.client(house.person(Role.SUPERVISOR))
    house.client(seat.person_id).post(f"/auctions/{hall.id}/price", data={"text": WORDS})
    open_, watched = (who.get(result).get_data(as_text=True) for who in (public, supervisor))

    votes = VOTES | {"vote-2": "no"}
    house.client(sale.buyer).post(f"/auctions/{hall.id}/prices/{seat.plate}", data=votes)
    pages = [who.get(result).get_data(as_text=True) for who in (public, house.client(other.person_id))]

    assert "异常低价" not in open_
    assert "待评审小组认定" in watched
    assert WORDS in watched
    for page in pages:
        assert "认定为异常低价，不予采纳" in page
        assert "王建国" in page
        assert "成本构成可信" in page
        assert WORDS not in page
    assert WORDS in house.client(seat.person_id).get(result).get_data(as_text=True)
    confirm = house.client(sale.buyer).get(f"/auctions/{hall.id}/confirm").get_data(as_text=True)
    assert "940,000" in confirm
    assert "玖拾肆万元整" in confirm
    assert f"pass-{seat.plate}" not in confirm
    assert f"pass-{other.plate}" in confirm


def test_silence_waits_on_the_buyers_desk_and_the_next_offer_stands_in_the_page(
    low: Any, house: House
) -> None:
    sale, hall, seat, _ = low
    house.clock.move(review(house).due_at + timedelta(seconds=1))
    host, confirm = house.client(sale.buyer), f"/auctions/{hall.id}/confirm"

    desk = host.get("/desk").get_data(as_text=True)
    page = host.get(confirm).get_data(as_text=True)
    judged = host.post(f"/auctions/{hall.id}/prices/{seat.plate}", data=VOTES)
    done = host.post(confirm, data={"checked": "yes"}, follow_redirects=True).get_data(as_text=True)

    assert f'href="{confirm}"' in desk
    assert "逾期未说明" in page
    assert "玖拾肆万元整" in page
    assert judged.status_code == 409
    assert "结果已确认" in done
    assert "未经表决" in house.client().get(f"/auctions/{hall.id}/result").get_data(as_text=True)


def test_the_mails_lead_to_the_pages(low: Any, house: House) -> None:
    sale, hall, _, _ = low
    told = {"tender": sale.code, "title": "台式电脑采购", "auction": str(hall.id)}
    render = renderer(house.settings)
    for template, place in (("price_asked", "price"), ("price_explained", "confirm")):
        for lang in ("zh-CN", "en"):
            subject, text = render(template, lang, told)
            assert sale.code in subject
            assert f"/auctions/{hall.id}/{place}" in text


def test_a_bound_between_two_fen_is_shown_above_the_price() -> None:
    trigger = {"rule": "AL-1", "price": "333.33", "ratio": "13/25", "bound": "1000/3", "source": "x"}
    with speaking("en"):
        assert price_words.trigger_text(trigger) == (
            "¥333.33 is below ¥333.34, 52% of the average of all valid offers"
        )
