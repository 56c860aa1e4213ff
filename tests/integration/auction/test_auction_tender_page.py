"""What the page of a tender says where an auction makes the price: nothing of sealed bids, and the right way up."""

from __future__ import annotations

import pytest

from bidding.rules.auction import Format
from kernel.rights import Role
from tests.integration.auction.sale import Sale
from tests.support.house import House

LOWEST_WINS = "The lowest wins."


def published(house: House, rising: bool) -> Sale:
    kind = (
        {"procedure": "auction", "regime": "AD", "format": Format.ASCENDING, "bond": "50000"}
        if rising
        else {"procedure": "reverse_auction", "regime": "SM", "format": Format.BLIND_REVERSE}
    )
    sale = Sale(house, **kind)  # type: ignore[arg-type]
    sale.publish()
    return sale


@pytest.mark.parametrize("rising", [True, False])
def test_a_visitor_reads_how_an_auction_goes_and_not_how_bids_are_sealed(house: House, rising: bool) -> None:
    sale = published(house, rising)

    page = house.client().get(f"/tenders/{sale.code}?lang=en").text

    assert LOWEST_WINS not in page
    assert ("offers go up" in page, "offers go down" in page) == (rising, not rising)
    assert "Prepare and seal" not in page
    assert "Offer in the auction hall" in page
    assert "Sign in to register" in page
    assert "Open for registration" in page
    assert "All statutory periods are met (0)" not in page
    assert "css/auction" in page  # the printed rules are laid out, not run together
    amount = "Start price" if rising else "Ceiling"
    assert f"<dt>{amount}</dt>" in page
    assert ("of the start price)" in page) == rising


def test_a_sale_is_listed_with_its_start_price_and_counted_among_what_begins_today(house: House) -> None:
    sale = published(house, rising=True)

    assert "Start price" in house.client().get("/notices?lang=en").text
    calendar = house.client().get(f"/tenders/{sale.code}/calendar.ics?lang=en").text
    assert "The auction begins" in calendar
    assert "opened" not in calendar


def test_a_bidder_finds_the_registration_in_the_bar_of_a_phone_too(house: House) -> None:
    sale = published(house, rising=True)
    bidder = house.person(Role.BIDDER)

    page = house.client(bidder).get(f"/tenders/{sale.code}?lang=en").text
    bar = page.split('class="sr-bottom"', 1)[1]

    assert "/register" in bar.split("</div>", 1)[0]
    assert "Sign in to register" not in page


def test_who_registered_reads_until_when_the_deposit_counts(house: House) -> None:
    sale = published(house, rising=True)
    client = house.client(house.person(Role.BIDDER))

    page = client.post(
        f"/auctions/{sale.auction().id}/register", data={"eligible": "yes"}, follow_redirects=True
    ).text

    assert "<dt>截止时间前</dt>" in page
    assert "上述时间前到账" in page
