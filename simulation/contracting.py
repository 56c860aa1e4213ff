"""From the award letter to the contract: the buyer drafts and signs, the winner signs or refuses, the copy is filed."""

from __future__ import annotations

from kernel.money import Money
from simulation.affair import Affair
from simulation.world import Player
from simulation.year import Life, Year
from trading import actions as trading
from trading.actions.contracts import ContractDraft
from trading.models import Contract, Lot
from trading.rules.lifecycle import Stage

_STILL = ("objection_open", "suspended", "wrong_stage")
REFUSAL = 0.12
"""How often a winner does not sign."""


def contract_step(year: Year, affair: Affair, lot: Lot) -> None:
    """The next move towards the contract of an awarded lot."""
    assert lot.outcome is not None
    winner = affair.deal.bids[lot.outcome["bid"]]
    with year.world.read() as session:
        contract = trading.living_contract(session, lot.id)
    if contract is None:
        _draft(year, affair, lot, winner)
    elif "buyer" not in contract.signatures:
        _sign(year, affair, contract, affair.deal.buyer)
    elif year.dice.random() < REFUSAL:
        year.count("award refused")
        year.ask(
            winner,
            f"refuses the contract of lot {lot.number}",
            lambda work: trading.refuse_award(work, lot.id, "成本上涨，无法按投标承诺履约"),
            deal=affair.deal,
            known=("wrong_stage",),
            refused=("suspended", "wrong_stage"),
        )
    else:
        _sign(year, affair, contract, winner)
        year.count("contract signed")


def _draft(year: Year, affair: Affair, lot: Lot, winner: Player) -> None:
    assert lot.outcome is not None
    price = Money.from_yuan(lot.outcome["price"])
    if year.dice.random() < 0.25:
        dearer = ContractDraft(supplier=winner.uscc, price=Money(price.minor + 100))
        year.ask(
            affair.deal.buyer,
            f"drafts lot {lot.number} at another price",
            lambda work: trading.draft_contract(work, lot.id, dearer),
            deal=affair.deal,
            refused=_STILL,
            must_refuse="contract_departs",
            again=False,
        )
    year.ask(
        affair.deal.buyer,
        f"drafts the contract of lot {lot.number}",
        lambda work: trading.draft_contract(work, lot.id, ContractDraft(supplier=winner.uscc, price=price)),
        deal=affair.deal,
        refused=_STILL,
        again=False,
    )


def _sign(year: Year, affair: Affair, contract: Contract, player: Player) -> None:
    sig = player.sign("contract", contract.body)
    year.ask(
        player,
        f"signs {contract.number}",
        lambda work: trading.sign_contract(work, contract.id, sig),
        deal=affair.deal,
        refused=_STILL,
    )


def filing(year: Year, affair: Affair) -> Life:
    """Procurement sends its copies to the authority."""
    yield year.soon(60, 60 * 24 * 3)
    for lot in affair.lots(year, Stage.CONTRACTED):
        with year.world.read() as session:
            contract = trading.living_contract(session, lot.id)
        assert contract is not None
        contract_id = contract.id
        year.ask(
            affair.deal.buyer,
            f"files {contract.number}",
            lambda work, key=contract_id: trading.file_contract(work, key, "备〔2026〕18 号"),  # type: ignore[misc]
            deal=affair.deal,
            known=("contract_filed",),
        )
