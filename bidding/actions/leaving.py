"""A bid leaves on the word of its own key; where that is lost, on its organisation's, marked and told.

Source: spec sealing §6, §13 T6, T11; 招标投标法 第二十九条; docs/decisions/0018-signed-replacements.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bidding.actions.commitment import Commitment
from bidding.models import Bid
from kernel.errors import NotValid
from kernel.identity.models import Organization
from kernel.identity.queries import keys_of_organization, people_acting
from kernel.work import Work
from sealbid import signoff
from sealbid.errors import SealError
from sealbid.signatures import Trust
from trading.models import Tender

SOURCE = "招标投标法 第二十九条"


def require_signed_off(
    work: Work, older: Bid | None, given: Commitment, statement: Mapping[str, Any] | None
) -> bool:
    """Refuse a replacement that the replaced bid did not sign off. Returns whether its key is reported lost.

    Args:
        older: the bid that ``given`` replaces; None when it replaces nothing.
        statement: ``{"body","sig"}`` of type ``bid-replace``.

    Raises:
        NotValid: ``bid_replace_unsigned`` without a statement; ``bid_replace_signature`` when it is about something
            else or signed by another key; ``bid_body`` for a statement where nothing is replaced.
    """
    if older is None:
        if statement is not None:
            raise NotValid("bid_body", source="sealing §6", field="replace")
        return False
    if statement is None:
        raise NotValid("bid_replace_unsigned", source=SOURCE, field="replace", bid=older.code)
    try:
        lost = signoff.require_replacement(
            statement, older=older.commit_body, newer=given.body, trust=_own_trust(work)
        )
    except SealError as no:
        raise NotValid("bid_replace_signature", source=SOURCE, field="replace", why=no.code) from no
    return lost != ""


def require_withdrawal(work: Work, bid: Bid, body: Mapping[str, Any], sig: Mapping[str, Any]) -> bool:
    """Refuse a withdrawal that the bid did not sign. Returns whether its key is reported lost.

    Raises:
        NotValid: ``bid_signature``.
    """
    try:
        lost = signoff.require_signed(
            signoff.WITHDRAW, body, dict(sig), bk=bid.commit_body["bk"], trust=_own_trust(work)
        )
    except SealError as no:
        raise NotValid("bid_signature", source="sealing §2", field="sig", why=no.code) from no
    return lost != ""


def _own_trust(work: Work) -> Trust:
    """The actor's own organisation and its registered keys; nobody else may stand in for a lost key."""
    assert work.actor.org_id is not None
    own = work.session.get_one(Organization, work.actor.org_id)
    keys = keys_of_organization(work.session, own.id)
    return Trust(at=work.now, pinned={own.uscc: keys}, relying_party=work.platform.relying_party)


def tell_of_lost_key(work: Work, bid: Bid, deed: str) -> None:
    """Everybody who acts for the bidder hears of it by mail: a stolen account must not work in silence."""
    tender = work.session.get_one(Tender, bid.tender_id)
    for person in work.scalars(people_acting(org_id=bid.org_id)):
        work.message(
            to=person.email,
            template="key_lost",
            lang=person.lang,
            tender=tender.code,
            title=tender.title,
            bid=bid.code,
            deed=deed,
        )
