"""Reads priced bills of quantities from workbooks and CSV as bidders write them.

Source: rules §5.2 (Q-03 … Q-09: data needed); Standard for valuation with bills of quantities GB 50500 (columns).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation

from kernel.encodings import decoded
from supervision.rules.signals.boq import Item
from supervision.rules.signals.documents import BYTES_MOST, Unreadable, open_archive
from supervision.rules.signals.traces_values import hardware

ROWS_MOST = 50_000
SHEETS_MOST = 60
HEADS = {
    "code": ("项目编码", "清单编码", "编码", "序号", "item code", "code", "item no"),
    "name": ("项目名称", "清单名称", "名称", "item", "description", "name"),
    "quantity": ("工程量", "数量", "quantity", "qty"),
    "price": ("综合单价", "单价", "unit price", "rate"),
    "amount": ("综合合价", "合价", "金额", "amount", "total"),
    "fixed": ("给定价", "不可竞争", "招标人定价", "fixed", "given"),
}
NEEDED = ("code", "quantity", "price")
YES = ("是", "yes", "y", "true", "1", "√")


def read_bill(name: str, data: bytes) -> dict[str, Item]:
    """The lines of every sheet that has a heading with code, quantity and unit price; empty when none has.

    Raises:
        Unreadable: too large, or no workbook although it looks like one.
    """
    found: dict[str, Item] = {}
    for rows in _sheets(name, data):
        for item in items_of(rows):
            found.setdefault(item.code, item)
    return found


def _sheets(name: str, data: bytes) -> Iterator[Sequence[Sequence[object]]]:
    if len(data) > BYTES_MOST:
        raise Unreadable("too large")
    if data.startswith(b"PK\x03\x04"):
        from python_calamine import CalamineError, CalamineWorkbook

        open_archive(data).close()
        try:
            book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            for sheet in book.sheet_names[:SHEETS_MOST]:
                yield book.get_sheet_by_name(sheet).to_python()[:ROWS_MOST]
        except CalamineError as problem:
            raise Unreadable(str(problem)) from problem
    elif name.lower().endswith(".csv"):
        yield [row for _, row in zip(range(ROWS_MOST), csv.reader(io.StringIO(decoded(data))), strict=False)]


STAMPS = {
    "lock": ("加密锁号", "加密锁序列号", "软件锁号", "锁号", "计价软件锁号", "加密狗号"),
    "machine": ("机器码", "机器特征码", "硬件特征码", "计算机标识"),
    "mac": ("mac地址", "网卡地址", "网卡mac", "mac"),
    "disk": ("硬盘序列号", "硬盘号", "硬盘id"),
    "board": ("主板序列号", "主板号", "主板id"),
    "cpu": ("cpu序列号", "cpuid", "cpu号"),
    "file": ("文件创建标识码", "文件标识码", "创建标识码", "文件标识"),
}
"""What cost programs write about themselves into the files they export."""
HEAD_ROWS = 40


def stamps_of(name: str, data: bytes) -> dict[str, frozenset[str]]:
    """Lock, machine and file marks that the cost program left at the head of a bill or in an exchange file.

    A cell such as ``加密锁号：9A3F…`` or a cell ``加密锁号`` with the value beside it; in XML an attribute or element
    of that name. Placeholders say nothing.

    Raises:
        Unreadable: too large, or no workbook although it looks like one.

    Source: rules §5.2 (D-01, D-02, D-03, D-05: BOQ file header).
    """
    found: dict[str, set[str]] = {}
    if data.lstrip()[:5] in (b"<?xml", b"\xef\xbb\xbf<?"):
        pairs = _xml_pairs(data)
    else:
        pairs = (
            pair for rows in _sheets(name, data) for row in rows[:HEAD_ROWS] for pair in _cell_pairs(row)
        )
    for key, value in pairs:
        for kind, names in STAMPS.items():
            if key in names and (cleaned := hardware("file_id" if kind == "file" else kind, value)):
                found.setdefault(kind, set()).add(cleaned)
    return {kind: frozenset(values) for kind, values in found.items()}


def _plain_key(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace(" ", "").casefold()


def _cell_pairs(row: Sequence[object]) -> Iterator[tuple[str, str]]:
    cells = [str(cell or "").strip() for cell in row]
    for place, cell in enumerate(cells):
        key, mark, value = unicodedata.normalize("NFKC", cell).partition(":")
        if mark and value.strip():
            yield _plain_key(key), value.strip()
        elif place + 1 < len(cells) and cells[place + 1]:
            yield _plain_key(key), cells[place + 1]


_ATTRIBUTE = re.compile(r"""([\w\u4e00-\u9fff]{2,20})\s*=\s*["']([^"'<>]{1,120})["']""")
_ELEMENT = re.compile(r"<([\w\u4e00-\u9fff]{2,20})>([^<]{1,120})</")


def _xml_pairs(data: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of attributes and leaf elements at the head of an exchange file; nothing is resolved."""
    if len(data) > BYTES_MOST:
        raise Unreadable("too large")
    head = data[: 2**20]
    text = head.decode("gb18030" if b"gb" in head[:80].lower() else "utf-8-sig", "replace")
    for pattern in (_ATTRIBUTE, _ELEMENT):
        for key, value in pattern.findall(text):
            yield _plain_key(key), value.strip()


def items_of(rows: Iterable[Sequence[object]]) -> Iterator[Item]:
    """Priced lines below the first heading that names code, quantity and price; other rows are passed over."""
    places: dict[str, int] = {}
    for row in rows:
        if not all(key in places for key in NEEDED):
            places = _heading(row)
            continue
        code, quantity, price = (_cell(row, places, key) for key in NEEDED)
        if not code or (asked := _number(quantity)) is None or (unit := _number(price)) is None:
            continue
        yield Item(
            code=str(code).strip()[:60],
            name=str(_cell(row, places, "name") or "").strip()[:120],
            quantity=asked,
            price=unit,
            amount=_number(_cell(row, places, "amount")),
            fixed=str(_cell(row, places, "fixed") or "").strip().casefold() in YES,
        )


def _heading(row: Sequence[object]) -> dict[str, int]:
    words = [unicodedata.normalize("NFKC", str(cell or "")).replace(" ", "").casefold() for cell in row]
    found: dict[str, int] = {}
    for key, names in HEADS.items():
        for name in names:
            wanted = name.replace(" ", "")
            place = next(
                (i for i, word in enumerate(words) if i not in found.values() and _is(word, wanted)), None
            )
            if place is not None:
                found[key] = place
                break
    return found if all(key in found for key in NEEDED) else {}


def _is(word: str, wanted: str) -> bool:
    return (
        word == wanted or word.split("(", maxsplit=1)[0] == wanted or word.split("/", maxsplit=1)[0] == wanted
    )


def _cell(row: Sequence[object], places: dict[str, int], key: str) -> object:
    place = places.get(key)
    return row[place] if place is not None and place < len(row) else None


def _number(value: object) -> Decimal | None:
    """An amount; workbooks hand out binary floats, which are read as people see them (at most six places)."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        text = (
            f"{value:.6f}"
            if isinstance(value, float)
            else str(value).replace(",", "").replace("，", "").strip()
        )
        found = Decimal(text)
    except InvalidOperation:
        return None
    if not found.is_finite() or abs(found) > Decimal("1e15"):
        return None
    return found.normalize() if isinstance(value, float) else found
