"""The supervision room's whole offer on one screen."""

from __future__ import annotations

from datetime import timedelta

from bidding.auction_facts import AuctionSettled
from bidding.facts import BidCompleted, BidWithdrawn, SecretOffered
from kernel.rights import Role
from kernel.room import Chore, NavEntry, Room
from supervision import (
    desk_views,
    leads_models,
    leads_panels,
    leads_views,
    log_views,
    panels,
    statistics_api,
    statistics_views,
    tile_views,
)
from supervision.actions.checks import run_promises, watch_lights
from supervision.actions.leads import NightRun
from supervision.actions.leads_traces import note_key, note_question, note_submission, note_withdrawal
from supervision.award import bind_award
from supervision.doors import views
from supervision.leads_api import api
from supervision.leads_promises import PROMISES
from supervision.rights import RIGHTS
from trading.facts import AwardLetterIssued, LotMoved, QuestionAsked

VIEWS = (desk_views, leads_views, log_views, statistics_api, statistics_views, tile_views)
TABLES = (leads_models,)
WATCHERS = (Role.SUPERVISOR,)

room = Room(
    "supervision",
    blueprints=(views, api),
    rights=RIGHTS,
    listeners={
        AwardLetterIssued: (bind_award,),
        AuctionSettled: (bind_award,),
        LotMoved: (bind_award,),
        BidCompleted: (note_submission,),
        BidWithdrawn: (note_withdrawal,),
        SecretOffered: (note_key,),
        QuestionAsked: (note_question,),
    },
    promises=PROMISES,
    panels=(panels.proof, panels.watched, *leads_panels.PANELS),
    chores=(
        Chore("lights", timedelta(minutes=1), watch_lights),
        Chore("promises", timedelta(days=1), run_promises),
        Chore("leads", timedelta(minutes=20), NightRun()),
    ),
    nav=(
        NavEntry("Supervision cockpit", "supervision.cockpit", WATCHERS, icon="gauge", order=10),
        NavEntry("Bid-rigging leads", "supervision.leads_page", WATCHERS, icon="affiliate", order=15),
        NavEntry(
            "Questions from supervisors",
            "supervision.asked_page",
            (Role.BIDDER,),
            icon="message-question",
            order=50,
        ),
        NavEntry("Promises", "supervision.promises_page", WATCHERS, icon="list-check", order=20),
        NavEntry("Access log", "supervision.reads_page", WATCHERS, icon="eye", order=30),
        NavEntry("Public data", "supervision.statistics_page", icon="chart-bar", order=55),
        NavEntry("Verify", "supervision.log_page", icon="shield-check", order=60),
    ),
)
