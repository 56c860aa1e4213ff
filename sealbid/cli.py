"""The command line of the protocol: ``sealbid <command> --help`` says the rest.

Source: sealing specification §15.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sealbid import cli_bidder, cli_custody, cli_log, cli_slip, slip
from sealbid.cli_base import Command, Outcome, Tools
from sealbid.errors import SealError
from sealbid.pipes import into_pipe


def main(argv: Sequence[str] | None = None, tools: Tools | None = None) -> int:
    """Run one command.

    Returns:
        0 if all is well, 1 if a check failed or was refused, 2 for a wrong call.
    """
    args = parser().parse_args(argv)
    return into_pipe(lambda: _run(args, tools or system_tools()))


def _run(args: argparse.Namespace, tools: Tools) -> int:
    try:
        outcome: Outcome = args.run(args, tools)
    except SealError as error:
        if args.json:
            print(json.dumps({"error": error.code, "detail": error.detail}, ensure_ascii=False))
        else:
            print(f"refused: {error}", file=sys.stderr)
        return 2 if error.code == "usage" else 1
    except OSError as error:
        print(f"file or network: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(outcome.data, ensure_ascii=False, sort_keys=True))
    else:
        for line in outcome.lines:
            print(line)
    return outcome.code


def system_tools() -> Tools:
    """The machine's own entropy and clock, and a person at the keyboard."""
    return Tools(
        entropy=os.urandom,
        now=lambda: datetime.now(UTC),
        passphrase=lambda prompt: os.environ.get("SEALBID_PASSPHRASE") or getpass.getpass(prompt),
        say=lambda line: print(line, flush=True),
        confirm=lambda question: input(f"{question} Type yes: ").strip() == "yes",
    )


def parser() -> argparse.ArgumentParser:
    """All commands; bidders first, then custodians, then those who watch."""
    top = argparse.ArgumentParser(
        prog="sealbid",
        description="Sealed bids that nobody can open early, and a log that nobody can rewrite.",
        epilog="Passphrases are asked for, or taken from SEALBID_PASSPHRASE; tokens from SEALBID_TOKEN.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _bidder_commands(commands)
    _slip_commands(commands)
    _custody_commands(commands)
    _log_commands(commands)
    return top


Subparsers = argparse._SubParsersAction  # argparse offers no public name for it


def _command(
    commands: "Subparsers[argparse.ArgumentParser]", name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    found = commands.add_parser(name, help=text, description=text)
    found.add_argument("--json", action="store_true", help="answer as one JSON object, for programs")
    found.set_defaults(run=run)
    return found


def _online(found: argparse.ArgumentParser, *, required: bool = True) -> None:
    found.add_argument("--url", required=required, help="address of the platform, https://…")
    found.add_argument("--token", default=os.environ.get("SEALBID_TOKEN", ""), help="your access token")


def _trust(found: argparse.ArgumentParser, *, required: bool = True) -> None:
    found.add_argument(
        "--trust", type=Path, required=required, help="your own list of log and witnesses (C2SP tlog-policy)"
    )


def _checked_policy(found: argparse.ArgumentParser) -> None:
    _trust(found, required=False)
    found.add_argument(
        "--keys", type=Path, help="whom you trust as custodians, tenderer and operator (keys.json)"
    )
    found.add_argument(
        "--digest", default="", help="the digest printed in the notice, whole or its first 16 digits"
    )
    found.add_argument(
        "--partial", action="store_true", help="go on although not everything could be checked"
    )


def _bidder_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    p = _command(
        commands, "policy-check", cli_bidder.policy_check, "Check a tender's policy before you seal."
    )
    p.add_argument("policy", type=Path, help="policy file, best as the platform gives it: record and proof")
    _checked_policy(p)

    p = _command(commands, "seal", cli_bidder.seal, "Seal a bid on this machine. Nothing is sent.")
    p.add_argument("--policy", type=Path, required=True, help="policy file of the tender")
    _checked_policy(p)
    p.add_argument("--lot", required=True, help="the lot you bid for")
    p.add_argument("--bidder", required=True, help="your company's name")
    p.add_argument("--uscc", required=True, help="your unified social credit code")
    p.add_argument("--identity", type=Path, required=True, help="your company's key file (locked or PEM)")
    p.add_argument("--opening", type=Path, required=True, help="JSON of what is read aloud: price, period, …")
    p.add_argument("--file", action="append", metavar="PART:PATH", help="a file of the bid; may be repeated")
    p.add_argument(
        "--lock", action="store_true", help="add your own lock: without your key nobody opens the bid"
    )
    p.add_argument(
        "--consent-marks",
        action="store_true",
        help="agree that salted marks of this machine and of the files go with the bid; see the printed text",
    )
    p.add_argument(
        "--replaces", type=Path, metavar="SBKEY", help="the .sbkey of your bid that this one replaces"
    )
    p.add_argument(
        "--replaces-lost",
        metavar="BID",
        default="",
        help="id of your bid that this one replaces and whose .sbkey is lost; your company's key signs, marked so",
    )
    p.add_argument("--out", type=Path, default=Path(), help="folder for the sealed bid")

    p = _command(commands, "rehearse", cli_bidder.rehearse, "Open your own sealed bid, to see that it opens.")
    p.add_argument("sbkey", type=Path, help="the bid's .sbkey file")
    p.add_argument("container", type=Path, help="the sealed .sb file")

    p = _command(commands, "submit", cli_bidder.submit, "Send a sealed bid to the platform.")
    p.add_argument("commit", type=Path, help="the bid's .commit.json; the .sb files lie beside it")
    _online(p)

    p = _command(commands, "withdraw", cli_bidder.withdraw, "Withdraw a bid before the deadline.")
    p.add_argument("sbkey", type=Path, help="the bid's .sbkey file")
    p.add_argument("receipt", type=Path, help="the logged commit receipt")
    _online(p)

    p = _command(commands, "receipt", cli_bidder.receipt, "Check a receipt: stored, logged or witnessed.")
    p.add_argument("file", type=Path, nargs="?", help="a .sbreceipt file; without it, ask the platform")
    _online(p, required=False)
    p.add_argument("--bid", help="id of the bid to ask the platform for")
    p.add_argument("--out", type=Path, help="keep the receipt here")
    p.add_argument("--platform-key", required=True, help="the platform's receipt key, base64")
    _trust(p)


def _slip_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    p = _command(commands, "slip", cli_slip.seal, "Seal a limit, an offer or a reserve price of an auction.")
    p.add_argument("what", choices=slip.WHATS, help="what is sealed")
    p.add_argument("--auction", required=True, help="id of the auction, as in its address")
    p.add_argument("--amount", required=True, help="in yuan with two decimals, for example 1200000.00")
    p.add_argument(
        "--item", action="append", metavar="NAME=VALUE", help="a further value of a weighted offer"
    )
    p.add_argument("--policy", type=Path, required=True, help="policy file of the tender")
    _checked_policy(p)
    p.add_argument("--out", type=Path, default=Path(), help="folder for the key file and the receipt")
    _online(p)

    p = _command(
        commands, "slip-secret", cli_slip.secret, "Offer a slip's own secret while it is being opened."
    )
    p.add_argument("slipkey", type=Path, help="the slip's .slipkey file")
    _online(p)


def _custody_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    p = _command(commands, "keygen", cli_custody.keygen, "Make a key for a person, company, log or witness.")
    p.add_argument("kind", choices=["identity", *cli_custody.NOTE_KINDS], help="what the key is for")
    p.add_argument("--name", help="name of a log or witness, as it appears in notes")
    p.add_argument("--out", type=Path, required=True, help="file for the private key; never overwritten")

    p = _command(
        commands, "release", cli_custody.release, "Judge a release kit offline and sign the release."
    )
    p.add_argument("kit", type=Path, help="release kit from the platform")
    p.add_argument("--policy", type=Path, required=True, help="policy file of the tender")
    _custodian(p)
    _trust(p)
    p.add_argument("--out", type=Path, required=True, help="file for the signed release")

    p = _command(commands, "combine", cli_custody.combine, "Open a sealed file from released shares.")
    p.add_argument("container", type=Path, help="the sealed .sb file")
    p.add_argument("release", type=Path, nargs="+", help="releases of at least t custodians")
    p.add_argument("--policy", type=Path, required=True, help="policy file of the tender")
    _trust(p, required=False)
    p.add_argument("--root", help="the committed root, hex; compared with what is opened")
    p.add_argument("--own-lock", help="the bidder's own lock, base64, if he used one")
    p.add_argument("--out", type=Path, required=True, help="new folder for the files")

    group = commands.add_parser("custodian", help="Work as a custodian.", description="Work as a custodian.")
    deeds = group.add_subparsers(dest="deed", required=True, metavar="DEED")
    p = _command(deeds, "key", cli_custody.custodian_key, "Make this tender's seed and sign its key.")
    p.add_argument("--tender", required=True, help="code of the tender")
    p.add_argument("--x", type=int, required=True, help="your seat, 1 to n")
    p.add_argument("--role", required=True, help="for example supervisor or notary")
    p.add_argument("--org", required=True, help="your organization, as in the policy")
    p.add_argument("--not-after", required=True, help="last instant you will answer, 2027-06-01T00:00:00Z")
    p.add_argument("--suite", default="intl-1", help="suite of the policy")
    p.add_argument("--identity", type=Path, required=True, help="your key file")
    p.add_argument("--state", type=Path, required=True, help="folder of your seeds")
    p.add_argument("--out", type=Path, help="file for the signed statement")
    _online(p, required=False)
    p = _command(deeds, "release", cli_custody.custodian_release, "Release your shares through the platform.")
    p.add_argument("--tender", required=True, help="code of the tender")
    _custodian(p)
    _trust(p)
    _online(p)
    p = _command(deeds, "forget", cli_custody.custodian_forget, "Delete the seed of a finished tender.")
    p.add_argument("--tender", required=True, help="code of the tender")
    p.add_argument("--state", type=Path, required=True, help="folder of your seeds")
    p.add_argument("--yes", action="store_true", help="do not ask")


def _custodian(p: argparse.ArgumentParser) -> None:
    p.add_argument("--x", type=int, required=True, help="your seat, 1 to n")
    p.add_argument("--part", required=True, help="the part to release, for example price")
    p.add_argument("--identity", type=Path, required=True, help="your key file")
    p.add_argument("--state", type=Path, required=True, help="folder of your seeds")
    p.add_argument("--yes", action="store_true", help="do not ask: for agents set to release by themselves")


def _log_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    p = _command(commands, "draw", cli_log.draw, "Do a published draw again.")
    p.add_argument(
        "file", type=Path, help="JSON: kind, tender, draw, root, nonces, candidates, count, picked"
    )

    p = _command(commands, "witness", cli_log.witness, "Run a witness for one or more logs.")
    p.add_argument(
        "--key", type=Path, action="append", required=True, help="witness key file; may be repeated"
    )
    p.add_argument("--log", action="append", required=True, help="verifier key of a log; may be repeated")
    p.add_argument("--state", type=Path, required=True, help="file that remembers what was cosigned")
    p.add_argument("--intake", type=Path, help="file for bids handed in here while the platform is down")
    p.add_argument("--listen", default="127.0.0.1:8081", help="address and port")

    p = _command(commands, "verify", cli_log.verify, "Verify an evidence package; needs nothing else.")
    p.add_argument("evidence", type=Path, help="evidence.zip of a tender")
    _trust(p, required=False)
    p.add_argument("--keys", type=Path, help="your own keys.json instead of the one inside")

    p = _command(
        commands, "audit-log", cli_log.audit_log, "Hash a whole log again and look for unexplained leaves."
    )
    p.add_argument("--url", help="address of the platform")
    p.add_argument("--dir", type=Path, help="a mirror of /log/ on disk, instead of --url")
    _trust(p)
    p.add_argument(
        "--evidence", type=Path, action="append", help="package that explains leaves; may be repeated"
    )
    p.add_argument(
        "--last", type=Path, help="file with the checkpoint of your last audit; compared, then replaced"
    )


if __name__ == "__main__":
    sys.exit(main())
