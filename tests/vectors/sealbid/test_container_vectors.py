"""Containers sealed elsewhere open here, byte for byte."""

import hashlib
import io
from itertools import combinations

import pytest

from sealbid.container import (
    block_hashes_of,
    check_share,
    open_container,
    open_with_secret,
    parse_header,
    unwrap_share,
)
from sealbid.merkle import root_of_hashes
from tests.sealing_kit import own_vectors, shared_vectors

NAMES = ("empty", "short", "two-chunks")


@pytest.fixture(params=NAMES)
def case(request):
    found = {vector["name"]: vector for vector in own_vectors("container-open.json")}[request.param]
    return found, shared_vectors("own", found["file"]).read_bytes()


def test_custodians_find_their_shares(case):
    vector, raw = case
    header = parse_header(raw)
    policy = bytes.fromhex(vector["policy"])

    found = {
        str(x): unwrap_share(header, x, bytes.fromhex(seed), policy).hex()
        for x, seed in enumerate(vector["custodian_seeds"], start=1)
    }

    assert found == vector["shares"]
    assert header.bid.hex() == vector["bid"]
    for x, share in vector["shares"].items():
        check_share(header, int(x), bytes.fromhex(share))


def test_every_subset_of_three_opens_it(case):
    vector, raw = case
    for chosen in combinations(vector["shares"], 3):
        out = io.BytesIO()

        opened = open_container(
            io.BytesIO(raw),
            out,
            {int(x): bytes.fromhex(vector["shares"][x]) for x in chosen},
            root=bytes.fromhex(vector["root"]),
            size=len(raw),
        )

        assert opened.root.hex() == vector["root"]
        assert opened.plain_size == vector["plaintext_len"]
        assert hashlib.sha256(out.getvalue()).hexdigest() == vector["plaintext_sha256"]


def test_the_bidder_opens_it_with_the_secret(case):
    vector, raw = case
    out = io.BytesIO()

    open_with_secret(io.BytesIO(raw), out, bytes.fromhex(vector["S"]), root=bytes.fromhex(vector["root"]))

    assert hashlib.sha256(out.getvalue()).hexdigest() == vector["plaintext_sha256"]


def test_block_hashes_give_the_root(case):
    vector, raw = case

    assert hashlib.sha256(raw).hexdigest() == vector["sha256_file"]
    assert root_of_hashes(block_hashes_of(io.BytesIO(raw))).hex() == vector["root"]
