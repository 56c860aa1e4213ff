"""The bidding room's whole offer on one screen."""

from bidding.actions.closing import close_moment, close_tender
from bidding.actions.custody import renew_policy, seat_custodians
from bidding.actions.hall import next_moment
from bidding.actions.unsealing import end_of_window
from bidding.models import Opening
from bidding.rights import RIGHTS
from kernel.room import Deadline, Room
from trading.facts import ClarificationPublished, DraftChanged, TenderDrafted, TenderResumed
from trading.models import Tender

room = Room(
    "bidding",
    rights=RIGHTS,
    deadlines=(
        Deadline(Tender, close_moment, lambda work, key: _done(close_tender(work, key))),
        Deadline(Opening, next_moment, end_of_window),
    ),
    listeners={
        TenderDrafted: (seat_custodians,),
        DraftChanged: (renew_policy,),
        ClarificationPublished: (renew_policy,),
        TenderResumed: (renew_policy,),
    },
)


def _done(_value: object) -> None:
    return None
