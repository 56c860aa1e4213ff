"""The audit finds what a root user changes behind the triggers. Source: sealing §13 T7, T8."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from kernel.ledger import sequencer
from kernel.ledger.audit import audit_log
from kernel.ledger.guards import FROZEN
from kernel.rights import Role
from tests.support.house import House


def filled(house: House) -> None:
    house.person(Role.BUYER)
    house.person(Role.BIDDER)
    sequencer.sequence(house.platform)
    sequencer.tick(house.platform)
    sequencer.sequence(house.platform)


def as_root(house: House, *statements: str) -> None:
    """Change history as only a database administrator can: past the triggers."""
    with house.platform.database.writer.begin() as connection:
        for table in (*FROZEN, "log_record"):
            for deed in ("update", "delete"):
                connection.execute(sa.text(f"DROP TRIGGER IF EXISTS guard_{table}_{deed}"))
        for statement in statements:
            connection.execute(sa.text(statement))


def test_an_honest_log_is_clean(house: House) -> None:
    filled(house)

    audit = audit_log(house.platform)

    assert audit.findings == []
    assert audit.size == audit.records > audit.facts > 5
    assert audit.checkpoints == 2


def test_records_that_still_wait_for_a_place_are_no_finding(house: House) -> None:
    filled(house)
    house.org(Role.BUYER)

    assert audit_log(house.platform).clean


def test_triggers_refuse_to_rewrite_history(house: House) -> None:
    filled(house)
    for statement in (
        "UPDATE log_entry SET entry = x'00' WHERE idx = 1",
        "DELETE FROM fact",
        "UPDATE log_record SET jcs = x'00' WHERE idx = 1",
        "DELETE FROM log_checkpoint",
    ):
        with pytest.raises(sa.exc.IntegrityError), house.platform.database.writer.begin() as connection:
            connection.execute(sa.text(statement))


BACK_DATED = (
    "UPDATE log_record SET jcs = CAST(replace(jcs, '2026-11-23', '2026-11-22') AS BLOB) WHERE idx > 0"
)
FLIP = "CAST(substr({0}, 1, length({0}) - 1) || x'7e' AS BLOB)"


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        (f"UPDATE log_entry SET entry = {FLIP.format('entry')} WHERE idx = 2", "tile 0/0"),
        ("DELETE FROM log_entry WHERE idx = 2", "entry 2 is missing"),
        (f"UPDATE log_tile SET data = {FLIP.format('data')}", "tile 0/0"),
        (BACK_DATED, "its entry commits"),
        ("UPDATE log_record SET tender = 'X' WHERE idx = 1", "another type or tender"),
        ("UPDATE log_record SET salt2 = zeroblob(32) WHERE confidential IS NOT NULL", "confidential part"),
        ("DELETE FROM log_record WHERE idx = 3", "leaves have no record"),
        ("DELETE FROM fact WHERE seq = 1", "has no fact"),
        ("UPDATE fact SET body = '{}' WHERE body <> '{}'", "another story"),
        ("UPDATE fact SET seq = seq + 7", "a gap before it"),
        ("UPDATE log_head SET size = size - 1", "the head says"),
    ],
)
def test_a_change_behind_the_triggers_is_found(house: House, statement: str, word: str) -> None:
    filled(house)

    as_root(house, statement)

    assert any(word in finding for finding in audit_log(house.platform).findings)


def test_a_back_dated_record_put_in_the_middle_is_found(house: House) -> None:
    """T7: making room for a late record moves every later leaf away from the signed roots."""
    filled(house)

    as_root(
        house,
        "UPDATE log_entry SET idx = idx + 1000 WHERE idx >= 3",
        "UPDATE log_entry SET idx = idx - 999 WHERE idx >= 1000",
        "INSERT INTO log_entry SELECT 3, CAST(x'0101' || randomblob(32) AS BLOB)",
    )
    findings = audit_log(house.platform).findings

    assert any("checkpoint" in finding for finding in findings)
    assert any("no record" in finding for finding in findings)
