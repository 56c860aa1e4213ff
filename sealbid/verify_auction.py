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
from sealbid.receipts import require_commit_signature
from sealbid.records import Json, RecordType, parse_ts
from sealbid.verify_slips import require_slips

ENDED = "bidding.auction.ended"
PRICE_ASKED, PRICE_JUDGED = "bidding.auction_price.asked", "bidding.auction_price.judged"
ABNORMALLY_LOW = "abnormally_low"
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
    slips = require_slips(journal)
    _require_closings(case, journal, chain)
    return f"lot {journal['lot']}: {len(chain) - 1} events, {anchors} anchors, {body['result']['outcome']}, {slips}"


def _require_closings(case: Case, journal: Json, chain: list[bytes]) -> None:
    """Every slip of the journal was committed before its part was closed, and released only after it, by custodians."""
    mine = [
        (i, r) for i, r in case.of_type(RecordType.SLIP_CLOSE) if r["body"]["auction"] == journal["auction"]
    ]
    commits = {r["body"]["bid"]: (i, r) for i, r in case.of_type(RecordType.SLIP_COMMIT)}
    listed: dict[str, int] = {}
    for index, record in mine:
        body = record["body"]
        if body["upto"] >= len(chain) or chain[body["upto"]].hex() != body["chain"]:
            raise SealError("slip_close", f"the closing at leaf {index} names another journal")
        for one in (*body["bids"], *body["late"]):
            listed[one["bid"]] = index
        for at, release in case.of_type(RecordType.SHARE_RELEASE, part=body["part"]):
            seats = {c.org for c in case.policy.custodians if c.x == release["body"]["x"]}
            if at < index or release["body"]["close"] != index or not seats:
                raise SealError("slip_release", f"the release at leaf {at} is about another closing")
            case.require_signed_by(release, seats.pop(), parse_ts(release["ts"]))
    for one in journal.get("slips", []):
        at, commit = commits.get(one["bid"], (-1, None))
        close = listed.get(one["bid"])
        if commit is None or close is None or not at < close:
            raise SealError("slip_commit", f"slip {one['bid'][:8]}… was not committed before its closing")
        require_commit_signature(commit)
        part = commit["body"]["parts"][0]
        if (part["root"], commit["body"]["auction"]) != (one["root"], journal["auction"]):
            raise SealError("slip_commit", f"slip {one['bid'][:8]}… is not the committed one")
    if stray := sorted(
        bid for bid, index in listed.items() if bid not in {o["bid"] for o in journal.get("slips", [])}
    ):
        raise SealError("slip_close", f"slip {stray[0][:8]}… was closed, but the journal does not show it")


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
    """The award of a lot is the journal's result; passing over a better offer has its public ground.

    Where the grounds are listed by plate, the award is the first of the ranking that is left. A price that set off a
    test of the law is taken only after it was judged, and rejected for that ground only where the log says so.
    """
    journal = journal_with(case, lot["journal"])
    result: Any = journal["result"]
    prices = {one["plate"]: one["price"] for one in result["ranking"]}
    if journal["lot"] != lot["lot"] or prices.get(lot["winner"]) != lot["price"]:
        raise SealError("auction_award", "the award names another plate or price than the journal")
    if lot["winner"] != result["winner"] and not lot.get("decision"):
        raise SealError("award_winner", "the winner is not the one of the auction")
    passed = {one["plate"]: one["ground"] for one in lot.get("passed_over", [])}
    if passed:
        left = [plate for plate in (result["winner"], *prices) if plate not in passed]
        if not left or lot["winner"] != left[0]:
            raise SealError("award_winner", "the winner is not the first offer that is left")
    judged = _require_price_reviews(case, journal["auction"], lot["winner"], passed)
    return f"plate {lot['winner']} at {lot['price']}{judged}"


def _require_price_reviews(case: Case, auction: str, winner: str, passed: dict[str, str]) -> str:
    """The log's requests to explain a low price, and the decisions that followed, fit the award."""
    asked = {
        r["body"]["plate"] for _, r in case.of_type(RecordType.AUCTION, fact=PRICE_ASKED, auction=auction)
    }
    judged = {
        r["body"]["plate"]: r["body"]["accepted"]
        for _, r in case.of_type(RecordType.AUCTION, fact=PRICE_JUDGED, auction=auction)
    }
    if winner in asked and judged.get(winner) is not True:
        raise SealError("auction_low_price", f"the low price of plate {winner} was not accepted")
    for plate, ground in sorted(passed.items()):
        if ground == ABNORMALLY_LOW and (plate not in asked or judged.get(plate) is not False):
            raise SealError("auction_low_price", f"the low price of plate {plate} was not judged")
    return f", {len(judged)} low prices judged" if judged else ""
