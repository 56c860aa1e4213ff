"""A receipt's place in the log: obtainable by its holder, silent about others, and touched by nobody unnoticed."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from bidding.actions import auctions_life
from kernel.ledger import sequencer, trust
from kernel.rights import Role
from sealbid import cli_bidder, jcs, place, signatures, tlog
from sealbid.cli_base import Tools
from sealbid.errors import SealError
from sealbid.octets import b64
from sealbid.receipts import State
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import House


def person_of(house: House, person_id: Any) -> Any:
    from kernel.identity.models import Person

    with house.read() as session:
        return session.get_one(Person, person_id)


def standing(house: House, data: bytes) -> place.Standing:
    key = signatures.spki(house.platform.platform_key)
    return place.verify(data, platform_key=key, policy=tlog.Policy.parse(trust.trust_text(house.settings)))


def test_a_receipt_gets_its_place_on_the_beat_and_its_path_after_the_end(
    sale: Sale, house: House, tmp_path: Path
) -> None:
    ann, bob, _ = sale.bidders(3)
    hall = Hall(sale).start().follow()
    receipt = hall.offer(ann.plate, 950000)
    hall.offer(bob.plate, 940000)
    client = house.client(person_of(house, ann.person_id))
    path = f"/api/v1/auctions/{hall.id}/receipts"
    first = client.get(f"{path}/{receipt['event']}/place")
    assert (standing(house, first.data).state, standing(house, first.data).chained) == (State.STORED, False)

    from datetime import timedelta

    house.clock.tick(timedelta(seconds=6))
    auctions_life.anchor_journals(house.platform)
    sequencer.sequence(house.platform)
    running = client.get(f"{path}/{receipt['event']}/place")
    told = jcs.decode_object(running.data)
    assert told["receipt"] == receipt
    assert told["path"] == {}  # how many events others caused is nobody's business yet
    assert standing(house, running.data).state in (State.LOGGED, State.WITNESSED)
    other = house.client(person_of(house, bob.person_id)).get(f"{path}/{receipt['event']}/place")
    assert other.status_code == 404
    assert house.client(house.person(Role.BIDDER)).get(path).status_code == 404

    hall.end().follow()
    hall.core.stop()
    sequencer.sequence(house.platform)
    whole = client.get(f"{path}/{receipt['event']}/place")
    assert standing(house, whole.data).chained
    lines = client.get(path).json["receipts"]
    assert [one["event"] for one in lines] == [receipt["event"]]
    assert lines[0]["index"] is not None
    assert client.get(f"/auctions/{hall.id}/receipts").status_code == 200

    (tmp_path / "place").write_bytes(whole.data)
    (tmp_path / "trust").write_text(trust.trust_text(house.settings))
    outcome = cli_bidder.receipt(
        Namespace(
            file=tmp_path / "place",
            out=None,
            platform_key=b64(signatures.spki(house.platform.platform_key)),
            trust=tmp_path / "trust",
        ),
        Tools(house.outside.entropy, house.clock.now, lambda _q: "", lambda _s: None, lambda _q: True),
    )
    assert outcome.data["chained"] is True


def test_whatever_is_touched_in_a_place_is_noticed(sale: Sale, house: House) -> None:
    ann, bob, _ = sale.bidders(3)
    hall = Hall(sale).start().follow()
    receipt = hall.offer(ann.plate, 950000)
    hall.offer(bob.plate, 940000)
    hall.end().follow()
    hall.core.stop()
    sequencer.sequence(house.platform)
    client = house.client(person_of(house, ann.person_id))
    data = client.get(f"/api/v1/auctions/{hall.id}/receipts/{receipt['event']}/place").data
    assert standing(house, data).chained

    def refused(change: Any, *, sign: bool = True) -> str:
        other = json.loads(data)
        change(other)
        if sign:  # even the platform itself cannot make another path fit
            body = {name: value for name, value in other.items() if name != "sig"}
            other["sig"] = signatures.sign("auction-place", body, house.platform.platform_key).to_json()
        with pytest.raises(SealError) as caught:
            standing(house, jcs.encode(other))
        return caught.value.code

    assert refused(lambda one: one["receipt"].update(price="1.00")) == "bad_signature"
    assert refused(lambda one: one["path"].update(before="0" * 64)) == "place_chain"
    assert refused(lambda one: one["path"]["after"].pop()) == "place_chain"
    assert refused(lambda one: one["path"]["record"]["body"].update(upto=1)) == "place_entry"
    assert refused(lambda one: one.update(entry=b64(b"\1" * 34))) in ("place_entry", "inclusion_proof")
    assert refused(lambda one: one.update(path={"before": ""})) == "place_shape"
    assert refused(lambda one: one.update(path={}), sign=False) == "bad_signature"
