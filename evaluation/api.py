"""Machine doors of the evaluation room: public results, and what an award follows from.

Source: 招标投标法实施条例 第五十四条; docs/formats/evidence.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint

from evaluation import queries
from evaluation.panels import published_lots
from kernel.web import read
from kernel.web.openapi import Shown, endpoint

api = Blueprint("evaluation_api", __name__, url_prefix="/api/v1")


class Candidate(Shown):
    """A published candidate. ``price`` and ``score`` are decimal strings."""

    rank: int
    bid: str
    bidder: str
    uscc: str
    price: str
    score: str


class Rejected(Shown):
    """A rejected bid with its grounds."""

    bid: str
    bidder: str
    grounds: list[dict[str, Any]]


class LotResult(Shown):
    """What is public about one lot. ``inputs`` and ``results`` come with the award."""

    lot: str
    stage: str
    failed_for: str = ""
    candidates: tuple[Candidate, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    publicity_until: datetime | None = None
    winner: Candidate | None = None
    published_at: datetime | None = None
    report: str = ""
    version: int | None = None
    method: str = ""
    edition: str = ""
    inputs: dict[str, Any] | None = None
    results: dict[str, Any] | None = None
    experts: tuple[str, ...] = ()
    leaf: int | None = None


class Results(Shown):
    """Public results of a tender's lots."""

    tender: str
    title: str
    lots: list[LotResult]


@api.get("/tenders/<code>/results")
@endpoint(
    "Published candidates and results, and the inputs from which anybody recomputes an award",
    answers={200: Results},
    problems=(404,),
    tag="results",
)
def results(code: str) -> Results:
    with read() as session:
        tender = queries.tender_by_code(session, code)
        return Results(
            tender=tender.code,
            title=tender.title,
            lots=[_lot(one, tender.edition or "") for one in published_lots(session, tender)],
        )


def _lot(one: dict[str, Any], edition: str) -> LotResult:
    lot = one["lot"]
    if "failed" in one:
        return LotResult(lot=str(lot.number), stage=lot.stage.value, failed_for=lot.failed_for or "")
    report, result = one["report"], one["result"]
    decided = result is not None and report is not None
    return LotResult(
        lot=str(lot.number),
        stage=lot.stage.value,
        candidates=tuple(Candidate.model_validate(c | {"score": str(c["score"])}) for c in one["candidates"]),
        rejected=tuple(
            Rejected(bid=bid["bid"], bidder=bid["bidder"], grounds=bid["grounds"]) for bid in one["rejected"]
        ),
        publicity_until=one["until"],
        winner=Candidate.model_validate(one["winner"] | {"score": str(one["winner"]["score"])})
        if one["winner"]
        else None,
        published_at=result.published_at if result else None,
        report=report.digest if report else "",
        version=report.version if report else None,
        method=report.body["method"] if report else "",
        edition=edition,
        inputs=report.body["inputs"] if decided else None,
        results=report.body["results"] if decided else None,
        experts=tuple(one["experts"]),
        leaf=one["leaf"],
    )
