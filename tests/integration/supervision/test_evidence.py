"""From a real deal to a package a stranger verifies, and every byte of it that is changed is noticed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bidding.actions.speaking import speak
from kernel.errors import NotNow
from kernel.identity.models import Organization
from kernel.ledger import sequencer, trust
from kernel.money import Money
from sealbid.verify import verify_evidence
from simulation import deal as moves
from supervision.evidence import export_evidence
from trading import actions as trading


def verified(package: bytes, folder: Path, trusted: str | None) -> tuple[int, list[str]]:
    path = folder / "evidence.zip"
    path.write_bytes(package)
    lines: list[str] = []
    return verify_evidence(path, trusted, lines.append), lines


def test_a_finished_deal_is_verified_by_a_stranger(awarded: Any, tmp_path: Path) -> None:
    city, deal = awarded
    package = export_evidence(city.house.platform, deal.tender_id)

    code, lines = verified(package, tmp_path, trust.trust_text(city.house.settings))

    assert [line for line in lines if line.startswith("FAIL")] == []
    assert code == 0
    assert any("winner" in line for line in lines)
    assert any("k-value" in line for line in lines)


def test_no_confidential_page_leaves_with_the_package(awarded: Any, tmp_path: Path) -> None:
    city, deal = awarded
    path = tmp_path / "evidence.zip"
    path.write_bytes(export_evidence(city.house.platform, deal.tender_id))

    with zipfile.ZipFile(path) as package:
        names = package.namelist()
        private = [json.loads(package.read(name))["private"] for name in names if name.startswith("private/")]
    assert not [name for name in names if ".tech." in name]
    assert len([one for one in private if "shares" in one]) == 3, "shares of the price part only"
    assert all(set(one) in ({"shares"}, {"lot", "member", "scores"}, {"order"}) for one in private), (
        "and locked score sheets, and orders of drawn places"
    )
    assert all(place.isdigit() for one in private for place in one.get("order", ())), "places, no names"
    assert "award.json" in names


@pytest.mark.parametrize("share", [5, 20, 35, 50, 65, 80, 95])
def test_a_flipped_byte_anywhere_is_noticed(awarded: Any, tmp_path: Path, share: int) -> None:
    city, deal = awarded
    package = bytearray(export_evidence(city.house.platform, deal.tender_id))

    package[len(package) * share // 100] ^= 1

    assert verified(bytes(package), tmp_path, trust.trust_text(city.house.settings))[0] == 1


def test_before_the_opening_there_is_no_package_and_after_it_a_first_one(city: Any, tmp_path: Path) -> None:
    deal = city.tender("bids_in")
    with pytest.raises(NotNow) as no:
        export_evidence(city.house.platform, deal.tender_id)
    assert no.value.code == "evidence_too_early"

    city._closed(deal, 4)
    city._opened(deal, 4)
    city.world.sequence()

    code, lines = verified(
        export_evidence(city.house.platform, deal.tender_id), tmp_path, trust.trust_text(city.house.settings)
    )
    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])


def test_a_record_without_its_cosignatures_holds_the_package_back(city: Any) -> None:
    deal = city.tender("closed")
    city.world.cosigners = {}
    city._opened(deal, 4)
    sequencer.sequence(city.house.platform)

    with pytest.raises(NotNow) as no:
        export_evidence(city.house.platform, deal.tender_id)

    assert no.value.code == "evidence_unwitnessed"


def test_a_tender_with_too_few_bids_leaves_a_package_without_an_opening(city: Any, tmp_path: Path) -> None:
    deal = city.tender("closed", bidders=2)
    city.world.sequence()

    code, lines = verified(
        export_evidence(city.house.platform, deal.tender_id), tmp_path, trust.trust_text(city.house.settings)
    )

    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])


def test_who_signed_for_a_lost_key_stays_unsaid_where_nothing_was_opened(city: Any, tmp_path: Path) -> None:
    deal = city.tender("bids_in", bidders=2)
    world, (code, bidder) = city.world, next(iter(deal.bids.items()))
    newer = moves.Offer(lot=1, price=Money.from_yuan("59000000"))
    sealed = moves.seal_offer(world, deal, bidder, newer, replaces=code, key_lost=True)
    moves.submit(world, deal, bidder, sealed)
    city._closed(deal, 2)
    world.sequence()

    package = export_evidence(city.house.platform, deal.tender_id)
    found, lines = verified(package, tmp_path, trust.trust_text(city.house.settings))

    assert (found, [line for line in lines if line.startswith("FAIL")]) == (0, [])
    assert any("OLD KEY LOST, who signed is not disclosed" in line for line in lines)
    with zipfile.ZipFile(tmp_path / "evidence.zip") as files:
        assert not any(bidder.uscc.encode() in files.read(name) for name in files.namelist())


def test_a_lot_with_too_few_bids_stays_sealed_beside_one_that_is_awarded(city: Any, tmp_path: Path) -> None:
    deal = city.tender("awarded", lots=2)
    city.world.sequence()

    code, lines = verified(
        export_evidence(city.house.platform, deal.tender_id), tmp_path, trust.trust_text(city.house.settings)
    )

    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])


def _bid(city: Any, deal: Any, bidder: Any, price: str = "62000000", **items: object) -> str:
    offer = moves.Offer(lot=1, price=Money.from_yuan(price), items=items)
    return moves.bid(city.world, deal, bidder, offer)


def test_bids_of_a_terminated_tender_stay_sealed_and_its_package_says_so(city: Any, tmp_path: Path) -> None:
    deal = city.tender("bids_in")
    with city.world.begin(deal.buyer) as work:
        trading.terminate_tender(work, deal.tender_id, "规划调整")
    city.world.sequence()
    package = export_evidence(city.house.platform, deal.tender_id)

    code, lines = verified(package, tmp_path, trust.trust_text(city.house.settings))

    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])
    assert any("terminated at leaf" in line for line in lines)


def test_bids_that_were_never_closed_are_a_finding_unless_the_tender_was_terminated(
    city: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = city.tender("bids_in")
    with city.world.begin(deal.buyer) as work:
        trading.terminate_tender(work, deal.tender_id, "规划调整")
    city.world.sequence()
    package = export_evidence(city.house.platform, deal.tender_id)
    monkeypatch.setattr("sealbid.verify_bids.TERMINATED", "trading.tender.forgotten")

    code, lines = verified(package, tmp_path, trust.trust_text(city.house.settings))

    assert code == 1
    assert any("close_missing" in line or "never closed" in line for line in lines)


@pytest.mark.parametrize(
    ("items", "why"), [({"price": "0"}, "price_unreadable"), ({"currency": "USD"}, "price_unreadable")]
)
def test_a_bid_without_a_readable_price_is_void_for_everybody(
    city: Any, tmp_path: Path, items: dict[str, str], why: str
) -> None:
    deal = city.tender("bids_in")
    _bid(city, deal, city.world.bidders[5], **items)
    for step in ("closed", "opened"):
        getattr(city, f"_{step}")(deal, 5)
        city.world.sequence()
    package = export_evidence(city.house.platform, deal.tender_id)

    code, lines = verified(package, tmp_path, trust.trust_text(city.house.settings))

    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])
    assert any(f"void as announced ({why})" in line for line in lines)


def test_another_bidders_manifest_is_void_and_the_package_says_on_whose_word(
    city: Any, tmp_path: Path
) -> None:
    deal = city.tender("bids_in")
    signer, other = city.world.bidders[5], city.world.bidders[6]
    offer = moves.Offer(lot=1, price=Money.from_yuan("62000000"))
    moves.submit(city.world, deal, other, moves.seal_offer(city.world, deal, signer, offer))
    for step in ("closed", "opened"):
        getattr(city, f"_{step}")(deal, 5)
        city.world.sequence()
    package = export_evidence(city.house.platform, deal.tender_id)

    code, lines = verified(package, tmp_path, trust.trust_text(city.house.settings))

    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])
    assert any("on the platform's word" in line for line in lines)


def test_words_of_the_hall_leave_with_the_package_once_the_tender_is_finished(
    city: Any, tmp_path: Path
) -> None:
    deal, house = city.tender("opened"), city.house
    buyer, bidder = city.world.buyers[0], city.world.bidders[0]
    for one, text in ((buyer, "唱标只读投标函总价。"), (bidder, "<b>请确认</b>")):
        with house.begin(house.actor(one.person_id)) as work:
            speak(work, deal.tender_id, text)
    city.world.sequence()
    early = words_in(export_evidence(house.platform, deal.tender_id), tmp_path)
    with house.begin(house.actor(buyer.person_id)) as work:
        trading.terminate_tender(work, deal.tender_id, "重大变故")
    city.world.sequence()

    package = export_evidence(house.platform, deal.tender_id)

    code, lines = verified(package, tmp_path, trust.trust_text(house.settings))
    assert (code, [line for line in lines if line.startswith("FAIL")]) == (0, [])
    with house.read() as session:
        codes = [session.get_one(Organization, one.org_id).uscc for one in (buyer, bidder)]
    assert early == [], "before that the digests alone stand in the log"
    assert words_in(package, tmp_path) == [
        {"org": codes[0], "text": "唱标只读投标函总价。"},
        {"org": codes[1], "text": "<b>请确认</b>"},
    ]


def words_in(package: bytes, folder: Path) -> list[dict[str, str]]:
    """The confidential halves of messages in a package, in the order of the log."""
    path = folder / "words.zip"
    path.write_bytes(package)
    with zipfile.ZipFile(path) as opened:
        names = sorted(name for name in opened.namelist() if name.startswith("private/"))
        found = [json.loads(opened.read(name))["private"] for name in names]
    return [one for one in found if "text" in one]
