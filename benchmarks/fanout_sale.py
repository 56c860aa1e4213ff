"""The auctions of ``benchmarks.auction_fanout``: made by the platform's own actions, running when the hall opens.

A virtual clock leads the house to the start of the auctions; the hall then goes on from there on a running one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from bidding.actions import auctions
from bidding.models_auction import Auction
from bidding.rules.auction import Format
from bidding.rules.auction.terms import Step
from kernel.identity.models import Person, SignInSession
from kernel.identity.sessions import digest
from kernel.money import Money
from kernel.rights import Role
from kernel.settings import Settings
from kernel.web.current import SESSION_KEY
from tests.integration.auction.sale import Sale
from tests.support.house import House

STEP = 1
"""Yuan from one offer to the next."""
PRINTED: dict[str, Any] = {"step": Step(amount=Money.from_yuan(STEP)), "free_seconds": 12 * 3600}


@dataclass(frozen=True)
class Made:
    """A house whose auctions run.

    Attributes:
        settings: for the hall: durable, on a clock that goes on where the virtual one stopped.
        rooms: ``channel step`` of every auction. cookies: the bidders first, the same in every room.
    """

    settings: Settings
    rooms: list[str]
    cookies: list[str]


def make(
    folder: Path, url: str, *, rooms: int, each: int, bidders: int, printed: Mapping[str, Any] = PRINTED
) -> Made:
    """Auctions with registered bidders and spectators who are signed in.

    One room is an ascending auction whose list everybody sees (F5); of many every second one is an open reverse
    auction (F1), where only bidders see prices.

    Args:
        url: of the database; a file in the folder when empty. printed: what the notices print of the rules.
    """
    house = House(folder, url)
    kinds = [(Format.ASCENDING, rooms - rooms // 2), (Format.OPEN_REVERSE, rooms // 2)]
    found: list[tuple[UUID, int]] = []
    people = [house.person(Role.BIDDER) for _ in range(bidders)]
    sales: list[Sale] = []
    for kind, lots in kinds:
        if lots:
            sales.append(_sale(house, kind, lots, sales[0] if sales else None, printed))
    for sale in sales:
        with house.read() as session:
            ids = session.scalars(
                sa.select(Auction.id).where(Auction.tender_id == sale.tender_id).order_by(Auction.id)
            ).all()
        found.extend((one, STEP if sale.format is Format.ASCENDING else -STEP) for one in ids)
        for person in people:
            with house.begin(house.actor(person)) as work:
                for one in ids:
                    auctions.register(work, one, {"eligible": True})
    begins = max(sale.closes_at for sale in sales)
    house.clock.move(begins + timedelta(seconds=1))
    sales[0].tick()
    cookies = sign_in(house.app, house.clock.now(), people, each if rooms == 1 else bidders)
    offset = house.clock.now() - datetime.now(UTC)
    house.close()
    settings = Settings(
        database_url=house.settings.database_url,
        data_folder=folder,
        secret_key=house.settings.secret_key,
        log_seed=house.settings.log_seed,
        platform_seed=house.settings.platform_seed,
        base_url=house.settings.base_url,
        clock_offset_s=int(offset.total_seconds()) + 1,
    )
    return Made(settings, [f"auction:{one} {step}" for one, step in found], cookies)


@dataclass
class _Sale(Sale):
    """A sale of the same buyer and custodians as another one."""

    like: Sale | None = None

    def __post_init__(self) -> None:
        if self.like is None:
            super().__post_init__()
        else:
            self.buyer, self.custodians = self.like.buyer, self.like.custodians
            self._draft()


def _sale(house: House, kind: Format, lots: int, like: Sale | None, printed: Mapping[str, Any]) -> Sale:
    up = kind is Format.ASCENDING
    sale = _Sale(
        house,
        lots=lots,
        format=kind,
        procedure="auction" if up else "reverse_auction",
        regime="EQ" if up else "GP",
        printed=dict(printed),
        start="1000" if up else "1000000",
        like=like,
    )
    sale.publish()
    return sale


def sign_in(app: Flask, now: datetime, bidders: list[Person], count: int) -> list[str]:
    """The bidders and so many others that there are ``count`` people with a session each; their cookies."""
    platform = app.extensions["sunroad"]
    people, sessions, cookies = [], [], []
    sign = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    for number in range(count):
        person, org = platform.outside.new_id(), None
        if number < len(bidders):
            person, org = bidders[number].id, platform_org(platform, bidders[number].id)
        else:
            people.append({
                "id": person, "name": f"旁听{number}", "name_en": f"Listener {number}", "email": f"l{number}@example.org",
                "phone": "", "lang": "zh-CN", "kid": f"kid{number}", "state": "active", "created_at": now,
            })  # fmt: skip
        sessions.append({
            "id": platform.outside.new_id(), "person_id": person, "org_id": org, "token_digest": digest(f"token{number}"),
            "method": "password", "device": "", "address": "", "created_at": now, "seen_at": now,
            "expires_at": now + timedelta(hours=12), "stepped_up_at": now, "revoked_at": None,
        })  # fmt: skip
        cookies.append(sign.dumps({SESSION_KEY: f"token{number}"}))
    with platform.database.writer.begin() as connection:
        if people:
            connection.execute(sa.insert(Person), people)
        connection.execute(sa.insert(SignInSession), sessions)
    return cookies


def platform_org(platform: Any, person: UUID) -> UUID | None:
    """The organisation a bidder acts for."""
    from kernel.identity.sessions import actor_of

    return actor_of(platform, person, None).org_id
