"""Live auctions, checked by a stranger: the journal is the one the log holds, and its terms are the printed ones.

Whether the offers lead to the result is the rules' business; the platform's engine, or another one, replays the very
texts that are checked here (``sunroad auction replay``).

Source: rules specification §4.3 A-09, A-14; docs/formats/auction-journal.md.
"""

import hashlib
from functools import partial
from typing import Any
from uuid import UUID

from sealbid import jcs
from sealbid.case import Case, Report
from sealbid.errors import SealError
from sealbid.octets import label, unb64
from sealbid.records import Json, RecordType

ENDED = "bidding.auction.ended"
METHOD = "auction"

_EVENT = label("sunroad/1 auction event")
_CHAIN = label("sunroad/1 auction chain")
_ROOT = label("sunroad/1 auction journal")


def check_auctions(case: Case, report: Report) -> None:
    """Every auction that ended has its journal in the package, and the log has held it as it grew."""
    for index, record in case.of_type(RecordType.AUCTION, fact=ENDED):
        report.check(f"auction ended at leaf {index}", partial(_require_journal, case, record))


def chain_of(journal: Json) -> list[bytes]:
    """The chain of a journal after its header and after each of its events."""
    header = {name: journal[name] for name in ("v", "auction", "tender", "lot", "terms")}
    root = hashlib.sha256(_ROOT + UUID(journal["auction"]).bytes + jcs.encode(header)).digest()
    found = [root]
    for event in journal["events"]:
        digest = hashlib.sha256(_EVENT + unb64(event["salt"], 16) + event["text"].encode()).digest()
        found.append(hashlib.sha256(_CHAIN + found[-1] + digest).digest())
    return found


def event_digests(journal: Json) -> list[str]:
    """Hex digests of a journal's events, as receipts name them."""
    return [
        hashlib.sha256(_EVENT + unb64(event["salt"], 16) + event["text"].encode()).hexdigest()
        for event in journal["events"]
    ]


def journal_with(case: Case, digest: str) -> Json:
    """The journal of this SHA-256; ``auction_journal`` when the package has none."""
    for name in case.evidence.under("documents"):
        if name.startswith("documents/auction-"):
            data = case.evidence.read(name)
            if hashlib.sha256(data).hexdigest() == digest:
                return jcs.decode_object(data)
    raise SealError("auction_journal", "the journal the log names is not in the package")


def _require_journal(case: Case, record: Json) -> str:
    body = record["body"]
    journal = journal_with(case, body["journal"])
    chain = chain_of(journal)
    if journal["tender"] != case.tender or chain[-1].hex() != body["chain"]:
        raise SealError("auction_chain", "the journal is not the one the end of the auction names")
    if len(chain) - 1 != body["events"] or journal["result"] != body["result"]:
        raise SealError("auction_chain", "the journal has another length or result")
    anchors = _require_anchors(case, chain)
    _require_terms(case, journal)
    return f"lot {journal['lot']}: {len(chain) - 1} events, {anchors} anchors, {body['result']['outcome']}"


def _require_anchors(case: Case, chain: list[bytes]) -> int:
    """The chain grew in the log while the auction ran: every anchor is a prefix, the last one is the whole."""
    places = {value.hex(): upto for upto, value in enumerate(chain)}
    held, last = 0, -1
    for _, record in case.of_type(RecordType.AUCTION_JOURNAL):
        body = record["body"]
        if body["chain"] not in places:
            continue  # of another lot's auction
        if places[body["chain"]] != body["upto"] or body["upto"] < last:
            raise SealError("auction_anchor", f"anchor {body['number']} is not a prefix of the journal")
        held, last = held + 1, body["upto"]
    if last != len(chain) - 1:
        raise SealError("auction_anchor", "the last events of the journal are in no anchor")
    return held


def _require_terms(case: Case, journal: Json) -> None:
    """The auction ran under the terms its notice printed."""
    for name in case.evidence.under("documents"):
        if not name.endswith("-notice.json"):
            continue
        for lot in jcs.decode_object(case.evidence.read(name)).get("lots", []):
            if str(lot["number"]) == journal["lot"] and lot.get("live", {}).get("terms") == journal["terms"]:
                return
    raise SealError("auction_terms", "no notice prints these terms")


def require_award(case: Case, lot: Json) -> str:
    """The award of a lot is the journal's result; passing over a better offer has its public ground."""
    journal = journal_with(case, lot["journal"])
    result: Any = journal["result"]
    prices = {one["plate"]: one["price"] for one in result["ranking"]}
    if journal["lot"] != lot["lot"] or prices.get(lot["winner"]) != lot["price"]:
        raise SealError("auction_award", "the award names another plate or price than the journal")
    if lot["winner"] != result["winner"] and not lot.get("decision"):
        raise SealError("award_winner", "the winner is not the one of the auction")
    return f"plate {lot['winner']} at {lot['price']}"
