"""A custodian's client lets a share go only when every condition of the opening holds."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sealbid import container, jcs, lockbox, merkle, tlog
from sealbid.agent import BidKit, Release, ReleaseKit, decide_release, make_ack, release_kit_json
from sealbid.container import check_share
from sealbid.custodian import CustodianState, release_message, require_logged_policy
from sealbid.errors import SealError
from sealbid.note import Note
from sealbid.records import require_private
from sealbid.tlog import Checkpoint, TlogProof
from tests.support.evidence import DEADLINE, Entropy, TenderWorld, identity, signer_of

CHEAP = 1 << 4


@dataclasses.dataclass
class Asked:
    """A world up to its closing, and the arguments of a decision that passes."""

    world: TenderWorld
    close: int
    kit: ReleaseKit
    given: dict[str, Any]

    def decide(self, **changed: Any) -> Release:
        return decide_release(changed.pop("kit", self.kit), **{**self.given, **changed})


def checkpoint_at(world: TenderWorld, size: int) -> Checkpoint:
    return Checkpoint(world.log.log_key.name, size, world.log.tree.root(size))


def kit_of(world: TenderWorld, close: int, last: int, size: int = 0) -> ReleaseKit:
    size = size or close + 1
    note = world.log.notes[size]

    def proof(index: int) -> TlogProof:
        return TlogProof(index, tuple(world.log.tree.proof(index, size)), note)

    def bid_kit(bid: Any) -> BidKit:
        hashes = container.block_hashes_of(io.BytesIO(bid.data))
        return BidKit(
            world.log.kept[bid.commit],
            proof(bid.commit),
            bid.sealed.header.raw,
            tuple(merkle.inclusion_proof(hashes, 0)),
        )

    return ReleaseKit(
        part="price",
        close=world.log.kept[close],
        close_proof=proof(close),
        consistency=tuple(world.log.tree.consistency(last, size)),
        bids=tuple(bid_kit(bid) for bid in world.bids),
    )


def ask(bidders: str = "ABC") -> Asked:
    world = TenderWorld()
    world.publish()
    for bidder in bidders:
        world.submit(world.seal(bidder, "9000000.00"))
    close = world.close()
    given = {
        "policy": world.policy,
        "trust": tlog.Policy.parse(world.log.trust),
        "x": 2,
        "seed": world.seeds[2],
        "now": DEADLINE + timedelta(seconds=5),
        "last_checkpoint": checkpoint_at(world, 3),
        "parts_allowed": ["price"],
        "approved": True,
    }
    return Asked(world, close, kit_of(world, close, 3), given)


@pytest.fixture(scope="module")
def asked() -> Asked:
    return ask()


def test_when_all_holds_the_shares_go_out_and_fit_their_commitments(asked: Asked) -> None:
    decision = asked.decide()

    assert [bid for bid, _ in decision.shares] == sorted(bid.id for bid in asked.world.bids)
    for bid in asked.world.bids:
        check_share(bid.sealed.header, 2, dict(decision.shares)[bid.id])
    assert (decision.bad, decision.close) == ((), asked.close)
    assert decision.checkpoint == checkpoint_at(asked.world, asked.close + 1)


def test_the_first_time_there_is_no_last_checkpoint(asked: Asked) -> None:
    assert asked.decide(last_checkpoint=None).shares


def edited(kit: ReleaseKit, change: Callable[[Any], None]) -> ReleaseKit:
    close = jcs.decode(jcs.encode(kit.close))
    change(close)
    return dataclasses.replace(kit, close=close)


def without_a_witness(kit: ReleaseKit) -> ReleaseKit:
    proof = kit.close_proof
    note = Note(proof.note.text, proof.note.lines[:2])
    return dataclasses.replace(kit, close_proof=dataclasses.replace(proof, note=note))


def test_condition_a_not_before_the_opening(asked: Asked) -> None:
    with pytest.raises(SealError, match="release_early"):
        asked.decide(now=DEADLINE - timedelta(seconds=1))


def test_condition_b_the_closing_is_witnessed(asked: Asked) -> None:
    with pytest.raises(SealError, match="quorum"):
        asked.decide(kit=without_a_witness(asked.kit))


def test_condition_b_the_closing_is_the_logged_one(asked: Asked) -> None:
    with pytest.raises(SealError, match="inclusion_proof"):
        asked.decide(kit=edited(asked.kit, lambda close: close["body"]["bids"].pop()))


def test_condition_b_the_closing_is_of_this_tender(asked: Asked) -> None:
    with pytest.raises(SealError, match="release_close"):
        asked.decide(kit=edited(asked.kit, lambda close: close["body"].update(tender="other")))
    with pytest.raises(SealError, match="release_close"):
        asked.decide(kit=edited(asked.kit, lambda close: close.update(t="tick")))


def test_condition_b_the_history_grew_out_of_the_one_seen_before(asked: Asked) -> None:
    other = Checkpoint(asked.world.log.log_key.name, 3, b"\x00" * 32)
    with pytest.raises(SealError, match="consistency_proof"):
        asked.decide(last_checkpoint=other)

    with pytest.raises(SealError, match="release_rollback"):
        asked.decide(last_checkpoint=Checkpoint(asked.world.log.log_key.name, 99, b"\x00" * 32))


def test_condition_c_fewer_bids_than_needed_stay_sealed() -> None:
    with pytest.raises(SealError, match="release_too_few"):
        ask("AB").decide()


def test_condition_c_counts_lot_by_lot_and_keeps_the_small_lot_sealed() -> None:
    world = TenderWorld()
    world.publish()
    full = [world.submit(world.seal(bidder, "9000000.00")) for bidder in "ABC"]
    small = world.submit(world.seal("D", "9000000.00", lot="other"))
    close = world.close()
    asked = ask()

    decision = dataclasses.replace(
        asked,
        world=world,
        kit=kit_of(world, close, 3),
        given={
            **asked.given,
            "policy": world.policy,
            "trust": tlog.Policy.parse(world.log.trust),
            "seed": world.seeds[2],
            "last_checkpoint": checkpoint_at(world, 3),
        },
    ).decide()

    assert [bid for bid, _ in decision.shares] == sorted(bid.id for bid in full)
    assert small.id not in dict(decision.shares)


def test_condition_d_every_closed_bid_is_shown_and_no_other(asked: Asked) -> None:
    with pytest.raises(SealError, match="release_bid"):
        asked.decide(kit=dataclasses.replace(asked.kit, bids=asked.kit.bids[:2]))
    with pytest.raises(SealError, match="release_bid"):
        asked.decide(kit=dataclasses.replace(asked.kit, bids=(*asked.kit.bids, asked.kit.bids[0])))


def swapped(asked: Asked, **changed: Any) -> ReleaseKit:
    first, *rest = asked.kit.bids
    return dataclasses.replace(asked.kit, bids=(dataclasses.replace(first, **changed), *rest))


def test_condition_d_the_header_is_the_committed_one(asked: Asked) -> None:
    first, second, _ = asked.kit.bids
    for kit in (swapped(asked, header=second.header), swapped(asked, header_proof=second.header_proof)):
        with pytest.raises(SealError, match="release_bid"):
            asked.decide(kit=kit)
    with pytest.raises(SealError, match="release_bid"):
        asked.decide(kit=swapped(asked, proof=second.proof))
    assert first.header != second.header


def test_condition_d_the_commit_is_the_logged_one(asked: Asked) -> None:
    commit = jcs.decode(jcs.encode(asked.kit.bids[0].commit))
    commit["body"]["lot"] = "2"

    with pytest.raises(SealError, match="release_bid"):
        asked.decide(kit=swapped(asked, commit=commit))


def test_condition_d_another_policy_is_refused(asked: Asked) -> None:
    other = dataclasses.replace(asked.world.policy, min_bids=2)

    with pytest.raises(SealError, match="another policy"):
        asked.decide(policy=other)


def test_condition_e_only_the_part_that_is_due(asked: Asked) -> None:
    with pytest.raises(SealError, match="release_part"):
        asked.decide(parts_allowed=["tech"])


def test_condition_f_somebody_confirmed(asked: Asked) -> None:
    with pytest.raises(SealError, match="release_unapproved"):
        asked.decide(approved=False)


def test_one_bidders_bad_header_is_reported_and_the_other_bids_go_out(asked: Asked) -> None:
    world = TenderWorld()
    world.publish()
    honest, seats = world.policy, world.policy.custodians
    for bidder in "AB":
        world.submit(world.seal(bidder, "9000000.00"))
    # C seals under a policy of his own, yet commits under the true one.
    world.policy = dataclasses.replace(
        honest, custodians=(seats[0], dataclasses.replace(seats[1], pk=seats[2].pk), *seats[2:])
    )
    strange = world.seal("C", "9000000.00")
    world.policy = honest
    world.submit(strange)
    close = world.close()

    decision = decide_release(kit_of(world, close, 3), **{**asked.given, "last_checkpoint": None})

    assert len(decision.shares) == 2
    assert decision.bad == ((strange.id, "wrong_policy"),)


def test_a_wrapped_share_that_is_not_the_committed_one_is_reported(asked: Asked) -> None:
    world = TenderWorld()
    world.publish()
    for bidder in "AB":
        world.submit(world.seal(bidder, "9000000.00"))
    bad = world.seal("C", "9000000.00")
    header = bad.sealed.header
    found = jcs.decode(header.raw[12:])
    found["sh"][1]["e"] = found["sh"][2]["e"]
    text = jcs.encode(found)
    data = header.raw[:8] + len(text).to_bytes(4, "big") + text + bad.data[len(header.raw) :]
    root = merkle.root_of_hashes(container.block_hashes_of(io.BytesIO(data)))
    raw = dataclasses.replace(header, raw=data[: 12 + len(text)])
    world.submit(
        dataclasses.replace(bad, data=data, sealed=dataclasses.replace(bad.sealed, root=root, header=raw))
    )
    close = world.close()

    decision = decide_release(kit_of(world, close, 3), **{**asked.given, "last_checkpoint": None})

    assert len(decision.shares) == 2
    assert decision.bad == ((bad.id, "envelope_unreadable"),)


def test_a_bid_under_an_earlier_policy_stays_valid(asked: Asked) -> None:
    newer = dataclasses.replace(asked.world.policy, min_bids=2, prev=asked.world.policy.digest.hex())

    decision = asked.decide(policy=newer, earlier=[asked.world.policy])

    assert len(decision.shares) == 3


def test_a_seed_without_a_seat_releases_nothing_and_blames_nobody(asked: Asked) -> None:
    decision = asked.decide(seed=asked.world.seeds[3])

    assert (decision.shares, decision.bad) == ((), ())


def test_a_kit_is_read_from_the_platforms_answer(asked: Asked) -> None:
    assert ReleaseKit.from_json(release_kit_json(asked.kit)) == asked.kit
    with pytest.raises(SealError, match="kit_shape"):
        ReleaseKit.from_json(jcs.encode({"part": "price"}))


def test_an_acknowledgement_says_nothing_but_that_the_share_is_good(asked: Asked) -> None:
    world, bid = asked.world, asked.kit.bids[0]

    body = make_ack(bid, policy=world.policy, x=2, seed=world.seeds[2], part="price")

    assert body["ok"] is True
    assert set(body) == {"tender", "bid", "part", "x", "ok", "root"}
    with pytest.raises(SealError, match="envelope_unreadable"):
        make_ack(bid, policy=world.policy, x=2, seed=world.seeds[1], part="price")
    with pytest.raises(SealError, match="ack_part"):
        make_ack(bid, policy=world.policy, x=2, seed=world.seeds[2], part="tech")


def test_a_release_message_binds_its_content(asked: Asked) -> None:
    decision = asked.decide()

    message = release_message(
        decision, asked.world.policy.tender, 2, sign=signer_of(identity("operator")), salt2=b"\x01" * 32
    )

    require_private(message["body"], message["private"], b"\x01" * 32)
    assert message["body"]["x"] == 2


def test_a_policy_counts_only_with_the_proof_that_it_was_logged(asked: Asked) -> None:
    world, trust = asked.world, asked.given["trust"]
    found = {"record": world.log.kept[1], "proof": str(world.log.proof(1))}

    assert require_logged_policy(found, trust) == world.policy
    with pytest.raises(SealError, match="policy_unlogged"):
        require_logged_policy({**found, "proof": ""}, trust)
    with pytest.raises(SealError, match="policy_unlogged"):
        require_logged_policy({"record": world.log.kept[2], "proof": str(world.log.proof(2))}, trust)
    changed = jcs.decode(jcs.encode(found["record"]))
    changed["body"]["min_bids"] = 2
    with pytest.raises(SealError, match="inclusion_proof"):
        require_logged_policy({**found, "record": changed}, trust)


def test_seeds_rest_under_a_passphrase_and_only_one_per_tender(tmp_path: Path) -> None:
    state = CustodianState(tmp_path / "s", "correct horse", Entropy("state"), cost=CHEAP)
    seed = state.new_seed("T1")

    assert state.seed("T1") == seed
    assert all(seed not in path.read_bytes() for path in (tmp_path / "s").iterdir())
    with pytest.raises(SealError, match="seed_exists"):
        state.new_seed("T1")
    with pytest.raises(SealError, match="seed_missing"):
        state.seed("T2")
    with pytest.raises(SealError, match="passphrase"):
        CustodianState(tmp_path / "s", "wrong horse!", Entropy("x"), cost=CHEAP).seed("T1")
    state.forget("T1")
    with pytest.raises(SealError, match="seed_missing"):
        state.seed("T1")


def test_the_last_checkpoint_never_goes_back(tmp_path: Path) -> None:
    state = CustodianState(tmp_path / "s", "correct horse", Entropy("state"), cost=CHEAP)
    state.remember(Checkpoint("log", 5, b"\x01" * 32))

    assert state.last_checkpoint("log") == Checkpoint("log", 5, b"\x01" * 32)
    with pytest.raises(SealError, match="release_rollback"):
        state.remember(Checkpoint("log", 4, b"\x01" * 32))


def test_a_locked_file_opens_only_for_its_purpose() -> None:
    box = lockbox.lock(b"secret", "correct horse", "seed", Entropy("box"), cost=CHEAP)

    assert lockbox.unlock(box, "correct horse", "seed") == b"secret"
    with pytest.raises(SealError, match="lockbox_purpose"):
        lockbox.unlock(box, "correct horse", "identity")
    with pytest.raises(SealError, match="passphrase"):
        lockbox.lock(b"secret", "short", "seed", Entropy("box"))
    with pytest.raises(SealError, match="lockbox_shape"):
        lockbox.unlock(jcs.encode({"v": 1}), "correct horse", "seed")
    for cost in (1 << 30, 3, 0):
        with pytest.raises(SealError, match="lockbox_shape"):
            lockbox.unlock(jcs.encode({**jcs.decode(box), "n": cost}), "correct horse", "seed")


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (lambda b: b["withdrawn"].append({"bid": b["bids"][0]["bid"], "leaf": 4}), "withdrawn or late"),
        (lambda b: b["late"].append({"bid": b["bids"][0]["bid"], "leaf": 4}), "withdrawn or late"),
        (lambda b: b["bids"][0].update(commit=1), "not the one in the closing"),
        (lambda b: b["bids"][0].update(parts=["00" * 32]), "another root"),
        (lambda b: b["bids"][0].update(parts=[]), "malformed"),
    ],
)
def test_condition_d_a_logged_closing_that_lies_is_refused(
    lie: Callable[[Any], None], why: str, asked: Asked
) -> None:
    world = TenderWorld()
    world.publish()
    for bidder in "ABC":
        world.submit(world.seal(bidder, "9000000.00"))
    close = world.close(lie)

    with pytest.raises(SealError, match=why):
        decide_release(kit_of(world, close, 3), **{**asked.given, "last_checkpoint": None})


def test_condition_d_a_commit_behind_the_closing_is_refused(asked: Asked) -> None:
    world = TenderWorld()
    world.publish()
    late = world.seal("C", "9000000.00")
    for bidder in "AB":
        world.submit(world.seal(bidder, "9000000.00"))
    body = world.commit_body(late)
    listed = {
        "bid": late.id,
        "commit": world.log.tree.size + 1,
        "complete": 0,
        "parts": [late.sealed.root.hex()],
    }
    close = world.close(lambda b: b["bids"].append(listed))
    late.commit = world.log.add("bid-commit", body, "x", sign=signer_of(late.bk))
    world.bids.append(late)
    shown = kit_of(world, close, 3, size=world.log.tree.size)

    with pytest.raises(SealError, match="after the closing"):
        decide_release(shown, **{**asked.given, "last_checkpoint": None})


def test_condition_d_every_proof_stands_under_the_same_checkpoint(asked: Asked) -> None:
    world, first = asked.world, asked.kit.bids[0]
    older = world.log.proof(first.proof.index)

    with pytest.raises(SealError, match="another checkpoint"):
        asked.decide(kit=swapped(asked, proof=older))


def test_condition_b_a_closing_filed_under_another_tender_is_refused(asked: Asked) -> None:
    with pytest.raises(SealError, match="release_close"):
        asked.decide(kit=edited_record(asked.kit, tender="other"))


def edited_record(kit: ReleaseKit, **changed: Any) -> ReleaseKit:
    return dataclasses.replace(kit, close={**kit.close, **changed})
