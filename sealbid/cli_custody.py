"""Commands of custodians, and of whoever combines what they released.

Source: sealing specification §4, §5 (opening), §8.
"""

import re
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealbid import bundle, container, jcs, signatures
from sealbid.agent import ReleaseKit, decide_release, make_key_statement
from sealbid.cli_base import (
    Outcome,
    Tools,
    load_identity,
    read_json,
    read_policy,
    read_trust,
    save_identity,
    write_secret,
)
from sealbid.client import Client
from sealbid.custodian import CustodianAgent, CustodianState, Sign, release_message, release_salt
from sealbid.errors import SealError
from sealbid.note import KeyType, SignerKey
from sealbid.octets import b64, unb64
from sealbid.records import Json, require_private

NOTE_KINDS = {"log": KeyType.ED25519, "witness": KeyType.COSIGNATURE, "witness-ml": KeyType.MLDSA44}


def keygen(args: Namespace, tools: Tools) -> Outcome:
    """Make a key of an actor, a log or a witness."""
    if args.kind in NOTE_KINDS:
        if not args.name:
            raise SealError("usage", "a log or witness key needs --name, for example example.org/log1")
        note_key = SignerKey(args.name, NOTE_KINDS[args.kind], tools.entropy(32))
        write_secret(args.out, f"{note_key.export()}\n".encode())
        return Outcome([f"public key: {note_key.verifier}"], {"vkey": str(note_key.verifier)})
    key = Ed25519PrivateKey.from_private_bytes(tools.entropy(32))
    save_identity(args.out, key, tools.passphrase("New passphrase for this key: "), tools.entropy)
    public = b64(signatures.spki(key))
    kid = signatures.kid_of(signatures.spki(key))
    return Outcome([f"public key: {public}", f"key id: {kid}"], {"public_key": public, "kid": kid})


def _signer(args: Namespace, tools: Tools) -> Sign:
    key = load_identity(args.identity, tools)

    def sign(kind: str, body: Json) -> Json:
        return signatures.sign(kind, body, key).to_json()

    return sign


def _state(args: Namespace, tools: Tools) -> CustodianState:
    return CustodianState(
        args.state, tools.passphrase("Passphrase of the custodian's seeds: "), tools.entropy
    )


def release(args: Namespace, tools: Tools) -> Outcome:
    """Decide on a release kit from a file and write the signed release to a file; nothing is sent."""
    trust = read_trust(args.trust)
    policy, _ = read_policy(args.policy, trust)
    kit, state = ReleaseKit.from_json(args.kit.read_bytes()), _state(args, tools)
    decision = decide_release(
        kit,
        policy=policy,
        trust=trust,
        x=args.x,
        seed=state.seed(policy.tender),
        now=tools.now(),
        last_checkpoint=state.last_checkpoint(trust.logs[0].name),
        parts_allowed=[args.part],
        approved=args.yes or tools.confirm(f"Release {args.part} of {policy.tender}?"),
    )
    state.remember(decision.checkpoint)
    salt2 = release_salt(state.seed(policy.tender), decision)
    message = release_message(decision, policy.tender, args.x, sign=_signer(args, tools), salt2=salt2)
    write_secret(args.out, jcs.encode(message))
    lines = [f"released {len(decision.shares)} share(s) of {args.part} to {args.out}"]
    lines += [f"  bad share of bid {bid}: {why}" for bid, why in decision.bad]
    return Outcome(lines, {"shares": len(decision.shares), "bad": len(decision.bad)})


def combine(args: Namespace, tools: Tools) -> Outcome:
    """Open one container from released shares and put its files into a new folder."""
    policy, _ = read_policy(args.policy, read_trust(args.trust) if args.trust else None)
    with args.container.open("rb") as sealed:
        header = container.read_header(sealed)
        container.require_header(header, policy=policy)
        shares: dict[int, bytes] = {}
        for path in args.release:
            message = read_json(path)
            require_private(message["body"], message["private"], unb64(message["salt"], 32))
            for item in message["private"]["shares"]:
                if item["bid"] == header.bid.hex() and message["body"]["part"] == header.part:
                    shares[message["body"]["x"]] = unb64(item["share"])
        secret = container.recover_secret(header, shares)
        args.out.mkdir(parents=True, exist_ok=False)
        plain = args.out / "bundle.sbb"
        root = bytes.fromhex(args.root) if args.root else None
        sealed.seek(0)
        with plain.open("w+b") as out:
            container.open_with_secret(sealed, out, secret, unb64(args.own_lock or ""), root=root)
    found, names = _unpack(plain, args.out)
    lines = [f"opened by custodians {sorted(shares)}", f"  {found.manifest.bidder_name}"]
    lines += [f"  {key}: {value}" for key, value in found.manifest.opening.items()] + [
        f"  {n}" for n in names
    ]
    if root is None:
        lines.append("NOT CHECKED: whether this is the committed container (give --root)")
    return Outcome(lines, {"bid": header.bid.hex(), "manifest": found.manifest.to_json(), "files": names})


def _unpack(plain: Path, folder: Path) -> tuple[bundle.Bundle, list[str]]:
    """Write the files under numbered, tame names; the bidder's own name is only text."""
    names: list[str] = []
    opened = []

    def sink(index: int, entry: bundle.FileEntry) -> object:
        tame = re.sub(r"[^\w.-]", "_", entry.name)[-80:].lstrip(".") or "file"
        names.append(f"{index:03d}-{tame}")
        opened.append((folder / names[-1]).open("xb"))
        return opened[-1]

    try:
        with plain.open("rb") as stream:
            found = bundle.read(stream, sink, size_max=plain.stat().st_size)  # type: ignore[arg-type]
    finally:
        for out in opened:
            out.close()
    return found, names


def custodian_key(args: Namespace, tools: Tools) -> Outcome:
    """Make a seed for one tender and sign the statement that its key is this custodian's."""
    not_after = datetime.strptime(args.not_after, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    sign, seed = _signer(args, tools), _state(args, tools).new_seed(args.tender)
    body = make_key_statement(
        args.tender, args.x, args.role, args.org, not_after, seed=seed, suite=args.suite
    )
    message = {"body": body, "sig": sign("custodian-key", body)}
    if args.url:
        Client(args.url, args.token).post(f"/api/v1/tenders/{args.tender}/custodian-keys", message)
    if args.out:
        args.out.write_bytes(jcs.encode(message))
    return Outcome([f"seed kept, key statement signed for seat {args.x} of {args.tender}"], message)


def custodian_release(args: Namespace, tools: Tools) -> Outcome:
    """Ask the platform what there is to release, judge it, and send the shares."""
    agent = CustodianAgent(
        Client(args.url, args.token),
        _state(args, tools),
        read_trust(args.trust),
        _signer(args, tools),
    )
    policy = agent.fetch_policy(args.tender)
    decision = agent.release(
        policy,
        args.x,
        args.part,
        now=tools.now(),
        parts_allowed=[args.part],
        approved=args.yes or tools.confirm(f"Release {args.part} of {policy.tender}?"),
    )
    lines = [f"released {len(decision.shares)} share(s), {len(decision.bad)} bad"]
    return Outcome(lines, {"shares": len(decision.shares), "bad": len(decision.bad)})


def custodian_forget(args: Namespace, tools: Tools) -> Outcome:
    """Delete the seed of a finished tender; its bids then open by other custodians only."""
    if not (args.yes or tools.confirm(f"Delete the seed of {args.tender} for good?")):
        raise SealError("unconfirmed", "nothing was deleted")
    _state(args, tools).forget(args.tender)
    return Outcome([f"the seed of {args.tender} is gone"], {"forgotten": args.tender})
