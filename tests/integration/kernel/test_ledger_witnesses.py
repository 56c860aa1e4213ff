"""Witnesses over HTTP and in process: 409 recovery, split view, roll-back, absence.

Source: sealing §7.2, §13 T9.
"""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kernel import jobs
from kernel.ledger import book, sequencer, trust
from kernel.ledger.models import WitnessSignature
from kernel.ledger.witnesses import cosigners_of, http_cosigner, local_cosigner, standings
from sealbid import tlog
from sealbid.errors import SealError
from sealbid.note import KeyType, Note, SignerKey, VerifierKey, sign_note
from sealbid.witness import StateFile, Witness, WitnessServer
from tests.support.house import House
from tests.support.live import eventually

NAMES = ("supervisor", "notary", "association")
ORIGIN = "sunroad.example/log"


def signer(name: str) -> SignerKey:
    return SignerKey(f"{name}.example/w", KeyType.COSIGNATURE, name.encode().ljust(32, b"."))


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[tuple[House, dict[str, Witness]]]:
    """A house with three witnesses in this process, two of whom make a quorum."""
    house, watchers = build(tmp_path)
    yield house, watchers
    house.close()


def build(folder: Path, **settings: Any) -> tuple[House, dict[str, Witness]]:
    lines = tuple((name, str(signer(name).verifier), "-") for name in NAMES)
    (folder / "house").mkdir()
    house = House(folder / "house", witnesses=lines, witness_quorum=2, **settings)
    log = VerifierKey.parse(trust.log_vkey(house.settings))
    watchers = {
        name: Witness([signer(name)], [log], StateFile(folder / f"{name}.json"), lambda: clock(house))
        for name in NAMES
    }
    return house, watchers


def clock(house: House) -> int:
    return int(house.clock.now().timestamp())


def add(house: House, count: int = 1) -> None:
    with house.begin() as work:
        for _ in range(count):
            book.write(
                work.session, platform=work.platform, now=work.now, kind="tick", tender="", body={},
                confidential={}, by="platform",
            )  # fmt: skip
    sequencer.sequence(house.platform)


def cosigned(house: House) -> set[str]:
    with house.read() as session:
        size = sequencer.head(session).size
        return set(session.scalars(sa.select(WitnessSignature.name).where(WitnessSignature.size == size)))


def test_a_log_begins_with_its_genesis(house: House) -> None:
    add(house)

    with house.read() as session:
        rows = session.execute(sa.text("SELECT idx, kind FROM log_record ORDER BY idx")).all()
    assert [tuple(row) for row in rows] == [(0, "genesis"), (1, "tick")]


def test_all_witnesses_sign_and_the_proof_satisfies_the_policy(
    witnessed: tuple[House, dict[str, Witness]],
) -> None:
    house, watchers = witnessed
    add(house, 3)

    signed = sequencer.cosign(house.platform, cosigners_of(house.settings, watchers))

    assert signed == 3
    assert cosigned(house) == set(NAMES)
    with house.read() as session:
        proof = trust.proof_of(session, house.settings, 1)
    assert proof is not None
    policy = tlog.Policy.parse(trust.trust_text(house.settings))
    assert len(policy.require(proof.note).times) == 3
    assert sequencer.cosign(house.platform, cosigners_of(house.settings, watchers)) == 0


def test_a_witness_that_is_further_than_we_remember_answers_409_and_is_caught_up(
    witnessed: tuple[House, dict[str, Witness]],
) -> None:
    house, watchers = witnessed
    add(house, 2)
    with house.read() as session:
        head = sequencer.head(session)
    # It signed, and we lost the answer: it knows a size that we believe it does not.
    local_cosigner(watchers["notary"])(0, [], head.note)
    add(house, 5)

    asked = {"notary": local_cosigner(watchers["notary"])}
    with pytest.raises(SealError) as conflict, house.read() as session:
        asked["notary"](0, [], sequencer.head(session).note)
    assert (conflict.value.code, conflict.value.detail) == ("witness_conflict", str(head.size))

    assert sequencer.cosign(house.platform, asked) == 1
    assert cosigned(house) == {"notary"}


def test_a_second_history_of_the_same_size_is_not_signed(
    witnessed: tuple[House, dict[str, Witness]],
) -> None:
    house, watchers = witnessed
    add(house, 2)
    sequencer.cosign(house.platform, cosigners_of(house.settings, watchers))
    with house.read() as session:
        size = sequencer.head(session).size

    other = base64.b64encode(b"\x55" * 32).decode()
    fork = str(sign_note(f"{ORIGIN}\n{size}\n{other}\n", sequencer.signer(house.platform)))

    for watcher in watchers.values():
        with pytest.raises(SealError) as no:
            local_cosigner(watcher)(size, [], fork)
        assert no.value.code == "witness_conflict"
        assert watcher.known(ORIGIN).size == size


def test_a_longer_branch_without_a_proof_is_refused(witnessed: tuple[House, dict[str, Witness]]) -> None:
    house, watchers = witnessed
    add(house, 3)
    sequencer.cosign(house.platform, cosigners_of(house.settings, watchers))
    with house.read() as session:
        size = sequencer.head(session).size

    root = base64.b64encode(b"\x66" * 32).decode()
    fork = str(sign_note(f"{ORIGIN}\n{size + 1}\n{root}\n", sequencer.signer(house.platform)))

    with pytest.raises(SealError) as no:
        local_cosigner(watchers["supervisor"])(size, [b"\x01" * 32], fork)
    assert no.value.code == "witness_refused"
    assert no.value.detail.startswith("422")


def test_an_old_backup_is_not_cosigned_again(tmp_path: Path) -> None:
    house, watchers = build(tmp_path)
    asked = cosigners_of(house.settings, watchers)
    add(house, 2)
    sequencer.cosign(house.platform, asked)
    house.platform.database.dispose()
    shutil.copy(house.folder / "house.db", tmp_path / "backup.db")
    add(house, 4)
    sequencer.cosign(house.platform, asked)
    house.platform.database.dispose()
    for leftover in house.folder.glob("house.db-*"):
        leftover.unlink()
    shutil.copy(tmp_path / "backup.db", house.folder / "house.db")

    add(house, 1)  # another history grows out of the backup
    signed = sequencer.cosign(house.platform, asked)

    assert signed == 0
    assert cosigned(house) == set()
    with house.read() as session:
        assert trust.newest_witnessed_size(session, house.settings) == 3
    house.close()


def test_an_absent_witness_delays_nobody_and_a_quorum_of_the_others_counts(
    witnessed: tuple[House, dict[str, Witness]],
) -> None:
    house, watchers = witnessed

    def silent(_old: int, _proof: object, _note: str) -> list[str]:
        raise OSError("no route to host")

    add(house)
    asked = cosigners_of(house.settings, watchers) | {"notary": silent}

    assert sequencer.cosign(house.platform, asked) == 2
    assert cosigned(house) == {"supervisor", "association"}
    with house.read() as session:
        head = sequencer.head(session)
        assert trust.newest_witnessed_size(session, house.settings) == head.size
        state = {
            one.name: one
            for one in standings(
                session, house.settings, size=head.size, since=house.clock.now() - timedelta(days=30)
            )
        }
    assert (state["notary"].size, state["notary"].at, state["notary"].behind) == (0, None, head.size)
    assert (state["supervisor"].signed, state["supervisor"].checkpoints) == (1, 1)


def test_without_the_supervisor_there_is_no_quorum(witnessed: tuple[House, dict[str, Witness]]) -> None:
    house, watchers = witnessed
    add(house)
    asked = cosigners_of(house.settings, watchers)
    del asked["supervisor"]

    assert sequencer.cosign(house.platform, asked) == 2
    with house.read() as session:
        assert trust.newest_witnessed_size(session, house.settings) == 0


def test_a_signature_of_another_key_is_thrown_away(witnessed: tuple[House, dict[str, Witness]]) -> None:
    house, watchers = witnessed
    add(house)
    impostor = local_cosigner(watchers["notary"], str(signer("supervisor").verifier))

    assert sequencer.cosign(house.platform, {"supervisor": impostor}) == 0
    assert cosigned(house) == set()


@contextmanager
def served(witness: Witness) -> Iterator[str]:
    server = WitnessServer(("127.0.0.1", 0), witness)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_witness_is_asked_over_http(witnessed: tuple[House, dict[str, Witness]]) -> None:
    house, watchers = witnessed
    add(house, 2)
    with served(watchers["notary"]) as url:
        ask = http_cosigner(url, str(signer("notary").verifier))

        assert sequencer.cosign(house.platform, {"notary": ask}) == 1
        add(house, 3)
        with pytest.raises(SealError) as conflict, house.read() as session:
            ask(1, [b"\0" * 32], sequencer.head(session).note)
        assert conflict.value.code == "witness_conflict"
        assert sequencer.cosign(house.platform, {"notary": ask}) == 1

    add(house)
    assert sequencer.cosign(house.platform, {"notary": ask}) == 0, "the server is gone"
    with house.read() as session:
        text = sequencer.cosigned_note(session, 6)
    assert text is not None
    assert len(Note.parse(text).lines) == 2


def test_only_web_addresses_are_asked() -> None:
    with pytest.raises(SealError):
        http_cosigner("file:///etc/passwd", str(signer("notary").verifier))


def test_a_witness_that_hangs_keeps_neither_the_log_nor_the_others_waiting(
    witnessed: tuple[House, dict[str, Witness]], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, watchers = witnessed
    stop, hanging = threading.Event(), threading.Event()
    asked = {name: local_cosigner(watchers[name]) for name in NAMES}

    def hangs(_old: int, _proof: object, _note: str) -> list[str]:
        hanging.set()
        stop.wait()
        raise OSError("nobody answered")

    monkeypatch.setattr(
        jobs,
        "cosigners_of",
        lambda _settings: {"notary": hangs, **{n: asked[n] for n in NAMES if n != "notary"}},
    )
    monkeypatch.setattr(jobs, "COSIGN_SECONDS", 0.02)
    running = threading.Thread(target=jobs.run_sequencer, args=(house.platform, stop))
    running.start()
    try:
        add(house)
        assert hanging.wait(20)
        for _ in range(3):
            with house.begin() as work:
                book.write(
                    work.session, platform=work.platform, now=work.now, kind="tick", tender="", body={},
                    confidential={}, by="platform",
                )  # fmt: skip
            eventually(lambda: not sequencer.pending(house.platform))
            eventually(lambda: cosigned(house) == {"supervisor", "association"})
    finally:
        stop.set()
        running.join(20)
    assert not running.is_alive()


def test_a_silent_witness_is_asked_more_and_more_rarely_and_at_once_again_when_it_answers(
    witnessed: tuple[House, dict[str, Witness]], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, watchers = witnessed
    add(house)
    pauses: list[float] = []
    good = local_cosigner(watchers["notary"])

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            return len(pauses) > 8

    def ask(old: int, proof: Sequence[bytes], checkpoint: str) -> list[str]:
        if len(pauses) < 6:
            raise OSError("nobody answered")
        return good(old, proof, checkpoint)

    jobs.run_witness(house.platform, "notary", ask, Stop())

    assert pauses == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 1.0, 1.0, 1.0]
    assert cosigned(house) == {"notary"}
