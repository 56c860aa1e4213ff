"""Reading of red flags: odd text, odd lines, odd files."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

import cli
from supervision.rules.signals.redflags import RedFlags, Settings, redflags
from supervision.rules.signals.redflags_reading import BadLine, releases_of


def bid(who: str, amount: float) -> dict[str, Any]:
    return {"status": "valid", "tenderers": [{"id": who}], "value": {"amount": amount, "currency": "CNY"}}


def contest(ocid: str) -> dict[str, Any]:
    award = {"status": "active", "suppliers": [{"id": "W"}]}
    return {"ocid": ocid, "bids": {"details": [bid("W", 1), bid("L", 1)]}, "awards": [award]}


def read(*lines: str, whole: bool = False) -> tuple[list[dict[str, Any]], list[int]]:
    found = list(releases_of(lines, whole=whole))
    return [one for one in found if isinstance(one, dict)], [
        one.line for one in found if isinstance(one, BadLine)
    ]


# Text --------------------------------------------------------------------------------------------


def test_half_a_character_makes_a_bad_line_as_byte_and_as_escape() -> None:
    lines = [
        '{"ocid":"\\ud83d\\ude00"}',
        '{"ocid":"\\ud800"}',
        '{"ocid":"a","x":"\udcff"}',
        '{"ocid":"\\\\ud800"}',
    ]

    assert read(*lines) == ([{"ocid": "\U0001f600"}, {"ocid": "\\ud800"}], [2, 3])


def test_numbers_without_end_leave_out_the_bid_and_not_the_line() -> None:
    line = json.dumps(contest("F"))

    for number in ("9" * 5000, "-" + "9" * 5000, "1e999"):
        found, bad = read(line, line.replace('"amount": 1,', f'"amount": {number},', 1))
        assert (len(found), bad) == (2, [])
        assert redflags(found[1:], Settings(only=("R028",))) == {}


def test_a_release_stays_one_with_odd_words_beside_its_own() -> None:
    release = contest("F")
    odd = [release | {word: value} for word in ("releases", "records") for value in ([], [{"ocid": "x"}])]
    odd.append(release | {"compiledRelease": {"ocid": "x"}})

    found, bad = read(*map(json.dumps, odd))

    assert (found, bad) == (odd, [])


def test_lines_of_a_document_end_with_a_line_feed_alone() -> None:
    lines = ['{"ocid":"a\u2028b\x85"}\r\n', "\n", '{"ocid":\r"b"}\n']

    assert read(*lines, whole=True) == ([{"ocid": "a\u2028b\x85"}, {"ocid": "b"}], [])


# Files -------------------------------------------------------------------------------------------


def run(path: Path | str, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["redflags", str(path), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_file_of_bytes_with_a_mark_and_blank_lines_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.dumps(contest("F")).encode()
    (tmp_path / "data.jsonl").write_bytes(
        b"\xef\xbb\xbf"
        + line
        + b"\r\n\r\n \t\n"
        + line.replace(b": ", b":\r")
        + b'\n{"ocid":"\xff"}\n'
        + line
    )

    code, out, err = run(tmp_path / "data.jsonl", capsys, "--only", "R028")

    assert code == 1
    assert json.loads(out)["OCID"] == {"F": {"R028": 1.0}}
    assert err.count("\n") == 1
    assert "data.jsonl:5: not JSON: bytes or escapes" in err


def test_a_packed_case_is_read_like_the_plain_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "R028.jsonl.gz").write_bytes(gzip.compress(json.dumps(contest("F")).encode()))
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(json.dumps([contest("F")], indent=1).encode()))

    assert json.loads(run(tmp_path / "R028.jsonl.gz", capsys)[1])["OCID"] == {"F": {"R028": 1.0}}
    assert json.loads(run(tmp_path / "p.json.gz", capsys)[1])["OCID"] == {"F": {"R028": 1.0}}


def test_files_that_cannot_be_opened_or_unpacked_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = gzip.compress(b'{"ocid":"F"}\n' * 10_000)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "plain.jsonl.gz").write_text('{"ocid":"F"}')
    (tmp_path / "data.jsonl").write_text('{"ocid":"F"}')

    for name in ("cut.jsonl.gz", "plain.jsonl.gz", "absent.jsonl", ""):
        code, out, err = run(tmp_path / name, capsys)
        assert (code, out) == (2, "")
        assert str(tmp_path / name) in err
    assert run(tmp_path / "data.jsonl", capsys, "--out", str(tmp_path / "no" / "where.json"))[0] == 2


def test_bytes_on_standard_input_are_read_as_from_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.dumps(contest("标"), ensure_ascii=False).encode()
    stream = io.TextIOWrapper(io.BytesIO(b"\xff\n" + line), "ascii")
    monkeypatch.setattr("sys.stdin", stream)

    code, out, err = run("-", capsys, "--only", "R028")

    assert code == 1
    assert json.loads(out)["OCID"] == {"标": {"R028": 1.0}}
    assert err.startswith("-:1: not JSON")


def test_nothing_in_gives_an_empty_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "R024.jsonl").write_text("")

    assert run(tmp_path / "R024.jsonl", capsys)[:2] == (0, "{}\n")
    assert RedFlags().finish() == {}
