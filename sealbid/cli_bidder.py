"""Commands of a bidder: check the policy, seal, rehearse, submit, keep receipts.

Source: sealing specification §4, §5, §6.
"""

import io
import mimetypes
import re
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealbid import bundle, container, jcs, lockbox, marks, place, receipts, signatures, signoff
from sealbid.cli_base import Outcome, Tools, load_identity, read_json, read_policy, read_trust, write_secret
from sealbid.client import Client
from sealbid.container import Sealed
from sealbid.errors import SealError
from sealbid.octets import b64, unb64
from sealbid.policy import Policy, fingerprint, require_sound_policy
from sealbid.records import Json
from sealbid.signatures import Trust

SBKEY = "bid-secret"
GROUP_BYTES = 8 << 20
PUBLIC_PART = "price"
_BID = re.compile(r"[0-9a-f]{32}")


def policy_check(args: Namespace, tools: Tools) -> Outcome:
    """Is this policy sound, logged, and the one printed in the notice?"""
    trust = read_trust(args.trust) if args.trust else None
    policy, logged = read_policy(args.policy, trust)
    lines = [f"P = {fingerprint(policy.digest)}  ({policy.digest.hex()})"]
    if args.digest and args.digest.replace(" ", "").lower() not in (
        policy.digest.hex(),
        policy.digest.hex()[:16],
    ):
        raise SealError(
            "policy_digest", f"the notice prints another digest than {fingerprint(policy.digest)}"
        )
    if args.keys:
        keys = read_json(args.keys)
        pinned = {o["org"]: tuple(unb64(k) for k in o["keys"]) for o in keys["organizations"]}
        roots = tuple(unb64(root) for root in keys.get("roots", []))
        require_sound_policy(
            policy,
            tenderer=keys["tenderer"],
            operator=keys["operator"],
            controlled_by={item["org"]: item["by"] for item in keys.get("controlled_by", [])},
            trust=Trust(at=tools.now(), pinned=pinned, roots=roots),
        )
        lines.append(f"sound: {policy.t} of {policy.n} custodians, each key signed by its organization")
    else:
        lines.append("NOT CHECKED: custodian signatures and rule SP-1 (give --keys)")
    lines.append(
        "logged and witnessed" if logged else "NOT CHECKED: whether this policy was logged (--trust)"
    )
    lines += [f"  {c.x}. {c.role}: {c.org}" for c in policy.custodians]
    complete = logged and bool(args.keys)
    data: Json = {
        "digest": policy.digest.hex(),
        "logged": logged,
        "sound": bool(args.keys),
        "tender": policy.tender,
    }
    return Outcome(lines, data, 0 if complete or args.partial else 1)


def seal(args: Namespace, tools: Tools) -> Outcome:
    """Seal every part of a bid on this machine; nothing is sent."""
    checked = policy_check(args, tools)
    if checked.code:
        raise SealError("policy_unchecked", "; ".join(checked.lines) + "; --partial seals all the same")
    policy, _ = read_policy(args.policy, read_trust(args.trust) if args.trust else None)
    typed = tools.passphrase("New passphrase for the bid's key file: ")
    if tools.passphrase("The same passphrase again: ") != typed:
        raise SealError("passphrase", "the two passphrases differ; nothing was sealed")
    identity = load_identity(args.identity, tools)
    older, replace = _replacing(args, policy, identity, tools)
    opening = read_json(args.opening)
    files = _files_by_part(args.file or [], policy)
    bid, seed = tools.entropy(16), tools.entropy(32)
    bk = Ed25519PrivateKey.from_private_bytes(seed)
    args.out.mkdir(parents=True, exist_ok=True)
    sealed: list[Sealed] = []
    for part in policy.parts:
        content = bundle.BidPart(
            part=part,
            lot=args.lot,
            bk=bk.public_key().public_bytes_raw(),
            nonce=tools.entropy(32),
            bidder_name=args.bidder,
            bidder_uscc=args.uscc,
            opening=opening if part == PUBLIC_PART else {},
            files=[(_describe(path), partial(_reader, path)) for path in files.get(part, [])],
        )
        with (args.out / f"{bid.hex()}.{part}.sb").open("xb") as out:
            sealed.append(
                bundle.seal_part(
                    content,
                    out,
                    policy=policy,
                    bid=bid,
                    entropy=tools.entropy,
                    signer=lambda body: signatures.sign("bid-manifest", body, identity),
                    own_lock=args.lock,
                )
            )
    body = commit_body(policy, args.lot, bk, sealed, older)
    submission: Json = {
        "body": body,
        "sig": signatures.sign("bid-commit", body, bk).to_json(),
        "blocks": [{"part": s.part, "hashes": b64(b"".join(s.block_hashes))} for s in sealed],
    }
    if replace is not None:
        submission["replace"] = replace(body)
    (args.out / f"{bid.hex()}.commit.json").write_bytes(jcs.encode(submission))
    if args.consent_marks:
        given = marks.marks_of(policy.tender, [path for paths in files.values() for path in paths])
        (args.out / f"{bid.hex()}.marks.json").write_bytes(jcs.encode(given))
        tools.say(marks.TEXT)
    secret = _secret_of(policy, args.lot, seed, sealed)
    write_secret(
        args.out / f"{bid.hex()}.sbkey", lockbox.lock(jcs.encode(secret), typed, SBKEY, tools.entropy)
    )
    lines = [f"bid {bid.hex()}", *(f"  {s.part}: root {s.root.hex()}, {s.size} bytes" for s in sealed)]
    lines.append(f"keep {bid.hex()}.sbkey and its passphrase: they open the bid without any custodian")
    if args.replaces_lost:
        lines.append(
            "deliver it on the page Deliver sealed files: for a lost key the platform asks whether it is you"
        )
    return Outcome(
        lines, {"bid": bid.hex(), "roots": [{"part": s.part, "root": s.root.hex()} for s in sealed]}
    )


def _replacing(
    args: Namespace, policy: Policy, identity: signatures.PrivateKey, tools: Tools
) -> tuple[str, Callable[[Json], Json] | None]:
    """The bid that a new one replaces, and who signs over the new commitment that it makes room."""
    if args.replaces and args.replaces_lost:
        raise SealError("usage", "give --replaces or --replaces-lost, not both")
    if args.replaces_lost:
        bid, key, lost_by = _require_bid(args.replaces_lost), identity, args.uscc
    elif args.replaces:
        old = _load_sbkey(args.replaces, tools)
        if (old["tender"], old["lot"]) != (policy.tender, args.lot):
            raise SealError(
                "wrong_bid", f"this key file belongs to a bid for {old['tender']}, lot {old['lot']}"
            )
        bid, key, lost_by = old["bid"], Ed25519PrivateKey.from_private_bytes(unb64(old["bk"], 32)), ""
    else:
        return "", None

    def sign_off(body: Json) -> Json:
        said = signoff.replacement(body, lost_by=lost_by)
        return signoff.signed(
            signoff.REPLACE, said, lambda kind, one: signatures.sign(kind, one, key).to_json()
        )

    return bid, sign_off


def commit_body(
    policy: Policy, lot: str, bk: Ed25519PrivateKey, sealed: list[Sealed], replaces: str = ""
) -> Json:
    """The body of ``bid-commit``. Source: sealing specification §6."""
    return {
        "v": 1,
        "tender": policy.tender,
        "lot": lot,
        "bid": sealed[0].bid.hex(),
        "policy": policy.digest.hex(),
        "bk": b64(bk.public_key().public_bytes_raw()),
        "parts": [
            {"part": s.part, "root": s.root.hex(), "size": s.size, "blocks": len(s.block_hashes)}
            for s in sealed
        ],
        "replaces": replaces,
    }


def _secret_of(policy: Policy, lot: str, seed: bytes, sealed: list[Sealed]) -> Json:
    return {
        "v": 1,
        "tender": policy.tender,
        "lot": lot,
        "bid": sealed[0].bid.hex(),
        "policy": policy.digest.hex(),
        "bk": b64(seed),
        "parts": [
            {"part": s.part, "root": s.root.hex(), "secret": b64(s.secret), "lock": b64(s.lock)}
            for s in sealed
        ],
    }


def _files_by_part(given: list[str], policy: Policy) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for item in given:
        part, colon, path = item.partition(":")
        if not colon or part not in policy.parts:
            raise SealError(
                "part_unknown", f"--file reads PART:PATH, with a part of {', '.join(policy.parts)}"
            )
        found.setdefault(part, []).append(Path(path))
    return found


def _describe(path: Path) -> bundle.FileEntry:
    with path.open("rb") as stream:
        return bundle.describe(
            path.name, mimetypes.guess_type(path.name)[0] or "application/octet-stream", stream
        )


def _reader(path: Path) -> BinaryIO:
    return path.open("rb")


def _load_sbkey(path: Path, tools: Tools) -> Json:
    return jcs.decode_object(
        lockbox.unlock(path.read_bytes(), tools.passphrase(f"Passphrase of {path.name}: "), SBKEY)
    )


def rehearse(args: Namespace, tools: Tools) -> Outcome:
    """Open a sealed file with the bidder's own key, as the opening would: does it open?"""
    key = _load_sbkey(args.sbkey, tools)
    with args.container.open("rb") as sealed, tempfile.TemporaryFile() as plain:
        header = container.read_header(sealed)
        sealed.seek(0)
        part = next((p for p in key["parts"] if p["part"] == header.part), None)
        if part is None or header.bid.hex() != key["bid"]:
            raise SealError("wrong_bid", "this key file belongs to another bid")
        root = bytes.fromhex(part["root"])
        container.open_with_secret(sealed, plain, unb64(part["secret"]), unb64(part["lock"]), root=root)
        plain.seek(0)
        found = bundle.read(plain, lambda index, entry: io.BytesIO(), size_max=args.container.stat().st_size)
    manifest = found.manifest
    lines = ["your bid opens", f"  {manifest.bidder_name} ({manifest.bidder_uscc}), part {manifest.part}"]
    lines += [f"  {key}: {value}" for key, value in manifest.opening.items()]
    lines += [f"  file {entry.name}, {entry.size} bytes" for entry in manifest.files]
    return Outcome(lines, {"bid": key["bid"], "opens": True, "manifest": manifest.to_json()})


def submit(args: Namespace, tools: Tools) -> Outcome:
    """Send a commit, upload what was sealed, declare it complete, keep both receipts."""
    client = Client(args.url, args.token)
    submission = jcs.decode_object(args.commit.read_bytes())
    body = submission["body"]
    tender, bid = quote(body["tender"], safe=""), _require_bid(body["bid"])
    lines = []
    answer = client.post(f"/api/v1/tenders/{tender}/bids", submission)
    lines.append(_keep_receipt(args.commit.parent, bid, answer))
    for part in body["parts"]:
        with (args.commit.parent / f"{bid}.{part['part']}.sb").open("rb") as sealed:
            for first, last, data in _groups(sealed):
                client.put(f"/api/v1/bids/{bid}/{quote(part['part'])}/blocks/{first}-{last}", data)
                tools.say(f"{part['part']}: blocks {first}-{last} of {part['blocks']}")
    given = args.commit.parent / f"{bid}.marks.json"
    if given.exists():
        lines.append(_give_marks(client, bid, read_json(given)))
    lines.append(_keep_receipt(args.commit.parent, bid, client.post(f"/api/v1/bids/{bid}/complete", {})))
    lines.append("ask for the witnessed receipt with: sealbid receipt --url … --bid " + bid)
    return Outcome(lines, {"bid": bid, "sent": True})


def _give_marks(client: Client, bid: str, given: Json) -> str:
    """Send the marks that were made with consent; the bid goes on whatever becomes of them."""
    try:
        client.post(f"/api/v1/bids/{bid}/traces", given)
    except SealError as problem:
        return f"marks: not taken ({problem.code}); the bid counts the same"
    return "marks of this machine and of the files: sent with your consent"


def withdraw(args: Namespace, tools: Tools) -> Outcome:
    """Withdraw a bid before the deadline, signed with its own key; it will then never be opened."""
    key = _load_sbkey(args.sbkey, tools)
    receipt = receipts.parse_receipt(args.receipt.read_bytes())
    if receipt.kind != "commit" or receipt.bid != key["bid"] or receipt.proof is None:
        raise SealError("receipt_kind", "give the logged commit receipt of this bid")
    bk = Ed25519PrivateKey.from_private_bytes(unb64(key["bk"], 32))
    body = signoff.withdrawal(key["bid"], receipt.proof.index)
    message = {"body": body, "sig": signatures.sign("bid-withdraw", body, bk).to_json()}
    answer = Client(args.url, args.token).post(f"/api/v1/bids/{_require_bid(key['bid'])}/withdraw", message)
    return Outcome(
        [_keep_receipt(args.receipt.parent, key["bid"], answer)], {"bid": key["bid"], "withdrawn": True}
    )


def _keep_receipt(folder: Path, bid: str, answer: Json) -> str:
    """Write a receipt beside the bid, whatever state it is in; a later one replaces it."""
    data = jcs.encode(answer.get("receipt", answer))
    receipt = receipts.parse_receipt(data)
    if receipt.bid != bid:
        raise SealError("receipt_other", "the platform answered with the receipt of another bid")
    path = folder / f"{bid}.{receipt.kind}.sbreceipt"
    path.write_bytes(data)
    return f"{receipt.kind}: receipt kept in {path.name}"


def _groups(sealed: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Consecutive blocks, up to 8 MiB at a time, with the numbers of the first and the last."""
    first, size = 0, 0
    waiting: list[bytes] = []
    for index, block in enumerate(container.blocks_of(sealed)):
        if waiting and size + len(block) > GROUP_BYTES:
            yield first, index - 1, b"".join(waiting)
            first, waiting, size = index, [], 0
        waiting.append(block)
        size += len(block)
    yield first, first + len(waiting) - 1, b"".join(waiting)


def _require_bid(bid: Any) -> str:
    if not isinstance(bid, str) or not _BID.fullmatch(bid):
        raise SealError("bid_id", "a bid id is 32 hex digits")
    return bid


def receipt(args: Namespace, tools: Tools) -> Outcome:
    """Check a receipt, from a file or fresh from the platform: stored, logged or witnessed?"""
    if args.file:
        data = args.file.read_bytes()
    elif args.url and args.bid:
        data = jcs.encode(Client(args.url, args.token).get_json(f"/api/v1/receipts/{_require_bid(args.bid)}"))
    else:
        raise SealError("usage", "give a receipt file, or --url and --bid")
    if place.is_place(data):
        return _auction_receipt(args, data)
    found = receipts.parse_receipt(data)
    if args.out:
        args.out.write_bytes(data)
    key = unb64(args.platform_key)
    standing = receipts.verify_receipt(found, platform_key=key, policy=read_trust(args.trust))
    lines = [f"{found.kind} of bid {found.bid}: {standing.state}"]
    if standing.index is not None:
        lines.append(f"  leaf {standing.index}, claimed time {found.record['ts']}")
    if standing.cosigned is not None:
        lines.append(f"  cosigned by {', '.join(sorted(standing.cosigned.times))}")
    received = standing.state is receipts.State.WITNESSED
    if not received:
        lines.append("  NOT YET RECEIVED: only a witnessed receipt counts; ask again in a few seconds")
    return Outcome(
        lines, {"bid": found.bid, "kind": found.kind, "state": str(standing.state)}, 0 if received else 1
    )


def _auction_receipt(args: Namespace, data: bytes) -> Outcome:
    """The place of an auction's receipt: stored, logged or witnessed; and does the leaf hold its event?"""
    told = jcs.decode_object(data)["receipt"]
    key = unb64(args.platform_key)
    standing = place.verify(data, platform_key=key, policy=read_trust(args.trust))
    lines = [f"{told['kind']} of plate {told['plate']} in {told['lot']}: {standing.state}"]
    if "price" in told:
        lines.append(f"  {told['price']} {told['currency']}, received {told['recv_at']}")
    if standing.index is not None:
        lines.append(f"  covered by leaf {standing.index}")
    if not standing.chained:
        lines.append(
            "  NOT YET CHAINED: what the leaf holds is shown after the end; ask for this file again then"
        )
    done = standing.state is receipts.State.WITNESSED
    data_out = {"event": told["event"], "state": str(standing.state), "chained": standing.chained}
    return Outcome(lines, data_out, 0 if done else 1)
