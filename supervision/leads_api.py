"""The machine doors of traces: from outside, and from the sealing client.

Source: rules §5.2 (data needed); docs/formats/leads-import.md, docs/formats/client-traces.md.
"""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, request
from pydantic import Field

from kernel.i18n import gettext, speaking
from kernel.web import Form, begin
from kernel.web.openapi import Shown, endpoint
from supervision.actions.leads_traces import import_traces, keep_marks
from supervision.importing import PROBLEMS, WrongLine

api = Blueprint("supervision_api", __name__, url_prefix="/api/v1")
NAMED = 200


class WrongShown(Shown):
    """A line that was left out, and why, in both languages."""

    line: int
    code: str
    zh: str
    en: str


class ImportShown(Shown):
    """How an import ended. ``more``: wrong lines that are not listed."""

    batch: str
    taken: int
    wrong: list[WrongShown]
    more: int


Mark = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class DeviceForm(Form):
    """Salted marks of the machine that seals; each may be missing."""

    browser: Mark | None = None
    machine: Mark | None = None
    mac: Mark | None = None
    disk: Mark | None = None
    board: Mark | None = None


class MarksForm(Form):
    """What a sealing client says, under which consent."""

    consent: Annotated[str, Field(max_length=16)]
    device: DeviceForm
    documents: Annotated[tuple[Mark, ...], Field(max_length=200)] = ()


class MarksShown(Shown):
    """What was kept."""

    bid: str
    consent: str
    device: list[str]
    documents: int


@api.post("/bids/<bid>/traces")
@endpoint(
    "Give salted marks of the sealing machine and of the files, with consent",
    answers={200: MarksShown},
    scopes=("bid",),
    body=MarksForm,
    problems=(409, 422),
    tag="bids",
)
def marks(bid: str, body: MarksForm) -> MarksShown:
    """Voluntary; a bid counts the same without it. See docs/formats/client-traces.md."""
    given = {part: mark for part, mark in body.device.model_dump().items() if mark}
    with begin() as work:
        row = keep_marks(work, bid, text=body.consent, device=given, documents=body.documents)
        return MarksShown(bid=bid, consent=row.text, device=sorted(row.device), documents=len(row.documents))


@api.post("/traces/<kind>")
@endpoint(
    "Import traces (bonds, contacts, staff, registry relations, devices) as CSV",
    answers={201: ImportShown},
    scopes=("audit",),
    problems=(422,),
    upload="text/csv",
    tag="supervision",
)
def traces(kind: str) -> ImportShown:
    """Lines that are off are left out and named; the rest counts from the next nightly run on."""
    data = request.get_data(cache=False)
    with begin() as work:
        done = import_traces(work, kind, request.headers.get("X-File-Name", "api.csv"), data)
    return ImportShown(
        batch=str(done.batch_id),
        taken=done.taken,
        wrong=[_shown(one) for one in done.wrong[:NAMED]],
        more=max(0, len(done.wrong) - NAMED),
    )


def _shown(one: WrongLine) -> WrongShown:
    texts = {}
    for lang in ("zh-CN", "en"):
        with speaking(lang):
            texts[lang] = gettext(PROBLEMS[one.code], **one.details)
    return WrongShown(line=one.line, code=one.code, zh=texts["zh-CN"], en=texts["en"])
