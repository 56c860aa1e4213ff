"""The evaluation room's whole offer on one screen."""

from bidding.facts import OpeningConfirmed
from evaluation.actions.panels import draw_experts, freeze_pool, invitation_moment, replace_silent
from evaluation.actions.review import reopen
from evaluation.models import Panel
from evaluation.rights import RIGHTS
from kernel.room import Deadline, Room
from trading.facts import LotMoved, NoticePublished

room = Room(
    "evaluation",
    rights=RIGHTS,
    deadlines=(Deadline(Panel, invitation_moment, replace_silent),),
    listeners={
        NoticePublished: (freeze_pool,),
        OpeningConfirmed: (draw_experts,),
        LotMoved: (reopen,),
    },
)
