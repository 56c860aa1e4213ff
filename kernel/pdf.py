"""PDF with embedded Han fonts: text stays searchable, rare characters never print as boxes unnoticed.

Source: reportlab's CID fonts lose Chinese text in common viewers, so TrueType subsets are embedded.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from kernel.clock import SHANGHAI

FONTS = Path(__file__).resolve().parent.parent / "static" / "fonts" / "pdf"
REGULAR, BOLD = "NotoSansSC", "NotoSansSC-Bold"


@functools.cache
def register_fonts() -> None:
    """Register the two weights as one family; without the family, bold would fall back to boxes."""
    files = {path.stem.lower(): path for path in FONTS.glob("*.ttf")}
    regular = next(path for name, path in sorted(files.items()) if "regular" in name or "400" in name)
    bold = next(
        path for name, path in sorted(files.items()) if "bold" in name or "700" in name or "600" in name
    )
    pdfmetrics.registerFont(TTFont(REGULAR, str(regular)))
    pdfmetrics.registerFont(TTFont(BOLD, str(bold)))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


def missing_glyphs(text: str) -> str:
    """The characters of a text that the embedded font cannot print."""
    register_fonts()
    face: Any = pdfmetrics.getFont(REGULAR).face
    return "".join(sorted({c for c in text if c.isprintable() and ord(c) not in face.charToGlyph}))


def printed_time(instant: str | datetime | None) -> str:
    """An instant as a Chinese document prints it: Beijing time to the second; "—" for none.

    Args:
        instant: a datetime, or its RFC 3339 text as the canonical records carry it.
    """
    if not instant:
        return "—"
    moment = instant if isinstance(instant, datetime) else datetime.fromisoformat(instant)
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def printed_amount(yuan: str) -> str:
    """An amount of a canonical record with thousands separators: ``17,383,300.00``; what is no number stays."""
    try:
        return f"{Decimal(yuan):,f}"
    except InvalidOperation:
        return yuan


class Sheet:
    """A document under construction: title, paragraphs, facts and tables, in reading order."""

    def __init__(self, title: str, *, subtitle: str = "", footer: str = "") -> None:
        register_fonts()
        self.title = title
        self.footer = footer
        self._body = ParagraphStyle("body", fontName=REGULAR, fontSize=9.5, leading=15, wordWrap="CJK")
        self._cell = ParagraphStyle("cell", parent=self._body, fontSize=8, leading=11)
        self._head = ParagraphStyle("head", parent=self._cell, fontName=BOLD)
        self._h1 = ParagraphStyle(
            "h1", parent=self._body, fontName=BOLD, fontSize=16, leading=24, alignment=TA_CENTER
        )
        self._h2 = ParagraphStyle(
            "h2",
            parent=self._body,
            fontName=BOLD,
            fontSize=11.5,
            leading=18,
            spaceBefore=8,
            spaceAfter=4,
            keepWithNext=1,
        )
        self._story: list[Any] = [Paragraph(escape(title), self._h1)]
        if subtitle:
            self._story.append(
                Paragraph(escape(subtitle), ParagraphStyle("sub", parent=self._body, alignment=TA_CENTER))
            )
        self._story.append(Spacer(1, 4 * mm))

    def heading(self, text: str) -> None:
        self._story.append(Paragraph(escape(text), self._h2))

    def text(self, text: str) -> None:
        for line in text.splitlines() or [""]:
            self._story.append(Paragraph(escape(line), self._body))

    def gap(self) -> None:
        """A little air, for a sentence that follows a table."""
        self._story.append(Spacer(1, 2 * mm))

    def facts(self, pairs: Sequence[tuple[str, str]]) -> None:
        """A two-column list of names and values; a value longer than a page goes on on the next one."""
        rows = [[Paragraph(escape(k), self._head), Paragraph(escape(v), self._cell)] for k, v in pairs]
        self._story.append(_table(rows, [38 * mm, 136 * mm], heading=False))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        """A table; widths are millimetres and sum to at most 174. A row longer than a page goes on on the next."""
        cells: list[list[Any]] = [[Paragraph(escape(h), self._head) for h in header]]
        cells += [[Paragraph(escape(c), self._cell) for c in row] for row in rows]
        self._story.append(_table(cells, [w * mm for w in widths], heading=True))

    def render(self) -> bytes:
        """The PDF's bytes; the same content gives the same bytes."""
        out = io.BytesIO()
        document = SimpleDocTemplate(
            out,
            pagesize=A4,
            leftMargin=18 * mm,
            rightMargin=18 * mm,
            topMargin=16 * mm,
            bottomMargin=18 * mm,
            title=self.title,
            author="Sunroad 阳光路",
            invariant=1,
        )

        def page(canvas: Any, _document: Any) -> None:
            canvas.setFont(REGULAR, 7.5)
            canvas.setFillColor(colors.HexColor("#5B6B80"))
            canvas.drawString(18 * mm, 10 * mm, self.footer[:110])
            canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, str(canvas.getPageNumber()))

        document.build(self._story, onFirstPage=page, onLaterPages=page)
        return out.getvalue()


_GRID = (
    ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#C8D2DE")),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
)


def _table(cells: list[list[Any]], widths: list[float], *, heading: bool) -> Table:
    """A ruled table. Rows stay whole; only where one is taller than a page may rows break."""
    style = [*_GRID, *([("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#EDF1F6"))] if heading else [])]
    page = A4[1] - 40 * mm
    tallest = max(
        (cell.wrap(width - 8, page)[1] for row in cells for cell, width in zip(row, widths, strict=True))
    )
    return Table(
        cells,
        colWidths=widths,
        repeatRows=1 if heading else 0,
        splitInRow=1 if tallest > page else 0,
        style=TableStyle(style),
    )
