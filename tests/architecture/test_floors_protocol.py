"""The protocol installs alone: a stranger who verifies a tender needs nothing of the platform."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ITS_NEEDS = ("cryptography", "cffi", "_cffi_backend", "pycparser", "rfc8785")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the installed protocol and what it names as dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    source = folder / "sealbid"
    shutil.copytree(
        ROOT / "sealbid", source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, capture_output=True, text=True, check=True
    )
    wheel = folder / built.stdout.splitlines()[-1]
    venv.create(folder / "venv", symlinks=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    for name in ITS_NEEDS:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            found = Path(spec.origin)
            found = found.parent if found.name == "__init__.py" else found
            (site / found.name).symlink_to(found)
    python = folder / "venv" / "bin" / "python"
    installing = [
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run([sys.executable, *installing], capture_output=True, text=True, check=True)
    return folder / "venv" / "bin"


def test_the_protocol_alone_answers_and_knows_no_web_and_no_database(alone: Path) -> None:
    helped = subprocess.run(
        [alone / "sealbid", "verify", "--help"], capture_output=True, text=True, check=False
    )
    assert helped.returncode == 0, helped.stderr
    assert "evidence.zip" in helped.stdout

    for name in ("flask", "sqlalchemy", "kernel", "app"):
        code = f"import importlib.util as u; raise SystemExit(u.find_spec({name!r}) is not None)"
        assert subprocess.run([alone / "python", "-I", "-c", code], check=False).returncode == 0, name


def test_the_protocol_alone_refuses_a_package_that_is_none(alone: Path, tmp_path: Path) -> None:
    package = tmp_path / "evidence.zip"
    package.write_bytes(b"not a package")

    said = subprocess.run([alone / "sealbid", "verify", package], capture_output=True, text=True, check=False)

    assert said.returncode == 1
    assert "FAIL" in said.stdout + said.stderr or "refused" in said.stderr, said
