"""Commands of those who watch: witnesses, auditors, anybody with an evidence file.

Source: sealing specification §7, §8, §9.
"""

import time
from argparse import Namespace
from pathlib import Path

from sealbid import draw as draws
from sealbid import records
from sealbid.cli_base import Outcome, Tools, read_json, read_trust
from sealbid.client import Client
from sealbid.errors import SealError
from sealbid.evidence import Evidence
from sealbid.intake import IntakeLog
from sealbid.merkle import leaf_hash
from sealbid.note import Note, SignerKey, VerifierKey
from sealbid.tiles import WIDTH, MemoryTiles, TileTree, parse_bundle, tile_path
from sealbid.tlog import Checkpoint
from sealbid.verify import verify_evidence
from sealbid.witness import StateFile, Witness, WitnessServer


def draw(args: Namespace, tools: Tools) -> Outcome:
    """Do a published draw again from its inputs."""
    found = read_json(args.file)
    made = draws.Draw(
        kind=found["kind"],
        tender=found["tender"],
        draw_id=found["draw"],
        root=bytes.fromhex(found["root"]),
        nonces=tuple(bytes.fromhex(nonce) for nonce in found["nonces"]),
    )
    picked = draws.select(made.stream(), found["candidates"], found["count"])
    lines = [f"seed {made.seed().hex()}", "drawn: " + ", ".join(picked)]
    same = found.get("picked", picked) == picked
    if not same:
        lines.append("DIFFERENT from what was published: " + ", ".join(found["picked"]))
    return Outcome(lines, {"seed": made.seed().hex(), "picked": picked, "same": same}, 0 if same else 1)


def make_witness(args: Namespace) -> Witness:
    """The witness that the command line describes."""
    keys = [SignerKey.parse(path.read_text("utf-8")) for path in args.key]
    intake = IntakeLog(args.intake, keys[0]) if args.intake else None
    logs = [VerifierKey.parse(vkey) for vkey in args.log]
    return Witness(keys, logs, StateFile(args.state), lambda: int(time.time()), intake)


def witness(args: Namespace, tools: Tools) -> Outcome:
    """Run a witness until it is interrupted."""
    host, _, port = args.listen.rpartition(":")
    server = WitnessServer((host or "127.0.0.1", int(port)), make_witness(args))
    with server:
        for key in server.witness.keys:
            tools.say(f"witness {key.verifier}")
        tools.say(f"listening on {server.server_address[0]!s}:{server.server_address[1]}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            tools.say("stopped")
    return Outcome()


def verify(args: Namespace, tools: Tools) -> Outcome:
    """Verify an evidence package, one line per check."""
    lines: list[str] = []
    trust = args.trust.read_text("utf-8") if args.trust else None
    keys = args.keys.read_text("utf-8") if args.keys else None
    code = verify_evidence(args.evidence, trust, lines.append if args.json else tools.say, keys=keys)
    return Outcome([], {"verified": code == 0, "checks": lines}, code)


def audit_log(args: Namespace, tools: Tools) -> Outcome:
    """Read a whole log, hash it again, compare with its cosigned checkpoint, count unexplained leaves."""
    policy = read_trust(args.trust)
    note = Note.parse(_fetch(args, "checkpoint"))
    cosigned = policy.require(note)
    checkpoint = cosigned.checkpoint
    entries = _entries(args, checkpoint.size)
    tree = TileTree(MemoryTiles())
    tree.append_hashes([leaf_hash(entry) for entry in entries])
    if tree.root() != checkpoint.root:
        raise SealError("audit_root", "the entries do not add up to the signed root")
    lines = [
        f"log {checkpoint.origin}: {checkpoint.size} leaves add up to the signed root",
        f"cosigned by {', '.join(sorted(cosigned.times)) or 'nobody'}",
        _compare_last(args.last, tree, checkpoint),
    ]
    explained = _explained(args.evidence or [], entries)
    unexplained = checkpoint.size - len(explained)
    if args.evidence:
        lines.append(f"{len(explained)} leaves explained by the packages given, {unexplained} not")
    if args.last:
        args.last.write_text(str(checkpoint), "utf-8")
    data = {"size": checkpoint.size, "explained": len(explained), "unexplained": unexplained}
    return Outcome([line for line in lines if line], data)


def _compare_last(last: Path | None, tree: TileTree, checkpoint: Checkpoint) -> str:
    """Against the checkpoint kept from an earlier audit: same log, grown, and nothing rewritten."""
    if last is None or not last.exists():
        return ""
    before = Checkpoint.parse(last.read_text("utf-8"))
    if before.origin != checkpoint.origin or before.size > checkpoint.size:
        raise SealError(
            "audit_rollback", f"the log has shrunk from {before.size} to {checkpoint.size} leaves"
        )
    if tree.root(before.size) != before.root:
        raise SealError("audit_rewritten", f"the first {before.size} leaves are not those of the last audit")
    return f"consistent with the last audit at {before.size} leaves"


def _fetch(args: Namespace, path: str) -> bytes:
    if args.dir:
        return bytes((args.dir / path).read_bytes())
    if not args.url:
        raise SealError("usage", "give --url of the platform or --dir of a mirror")
    return Client(args.url).get(f"/log/{path}")


def _entries(args: Namespace, size: int) -> list[bytes]:
    entries: list[bytes] = []
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        found = parse_bundle(_fetch(args, tile_path("entries", number, width)))
        if len(found) != width:
            raise SealError("audit_bundle", f"bundle {number} holds {len(found)} entries, not {width}")
        entries.extend(found)
    return entries


def _explained(packages: list[Path], entries: list[bytes]) -> set[int]:
    """Leaves whose record some package discloses; a record that is not its leaf is a finding."""
    found: set[int] = set()
    for path in packages:
        with Evidence(path) as evidence:
            for name in evidence.under("records"):
                index = int(name.removeprefix("records/").removesuffix(".json"))
                record = records.parse_record(evidence.read(name))
                if index >= len(entries) or records.entry_of(record) != entries[index]:
                    raise SealError("audit_record", f"{path.name} explains leaf {index} by another record")
                found.add(index)
    return found
