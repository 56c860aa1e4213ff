"""A small history walked end to end: winners, exit codes, results and evidence a stranger verifies."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from sealbid.verify import verify_evidence
from simulation.history import parse_maps
from simulation.replay import AGREES, DIFFERS, FIELDS, replay
from simulation.replay_cohort import Cohort

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/tsuchiura/tsuchiura_data.csv"
TSUCHIURA = (
    "auction=pid", "bidder=bidder", "price=bid", "reserve=reserveprice", "minimum=minprice", "winner=winner",
)  # fmt: skip

CLEAN = """auction,bidder,price,reserve,minimum,winner,rejected
one,甲,100.00,120,80,0,
one,乙,99.50,120,80,1,
one,丙,130,120,80,0,
one,丁,70,120,80,0,
one,戊,81,120,80,0,no licence
tie,甲,50,,,0,
tie,乙,50,,,1,
alone,甲,10,,,1,
nobody,甲,10,5,,0,
one,甲,98,120,80,0,
one,己,oops,120,80,0,
"""


def replayed(tmp_path: Path, text: str, **more: int) -> tuple[int, str, dict[str, dict[str, str]], Path]:
    file, out, report = tmp_path / "history.csv", tmp_path / "out", io.StringIO()
    file.write_text(text, encoding="utf-8")
    code = replay(file, out, progress=io.StringIO(), report=report, helpers=0, **more)
    with (out / "results.csv").open(encoding="utf-8", newline="") as table:
        rows = {row["auction"]: row for row in csv.DictReader(table)}
    return code, report.getvalue(), rows, out


def test_a_history_that_agrees_is_awarded_by_the_platform_and_verified_by_a_stranger(tmp_path: Path) -> None:
    code, report, rows, out = replayed(tmp_path, CLEAN)

    assert code == AGREES, report
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "one": "agrees",
        "tie": "tie",
        "alone": "agrees",
        "nobody": "failed_as_expected",
    }
    one = rows["one"]
    assert tuple(one) == FIELDS
    assert (one["winner"], one["price"], one["min_bids"]) == ("乙", "99.50", "1")
    assert json.loads(one["ranking"]) == [[1, "乙", "99.50"], [2, "甲", "100.00"]]
    assert json.loads(one["rejected"]) == {"丙": "ceiling", "丁": "floor", "戊": "buyer"}
    assert rows["tie"]["winner"] == "乙"
    assert rows["nobody"]["winner"] == ""
    assert len(one["root"]) == len(one["close_root"]) == 64
    assert one["leaves"]
    assert "line 11: duplicate" in report
    assert "line 12: not_a_number" in report
    assert "min_bids 1" in report
    trust = (out / "trust.txt").read_text()
    for name in rows:
        lines: list[str] = []
        assert verify_evidence(out / "evidence" / f"{name}.zip", trust, lines.append) == 0, lines
    assert not list(out.glob(".house-*"))


def test_a_tampered_package_of_a_replay_does_not_verify(tmp_path: Path) -> None:
    _, _, _, out = replayed(tmp_path, "auction,bidder,price\nx,a,5\nx,b,6\n")
    package = out / "evidence" / "x.zip"
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    package.write_bytes(data)

    assert verify_evidence(package, (out / "trust.txt").read_text(), lambda _line: None) == 1


def test_every_winner_that_differs_from_the_file_is_named_and_the_exit_is_one(tmp_path: Path) -> None:
    code, report, rows, _ = replayed(
        tmp_path,
        "auction,bidder,price,reserve,winner\n"
        "a,x,5,,0\na,y,6,,1\n"  # a lower bid was passed over
        "b,x,5,,1\nb,y,6,,0\n"  # agrees
        "c,x,5,,0\nc,y,6,,0\n"  # nobody won
        "d,x,7,6,1\nd,y,6,6,0\n",  # above the reserve
    )

    assert code == DIFFERS
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "a": "lower_bid_passed_over",
        "b": "agrees",
        "c": "file_names_nobody",
        "d": "file_winner_not_valid",
    }
    assert "DIFFERS auction a: lower_bid_passed_over: platform x, rule x, file y" in report
    assert "DIFFERS auction c" in report
    assert "DIFFERS auction d" in report
    assert "DIFFERS auction b" not in report


def test_without_a_winner_column_equal_prices_are_drawn_in_public(tmp_path: Path) -> None:
    code, report, rows, _ = replayed(tmp_path, "auction,bidder,price\nx,a,5\nx,b,5\nx,c,9\n")

    assert code == AGREES, report
    assert rows["x"]["winner"] in ("a", "b")
    assert rows["x"]["tie"] == "2"


def test_a_second_replay_tells_the_same_story_though_its_envelopes_are_fresh(tmp_path: Path) -> None:
    text = "auction,bidder,price\nx,a,5\nx,b,6\ny,a,7\n"
    stories, roots = [], set()
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
        _, _, rows, _ = replayed(tmp_path / folder, text, seed=7)
        stories.append(
            [(row["tender"], row["ranking"], row["leaves"], row["log_size"]) for row in rows.values()]
        )
        roots.update(row["root"] for row in rows.values())

    assert stories[0] == stories[1]
    assert len(roots) == 2  # key encapsulation draws from the machine, not from the seed


def a_longer_file(auctions: int) -> str:
    lines = [
        f"a{number},{firm},{100 + (number * 7 + firm * 13) % 50}"
        for number in range(auctions)
        for firm in (1, 2)
    ]
    return "\n".join(["auction,bidder,price", *lines, ""])


def test_two_houses_share_a_file_and_one_trust_file_covers_both(tmp_path: Path) -> None:
    told = {}
    for houses in (1, 2):
        (tmp_path / str(houses)).mkdir()
        code, report, rows, out = replayed(tmp_path / str(houses), a_longer_file(20), houses=houses)
        assert code == AGREES, report
        told[houses] = [(name, row["winner"], row["price"], row["ranking"]) for name, row in rows.items()]

    assert [name for name, *_ in told[2]] == [f"a{number}" for number in range(20)]
    assert told[2] == told[1]
    logs = [row["log"] for row in rows.values()]
    assert (logs[:10], logs[10:]) == (
        ["replay.sunroad.example/log"] * 10,
        ["replay-2.sunroad.example/log"] * 10,
    )
    trust = (out / "trust.txt").read_text()
    for name in ("a0", "a19"):
        lines: list[str] = []
        assert verify_evidence(out / "evidence" / f"{name}.zip", trust, lines.append) == 0, lines
    alone = (tmp_path / "1" / "out" / "trust.txt").read_text()
    assert verify_evidence(out / "evidence" / "a19.zip", alone, lambda _line: None) == 1
    assert report.count("log replay") == 2
    assert not list(out.glob(".house-*"))
    assert not multiprocessing.active_children()


def test_trouble_in_one_house_ends_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Cohort) -> None:
        raise ValueError("the roof fell in")

    monkeypatch.setattr(Cohort, "walk", broken)

    with pytest.raises(RuntimeError, match="the roof fell in"):
        replayed(tmp_path, a_longer_file(20), houses=2)
    assert not multiprocessing.active_children()


def test_a_house_that_is_killed_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cohort, "walk", lambda _self: os._exit(9))

    with pytest.raises(RuntimeError, match="exit code 9"):
        replayed(tmp_path, a_longer_file(20), houses=2)
    assert not multiprocessing.active_children()


def test_limit_takes_the_first_auctions_only(tmp_path: Path) -> None:
    _, _, rows, _ = replayed(tmp_path, "auction,bidder,price\nx,a,5\ny,a,6\n", limit=1)
    assert set(rows) == {"x"}


@pytest.mark.skipif(
    not SHARED.exists(), reason="the Tsuchiura data (folder 'shared' beside the project) is absent"
)
def test_a_sample_of_real_auctions_agrees_with_history(tmp_path: Path) -> None:
    report = io.StringIO()

    code = replay(
        SHARED,
        tmp_path,
        limit=12,
        maps=parse_maps(TSUCHIURA),
        progress=io.StringIO(),
        report=report,
        helpers=1,
    )

    assert code == AGREES, report.getvalue()
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 12
    assert all(row["winner"] == row["winner_in_file"] for row in rows)
    assert len(list((tmp_path / "evidence").glob("*.zip"))) == 12
