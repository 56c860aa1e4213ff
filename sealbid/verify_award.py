"""Draws and the award, done again from the published inputs.

Source: sealing specification §9; rules specification §2; threats T21.
"""

import hashlib
from collections import Counter
from functools import partial
from typing import Any

from sealbid import draw, jcs, verify_auction
from sealbid.case import Case, Report
from sealbid.errors import SealError
from sealbid.evidence import AWARD
from sealbid.recompute import recompute
from sealbid.records import Json, RecordType
from sealbid.verify_opening import PUBLIC_PART

EXPERTS = "experts"
EXPERTS_DRAWN = "evaluation.experts.drawn"
POOL_FROZEN = "evaluation.pool.frozen"
POOL_ENLARGED = "evaluation.pool.enlarged"


def check_draws(case: Case, report: Report) -> None:
    """Every published draw comes out the same from the bidders' own numbers."""
    for index, record in case.of_type(RecordType.DRAW_RESULT):
        if "root" not in record["body"]:
            report.note(f"draw at leaf {index}", "confidential, only its digest is public")
        elif record["body"].get("fact") == EXPERTS_DRAWN:
            report.check(f"draw of experts at leaf {index}", partial(_require_experts, case, index, record))
        else:
            report.check(f"draw at leaf {index}", partial(_require_draw, case, record))


def lottery_numbers(case: Case) -> tuple[bytes, ...]:
    """Numbers of all closed bids by bid id; the root stands in for a bid that cannot be opened."""
    _, close = case.one(RecordType.TENDER_CLOSE)
    place = case.policy.parts.index(PUBLIC_PART) if PUBLIC_PART in case.policy.parts else 0
    part = case.policy.parts[place]
    found = []
    for bid in sorted(close["body"]["bids"], key=lambda b: str(b["bid"])):
        manifest = case.opened.get((bid["bid"], part))
        found.append(manifest.nonce if manifest else bytes.fromhex(bid["parts"][place]))
    return tuple(found)


def _require_draw(case: Case, record: Json) -> str:
    body = record["body"]
    close, _ = case.one(RecordType.TENDER_CLOSE)
    case.one(RecordType.DRAW_RESULT, draw=body["draw"])
    # The root right behind the closing: nobody may choose among later checkpoints. "One history" proved it.
    if body["size"] != close + 1:
        raise SealError("draw_root", "a draw takes the root of the tree right behind the closing")
    drawn = draw.Draw(
        kind=body["kind"],
        tender=case.tender,
        draw_id=body["draw"],
        root=bytes.fromhex(body["root"]),
        nonces=lottery_numbers(case),
    )
    if drawn.seed().hex() != body["seed"]:
        raise SealError("draw_seed", "the seed is not the one of these numbers")
    picked = draw.select(drawn.stream(), body["candidates"], len(body["picked"]))
    if picked != body["picked"] or len(set(body["candidates"])) != len(body["candidates"]):
        raise SealError("draw_result", f"the numbers give {picked}")
    return f"{body['kind']} {body['draw']}: {', '.join(picked)}"


def _require_experts(case: Case, index: int, record: Json) -> str:
    """Experts come from a list that was frozen before the closing, in the order of the bidders' own numbers.

    The first draw takes the whole pool. A further one takes those places of the frozen reserve that the record before
    it names, none of them twice.
    """
    body = record["body"]
    panel, name = body["panel"], body["draw"]
    close, _ = case.one(RecordType.TENDER_CLOSE)
    frozen, pool = case.one(RecordType.DRAW_COMMIT, fact=POOL_FROZEN, panel=panel)
    if not frozen < close < index:
        raise SealError("draw_frozen", "the candidates were not fixed before the closing")
    opened = case.of_type(RecordType.DRAW_COMMIT, fact=POOL_ENLARGED, panel=panel)
    if name == EXPERTS:
        candidates = [str(place) for place in range(pool["body"]["count"])]
    else:
        at, enlarged = case.one(RecordType.DRAW_COMMIT, fact=POOL_ENLARGED, panel=panel, draw=name)
        place = [one for one, _ in opened].index(at)
        if name != f"{EXPERTS}-{place + 2}" or at > index:
            raise SealError("draw_frozen", "the reserve was opened out of turn")
        candidates = list(enlarged["body"]["candidates"])
        earlier = {one for _, other in opened[:place] for one in other["body"]["candidates"]}
        known = {str(number) for number in range(pool["body"]["reserve_count"])}
        if len(set(candidates)) != len(candidates) or not set(candidates) <= known - earlier:
            raise SealError("draw_frozen", "the candidates are not those left in the frozen reserve")
    case.one(RecordType.DRAW_RESULT, fact=EXPERTS_DRAWN, panel=panel, draw=name)
    if body["size"] != close + 1:
        raise SealError("draw_root", "a draw takes the root of the tree right behind the closing")
    drawn = draw.Draw(EXPERTS, case.tender, name, bytes.fromhex(body["root"]), lottery_numbers(case))
    if drawn.seed().hex() != body["seed"] or body["count"] != len(candidates):
        raise SealError("draw_seed", "the seed is not the one of these numbers")
    private = case.private(index)
    if private is None:
        return f"{name} of {len(candidates)}, seed recomputed; the order is not disclosed yet"
    if list(private["order"]) != draw.select(drawn.stream(), candidates, len(candidates)):
        raise SealError("draw_result", "the numbers give another order")
    return f"{name} of {len(candidates)}, order recomputed"


def check_award(case: Case, report: Report) -> None:
    """The award's inputs are the opened bids, and its results follow from them."""
    awards = case.of_type(RecordType.AWARD)
    if not awards and AWARD not in case.evidence:
        report.note("award", "none was made")
        return
    award = report.get("award.json is the logged award", lambda: _require_bound(case))
    if award is None:
        return
    report.ok("award.json is the logged award", f"{len(award['lots'])} lot(s)")
    for lot in award["lots"]:
        name = f"lot {lot.get('lot')}" if isinstance(lot, dict) else "lot"
        if isinstance(lot, dict) and lot.get("method") == verify_auction.METHOD:
            report.check(
                f"{name}: award is the auction's result", partial(verify_auction.require_award, case, lot)
            )
            continue
        report.check(f"{name}: inputs are the opened bids", partial(_require_inputs, case, lot))
        report.check(f"{name}: scores are those of the sheets", partial(_require_sheets, case, lot))
        report.check(f"{name}: parameters are those drawn", partial(_require_drawn, case, lot))
        report.check(f"{name}: ranking recomputed", partial(_require_results, lot))
        if "blind" in lot:
            report.check(f"{name}: codes of the bids", partial(_require_codes, case, lot))


def _require_bound(case: Case) -> Json:
    data = case.evidence.read(AWARD)
    award = jcs.decode_object(data)
    _, record = case.of_type(RecordType.AWARD)[-1]  # a later award replaces an earlier one
    if record["body"]["award_sha256"] != hashlib.sha256(data).hexdigest():
        raise SealError("award_bound", "award.json is not the one the award record names")
    if award["tender"] != case.tender or not isinstance(award["lots"], list):
        raise SealError("award_bound", "award.json belongs to another tender")
    return award


def _require_inputs(case: Case, lot: Json) -> str:
    opened = {
        bid: manifest
        for (bid, part), manifest in case.opened.items()
        if part == PUBLIC_PART and manifest.lot == lot["lot"]
    }
    stated = {bid["bid"]: bid for bid in lot["bids"]}
    if set(stated) != set(opened):
        raise SealError("award_inputs", "the award does not deal with exactly the opened bids of the lot")
    for name, bid in stated.items():
        announced = opened[name].opening["price"]
        if bid.get("announced", bid["price"]) != announced:
            raise SealError("award_inputs", f"bid {name[:8]}… announced {announced}")
        if bid["price"] != announced and not bid.get("correction"):
            raise SealError("award_inputs", f"bid {name[:8]}… was corrected without a reason")
    frozen = lot.get("price", {}).get("prices")
    if frozen is not None:
        at_opening = [b.get("announced", b["price"]) for b in lot["bids"] if b.get("stage") != "opening"]
        if Counter(frozen) != Counter(at_opening):
            raise SealError("award_inputs", "the benchmark's prices are not those valid at the opening")
    out = [f"{name[:8]}… {bid['rejected']}" for name, bid in stated.items() if bid.get("rejected")]
    return f"{len(stated)} bids" + (f", rejected: {', '.join(out)}" if out else "")


def _require_sheets(case: Case, lot: Json) -> str:
    """Scores in award.json equal the disclosed score sheets; undisclosed sheets are counted, not believed."""
    sheets: dict[tuple[str, str, str], str] = {}
    hidden = 0
    for index, record in case.of_type(RecordType.SCORE_SHEET):
        sheet = record["body"] if "scores" in record["body"] else case.private(index)
        if sheet is None:
            hidden += 1
            continue
        if sheet.get("lot") == lot["lot"]:
            sheets.update({(s["factor"], s["bid"], sheet["member"]): s["score"] for s in sheet["scores"]})
    used = 0
    for factor in lot.get("factors", []):
        for given in factor["scores"] if not factor.get("objective") else []:
            stated = sheets.get((factor["code"], given["bid"], given["member"]))
            if stated is None and not hidden:
                raise SealError("award_sheets", f"no sheet gives {factor['code']} of bid {given['bid'][:8]}…")
            if stated is not None and stated != given["score"]:
                raise SealError("award_sheets", f"{factor['code']} of bid {given['bid'][:8]}… was altered")
            used += stated is not None
    return f"{used} scores found on sheets, {hidden} sheet(s) not disclosed"


def _require_drawn(case: Case, lot: Json) -> str:
    params: Any = lot.get("price", {}).get("benchmark", {})
    for item in lot.get("drawn", []):
        _, record = case.one(RecordType.DRAW_RESULT, draw=item["draw"])
        if params.get(item["param"]) != record["body"]["picked"][0]:
            raise SealError("award_drawn", f"{item['param']} is not what was drawn")
    return ", ".join(f"{item['param']} = {params[item['param']]}" for item in lot.get("drawn", [])) or "none"


def _require_codes(case: Case, lot: Json) -> str:
    """The panel's codes come from a secret that the log committed to before the first bid."""
    secret = bytes.fromhex(lot["blind"])
    digest = hashlib.sha256(secret).hexdigest()
    found = case.of_type(RecordType.DRAW_COMMIT, blind=digest)
    commits = [index for index, _ in case.of_type(RecordType.BID_COMMIT)]
    if not found or (commits and found[0][0] > min(commits)):
        raise SealError("codes_secret", "no record before the first bid commits to this secret")
    opened = sorted({bid for bid, part in case.opened if part == PUBLIC_PART})
    codes = draw.blind_codes(secret, opened)
    if lot["codes"] != {bid["bid"]: codes[bid["bid"]] for bid in lot["bids"]}:
        raise SealError("codes_order", "the codes are not those of the secret")
    return f"{len(lot['codes'])} codes, committed at leaf {found[0][0]}"


def _require_results(lot: Json) -> str:
    found = recompute(lot)
    for key, value in found.items():
        if lot[key] != value:
            raise SealError("award_results", f"{key} come out differently: {value}")
    best = [result["bid"] for result in found["results"] if result["rank"] == 1]
    winner = lot["winner"]
    if winner not in best and not lot.get("decision"):
        raise SealError("award_winner", "the winner is not the first of the ranking")
    return f"winner {winner[:8]}…, {len(found['results'])} ranked"
