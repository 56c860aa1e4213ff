"""What a web process does once so that no visitor waits for it: mappers are configured, templates compiled."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import sys
import threading
from pathlib import Path

import jinja2
from flask import Flask
from jinja2.bccache import Bucket
from sqlalchemy.orm import configure_mappers

ENDS = (".html", ".txt", ".xml")


class Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates in a folder, so that only the first start compiles them. The folder may go at any time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what an earlier start kept. What cannot be read is compiled again."""
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled. A folder that cannot be written costs time at the next start and nothing else."""
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(mode=0o700, parents=True, exist_ok=True)
            super().dump_bytecode(bucket)


def keep_compiled(app: Flask, folder: Path) -> None:
    """Keep compiled templates below a folder of the installation, apart for every state of the code.

    A template's own text is compared by the cache. What else a compiled template depends on - interpreter, Jinja,
    filters, which may be applied while compiling - is in the name of the folder.
    """
    app.jinja_env.bytecode_cache = Compiled(folder / _state(app.jinja_env))


def _state(env: jinja2.Environment) -> str:
    found = hashlib.sha256(f"{sys.version} {jinja2.__version__} {sorted(env.extensions)}".encode())
    deeds = {**env.filters, **env.tests}
    ours = set()
    for name in sorted(deeds):
        found.update(f" {name}".encode())
        deed = inspect.unwrap(deeds[name])
        if inspect.isfunction(deed) and not deed.__module__.startswith("jinja2."):
            ours.add(deed.__code__.co_filename)
    for path in sorted(ours):
        found.update(Path(path).read_bytes())
    return found.hexdigest()[:16]


def warm(app: Flask) -> int:
    """Configure the mappers and compile every template; returns how many templates there are.

    The first look at a large page took seconds, nearly all of them in the compiler of its templates.
    """
    configure_mappers()
    names = [name for name in app.jinja_env.list_templates() if name.endswith(ENDS)]
    for name in names:
        app.jinja_env.get_template(name)
    return len(names)


def warm_beside(app: Flask) -> threading.Thread:
    """Warm up in a thread beside the first requests; the process ends without waiting for it."""
    thread = threading.Thread(target=warm, args=(app,), name="warm-up", daemon=True)
    thread.start()
    return thread
