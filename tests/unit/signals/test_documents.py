"""Documents: metadata of Word, Excel and PDF, what the tender gave taken away, and files made to do harm."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

import docx
import pytest
from openpyxl import Workbook
from PIL import Image, ImageDraw

from kernel.pdf import Sheet
from supervision.rules.signals import documents as module
from supervision.rules.signals.documents import (
    Paper,
    document_traces,
    near_pictures,
    picture_hash,
    read_paper,
)

T0 = datetime(2026, 11, 2, 8, tzinfo=UTC)


def picture(seed: int, *, kind: str = "PNG", size: int = 200, quality: int = 95) -> bytes:
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    for step in range(12):
        x, y = (seed * 37 + step * 53) % 170, (seed * 91 + step * 71) % 170
        draw.rectangle(
            (x * size // 200, y * size // 200, (x + 40) * size // 200, (y + 30) * size // 200),
            fill=(step * 20, 60, 90),
        )
    out = io.BytesIO()
    image.save(out, kind, **({"quality": quality} if kind == "JPEG" else {}))
    return out.getvalue()


def word(
    author: str, text: str = "施工组织设计", *, images: tuple[bytes, ...] = (), company: str = ""
) -> bytes:
    made = docx.Document()
    made.core_properties.author = author
    made.core_properties.last_modified_by = author
    made.core_properties.created = T0.replace(tzinfo=None)
    made.add_paragraph(text)
    for one in images:
        made.add_picture(io.BytesIO(one))
    out = io.BytesIO()
    made.save(out)
    if not company:
        return out.getvalue()
    app = f'<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"><Company>{company}</Company><Application>WPS</Application></Properties>'
    return repacked(out.getvalue(), {"docProps/app.xml": app.encode()})


def repacked(data: bytes, changed: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changed:
                new.writestr(name, old.read(name))
        for name, content in changed.items():
            new.writestr(name, content)
    return out.getvalue()


def test_a_word_document_says_who_made_it_when_and_with_what() -> None:
    found = read_paper("技术标.docx", word("csx-lab", "雨季施工", company="阳光造价", images=(picture(1),)))

    assert found.kind == "docx"
    assert found.text == "雨季施工"
    assert found.properties == {
        "author": "csx-lab",
        "editor": "csx-lab",
        "company": "阳光造价",
        "software": "WPS",
    }
    assert found.created_at == T0
    assert len(found.images) == 1
    assert found.unread == ""


def test_revision_ids_are_read_from_word() -> None:
    settings = (
        '<w:settings xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:rsids>'
        '<w:rsidRoot w:val="00A1B2C3"/><w:rsid w:val="00d4e5f6"/><w:rsid w:val="00000000"/></w:rsids></w:settings>'
    )
    found = read_paper("a.docx", repacked(word("x"), {"word/settings.xml": settings.encode()}))

    assert found.revisions == {"00A1B2C3", "00D4E5F6"}


def test_a_workbook_and_a_pdf_are_read() -> None:
    book = Workbook()
    book.properties.creator = "预算员乙"
    book.active["A1"] = "挖土方"
    out = io.BytesIO()
    book.save(out)
    sheet = Sheet("投标文件", footer="x")
    sheet.text("本标段采用流水施工")

    workbook, pdf = read_paper("b.xlsx", out.getvalue()), read_paper("c.pdf", sheet.render())

    assert (workbook.kind, workbook.properties["author"]) == ("xlsx", "预算员乙")
    assert pdf.kind == "pdf"
    assert "流水施工" in pdf.text
    assert len(pdf.file_ids) == 1
    assert read_paper("c.txt", "说明".encode("gb18030")).text == "说明"


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x01\x02", b"%PDF-1.7 broken", b"PK\x03\x04 broken", b"\xff\xd8\xff", bytes(range(256)) * 20],
)
def test_what_cannot_be_read_is_said_and_stops_nothing(data: bytes) -> None:
    found = read_paper("x.bin", data)

    assert found.text == ""
    assert found.unread or found.kind == "text"


def test_bombs_and_entities_are_refused() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 30_000_000)
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'

    assert "densely" in read_paper("a.docx", bomb.getvalue()).unread
    assert read_paper("a.docx", repacked(word("x"), {"word/document.xml": entity})).unread


def test_too_many_members_and_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMBERS_MOST", 3)
    assert "too large" in read_paper("a.docx", word("x")).unread
    monkeypatch.setattr(module, "BYTES_MOST", 10)
    assert "too large" in read_paper("a.docx", word("x")).unread


def test_a_picture_keeps_its_hash_when_scaled_and_compressed() -> None:
    original = picture_hash(picture(1))

    assert original
    assert near_pictures(original, picture_hash(picture(1, kind="JPEG", size=400, quality=60)))
    assert not near_pictures(original, picture_hash(picture(2)))
    assert picture_hash(picture(1, size=40)) == ""
    plain = io.BytesIO()
    Image.new("RGB", (200, 200), "white").save(plain, "PNG")
    assert picture_hash(plain.getvalue()) == ""
    assert picture_hash(b"no picture") == ""


def codes(papers: dict[str, list[Paper]], given: list[Paper] | None = None) -> list[tuple[str, str]]:
    return [(one.code, one.light.value) for one in document_traces(papers, given or [])]


def test_one_author_in_two_bids_is_noted_unless_the_tender_brought_it() -> None:
    mine, theirs = read_paper("a.docx", word("csx-lab")), read_paper("b.docx", word("CSX-Lab"))

    found = document_traces({"A": [mine], "B": [theirs]}, [])

    assert [(one.code, one.firms) for one in found if one.code == "M-01"] == [("M-01", ("A", "B"))]
    assert found[0].facts["same"]["author"] == "csx-lab"
    assert codes({"A": [mine], "B": [theirs]}, [mine]) == []
    assert codes({"A": [mine], "B": [read_paper("b.docx", word("other"))]}, [mine]) == []


def test_authors_that_programs_write_say_nothing() -> None:
    papers = {
        name: [Paper("docx", properties={"author": "Administrator", "company": "Microsoft"})] for name in "AB"
    }

    assert codes(papers) == []


def test_three_common_revision_ids_are_needed_beyond_the_tenders() -> None:
    def paper(*ids: str) -> list[Paper]:
        return [Paper("docx", revisions=frozenset(ids))]

    assert codes({"A": paper("1", "2", "3"), "B": paper("1", "2", "3", "4")}) == [("M-01", "orange")]
    assert codes({"A": paper("1", "2", "3"), "B": paper("1", "2", "3")}, paper("3")) == []
    assert codes({"A": paper("1", "2"), "B": paper("1", "2")}) == []


def test_one_program_within_a_minute_is_yellow() -> None:
    def paper(seconds: int, software: str = "Acme 3") -> list[Paper]:
        return [Paper("pdf", properties={"software": software}, created_at=T0 + timedelta(seconds=seconds))]

    assert codes({"A": paper(0), "B": paper(60)}) == [("M-02", "yellow")]
    assert codes({"A": paper(0), "B": paper(61)}) == []
    assert codes({"A": paper(0), "B": paper(0, "Other")}) == []
    assert codes({"A": paper(0), "B": paper(0)}, paper(0)) == []


def test_one_file_identifier_and_equal_pictures_are_noted_unless_given() -> None:
    one = [Paper("pdf", file_ids=frozenset({"abc123"}), images=(picture_hash(picture(1)),))]
    other = [Paper("pdf", file_ids=frozenset({"abc123"}), images=(picture_hash(picture(1, kind="JPEG")),))]

    assert codes({"A": one, "B": other}) == [("D-05", "red"), ("T-04", "orange")]
    assert codes({"A": one, "B": other}, one) == []
