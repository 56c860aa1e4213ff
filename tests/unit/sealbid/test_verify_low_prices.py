"""An award of an auction against the log's requests about low prices, as a stranger checks it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from sealbid import jcs
from sealbid.case import Case
from sealbid.errors import SealError
from sealbid.records import RecordType
from sealbid.verify_auction import PRICE_ASKED, PRICE_JUDGED, require_award

AUCTION = "0198a000-0000-7000-8000-000000000001"
JOURNAL = {
    "auction": AUCTION,
    "lot": "1",
    "result": {
        "winner": "101",
        "ranking": [{"plate": "101", "price": "42.00"}, {"plate": "102", "price": "94.00"}],
    },
}
LOW = {"plate": "101", "ground": "abnormally_low"}


@dataclass
class Held:
    """As much of a case as an award needs: a journal, and records about prices."""

    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def evidence(self) -> Held:
        return self

    def under(self, _folder: str) -> list[str]:
        return ["documents/auction-lot-1-r1.json"]

    def read(self, _name: str) -> bytes:
        return jcs.encode(JOURNAL)

    def of_type(self, _kind: RecordType, **where: object) -> list[tuple[int, dict[str, Any]]]:
        return [
            (n, {"body": one})
            for n, one in enumerate(self.records)
            if all(one.get(name) == value for name, value in where.items())
        ]


def asked(plate: str = "101", auction: str = AUCTION) -> dict[str, Any]:
    return {"fact": PRICE_ASKED, "auction": auction, "plate": plate}


def judged(accepted: bool) -> dict[str, Any]:
    return {"fact": PRICE_JUDGED, "auction": AUCTION, "plate": "101", "accepted": accepted}


def award(winner: str, *passed: dict[str, str]) -> dict[str, Any]:
    prices = {one["plate"]: one["price"] for one in JOURNAL["result"]["ranking"]}  # type: ignore[index]
    lot: dict[str, Any] = {
        "lot": "1",
        "journal": hashlib.sha256(jcs.encode(JOURNAL)).hexdigest(),
        "winner": winner,
        "price": prices[winner],
    }
    return lot | ({"passed_over": list(passed), "decision": "x"} if passed else {})


@pytest.mark.parametrize(
    ("lot", "records"),
    [
        (award("101"), []),
        (award("101"), [asked(), judged(True)]),
        (award("101"), [asked(auction="another")]),
        (award("102", LOW), [asked(), judged(False)]),
        (award("102", {"plate": "101", "ground": "资格证书已被吊销"}), [asked(), judged(True)]),
    ],
)
def test_an_award_that_followed_its_reviews_is_good(lot: dict[str, Any], records: list[Any]) -> None:
    assert require_award(cast(Case, Held(records)), lot).startswith(f"plate {lot['winner']}")


@pytest.mark.parametrize(
    ("lot", "records", "code"),
    [
        (award("101"), [asked()], "auction_low_price"),
        (award("101"), [asked(), judged(False)], "auction_low_price"),
        (award("102", LOW), [], "auction_low_price"),
        (award("102", LOW), [asked()], "auction_low_price"),
        (award("102", LOW), [asked(), judged(True)], "auction_low_price"),
        (
            award("101", {"plate": "102", "ground": "x"}) | {"winner": "102", "price": "94.00"},
            [],
            "award_winner",
        ),
        (award("101", LOW), [asked(), judged(True)], "award_winner"),
    ],
)
def test_an_award_that_did_not_is_refused(lot: dict[str, Any], records: list[Any], code: str) -> None:
    with pytest.raises(SealError) as no:
        require_award(cast(Case, Held(records)), lot)
    assert no.value.code == code
