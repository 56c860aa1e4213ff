"""The official proof vectors of transparency-dev/merkle, good and corrupted."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sealbid import merkle
from sealbid.errors import SealError

FOLDER = Path(__file__).resolve().parents[3] / "../shared/vectors/rfc6962-merkle/testdata"
FILES = sorted(FOLDER.glob("*/**/*.json"))
pytestmark = pytest.mark.skipif(not FILES, reason="needs the folder `shared/vectors` beside the project")


def load(path: Path) -> dict[str, Any]:
    case = json.loads(path.read_text())
    for key in ("root", "root1", "root2", "leafHash"):
        if key in case:
            case[key] = base64.b64decode(case[key] or "")
    case["proof"] = [base64.b64decode(step) for step in case["proof"] or []]
    return dict(case)


def check(kind: str, c: dict[str, Any]) -> None:
    if kind == "inclusion":
        merkle.verify_inclusion(c["leafHash"], c["leafIdx"], c["treeSize"], c["proof"], c["root"])
    elif kind == "consistency":
        merkle.verify_consistency(c["size1"], c["size2"], c["proof"], c["root1"], c["root2"])
    elif kind == "subtreeinclusion":
        merkle.verify_subtree_inclusion(
            c["leafHash"], c["leafIdx"], (c["start"], c["end"]), c["proof"], c["root"]
        )
    else:
        merkle.verify_subtree_consistency(
            (c["start"], c["end"]), c["size"], c["proof"], c["root1"], c["root2"]
        )


def test_the_official_set_is_complete() -> None:
    counts = {kind.name: len(list(kind.glob("**/*.json"))) for kind in FOLDER.iterdir()}

    assert counts == {"inclusion": 98, "consistency": 98, "subtreeinclusion": 204, "subtreeconsistency": 118}


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(p.parts[-3:]))
def test_an_official_proof_gets_the_official_verdict(path: Path) -> None:
    kind = path.relative_to(FOLDER).parts[0]
    case = load(path)

    if case["wantErr"]:
        with pytest.raises(SealError):
            check(kind, case)
    else:
        check(kind, case)
