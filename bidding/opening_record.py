"""The opening record (开标记录) as a PDF. Source: spec rules §3.3."""

from __future__ import annotations

from typing import Any

from bidding.bond_words import RECORD_FORMS, RECORD_WORTH
from kernel.money import Money
from kernel.pdf import Sheet, printed_amount, printed_time

WAYS = {"custodians": "保管人解密", "bidder": "投标人密钥", "": "—"}
ROLES = {
    "tenderer": "招标人",
    "operator": "交易中心",
    "supervisor": "监督部门",
    "notary": "公证处",
    "association": "行业协会",
}
DRAWS = {"k-value": "K 值", "experts": "评标专家"}
ZONE = "（北京时间，下同）"


def render_record(record: dict[str, Any]) -> bytes:
    """The record's PDF; its hash stands in the log."""
    sheet = Sheet("开标记录", subtitle=f"{record['title']}（{record['tender']}）", footer=_footer(record))
    sheet.facts(
        [
            ("截止时间", printed_time(record["closed_at"]) + ZONE),
            ("开标完成时间", printed_time(record["opened_at"]) + ZONE),
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
        [_custodian(one) for one in record["custodians"]],
        [14, 28, 90, 42],
    )
    if record["draws"]:
        sheet.heading("现场抽取")
        sheet.table(
            ["标段", "种类", "结果", "种子（可复算）"],
            [_draw(one) for one in record["draws"]],
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
        printed_amount(bid["price"]) if price else f"未开启：{bid['why']}",
        price.capitals() if price else "",
        printed_time(bid["completed_at"]),
        WAYS.get(bid["way"], bid["way"]) if bid["ok"] else "失败",
    ]


def _custodian(one: dict[str, Any]) -> list[str]:
    released = printed_time(one["released_at"]) if one["released_at"] else "未释放"
    return [str(one["x"]), ROLES.get(one["role"], one["role"]), one["org"], released]


def _draw(one: dict[str, Any]) -> list[str]:
    return [str(one["lot"]), DRAWS.get(one["kind"], one["kind"]), "、".join(one["result"]), one["seed"]]


def _bond(bid: dict[str, Any]) -> list[str]:
    bond = bid["bond"]
    return [
        str(bid["order"]),
        bid["bidder"],
        RECORD_FORMS[bond["form"]],
        printed_amount(bond.get("amount", "—")),
        printed_amount(bond["due"]),
        bond.get("issuer") or printed_time(bond.get("arrived_at")),
        RECORD_WORTH[bond["standing"]],
    ]


def _footer(record: dict[str, Any]) -> str:
    return f"Sunroad 阳光路 · {record['tender']} · 日志 #{record['close_leaf']}"
