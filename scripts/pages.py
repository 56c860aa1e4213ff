"""Write the generated pages of docs/: python scripts/pages.py (or --check, which only says what is stale).

``law-index.md`` comes from ``Source:`` lines and the rulebook, ``lifecycle.md`` from ``MOVES``,
``refusals.md`` from the catalogues and the code, ``api/README.md`` from the application's OpenAPI document.
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PACKAGES = ("sealbid", "kernel", "trading", "bidding", "evaluation", "supervision")
ALIASES = {"实施条例": "招标投标法实施条例", "财政部令第87号": "政府采购货物和服务招标投标管理办法"}
FIRST = (
    "招标投标法",
    "招标投标法实施条例",
    "政府采购法",
    "政府采购法实施条例",
    "政府采购货物和服务招标投标管理办法",
)
STATUS = {
    "Refusal": 400,
    "NotSignedIn": 401,
    "NotAllowed": 403,
    "NotFound": 404,
    "NotNow": 409,
    "Stale": 412,
    "TooLarge": 413,
    "NotValid": 422,
    "TooMany": 429,
    "Caution": "warning",
}
ARTICLE = re.compile(r"^(?P<law>.*?)\s*(?P<article>第[一二三四五六七八九十百零〇]+条.*)$")
SPECS = {
    "spec sealing": "sealing",
    "sealing specification": "sealing",
    "sealing": "sealing",
    "spec rules": "rules",
    "rules specification": "rules",
    "rules.md": "rules",
    "design guide": "design guide",
}
GENERATED = "<!-- Written by scripts/pages.py. Change the source, then run `make docs`. -->\n\n"


@dataclass(frozen=True)
class Place:
    """A documented thing: its module, its qualified name (empty for the module) and its ``Source:`` text."""

    module: str
    name: str
    source: str
    file: str

    @property
    def label(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(frozen=True)
class Tests:
    """What a test file imports, and every word in it."""

    file: str
    imports: frozenset[str]
    words: frozenset[str]


@cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    """Every module of the packages, parsed once."""
    files = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
    return tuple((file, ast.parse(file.read_text("utf-8"))) for file in files if "build" not in file.parts)


def dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def documented(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Qualified name and docstring of the module and of everything in it; also strings below assignments."""

    def walk(node: ast.Module | ast.ClassDef, above: str) -> Iterator[tuple[str, str]]:
        before = ""
        for one in node.body:
            if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield above + one.name, ast.get_docstring(one) or ""
                if isinstance(one, ast.ClassDef):
                    yield from walk(one, f"{above}{one.name}.")
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and before:
                yield above + before, str(one.value.value)
            before = ""
            target = one.targets[0] if isinstance(one, ast.Assign) else getattr(one, "target", None)
            if isinstance(target, ast.Name):
                before = target.id

    yield "", ast.get_docstring(tree) or ""
    yield from walk(tree, "")


def source_of(docstring: str) -> str:
    """The text behind ``Source:``, up to the end of its paragraph."""
    _, mark, rest = docstring.partition("Source:")
    paragraph = re.split(r"\n\s*\n", rest)[0] if mark else ""
    return re.sub(r"\s+", " ", paragraph).strip().removesuffix(".")


@cache
def places() -> tuple[Place, ...]:
    """Everything with a ``Source:`` line, and every promise."""
    found = []
    for file, tree in trees():
        path = file.relative_to(ROOT).as_posix()
        found += [
            Place(dotted(file), name, source, path)
            for name, text in documented(tree)
            if (source := source_of(text))
        ]
        for node in tree.body:
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "promise":
                    text = next((k.value for k in mark.keywords if k.arg == "source"), None)
                    if isinstance(text, ast.Constant) and isinstance(node, ast.FunctionDef):
                        found.append(Place(dotted(file), node.name, str(text.value), path))
    return tuple(found)


@cache
def tests() -> tuple[Tests, ...]:
    found = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text("utf-8")
        imports: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                imports |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        words = frozenset(re.findall(r"[A-Z]{1,3}-[\w.-]*\d|\w+", text))
        found.append(Tests(file.relative_to(ROOT).as_posix(), frozenset(imports), words))
    return tuple(found)


def tested(place: Place) -> list[str]:
    """Test files that import the place's module (or its package) and use its name."""
    homes = {place.module, place.module.rpartition(".")[0]}
    last = place.name.rpartition(".")[2]
    return [one.file for one in tests() if (not last or last in one.words) and homes & one.imports]


def citations(source: str) -> Iterator[tuple[str, str]]:
    """Law and article (or specification and section) of every citation in a ``Source:`` text."""
    law = ""
    text = re.sub(r"\([^)]*\)", "", source)
    for piece in re.split(r"[;；、,]| and ", text):
        token = piece.strip(" .\n")
        if not token or token.startswith("as ``"):
            continue
        match = ARTICLE.match(token)
        if match:
            law = ALIASES.get(match["law"].strip(), match["law"].strip()) or law
            if law:
                yield law, match["article"].strip()
            continue
        spec = next((name for name in SPECS if token.startswith(name)), None)
        if spec:
            law = SPECS[spec]
            yield law, token.removeprefix(spec).strip()
        elif token.startswith("§") and law:
            yield law, token
        elif re.match(r"[一-鿿]", token) and not re.fullmatch(r"[A-Z]+-.*", token):
            law = token
            yield law, ""


DIGITS = {char: number for number, char in enumerate("零一二三四五六七八九")}


def article_number(article: str) -> int:
    """The number of 第三十四条 and of §2.9, for sorting."""
    if match := re.match(r"第([一二三四五六七八九十百零〇]+)条", article):
        total, digit = 0, 0
        for char in match[1].replace("〇", "零"):
            if char in "十百":
                total += (digit or 1) * (10 if char == "十" else 100)
                digit = 0
            else:
                digit = DIGITS[char]
        return (total + digit) * 1000
    numbers = [int(one) for one in re.findall(r"\d+", article)[:2]]
    return sum(one * weight for one, weight in zip(numbers, (1000, 1), strict=False))


@cache
def rulebook_rows() -> tuple[dict[str, Any], ...]:
    files = sorted((ROOT / "kernel/rulebook/editions").glob("*.toml"))
    return tuple(row for file in files for row in tomllib.loads(file.read_text("utf-8")).get("rule", []))


def link(file: str, label: str = "", up: str = "../") -> str:
    return f"[`{label or Path(file).stem}`]({up}{file})"


def law_index() -> str:
    """Article → row or function → tests."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    code: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for row in rulebook_rows():
        for basis in row.get("basis", []):
            for key in citations(basis):
                rows[key].append(row)
    for place in places():
        for key in dict.fromkeys(citations(place.source)):
            code[key].append(place)
    laws = sorted(
        {law for law, _ in (*rows, *code)},
        key=lambda law: (law in SPECS.values(), FIRST.index(law) if law in FIRST else len(FIRST), law),
    )
    out = [
        "# Law index / 法条索引\n\n",
        GENERATED,
        "Which article stands behind which limit, which code and which tests. A limit is a row of the "
        "rulebook (`kernel/rulebook/editions/`); code is listed when its docstring cites the article. Tests "
        "are listed when they name the row, or import the module and use the name; what is tested through "
        "a door or a page alone does not show here. **memory** marks a number known from memory and not yet "
        "read in a text, **proposal** one that no text gives: both wait for a lawyer.\n\n",
        "Citations of `rules` and `sealing` are sections of the two specifications the platform was written "
        "from; what binds today stands in [formats](formats/container.md) and in the code.\n",
    ]
    for law in laws:
        out.append(f"\n## {law}\n\n| article | rows | code | tests |\n| --- | --- | --- | --- |\n")
        for key in sorted(
            {k for k in (*rows, *code) if k[0] == law}, key=lambda k: (article_number(k[1]), k[1])
        ):
            files = {file for place in code[key] for file in tested(place)}
            files |= {
                one.file for one in tests() for row in rows[key] if {row["id"], row["name"]} & one.words
            }
            out.append(
                f"| {key[1] or '–'} | {'<br>'.join(_row(row) for row in rows[key]) or '–'} "
                f"| {'<br>'.join(link(p.file, p.label) for p in code[key]) or '–'} "
                f"| {'<br>'.join(link(file) for file in sorted(files)) or '–'} |\n"
            )
    return "".join(out)


def _row(row: Mapping[str, Any]) -> str:
    notes = [row["severity"], *([row["jurisdiction"]] if "jurisdiction" in row else [])]
    notes += [f"**{mark}**" for mark in row.get("mark", []) if mark in ("memory", "proposal")]
    return f"{row['id']} `{row['name']}` {row['op']} {row['value']} {row['unit']} ({', '.join(notes)})"


def lifecycle() -> str:
    """The table of moves as a page."""
    from trading.rules.lifecycle import FINAL, MOVES, Move, Stage

    out = [
        "# The life of a lot / 标段的一生\n\n",
        GENERATED,
        "One table, `trading.rules.lifecycle.MOVES`, is the code and this page. Whether a lot is suspended "
        "is a flag beside its stage: it resumes where it stopped.\n\n```\n",
    ]
    for stage in Stage:
        moves = [(move, to) for (start, move), to in MOVES.items() if start is stage]
        out.append(f"{stage.value}{'  (final)' if stage in FINAL else ''}\n")
        out += [f"  ├─ {move.value} ─▶ {to.value}\n" for move, to in moves[:-1]]
        out += [f"  └─ {move.value} ─▶ {to.value}\n" for move, to in moves[-1:]]
    out.append("```\n\n| move | from | to |\n| --- | --- | --- |\n")
    for move in Move:
        pairs = [(start, to) for (start, one), to in MOVES.items() if one is move]
        starts, ends = (
            ", ".join(a.value for a, _ in pairs),
            ", ".join(dict.fromkeys(b.value for _, b in pairs)),
        )
        out.append(f"| `{move.value}` | {starts} | {ends} |\n")
    return "".join(out)


def _calls() -> Iterator[tuple[str, str, str]]:
    """Kind, code and literal source of every refusal and caution raised in the code."""
    for _, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            kind = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if kind in STATUS:
                given = next((k.value for k in node.keywords if k.arg == "source"), None)
                text = ""
                if isinstance(given, ast.Constant) and given.value:
                    text = str(given.value)
                elif given is not None and not isinstance(given, ast.Constant):
                    text = "the rulebook's row"
                yield kind, str(node.args[0].value), text


def refusals() -> str:
    """Every refusal: code, status, both texts and the article."""
    from babel.messages.pofile import read_po

    texts: dict[str, dict[str, str]] = {}
    for lang in ("en", "zh_Hans_CN"):
        texts[lang] = {}
        for file in sorted((ROOT / "translations" / lang).glob("*.po")):
            with file.open("rb") as opened:
                texts[lang] |= {str(m.id): str(m.string) for m in read_po(opened) if m.id}
    statuses: dict[str, set[str]] = defaultdict(set)
    sources: dict[str, set[str]] = defaultdict(set)
    for kind, code, source in _calls():
        statuses[code].add(str(STATUS[kind]))
        sources[code] |= {source} - {""}
    ids = {m for m in texts["en"] | texts["zh_Hans_CN"] if m.startswith("refusal.")}
    codes = sorted({m.removeprefix("refusal.").removesuffix(".detail") for m in ids})
    out = [
        "# Refusals / 拒绝与提示\n\n",
        GENERATED,
        "Every expected no has a stable code, an HTTP status and a text in both languages (RFC 9457 problem "
        "details for machines, a page for people). `warning` marks a caution: it is shown and recorded, and "
        "refuses nothing. A dash as status means that the code is put together from parts or comes from the "
        "protocol or HTTP itself.\n\n",
        "| code | status | English | 中文 | source |\n| --- | --- | --- | --- | --- |\n",
    ]
    for code in codes:
        told = [_told(texts[lang], code) for lang in ("en", "zh_Hans_CN")]
        out.append(
            f"| `{code}` | {', '.join(sorted(statuses[code])) or '–'} | {told[0]} | {told[1]} "
            f"| {'; '.join(sorted(sources[code])) or '–'} |\n"
        )
    return "".join(out)


def _told(texts: Mapping[str, str], code: str) -> str:
    parts = [texts.get(f"refusal.{code}", ""), texts.get(f"refusal.{code}.detail", "")]
    return "<br>".join(part.replace("|", "\\|").replace("\n", " ") for part in parts if part)


def api_document() -> dict[str, Any]:
    """The OpenAPI document of the application with throw-away settings."""
    from app import create_app
    from kernel.settings import Settings
    from kernel.web import openapi

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database_url=f"sqlite:///{folder}/pages.db",
            data_folder=Path(folder),
            secret_key="only for writing pages, nothing is stored or served",
            log_seed=bytes(32),
            platform_seed=bytes(range(32)),
            rate_limits=False,
        )
        app = create_app(settings, testing=True)
        found = openapi.document(app, base_url="https://sunroad.example")
        app.extensions["sunroad"].database.dispose()
    return found


def api() -> str:
    """A summary of the OpenAPI document."""
    document = api_document()
    out = [
        "# The API\n\n",
        GENERATED,
        "The platform serves the document at `/api/openapi.json` and a page to try it at `/api/docs`; "
        "`sunroad openapi` prints it. ",
        document["info"]["description"],
        "\n\nA token belongs to a person acting for an organisation and is made at `/account/tokens`; it is "
        "sent as `Authorization: Bearer …`.\n",
    ]
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tags[operation["tags"][0]].append((path, method.upper(), operation))
    for tag in sorted(tags):
        out.append(f"\n## {tag}\n")
        for path, method, operation in tags[tag]:
            out.append(f"\n### `{method} {path}`\n\n{operation['summary']}\n\n")
            out.append(f"- who: {operation.get('description', 'everybody')}\n")
            asked = [f"`{p['name']}` ({p['in']})" for p in operation["parameters"]]
            out += [f"- parameters: {', '.join(asked)}\n"] if asked else []
            body = operation.get("requestBody", {}).get("content", {})
            out += [f"- body: {', '.join(map(_shape, body.items()))}\n"] if body else []
            out.append(f"- answers: {'; '.join(_answer(*one) for one in operation['responses'].items())}\n")
    out.append("\n## Shapes\n\n| shape | fields (`?`: may be absent) |\n| --- | --- |\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        needed = schema.get("required", ())
        fields = [f"`{field}{'' if field in needed else '?'}`" for field in schema.get("properties", {})]
        out.append(f'| <a id="{name.lower()}"></a>`{name}` | {", ".join(fields) or "–"} |\n')
    return "".join(out)


def _shape(item: tuple[str, Mapping[str, Any]]) -> str:
    name = str(item[1].get("schema", {}).get("$ref", "")).rpartition("/")[2]
    return f"[`{name}`](#{name.lower()})" if name else f"`{item[0]}`"


def _answer(status: str, answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {})
    if int(status) >= 400 or not content:
        return status
    return f"{status} {', '.join(map(_shape, content.items()))}"


PAGES = {"law-index.md": law_index, "lifecycle.md": lifecycle, "refusals.md": refusals, "api/README.md": api}


def stale(root: Path, only: Sequence[str] = ()) -> list[str]:
    """Names of generated pages that differ from what would be written now."""
    found = []
    for name in only or PAGES:
        page = root / "docs" / name
        if not page.exists() or page.read_text("utf-8") != PAGES[name]():
            found.append(name)
    return found


def main(words: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` only tell which are stale; the exit code says whether any was."""
    if list(words) == ["--check"]:
        found = stale(ROOT)
        sys.stdout.writelines(f"docs/{name} is stale: run `make docs`\n" for name in found)
        return 1 if found else 0
    for name, write in PAGES.items():
        page = ROOT / "docs" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(write(), "utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
