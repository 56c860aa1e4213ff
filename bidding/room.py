"""The bidding room's whole offer on one screen."""

from datetime import timedelta
from typing import Any

from bidding import promises_auction, promises_bonds, promises_sealed
from bidding.actions import auctions_unseal, unsealing
from bidding.actions.auctions import cancel_with_tender, prepare_auctions
from bidding.actions.auctions_draw import draw_lotteries
from bidding.actions.auctions_life import anchor_journals, follow_all, go_on, keep_moment, stand_still
from bidding.actions.bonds_end import follow_award, follow_forfeit, follow_lot
from bidding.actions.closing import close_moment, close_tender
from bidding.actions.custody import renew_policy, seat_custodians
from bidding.actions.hall import next_moment
from bidding.actions.sealers import release_sealer
from bidding.actions.submission import bid_by_code
from bidding.api import api
from bidding.api_auctions import api_auctions
from bidding.api_bonds import api_bonds
from bidding.api_sealed import api_sealed
from bidding.auction_facts import SlipSecretOffered
from bidding.auction_live import CHANNEL
from bidding.auction_rehearsal import REHEARSAL_CHANNEL
from bidding.facts import HallSpoken, SecretOffered, SharesDisclosed
from bidding.gauges import GAUGES
from bidding.hall_core.guards import install_journal_guards
from bidding.models import Opening
from bidding.models_auction import AuctionHead
from bidding.opening_live import CHANGES, OPENING_CHANNEL, hall_changed, words_spoken
from bidding.panels import PANELS
from bidding.promises import PROMISES
from bidding.rights import RIGHTS
from bidding.rules.auction import closings
from bidding.views import views
from bidding.views.auction_panels import AUCTION_PANELS
from kernel.platform import Platform
from kernel.rights import Role
from kernel.room import Chore, Deadline, NavEntry, Room
from trading.facts import (
    AwardSettled,
    BondForfeited,
    ClarificationPublished,
    DraftChanged,
    LotMoved,
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
    if closings.is_part(fact.part):
        auctions_unseal.open_waiting(platform, fact.subject)
    else:
        unsealing.open_bids(platform, fact.subject)


def _secret_came(platform: Platform, fact: SecretOffered) -> None:
    with platform.read() as session:
        tender_id = bid_by_code(session, fact.bid).tender_id
    unsealing.open_bids(platform, tender_id)


def _slip_secret_came(platform: Platform, _fact: SlipSecretOffered) -> None:
    auctions_unseal.open_waiting(platform)


_heard: dict[Any, Any] = {
    SharesDisclosed: (_shares_came,),
    SecretOffered: (_secret_came,),
    SlipSecretOffered: (_slip_secret_came,),
    HallSpoken: (words_spoken,),
}
_heard |= {fact: (*_heard.get(fact, ()), hall_changed) for fact in CHANGES}

room = Room(
    "bidding",
    blueprints=(api, api_auctions, api_bonds, api_sealed, views),
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
        LotMoved: (follow_lot,),
        AwardSettled: (follow_award,),
        BondForfeited: (follow_forfeit,),
    },
    chores=(
        Chore("offline sealer", timedelta(minutes=1), release_sealer),
        Chore("auction journals", timedelta(seconds=1), anchor_journals),
        Chore("auctions", timedelta(seconds=1), follow_all),
        Chore("auction lotteries", timedelta(seconds=2), draw_lotteries),
        Chore("auction slips", timedelta(seconds=2), auctions_unseal.open_waiting),
    ),
    promises=(*PROMISES, *promises_auction.PROMISES, *promises_sealed.PROMISES, *promises_bonds.PROMISES),
    gauges=GAUGES,
    nav=(
        NavEntry("My bids", "bidding.bids", (Role.BIDDER,), "file-check", 30),
        NavEntry("Auctions", "bidding.auctions", (), "gavel", 25),
        NavEntry("Bonds", "bidding.bonds_desk", (Role.OPERATOR,), "wallet", 70),
        NavEntry("Key custody", "bidding.custody", (Role.CUSTODIAN,), "key", 40),
    ),
    panels=(*PANELS, *AUCTION_PANELS),
    schema=(install_journal_guards,),
    channels=(CHANNEL, OPENING_CHANNEL, REHEARSAL_CHANNEL),
    heard=_heard,
)
