"""Commands for what is sealed in an auction: a standing limit, an offer, a reserve price; and the second way in.

Source: sealing specification §5, §6, §8.5; docs/formats/auction-slip.md.
"""

from argparse import Namespace
from urllib.parse import quote

from sealbid import jcs, lockbox, slip
from sealbid.cli_base import Outcome, Tools, read_policy, read_trust, write_secret
from sealbid.cli_bidder import policy_check
from sealbid.client import Client
from sealbid.errors import SealError
from sealbid.octets import b64, unb64
from sealbid.records import Json

SLIPKEY = "slip-secret"


def seal(args: Namespace, tools: Tools) -> Outcome:
    """Seal a slip on this machine, keep its key locked, and hand the ciphertext in."""
    checked = policy_check(args, tools)
    if checked.code:
        raise SealError("policy_unchecked", "; ".join(checked.lines) + "; --partial seals all the same")
    policy, _ = read_policy(args.policy, read_trust(args.trust) if args.trust else None)
    client = Client(args.url, args.token)
    auction = quote(args.auction, safe="")
    told = client.get_json(f"/api/v1/auctions/{auction}/sealing")
    part = str(told.get(f"{args.what}_part", ""))
    if told.get("tender") != policy.tender or part not in policy.parts:
        raise SealError("slip_not_printed", f"this auction takes no sealed {args.what} under this policy")
    if args.what != slip.RESERVE and not told.get("plate"):
        raise SealError("auction_no_seat", "you have no admitted plate in this auction")
    typed = tools.passphrase("New passphrase for the slip's key file: ")
    if tools.passphrase("The same passphrase again: ") != typed:
        raise SealError("passphrase", "the two passphrases differ; nothing was sealed")
    made = slip.seal_slip(
        policy=policy,
        part=part,
        what=args.what,
        lot=str(told["lot"]),
        auction=str(told["auction"]),
        plate="" if args.what == slip.RESERVE else str(told["plate"]),
        amount=args.amount,
        items=_items(args.item or [], told),
        entropy=tools.entropy,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    name = made.slip.bid.hex()
    key: Json = {"v": 1, "slip": made.slip.to_json(), "root": made.root.hex(), "secret": b64(made.secret)}
    write_secret(args.out / f"{name}.slipkey", lockbox.lock(jcs.encode(key), typed, SLIPKEY, tools.entropy))
    message = {**made.commit, "container": b64(made.container)}
    if args.what == slip.RESERVE:
        answer = client.post(f"/api/v1/auctions/{auction}/reserve", message)
    else:
        answer = client.post(f"/api/v1/auctions/{auction}/slips", {"what": args.what, **message})
    (args.out / f"{name}.receipt.json").write_bytes(jcs.encode(answer))
    lines = [
        f"{args.what} {name} handed in, root {made.root.hex()}",
        f"keep {name}.slipkey and its passphrase: they open the slip without any custodian",
    ]
    return Outcome(lines, {"slip": name, "root": made.root.hex(), "sent": True})


def _items(given: list[str], told: Json) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or name not in told.get("items", []):
            raise SealError("item_unknown", f"--item reads NAME=VALUE, with {told.get('items', [])}")
        found[name] = value
    return found


def secret(args: Namespace, tools: Tools) -> Outcome:
    """Offer the own secret of a slip while custodians' shares are awaited."""
    typed = tools.passphrase(f"Passphrase of {args.slipkey.name}: ")
    key = jcs.decode_object(lockbox.unlock(args.slipkey.read_bytes(), typed, SLIPKEY))
    found = slip.Slip.from_json(key["slip"])
    unb64(key["secret"], 32)
    Client(args.url, args.token).post(
        f"/api/v1/auctions/slips/{found.bid.hex()}/secret", {"secret": key["secret"]}
    )
    return Outcome(
        [f"the secret of {found.bid.hex()} is offered"], {"slip": found.bid.hex(), "offered": True}
    )
