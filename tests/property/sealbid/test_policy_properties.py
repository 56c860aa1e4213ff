"""No friendly coalition ever reaches the threshold of an accepted policy."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from sealbid.errors import SealError
from sealbid.policy import require_sound_policy
from tests.sealing_kit import ORGS, a_policy, a_trust

POLICIES = {(t, n): a_policy(t=t, n=n) for n in range(2, 6) for t in range(2, n + 1)}


@given(
    st.sampled_from(sorted(POLICIES)),
    st.dictionaries(st.sampled_from(ORGS[2:]), st.sets(st.sampled_from(ORGS), max_size=2)),
)
@settings(deadline=None)
def test_an_accepted_policy_needs_somebody_independent(terms, controlled_by):
    policy = POLICIES[terms]
    friends = {"buyer-1", "centre-1"}
    for _ in ORGS:
        friends |= {org for org, masters in controlled_by.items() if masters & friends}
    hold = sum(custodian.org in friends for custodian in policy.custodians)

    accepted = False
    with suppress(SealError):
        require_sound_policy(
            policy, tenderer="buyer-1", operator="centre-1", controlled_by=controlled_by, trust=a_trust()
        )
        accepted = True

    assert accepted == (hold <= policy.t - 1)
