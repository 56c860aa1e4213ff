"""Four firms that share out tenders among themselves, as the demonstration plants them: for supervisors to find.

They agree who wins in turn; the others bid a little above in even steps; one hand writes two of the technical bids and
prices three bills; one account pays two bonds. Everybody else fills in the same form honestly.
"""

from __future__ import annotations

import csv
import io
import math
import random
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

from kernel.money import Money
from simulation.bonds import own_account, pay
from simulation.deal import Deal, Offer, bid
from simulation.world import Player, World

SIZE = 4
STEP = 30
"""Ten-thousandths of the ceiling between two covers."""
HAND = "csx-lab"
ITEMS = 120
FORM = (
    "投标人应当按照招标文件的要求编制技术投标文件，内容包括施工部署、施工方法、质量保证措施、安全文明施工措施、"
    "环境保护措施、工期保证措施、资源配备计划、施工总平面布置以及应急预案，并对招标文件提出的实质性要求逐条响应。"
) * 6
SUBJECTS = (
    "沟槽开挖", "管道基础", "管道安装", "检查井砌筑", "闭水试验", "路基填筑", "水泥稳定碎石", "沥青面层", "侧石安装",
    "人行道铺装", "路灯基础", "交通标线", "绿化种植", "基坑支护", "降水井", "桥台浇筑", "预应力张拉", "伸缩缝安装",
)  # fmt: skip
VERBS = (
    "分段流水组织",
    "先行放样复测",
    "按图纸核对标高",
    "配足机械设备",
    "旁站检查",
    "留置试件",
    "分层夯实",
    "及时养护",
)
CHECKS = (
    "逐层验收",
    "每日记录台账",
    "由质检员签认",
    "报监理复核",
    "拍照留存",
    "随机抽检",
    "对照规范复验",
    "限期整改",
)
SLIPS = ("混泥士强度等级不得降底", "按照图纸会神记要执行", "参照滨江大到改造项目做法", "砂浆饱瞒度应达到要求")


def ring_of(world: World) -> list[Player]:
    """The firms that agree: the last four bidders of the city."""
    return world.bidders[-SIZE:]


def rivals_of(world: World, drawn: Sequence[Player]) -> list[Player]:
    """Who bids when the ring does: its members, and up to three of those drawn who do not belong to it."""
    ring = ring_of(world)
    return [*ring, *[one for one in drawn if one not in ring][:3]]


def offer(world: World, deal: Deal, rival: Player, lot: int, ceiling: Money, turn: int) -> Offer:
    """A rival's bid: agreed inside the ring, honest outside."""
    ring = ring_of(world)
    dice = random.Random(f"{deal.code} {lot} {rival.uscc}")
    if rival in ring:
        place = (ring.index(rival) - turn) % SIZE
        share, hand = 9730 + STEP * place, HAND if place < 2 else ""
        priced = bill(
            random.Random(f"{deal.code} {lot} one hand"), 1 + 0.0123 * place, scaled=place < 3, own=dice
        )
        text = prose(random.Random(f"{deal.code} {lot} one text") if hand else dice)
        text += "。".join(SLIPS) if hand else ""
    else:
        share, hand = dice.randint(8900, 9600), ""
        priced, text = bill(dice, 1.0, scaled=False, own=dice), prose(dice)
    author = hand or f"{rival.name}-{dice.randint(10, 99)}"
    files = [
        ("技术投标文件.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
         word_file(f"{FORM}\n{text}", author)),
        ("已标价工程量清单.csv", "text/csv", priced),
    ]  # fmt: skip
    price = Money(ceiling.minor * share // 10_000 // 100 * 100)
    return Offer(lot=lot, price=price, items={"period_months": "14", "claims": []}, files=files)


def place_bid(world: World, deal: Deal, rival: Player, lot: int, ceiling: Money, turn: int) -> str:
    """Seal and submit a rival's bid; returns its code."""
    return bid(world, deal, rival, offer(world, deal, rival, lot, ceiling, turn))


def pay_bond(world: World, deal: Deal, rival: Player, lot: int = 1) -> bool:
    """A rival pays his bond before he bids; two of the ring from one account. False where none is asked."""
    ring = ring_of(world)
    account = own_account(ring[0]) if rival in ring[:2] else own_account(rival)
    return pay(world, deal, rival, lot, account=account)


def prose(dice: random.Random) -> str:
    """Sixty sentences of a technical bid, in words the trade uses."""
    return "".join(
        f"{dice.choice(SUBJECTS)}阶段{dice.choice(VERBS)}，{dice.choice(SUBJECTS)}第{dice.randint(2, 40)}段{dice.choice(CHECKS)}，"
        f"投入{dice.randint(3, 60)}人{dice.randint(2, 19)}台班，{dice.choice(VERBS)}并{dice.choice(CHECKS)}。"
        for _ in range(60)
    )


def bill(shared: random.Random, factor: float, *, scaled: bool, own: random.Random) -> bytes:
    """A priced bill; ``scaled`` ones are the shared prices times a factor, others are priced line by line."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["项目编码", "项目名称", "工程量", "综合单价", "合价"])
    market = random.Random("market of the city")
    for number in range(ITEMS):
        cost = math.exp(market.uniform(2.5, 7.5))
        view = shared if scaled else own
        price = round(cost * math.exp(view.gauss(0, 0.11)) * (factor if scaled else 1), 2)
        quantity = market.randint(5, 900)
        table.writerow(
            [
                f"0401{number:05}",
                f"{SUBJECTS[number % len(SUBJECTS)]}{number}",
                quantity,
                price,
                f"{quantity * price:.2f}",
            ]
        )
    table.writerow(["040199001", "暂列金额", 1, 500000, 500000])
    table.writerow(["040199002", "安全文明施工费", 1, 186000, 186000])
    return out.getvalue().encode("utf-8-sig")


_TYPES = "application/vnd.openxmlformats"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Default Extension="rels" ContentType="{_TYPES}-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_TYPES}-officedocument.wordprocessingml.document.main+xml"/>'
        f'<Override PartName="/docProps/core.xml" ContentType="{_TYPES}-package.core-properties+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}" Target="word/document.xml"/>'
        f'<Relationship Id="r2" Type="{_PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
        "</Relationships>"
    ),
}


def word_file(text: str, author: str) -> bytes:
    """A small Word document with an author."""
    paragraphs = "".join(f"<w:p><w:r><w:t>{escape(line)}</w:t></w:r></w:p>" for line in text.splitlines())
    body = f'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{paragraphs}</w:body></w:document>'
    core = (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>{escape(author)}</dc:creator>'
        f"<cp:lastModifiedBy>{escape(author)}</cp:lastModifiedBy></cp:coreProperties>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*_PARTS.items(), ("word/document.xml", body), ("docProps/core.xml", core)):
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()
