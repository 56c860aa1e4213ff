"""Bidders: they seal, commit, deliver, forget, replace, withdraw, come too late, and offer their secrets."""

from __future__ import annotations

import io
import random
from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from bidding import queries_bonds
from bidding.actions import bonds, bonds_book, bonds_end, delivery, releasing, submission
from bidding.models_bond import BidBond, BondOrder
from bidding.rules.bonds import bind_until
from kernel.money import Money
from sealbid import container, signatures
from simulation import bonds as lodging
from simulation import coins
from simulation.affair import Affair
from simulation.deal import Offer, SealedOffer, seal_offer
from simulation.world import Player
from simulation.year import Life, Year
from trading.models import Tender

CLOSED = ("bids_closed", "tender_terminated")
_DONE = ("bid_not_open",)


def price_for(year: Year, ceiling: Money, *, low: bool = False, above: bool = False) -> Money:
    """A price as firms make them: most between 85 and 99 percent of the ceiling."""
    percent = Decimal(year.dice.randint(8500, 9900)) / 100
    if low:
        percent = Decimal(year.dice.randint(3000, 4400)) / 100
    if above:
        percent = Decimal(year.dice.randint(10100, 10900)) / 100
    return Money.from_yuan(str((ceiling.yuan * percent / 100).quantize(Decimal("0.01"))))


def seal(
    year: Year, affair: Affair, player: Player, lot: int, price: Money, replaces: str = ""
) -> SealedOffer:
    """Seal on the bidder's own machine, under the policy in force now. Some have lost the key of the bid they replace."""
    affair.refresh_policy(year)
    key_lost = replaces != "" and year.dice.random() < 0.25
    claims = ["small"] if year.dice.random() < 0.3 else []
    items = {"claims": claims, "period_months": year.dice.randint(11, 16)}
    papers = [("技术方案.pdf", "application/pdf", year.world.entropy(year.dice.randint(200, 9000)))]
    with coins.seeded(year.world.entropy):
        return seal_offer(
            year.world,
            affair.deal,
            player,
            Offer(lot=lot, price=price, items=items, files=papers),
            replaces=replaces,
            key_lost=key_lost,
        )


def commit(year: Year, affair: Affair, player: Player, sealed: SealedOffer, *, must_refuse: str = "") -> bool:
    """Hand in the commitment; True when it is in."""
    deal = affair.deal

    def request() -> str:
        with year.world.begin(player) as work:
            return submission.commit_bid(
                work, deal.tender_id, sealed.body, sealed.sig, sealed.hashes, replace=sealed.replace
            ).code

    refused = (*CLOSED, "lot_not_open", "bid_replaces", "bid_second")
    what = f"{player.org_name} commits {sealed.code[:8]}"
    code = year.call(request, what, deal=deal, known=CLOSED, refused=refused, must_refuse=must_refuse)
    if code is None:
        return False
    deal.keys[sealed.code] = sealed.bk
    affair.secrets[sealed.code] = player
    year.later(request, what, deal, CLOSED)
    return True


def deliver(
    year: Year, affair: Affair, player: Player, sealed: SealedOffer, *, leave_out: bool = False
) -> bool:
    """Send the blocks, in any order, some twice; True when all are there."""
    actor = year.world.actor(player)
    whole = True
    for part, data in sealed.parts.items():
        numbered = list(enumerate(container.blocks_of(io.BytesIO(data))))
        year.dice.shuffle(numbered)
        for number, block in numbered[1:] if leave_out else numbered:

            def request(part: str = part, number: int = number, block: bytes = block) -> int:
                return delivery.put_blocks(year.world.platform, actor, sealed.code, part, number, [block])

            what = f"{player.org_name} sends {part} {number} of {sealed.code[:8]}"
            missing = year.call(
                request, what, deal=affair.deal, known=_DONE, refused=(*CLOSED, "bid_not_open")
            )
            whole = whole and missing is not None
    return whole and not leave_out


def complete(year: Year, affair: Affair, player: Player, sealed: SealedOffer) -> bool:
    """Ask for the acknowledgement; from here on the bid must never be lost."""

    def request() -> str:
        with year.world.begin(player) as work:
            return submission.complete_bid(work, sealed.code).code

    refused = (*CLOSED, "blocks_missing", "bid_not_open", "bid_second")
    what = f"{player.org_name} completes {sealed.code[:8]}"
    if year.call(request, what, deal=affair.deal, known=CLOSED, refused=refused) is None:
        return False
    affair.acked[sealed.code] = int(sealed.body["lot"])
    affair.acked.pop(sealed.body["replaces"], None)
    affair.deal.bids[sealed.code] = player
    return True


def withdraw(year: Year, affair: Affair, player: Player, code: str) -> None:
    """Take a bid back; its commitment must have its place in the log first."""
    year.world.platform.faults, faults = None, year.world.platform.faults
    year.world.sequence()
    year.world.platform.faults = faults
    with year.world.read() as session:
        leaf = submission.leaf_of(session, submission.bid_by_code(session, code))
    body = {"bid": code, "commit_leaf": leaf}
    sig = signatures.sign("bid-withdraw", body, affair.deal.keys[code]).to_json()

    def request() -> str:
        with year.world.begin(player) as work:
            return submission.withdraw_bid(work, code, body, sig).code

    what = f"{player.org_name} withdraws {code[:8]}"
    if year.call(request, what, deal=affair.deal, refused=(*CLOSED, "bid_not_open")) is not None:
        year.count("withdrawn")
        affair.acked.pop(code, None)


BOND_FAULTS = ("none", "short", "late", "other", "withheld")


def lodge(year: Year, affair: Affair, player: Player, lot: int) -> None:
    """The bond of a bid: most pay in time from their own account, every third brings a guarantee."""
    own = random.Random(f"bond {affair.deal.code} {player.uscc} {lot}")
    turn = "guarantee" if own.random() < 0.33 else "paid"
    if affair.plan.bond_faults and own.random() < 0.25:
        turn = own.choice(BOND_FAULTS)
    year.count(f"bond {turn}")
    with year.world.read() as session:
        tender = session.get_one(Tender, affair.deal.tender_id)
        found = next(one for one in tender.lots if one.number == lot)
        due = bonds.bonds_due(tender)[found.id]
        until = bind_until(tender.bids_close_at, tender.validity_days)
    refused = (*CLOSED, "lot_not_open", "guarantee_ends_early")
    if turn == "guarantee":
        number = f"BH{affair.deal.code[-5:]}{player.uscc[-4:]}{lot}"
        given = bonds.Guarantee(
            issuer=lodging.ISSUERS[own.randrange(len(lodging.ISSUERS))],
            number=number,
            amount=due,
            valid_until=until + timedelta(days=30),
            file_name=f"{number}.pdf",
            data=f"%PDF-1.4 {number}".encode(),
        )
        year.ask(
            player,
            f"files a guarantee for lot {lot}",
            lambda work: bonds.file_guarantee(work, found.id, given),
            deal=affair.deal,
            known=CLOSED,
            refused=refused,
        )
        return
    if turn == "none":
        return
    account = lodging.own_account(player)
    bond = year.ask(
        player,
        f"asks for a bond account of lot {lot}",
        lambda work: bonds.ask_account(work, found.id, account),
        deal=affair.deal,
        known=CLOSED,
        refused=refused,
    )
    if bond is None or bond.account is None or turn == "withheld":
        return
    if turn == "late":
        year.live(_late_bond(year, affair, player, bond, due))
    else:
        _booked(year, affair, player, bond, Money(due.minor - (turn == "short")), other=turn == "other")


def _booked(
    year: Year, affair: Affair, player: Player, bond: BidBond, amount: Money, *, other: bool = False
) -> None:
    """The bank credits a bond, and the centre books it; the same line of the statement may come twice."""
    assert bond.account is not None
    arrival = bonds_book.Arrival(
        account=bond.account,
        amount=amount,
        payer_name="阳光商贸有限公司" if other else player.org_name,
        payer_account=lodging.own_account(player),
        bank_ref=f"YH{bond.account}",
        arrived_at=year.now,
    )
    year.ask(
        year.world.operators[0],
        f"books {amount.yuan} on {bond.account[-4:]}",
        lambda work: bonds_book.book_payment(work, arrival),
        deal=affair.deal,
        refused=("bond_went_back",),
    )


def _late_bond(year: Year, affair: Affair, player: Player, bond: BidBond, due: Money) -> Life:
    """Money that comes after the deadline; it is booked, counts as late, and goes back."""
    yield affair.tender(year).bids_close_at + timedelta(hours=3)
    _booked(year, affair, player, bond, due)


def bond_desk(year: Year) -> Life:
    """The centre's desk for deposits: every day it carries out what is due soon, and asks about guarantees."""
    while True:
        yield year.now + timedelta(days=1)
        operator, soon = year.world.operators[0], year.now + timedelta(days=2)
        with year.world.read() as session:
            waiting = session.scalars(
                sa.select(BondOrder.id)
                .where(BondOrder.done_at.is_(None), BondOrder.due_at <= soon)
                .order_by(BondOrder.due_at, BondOrder.id)
            ).all()
            unasked = [one.id for one in queries_bonds.guarantees(session)]
        for order_id in waiting:
            year.count("bond order carried out")
            year.ask(operator, "pays a bond back", lambda work, key=order_id: bonds_end.done_bond(work, key))  # type: ignore[misc]
        for bond_id in unasked:
            year.ask(
                operator,
                "asks about a guarantee",
                lambda work, key=bond_id: bonds_book.check_guarantee(work, key, genuine=True),  # type: ignore[misc]
            )


def bidder(year: Year, affair: Affair, player: Player, lot: int, ceiling: Money, turn: str) -> Life:
    """One firm and one lot. ``turn`` is what becomes of its bid."""
    lodge(year, affair, player, lot)
    price = price_for(year, ceiling, low=turn == "low", above=turn == "above")
    sealed = seal(year, affair, player, lot, price)
    yield year.soon(1, 60)
    if not commit(year, affair, player, sealed):
        return
    yield year.soon(1, 240)
    if not deliver(year, affair, player, sealed, leave_out=turn == "incomplete"):
        if turn == "incomplete":
            year.count("incomplete")
            year.ask(
                player,
                f"completes {sealed.code[:8]} too early",
                lambda work: submission.complete_bid(work, sealed.code),
                deal=affair.deal,
                refused=(*CLOSED, "bid_not_open"),
                must_refuse="blocks_missing",
            )
        return
    yield year.soon(0, 5)
    if not complete(year, affair, player, sealed):
        return
    yield year.soon(5, 60 * 30)
    if turn == "withdraw":
        withdraw(year, affair, player, sealed.code)
    elif turn == "replace":
        newer = seal(year, affair, player, lot, price_for(year, ceiling), replaces=sealed.code)
        yield year.soon(1, 10)
        if commit(year, affair, player, newer) and deliver(year, affair, player, newer):
            yield year.soon(1, 10)
            if complete(year, affair, player, newer):
                year.count("replaced")
    elif turn == "second" and sealed.code in affair.acked:
        other = seal(year, affair, player, lot, price_for(year, ceiling))
        yield year.soon(1, 10)
        if year.now < affair.tender(year).bids_close_at:
            commit(year, affair, player, other, must_refuse="bid_second")
            year.count("second refused")


def late_bidder(year: Year, affair: Affair, player: Player, lot: int, ceiling: Money) -> Life:
    """A firm that arrives at the very second of the deadline, when it is already too late."""
    sealed = seal(year, affair, player, lot, price_for(year, ceiling))
    while True:
        tender = affair.tender(year)
        if year.now >= tender.bids_close_at or tender.terminated_at is not None:
            break
        yield tender.bids_close_at
    if affair.tender(year).terminated_at is None:
        commit(year, affair, player, sealed, must_refuse="bids_closed")
        year.count("late refused")


def secret_holder(year: Year, affair: Affair, player: Player, code: str) -> Life:
    """Custodians stay away, so the bidder opens his own bid."""
    yield year.soon(1, 20)
    for part in affair.deal.policy.parts if affair.deal.policy else ():
        secret = year.world.secrets[code, part]
        year.ask(
            player,
            f"offers the secret of {part} {code[:8]}",
            lambda work, part=part, secret=secret: releasing.offer_secret(work, code, part, secret),  # type: ignore[misc]
            deal=affair.deal,
            known=("release_over",),
            refused=("release_over", "not_closed", "bid_not_open"),
        )
        year.count("secret offered")
        yield year.now + timedelta(seconds=20)
