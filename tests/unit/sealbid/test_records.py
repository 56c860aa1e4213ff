"""Records: one shape, one spelling, one entry each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.octets import b64
from sealbid.records import (
    TYPES,
    EntryAlg,
    entry_of,
    format_ts,
    make_record,
    parse_record,
    parse_ts,
    private_digest,
    require_private,
    validate,
)

NOON = datetime(2027, 3, 1, 12, 0, 0, 123_999, tzinfo=UTC)


def a_record(**changed: Any) -> dict[str, Any]:
    return {**make_record("tick", NOON, "", {"n": 1}, by="log", salt=b"\x01" * 32), **changed}


def test_a_record_is_read_back_as_it_was_made() -> None:
    record = a_record()

    assert parse_record(jcs.encode(record)) == record
    assert record["ts"] == "2027-03-01T12:00:00.123Z"


def test_an_entry_is_34_bytes_that_hide_everything_but_the_hash() -> None:
    entry = entry_of(a_record())

    assert (len(entry), entry[:2]) == (34, b"\x01\x01")
    assert entry != entry_of(a_record(salt=b64(b"\x02" * 32)))
    assert entry_of(a_record(), EntryAlg.SM3)[:2] == b"\x01\x02"


def test_instants_are_written_in_utc_and_read_back() -> None:
    china = timezone(timedelta(hours=8))

    assert format_ts(datetime(2027, 3, 1, 9, tzinfo=china)) == "2027-03-01T01:00:00.000Z"
    assert parse_ts("2027-03-01T01:00:00.250Z") == datetime(2027, 3, 1, 1, 0, 0, 250_000, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(SealError, match="naive_time"):
        format_ts(datetime(2027, 3, 1))


@pytest.mark.parametrize(
    "text",
    [
        "2027-03-01T01:00:00Z",
        "2027-03-01 01:00:00.000Z",
        "2027-02-30T01:00:00.000Z",
        "2027-03-01T01:00:00.000+00:00",
        "2027-03-01T01:00:00.000z",
        "２027-03-01T01:00:00.000Z",
        5,
        None,
    ],
)
def test_other_spellings_of_an_instant_are_refused(text: object) -> None:
    with pytest.raises(SealError, match="bad_time"):
        parse_ts(text)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"t": "unheard"}, "record_type"),
        ({"v": 2}, "record_shape"),
        ({"v": True}, "record_shape"),
        ({"extra": 1}, "record_shape"),
        ({"body": []}, "record_shape"),
        ({"tender": 1}, "record_shape"),
        ({"sig": "x"}, "record_shape"),
        ({"salt": b64(b"\x01" * 31)}, "bad_base64"),
        ({"ts": "today"}, "bad_time"),
        ({"body": {"price": 1.5}}, "json_profile"),
        ({"body": {"Key": 1}}, "json_profile"),
    ],
)
def test_what_a_record_may_not_be(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(SealError, match=code):
        validate(a_record(**changed))


def test_a_record_with_a_member_missing_is_refused() -> None:
    record = a_record()
    del record["by"]

    with pytest.raises(SealError, match="record_shape"):
        validate(record)


def test_bytes_in_another_order_are_not_the_record() -> None:
    data = jcs.encode(a_record()).replace(b'{"body"', b'{ "body"')

    with pytest.raises(SealError, match="json_not_canonical"):
        parse_record(data)


def test_confidential_content_is_bound_by_its_digest() -> None:
    private, salt2 = {"shares": []}, b"\x05" * 32
    body = {"d": private_digest(private, salt2)}

    require_private(body, private, salt2)
    for other, salt in (({"shares": [1]}, salt2), (private, b"\x06" * 32)):
        with pytest.raises(SealError, match="private_digest"):
            require_private(body, other, salt)
    with pytest.raises(SealError, match="private_digest"):
        require_private({}, private, salt2)
    with pytest.raises(SealError, match="record_salt"):
        private_digest(private, b"short")


def test_all_types_of_the_specification_are_known() -> None:
    named = (
        "genesis policy notice clarification custodian-key custodian-ack bid-commit bid-complete "
        "bid-withdraw tender-close share-release bid-open draw-commit draw-result score-sheet report award "
        "contract objection decision sealer-release key-change admin-action auction auction-journal slip-commit "
        "slip-close tick"
    )

    assert set(named.split()) == TYPES
