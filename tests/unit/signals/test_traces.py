"""Traces between bidders: each fires on what it names, and is silent on defaults, shared networks and one firm alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bidding.rules import accounts
from supervision.rules.signals import traces_values as clean
from supervision.rules.signals.combine import Indicator, Light
from supervision.rules.signals.traces import (
    Guarantee,
    Tie,
    Trail,
    address_traces,
    at_once,
    device_traces,
    elsewhere,
    equity_traces,
    gave_up,
    missing_bidders,
    money_traces,
    people_traces,
)

T0 = datetime(2026, 11, 2, 8, tzinfo=UTC)


def lights(found: list[Indicator]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.code, one.light.value, one.firms) for one in found]


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("disk", "WD-WCC4E1234567", "wdwcc4e1234567"),
        ("disk", "To Be Filled By O.E.M.", ""),
        ("disk", "00000000", ""),
        ("board", "Default string", ""),
        ("board", "123", ""),
        ("mac", "3C:97:0E:12:34:56", "3c970e123456"),
        ("mac", "00:0C:29:12:34:56", ""),
        ("mac", "02:42:ac:11:00:02", ""),
        ("mac", "not a card", ""),
        ("mac", "0123456789ab", ""),
    ],
)
def test_hardware_without_meaning_is_dropped_before_hashing(kind: str, value: str, kept: str) -> None:
    assert clean.hardware(kind, value) == kept


def test_addresses_that_point_nowhere_are_dropped() -> None:
    assert clean.public_address("8.8.8.8") == "8.8.8.8"
    assert clean.public_address("::ffff:8.8.8.8") == "8.8.8.8"
    assert clean.network_of("8.8.8.8") == "8.8.8.0/24"
    for useless in ("10.1.2.3", "192.168.0.9", "100.64.0.1", "127.0.0.1", "::1", "224.0.0.1", "nonsense"):
        assert clean.public_address(useless) == ""
        assert clean.network_of(useless) == ""


def test_people_and_accounts_are_normalised() -> None:
    assert clean.phone("+86 138-0013-8000") == clean.phone("13800138000") == "13800138000"
    assert clean.phone("12345") == clean.phone("0000000") == ""
    assert clean.email(" A.B+tender@Example.CN ") == "a.b@example.cn"
    assert clean.email("nobody") == ""
    assert clean.id_number("11010519491231002x") == "11010519491231002X"
    assert clean.id_number("110105194912310021") == ""
    assert accounts.account("6222 0202-0001") == "622202020001"
    assert accounts.account("0000000000") == ""
    assert clean.authored("Administrator") == clean.authored("PC-01") == clean.authored("  ") == ""
    assert clean.authored("CSX-Lab") == "csx-lab"
    assert accounts.masked("622202020001") == "••••0001"
    assert accounts.masked("张三") == "张•"


def test_one_machine_is_red_its_parts_less() -> None:
    trails = [
        Trail("A", hardware={"machine": "m", "disk": "d", "mac": "n"}),
        Trail("B", hardware={"machine": "m", "disk": "d", "mac": "n"}),
        Trail("C", hardware={"disk": "e", "mac": "k"}),
        Trail("D", hardware={"disk": "e", "mac": "k"}),
        Trail("E", hardware={"machine": "", "disk": ""}),
        Trail("F", hardware={"machine": "", "disk": ""}),
    ]

    assert lights(device_traces(trails)) == [
        ("D-01", "red", ("A", "B")),
        ("D-02", "orange", ("C", "D")),
        ("D-02", "yellow", ("C", "D")),
    ]


def test_locks_certificates_files_and_browsers_are_compared() -> None:
    def marked(firm: str, same: str) -> Trail:
        marks = {name: frozenset({f"{name}{same}"}) for name in ("lock", "certificate", "file")}
        return Trail(firm, marks=marks, browser=f"b{same}")

    assert [one.code for one in device_traces([marked("A", "1"), marked("B", "1")])] == [
        "D-03",
        "D-04",
        "D-05",
        "D-08",
    ]
    assert device_traces([marked("A", "1"), marked("B", "2")]) == []
    assert device_traces([marked("A", "1"), marked("A", "1")]) == []


def test_one_address_is_yellow_and_near_in_time_orange() -> None:
    def sent(firm: str, minutes: int, address: str = "x") -> Trail:
        return Trail(firm, submitted_at=T0 + timedelta(minutes=minutes), address=address, network="n")

    assert lights(address_traces([sent("A", 0), sent("B", 30)], {})) == [("D-06", "orange", ("A", "B"))]
    assert lights(address_traces([sent("A", 0), sent("B", 31)], {})) == [("D-06", "yellow", ("A", "B"))]
    assert address_traces([sent("A", 0), sent("B", 5)], {"x": 5}) == []
    assert address_traces([sent("A", 0, ""), sent("B", 40, "")], {}) == []
    assert lights(address_traces([sent("A", 0, "x"), sent("B", 10, "y")], {})) == [
        ("D-09", "yellow", ("A", "B"))
    ]
    assert address_traces([sent("A", 0, "x"), sent("B", 11, "y")], {}) == []
    assert address_traces([sent("A", 0, "x"), sent("B", 9, "y")], {"n": 7}) == []


def test_downloads_from_one_address_are_yellow() -> None:
    both = [Trail("A", other_addresses=frozenset({"x"})), Trail("B", other_addresses=frozenset({"x", "y"}))]

    assert lights(address_traces(both, {})) == [("D-07", "yellow", ("A", "B"))]
    assert address_traces(both, {"x": 9}) == []


def test_related_bidders_at_the_same_moment_are_noted() -> None:
    trails = [Trail("A", submitted_at=T0), Trail("B", submitted_at=T0 + timedelta(seconds=119))]
    later = [Trail("A", submitted_at=T0), Trail("B", submitted_at=T0 + timedelta(minutes=2))]

    assert lights(at_once(trails, [("B", "A")])) == [("D-09", "yellow", ("A", "B"))]
    assert at_once(trails, []) == []
    assert at_once(later, [("A", "B")]) == []


def test_a_machine_seen_elsewhere_with_another_bidder_is_noted() -> None:
    here = [Trail("A", hardware={"machine": "m", "mac": "n"}, browser="b")]

    def before(*lots: str) -> dict[str, dict[str, frozenset[str]]]:
        return {"m": {"Z": frozenset(lots), "A": frozenset({"own"})}, "n": {"Y": frozenset({"1"})}}

    assert lights(elsewhere(here, before("1", "2"))) == [("D-10", "yellow", ("A", "Z"))]
    assert lights(elsewhere(here, before("1", "2", "3"))) == [("D-10", "orange", ("A", "Z"))]
    assert elsewhere(here, {"m": {"A": frozenset({"1"})}}) == []
    assert elsewhere([Trail("A", browser="")], {"": {"Z": frozenset({"1"})}}) == []


def test_one_account_behind_two_bonds_is_red_also_one_hop_earlier() -> None:
    direct = [Trail("A", guarantees=(Guarantee("acc"),)), Trail("B", guarantees=(Guarantee("acc"),))]
    hop = [
        Trail("A", guarantees=(Guarantee("acc"),)),
        Trail("B", guarantees=(Guarantee("own", funding="acc"),)),
    ]
    apart = [
        Trail("A", guarantees=(Guarantee("acc"),)),
        Trail("B", guarantees=(Guarantee("own"),)),
        Trail("C"),
    ]

    assert lights(money_traces(direct)) == [("B-01", "red", ("A", "B"))]
    assert money_traces(direct)[0].facts["hops"] == 0
    assert money_traces(hop)[0].facts["hops"] == 1
    assert money_traces(apart) == []


def test_guarantees_bought_together_need_two_signs() -> None:
    one = Guarantee("a", contact="c", issued_at=T0, issuer="bank", number=7)

    def twin(**more: object) -> list[Indicator]:
        other = Guarantee(**({"account": "b", "issuer": "bank", "number": 99} | more))  # type: ignore[arg-type]
        return money_traces([Trail("A", guarantees=(one,)), Trail("B", guarantees=(other,))])

    assert lights(twin(number=8, issued_at=T0 + timedelta(seconds=59))) == [("B-02", "yellow", ("A", "B"))]
    assert twin(number=8, issued_at=T0 + timedelta(seconds=60)) == []
    assert twin(number=8, contact="c", issuer="other") == []
    assert lights(twin(contact="c", number=6)) == [("B-02", "yellow", ("A", "B"))]


def test_one_contact_or_one_person_is_red() -> None:
    trails = [
        Trail("A", contacts={"phone": frozenset({"p"})}, staff=frozenset({"s"})),
        Trail("B", contacts={"phone": frozenset({"p", "q"})}, staff=frozenset({"t"})),
        Trail("C", contacts={"email": frozenset({"p"})}, staff=frozenset({"s"})),
    ]

    assert lights(people_traces(trails)) == [("P-01", "red", ("A", "B")), ("P-02", "red", ("A", "C"))]


def test_ownership_is_red_when_it_commands_and_weaker_on_longer_ways() -> None:
    ties = [
        Tie("A", "person", "legal"),
        Tie("B", "person", "legal"),
        Tie("C", "H", "holds", 50),
        Tie("H", "D", "controls"),
        Tie("E", "fund", "holds", 10),
        Tie("F", "fund", "holds", 49),
        Tie("G", "place", "address"),
        Tie("I", "place", "address"),
        Tie("J", "x", "director"),
        Tie("x", "y", "director"),
        Tie("y", "z", "director"),
        Tie("z", "K", "director"),
    ]

    found = lights(equity_traces("ABCDEFGIJK", ties))

    assert found == [
        ("E-01", "red", ("A", "B")),
        ("E-01", "red", ("C", "D")),
        ("E-02", "orange", ("E", "F")),
        ("E-02", "yellow", ("G", "I")),
    ]


def test_missing_bidders_need_a_mass_and_a_relation() -> None:
    takers = [f"t{n}" for n in range(10)]

    assert lights(missing_bidders(takers, ["t0", "t1", "t2", "t3"], [("t9", "t0")])) == [
        ("H-05", "yellow", ("t0", "t9"))
    ]
    assert missing_bidders(takers, ["t0", "t1", "t2", "t3"], []) == []
    assert missing_bidders(takers, ["t0", "t1", "t2", "t3", "t4"], [("t9", "t0")]) == []
    assert missing_bidders(takers[:4], ["t0"], [("t3", "t0")]) == []


def test_a_candidate_who_gives_up_for_a_dearer_or_related_one_is_noted() -> None:
    ranks = [("A", 100), ("B", 120), ("C", 90)]

    assert lights(gave_up(ranks, {"A": ""}, "B", [])) == [("H-06", "orange", ("A", "B"))]
    assert gave_up(ranks, {"A": "lost its licence"}, "B", []) == []
    assert gave_up(ranks, {"A": ""}, "C", []) == []
    assert lights(gave_up(ranks, {"A": ""}, "C", [("C", "A")])) == [("H-06", "orange", ("A", "C"))]
    assert Light.ORANGE in {one.light for one in gave_up(ranks, {"A": ""}, "B", [])}
