"""``sunroad auction judge``: cases are replayed, compared, and read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cli

SHARED = Path(__file__).resolve().parents[3] / "../shared/data/auctions/turn_based_36.json"


def bid(plate: str, amount: float, minute: int) -> dict[str, Any]:
    return {"id": plate, "date": f"2026-01-05T06:{minute:02d}:00+00:00", "value": {"amount": amount}}


def said(stage: int, turn: str, who: str, amount: float, verdict: str) -> dict[str, Any]:
    at = f"2026-01-05T09:{2 * stage:02d}:05+00:00"
    return {
        "stage": stage,
        "at": at,
        "turn_of": turn,
        "from_bidder": who,
        "amount": amount,
        "verdict": verdict,
    }


def case(**changed: Any) -> dict[str, Any]:
    """Two bidders: a opens at 100, b at 90; a goes down to 80 in the first round."""
    plain: dict[str, Any] = {
        "id": "own-1",
        "kind": "default",
        "tender": {"minimalStep": {"amount": 5}, "bids": [bid("a", 100, 1), bid("b", 90, 2)]},
        "events": [
            said(1, "a", "b", 80, "rejected: Not valid bidder"),
            said(1, "a", "a", 95.01, "rejected: Too high value"),
            said(1, "a", "a", 0, "rejected: Too low value"),
            said(1, "a", "a", -1, "cancelled"),
            said(1, "a", "a", 80, "accepted"),
            said(4, "b", "b", 85, "accepted"),
        ],
        "turn_order_per_round": [["a", "b"], ["b", "a"], ["b", "a"]],
        "final_worst_to_best": [{"bidder": "b", "amount": 85}, {"bidder": "a", "amount": 80}],
        "intended_winner": "a",
    }
    return {**plain, **changed}


Judged = tuple[int, list[dict[str, Any]], str]


@pytest.fixture
def judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(text: str | list[Any]) -> Judged:
        file = tmp_path / "cases.json"
        file.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
        code = cli.main(["auction", "judge", str(file)])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


def test_a_case_that_agrees(judge: Any) -> None:
    code, lines, _ = judge([case()])
    assert code == 0
    assert (lines[0]["index"], lines[0]["id"], lines[0]["kind"]) == (0, "own-1", "default")
    assert lines[0]["verdicts"] == [event["verdict"] for event in case()["events"]]
    assert lines[0]["turn_order_per_round"] == [["a", "b"], ["b", "a"], ["b", "a"]]
    assert [(one["bidder"], one["amount"]) for one in lines[0]["ranking_worst_to_best"]] == [
        ("b", "85.00"),
        ("a", "80.00"),
    ]
    assert lines[0]["ranking_worst_to_best"][1]["date"] == "2026-01-05T09:02:05+00:00"
    assert (lines[0]["winner"], lines[0]["agrees"], lines[0]["differences"]) == ("a", True, [])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"intended_winner": "b"}, "winner"),
        ({"turn_order_per_round": [["b", "a"]] * 3}, "turn_order_per_round"),
        ({"final_worst_to_best": [{"bidder": "a", "amount": 80}, {"bidder": "b", "amount": 85}]}, "ranking"),
        ({"final_worst_to_best": [{"bidder": "b", "amount": 85}, {"bidder": "a", "amount": 81}]}, "prices"),
        ({"events": [said(1, "a", "a", 95, "rejected: Too high value")]}, "events.0.verdict"),
        ({"events": [said(1, "b", "a", 95, "accepted")]}, "events.0.turn_of"),
    ],
)
def test_a_difference_is_named_and_the_exit_code_says_so(
    judge: Any, changed: dict[str, Any], field: str
) -> None:
    code, lines, _ = judge([case(), case(**changed)])
    assert code == 1
    assert [line["agrees"] for line in lines] == [True, False]
    assert field in [one["field"] for one in lines[1]["differences"]]


def test_one_case_a_line_and_a_single_case_are_read_too(judge: Any) -> None:
    code, lines, _ = judge(json.dumps(case()) + "\n\n" + json.dumps(case()) + "\n")
    assert (code, len(lines)) == (0, 2)
    code, lines, _ = judge(json.dumps(case()))
    assert (code, len(lines)) == (0, 1)


def test_a_case_without_expectations_is_judged_and_printed(judge: Any) -> None:
    plain = {name: case()[name] for name in ("kind", "tender")}
    plain["events"] = [{"stage": 1, "from_bidder": "a", "amount": 80}]
    code, lines, _ = judge([plain])
    assert code == 0
    assert (lines[0]["verdicts"], lines[0]["winner"], lines[0]["agrees"]) == (["accepted"], "a", None)


def test_weighted_quality(judge: Any) -> None:
    features = [{"code": "f", "enum": [{"value": 0}, {"value": 0.2}]}]
    bids = [{**bid("a", 100, 1), "parameters": [{"code": "f", "value": 0.2}]}, bid("b", 90, 2)]
    tender = {"minimalStep": {"amount": 5}, "bids": bids, "features": features}
    code, lines, _ = judge([{"kind": "meat", "tender": tender, "events": [], "intended_winner": "a"}])
    assert (code, lines[0]["turn_order_per_round"][0]) == (0, ["b", "a"])  # 100 / 1.25 = 80


def test_weighted_prices(judge: Any) -> None:
    weighted = [
        {"amount": 90.0, "denominator": 1.25, "addition": 10},
        {"amount": 100.0, "denominator": 1, "addition": 10},
    ]
    bids = [
        {**bid(p, price, 1), "weightedValue": w}
        for p, price, w in zip("ab", (100, 90), weighted, strict=True)
    ]
    tender = {"minimalStep": {"amount": 5}, "bids": bids}
    code, lines, _ = judge([{"kind": "mixed", "tender": tender, "events": [], "intended_winner": "a"}])
    assert (code, lines[0]["turn_order_per_round"][0]) == (0, ["a", "b"])  # by price; 90 beats 100 at the end


def test_an_offer_outside_every_turn(judge: Any) -> None:
    event = {"stage": 0, "from_bidder": "a", "amount": 80, "verdict": "rejected: Stage not for bidding"}
    assert judge(
        [case(events=[event], turn_order_per_round=[], final_worst_to_best=[], intended_winner="b")]
    )[1][0]["verdicts"] == ["rejected: Stage not for bidding"]


def feature(code: str, *weights: float) -> dict[str, Any]:
    return {"code": code, "enum": [{"value": one} for one in weights]}


def weighing(weighted: Any) -> dict[str, Any]:
    return {"minimalStep": {"amount": 5}, "bids": [{**bid("a", 100, 1), "weightedValue": weighted}]}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_whatever_an_editor_saves_is_read(judge: Any, tmp_path: Path, encoding: str, capsys: Any) -> None:
    file = tmp_path / "cases.json"
    file.write_bytes(json.dumps([case(id="一号")], ensure_ascii=False).encode(encoding))
    assert cli.main(["auction", "judge", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "一号"


def test_the_form_of_a_file_does_not_matter(judge: Any) -> None:
    plain = case()
    plain["tender"]["minimalStep"]["amount"] = "5"
    plain["tender"]["bids"][0]["value"]["amount"] = "100.00"
    plain["events"][4] = {**plain["events"][4], "stage": "1", "amount": "80.0", "extra": [1]}
    turned = {name: plain[name] for name in sorted(plain, reverse=True)}
    code, lines, _ = judge({"note": "kept aside", "cases": [turned, case(intended_winner=None)]})  # type: ignore[arg-type]
    assert (code, [line["agrees"] for line in lines]) == (0, [True, True])


def test_a_bid_that_does_not_take_part_is_left_out_and_named(judge: Any) -> None:
    plain = case()
    plain["tender"]["bids"].append({**bid("c", 50, 3), "status": "withdrawn"})
    code, lines, _ = judge([plain])
    assert (code, lines[0]["left_out"], lines[0]["winner"]) == (0, ["c"], "a")


def test_an_offer_finer_than_money_is_no_low_value(judge: Any) -> None:
    plain = {name: case()[name] for name in ("kind", "tender")}
    plain["events"] = [{"stage": 1, "from_bidder": "a", "amount": 80.005}]
    assert judge([plain])[1][0]["verdicts"] == ["rejected: More than two decimals"]


def test_parameters_of_no_feature_do_not_count(judge: Any) -> None:
    chosen = [{"code": "f", "value": 0.2}, {"code": "g", "value": 0.9}]
    bids = [{**bid("a", 100, 1), "parameters": chosen}, bid("b", 79, 2)]
    tender = {"minimalStep": {"amount": 5}, "bids": bids, "features": [feature("f", 0, 0.2)]}
    _, lines, _ = judge([{"kind": "meat", "tender": tender}])
    assert (lines[0]["winner"], lines[0]["ranking_worst_to_best"][0]["bidder"]) == (
        "b",
        "a",
    )  # 100 / 1.25 = 80


def without(path: str) -> dict[str, Any]:
    plain = json.loads(json.dumps(case()))
    *steps, last = path.split(".")
    inner: Any = plain
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    del inner[last]
    return plain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no case in it"),
        ([case(kind="mixed")], "field tender.bids.0.weightedValue: must be given"),
        (
            [case(tender={"minimalStep": {"amount": 5}, "bids": [bid("a", 0, 1)]})],
            "field tender.bids.0.value.amount: more than 0",
        ),
        (
            [case(tender={"minimalStep": {"amount": 5}, "bids": [bid("a", 1, 1), bid("a", 1, 1)]})],
            "field tender.bids.1.id: given twice",
        ),
        (
            [case(final_worst_to_best=[{"bidder": "a", "amount": "x"}])],
            "field final_worst_to_best.0.amount: a number",
        ),
        ("{not json", "line 1"),
        (json.dumps(case()) + "\n{", "line 2"),
        ([7], "case 0"),
        ([case(kind="raffle")], "field kind"),
        ([case(), without("tender.minimalStep.amount")], "case 1 (own-1), field tender.minimalStep.amount"),
        ([without("tender.bids")], "field tender.bids"),
        ([case(tender={"minimalStep": {"amount": 5}, "bids": []})], "field tender.bids"),
        ([without("tender.bids.0.date")], "field tender.bids.0.date"),
        ([without("tender.bids.1.value.amount")], "field tender.bids.1.value.amount"),
        ([without("tender.bids.1.id")], "field tender.bids.1.id"),
        ([without("events.0.amount")], "field events.0.amount"),
        ([without("events.0.stage")], "field events.0.stage"),
        ([case(events=[said(99, "a", "a", 1, "accepted")])], "field events.0.stage"),
        (
            [case(events=list(reversed(case()["events"])))],
            "field events.1.stage: stages must not go backwards",
        ),
        ([case(events=[{**said(1, "a", "a", 1, ""), "amount": "x"}])], "field events.0.amount"),
        ([case(kind="meat")], "field tender.features"),
        (
            [case(kind="meat", tender={**case()["tender"], "features": [{"code": "f", "enum": []}]})],
            "field tender.features.0.enum",
        ),
        (
            [case(kind="meat", tender={**case()["tender"], "features": [feature("f", 0, 1)]})],
            "field tender.features: weights must add up to less than 1",
        ),
        (
            [case(kind="meat", tender={**case()["tender"], "features": [feature("f", -0.1)]})],
            "field tender.features.0.enum.0.value: not negative",
        ),
        (
            [case(kind="meat", tender={**case()["tender"], "features": [feature("f", 0), feature("f", 0)]})],
            "field tender.features.1.code: given twice",
        ),
        ([case(kind=["default"])], "field kind: one of default, meat, mixed"),
        ([case(events=7)], "field events: a list is needed"),
        ([case(events=[7])], "field events.0: an object is needed"),
        ([without("events.0.from_bidder")], "field events.0.from_bidder: must be given"),
        ([case(events=[{**said(1, "a", "a", 1, ""), "stage": True}])], "field events.0.stage: a number"),
        ([case(tender={**case()["tender"], "bids": None})], "field tender.bids: must be given"),
        ([case(tender={**case()["tender"], "bids": 7})], "field tender.bids: a list is needed"),
        (
            [case(tender={**case()["tender"], "bids": [bid("a", 1e40, 1)]})],
            "field tender.bids.0.value.amount",
        ),
        ([case(tender={**case()["tender"], "bids": [bid("a", 9.005, 1)]})], "at most two decimals"),
        (
            [case(tender={**case()["tender"], "bids": [{**bid("a", 1, 1), "date": "9999-12-31T23:59:59Z"}]})],
            "field tender.bids.0.date: an instant from 1900 to 2999",
        ),
        (
            [case(tender={**case()["tender"], "bids": [{**bid("a", 1, 1), "status": "withdrawn"}]})],
            "field tender.bids: at least one bid that takes part",
        ),
        ([case(kind="mixed", tender=weighing([]))], "field tender.bids.0.weightedValue: an object"),
        ([case(kind="mixed", tender=weighing({"denominator": 0}))], "weightedValue.denominator: more than 0"),
        ([case(final_worst_to_best=[{"amount": 1}])], "field final_worst_to_best.0.bidder: must be given"),
        ([case(final_worst_to_best=7)], "field final_worst_to_best: a list"),
        ([case(turn_order_per_round=[{}])], "field turn_order_per_round.0: a list"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_names_case_and_field(judge: Any, text: str | list[Any], told: str) -> None:
    code, lines, err = judge(text)
    assert (code, lines) == (2, [])
    assert told in err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["auction", "judge", "/nowhere/cases.json"]) == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.shared
def test_the_reference_cases_agree_in_every_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    if not SHARED.exists():
        pytest.skip("the reference data does not stand beside the project")
    assert cli.main(["auction", "judge", str(SHARED)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["agrees"] for line in lines] == [True] * 36
    checked = 0
    for plain, line in zip(json.loads(SHARED.read_text("utf-8")), lines, strict=True):
        expected = {one["bidder"]: one for one in plain["final_worst_to_best"]}
        for one in line["ranking_worst_to_best"]:
            assert one["date"] == expected[one["bidder"]]["date"]
            if expected[one["bidder"]]["amount_features"] is not None:
                assert one["counts_as"] == expected[one["bidder"]]["amount_features"]
                checked += 1
    assert checked > 0
