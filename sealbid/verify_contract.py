"""Contracts: signed by both parties over one text, with the winner of the award, at his price.

Source: docs/formats/contract.md; sealing specification §2, §8.
"""

import hashlib
from functools import partial

from sealbid import jcs
from sealbid.case import Case, Report
from sealbid.errors import SealError
from sealbid.evidence import AWARD
from sealbid.records import Json, RecordType, parse_ts
from sealbid.signatures import SignatureObject
from sealbid.verify_opening import PUBLIC_PART

MADE = "trading.contract.made"
PARTIES = ("buyer", "supplier")


def check_contracts(case: Case, report: Report) -> None:
    """Every contract the log names is in the package, signed, and the award's."""
    for index, record in case.of_type(RecordType.CONTRACT, fact=MADE):
        report.check(f"contract at leaf {index}", partial(_require_contract, case, record))


def _require_contract(case: Case, record: Json) -> str:
    body = record["body"]
    document = jcs.decode_object(_named(case, body["documents"]))
    if set(document) != {"v", "contract", "signatures"} or set(document["signatures"]) != set(PARTIES):
        raise SealError("contract_shape", "the contract does not hold one text and two signatures")
    text = document["contract"]
    if hashlib.sha256(jcs.encode(text)).hexdigest() != body["digest"]:
        raise SealError("contract_text", "the text is not the one the log names")
    stated = (text["contract"], text["tender"], text["lot"], text["bid"], text["price"])
    if stated != (body["contract"], case.tender, str(body["number"]), body["bid"], body["price"]):
        raise SealError("contract_text", "number, tender, lot, bid or price differ from the log")
    if text["parties"]["supplier"]["uscc"] != body["supplier"]:
        raise SealError("contract_text", "the supplier differs from the log")
    if text["parties"]["buyer"]["uscc"] != case.keys["tenderer"]:
        raise SealError("contract_party", "another buyer signed than the one who tendered")
    for party in PARTIES:
        signature = SignatureObject.from_json(document["signatures"][party]["sig"])
        org = text["parties"][party]["uscc"]
        case.actors(parse_ts(record["ts"])).require_signed(signature, RecordType.CONTRACT, text, by=org)
    _require_awarded(case, text)
    return (
        f"{text['contract']}, lot {text['lot']}, {text['price']} {text['currency']}, signed by both parties"
    )


def _named(case: Case, documents: list[Json]) -> bytes:
    """The signed text among the documents that the record names."""
    wanted = next(one["sha256"] for one in documents if one["name"].endswith(".json"))
    for name in case.evidence.under("documents"):
        data = case.evidence.read(name)
        if hashlib.sha256(data).hexdigest() == wanted:
            return data
    raise SealError("document_missing", "the signed contract is not in the package")


def _require_awarded(case: Case, text: Json) -> None:
    """The contract's lot was awarded to this bid, and the bid itself announced this bidder and this price."""
    award = jcs.decode_object(case.evidence.read(AWARD)) if AWARD in case.evidence else {"lots": []}
    lot = next((one for one in award["lots"] if one["lot"] == text["lot"]), None)
    if lot is None:
        raise SealError("contract_award", "the lot of this contract was not awarded")
    if "bids" not in lot:  # an auction: bids are plates, the price is the journal's
        if lot["price"] != text["price"]:
            raise SealError("contract_price", f"the auction ended at {lot['price']}")
        return
    if lot["winner"] != text["bid"]:
        raise SealError("contract_award", "another bid won this lot")
    stated = next(bid for bid in lot["bids"] if bid["bid"] == text["bid"])
    if stated["price"] != text["price"]:
        raise SealError("contract_price", f"the winning bid is at {stated['price']}")
    manifest = case.opened.get((text["bid"], PUBLIC_PART))
    if manifest is None or manifest.bidder_uscc != text["parties"]["supplier"]["uscc"]:
        raise SealError("contract_party", "the winning bid is another bidder's")
    promised = {name: value for name, value in manifest.opening.items() if name not in ("price", "currency")}
    if text["promised"] != promised:
        raise SealError("contract_departs", "the contract promises something else than the bid")
