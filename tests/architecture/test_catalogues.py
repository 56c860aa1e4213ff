"""Everything people read stands in both catalogues: texts of pages and code, and every refusal."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from app import rooms
from kernel.i18n import catalogue

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("kernel", "trading", "bidding", "evaluation", "supervision")
FOLDERS = ("zh_Hans_CN", "en")
MARKERS = ("gettext", "_", "marked", "NavEntry")
REFUSALS = (
    "Refusal",
    "NotSignedIn",
    "NotAllowed",
    "NotFound",
    "NotNow",
    "Stale",
    "TooLarge",
    "NotValid",
    "TooMany",
    "Caution",
    "object_to",
)
FIELD_RULES = (
    "missing",
    "invalid",
    "extra_forbidden",
    "string_too_short",
    "string_too_long",
    "string_pattern_mismatch",
    "too_short",
    "int_parsing",
    "greater_than_equal",
    "less_than_equal",
    "enum",
    "literal_error",
    "money",
    "instant",
    "uuid_parsing",
    "statistics_year",
    "statistics_region",
)
_NAMED = re.compile(r"%\((\w+)\)s")


@cache
def texts(folder: str) -> dict[str, list[tuple[str, str]]]:
    """msgid → (text, file) of every file of a language."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((ROOT / "translations" / folder).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id:
                    found.setdefault(str(message.id), []).append((str(message.string), path.name))
    return found


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def calls(names: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    """Where and with which first argument these names are called."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and name_of(node) in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0]


def used_in_templates() -> dict[str, str]:
    method = [("**.html", "jinja2"), ("**.txt", "jinja2"), ("**.xml", "jinja2")]
    found = extract_from_dir(ROOT / "templates", method, keywords={"_": None, "gettext": None})
    return {
        str(message): f"templates/{path}:{line}"
        for path, line, message, *_ in found
        if isinstance(message, str)
    }


def used_in_code() -> dict[str, str]:
    return {
        argument.value: where
        for where, argument in calls(MARKERS)
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def used_as_refusals() -> tuple[dict[str, str], dict[str, str]]:
    """Codes given as words, and beginnings of codes that are put together."""
    codes, beginnings = {}, {}
    for where, argument in calls(REFUSALS):
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            codes[argument.value] = where
        elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
            beginnings[str(argument.values[0].value)] = where
    return codes, beginnings


def test_every_text_of_pages_and_code_is_chinese_in_the_catalogue() -> None:
    # The ids are the English texts themselves, so the English catalogue only needs what is no sentence.
    known = texts("zh_Hans_CN")
    wanted = used_in_templates() | used_in_code()
    missing = [f"{where}: {msgid!r}" for msgid, where in sorted(wanted.items()) if not known.get(msgid)]
    assert not missing, "\n" + "\n".join(missing)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_refusal_has_a_title_and_a_detail(folder: str) -> None:
    known = texts(folder)
    codes, beginnings = used_as_refusals()
    missing = [
        f"{where}: {msgid}"
        for code, where in sorted(codes.items())
        for msgid in (f"refusal.{code}", f"refusal.{code}.detail")
        if not known.get(msgid)
    ]
    missing += [
        f"{where}: refusal.{begin}…"
        for begin, where in sorted(beginnings.items())
        if not any(msgid.startswith(f"refusal.{begin}") for msgid in known)
    ]
    assert not missing, "\n" + "\n".join(missing)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_refusal_gives_what_its_detail_prints(folder: str) -> None:
    """A value that is not given is printed as a dash: 公示期至 - says nobody when to come back."""
    known = texts(folder)
    missing = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and node.args and name_of(node) in REFUSALS):
                continue
            given = {one.arg for one in node.keywords}
            code = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if code is None or None in given:  # put together, or given as a whole
                continue
            wanted = {
                name for text, _ in known.get(f"refusal.{code}.detail", []) for name in _NAMED.findall(text)
            }
            if wanted - given:
                missing.append(f"{path.relative_to(ROOT)}:{node.lineno}: {code} {sorted(wanted - given)}")
    assert not missing, "\n" + "\n".join(missing)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_problem_of_http_and_of_fields_has_its_words(folder: str) -> None:
    from kernel.web.problems import HTTP_CODES

    known = texts(folder)
    wanted = [f"refusal.{code}" for code in (*HTTP_CODES.values(), "csrf")]
    wanted += [f"{msgid}.detail" for msgid in wanted] + [f"field.{rule}" for rule in FIELD_RULES]
    assert [msgid for msgid in wanted if not known.get(msgid)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_row_of_the_rulebook_says_what_it_limits(folder: str) -> None:
    known = texts(folder)
    books = (ROOT / "kernel" / "rulebook" / "editions").glob("*.toml")
    names = {row["name"] for path in books for row in tomllib.loads(path.read_text()).get("rule", ())}
    assert names
    assert sorted(name for name in names if not known.get(f"limit.{name}")) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_mail_has_a_subject(folder: str) -> None:
    known = texts(folder)
    mails = [path.stem for path in (ROOT / "templates" / "mail").glob("*.txt")]
    assert [name for name in mails if not known.get(f"mail.{name}.subject")] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_is_empty_or_told_in_two_ways(folder: str) -> None:
    troubles = []
    for msgid, found in texts(folder).items():
        if any(not text for text, _ in found):
            troubles.append(f"{msgid!r} is empty in {[file for text, file in found if not text]}")
        if len({text for text, _ in found}) > 1:
            troubles.append(f"{msgid!r} differs: {found}")
    assert not troubles, "\n".join(troubles)


def test_translations_name_the_same_values() -> None:
    chinese, english = texts("zh_Hans_CN"), texts("en")
    troubles = []
    for msgid, found in chinese.items():
        if msgid.startswith(("refusal.", "field.", "mail.")):
            other = english.get(msgid)
            original = other[0][0] if other else ""
        else:
            original = msgid
        # A translation may leave a value out (a word that is not said), but may not invent one.
        invented = set(_NAMED.findall(found[0][0])) - set(_NAMED.findall(original))
        if invented:
            troubles.append(f"{msgid!r} invents {sorted(invented)}")
    assert not troubles, "\n".join(troubles)


def test_chinese_texts_use_full_width_punctuation_and_no_exclamation_marks() -> None:
    bad = [
        msgid
        for msgid, found in texts("zh_Hans_CN").items()
        for text, _ in found
        if re.search(r"[㐀-鿿][,;:?!]|[！!]", text)
    ]
    assert not bad, bad


def test_every_promise_is_chinese_in_the_catalogue() -> None:
    known = catalogue("zh-CN")
    sentences = [one.sentence for room in rooms() for one in room.promises]

    assert len(sentences) > 20
    assert [one for one in sentences if known.get(one, one) == one] == []
