"""Reading by columns and reading line by line say the same, whatever stands in the file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from supervision.analysis import files
from supervision.analysis.cells import Keys
from supervision.analysis.files import Bids
from supervision.analysis.headings import Unreadable
from supervision.rules.signals.ranks import exchangeable_p, rank_p

ODD = ("", " ", "NA", "abc", "-3", "0", "1e3", "¥12.5", "12,5", "inf", "nan", "1_000")


def a_file(path: Path, seed: int, *, odd: float, quotes: bool = False) -> None:
    """A few hundred lines; ``odd``: share of lines with something to look at twice."""
    dice = random.Random(seed)
    lines = ["tender, bid ,bidder,date,estimate,market,category,region,label,currency,won"]
    for _ in range(400):
        tender = dice.choice(["T1", "T2", " T3", "T4 ", "T5", f"T{dice.randint(6, 60)}"])
        cells = [
            tender,
            f"{dice.uniform(1, 9e6):.2f}",
            f"F{dice.randint(1, 30)}",
            dice.choice(["2026-01-05", "20260203", "2025", "", "2026/03/04"]),
            dice.choice(["", "9000000", "8e6"]),
            dice.choice(["", "M1", "m2"]),
            dice.choice(["works", "goods", "na"]),
            dice.choice(["", "north"]),
            dice.choice(["", "1", "0", "rigged", "No"]),
            dice.choice(["CNY", "cny", "CNY", "CNY"]),
            dice.choice(["1", "0", "", "true"]),
        ]
        if dice.random() < odd:
            cells[dice.randrange(len(cells))] = dice.choice(ODD)
        if dice.random() < odd / 4:
            cells = cells[: dice.randint(0, 12)] or [""]
        if quotes and dice.random() < 0.02:
            cells[2 if len(cells) > 2 else 0] = '"Firm, with\na line"'
        lines.append(",".join(cells))
    path.write_text(dice.choice(["\n", "\r\n"]).join(lines) + dice.choice(["", "\n"]), "utf-8", newline="")


def said(bids: Bids) -> dict[str, object]:
    history = bids.history
    return {
        "keys": history.keys,
        "category": history.category,
        "days": history.opened_on.astype(str).tolist(),
        "ceiling": history.ceiling.tolist(),
        "firms": history.firms,
        "tender": history.tender.tolist(),
        "firm": history.firm.tolist(),
        "bid": history.bid.tolist(),
        "won": history.won.tolist(),
        "label": bids.label.tolist(),
        "region": None if bids.region is None else bids.region.tolist(),
        "problems": [(one.line, one.what, one.text) for one in bids.problems.found],
        "rows": bids.rows,
    }


@pytest.mark.parametrize("quotes", [False, True])
@pytest.mark.parametrize("odd", [0.0, 0.003, 0.2])
@pytest.mark.parametrize("seed", range(8))
def test_columns_and_lines_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, odd: float, quotes: bool
) -> None:
    path = tmp_path / "bids.csv"
    a_file(path, seed, odd=odd, quotes=quotes)
    taken: list[bool] = []
    by_columns = files._Reader._block

    def noted(self: files._Reader, *given: object) -> bool:
        taken.append(by_columns(self, *given))  # type: ignore[arg-type]
        return taken[-1]

    monkeypatch.setattr(files, "BLOCK_LINES", 37)
    monkeypatch.setattr(files._Reader, "_block", noted)
    fast = said(files.read(path, {}, lambda *_: None))
    monkeypatch.setattr(files._Reader, "_block", lambda *_: False)
    slow = said(files.read(path, {}, lambda *_: None))

    np.testing.assert_equal(fast, slow)
    if odd == 0 and not quotes:
        assert all(taken)


def test_keys_in_one_buffer_read_like_a_list() -> None:
    texts = ["T1", "", "招标 7", "a" * 300]
    keys = Keys(texts)

    assert list(keys) == texts
    assert keys == texts
    assert keys[-1] == texts[-1]
    assert keys[1:3] == texts[1:3]
    assert keys != [*texts[:-1], "b"]
    with pytest.raises(IndexError):
        keys[4]


def test_p_values_kept_as_ranks_are_the_same_numbers() -> None:
    rng = np.random.default_rng(5)
    values = np.round(rng.normal(size=500), 1)
    values[rng.random(500) < 0.1] = np.nan
    stratum = rng.integers(0, 7, 500)
    for high in (True, False):
        kept = rank_p(values, stratum, high=high)
        for t in range(500):
            same = values[(stratum == stratum[t]) & ~np.isnan(values)]
            as_much = (same >= values[t]) if high else (same <= values[t])
            wanted = np.nan if np.isnan(values[t]) else as_much.sum() / len(same)
            assert np.array_equal(kept[t], wanted, equal_nan=True)
        assert np.array_equal(np.asarray(kept), exchangeable_p(values, stratum, high=high), equal_nan=True)
        assert np.array_equal(kept[np.array([3, 1])], np.asarray(kept)[[3, 1]], equal_nan=True)


def test_a_file_of_a_chinese_spreadsheet_is_read(tmp_path: Path) -> None:
    lines = "标段,投标人,报价\n一,晨晖,100\n一,远山,110\n一,明渠,120\n"
    mapping = {"tender": "标段", "bidder": "投标人", "bid": "报价"}
    for name, encoding in (("utf.csv", "utf-8-sig"), ("gbk.csv", "gb18030")):
        (tmp_path / name).write_text(lines, encoding=encoding)

    one, two = (files.read(tmp_path / name, mapping, lambda *_: None) for name in ("utf.csv", "gbk.csv"))

    assert one.rows == two.rows == 3
    assert one.columns == two.columns
    (tmp_path / "odd.csv").write_bytes(b"tender,bid\n\xff,1\n")
    with pytest.raises(Unreadable, match="neither UTF-8 nor GB 18030"):
        files.read(tmp_path / "odd.csv", {}, lambda *_: None)
