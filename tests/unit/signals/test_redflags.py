"""Red flags: published cases, the edges of every guard and setting, and what happens to lines nobody can read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import cli
from supervision.rules.signals.redflags import Settings, redflags
from supervision.rules.signals.redflags_reading import BadLine, releases_of
from supervision.rules.signals.redflags_settings import UnknownSetting, settings_of_case, with_settings
from supervision.rules.signals.redflags_values import fences, instant, quantile

CASES = Path(__file__).resolve().parents[2] / "vectors/ocds-redflags"
TSUCHIURA = Path(__file__).resolve().parents[3] / "../shared/data/tsuchiura/tsuchiura_data.csv"


def bid(who: str | None, amount: Any = None, status: str = "valid", currency: str = "CNY") -> dict[str, Any]:
    made: dict[str, Any] = {"status": status}
    if who is not None:
        made["tenderers"] = [{"id": one} for one in who.split("+")]
    if amount is not None:
        made["value"] = {"amount": amount, "currency": currency}
    return made


def award(who: str, status: str = "active", codes: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "status": status,
        "suppliers": [{"id": one} for one in who.split("+")],
        "items": [{"classification": {"id": code}} for code in codes],
    }


def process(ocid: str, bids: list[Any], awards: list[Any], **more: Any) -> dict[str, Any]:
    return {"ocid": ocid, "bids": {"details": bids}, "awards": awards, **more}


def contest(ocid: str, winner: float, second: float) -> dict[str, Any]:
    return process(ocid, [bid("W", winner), bid("L", second)], [award("W")])


def only(*names: str, **more: Any) -> Settings:
    return Settings(only=names, **more)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_published_case_is_met_exactly(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["redflags", str(case)])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == json.loads(case.with_suffix(".expected").read_text())


def test_the_cases_are_there() -> None:
    assert len(list(CASES.glob("*.jsonl"))) == 11


def test_quartiles_are_median_unbiased() -> None:
    assert quantile([1, 2, 3, 4], 0.25) == pytest.approx(1.4166666667)
    assert quantile([1, 2, 3, 4], 0.75) == pytest.approx(3.5833333333)
    assert quantile([5.0], 0.25) == 5.0
    assert math.isnan(quantile([], 0.5))
    assert fences([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)


def test_a_price_close_to_the_winner_is_flagged_with_both_firms() -> None:
    data = [contest("F", 1, 2), *(contest(str(n), 1, 100) for n in range(4))]

    assert redflags(data, only("R024")) == {
        "OCID": {"F": {"R024": 1.0}},
        "Tenderer": {"W": {"R024": 0.0}, "L": {"R024": 0.0}},
    }


def test_closeness_is_not_judged_when_a_quarter_is_equal_or_the_fence_is_below_zero() -> None:
    equal = [contest(str(n), 1, 1) for n in range(3)] + [contest("F", 1, 2)]
    skewed = [contest(str(n), 1, 1 + 2**n) for n in range(6)]

    assert redflags(equal, only("R024")) == {}
    assert redflags(skewed, only("R024")) == {}
    assert "0" in redflags(skewed, only("R024", r024_fence=1.0))["OCID"]


def test_a_deep_discount_flags_the_winner_alone() -> None:
    data = [contest("F", 1, 100), *(contest(str(n), 1, 2) for n in range(4))]

    assert redflags(data, only("R058")) == {
        "OCID": {"F": {"R058": 99.0}},
        "Tenderer": {"W": {"R058": 0.0}},
    }


def test_nothing_is_a_deep_discount_where_prices_are_all_alike() -> None:
    assert redflags([contest(str(n), 1, 1) for n in range(5)], only("R058")) == {}
    assert redflags([contest("F", 1, 1)], only("R058", r058_fence=0.0)) == {}


@pytest.mark.parametrize(
    "spoilt",
    [
        process("F", [bid("W", 1), bid("L", 100)], [award("W"), award("L", "pending")]),
        process("F", [bid("W", 1), bid("L", 100)], [award("W"), award("L")]),
        process("F", [bid("W", 1), bid("L", 100)], [award("W+V")]),
        process("F", [bid("W", 1), bid("L+M", 100)], [award("W")]),
        process("F", [bid("W", 2), bid("L", 1)], [award("W")]),
        process("F", [bid("W", 1), bid("L", 100, currency="USD")], [award("W")]),
        process("F", [bid("W", 1), bid("L", 100, "disqualified")], [award("W")]),
        process("F", [bid("W", 0), bid("L", 100)], [award("W")]),
        process("F", [bid("W", 1), bid("L", True)], [award("W")]),
        process("F", [bid("W", 1), bid("L", 10**400)], [award("W")]),
        process("F", [bid("W", 1), bid("L", 100)], [award("W")], tender={"procurementMethodDetails": "NPC"}),
        process("F", [bid("W", 1), bid("L", 100)], [award("W")], tender={"procurementMethodDetails": "EXC"}),
        process("F", [bid("W", 1), bid("L", 100)], [award("W")], tender={"status": "cancelled"}),
        {"ocid": "F", "bids": {"details": [bid("W", 1), bid("L", 100)]}},
    ],
)
def test_what_cannot_be_compared_is_left_out(spoilt: dict[str, Any]) -> None:
    honest = [contest(str(n), 1, 2) for n in range(4)]
    settings = only(
        "R058", no_price_comparison=frozenset({"NPC"}), excluded=frozenset({"EXC"}), currency="CNY"
    )
    sound = process("F", [bid("W", 1), bid("L", 100)], [award("W"), award("C", "cancelled")])

    assert "F" not in redflags([*honest, spoilt], settings).get("OCID", {})
    assert redflags([*honest, sound], settings)["OCID"]["F"] == {"R058": 99.0}


def test_the_lowest_bid_of_a_winner_with_two_counts() -> None:
    twice = process("F", [bid("W", 50), bid("W", 1), bid("L", 100), bid("M", 90)], [award("W")])
    data = [twice, *(contest(str(n), 1, 2) for n in range(4))]

    assert redflags(data, only("R058"))["OCID"]["F"]["R058"] == 89.0


def test_the_first_currency_met_is_the_main_one() -> None:
    foreign = process("F", [bid("W", 1, currency="USD"), bid("L", 100, currency="USD")], [award("W")])
    data = [*(contest(str(n), 1, 2) for n in range(4)), foreign]

    assert "F" not in redflags(data, only("R058"))["OCID"]
    assert redflags(data, only("R058", currency="USD")) == {
        "OCID": {"F": {"R058": 99.0}},
        "Tenderer": {"W": {"R058": 0.0}},
    }


def test_methods_that_compare_prices_can_be_named() -> None:
    data = [process("F", [bid("W", 5), bid("L", 5)], [], tender={"procurementMethodDetails": "reverse"})]

    assert redflags(data, only("R028", price_comparison=frozenset({"reverse"})))["OCID"] == {
        "F": {"R028": 1.0}
    }
    assert redflags(data, only("R028", price_comparison=frozenset({"other"}))) == {}


def test_a_busy_loser_is_flagged_once_per_process() -> None:
    data = [process("0", [bid("F"), bid("F")], [award("F")])]
    data += [process(str(n), [bid("F"), bid("F"), bid(str(n))], [award(str(n))]) for n in range(1, 6)]

    assert redflags(data, only("R025")) == {"Tenderer": {"F": {"R025": 1 / 6}}}
    assert redflags(data, only("R025", r025_percentile=100)) == {"Tenderer": {"F": {"R025": 1 / 6}}}
    assert redflags(data[:1], only("R025", r025_fence=1.0)) == {"Tenderer": {"F": {"R025": 1.0}}}
    assert redflags([data[1]], only("R025")) == {}


def test_a_supplier_of_many_kinds_needs_enough_processes() -> None:
    def supplied(who: str, codes: list[str], times: int) -> list[dict[str, Any]]:
        return [
            process(f"{who}{n}", [], [award(who, codes=(codes[n % len(codes)], codes[n % len(codes)]))])
            for n in range(times)
        ]

    many = supplied("F", ["10000000", "11000000", "1200", "13"], 20)
    few = supplied("few", ["20", "21", "22", "23", "24", "25"], 19)
    plain = [line for name in "ABCDE" for line in supplied(name, ["10000000", "10990000"], 20)]
    joint = [
        process("j", [], [award("A+B", codes=("55",))]),
        process("p", [], [award("A", "pending", ("66",))]),
    ]

    found = redflags([*many, *few, *plain, *joint], only("R048"))

    assert found == {"Tenderer": {"F": {"R048": 4.0}}}
    assert "few" in redflags([*many, *few], only("R048", r048_fence=5, r048_processes=1))["Tenderer"]
    assert redflags(plain[:20], only("R048", r048_digits=4))["Tenderer"]["A"]["R048"] == 2.0


def test_every_supplier_of_a_late_joint_bid_is_flagged() -> None:
    late = bid("A+B") | {"date": "2026-01-02T00:00:00Z"}
    data = [
        process("F", [late], [award("A+B")], tender={"tenderPeriod": {"endDate": "2026-01-01T00:00:00Z"}})
    ]

    assert redflags(data, only("R030")) == {
        "OCID": {"F": {"R030": 1.0}},
        "Tenderer": {"A": {"R030": 1.0}, "B": {"R030": 1.0}},
    }


def test_the_threshold_of_others_out_is_at_least_one() -> None:
    data = [process("F", [bid("V"), bid("D", status="disqualified")], [award("V")])]

    assert redflags(data, only("R035", r035_least=0))["OCID"] == {"F": {"R035": 1.0}}
    assert redflags(data, only("R035", r035_least=2)) == {}


def test_a_given_fence_and_minimum_rule_over_disqualifications() -> None:
    data = [process(str(n), [bid("D", status="disqualified"), bid("V")], []) for n in range(2)]

    assert redflags(data, only("R038")) == {}
    assert redflags(data, only("R038", r038_fence=1.0))["Tenderer"] == {"D": {"R038": 1.0}}
    assert redflags(data, only("R038", r038_fence=1.0, r038_bids=3)) == {}
    assert redflags(data, only("R038", r038_fence=0.0)) == {}


def test_instants_follow_the_standard() -> None:
    assert instant("2026-01-01T08:00:00+08:00") == instant("2026-01-01T00:00:00Z")
    assert instant("2026-01-01T00:00:00.25Z") is not None
    for wrong in ("2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", None, 3):
        assert instant(wrong) is None


def test_settings_are_read_from_words_and_wrong_ones_refused() -> None:
    settings = with_settings(
        ["R003.threshold=10", "R018.procurement_methods=open|limited", "R003.procurement_method_details.x=5"]
    )

    assert (settings.r003_days, settings.r018_methods) == (10, {"open", "limited"})
    assert settings.r003_by_details == {"x": 5}
    for wrong in ("R003.threshold", "R003.threshold=soon", "R003.threshold=-1", "R999.threshold=1"):
        with pytest.raises(UnknownSetting):
            with_settings([wrong])


def test_only_names_of_cases_carry_settings() -> None:
    case = settings_of_case("dir/R003-procurement_method_details-x-5-y-10.jsonl")

    assert case is not None
    assert case.r003_by_details == {"x": 5, "y": 10}
    assert case.only == ("R003",)
    assert settings_of_case("R024.jsonl") == only(
        "R024", no_price_comparison=frozenset({"NPC"}), excluded=frozenset({"EXC"})
    )
    assert settings_of_case("R999.jsonl") is None
    assert settings_of_case("releases.jsonl") is None


def test_packages_and_records_are_opened_and_bad_lines_named() -> None:
    release = {"ocid": "A"}
    lines = [
        json.dumps(release),
        "",
        "{broken",
        json.dumps({"releases": [release, {"no": "ocid"}]}),
        json.dumps(
            {"records": [{"compiledRelease": release}, {"ocid": "B", "releases": [release, release]}]}
        ),
        "[1]",
        '{"ocid": NaN}',
    ]

    found = list(releases_of(lines))

    assert [one for one in found if isinstance(one, dict)] == [release] * 3
    assert [one.line for one in found if isinstance(one, BadLine)] == [3, 4, 5, 6, 7]
    assert list(releases_of([json.dumps({"releases": [release]}, indent=1)], whole=True)) == [release]
    assert list(releases_of(['{"ocid":"A"}\n', '{"ocid":"A"}\n'], whole=True)) == [release] * 2


def test_the_command_names_bad_lines_and_writes_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / "flags.json"
    data.write_text(json.dumps(contest("F", 1, 1)) + "\nnot json\n")

    code = cli.main(["redflags", str(data), "--only", "R028", "--out", str(out)])

    assert code == 1
    assert "data.jsonl:2: not JSON" in capsys.readouterr().err
    assert json.loads(out.read_text())["OCID"] == {"F": {"R028": 1.0}}


@pytest.mark.parametrize(
    "words",
    [["absent.jsonl"], ["{}", "--set", "R003.days=1"], ["{}", "--only", "R999"], ["{}", "--only", ","]],
)
def test_the_command_refuses_what_it_does_not_know(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data.jsonl").write_text("")
    words = [str(tmp_path / "data.jsonl") if word == "{}" else word for word in words]

    assert cli.main(["redflags", *words]) == 2
    assert capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.skipif(
    not TSUCHIURA.exists(), reason="the Tsuchiura data (folder 'shared' beside the project) is absent"
)
def test_real_bids_of_a_city_show_the_known_number_of_deep_discounts() -> None:
    import csv

    contests: dict[tuple[str, ...], list[dict[str, str]]] = {}
    with TSUCHIURA.open() as file:
        for row in csv.DictReader(file):
            contests.setdefault((row["year"], row["month"], row["day"], row["pid"]), []).append(row)
    data = [
        process(
            "-".join(key),
            [bid(row["bidder_id"], float(row["bid"])) for row in rows if row["bid"]],
            [award(row["bidder_id"]) for row in rows if row["winner"] == "1"],
        )
        for key, rows in contests.items()
    ]

    found = redflags(data, only("R024", "R025", "R058"))

    assert len(contests) == 1565
    assert {name for flags in found["OCID"].values() for name in flags} == {"R058"}
    assert len(found["OCID"]) == 155
