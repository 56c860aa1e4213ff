"""Publishing: the legal check of every date, the frozen law, the text the public relies on."""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from kernel import calendar as calendars
from kernel import rulebook
from kernel.database import bigrams
from kernel.errors import Caution, NotNow, NotValid
from kernel.facts import plain
from kernel.identity.models import Organization
from kernel.money import Money
from kernel.rulebook import Rulebook
from kernel.work import Work
from sealbid import jcs
from sealbid.policy import fingerprint
from trading import facts, procedures
from trading.models import Document, Lot, Notice, Tender
from trading.rights import NOTICE_PUBLISH
from trading.rules.lifecycle import Move, after
from trading.rules.notices import require_lawful_bond, require_sound_weights
from trading.rules.seats import require_lawful_seats
from trading.rules.timetable import Plan, require_lawful_timetable
from trading.terms import Terms, parse_terms


def plan_of(tender: Tender, published_at: datetime) -> Plan:
    """The dates a tender's notice would print."""
    return Plan(
        published_at=published_at,
        documents_from_at=max(tender.documents_from_at, published_at),
        documents_until_at=tender.documents_until_at,
        bids_close_at=tender.bids_close_at,
        opens_at=tender.bids_close_at,
        validity_days=tender.validity_days,
        bond_validity_days=tender.validity_days if tender.bond.minor else None,
    )


PRICE = "price"
"""The factor that is the price, among the factors experts score."""


def law_of(tender: Tender, now: datetime) -> Rulebook:
    """The edition a tender froze, or the one in force for a draft."""
    if tender.edition:
        return rulebook.edition(tender.edition)
    return rulebook.in_force(tender.regime, tender.jurisdiction, now)


def publish_notice(work: Work, tender_id: UUID) -> Notice:
    """Issue the notice, open the tendering period and freeze the law it runs under.

    Raises:
        NotNow: ``already_published``, ``policy_missing``. NotValid: ``unlawful_timetable``, ``lots_missing``, ``text_missing``,
            ``documents_missing``, ``weights_not_100``, ``price_share``, ``panel_size``, ``bond_share``, ``past_date``.

    Source: 招标投标法 第十六条、第二十四条; 实施条例 第十五条、第十六条、第二十六条; 政府采购法 第三十五条.
    """
    tender = work.get(Tender, tender_id, to=NOTICE_PUBLISH)
    if tender.published_at is not None:
        raise NotNow("already_published", tender=tender.code)
    if not tender.lots:
        raise NotValid("lots_missing", field="lots")
    for name in ("summary", "qualification"):
        if not getattr(tender, name).strip():
            raise NotValid("text_missing", source="招标投标法 第十六条", field=name)
    tender.documents_from_at = max(tender.documents_from_at, work.now)
    law = law_of(tender, work.now)
    procedure = procedures.procedure(tender.procedure, law.regime)
    cautions = list(
        require_lawful_timetable(
            law, plan_of(tender, work.now), calendar=calendars.official(), procedure=procedure
        )
    )
    terms = parse_terms(tender.terms)
    if procedure.needs_panel and not terms.has_panel:
        why = f"the procedure {procedure.code} wants a panel"
        raise NotValid("terms", source="招标投标法 第三十七条", field="terms.method", why=why)
    cautions += require_lawful_terms(law, tender, terms)
    _require_documents(work, tender)
    if tender.policy_digest is None:
        raise NotNow("policy_missing", source="sealing §4", tender=tender.code)
    tender.edition, tender.published_at = law.edition, work.now
    for lot in tender.lots:
        lot.stage = after(lot.stage, Move.PUBLISH)
    tender.version += 1
    return publish_text(
        work,
        tender,
        kind="notice",
        title=f"{tender.title} {_title(tender, procedure)}",
        body=_notice_body(work, tender),
        cautions=tuple(caution.code for caution in cautions),
        amount=sum((lot.ceiling for lot in tender.lots), Money(0)),
    )


def _title(tender: Tender, procedure: procedures.Procedure) -> str:
    if procedure.live:
        return "竞价公告"
    return "采购公告" if tender.regime == "GP" else "招标公告"


def require_lawful_terms(law: Rulebook, tender: Tender, terms: Terms) -> list[Caution]:
    """Refuse printed terms the law forbids; hand back what only deserves a warning.

    Source: 实施条例 第二十六条、第四十九条; 政府采购法实施条例 第三十三条、第三十四条; spec rules NR-05, SF-02.
    """
    return [
        *sound_weights(law, terms, tender.category),
        *sound_seats(law, tender, terms),
        *require_lawful_bond(law, tender.bond, tender.project.budget, category=tender.category),
    ]


def sound_seats(law: Rulebook, tender: Tender, terms: Terms) -> tuple[Caution, ...]:
    """The seats of a panel that is printed; see ``require_lawful_seats``."""
    if not terms.has_panel:
        return ()
    amount = sum((lot.ceiling for lot in tender.lots), Money(0))
    return require_lawful_seats(
        law, seats=terms.panel.seats, buyer_seats=terms.panel.buyer_seats, amount=amount
    )


def sound_weights(law: Rulebook, terms: Terms, category: str) -> tuple[Caution, ...]:
    """The points of methods that score must add up; see ``require_sound_weights``."""
    if terms.method not in ("comprehensive", "gp_scoring"):
        return ()
    weights = {factor.id: Decimal(factor.max) for factor in terms.factors}
    weights[PRICE] = Decimal(terms.price.weight)
    return require_sound_weights(law, weights, price_factor=PRICE, category=category)


_TENDER_DOCUMENTS = (
    sa.select(sa.func.count())
    .select_from(Document)
    .where(Document.tender_id == sa.bindparam("tender_id"), Document.kind == "tender_document")
)
_FILES = (
    sa.select(Document.name, Document.sha256, Document.size)
    .where(Document.tender_id == sa.bindparam("tender_id"), Document.public, Document.replaced_at.is_(None))
    .order_by(Document.added_at, Document.id)
)


def _require_documents(work: Work, tender: Tender) -> None:
    if not work.session.scalar(_TENDER_DOCUMENTS, {"tender_id": tender.id}):
        raise NotValid("documents_missing", source="招标投标法 第十九条", field="documents")


def _notice_body(work: Work, tender: Tender) -> dict[str, Any]:
    """The fields a notice must contain. Source: spec rules §6.3."""
    buyer = work.session.get_one(Organization, tender.buyer_id)
    agent = work.session.get(Organization, tender.agent_id) if tender.agent_id else None
    assert tender.policy_digest is not None
    files = work.session.execute(_FILES, {"tender_id": tender.id}).all()
    return {
        "code": tender.code,
        "project": {
            "code": tender.project.code,
            "name": tender.project.name,
            "approval_no": tender.project.approval_no,
            "funds": tender.project.funds,
        },
        "buyer": {"name": buyer.name, "uscc": buyer.uscc},
        "contact": plain(tender.contact),
        "agent": {"name": agent.name, "uscc": agent.uscc} if agent else {},
        "summary": tender.summary,
        "place": tender.place,
        "qualification": tender.qualification,
        "consortium": False,
        "lots": [
            {
                "number": lot.number,
                "title": lot.title,
                "quantity": lot.quantity,
                "ceiling": f"{lot.ceiling.yuan:.2f}",
                **({"live": lot.live} if lot.live is not None else {}),
            }
            for lot in tender.lots
        ],
        "documents_from_at": plain(tender.documents_from_at),
        "documents_until_at": plain(tender.documents_until_at),
        "documents_price": "0.00",
        "bids_close_at": plain(tender.bids_close_at),
        "opens_at": plain(tender.bids_close_at),
        "submission_url": f"{work.platform.settings.base_url}/tenders/{tender.code}",
        "bond": f"{tender.bond.yuan:.2f}",
        "validity_days": tender.validity_days,
        "terms": tender.terms,
        "edition": tender.edition,
        "policy": tender.policy_digest,
        "policy_fingerprint": fingerprint(bytes.fromhex(tender.policy_digest)),
        "files": [{"name": file.name, "sha256": file.sha256, "size": file.size} for file in files],
    }


def publish_text(
    work: Work,
    tender: Tender,
    *,
    kind: str,
    title: str,
    body: dict[str, Any],
    lot: Lot | None = None,
    until_at: datetime | None = None,
    cautions: tuple[str, ...] = (),
    amount: Money | None = None,
) -> Notice:
    """Publish a notice of any kind under a tender. Its digest joins the log with it."""
    body = plain(body)
    digest = hashlib.sha256(jcs.encode(body)).hexdigest()
    notice_id = work.new_id()
    recorded = work.record(
        facts.NoticePublished(
            subject=tender.id,
            tender=tender.code,
            notice=notice_id,
            type=kind,
            digest=digest,
            edition=tender.edition or "",
            cautions=cautions,
            bids_close_at=tender.bids_close_at,
            policy=tender.policy_digest or "",
            terms=hashlib.sha256(jcs.encode(tender.terms)).hexdigest(),
        )
    )
    buyer = work.session.get_one(Organization, tender.buyer_id)
    return work.add(
        Notice(
            id=notice_id,
            tender_id=tender.id,
            lot_id=lot.id if lot else None,
            kind=kind,
            title=title,
            body=body,
            regime=tender.regime,
            category=tender.category,
            region=tender.region,
            amount=amount,
            words=bigrams(f"{title} {tender.code} {tender.project.name} {buyer.name} {tender.summary}"),
            published_at=work.now,
            until_at=until_at,
            record_id=recorded.record_id,
        )
    )
