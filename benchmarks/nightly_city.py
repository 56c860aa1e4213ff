"""A year of a city in its database: the rows the platform's own actions leave of ten thousand opened tenders.

Walking ten thousand tenders through the house takes an hour, so their rows are inserted in bulk: everything that the
nightly run, the queue and a case read. ``tests/integration/supervision/test_nightly_benchmark.py`` holds them against a
tender that was walked. Organisations, people and the supervisor who looks are made by the platform's actions.

Two rings are planted. The *marked* one pays its bonds from one account; the *silent* one leaves nothing but that its
members meet too often.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding.models import Bid, BidPart, OpenedFile, OpenedPart
from bidding.rules.accounts import masked
from bidding.rules.states import BidState
from evaluation.models import Award, EvaluationReport
from kernel import documents
from kernel.database import Base
from kernel.identity.models import Organization, Person
from kernel.identity.uscc import a_uscc
from kernel.money import Money
from kernel.platform import Platform
from kernel.traces import trace_hash
from simulation import cartel, names
from supervision.actions.leads_traces import CONSENT_TEXT, kind_of, salted
from supervision.importing import PLAIN
from supervision.leads_models import (
    AddressTrace,
    ClientTrace,
    ImportBatch,
    ImportedTrace,
    SubmissionTrace,
    TraceConsent,
)
from trading.models import Document, DocumentTaking, Lot, Project, Tender
from trading.rules.lifecycle import Stage

AT_HOME = 3
"""How much more readily a firm bids in its own district."""
CONSENTING, ASKING, BONDED = 0.6, 0.2, 0.3
"""Shares of firms whose sealing client says something, of bids with a question, of lots whose bonds a bank reported."""
ORDER: tuple[type[Base], ...] = (
    Organization, Person, TraceConsent, Project, Tender, Lot, Document, DocumentTaking, Bid, BidPart, OpenedPart,
    OpenedFile, EvaluationReport, Award, SubmissionTrace, ClientTrace, AddressTrace, ImportBatch, ImportedTrace,
)  # fmt: skip
"""Tables in the order in which their rows may arrive."""


@dataclass(frozen=True)
class Size:
    """How large the city is.

    Attributes:
        silent, marked: how many lots each ring of four agrees on.
    """

    lots: int = 10_000
    lots_a_day: int = 40
    firms: int = 600
    silent: int = 60
    marked: int = 12


@dataclass(frozen=True)
class Firm:
    """A bidder: its row's id, its person, where it is at home and how it works."""

    id: UUID
    person: UUID
    name: str
    uscc: str
    district: str
    consents: bool
    phone: str = ""


@dataclass
class Filling:
    """Fills a platform's database day by day; ``buyer`` puts out every tender."""

    platform: Platform
    buyer: UUID
    size: Size
    dice: random.Random = field(default_factory=lambda: random.Random("a year of the city"))
    firms: list[Firm] = field(default_factory=list)
    bids: int = 0
    _rows: dict[type[Base], list[dict[str, Any]]] = field(default_factory=dict)
    _kinds: list[str] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        size = self.size
        self._kinds = ["honest"] * size.lots
        for place, kind in zip(
            self.dice.sample(range(size.lots), size.silent + size.marked),
            ["silent"] * size.silent + ["marked"] * size.marked,
            strict=True,
        ):
            self._kinds[place] = kind

    @property
    def silent(self) -> list[Firm]:
        return self.firms[:4]

    @property
    def marked(self) -> list[Firm]:
        return self.firms[4:8]

    def settle(self, at: datetime) -> None:
        """The firms move in."""
        for number in range(self.size.firms):
            person, org = self._id(), self._id()
            firm = Firm(
                org,
                person,
                f"{names.bidder(number % 64)[:2]}{number}建设工程有限公司",
                a_uscc(100_000 + number),
                names.DISTRICTS[number % len(names.DISTRICTS)],
                self.dice.random() < CONSENTING,
                f"021-6{number:07d}",
            )
            self.firms.append(firm)
            self._add(
                Organization,
                id=org,
                uscc=firm.uscc,
                name=firm.name,
                name_en="",
                kinds=["bidder"],
                state="active",
                controlled_by=None,
                legal_person=f"法{number:04}",
                address=f"阳光市{firm.district}长风路 {number} 号",
                contact_name=f"联{number:04}",
                contact_email=f"firm{number}@example.org",
                contact_phone=firm.phone,
                created_at=at,
            )
            self._add(
                Person,
                id=person,
                name=f"联{number:04}",
                name_en="",
                email=f"firm{number}@example.org",
                phone="",
                lang="zh-CN",
                kid=f"city-{number:06}",
                state="active",
                created_at=at,
            )
            if firm.consents:
                self._add(
                    TraceConsent, id=self._id(), person_id=person, text=CONSENT_TEXT, at=at, withdrawn_at=None
                )
        batch = self._batch("relation", at, self.size.firms)
        for number, firm in enumerate(self.firms):
            values = {"kind": "holds", "other": f"股东{number}", "percent": "60"}
            self._import(batch, "relation", None, firm, number + 2, values, at)
        self._send()

    def day(self, at: datetime, lots: int, *, files: bool) -> None:
        """One day's openings, awards of them, and what a bank reported.

        Args:
            at: of the opening. files: whether the bids bring a form and a priced bill.
        """
        batch = self._batch("bond", at, lots)
        for _ in range(lots):
            self._lot(at, batch, files=files)
        self._send()

    def _lot(self, at: datetime, batch: UUID, *, files: bool) -> None:
        self._number += 1
        number, dice = self._number, self.dice
        kind = self._kinds[number - 1] if number <= len(self._kinds) else "honest"
        district = dice.choice(names.DISTRICTS)
        category = "works" if dice.random() < 0.7 else "goods"
        ceiling = Money.from_yuan(str(dice.randint(40, 3_900) * 10_000))
        tender, lot, code = self._id(), self._id(), f"YG-2026-{number:06}"
        title = f"{district}零星维修工程（{number:06}）"
        published, closes = at - timedelta(days=22), at - timedelta(hours=1)
        self._tender(tender, lot, code, title, category, district, ceiling, published, closes)
        document = documents.store(
            self.platform.outside.blobs, cartel.FORM.encode() if files else f"{title}\n{code}\n".encode()
        )
        paper = self._id()
        self._add(
            Document,
            id=paper,
            tender_id=tender,
            kind="tender_document",
            name="招标文件.pdf",
            media="application/pdf",
            size=document.size,
            sha256=document.sha256,
            version=1,
            replaces_id=None,
            replaced_at=None,
            public=True,
            added_at=published,
            record_id=self._id(),
        )
        sealed = self._bidders(kind, district)
        for taker in [*(firm for firm, _ in sealed), *dice.sample(self.firms[8:], 2)]:
            self._add(DocumentTaking, id=self._id(), document_id=paper, org_id=taker.id, at=published)
        placed = []
        for order, (firm, share) in enumerate(sealed, start=1):
            price = Money(int(ceiling.minor * share) // 100 * 100)
            bid = self._bid(tender, lot, code, firm, price, order, closes, at, files=files)
            placed.append((price.minor, bid, firm))
        self._award(tender, lot, sorted(placed, key=lambda one: (one[0], one[1][0])), at)
        if kind == "marked" or dice.random() < BONDED:
            for line, (firm, _) in enumerate(sealed, start=2):
                shared = kind == "marked" and firm in self.marked[:2]
                account = "6222020200017731" if shared else f"62220202{firm.uscc[-8:]}"
                values = {"account": account, "issuer": "阳光银行", "number": str(10 * number + 13 * line)}
                self._import(batch, "bond", lot, firm, line, values, at + timedelta(hours=2))

    def _bidders(self, kind: str, district: str) -> list[tuple[Firm, float]]:
        """Who bids, and at which share of the ceiling."""
        dice = self.dice
        if kind == "honest":
            return [(firm, dice.uniform(0.86, 0.99)) for firm in self._drawn(dice.randint(3, 8), district)]
        others = [firm for firm in self._drawn(2, district) if firm not in self.firms[:8]]
        low = dice.uniform(0.955, 0.985)
        ring = list(self.silent if kind == "silent" else self.marked)
        dice.shuffle(ring)
        agreed = [
            (firm, low if place == 0 else dice.uniform(low * 1.004, low * 1.015))
            for place, firm in enumerate(ring)
        ]
        return agreed + [(firm, dice.uniform(0.99, 0.999)) for firm in others]

    def _drawn(self, count: int, district: str) -> list[Firm]:
        found: dict[UUID, Firm] = {}
        while len(found) < count:
            firm = self.firms[int(self.dice.random() * len(self.firms))]
            if firm.district == district or self.dice.random() * AT_HOME < 1:
                found[firm.id] = firm
        return list(found.values())

    def _tender(
        self,
        tender: UUID,
        lot: UUID,
        code: str,
        title: str,
        category: str,
        district: str,
        ceiling: Money,
        published: datetime,
        closes: datetime,
    ) -> None:
        project = self._id()
        self._add(
            Project,
            id=project,
            code=f"P{code}",
            name=title,
            buyer_id=self.buyer,
            category=category,
            region=district,
            funds="财政资金 100%",
            approval_no="阳发改〔2026〕7 号",
            budget=ceiling,
            created_at=published,
        )
        self._add(
            Tender,
            id=tender,
            project_id=project,
            code=code,
            title=title,
            summary="小型工程，比价采购。",
            regime="SM",
            category=category,
            procedure="comparison",
            region=district,
            jurisdiction="CN",
            buyer_id=self.buyer,
            agent_id=None,
            edition="2026",
            terms={"method": "lowest_price", "parts": ["price", "tech"], "price": {"formula": "none"}},
            qualification="具有独立承担民事责任的能力。",
            contact={"name": "联系人", "phone": "021-55500001"},
            place=f"阳光市{district}",
            bond=Money(ceiling.minor // 100),
            validity_days=90,
            documents_from_at=published,
            documents_until_at=published + timedelta(days=9),
            bids_close_at=closes,
            policy_digest=None,
            published_at=published,
            suspended_at=None,
            suspended_for=None,
            terminated_at=None,
            version=4,
            created_at=published,
            next_moment_at=None,
        )
        self._add(
            Lot,
            id=lot,
            tender_id=tender,
            number=1,
            title="第 1 标段",
            quantity="详见招标文件",
            ceiling=ceiling,
            stage=Stage.AWARDED,
            round=1,
            failed_for=None,
            outcome=None,
            standstill_until_at=None,
            awarded_at=closes + timedelta(hours=4),
            live=None,
        )

    def _bid(
        self,
        tender: UUID,
        lot: UUID,
        code: str,
        firm: Firm,
        price: Money,
        order: int,
        closes: datetime,
        opened: datetime,
        *,
        files: bool,
    ) -> tuple[str, UUID]:
        bid, name, dice, settings = (
            self._id(),
            self.platform.outside.entropy(16).hex(),
            self.dice,
            self.platform.settings,
        )
        sent = closes - timedelta(minutes=dice.randint(90, 12_000))
        self.bids += 1
        self._add(
            Bid,
            id=bid,
            code=name,
            tender_id=tender,
            lot_id=lot,
            org_id=firm.id,
            person_id=firm.person,
            policy="0" * 64,
            bk=b"\x02" * 32,
            state=BidState.COMPLETE,
            commit_body={"v": 1, "tender": code, "lot": "1", "bid": name},
            replaces="",
            replace_statement=None,
            key_lost=False,
            committed_at=sent,
            commit_record_id=self._id(),
            completed_at=sent,
            complete_record_id=self._id(),
            withdrawn_at=None,
            withdraw_record_id=None,
        )
        for part in ("price", "tech"):
            opening = self._id()
            self._add(BidPart, bid_id=bid, part=part, root="0" * 64, size=4096, blocks=1, hashes=b"\x03" * 32)
            self._add(
                OpenedPart,
                id=opening,
                tender_id=tender,
                lot_id=lot,
                bid_id=bid,
                part=part,
                opening_order=order,
                ok=True,
                why="",
                cause="",
                way="custodians",
                secret=b"\x04" * 32,
                manifest={"part": part},
                manifest_sig={},
                bundle_sha256="0" * 64,
                price=price if part == "price" else None,
                nonce=b"\x05" * 32 if part == "price" else None,
                record_id=self._id(),
                opened_at=opened,
            )
            if files and part == "tech":
                self._files(opening, code, firm)
        home = f"203.0.{int(firm.uscc[9:17], 36) % 250}.7 {firm.uscc}"
        address, network = (trace_hash(settings, kind, home) for kind in ("address", "network"))
        self._add(
            SubmissionTrace,
            id=self._id(),
            bid_id=bid,
            lot_id=lot,
            org_id=firm.id,
            moment="complete",
            at=sent,
            address=address,
            network=network,
        )
        if dice.random() < ASKING:
            self._add(
                AddressTrace,
                id=self._id(),
                tender_id=tender,
                org_id=firm.id,
                moment="question",
                at=sent,
                address=address,
            )
        if firm.consents:
            device = {
                part: salted(code, part, f"{part} of {firm.uscc}") for part in ("browser", "machine", "disk")
            }
            self._add(
                ClientTrace,
                bid_id=bid,
                lot_id=lot,
                org_id=firm.id,
                person_id=firm.person,
                text=CONSENT_TEXT,
                at=sent,
                device={part: trace_hash(settings, f"client.{part}", mark) for part, mark in device.items()},
                documents=[trace_hash(settings, "client.document", salted(code, "document", name))],
            )
        return name, bid

    def _files(self, opening: UUID, code: str, firm: Firm) -> None:
        """A form and a priced bill, written by the firm alone."""
        own = random.Random(f"{code} {firm.uscc} alone")
        word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        text = cartel.word_file(f"{cartel.FORM}\n{cartel.prose(own)}", f"{firm.name}-{firm.uscc[-6:]}")
        made = [
            ("技术投标文件.docx", word, text),
            ("已标价工程量清单.csv", "text/csv", cartel.bill(own, 1.0, scaled=False, own=own)),
        ]
        for number, (name, media, data) in enumerate(made):
            digest = hashlib.sha256(data).hexdigest()
            key = f"opened/{digest[:2]}/{digest}"
            self.platform.outside.blobs.put(key, data)
            self._add(
                OpenedFile,
                id=self._id(),
                opened_id=opening,
                number=number,
                name=name,
                media=media,
                size=len(data),
                sha256=digest,
                blob=key,
            )

    def _award(
        self, tender: UUID, lot: UUID, placed: Sequence[tuple[int, tuple[str, UUID], Firm]], at: datetime
    ) -> None:
        price, (_, bid), firm = placed[0]
        candidates = [
            {"rank": rank, "bid": code} for rank, (_, (code, _), _) in enumerate(placed[:3], start=1)
        ]
        self._add(
            EvaluationReport,
            id=self._id(),
            tender_id=tender,
            lot_id=lot,
            version=1,
            body={"candidates": candidates},
            digest="0" * 64,
            signatures={},
            pdf_sha256=None,
            made_at=at,
            delivered_at=at,
            superseded_at=None,
            record_id=self._id(),
        )
        self._add(
            Award,
            id=self._id(),
            tender_id=tender,
            lot_id=lot,
            bid_id=bid,
            org_id=firm.id,
            rank=1,
            price=Money(price),
            reason="",
            letter_sha256="0" * 64,
            decided_at=at + timedelta(hours=3),
            record_id=self._id(),
        )

    def _batch(self, kind: str, at: datetime, lines: int) -> UUID:
        batch = self._id()
        self._add(
            ImportBatch,
            id=batch,
            kind=kind,
            name=f"{kind}.csv",
            file_sha256=batch.hex * 2,
            lines=lines,
            refused=0,
            person_id=self.firms[0].person,
            at=at,
            record_id=self._id(),
        )
        return batch

    def _import(
        self,
        batch: UUID,
        kind: str,
        lot: UUID | None,
        firm: Firm,
        line: int,
        values: dict[str, str],
        at: datetime,
    ) -> None:
        """A line of a file as the import door keeps it: hashed where it must not be read."""
        settings = self.platform.settings
        self._add(
            ImportedTrace,
            id=self._id(),
            batch_id=batch,
            kind=kind,
            lot_id=lot,
            org_id=firm.id,
            line=line,
            hashes={
                k: v if k in PLAIN else trace_hash(settings, kind_of(kind, k), v) for k, v in values.items()
            },
            shown={k: masked(v) for k, v in values.items() if k not in PLAIN},
            at=at,
        )

    def _id(self) -> UUID:
        return self.platform.outside.new_id()

    def _add(self, table: type[Base], **values: Any) -> None:
        self._rows.setdefault(table, []).append(values)

    def _send(self) -> None:
        with self.platform.database.writer.begin() as connection:
            for table in ORDER:
                if rows := self._rows.pop(table, []):
                    connection.execute(sa.insert(table), rows)
        assert not self._rows, self._rows.keys()


def working_days(before: datetime, count: int) -> Iterator[datetime]:
    """The last ``count`` mornings before a day that are no weekend, oldest first."""
    found: list[datetime] = []
    day = before
    while len(found) < count:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            found.append(day)
    return reversed(found)
