"""A tender with its custodians and bidders, walked to any point by the platform's own actions and doors."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient

from bidding.actions import custody
from bidding.actions.closing import opening_of
from bidding.models import Opening
from evaluation.actions import panels
from kernel import timekeeper
from kernel.identity.models import Organization, Person
from kernel.ledger import sequencer
from kernel.money import Money
from kernel.rights import Actor, Role
from sealbid import agent, bundle, container, jcs, records, signatures, signoff, tlog
from sealbid.octets import b64
from sealbid.policy import Policy, sign_custodian_key
from sealbid.suites import suite_named
from tests.support.house import House
from trading import actions as trading
from trading.actions.drafting import Draft, FileDraft, LotDraft

TERMS: dict[str, Any] = {
    "method": "comprehensive",
    "price": {
        "formula": "deviation",
        "weight": "60",
        "benchmark": "BM-2",
        "k": ["0.95", "0.96", "0.97", "0.98"],
        "trim": [[0, 0, 0], [4, 0, 1], [7, 1, 1]],
    },
    "factors": [
        {"id": "tech", "name": "技术", "max": "30"},
        {"id": "credit", "name": "信用", "max": "10"},
    ],
    "review": [{"id": "sig", "name": "签章", "clause": "3.1", "ground": "RJ-01"}],
    "panel": {"seats": 5, "buyer_seats": 1, "specialty": "civil"},
}


@dataclass
class SealedBid:
    """What a bidder's machine holds after sealing."""

    bidder: Person
    code: str
    bk: Ed25519PrivateKey
    submission: dict[str, Any]
    containers: dict[str, bytes]
    secrets: dict[str, bytes]

    def blocks(self, part: str) -> list[bytes]:
        return list(container.blocks_of(io.BytesIO(self.containers[part])))


@dataclass
class Deal:
    """One published tender with five custodians (3 of 5)."""

    house: House
    lots: int = 1
    buyer: Person = field(init=False)
    custodians: list[Person] = field(init=False)
    seeds: dict[int, bytes] = field(init=False, default_factory=dict)
    keys: dict[str, Ed25519PrivateKey] = field(init=False, default_factory=dict)
    tender_id: UUID = field(init=False)
    code: str = field(init=False)
    closes_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        house = self.house
        self.buyer = house.person(Role.BUYER, Role.CUSTODIAN)
        self.custodians = [self.buyer, *(house.person(Role.CUSTODIAN) for _ in custody.ROLES[1:])]
        for person, role in zip(self.custodians[1:], custody.ROLES[1:], strict=True):
            org_id = house.actor(person).org_id
            assert org_id is not None
            with house.begin() as work:
                custody.set_standing_custodian(work, org_id, role)
        for person in self.custodians:
            house.key(person)
        for _ in range(6):  # a notice is refused without experts enough for a later draw
            expert = house.person(Role.EXPERT)
            with house.begin() as work:
                panels.enrol_expert(
                    work, expert.id, specialties=["civil"], region="310000", title="高级工程师", years=20
                )
        self._draft()

    def _draft(self) -> None:
        house, now = self.house, self.house.clock.now()
        with house.begin(self.actor(self.buyer)) as work:
            project = trading.register_project(
                work,
                name="阳光大道",
                category="works",
                region="310000",
                funds="财政",
                approval_no="发改〔2026〕1号",
                budget=Money.from_yuan("70000000"),
            )
            tender = trading.draft_tender(
                work,
                project.id,
                Draft(
                    title="阳光大道改造工程施工",
                    summary="道路",
                    regime="TM",
                    category="works",
                    region="310000",
                    terms=TERMS,
                    qualification="一级",
                    contact={"name": "王", "phone": "1"},
                    place="阳光市",
                    bond=Money.from_yuan("500000"),
                    validity_days=90,
                    documents_from_at=now,
                    documents_until_at=now + timedelta(days=8),
                    bids_close_at=now + timedelta(days=25),
                ),
            )
            for number in range(1, self.lots + 1):
                trading.add_lot(
                    work,
                    tender.id,
                    LotDraft(title=f"第 {number} 标段", quantity="1", ceiling=Money.from_yuan("66000000")),
                )
            trading.add_document(
                work,
                tender.id,
                FileDraft(kind="tender_document", name="招标文件.pdf", media="application/pdf", data=b"x"),
            )
            self.tender_id, self.code = tender.id, tender.code
            self.closes_at = tender.bids_close_at

    def actor(self, person: Person) -> Actor:
        return self.house.actor(person)

    def key_message(self, x: int) -> dict[str, Any]:
        """The signed key statement of seat ``x``, as the API takes it."""
        person = self.custodians[x - 1]
        self.seeds.setdefault(x, self.house.outside.entropy(32))
        with self.house.read() as session:
            seat = custody.seats_of(session, self.tender_id)[x - 1]
            org = session.get_one(Organization, seat.org_id)
        made = sign_custodian_key(
            self.house.key(person),
            tender=self.code,
            x=x,
            role=seat.role,
            org=org.uscc,
            pk=suite_named("intl-1").public_key(self.seeds[x]),
            not_after=seat.not_after,
        )
        return {"body": made.statement(self.code), "sig": made.sig.to_json()}

    def state_keys(self, only: tuple[int, ...] = (1, 2, 3, 4, 5)) -> Deal:
        for x in only:
            answer = self.as_custodian(x).post(self.url("custodian-keys"), json=self.key_message(x))
            assert answer.status_code == 200, answer.json
        return self

    def publish(self) -> Deal:
        """State all keys, publish the notice and place everything in the log."""
        self.state_keys()
        return self.publish_only()

    def publish_only(self) -> Deal:
        """Publish when every seat has stated its key already."""
        with self.house.begin(self.actor(self.buyer)) as work:
            trading.publish_notice(work, self.tender_id)
        sequencer.sequence(self.house.platform)
        return self

    def url(self, rest: str) -> str:
        return f"/api/v1/tenders/{quote(self.code, safe='')}/{rest}"

    def as_custodian(self, x: int) -> FlaskClient:
        return self.house.client(self.custodians[x - 1])

    @property
    def policy(self) -> Policy:
        with self.house.read() as session:
            row = custody.newest_policy(session, self.tender_id)
            assert row is not None
            return Policy.decode(row.jcs)

    def opening(self) -> Opening:
        with self.house.read() as session:
            found = opening_of(session, self.tender_id)
            assert found is not None
            return found

    def seal(
        self,
        bidder: Person | None = None,
        price: str = "60000000.00",
        *,
        lot: str = "1",
        replaces: str = "",
        spoil: Any = None,
        size: int = 30_000,
    ) -> SealedBid:
        """Seal a bid on the bidder's machine. ``spoil`` may change a container's bytes before they are hashed."""
        house = self.house
        bidder = bidder or house.person(Role.BIDDER)
        key, policy = house.key(bidder), self.policy
        bk = Ed25519PrivateKey.from_private_bytes(house.outside.entropy(32))
        bid, nonce = house.outside.entropy(16), house.outside.entropy(32)
        with house.read() as session:
            org = session.get_one(Organization, self.actor(bidder).org_id)
        containers, secrets, parts, blocks = {}, {}, [], []
        for part in policy.parts:
            data = bytes(range(256)) * (size // 256)
            files = (
                []
                if part == "price"
                else [
                    (
                        bundle.describe("技术.pdf", "application/pdf", io.BytesIO(data)),
                        lambda data=data: io.BytesIO(data),
                    )
                ]
            )
            opening = {"price": price, "currency": "CNY", "period_days": 120} if part == "price" else {}
            out = io.BytesIO()
            sealed = bundle.seal_part(
                bundle.BidPart(
                    part, lot, bk.public_key().public_bytes_raw(), nonce, org.name, org.uscc, opening, files
                ),
                out,
                policy=policy,
                bid=bid,
                entropy=house.outside.entropy,
                signer=lambda body: signatures.sign("bid-manifest", body, key),
            )
            raw = out.getvalue()
            if spoil is not None:
                raw = spoil(part, raw)
            hashes = container.block_hashes_of(io.BytesIO(raw))
            from sealbid.merkle import root_of_hashes

            containers[part], secrets[part] = raw, sealed.secret
            parts.append(
                {"part": part, "root": root_of_hashes(hashes).hex(), "size": len(raw), "blocks": len(hashes)}
            )
            blocks.append({"part": part, "hashes": b64(b"".join(hashes))})
        body = {
            "v": 1,
            "tender": policy.tender,
            "lot": lot,
            "bid": bid.hex(),
            "policy": policy.digest.hex(),
            "bk": b64(bk.public_key().public_bytes_raw()),
            "parts": parts,
            "replaces": replaces,
        }
        submission = {
            "body": body,
            "sig": signatures.sign("bid-commit", body, bk).to_json(),
            "blocks": blocks,
        }
        if replaces:
            older = self.keys[replaces]
            submission["replace"] = signoff.signed(
                signoff.REPLACE,
                signoff.replacement(body),
                lambda kind, said: signatures.sign(kind, said, older).to_json(),
            )
        self.keys[bid.hex()] = bk
        return SealedBid(bidder, bid.hex(), bk, submission, containers, secrets)

    def upload(self, bid: SealedBid, client: FlaskClient) -> None:
        for part in bid.containers:
            blocks = bid.blocks(part)
            span = f"0-{len(blocks) - 1}"
            answer = client.put(f"/api/v1/bids/{bid.code}/{part}/blocks/{span}", data=b"".join(blocks))
            assert answer.status_code == 200, answer.json

    def submit(self, bid: SealedBid) -> SealedBid:
        """Commit, upload and complete through the doors."""
        client = self.house.client(bid.bidder)
        answer = client.post(self.url("bids"), json=bid.submission)
        assert answer.status_code == 201, answer.json
        self.upload(bid, client)
        answer = client.post(f"/api/v1/bids/{bid.code}/complete", json={})
        assert answer.status_code == 200, answer.json
        return bid

    def bids(self, count: int = 3) -> list[SealedBid]:
        return [self.submit(self.seal(price=f"{60 + n}000000.00")) for n in range(count)]

    def close(self) -> Opening:
        """Let the deadline pass."""
        sequencer.sequence(self.house.platform)
        self.house.clock.move(self.closes_at)
        timekeeper.keep_time(self.house.platform)
        return self.opening()

    def kit(self, x: int, part: str, since: int = 0) -> agent.ReleaseKit:
        answer = self.as_custodian(x).get(self.url(f"release-kit?part={part}&since={since}"))
        assert answer.status_code == 200, answer.json
        return agent.ReleaseKit.from_json(answer.data)

    def decide(self, x: int, part: str) -> agent.Release:
        """What seat ``x``'s own software decides from what the platform shows."""
        found = jcs.decode_object(self.as_custodian(x).get(self.url("policy")).data)
        trust = tlog.Policy.parse(found["trust"])
        return agent.decide_release(
            self.kit(x, part),
            policy=self.policy,
            trust=trust,
            x=x,
            seed=self.seeds[x],
            now=self.house.clock.now(),
            last_checkpoint=None,
            parts_allowed=self.policy.parts,
            approved=True,
        )

    def release_messages(
        self, x: int, part: str, *, lie: bool = False
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The promise, and the disclosure without its leaf. ``lie`` releases another share than the true one."""
        decision = self.decide(x, part)
        private = decision.private()
        if lie:
            private = {"shares": [{**one, "share": b64(b"\x07" * 32)} for one in private["shares"]]}
        salt = self.house.outside.entropy(32)
        body = {**decision.body(self.code, x), "d": records.private_digest(private, salt)}
        key = self.house.key(self.custodians[x - 1])
        promise = {"body": body, "sig": signatures.sign("share-release", body, key).to_json()}
        return promise, {"salt": b64(salt), "private": private}

    def release(self, *xs: int, lie: bool = False) -> None:
        """Release every part through the doors, digest first."""
        for x in xs:
            client = self.as_custodian(x)
            for part in self.policy.parts:
                promise, content = self.release_messages(x, part, lie=lie)
                leaf = client.post(self.url("releases"), json=promise)
                assert leaf.status_code == 200, leaf.json
                answer = client.post(self.url("releases"), json={"release": leaf.json["leaf"], **content})
                assert answer.status_code == 200, answer.json
