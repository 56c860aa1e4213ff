"""Who may write in the opening hall, how much and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bidding.rules.speaking import (
    LENGTH_MAX,
    PACE_MESSAGES,
    PACE_WINDOW,
    REPEAT_WINDOW,
    Voice,
    is_repeat,
    message_text,
    require_pace,
    require_voice,
    voice,
)
from kernel.errors import NotAllowed, NotValid, TooMany

NOW = datetime(2026, 11, 18, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hosts", "keeps", "supervises", "named", "expected"),
    [
        (True, True, False, False, Voice.HOST),  # the buyer keeps a share too
        (False, True, True, False, Voice.CUSTODIAN),
        (False, False, True, False, Voice.SUPERVISOR),
        (False, False, False, True, Voice.BIDDER),
        (False, False, False, False, None),
    ],
)
def test_everybody_writes_in_one_capacity(
    hosts: bool, keeps: bool, supervises: bool, named: bool, expected: Voice | None
) -> None:
    assert voice(hosts=hosts, keeps_share=keeps, supervises=supervises, named=named) is expected


def test_who_has_no_capacity_is_refused_without_a_word_about_bids() -> None:
    assert require_voice(Voice.BIDDER) is Voice.BIDDER
    with pytest.raises(NotAllowed) as no:
        require_voice(None)
    assert (no.value.code, dict(no.value.details)) == ("hall_no_voice", {})


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  各投标人好\r\n请释放钥匙 ", "各投标人好\n请释放钥匙"),
        ("a\x00b\x07c", "abc"),
        ("100\u202e001", "100001"),
        ("<b>1 & 2</b>", "<b>1 & 2</b>"),  # escaped where it is shown, kept as typed
        ("字" * LENGTH_MAX, "字" * LENGTH_MAX),
    ],
)
def test_a_message_is_kept_as_it_can_be_read(typed: str, kept: str) -> None:
    assert message_text(typed) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "text_missing"),
        (" \r\n\t", "text_missing"),
        ("\u202e\x00", "text_missing"),
        ("字" * (LENGTH_MAX + 1), "text_too_long"),
    ],
)
def test_an_empty_or_endless_message_is_refused(typed: str, code: str) -> None:
    with pytest.raises(NotValid) as no:
        message_text(typed)
    assert (no.value.code, no.value.field) == (code, "text")


def test_the_pace_is_limited_within_a_minute_and_not_beyond() -> None:
    last = [NOW - timedelta(seconds=n) for n in range(PACE_MESSAGES)]

    require_pace(last[1:], NOW)
    require_pace([*last[1:], NOW - PACE_WINDOW], NOW)
    with pytest.raises(TooMany) as no:
        require_pace(last, NOW)

    assert no.value.code == "hall_pace"


def test_the_same_words_again_are_one_message_for_a_few_seconds() -> None:
    just_now = NOW - REPEAT_WINDOW + timedelta(milliseconds=1)

    assert is_repeat("好", "好", just_now, NOW)
    assert not is_repeat("好", "好", NOW - REPEAT_WINDOW, NOW)
    assert not is_repeat("好", "不好", just_now, NOW)
