"""Releases, shares and containers: every published bid is opened again.

Source: sealing specification §5 (opening), §8; threats T8, T11, T12, T13.
"""

import io
from collections import Counter
from collections.abc import Mapping
from functools import partial

from sealbid import bundle, container, jcs, merkle
from sealbid.case import Case, Report
from sealbid.container import Header
from sealbid.errors import SealError
from sealbid.evidence import container_name, secret_name
from sealbid.octets import unb64
from sealbid.records import Json, RecordType, parse_ts
from sealbid.suites import suite_named
from sealbid.verify_bids import commit_of, policy_of

PUBLIC_PART = "price"
PLAIN_BYTES_MAX = 64 << 20
OPENED = "opened"
OTHER_BIDDER = "void:manifest_other_bidder"
"""Which account handed a bid in stands in no record, so nobody else can check this ground."""


def check_opening(case: Case, report: Report) -> None:
    """Releases are signed and lawful; published containers open to what was announced."""
    closes = case.of_type(RecordType.TENDER_CLOSE)
    if not closes:
        report.note("opening", "no closing, so nothing may be open")
        return
    close, record = closes[0]
    bids = record["body"]["bids"]
    report.check("enough bids for an opening", lambda: _require_min_bids(case, bids))
    for index, release in _releases(case):
        report.check(f"release at leaf {index}", partial(_require_release, case, close, index, release))
    if report.failed or not _releases(case):
        return
    sealed = _sealed_for_ever(case, bids)
    for bid in bids:
        if bid["bid"] in sealed:
            report.note(f"bid {bid['bid'][:8]}…", "its lot had too few bids, so it stays sealed")
            continue
        for place, part in enumerate(case.policy.parts):
            if part == PUBLIC_PART or container_name(bid["bid"], part) in case.evidence:
                report.check(
                    f"bid {bid['bid'][:8]}… {part}",
                    partial(_require_opened, case, bid["bid"], part, bid["parts"][place]),
                )
    report.check("only closed bids were opened", lambda: _require_no_stranger(case, bids))


def _releases(case: Case) -> list[tuple[int, Json]]:
    """First releases; the second record of a batch repeats the digest and names the first by ``release``."""
    return [(i, r) for i, r in case.of_type(RecordType.SHARE_RELEASE) if "release" not in r["body"]]


def _sealed_for_ever(case: Case, bids: list[Json]) -> set[str]:
    """Bids of lots with fewer bids than the policy asks: nobody may open them."""
    lots = {bid["bid"]: commit_of(case, bid["bid"])[1]["body"]["lot"] for bid in bids}
    counts = Counter(lots.values())
    return {bid for bid, lot in lots.items() if counts[lot] < case.policy.min_bids}


def _require_min_bids(case: Case, bids: list[Json]) -> str:
    touched = case.of_type(RecordType.SHARE_RELEASE) or case.of_type(RecordType.BID_OPEN)
    if len(bids) < case.policy.min_bids and touched:
        raise SealError("too_few_bids", f"{len(bids)} bids, yet shares were released")
    opened = {record["body"]["bid"] for _, record in case.of_type(RecordType.BID_OPEN)}
    if stray := sorted(opened & _sealed_for_ever(case, bids)):
        raise SealError("too_few_bids", f"{len(stray)} bid(s) of a lot with too few bids were opened")
    return f"{len(bids)} in time, {case.policy.min_bids} needed"


def _require_release(case: Case, close: int, index: int, record: Json) -> str:
    body, at = record["body"], parse_ts(record["ts"])
    org = _require_custodian(case, record)
    if body["close"] != close or body["tender"] != case.tender or body["part"] not in case.policy.parts:
        raise SealError("release_body", "the release is about another closing, tender or part")
    if at < case.policy.opening:
        raise SealError("release_early", "the release stands before the opening")
    hand = (body["x"], body["part"], record["sig"]["kid"])
    same = [i for i, r in _releases(case) if (r["body"]["x"], r["body"]["part"], r["sig"]["kid"]) == hand]
    if same != [index]:
        raise SealError("release_twice", f"custodian {body['x']} released {body['part']} more than once")
    for second, later in case.of_type(RecordType.SHARE_RELEASE, release=index):
        if second < index or later["body"]["d"] != body["d"]:
            raise SealError("release_content", f"leaf {second} delivers another content than was fixed")
    private = case.private(index)
    if private is None and body["part"] == PUBLIC_PART:
        raise SealError("release_content", "the shares of the public part are not in the package")
    shown = f"{len(private['shares'])} share(s) as logged" if private else "digest only"
    return f"custodian {body['x']} {org}, {body['part']}, {shown}"


def _require_custodian(case: Case, record: Json) -> str:
    """The organization that signed, if it holds the stated seat in the policy or one of its predecessors."""
    orgs = {c.org for _, p in case.policies.values() for c in p.custodians if c.x == record["body"]["x"]}
    problem = SealError("custodian_unknown", f"No policy has a seat {record['body']['x']}.")
    for org in sorted(orgs):
        try:
            case.require_signed_by(record, org, parse_ts(record["ts"]))
            return org
        except SealError as error:
            problem = error
    raise problem


def _shares(case: Case, bid: str, part: str) -> dict[int, bytes]:
    """Released shares by seat; one bid was sealed under one policy, so a seat answers for it once."""
    found: dict[int, bytes] = {}
    for index, record in _releases(case):
        private = case.private(index) if record["body"]["part"] == part else None
        for item in private["shares"] if private else []:
            if item["bid"] == bid:
                found[record["body"]["x"]] = unb64(item["share"])
    return found


def _require_opened(case: Case, bid: str, part: str, root: str) -> str:
    _, commit = commit_of(case, bid)
    at, stated = case.one(RecordType.BID_OPEN, bid=bid, part=part)
    _require_fixed_releases(case, bid, part, at)
    if stated["body"]["root"] != root:
        raise SealError("open_root", "the opening record names another container")
    data = case.evidence.read(container_name(bid, part))
    header = container.read_header(io.BytesIO(data))
    found = merkle.root_of_hashes(container.block_hashes_of(io.BytesIO(data)), suite_named(header.suite).hash)
    if found.hex() != root:
        raise SealError("root_mismatch", "the container is not the committed one")
    shares, void = _sort_shares(header, _shares(case, bid, part))
    remark = f", void shares from {void}" if void else ""
    verdict = stated["body"]["verdict"]
    try:
        opened = _open(case, commit, header, data, shares)
    except SealError as error:
        if verdict == OTHER_BIDDER and error.code == "signer_unknown":
            return f"void on the platform's word: not signed by any bidder of this tender{remark}"
        if verdict != f"void:{error.code}":
            raise
        return f"void as announced ({error.code}){remark}"
    if verdict == OTHER_BIDDER:
        return f"void on the platform's word: signed by {opened.manifest.bidder_uscc}, handed in by another account"
    if verdict != OPENED:
        raise SealError("open_verdict", f"announced as {verdict}, but it opens")
    manifest = opened.manifest
    if opened.digest.hex() != stated["body"]["bundle"] or dict(manifest.opening) != stated["body"]["opening"]:
        raise SealError("open_items", "what was announced is not what the container holds")
    case.opened[bid, part] = manifest
    price = manifest.opening.get("price", "–")
    return f"{manifest.bidder_name}, price {price}, {len(shares)} good shares{remark}"


def _require_fixed_releases(case: Case, bid: str, part: str, at: int) -> None:
    """Nobody sees a price before t releases are fixed in the log, or the bidder opened it himself."""
    fixed = sum(index < at and release["body"]["part"] == part for index, release in _releases(case))
    if fixed < case.policy.t and secret_name(bid, part) not in case.evidence:
        raise SealError("too_few_shares", f"opened at leaf {at} after only {fixed} releases")


def _sort_shares(header: Header, shares: Mapping[int, bytes]) -> tuple[dict[int, bytes], list[int]]:
    """Shares that match their commitment, and the custodians whose do not."""
    good, void = {}, []
    for x, share in shares.items():
        try:
            container.check_share(header, x, share)
            good[x] = share
        except SealError:
            void.append(x)
    return good, void


def _open(
    case: Case, commit: Json, header: Header, data: bytes, shares: Mapping[int, bytes]
) -> bundle.Bundle:
    body, bid, part = commit["body"], header.bid.hex(), header.part
    policy = policy_of(case, commit)
    container.require_header(header, policy=policy, part=part, bid=bytes.fromhex(body["bid"]))
    secret, lock = _secret(case, bid, part)
    if len(shares) >= header.t or not secret:
        secret = container.recover_secret(header, shares)
    plain = io.BytesIO()
    container.open_with_secret(io.BytesIO(data), plain, secret, lock)
    plain.seek(0)
    found = bundle.read(plain, lambda index, entry: io.BytesIO(), size_max=PLAIN_BYTES_MAX)
    at = parse_ts(commit["ts"])
    bundle.require_own_manifest(found, header, trust=case.actors(at))
    if found.manifest.bk != unb64(body["bk"], 32) or found.manifest.lot != body["lot"]:
        raise SealError("manifest_other_envelope", "the manifest names another bid key or lot")
    if part == PUBLIC_PART:
        bundle.price_of(found.manifest.opening)
    return found


def _secret(case: Case, bid: str, part: str) -> tuple[bytes, bytes]:
    """The bidder's own ``S`` and ``B``, where he published them."""
    name = secret_name(bid, part)
    if name not in case.evidence:
        return b"", b""
    found = jcs.decode_object(case.evidence.read(name))
    return unb64(found["secret"], 32) if found.get("secret") else b"", unb64(found.get("lock", ""))


def _require_no_stranger(case: Case, bids: list[Json]) -> str:
    listed = {(bid["bid"], part) for bid in bids for part in case.policy.parts}
    opened = [(r["body"]["bid"], r["body"]["part"]) for _, r in case.of_type(RecordType.BID_OPEN)]
    if len(set(opened)) != len(opened) or not set(opened) <= listed:
        raise SealError("open_stranger", "a bid was opened twice, or was not in the closing")
    published = {name.split("/")[1] for name in case.evidence.under("containers")}
    if not published <= {f"{bid}.{part}.sb" for bid, part in listed}:
        raise SealError("open_stranger", "the package publishes a container that was not closed")
    return f"{len(opened)} openings"
