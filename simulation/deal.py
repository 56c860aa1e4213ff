"""The moves of one deal, each by the actor whose move it is, through the platform's real actions."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bidding.actions import closing, custody, delivery, releasing, submission, unsealing
from bidding.models import Seat
from evaluation.actions import awards, panels, reports, review, scoring
from evaluation.models import Panelist
from evaluation.rules.panel import Seat as PanelSeat
from evaluation.rules.scoring import needs_reason
from kernel.money import Money
from sealbid import bundle, container, records, signatures, signoff
from sealbid.envelope import Header, unwrap_share
from sealbid.octets import b64
from sealbid.policy import Policy, sign_custodian_key
from sealbid.signatures import PrivateKey
from sealbid.suites import suite_named
from simulation.world import Player, World
from trading import actions as trading
from trading.actions.contracts import ContractDraft
from trading.actions.drafting import Draft, FileDraft, LotDraft
from trading.models import Tender

REVIEW = (
    {
        "id": "signed",
        "name": "签章与密封",
        "name_en": "Signature and seal",
        "clause": "第三章 3.1",
        "ground": "RJ-01",
    },
    {
        "id": "qualified",
        "name": "资格条件",
        "name_en": "Qualification",
        "clause": "第三章 3.2",
        "ground": "RJ-03",
    },
    {
        "id": "responsive",
        "name": "实质性响应",
        "name_en": "Responsiveness",
        "clause": "第三章 3.3",
        "ground": "RJ-06",
    },
)


def _review_of(method: str) -> list[dict[str, str]]:
    """The review items; procurement law knows a missing signature under another ground."""
    if not method.startswith("gp_"):
        return list(REVIEW)
    return [{**item, "ground": "RJ-09"} if item["ground"] == "RJ-01" else item for item in REVIEW]


def terms_for(method: str, *, seats: int = 5, buyer_seats: int = 1) -> dict[str, Any]:
    """Complete printed terms for one of the four methods."""
    common: dict[str, Any] = {
        "method": method,
        "review": _review_of(method),
        "panel": {"seats": seats, "buyer_seats": buyer_seats, "specialty": "civil"},
    }
    if method == "comprehensive":
        return common | {
            "price": {
                "formula": "deviation",
                "weight": "60",
                "benchmark": "BM-2",
                "k": ["0.95", "0.955", "0.96", "0.965", "0.97", "0.975", "0.98"],
                "trim": [[5, 1, 1]],
                "full": "100",
                "e1": "2",
                "e2": "1",
            },
            "factors": [
                {"id": "plan", "name": "施工组织设计", "name_en": "Construction plan", "max": "25"},
                {"id": "team", "name": "项目管理机构", "name_en": "Project team", "max": "10"},
                {"id": "credit", "name": "信用评价", "name_en": "Credit record", "max": "5"},
            ],
        }
    if method == "gp_scoring":
        return common | {
            "price": {"formula": "ratio", "weight": "30"},
            "deductions": {"small": "0.10", "domestic": "0.20"},
            "factors": [
                {"id": "technical", "name": "技术方案", "name_en": "Technical proposal", "max": "50"},
                {"id": "business", "name": "商务与服务", "name_en": "Service", "max": "20"},
            ],
        }
    if method == "gp_lowest":
        return common | {"price": {"formula": "none"}, "deductions": {"small": "0.10", "domestic": "0.20"}}
    return common | {
        "price": {"formula": "none"},
        "adjustments": [
            {"item": "period_months", "name": "工期每超过一个月", "base": "14", "per_unit": "100000"}
        ],
    }


@dataclass
class Deal:
    """A tender under way in the simulation, and what its actors remember of it."""

    tender_id: UUID
    code: str
    buyer: Player
    policy: Policy | None = None
    bids: dict[str, Player] = field(default_factory=dict)
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)


def draft_deal(
    world: World,
    buyer: Player,
    *,
    title: str,
    summary: str,
    regime: str,
    category: str,
    method: str,
    ceilings: Sequence[Money],
    days: int = 22,
    terms: Mapping[str, Any] | None = None,
    district: str = "向阳区",
    document: bytes = b"",
    procedure: str = "open",
) -> Deal:
    """A buyer registers a project and drafts a tender with its lots and documents."""
    now = world.now
    total = sum(ceilings[1:], ceilings[0])
    with world.begin(buyer) as work:
        project = trading.register_project(
            work,
            name=title,
            category=category,
            region=district,
            funds="财政资金 100%",
            approval_no=f"阳发改〔{now.year}〕{world.dice.randint(10, 999)} 号",
            budget=total,
        )
        tender = trading.draft_tender(
            work,
            project.id,
            Draft(
                title=title,
                summary=summary,
                regime=regime,
                category=category,
                region=district,
                terms=dict(terms or terms_for(method)),
                qualification="具有独立承担民事责任的能力；具备相应资质等级和安全生产许可；未被列入失信名单。",
                contact={"name": buyer.name, "phone": "021-55500001", "email": buyer.email},
                place=f"阳光市{district}",
                bond=Money(total.minor // 100),
                validity_days=90,
                documents_from_at=now,
                documents_until_at=now + timedelta(days=min(17, days - 2)),
                bids_close_at=(now + timedelta(days=days)).replace(second=0, microsecond=0),
                procedure=procedure,
            ),
        )
        for number, ceiling in enumerate(ceilings, start=1):
            trading.add_lot(
                work, tender.id, LotDraft(title=f"第 {number} 标段", quantity="详见招标文件", ceiling=ceiling)
            )
        trading.add_document(
            work,
            tender.id,
            FileDraft(
                kind="tender_document",
                name="招标文件.pdf",
                media="application/pdf",
                data=document or f"{title}\n{tender.code}\n".encode(),
            ),
        )
    return Deal(tender.id, tender.code, buyer)


def keeper_of(world: World, deal: Deal, seat: Seat) -> Player:
    """The player who sits in a custodian's seat."""
    if seat.role == "tenderer":
        return deal.buyer
    return world.keepers[seat.role]


def state_keys(world: World, deal: Deal) -> None:
    """Every custodian makes a key for this tender and signs it; the last one seals the policy."""
    with world.read() as session:
        seats = custody.seats_of(session, deal.tender_id)
    suite = suite_named(world.platform.settings.suite)
    for seat in seats:
        if seat.statement is not None:
            continue
        keeper = keeper_of(world, deal, seat)
        seed = world.seeds[deal.code, seat.x] = world.entropy(32)
        custodian = sign_custodian_key(
            keeper.key,
            tender=deal.code,
            x=seat.x,
            role=seat.role,
            org=keeper.uscc,
            pk=suite.public_key(seed),
            not_after=seat.not_after,
        )
        with world.begin(keeper) as work:
            custody.state_key(work, seat.id, custodian.to_json())


def publish(world: World, deal: Deal) -> None:
    """Custodians state their keys, the buyer publishes."""
    state_keys(world, deal)
    with world.begin(deal.buyer) as work:
        trading.publish_notice(work, deal.tender_id)
    with world.read() as session:
        row = custody.newest_policy(session, deal.tender_id)
    assert row is not None
    deal.policy = Policy.decode(row.jcs)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a bidder puts into one bid."""

    lot: int
    price: Money
    items: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[tuple[str, str, bytes]] = ()


@dataclass(frozen=True)
class SealedOffer:
    """A bid sealed on the bidder's side, ready to submit."""

    code: str
    body: dict[str, Any]
    sig: dict[str, Any]
    hashes: dict[str, bytes]
    parts: dict[str, bytes]
    bk: Ed25519PrivateKey
    replace: dict[str, Any] | None = None


def seal_offer(
    world: World, deal: Deal, bidder: Player, offer: Offer, *, replaces: str = "", key_lost: bool = False
) -> SealedOffer:
    """Seal both parts with the protocol's own code; secrets stay with the bidder.

    Args:
        replaces: an older bid of his, whose key signs it off; his organisation's does where he has ``key_lost``.
    """
    assert deal.policy is not None
    entropy = world.entropy
    bk = Ed25519PrivateKey.from_private_bytes(entropy(32))
    public, bid, nonce = bk.public_key().public_bytes_raw(), entropy(16), entropy(32)
    opening = {"price": f"{offer.price.yuan:.2f}", "currency": "CNY", "period_days": 120, **offer.items}
    entries, hashes, parts = [], {}, {}
    for part in deal.policy.parts:
        files = offer.files if part != "price" else ()
        content = bundle.BidPart(
            part=part,
            lot=str(offer.lot),
            bk=public,
            nonce=nonce,
            bidder_name=bidder.org_name,
            bidder_uscc=bidder.uscc,
            opening=opening if part == "price" else {"period_days": 120},
            files=[
                (bundle.describe(name, media, io.BytesIO(data)), lambda data=data: io.BytesIO(data))  # type: ignore[misc]
                for name, media, data in files
            ],
        )
        out = io.BytesIO()
        sealed = bundle.seal_part(
            content,
            out,
            policy=deal.policy,
            bid=bid,
            entropy=entropy,
            signer=lambda body: signatures.sign("bid-manifest", body, bidder.key),
        )
        world.secrets[bid.hex(), part] = sealed.secret
        hashes[part], parts[part] = b"".join(sealed.block_hashes), out.getvalue()
        entries.append(
            {"part": part, "root": sealed.root.hex(), "size": sealed.size, "blocks": len(sealed.block_hashes)}
        )
    body = {
        "v": 1,
        "tender": deal.code,
        "lot": str(offer.lot),
        "bid": bid.hex(),
        "policy": deal.policy.digest.hex(),
        "bk": b64(public),
        "parts": entries,
        "replaces": replaces,
    }
    sig = signatures.sign("bid-commit", body, bk).to_json()
    replace = None
    if replaces:
        replace = (
            signed_off(body, bidder.key, bidder.uscc) if key_lost else signed_off(body, deal.keys[replaces])
        )
    return SealedOffer(bid.hex(), body, sig, hashes, parts, bk, replace)


def signed_off(commit: dict[str, Any], key: PrivateKey, lost_by: str = "") -> dict[str, Any]:
    """The older bid's key, or an organisation in its place, consents to this very commitment."""
    return signoff.signed(
        signoff.REPLACE,
        signoff.replacement(commit, lost_by=lost_by),
        lambda kind, body: signatures.sign(kind, body, key).to_json(),
    )


def submit(world: World, deal: Deal, bidder: Player, sealed: SealedOffer) -> str:
    """Commit, deliver every block, complete."""
    with world.begin(bidder) as work:
        submission.commit_bid(
            work, deal.tender_id, sealed.body, sealed.sig, sealed.hashes, replace=sealed.replace
        )
    actor = world.actor(bidder)
    for part, data in sealed.parts.items():
        blocks = list(container.blocks_of(io.BytesIO(data)))
        delivery.put_blocks(world.platform, actor, sealed.code, part, 0, blocks)
    with world.begin(bidder) as work:
        submission.complete_bid(work, sealed.code)
    deal.bids[sealed.code], deal.keys[sealed.code] = bidder, sealed.bk
    replaced = sealed.body["replaces"]
    if replaced:
        deal.bids.pop(replaced, None)
    return sealed.code


def bid(world: World, deal: Deal, bidder: Player, offer: Offer, *, replaces: str = "") -> str:
    """Seal and submit in one go; returns the bid's code."""
    return submit(world, deal, bidder, seal_offer(world, deal, bidder, offer, replaces=replaces))


def withdraw(world: World, deal: Deal, code: str) -> None:
    """The bidder takes a bid back; its commitment must have its place in the log first."""
    world.sequence()
    with world.read() as session:
        row = submission.bid_by_code(session, code)
        leaf = submission.leaf_of(session, row)
    body = {"bid": code, "commit_leaf": leaf}
    sig = signatures.sign("bid-withdraw", body, deal.keys[code]).to_json()
    with world.begin(deal.bids[code]) as work:
        submission.withdraw_bid(work, code, body, sig)
    del deal.bids[code]


def release(world: World, deal: Deal, seats: Sequence[int]) -> bool:
    """Custodians in these seats release both parts; True when the bids are open."""
    with world.read() as session:
        opening = closing.opening_of(session, deal.tender_id)
        tender = session.get_one(Tender, deal.tender_id)
        bids = closing.bids_to_open(session, deal.tender_id)
        rows = {seat.x: seat for seat in custody.seats_of(session, deal.tender_id)}
    if opening is None or not bids:
        return False
    blobs = world.platform.outside.blobs
    headers = {
        (one.code, part.part): releasing.header_of(blobs, one, part.part)
        for one in bids
        for part in one.parts
    }
    for x in seats:
        for part in tender.terms["parts"]:
            locked = [(one.code, headers[one.code, part], one.policy) for one in bids]
            release_part(world, deal, rows[x], part, opening.close_index, locked)
    return unsealing.open_bids(world.platform, deal.tender_id)


def release_part(
    world: World, deal: Deal, seat: Seat, part: str, close: int, locked: Sequence[tuple[str, Header, str]]
) -> None:
    """One custodian promises and discloses his shares of a closed part.

    Args:
        close: leaf of the closing. locked: code, header and policy (hex) of every bid or slip it lists.
    """
    keeper, seed = keeper_of(world, deal, seat), world.seeds[deal.code, seat.x]
    shares = [
        {"bid": code, "share": b64(unwrap_share(header, seat.x, seed, bytes.fromhex(policy)))}
        for code, header, policy in locked
    ]
    content, salt = {"shares": shares}, world.entropy(32)
    body = {
        "tender": deal.code,
        "part": part,
        "close": close,
        "x": seat.x,
        "bad": [],
        "d": records.private_digest(content, salt),
    }
    with world.begin(keeper) as work:
        releasing.promise_release(work, deal.tender_id, body, keeper.sign("share-release", body))
    with world.begin(keeper) as work:
        releasing.disclose_release(work, deal.tender_id, part, seat.x, content, salt)


def seat_panel(world: World, deal: Deal, *, refuse: int = 0) -> None:
    """The buyer names his representatives, drawn experts answer; the first ``refuse`` of them decline."""
    with world.read() as session:
        panel = panels.panel_of(session, deal.tender_id)
    assert panel is not None
    if panel.buyer_seats:
        with world.begin(deal.buyer) as work:
            panels.name_representative(work, deal.tender_id, deal.buyer.person_id)
    people = {p.person_id: p for p in (*world.experts, *world.buyers, *world.agents)}
    while True:
        with world.read() as session:
            panel = panels.panel_of(session, deal.tender_id)
        assert panel is not None
        asked = [m for m in panel.members if m.state == "invited"]
        if not asked:
            return
        for member in asked:
            accept = not (refuse and member.seat == PanelSeat.EXPERT)
            refuse -= not accept
            with world.begin(people[member.person_id]) as work:
                panels.answer_seat(work, member.id, accept=accept, reason="" if accept else "时间冲突")


def sitting(world: World, deal: Deal) -> list[tuple[Panelist, Player]]:
    """Members who committed, with the players behind them."""
    people = {p.person_id: p for p in (*world.experts, *world.buyers, *world.agents)}
    with world.read() as session:
        panel = panels.panel_of(session, deal.tender_id)
        assert panel is not None
        return [(member, people[member.person_id]) for member in panels.committed(panel)]


def vote(world: World, deal: Deal, *, reject: Mapping[str, str] | None = None) -> None:
    """Every member answers every review item; bids in ``reject`` fail the named item."""
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        bids = [
            b for lot in panels.lots_in_evaluation(tender) for b, _ in review.bids_of_lot(session, lot.id)
        ]
        items = [item.id for item in panels.terms_of(tender).review]
    for member, player in sitting(world, deal):
        for one in bids:
            answers = {
                item: {
                    "passed": (reject or {}).get(one.code) != item,
                    "reason": "未满足招标文件的实质性要求",
                    "page": "12",
                }
                for item in items
            }
            with world.begin(player) as work:
                review.vote_review(work, member.id, one.id, answers)


def score(world: World, deal: Deal) -> None:
    """Every member scores and locks every valid bid, where the method asks for scores."""
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        terms = panels.terms_of(tender)
        wanted = [
            v.bid_id
            for lot in panels.lots_in_evaluation(tender)
            for v in review.valid_verdicts(session, lot.id)
        ]
    if terms.method not in scoring.SCORED:
        return
    merit = {bid_id: world.dice.randint(70, 93) for bid_id in wanted}
    for member, player in sitting(world, deal):
        for bid_id in wanted:
            sheet_scores = {f.id: _given(world, Decimal(f.max), merit[bid_id]) for f in terms.factors}
            with world.begin(player) as work:
                sheet = scoring.save_sheet(work, member.id, bid_id, sheet_scores)
                body = scoring.sheet_body(work.session, sheet)
                scoring.lock_sheet(work, sheet.id, player.sign("score-sheet", body))


def _given(world: World, full: Decimal, merit: int) -> dict[str, str]:
    percent = max(50, min(99, merit + world.dice.randint(-5, 5)))
    points = (full * percent / 100).quantize(Decimal("0.5"))
    note = "详见第 12 页" if needs_reason(points, full) else ""
    return {"score": f"{points:.2f}", "note": note, "page": "12"}


def sign_reports(world: World, deal: Deal) -> None:
    """Every member signs every report that waits."""
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        waiting = [
            report
            for lot in tender.lots
            if (report := reports.report_of(session, lot.id)) is not None and report.delivered_at is None
        ]
    for report in waiting:
        for member, player in sitting(world, deal):
            body = reports.signing_body(report, member, "")
            with world.begin(player) as work:
                reports.sign_report(work, report.id, member.id, player.sign("report", body))


def publish_candidates(world: World, deal: Deal) -> None:
    """The buyer publishes the candidates of every reported lot."""
    with world.read() as session:
        lots = [
            lot.id
            for lot in panels.lots_in_evaluation(session.get_one(Tender, deal.tender_id))
            if (report := reports.report_of(session, lot.id)) is not None and report.delivered_at
        ]
    for lot_id in lots:
        with world.begin(deal.buyer) as work:
            awards.publish_candidates(work, lot_id)


def confirm(world: World, deal: Deal) -> None:
    """The buyer awards every lot whose standstill is over to its first candidate."""
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        lots = [
            (lot.id, report.body["candidates"][0]["bid"])
            for lot in tender.lots
            if lot.stage in ("standstill", "evaluation")
            and (report := reports.report_of(session, lot.id)) is not None
            and report.delivered_at
        ]
    for lot_id, winner in lots:
        with world.begin(deal.buyer) as work:
            awards.confirm_award(work, lot_id, bid=winner)


def contract(world: World, deal: Deal) -> None:
    """The buyer drafts the contract of every awarded lot, both parties sign, and procurement files its copy."""
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        lots = [(lot.id, lot.outcome) for lot in tender.lots if lot.stage == "awarded" and lot.outcome]
        files = tender.regime == "GP"
    bidders = {str(one.org_id): one for one in (*world.bidders, *deal.bids.values())}
    for lot_id, outcome in lots:
        winner = bidders[outcome["supplier"]]
        with world.begin(deal.buyer) as work:
            terms = ContractDraft(supplier=winner.uscc, price=Money.from_yuan(outcome["price"]))
            drafted = trading.draft_contract(work, lot_id, terms)
        for player in (deal.buyer, winner):
            with world.begin(player) as work:
                trading.sign_contract(work, drafted.id, player.sign("contract", drafted.body))
        if files:
            with world.begin(deal.buyer) as work:
                trading.file_contract(work, drafted.id, f"备〔{world.now.year}〕{drafted.number[-6:]} 号")


def standstill_end(world: World, deal: Deal) -> Any:
    """The last instant of the publicity of all lots, or None."""
    with world.read() as session:
        tender = session.get_one(Tender, deal.tender_id)
        ends = [lot.standstill_until_at for lot in tender.lots if lot.standstill_until_at]
    return max(ends, default=None)
