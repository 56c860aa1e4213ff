"""Mails as text, in the reader's language, from ``templates/mail/<name>.txt``.

The subject is the message ``mail.<name>.subject`` of the catalogue, with the same parameters as the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kernel.i18n import FILTERS, gettext, speaking, spell
from kernel.settings import Settings

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


def renderer(settings: Settings) -> Callable[[str, str, Mapping[str, object]], tuple[str, str]]:
    """What ``courier.deliver`` wants: (template, language, parameters) → (subject, text)."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text, never HTML
        trim_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(_=gettext, base_url=settings.base_url)

    def render(template: str, lang: str, params: Mapping[str, object]) -> tuple[str, str]:
        with speaking(lang):
            site = settings.city_name_zh if lang == "zh-CN" else settings.city_name_en
            shown = {
                name: spell(value) if not isinstance(value, list | dict) else value
                for name, value in params.items()
            }
            subject = gettext(f"mail.{template}.subject", **shown)
            text = environment.get_template(f"mail/{template}.txt").render(
                site_name=gettext("Public resource trading platform of %(city)s", city=site), **params
            )
        return " ".join(subject.split()), text.strip() + "\n"

    return render
