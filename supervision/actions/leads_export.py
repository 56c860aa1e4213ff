"""The dossier of a lead: canonical evidence, a signed manifest, and a PDF for people, in one zip.

The JSON is the authoritative form; the PDF carries its digest on every page, the manifest the platform's signature.

Source: rules §5.3 (what a lead carries); docs/formats/leads-import.md says what imported evidence is.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel import documents
from kernel.encodings import decoded
from kernel.facts import plain
from kernel.i18n import speaking
from kernel.identity.models import Organization
from kernel.ledger.models import LogRecord
from kernel.platform import Platform
from sealbid import jcs, signatures
from supervision.actions.leads_judging import evidence_bytes, indicators_of
from supervision.leads_models import ImportBatch, ImportedTrace, Lead
from supervision.leads_shown import fact_lines
from supervision.leads_words import about, fact_word, kind_word, light_word, outcome_word, said_word
from supervision.rules.signals.combine import Indicator

SENTENCE = "评分只用来排定核查先后，不是违法认定。当事人可以陈述申辩。"


def dossier(platform: Platform, session: Session, lead: Lead) -> dict[str, Any]:
    """The canonical body of a dossier: lead, firms, evidence with digests and log entries, questions, answers, end."""
    orgs = session.scalars(
        sa.select(Organization)
        .where(Organization.id.in_([UUID(one) for one in _firms(lead)]))
        .order_by(Organization.id)
    )
    entries = dict(
        session.execute(
            sa.select(LogRecord.id, LogRecord.idx).where(
                LogRecord.id.in_([one.record_id for one in lead.indicators])
            )
        ).all()
    )
    body = {
        "v": 1,
        "lead": lead.code,
        "note": SENTENCE,
        "tender": str(lead.tender_id),
        "lot": str(lead.lot_id),
        "state": lead.state,
        "light": lead.light,
        "risk": lead.risk,
        "shares": lead.shares,
        "opened_at": lead.opened_at,
        "firms": [{"id": str(org.id), "name": org.name, "uscc": org.uscc} for org in orgs],
        "evidence": [
            {
                "indicator": row.code,
                "light": row.light,
                "class": row.kind,
                "firms": list(row.firms),
                "sha256": row.sha256,
                "seen_at": row.seen_at,
                "gone_at": row.gone_at,
                "log_index": entries.get(row.record_id),
                "p": row.p,
                "null": row.null,
            }
            for row in lead.indicators
        ],
        "questions": [
            {
                "firm": str(one.org_id),
                "question": one.question,
                "asked_at": one.asked_at,
                "answer": one.answer,
                "answered_at": one.answered_at,
            }
            for one in lead.answers
        ],
        "closed": {"at": lead.closed_at, "outcome": lead.outcome, "reason": lead.reason}
        if lead.closed_at
        else {},
        "exported_at": platform.outside.clock.now(),
    }
    found = plain(body)
    assert isinstance(found, dict)
    return found


def _firms(lead: Lead) -> list[str]:
    return sorted({*lead.firms, *(firm for one in lead.indicators for firm in one.firms)})


def export_lead(platform: Platform, session: Session, lead: Lead) -> tuple[bytes, str]:
    """The zip of a dossier and the SHA-256 of its manifest.

    Members: ``dossier.json``, ``dossier.pdf``, ``evidence/NN-code.json``, ``manifest.json`` and its signature
    (kind ``lead-dossier``, by the platform's key).
    """
    body = dossier(platform, session, lead)
    encoded = jcs.encode(body)
    files = {"dossier.json": encoded, "dossier.pdf": dossier_pdf(body, encoded, indicators_of(lead))}
    for number, one in enumerate(indicators_of(lead), start=1):
        files[f"evidence/{number:02}-{one.code}.json"] = evidence_bytes(lead.lot_id, one)
    manifest: dict[str, Any] = {
        "v": 1,
        "lead": lead.code,
        "files": [
            {"name": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in sorted(files.items())
        ],
    }
    signed = signatures.sign("lead-dossier", manifest, platform.platform_key)
    files["manifest.json"] = jcs.encode(manifest)
    files["manifest.sig.json"] = jcs.encode(signed.to_json())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return out.getvalue(), hashlib.sha256(files["manifest.json"]).hexdigest()


def dossier_pdf(body: dict[str, Any], encoded: bytes, found: Sequence[Indicator]) -> bytes:
    """The dossier for people, in Chinese; the digest of its canonical form stands on every page."""
    with speaking("zh-CN"):
        return _pdf(body, encoded, found)


def _pdf(body: dict[str, Any], encoded: bytes, found: Sequence[Indicator]) -> bytes:
    digest = hashlib.sha256(encoded).hexdigest()
    names = {org["id"]: org["name"] for org in body["firms"]}
    from kernel.pdf import Sheet, printed_time

    sheet = Sheet(
        "围串标线索卷宗", subtitle=body["lead"], footer=f"Sunroad 阳光路 · {body['lead']} · SHA-256 {digest}"
    )
    sheet.text(SENTENCE)
    sheet.facts(
        [
            ("线索编号", body["lead"]),
            ("灯色（仅由直接证据决定）", light_word(body["light"])),
            ("可疑程度（万分之）", str(body["risk"])),
            ("提出时间（北京时间）", printed_time(body["opened_at"])),
            ("导出时间（北京时间）", printed_time(body["exported_at"])),
            ("卷宗指纹", digest),
        ]
    )
    sheet.heading("涉及投标人")
    sheet.table(
        ["名称", "统一社会信用代码"],
        [[one["name"], one["uscc"]] for one in body["firms"]],
        [110, 64],
    )
    sheet.heading("分数来源")
    sheet.table(["类别", "万分点"], [[kind_word(k), str(v)] for k, v in body["shares"].items()], [110, 64])
    for number, one in enumerate(found, start=1):
        words = about(one.code)
        sheet.heading(f"E{number}　{one.code}　{words.title}")
        sheet.facts(
            [
                ("涉及投标人", "、".join(names.get(firm, firm) for firm in one.firms)),
                ("对应情形", words.element),
                ("取得方式", words.how),
                (
                    "事实",
                    "；".join(f"{fact_word(key)}：{text}" for key, text in fact_lines(one.facts, names)),
                ),
                ("偶然概率 p", f"{one.p}（{said_word(one.null)}）" if one.p else "—"),
                ("需排除的正当解释", "；".join(words.innocent)),
                ("可推翻本线索的材料", words.refutes),
                (
                    "证据指纹",
                    next(
                        e["sha256"]
                        for e in body["evidence"]
                        if e["indicator"] == one.code and e["firms"] == list(one.firms)
                    ),
                ),
            ]
        )
    for asked in body["questions"]:
        sheet.heading("函询与答复：" + names.get(asked["firm"], ""))
        sheet.text(asked["question"])
        sheet.text(asked["answer"] or "（尚未答复）")
    if body["closed"]:
        sheet.heading("办结")
        sheet.text(
            f"{printed_time(body['closed']['at'])}　{outcome_word(body['closed']['outcome'])}　{body['closed']['reason']}"
        )
    return sheet.render()


def clear_values(platform: Platform, session: Session, lead: Lead) -> list[tuple[str, str, str]]:
    """The imported personal values behind a lead in the clear, read from the imported files: firm, column, value.

    The caller has recorded who looks and why.
    """
    firms = [UUID(one) for one in lead.firms]
    rows = session.execute(
        sa.select(ImportedTrace, ImportBatch.file_sha256, Organization.party)
        .join(ImportBatch, ImportBatch.id == ImportedTrace.batch_id)
        .join(Organization, Organization.id == ImportedTrace.org_id)
        .where(
            ImportedTrace.org_id.in_(firms),
            sa.or_(ImportedTrace.lot_id == lead.lot_id, ImportedTrace.lot_id.is_(None)),
        )
        .order_by(Organization.name, ImportedTrace.kind, ImportedTrace.line)
    ).all()
    files: dict[str, list[dict[str, str]]] = {}
    found: list[tuple[str, str, str]] = []
    for row, sha256, name in rows:
        if sha256 not in files:
            files[sha256] = _rows(documents.load(platform.outside.blobs, sha256))
        line = files[sha256][row.line - 2]
        found += [(name, column, line.get(column, "")) for column in sorted(row.shown)]
    return found


def _rows(data: bytes) -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(decoded(data))))
    heading = [cell.strip().lower() for cell in rows[0]]
    return [dict(zip(heading, row, strict=False)) for row in rows[1:]]
