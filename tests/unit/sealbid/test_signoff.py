"""Who may say that a bid leaves, and how a stranger finds the platform that said it in his place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sealbid import jcs, signatures, signoff
from sealbid.errors import SealError
from sealbid.octets import b64
from sealbid.signatures import Trust
from sealbid.verify import verify_evidence
from tests.support.evidence import SealedBid, TenderWorld, identity, signer_of

Json = dict[str, Any]
OLD, ORG = identity("old bid key"), identity("A")
OLDER: Json = {"tender": "T", "lot": "1", "bid": "0" * 32, "bk": b64(OLD.public_key().public_bytes_raw())}
NEWER: Json = {"tender": "T", "lot": "1", "bid": "1" * 32, "replaces": "0" * 32, "bk": "x"}
TRUST = Trust(at=datetime(2027, 1, 1, tzinfo=UTC), pinned={"A": (signatures.spki(ORG),)})


def statement(by: Any = OLD, kind: str = signoff.REPLACE, /, lost_by: str = "", **changes: Any) -> Json:
    body = signoff.replacement(NEWER, lost_by=lost_by) | changes
    return signoff.signed(kind, body, signer_of(by))


def test_the_old_key_or_the_organisation_for_a_lost_key_signs_a_replacement_off() -> None:
    assert signoff.require_replacement(statement(), older=OLDER, newer=NEWER, trust=TRUST) == ""
    lost = statement(ORG, lost_by="A")
    assert signoff.require_replacement(lost, older=OLDER, newer=NEWER, trust=TRUST) == "A"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, "replace_unsigned"),
        ({}, "signoff_shape"),
        ([], "signoff_shape"),
        ({"body": [], "sig": {}}, "signoff_shape"),
        ({**statement(), "more": 1}, "signoff_shape"),
        (statement(identity("new bid key")), "signature_key"),
        (statement(ORG), "signature_key"),
        (statement(OLD, "bid-withdraw"), "bad_signature"),
        (statement(OLD, tender="U"), "replace_other"),
        (statement(OLD, bid="2" * 32), "replace_other"),
        (statement(OLD, replaced_by="2" * 32), "replace_other"),
        (statement(OLD, commit="0" * 64), "replace_other"),
        (statement(OLD, extra=1), "replace_other"),
        (statement(OLD, key="found", org="A"), "signoff_shape"),
        (statement(OLD, key="lost"), "signoff_shape"),
        (statement(OLD, key="lost", org=""), "signoff_shape"),
        (statement(OLD, org="A"), "signoff_shape"),
        (statement(OLD, lost_by="A"), "signer_unknown"),
        (statement(ORG, lost_by="B"), "signer_unknown"),
        ({**statement(), "sig": None}, "signature_format"),
    ],
)
def test_each_other_word_is_refused_by_name(said: Any, code: str) -> None:
    with pytest.raises(SealError) as refused:
        signoff.require_replacement(said, older=OLDER, newer=NEWER, trust=TRUST)
    assert refused.value.code == code


@pytest.mark.parametrize("change", [{"lot": "2"}, {"bid": "3" * 32}, {"tender": "U"}])
def test_a_word_about_a_bid_for_something_else_is_refused(change: Json) -> None:
    with pytest.raises(SealError, match="replace_other"):
        signoff.require_replacement(statement(), older=OLDER | change, newer=NEWER, trust=TRUST)


def test_a_withdrawal_needs_the_same_keys() -> None:
    def said(key: Any, lost_by: str = "", kind: str = signoff.WITHDRAW) -> str:
        body = signoff.withdrawal("0" * 32, 3, lost_by=lost_by)
        return signoff.require_signed(
            signoff.WITHDRAW, body, signer_of(key)(kind, body), bk=OLDER["bk"], trust=TRUST
        )

    assert (said(OLD), said(ORG, "A")) == ("", "A")
    for given in ((ORG, ""), (OLD, "A"), (OLD, "", signoff.REPLACE)):
        with pytest.raises(SealError):
            said(*given)


# ---------- a whole package, whose platform replaced a bid ----------

Doctor = Callable[[Json, SealedBid, SealedBid], Json | None]


def replaced_tender(
    doctor: Doctor = lambda said, old, new: said,
    *,
    key: Any = None,
    lost_by: str = "",
    complete: bool = True,
    inline: bool = False,
) -> TenderWorld:
    """Company A replaces its bid; ``doctor`` may change the statement that the platform logs.

    A statement for a lost key is held back until the opening, unless it is ``inline``, as it was written once.
    """
    world = TenderWorld()
    world.publish()
    old = world.submit(world.seal("A", "9900000.00"))
    world.bids.remove(old)
    new = world.seal("A", "9600000.00", key="second bid key")
    body = world.commit_body(new, old.id)
    sign = signer_of(key or old.bk)
    said = doctor(signoff.signed(signoff.REPLACE, signoff.replacement(body, lost_by=lost_by), sign), old, new)
    world.submit(new, replaces=old.id, complete=complete)
    gone: Json = {"v": 1, "bid": old.id, "commit_leaf": old.commit, "replaced_by": new.id}
    private = None
    if said is not None and lost_by and not inline:
        mark, private = signoff.sealed(said)
        gone |= mark
    elif said is not None:
        gone |= {"statement": said}
    leaf = world.log.add("bid-withdraw", gone, "platform", private=private)
    if not complete:
        world.bids.remove(new)
    for bidder, price in (("B", "9350000.00"), ("C", "9100000.00"), ("D", "9200000.00")):
        world.submit(world.seal(bidder, price))
    late = [] if complete else [{"bid": new.id, "leaf": new.commit}]
    close = world.close(lambda said: said.update(withdrawn=[{"bid": old.id, "leaf": leaf}], late=late))
    for x in (1, 3, 5, 4):
        world.release(close, x)
    for bid in sorted(world.bids, key=lambda b: b.id):
        world.log.add("bid-open", world.opening_of(bid), "platform", sign=signer_of(world.platform))
    return world


def verdict(world: TenderWorld, tmp_path: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = verify_evidence(world.write(tmp_path / "e.zip"), world.log.trust, lines.append)
    return code, lines


def test_a_signed_replacement_verifies(tmp_path: Path) -> None:
    code, lines = verdict(replaced_tender(), tmp_path)

    assert code == 0, [line for line in lines if line.startswith("FAIL")]
    assert any("replaced by" in line and line.endswith("by its own key") for line in lines)


@pytest.mark.parametrize("inline", [False, True])
def test_a_replacement_for_a_lost_key_verifies_and_is_named(tmp_path: Path, inline: bool) -> None:
    code, lines = verdict(replaced_tender(key=identity("A"), lost_by="A", inline=inline), tmp_path)

    assert code == 0, [line for line in lines if line.startswith("FAIL")]
    assert any("OLD KEY LOST, on the signature of A" in line for line in lines)
    assert any(line.startswith("note withdrawal at leaf") for line in lines)
    assert any("is its own signer's" in line for line in lines)


def without_the_word(held_back: str = "") -> TenderWorld:
    """The platform keeps to itself who signed for a lost key; or holds back an own key's word as if it were lost."""
    if held_back:
        return replaced_tender(lambda said, old, new: _own_word(said, old), key=identity("A"), lost_by="A")
    world = replaced_tender(key=identity("A"), lost_by="A")
    leaf = next(i for i, record in enumerate(world.log.kept) if record["t"] == "bid-withdraw")
    del world.log.private[leaf]
    return world


def _own_word(said: Json, old: SealedBid) -> Json:
    body = {name: value for name, value in said["body"].items() if name not in ("key", "org")}
    return signoff.signed(signoff.REPLACE, body, signer_of(old.bk))


FORGED: dict[str, tuple[Callable[[], TenderWorld], str]] = {
    "no word at all": (lambda: replaced_tender(lambda said, old, new: None), "replace_unsigned"),
    "the newer bid's key": (lambda: replaced_tender(key=identity("A second bid key")), "signature_key"),
    "a key named like the old one": (
        lambda: replaced_tender(
            lambda said, old, new: {
                **said,
                "sig": {
                    **signatures.sign(signoff.REPLACE, said["body"], identity("forger")).to_json(),
                    "kid": said["sig"]["kid"],
                },
            }
        ),
        "bad_signature",
    ),
    "the old key's word about another commitment": (
        lambda: replaced_tender(
            lambda said, old, new: signoff.signed(
                signoff.REPLACE, said["body"] | {"commit": "0" * 64}, signer_of(old.bk)
            )
        ),
        "replace_other",
    ),
    "an accomplice for a lost key": (
        lambda: replaced_tender(key=identity("B"), lost_by="B"),
        "replace_org",
    ),
    "a stranger for a lost key": (
        lambda: replaced_tender(key=identity("forger"), lost_by="A"),
        "signer_unknown",
    ),
    "held back after the opening": (without_the_word, "signoff_undisclosed"),
    "an own key's word held back": (lambda: without_the_word("own"), "signoff_shape"),
    "by a bid that never arrived": (lambda: replaced_tender(complete=False), "record_count"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_replacement_that_the_platform_made_up_is_found(case: str, tmp_path: Path) -> None:
    make, code = FORGED[case]

    found, lines = verdict(make(), tmp_path)

    assert found == 1
    assert any(code in line for line in lines if line.startswith("FAIL")), lines


def test_the_body_of_a_statement_is_canonical_and_small() -> None:
    body = signoff.replacement(NEWER)

    assert set(body) == {"tender", "bid", "replaced_by", "commit"}
    assert jcs.decode(jcs.encode(body)) == body
