"""The transaction confirmation of an auction (成交确认书). Source: rules §4.5 step 9; 拍卖法 第五十二条."""

from __future__ import annotations

from datetime import date

from kernel.money import Money
from kernel.pdf import Sheet, printed_time


def render_confirmation(
    *,
    tender_title: str,
    tender_code: str,
    lot: str,
    seller: str,
    winner: str,
    plate: str,
    price: Money,
    ended_at: str,
    journal_sha256: str,
    decided_on: date,
    sale: bool,
) -> bytes:
    """The confirmation's PDF.

    Args:
        sale: whether something was sold (the winner buys), or procured (he supplies).
        journal_sha256: of the published journal the result follows from.
    """
    sheet = Sheet("成交确认书", footer=f"Sunroad 阳光路 · {tender_code}")
    role = "买受人" if sale else "成交供应商"
    sheet.text(f"{winner}：")
    sheet.text(
        f"　　{tender_title}（项目编号 {tender_code}，{lot}）网上竞价已结束，号牌 {plate} 的报价有效且为成交报价，"
        f"确认你单位为{role}。请按照公告规定的期限与我单位签订书面合同。"
    )
    sheet.facts(
        [
            ("成交价（元）", f"{price.yuan:,.2f}"),
            ("大写", price.capitals()),
            ("号牌", plate),
            ("竞价结束（北京时间）", printed_time(ended_at)),
            ("出让人" if sale else "采购人", seller),
            ("竞价记录 SHA-256", journal_sha256),
            ("确认日期", decided_on.isoformat()),
        ]
    )
    return sheet.render()
