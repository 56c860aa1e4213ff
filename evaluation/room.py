"""The evaluation room's whole offer on one screen."""

from bidding.facts import OpeningConfirmed
from evaluation.actions.panels import draw_experts, freeze_pool, invitation_moment, replace_silent
from evaluation.actions.review import reopen
from evaluation.api import api
from evaluation.models import Panel
from evaluation.panels import PANELS
from evaluation.promises import PROMISES
from evaluation.rights import RIGHTS
from evaluation.views import views
from kernel.i18n import marked
from kernel.rights import Role
from kernel.room import Deadline, NavEntry, Room
from trading.facts import LotMoved, NoticePublished

room = Room(
    "evaluation",
    blueprints=(views, api),
    rights=RIGHTS,
    deadlines=(Deadline(Panel, invitation_moment, replace_silent),),
    listeners={
        NoticePublished: (freeze_pool,),
        OpeningConfirmed: (draw_experts,),
        LotMoved: (reopen,),
    },
    promises=PROMISES,
    panels=PANELS,
    nav=(
        NavEntry(marked("My panels"), "evaluation.my_seats", (Role.EXPERT, Role.BUYER), "users-group", 40),
        NavEntry(
            marked("Evaluation and award"),
            "evaluation.my_evaluations",
            (Role.BUYER, Role.AGENT),
            "clipboard-check",
            41,
        ),
        NavEntry(marked("My results"), "evaluation.my_results", (Role.BIDDER,), "report", 42),
    ),
)
