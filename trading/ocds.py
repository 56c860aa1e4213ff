"""A tender as an Open Contracting Data Standard release package.

Source: OCDS 1.1 (standard.open-contracting.org/1.1); lots extension.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from kernel.facts import rfc3339
from kernel.identity.models import Organization
from trading.models import Contract, Lot
from trading.queries import TenderPage
from trading.rules.lifecycle import Stage

STATUS = {
    "tendering": "active",
    "suspended": "active",
    "closed": "active",
    "opening": "active",
    "evaluation": "active",
    "standstill": "active",
    "awarded": "complete",
    "contracted": "complete",
    "failed": "unsuccessful",
    "terminated": "cancelled",
}
LOT_STATUS = {
    Stage.AWARDED: "complete",
    Stage.CONTRACTED: "complete",
    Stage.FAILED: "unsuccessful",
    Stage.TERMINATED: "cancelled",
}
METHOD = {"open": "open", "invited": "selective", "single_source": "direct"}
DOCUMENT_TYPE = {
    "tender_document": "biddingDocuments",
    "bill_of_quantities": "technicalSpecifications",
    "drawing": "technicalSpecifications",
    "contract_draft": "contractDraft",
    "clarification": "clarifications",
}


def package(page: TenderPage, *, base: str, origin: str) -> dict[str, Any]:
    """One compiled-state release in its package; amounts as JSON numbers, as the standard wants them."""
    row = page.tender
    dates = [line.published_at for line, _ in page.notices]
    newest = max(dates) if dates else row.published_at
    assert newest is not None
    ocid = f"ocds-sunroad-{row.code}"
    release = {
        "ocid": ocid,
        "id": f"{ocid}-{page.newest if page.newest is not None else row.version}",
        "date": rfc3339(newest),
        "language": "zh",
        "tag": ["tender"]
        + (["award"] if any(lot.outcome for lot in page.lots) else [])
        + (["contract"] if page.contracts else []),
        "initiationType": "tender",
        "parties": _parties(page),
        "buyer": {"id": page.buyer.uscc, "name": page.buyer.name},
        "tender": _tender(page, base),
        "awards": [_award(lot) for lot in page.lots if lot.outcome and lot.awarded_at],
        "contracts": [_contract(one, page, base) for one in page.contracts],
    }
    return {
        "uri": f"{base}/api/v1/tenders/{row.code}/ocds",
        "version": "1.1",
        "extensions": [
            "https://raw.githubusercontent.com/open-contracting-extensions/ocds_lots_extension/master/extension.json"
        ],
        "publishedDate": rfc3339(newest),
        "publisher": {"name": origin},
        "releases": [{name: value for name, value in release.items() if value not in ([], None)}],
    }


def _parties(page: TenderPage) -> list[dict[str, Any]]:
    found = [_party(page.buyer, ["buyer"] if page.agent else ["buyer", "procuringEntity"])]
    if page.agent:
        found.append(_party(page.agent, ["procuringEntity"]))
    for lot in page.lots:
        if lot.outcome:
            found.append(
                {"id": lot.outcome["supplier"], "name": lot.outcome["supplier_name"], "roles": ["supplier"]}
            )
    return found


def _party(org: Organization, roles: list[str]) -> dict[str, Any]:
    return {
        "id": org.uscc,
        "name": org.name,
        "identifier": {"scheme": "CN-USCC", "id": org.uscc, "legalName": org.name},
        "roles": roles,
    }


def _tender(page: TenderPage, base: str) -> dict[str, Any]:
    row = page.tender
    officer = page.agent or page.buyer
    return {
        "id": row.code,
        "title": row.title,
        "description": row.summary,
        "status": STATUS.get(page.standing, "active"),
        "procuringEntity": {"id": officer.uscc, "name": officer.name},
        "value": _value(sum(lot.ceiling.minor for lot in page.lots)),
        "procurementMethod": METHOD.get(row.procedure, "open"),
        "procurementMethodDetails": f"{row.regime} {row.procedure}",
        "mainProcurementCategory": row.category,
        "awardCriteria": "ratedCriteria"
        if row.terms["method"] in ("comprehensive", "gp_scoring")
        else "priceOnly",
        "submissionMethod": ["electronicSubmission"],
        "submissionMethodDetails": f"{base}/tenders/{row.code}",
        "eligibilityCriteria": row.qualification,
        "tenderPeriod": {"startDate": rfc3339(row.documents_from_at), "endDate": rfc3339(row.bids_close_at)},
        "documents": [
            {
                "id": str(line.id),
                "documentType": DOCUMENT_TYPE.get(line.kind, line.kind),
                "title": line.name,
                "url": f"{base}/tenders/{row.code}/documents/{line.id}",
                "datePublished": rfc3339(line.added_at),
            }
            for line in page.documents
        ]
        + [
            {
                "id": str(line.id),
                "documentType": "tenderNotice" if line.kind == "notice" else line.kind,
                "title": line.title,
                "url": f"{base}/notices/{line.id}",
                "datePublished": rfc3339(line.published_at),
            }
            for line, _ in page.notices
        ],
        "lots": [
            {
                "id": str(lot.number),
                "title": lot.title,
                "description": lot.quantity,
                "status": LOT_STATUS.get(lot.stage, "active"),
                "value": _value(lot.ceiling.minor),
            }
            for lot in page.lots
        ],
        "items": [
            {"id": str(lot.number), "description": lot.quantity, "relatedLot": str(lot.number)}
            for lot in page.lots
        ],
    }


def _award(lot: Lot) -> dict[str, Any]:
    assert lot.outcome is not None
    assert lot.awarded_at is not None
    whole, _, part = lot.outcome["price"].partition(".")
    return {
        "id": f"{lot.number}-{lot.round}",
        "date": rfc3339(lot.awarded_at),
        "status": "active",
        "relatedLots": [str(lot.number)],
        "value": _value(int(whole) * 100 + int(part or "0")),
        "suppliers": [{"id": lot.outcome["supplier"], "name": lot.outcome["supplier_name"]}],
    }


def _contract(row: Contract, page: TenderPage, base: str) -> dict[str, Any]:
    assert row.signed_at is not None
    lot = next(one for one in page.lots if one.id == row.lot_id)
    path = f"{base}/tenders/{page.tender.code}/lots/{lot.number}/contract"
    return {
        "id": row.number,
        "awardID": f"{lot.number}-{lot.round}",
        "title": row.body["subject"],
        "description": row.body["quantity"],
        "status": "active",
        "dateSigned": rfc3339(row.signed_at),
        "value": _value(row.price.minor),
        "documents": [
            {
                "id": row.digest,
                "documentType": "contractSigned",
                "title": row.number,
                "url": path,
                "datePublished": rfc3339(row.signed_at),
            }
        ],
    }


class _Yuan(int):
    """An amount in fen that JSON writes in yuan, exactly and without a float in between."""


def _value(fen: int) -> dict[str, Any]:
    return {"amount": _Yuan(fen), "currency": "CNY"}


def text_of(value: Any) -> str:
    """JSON of a package; amounts are written from fen as decimal numbers."""
    if isinstance(value, _Yuan):
        return f"{value // 100}.{value % 100:02d}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{text_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def respond(found: dict[str, Any]) -> Response:
    """The package as an HTTP answer with an ETag."""
    response = Response(text_of(found), mimetype="application/json")
    response.add_etag()
    response.make_conditional(request)
    return response
