"""The offline sealer is one file, made of our own modules, that can send nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from bidding import sealer

FILE = sealer.sealer_file().decode()
SCRIPT = FILE.partition('<script type="module">')[2].partition("</script>")[0]
POLICY = re.search(r'Content-Security-Policy" content="([^"]+)"', FILE)


def test_it_is_the_same_bytes_every_time() -> None:
    again = sealer.sealer_file.__wrapped__()

    assert again == sealer.sealer_file()
    assert sealer.sealer_digest() == hashlib.sha256(again).hexdigest()


def test_its_policy_allows_this_script_alone_and_no_request() -> None:
    assert POLICY is not None
    directives = dict(part.strip().partition(" ")[::2] for part in POLICY[1].split(";"))

    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == f"'sha256-{digest}'"
    assert set(directives) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def test_it_names_no_address_and_no_way_to_send() -> None:
    for word in (
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "sendBeacon",
        "EventSource",
        "src=",
        "http:",
    ):
        assert word not in FILE, word


def test_every_module_of_sealing_is_in_it_once() -> None:
    index = (sealer.STATIC / "js" / "seal" / "index.js").read_text()
    needed = {*re.findall(r'from "\./(\w+)\.js"', index), "keccak", "sha256", "shamir"}
    for path in sorted((sealer.STATIC / "js" / "seal").glob("*.js")):
        if path.stem not in {*needed, "index"}:
            continue
        assert SCRIPT.count(f"// js/seal/{path.name}\n") == 1


def test_an_import_it_cannot_join_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "STATIC", tmp_path)
    (tmp_path / "other.js").write_text("export default 1;\n")
    (tmp_path / "entry.js").write_text('import * as other from "./other.js";\n')

    with pytest.raises(sealer.UnknownSyntax, match=r"other\.js: export default"):
        sealer.joined(tmp_path / "entry.js")
