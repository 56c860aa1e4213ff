"""What must always hold in this room; checked after simulated steps and every night."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel import calendar as calendars
from kernel import rulebook
from kernel.calendar import Verdict
from kernel.identity.signing import spki_of
from kernel.ledger.models import FactRow
from kernel.money import Money
from kernel.promises import Breach, promise
from sealbid import jcs, signatures
from sealbid.errors import SealError
from sealbid.signatures import Algorithm, SignatureObject
from trading import facts, procedures
from trading.contract_text import digest_of
from trading.models import Contract, Lot, Notice, Tender
from trading.rules.contracts import Party
from trading.rules.lifecycle import Move, Stage
from trading.rules.timetable import Plan, check_timetable

_STILL = frozenset({Move.TERMINATE.value, Move.FAIL.value})


@promise(
    "At its publication no period of a notice was shorter than its law.",
    source="招标投标法 第二十四条; 实施条例 第十六条; 政府采购法 第三十五条",
)
def periods_were_lawful(session: Session, now: datetime) -> Iterable[Breach]:
    """The printed dates of each first notice against the edition it froze, as of the moment it appeared."""
    rows = session.execute(
        sa.select(Notice.body, Notice.published_at, Tender.code, Tender.procedure)
        .join(Tender, Tender.id == Notice.tender_id)
        .where(Notice.kind == "notice")
    )
    for body, published_at, code, kind in rows:
        law = rulebook.edition(body["edition"])
        plan = Plan(
            # The printed instants hold milliseconds, the stored one more.
            published_at=published_at.replace(microsecond=published_at.microsecond // 1000 * 1000),
            documents_from_at=datetime.fromisoformat(body["documents_from_at"]),
            documents_until_at=datetime.fromisoformat(body["documents_until_at"]),
            bids_close_at=datetime.fromisoformat(body["bids_close_at"]),
            opens_at=datetime.fromisoformat(body["opens_at"]),
            validity_days=body["validity_days"],
            bond_validity_days=body["validity_days"] if Money.from_yuan(body["bond"]).minor else None,
        )
        results = check_timetable(
            law, plan, calendar=calendars.official(), procedure=procedures.procedure(kind, law.regime)
        )
        for result in results:
            if result.verdict is Verdict.BLOCK:
                yield Breach(code, f"{result.rule} {result.field} {result.actual} < {result.bound}")


@promise("A published notice never changes.", source="招标公告和公示信息发布管理办法 第十六条; sealing §7.1")
def notices_never_change(session: Session, now: datetime) -> Iterable[Breach]:
    """The digest of every notice's text, computed again, is the one recorded with its publication."""
    rows = session.execute(
        sa.select(Notice.id, Notice.body, FactRow.body)
        .outerjoin(FactRow, FactRow.record_id == Notice.record_id)
        .execution_options(yield_per=500)
    )
    for notice_id, body, fact in rows:
        digest = hashlib.sha256(jcs.encode(body)).hexdigest()
        recorded = (fact or {}).get("digest")
        if digest != recorded or (fact or {}).get("notice") != str(notice_id):
            yield Breach(notice_id, f"{digest} is not the recorded {recorded}")


@promise(
    "A suspended tender stands still: its lots can only fail or end.",
    source="实施条例 第二十二条, 第五十四条",
)
def suspended_tenders_stand_still(session: Session, now: datetime) -> Iterable[Breach]:
    """No lot moved between a suspension and its end, told from the facts in the order of each tender."""
    names = [one.name for one in (facts.TenderSuspended, facts.TenderResumed, facts.LotMoved)]
    rows = session.execute(
        sa.select(FactRow.subject, FactRow.name, FactRow.body, FactRow.tender)
        .where(FactRow.name.in_(names))
        .order_by(FactRow.subject, FactRow.seq)
        .execution_options(yield_per=500)
    )
    still: set[UUID] = set()
    for subject, name, body, code in rows:
        if name == facts.TenderSuspended.name:
            still.add(subject)
        elif name == facts.TenderResumed.name:
            still.discard(subject)
        elif subject in still and body["move"] not in _STILL:
            yield Breach(code, f"lot {body['lot']} moved by {body['move']} while suspended")


@promise(
    "The stage of every lot is the one its facts tell.",
    source="招标投标法 第五条（公开、公平、公正）",
)
def stages_are_explained(session: Session, now: datetime) -> Iterable[Breach]:
    """Replaying publication and moves gives each lot's stage."""
    told: dict[str, str] = {}
    moves = session.execute(
        sa.select(FactRow.body)
        .where(FactRow.name == facts.LotMoved.name)
        .order_by(FactRow.subject, FactRow.seq)
        .execution_options(yield_per=500)
    )
    for (body,) in moves:
        told[body["lot"]] = body["stage"]
    published = set(
        session.scalars(
            sa.select(FactRow.subject).where(
                FactRow.name == facts.NoticePublished.name, FactRow.body["type"].as_string() == "notice"
            )
        )
    )
    for lot_id, tender_id, stage in session.execute(sa.select(Lot.id, Lot.tender_id, Lot.stage)):
        first = Stage.TENDERING if tender_id in published else Stage.DRAFT
        expected = told.get(str(lot_id), first.value)
        if stage.value != expected:
            yield Breach(lot_id, f"{stage.value}, but its facts say {expected}")


@promise(
    "Every signed contract is its award's, and both parties signed its text.",
    source="招标投标法 第四十六条; 实施条例 第五十七条; 政府采购法 第四十六条",
)
def contracts_are_their_awards(session: Session, now: datetime) -> Iterable[Breach]:
    """Party, bid and price of each contract against the settled award, its digest and its signatures again."""
    awards: dict[str, dict[str, str]] = {}
    for (body,) in session.execute(
        sa.select(FactRow.body)
        .where(FactRow.name == facts.AwardSettled.name)
        .order_by(FactRow.at, FactRow.seq)
    ):
        awards[body["lot"]] = body
    rows = session.execute(
        sa.select(Contract, Lot.stage).join(Lot, Lot.id == Contract.lot_id).where(Contract.state == "signed")
    )
    for contract, stage in rows:
        text, award = contract.body, awards.get(str(contract.lot_id))
        if award is None or stage is not Stage.CONTRACTED:
            yield Breach(contract.number, "the lot of a signed contract is not awarded and contracted")
            continue
        stated = (text["bid"], text["price"], str(contract.org_id), f"{contract.price.yuan:.2f}")
        if stated != (award["bid"], award["price"], award["supplier"], award["price"]):
            yield Breach(contract.number, "party, bid or price differ from the award")
        if digest_of(text) != contract.digest:
            yield Breach(contract.number, "the text is not the one that was signed")
        yield from _unsigned(session, contract)
    made = session.scalars(sa.select(Lot.id).where(Lot.stage == Stage.CONTRACTED))
    signed = set(session.scalars(sa.select(Contract.lot_id).where(Contract.state == "signed")))
    for lot_id in made:
        if lot_id not in signed:
            yield Breach(lot_id, "contracted without a signed contract")


def _unsigned(session: Session, contract: Contract) -> Iterable[Breach]:
    """Plain signatures are checked to the end; a passkey's is checked when it is made."""
    for party in Party:
        try:
            parsed = SignatureObject.from_json(contract.signatures[party.value]["sig"])
            spki = spki_of(session, parsed.kid)
            if spki is None:
                yield Breach(contract.number, f"the {party} signed with an unknown key")
            elif parsed.alg is not Algorithm.WEBAUTHN:
                signatures.verify(parsed, "contract", contract.body, spki)
        except (SealError, KeyError, ValueError):
            yield Breach(contract.number, f"the {party}'s signature is not over this text")


PROMISES = (
    periods_were_lawful,
    notices_never_change,
    suspended_tenders_stand_still,
    stages_are_explained,
    contracts_are_their_awards,
)
