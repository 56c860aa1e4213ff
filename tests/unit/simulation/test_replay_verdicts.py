"""How the platform's winner is judged against the rule and against the file."""

from __future__ import annotations

import argparse
import io
from decimal import Decimal
from pathlib import Path

import pytest

from simulation.history import PastAuction, PastBid
from simulation.replay import GOOD, UNREADABLE, VERDICTS, Progress, add_arguments, judge, ranges, run
from simulation.replay_evidence import file_name


def auction(
    prices: dict[str, int], winners: tuple[str, ...] | None, *, reserve: int | None = None, rejected: str = ""
) -> PastAuction:
    bids = tuple(
        PastBid(line, name, Decimal(price), "ground" if name == rejected else "")
        for line, (name, price) in enumerate(prices.items(), start=2)
    )
    return PastAuction("x", bids, reserve=None if reserve is None else Decimal(reserve), winners=winners)


@pytest.mark.parametrize(
    ("past", "winner", "verdict"),
    [
        (auction({"a": 1, "b": 2}, None), "a", "agrees"),
        (auction({"a": 1, "b": 2}, ("a",)), "a", "agrees"),
        (auction({"a": 1, "b": 2}, None), "b", "not_the_rule"),
        (auction({"a": 1, "b": 2}, ("b",)), "b", "not_the_rule"),
        (auction({"a": 1, "b": 2}, None), "", "not_the_rule"),
        (auction({"a": 1, "b": 1}, ("b",)), "b", "tie"),
        (auction({"a": 1, "b": 2}, ("b",)), "a", "lower_bid_passed_over"),
        (auction({"a": 1, "b": 2}, ()), "a", "file_names_nobody"),
        (auction({"a": 9}, (), reserve=5), "", "failed_as_expected"),
        (auction({"a": 9}, ("a",), reserve=5), "", "file_winner_not_valid"),
        (auction({"a": 9, "b": 4}, ("a",), reserve=5), "b", "file_winner_not_valid"),
        (auction({"a": 1, "b": 2}, ("a",), rejected="a"), "b", "file_winner_not_valid"),
        (auction({"a": 1}, ("z",)), "a", "file_winner_without_bid"),
        (auction({"a": 1, "b": 1}, ("a", "b")), "a", "several_winners"),
    ],
)
def test_every_relation_of_platform_rule_and_file_has_its_name(
    past: PastAuction, winner: str, verdict: str
) -> None:
    assert judge(past, winner) == verdict
    assert verdict in VERDICTS
    assert VERDICTS.keys() >= GOOD


def test_places_of_the_log_are_written_as_ranges() -> None:
    assert ranges([]) == ""
    assert ranges([4]) == "4"
    assert ranges([3, 4, 5, 9, 11, 12]) == "3-5 9 11-12"


@pytest.mark.parametrize("name", ["15", "a/b", "../x", ".", "..", "工程 7", "x" * 400, "con:1"])
def test_an_auction_of_any_name_has_a_file_of_its_own(name: str) -> None:
    found = file_name(name)
    assert "/" not in found
    assert not found.startswith(".")
    assert found.endswith(".zip")
    assert len(found) < 200


def test_different_long_names_stay_different() -> None:
    assert file_name("x" * 400) != file_name("x" * 401)


def test_progress_is_a_bar_on_a_terminal_and_plain_lines_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    paper, screen = io.StringIO(), Terminal()
    for out in (paper, screen):
        bar = Progress(out, 4)
        for done in range(5):
            bar.show(done)
        bar.done()
    assert "\r" not in paper.getvalue()
    assert "replay: 4/4 auctions" in paper.getvalue()
    assert "\r" in screen.getvalue()
    assert "█" * 32 in screen.getvalue()


def test_a_file_that_cannot_be_read_is_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    missing = run(parser.parse_args([str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")]))
    mapped = run(parser.parse_args(["x.csv", "--out", str(tmp_path / "out"), "--map", "nonsense"]))

    assert (missing, mapped) == (UNREADABLE, UNREADABLE)
    told = capsys.readouterr()
    assert "none.csv" in told.out
    assert "nonsense" in told.err


def test_a_file_without_a_usable_bid_is_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (tmp_path / "bids.csv").write_text("auction,bidder,price,reserve\nx,a,ten,many\n", "utf-8")

    code = run(parser.parse_args([str(tmp_path / "bids.csv"), "--out", str(tmp_path / "out")]))

    told = capsys.readouterr().out
    assert code == UNREADABLE
    assert "1 rows read, 1 skipped" in told
    assert "bids.csv holds no usable bid" in told
