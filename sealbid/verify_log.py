"""Records against the log: entries, proofs, cosignatures, one history, order and time.

Source: sealing specification §7, §8; threats T6, T7, T9, T23.
"""

from functools import partial
from itertools import pairwise

from sealbid import jcs, merkle
from sealbid.case import Case, Report
from sealbid.errors import SealError
from sealbid.evidence import CONSISTENCY, proof_name
from sealbid.note import Note
from sealbid.octets import unb64
from sealbid.records import Json, RecordType, parse_ts
from sealbid.signatures import SignatureObject, kid_of, verify
from sealbid.tlog import Checkpoint, Cosigned, TlogProof, interval_of

CLOSE_WITHIN_SECONDS = 60


def check_log(case: Case, report: Report) -> None:
    """Each record is a leaf of a cosigned checkpoint, and all checkpoints are one growing tree."""
    report.check("records and proofs pair up", lambda: _require_pairs(case))
    for index, record in sorted(case.records.items()):
        report.check(f"leaf {index} {record['t']}", partial(_require_leaf, case, index))
    for name in case.evidence.under("checkpoints"):
        if name != CONSISTENCY:
            report.check(name, partial(_require_note, case, name))
    if not report.failed:
        report.check("one history", lambda: _require_one_history(case))


def check_order_and_time(case: Case, report: Report) -> None:
    """Policy before commits before close before releases before opening; every ``ts`` in its interval."""
    report.check("order of leaves", lambda: _require_order(case))
    report.check("claimed times lie in witnessed intervals", lambda: _require_times(case))
    if case.of_type(RecordType.TENDER_CLOSE):
        report.check("closing at the deadline", lambda: _require_close_time(case))


def _require_pairs(case: Case) -> str:
    proofs = set(case.evidence.under("proofs"))
    wanted = {proof_name(index) for index in case.records}
    if proofs != wanted:
        raise SealError("proof_missing", f"{sorted(proofs ^ wanted)[:3]}")
    for index, record in case.records.items():
        if record["tender"] not in (case.tender, ""):
            raise SealError("record_tender", f"leaf {index} belongs to another tender")
    return f"{len(wanted)} of each"


def _require_leaf(case: Case, index: int) -> str:
    proof = TlogProof.parse(case.evidence.read(proof_name(index)).decode("utf-8"))
    if proof.index != index or proof.extra is not None:
        raise SealError("proof_shape", "the proof is about another leaf")
    cosigned = case.judge(proof.note)
    record = case.records[index]
    proof.verify_in(case.entries[index], cosigned.checkpoint)
    _require_platform_hand(case, record)
    return _describe(cosigned)


def _require_platform_hand(case: Case, record: Json) -> None:
    """A signature that claims to be the platform's is; signatures of others are judged where they act."""
    if "sig" not in record:
        return
    signature = SignatureObject.from_json(record["sig"])
    for key in case.platform_keys:
        if kid_of(key) == signature.kid:
            verify(signature, record["t"], record["body"], key)


def _describe(cosigned: Cosigned) -> str:
    return f"size {cosigned.checkpoint.size}, cosigned by {', '.join(sorted(cosigned.times)) or 'nobody'}"


def _require_note(case: Case, name: str) -> str:
    cosigned = case.judge(Note.parse(case.evidence.read(name)))
    if name != f"checkpoints/{cosigned.checkpoint.size:010d}.note":
        raise SealError("evidence_name", "the file is not named after its size")
    return _describe(cosigned)


def _require_one_history(case: Case) -> str:
    """All checkpoints, and the tree at the closing record, are prefixes of each other."""
    steps = jcs.decode_object(case.evidence.read(CONSISTENCY))["steps"]
    proven = {(step["from"], step["to"]): step["proof"] for step in steps}
    roots: dict[int, bytes] = {}
    for checkpoint in [c.checkpoint for c in case.cosigned.values()] + closing_states(case):
        if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            raise SealError("split_view", f"two roots for size {checkpoint.size}")
    origins = {c.checkpoint.origin for c in case.cosigned.values()}
    if len(origins) != 1:
        raise SealError("split_view", "the checkpoints belong to several logs")
    sizes = sorted(roots)
    if set(proven) != set(pairwise(sizes)):
        raise SealError("consistency_proof", "the steps do not lead from each checkpoint to the next")
    for (first, second), proof in proven.items():
        merkle.verify_consistency(first, second, [unb64(s, 32) for s in proof], roots[first], roots[second])
    return f"{len(sizes)} states of one tree, up to size {sizes[-1]}"


def closing_states(case: Case) -> list[Checkpoint]:
    """The tree right behind each ``tender-close``, as draws name it: nobody chooses this root."""
    return [
        Checkpoint("", record["body"]["size"], bytes.fromhex(record["body"]["root"]))
        for _, record in case.of_type(RecordType.DRAW_RESULT)
        if "root" in record["body"]
    ]


def _require_order(case: Case) -> str:
    def places(*types: RecordType) -> list[int]:
        return [index for t in types for index, _ in case.of_type(t)]

    policies, commits = places(RecordType.POLICY), places(RecordType.BID_COMMIT)
    closes, slips = places(RecordType.TENDER_CLOSE), frozenset(places(RecordType.SLIP_CLOSE))
    releases = []
    for index, record in case.of_type(RecordType.SHARE_RELEASE):
        close = record["body"].get("close")
        if close not in slips:
            releases.append(index)
        elif index < close:
            raise SealError("order", "a share was released before the closing of its part")
    opens = places(RecordType.BID_OPEN)
    if not policies or (commits and min(policies) > min(commits)):
        raise SealError("order", "a bid was committed before any policy was logged")
    if len(closes) > 1 or (releases and not closes):
        raise SealError("order", "shares were released without exactly one closing")
    if releases and min(releases) < closes[0]:
        raise SealError("order", "a share was released before the closing")
    if opens and (not releases or min(opens) < min(releases)):
        raise SealError("order", "a bid was opened before any share was released")
    awards = places(RecordType.AWARD)
    if awards and opens and min(awards) < max(opens):
        raise SealError("order", "the award stands before an opening")
    return f"{len(commits)} commits, closing at {closes[0] if closes else '–'}, {len(opens)} openings"


def _require_times(case: Case) -> str:
    judged = list(case.cosigned.values())
    widest = 0
    for index, record in sorted(case.records.items()):
        interval = interval_of(index, judged)
        try:
            interval.require(parse_ts(record["ts"]).timestamp())
        except SealError as error:
            raise SealError(error.code, f"leaf {index} {record['t']}: {error.detail}") from error
        if interval.after is not None and interval.before is not None:
            widest = max(widest, interval.before - interval.after)
    return f"{len(case.records)} claims, the widest interval {widest} s"


def _require_close_time(case: Case) -> str:
    index, record = case.one(RecordType.TENDER_CLOSE)
    deadline = case.policy.deadline.timestamp()
    if parse_ts(record["ts"]).timestamp() < deadline:
        raise SealError("closed_early", "the closing stands before the deadline")
    before = interval_of(index, case.cosigned.values()).before
    if before is not None and before <= deadline + CLOSE_WITHIN_SECONDS:
        return f"cosigned {before - deadline:.0f} s after the deadline"
    if not case.of_type(RecordType.DECISION):
        raise SealError("closed_late", "no cosigned closing within 60 s after the deadline, and no decision")
    return "late, with a reasoned decision"
