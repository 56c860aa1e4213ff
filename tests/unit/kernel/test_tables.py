"""Tables of any spreadsheet are read alike; a number with two readings is refused, a lost quotation mark is found."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from kernel.tables import Layout, Mark, TwoReadings, layout_of, plain_number, reading, records


@pytest.mark.parametrize(
    ("text", "mark", "plain"),
    [
        ("12", Mark.UNKNOWN, "12"),
        ("-.5", Mark.UNKNOWN, "-.5"),
        ("1.234", Mark.UNKNOWN, "1.234"),
        ("1.234", Mark.COMMA, "1234"),
        ("1,234", Mark.POINT, "1234"),
        ("1,234", Mark.COMMA, "1.234"),
        ("1.234.567", Mark.UNKNOWN, "1234567"),
        ("1.234.567,8", Mark.UNKNOWN, "1234567.8"),
        ("1,234,567.80", Mark.BOTH, "1234567.80"),
        ("12,34,567.8", Mark.UNKNOWN, "1234567.8"),
        ("12,5", Mark.BOTH, "12.5"),
        ("0,125", Mark.UNKNOWN, "0.125"),
        ("1234,567", Mark.UNKNOWN, "1234.567"),
        ("1'234'567.80", Mark.UNKNOWN, "1234567.80"),
        ("1 234,5", Mark.UNKNOWN, "1234.5"),
        ("1\u202f234\u202f567,5", Mark.UNKNOWN, "1234567.5"),
        ("1.5e3", Mark.UNKNOWN, "1.5e3"),
        ("1,5E+3", Mark.COMMA, "1.5E+3"),
    ],
)
def test_numbers_are_understood(text: str, mark: Mark, plain: str) -> None:
    assert plain_number(text, mark) == plain


@pytest.mark.parametrize(
    ("text", "mark"),
    [("1,234", Mark.UNKNOWN), ("1,234", Mark.BOTH), ("1.234", Mark.BOTH), ("-1,234", Mark.UNKNOWN)],
)
def test_numbers_with_two_readings_are_not_guessed(text: str, mark: Mark) -> None:
    with pytest.raises(TwoReadings):
        plain_number(text, mark)


@pytest.mark.parametrize(
    "text", ["", "ten", "1 2", "1_000", "0x10", "1,23,4.5", "1.23.456", "1e", "--1", "12 34", "nan"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        plain_number(text)


def test_how_a_cell_reads() -> None:
    told = {
        "1,234.5": "point",
        "1.234,5": "comma",
        "12,5": "comma",
        "1.5": "point",
        "1,234": "either",
        "€ 7": "",
        "x": "",
    }
    assert {text: reading(text) for text in told} == told


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("a,b\nx,1.5\n", Layout(",", Mark.UNKNOWN)),
        ('a,b\nx,"1,234.5"\nx,"1,234"\n', Layout(",", Mark.POINT)),
        ('a,b\nx,"12,5"\n', Layout(",", Mark.COMMA)),
        ('a,b\nx,"12,5"\nx,1.5\n', Layout(",", Mark.BOTH)),
        ("a,b\nx,1.234.567\nx,1.234\n", Layout(",", Mark.COMMA)),
        ("a;b\nx;12,5\n", Layout(";", Mark.COMMA)),
        ("A\tB\nx\t1.5\n", Layout("\t", Mark.POINT)),
        ("a|b\nx|15\n", Layout("|", Mark.UNKNOWN)),
        ("sep=;\na;b\nx;15\n", Layout(";", Mark.UNKNOWN, 1)),
        ("a,b;c\nx,1.5\n", Layout(",", Mark.UNKNOWN)),
        ("p;q;r\n", Layout(";", Mark.UNKNOWN)),
        ("", Layout(",", Mark.UNKNOWN)),
        ('a;b\nx;"1' + "1" * 200_000 + "\n", Layout(";", Mark.UNKNOWN)),
    ],
)
def test_the_layout_of_a_file_is_found(tmp_path: Path, text: str, layout: Layout) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8", newline="")
    assert layout_of(path, ["a", "b"], ["b"]) == layout


def test_what_is_out_of_the_ordinary_is_told() -> None:
    assert Layout().told == Layout(",", Mark.POINT).told == ""
    assert Layout("\t", Mark.COMMA).told == "cells are parted by a tab; the decimal mark is a comma"
    assert "two readings" in Layout(";", Mark.BOTH).told


def test_rows_come_with_their_lines() -> None:
    lines = ["a,b\n", 'x,"1\n', '2"\n', "\n", "y,3"]
    assert list(records(lines, ",", 10)) == [
        (11, 11, ["a", "b"], False),
        (12, 13, ["x", "1\n2"], False),
        (14, 14, [], False),
        (15, 15, ["y", "3"], False),
    ]
    assert list(records([], ",")) == []


@pytest.mark.parametrize("rest", ["x,1\n", "x," + "1" * 200_000])
def test_a_quotation_mark_that_is_never_closed_is_found(rest: str) -> None:
    with pytest.raises(csv.Error, match=r"line 2: .*never closed"):
        list(records(["a,b\n", 'x,"1\n', rest], ","))


def test_a_stray_quotation_mark_inside_a_cell_is_no_opening_one() -> None:
    assert list(records(['x,"1"2\n'], ",")) == [(1, 1, ["x", "12"], False)]


def test_rows_joined_by_a_lost_quotation_mark_are_told_from_a_cell_of_two_lines() -> None:
    lost = list(records(['x,"a,1\n', "y,b,2\n", 'z,"c",3\n', "w,d,4\n"], ","))
    assert [(one.first, one.last, one.swallowed) for one in lost] == [(1, 3, True), (4, 4, False)]
    two = list(records(['x,"Firm, with\n', 'a line",1\n'], ","))
    assert [(one.first, one.last, one.swallowed) for one in two] == [(1, 2, False)]
