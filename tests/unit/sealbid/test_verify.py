"""An evidence package that is whole verifies; one that its own platform doctored does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.evidence import Evidence, build_evidence, proof_name, record_name
from sealbid.octets import b64
from sealbid.verify import verify_evidence
from tests.support.evidence import TenderWorld, finished_tender, identity, signer_of

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def world() -> TenderWorld:
    return finished_tender()


def verdict(path: Path, trust: str | None) -> tuple[int, list[str], list[str]]:
    lines: list[str] = []
    code = verify_evidence(path, trust, lines.append)
    return code, lines, [line for line in lines if line.startswith("FAIL")]


def test_a_whole_package_verifies_under_the_verifiers_own_trust(world: TenderWorld, tmp_path: Path) -> None:
    path = world.write(tmp_path / "e.zip")

    code, lines, failures = verdict(path, world.log.trust)

    assert (code, failures) == (0, [])
    assert any(line.startswith("ok   lot 1: ranking recomputed") for line in lines)
    assert any(line.startswith("ok   draw at leaf") for line in lines)


def test_without_an_own_trust_file_the_report_says_so(world: TenderWorld, tmp_path: Path) -> None:
    code, lines, _ = verdict(world.write(tmp_path / "e.zip"), None)

    assert code == 0
    assert "note log and witnesses: trust.txt of the package itself" in lines


def test_a_package_of_another_log_fails_under_the_verifiers_trust(world: TenderWorld, tmp_path: Path) -> None:
    from sealbid.note import KeyType, SignerKey

    other = SignerKey("log.example/1", KeyType.ED25519, b"\x07" * 32).verifier
    trust = world.log.trust.replace(str(world.log.log_key.verifier), str(other))

    code, _, failures = verdict(world.write(tmp_path / "e.zip"), trust)

    assert code == 1
    assert "log_signature" in failures[0]


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[Files, TenderWorld], None]:
    def apply(files: Files, world: TenderWorld) -> None:
        value = jcs.decode(files[name])
        files[name] = jcs.encode(change(value) or value)

    return apply


def record_edit(t: str, change: Callable[[Any], Any]) -> Callable[[Files, TenderWorld], None]:
    def apply(files: Files, world: TenderWorld) -> None:
        index = next(i for i, record in enumerate(world.log.kept) if record["t"] == t)
        edit(record_name(index), change)(files, world)

    return apply


def drop_records(*types: str) -> Callable[[Files, TenderWorld], None]:
    """Hide the first record of each type and lay the package out as if it had never been."""

    def apply(files: Files, world: TenderWorld) -> None:
        files.clear()
        files.update(world.files(without=types))

    return apply


def lower_price(record: Any) -> None:
    record["body"]["opening"]["price"] = "1.00"


def swap_winner(award: Any) -> None:
    award["lots"][0]["winner"] = award["lots"][0]["results"][-1]["bid"]


def drop_container(files: Files, world: TenderWorld) -> None:
    del files[next(name for name in files if name.startswith("containers/"))]


def flip_container(files: Files, world: TenderWorld) -> None:
    name = next(name for name in files if name.startswith("containers/"))
    files[name] = files[name][:-1] + bytes((files[name][-1] ^ 1,))


def another_share(files: Files, world: TenderWorld) -> None:
    name = next(name for name in files if name.startswith("private/"))
    edit(name, lambda p: p["private"]["shares"][0].update(share=b64(bytes(32))))(files, world)


def another_sheet(files: Files, world: TenderWorld) -> None:
    name = max(name for name in files if name.startswith("private/"))
    edit(name, lambda p: p["private"]["scores"][0].update(score="1.00"))(files, world)


def strip_cosignature(files: Files, world: TenderWorld) -> None:
    text = files[proof_name(3)].decode()
    files[proof_name(3)] = "".join(
        line for line in text.splitlines(True) if "notary.example" not in line
    ).encode()


def swap_proofs(files: Files, world: TenderWorld) -> None:
    files[proof_name(3)], files[proof_name(4)] = files[proof_name(4)], files[proof_name(3)]


DOCTORED: dict[str, tuple[Callable[[Files, TenderWorld], None], str]] = {
    "an opened price is lowered": (record_edit("bid-open", lower_price), "inclusion_proof"),
    "a record is backdated": (
        record_edit("bid-commit", lambda r: r.update(ts="2027-03-01T00:00:00.000Z")), "inclusion_proof"),
    "a bid disappears": (drop_records("bid-commit", "bid-complete"), "close_list"),
    "a commit disappears": (drop_records("bid-commit"), "record_count"),
    "a completion disappears": (drop_records("bid-complete"), "close_list"),
    "the closing disappears": (drop_records("tender-close"), "order"),
    "the policy disappears": (drop_records("policy"), "order"),
    "the genesis disappears": (drop_records("genesis"), "signer_unknown"),
    "an opening disappears": (drop_records("bid-open"), "record_count"),
    "the draw disappears": (drop_records("draw-result"), "record_count"),
    "a score sheet disappears": (drop_records("score-sheet"), "award_sheets"),
    "a record without its proof": (lambda f, w: f.pop(proof_name(4)), "proof_missing"),
    "a container disappears": (drop_container, "evidence_missing"),
    "a container is altered by one bit": (flip_container, "root_mismatch"),
    "a released share is replaced": (another_share, "private_digest"),
    "a score sheet is replaced": (another_sheet, "private_digest"),
    "the winner is another": (edit("award.json", swap_winner), "award_bound"),
    "a document is replaced": (lambda f, w: f.update({"documents/notice.txt": b"other"}), "document_missing"),
    "a witness is missing": (strip_cosignature, "quorum"),
    "two proofs change places": (swap_proofs, "proof_shape"),
    "a consistency step is missing": (
        edit("checkpoints/consistency.json", lambda c: c["steps"].pop() and c), "consistency_proof"),
    "the policy is another": (edit("policy.json", lambda p: p.update(min_bids=2)), "policy_chain"),
    "a trust file of its own": (
        lambda f, w: f.update({"trust.txt": f["trust.txt"] + b"# mine\n"}), "policy_witness"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCTORED)
def test_a_package_that_the_platform_doctored_and_signed_again_fails(
    case: str, world: TenderWorld, tmp_path: Path
) -> None:
    files = world.files()
    doctor, expected = DOCTORED[case]
    doctor(files, world)

    code, _, failures = verdict(world.write(tmp_path / "e.zip", files), world.log.trust)

    assert code == 1
    assert any(expected in line for line in failures), failures


def test_a_package_signed_by_a_stranger_fails(world: TenderWorld, tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    build_evidence(path, files=world.files(), sign=signer_of(identity("stranger")))

    code, _, failures = verdict(path, world.log.trust)

    assert (code, len(failures)) == (1, 1)
    assert "signer_unknown" in failures[0]


def test_a_chain_beside_the_platform_signature_is_refused(world: TenderWorld, tmp_path: Path) -> None:
    def sign(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**signer_of(world.platform)(kind, body), "chain": [b64(b"free bytes")]}

    path = tmp_path / "e.zip"
    build_evidence(path, files=world.files(), sign=sign)

    assert verdict(path, world.log.trust)[0] == 1


@pytest.mark.parametrize(
    "name", ["../x", "records/", "/etc/passwd", "other.txt", "records/ü.json", "a/b", "records//x"]
)
def test_names_outside_the_layout_are_refused(name: str, world: TenderWorld, tmp_path: Path) -> None:
    with pytest.raises(SealError, match="evidence_name"):
        world.write(tmp_path / "e.zip", {**world.files(), name: b""})


def test_an_ordinary_zip_tool_reads_the_package(world: TenderWorld, tmp_path: Path) -> None:
    import zipfile

    path = world.write(tmp_path / "e.zip")

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        for item in manifest["files"]:
            assert hashlib.sha256(archive.read(item["name"])).hexdigest() == item["sha256"]


def test_the_same_content_zipped_by_another_tool_is_not_canonical(world: TenderWorld, tmp_path: Path) -> None:
    import zipfile

    path, other = world.write(tmp_path / "e.zip"), tmp_path / "o.zip"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as out:
        for name in archive.namelist():
            out.writestr(name, archive.read(name))

    with pytest.raises(SealError, match="zip_canonical"):
        Evidence(other)


# The lies below are logged and cosigned: the log is consistent, only the acts are wrong.


def lying(act: Callable[[TenderWorld], None], tmp_path: Path) -> list[str]:
    world = TenderWorld()
    act(world)
    code, _, failures = verdict(world.write(tmp_path / "e.zip"), world.log.trust)
    assert code == 1
    return failures


def run_until_close(world: TenderWorld) -> int:
    world.publish()
    for bidder, price in zip("ABC", ("9600000.00", "9350000.00", "9100000.00"), strict=True):
        world.submit(world.seal(bidder, price))
    return world.close()


def test_a_bid_left_out_of_the_closing_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        world.publish()
        for bidder in "ABC":
            world.submit(world.seal(bidder, "9600000.00"))
        hidden = world.bids.pop(1)
        world.close()
        world.bids.append(hidden)

    assert any("close_list" in line for line in lying(act, tmp_path))


def test_a_bid_inserted_after_the_closing_with_an_old_time_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        run_until_close(world)
        late = world.seal("D", "1.00")
        world.log.now = world.policy.deadline - (world.log.now - world.policy.deadline) * 60
        body = world.commit_body(late)
        entry_time = world.log.now
        world.log.add("bid-commit", body, late.id[:16], sign=signer_of(late.bk))
        # The witnesses kept their own clocks: cosign again at the true instant.
        size = world.log.tree.size
        from sealbid.note import sign_note
        from sealbid.tlog import Checkpoint

        text = str(Checkpoint(world.log.log_key.name, size, world.log.tree.root()))
        true = int(world.policy.deadline.timestamp()) + 30
        world.log.notes[size] = sign_note(text, world.log.log_key, *world.log.witnesses, time=true)
        assert entry_time < world.policy.deadline

    assert any("time_interval" in line for line in lying(act, tmp_path))


def test_a_share_released_before_the_closing_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        world.publish()
        for bidder in "ABC":
            world.submit(world.seal(bidder, "9600000.00"))
        world.release(10, 1)
        world.close()

    assert any("order" in line for line in lying(act, tmp_path))


def test_an_opening_of_fewer_bids_than_needed_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        world.publish()
        for bidder in "AB":
            world.submit(world.seal(bidder, "9600000.00"))
        world.release(world.close(), 1)

    assert any("too_few_bids" in line for line in lying(act, tmp_path))


def test_a_coefficient_drawn_from_other_numbers_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        close = run_until_close(world)
        for x in (1, 2, 3):
            world.release(close, x)
        for bid in sorted(world.bids, key=lambda b: b.id):
            world.log.add("bid-open", world.opening_of(bid), "platform")
        world.draw(close, [bytes(32)] * 3)

    assert any("draw_seed" in line for line in lying(act, tmp_path))


def test_a_price_announced_wrongly_at_the_opening_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        close = run_until_close(world)
        for x in (1, 2, 3):
            world.release(close, x)
        for bid in world.bids:
            body = world.opening_of(bid)
            body["opening"]["price"] = "1.00"
            world.log.add("bid-open", body, "platform")

    assert any("open_items" in line for line in lying(act, tmp_path))


def test_a_good_bid_declared_void_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        close = run_until_close(world)
        for x in (1, 2, 3):
            world.release(close, x)
        for bid in world.bids:
            world.log.add(
                "bid-open", {**world.opening_of(bid), "verdict": "void:dealt_inconsistently"}, "platform"
            )

    assert any("open_verdict" in line for line in lying(act, tmp_path))


def test_a_ranking_that_does_not_follow_from_the_scores_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        world.finish()
        lot = world.award["lots"][0]
        lot["results"][0]["total"] = "99.99"
        digest = hashlib.sha256(jcs.encode(world.award)).hexdigest()
        world.log.add("award", {"award_sha256": digest, "winner": lot["winner"]}, "platform")

    assert any("award_results" in line for line in lying(act, tmp_path))


def test_two_custodians_are_too_few_to_open(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        close = run_until_close(world)
        for x in (1, 2):
            world.release(close, x)
        for bid in world.bids:
            world.log.add("bid-open", world.opening_of(bid), "platform")

    assert any("too_few_shares" in line for line in lying(act, tmp_path))


def test_an_opening_before_enough_releases_are_fixed_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        close = run_until_close(world)
        for x in (1, 2):
            world.release(close, x)
        for bid in world.bids:
            world.log.add("bid-open", world.opening_of(bid), "platform")
        world.release(close, 3)

    assert any("after only 2 releases" in line for line in lying(act, tmp_path))


def test_a_bid_of_dealt_nonsense_is_void_for_everybody_and_void_it_may_be_called(tmp_path: Path) -> None:
    """One bidder deals inconsistently; the package says so, and the verifier agrees."""
    import dataclasses
    import io

    from sealbid import container, merkle

    world = TenderWorld()
    world.publish()
    for bidder, price in zip("ABC", ("9600000.00", "9350000.00", "9100000.00"), strict=True):
        bid = world.seal(bidder, price)
        if bidder == "C":
            header = bid.sealed.header
            found = jcs.decode(header.raw[12:])
            found["sh"][4]["c"] = b64(bytes(32))
            text = jcs.encode(found)
            raw = header.raw[:8] + len(text).to_bytes(4, "big") + text
            data = raw + bid.data[len(header.raw) :]
            root = merkle.root_of_hashes(container.block_hashes_of(io.BytesIO(data)))
            sealed = dataclasses.replace(bid.sealed, root=root, header=container.parse_header(raw))
            bid = dataclasses.replace(bid, data=data, sealed=sealed)
        world.submit(bid)
    close = world.close()
    for x in (1, 2, 3):
        world.release(close, x)
    for bid in world.bids[:2]:
        world.log.add("bid-open", world.opening_of(bid), "platform")
    bad = world.bids[2]
    void = {
        "bid": bad.id,
        "part": "price",
        "root": bad.sealed.root.hex(),
        "verdict": "void:dealt_inconsistently",
    }
    world.log.add("bid-open", void, "platform")

    code, lines, failures = verdict(world.write(tmp_path / "e.zip"), world.log.trust)

    assert (code, failures) == (0, [])
    assert any("void as announced (dealt_inconsistently)" in line for line in lines)


def test_the_verifier_needs_no_more_than_cryptography_and_canonical_json() -> None:
    import subprocess
    import sys

    script = (
        "import sys, sealbid.verify; "
        "print(sorted({m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    ).stdout

    others = {"__main__", "_cffi_backend", "cryptography", "rfc8785", "sealbid"}
    assert {name for name in eval(said) if not name.startswith(("_", "sitecustomize"))} <= others


def drop_bid(lot: Any) -> None:
    gone = lot["bids"].pop()["bid"]
    for factor in lot["factors"]:
        factor["scores"] = [score for score in factor["scores"] if score["bid"] != gone]


def cheaper(lot: Any) -> None:
    lot["bids"][0]["price"] = "1.00"


def corrected_in_silence(lot: Any) -> None:
    lot["bids"][0].update(price="9500000.00", announced="9600000.00")


def kinder_scores(lot: Any) -> None:
    lot["factors"][0]["scores"][0]["score"] = "30.00"


def another_coefficient(lot: Any) -> None:
    drawn = lot["price"]["benchmark"]["k"]
    lot["price"]["benchmark"]["k"] = "0.95" if drawn == "0.98" else "0.98"


def another_benchmark_set(lot: Any) -> None:
    lot["price"]["prices"] = lot["price"]["prices"][:2]


def another_winner(lot: Any) -> None:
    lot["winner"] = lot["results"][-1]["bid"]


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (drop_bid, "exactly the opened bids"),
        (cheaper, "announced 9600000.00"),
        (corrected_in_silence, "without a reason"),
        (kinder_scores, "award_sheets"),
        (another_coefficient, "award_drawn"),
        (another_benchmark_set, "not those valid at the opening"),
        (another_winner, "award_winner"),
    ],
)
def test_an_award_that_is_consistent_in_itself_but_not_with_the_bids_is_found(
    lie: Callable[[Any], None], expected: str, tmp_path: Path
) -> None:
    from sealbid.recompute import recompute

    def act(world: TenderWorld) -> None:
        world.finish()
        lot = world.award["lots"][0]
        lie(lot)
        if lie is not another_winner:
            lot.update(recompute(lot))
            lot["winner"] = lot["results"][0]["bid"]
        digest = hashlib.sha256(jcs.encode(world.award)).hexdigest()
        world.log.add("award", {"award_sha256": digest}, "platform")

    assert any(expected in line for line in lying(act, tmp_path))


def test_an_award_of_another_tender_is_found(tmp_path: Path) -> None:
    def act(world: TenderWorld) -> None:
        world.finish()
        world.award["tender"] = "other"
        world.log.add(
            "award", {"award_sha256": hashlib.sha256(jcs.encode(world.award)).hexdigest()}, "platform"
        )

    assert any("another tender" in line for line in lying(act, tmp_path))


@pytest.mark.parametrize("lie", ["root", "picked"])
def test_a_draw_from_a_chosen_root_or_with_another_result_is_found(lie: str, tmp_path: Path) -> None:
    from sealbid import draw
    from sealbid.octets import unb64
    from tests.support.evidence import COEFFICIENTS, TENDER

    def act(world: TenderWorld) -> None:
        close = run_until_close(world)
        for x in (1, 2, 3):
            world.release(close, x)
        nonces = []
        for bid in sorted(world.bids, key=lambda b: b.id):
            body = world.opening_of(bid)
            nonces.append(unb64(body["nonce"]))
            world.log.add("bid-open", body, "platform")
        size = close + (2 if lie == "root" else 1)
        root = world.log.tree.root(size)
        made = draw.Draw("k-value", TENDER, "k1", root, tuple(nonces))
        honest = draw.select(made.stream(), COEFFICIENTS, 1)
        picked = honest if lie == "root" else [next(c for c in COEFFICIENTS if c not in honest)]
        body = {"kind": "k-value", "draw": "k1", "size": size, "root": root.hex(), "seed": made.seed().hex()}
        world.log.add("draw-result", {**body, "candidates": COEFFICIENTS, "picked": picked}, "platform")

    expected = {"root": "draw_root", "picked": "draw_result"}[lie]
    assert any(expected in line for line in lying(act, tmp_path))
