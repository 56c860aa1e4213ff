"""The bidder's machine doors: every refusal beside its success. Source: spec sealing §6."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding.actions import delivery
from bidding.models import Bid, BidBlock
from bidding.rules.states import BidState
from kernel.errors import NotValid
from kernel.ledger import sequencer
from kernel.rights import Role
from sealbid import jcs, receipts, signatures, tlog
from sealbid.custodian import require_logged_policy
from sealbid.octets import b64
from tests.integration.bidding.deal import Deal, SealedBid
from tests.support.house import House


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, (answer.json or {}).get("code", "")


def test_the_policy_comes_with_a_proof_that_the_client_accepts(deal: Deal, house: House) -> None:
    found = jcs.decode_object(house.client().get(deal.url("policy")).data)

    policy = require_logged_policy(found, tlog.Policy.parse(found["trust"]))

    assert policy.digest == deal.policy.digest
    assert code_of(house.client().get("/api/v1/tenders/nowhere/policy")) == (404, "not_found")
    assert code_of(house.client().get(deal.url("policy?digest=" + "0" * 64))) == (404, "policy_unknown")


def test_a_draft_tenders_policy_is_known_to_its_custodians_only(house: House) -> None:
    deal = Deal(house).state_keys()
    sequencer.sequence(house.platform)

    assert deal.as_custodian(4).get(deal.url("policy")).status_code == 200
    assert house.client().get(deal.url("policy")).status_code == 404
    assert house.client(house.person(Role.BIDDER)).get(deal.url("policy")).status_code == 404


def test_a_bid_is_committed_uploaded_and_completed_with_a_token(deal: Deal, house: House) -> None:
    bid = deal.seal()
    machine, headers = house.client(), house.token(bid.bidder, "bid")

    commit = machine.post(deal.url("bids"), json=bid.submission, headers=headers)
    before = machine.get(f"/api/v1/bids/{bid.code}", headers=headers).json
    for part in bid.containers:
        for number, block in enumerate(bid.blocks(part)):
            url = f"/api/v1/bids/{bid.code}/{part}/blocks/{number}-{number}"
            assert machine.put(url, data=block, headers=headers).status_code == 200
    done = machine.post(f"/api/v1/bids/{bid.code}/complete", json={}, headers=headers)

    assert (commit.status_code, done.status_code) == (201, 200)
    assert {one["part"]: one["missing"] for one in before["parts"]} == {"price": [0, 1], "tech": [0, 1]}
    key = signatures.spki(house.platform.platform_key)
    trust = tlog.Policy.parse(house.client().get(deal.url("trust")).text)
    for data, kind in ((commit.data, "commit"), (done.data, "complete")):
        receipt = receipts.parse_receipt(data)
        standing = receipts.verify_receipt(receipt, platform_key=key, policy=trust)
        assert (receipt.kind, receipt.bid, standing.state) == (kind, bid.code, receipts.State.WITNESSED)
    newest = machine.get(f"/api/v1/receipts/{bid.code}", headers=headers)
    assert receipts.parse_receipt(newest.data).kind == "complete"
    again = machine.get(f"/api/v1/receipts/{bid.code}?kind=commit", headers=headers)
    assert receipts.parse_receipt(again.data).kind == "commit"
    assert code_of(machine.get(f"/api/v1/receipts/{bid.code}?kind=withdraw", headers=headers)) == (
        404,
        "receipt_missing",
    )


def test_a_token_without_the_scope_and_nobody_at_all_are_refused(deal: Deal, house: House) -> None:
    bid = deal.seal()

    assert code_of(house.client().post(deal.url("bids"), json=bid.submission)) == (401, "not_signed_in")
    headers = house.token(bid.bidder, "custody")
    assert code_of(house.client().post(deal.url("bids"), json=bid.submission, headers=headers)) == (
        403,
        "scope_needed",
    )
    assert code_of(house.client(deal.buyer).post(deal.url("bids"), json=bid.submission)) == (
        403,
        "not_allowed",
    )


def test_the_same_commit_twice_is_one_bid_and_one_leaf(deal: Deal, house: House) -> None:
    bid = deal.seal()
    client = house.client(bid.bidder)
    first = client.post(deal.url("bids"), json=bid.submission)
    with house.read() as session:
        size = sequencer.head(session).size

    second = client.post(deal.url("bids"), json=bid.submission)

    assert second.status_code == 201
    assert receipts.parse_receipt(first.data).record == receipts.parse_receipt(second.data).record
    with house.read() as session:
        assert sequencer.head(session).size == size
        assert session.scalar(sa.select(sa.func.count()).select_from(Bid)) == 1


def spoiled(bid: SealedBid, /, **body: Any) -> dict[str, Any]:
    """The submission with another body, signed again by the bid's key."""
    changed = {**bid.submission["body"], **body}
    return {
        **bid.submission,
        "body": changed,
        "sig": signatures.sign("bid-commit", changed, bid.bk).to_json(),
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, "bid_body"),
        ({"extra": 1}, "bid_body"),
        ({"tender": "other"}, "bid_body"),
        ({"lot": "9"}, "bid_body"),
        ({"bid": "ABC"}, "bid_body"),
        ({"bk": "AAAA"}, "bid_body"),
        ({"parts": []}, "bid_parts"),
        ({"replaces": "0" * 32}, "bid_replaces"),
    ],
)
def test_each_wrong_commitment_is_refused_by_name(
    deal: Deal, house: House, change: dict[str, Any], code: str
) -> None:
    bid = deal.seal()
    with house.read() as session:
        head = sequencer.head(session).size

    answer = house.client(bid.bidder).post(deal.url("bids"), json=spoiled(bid, **change))

    assert code_of(answer) == (422, code)
    with house.read() as session:
        assert sequencer.head(session).size == head


def test_hashes_signature_and_policy_must_fit(deal: Deal, house: House) -> None:
    bid = deal.seal()
    client = house.client(bid.bidder)
    wrong = [{**one, "hashes": b64(b"\0" * 64)} for one in bid.submission["blocks"]]

    assert code_of(client.post(deal.url("bids"), json={**bid.submission, "blocks": wrong})) == (
        422,
        "bid_hashes",
    )
    twice = [bid.submission["blocks"][0]] * 2
    assert code_of(client.post(deal.url("bids"), json={**bid.submission, "blocks": twice})) == (
        422,
        "bid_hashes",
    )
    other = {**bid.submission["body"], "replaces": "0" * 32}
    assert code_of(client.post(deal.url("bids"), json={**bid.submission, "body": other})) == (
        422,
        "bid_signature",
    )
    assert code_of(client.post(deal.url("bids"), json=spoiled(bid, policy="0" * 64))) == (
        404,
        "policy_unknown",
    )
    assert code_of(client.post(deal.url("bids"), data="x", content_type="text/plain"))[0] == 415
    assert client.post(deal.url("bids"), json=bid.submission).status_code == 201


def test_a_copied_envelope_is_refused_under_another_key(deal: Deal, house: House) -> None:
    """T14: the same bid id by somebody else, even with his own key."""
    bid = deal.submit(deal.seal())
    thief = house.person(Role.BIDDER)
    copy = deal.seal(thief)
    stolen = spoiled(copy, bid=bid.code)

    answer = house.client(thief).post(deal.url("bids"), json=stolen)

    assert code_of(answer) == (422, "bid_taken")


def test_blocks_arrive_in_any_order_and_twice(deal: Deal, house: House) -> None:
    bid = deal.seal(size=2_500_000)
    client = house.client(bid.bidder)
    client.post(deal.url("bids"), json=bid.submission)
    blocks = bid.blocks("tech")
    base = f"/api/v1/bids/{bid.code}"
    assert len(blocks) == 4

    last = client.put(f"{base}/tech/blocks/2-3", data=b"".join(blocks[2:]))
    again = client.put(f"{base}/tech/blocks/3-3", data=blocks[3])
    early = client.post(f"{base}/complete", json={})
    client.put(f"{base}/tech/blocks/0-1", data=b"".join(blocks[:2]))
    client.put(f"{base}/price/blocks/0-1", data=b"".join(bid.blocks("price")))
    done = client.post(f"{base}/complete", json={})
    twice = client.post(f"{base}/complete", json={})

    assert last.json == again.json == {"missing": 4}
    assert code_of(early) == (409, "blocks_missing")
    assert (done.status_code, twice.status_code) == (200, 200)
    assert receipts.parse_receipt(done.data).record == receipts.parse_receipt(twice.data).record


def test_wrong_blocks_are_refused_and_named(deal: Deal, house: House) -> None:
    bid = deal.seal()
    client = house.client(bid.bidder)
    client.post(deal.url("bids"), json=bid.submission)
    header, chunk = bid.blocks("price")
    base = f"/api/v1/bids/{bid.code}/price/blocks"
    flipped = bytes([chunk[0] ^ 1]) + chunk[1:]

    answer = client.put(f"{base}/0-1", data=header + flipped)

    assert code_of(answer) == (422, "block_hash")
    assert answer.json["details"]["block"] == 1
    for span, data in (
        ("1-0", b"x"),
        ("0-99", b"x"),
        ("x-1", b"x"),
        ("0-1", header),
        ("1-1", chunk + b"x" * (1 << 20)),
    ):
        assert code_of(client.put(f"{base}/{span}", data=data)) == (422, "block_range"), span
    assert code_of(client.put(f"{base}/2-2", data=chunk)) == (422, "block_range")
    assert code_of(client.put(f"{base}/0-1", data=b"\0" * (10 << 20))) == (413, "group_too_large")
    assert client.put(f"{base}/0-1", data=header + chunk).status_code == 200


def test_parcels_of_several_parts_arrive_together_or_not_at_all(deal: Deal, house: House) -> None:
    bid = deal.seal()
    client, actor = house.client(bid.bidder), house.actor(bid.bidder)
    client.post(deal.url("bids"), json=bid.submission)
    good = [delivery.Parcel(bid.code, part, 0, bid.blocks(part)) for part in ("price", "tech")]
    wrong = replace(good[1], data=[bytes(len(block)) for block in good[1].data])
    everything = sum(len(parcel.data) for parcel in good)

    with pytest.raises(NotValid) as no:
        delivery.put_parcels(house.platform, actor, [good[0], wrong])
    assert no.value.code == "block_hash"
    with house.platform.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(BidBlock)) == 0

    left = delivery.put_parcels(house.platform, actor, good)
    again = delivery.put_parcels(house.platform, actor, good)
    assert client.post(f"/api/v1/bids/{bid.code}/complete", json={}).status_code == 200
    done = delivery.put_parcels(house.platform, actor, good)

    assert left == [everything - len(good[0].data), 0]
    assert again == done == [0, 0]


def test_another_organisations_bid_does_not_exist(deal: Deal, house: House) -> None:
    bid = deal.submit(deal.seal())
    other = house.client(house.person(Role.BIDDER))
    base = f"/api/v1/bids/{bid.code}"

    for answer in (
        other.get(base),
        other.get(f"/api/v1/receipts/{bid.code}"),
        other.get(f"{base}/price/blocks/0-1"),
        other.put(f"{base}/price/blocks/0-1", data=b"x"),
        other.post(f"{base}/complete", json={}),
        other.post(f"{base}/withdraw", json={"body": {}, "sig": {}}),
        other.post(f"{base}/secret", json={"part": "price", "secret": b64(b"\0" * 32)}),
        house.client(deal.buyer).get(base),
    ):
        assert code_of(answer) == (404, "not_found")
    assert house.client(bid.bidder).get(base).status_code == 200


def test_a_rehearsal_gets_the_very_bytes_back(deal: Deal, house: House) -> None:
    bid = deal.seal()
    client = house.client(bid.bidder)
    client.post(deal.url("bids"), json=bid.submission)
    base = f"/api/v1/bids/{bid.code}/tech/blocks"
    assert code_of(client.get(f"{base}/0-1")) == (409, "blocks_missing")
    deal.upload(bid, client)

    answer = client.get(f"{base}/0-1")

    assert answer.data == bid.containers["tech"]
    assert code_of(client.get(f"{base}/0-2")) == (422, "block_range")


def test_a_bid_is_withdrawn_by_its_own_key_only(deal: Deal, house: House) -> None:
    bid = deal.submit(deal.seal())
    client = house.client(bid.bidder)
    url = f"/api/v1/bids/{bid.code}/withdraw"
    leaf = client.get(f"/api/v1/bids/{bid.code}").json["commit_leaf"]
    body = {"bid": bid.code, "commit_leaf": leaf}
    wrong = {**body, "commit_leaf": leaf + 1}
    stranger = house.key(bid.bidder)

    def message(said: dict[str, Any], key: Any) -> dict[str, Any]:
        return {"body": said, "sig": signatures.sign("bid-withdraw", said, key).to_json()}

    assert code_of(client.post(url, json=message(wrong, bid.bk))) == (422, "commit_leaf")
    assert code_of(client.post(url, json=message({"bid": bid.code}, bid.bk))) == (422, "bid_body")
    assert code_of(client.post(url, json=message(body, stranger))) == (422, "bid_signature")
    gone = client.post(url, json=message(body, bid.bk))
    again = client.post(url, json=message(body, bid.bk))

    assert receipts.parse_receipt(gone.data).kind == "withdraw"
    assert receipts.parse_receipt(again.data).record == receipts.parse_receipt(gone.data).record
    assert client.get(f"/api/v1/bids/{bid.code}").json["state"] == "withdrawn"


def test_a_second_bid_needs_to_replace_the_first(deal: Deal, house: House) -> None:
    first = deal.submit(deal.seal())
    client = house.client(first.bidder)
    second = deal.seal(first.bidder, "58000000.00")
    assert code_of(client.post(deal.url("bids"), json=second.submission)) == (422, "bid_second")

    newer = deal.submit(deal.seal(first.bidder, "58000000.00", replaces=first.code))

    with house.read() as session:
        states = {bid.code: bid.state for bid in session.scalars(sa.select(Bid))}
    assert states == {first.code: BidState.REPLACED, newer.code: BidState.COMPLETE}


def test_the_deadline_is_exact_to_the_microsecond(deal: Deal, house: House) -> None:
    early, late = deal.seal(), deal.seal()
    unfinished = deal.seal()
    client = house.client(early.bidder)
    house.clock.move(deal.closes_at - timedelta(microseconds=1))
    in_time = house.client(early.bidder).post(deal.url("bids"), json=early.submission)
    house.client(unfinished.bidder).post(deal.url("bids"), json=unfinished.submission)
    client = house.client(early.bidder)
    deal.upload(early, client)
    complete = client.post(f"/api/v1/bids/{early.code}/complete", json={})
    house.clock.move(deal.closes_at)
    other = house.client(unfinished.bidder)

    refused = house.client(late.bidder).post(deal.url("bids"), json=late.submission)
    block = other.put(
        f"/api/v1/bids/{unfinished.code}/price/blocks/0-1", data=b"".join(unfinished.blocks("price"))
    )
    completed = other.post(f"/api/v1/bids/{unfinished.code}/complete", json={})
    leaf = house.client(early.bidder).get(f"/api/v1/bids/{early.code}").json["commit_leaf"]
    body = {"bid": early.code, "commit_leaf": leaf}
    message = {"body": body, "sig": signatures.sign("bid-withdraw", body, early.bk).to_json()}
    withdrawn = house.client(early.bidder).post(f"/api/v1/bids/{early.code}/withdraw", json=message)

    assert (in_time.status_code, complete.status_code) == (201, 200)
    for answer in (refused, block, completed, withdrawn):
        assert code_of(answer) == (409, "bids_closed")
    assert refused.json["details"]["closed_at"] == refused.json["details"]["server_now"]


def test_every_door_of_the_room_stands_in_the_api_description(house: House) -> None:
    paths = house.client().get("/api/openapi.json").json["paths"]

    wanted = {
        "/api/v1/tenders/{code}/policy": "get",
        "/api/v1/tenders/{code}/keys": "get",
        "/api/v1/tenders/{code}/bids": "post",
        "/api/v1/bids/{bid}": "get",
        "/api/v1/bids/{bid}/{part}/blocks/{span}": "put",
        "/api/v1/bids/{bid}/complete": "post",
        "/api/v1/bids/{bid}/withdraw": "post",
        "/api/v1/bids/{bid}/secret": "post",
        "/api/v1/receipts/{bid}": "get",
        "/api/v1/custodians/me/duties": "get",
        "/api/v1/tenders/{code}/custodian-keys": "post",
        "/api/v1/tenders/{code}/acks": "post",
        "/api/v1/tenders/{code}/ack-kit": "get",
        "/api/v1/tenders/{code}/release-kit": "get",
        "/api/v1/tenders/{code}/releases": "post",
    }
    assert {path: method for path, method in wanted.items() if method not in paths.get(path, {})} == {}
