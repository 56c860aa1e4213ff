"""The pure auction engine: begin, apply, due, replay, result. Values in, a value or a refusal out.

Source: rules §4.1–§4.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bidding.rules.auction import events as ev
from bidding.rules.auction.clocks import DutchScript, JapaneseScript
from bidding.rules.auction.listing import CappedScript, ListingScript
from bidding.rules.auction.opens import OpenScript
from bidding.rules.auction.script import Script, require_stage
from bidding.rules.auction.sealed import SealedScript
from bidding.rules.auction.state import OVER, Outcome, Result, Seat, Stage, State, Stopped, Taken
from bidding.rules.auction.terms import Format, Terms
from bidding.rules.auction.turns import TurnScript
from kernel.errors import NotNow, NotValid

_OPEN, _LISTING, _SEALED = OpenScript(), ListingScript(), SealedScript()
SCRIPTS: Mapping[Format, Script] = {
    Format.OPEN_REVERSE: _OPEN,
    Format.BLIND_REVERSE: _OPEN,
    Format.ASCENDING: _OPEN,
    Format.SMALL: _OPEN,
    Format.LISTING: _LISTING,
    Format.MULTI_OFFER: _LISTING,
    Format.CAPPED: CappedScript(),
    Format.SEALED_ROUNDS: _SEALED,
    Format.ONE_OFFER: _SEALED,
    Format.WEIGHTED: _SEALED,
    Format.DUTCH: DutchScript(),
    Format.JAPANESE: JapaneseScript(),
    Format.TURN_BASED: TurnScript(),
}
"""The rules of each format."""


def begin(terms: Terms, participants: Iterable[str] = ()) -> State:
    """An auction that waits for its start, with these plates admitted.

    Raises:
        NotValid: ``auction_plate_twice``.
    """
    seats: dict[str, Seat] = {}
    for plate in participants:
        if plate in seats:
            raise NotValid("auction_plate_twice", source="rules §4.5", plate=plate)
        seats[plate] = Seat(plate)
    return State(terms=terms, seats=seats, ends_at=None)


def apply(state: State, event: ev.Event, now: datetime) -> State:
    """What the event makes of the state at ``now``, the instant the core stamped on its arrival.

    Moments that came due up to ``now`` are lived through first, so a late ``Tick`` is untidy, never wrong: an
    offer stamped at or after the end is refused whether or not anybody has ticked. A repeated idempotency key
    gives back the very same state. A state that changed has ``version`` one higher.

    Raises:
        Refusal: the state is untouched; details hold ``server_time``.
        ValueError: ``now`` is before the latest change. The caller's clock must not run backwards.

    Source: rules §4.3 A-01, A-02, A-03, A-08, A-11.
    """
    if state.at is not None and now < state.at:
        raise ValueError("time runs backwards")
    key = getattr(event, "key", None)
    if key is not None and (seq := state.keys.get(key)) is not None:
        if state.offers[seq - 1].plate != event.plate:  # type: ignore[attr-defined]
            raise NotValid("auction_key_foreign", source="rules §4.3 A-08", server_time=now)
        return state
    ready = _lived(state, _until(event, state, now))
    script = SCRIPTS[state.terms.format]
    new = script.handle(ready, event, now) if type(event) not in _COMMON else _common(ready, event, now)
    if new is state:
        return state
    # The new value has not been seen by anybody yet, so its own two fields may still be written.
    new.__dict__["version"] = state.version + 1
    new.__dict__["at"] = now
    return new


def _until(event: ev.Event, state: State, now: datetime) -> datetime:
    """How far time is lived before the event: an outage stops the clock when it truly began."""
    if isinstance(event, ev.Pause) and event.since is not None:
        return min(now, max(event.since, state.at or event.since))
    return now


def _lived(state: State, now: datetime) -> State:
    while (at := due(state)) is not None and at <= now:
        state = _passed(state, at)
    return state


def due(state: State) -> datetime | None:
    """The next moment at which ``apply(state, Tick(), moment)`` changes something; None when there is none."""
    if state.stage in OVER:
        return None
    if state.stopped is not None:
        return state.stopped.resumes_at
    if state.stage is Stage.WAITING:
        drawn = state.terms.tail_seconds_max == 0 or state.special is _ARMED
        return state.terms.starts_at if drawn else None
    return SCRIPTS[state.terms.format].due(state)


def replay(terms: Terms, participants: Iterable[str], story: Iterable[tuple[ev.Event, datetime]]) -> State:
    """The state after everything that happened, exactly as the live engine had it. Source: rules §4.3 A-14."""
    state = begin(terms, participants)
    for event, at in story:
        state = apply(state, event, at)
    return state


def result(state: State) -> Result:
    """How it came out.

    Raises:
        NotNow: ``auction_still_running``.
    """
    if state.outcome is None:
        raise NotNow("auction_still_running", source="rules §4.3 A-11")
    return state.outcome


def receipt_of(state: State, key: str) -> Taken | None:
    """The offer taken under this idempotency key, as it was answered the first time (A-08)."""
    seq = state.keys.get(key)
    return None if seq is None else state.offers[seq - 1]


# Events that every format takes ----------------------------------------------------------------------------------

_ARMED = "armed"


def _common(state: State, event: ev.Event, now: datetime) -> State:
    if isinstance(event, ev.Tick):
        return state
    if isinstance(event, ev.Admit):
        return _admit(state, event, now)
    if isinstance(event, ev.Begin):
        return _begin(state, event, now)
    if isinstance(event, ev.Pause):
        return _pause(state, event, now)
    if isinstance(event, ev.Resume):
        return _resume(state, event, now)
    if isinstance(event, ev.ReserveRevealed):
        return _reserve(state, event, now)
    assert isinstance(event, ev.Cancelled)
    if state.stage in OVER:
        raise NotNow("auction_over", source="rules §4.3 A-11", server_time=now)
    made = Result(Outcome.CANCELLED, event.reason, None, None, ())
    return state.but(stage=Stage.CANCELLED, ends_at=None, shown_ends_at=None, stopped=None, outcome=made)


_COMMON = frozenset({ev.Tick, ev.Admit, ev.Begin, ev.Pause, ev.Resume, ev.ReserveRevealed, ev.Cancelled})


def _admit(state: State, event: ev.Admit, now: datetime) -> State:
    late = (Stage.RUNNING, Stage.PAUSED) if state.terms.listing is not None else ()
    require_stage_or_waiting(state, now, *late)
    if event.plate in state.seats:
        raise NotValid("auction_plate_twice", source="rules §4.5", server_time=now, plate=event.plate)
    return state.but(seats={**state.seats, event.plate: Seat(event.plate)})


def require_stage_or_waiting(state: State, now: datetime, *stages: Stage) -> None:
    """Refuse unless it has not begun or is in one of these stages."""
    if state.stage is not Stage.WAITING:
        require_stage(state, now, *stages)


def _begin(state: State, event: ev.Begin, now: datetime) -> State:
    if state.stage is not Stage.WAITING:
        raise NotNow("auction_begun", source="rules §4.3 A-02", server_time=now)
    terms = state.terms
    if not 0 <= event.tail_seconds <= terms.tail_seconds_max:
        raise NotValid(
            "auction_tail",
            source="rules §4.4",
            field="tail_seconds",
            server_time=now,
            most=terms.tail_seconds_max,
        )
    armed = state.but(tail=timedelta(seconds=event.tail_seconds), special=_ARMED)
    if terms.starts_at is not None and now < terms.starts_at:
        return armed
    return _started(armed, now)


def _started(state: State, at: datetime) -> State:
    script = SCRIPTS[state.terms.format]
    return script.woken(script.begin(state.but(special=None), at), at)


def _passed(state: State, at: datetime) -> State:
    if state.stopped is not None:
        return _resumed(state, at)
    if state.stage is Stage.WAITING:
        return _started(state, at)
    return SCRIPTS[state.terms.format].passed(state, at)


def _pause(state: State, event: ev.Pause, now: datetime) -> State:
    """Stop the clock. Source: 最高法网络司法拍卖规定 第二十八条; rules §4.7."""
    if state.stage in OVER or state.stage is Stage.SETTLING:
        raise NotNow("auction_over", source="rules §4.7", server_time=now)
    if state.stopped is not None:
        raise NotNow("auction_paused", source="rules §4.7", server_time=now)
    since = _until(event, state, now)
    left = state.ends_at - since if state.ends_at is not None else None
    shown = state.shown_ends_at - since if state.shown_ends_at is not None else None
    stopped = Stopped(event.reason, since, state.stage, left, shown)
    return state.but(stage=Stage.PAUSED, ends_at=None, shown_ends_at=None, stopped=stopped)


def _resume(state: State, event: ev.Resume, now: datetime) -> State:
    """Announce when it goes on: not before the printed notice has run.

    Raises:
        NotNow: ``auction_not_paused``; ``auction_resume_too_soon`` with the earliest moment.

    Source: rules §4.7.
    """
    if state.stopped is None:
        raise NotNow("auction_not_paused", source="rules §4.7", server_time=now)
    earliest = now + timedelta(minutes=state.terms.outage.resume_notice_minutes)
    at = event.resumes_at or earliest
    if at < earliest:
        raise NotNow("auction_resume_too_soon", source="rules §4.7", server_time=now, earliest=earliest)
    # Dataclass fields beside the announced moment stay; it may be announced again, later or sooner.
    old = state.stopped
    return state.but(
        stopped=Stopped(old.reason, old.since, old.stage, old.left, old.shown_left, resumes_at=at)
    )


def _resumed(state: State, at: datetime) -> State:
    """It goes on with the time that was left, and with no less than one extension or the printed minimum."""
    old = state.stopped
    assert old is not None
    stood = state.but(stage=old.stage, stopped=None)
    if old.stage is Stage.WAITING:
        return _lived_start(stood, at)
    if old.left is None:
        return stood
    script = SCRIPTS[state.terms.format]
    fresh = timedelta(seconds=script.least_left(stood))
    left = max(old.left, fresh)
    shown = None if old.shown_left is None else max(old.shown_left, fresh)
    stood = stood.but(ends_at=at + left, shown_ends_at=None if shown is None else at + shown)
    return script.woken(stood, at)


def _lived_start(state: State, at: datetime) -> State:
    printed = state.terms.starts_at
    return _started(state, at) if printed is not None and printed <= at and due(state) is not None else state


def _reserve(state: State, event: ev.ReserveRevealed, now: datetime) -> State:
    """The reserve is opened at the end, never before. Source: rules §4.3 A-12, §4.5 step 6."""
    if not state.terms.reserve or event.amount.currency != state.terms.currency:
        raise NotValid("auction_no_reserve", source="rules §4.3 A-12", server_time=now)
    if state.stage is not Stage.SETTLING:
        raise NotNow("auction_still_running", source="rules §4.3 A-12", server_time=now)
    if state.reserve is not None:
        raise NotNow("auction_reserve_open", source="rules §4.3 A-12", server_time=now)
    return SCRIPTS[state.terms.format].settle(state.but(reserve=event.amount), now)
