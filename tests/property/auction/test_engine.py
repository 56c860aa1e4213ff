"""Over generated lives of every format: what must hold after every event, taken or refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bidding.rules.auction import (
    Bidder,
    Format,
    Host,
    Public,
    Stage,
    State,
    Supervisor,
    Terms,
    Viewer,
    apply,
    begin,
    due,
    event_from_plain,
    news,
    private,
    receipt_of,
    replay,
    sight,
    snapshot,
)
from bidding.rules.auction import events as ev
from bidding.rules.auction.state import OPEN, OVER, Kind
from kernel.errors import Refusal
from tests.property.auction.lives import PLATES, attempts, printed
from tests.unit.auction.kit import START, yuan

VIEWERS: tuple[Viewer, ...] = (Bidder("A"), Host(), Supervisor(), Public())
OPEN_PRICES = {Format.OPEN_REVERSE, Format.ASCENDING, Format.LISTING, Format.CAPPED, Format.MULTI_OFFER}


def merged(view: dict[str, Any], told: dict[str, Any] | None) -> dict[str, Any]:
    """A snapshot brought up to date by news, as a page does it."""
    told = dict(told or {})
    fresh, again = told.pop("list", []), told.pop("relist", False)
    return {**view, **told, "list": fresh if again else view["list"] + fresh}


def fitting(state: State, plate: str, n: int) -> list[ev.Event]:
    """What a sensible party would do now."""
    terms, stage = state.terms, state.stage
    if stage in {Stage.INQUIRY, Stage.WILLING}:
        return [ev.WillContinue(plate)]
    if stage is Stage.ASKING:
        return [ev.Match(plate) if n else ev.Waive(plate)]
    if stage is Stage.PAUSED:
        return [ev.Resume()]
    if stage is Stage.SETTLING:
        points = tuple((rung[3], Decimal(10 * n)) for rung in state.standing)
        return [ev.ReserveRevealed(yuan(40 + 10 * n)), ev.LotteryDrawn(plate), ev.PointsGiven("plan", points)]
    if terms.cap is not None and stage is Stage.SECOND:
        return [ev.Bid2(plate, Decimal(n))]
    if terms.cap is not None:
        return [ev.OfferMade(plate, terms.cap.price, confirmed=True)]
    if terms.format is Format.DUTCH:
        return [ev.Accept(plate)] if n == 0 else []
    if terms.format is Format.JAPANESE:
        return [ev.StayIn(plate)]
    if terms.format is Format.TURN_BASED:
        last = state.seats[plate].last
        return [] if last is None else [ev.TurnBid(plate, last.amount.yuan - 5 - n)]
    if terms.sealed:
        return [ev.SealedMade(plate, "digest"), ev.OfferMade(plate, yuan(50 - n), confirmed=True)]
    return []


class Life(RuleBasedStateMachine):
    """One auction of any format; a model of what its parties have been shown lives beside it."""

    @initialize(terms=printed(), openings=st.lists(st.integers(120, 200), min_size=4, max_size=4))
    def start(self, terms: Terms, openings: list[int]) -> None:
        self.terms, self.now = terms, START
        self.state = begin(Terms.from_plain(terms.to_plain()), PLATES)
        self.story: list[tuple[ev.Event, datetime]] = []
        self.views = {viewer: snapshot(self.state, viewer) for viewer in VIEWERS}
        self.own = {plate: dict(private(None, self.state, plate) or {}) for plate in PLATES}
        self.memo = sight.Memo()
        if terms.format is Format.TURN_BASED:
            for plate, half in zip(PLATES, openings, strict=True):
                self.attempt(ev.OfferMade(plate, yuan(str(half / 2))))
        self.attempt(ev.Begin())

    def attempt(self, event: ev.Event) -> None:
        before = self.state
        try:
            after = apply(before, event_from_plain(json.loads(json.dumps(event.to_plain()))), self.now)
        except Refusal:
            assert self.state is before
            return
        self.story.append((event, self.now))
        self.check(before, after)
        self.state = after

    def check(self, before: State, after: State) -> None:
        if after is before:
            return
        assert after.version == before.version + 1
        if before.stage in OPEN and after.stage in OPEN:  # a phase of its own has an end of its own
            assert before.ends_at is not None
            assert after.ends_at is not None
            assert after.ends_at >= before.ends_at
        assert after.offers[: len(before.offers)] == before.offers[:]
        if before.standing and after.stage not in OVER:
            assert after.standing[0][:2] <= before.standing[0][:2] or after.terms.turns is not None
        for viewer, view in self.views.items():
            told = news(before, after, viewer)
            assert news(before, after, viewer, self.memo) == told
            self.views[viewer] = merged(view, told)
        alone = {plate: private(before, after, plate) for plate in PLATES}
        told_at_once = dict(sight.privates(before, after, PLATES, self.memo.places))
        assert told_at_once == {plate: told for plate, told in alone.items() if told is not None}
        for plate, own in self.own.items():
            told = dict(alone[plate] or {})
            own["own"] = own["own"] + told.pop("own", [])
            own.update(told)

    @rule(event=attempts, wait=st.sampled_from((0, 1, 7, 31)))
    def somebody_tries(self, event: ev.Event, wait: int) -> None:
        self.now += timedelta(seconds=wait)
        self.attempt(event)

    @rule(plate=st.sampled_from(PLATES), better=st.sampled_from((0, 5, 10)))
    @precondition(lambda self: self.terms.format in OPEN_PRICES | {Format.BLIND_REVERSE, Format.SMALL})
    def somebody_offers_sensibly(self, plate: str, better: int) -> None:
        best = self.state.best
        first = self.terms.first_minor or 0
        minor = first if best is None else best.amount.minor - self.terms.sign * (500 + better * 100)
        if minor > 0:
            self.attempt(ev.OfferMade(plate, yuan(str(minor / 100)), confirmed=True))

    @rule()
    def somebody_seals_everything_open(self) -> None:
        """The custodian opens whatever waits for it."""
        shut = sorted(p for p, seat in self.state.seats.items() if seat.sealed is not None)
        if self.state.stage is Stage.SETTLING and shut:
            self.attempt(ev.SealedRevealed(tuple(ev.Opened(p, yuan(50 + n)) for n, p in enumerate(shut))))
        for plate, seat in self.state.seats.items():
            if self.state.stage is Stage.SETTLING and seat.limit_digest is not None:
                self.attempt(ev.LimitRevealed(plate, yuan(60)))

    @rule(plate=st.sampled_from(PLATES), n=st.integers(0, 5))
    def somebody_does_what_is_asked_for(self, plate: str, n: int) -> None:
        """What this format and stage are about, so that lives reach their ends."""
        for event in fitting(self.state, plate, n):
            self.attempt(event)

    @rule()
    def time_passes(self) -> None:
        moment = due(self.state)
        if moment is not None:
            self.now = max(self.now, moment)
            before = self.state
            self.attempt(ev.Tick())
            assert self.state is not before, "what is due changes something"

    @invariant()
    def the_story_gives_the_state(self) -> None:
        if hasattr(self, "story"):
            assert replay(self.terms, PLATES, self.story) == self.state

    @invariant()
    def views_and_news_agree(self) -> None:
        if hasattr(self, "views"):
            for viewer, view in self.views.items():
                assert view == snapshot(self.state, viewer)
            for plate, own in self.own.items():
                assert own == private(None, self.state, plate)

    @invariant()
    def the_standing_is_in_order_and_everybody_once(self) -> None:
        if hasattr(self, "state"):
            standing = self.state.standing
            assert list(standing) == sorted(standing)
            assert len({rung[3] for rung in standing}) == len(standing)
            assert [one.seq for one in self.state.offers] == list(range(1, len(self.state.offers) + 1))
            for key in ("k1", "k2", "k3"):
                taken = receipt_of(self.state, key)
                assert taken is None or self.state.offers[taken.seq - 1].key == key

    @invariant()
    def what_is_over_has_an_outcome_and_stays(self) -> None:
        if hasattr(self, "state"):
            assert (self.state.outcome is not None) == (self.state.stage in OVER)
            assert self.state.stage not in OVER or due(self.state) is None


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@given(
    printed(Format.ASCENDING),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(PLATES), st.integers(15, 200)), max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_an_ascending_auction_only_rises_and_never_closes_early(
    terms: Terms, tries: list[tuple[int, str, int]]
) -> None:
    state, now = apply(begin(terms, PLATES), ev.Begin(), START), START
    for wait, plate, amount in tries:
        now += timedelta(seconds=wait)
        before, best = state, state.best
        try:
            state = apply(state, ev.OfferMade(plate, yuan(amount), confirmed=True), now)
        except Refusal:
            assert state is before
            continue
        assert before.ends_at is not None
        assert state.ends_at is not None
        assert state.ends_at >= before.ends_at > now
        made = state.offers[len(before.offers)]
        assert made.kind is Kind.OFFER
        assert made.amount >= yuan(20) if best is None else made.amount >= best.amount + yuan(5)
