"""Policy, commits, withdrawals and the closing list; receipts and documents at the end.

Source: sealing specification §4, §6, §8 step 1; threats T2, T4, T6, T11, T14.
"""

import hashlib
from functools import partial
from typing import Any

from sealbid import receipts, signatures, signoff
from sealbid.bundle import Manifest
from sealbid.case import Case, Report
from sealbid.errors import SealError
from sealbid.evidence import TRUST
from sealbid.policy import Policy, fingerprint, require_sound_policy
from sealbid.records import Json, RecordType, parse_ts

TERMINATED = "trading.tender.terminated"


def check_policy(case: Case, report: Report) -> None:
    """The policy in force is logged, chained to its predecessors, sound, and signed by its custodians."""
    report.check("policy.json is the logged policy", lambda: _require_policy_chain(case))
    report.check("custodians, threshold and rule SP-1", lambda: _require_sound(case))


def _require_policy_chain(case: Case) -> str:
    before = ""
    for digest, (index, policy) in case.policies.items():
        if policy.prev != before or policy.tender != case.tender:
            raise SealError("policy_chain", f"the policy at leaf {index} does not follow its predecessor")
        before = digest
    if before != case.policy.digest.hex():
        raise SealError("policy_chain", "policy.json is not the last logged policy")
    if case.policy.witness and case.evidence.read(TRUST) != case.policy.witness.encode():
        raise SealError("policy_witness", "trust.txt is not the one the policy names")
    for _, notice in case.of_type(RecordType.NOTICE):
        if (notice["body"].get("policy") or before) not in case.policies:
            raise SealError("policy_notice", "the notice prints another policy digest")
    return f"P = {fingerprint(case.policy.digest)}"


def _require_sound(case: Case) -> str:
    for index, policy in case.policies.values():
        require_sound_policy(
            policy,
            tenderer=case.keys["tenderer"],
            operator=case.keys["operator"],
            controlled_by={item["org"]: item["by"] for item in case.keys["controlled_by"]},
            trust=case.actors(parse_ts(case.records[index]["ts"])),
        )
    return f"{case.policy.t} of {case.policy.n}: " + ", ".join(c.org for c in case.policy.custodians)


def check_bids(case: Case, report: Report) -> None:
    """Every commit is signed by its own key and accounted for in the closing."""
    for index, record in case.of_type(RecordType.BID_COMMIT):
        report.check(f"commit at leaf {index}", partial(_require_commit, case, index, record))
    for index, record in case.of_type(RecordType.BID_COMPLETE):
        report.check(f"completion at leaf {index}", partial(_require_complete, case, index, record))
    for index, record in case.of_type(RecordType.BID_WITHDRAW):
        report.check(f"withdrawal at leaf {index}", partial(_require_withdraw, case, index, record))
    for index, record in case.of_type(RecordType.CUSTODIAN_ACK):
        report.check(f"custodian's word at leaf {index}", partial(_require_ack, case, record))
    if case.of_type(RecordType.TENDER_CLOSE):
        report.check("the closing lists every bid and no other", lambda: _require_close(case))
    elif case.of_type(RecordType.BID_COMMIT):
        report.check("no closing, because the tender was terminated", lambda: _require_terminated(case))


def commit_of(case: Case, bid: object) -> tuple[int, Json]:
    """The one commit of a bid."""
    return case.one(RecordType.BID_COMMIT, bid=bid)


def policy_of(case: Case, commit: Json) -> Policy:
    """The policy a commit was made under."""
    return case.policies[commit["body"]["policy"]][1]


def _require_commit(case: Case, index: int, record: Json) -> str:
    body = record["body"]
    receipts.require_commit_signature(record)
    commit_of(case, body["bid"])
    known = case.policies.get(body["policy"])
    if known is None or known[0] > index or body["tender"] != case.tender:
        raise SealError("commit_policy", "the bid was committed under no policy logged before it")
    if [part["part"] for part in body["parts"]] != list(known[1].parts):
        raise SealError("commit_parts", "the parts are not those of the policy")
    return f"bid {body['bid'][:8]}…, {len(body['parts'])} part(s)"


def _require_complete(case: Case, index: int, record: Json) -> str:
    body = record["body"]
    at, commit = commit_of(case, body["bid"])
    roots = [(p["part"], p["root"]) for p in commit["body"]["parts"]]
    if body["commit"] != at or at >= index or [(p["part"], p["root"]) for p in body["parts"]] != roots:
        raise SealError("complete_roots", "what arrived is not what was committed")
    case.one(RecordType.BID_COMPLETE, bid=body["bid"])
    return f"bid {body['bid'][:8]}…, roots as committed"


def _require_withdraw(case: Case, index: int, record: Json) -> str:
    """The bid that leaves signed that off with its own key, or its organisation did and says that the key is lost."""
    body = record["body"]
    at, commit = commit_of(case, body["bid"])
    if body["commit_leaf"] != at or at >= index:
        raise SealError("withdraw_leaf", "the withdrawal names another commit")
    trust, own = case.actors(parse_ts(record["ts"])), "by its own key"
    if _held_back(case, index, record):
        return f"bid {body['bid'][:8]}…, OLD KEY LOST, who signed is not disclosed while nothing is open"
    said = _statement(case, index, record)
    if "replaced_by" in body:
        by, newer = commit_of(case, body["replaced_by"])
        if newer["body"]["replaces"] != body["bid"] or not at < by < index:
            raise SealError("withdraw_replaced", "the newer bid does not say that it replaces this one")
        arrived, _ = case.one(RecordType.BID_COMPLETE, bid=body["replaced_by"])
        if arrived > index:
            raise SealError("withdraw_replaced", "the newer bid had not arrived when this one left")
        org = signoff.require_replacement(said, older=commit["body"], newer=newer["body"], trust=trust)
        how = f"OLD KEY LOST, on the signature of {org}" if org else own
        return f"bid {body['bid'][:8]}…, replaced by {body['replaced_by'][:8]}…, {how}"
    word = said["body"]
    if signoff.withdrawal(body["bid"], at, lost_by=signoff.lost_by(word)) != word:
        raise SealError("withdraw_leaf", "the word is about another bid")
    org = signoff.require_signed(
        signoff.WITHDRAW, said["body"], said["sig"], bk=commit["body"]["bk"], trust=trust
    )
    return f"bid {body['bid'][:8]}…, {f'OLD KEY LOST, on the signature of {org}' if org else own}"


def _held_back(case: Case, index: int, record: Json) -> bool:
    """Whether it is not disclosed who signed for a lost key, as it may be until bids are open.

    Raises:
        SealError: ``signoff_undisclosed``.
    """
    if "d" not in record["body"] or case.private(index) is not None:
        return False
    if case.of_type(RecordType.BID_OPEN):
        raise SealError("signoff_undisclosed", "bids are open, but who signed for the lost key is held back")
    return True


def _statement(case: Case, index: int, record: Json) -> Any:
    """On whose word a bid leaves, ``{"body","sig"}``; None when the record has none."""
    body = record["body"]
    if "d" not in body:  # signed by the bid's own key, or for a lost one as it was written once
        return body.get("statement") if "replaced_by" in body else {"body": body, "sig": record.get("sig")}
    said = (case.private(index) or {})["statement"]
    if body.get("key") != signoff.LOST or not signoff.lost_by(said["body"]):
        raise SealError("signoff_shape", "a word is held back for a lost key only")
    return said


def check_lost_keys(case: Case, report: Report) -> None:
    """Where a lost key was stood in for, the newer bid must open to the very organisation that signed; and all see it."""
    for index, record in case.of_type(RecordType.BID_WITHDRAW):
        body = record["body"]
        if _held_back(case, index, record):
            continue
        said = _statement(case, index, record)
        if not (org := signoff.lost_by(said["body"])):
            continue
        report.note(
            f"withdrawal at leaf {index}",
            f"the old key was reported lost; {org} signed instead, and only that bidder can deny it",
        )
        if opened := [m for (bid, _), m in case.opened.items() if bid == body.get("replaced_by")]:
            report.check(
                f"replacement at leaf {index} is its own signer's",
                partial(_require_same_bidder, opened[0], org),
            )


def _require_same_bidder(manifest: Manifest, org: str) -> str:
    if manifest.bidder_uscc != org:
        raise SealError("replace_org", f"the newer bid is {manifest.bidder_uscc}'s, but {org} signed")
    return manifest.bidder_name


def _require_ack(case: Case, record: Json) -> str:
    body = record["body"]
    _, commit = commit_of(case, body["bid"])
    custodian = policy_of(case, commit).custodian(body["x"])
    case.require_signed_by(record, custodian.org, parse_ts(record["ts"]))
    roots = {p["part"]: p["root"] for p in commit["body"]["parts"]}
    if roots.get(body["part"]) != body["root"]:
        raise SealError("ack_root", "the acknowledgement is about other content")
    return f"custodian {body['x']}, bid {body['bid'][:8]}…"


def closing_of(case: Case, close: int, grace_s: int) -> Json:
    """What the closing at leaf ``close`` must list, derived from the records before it.

    ``bids``: committed, complete and not withdrawn; ``complete`` is −1 where a grace
    period lets the bytes arrive later. ``withdrawn`` and ``late`` name the leaf that
    makes them so. All sorted by bid.

    Source: sealing specification §8 step 1.
    """
    lists: dict[str, list[Json]] = {"bids": [], "withdrawn": [], "late": []}
    completed = {r["body"]["bid"]: i for i, r in case.of_type(RecordType.BID_COMPLETE) if i < close}
    withdrawn = {r["body"]["bid"]: i for i, r in case.of_type(RecordType.BID_WITHDRAW) if i < close}
    for index, record in case.of_type(RecordType.BID_COMMIT):
        bid = record["body"]["bid"]
        if index > close:
            continue
        if bid in withdrawn:
            lists["withdrawn"].append({"bid": bid, "leaf": withdrawn[bid]})
        elif bid in completed or grace_s:
            roots = [part["root"] for part in record["body"]["parts"]]
            complete = completed.get(bid, -1)
            lists["bids"].append({"bid": bid, "commit": index, "complete": complete, "parts": roots})
        else:
            lists["late"].append({"bid": bid, "leaf": index})
    return {
        "tender": case.tender,
        **{key: sorted(v, key=lambda b: str(b["bid"])) for key, v in lists.items()},
    }


def _require_terminated(case: Case) -> str:
    """Committed bids without a closing: lawful only where the tender was terminated first and nothing was opened."""
    ends = [index for index, record in case.records.items() if record["body"].get("fact") == TERMINATED]
    if not ends:
        raise SealError("close_missing", "bids were committed but never closed")
    end = min(ends)
    if parse_ts(case.records[end]["ts"]) >= case.policy.opening:
        raise SealError("close_missing", "the tender was terminated only after its bids were due")
    touched = [RecordType.SHARE_RELEASE, RecordType.BID_OPEN]
    if any(case.of_type(kind) for kind in touched) or case.evidence.under("containers"):
        raise SealError("open_stranger", "bids of a terminated tender were opened")
    if late := [index for index, _ in case.of_type(RecordType.BID_COMMIT) if index > end]:
        raise SealError("close_missing", f"leaf {late[0]} commits a bid after the end")
    return f"terminated at leaf {end}; every bid stays sealed"


def _require_close(case: Case) -> str:
    index, record = case.one(RecordType.TENDER_CLOSE)
    expected = closing_of(case, index, case.policy.grace_s)
    stated = record["body"]
    for key, value in expected.items():
        if stated.get(key) != value:
            raise SealError("close_list", f"{key} of the closing differ from what the log holds")
    return ", ".join(f"{len(expected[key])} {key}" for key in ("bids", "withdrawn", "late"))


def check_receipts_and_documents(case: Case, report: Report) -> None:
    """Receipts in bidders' hands agree with the log; documents are those that records name."""
    for name in case.evidence.under("receipts"):
        report.check(name, partial(_require_receipt, case, name))
    if case.evidence.under("documents"):
        report.check("documents", lambda: _count_documents(case))


def _require_receipt(case: Case, name: str) -> str:
    receipt = receipts.parse_receipt(case.evidence.read(name))
    key = next((k for k in case.platform_keys if signatures.kid_of(k) == receipt.sig.kid), None)
    if key is None:
        raise SealError("signer_unknown", "the receipt is signed by no key the log announced")
    standing = receipts.verify_receipt(receipt, platform_key=key, policy=case.trust)
    if standing.index is not None and case.records.get(standing.index) != receipt.record:
        raise SealError("receipt_missing", "the package does not hold what this receipt acknowledges")
    if standing.cosigned is not None:
        roots = {c.checkpoint.size: c.checkpoint.root for c in case.cosigned.values()}
        seen = standing.cosigned.checkpoint
        if roots.get(seen.size, seen.root) != seen.root:
            raise SealError("split_view", "the receipt was given under another history")
    return str(standing.state)


def _count_documents(case: Case) -> str:
    named = {
        item["sha256"]
        for record in case.records.values()
        for item in record["body"].get("documents", [])
        if isinstance(item, dict) and "sha256" in item
    }
    files = case.evidence.under("documents")
    present = {hashlib.sha256(case.evidence.read(name)).hexdigest() for name in files}
    if missing := named - present:
        raise SealError("document_missing", f"{len(missing)} document(s) that records name are not here")
    return f"{len(files)}, of which {len(present & named)} are named by logged records"
