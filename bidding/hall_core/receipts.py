"""What an accepted offer is answered: signed by the platform, bound to the journal, and the same for ever.

A receipt says nothing about others: its number is the bidder's own, its digest is salted, and the log's head in it
is public. Where the notice shows everybody's offers it also holds the place among all of them.

Source: rules §4.3 A-08, A-09; §4.2; docs/formats/auction-journal.md §3.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bidding.hall_core.journal import at_text, canonical
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import State, Taken
from bidding.rules.auction.values import money_text
from sealbid import signatures
from sealbid.octets import b64, label

RECEIPT_TYPE = "auction-receipt"
_PREFIX = label("sealbid/1 sign") + label(RECEIPT_TYPE)


@dataclass(frozen=True, slots=True)
class LogHead:
    """The newest checkpoint a process knows: its size and root (32 bytes, hex)."""

    size: int = 0
    root_hex: str = ""


class Signer:
    """Signs receipts with the platform's key; made once, because the key id never changes."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._kid = signatures.kid_of(signatures.spki(key))

    def receipt(self, body: str) -> str:
        """The receipt's canonical JSON: its body with ``sig``, a signature object (spec sealing §2).

        Args:
            body: canonical JSON that ends with ``"v":1`` and has no name between ``sig`` and ``v``.
        """
        made = b64(self._key.sign(_PREFIX + body.encode()))
        return f'{body[:-7]},"sig":{{"alg":"ed25519","kid":"{self._kid}","sig":"{made}"}},"v":1}}'


def offer_body(
    auction: str, lot: str, taken: Taken, state: State, digest: bytes, head: LogHead, *, counted: bool
) -> str:
    """The signed content of an offer's receipt as canonical JSON (RFC 8785), written by hand for speed.

    Args:
        auction: its id. lot: ``tender/number``. digest: of the journal's event. counted: whether the notice shows all offers.
    """
    end = at_text(state.shown_ends_at) if state.shown_ends_at is not None else ""
    seq = f'"seq":{taken.seq},' if counted else ""
    amount = taken.amount
    return (
        f'{{"auction":"{auction}","currency":"{amount.currency}","end_at_after":"{end}",'
        f'"event":"{digest.hex()}","kind":"{taken.kind.value}","log_root":"{head.root_hex}",'
        f'"log_size":{head.size},"lot":"{lot}","nr":{taken.nr},"plate":"{taken.plate}",'
        f'"price":"{money_text(amount)}","recv_at":"{at_text(taken.recv_at)}",{seq}"v":1}}'
    )


def note_body(auction: UUID, lot: str, event: Event, state: State, digest: bytes, head: LogHead) -> str:
    """The signed content of the receipt for anything else a participant did: an answer, a limit, a sealed offer."""
    assert state.at is not None
    return canonical(
        {
            "auction": str(auction),
            "end_at_after": at_text(state.shown_ends_at) if state.shown_ends_at else "",
            "event": digest.hex(),
            "kind": event.kind,
            "log_root": head.root_hex,
            "log_size": head.size,
            "lot": lot,
            "plate": getattr(event, "plate", ""),
            "recv_at": at_text(state.at),
            "v": 1,
        }
    )
