"""The evaluation report (评标报告) as a PDF. The canonical JSON is the authoritative form.

Source: 实施条例 第五十三条; spec rules V-16.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from kernel.pdf import Sheet, printed_amount, printed_time
from sealbid import jcs

METHODS = {
    "comprehensive": "综合评估法",
    "evaluated_lowest": "经评审的最低投标价法",
    "gp_scoring": "综合评分法",
    "gp_lowest": "最低评标价法",
    "lowest_price": "最低价法（不设评标委员会）",
}
SEATS = {"expert": "评审专家", "buyer": "招标人代表"}


def render_report(body: Mapping[str, Any], signatures: Mapping[str, Any]) -> bytes:
    """The report's PDF, with the digest of the canonical report on every page."""
    digest = hashlib.sha256(jcs.encode(dict(body))).hexdigest()
    sheet = Sheet(
        "评标报告",
        subtitle=f"{body['title']}（{body['tender']}）第 {body['lot']} 标段",
        footer=f"Sunroad 阳光路 · {body['tender']} · SHA-256 {digest}",
    )
    sheet.facts(
        [
            ("评标办法", METHODS.get(body["method"], body["method"])),
            ("适用规则版本", body["edition"]),
            ("报告版本", str(body["version"])),
            ("报告指纹", digest),
            ("截标记录日志序号", str(body["close_leaf"])),
        ]
    )
    sheet.heading("投标人与初步评审")
    sheet.table(
        ["代号", "投标人", "投标报价（元）", "结论", "理由"],
        [
            [
                bid["code"],
                bid["bidder"],
                printed_amount(bid["price"]),
                "有效" if bid["valid"] else "否决",
                "；".join(f"{g['ground']} {g['clause']} {'、'.join(g['reasons'])}" for g in bid["grounds"]),
            ]
            for bid in body["bids"]
        ],
        [14, 54, 30, 14, 62],
    )
    _scores(sheet, body)
    sheet.heading("推荐的中标候选人")
    sheet.table(
        ["名次", "候选人", "统一社会信用代码", "报价（元）", "得分 / 评标价"],
        [
            [
                str(c["rank"]),
                c["bidder"],
                c["uscc"],
                printed_amount(c["price"]),
                printed_amount(str(c["score"])),
            ]
            for c in body["candidates"]
        ],
        [14, 62, 42, 30, 26],
    )
    if body["outliers"]:
        sheet.heading("离群评分")
        sheet.text(
            "；".join(
                f"{o['check']} {o['bid'][:8]} 评委{o['member']}（{o['figure']}）" for o in body["outliers"]
            )
        )
    sheet.heading("评标委员会签名")
    seats = {str(m["number"]): m["seat"] for m in body["panel"]}
    sheet.table(
        ["席位", "身份", "签名时间（北京时间）", "签名密钥", "不同意见"],
        [
            [
                number,
                SEATS.get(seats.get(number, ""), ""),
                printed_time(s["at"]),
                "逾期未签，视为同意" if s.get("deemed") else s["sig"]["kid"],
                s["dissent"] or "无",
            ]
            for number, s in sorted(signatures.items(), key=lambda item: int(item[0]))
        ],
        [14, 28, 46, 40, 46],
    )
    return sheet.render()


def _scores(sheet: Sheet, body: Mapping[str, Any]) -> None:
    codes = {bid["bid"]: bid["code"] for bid in body["bids"]}
    results = body["results"]["results"]
    if "benchmark" in body["results"]:
        sheet.gap()
        sheet.text(f"评标基准价：{printed_amount(body['results']['benchmark'])} 元")
    if not results or "total" not in results[0]:
        sheet.heading("评标价排序")
        sheet.table(
            ["名次", "代号", "报价（元）", "评标价（元）"],
            [
                [str(r["rank"]), codes[r["bid"]], printed_amount(r["price"]), printed_amount(r["evaluated"])]
                for r in results
            ],
            [20, 30, 62, 62],
        )
        return
    names = [factor["name"] for factor in body["terms"]["factors"]]
    ids = [factor["id"] for factor in body["terms"]["factors"]]
    sheet.heading("得分汇总")
    width = (174 - 14 - 18 - 26 - 22) / max(1, len(ids))
    sheet.table(
        ["名次", "代号", "价格分", *names, "总分"],
        [
            [str(r["rank"]), codes[r["bid"]], r["price_score"], *[r["factors"][i] for i in ids], r["total"]]
            for r in results
        ],
        [14, 18, 26, *[width] * len(ids), 22],
    )
