"""Citations of law as English pages name them: 招标投标法 第二十四条 becomes "Tendering Law, article 24".

The citation itself is data and stays Chinese in the rulebook, the log and every interface; only a page in English
spells it. A law without an English name here stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

LAWS = {
    "招标投标法实施条例": "Implementing Regulations",
    "实施条例": "Implementing Regulations",
    "招标投标法": "Tendering Law",
    "政府采购法实施条例": "Procurement Regulations",
    "政府采购法": "Procurement Law",
    "政府采购货物和服务招标投标管理办法": "Measures on Procurement Tendering (Goods and Services)",
    "政府采购非招标采购方式管理办法": "Measures on Procurement without Tendering",
    "企业国有资产交易监督管理办法": "Measures on Trading State-owned Assets",
    "招标拍卖挂牌出让国有建设用地使用权规定": "Rules on Granting State Land for Construction",
    "招标公告和公示信息发布管理办法": "Measures on Publishing Tender Notices",
    "保障中小企业款项支付条例": "Regulations on Payments to Small Firms",
    "公平竞争审查条例": "Fair Competition Review Regulations",
    "最高人民法院关于人民法院网络司法拍卖若干问题的规定": "Supreme Court Rules on Online Judicial Auctions",
    "必须招标的工程项目规定": "Rules on Projects that Must Be Tendered",
    "评标委员会和评标方法暂行规定": "Rules on Evaluation Committees and Methods",
    "工程建设项目施工招标投标办法": "Measures on Tendering Construction Works",
    "工程建设项目货物招标投标办法": "Measures on Tendering Construction Goods",
    "工程建设项目勘察设计招标投标办法": "Measures on Tendering Survey and Design",
    "水利工程建设项目招标投标管理规定": "Rules on Tendering Water Works",
    "公路工程建设项目招标投标管理办法": "Measures on Tendering Road Works",
    "矿业权出让交易规则": "Rules on Granting Mining Rights",
    "重庆市招标投标条例": "Chongqing Tendering Regulations",
    "宁波市公共资源交易管理条例": "Ningbo Public Resource Trading Regulations",
    "濮阳市公共资源交易管理条例": "Puyang Public Resource Trading Regulations",
    "拍卖法": "Auction Law",
    "民法典": "Civil Code",
    "森林法": "Forest Law",
    "财库": "Ministry of Finance, Caiku",
    "国办发": "General Office of the State Council",
    "（公开、公平、公正）": " (openness, fairness, impartiality)",
}
PARTS = {"条": "article", "款": "paragraph", "项": "item"}
_DIGITS = {sign: at for at, sign in enumerate("零一二三四五六七八九")}
_UNITS = {"十": 10, "百": 100}
_PART = re.compile(r"第([零一二三四五六七八九十百]+)([条款项])")
_LIST = re.compile(r"(第[零一二三四五六七八九十百]+条)((?:、第[零一二三四五六七八九十百]+条)+)")
_NUMBER = re.compile(r"〔(\d{4})〕\s?(\d+)\s?号")


def article_number(numeral: str) -> int:
    """The value of a Chinese numeral below one thousand: 二十四 is 24, 一百零三 is 103."""
    total, digit = 0, 0
    for sign in numeral:
        if sign in _UNITS:
            total, digit = total + (digit or 1) * _UNITS[sign], 0
        else:
            digit = _DIGITS[sign]
    return total + digit


@cache
def _names() -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(re.escape, LAWS), key=len, reverse=True)))


def in_english(text: str) -> str:
    """A legal basis with its laws and articles named in English; what is no citation comes back unchanged.

    Source: design guide §7 (law and article).
    """
    text = _LIST.sub(lambda found: found[0].replace("、", ", "), text)
    text = _names().sub(lambda found: LAWS[found[0]], text)
    text = _NUMBER.sub(r" [\1] No. \2", text)
    text = _PART.sub(lambda found: f", {PARTS[found[2]]} {article_number(found[1])}", text)
    text = text.replace("附录", "annex ").replace("至,", " to").replace("；", "; ").replace("、", "; ")
    text = re.sub(r"\(([一二三四五六七八九十]+)\)", lambda found: f", item {article_number(found[1])}", text)
    return re.sub(r"\s*,(?:\s*,)*", ",", text).removeprefix(", ")
