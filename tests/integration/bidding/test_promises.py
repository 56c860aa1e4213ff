"""The promises of the room: kept by an honest deal, and each noticed when it is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from bidding import promises
from bidding.actions.speaking import speak
from bidding.models import Bid, BidderSecret, HallMessage, OpenedPart, Opening, Release
from bidding.rules.states import BidState
from kernel.ledger import book
from kernel.ledger.models import LogRecord
from kernel.promises import Promise
from sealbid import jcs, signatures
from tests.integration.bidding.deal import Deal
from tests.support.house import House
from trading.models import Tender


def broken(house: House, promise: Promise) -> list[Any]:
    with house.read() as session:
        return list(promise.check(session, house.clock.now()))


def opened_early(session: Any, deal: Deal) -> None:
    session.execute(sa.update(OpenedPart).values(opened_at=deal.closes_at - timedelta(seconds=1)))


def share_before_close(session: Any, deal: Deal) -> None:
    session.execute(sa.update(Release).values(released_at=deal.closes_at - timedelta(seconds=1)))


def secret_before_close(session: Any, deal: Deal) -> None:
    bid = session.scalars(sa.select(Bid)).first()
    session.add(
        BidderSecret(
            bid_id=bid.id, part="price", secret=b"s", lock=b"", offered_at=deal.closes_at - timedelta(days=1)
        )
    )


def drop_from_close(session: Any, deal: Deal) -> None:
    opening = session.scalars(sa.select(Opening)).one()
    opening.close_body = {**opening.close_body, "bids": opening.close_body["bids"][1:]}


def forget_the_word(session: Any, deal: Deal) -> None:
    """The platform says that a bid was replaced, and has no word of its key."""
    _restate(session, lambda body: {name: value for name, value in body.items() if name != "statement"})


def forge_the_word(session: Any, deal: Deal) -> None:
    """The newer bid's key signs in place of the older one's."""

    def forged(body: dict[str, Any]) -> dict[str, Any]:
        said = body["statement"]["body"]
        key = deal.keys[body["replaced_by"]]
        return {
            **body,
            "statement": {"body": said, "sig": signatures.sign("bid-replace", said, key).to_json()},
        }

    _restate(session, forged)


def _restate(session: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    old = session.scalars(sa.select(Bid).where(Bid.state == BidState.REPLACED)).one()
    record = book.record_of(session, old.withdraw_record_id)
    assert record is not None
    lie = uuid4()
    session.execute(
        sa.insert(LogRecord).values(
            id=lie, idx=None, kind="bid-withdraw", tender=deal_code(session), at=old.withdrawn_at,
            jcs=jcs.encode({**record, "body": change(record["body"])}), confidential=None, salt2=None,
        )
    )  # fmt: skip
    old.withdraw_record_id = lie


def deal_code(session: Any) -> str:
    return str(session.scalars(sa.select(Tender.code)).one())


def committed_late(session: Any, deal: Deal) -> None:
    session.execute(sa.update(Bid).values(committed_at=deal.closes_at))


def completed_late(session: Any, deal: Deal) -> None:
    session.execute(sa.update(Bid).values(completed_at=deal.closes_at))


def open_two(session: Any, deal: Deal) -> None:
    opening = session.scalars(sa.select(Opening)).one()
    opening.close_body = {**opening.close_body, "bids": opening.close_body["bids"][:2]}


def said_early(session: Any, deal: Deal) -> None:
    one = session.scalars(sa.select(HallMessage)).one()
    early = {"id": uuid4(), "said_at": deal.closes_at - timedelta(seconds=1)}
    names = ("tender_id", "org_id", "person_id", "voice", "text", "record_id")
    session.execute(sa.insert(HallMessage).values(**early, **{name: getattr(one, name) for name in names}))


def other_words(session: Any, deal: Deal) -> None:
    """Whoever holds the database drops the guard first."""
    session.execute(sa.text("DROP TRIGGER guard_hall_message_update"))
    session.execute(sa.update(HallMessage).values(text="不请"))


def words_of_nobody(session: Any, deal: Deal) -> None:
    one = session.scalars(sa.select(HallMessage)).one()
    forged = {"id": uuid4(), "record_id": uuid4()}
    names = ("tender_id", "org_id", "person_id", "voice", "text", "said_at")
    session.execute(sa.insert(HallMessage).values(**forged, **{name: getattr(one, name) for name in names}))


@pytest.mark.parametrize(
    ("promise", "sabotage"),
    [
        (promises.bids_open_on_time, opened_early),
        (promises.sealed_stays_sealed, share_before_close),
        (promises.sealed_stays_sealed, secret_before_close),
        (promises.acknowledged_bids_are_in_the_close, drop_from_close),
        (promises.acknowledged_bids_are_in_the_close, forget_the_word),
        (promises.acknowledged_bids_are_in_the_close, forge_the_word),
        (promises.nothing_accepted_late, committed_late),
        (promises.nothing_accepted_late, completed_late),
        (promises.too_few_are_never_opened, open_two),
        (promises.hall_words_are_logged, said_early),
        (promises.hall_words_are_logged, other_words),
        (promises.hall_words_are_logged, words_of_nobody),
    ],
)
def test_each_promise_notices_its_breach(
    deal: Deal, house: House, promise: Promise, sabotage: Callable[[Any, Deal], None]
) -> None:
    first, *_ = deal.bids(3)
    deal.submit(deal.seal(first.bidder, "59000000.00", replaces=first.code))
    deal.close()
    with house.begin(house.actor(deal.buyer)) as work:
        speak(work, deal.tender_id, "请释放钥匙")
    deal.release(1, 2, 3)
    assert [broken(house, one) for one in promises.PROMISES] == [[]] * 6

    with house.platform.database.session(write=True) as session, session.begin():
        sabotage(session, deal)

    assert broken(house, promise) != []
