"""RFC 8785 test data: the library passes it all, the restricted profile takes the part that is ours."""

import json

import pytest
import rfc8785

from sealbid import jcs
from sealbid.errors import SealError
from tests.sealing_kit import shared_vectors

FILES = ("arrays", "french", "structures", "unicode", "values", "weird")


def both(name):
    folder = shared_vectors("jcs", "testdata")
    return (folder / "input" / f"{name}.json").read_bytes(), (folder / "output" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_the_library_underneath_writes_the_reference_output(name):
    given, expected = both(name)

    assert rfc8785.dumps(json.loads(given)) == expected


@pytest.mark.parametrize("name", FILES)
def test_texts_outside_the_profile_are_refused(name):
    # Each reference file has a float, a null or a key that is not plain: none may ever be signed here.
    _, expected = both(name)

    with pytest.raises(SealError) as refusal:
        jcs.decode(expected)

    assert refusal.value.code == "json_profile"
