"""The log as strangers see it: C2SP files that verify, pages that hide what must stay hidden."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kernel.ledger import sequencer, trust
from sealbid import merkle, tlog
from sealbid.note import Note
from sealbid.records import entry_of
from sealbid.tiles import MemoryTiles, TileTree, parse_bundle, tile_path

SECRET = ("bid-commit", "bid-complete", "custodian-ack", "投标承诺", "投标完成")


def test_a_monitor_rebuilds_the_tree_from_the_served_files(awarded: Any) -> None:
    city, _ = awarded
    client = city.house.client()
    note = Note.parse(client.get("/log/checkpoint").text)
    cosigned = tlog.Policy.parse(client.get("/log/trust").text).require(note)
    size = cosigned.checkpoint.size
    assert len(cosigned.times) == 3

    entries: list[bytes] = []
    while len(entries) < size:
        number, width = len(entries) // 256, min(256, size - len(entries))
        answer = client.get("/log/" + tile_path("entries", number, width))
        assert "immutable" in answer.headers["Cache-Control"]
        entries += parse_bundle(answer.data)
    tree = TileTree(MemoryTiles())
    tree.append(entries)

    assert tree.root() == cosigned.checkpoint.root
    assert isinstance(tree.store, MemoryTiles)
    for (level, n), data in tree.store.tiles.items():
        assert client.get("/log/" + tile_path(level, n, len(data) // 32)).data == data


@pytest.mark.parametrize(
    "address", ["0/009", "0/000.p/0", "0/000.p/257", "0/0", "99/000", "entries/777", "x"]
)
def test_what_the_log_does_not_hold_is_not_served(awarded: Any, address: str) -> None:
    city, _ = awarded

    assert city.house.client().get(f"/log/tile/{address}").status_code == 404


def test_a_disclosed_record_is_what_its_entry_commits_to(awarded: Any) -> None:
    city, deal = awarded
    client = city.house.client()
    listed = client.get(f"/log/tenders/{deal.code}").json["entries"]
    assert {"notice", "policy", "bid-commit", "tender-close", "bid-open", "award"} <= {
        e["type"] for e in listed
    }

    for line in listed[::7]:
        record = client.get(f"/log/records/{line['index']}").json["record"]
        assert entry_of(record).hex() == line["entry"]


def test_the_entry_page_carries_a_proof_that_verifies(awarded: Any) -> None:
    city, _ = awarded
    client = city.house.client()
    proof = tlog.TlogProof.parse(client.get("/log/7.tlog-proof").text)
    entry = bytes.fromhex(client.get("/log/records/7").json["entry"])

    proof.verify(entry, tlog.Policy.parse(trust.trust_text(city.house.settings)))

    page = client.get("/log/7").text
    assert base64.b64encode(proof.hashes[0]).decode() in page.replace("\\u002b", "+")
    assert merkle.leaf_hash(entry).hex()[:8] in page


def test_nothing_tells_of_bids_before_the_opening(city: Any) -> None:
    deal = city.tender("bids_in")
    client = city.house.client()
    with city.house.read() as session:
        size = sequencer.head(session).size

    pages = [client.get("/log").text, client.get("/log?group=sealing").text]
    pages += [client.get(f"/log/{index}").text for index in range(size - 12, size)]
    pages += [client.get(f"/log/records/{index}").text for index in range(size - 12, size)]
    pages.append(client.get(f"/log/tenders/{deal.code}").text)

    for code in deal.bids:
        assert not any(code in page for page in pages)
    for word in SECRET:
        assert not any(word in page for page in pages), word
    hidden = {client.get(f"/log/records/{index}").json["disclosed"] for index in range(size - 8, size)}
    assert hidden == {False}


def test_whoever_holds_a_receipt_finds_its_entry(city: Any) -> None:
    deal = city.tender("bids_in")
    code = next(iter(deal.bids))

    page = city.house.client().get(f"/log?by=receipt&q={code}").text

    assert page.count("尚未公开") >= 2


def test_search_by_index_hash_and_tender(awarded: Any) -> None:
    city, deal = awarded
    client = city.house.client()
    entry = client.get("/log/records/9").json["entry"]

    assert client.get("/log?q=9").headers["Location"].endswith("/log/9")
    assert client.get(f"/log?by=hash&q={entry[4:]}").headers["Location"].endswith("/log/9")
    assert deal.code in client.get(f"/log?by=tender&q={deal.code}").text
    assert "没有这个条目" in client.get("/log?q=99999999").text
    assert client.get("/log/99999999").status_code == 404


def test_unexplained_leaves_are_counted_and_none_is_overdue(awarded: Any) -> None:
    city, _ = awarded

    answer = city.house.client().get("/log/unexplained").json

    assert answer["leaves"] > answer["hidden"] > 0
    assert answer["overdue"] == 0
