"""The fields of an auction's printed terms: where each stands, how it is typed, and the rule beside it.

Source: rules §4.1–§4.7; docs/formats/auction-terms.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bidding import auction_choices as choices
from kernel.i18n import marked


class Kind(StrEnum):
    """How a field is typed."""

    MONEY = "money"
    NUMBER = "number"
    DECIMAL = "decimal"
    CHOICE = "choice"
    YES = "yes"
    INSTANT = "instant"
    TEXT = "text"


@dataclass(frozen=True)
class Entry:
    """A field of the printed terms.

    Attributes:
        path: its place in the plain form, with dots.
        rule: what the rules say about it, shown beside it.
        unit: shown behind it. choices: value → word. optional: may stay empty (null).
    """

    path: str
    label: str
    kind: Kind
    rule: str = ""
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """Its name in the form."""
        return self.path.replace(".", "-")


TIME = (
    Entry(
        "starts_at", marked("Start"), Kind.INSTANT, marked("rules §1.5: not before the notice period ends")
    ),
    Entry(
        "free_seconds",
        marked("Free period"),
        Kind.NUMBER,
        marked("rules §4.8: usually 60 minutes; §4.5: a listing at least 10 days"),
        marked("s"),
    ),
    Entry(
        "tail_seconds_max",
        marked("Hidden tail after the end, at most"),
        Kind.NUMBER,
        marked("rules §4.4: 0 for none"),
        marked("s"),
    ),
)
PRICE = (
    Entry(
        "start",
        marked("Start price"),
        Kind.MONEY,
        marked("rules §4.3 A-04: may itself be offered; for a reverse auction it is the ceiling"),
    ),
    Entry(
        "step.amount",
        marked("Step, as an amount"),
        Kind.MONEY,
        marked("rules §4.3 A-05: amount or percentage, not both"),
        optional=True,
    ),
    Entry(
        "step.percent",
        marked("Step, as a percentage"),
        Kind.DECIMAL,
        marked("rules §4.8: 0.5–2 % are usual"),
        "%",
        optional=True,
    ),
    Entry(
        "step.most",
        marked("Asked twice from this many steps"),
        Kind.NUMBER,
        marked("rules §4.3 A-05: a guard against slips, usually 50"),
        optional=True,
    ),
    Entry(
        "basis", marked("An offer must beat"), Kind.CHOICE, marked("rules §4.3 A-05"), choices=choices.BASES
    ),
    Entry(
        "bidders_min",
        marked("Bidders needed for a result"),
        Kind.NUMBER,
        marked("rules §4.3 A-13: reverse auctions of public procurement at least 3"),
    ),
    Entry(
        "equal_prices",
        marked("Equal prices are taken, the earlier wins"),
        Kind.YES,
        marked("rules §4.3 A-10"),
    ),
    Entry("self_outbid", marked("The leader may improve his own offer"), Kind.YES, marked("rules §4.3 A-07")),
    Entry(
        "reserve",
        marked("There is a sealed reserve price"),
        Kind.YES,
        marked("rules §4.3 A-12: opened at the end only"),
    ),
)
EXTENSION = (
    Entry(
        "extension.mode",
        marked("How late offers move the end"),
        Kind.CHOICE,
        marked("rules §4.4: fixed where a hidden tail follows"),
        choices=choices.MODES,
    ),
    Entry(
        "extension.window_seconds",
        marked("Late means within the last"),
        Kind.NUMBER,
        marked("rules §4.4: usually 300 s"),
        marked("s"),
    ),
    Entry(
        "extension.extend_seconds",
        marked("Moved by"),
        Kind.NUMBER,
        marked("rules §4.4: usually 300 s"),
        marked("s"),
    ),
    Entry(
        "extension.trigger",
        marked("Moved by which offers"),
        Kind.CHOICE,
        marked("rules §4.4: for blind auctions the best only, so that losers cannot probe"),
        choices=choices.TRIGGERS,
    ),
    Entry(
        "extension.count_max",
        marked("At most so many extensions"),
        Kind.NUMBER,
        marked("rules §4.4: 10 are usual; empty for no limit"),
        optional=True,
    ),
    Entry(
        "extension.total_minutes_max",
        marked("At most so many minutes in all"),
        Kind.NUMBER,
        marked("rules §4.4: empty for no limit"),
        marked("min"),
        optional=True,
    ),
)
LISTING = (
    Entry(
        "listing.inquiry_seconds",
        marked("Inquiry before the end of the listing"),
        Kind.NUMBER,
        marked("rules §4.5 step 3: usually 3600 s; 0 for none"),
        marked("s"),
    ),
    Entry(
        "listing.countdown_seconds",
        marked("Countdown of the limited-time round"),
        Kind.NUMBER,
        marked("rules §4.5 step 5: 240 s, some use 300 s"),
        marked("s"),
    ),
    Entry(
        "listing.offerers_only",
        marked("Only those who have offered enter it"),
        Kind.YES,
        marked("rules §4.5: printed variant"),
    ),
    Entry(
        "listing.everyone_enters",
        marked("Everybody admitted enters it"),
        Kind.YES,
        marked("rules §4.5: printed variant"),
    ),
    Entry(
        "listing.minimum_of_offerers",
        marked("The least number counts those who offered"),
        Kind.YES,
        marked("rules §4.5: printed variant"),
    ),
)
CAP = (
    Entry(
        "cap.price",
        marked("Cap"),
        Kind.MONEY,
        marked("rules §4.5 F6: at this price the second indicator decides"),
    ),
    Entry(
        "cap.second",
        marked("What decides then"),
        Kind.CHOICE,
        marked("rules §4.5 F6"),
        choices=choices.SECONDS,
    ),
    Entry(
        "cap.inquiry_seconds",
        marked("Who goes on is asked for"),
        Kind.NUMBER,
        marked("rules §4.5 F6"),
        marked("s"),
    ),
    Entry(
        "cap.wait_seconds",
        marked("Wait for a further quantity"),
        Kind.NUMBER,
        marked("rules §4.1: 480, 300 or 10 s are in use"),
        marked("s"),
    ),
    Entry(
        "cap.indicator",
        marked("Name of the second quantity"),
        Kind.TEXT,
        marked("rules §4.5 F6: area, share, money for public housing …; empty for a draw"),
        optional=True,
    ),
    Entry(
        "cap.indicator_unit",
        marked("Its unit"),
        Kind.TEXT,
        marked("rules §4.5 F6: as bidders type it"),
        optional=True,
    ),
    Entry(
        "cap.start",
        marked("The quantity starts at"),
        Kind.DECIMAL,
        marked("rules §4.5 F6: may itself be offered"),
    ),
    Entry("cap.step", marked("Step of the quantity"), Kind.DECIMAL, marked("rules §4.5 F6: more than 0")),
    Entry(
        "cap.maximum",
        marked("The quantity ends at"),
        Kind.DECIMAL,
        marked("rules §4.5 F6: who offers it wins at once; empty for no limit"),
        optional=True,
    ),
    Entry(
        "cap.first_has_priority",
        marked("Without any quantity the first at the cap wins"),
        Kind.YES,
        marked("rules §4.5 F6: no priority unless printed; else a draw"),
    ),
)
CLOCK = (
    Entry("clock.move", marked("The price moves by"), Kind.MONEY, marked("rules §4.1 F10, F11")),
    Entry("clock.tick_seconds", marked("Every"), Kind.NUMBER, marked("rules §4.1 F10, F11"), marked("s")),
    Entry("clock.stop", marked("Until"), Kind.MONEY, marked("rules §4.1 F10, F11")),
)
ROUNDS = (
    Entry("rounds.count", marked("Rounds"), Kind.NUMBER, marked("rules §4.1 F3")),
    Entry("rounds.seconds", marked("Length of a round"), Kind.NUMBER, marked("rules §4.1 F3"), marked("s")),
    Entry(
        "rounds.pause_seconds",
        marked("Pause between rounds"),
        Kind.NUMBER,
        marked("rules §4.1 F3"),
        marked("s"),
    ),
    Entry(
        "rounds.best_after_each",
        marked("The best is shown after each round"),
        Kind.YES,
        marked("rules §4.2 F3: option"),
    ),
)
TURNS = (
    Entry(
        "turns.criterion",
        marked("Ranked by"),
        Kind.CHOICE,
        marked("rules §4.1 F13"),
        choices=choices.CRITERIA,
    ),
    Entry(
        "turns.order",
        marked("Turns go by"),
        Kind.CHOICE,
        marked("rules §4.1 F13: the worst goes first"),
        choices=choices.CRITERIA,
    ),
    Entry("turns.rounds", marked("Rounds"), Kind.NUMBER, marked("usually 3")),
    Entry(
        "turns.first_pause_seconds",
        marked("Pause before the first round"),
        Kind.NUMBER,
        marked("usually 300 s"),
        marked("s"),
    ),
    Entry(
        "turns.pause_seconds",
        marked("Pause between rounds"),
        Kind.NUMBER,
        marked("usually 120 s"),
        marked("s"),
    ),
    Entry(
        "turns.turn_seconds", marked("Length of a turn"), Kind.NUMBER, marked("usually 120 s"), marked("s")
    ),
)
SEALED = (
    Entry("ties", marked("Equal best offers"), Kind.CHOICE, marked("rules §4.6 F8"), choices=choices.TIES),
    Entry(
        "tie_seconds",
        marked("Length of a second round"),
        Kind.NUMBER,
        marked("rules §4.6 F8: among equals only"),
        marked("s"),
    ),
    Entry(
        "sealing",
        marked("How offers stay closed"),
        Kind.CHOICE,
        marked("rules §4.6 F8: opened together at the end of the round"),
        choices=choices.SEALINGS,
    ),
)
ITEM_ROWS = 6
"""Rows of F9's items in the form: the price and five others."""
VISIBLE = (
    Entry(
        "visible.best",
        marked("Bidders see the best price"),
        Kind.YES,
        marked("rules §4.2: blind auctions never do"),
    ),
    Entry(
        "visible.rank",
        marked("Bidders learn of their place"),
        Kind.CHOICE,
        marked("rules §4.2: blind auctions usually best or not"),
        choices=choices.RANKS,
    ),
    Entry(
        "visible.prices",
        marked("Bidders see of others' offers"),
        Kind.CHOICE,
        marked("rules §4.2"),
        choices=choices.PRICES,
    ),
    Entry(
        "visible.count",
        marked("Bidders see how many there are"),
        Kind.YES,
        marked("rules §4.2: off for blind auctions"),
    ),
    Entry(
        "visible.public_live",
        marked("Everybody may watch live"),
        Kind.YES,
        marked("rules §4.2: listings and ascending auctions"),
    ),
    Entry(
        "visible.after_end",
        marked("Everybody sees after the end"),
        Kind.CHOICE,
        marked("rules §4.2"),
        choices=choices.AFTER,
    ),
)
FAULTS = (
    Entry(
        "limits",
        marked("Standing limits"),
        Kind.CHOICE,
        marked("rules §4.7: executed by the core, also while a bidder is disconnected"),
        choices=choices.LIMITS,
    ),
    Entry(
        "outage.resume_notice_minutes",
        marked("After a fault, announced at least before"),
        Kind.NUMBER,
        marked("rules §4.7: 30 minutes"),
        marked("min"),
    ),
    Entry(
        "outage.remaining_seconds_min",
        marked("Time left then, at least"),
        Kind.NUMBER,
        marked("rules §4.7: one extension"),
        marked("s"),
    ),
)
BASE = Entry("base", marked("Held like"), Kind.CHOICE, marked("rules §4.1 F12"), choices=choices.SMALL)
BAND = Entry(
    "lottery_band_percent",
    marked("A draw among offers this close to the best"),
    Kind.DECIMAL,
    marked("rules §4.1 F12: optional; empty for none"),
    "%",
    optional=True,
)
PRIORITY = (
    Entry(
        "priority.mode", marked("How it is used"), Kind.CHOICE, marked("rules §4.6"), choices=choices.PRIORITY
    ),
    Entry(
        "priority.uses",
        marked("How often in the session"),
        Kind.NUMBER,
        marked("rules §4.6: 1 for a single use; empty for any number"),
        optional=True,
    ),
    Entry(
        "priority.ask_minutes",
        marked("Time to answer after the end"),
        Kind.NUMBER,
        marked("rules §4.6: no answer is a waiver"),
        marked("min"),
    ),
)

NAMES = {
    "time": marked("Time"),
    "price": marked("Price and step"),
    "extension": marked("Extension"),
    "listing": marked("Listing and limited-time round"),
    "cap": marked("Cap and second indicator"),
    "clock": marked("Clock"),
    "rounds": marked("Sealed rounds"),
    "turns": marked("Turns"),
    "sealed": marked("Equal offers"),
    "items": marked("Weighted items"),
    "visible": marked("Who sees what"),
    "faults": marked("Standing limits and faults"),
}
