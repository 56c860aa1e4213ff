"""Which encoding a text file of a Chinese office has: UTF-8, or what its spreadsheet saves by default or as Unicode text.

Source: GB 18030-2022 (every GBK and GB 2312 file is one).
"""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order: text in GB 18030 is hardly ever valid UTF-8, the reverse is common."""
WIDE = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Marks at the beginning of what a spreadsheet calls Unicode text; no text in the other encodings begins so."""
CHUNK_BYTES = 1 << 20


class Undecodable(ValueError):
    """The file is neither UTF-8 nor GB 18030."""


class NotATable(ValueError):
    """The text cannot be read as CSV."""


def encoding_of(path: Path) -> str:
    """The encoding to open a text file with; reads it once, a mebibyte at a time.

    Raises:
        Undecodable: it is in no known encoding; names the first byte that is not UTF-8.
        OSError: as opening it.
    """
    trouble: UnicodeDecodeError | None = None
    with path.open("rb") as file:
        begins = file.read(2)
    for name in (*(wide for mark, wide in WIDE if begins == mark), *ENCODINGS):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            trouble = trouble or error
        else:
            return name
    raise Undecodable(f"{path.name} is neither UTF-8 nor GB 18030 text: {trouble}")


def decoded(data: bytes) -> str:
    """A text given as bytes; what is in no known encoding keeps a mark for every byte that is not UTF-8."""
    for name in (*(wide for mark, wide in WIDE if data.startswith(mark)), *ENCODINGS):
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def table_of(data: bytes) -> list[list[str]]:
    """The rows of a CSV file given as bytes, heading first; the names of the heading stripped and in small letters.

    Raises:
        NotATable: a cell is longer than a reader takes, as behind a quotation mark that is never closed.
    """
    try:
        rows = list(csv.reader(io.StringIO(decoded(data))))
    except csv.Error as why:
        raise NotATable(str(why)) from why
    return [[cell.strip().lower() for cell in row] if at == 0 else row for at, row in enumerate(rows)]
