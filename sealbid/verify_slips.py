"""The slips of an auction, opened again by a stranger: the journal says of each what it says itself.

A journal names a slip by its root when it comes, and by its content when it is opened. The published file holds the
container and its secret, so whoever has the file can open it and compare; nothing else is needed.

Source: spec sealing §5; rules specification §4.2, §4.6 F8, §4.7; docs/formats/auction-journal.md §4.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sealbid import slip as slips
from sealbid.envelope import Header, parse_header
from sealbid.errors import SealError
from sealbid.octets import unb64
from sealbid.records import Json


def header_of(container: bytes) -> Header:
    """The header at the beginning of a container."""
    size = int.from_bytes(container[8:12], "big")
    return parse_header(container[: 12 + size])


@dataclass
class _Account:
    """What the journal has named by root and not opened yet."""

    journal: Json
    by_root: dict[str, Json]
    limits: dict[str, str] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    opened: int = 0
    void: int = 0

    def settle(self, what: str, plate: str, root: str | None, stated: str | None, items: Any = ()) -> None:
        """Compare what the journal says a slip said with the slip."""
        listed = self.by_root.get(root or "")
        if listed is None:
            if stated is not None:
                raise SealError(
                    "slip_missing", f"the journal opens a slip of plate {plate} that is not in the file"
                )
            self.void += 1
            return
        said = self._content(listed, what, plate)
        if said is None:
            if stated is not None:
                raise SealError(
                    "slip_other", f"the journal gives an amount for plate {plate}, but its slip is void"
                )
            self.void += 1
            return
        mine = {one["name"]: one["value"] for one in said.to_json()["items"]}
        if (said.amount, mine) != (stated, dict(items)):
            raise SealError(
                "slip_other", f"the slip of plate {plate} says {said.amount}, the journal {stated}"
            )
        self.opened += 1

    def _content(self, listed: Json, what: str, plate: str) -> slips.Slip | None:
        container = unb64(listed["container"])
        root, _ = slips.root_of(container)
        if root.hex() != listed["root"]:
            raise SealError("slip_root", "a container is not the one of its root")
        if not listed["secret"]:
            if not listed["why"]:
                raise SealError("slip_closed", "a slip is neither open nor void")
            return None
        header = header_of(container)
        try:
            found = slips.open_slip(container, unb64(listed["secret"], 32), root=root, header=header)
            slips.require_own(
                found,
                what=what,
                auction=str(self.journal["auction"]),
                plate=plate,
                lot=str(self.journal["lot"]),
                bk=unb64(listed["bk"], 32),
            )
        except SealError:
            if not listed["why"]:
                raise
            return None
        if listed["why"]:
            raise SealError("slip_open", "a slip was called void, but it opens")
        return found


def require_slips(journal: Json) -> str:
    """Every slip the journal opened says what the journal says; returns a line for people.

    Raises:
        SealError: ``slip_missing``, ``slip_other``, ``slip_root``, ``slip_closed``, ``slip_open`` or what opening refuses.
    """
    listed = journal.get("slips", [])
    by_root = {one["root"]: one for one in listed}
    if len(by_root) != len(listed):
        raise SealError("slip_root", "two slips have one root")
    account = _Account(journal, by_root)
    for event in journal["events"]:
        found = json.loads(event["text"])["event"]
        deed = _DEEDS.get(found["kind"])
        if deed is not None:
            deed(account, found)
    if account.limits or account.offers:
        raise SealError("slip_closed", "the journal ends with slips that nobody opened")
    return f"{account.opened} slips opened again, {account.void} void" if listed else "nothing was sealed"


def _limit(account: _Account, event: Json) -> None:
    account.limits.pop(event["plate"], None)
    if event["digest"]:
        account.limits[event["plate"]] = event["digest"]


def _limit_opened(account: _Account, event: Json) -> None:
    root = account.limits.pop(event["plate"], None)
    account.settle(slips.LIMIT, event["plate"], root, event["amount"])


def _offer(account: _Account, event: Json) -> None:
    account.offers[event["plate"]] = event["digest"]


def _offers_opened(account: _Account, event: Json) -> None:
    for one in event["offers"]:
        root = account.offers.pop(one["plate"], None)
        account.settle(slips.OFFER, one["plate"], root, one["amount"], one["items"])


def _reserve_opened(account: _Account, event: Json) -> None:
    root = next((one["root"] for one in account.by_root.values() if one["what"] == slips.RESERVE), None)
    none = event["amount"] == account.journal["terms"]["start"]
    listed = account.by_root.get(root or "")
    if listed is None or (listed["why"] and none):
        if not none:
            raise SealError("slip_missing", "a reserve price that nobody sealed was applied")
        account.void += listed is not None
        return
    account.settle(slips.RESERVE, "", root, event["amount"])


def _over(account: _Account, event: Json) -> None:
    account.limits.clear()
    account.offers.clear()


_DEEDS: dict[str, Callable[[_Account, Json], None]] = {
    "limit_sealed": _limit,
    "limit_revealed": _limit_opened,
    "sealed": _offer,
    "sealed_revealed": _offers_opened,
    "reserve_revealed": _reserve_opened,
    "cancelled": _over,
}
