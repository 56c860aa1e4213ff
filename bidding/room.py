"""The bidding room's whole offer on one screen."""

from datetime import timedelta
from typing import Any

from bidding import promises_auction
from bidding.actions import unsealing
from bidding.actions.auctions import cancel_with_tender, prepare_auctions
from bidding.actions.auctions_draw import draw_lotteries
from bidding.actions.auctions_life import anchor_journals, follow_all, go_on, keep_moment, stand_still
from bidding.actions.auctions_reserve import lapse_reserves
from bidding.actions.closing import close_moment, close_tender
from bidding.actions.custody import renew_policy, seat_custodians
from bidding.actions.hall import next_moment
from bidding.actions.submission import bid_by_code
from bidding.api import api
from bidding.api_auctions import api_auctions
from bidding.auction_live import CHANNEL
from bidding.auction_rehearsal import REHEARSAL_CHANNEL
from bidding.facts import SecretOffered, SharesDisclosed
from bidding.hall_core.guards import install_journal_guards
from bidding.models import Opening
from bidding.models_auction import AuctionHead
from bidding.panels import PANELS
from bidding.promises import PROMISES
from bidding.rights import RIGHTS
from bidding.views import views
from bidding.views.auction_panels import AUCTION_PANELS
from kernel.platform import Platform
from kernel.rights import Role
from kernel.room import Chore, Deadline, NavEntry, Room
from trading.facts import (
    ClarificationPublished,
    DraftChanged,
    NoticePublished,
    TenderDrafted,
    TenderResumed,
    TenderSuspended,
    TenderTerminated,
)
from trading.models import Tender


def _done(_value: object) -> None:
    return None


def _shares_came(platform: Platform, fact: SharesDisclosed) -> None:
    """The t-th disclosure opens; whatever is missing stays closed until the next one or the end of the window."""
    unsealing.open_bids(platform, fact.subject)


def _secret_came(platform: Platform, fact: SecretOffered) -> None:
    with platform.read() as session:
        tender_id = bid_by_code(session, fact.bid).tender_id
    unsealing.open_bids(platform, tender_id)


_heard: dict[Any, Any] = {SharesDisclosed: (_shares_came,), SecretOffered: (_secret_came,)}

room = Room(
    "bidding",
    blueprints=(api, api_auctions, views),
    rights=RIGHTS,
    deadlines=(
        Deadline(Tender, close_moment, lambda work, key: _done(close_tender(work, key))),
        Deadline(Opening, next_moment, unsealing.end_of_window),
        Deadline(AuctionHead, lambda head: head.next_moment_at, keep_moment),
    ),
    listeners={
        TenderDrafted: (seat_custodians,),
        DraftChanged: (renew_policy,),
        ClarificationPublished: (renew_policy,),
        TenderResumed: (renew_policy, go_on),
        TenderSuspended: (stand_still,),
        TenderTerminated: (cancel_with_tender,),
        NoticePublished: (prepare_auctions,),
    },
    chores=(
        Chore("auction journals", timedelta(seconds=1), anchor_journals),
        Chore("auctions", timedelta(seconds=1), follow_all),
        Chore("auction lotteries", timedelta(seconds=2), draw_lotteries),
        Chore("auction reserves", timedelta(seconds=10), lapse_reserves),
    ),
    promises=(*PROMISES, *promises_auction.PROMISES),
    nav=(
        NavEntry("My bids", "bidding.bids", (Role.BIDDER,), "file-check", 30),
        NavEntry("Auctions", "bidding.auctions", (), "gavel", 25),
        NavEntry("Key custody", "bidding.custody", (Role.CUSTODIAN,), "key", 40),
    ),
    panels=(*PANELS, *AUCTION_PANELS),
    schema=(install_journal_guards,),
    channels=(CHANNEL, REHEARSAL_CHANNEL),
    heard=_heard,
)
