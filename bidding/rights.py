"""Who may do what in this room."""

from __future__ import annotations

from typing import Any

from kernel.rights import Actor, Permission, Right, Role, any_of, for_org, holds, only_system
from trading import rights as trading

SEAT_GIVE = Permission("bidding:seat:give")
KEY_STATE = Permission("bidding:key:state")
POLICY_SEAL = Permission("bidding:policy:seal")
BID_SUBMIT = Permission("bidding:bid:submit")
BID_CHANGE = Permission("bidding:bid:change")
SHARES_RELEASE = Permission("bidding:shares:release")
SECRET_OFFER = Permission("bidding:secret:offer")
CLOSE = Permission("bidding:tender:close")
HALL_ATTEND = Permission("bidding:hall:attend")
HALL_SPEAK = Permission("bidding:hall:speak")
RECORD_SIGN = Permission("bidding:record:sign")
OPENING_CONFIRM = Permission("bidding:opening:confirm")
AUCTION_TERMS = Permission("bidding:auction:terms")
AUCTION_REGISTER = Permission("bidding:auction:register")
AUCTION_OFFER = Permission("bidding:auction:offer")
AUCTION_HOST = Permission("bidding:auction:host")
AUCTION_STOP = Permission("bidding:auction:stop")
AUCTION_KEEP = Permission("bidding:auction:keep")
AUCTION_IDENTITIES = Permission("bidding:auction:identities")
PRICE_EXPLAIN = Permission("bidding:price:explain")
BOND_LODGE = Permission("bidding:bond:lodge")
BOND_KEEP = Permission("bidding:bond:keep")
BOND_CONFIRM = Permission("bidding:bond:confirm")
REHEARSE = Permission("bidding:auction:rehearse")
STANDING_SET = Permission("bidding:standing:set")


def runs_tender(actor: Actor, tender: Any) -> bool:
    """The buyer of a tender, the agency that acts for him, or the platform itself."""
    return actor.is_system or trading.runs_tender(actor, tender)


RIGHTS: dict[Permission, Right] = {
    SEAT_GIVE: runs_tender,
    POLICY_SEAL: runs_tender,
    KEY_STATE: for_org("org_id", Role.CUSTODIAN),
    BID_SUBMIT: holds(Role.BIDDER),
    BID_CHANGE: for_org("org_id", Role.BIDDER),
    SHARES_RELEASE: for_org("org_id", Role.CUSTODIAN),
    SECRET_OFFER: for_org("org_id", Role.BIDDER),
    CLOSE: only_system,
    HALL_ATTEND: any_of(holds(Role.BIDDER, Role.SUPERVISOR, Role.CUSTODIAN, Role.BUYER, Role.AGENT)),
    HALL_SPEAK: holds(Role.BIDDER, Role.SUPERVISOR, Role.CUSTODIAN, Role.BUYER, Role.AGENT),
    RECORD_SIGN: holds(Role.BIDDER),
    OPENING_CONFIRM: runs_tender,
    AUCTION_TERMS: runs_tender,
    AUCTION_REGISTER: holds(Role.BIDDER),
    AUCTION_OFFER: for_org("org_id", Role.BIDDER),
    AUCTION_HOST: runs_tender,
    AUCTION_STOP: any_of(runs_tender, holds(Role.SUPERVISOR, Role.OPERATOR)),
    AUCTION_KEEP: only_system,
    AUCTION_IDENTITIES: holds(Role.SUPERVISOR),
    PRICE_EXPLAIN: for_org("org_id", Role.BIDDER),
    BOND_LODGE: holds(Role.BIDDER),
    BOND_KEEP: runs_tender,
    BOND_CONFIRM: any_of(only_system, holds(Role.OPERATOR)),
    REHEARSE: holds(Role.BIDDER, Role.BUYER, Role.AGENT),
    STANDING_SET: any_of(only_system, holds(Role.OPERATOR)),
}
