"""The supervision room's whole offer on one screen."""

from __future__ import annotations

from kernel.room import NavEntry, Room
from supervision import log_views, tile_views
from supervision.award import bind_award
from supervision.doors import views
from trading.facts import AwardLetterIssued, LotMoved

VIEWS = (log_views, tile_views)

room = Room(
    "supervision",
    blueprints=(views,),
    listeners={AwardLetterIssued: (bind_award,), LotMoved: (bind_award,)},
    nav=(NavEntry("Verify", "supervision.log_page", icon="shield-check", order=60),),
)
