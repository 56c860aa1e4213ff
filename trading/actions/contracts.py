"""From the award to the signed, published and filed contract.

Source: 招标投标法 第四十六条; 实施条例 第五十七条, 第五十八条; 政府采购法 第四十六条, 第四十七条; 政府采购法实施条例
第五十条; rules.md T-114, T-225…T-227.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel import calendar as calendars
from kernel import documents
from kernel.errors import NotNow, NotValid
from kernel.facts import plain
from kernel.identity.models import Organization
from kernel.identity.queries import people_acting
from kernel.identity.signing import require_signature
from kernel.money import Money
from kernel.rights import Role
from kernel.work import Work
from trading import contract_text, facts
from trading.actions.lots import move_lot, require_undisturbed
from trading.actions.notices import law_of, publish_text
from trading.models import Contract, Document, Lot, Tender
from trading.rights import CONTRACT_DRAFT, CONTRACT_FILE, CONTRACT_SIGN
from trading.rules import contracts as rules
from trading.rules.contracts import Party, Settled
from trading.rules.dues import due
from trading.rules.lifecycle import Move, after
from trading.rules.notices import NoticeKind, require_complete_notice

SIGNED_AS = "contract"
"""The record type a contract is signed under (sealing §2)."""


@dataclass(frozen=True, kw_only=True)
class ContractDraft:
    """What a buyer writes into a contract; party and price must be the award's.

    Attributes:
        supplier: credit code of the other party.
        performance_bond: zero where the tender documents ask for none.
    """

    supplier: str
    price: Money
    performance_bond: Money = field(default_factory=lambda: Money(0))


def living_contract(session: Session, lot_id: UUID) -> Contract | None:
    """The contract of a lot that is drafted or signed."""
    return session.scalars(
        sa.select(Contract).where(Contract.lot_id == lot_id, Contract.state.in_(("draft", "signed")))
    ).one_or_none()


def contract_due_at(tender: Tender, lot: Lot, now: datetime) -> datetime | None:
    """When the term for signing is over, or None where no award stands or no law sets a term."""
    if lot.awarded_at is None:
        return None
    found = due(law_of(tender, now), "contract_days_max", lot.awarded_at, calendar=calendars.official())
    return found.due_at if found else None


def draft_contract(work: Work, lot_id: UUID, draft: ContractDraft) -> Contract:
    """Lay a contract before the winner, from the award. A draft that he has not signed is superseded.

    Raises:
        NotNow: ``wrong_stage``, ``objection_open``, ``suspended``, ``contract_signed_by_supplier``.
        NotValid: ``contract_departs``, ``performance_bond_share``.

    Source: 招标投标法 第四十六条; 实施条例 第五十七条, 第五十八条.
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=CONTRACT_DRAFT)
    after(lot.stage, Move.CONTRACT)
    require_undisturbed(work.session, tender, lot)
    supplier = supplier_of(work.session, lot)
    awarded = _awarded(lot, supplier)
    asked = Settled(draft.supplier.strip().upper(), awarded.bid, draft.price, awarded.report)
    rules.require_as_awarded(awarded, asked)
    rules.require_lawful_performance_bond(law_of(tender, work.now), draft.performance_bond, draft.price)
    _supersede(work.session, lot)
    count = work.session.scalar(
        sa.select(sa.func.count()).select_from(Contract).where(Contract.tender_id == tender.id)
    )
    number = f"HT-{tender.code}-{(count or 0) + 1:02d}"
    body = contract_text.contract_body(
        number=number,
        tender=tender,
        lot=lot,
        buyer=work.session.get_one(Organization, tender.buyer_id),
        supplier=supplier,
        performance_bond=draft.performance_bond,
        documents=_documents(work.session, tender.id),
    )
    digest = contract_text.digest_of(body)
    work.record(
        facts.ContractDrafted(
            subject=tender.id, tender=tender.code, lot=lot.id, contract=number, digest=digest
        )
    )
    tell_members(work, supplier.id, Role.BIDDER, "contract", tender, lot=str(lot.number))
    return work.add(
        Contract(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            number=number,
            buyer_id=tender.buyer_id,
            org_id=supplier.id,
            price=draft.price,
            performance_bond=draft.performance_bond,
            body=body,
            digest=digest,
            state="draft",
            signatures={},
            drafted_at=work.now,
        )
    )


def sign_contract(work: Work, contract_id: UUID, sig: object) -> Contract:
    """One party signs the very text; the second signature makes the contract and publishes it.

    Raises:
        NotNow: ``wrong_stage``, ``objection_open``, ``suspended``, ``contract_superseded``.
        NotValid: ``contract_departs`` (the award is another by now), ``signature_missing``, ``signature_wrong``,
            ``signature_unknown_key``.

    Source: 招标投标法 第四十六条; 政府采购法 第四十六条.
    """
    contract = work.get(Contract, contract_id, to=CONTRACT_SIGN)
    lot = work.lock(Lot, contract.lot_id)
    tender = work.lock(Tender, contract.tender_id)
    party = Party.SUPPLIER if work.actor.org_id == contract.org_id else Party.BUYER
    if contract.state in ("superseded", "lapsed"):
        raise NotNow("contract_superseded", contract=contract.number)
    if party.value in contract.signatures:
        return contract
    after(lot.stage, Move.CONTRACT)
    require_undisturbed(work.session, tender, lot)
    rules.require_as_awarded(_awarded(lot, supplier_of(work.session, lot)), settled_in(contract))
    signed = require_signature(
        work.session, work.platform.settings, work.actor.person_id, sig, SIGNED_AS, contract.body
    )
    entry = {"sig": signed, "name": work.actor.name, "at": plain(work.now)}
    contract.signatures = {**contract.signatures, party.value: entry}
    work.record(
        facts.ContractSigned(
            subject=tender.id,
            tender=tender.code,
            lot=lot.id,
            contract=contract.number,
            party=party,
            digest=contract.digest,
        )
    )
    if len(contract.signatures) == len(Party):
        _make(work, tender, lot, contract)
    return contract


def _make(work: Work, tender: Tender, lot: Lot, contract: Contract) -> None:
    """Both have signed: keep text and print, log them, publish. Source: 政府采购法实施条例 第五十条 (T-226)."""
    blobs = work.platform.outside.blobs
    named = f"contract-lot-{lot.number}"
    text = documents.store(blobs, contract_text.signed_document(contract.body, contract.signatures))
    contract.document_sha256 = text.sha256
    files: list[dict[str, str]] = [{"name": f"{named}.json", "sha256": text.sha256}]
    if work.platform.settings.make_pdfs:
        print_ = documents.store(blobs, contract_text.render_contract(contract.body, contract.signatures))
        contract.pdf_sha256 = print_.sha256
        files.append({"name": f"{named}.pdf", "sha256": print_.sha256})
    contract.state, contract.signed_at = "signed", work.now
    move_lot(work, lot.id, Move.CONTRACT, by_law=True)
    recorded = work.record(
        facts.ContractMade(
            subject=tender.id,
            tender=tender.code,
            lot=lot.id,
            contract=contract.number,
            number=lot.number,
            bid=contract.body["bid"],
            supplier=contract.body["parties"]["supplier"]["uscc"],
            price=contract.price,
            digest=contract.digest,
            documents=tuple(files),
        )
    )
    contract.record_id = recorded.record_id
    body = {
        "lot": lot.number,
        "contract": contract.number,
        "parties": contract.body["parties"],
        "subject": contract.body["subject"],
        "amount": contract.body["price"],
        "term": contract.body["term"],
        "performance_bond": contract.body["performance_bond"],
        "signed_at": work.now,
        "digest": contract.digest,
        "pdf": contract.pdf_sha256 or "",
    }
    require_complete_notice(law_of(tender, work.now), NoticeKind.CONTRACT, body)
    publish_text(
        work,
        tender,
        kind=NoticeKind.CONTRACT.value,
        title=f"{tender.title}（第 {lot.number} 标段）合同公告",
        body=body,
        lot=lot,
        amount=contract.price,
    )


def file_contract(work: Work, contract_id: UUID, filing_no: str) -> Contract:
    """The copy went to the authority; its number is kept.

    Raises:
        NotNow: ``contract_not_signed``, ``contract_filed``. NotValid: ``text_missing``.

    Source: 政府采购法 第四十七条 (T-227); 招标投标法 第四十七条.
    """
    contract = work.lock(Contract, contract_id)
    tender = work.get(Tender, contract.tender_id, to=CONTRACT_FILE)
    if contract.state != "signed":
        raise NotNow("contract_not_signed", source="政府采购法 第四十七条", contract=contract.number)
    if contract.filed_at is not None:
        raise NotNow("contract_filed", contract=contract.number, filing_no=contract.filing_no)
    if not filing_no.strip():
        raise NotValid("text_missing", source="政府采购法 第四十七条", field="filing_no")
    contract.filing_no, contract.filed_at = filing_no.strip()[:80], work.now
    work.record(
        facts.ContractFiled(
            subject=tender.id,
            tender=tender.code,
            lot=contract.lot_id,
            contract=contract.number,
            filing_no=contract.filing_no,
        )
    )
    return contract


def _awarded(lot: Lot, supplier: Organization) -> Settled:
    assert lot.outcome is not None
    told = lot.outcome
    return Settled(supplier.uscc, str(told["bid"]), Money.from_yuan(told["price"]), str(told["report"]))


def settled_in(contract: Contract) -> Settled:
    """What a contract's text says about the award it stands on."""
    said = contract.body
    supplier = said["parties"]["supplier"]["uscc"]
    return Settled(supplier, said["bid"], Money.from_yuan(said["price"]), said["report"])


def supplier_of(session: Session, lot: Lot) -> Organization:
    """The winner of an awarded lot."""
    assert lot.outcome is not None
    return session.get_one(Organization, UUID(lot.outcome["supplier"]))


def _supersede(session: Session, lot: Lot) -> None:
    old = living_contract(session, lot.id)
    if old is None:
        return
    stands = _awarded(lot, supplier_of(session, lot)) == settled_in(old)  # a challenge may have changed it
    if stands and Party.SUPPLIER.value in old.signatures:
        raise NotNow("contract_signed_by_supplier", source="招标投标法 第四十六条")
    old.state = "superseded"
    session.flush()


def _documents(session: Session, tender_id: UUID) -> list[Document]:
    return list(
        session.scalars(
            sa.select(Document)
            .where(Document.tender_id == tender_id, Document.public, Document.replaced_at.is_(None))
            .order_by(Document.added_at, Document.id)
        )
    )


def tell_members(work: Work, org_id: UUID, role: Role, template: str, tender: Tender, **named: str) -> None:
    """Write to everybody who holds this role in an organisation; ``named``: what the letter names beside the tender."""
    for person in work.scalars(people_acting(org_id=org_id, role=role)):
        work.message(
            to=person.email,
            template=template,
            lang=person.lang,
            tender=tender.code,
            title=tender.title,
            **named,
        )
