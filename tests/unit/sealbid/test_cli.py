"""The command line, as bidders, custodians and auditors use it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealbid import container, jcs, lockbox, merkle, receipts, records, signatures, signoff
from sealbid.agent import release_kit_json
from sealbid.cli import main, parser
from sealbid.cli_base import Tools
from sealbid.cli_log import make_witness
from sealbid.client import Client
from sealbid.custodian import _purpose
from sealbid.errors import SealError
from sealbid.octets import b64, unb64
from sealbid.signatures import Trust, spki
from sealbid.tiles import bundle, tile_path
from tests.support.evidence import (
    DEADLINE,
    Entropy,
    SealedBid,
    TenderWorld,
    finished_tender,
    identity,
    signer_of,
)
from tests.unit.sealbid.test_verify_release import kit_of

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockbox.lock, "__kwdefaults__", {"cost": 1 << 4})


@pytest.fixture(scope="module")
def world() -> TenderWorld:
    return finished_tender()


def tools(*, yes: bool = True, now: Any = DEADLINE, seed: str = "cli") -> Tools:
    return Tools(
        entropy=Entropy(seed),
        now=lambda: now,
        passphrase=lambda prompt: PASSPHRASE,
        say=print,
        confirm=lambda question: yes,
    )


def run(capsys: pytest.CaptureFixture[str], *argv: object, **more: Any) -> tuple[int, str]:
    code = main([str(word) for word in argv], tools(**more))
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def pem(path: Path, name: str) -> Path:
    key = identity(name)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


class Desk:
    """The files a person has on the desk: policy with proof, trust, keys."""

    def __init__(self, world: TenderWorld, folder: Path) -> None:
        self.folder = folder
        self.policy, self.trust, self.keys = (
            folder / "policy.json",
            folder / "trust.txt",
            folder / "keys.json",
        )
        answer = {"record": world.log.kept[1], "proof": str(world.log.proof(1))}
        self.policy.write_bytes(jcs.encode(answer))
        self.trust.write_text(world.log.trust, "utf-8")
        self.keys.write_bytes(world.keys().encode())
        self.opening = folder / "opening.json"
        self.opening.write_text('{"price": "9000000.00",\n "currency": "CNY"}', "utf-8")
        self.identity = pem(folder / "company.pem", "A")

    def seal(self, capsys: pytest.CaptureFixture[str], *more: object, seed: str = "cli") -> tuple[str, Path]:
        attachment = self.folder / "letter.txt"
        attachment.write_text("we bid", "utf-8")
        out = self.folder / "bid"
        code, said = run(
            capsys, "seal", "--policy", self.policy, "--trust", self.trust, "--keys", self.keys, "--lot", "1",
            "--bidder", "Company A", "--uscc", "A", "--identity", self.identity, "--opening", self.opening,
            "--file", f"price:{attachment}", "--out", out, "--json", *more,
            seed=seed,
        )  # fmt: skip
        assert code == 0, said
        return str(json.loads(said)["bid"]), out


@pytest.fixture
def desk(world: TenderWorld, tmp_path: Path) -> Desk:
    return Desk(world, tmp_path)


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    named = ["keygen", "policy-check", "seal", "rehearse", "submit", "withdraw", "receipt"]
    named += ["release", "combine", "draw", "witness", "verify", "audit-log"]
    for command in [
        *([name] for name in named),
        ["custodian"],
        ["custodian", "key"],
        ["custodian", "release"],
    ]:
        with pytest.raises(SystemExit) as stop:
            parser().parse_args([*command, "--help"])
        assert stop.value.code == 0
        assert len(capsys.readouterr().out) > 100


def test_a_call_without_a_command_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parser().parse_args([])
    assert stop.value.code == 2


def test_a_logged_and_sound_policy_passes(
    capsys: pytest.CaptureFixture[str], desk: Desk, world: TenderWorld
) -> None:
    digest = world.policy.digest.hex()[:16]

    code, said = run(
        capsys, "policy-check", desk.policy, "--trust", desk.trust, "--keys", desk.keys, "--digest", digest
    )

    assert (code, "logged and witnessed" in said) == (0, True)


def test_a_policy_with_a_changed_byte_an_unlogged_or_another_one_is_refused(
    capsys: pytest.CaptureFixture[str], desk: Desk, world: TenderWorld, tmp_path: Path
) -> None:
    found = jcs.decode(desk.policy.read_bytes())
    found["record"]["body"]["grace_s"] = 1
    changed, bare = tmp_path / "changed.json", tmp_path / "bare.json"
    changed.write_bytes(jcs.encode(found))
    bare.write_bytes(world.policy.encode())

    assert run(capsys, "policy-check", changed, "--trust", desk.trust, "--keys", desk.keys)[0] == 1
    assert run(capsys, "policy-check", bare, "--keys", desk.keys)[0] == 1
    assert run(capsys, "policy-check", bare, "--keys", desk.keys, "--partial")[0] == 0
    assert "policy_digest" in run(
        capsys, "policy-check", desk.policy, "--trust", desk.trust, "--digest", "0000000000000000"
    )[1]  # fmt: skip


def test_a_policy_with_an_unsigned_key_is_refused(
    capsys: pytest.CaptureFixture[str], desk: Desk, tmp_path: Path
) -> None:
    keys = jcs.decode(desk.keys.read_bytes())
    keys["organizations"] = [o for o in keys["organizations"] if o["org"] != "notary org"]
    other = tmp_path / "other.json"
    other.write_bytes(jcs.encode(keys))

    code, said = run(capsys, "policy-check", desk.policy, "--trust", desk.trust, "--keys", other)

    assert (code, "policy_key_unsigned" in said) == (1, True)


def test_a_sealed_bid_rehearses_and_opens_only_with_its_own_key(
    capsys: pytest.CaptureFixture[str], desk: Desk
) -> None:
    bid, out = desk.seal(capsys)

    code, said = run(capsys, "rehearse", out / f"{bid}.sbkey", out / f"{bid}.price.sb")

    assert (code, "your bid opens" in said, "9000000.00" in said, "letter.txt" in said) == (
        0,
        True,
        True,
        True,
    )
    data = bytearray((out / f"{bid}.price.sb").read_bytes())
    data[-1] ^= 1
    (out / "broken.sb").write_bytes(data)
    assert run(capsys, "rehearse", out / f"{bid}.sbkey", out / "broken.sb")[0] == 1
    secret = jcs.decode(lockbox.unlock((out / f"{bid}.sbkey").read_bytes(), PASSPHRASE, "bid-secret"))
    assert unb64(secret["parts"][0]["secret"]) not in (out / f"{bid}.price.sb").read_bytes()


def test_a_newer_bid_carries_the_word_of_the_bid_it_replaces(
    capsys: pytest.CaptureFixture[str], desk: Desk, world: TenderWorld
) -> None:
    first, out = desk.seal(capsys)
    key = out / f"{first}.sbkey"
    by = {"bk": jcs.decode((out / f"{first}.commit.json").read_bytes())["body"]["bk"]}

    plain, _ = desk.seal(capsys, seed="plain")
    second, _ = desk.seal(capsys, "--replaces", key, seed="second")
    third, _ = desk.seal(capsys, "--replaces-lost", first, seed="third")

    def sent(bid: str) -> dict[str, Any]:
        return dict(jcs.decode((out / f"{bid}.commit.json").read_bytes()))

    def judged(bid: str) -> str:
        body = sent(bid)["body"]
        older = {name: body[name] for name in ("tender", "lot")} | {"bid": first, **by}
        trust = Trust(at=DEADLINE, pinned={"A": (spki(identity("A")),)})
        return signoff.require_replacement(sent(bid)["replace"], older=older, newer=body, trust=trust)

    assert (sent(plain)["body"]["replaces"], "replace" in sent(plain)) == ("", False)
    assert (judged(second), judged(third)) == ("", "A")
    words = [
        "seal", "--policy", desk.policy, "--trust", desk.trust, "--keys", desk.keys, "--bidder", "A", "--uscc",
        "A", "--identity", desk.identity, "--opening", desk.opening, "--out", out,
    ]  # fmt: skip
    for more, refusal in (
        (("--lot", "2", "--replaces", key), "wrong_bid"),
        (("--lot", "1", "--replaces", key, "--replaces-lost", first), "usage"),
        (("--lot", "1", "--replaces-lost", "x"), "bid_id"),
        (("--lot", "1", "--replaces", desk.identity), "json_syntax"),
    ):
        code, said = run(capsys, *words, *more)
        assert (code != 0, refusal in said) == (True, True), said


def test_sealing_under_an_unchecked_policy_needs_a_word(
    capsys: pytest.CaptureFixture[str], desk: Desk, world: TenderWorld, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.json"
    bare.write_bytes(world.policy.encode())
    words = [
        "seal", "--policy", bare, "--lot", "1", "--bidder", "A", "--uscc", "A", "--identity", desk.identity,
        "--opening", desk.opening, "--out", tmp_path / "b",
    ]  # fmt: skip

    assert "policy_unchecked" in run(capsys, *words)[1]
    assert run(capsys, *words, "--partial")[0] == 0


def test_custodians_release_by_file_and_anyone_combines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world = TenderWorld()
    world.publish()
    for bidder, price in zip("ABC", ("9600000.00", "9350000.00", "9100000.00"), strict=True):
        world.submit(world.seal(bidder, price))
    desk, close = Desk(world, tmp_path), world.close()
    kit = tmp_path / "kit.json"
    kit.write_bytes(release_kit_json(kit_of(world, close, 3)))
    files = []
    for x, role in ((1, "tenderer"), (3, "supervisor"), (4, "notary")):
        state = tmp_path / f"state{x}"
        state.mkdir()
        box = lockbox.lock(
            world.seeds[x], PASSPHRASE, _purpose(world.policy.tender), Entropy("b"), cost=1 << 4
        )
        (state / f"{hashlib.sha256(world.policy.tender.encode()).hexdigest()[:24]}.seed").write_bytes(box)
        files.append(tmp_path / f"release{x}.json")
        words = [
            "release", kit, "--policy", desk.policy, "--trust", desk.trust, "--x", x, "--part", "price",
            "--identity", pem(tmp_path / f"{role}.pem", role), "--state", state, "--out", files[-1],
        ]  # fmt: skip
        early = DEADLINE - timedelta(seconds=1)
        assert "release_early" in run(capsys, *words, now=early)[1]
        assert "release_unapproved" in run(capsys, *words, yes=False)[1]
        assert run(capsys, *words)[0] == 0
    sealed: SealedBid = world.bids[0]
    box_file = tmp_path / "a.sb"
    box_file.write_bytes(sealed.data)

    few = run(
        capsys,
        "combine",
        box_file,
        *files[:2],
        "--policy",
        desk.policy,
        "--trust",
        desk.trust,
        "--out",
        tmp_path / "few",
    )
    code, said = run(
        capsys, "combine", box_file, *files, "--policy", desk.policy, "--trust", desk.trust,
        "--root", sealed.sealed.root.hex(), "--out", tmp_path / "open",
    )  # fmt: skip

    assert "too_few_shares" in few[1]
    assert (code, "9600000.00" in said) == (0, True)


def test_a_published_draw_comes_out_the_same(
    capsys: pytest.CaptureFixture[str], world: TenderWorld, tmp_path: Path
) -> None:
    record = next(r for r in world.log.kept if r["t"] == "draw-result")["body"]
    opens = [r["body"] for r in world.log.kept if r["t"] == "bid-open"]
    nonces = [unb64(o["nonce"]).hex() for o in sorted(opens, key=lambda o: str(o["bid"]))]
    given = {**record, "tender": world.policy.tender, "nonces": nonces, "count": 1}
    path = tmp_path / "draw.json"

    path.write_bytes(jcs.encode(given))
    assert run(capsys, "draw", path)[0] == 0
    path.write_bytes(jcs.encode({**given, "picked": ["1.00"]}))
    assert "DIFFERENT" in run(capsys, "draw", path)[1]


def test_verify_prints_a_line_per_check_and_says_no_with_its_exit_code(
    capsys: pytest.CaptureFixture[str], world: TenderWorld, desk: Desk, tmp_path: Path
) -> None:
    path = world.write(tmp_path / "evidence.zip")

    code, said = run(capsys, "verify", path, "--trust", desk.trust)
    assert (code, "ok   one history" in said, "FAIL" in said) == (0, True, False)

    path.write_bytes(path.read_bytes()[:-1])
    code, said = run(capsys, "verify", path, "--json")
    assert (code, json.loads(said)["verified"]) == (1, False)


def mirror(world: TenderWorld, folder: Path) -> Path:
    entries = [records.entry_of(record) for record in world.log.kept]
    (folder / "checkpoint").parent.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint").write_text(str(world.log.notes[len(entries)]), "utf-8")
    path = folder / tile_path("entries", 0, len(entries))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bundle(entries))
    return path


def test_an_audit_adds_the_log_up_and_counts_unexplained_leaves(
    capsys: pytest.CaptureFixture[str], world: TenderWorld, desk: Desk, tmp_path: Path
) -> None:
    entries, last = mirror(world, tmp_path / "log"), tmp_path / "last"
    package = world.write(tmp_path / "e.zip", world.files(without=("score-sheet",)))
    words = [
        "audit-log",
        "--dir",
        tmp_path / "log",
        "--trust",
        desk.trust,
        "--evidence",
        package,
        "--last",
        last,
    ]

    code, said = run(capsys, *words, "--json")
    assert (code, json.loads(said)["unexplained"]) == (0, 1)
    assert "consistent with the last audit" in run(capsys, *words)[1]

    data = bytearray(entries.read_bytes())
    data[40] ^= 1
    entries.write_bytes(data)
    assert "audit_root" in run(capsys, *words)[1]


def test_keys_are_made_locked_and_never_overwritten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for kind, more in (
        ("identity", []),
        ("log", ["--name", "log.example/9"]),
        ("witness-ml", ["--name", "w.example"]),
    ):
        path = tmp_path / kind
        assert run(capsys, "keygen", kind, "--out", path, *more)[0] == 0
        assert path.stat().st_mode & 0o077 == 0
        assert "file_exists" in run(capsys, "keygen", kind, "--out", path, *more)[1]
    assert run(capsys, "keygen", "log", "--out", tmp_path / "x")[0] == 2


def test_a_witness_is_built_from_its_command_line(
    capsys: pytest.CaptureFixture[str], world: TenderWorld, tmp_path: Path
) -> None:
    run(capsys, "keygen", "witness", "--name", "w.example", "--out", tmp_path / "key")

    args = parser().parse_args(
        ["witness", "--key", str(tmp_path / "key"), "--log", str(world.log.log_key.verifier),
         "--state", str(tmp_path / "state"), "--intake", str(tmp_path / "intake")]
    )  # fmt: skip

    assert make_witness(args).status().status == 200


def test_a_custodian_makes_a_seed_and_signs_its_key(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "key.json"
    person = pem(tmp_path / "n.pem", "notary")
    words = ["custodian", "key", "--tender", "T9", "--x", 3, "--role", "notary", "--org", "notary org"]
    words += ["--not-after", "2027-06-01T00:00:00Z", "--identity", person]
    words += ["--state", tmp_path / "state", "--out", out]

    assert run(capsys, *words)[0] == 0

    found = jcs.decode(out.read_bytes())
    signature = signatures.SignatureObject.from_json(found["sig"])
    signatures.verify(signature, "custodian-key", found["body"], signatures.spki(identity("notary")))
    assert "seed_exists" in run(capsys, *words)[1]
    assert (
        "unconfirmed"
        in run(capsys, "custodian", "forget", "--tender", "T9", "--state", tmp_path / "state", yes=False)[1]
    )
    assert run(capsys, "custodian", "forget", "--tender", "T9", "--state", tmp_path / "state")[0] == 0


class Platform(ThreadingHTTPServer):
    """As much of a platform as a client needs: it logs what comes and answers with receipts."""

    daemon_threads = True

    def __init__(self, world: TenderWorld) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.world = world
        self.calls: list[tuple[str, str, bytes, str]] = []
        self.kit = b""
        self.commit: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        log, sign = self.world.log, signer_of(self.world.platform)
        if path.endswith("/policy"):
            return jcs.encode({"record": log.kept[1], "proof": str(log.proof(1))})
        if "/release-kit" in path:
            return self.kit
        if path.endswith("/bids"):
            self.commit = jcs.decode(body)
            leaf = log.add("bid-commit", self.commit["body"], "bidder", sign=lambda t, b: self.commit["sig"])
            return receipts.build_receipt("commit", log.kept[leaf], sign=sign, proof=log.proof(leaf))
        if path.endswith(("/complete", "/withdraw")):
            kind = path.rpartition("/")[2]
            inner = (
                {"bid": self.commit["body"]["bid"], "commit": 0}
                if kind == "complete"
                else jcs.decode(body)["body"]
            )
            leaf = log.add(f"bid-{kind}", inner, "platform", sign=sign)
            return receipts.build_receipt(kind, log.kept[leaf], sign=sign, proof=log.proof(leaf))
        return jcs.encode({"leaf": 77})


class _Desk(BaseHTTPRequestHandler):
    server: Platform

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.calls.append((self.command, self.path, body, self.headers.get("Authorization") or ""))
        moved = self.path.endswith("/moved")
        data = b"" if moved else self.server.answer(self.command, self.path, body)
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def platform() -> Iterator[Platform]:
    world = TenderWorld()
    world.publish()
    with Platform(world) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_bid_is_submitted_received_and_withdrawn(
    capsys: pytest.CaptureFixture[str], platform: Platform, tmp_path: Path
) -> None:
    desk = Desk(platform.world, tmp_path)
    bid, out = desk.seal(capsys)

    code, said = run(capsys, "submit", out / f"{bid}.commit.json", "--url", platform.url, "--token", "tok")

    assert code == 0, said
    assert {call[3] for call in platform.calls} == {"Bearer tok"}
    uploaded = b"".join(body for method, _, body, _ in platform.calls if method == "PUT")
    assert uploaded == (out / f"{bid}.price.sb").read_bytes()
    assert any(path.endswith(f"/bids/{bid}/price/blocks/0-1") for _, path, _, _ in platform.calls)
    hashes = unb64(platform.commit["blocks"][0]["hashes"])
    blocks = [hashes[i : i + 32] for i in range(0, len(hashes), 32)]
    assert merkle.root_of_hashes(blocks).hex() == platform.commit["body"]["parts"][0]["root"]
    with (out / f"{bid}.price.sb").open("rb") as sealed:
        assert container.block_hashes_of(sealed) == blocks

    key = b64(signatures.spki(platform.world.platform))
    receipt = out / f"{bid}.commit.sbreceipt"
    words = ["receipt", receipt, "--platform-key", key, "--trust", desk.trust]
    assert run(capsys, *words, "--json") == (
        0,
        f'{{"bid": "{bid}", "kind": "commit", "state": "witnessed"}}\n',
    )
    stranger = b64(signatures.spki(identity("stranger")))
    assert run(capsys, "receipt", receipt, "--platform-key", stranger, "--trust", desk.trust)[0] == 1

    assert (
        run(capsys, "withdraw", out / f"{bid}.sbkey", receipt, "--url", platform.url, "--token", "tok")[0]
        == 0
    )


def test_a_custodian_releases_digest_first_and_content_second(
    capsys: pytest.CaptureFixture[str], platform: Platform, tmp_path: Path
) -> None:
    world = platform.world
    for bidder in "ABC":
        world.submit(world.seal(bidder, "9000000.00"))
    close = world.close()
    platform.kit = release_kit_json(kit_of(world, close, close + 1))
    desk, state = Desk(world, tmp_path), tmp_path / "state"
    state.mkdir()
    name = f"{hashlib.sha256(world.policy.tender.encode()).hexdigest()[:24]}.seed"
    box = lockbox.lock(world.seeds[2], PASSPHRASE, _purpose(world.policy.tender), Entropy("b"), cost=1 << 4)
    (state / name).write_bytes(box)
    words = [
        "custodian", "release", "--tender", world.policy.tender, "--x", 2, "--part", "price", "--identity",
        pem(tmp_path / "o.pem", "operator"), "--state", state, "--trust", desk.trust, "--url", platform.url,
    ]  # fmt: skip

    assert "release_unapproved" in run(capsys, *words, yes=False)[1]
    assert not [call for call in platform.calls if call[0] == "POST"]
    assert run(capsys, *words)[0] == 0

    first, second = (jcs.decode(body) for method, _, body, _ in platform.calls if method == "POST")
    assert set(first) == {"body", "sig"}
    assert second["release"] == 77
    records.require_private(first["body"], second["private"], unb64(second["salt"]))
    assert "since=0" in platform.calls[1][1]
    assert run(capsys, *words)[0] == 0
    assert f"since={close + 1}" in platform.calls[-3][1]


def test_a_client_sends_its_token_over_no_open_line_and_follows_no_redirect(platform: Platform) -> None:
    for url in ("http://example.org", "ftp://127.0.0.1", "http://127.0.0.1.example.org"):
        with pytest.raises(SealError, match="client_url"):
            Client(url)
    with pytest.raises(SealError, match="http_status"):
        Client(platform.url, "tok").get("/moved")
    with pytest.raises(SealError, match="http_unreachable"):
        Client("http://127.0.0.1:9", "tok").get("/")
