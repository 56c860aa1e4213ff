"""From a project to a draft that is ready for its notice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from kernel import documents
from kernel.errors import NotFound, NotNow, NotValid
from kernel.money import Money
from kernel.rights import Actor
from kernel.work import Work
from trading import facts
from trading.models import Counter, Document, DocumentTaking, Lot, Project, Tender
from trading.rights import PROJECT_REGISTER, TENDER_DRAFT, TENDER_EDIT
from trading.rules.lifecycle import Stage
from trading.terms import parse_terms, plain_terms

CATEGORIES = {"works": "GC", "goods": "HW", "services": "FW", "land": "TD", "property": "CQ"}
FILE_BYTES_MAX = 256 << 20


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a buyer or agency enters for a tender, times as aware instants."""

    title: str
    summary: str
    regime: str
    category: str
    region: str
    terms: dict[str, Any]
    qualification: str
    contact: dict[str, Any]
    place: str
    bond: Money
    validity_days: int
    documents_from_at: datetime
    documents_until_at: datetime
    bids_close_at: datetime
    procedure: str = "open"
    agent_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class LotDraft:
    """One lot to be bid for, with its ceiling (最高投标限价 or budget)."""

    title: str
    quantity: str
    ceiling: Money


@dataclass(frozen=True, kw_only=True)
class FileDraft:
    """A file handed in: its bytes are stored before the transaction that names them."""

    kind: str
    name: str
    media: str
    data: bytes = field(repr=False)
    public: bool = True


def next_number(work: Work, series: str) -> int:
    """The next number of a series that people read; gaps are possible, repeats are not."""
    row = work.session.get(Counter, series, with_for_update=not work.platform.database.is_sqlite)
    if row is None:
        row = Counter(series=series, last=0)
        work.session.add(row)
    row.last += 1
    work.session.flush()
    return row.last


def register_project(
    work: Work,
    *,
    name: str,
    category: str,
    region: str,
    funds: str,
    approval_no: str,
    budget: Money,
    buyer_id: UUID | None = None,
) -> Project:
    """Enter a project with its approval and money.

    Raises:
        NotValid: ``category``, ``budget``.

    Source: 招标投标法 第九条 (approved, and the money is there).
    """
    work.require(PROJECT_REGISTER)
    _require_category(category)
    if budget.minor <= 0:
        raise NotValid("budget", field="budget")
    owner = buyer_id or work.actor.org_id
    assert owner is not None
    year = work.now.year
    project = work.add(
        Project(
            id=work.new_id(),
            code=f"P{year}-{next_number(work, f'project-{year}'):05d}",
            name=name,
            buyer_id=owner,
            category=category,
            region=region,
            funds=funds,
            approval_no=approval_no,
            budget=budget,
            created_at=work.now,
        )
    )
    work.record(facts.ProjectRegistered(subject=project.id, project=project.code, buyer=owner, budget=budget))
    return project


def draft_tender(work: Work, project_id: UUID, draft: Draft) -> Tender:
    """Begin a tender of a project; rooms above prepare what they need (custodians, for one)."""
    work.require(TENDER_DRAFT)
    project = work.lock(Project, project_id)
    if work.actor.org_id not in (project.buyer_id, draft.agent_id):
        raise NotFound("not_found", thing="project", id=str(project_id))
    _require_category(draft.category)
    terms = parse_terms(draft.terms)
    year = work.now.year
    series = CATEGORIES[draft.category]
    tender = work.add(
        Tender(
            id=work.new_id(),
            project_id=project.id,
            code=f"SR{year}-{series}-{next_number(work, f'tender-{series}-{year}'):05d}",
            buyer_id=project.buyer_id,
            jurisdiction=work.platform.settings.jurisdiction,
            version=1,
            created_at=work.now,
            **{name: getattr(draft, name) for name in _COLUMNS},
            terms=plain_terms(terms),
        )
    )
    work.record(facts.TenderDrafted(subject=tender.id, tender=tender.code, title=tender.title))
    return tender


_COLUMNS = (
    "title",
    "summary",
    "regime",
    "category",
    "region",
    "qualification",
    "contact",
    "place",
    "bond",
    "validity_days",
    "documents_from_at",
    "documents_until_at",
    "bids_close_at",
    "procedure",
    "agent_id",
)


def change_draft(work: Work, tender_id: UUID, **changes: Any) -> Tender:
    """Change fields of an unpublished tender; rooms above hear which."""
    tender = work.get(Tender, tender_id, to=TENDER_EDIT)
    require_draft(tender)
    if "terms" in changes:
        changes["terms"] = plain_terms(parse_terms(changes["terms"]))
    unknown = changes.keys() - {*_COLUMNS, "terms"}
    assert not unknown, unknown
    changed = tuple(sorted(name for name, value in changes.items() if getattr(tender, name) != value))
    for name in changed:
        setattr(tender, name, changes[name])
    if changed:
        tender.version += 1
        work.record(facts.DraftChanged(subject=tender.id, tender=tender.code, fields=changed))
    return tender


def add_lot(work: Work, tender_id: UUID, draft: LotDraft) -> Lot:
    """Add a lot to a draft.

    Raises:
        NotValid: ``ceiling`` when it is not positive. Source: 实施条例 第二十七条 (a ceiling is stated).
    """
    tender = work.get(Tender, tender_id, to=TENDER_EDIT)
    require_draft(tender)
    if draft.ceiling.minor <= 0:
        raise NotValid("ceiling", source="实施条例 第二十七条", field="ceiling")
    lot = Lot(
        id=work.new_id(),
        tender_id=tender.id,
        number=len(tender.lots) + 1,
        title=draft.title,
        quantity=draft.quantity,
        ceiling=draft.ceiling,
        stage=Stage.DRAFT,
        round=1,
    )
    tender.lots.append(lot)
    tender.version += 1
    work.record(facts.DraftChanged(subject=tender.id, tender=tender.code, fields=("lots",)))
    return lot


def change_lot(work: Work, lot_id: UUID, draft: LotDraft) -> Lot:
    """Enter a lot of a draft anew. Raises NotValid ``ceiling`` as ``add_lot`` does."""
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=TENDER_EDIT)
    require_draft(tender)
    if draft.ceiling.minor <= 0:
        raise NotValid("ceiling", source="实施条例 第二十七条", field="ceiling")
    changed = {
        name for name in ("title", "quantity", "ceiling") if getattr(lot, name) != getattr(draft, name)
    }
    if changed:
        lot.title, lot.quantity, lot.ceiling = draft.title, draft.quantity, draft.ceiling
        tender.version += 1
        work.record(facts.DraftChanged(subject=tender.id, tender=tender.code, fields=("lots",)))
    return lot


def print_live_terms(work: Work, lot_id: UUID, live: dict[str, Any]) -> Lot:
    """Put the terms of a live auction into a draft lot; the notice prints them as they stand then.

    What they may say is the business of the room that runs auctions.

    Raises:
        NotNow: ``terms_are_printed`` once the notice is out.

    Source: rules §4.2 (every option is printed; changing it after publication is blocked).
    """
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=TENDER_EDIT)
    if tender.published_at is not None:
        raise NotNow("terms_are_printed", source="rules §4.2", tender=tender.code)
    if lot.live != live:
        lot.live = live
        tender.version += 1
        work.record(facts.DraftChanged(subject=tender.id, tender=tender.code, fields=("live",)))
    return lot


def remove_lot(work: Work, lot_id: UUID) -> None:
    """Take a lot out of a draft; the lots after it move up, so that numbers stay without gaps."""
    lot = work.lock(Lot, lot_id)
    tender = work.get(Tender, lot.tender_id, to=TENDER_EDIT)
    require_draft(tender)
    later = sorted((one for one in tender.lots if one.number > lot.number), key=lambda one: one.number)
    tender.lots.remove(lot)
    work.session.delete(lot)
    work.session.flush()
    for one in later:
        one.number -= 1
        work.session.flush()  # one by one: two lots never hold the same number
    tender.version += 1
    work.record(facts.DraftChanged(subject=tender.id, tender=tender.code, fields=("lots",)))


def add_document(
    work: Work, tender_id: UUID, file: FileDraft, *, replaces_id: UUID | None = None
) -> Document:
    """Add a file, or a new version of one. Bytes go to the store first and are named by their hash.

    After publication a file changes only together with a clarification (the caller publishes it).

    Raises:
        NotValid: ``file_empty``, ``file_too_large``.
    """
    tender = work.get(Tender, tender_id, to=TENDER_EDIT)
    if not file.data:
        raise NotValid("file_empty", field="file")
    if len(file.data) > FILE_BYTES_MAX:
        raise NotValid("file_too_large", field="file", bytes_max=FILE_BYTES_MAX)
    stored = documents.store(work.platform.outside.blobs, file.data)
    version = 1
    if replaces_id is not None:
        old = work.lock(Document, replaces_id)
        if old.tender_id != tender_id:
            raise NotFound("not_found", thing="document", id=str(replaces_id))
        old.replaced_at, version = work.now, old.version + 1
    document = work.add(
        Document(
            id=work.new_id(),
            tender_id=tender_id,
            kind=file.kind,
            name=file.name,
            media=file.media,
            size=stored.size,
            sha256=stored.sha256,
            version=version,
            replaces_id=replaces_id,
            public=file.public,
            added_at=work.now,
        )
    )
    recorded = work.record(
        facts.DocumentAdded(
            subject=tender.id,
            tender=tender.code,
            document=document.id,
            sha256=stored.sha256,
            size=stored.size,
            version=version,
        )
    )
    document.record_id = recorded.record_id
    return document


def take_document(work: Work, document_id: UUID, actor: Actor) -> None:
    """Note that somebody took a document; shown as counts only before the deadline.

    Source: 招标投标法 第二十二条; 实施条例 第三十二条 (no gate before the download).
    """
    work.session.add(
        DocumentTaking(id=work.new_id(), document_id=document_id, org_id=actor.org_id, at=work.now)
    )


def fix_policy(work: Work, tender_id: UUID, digest: str) -> None:
    """Bind a tender to the digest of its sealing policy, which its notice will print."""
    tender = work.lock(Tender, tender_id)
    tender.policy_digest = digest
    work.record(facts.PolicyFixed(subject=tender.id, tender=tender.code, policy=digest))


def require_draft(tender: Tender) -> None:
    """Refuse to edit what the public already relies on."""
    if tender.published_at is not None:
        raise NotNow("already_published", tender=tender.code)


def documents_of(work: Work, tender_id: UUID) -> list[Document]:
    return work.scalars(
        sa.select(Document).where(Document.tender_id == tender_id).order_by(Document.added_at, Document.id)
    )


def _require_category(category: str) -> None:
    if category not in CATEGORIES:
        raise NotValid("category", field="category", choices=sorted(CATEGORIES))
