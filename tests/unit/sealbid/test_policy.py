"""A policy that two friends could open by themselves is no policy."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.policy import Policy, fingerprint, require_sound_policy
from sealbid.signatures import Trust
from sealbid.suites import suite_named
from tests.sealing_kit import OPENING, a_policy, a_trust, custodian_seed


def check(policy, *, controlled_by=None, trust=None):
    require_sound_policy(
        policy,
        tenderer="buyer-1",
        operator="centre-1",
        controlled_by=controlled_by or {},
        trust=trust or a_trust(),
    )


def refusal_of(act, *args, **kwargs):
    with pytest.raises(SealError) as refusal:
        act(*args, **kwargs)
    return refusal.value


def with_custodian(policy, x, **changes):
    custodians = tuple(replace(c, **changes) if c.x == x else c for c in policy.custodians)
    return replace(policy, custodians=custodians)


def test_the_default_policy_is_sound():
    check(a_policy())
    check(a_policy(t=3, n=4))


def test_two_of_three_among_tenderer_operator_and_supervisor_is_refused():
    refusal = refusal_of(check, a_policy(t=2, n=3))

    assert refusal.code == "policy_sp1"
    assert refusal.facts == {"orgs": ["buyer-1", "centre-1"], "t": 2}


@pytest.mark.parametrize(
    ("controlled_by", "sound"),
    [
        ({"guild-1": {"buyer-9"}}, True),
        ({"guild-1": {"buyer-1"}}, False),
        ({"guild-1": {"holding"}, "holding": {"centre-1"}}, False),
        ({"guild-1": {"holding"}, "holding": {"guild-1"}}, True),
        ({"buyer-1": {"guild-1"}}, True),
    ],
    ids=["a stranger's", "the buyer's", "the operator's grandchild", "a circle", "the buyer's parent"],
)
def test_controlled_entities_count_as_their_masters(controlled_by, sound):
    if sound:
        check(a_policy(), controlled_by=controlled_by)
    else:
        assert refusal_of(check, a_policy(), controlled_by=controlled_by).code == "policy_sp1"


def test_t_minus_one_shares_in_friendly_hands_are_the_limit():
    controlled = {"guild-1": {"buyer-1"}}

    check(a_policy(t=4), controlled_by=controlled)
    assert refusal_of(check, a_policy(t=3), controlled_by=controlled).code == "policy_sp1"


@pytest.mark.parametrize(("t", "n"), [(1, 5), (6, 5), (2, 1)])
def test_impossible_thresholds_are_refused(t, n):
    assert refusal_of(check, a_policy(t=t, n=n)).code == "policy_threshold"


def test_more_than_sixteen_custodians_are_refused():
    assert refusal_of(check, a_policy(t=3, n=17)).code == "policy_threshold"


def test_each_refusal_of_form_has_its_code():
    policy = a_policy()
    first, second = policy.custodians[0], policy.custodians[1]
    cases = {
        "policy_custodians": replace(policy, custodians=policy.custodians[::-1]),
        "policy_orgs_not_distinct": with_custodian(policy, 3, org=first.org),
        "policy_role": with_custodian(policy, 1, role="notary"),
        "policy_suites": replace(policy, suites=("intl-1", "intl-1")),
        "policy_parts": replace(policy, parts=()),
        "policy_lock": replace(policy, lock="always"),
        "policy_times": replace(policy, opening=OPENING - timedelta(seconds=1)),
        "policy_key_format": with_custodian(policy, 1, pk=bytes(32)),
        "policy_key_expires": with_custodian(policy, 1, not_after=OPENING - timedelta(seconds=1)),
        "policy_key_unsigned": with_custodian(policy, 1, pk=bytes(1216)),
    }

    assert {refusal_of(check, changed).code: code for code, changed in cases.items()} == {
        code: code for code in cases
    }
    assert refusal_of(check, with_custodian(policy, 2, pk=first.pk)).code == "policy_orgs_not_distinct"
    assert refusal_of(check, with_custodian(policy, 3, role="tenderer")).code == "policy_role"
    assert refusal_of(check, with_custodian(policy, 2, role="bank")).code == "policy_role"
    assert refusal_of(check, replace(policy, suites=("intl-1", "intl-0"))).code == "policy_suites"
    assert refusal_of(check, replace(policy, parts=("price", "price"))).code == "policy_parts"
    assert second.x == 2


def test_a_key_swapped_by_the_server_is_refused_naming_the_custodian():
    other = suite_named("intl-1").public_key(custodian_seed(99))

    refusal = refusal_of(check, with_custodian(a_policy(), 4, pk=other))

    assert (refusal.code, refusal.facts) == ("policy_key_unsigned", {"x": 4, "why": "bad_signature"})


def test_a_key_statement_of_another_tender_is_refused():
    refusal = refusal_of(check, a_policy(tender="T-2"))

    assert (refusal.code, refusal.facts) == ("policy_key_unsigned", {"x": 1, "why": "bad_signature"})


def test_a_signature_that_nothing_ties_to_the_organization_is_refused():
    refusal = refusal_of(check, a_policy(), trust=Trust(OPENING))

    assert (refusal.code, refusal.facts) == ("policy_key_unsigned", {"x": 1, "why": "signer_unknown"})


def test_a_policy_goes_to_bytes_and_back():
    policy = a_policy(
        lock="optional", prev="ab" * 32, sealer=("cd" * 32,), log=("v",), witness="w", grace_s=5
    )

    assert Policy.decode(policy.encode()) == policy
    assert Policy.decode(policy.encode()).digest == policy.digest


@pytest.mark.parametrize(
    "change",
    [
        {"n": 4},
        {"v": 2},
        {"v": True},
        {"x": 1},
        {"t": "3"},
        {"t": True},
        {"tender": ""},
        {"deadline": "2027-03-01T01:00:00+00:00"},
        {"deadline": "2027-3-1T01:00:00Z"},
        {"parts": ["Price"]},
        {"parts": "price"},
        {"sealer": ["AB"]},
        {"prev": "ab"},
        {"min_bids": 0},
        {"custodians": [{}]},
    ],
    ids=str,
)
def test_a_policy_out_of_form_is_refused(change):
    found = a_policy().to_json() | change

    assert refusal_of(Policy.decode, jcs.encode(found)).code == "policy_format"


def test_a_missing_field_or_a_foreign_key_id_is_refused():
    found = a_policy().to_json()
    missing = {name: value for name, value in found.items() if name != "witness"}
    foreign = a_policy().to_json()
    foreign["custodians"][0]["kid"] = "0" * 16

    assert refusal_of(Policy.from_json, missing).code == "policy_format"
    assert refusal_of(Policy.from_json, foreign).code == "policy_format"


def test_every_field_changes_the_digest():
    policy = a_policy()
    others = [
        replace(policy, **change)
        for change in (
            {"tender": "T-2"},
            {"t": 4},
            {"deadline": OPENING - timedelta(seconds=1)},
            {"min_bids": 2},
            {"grace_s": 1},
            {"lock": "optional"},
            {"witness": "w"},
            {"custodians": policy.custodians[:4]},
        )
    ]

    assert len({policy.digest, *(other.digest for other in others)}) == 9


def test_instants_are_aware_and_whole():
    for deadline in (OPENING.replace(tzinfo=None), OPENING + timedelta(microseconds=1)):
        assert refusal_of(a_policy(deadline=deadline).encode).code == "policy_format"


def test_the_fingerprint_is_four_groups_of_four_digits():
    assert fingerprint(bytes.fromhex("972dac1e83b3f6f7" + "00" * 24)) == "972d ac1e 83b3 f6f7"


def test_custodians_are_found_by_number():
    assert a_policy().custodian(3).org == "bureau-1"
    assert refusal_of(a_policy().custodian, 6).code == "custodian_unknown"
