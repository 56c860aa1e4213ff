"""What an accepted offer is answered: signed by the platform, bound to the journal, and the same for ever.

A receipt says nothing about others: its number is the bidder's own, its digest is salted, and the log's head in it
is public. Where the notice shows everybody's offers it also holds the place among all of them.

Source: rules §4.3 A-08, A-09; §4.2; docs/formats/auction-journal.md §3.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bidding.hall_core.journal import canonical
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import State, Taken
from bidding.rules.auction.values import instant_text, money_text
from sealbid import signatures
from sealbid.octets import b64, label

RECEIPT_TYPE = "auction-receipt"
_PREFIX = label("sealbid/1 sign") + label(RECEIPT_TYPE)


@dataclass(frozen=True, slots=True)
class LogHead:
    """The newest checkpoint a process knows: its size and root (32 bytes)."""

    size: int = 0
    root: bytes = b""


class Signer:
    """Signs receipts with the platform's key; made once, because the key id never changes."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._kid = signatures.kid_of(signatures.spki(key))

    def receipt(self, body: dict[str, object]) -> str:
        """The receipt's canonical JSON: its body with ``sig``, a signature object (spec sealing §2)."""
        made = self._key.sign(_PREFIX + canonical(body).encode())
        sig = {"alg": "ed25519", "kid": self._kid, "sig": b64(made)}
        return canonical({**body, "sig": sig})


def body_of(
    auction: UUID, lot: str, taken: Taken, state: State, digest: bytes, head: LogHead, *, counted: bool
) -> dict[str, object]:
    """The signed content of an offer's receipt.

    Args:
        lot: ``tender/number``. digest: of the journal's event. counted: whether the notice shows all offers.
    """
    found: dict[str, object] = {
        "v": 1,
        "auction": str(auction),
        "lot": lot,
        "plate": taken.plate,
        "price": money_text(taken.amount),
        "currency": taken.amount.currency,
        "kind": taken.kind.value,
        "nr": taken.nr,
        "recv_at": instant_text(taken.recv_at),
        "end_at_after": instant_text(state.shown_ends_at) if state.shown_ends_at else "",
        "event": digest.hex(),
        "log_size": head.size,
        "log_root": head.root.hex(),
    }
    if counted:
        found["seq"] = taken.seq
    return found


def note_of(
    auction: UUID, lot: str, event: Event, state: State, digest: bytes, head: LogHead
) -> dict[str, object]:
    """The signed content of the receipt for anything else a participant did: an answer, a limit, a sealed offer."""
    assert state.at is not None
    return {
        "v": 1,
        "auction": str(auction),
        "lot": lot,
        "plate": getattr(event, "plate", ""),
        "kind": event.kind,
        "recv_at": instant_text(state.at),
        "end_at_after": instant_text(state.shown_ends_at) if state.shown_ends_at else "",
        "event": digest.hex(),
        "log_size": head.size,
        "log_root": head.root.hex(),
    }
