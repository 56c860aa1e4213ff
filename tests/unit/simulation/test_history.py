"""A file of history read line by line: what is used, and what is said about every line that is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from simulation.history import BadFile, History, PastAuction, PastBid, parse_maps

HEADER = "auction,bidder,price,reserve,minimum,estimate,date,winner,rejected"


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "history.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_clean_file_gives_its_auctions_in_order_of_first_appearance(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "b,乙,101.5,200,50,150,2007-06-07,0,",
        "a,丙,7,,,,20080102,1,",
        "b,甲,99,200,50,150,2007-06-07,1,",
    )

    with History(path) as history:
        first, second = history.auctions()

    assert history.troubles == []
    assert (first.name, first.reserve, first.minimum, first.held_on) == (
        "b",
        Decimal(200),
        Decimal(50),
        date(2007, 6, 7),
    )
    assert [(bid.bidder, bid.price, bid.line) for bid in first.bids] == [
        ("乙", Decimal("101.50"), 2),
        ("甲", 99, 4),
    ]
    assert (first.winners, first.lowest) == (("甲",), ("甲",))
    assert (second.name, second.reserve, second.held_on) == ("a", None, date(2008, 1, 2))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",a,1,,,,,,", "missing"),
        ("x,,1,,,,,,", "missing"),
        ("x,a,,,,,,,", "missing"),
        ("x,a,   ,,,,,,", "missing"),
        ("x,a,-1,,,,,,", "negative"),
        ("x,a,0,,,,,,", "zero"),
        ("x,a,0.001,,,,,,", "zero"),
        ("x,a,ten,,,,,,", "not_a_number"),
        ("x,a,nan,,,,,,", "not_a_number"),
        ("x,a,inf,,,,,,", "not_a_number"),
        ("x,a,1_000,,,,,,", "not_a_number"),
        ("x,a,１２,,,,,,", "not_a_number"),
        ("x,a,0x10,,,,,,", "not_a_number"),
        ("x,a,1e30,,,,,,", "too_large"),
        ("x,a,5,many,,,,,", "not_a_number"),
        ("x,a,5,-5,,,,,", "negative"),
        ("x,a,5,,-1,,,,", "negative"),
        ("x,a,5,,,?,,,", "not_a_number"),
        ("x,a,5", "columns"),
        ("x,a,5,,,,,,,,", "columns"),
        ("good,a,5,,,,,,", "duplicate"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_takes_no_part(tmp_path: Path, line: str, code: str) -> None:
    path = written(tmp_path, "good,a,9,,,,,,", line, "good,b,8,,,,,,")

    with History(path) as history:
        found, count = list(history.auctions()), len(history)

    assert [(trouble.line, trouble.code, trouble.skipped) for trouble in history.troubles] == [
        (3, code, True)
    ]
    assert [(one.name, [bid.bidder for bid in one.bids]) for one in found] == [("good", ["a", "b"])]
    assert (history.rows, history.skipped, count) == (3, 1, 1)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("auction;bidder;price;reserve\nx;a;1.234,50;9.999,00\nx;b;2.000;\n", "utf-8-sig"),
        ("auction\tbidder\tprice\treserve\nx\ta\t1234.5\t9999\nx\tb\t2000\t\n", "utf-16"),
        ('auction,bidder,price,reserve\r\nx,a,"1,234.50","9,999"\r\nx,b,"2,000",\r\n', "utf-8"),
        ("sep=;\nauction;bidder;price;reserve\nx;a;1234,5;9999\nx;b;2000;\n", "gb18030"),
    ],
)
def test_a_file_of_any_spreadsheet_says_the_same(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(text.encode(encoding))
    with History(path) as history:
        (found,) = history.auctions()
    assert history.troubles == []
    assert (found.reserve, [(one.bidder, one.price) for one in found.bids]) == (
        9999,
        [("a", Decimal("1234.5")), ("b", 2000)],
    )


def test_an_amount_with_two_readings_is_not_guessed(tmp_path: Path) -> None:
    with History(written(tmp_path, 'x,a,"1,234","5,678",,,,,', "x,b,7,,,,,,")) as history:
        assert [(one.line, one.code) for one in history.troubles] == [
            (2, "two_readings"),
            (2, "two_readings"),
        ]
        assert history.skipped == 1


def test_a_quotation_mark_that_is_never_closed_swallows_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "x,a,7,,,,,,", 'x,"b,7,,,,,,', "x,c,8,,,,,,")
    with pytest.raises(BadFile, match="line 3: a quotation mark is opened and never closed"), History(path):
        pass
    path = written(tmp_path, 'x,"b,7,,,,,,', "x,c,8,,,,,,", 'x,"d",9,,,,,,')
    with History(path) as history:
        assert [(one.line, one.code) for one in history.troubles] == [(2, "columns")]
        assert "runs on to line 4" in history.troubles[0].detail


def test_names_that_differ_by_blanks_are_one(tmp_path: Path) -> None:
    with History(written(tmp_path, "x , A  Co,7,,,,2007/6/7,,", "x,A Co ,8,,,,,,")) as history:
        assert [(one.line, one.code) for one in history.troubles] == [(3, "duplicate")]
        assert [one.held_on for one in history.auctions()] == [date(2007, 6, 7)]


def test_a_line_is_counted_in_the_file_even_after_a_cell_of_two_lines(tmp_path: Path) -> None:
    path = written(tmp_path, 'x,"a\nb",1,,,,,,', "x,c,-2,,,,,,")

    with History(path) as history:
        pass

    assert [trouble.line for trouble in history.troubles] == [4]


def test_what_explains_a_value_is_said_and_the_row_still_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "x,a,1.005,9,,,,,", "x,b,2,8,,,nonsense,,")

    with History(path) as history:
        (auction,) = history.auctions()

    assert [(t.line, t.code, t.skipped) for t in history.troubles] == [
        (2, "rounded", False),
        (3, "differs", False),
        (3, "date", False),
    ]
    assert (auction.bids[0].price, auction.reserve) == (Decimal("1.01"), 9)


def test_an_auction_of_which_every_row_is_skipped_is_named(tmp_path: Path) -> None:
    with History(written(tmp_path, "x,a,-1,,,,,,", "y,a,1,,,,,,")) as history:
        assert (history.empty, len(history)) == (["x"], 1)


def test_columns_are_renamed_and_flags_may_name_their_values(tmp_path: Path) -> None:
    path = written(tmp_path, "7,k,10,4", "7,m,11,2", "7,n,12,1", header="pid,firm,bid,result")
    maps = parse_maps(["auction=pid", "bidder=firm", "price=bid", "winner=result:2|3", "rejected=result:4"])

    with History(path, maps) as history:
        (auction,) = history.auctions()

    assert auction.winners == ("m",)
    assert [bid.rejected for bid in auction.bids] == ["result = 4", "", ""]
    assert auction.lowest == ("m",)


def test_a_winner_column_may_hold_names(tmp_path: Path) -> None:
    with History(written(tmp_path, "x,a,1,,,,,a,", "x,b,2,,,,,a,", "y,c,2,,,,,,")) as history:
        assert [one.winners for one in history.auctions()] == [("a",), ()]


def test_without_a_winner_column_nothing_is_said_about_winners(tmp_path: Path) -> None:
    with History(written(tmp_path, "x,a,1", header="auction,bidder,price")) as history:
        assert [one.winners for one in history.auctions()] == [None]
        assert history.columns == {"auction", "bidder", "price"}


def test_the_winner_named_on_a_skipped_row_is_not_forgotten(tmp_path: Path) -> None:
    with History(written(tmp_path, "x,a,5,,,,,0,", "x,a,4,,,,,1,")) as history:
        (auction,) = history.auctions()
    assert (auction.winners, auction.bids[0].price) == (("a",), 5)


@pytest.mark.parametrize(
    "given", [["price"], ["price="], ["cost=x"], ["price=a", "price=b"], ["price=a:1"], ["=x"]]
)
def test_a_mapping_that_says_nothing_clear_is_refused(given: list[str]) -> None:
    with pytest.raises(BadFile):
        parse_maps(given)


@pytest.mark.parametrize("header", ["", "auction,bidder", "auction,bidder,price,price"])
def test_a_file_without_its_columns_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadFile), History(written(tmp_path, header=header)):
        pass


def test_a_mapped_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "x,a,1", header="auction,bidder,price")
    with pytest.raises(BadFile, match="ceiling"), History(path, parse_maps(["reserve=ceiling"])):
        pass


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"auction,bidder,price\nx,\xff\xfe,1\n")
    with pytest.raises(BadFile), History(path):
        pass


@pytest.mark.parametrize(
    ("price", "why"),
    [("100", ""), ("100.01", "above_reserve"), ("50", ""), ("49.99", "below_minimum")],
)
def test_reserve_and_minimum_are_valid_themselves_and_a_fen_beyond_is_not(price: str, why: str) -> None:
    bid = PastBid(2, "a", Decimal(price))
    auction = PastAuction("x", (bid,), reserve=Decimal(100), minimum=Decimal(50))
    assert auction.invalid_for(bid) == why
    assert auction.lowest == (("a",) if not why else ())


def test_a_file_of_a_chinese_spreadsheet_is_read_and_one_in_no_encoding_is_not(tmp_path: Path) -> None:
    path = tmp_path / "gbk.csv"
    path.write_text("auction,bidder,price\na,甲,5\na,乙,6\n", encoding="gb18030")
    with History(path) as history:
        (only,) = history.auctions()
    assert [bid.bidder for bid in only.bids] == ["甲", "乙"]

    path.write_bytes(b"auction,bidder,price\na,\xff,5\n")
    with pytest.raises(BadFile, match="neither UTF-8 nor GB 18030"), History(path):
        pass
