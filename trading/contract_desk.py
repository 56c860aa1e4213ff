"""The read side of contracts: what waits for a signature, one lot's contract as its parties see it, the public text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel import calendar as calendars
from kernel.errors import NotFound
from kernel.identity.models import Organization
from kernel.ledger import book
from kernel.money import Money
from kernel.party import PartyName
from kernel.rights import Actor, Role
from trading.actions.contracts import living_contract
from trading.actions.lapses import lapses_of
from trading.actions.lots import open_objections, winner_name
from trading.actions.notices import law_of
from trading.models import AwardLapse, Contract, Lot, Tender
from trading.rights import runs_tender
from trading.rules.contracts import performance_bond_max
from trading.rules.dues import Due, due
from trading.rules.lifecycle import Stage

SIDES = ("buyer", "agent", "supplier")


@dataclass(frozen=True)
class ContractLine:
    """An awarded lot of an organisation. ``todo``: draft, sign, wait, file, decide or nothing."""

    tender: Tender
    lot: Lot
    side: str
    other: PartyName
    contract: Contract | None
    due: Due | None
    todo: str


@dataclass(frozen=True)
class ContractDesk:
    """One lot's contract as one of its parties sees it.

    Attributes:
        side: one of ``SIDES``. bond_max: the most a performance bond may be.
        filing: when the copy is due at the authority, where the law asks for one.
    """

    tender: Tender
    lot: Lot
    side: str
    buyer: Organization
    supplier: Organization | None
    contract: Contract | None
    lapses: Sequence[AwardLapse]
    due: Due | None
    filing: Due | None
    bond_max: Money | None
    objections: int
    leaf: int | None

    @property
    def mine(self) -> bool:
        """Whether this side has signed."""
        return self.contract is not None and self.side in self.contract.signatures

    @property
    def may_sign(self) -> bool:
        return (
            self.contract is not None
            and self.contract.state == "draft"
            and self.lot.stage is Stage.AWARDED
            and self.side in ("buyer", "supplier")
            and not self.mine
        )


def side_of(who: Actor, tender: Tender, lot: Lot) -> str:
    """``buyer``, ``agent`` or ``supplier``; empty for everybody else."""
    if runs_tender(who, tender):
        return "buyer" if who.org_id == tender.buyer_id and who.has(Role.BUYER) else "agent"
    won = (lot.outcome or {}).get("supplier")
    return "supplier" if who.org_id is not None and who.has(Role.BIDDER) and won == str(who.org_id) else ""


def _term(tender: Tender, lot: Lot, now: datetime) -> Due | None:
    if lot.awarded_at is None:
        return None
    return due(law_of(tender, now), "contract_days_max", lot.awarded_at, calendar=calendars.official())


def _lot_of(session: Session, code: str, number: int) -> tuple[Tender, Lot, Organization]:
    """A lot with its tender and its buyer."""
    found = (
        session.execute(
            sa.select(Lot, Organization)
            .join(Tender, Tender.id == Lot.tender_id)
            .join(Organization, Organization.id == Tender.buyer_id)
            .where(Tender.code == code, Lot.number == number)
        )
        .unique()
        .one_or_none()
    )
    if found is None or found[0].tender.published_at is None:
        raise NotFound("not_found", thing="lot", id=f"{code}/{number}")
    lot, buyer = found
    return lot.tender, lot, buyer


def contract_desk(session: Session, code: str, number: int, who: Actor, now: datetime) -> ContractDesk:
    """The contract of a lot.

    Raises:
        NotFound: for everybody but its parties, and before any award.
    """
    tender, lot, buyer = _lot_of(session, code, number)
    side, lapses = side_of(who, tender, lot), lapses_of(session, lot.id)
    if not side or (lot.outcome is None and not lapses):
        raise NotFound("not_found", thing="contract", id=f"{code}/{number}")
    contract, law = living_contract(session, lot.id), law_of(tender, now)
    supplier = session.get(Organization, UUID(lot.outcome["supplier"])) if lot.outcome is not None else None
    filing = None
    if contract is not None and contract.signed_at is not None:
        filing = due(law, "contract_filing_days_max", contract.signed_at, calendar=calendars.official())
    price = Money.from_yuan(lot.outcome["price"]) if lot.outcome is not None else None
    return ContractDesk(
        tender=tender,
        lot=lot,
        side=side,
        buyer=buyer,
        supplier=supplier,
        contract=contract,
        lapses=lapses,
        due=_term(tender, lot, now),
        filing=filing,
        bond_max=performance_bond_max(law, price) if price is not None else None,
        objections=len(open_objections(session, tender.id, lot.id)),
        leaf=book.place_of(session, contract.record_id) if contract and contract.record_id else None,
    )


def contract_lines(session: Session, who: Actor, now: datetime) -> list[ContractLine]:
    """Lots of an organisation that are awarded, contracted or whose award lapsed; newest first, at most a hundred."""
    if who.org_id is None:
        return []
    lapsed = sa.select(AwardLapse.lot_id)
    query = (
        sa.select(Lot)
        .join(Tender, Tender.id == Lot.tender_id)
        .where(
            sa.or_(
                Tender.buyer_id == who.org_id,
                Tender.agent_id == who.org_id,
                Lot.outcome["supplier"].as_string() == str(who.org_id),
            ),
            sa.or_(
                Lot.stage.in_((Stage.AWARDED, Stage.CONTRACTED)),
                sa.and_(Lot.stage == Stage.STANDSTILL, Lot.id.in_(lapsed)),
            ),
        )
        .order_by(Lot.awarded_at.desc(), Lot.id)
        .limit(100)
    )
    lots = [(lot, side) for lot in session.scalars(query).unique() if (side := side_of(who, lot.tender, lot))]
    contracts = {
        one.lot_id: one
        for one in session.scalars(
            sa.select(Contract).where(
                Contract.lot_id.in_([lot.id for lot, _ in lots]), Contract.state.in_(("draft", "signed"))
            )
        )
    }
    names = {
        org.id: org.party
        for org in session.scalars(
            sa.select(Organization).where(Organization.id.in_([lot.tender.buyer_id for lot, _ in lots]))
        )
    }
    found = []
    for lot, side in lots:
        contract, tender = contracts.get(lot.id), lot.tender
        other = names[tender.buyer_id] if side == "supplier" else winner_name(lot.outcome or {})
        files = law_of(tender, now).get("contract_filing_days_max") is not None
        todo = _todo(lot, contract, side, files=files)
        found.append(ContractLine(tender, lot, side, other, contract, _term(tender, lot, now), todo))
    return found


def _todo(lot: Lot, contract: Contract | None, side: str, *, files: bool) -> str:
    if lot.stage is Stage.STANDSTILL:
        return "decide"
    if contract is None:
        return "draft" if side != "supplier" else "wait"
    if contract.state == "signed":
        return "file" if files and side != "supplier" and contract.filed_at is None else "nothing"
    return "sign" if side != "agent" and side not in contract.signatures else "wait"


@dataclass(frozen=True)
class PublicContract:
    """A signed contract with its lot and buyer, and its place in the log."""

    tender: Tender
    lot: Lot
    buyer: Organization
    contract: Contract
    leaf: int | None


def public_contract(session: Session, code: str, number: int) -> PublicContract:
    """A signed contract, for everybody.

    Raises:
        NotFound: none is signed.
    """
    tender, lot, buyer = _lot_of(session, code, number)
    contract = living_contract(session, lot.id)
    if contract is None or contract.state != "signed":
        raise NotFound("not_found", thing="contract", id=f"{code}/{number}")
    leaf = book.place_of(session, contract.record_id) if contract.record_id else None
    return PublicContract(tender, lot, buyer, contract, leaf)
