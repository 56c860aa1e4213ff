"""What every application of a test process would compile again: templates, and the functions that build addresses.

Tests make a thousand applications. The templates of a page take four tenths of a second, the addresses one tenth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

_templates: dict[tuple[str, str], CodeType] = {}
_builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}


class _Kept(BytecodeCache):
    """By name and digest of the source, so that a changed template is another one."""

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = _templates.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        _templates[bucket.key, bucket.checksum] = bucket.code


def keep_templates(app: Flask) -> None:
    """Let an application use what others of this process have compiled."""
    app.jinja_env.bytecode_cache = _Kept()


@cache
def keep_addresses() -> None:
    """Let equal rules of different maps share their functions, which read everything else from the rule they are given.

    Rules with defaults bake them in and are left alone. Does nothing where Werkzeug is built otherwise.
    """
    compiled: Any = getattr(Rule, "_compile_builder", None)
    if compiled is None:
        return

    def builder(rule: Any, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            made: Callable[..., tuple[str, str]] = compiled(rule, append_unknown)
            return made
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in _builders:
            _builders[key] = compiled(rule, append_unknown)
        return _builders[key]

    Rule._compile_builder = builder  # type: ignore[method-assign]
