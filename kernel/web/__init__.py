"""Doors: the words that views use. See ``docs/howto`` for a view, a form and an endpoint step by step."""

from kernel.web.audience import api, public, signed_in
from kernel.web.current import actor, begin, me, platform, presence, read, require_step_up, stepped_up
from kernel.web.forms import Form, Instant, Tick, YuanField, parse_form, parse_json
from kernel.web.paging import Page, page_of
from kernel.web.problems import form_refused

__all__ = [
    "Form",
    "Instant",
    "Page",
    "Tick",
    "YuanField",
    "actor",
    "api",
    "begin",
    "form_refused",
    "me",
    "page_of",
    "parse_form",
    "parse_json",
    "platform",
    "presence",
    "public",
    "read",
    "require_step_up",
    "signed_in",
    "stepped_up",
]
