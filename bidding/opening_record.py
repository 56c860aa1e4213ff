"""The opening record (开标记录) as a PDF. Source: spec rules §3.3."""

from __future__ import annotations

from typing import Any

from bidding.bond_words import RECORD_FORMS, RECORD_WORTH
from kernel.money import Money
from kernel.pdf import Sheet

WAYS = {"custodians": "保管人解密", "bidder": "投标人密钥", "": "—"}


def render_record(record: dict[str, Any]) -> bytes:
    """The record's PDF; its hash stands in the log."""
    sheet = Sheet("开标记录", subtitle=f"{record['title']}（{record['tender']}）", footer=_footer(record))
    sheet.facts(
        [
            ("截止时间", record["closed_at"]),
            ("开标完成时间", record["opened_at"]),
            ("递交份数", str(record["delivered"])),
            ("撤回 / 逾期未传完", f"{record['withdrawn']} / {record['late']}"),
            ("截标记录日志序号", str(record["close_leaf"])),
            ("截标检查点根哈希", record["close_root"]),
        ]
    )
    sheet.heading("唱标")
    sheet.table(
        ["序", "标段", "投标人", "投标报价（元）", "大写", "递交时间", "开启"],
        [_row(bid) for bid in record["bids"]],
        [9, 11, 40, 28, 40, 28, 18],
    )
    if any("bond" in bid for bid in record["bids"]):
        sheet.heading("投标保证金")
        sheet.table(
            ["序", "投标人", "形式", "金额（元）", "应交（元）", "到账 / 出函机构", "核对"],
            [_bond(bid) for bid in record["bids"]],
            [9, 44, 18, 26, 26, 30, 21],
        )
    sheet.heading("保管人释放钥匙")
    sheet.table(
        ["席位", "角色", "单位", "释放时间"],
        [[str(c["x"]), c["role"], c["org"], c["released_at"] or "未释放"] for c in record["custodians"]],
        [14, 28, 90, 42],
    )
    if record["draws"]:
        sheet.heading("现场抽取")
        sheet.table(
            ["标段", "种类", "结果", "种子（可复算）"],
            [[str(d["lot"]), d["kind"], "、".join(d["result"]), d["seed"]] for d in record["draws"]],
            [14, 22, 24, 114],
        )
    if record["failed_lots"]:
        sheet.text("投标人少于三个、不开标的标段：" + "、".join(str(n) for n in record["failed_lots"]))
    return sheet.render()


def _row(bid: dict[str, Any]) -> list[str]:
    price = Money.from_yuan(bid["price"]) if bid["price"] else None
    return [
        str(bid["order"]),
        str(bid["lot"]),
        bid["bidder"],
        bid["price"] if price else f"未开启：{bid['why']}",
        price.capitals() if price else "",
        bid["completed_at"],
        WAYS.get(bid["way"], bid["way"]) if bid["ok"] else "失败",
    ]


def _bond(bid: dict[str, Any]) -> list[str]:
    bond = bid["bond"]
    return [
        str(bid["order"]),
        bid["bidder"],
        RECORD_FORMS[bond["form"]],
        bond.get("amount", "—"),
        bond["due"],
        bond.get("issuer") or bond.get("arrived_at", "—"),
        RECORD_WORTH[bond["standing"]],
    ]


def _footer(record: dict[str, Any]) -> str:
    return f"Sunroad 阳光路 · {record['tender']} · 日志 #{record['close_leaf']}"
