"""Verify an evidence package with nothing but the package and, better, one's own trust file.

One line per check, ``ok`` or ``FAIL``; verification stops after the first
group of checks that failed, because what follows would stand on sand.

Source: sealing specification §8 (evidence package), §13.
"""

from collections.abc import Callable
from pathlib import Path

from sealbid import (
    jcs,
    signatures,
    verify_auction,
    verify_award,
    verify_bids,
    verify_contract,
    verify_log,
    verify_opening,
)
from sealbid.case import Case, Report, read_case
from sealbid.errors import SealError
from sealbid.evidence import MANIFEST, SIGNATURE, SIGNATURE_TYPE, Evidence
from sealbid.signatures import Algorithm, SignatureObject

GROUPS: tuple[tuple[str, Callable[[Case, Report], None]], ...] = (
    ("the log", verify_log.check_log),
    ("order and time", verify_log.check_order_and_time),
    ("policy and custodians", verify_bids.check_policy),
    ("bids and closing", verify_bids.check_bids),
    ("opening", verify_opening.check_opening),
    ("lost keys", verify_bids.check_lost_keys),
    ("draws", verify_award.check_draws),
    ("auctions", verify_auction.check_auctions),
    ("award", verify_award.check_award),
    ("contracts", verify_contract.check_contracts),
    ("receipts and documents", verify_bids.check_receipts_and_documents),
)


def verify_evidence(
    path: Path | str, trust: str | None, out: Callable[[str], None], *, keys: str | None = None
) -> int:
    """Check a package and report line by line.

    Args:
        path: the evidence zip.
        trust: text of a C2SP tlog-policy that the verifier trusts; None takes the one inside, and says so.
        out: receives each line, without a newline.
        keys: text of an own ``keys.json``, instead of the one inside.

    Returns:
        0 if every check passed, otherwise 1.
    """
    report = Report(out)
    try:
        evidence = Evidence(Path(path))
    except (SealError, OSError) as error:
        report.fail("zip is canonical", error)
        return 1
    with evidence:
        report.ok("zip is canonical", f"{len(evidence.names)} entries")
        return _verify(evidence, trust, keys, report)


def _verify(evidence: Evidence, trust: str | None, keys: str | None, report: Report) -> int:
    case = report.get("manifest", lambda: read_case(evidence, trust, keys))
    if case is None:
        return 1
    report.ok("manifest", f"tender {case.tender}, SHA-256 {evidence.sha256(MANIFEST)}")
    report.check("platform signature", lambda: _require_platform_signature(case))
    report.note(
        "log and witnesses", "trust file given by you" if trust else "trust.txt of the package itself"
    )
    if report.broken():
        return 1
    for title, check in GROUPS:
        check(case, report)
        if report.broken():
            report.note("stopped", f"{report.failed} check(s) failed in: {title}")
            return 1
    report.note("verified", f"{report.passed} checks, none failed")
    return 0


def _require_platform_signature(case: Case) -> str:
    """The manifest is signed by a platform key that the log itself announced."""
    signature = SignatureObject.from_json(jcs.decode_object(case.evidence.read(SIGNATURE)))
    # A chain would be bytes that no signature covers, in a file where no byte may be free.
    if signature.chain or signature.alg is Algorithm.WEBAUTHN:
        raise SealError("signature_format", "the platform signs with a plain key and without a chain")
    for key in case.platform_keys:
        if signatures.kid_of(key) == signature.kid:
            signatures.verify(signature, SIGNATURE_TYPE, case.manifest, key)
            return f"key {signature.kid}, announced in the log"
    raise SealError("signer_unknown", "no genesis or key-change record announces this key")
