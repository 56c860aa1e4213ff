"""Text files of offices are read in the encoding they are in, and refused when they are in none."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.encodings import CHUNK_BYTES, NotATable, Undecodable, decoded, encoding_of, table_of

TEXT = "标段,投标人,报价\n一,晨晖建设,100\n"


@pytest.mark.parametrize(
    ("stored", "found"),
    [("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"), ("gbk", "gb18030"), ("utf-16", "utf-16")],
)
def test_a_file_is_opened_in_its_own_encoding(tmp_path: Path, stored: str, found: str) -> None:
    path = tmp_path / "bids.csv"
    path.write_bytes(TEXT.encode(stored))

    assert encoding_of(path) == found
    assert path.read_text(encoding=found) == decoded(path.read_bytes()) == TEXT


def test_a_character_across_two_chunks_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"x" * (CHUNK_BYTES - 1) + "标".encode())

    assert encoding_of(path) == "utf-8-sig"


@pytest.mark.parametrize("data", [b"a,\xff\xfe\n", b"a\x81"])
def test_what_is_in_no_known_encoding_is_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(data)

    with pytest.raises(Undecodable, match=r"odd\.csv is neither UTF-8 nor GB 18030 text"):
        encoding_of(path)
    assert "\ufffd" in decoded(data)


def test_a_table_has_its_heading_in_small_letters_and_its_cells_as_they_are() -> None:
    assert table_of(" Tender ,标段\n A,一\n".encode("gbk")) == [["tender", "标段"], [" A", "一"]]
    assert table_of(b"") == []
    with pytest.raises(NotATable):
        table_of(b'tender\n"' + b"1" * 200_000)
