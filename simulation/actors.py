"""Buyers, custodians, objectors and supervisors: each wakes up, looks at what is open, and makes a move."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bidding.actions import closing, custody, releasing, unsealing
from bidding.models import Bid, Opening, Seat
from bidding.rules.states import OpeningState
from evaluation.actions import awards, reports
from evaluation.models import EvaluationReport
from kernel.calendar import local_date
from kernel.errors import Refusal
from kernel.money import Money
from sealbid import records
from sealbid.envelope import unwrap_share
from sealbid.octets import b64
from simulation import deal as moves
from simulation import names
from simulation.affair import Affair
from simulation.bidders import bidder, late_bidder, secret_holder
from simulation.contracting import contract_step, filing
from simulation.panelists import panel_life
from simulation.plans import Plan
from simulation.world import Player
from simulation.year import Life, Year
from trading import actions as trading
from trading.models import Lot, Objection, Question
from trading.rules.lifecycle import Stage

_STILL = ("objection_open", "suspended")
_OVER = ("bids_closed", "tender_terminated", "already_answered")


def buyer(year: Year, player: Player, plan: Plan) -> Life:
    """A buyer with a need: from the draft to the contract, or to a failed or ended tender."""
    affair = _draft(year, player, plan)
    yield year.soon(5, 60)
    _publish(year, affair)
    _send_bidders(year, affair)
    for life in (
        panel_life(year, affair),
        _questions(year, affair),
        _supervisor(year, affair),
        _hasty(year, affair),
    ):
        year.live(life)
    if plan.document_objection:
        year.live(_document_objector(year, affair))
    if plan.terminate:
        year.live(_terminate(year, affair))
    while affair.lots(year, Stage.TENDERING):
        closes_at = affair.tender(year).bids_close_at
        yield closes_at if year.now < closes_at else year.soon(1, 3)
    opening = affair.opening(year)
    if opening is not None:
        _check_close(year, affair, opening)
        for life in _hall(year, affair, opening):
            year.live(life)
    while affair.living(year):
        for lot in affair.lots(year, Stage.EVALUATION, Stage.STANDSTILL):
            _decide(year, affair, lot)
        yield year.soon(60, 600)
    ended = ",".join(lot.stage for lot in affair.tender(year).lots)
    for lot in affair.tender(year).lots:
        year.count(f"lot {lot.stage}{' ' + lot.failed_for if lot.failed_for else ''}")
    year.tell(f"ended: {ended}", affair.deal)
    while affair.living(year) or affair.lots(year, Stage.AWARDED):
        yield year.soon(600, 3000)  # challenges may still come; then the contract is made, step by step
        while affair.living(year):
            for lot in affair.lots(year, Stage.EVALUATION, Stage.STANDSTILL):
                _decide(year, affair, lot)
            yield year.soon(60, 600)
        for lot in affair.lots(year, Stage.AWARDED):
            contract_step(year, affair, lot)
    if affair.plan.regime == "GP":
        year.live(filing(year, affair))


def _draft(year: Year, player: Player, plan: Plan) -> Affair:
    dice = year.dice
    title, summary = dice.choice(names.WORKS if plan.category == "works" else names.GOODS)
    district = dice.choice(names.DISTRICTS)
    ceilings = [Money.from_yuan(str(dice.randint(300, 1500) * 10000)) for _ in range(plan.lots)]

    def draft() -> moves.Deal:
        return moves.draft_deal(
            year.world,
            player,
            title=title.format(d=district),
            summary=summary,
            regime=plan.regime,
            category=plan.category,
            method=plan.method,
            ceilings=ceilings,
            days=dice.randint(21, 24),
            district=district,
        )

    drafted = year.call(draft, f"{player.org_name} drafts", again=False)
    assert drafted is not None
    affair = Affair(drafted, plan)
    year.tell(f"planned: {plan}", drafted)
    year.call(
        lambda: moves.state_keys(year.world, drafted),
        "custodians state their keys",
        deal=drafted,
        again=False,
    )
    return affair


def _publish(year: Year, affair: Affair) -> None:
    year.ask(
        affair.deal.buyer,
        "publishes",
        lambda work: trading.publish_notice(work, affair.deal.tender_id),
        deal=affair.deal,
        known=("already_published",),
    )
    affair.refresh_policy(year)


def _send_bidders(year: Year, affair: Affair) -> None:
    plan, tender = affair.plan, affair.tender(year)
    minutes = (tender.bids_close_at - year.now) / timedelta(minutes=1)
    for lot in tender.lots:
        players = year.dice.sample(year.world.bidders, plan.bidders + plan.late)
        turns = [
            *["withdraw"] * plan.withdraw,
            *["replace"] * plan.replace,
            *["incomplete"] * plan.incomplete,
            *["second"] * plan.second,
            *["above"] * plan.above,
            *["low"] * plan.low,
        ]
        for index, player in enumerate(players[: plan.bidders]):
            turn = turns[index] if index < len(turns) else ""
            at = year.soon(60, minutes * 1.03 if year.dice.random() < 0.15 else minutes * 0.85)
            year.live(bidder(year, affair, player, lot.number, lot.ceiling, turn), at)
        for player in players[plan.bidders :]:
            year.live(
                late_bidder(year, affair, player, lot.number, lot.ceiling), year.soon(60, minutes * 0.5)
            )


def _questions(year: Year, affair: Affair) -> Life:
    """Bidders ask; the buyer answers, once too late, and then the deadline has to move."""
    plan, tender = affair.plan, affair.tender(year)
    days = (tender.bids_close_at - year.now) / timedelta(days=1)
    for number in range(plan.questions + plan.moved):
        last = plan.moved and number == plan.questions
        # The last one is asked so late that its answer comes inside the statutory fifteen days.
        soonest, latest = (
            (60, 60 * 24 * days * 0.2) if not last else (60 * 24 * (days - 13), 60 * 24 * (days - 6))
        )
        yield year.soon(max(60, soonest), max(120, latest))
        asker = year.dice.choice(year.world.bidders)
        question = year.ask(
            asker,
            "asks a question",
            lambda work: trading.ask_question(work, affair.deal.tender_id, "请明确工期起算日。"),
            deal=affair.deal,
            refused=_OVER,
            again=False,
        )
        if question is None:
            continue
        yield year.soon(60, 60 * 20)
        _answer(year, affair, question, late=last)


def _answer(year: Year, affair: Affair, question: Question, *, late: bool) -> None:
    what = "answers a question"
    # Counted here by calendar dates alone, so that the rule's own counting is checked and not repeated.
    gap = local_date(affair.tender(year).bids_close_at) - local_date(year.now)
    code = "clarification_too_late" if gap.days < 15 else ""
    if late and affair.tender(year).bids_close_at > year.now:
        year.ask(
            affair.deal.buyer,
            f"{what} that matters",
            lambda work: trading.answer_question(work, question.id, "开工令之日起算。", affects_bids=True),
            deal=affair.deal,
            known=_OVER,
            refused=(*_OVER, "clarification_too_late"),
            must_refuse=code,
        )
        if not code:
            return
        later = (year.now + timedelta(days=19)).replace(microsecond=0)
        moved = max(later, affair.tender(year).bids_close_at)
        year.count("deadline moved")
        year.ask(
            affair.deal.buyer,
            f"{what} and moves the deadline",
            lambda work: trading.answer_question(
                work, question.id, "开工令之日起算。", affects_bids=True, bids_close_at=moved
            ),
            deal=affair.deal,
            known=_OVER,
            refused=_OVER,
        )
        return
    year.ask(
        affair.deal.buyer,
        what,
        lambda work: trading.answer_question(work, question.id, "见招标文件第二章。", affects_bids=False),
        deal=affair.deal,
        known=_OVER,
        refused=_OVER,
    )


def _document_objector(year: Year, affair: Affair) -> Life:
    yield year.soon(60, 60 * 24 * 8)
    filer = year.dice.choice(year.world.bidders)
    filed = _file(year, affair, filer, "documents", None)
    if filed is not None:
        yield year.soon(60, 60 * 24 * 3)
        _answer_objection(year, affair, filed, upheld=False)


def _file(
    year: Year, affair: Affair, filer: Player, matter: str, lot: Lot | None, in_time: bool | None = None
) -> Objection | None:
    year.count(f"objection {matter}")
    return year.ask(
        filer,
        f"objects to the {matter}",
        lambda work: trading.file_objection(
            work,
            affair.deal.tender_id,
            matter=matter,
            text="评审标准与招标文件不一致。",
            lot_id=lot.id if lot else None,
            in_time=in_time,
        ),
        deal=affair.deal,
        refused=("objection_too_early",),
        again=False,
    )


def _answer_objection(year: Year, affair: Affair, objection: Objection, *, upheld: bool) -> None:
    if upheld:
        year.count("objection upheld")
    year.ask(
        affair.deal.buyer,
        f"answers the objection to the {objection.matter}{', upheld' if upheld else ''}",
        lambda work: trading.answer_objection(work, objection.id, "已核实，答复如下。", upheld=upheld),
        deal=affair.deal,
        known=("already_answered",),
        refused=("already_answered",),
    )


def _supervisor(year: Year, affair: Affair) -> Life:
    """Sometimes an order holds the tender still for a while."""
    if not affair.plan.hold:
        return
    yield year.soon(60 * 24, 60 * 24 * 26)
    if not affair.living(year):
        return
    player = year.world.supervisors[0]
    year.count("held by order")
    tender_id = affair.deal.tender_id
    year.ask(
        player,
        "orders a halt",
        lambda work: trading.suspend_tender(work, tender_id, "核查线索"),
        deal=affair.deal,
    )
    while affair.tender(year).suspended_at is not None:
        yield year.soon(60 * 5, 60 * 24 * 2)
        year.ask(
            player,
            "lets it go on",
            lambda work: trading.resume_tender(work, tender_id),
            deal=affair.deal,
            known=("not_suspended",),
            refused=("not_suspended", "objection_open"),
        )


def _terminate(year: Year, affair: Affair) -> Life:
    yield year.soon(60 * 24, 60 * 24 * 30)
    if affair.living(year):
        year.count("terminated")
        year.ask(
            affair.deal.buyer,
            "ends the tender",
            lambda work: trading.terminate_tender(work, affair.deal.tender_id, "项目资金调整"),
            deal=affair.deal,
            known=("nothing_to_terminate",),
            refused=("wrong_stage",),
        )


def _hasty(year: Year, affair: Affair) -> Life:
    """Somebody tries to close, to open and to read too early; every door is shut."""
    yield year.soon(60, 60 * 24 * 18)
    tender = affair.tender(year)
    if (
        year.now >= tender.bids_close_at
        or tender.suspended_at is not None
        or tender.terminated_at is not None
    ):
        return
    year.ask(
        None,
        "tries to close early",
        lambda work: closing.close_tender(work, tender.id),
        deal=affair.deal,
        must_refuse="not_yet_closed",
    )
    if unsealing.open_bids(year.world.platform, tender.id):
        year.breach("Bids were opened before the close.", affair.deal.code)
    body = {"tender": affair.deal.code, "part": "price", "close": 0, "x": 1, "bad": [], "d": "00" * 32}
    year.ask(
        affair.deal.buyer,
        "tries to release early",
        lambda work: releasing.promise_release(
            work, tender.id, body, affair.deal.buyer.sign("share-release", body)
        ),
        deal=affair.deal,
        must_refuse="not_closed",
    )


def _check_close(year: Year, affair: Affair, opening: Opening) -> None:
    """No acknowledged bid is lost, and none is doubled."""
    listed = [one["bid"] for one in opening.close_body["bids"]]
    if sorted(listed) != sorted(affair.acked):
        lost = sorted(set(affair.acked) - set(listed))
        strange = sorted(set(listed) - set(affair.acked))
        year.breach("The close lists exactly the acknowledged bids.", affair.deal.code, f"{lost=} {strange=}")
    year.count("closed")


def _hall(year: Year, affair: Affair, opening: Opening) -> list[Life]:
    """Who comes to the opening: the custodians who are there, and bidders with their own secrets."""
    if opening.state is not OpeningState.RELEASING:
        return []
    with year.world.read() as session:
        seats = custody.seats_of(session, affair.deal.tender_id)
    away = {seat.x for seat in year.dice.sample(seats, min(affair.plan.absent, len(seats)))}
    lives = [custodian(year, affair, seat) for seat in seats if seat.x not in away]
    assert affair.deal.policy is not None
    if len(lives) < affair.deal.policy.t:
        year.count("too few custodians")
        if affair.plan.secrets:
            listed = {one["bid"] for one in opening.close_body["bids"]}
            lives += [
                secret_holder(year, affair, player, code)
                for code, player in affair.secrets.items()
                if code in listed and code in affair.acked
            ]
    lives += [_opening_objector(year, affair)] if affair.plan.opening_objection else []
    lives += [_objectors(year, affair)] if affair.plan.objections else []
    return lives


def custodian(year: Year, affair: Affair, seat: Seat) -> Life:
    """One custodian: waits until the close is witnessed, promises by digest, then hands in the shares."""
    yield year.soon(1, 12)
    for _ in range(5):
        if affair.close_is_witnessed(year):
            break
        year.sequence()
        yield year.soon(1, 2)
    world, deal = year.world, affair.deal
    player = moves.keeper_of(world, deal, seat)
    opening = affair.opening(year)
    with world.read() as session:
        bids = closing.bids_to_open(session, deal.tender_id)
    if opening is None or not bids:
        return
    refused = ("release_over", "not_closed", "release_not_promised")
    for part in affair.tender(year).terms["parts"]:
        content = {
            "shares": [{"bid": one.code, "share": _share(year, affair, one, part, seat.x)} for one in bids]
        }
        salt = world.entropy(32)
        body = {
            "tender": deal.code,
            "part": part,
            "close": opening.close_index,
            "x": seat.x,
            "bad": [],
            "d": records.private_digest(content, salt),
        }
        sig = player.sign("share-release", body)
        year.ask(
            player,
            f"(custodian {seat.x}) promises {part}",
            lambda work, body=body, sig=sig: releasing.promise_release(work, deal.tender_id, body, sig),  # type: ignore[misc]
            deal=deal,
            refused=refused,
            known=refused,
        )
        yield year.soon(0, 2)
        year.ask(
            player,
            f"(custodian {seat.x}) releases {part}",
            lambda work, part=part, content=content, salt=salt: releasing.disclose_release(  # type: ignore[misc]
                work, deal.tender_id, part, seat.x, content, salt
            ),
            deal=deal,
            refused=refused,
            known=refused,
        )


def _share(year: Year, affair: Affair, one: Bid, part: str, x: int) -> str:
    header = releasing.header_of(year.world.platform.outside.blobs, one, part)
    return b64(unwrap_share(header, x, year.world.seeds[affair.deal.code, x], bytes.fromhex(one.policy)))


def _opening_objector(year: Year, affair: Affair) -> Life:
    """A bidder objects in the hall; the buyer answers on the spot, or the session goes on."""
    while (opening := affair.opening(year)) is not None and opening.state is OpeningState.RELEASING:
        yield year.soon(2, 4)
    if opening is None or opening.state is not OpeningState.OPENED:
        return
    filer = next(iter(affair.deal.bids.values()), None)
    if filer is None or not affair.living(year):
        return
    filed = _file(year, affair, filer, "opening", None, in_time=True)
    if filed is not None:
        yield year.soon(2, 30)
        _answer_objection(year, affair, filed, upheld=False)


def _objectors(year: Year, affair: Affair) -> Life:
    """Losers object while the result stands still; the buyer answers after some days, sometimes agreeing."""
    while True:
        lots = [lot for lot in affair.tender(year).lots if _contestable(year, lot)]
        if lots or not affair.living(year):
            break
        yield year.soon(60 * 4, 60 * 9)
    if not lots:
        return
    lot = lots[0]
    filed = []
    for _ in range(affair.plan.objections):
        filer = year.dice.choice(list(affair.deal.bids.values()))
        filed.append(_file(year, affair, filer, "result", lot if year.dice.random() < 0.7 else None))
        yield year.soon(1, 300)
    for one in filed:
        if one is None:
            continue
        yield year.soon(60, 60 * 24)
        upheld = affair.plan.upheld and not affair.upheld
        if upheld and affair.tender(year).suspended_for not in (None, "objection"):
            upheld = False  # an order of the supervisor holds everything still
        affair.upheld = affair.upheld or upheld
        _answer_objection(year, affair, one, upheld=upheld)


def _contestable(year: Year, lot: Lot) -> bool:
    until = lot.standstill_until_at
    return lot.stage in (Stage.STANDSTILL, Stage.AWARDED) and until is not None and year.now < until


def _decide(year: Year, affair: Affair, lot: Lot) -> None:
    """The buyer's next move on a lot whose report is there."""
    with year.world.read() as session:
        report = reports.report_of(session, lot.id)
    if report is None or report.delivered_at is None or not report.body["candidates"]:
        return
    if lot.stage is Stage.EVALUATION and affair.plan.regime == "TM":
        year.ask(
            affair.deal.buyer,
            f"publishes the candidates of lot {lot.number}",
            lambda work: awards.publish_candidates(work, lot.id),
            deal=affair.deal,
            known=("wrong_stage",),
            refused=(*_STILL, "report_missing"),
        )
    elif lot.stage is Stage.STANDSTILL and lot.standstill_until_at and year.now < lot.standstill_until_at:
        if year.dice.random() < 0.3:
            _award(year, affair, lot, report, must_refuse="standstill_running")
    else:
        _award(year, affair, lot, report)


def _award(year: Year, affair: Affair, lot: Lot, report: EvaluationReport, must_refuse: str = "") -> None:
    with year.world.read() as session:
        gone = {one.bid for one in trading.lapses_of(session, lot.id)}
    candidates = [one for one in report.body["candidates"] if one["bid"] not in gone]
    if not candidates:
        year.ask(
            affair.deal.buyer,
            f"gives lot {lot.number} up",
            lambda work: trading.give_up_lot(work, lot.id, "候选人均未签订合同"),
            deal=affair.deal,
            known=("wrong_stage",),
            refused=_STILL,
        )
        return
    winner, passed = candidates[0]["bid"], {}
    if len(candidates) > 1 and candidates[0]["rank"] < candidates[1]["rank"]:
        if affair.plan.pass_over:
            passed, winner = {winner: ("gave_up", "书面放弃中标声明")}, candidates[1]["bid"]
        elif not must_refuse and year.dice.random() < 0.2:
            _award_second(year, affair, lot, candidates[1]["bid"])

    def confirm(work: Any) -> object:
        return awards.confirm_award(work, lot.id, bid=winner, passed_over=passed)

    done = year.ask(
        affair.deal.buyer,
        f"awards lot {lot.number} to {winner[:8]}",
        confirm,
        deal=affair.deal,
        known=("wrong_stage",),
        refused=(*_STILL, "report_missing", "standstill_running"),
        must_refuse=must_refuse,
    )
    if done is not None and passed:
        year.count("first candidate passed over")


def _award_second(year: Year, affair: Affair, lot: Lot, second: str) -> None:
    """A buyer who prefers the second candidate is told no."""
    with year.faults.none():
        try:
            with year.world.begin(affair.deal.buyer) as work:
                awards.confirm_award(work, lot.id, bid=second)
        except Refusal as no:
            if no.code not in ("better_candidate", *_STILL, "standstill_running", "report_missing"):
                year.breach("The buyer was refused for another reason.", affair.deal.code, str(no))
            year.count(f"refused {no.code}")
        else:
            year.breach("Nobody but the best candidate wins.", affair.deal.code, second)
