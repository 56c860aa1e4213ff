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
    """Everybody signs in, as long before the deadline as after it."""
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
    _say(world, deal, rivals[1], "我单位报价中规费按新费率计取，请确认唱标口径。")
    yield world.now + timedelta(seconds=29)
    _say(world, deal, deal.buyer, "唱标只读投标函总价，规费核对在评标阶段进行。")
    yield world.now + timedelta(seconds=19)
    with world.begin(rivals[2]) as work:
        trading.file_objection(
            work,
            deal.tender_id,
            matter="opening",
            text="开标记录缺少项目经理一栏，招标文件第 5.2 条要求公布。",
            in_time=True,
        )
    yield world.now + timedelta(seconds=18)
    with world.read() as session:
        filed = session.scalars(sa.select(Objection.id).where(Objection.tender_id == deal.tender_id)).one()
    with world.begin(deal.buyer) as work:
        trading.answer_objection(work, filed, "项目经理在投标文件中载明，将随评标报告公布。", upheld=False)


def _say(world: World, deal: Deal, player: Player, text: str) -> None:
    with world.begin(player) as work:
        speak(work, deal.tender_id, text)
