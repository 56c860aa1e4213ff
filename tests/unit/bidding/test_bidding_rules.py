"""Handing in, bonds (EX-19), and the opening."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bidding.rules import accounts, bonds, opening, submission
from bidding.rules.opening import FewOpened, Quorum
from bidding.rules.states import BidState
from bidding.rules.submission import Cause, Loss
from kernel import rulebook
from kernel.calendar import Calendar, without_notice
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from trading.procedures import LISTING, OPEN
from trading.rules.bonds import lot_bonds
from trading.rules.lifecycle import Stage

CALENDAR = Calendar([without_notice(2026), without_notice(2027)])
NOW = datetime(2026, 12, 21, 1, tzinfo=UTC)
A_MICROSECOND = timedelta(microseconds=1)
TM = rulebook.in_force("TM", "CN", NOW)
CHONGQING = rulebook.in_force("TM", "CN-50", NOW)
GP = rulebook.in_force("GP", "CN", NOW)


def test_bids_are_taken_from_the_opening_of_the_box_until_the_deadline() -> None:
    opens_at = NOW - timedelta(days=20)

    submission.require_open_for_bids(opens_at=opens_at, closes_at=NOW, now=opens_at)
    submission.require_open_for_bids(opens_at=opens_at, closes_at=NOW, now=NOW - A_MICROSECOND)
    with pytest.raises(NotNow, match="bids_not_open_yet"):
        submission.require_open_for_bids(opens_at=opens_at, closes_at=NOW, now=opens_at - A_MICROSECOND)
    with pytest.raises(NotNow, match="bids_closed"):
        submission.require_open_for_bids(opens_at=opens_at, closes_at=NOW, now=NOW)


@pytest.mark.parametrize(
    ("committed", "last_byte", "grace", "counts"),
    [(-2, -1, 0, True), (-1, 0, 0, False), (-1, 59, 60, True), (-1, 60, 60, False), (0, 30, 60, False)],
)
def test_c_07_a_bid_arrives_with_its_last_byte(
    committed: int, last_byte: int, grace: int, counts: bool
) -> None:
    arrived = submission.arrived_in_time(
        committed_at=NOW + timedelta(seconds=committed),
        last_byte_at=NOW + timedelta(seconds=last_byte),
        closes_at=NOW,
        grace=timedelta(seconds=grace),
    )

    assert arrived is counts


def test_c_07_bytes_do_not_arrive_before_their_commitment() -> None:
    with pytest.raises(ValueError, match="follows"):
        submission.arrived_in_time(committed_at=NOW, last_byte_at=NOW - A_MICROSECOND, closes_at=NOW)
    with pytest.raises(ValueError, match="grace"):
        submission.arrived_in_time(committed_at=NOW, last_byte_at=NOW, closes_at=NOW, grace=-A_MICROSECOND)


def test_a_bid_is_replaced_or_taken_back_before_the_deadline_only() -> None:
    submission.require_replaceable(closes_at=NOW, now=NOW - A_MICROSECOND)
    with pytest.raises(NotNow, match="bids_closed"):
        submission.require_replaceable(closes_at=NOW, now=NOW)


def test_a_bid_has_a_size() -> None:
    submission.require_small_enough(500, 500)
    with pytest.raises(NotValid, match="bid_too_large"):
        submission.require_small_enough(501, 500)
    with pytest.raises(NotValid, match="bid_empty"):
        submission.require_small_enough(0, 500)


@pytest.mark.parametrize(
    ("cause", "loss"),
    [
        (Cause.BIDDER, Loss.REVOKED),
        (Cause.PLATFORM, Loss.WITHDRAWN),
        (Cause.CUSTODIANS, Loss.WITHDRAWN),
        (Cause.TENDERER, Loss.WITHDRAWN),
    ],
)
def test_o_09_the_cause_decides_between_revoked_and_withdrawn(cause: Cause, loss: Loss) -> None:
    assert submission.loss_of(cause) is loss


def test_ex_19_interest_on_a_bond() -> None:
    earned = bonds.interest(Money.from_yuan(800_000), days=60, yearly_rate=Decimal("0.002"))

    assert earned == Money.from_yuan("266.67")


def test_interest_runs_forward_at_a_rate() -> None:
    assert bonds.interest(Money(100), days=0, yearly_rate=1) == Money(0)
    with pytest.raises(ValueError, match="forward"):
        bonds.interest(Money(100), days=-1, yearly_rate=1)
    assert bonds.days_held(date(2026, 12, 1), date(2027, 1, 30)) == 60
    with pytest.raises(ValueError, match="follows"):
        bonds.days_held(date(2026, 12, 2), date(2026, 12, 1))


SIGNED = datetime(2026, 12, 28, 2, tzinfo=UTC)
LETTER = datetime(2026, 12, 10, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("law", "winner", "candidate", "signed", "rule", "last_day"),
    [
        (TM, True, True, True, "T-116", "2027-01-04"),
        (TM, False, True, True, "T-116", "2027-01-04"),
        (TM, False, False, False, None, None),
        (CHONGQING, False, False, False, "T-123", "2026-12-15"),
        (CHONGQING, False, True, False, None, None),
        (GP, True, True, True, "T-228", "2027-01-05"),
        (GP, False, True, False, "T-228", "2026-12-17"),
        (GP, True, True, False, None, None),
    ],
)
def test_dv_8_a_bond_goes_back_by_its_day(
    law: rulebook.Rulebook,
    winner: bool,
    candidate: bool,
    signed: bool,
    rule: str | None,
    last_day: str | None,
) -> None:
    found = bonds.refund_due(
        law,
        winner=winner,
        candidate=candidate,
        letter_at=LETTER,
        contract_at=SIGNED if signed else None,
        calendar=CALENDAR,
    )

    assert (found.rule if found else None) == rule
    assert (found.last_day.isoformat() if found else None) == last_day


def test_t_117_a_bond_taken_back_early_runs_from_the_notice_of_it() -> None:
    found = bonds.refund_due(TM, winner=False, withdrawn_at=SIGNED, calendar=CALENDAR)

    assert found is not None
    assert found.rule == "T-117"


@pytest.mark.parametrize(
    ("kept", "loss", "is_winner", "lawful"),
    [
        (bonds.Kept.REVOKED, Loss.REVOKED, False, True),
        (bonds.Kept.REVOKED, Loss.WITHDRAWN, False, False),
        (bonds.Kept.REVOKED, None, True, False),
        (bonds.Kept.NO_CONTRACT, None, True, True),
        (bonds.Kept.NO_CONTRACT, None, False, False),
        (bonds.Kept.NO_PERFORMANCE_BOND, None, True, True),
    ],
)
def test_a_bond_is_kept_for_a_listed_reason_only(
    kept: bonds.Kept, loss: Loss | None, is_winner: bool, lawful: bool
) -> None:
    if lawful:
        bonds.require_ground_to_keep(kept, loss=loss, is_winner=is_winner)
    else:
        with pytest.raises(NotValid, match="bond_must_be_returned"):
            bonds.require_ground_to_keep(kept, loss=loss, is_winner=is_winner)


def test_o_01_bids_cannot_be_opened_a_microsecond_early() -> None:
    opening.require_deadline_passed(NOW, NOW)
    with pytest.raises(NotNow, match="bids_still_open"):
        opening.require_deadline_passed(NOW, NOW - A_MICROSECOND)


@pytest.mark.parametrize(
    ("law", "delivered", "round_number", "expected"),
    [
        (TM, 3, 1, Quorum.OPEN),
        (TM, 2, 1, Quorum.FAIL),
        (TM, 2, 2, Quorum.FAIL),
        (TM, 0, 2, Quorum.FAIL),
        (CHONGQING, 2, 1, Quorum.FAIL),
        (CHONGQING, 2, 2, Quorum.OPEN),
        (CHONGQING, 0, 2, Quorum.FAIL),
        (GP, 2, 2, Quorum.FAIL),
    ],
)
def test_o_06_fewer_than_three_bids_open_nothing(
    law: rulebook.Rulebook, delivered: int, round_number: int, expected: Quorum
) -> None:
    found = opening.quorum(delivered, OPEN.bids_min(law), round_number=round_number, law=law)

    assert found is expected


def test_where_one_is_enough_one_opens_and_none_does_not() -> None:
    assert opening.quorum(1, LISTING.bids_min(TM)) is Quorum.OPEN
    assert opening.quorum(0, LISTING.bids_min(TM)) is Quorum.FAIL


def test_timers_have_defaults_and_ranges() -> None:
    timers = opening.windows(TM, {"decryption_minutes": 120, "opening_objection_minutes_min": 30})

    assert timers.sign_in == timedelta(minutes=60)
    assert timers.decryption == timedelta(minutes=120)
    assert timers.objections_least == timedelta(minutes=30)
    assert timers.signing == timedelta(minutes=20)
    assert opening.windows(TM, {"decryption_minutes": 15}).decryption == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        ({"decryption_minutes": 14}, "timer_out_of_range"),
        ({"decryption_minutes": 121}, "timer_out_of_range"),
        ({"sign_in_minutes": 29}, "timer_out_of_range"),
        ({"opening_objection_minutes_min": 9}, "timer_out_of_range"),
        ({"tea_minutes": 5}, "timer_unknown"),
    ],
)
def test_timers_outside_their_ranges_are_refused(printed: dict[str, int], code: str) -> None:
    with pytest.raises(NotValid, match=code):
        opening.windows(TM, printed)


def test_a_window_is_extended_twice_with_a_reason_while_it_runs() -> None:
    timers, before = opening.windows(TM), NOW - A_MICROSECOND

    assert opening.extended(NOW, 1, "power cut", timers, now=before) == NOW + timedelta(minutes=15)
    with pytest.raises(NotNow, match="no_extension_left"):
        opening.extended(NOW, 2, "power cut", timers, now=before)
    with pytest.raises(NotNow, match="window_over"):
        opening.extended(NOW, 0, "power cut", timers, now=NOW)
    with pytest.raises(NotValid, match="reason_missing"):
        opening.extended(NOW, 0, " ", timers, now=before)


@pytest.mark.parametrize(
    ("read", "open_objections", "minutes", "code"),
    [
        (True, 0, 10, None),
        (True, 0, 9, "objection_window_open"),
        (True, 1, 10, "objection_open"),
        (False, 0, 10, "not_read_out"),
    ],
)
def test_t_109_a_session_closes_when_everything_is_heard(
    read: bool, open_objections: int, minutes: int, code: str | None
) -> None:
    def close() -> None:
        opening.require_session_closable(
            read_out_at=NOW if read else None,
            open_objections=open_objections,
            timers=opening.windows(TM),
            now=NOW + timedelta(minutes=minutes),
        )

    if code is None:
        close()
    else:
        with pytest.raises(NotNow, match=code):
            close()


@pytest.mark.parametrize(
    ("opened", "printed", "expected"),
    [
        (3, FewOpened.FAIL, FewOpened.CONTINUE),
        (2, FewOpened.FAIL, FewOpened.FAIL),
        (2, FewOpened.ASK_PANEL, FewOpened.ASK_PANEL),
        (0, FewOpened.CONTINUE, FewOpened.FAIL),
    ],
)
def test_too_few_opened_follow_the_printed_rule(opened: int, printed: FewOpened, expected: FewOpened) -> None:
    assert opening.after_decryption(opened, OPEN.bids_min(TM), printed) is expected


CLOSES = datetime(2026, 12, 21, 1, tzinfo=UTC)
DUE = Money.from_yuan(500_000)


def money(yuan: int, *, before: timedelta = timedelta(hours=1), own: bool = True) -> bonds.Paid:
    return bonds.Paid(Money.from_yuan(yuan), CLOSES - before, own)


@pytest.mark.parametrize(
    ("paid", "own_only", "standing"),
    [
        ([], True, "none"),
        ([money(500_000)], True, "sound"),
        ([money(500_000, before=A_MICROSECOND)], True, "sound"),
        ([money(500_000, before=timedelta(0))], True, "late"),
        ([money(300_000), money(200_000)], True, "sound"),
        ([money(300_000), money(200_000, before=timedelta(0))], True, "late"),
        ([money(499_999)], True, "short"),
        ([money(500_000, own=False)], True, "other_payer"),
        ([money(500_000, own=False)], False, "sound"),
        ([money(400_000), money(100_000, own=False)], True, "other_payer"),
    ],
)
def test_rj_08_what_money_is_worth_as_a_bond(paid: list[bonds.Paid], own_only: bool, standing: str) -> None:
    assert bonds.standing_of_money(paid, due=DUE, closes_at=CLOSES, own_only=own_only) == standing


@pytest.mark.parametrize(
    ("amount", "until", "genuine", "filed", "standing"),
    [
        (500_000, date(2027, 3, 21), None, -1, "sound"),
        (500_000, date(2027, 3, 21), True, -1, "sound"),
        (500_000, date(2027, 3, 21), True, 0, "late"),
        (500_000, date(2027, 3, 20), None, -1, "ends_early"),
        (499_999, date(2027, 3, 21), None, -1, "short"),
        (500_000, date(2027, 3, 21), False, -1, "not_genuine"),
    ],
)
def test_t_121_what_a_guarantee_is_worth_as_a_bond(
    amount: int, until: date, genuine: bool | None, filed: int, standing: str
) -> None:
    given = bonds.Guaranteed(Money.from_yuan(amount), CLOSES + timedelta(hours=filed), until, genuine)
    binds = bonds.bind_until(CLOSES, 90)

    assert bonds.standing_of_guarantee(given, due=DUE, closes_at=CLOSES, binds_until=binds) == standing


def test_a_bidder_who_gave_several_bonds_is_judged_by_the_best() -> None:
    assert bonds.best_of([]) is bonds.Standing.NONE
    assert bonds.best_of([bonds.Standing.SHORT, bonds.Standing.SOUND]) is bonds.Standing.SOUND


def test_only_tendering_law_asks_for_the_basic_account() -> None:
    assert bonds.needs_own_account(TM)
    assert not bonds.needs_own_account(GP)


BACK = {"closed": True, "winner": False, "losers_at_award": False}


@pytest.mark.parametrize(
    ("stage", "states", "more", "why"),
    [
        ("tendering", [], {"closed": False}, None),
        ("tendering", ["committed"], {"closed": False}, None),
        ("tendering", ["complete"], {"closed": False}, None),
        ("tendering", ["withdrawn"], {"closed": False}, "withdrawn"),
        ("tendering", ["withdrawn", "complete"], {"closed": False}, None),
        ("opening", [], {}, "no_bid"),
        ("opening", ["replaced", "complete"], {}, None),
        ("opening", ["revoked"], {}, None),
        ("awarded", ["complete"], {}, None),
        ("awarded", ["complete"], {"losers_at_award": True}, "not_winner"),
        ("awarded", ["complete"], {"losers_at_award": True, "winner": True}, None),
        ("contracted", ["complete"], {"winner": True}, "contract"),
        ("contracted", ["revoked"], {}, "contract"),
        ("failed", ["complete"], {}, "failed"),
        ("terminated", [], {"closed": False}, "terminated"),
    ],
)
def test_a_bond_goes_back_when_its_event_comes(
    stage: str, states: list[str], more: dict[str, bool], why: str | None
) -> None:
    found = bonds.why_back(Stage(stage), [BidState(one) for one in states], **(BACK | more))

    assert found == why


@pytest.mark.parametrize(
    ("bond", "ceilings", "shares"),
    [
        (100, [700], [100]),
        (100, [100, 200], [33, 67]),
        (100, [1, 1, 1], [33, 33, 34]),
        (100, [0, 0], [50, 50]),
        (0, [5, 5], [0, 0]),
    ],
)
def test_every_lot_bears_its_share_of_the_bond(bond: int, ceilings: list[int], shares: list[int]) -> None:
    assert lot_bonds(Money(bond), [Money(one) for one in ceilings]) == [Money(one) for one in shares]


def test_a_tender_without_lots_has_no_shares() -> None:
    with pytest.raises(ValueError, match="lots"):
        lot_bonds(Money(1), [])


def test_accounts_and_names_are_compared_by_what_they_are() -> None:
    assert accounts.account("6222 0202-0001") == "622202020001"
    assert accounts.account("12") == ""
    assert accounts.same_name("阳光建设（集团）有限公司", "阳光建设(集团) 有限公司")
    assert not accounts.same_name("", "")
