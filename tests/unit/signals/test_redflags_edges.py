"""Red flags at the edges where two programs part: main currency, infinities, instants."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import cli
from supervision.rules.signals.redflags import Settings, redflags
from supervision.rules.signals.redflags_values import fences, fused, instant, quantile, whole_days


def bid(who: str, amount: Any = None, status: str = "valid", currency: str = "CNY") -> dict[str, Any]:
    made: dict[str, Any] = {"status": status, "tenderers": [{"id": who}]}
    if amount is not None:
        made["value"] = {"amount": amount, "currency": currency}
    return made


def process(ocid: str, bids: list[Any], winner: str = "W") -> dict[str, Any]:
    award = {"status": "active", "suppliers": [{"id": winner}]}
    return {"ocid": ocid, "bids": {"details": bids}, "awards": [award]}


def contest(ocid: str, winner: float, second: float) -> dict[str, Any]:
    return process(ocid, [bid("W", winner), bid("L", second)])


def notice(ocid: str, start: str, end: str) -> dict[str, Any]:
    return {"ocid": ocid, "tender": {"tenderPeriod": {"startDate": start, "endDate": end}}}


def only(*names: str, **more: Any) -> Settings:
    return Settings(only=names, **more)


# The main currency -------------------------------------------------------------------------------


def test_valid_bids_of_a_contest_name_the_main_currency_before_all_submitted_ones() -> None:
    mixed = process("F", [bid("X", 1, "disqualified", "EUR"), bid("W", 1), bid("L", 100)])
    data = [mixed, *(contest(str(n), 1, 2) for n in range(4))]

    assert redflags(data, only("R036", "R058"))["OCID"] == {"F": {"R058": 99.0}}
    assert redflags(data, only("R036")) == {}


def test_an_empty_currency_is_a_currency_like_another() -> None:
    odd = process("F", [bid("X", 1, "disqualified", ""), bid("W", 2, "valid", "")])
    plain = process("G", [bid("X", 1, "disqualified"), bid("W", 2)])

    assert redflags([odd, plain], only("R036")) == {"OCID": {"F": {"R036": 1.0}}}
    assert redflags([odd, plain], only("R036", currency="CNY")) == {"OCID": {"G": {"R036": 1.0}}}


# Shares and fences -------------------------------------------------------------------------------


def test_a_price_below_nothing_is_compared_as_the_formula_has_it() -> None:
    data = [contest("F", -5, 100), *(contest(str(n), 1, 2) for n in range(8))]

    assert redflags(data, only("R024"))["OCID"]["F"] == {"R024": -21.0}


@pytest.mark.parametrize("odd", [contest("F", 0, 0), contest("F", 0, 5), contest("F", 5e-324, 1e300)])
def test_a_share_no_number_can_say_is_left_out(odd: dict[str, Any]) -> None:
    data = [odd, *(contest(str(n), 1, 2) for n in range(4))]

    found = redflags(data, only("R024", "R058"))

    assert "F" not in found["OCID"]
    assert json.dumps(found, allow_nan=False)


def test_fences_beyond_every_double_are_infinite() -> None:
    assert fused(1e308, 1.5, 1e308) == math.inf
    assert fused(1e308, -1.5, -1e308) == -math.inf
    assert fences([0.0, 0.0, 1e308, 1e308])[1:] == (-1.5e308, math.inf)
    data = [contest(str(n), 1, 1.5e308 if n % 2 else 1) for n in range(4)]
    assert redflags(data, only("R058")) == {}


def test_a_percentile_above_a_hundred_is_none() -> None:
    assert math.isnan(quantile([1.0, 2.0], 1.01))
    assert math.isnan(quantile([1.0, 2.0], -0.01))
    data = [process("0", [bid("F")], "F")]
    assert redflags(data, only("R025", r025_fence=1.0, r025_percentile=101)) == {}


def test_an_indicator_named_twice_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [process("0", [bid("D", status="disqualified")])]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, data)))

    assert redflags(data, only("R038", "R038", r038_fence=1.0)) == {}
    assert (
        cli.main(["redflags", str(tmp_path / "d.jsonl"), "--only", "R038,R038", "--set", "R038.threshold=1"])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == {}


# Instants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "short"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-16T00:00:00Z", False),
        ("2026-01-01T00:00:00Z", "2026-01-15T23:59:59.999999999Z", True),
        ("2026-01-01T00:00:00.000000001Z", "2026-01-16T00:00:00Z", True),
        ("2026-01-01T00:00:00.0000000001Z", "2026-01-16T00:00:00Z", False),
        ("2026-01-01t08:00:00+08:00", "2026-01-16 00:00:00z", False),
        ("2026-01-01T00:00:00\u221201:00", "2026-01-16T00:59:59Z", True),
        ("2026-01-01T00:00:00Z", "2026-01-15T23:59:60Z", False),
        ("2026-01-01T18:00:00Z", "2026-01-16T17:59:60Z", True),
        ("2026-01-01T17:59:60Z", "2026-01-16T18:00:00Z", False),
        ("2026-01-01T17:59:60Z", "2026-01-16T18:00:01Z", False),
        ("0000-02-29T00:00:00Z", "0000-03-14T00:00:00Z", True),
        ("0000-02-29T00:00:00Z", "0000-03-15T00:00:00Z", False),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-23:59", True),
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ],
)
def test_days_are_counted_to_the_nanosecond(start: str, end: str, short: bool) -> None:
    assert bool(redflags([notice("F", start, end)], only("R003"))) == short


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00Z",
        "2026-1-01T00:00:00Z",
        "0001-02-29T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "12026-01-01T00:00:00Z",
        "２026-01-01T00:00:00Z",
    ],
)
def test_what_is_no_instant_gives_no_answer(wrong: str) -> None:
    assert instant(wrong) is None


def test_days_before_the_start_are_cut_towards_nothing() -> None:
    start, end = instant("2026-01-10T00:00:00Z"), instant("2026-01-08T12:00:00Z")

    assert start is not None
    assert end is not None
    assert whole_days(start, end) == -1
    assert whole_days(end, start) == 1


def test_a_threshold_for_a_named_method_is_not_for_a_process_without_one() -> None:
    unnamed = notice("F", "2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z")

    assert redflags([unnamed], only("R003", r003_by_details={"": 5}))["OCID"] == {"F": {"R003": 1.0}}
