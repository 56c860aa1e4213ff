"""The machine door for traces from outside. Source: rules §5.2 (data needed); docs/formats/leads-import.md."""

from __future__ import annotations

from flask import Blueprint, request

from kernel.i18n import gettext, speaking
from kernel.web import begin
from kernel.web.openapi import Shown, endpoint
from supervision.actions.leads_traces import import_traces
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
