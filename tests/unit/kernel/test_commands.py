"""Commands whose output other programs read."""

from __future__ import annotations

import json
import subprocess
import sys


def test_the_printed_openapi_document_is_json_and_nothing_else() -> None:
    printed = subprocess.run([sys.executable, "-m", "cli", "openapi"], capture_output=True, check=True)
    document = json.loads(printed.stdout)
    assert document["openapi"].startswith("3.1")
    assert "/tenders" in {path.removeprefix("/api/v1") for path in document["paths"]}
