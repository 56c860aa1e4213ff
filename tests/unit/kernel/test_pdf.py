"""Documents for people: Beijing time, grouped amounts, Chinese words, and no text too long for a page."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pypdf
import pytest

from bidding.opening_record import render_record
from evaluation.report_pdf import render_report
from kernel.pdf import Sheet, printed_amount, printed_time

CLOSED = "2026-10-13T04:00:00.000Z"


def words_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).replace("\n", "")


def record() -> dict[str, Any]:
    bid = {
        "order": 1,
        "lot": 1,
        "bidder": "长风公司",
        "price": "16873200.00",
        "ok": True,
        "way": "custodians",
    }
    bond = {
        "form": "transfer",
        "amount": "196200.00",
        "due": "196200.00",
        "arrived_at": CLOSED,
        "standing": "sound",
    }
    seats = ("tenderer", "operator", "supervisor", "notary", "association")
    return {
        "title": "装修工程",
        "tender": "SR2026-GC-00005",
        "closed_at": CLOSED,
        "opened_at": "2026-10-13T16:30:05.250Z",
        "delivered": 1,
        "withdrawn": 0,
        "late": 0,
        "close_leaf": 1478,
        "close_root": "9f" * 32,
        "bids": [bid | {"why": "", "completed_at": CLOSED, "bond": bond}],
        "custodians": [
            {"x": x, "role": role, "org": "某单位", "released_at": CLOSED if x < 3 else None}
            for x, role in enumerate(seats, 1)
        ],
        "draws": [{"lot": 1, "kind": "k-value", "result": ["0.97"], "seed": "ab" * 32}],
        "failed_lots": [],
    }


def report(dissent: str) -> bytes:
    body = {
        "title": "装修工程",
        "tender": "SR2026-GC-00005",
        "lot": 1,
        "method": "evaluated_lowest",
        "edition": "2026.1",
        "version": 1,
        "close_leaf": 1478,
        "bids": [
            {"bid": "b", "code": "T-01", "bidder": "甲", "price": "16873200.00", "valid": True, "grounds": []}
        ],
        "results": {"results": [{"rank": 1, "bid": "b", "price": "16873200.00", "evaluated": "16873200.00"}]},
        "candidates": [
            {"rank": 1, "bidder": "甲", "uscc": "9" * 18, "price": "16873200.00", "score": "16873200.00"}
        ],
        "outliers": [],
        "panel": [{"number": 1, "seat": "expert"}],
    }
    return render_report(body, {"1": {"at": CLOSED, "sig": {"kid": "f6d81f6b"}, "dissent": dissent}})


def test_times_are_beijing_time_and_amounts_are_grouped() -> None:
    assert (
        printed_time(CLOSED) == printed_time(datetime(2026, 10, 13, 4, tzinfo=UTC)) == "2026-10-13 12:00:00"
    )
    assert printed_time("2026-10-13T16:30:05.250Z") == "2026-10-14 00:30:05"
    assert printed_time(None) == "—"
    assert (printed_amount("17299529.67"), printed_amount("96.78"), printed_amount("—")) == (
        "17,299,529.67",
        "96.78",
        "—",
    )


def test_the_opening_record_speaks_of_people_in_their_time() -> None:
    text = words_of(render_record(record()))
    assert all(one in text for one in ("2026-10-13 12:00:00", "2026-10-14 00:30:05", "北京时间"))
    assert all(one in text for one in ("16,873,200.00", "196,200.00", "K 值"))
    for role in ("招标人", "交易中心", "监督部门", "公证处", "行业协会"):
        assert role in text
    assert not [one for one in ("Z", "tenderer", "k-value") if one in text]


@pytest.mark.parametrize("letters", [0, 4000])  # 4000 is what the form takes
def test_a_report_prints_the_longest_dissent(letters: int) -> None:
    text = words_of(report("异" * letters))
    assert text.count("异") == letters
    assert all(one in text for one in ("16,873,200.00", "2026-10-13 12:00:00"))


def test_a_fact_longer_than_a_page_goes_on() -> None:
    sheet = Sheet("合同")
    sheet.facts([("内容", "长" * 8000)])
    sheet.table(["名", "文"], [["一", "短" * 6000]], [20, 46])
    text = words_of(sheet.render())
    assert (text.count("长"), text.count("短")) == (8000, 6000)
