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
from supervision.analysis import files, training, trees
from supervision.analysis.engine import silent

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
        ("20240501", date(2024, 5, 1)),
        ("1274918400", date(2010, 5, 27)),
        ("1986", date(1986, 1, 1)),
    ],
)
def test_days_are_understood(text: str, expected: date) -> None:
    assert files.day(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "20241301", "12", "1/5/24"])
def test_days_that_are_none_are_not_guessed(text: str) -> None:
    with pytest.raises(ValueError):
        files.day(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("12.5", (12.5, "")), ("¥ 10", (10.0, "¥")), ("7 usd", (7.0, "USD"))]
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


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
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
