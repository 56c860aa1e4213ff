"""The text of a contract: what an award, a bid and a tender already fixed, and nothing else.

Both parties sign the canonical JSON made here; the PDF is its print. Format: docs/formats/contract.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from kernel.identity.models import Organization
from kernel.money import Money
from sealbid import jcs
from trading.models import Document, Lot, Tender

CLAUSE = (
    "本合同由本协议书、中标（成交）通知书、投标（响应）文件和招标（采购）文件组成。标的、价款、质量、履行期限等主要条款"
    "与招标文件和中标人的投标文件一致；双方不再订立背离合同实质性内容的其他协议。"
)
_NOT_PROMISED = frozenset({"price", "currency"})


def contract_body(
    *,
    number: str,
    tender: Tender,
    lot: Lot,
    buyer: Organization,
    supplier: Organization,
    performance_bond: Money,
    documents: Sequence[Document],
) -> dict[str, Any]:
    """The text both parties sign, from the lot's outcome. Plain JSON, amounts as decimal strings."""
    outcome: Mapping[str, Any] = lot.outcome or {}
    promised = {
        name: value for name, value in (outcome.get("promised") or {}).items() if name not in _NOT_PROMISED
    }
    return {
        "v": 1,
        "contract": number,
        "tender": tender.code,
        "title": tender.title,
        "lot": str(lot.number),
        "subject": lot.title,
        "quantity": lot.quantity,
        "place": tender.place,
        "edition": tender.edition or "",
        "parties": {
            "buyer": {"name": buyer.name, "uscc": buyer.uscc},
            "supplier": {"name": supplier.name, "uscc": supplier.uscc},
        },
        "bid": outcome["bid"],
        "price": outcome["price"],
        "currency": "CNY",
        "term": term_text(promised),
        "promised": promised,
        "performance_bond": f"{performance_bond.yuan:.2f}",
        "report": outcome["report"],
        "documents": [{"name": one.name, "sha256": one.sha256} for one in documents],
        "clause": CLAUSE,
    }


def term_text(promised: Mapping[str, Any]) -> str:
    """How long the supplier has, in the bid's own words where it says so."""
    if days := promised.get("period_days"):
        return f"{days} 日"
    if months := promised.get("period_months"):
        return f"{months} 个月"
    return "按招标文件和投标文件"


def digest_of(body: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the canonical text."""
    return hashlib.sha256(jcs.encode(dict(body))).hexdigest()


def signed_document(body: Mapping[str, Any], signatures: Mapping[str, Any]) -> bytes:
    """The signed contract as it is published and stands in the evidence package."""
    return jcs.encode({"v": 1, "contract": dict(body), "signatures": dict(signatures)})


def render_contract(body: Mapping[str, Any], signatures: Mapping[str, Any]) -> bytes:
    """The contract's PDF. The canonical JSON is the authoritative form."""
    from kernel.pdf import Sheet, printed_time  # loads the PDF library, which a start does not need

    digest = digest_of(body)
    price, bond = Money.from_yuan(body["price"]), Money.from_yuan(body["performance_bond"])
    parties = body["parties"]
    sheet = Sheet(
        "合同协议书",
        subtitle=f"{body['title']}（{body['tender']}）第 {body['lot']} 标段",
        footer=f"Sunroad 阳光路 · {body['contract']} · SHA-256 {digest}",
    )
    sheet.facts(
        [
            ("合同编号", body["contract"]),
            ("甲方", f"{parties['buyer']['name']}（{parties['buyer']['uscc']}）"),
            ("乙方", f"{parties['supplier']['name']}（{parties['supplier']['uscc']}）"),
            ("标的", body["subject"]),
            ("内容和数量", body["quantity"]),
            ("履行地点", body["place"]),
            ("合同价款（元）", f"{price.yuan:,.2f}"),
            ("大写", price.capitals()),
            ("履行期限", body["term"]),
            ("履约保证金（元）", f"{bond.yuan:,.2f}" if bond.minor else "不收取"),
            ("依据的投标", body["bid"]),
            ("依据的报告指纹", body["report"]),
        ]
    )
    sheet.heading("合同文件")
    sheet.text(body["clause"])
    if body["documents"]:
        sheet.table(
            ["文件", "SHA-256"], [[one["name"], one["sha256"]] for one in body["documents"]], [60, 114]
        )
    sheet.heading("签名")
    words = {"buyer": "甲方", "supplier": "乙方"}
    sheet.table(
        ["当事人", "签名人", "时间（北京时间）", "密钥"],
        [
            [words[party], str(one["name"]), printed_time(str(one["at"])), str(one["sig"]["kid"])]
            for party, one in sorted(signatures.items())
        ],
        [20, 40, 44, 70],
    )
    return sheet.render()
