"""A bid leaves on the word of its own key, or on its organisation's where that is lost: each refusal beside its success.

Source: spec sealing §6, §13 T6, T11; 招标投标法 第二十九条.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bidding.models import Bid
from bidding.rules.states import BidState
from kernel.identity.models import Organization
from kernel.identity.sessions import STEP_UP_MINUTES
from kernel.ledger import book
from kernel.ledger.models import FactRow
from kernel.outbox.models import Message
from kernel.rights import Role
from sealbid import signatures, signoff
from tests.integration.bidding.deal import Deal, SealedBid
from tests.support.house import House


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, (answer.json or {}).get("code", "")


def mails(house: House) -> list[tuple[str, str]]:
    """Who was told of a lost key, and of what."""
    with house.read() as session:
        found = session.scalars(sa.select(Message).where(Message.template == "key_lost"))
        return [(one.to, one.params["deed"]) for one in found]


def require_nobody_is_named(session: Any, record_id: Any, org: Organization, key: Any) -> None:
    """The record says that a key is lost, and nothing of who lost it: before the opening nobody may know who bids."""
    record = book.record_of(session, record_id)
    assert record is not None
    assert record["body"]["key"] == "lost"
    kid = signatures.sign("bid-withdraw", {}, key).to_json()["kid"]
    told = json.dumps(record) + json.dumps(
        session.execute(sa.select(FactRow.body).where(FactRow.record_id == record_id)).scalars().all()
    )
    assert org.uscc not in told
    assert kid not in told
    assert "sig" not in record


def restated(bid: SealedBid, kind: str, body: dict[str, Any], key: Any) -> dict[str, Any]:
    """The submission with another statement about the bid it replaces."""
    said = {"body": body, "sig": signatures.sign(kind, body, key).to_json()}
    return {**bid.submission, "replace": said}


def test_a_replacement_is_signed_off_by_the_key_of_the_bid_it_replaces(deal: Deal, house: House) -> None:
    first = deal.submit(deal.seal())
    client = house.client(first.bidder)
    second = deal.seal(first.bidder, "58000000.00", replaces=first.code)
    right = second.submission["replace"]["body"]
    bare = {name: value for name, value in second.submission.items() if name != "replace"}
    other = {**right, "commit": "0" * 64}
    fresh = deal.seal(house.person(Role.BIDDER))

    def refused(message: dict[str, Any]) -> tuple[int, str, str]:
        answer = client.post(deal.url("bids"), json=message)
        return (*code_of(answer), answer.json.get("details", {}).get("why", ""))

    unsigned, wrong = (422, "bid_replace_unsigned"), (422, "bid_replace_signature")
    assert refused(bare) == (*unsigned, "")
    assert refused(restated(second, "bid-replace", right, second.bk)) == (*wrong, "signature_key")
    assert refused(restated(second, "bid-replace", right, house.key(first.bidder))) == (
        *wrong,
        "signature_key",
    )
    assert refused(restated(second, "bid-withdraw", right, first.bk)) == (*wrong, "bad_signature")
    assert refused(restated(second, "bid-replace", other, first.bk)) == (*wrong, "replace_other")
    needless = restated(fresh, "bid-replace", right, first.bk)
    answer = house.client(fresh.bidder).post(deal.url("bids"), json=needless)
    assert (code_of(answer), answer.json["field"]) == ((422, "bid_body"), "replace")
    assert client.get(f"/api/v1/bids/{first.code}").json["state"] == "complete"

    deal.submit(second)

    with house.read() as session:
        old = session.scalars(sa.select(Bid).where(Bid.code == first.code)).one()
        record = book.record_of(session, old.withdraw_record_id)
    assert (old.state, old.key_lost) == (BidState.REPLACED, False)
    assert record is not None
    assert record["body"]["statement"] == second.submission["replace"]
    assert mails(house) == []


def test_a_lost_key_is_stood_in_for_by_the_organisation_and_everybody_hears_of_it(
    deal: Deal, house: House
) -> None:
    first = deal.submit(deal.seal())
    bidder = first.bidder
    second = deal.seal(bidder, "58000000.00", replaces=first.code)
    with house.read() as session:
        org = session.get_one(Organization, house.actor(bidder).org_id)
    lost = signoff.replacement(second.submission["body"], lost_by=org.uscc)
    right = restated(second, "bid-replace", lost, house.key(bidder))
    stranger = restated(second, "bid-replace", lost, second.bk)
    foreign = restated(second, "bid-replace", {**lost, "org": "91310000000000000X"}, house.key(bidder))
    client = house.client(bidder)
    house.clock.move(house.clock.now() + timedelta(minutes=STEP_UP_MINUTES, seconds=1))
    present = house.client(bidder)
    token = house.client().post(deal.url("bids"), json=right, headers=house.token(bidder, "bid"))

    assert code_of(client.post(deal.url("bids"), json=right)) == (403, "step_up_needed")
    assert token.status_code in (401, 403)
    for message in (stranger, foreign):
        assert code_of(present.post(deal.url("bids"), json=message)) == (422, "bid_replace_signature")
    assert present.post(deal.url("bids"), json=right).status_code == 201
    deal.upload(second, present)
    assert present.post(f"/api/v1/bids/{second.code}/complete", json={}).status_code == 200

    with house.read() as session:
        old = session.scalars(sa.select(Bid).where(Bid.code == first.code)).one()
        require_nobody_is_named(session, old.withdraw_record_id, org, house.key(bidder))
        assert book.apart_of(session, old.withdraw_record_id) == {"statement": right["replace"]}
    assert (old.state, old.key_lost) == (BidState.REPLACED, True)
    assert mails(house) == [(bidder.email, "replace")]


def test_a_bid_whose_key_is_lost_is_withdrawn_by_its_organisation(deal: Deal, house: House) -> None:
    bid = deal.submit(deal.seal())
    client = house.client(bid.bidder)
    house.clock.move(house.clock.now() + timedelta(minutes=STEP_UP_MINUTES, seconds=1))
    present = house.client(bid.bidder)
    leaf = client.get(f"/api/v1/bids/{bid.code}").json["commit_leaf"]
    with house.read() as session:
        org = session.get_one(Organization, house.actor(bid.bidder).org_id)
    body = signoff.withdrawal(bid.code, leaf, lost_by=org.uscc)
    url = f"/api/v1/bids/{bid.code}/withdraw"

    def message(key: Any) -> dict[str, Any]:
        return {"body": body, "sig": signatures.sign("bid-withdraw", body, key).to_json()}

    assert code_of(client.post(url, json=message(house.key(bid.bidder)))) == (403, "step_up_needed")
    assert code_of(present.post(url, json=message(bid.bk))) == (422, "bid_signature")
    assert present.post(url, json=message(house.key(bid.bidder))).status_code == 200
    with house.read() as session:
        old = session.scalars(sa.select(Bid).where(Bid.code == bid.code)).one()
        require_nobody_is_named(session, old.withdraw_record_id, org, house.key(bid.bidder))
        assert book.apart_of(session, old.withdraw_record_id)["statement"]["body"] == body
    assert (old.state, old.key_lost) == (BidState.WITHDRAWN, True)
    assert mails(house) == [(bid.bidder.email, "withdraw")]


def test_an_older_bid_that_left_by_itself_is_not_replaced_again(deal: Deal, house: House) -> None:
    first = deal.submit(deal.seal())
    client = house.client(first.bidder)
    second = deal.seal(first.bidder, "58000000.00", replaces=first.code)
    assert client.post(deal.url("bids"), json=second.submission).status_code == 201
    leaf = client.get(f"/api/v1/bids/{first.code}").json["commit_leaf"]
    body = signoff.withdrawal(first.code, leaf)
    gone = {"body": body, "sig": signatures.sign("bid-withdraw", body, first.bk).to_json()}
    assert client.post(f"/api/v1/bids/{first.code}/withdraw", json=gone).status_code == 200

    deal.upload(second, client)
    assert client.post(f"/api/v1/bids/{second.code}/complete", json={}).status_code == 200

    assert client.get(f"/api/v1/bids/{first.code}").json["state"] == "withdrawn"
