"""How a file is shared out among houses, and what covers their logs."""

from __future__ import annotations

import pytest

from sealbid.note import KeyType, SignerKey
from sealbid.tlog import Policy
from simulation.replay_houses import one_trust, shares

WITNESS = SignerKey("witness.example", KeyType.COSIGNATURE, b"\x09" * 32).verifier


def trust(name: str, rest: str = "quorum w1\n") -> str:
    key = SignerKey(name, KeyType.ED25519, b"\x01" * 32).verifier
    return f"log {key}\nwitness w1 {WITNESS}\n{rest}"


@pytest.mark.parametrize(
    ("total", "houses", "wanted"),
    [
        (0, 2, (1, 50)),
        (1, 2, (1, 1)),
        (19, 2, (1, 19)),
        (20, 2, (2, 10)),
        (60, 2, (2, 30)),
        (100, 2, (2, 50)),
        (101, 2, (2, 26)),
        (200, 2, (2, 50)),
        (200, 1, (1, 50)),
        (30, 9, (3, 10)),
        (1565, 2, (2, 49)),
    ],
)
def test_a_file_is_shared_out_evenly(total: int, houses: int, wanted: tuple[int, int]) -> None:
    count, cohort = shares(total, houses, 50, 10)

    assert (count, cohort) == wanted
    cohorts = -(-total // cohort)
    assert cohorts % count in (0, count - 1) or not total, "no house stands idle for a whole round"


def test_one_trust_file_knows_both_logs_and_the_witnesses_once() -> None:
    policy = Policy.parse(one_trust([trust("one.example"), trust("two.example")]))

    assert [key.name for key in policy.logs] == ["one.example", "two.example"]
    assert list(policy.witnesses) == ["w1"]


def test_houses_with_other_witnesses_or_the_same_log_have_no_common_trust() -> None:
    with pytest.raises(AssertionError, match="same witnesses"):
        one_trust([trust("one.example"), trust("two.example", "quorum none\n")])
    with pytest.raises(AssertionError, match="log of its own"):
        one_trust([trust("one.example"), trust("one.example")])
