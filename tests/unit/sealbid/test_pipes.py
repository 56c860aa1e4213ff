"""Commands end quietly when nobody reads their output any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sealbid.pipes import CLOSED, into_pipe

TAKEN = "import sys; from sealbid.pipes import into_pipe"
WORDS = (
    [sys.executable, "-m", "cli", "openapi"],
    [sys.executable, "-c", f"{TAKEN}; sys.exit(into_pipe(lambda: print('x' * 300_000) or 0))"],
)


@pytest.mark.parametrize("words", WORDS, ids=["a long answer of sunroad", "any command"])
def test_a_reader_who_leaves_early_is_no_error(words: list[str]) -> None:
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.read(10)
        command.stdout.close()
        said = command.stderr.read()
        assert command.wait(60) == CLOSED
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said


def test_the_code_of_a_command_is_handed_on() -> None:
    assert into_pipe(lambda: 1) == 1


def test_another_connection_that_breaks_is_an_error() -> None:
    words = "from sealbid.pipes import into_pipe\ndef broken(): raise BrokenPipeError\ninto_pipe(broken)"
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"BrokenPipeError" in ended.stderr
