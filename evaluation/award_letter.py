"""The award letter (中标通知书). Source: 招标投标法 第四十五条."""

from __future__ import annotations

from datetime import date

from kernel.money import Money
from kernel.pdf import Sheet


def render_letter(
    *,
    tender_title: str,
    tender_code: str,
    lot: str,
    buyer: str,
    supplier: str,
    price: Money,
    decided_on: date,
    procurement: bool,
) -> bytes:
    """The letter's PDF."""
    sheet = Sheet(
        "中标（成交）通知书" if procurement else "中标通知书", footer=f"Sunroad 阳光路 · {tender_code}"
    )
    sheet.text(f"{supplier}：")
    sheet.text(
        f"　　{tender_title}（项目编号 {tender_code}，{lot}）经评审，确定你单位为中标人。请在本通知书发出之日起 30 日内，"
        "按照招标文件和你单位的投标文件与我单位订立书面合同。"
    )
    sheet.facts(
        [
            ("中标价（元）", f"{price.yuan:,.2f}"),
            ("大写", price.capitals()),
            ("招标人", buyer),
            ("日期", decided_on.isoformat()),
        ]
    )
    return sheet.render()
