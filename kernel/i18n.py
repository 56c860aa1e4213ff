"""Two languages: catalogues, and the one place where money, dates and numbers are written for people.

Message ids are English sentences; the catalogues are ``translations/{zh_Hans_CN,en}/*.po``, merged in memory.
The language of a request is, in this order: ``?lang=``, the cookie's, the signed-in person's, the browser's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from flask import Flask, g, has_request_context, request
from markupsafe import Markup, escape

from kernel.citations import in_english
from kernel.clock import SHANGHAI
from kernel.money import Money
from kernel.party import PartyName

LANGS = ("zh-CN", "en")
DEFAULT = "zh-CN"
COOKIE = "lang"
FOLDERS = {"zh-CN": "zh_Hans_CN", "en": "en"}
LOCALES = {"zh-CN": "zh_Hans_CN", "en": "en_GB"}
TRANSLATIONS = Path(__file__).resolve().parents[1] / "translations"

_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All messages of a language, msgid → text, from every file of its folder; read once.

    Of two different texts for one msgid the first file's counts; a test of the catalogues refuses such pairs.
    """
    messages: dict[str, str] = {}
    for path in sorted((TRANSLATIONS / FOLDERS[lang]).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=LOCALES[lang]):
                if not message.id or not message.string or message.fuzzy:
                    continue
                assert isinstance(message.id, str), f"{path.name}: plural forms are not used here"
                assert isinstance(message.string, str), path.name
                messages.setdefault(message.id, message.string)
    return messages


def current_lang() -> str:
    """``zh-CN`` or ``en``: what the text that is being written now should be in."""
    spoken = _spoken.get()
    if spoken is not None:
        return spoken
    if not has_request_context():
        return DEFAULT
    if "lang" not in g:
        g.lang = _lang_of_request()
    return str(g.lang)


def _lang_of_request() -> str:
    for wish in (_asked(), request.cookies.get(COOKIE), g.get("person_lang")):
        if wish in LANGS:
            return str(wish)
    return language_of(request.accept_languages.values())


def _asked() -> str | None:
    wish = request.args.get("lang")
    return "zh-CN" if wish == "zh" else wish


def language_of(wishes: Iterator[str] | list[str]) -> str:
    """The first of our languages in a list of language tags, most wanted first; Chinese when none is ours."""
    for tag in wishes:
        main = tag.lower().split("-")[0]
        if main in ("zh", "en"):
            return "zh-CN" if main == "zh" else "en"
    return DEFAULT


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Write in one language for a while, whatever the request says: mails and exports."""
    token = _spoken.set(lang if lang in LANGS else DEFAULT)
    try:
        yield
    finally:
        _spoken.reset(token)


COUNTED = ("count", "n", "days")
"""The values of a text that decide between one and many."""


def gettext(msgid: str, **values: object) -> str:
    """The text behind a message id in the current language, with ``%(name)s`` filled in."""
    texts = catalogue(current_lang())
    text = texts.get(msgid, msgid)
    if values and any(values.get(name) in (1, "1") for name in COUNTED):
        text = texts.get(
            f"one.{msgid}", text
        )  # English alone has a form for one; Chinese has no such entries
    return text % values if values else text


def marked(msgid: str) -> str:
    """The message id itself: marks a text for the catalogues that is translated where it is shown."""
    return msgid


def has_text(msgid: str) -> bool:
    return msgid in catalogue(current_lang())


class _Quiet(dict[str, object]):
    """Details for a text: a name that the refusal did not give is shown as a dash, never as an error."""

    def __missing__(self, key: str) -> str:
        return "-"


def refusal_text(code: str, details: Mapping[str, object]) -> tuple[str, str]:
    """Title and detail of a refusal in the current language; details are formatted as people write them."""
    shown = _Quiet({name: spell(value) for name, value in details.items()})
    texts = catalogue(current_lang())
    title = texts.get(f"refusal.{code}", code) % shown
    return title, texts.get(f"refusal.{code}.detail", "") % shown


def spell(value: object) -> str:
    """A value inside a sentence, in the current language. Words of the code become words of people where the
    catalogue has ``word.<value>``.
    """
    match value:
        case str():
            return catalogue(current_lang()).get(f"word.{value}", str(value))
        case Money():
            return yuan(value)
        case datetime():
            return datetime_text(value)
        case date():
            return date_text(value)
        case timedelta():
            return duration(value)
        case list() | tuple() | set() | frozenset():
            comma = "、" if current_lang() == "zh-CN" else ", "
            return comma.join(spell(item) for item in value)
        case _:
            return str(value)


def _zh() -> bool:
    return current_lang() == "zh-CN"


def number(value: int | Decimal, places: int | None = None) -> str:
    """A number with thousands separators; ``places`` fixes the decimals, otherwise all are shown."""
    pattern = "#,##0" + ("." + "0" * places if places else "" if places == 0 else ".##########")
    return format_decimal(Decimal(value), format=pattern, locale=LOCALES[current_lang()])


def money(value: Money | None) -> str:
    """An amount for reading: 1,382.6 亿元, 19,865.00 万元, 5,386,000 元; ¥138.26 bn, ¥198.65 m, ¥5,386,000.

    Rounded for the eye; wherever an amount binds, ``yuan`` is used. Source: design guide §7.
    """
    if value is None:
        return "—"
    amount = value.yuan
    size = abs(amount)
    if _zh():
        if size >= 10**9:
            return f"{number(amount / 10**8, 1)} 亿元"
        if size >= 10**7:
            return f"{number(amount / 10**4, 2)} 万元"
        return f"{number(amount, 0 if value.minor % 100 == 0 else 2)} 元"
    sign = "-" if amount < 0 else ""
    if size >= 10**9:
        return f"{sign}¥{number(size / 10**9, 2)} bn"
    if size >= 10**7:
        return f"{sign}¥{number(size / 10**6, 2)} m"
    return f"{sign}¥{number(size, 0 if value.minor % 100 == 0 else 2)}"


def yuan(value: Money | None) -> str:
    """An exact amount with two decimals: 5,386,000.00 元 or ¥5,386,000.00."""
    if value is None:
        return "—"
    if _zh():
        return f"{number(value.yuan, 2)} 元"
    return f"{'-' if value.minor < 0 else ''}¥{number(abs(value.yuan), 2)}"


def capitals(value: Money) -> str:
    """The amount in Chinese capitals, in both languages: they are a legal form, not a translation."""
    return f"人民币{value.capitals()}"


def date_text(value: date | datetime | None) -> str:
    """2026-11-24 or 24 Nov 2026; an instant is first put on the Shanghai calendar."""
    if value is None:
        return "—"
    day = value.astimezone(SHANGHAI).date() if isinstance(value, datetime) else value
    return day.isoformat() if _zh() else format_date(day, "d MMM y", locale=LOCALES["en"])


def time_text(value: datetime | None, *, seconds: bool = False) -> str:
    """09:30 or 09:30:00 in Shanghai; always the 24-hour clock."""
    return "—" if value is None else value.astimezone(SHANGHAI).strftime("%H:%M:%S" if seconds else "%H:%M")


def datetime_text(value: datetime | None, *, seconds: bool = False) -> str:
    """2026-11-24 09:30 or 24 Nov 2026, 09:30 in Shanghai."""
    if value is None:
        return "—"
    return f"{date_text(value)}{' ' if _zh() else ', '}{time_text(value, seconds=seconds)}"


def month_text(value: date) -> str:
    """11月 or Nov."""
    return f"{value.month}月" if _zh() else format_date(value, "MMM", locale=LOCALES["en"])


def weekday_text(value: date) -> str:
    """一 … 日 or Mon … Sun."""
    return "一二三四五六日"[value.weekday()] if _zh() else format_date(value, "EEE", locale=LOCALES["en"])


def money_unit(most: Money) -> tuple[int, str]:
    """One unit for a chart whose largest amount is ``most``: how many fen it has, and its word.

    亿元, 万元 or 元; ¥ bn, ¥ m or ¥; the largest of which there are ten. Source: design guide §7.
    """
    size = abs(most.minor)
    steps = ((10**10, "亿元"), (10**6, "万元")) if _zh() else ((10**11, "¥ bn"), (10**8, "¥ m"))
    for fen, word in steps:
        if size >= 10 * fen:
            return fen, word
    return 100, "元" if _zh() else "¥"


def duration(value: timedelta | int) -> str:
    """15 天 23 小时 / 15 days 23 h: the two largest units; seconds appear only below an hour."""
    seconds = int(value.total_seconds()) if isinstance(value, timedelta) else value
    seconds = max(seconds, 0)
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if _zh():
        names = [(days, "天"), (hours, "小时"), (minutes, "分"), (rest, "秒")]
    else:
        names = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((at for at, (count, _) in enumerate(names) if count), 3)
    return (
        " ".join(f"{count} {name}" for count, name in names[first : first + 2] if count) or f"0 {names[3][1]}"
    )


def hash_text(value: str | bytes | None) -> Markup:
    """First eight and last six characters of a fingerprint; the whole of it in the title."""
    if value is None:
        return Markup("—")
    full = value.hex() if isinstance(value, bytes) else value
    short = full if len(full) <= 16 else f"{full[:8]}…{full[-6:]}"
    return Markup('<code class="hash" title="{}">{}</code>').format(escape(full), escape(short))


def party_name(name: str, english: str | None = None) -> str:
    """An organisation as a page names it: on English pages by its registered English name where it has one.

    Args:
        name: a ``PartyName``, or the registered name alone with ``english`` beside it.
    """
    given = english if english is not None else name.en if isinstance(name, PartyName) else ""
    return given if given and current_lang() == "en" else str(name)


def legal_name(name: str, english: str | None = None) -> str:
    """The same where the registered name decides, as in a contract: it follows the English one in brackets."""
    shown, registered = party_name(name, english), str(name)
    return shown if shown == registered else f"{shown} ({registered})"


def cited(text: object) -> str:
    """A legal basis in the language of the page. Source: kernel.citations."""
    return in_english(str(text)) if current_lang() == "en" else str(text)


def bytes_text(value: int) -> str:
    """A size for reading: 512 B, 3.4 kB, 12.0 MB, 1.00 GB (powers of 1000)."""
    for unit, size, places in (("GB", 10**9, 2), ("MB", 10**6, 1), ("kB", 10**3, 1)):
        if value >= size:
            return f"{number(Decimal(value) / size, places)} {unit}"
    return f"{value} B"


def iso(value: datetime) -> str:
    """An instant for ``<time datetime>`` and scripts: UTC with milliseconds and Z."""
    from kernel.facts import rfc3339

    return rfc3339(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "money": money,
    "yuan": yuan,
    "capitals": capitals,
    "number": number,
    "date": date_text,
    "time": time_text,
    "datetime": datetime_text,
    "duration": duration,
    "hash": hash_text,
    "party_name": party_name,
    "legal_name": legal_name,
    "bytes": bytes_text,
    "cited": cited,
    "iso": iso,
}


def init_app(app: Flask) -> None:
    """Give templates ``_()``, ``lang`` and the filters; remember an asked-for language in a cookie."""
    for lang in LANGS:
        catalogue(lang)
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(_=gettext, gettext=gettext, current_lang=current_lang)
    app.context_processor(lambda: {"lang": current_lang()})

    @app.after_request
    def remember(response: Any) -> Any:
        wish = _asked()
        if wish in LANGS:
            response.set_cookie(
                COOKIE, wish, max_age=31536000, samesite="Lax", httponly=True, secure=request.is_secure
            )
        response.headers.setdefault("Content-Language", current_lang())
        return response
