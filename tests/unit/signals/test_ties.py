"""Ties to the buyer's side, payrolls, payments after the award, marks in bills: fires, and stays quiet beside it."""

from __future__ import annotations

import pytest

from supervision.rules.signals.boq_reading import stamps_of
from supervision.rules.signals.combine import Light
from supervision.rules.signals.text import Entity, blind_leaks
from supervision.rules.signals.ties import Insured, Payment, buyers_side, insured_elsewhere, paid_losers
from supervision.rules.signals.traces import Tie, Trail, device_traces, gave_up


def test_staff_insured_by_another_bidder_of_the_lot_and_nobody_else() -> None:
    rows = [Insured("a", "x", "b"), Insured("a", "y", "a"), Insured("b", "z", "agency")]

    assert [one.firms for one in insured_elsewhere(rows, ["a", "b"])] == [("a", "b")]
    assert insured_elsewhere(rows[1:], ["a", "b"]) == []


@pytest.mark.parametrize(
    ("sums", "fires"),
    [
        ({"b": 5_000_000, "c": 5_000_000}, True),
        ({"b": 5_000_000, "c": 5_004_000}, True),
        ({"b": 5_000_000, "c": 5_006_000}, False),
        ({"b": 5_000_000}, False),
        ({"b": 5_000_000, "stranger": 5_000_000}, False),
    ],
)
def test_equal_sums_from_the_winner_to_two_losers(sums: dict[str, int], fires: bool) -> None:
    paid = [Payment("a", to, fen) for to, fen in sums.items()]

    found = paid_losers(paid, "a", ["a", "b", "c"])

    assert [one.code for one in found] == (["B-03"] if fires else [])
    assert paid_losers(paid, "b", ["a", "b", "c"]) == []


def test_ties_to_the_buyers_side_are_red_when_direct_and_orange_when_shared() -> None:
    insiders = {"buyer": "buyer", "e1": "expert"}
    ties = [
        Tie("e1", "a", "employs"),
        Tie("b", "tel", "phone"),
        Tie("buyer", "tel", "phone"),
        Tie("e1", "c", "employed"),
        Tie("d", "own tel", "phone"),
    ]

    found = {one.firms[0]: one for one in buyers_side("abcd", insiders, ties)}

    assert {firm: one.light for firm, one in found.items()} == {
        "a": Light.RED,
        "b": Light.ORANGE,
        "c": Light.ORANGE,
    }
    assert found["b"].facts["side"] == "buyer"


def test_a_candidate_that_gave_up_counts_only_before_a_dearer_or_related_one() -> None:
    assert [one.code for one in gave_up([("a", 10), ("b", 11)], {"a": ""}, "b", [])] == ["H-06"]
    assert gave_up([("a", 11), ("b", 10)], {"a": ""}, "b", []) == []
    assert gave_up([("a", 10), ("b", 11)], {"a": "flood"}, "b", []) == []


def test_marks_of_cost_programs_are_read_from_sheets_and_exchange_files() -> None:
    sheet = "加密锁号：9A3F-77B1,,\n硬盘序列号,WD-WX31A,\n机器码:00000000,,\n项目编码,工程量,综合单价\n1,2,3\n".encode()
    xml = '<?xml version="1.0" encoding="UTF-8"?><工程 加密锁号="9A3F-77B1" MAC地址="00:1B:44:11:3A:B7"/>'.encode()

    assert stamps_of("a.csv", sheet) == {"lock": {"9a3f77b1"}, "disk": {"wdwx31a"}}
    assert stamps_of("a.xml", xml) == {"lock": {"9a3f77b1"}, "mac": {"001b44113ab7"}}
    assert stamps_of("a.csv", "项目编码,工程量,综合单价\n1,2,3\n".encode()) == {}


def test_a_whole_file_in_two_bids_is_orange() -> None:
    trails = [Trail("a", documents=frozenset({"x", "y"})), Trail("b", documents=frozenset({"x"})), Trail("c")]

    assert [(one.code, one.light, one.firms) for one in device_traces(trails)] == [
        ("D-05", Light.ORANGE, ("a", "b"))
    ]


def test_a_name_in_a_blind_part_is_seen_and_a_silent_one_is_not() -> None:
    who = Entity("a", ("云桥科技股份有限公司",), ())

    assert [one.code for one in blind_leaks("由云桥科技股份有限公司编制", "a", who)] == ["T-05"]
    assert blind_leaks("由投标人编制", "a", who) == []
