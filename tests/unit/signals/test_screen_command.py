"""``sunroad screen``: every line accounted for, every file as documented, every refusal with its exit code."""

from __future__ import annotations

import csv
import json
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng

import cli
from supervision.analysis import files, report, training, trees
from supervision.analysis.engine import silent
from supervision.analysis.headings import Unreadable

MESSY = """tender,bidder,bid,date,estimate,category,label,currency
A,x,100,2024-05-01,120,road,1,CNY
A,y,110,2024-05-01,120,road,1,CNY
A,z,,2024-05-01,120,road,1,CNY
A,w,-5,2024-05-01,120,road,1,CNY
A,v,0,2024-05-01,120,road,1,CNY
A,u,twelve,2024-05-01,120,road,1,CNY
A,x,100,2024-05-01,120,road,1,CNY
,x,100,2024-05-01,120,road,1,CNY
A,t,115,2024-05-01,120,road,1,USD
B,,200,20240502,nothing,road,maybe,CNY
B,y,¥ 210,1714608000,-1,road,0,CNY
B,z,inf,yesterday,,road,0,CNY
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def some_bids(seed: int, *, tenders: int = 80, names: bool = True, prefix: str = "T") -> str:
    """A CSV with a label that the spread of the bids tells."""
    rng = default_rng(seed)
    lines = ["tender,bidder,bid,date,label" if names else "tender,bid,label"]
    for t in range(tenders):
        rigged = int(rng.random() < 0.5)
        for f in rng.choice(12, 5, replace=False):
            bid = 1e6 * np.exp(rng.normal(0, 0.02 if rigged else 0.1))
            day = f"2024-{1 + t * 12 // tenders:02}-{1 + t % 28:02}"
            cells = [f"{prefix}{t}", f"F{f}", f"{bid:.2f}", day, str(rigged)]
            lines.append(",".join(cells if names else [cells[0], cells[2], cells[4]]))
    return "\n".join(lines) + "\n"


def test_every_line_that_is_left_out_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "messy.csv", MESSY)
    assert cli.main(["screen", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["left_out"] == {
        "bid is missing": 1,
        "bid is negative": 1,
        "bid is zero": 1,
        "bid is not a number": 2,
        "bidder stands twice in the tender": 1,
        "tender is missing": 1,
        "currency differs from that of the tender": 1,
        "bidder is missing (the bid is kept without a name)": 1,
        "estimate is not a positive number (left out)": 2,
        "label is neither 1 nor 0 (left out)": 1,
    }
    lines = {row["line"]: row["what"] for row in table(tmp_path / "out" / "problems.csv")}
    assert (lines["4"], lines["8"], lines["10"]) == (
        "bid is missing",
        "bidder stands twice in the tender",
        "currency differs from that of the tender",
    )
    assert (said["rows"], said["tenders"], said["bids"]) == (12, 2, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01", date(2024, 5, 1)),
        ("2024-05-01T08:00:00+08:00", date(2024, 5, 1)),
        ("2024/05/01", date(2024, 5, 1)),
        ("2024/5/1", date(2024, 5, 1)),
        ("2024/5/1 9:30", date(2024, 5, 1)),
        ("2024.5.1", date(2024, 5, 1)),
        ("2024年5月1日", date(2024, 5, 1)),
        ("1.5.2024", date(2024, 5, 1)),
        ("20240501", date(2024, 5, 1)),
        ("1274918400", date(2010, 5, 27)),
        ("1986", date(1986, 1, 1)),
    ],
)
def test_days_are_understood(text: str, expected: date) -> None:
    assert files.day(text) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "20241301", "12", "1/5/24", "1/5/2024", "2024/13/1", "2024-5/1"]
)
def test_days_that_are_none_are_not_guessed(text: str) -> None:
    with pytest.raises(ValueError):
        files.day(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5", (12.5, "")),
        ("¥ 10", (10.0, "¥")),
        ("7 usd", (7.0, "USD")),
        ("￥１，２３４．５", (1234.5, "¥")),
    ],
)
def test_amounts_are_understood(text: str, expected: tuple[float, str]) -> None:
    assert files.amount(text) == expected


@pytest.mark.parametrize("text", ["1,234", "nan", "inf", "ten", "1 2"])
def test_amounts_that_are_ambiguous_or_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        files.amount(text)


def test_scores_pairs_and_report_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "bids.csv", some_bids(1))
    out = tmp_path / "out"
    assert cli.main(["screen", str(path), "--out", str(out), "--permutations", "19"]) == 0
    told = capsys.readouterr().out
    assert "AUC" in told
    assert "a lead, not a finding" in told

    scores = table(out / "scores.csv")
    assert [row["rank"] for row in scores] == [str(k) for k in range(1, 81)]
    assert {
        "CV",
        "SPD",
        "DIFFP",
        "RD",
        "SKEW",
        "KURT",
        "KSTEST",
        "score",
        "p_score",
        "p_CV",
        "p_Q-01",
    } <= set(scores[0])
    values = [float(row["score"]) for row in scores]
    assert values == sorted(values, reverse=True)
    rigged = [float(row["score"]) for row in scores if row["label"] == "1"]
    clean = [float(row["score"]) for row in scores if row["label"] == "0"]
    assert np.mean(rigged) > np.mean(clean) + 0.2

    pairs = table(out / "pairs.csv")
    assert {"a", "b", "joint", "jaccard", "lift", "expected", "p", "balance", "likeness", "rank"} <= set(
        pairs[0]
    )
    assert all(0 < float(row["p"]) <= 1 for row in pairs)
    page = (out / "report.html").read_text("utf-8")
    assert "<svg" in page
    assert "<script" not in page
    assert '<th scope="col" class="text">a</th>' in page
    assert '<td class="text">F' in page
    assert "http" not in page


def test_files_without_names_have_no_pairs(tmp_path: Path) -> None:
    path = written(tmp_path / "bids.csv", some_bids(1, names=False))
    assert cli.main(["screen", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert not (tmp_path / "out" / "pairs.csv").exists()


def test_columns_are_mapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "bids.csv", "Nr;x,Preis,who\nA,10,b\nA,11,c\nB,5,b\nB,6,d\n")
    words = [
        "screen",
        str(path),
        "--map",
        "tender=Nr;x",
        "--map",
        "bid=Preis",
        "--map",
        "bidder=who",
        "--json",
    ]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out)["tenders"] == 2


ROWS = [
    ("T1", "a", "1234.50", "1"),
    ("T1", "b", "1300.00", "1"),
    ("T2", "a", "999.25", "0"),
    ("T2", "b", "1000.00", "0"),
]


def laid_out(
    separator: str, number: str, *, quote: str = "", yes: str = "1", no: str = "0", before: str = ""
) -> str:
    """The same four bids; ``number``: how 1234.50 is written."""
    marks = {
        "1,234.50": ",.",
        "1.234,50": ".,",
        "1234,50": " ,",
        "1'234.50": "'.",
        "1\u202f234,50": "\u202f,",
    }.get(number, " .")
    lines = [before + separator.join(["tender", "bidder", "bid", "label"])]
    for tender, bidder, bid, label in ROWS:
        whole, _, cents = bid.partition(".")
        parted = f"{int(whole):,}".replace(",", marks[0].strip() or "")
        text = f"{quote}{parted}{marks[1]}{cents}{quote}"
        lines.append(separator.join([tender, bidder, text, yes if label == "1" else no]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (laid_out(",", "1234.50"), "utf-8-sig"),
        (laid_out(",", "1234.50").replace("\n", "\r\n"), "utf-8"),
        (laid_out(",", "1234.50").replace("\n", "\r"), "utf-8"),
        (laid_out(";", "1234.50"), "utf-8"),
        (laid_out(";", "1234,50"), "utf-8"),
        (laid_out(";", "1.234,50"), "utf-8-sig"),
        (laid_out(";", "1\u202f234,50"), "utf-8"),
        (laid_out("\t", "1234.50"), "utf-16"),
        (laid_out("|", "1234.50"), "utf-8"),
        (laid_out(",", "1,234.50", quote='"'), "utf-8"),
        (laid_out(",", "1.234,50", quote='"'), "utf-8"),
        (laid_out(",", "1'234.50"), "utf-8"),
        (laid_out(",", "1234.50", yes="是", no="否"), "gb18030"),
        (laid_out(",", "1234.50", yes="Collusive", no="Competitive"), "utf-8"),
        (laid_out(";", "1234.50", before="sep=;\n"), "utf-8"),
    ],
)
def test_a_file_of_any_spreadsheet_is_read_alike(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "bids.csv"
    path.write_bytes(text.encode(encoding))
    bids = files.read(path, {}, silent)
    assert bids.problems.counts == {}
    assert bids.history.bid.tolist() == [1234.5, 1300.0, 999.25, 1000.0]
    assert bids.label.tolist() == [1.0, 0.0]
    assert bids.rows == 4


def test_an_unusual_layout_is_told_and_two_readings_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "tender;bid\nA;12,5\nA;13.5\nA;1.234\nA;14\n"
    assert cli.main(["screen", str(written(tmp_path / "b.csv", text)), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["left_out"] == {"bid can be read in two ways": 1}
    assert said["problems"][0]["line"] == 4
    assert "decimal commas both occur" in said["notes"][0]
    assert said["bids"] == 3


def test_lines_that_do_not_fit_the_header_are_not_shifted(tmp_path: Path) -> None:
    text = "tender,bid,label\nA,1,234,1\nA,11,1,,\nA,12\nA,13,0\n"
    bids = files.read(written(tmp_path / "b.csv", text), {}, silent)
    assert bids.history.bid.tolist() == [11.0, 12.0, 13.0]
    assert [(one.line, one.what) for one in bids.problems.found] == [
        (2, "more cells than the header has"),
        (5, "label differs inside the tender (the highest counts)"),
    ]


def test_a_quotation_mark_that_is_never_closed_swallows_nothing(tmp_path: Path) -> None:
    text = "tender,bidder,bid\nA,x,1\n" + 'A,"y,2\n' + "B,x,3\nB,y,4\n"
    with pytest.raises(Unreadable, match="line 3: a quotation mark is opened and never closed"):
        files.read(written(tmp_path / "b.csv", text), {}, silent)
    bids = files.read(written(tmp_path / "c.csv", text + 'B,"z",5\nB,"v",6\n'), {}, silent)
    assert [(one.line, one.what) for one in bids.problems.found] == [
        (6, "a quoted cell runs on over lines, none of which was read")
    ]
    assert bids.problems.found[0].text.startswith("lines 3 to 6: A,y,2 B,x,3")


def test_names_and_keys_that_differ_by_blanks_are_one(tmp_path: Path) -> None:
    text = "tender,bidder,bid\nA  1, Big  Co,1\nA 1 ,Little\u3000Co,2\nA\u00a01,Big Co,3\n"
    bids = files.read(written(tmp_path / "b.csv", text), {}, silent)
    assert list(bids.history.keys) == ["A 1"]
    assert bids.history.firms == ["Big Co", "Little Co"]
    assert bids.problems.counts == {"bidder stands twice in the tender": 1}


def test_labels_of_one_kind_measure_nothing_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "b.csv", "tender,bid,label\nA,1,yes\nA,2,yes\nB,3,yes\nB,4,\n")
    assert cli.main(["screen", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "labels: nothing can be measured" in capsys.readouterr().out
    assert "labels: nothing can be measured" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_json_holds_no_number_that_other_readers_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "b.csv", "tender,bid\nA,1\nB,5\nB,7\nB,7\n")
    assert cli.main(["screen", str(path), "--json"]) == 0

    def refuse(text: str) -> None:
        raise AssertionError(text)

    found = {one["tender"]: one for one in json.loads(capsys.readouterr().out, parse_constant=refuse)["top"]}
    assert (found["A"]["CV"], found["B"]["RD"]) == (None, "inf")


def test_screens_are_written_with_every_digit(tmp_path: Path) -> None:
    path = written(tmp_path / "b.csv", "tender,bid\nA,1\nA,3\nA,8.1\n")
    assert cli.main(["screen", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    row = table(tmp_path / "out" / "scores.csv")[0]
    bids = np.array([1, 3, 8.1])
    assert float(row["CV"]) == pytest.approx(bids.std(ddof=1) / bids.mean(), rel=1e-15)
    assert float(row["RD"]) == pytest.approx(2 / bids[1:].std(ddof=1), rel=1e-15)


def test_what_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "b.csv", some_bids(1))
    monkeypatch.setattr(files, "read", lambda *_: pytest.fail("read first"))
    assert cli.main(["screen", str(path), "--out", str(path)]) == 1
    assert cli.main(["screen", "--train", str(path), "--model", str(path / "m.npz")]) == 1
    assert capsys.readouterr().err.count("sunroad screen: [Errno") == 2


@pytest.mark.parametrize(
    ("step", "told"), [(0.0071, "1.0000"), (0.25, "1.00"), (30.0, "1"), (1e9, "1.00e+00")]
)
def test_neighbours_on_an_axis_differ(step: float, told: str) -> None:
    assert report.tick(1.0, step) == told
    assert report.tick(1.0, step) != report.tick(1.0 + step, step)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--map", "bid=bid", "--map", "bid=tender"], 2, "bid is mapped already, to bid"),
        (["--map", "bid="], 1, "no column ''"),
        (["--map", "bid=tender", "--map", "tender=tender"], 1, "cannot be both tender and bid"),
        (["--map", "nonsense=x"], 2, "write NEW=OLD"),
        (["--alpha", "1.5"], 2, "--alpha lies"),
        (["--map", "bid=gone"], 1, "no column 'gone'"),
        (["--train", "{file}"], 2, "needs --model"),
        (["--model", "{file}"], 1, "is no model"),
        (["--train", "{file}", "--model", "{file}.npz"], 1, "no labels"),
    ],
)
def test_words_and_files_that_cannot_be_used_are_refused(
    words: list[str], code: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "bids.csv", "tender,bid\nA,1\nA,2\n")
    assert cli.main(["screen", str(path), *(word.format(file=path) for word in words)]) == code
    assert text in capsys.readouterr().err


def test_files_that_hold_no_bids_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["screen"]) == 2
    for name, text in (("empty.csv", ""), ("bare.csv", "tender,bid\n"), ("other.csv", "a,b\n1,2\n")):
        assert cli.main(["screen", str(written(tmp_path / name, text))]) == 1
    assert cli.main(["screen", str(tmp_path / "gone.csv")]) == 1
    assert "no usable bid" in capsys.readouterr().err
    text = "tender,bid,won\nA,1,234,567\nA,1,345,678\n"
    assert cli.main(["screen", str(written(tmp_path / "wide.csv", text))]) == 1
    assert "2 × more cells than the header has; first line 2: A,1,234,567" in capsys.readouterr().err
    text = "tender,bid,Bid\nA,1,2\n"
    assert cli.main(["screen", str(written(tmp_path / "twice.csv", text))]) == 1
    assert "the column 'bid' stands twice" in capsys.readouterr().err
    assert cli.main(["screen", str(tmp_path / "twice.csv"), "--map", "bid=Bid", "--quiet"]) == 0


def test_a_model_is_trained_kept_and_used_on_another_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"extra": partial(trees.fit_extra, trees=30), "boosted": partial(trees.fit_boosted, trees=20)}
    monkeypatch.setattr(training, "FIT", small)
    old = written(tmp_path / "old.csv", some_bids(1))
    new = written(tmp_path / "new.csv", some_bids(2, prefix="N").replace("2024-", "2025-"))
    model = tmp_path / "m.npz"
    assert cli.main(["screen", "--train", str(old), "--model", str(model), "--quiet", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)["training"]
    assert card["data"]["moments"] == "days"
    assert card["records_of_firms"] is True

    words = [
        "screen",
        str(new),
        "--model",
        str(model),
        "--trust-model",
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    assert cli.main([*words, "--quiet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["score_in_use"] == "model"
    assert said["figures"]["model, 3 bids or more"]["auc"]["value"] > 0.9
    assert all(0 <= float(row["probability"]) <= 1 for row in table(tmp_path / "out" / "scores.csv"))


def test_firms_of_a_model_are_recognised_in_another_file(tmp_path: Path) -> None:
    from supervision.analysis import modelfile
    from supervision.analysis.engine import look

    bids = files.read(written(tmp_path / "old.csv", some_bids(1)), {}, silent)
    seen = look(bids.history, rng=default_rng(1), permutations=0)
    carried = modelfile.carried(seen, bids.history.firms, bids.label)
    before = carried.before(["F3", "somebody new", "F5"])
    mine = bids.history.firms.index("F3")
    assert before.bids[0] == (bids.history.firm == mine).sum()
    assert before.bids[1] == 0
    pair = seen.pairs
    assert pair is not None
    both = {bids.history.firms.index("F3"), bids.history.firms.index("F5")}
    joint = [int(j) for a, b, j in zip(pair.a, pair.b, pair.joint, strict=True) if {int(a), int(b)} == both]
    assert before.joint.get((0, 2), 0) == joint[0]


def test_numbers_in_keys_are_moments_only_when_all_keys_are_alike() -> None:
    place, prefix = files.numbers_of(["Italy_3", "Italy_12"])
    assert place is not None
    assert (place.tolist(), prefix) == ([3.0, 12.0], "Italy_")
    assert files.numbers_of(["Italy_3", "Rome_4"]) == (None, "")
    assert files.numbers_of(["a", "b"]) == (None, "")
