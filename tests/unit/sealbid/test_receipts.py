"""Receipts: stored, logged, witnessed — and nothing in between."""

from __future__ import annotations

from typing import Any

import pytest

from sealbid import jcs, signatures, tlog
from sealbid.errors import SealError
from sealbid.note import Note
from sealbid.receipts import State, build_receipt, parse_receipt, verify_receipt
from sealbid.tlog import TlogProof
from tests.support.evidence import TenderWorld, finished_tender, identity, signer_of


@pytest.fixture(scope="module")
def world() -> TenderWorld:
    return finished_tender()


def standing(world: TenderWorld, data: bytes) -> tuple[State, int | None]:
    found = verify_receipt(
        parse_receipt(data),
        platform_key=signatures.spki(world.platform),
        policy=tlog.Policy.parse(world.log.trust),
    )
    return found.state, found.index


def receipt(world: TenderWorld, **more: Any) -> bytes:
    record = more.pop("record", world.log.kept[world.bids[0].commit])
    return build_receipt(more.pop("kind", "commit"), record, sign=signer_of(world.platform), **more)


def test_a_receipt_climbs_from_stored_to_logged_to_witnessed(world: TenderWorld) -> None:
    leaf = world.bids[0].commit
    proof = world.log.proof(leaf)
    alone = TlogProof(proof.index, proof.hashes, Note(proof.note.text, proof.note.lines[:2]))

    assert standing(world, receipt(world)) == (State.STORED, None)
    assert standing(world, receipt(world, proof=alone)) == (State.LOGGED, leaf)
    assert standing(world, receipt(world, proof=proof)) == (State.WITNESSED, leaf)


def test_a_receipt_is_read_back_byte_for_byte(world: TenderWorld) -> None:
    data = receipt(world, proof=world.log.proof(world.bids[0].commit), acks=[{"ok": True}], tst=b"token")

    assert parse_receipt(data).encode() == data


def test_a_receipt_with_the_proof_of_another_leaf_is_refused(world: TenderWorld) -> None:
    with pytest.raises(SealError, match="inclusion_proof"):
        standing(world, receipt(world, proof=world.log.proof(world.bids[1].commit)))


def test_a_receipt_signed_by_a_stranger_is_refused(world: TenderWorld) -> None:
    record = world.log.kept[world.bids[0].commit]
    data = build_receipt("commit", record, sign=signer_of(identity("stranger")))

    with pytest.raises(SealError, match="signature_key"):
        standing(world, data)


def test_a_receipt_whose_record_the_bid_key_did_not_sign_is_refused(world: TenderWorld) -> None:
    record = jcs.decode(jcs.encode(world.log.kept[world.bids[0].commit]))
    record["body"]["lot"] = "2"

    with pytest.raises(SealError, match="bad_signature"):
        standing(world, receipt(world, record=record))


def test_an_altered_receipt_is_refused(world: TenderWorld) -> None:
    found = jcs.decode(receipt(world))
    found["acks"] = [{"ok": True}]

    with pytest.raises(SealError, match="bad_signature"):
        standing(world, jcs.encode(found))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"kind": "complete"}, "receipt_kind"),
        ({"kind": "gift"}, "receipt_kind"),
        ({"more": 1}, "receipt_shape"),
        ({"v": 2}, "receipt_shape"),
        ({"acks": "x"}, "receipt_shape"),
        ({"proof": "x"}, "proof_shape"),
        ({"tst": "?"}, "bad_base64"),
        ({"sig": {}}, "signature_format"),
    ],
)
def test_what_a_receipt_may_not_be(world: TenderWorld, changed: dict[str, Any], code: str) -> None:
    found = {**jcs.decode(receipt(world)), **changed}

    with pytest.raises(SealError, match=code):
        parse_receipt(jcs.encode(found))


def test_a_complete_receipt_holds_a_completion(world: TenderWorld) -> None:
    bid = world.bids[0]
    record = world.log.kept[bid.complete]

    data = receipt(world, kind="complete", record=record, proof=world.log.proof(bid.complete))

    assert standing(world, data) == (State.WITNESSED, bid.complete)
