"""What is said in the demonstration's opening hall: people sign in, the host leads, bidders ask, one objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from bidding.actions import hall
from bidding.actions.speaking import speak
from simulation import deal as deals
from simulation.deal import Deal
from simulation.world import Player, World
from trading import actions as trading
from trading.models import Objection

SEATS = (1, 2, 4)
"""The custodians who release."""


def come_in(world: World, deal: Deal, rivals: Sequence[Player]) -> None:
    """The host and the bidders sign in before the deadline; nobody else learns of it until then."""
    for player in (deal.buyer, *rivals):
        with world.begin(player) as work:
            hall.attend(work, deal.tender_id)


def held(world: World, deal: Deal, rivals: Sequence[Player]) -> Iterator[datetime]:
    """An opening from the close to the last word; it yields the instants at which it goes on."""
    yield world.now + timedelta(seconds=24)
    _say(world, deal, deal.buyer, "各投标人好，投标截止，请各保管人释放钥匙。")
    yield world.now + timedelta(seconds=26)
    if not deals.release(world, deal, list(SEATS)):
        return
    yield world.now + timedelta(seconds=35)
    _say(world, deal, rivals[1], "我单位报价含运费和安装费，请确认唱标口径。")
    yield world.now + timedelta(seconds=29)
    _say(world, deal, deal.buyer, "唱标只读投标函总价，明细在评标阶段核对。")
    yield world.now + timedelta(seconds=19)
    with world.begin(rivals[2]) as work:
        trading.file_objection(
            work,
            deal.tender_id,
            matter="opening",
            text="开标记录缺少质保期一栏，采购文件第 5.2 条要求公布。",
            in_time=True,
        )
    yield world.now + timedelta(seconds=18)
    with world.read() as session:
        query = sa.select(Objection.id).where(
            Objection.tender_id == deal.tender_id, Objection.matter == "opening"
        )
        filed = session.scalars(query).one()
    with world.begin(deal.buyer) as work:
        trading.answer_objection(work, filed, "质保期在投标文件中载明，将随评审结果公布。", upheld=False)


def _say(world: World, deal: Deal, player: Player, text: str) -> None:
    with world.begin(player) as work:
        speak(work, deal.tender_id, text)
