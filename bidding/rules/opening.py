"""The opening: at the deadline and not before, with enough bids, in windows of their own.

Source: rules.md §3.1 (O-01…O-13), §3.2, §3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kernel.errors import NotNow, NotValid
from kernel.rulebook import Limit, Rulebook


class Quorum(StrEnum):
    """What the number of delivered bids means at the deadline."""

    OPEN = "open"
    FAIL = "fail"  # nothing is opened, nothing may be released


class FewOpened(StrEnum):
    """What the documents print for the case that fewer than the minimum could be opened."""

    CONTINUE = "continue"
    FAIL = "fail"
    ASK_PANEL = "ask_panel"  # default: §2.8 decides


def require_deadline_passed(closes_at: datetime, now: datetime) -> None:
    """Refuse to close or open anything before the deadline printed in the notice.

    Raises:
        NotNow: ``bids_still_open``.

    Source: 招标投标法 第三十四条, 第三十六条 (O-01, O-02).
    """
    if now < closes_at:
        raise NotNow("bids_still_open", source="招标投标法 第三十四条", closes_at=closes_at)


def quorum(
    delivered: int, least: Limit | None, *, round_number: int = 1, law: Rulebook | None = None
) -> Quorum:
    """Whether enough bids were delivered to open any.

    Args:
        delivered: complete bids at the deadline, replaced and withdrawn ones not counted.
        least: the row of the procedure (``Procedure.bids_min``), None where one bid is enough.
        round_number: 1 for the first tender; from the second on a local law may let fewer continue.
        law: the tender's book, needed for that exception.

    No bid at all always fails.

    Source: 招标投标法 第二十八条; 招标投标法实施条例 第四十四条; 政府采购法 第三十六条 (O-06);
    重庆市招标投标条例.
    """
    if delivered <= 0:
        return Quorum.FAIL
    if least is None or delivered >= least.count:
        return Quorum.OPEN
    again = law.get("second_round_may_continue_below_min") if law is not None else None
    if round_number > 1 and again is not None and again.flag:
        return Quorum.OPEN
    return Quorum.FAIL


@dataclass(frozen=True, slots=True)
class Windows:
    """The timers of one opening, as durations in force for it."""

    sign_in: timedelta
    decryption: timedelta
    extension: timedelta
    extensions_max: int
    objections_least: timedelta
    signing: timedelta


def windows(law: Rulebook, printed: dict[str, int] | None = None) -> Windows:
    """The timers: the law's defaults, or minutes the documents print inside the ranges.

    Args:
        law: the tender's book.
        printed: minutes by row name (``sign_in_minutes``, ``decryption_minutes``, …).

    Raises:
        NotValid: ``timer_out_of_range``, ``timer_unknown``.

    Source: rules.md §3.2.
    """
    told = dict(printed or {})

    def minutes(name: str) -> timedelta:
        limit = law[name]
        value = told.pop(name, limit.count)
        least = limit.op == ">=" and value >= limit.count
        if not (least or limit.allows(value)):
            raise NotValid("timer_out_of_range", source=limit.source, field=name, minutes=value)
        return timedelta(minutes=value)

    result = Windows(
        sign_in=minutes("sign_in_minutes"),
        decryption=minutes("decryption_minutes"),
        extension=minutes("decryption_extension_minutes"),
        extensions_max=law["decryption_extensions_max"].count,
        objections_least=minutes("opening_objection_minutes_min"),
        signing=minutes("record_signing_minutes"),
    )
    if told:
        raise NotValid("timer_unknown", source="rules.md §3.2", names=sorted(told))
    return result


def extended(until: datetime, times_before: int, reason: str, timers: Windows, *, now: datetime) -> datetime:
    """The new end of a decryption window that the host extends.

    Raises:
        NotNow: ``window_over``; ``no_extension_left``.
        NotValid: ``reason_missing``.

    Source: rules.md §3.2.
    """
    if now >= until:
        raise NotNow("window_over", source="rules.md §3.2", until=until)
    if times_before >= timers.extensions_max:
        raise NotNow("no_extension_left", source="rules.md §3.2", most=timers.extensions_max)
    if not reason.strip():
        raise NotValid("reason_missing", source="rules.md §3.2", field="reason")
    return until + timers.extension


def require_session_closable(
    *, read_out_at: datetime | None, open_objections: int, timers: Windows, now: datetime
) -> None:
    """Refuse to close the opening session before everything was read, heard and answered.

    Raises:
        NotNow: ``not_read_out``, ``objection_open``, ``objection_window_open``, in that order.

    Source: 招标投标法 第三十六条; 招标投标法实施条例 第四十四条 (T-109, O-13).
    """
    if read_out_at is None:
        raise NotNow("not_read_out", source="招标投标法 第三十六条")
    if open_objections:
        raise NotNow("objection_open", source="招标投标法实施条例 第四十四条", open=open_objections)
    ends_at = read_out_at + timers.objections_least
    if now < ends_at:
        raise NotNow("objection_window_open", source="招标投标法实施条例 第四十四条", ends_at=ends_at)


def after_decryption(opened: int, least: Limit | None, printed: FewOpened) -> FewOpened:
    """What follows when some bids could not be opened: the law counts delivered bids, the documents decide.

    Nothing opened at all fails. Source: rules.md §3.4, §10 trap 12.
    """
    if opened <= 0:
        return FewOpened.FAIL
    if least is None or opened >= least.count:
        return FewOpened.CONTINUE
    return printed
