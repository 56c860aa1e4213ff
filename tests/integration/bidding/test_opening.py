"""Custody and opening through the doors, with absent, lying and cheating parties. Source: spec sealing §8, §13."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from bidding.actions.delivery import block_key
from bidding.models import Bid, BidderSecret, CustodianAck, OpenedPart, Release
from bidding.rules.states import BidState, OpeningState
from kernel import timekeeper
from sealbid import agent, receipts, signatures
from sealbid.errors import SealError
from sealbid.octets import b64
from tests.integration.bidding.deal import Deal, SealedBid
from tests.support.house import House


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, (answer.json or {}).get("code", "")


def parts_of(house: House, code: str) -> dict[str, OpenedPart]:
    with house.read() as session:
        rows = session.scalars(
            sa.select(OpenedPart).join(Bid, Bid.id == OpenedPart.bid_id).where(Bid.code == code)
        )
        return {row.part: row for row in rows}


def states_of(house: House) -> dict[str, BidState]:
    with house.read() as session:
        return {bid.code: bid.state for bid in session.scalars(sa.select(Bid))}


def test_seats_state_their_keys_and_the_last_one_seals_the_policy(house: House) -> None:
    deal = Deal(house)
    duties = deal.as_custodian(4).get("/api/v1/custodians/me/duties").json
    message = deal.key_message(4)
    other = {**message["body"], "tender": "elsewhere"}

    assert [one["x"] for one in duties["keys"]] == [4]
    wrong_seat = deal.as_custodian(3).post(deal.url("custodian-keys"), json=message)
    wrong_tender = deal.as_custodian(4).post(deal.url("custodian-keys"), json={**message, "body": other})
    unsigned = deal.as_custodian(4).post(
        deal.url("custodian-keys"), json={**message, "sig": {**message["sig"], "sig": b64(b"\0" * 64)}}
    )
    for answer in (wrong_seat, wrong_tender, unsigned):
        assert code_of(answer) == (422, "custodian_statement")
    deal.state_keys((1, 2, 3, 4))
    last = deal.as_custodian(5).post(deal.url("custodian-keys"), json=deal.key_message(5))
    assert last.json["policy"] == deal.policy.digest.hex()
    assert deal.as_custodian(4).get("/api/v1/custodians/me/duties").json["keys"] == []


def test_an_institution_acknowledges_its_share_and_the_tenderer_learns_nothing(
    deal: Deal, house: House
) -> None:
    bid = deal.submit(deal.seal())
    notary, tenderer = deal.as_custodian(4), deal.as_custodian(1)
    assert tenderer.get("/api/v1/custodians/me/duties").json["acks"] == []
    assert code_of(tenderer.get(deal.url(f"ack-kit?bid={bid.code}&part=price"))) == (404, "not_found")
    duty = notary.get("/api/v1/custodians/me/duties").json["acks"][0]
    found = notary.get(deal.url(f"ack-kit?bid={duty['bid']}&part={duty['part']}")).json

    body = agent.make_ack(
        agent.BidKit.from_json(found), policy=deal.policy, x=4, seed=deal.seeds[4], part=duty["part"]
    )
    sig = signatures.sign("custodian-ack", body, house.key(deal.custodians[3])).to_json()
    lied = notary.post(deal.url("acks"), json={"body": {**body, "root": "0" * 64}, "sig": sig})
    first = notary.post(deal.url("acks"), json={"body": body, "sig": sig})
    second = notary.post(deal.url("acks"), json={"body": body, "sig": sig})

    assert code_of(lied) == (422, "ack_body")
    assert (first.status_code, second.status_code) == (200, 200)
    with house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CustodianAck)) == 1
    receipt = house.client(bid.bidder).get(f"/api/v1/receipts/{bid.code}")
    assert len(receipts.parse_receipt(receipt.data).acks) == 1


def test_no_share_and_no_secret_is_taken_before_the_close(deal: Deal, house: House) -> None:
    bid = deal.bids(3)[0]
    body = {"tender": deal.code, "part": "price", "close": 1, "x": 1, "bad": [], "d": "0" * 64}
    promise = {"body": body, "sig": house.sign(deal.custodians[0], "share-release", body)}
    secret = {"part": "price", "secret": b64(bid.secrets["price"])}

    assert code_of(deal.as_custodian(1).get(deal.url("release-kit?part=price"))) == (409, "not_closed")
    assert code_of(deal.as_custodian(1).post(deal.url("releases"), json=promise)) == (409, "not_closed")
    assert code_of(house.client(bid.bidder).post(f"/api/v1/bids/{bid.code}/secret", json=secret)) == (
        409,
        "not_closed",
    )
    with house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Release)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(BidderSecret)) == 0


def test_a_custodian_refuses_under_his_own_clock_even_when_the_platform_hurries(deal: Deal) -> None:
    deal.bids(3)
    deal.close()
    kit = deal.kit(1, "price")
    from sealbid.tlog import Policy as Trust

    found = deal.as_custodian(1).get(deal.url("policy")).json
    with pytest.raises(SealError) as no:
        agent.decide_release(
            kit,
            policy=deal.policy,
            trust=Trust.parse(found["trust"]),
            x=1,
            seed=deal.seeds[1],
            now=deal.house.clock.now().replace(year=2020),
            last_checkpoint=None,
            parts_allowed=deal.policy.parts,
            approved=True,
        )
    assert no.value.code == "release_early"


def test_a_release_is_digest_first_and_content_second_each_once(deal: Deal, house: House) -> None:
    deal.bids(3)
    deal.close()
    client = deal.as_custodian(1)
    promise, content = deal.release_messages(1, "price")
    url = deal.url("releases")
    too_soon = client.post(url, json={"release": 1, **content})
    leaf = client.post(url, json=promise).json["leaf"]

    other, _ = deal.release_messages(1, "price", lie=True)
    tampered = {**content, "private": {"shares": content["private"]["shares"][:1]}}
    stranger = deal.as_custodian(2).post(url, json={"release": leaf, **content})
    again = client.post(url, json=promise)
    shortened = client.post(url, json={"release": leaf, **tampered})
    changed = client.post(url, json=other)
    done = client.post(url, json={"release": leaf, **content})
    twice = client.post(url, json={"release": leaf, **content})

    assert code_of(too_soon) == (409, "release_not_promised")
    assert code_of(stranger) == (409, "release_not_promised")
    assert code_of(changed) == (422, "release_changed")
    assert code_of(shortened) == (422, "release_digest")
    assert again.json["leaf"] == leaf
    assert (done.status_code, twice.status_code) == (200, 200)
    assert code_of(house.client(house.person()).post(url, json=promise))[0] in (403, 404)
    duties = client.get("/api/v1/custodians/me/duties").json["releases"]
    assert [one["part"] for one in duties] == ["tech"]


def test_three_of_five_open_and_the_absent_two_change_nothing(deal: Deal, house: House) -> None:
    """T18: n−t custodians are missing."""
    bids = deal.bids(3)
    deal.close()
    deal.release(2, 4)
    assert deal.opening().state is OpeningState.RELEASING

    deal.release(5)

    assert deal.opening().state is OpeningState.OPENED
    assert {parts_of(house, bid.code)["price"].way for bid in bids} == {"custodians"}


def test_with_too_few_custodians_bidders_open_their_own_bids(deal: Deal, house: House) -> None:
    """T18: n−t+1 custodians are missing; one bidder does not come either, and it is nobody's fault but theirs."""
    bids = deal.bids(4)
    opening = deal.close()
    deal.release(1, 2)
    for bid in bids[:3]:
        client = house.client(bid.bidder)
        wrong = client.post(
            f"/api/v1/bids/{bid.code}/secret", json={"part": "price", "secret": b64(b"\1" * 32)}
        )
        assert code_of(wrong) == (422, "secret_wrong")
        for part, secret in bid.secrets.items():
            url = f"/api/v1/bids/{bid.code}/secret"
            assert client.post(url, json={"part": part, "secret": b64(secret)}).json == {"opened": False}

    house.clock.move(opening.window_until_at)
    timekeeper.keep_time(house.platform)

    assert deal.opening().state is OpeningState.OPENED
    assert {parts_of(house, bid.code)["price"].way for bid in bids[:3]} == {"bidder"}
    lost = parts_of(house, bids[3].code)["price"]
    assert (lost.ok, lost.cause, lost.why) == (False, "custodians", "shares_missing")
    assert states_of(house)[bids[3].code] is BidState.WITHDRAWN
    late = house.client(bids[3].bidder).post(
        f"/api/v1/bids/{bids[3].code}/secret", json={"part": "price", "secret": b64(bids[3].secrets["price"])}
    )
    assert code_of(late) == (409, "release_over")


def test_a_lying_custodian_is_named_and_the_others_suffice(deal: Deal, house: House) -> None:
    """T13: with one traitor the honest three open, and the record names the void release."""
    bids = deal.bids(3)
    deal.close()
    deal.release(1, lie=True)
    deal.release(2, 3)
    assert deal.opening().state is OpeningState.RELEASING

    deal.release(4)

    assert deal.opening().state is OpeningState.OPENED
    opened = parts_of(house, bids[0].code)["price"]
    from kernel.ledger import book

    with house.read() as session:
        record = book.record_of(session, opened.record_id)
    assert opened.ok
    assert record is not None
    assert record["body"]["void"] == [1]


def cheat(part: str, raw: bytes) -> bytes:
    """Change a byte of the payload before hashing: committed as such, and it opens for nobody (T12)."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def test_a_bid_that_its_bidder_spoiled_is_revoked_with_his_cause(deal: Deal, house: House) -> None:
    """T11, T12: the committed bytes are intact, so what does not open is the bidder's doing."""
    deal.bids(3)
    bad = deal.submit(deal.seal(spoil=cheat))
    deal.close()
    deal.release(1, 2, 3)

    found = parts_of(house, bad.code)["price"]

    assert (found.ok, found.cause) == (False, "bidder")
    assert states_of(house)[bad.code] is BidState.REVOKED


def test_a_block_changed_in_our_store_is_our_cause_and_named(deal: Deal, house: House) -> None:
    """T8: one flipped byte in storage after the receipt."""
    bids = deal.bids(3)
    victim: SealedBid = bids[0]
    path = house.folder / "blobs" / block_key(victim.code, "price", 1)
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(bytes(data))
    deal.close()
    deal.release(1, 2, 3)

    found = parts_of(house, victim.code)["price"]

    assert (found.ok, found.cause) == (False, "platform")
    assert states_of(house)[victim.code] is BidState.WITHDRAWN
    assert all(parts_of(house, bid.code)["price"].ok for bid in bids[1:])


def test_a_header_lost_from_our_store_does_not_stop_the_others(deal: Deal, house: House) -> None:
    bids = deal.bids(3)
    opening_kits = dict.fromkeys((1, 2, 3), deal)
    deal.close()
    messages = {
        (x, part): opening_kits[x].release_messages(x, part) for x in (1, 2, 3) for part in deal.policy.parts
    }
    (house.folder / "blobs" / block_key(bids[0].code, "price", 0)).unlink()
    for (x, _part), (promise, content) in messages.items():
        client = deal.as_custodian(x)
        leaf = client.post(deal.url("releases"), json=promise).json["leaf"]
        assert client.post(deal.url("releases"), json={"release": leaf, **content}).status_code == 200

    found = parts_of(house, bids[0].code)["price"]

    assert (found.ok, found.cause, found.why) == (False, "platform", "file_missing")
    assert deal.opening().state is OpeningState.OPENED


def test_fewer_than_three_are_never_opened(deal: Deal, house: House) -> None:
    deal.bids(2)
    opening = deal.close()

    with pytest.raises(SealError) as no:
        deal.decide(1, "price")

    assert opening.state is OpeningState.FAILED
    assert no.value.code in ("release_too_few", "release_part", "release_bid")
    body = {
        "tender": deal.code,
        "part": "price",
        "close": opening.close_index,
        "x": 1,
        "bad": [],
        "d": "0" * 64,
    }
    promise = {"body": body, "sig": house.sign(deal.custodians[0], "share-release", body)}
    assert code_of(deal.as_custodian(1).post(deal.url("releases"), json=promise)) == (409, "release_over")
