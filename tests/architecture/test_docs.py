"""The documents are true today: generated pages are fresh, links lead somewhere, tables match the code."""

from __future__ import annotations

import ast
import importlib.util
import re
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PACKAGES = ("sealbid", "kernel", "trading", "bidding", "evaluation", "supervision")
PICTURES = "docs/pictures/"
ANCHOR = re.compile(r"<a id=\"([^\"]+)\">")


def pages() -> list[Path]:
    """Every document for people."""
    return sorted(
        [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "sealbid" / "README.md"],
    )


@cache
def generator() -> ModuleType:
    """scripts/pages.py, which is no package."""
    spec = importlib.util.spec_from_file_location("sunroad_pages", ROOT / "scripts" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["law-index.md", "lifecycle.md", "refusals.md", "api/README.md"])
def test_generated_pages_are_fresh(name: str) -> None:
    assert generator().stale(ROOT, [name]) == [], "run `make docs`"


def test_every_generated_page_is_looked_at() -> None:
    assert set(generator().PAGES) == {"law-index.md", "lifecycle.md", "refusals.md", "api/README.md"}


def test_a_stale_page_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "lifecycle.md").write_text("# something else\n")
    assert generator().stale(tmp_path, ["lifecycle.md"]) == ["lifecycle.md"]


@pytest.mark.parametrize(
    ("article", "number"),
    [("第九条", 9), ("第十条", 10), ("第二十四条", 24), ("第一百零三条", 103), ("第二百条", 200)],
)
def test_articles_are_sorted_by_their_number(article: str, number: int) -> None:
    assert generator().article_number(article) == number * 1000


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "招标投标法 第十六条、第二十四条; 实施条例 第十五条",
            [("招标投标法", "第十六条"), ("招标投标法", "第二十四条"), ("招标投标法实施条例", "第十五条")],
        ),
        (
            "招标投标法 第二十四条 (T-102); 政府采购法 第三十五条",
            [("招标投标法", "第二十四条"), ("政府采购法", "第三十五条")],
        ),
        ("spec sealing §5, §8.2", [("sealing", "§5"), ("sealing", "§8.2")]),
        ("财库〔2026〕2号; rules.md §2.5", [("财库〔2026〕2号", ""), ("rules", "§2.5")]),
        ("RFC 9457", []),
    ],
)
def test_citations_are_read(source: str, found: list[tuple[str, str]]) -> None:
    assert list(generator().citations(source)) == found


def dead_links(page: Path, text: str) -> list[str]:
    """Relative links that lead nowhere, from a page with this text."""
    found = []
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for target in LINK.findall(prose):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or PICTURES in target:
            continue
        aim = (page.parent / path).resolve() if path else page
        if not aim.exists() or (anchor and not path and anchor not in ANCHOR.findall(text)):
            found.append(f"{page.relative_to(ROOT)}: {target}")
    return found


def test_every_relative_link_leads_somewhere() -> None:
    assert [one for page in pages() for one in dead_links(page, page.read_text("utf-8"))] == []


def test_a_dead_link_would_be_noticed() -> None:
    page = ROOT / "README.md"
    assert dead_links(page, "[a](docs/no-such-page.md) [b](#nowhere)") != []
    assert dead_links(page, "[a](docs/architecture.md) [b](https://sunroad.example/)") == []


def test_every_picture_that_is_shown_is_there() -> None:
    there = {f"{PICTURES}{path.name}" for path in (ROOT / PICTURES).glob("*.png")}
    if not there:
        pytest.skip("no pictures have been taken yet")
    for name in ("README.md", "README.zh-CN.md"):
        shown = {one for one in LINK.findall((ROOT / name).read_text("utf-8")) if PICTURES in one}
        assert shown - there == set(), name


def test_every_page_is_linked_from_another_one() -> None:
    aims = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages()
        for target in LINK.findall(page.read_text("utf-8"))
        if "://" not in target
    }
    lonely = [
        page.relative_to(ROOT).as_posix()
        for page in pages()
        if page not in aims and page.parent != ROOT / "sealbid" and page != ROOT / "README.md"
    ]
    assert lonely == []


@cache
def names_in_code() -> frozenset[str]:
    """Every class, function, argument, attribute and assigned name of the packages."""
    found: set[str] = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef | ast.FunctionDef):
                    found.add(node.name)
                elif isinstance(node, ast.arg):
                    found.add(node.arg)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.add(node.id)
            found.add(file.stem)
    return frozenset(found)


def test_names_of_the_glossary_exist_in_the_code() -> None:
    table = (ROOT / "docs" / "glossary.md").read_text("utf-8").partition("\n## Words")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ") and line.count("|") == 5]
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row[3])}

    assert len(names) > 40
    assert sorted(names - names_in_code()) == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_screen_names_two_commands(page: str) -> None:
    block = re.search(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert block is not None
    assert [line.split("#")[0].strip() for line in block[1].splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_every_setting_is_in_the_table(page: str) -> None:
    code = (ROOT / "kernel" / "settings.py").read_text("utf-8")
    read = {f"SUNROAD_{name}" for name in re.findall(r"(?:need|seed|whole)\(\"([A-Z0-9_]+)\"", code)}
    read |= set(re.findall(r"env\.get\(\"(SUNROAD_[A-Z0-9_]+)\"", code)) | {"SUNROAD_S3_"}
    table = (ROOT / page).read_text("utf-8")
    named = {name.rstrip("*") for name in re.findall(r"`(SUNROAD_[A-Z0-9_]+\*?)`", table)}
    told = {"SUNROAD_S3_" if name.startswith("SUNROAD_S3_") else name for name in named}

    assert len(read) > 15
    assert told == read


def test_every_dependency_says_what_it_saves_us() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[=\[<>]", line)[0] for line in project["dependencies"]}
    page = (ROOT / "docs" / "decisions" / "0011-dependencies.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))
    assert told == needed


def test_decisions_say_what_they_must() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = page.read_text("utf-8")
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
        assert text.startswith(f"# {page.name[:4]} ")
        if page.name[:4] != "0011":
            missing = [
                w for w in ("Faced.", "Chosen.", "Costs.", "Would change our mind.") if f"**{w}**" not in text
            ]
            assert missing == [], page.name


def test_files_that_the_recipes_name_exist() -> None:
    missing = [
        f"{page.name}: {name}"
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|po|js|html))`", page.read_text("utf-8"))
        if not (ROOT / name).exists()
    ]
    assert missing == []
