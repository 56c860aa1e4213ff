"""The house keeps its shape: floors, pure rules, doors with audiences, nothing stray in the tree."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kernel.settings import Settings
from kernel.web.audience import audience_of

ROOT = Path(__file__).resolve().parents[2]
FLOORS = (
    "sealbid",
    "kernel",
    "trading",
    "bidding",
    "evaluation",
    "supervision",
    "app",
    "simulation",
    "serving",
    "cli",
)
ROOMS = ("trading", "bidding", "evaluation", "supervision")
RULES_MAY_IMPORT = ("rulebook", "money", "score", "calendar", "errors", "encodings")
MACHINE = re.compile(
    r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time|time\.monotonic|os\.urandom|secrets\.|random\.)"
)
LINES_MAX = 450
LONG_FOR_A_REASON = {
    "kernel/live/engine.py": "one loop: everything a socket goes through, from its request to its last frame",
    "bidding/queries_auction.py": "the read side of auctions, and nothing else",
    "bidding/hall_core/core.py": "one committer, from the arrival of a message to its answer and the room's news",
    "tests/e2e/test_seal_interop.py": "one browser, one page and both directions of every way to seal",
    "tests/unit/sealbid/test_cli.py": "one story per command, told with the same few files",
    "tests/unit/sealbid/test_verify.py": "one package, doctored in every way a verifier must notice",
    "scripts/pages.py": "the four generated pages share one reading of the code",
    "static/css/sunroad.css": "the components in the order of the design",
    "simulation/crash.py": "one program: the rounds, the processes it kills and what must hold after each",
    "benchmarks/nightly_city.py": "one row of every table that a night reads, in the order in which a tender lives",
    "simulation/demo.py": "one city",
    "evaluation/actions/panels.py": "pool, draw, invitations and recusals of one panel, in order",
    "evaluation/actions/reports.py": "the report and both engines that must agree on it",
    "evaluation/actions/review.py": "every vote of the preliminary review, with what each one undoes",
    "evaluation/queries.py": "the read side of one room; every page of it reads here",
    "trading/queries.py": "the read side of one room; every page of it reads here",
    "simulation/actors.py": "everybody who acts in the simulated year",
    "bidding/actions/auctions_sealed.py": "what is sealed in an auction, from its terms to its close",
    "simulation/deal.py": "one deal from its project to its contract, in the order in which it happens",
}
GENERATED = (
    "requirements/",
    "translations/",
    "static/vendor/",
    "static/fonts/",
    "migrations/versions/",
    "package-lock.json",
    "docs/law-index.md",
    "docs/refusals.md",
    "docs/api/README.md",
    "tests/support/vendor/",
    "LICENSE",
)
BINARY = (".ttf", ".woff2", ".png", ".jpg", ".ico", ".bin", ".sb", ".zip", ".pdf")


@cache
def tracked() -> tuple[Path, ...]:
    """Files git knows; the test is about what others receive."""
    said = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        pytest.skip("not a git checkout")
    return tuple(path for name in said.stdout.split("\0") if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    for path in tracked():
        if path.suffix not in BINARY:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8", errors="replace")


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted-with-slashes path → tree of every module of the floors."""
    found = {}
    for floor in FLOORS:
        files = sorted((ROOT / floor).rglob("*.py")) if (ROOT / floor).is_dir() else [ROOT / f"{floor}.py"]
        for file in files:
            relative = file.relative_to(ROOT).as_posix()
            if "/build/" not in relative:
                found[relative] = ast.parse(file.read_text("utf-8"))
    return found


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, also those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def strays(file: str, tree: ast.Module) -> Iterator[str]:
    """Imports of a module from a floor above its own."""
    own = FLOORS.index(file.split("/", maxsplit=1)[0].removesuffix(".py"))
    for line, name in imports(tree):
        top = name.split(".")[0]
        if top in FLOORS and FLOORS.index(top) > own:
            yield f"{file}:{line} imports {name}, which is a floor above"


def test_calls_go_down() -> None:
    assert [line for file, tree in modules().items() for line in strays(file, tree)] == []


def test_a_call_upwards_would_be_noticed() -> None:
    tree = ast.parse("def late():\n    from bidding.models import Bid\n")
    assert list(strays("trading/queries.py", tree)) != []
    assert list(strays("evaluation/queries.py", tree)) == []


def impurities(file: str, text: str, tree: ast.Module) -> Iterator[str]:
    """What a rule must not touch: web, database, clock, chance, or another drawer than rules."""
    room = file.split("/", maxsplit=1)[0]
    for line, name in imports(tree):
        parts = name.split(".")
        if parts[0] in ("flask", "sqlalchemy", "werkzeug", "pydantic", "os", "secrets", "random", "time"):
            yield f"{file}:{line} imports {name}"
        if parts[0] == "kernel" and len(parts) > 1 and parts[1] not in RULES_MAY_IMPORT:
            yield f"{file}:{line} imports {name}"
        if parts[0] in ROOMS and len(parts) > 1 and parts[1] not in ("rules", "procedures", "terms"):
            yield f"{file}:{line} imports {name}"
    code = re.sub(r'""".*?"""|#.*', "", text, flags=re.DOTALL)
    yield from (f"{file} asks the machine of {room}: {found}" for found in MACHINE.findall(code))


def test_rules_are_pure() -> None:
    found = []
    for file, tree in modules().items():
        if "/rules/" in file:
            found += list(impurities(file, (ROOT / file).read_text("utf-8"), tree))
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "import sqlalchemy as sa\n",
        "from kernel.database import Base\n",
        "from trading.models import Tender\n",
        "from datetime import datetime\nx = datetime.now()\n",
    ],
)
def test_an_impure_rule_would_be_noticed(text: str) -> None:
    assert list(impurities("trading/rules/x.py", text, ast.parse(text))) != []


def unsourced(tree: ast.Module) -> list[str]:
    """Public rules that cite nothing, themselves or by their module."""
    if "Source:" in (ast.get_docstring(tree) or ""):
        return []
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and "Source:" not in (ast.get_docstring(node) or "")
    ]


def test_every_public_rule_cites_its_source() -> None:
    found = {
        file: names for file, tree in modules().items() if "/rules/" in file and (names := unsourced(tree))
    }
    assert found == {}


def test_a_rule_without_a_source_would_be_noticed() -> None:
    assert unsourced(ast.parse('def require_x() -> None:\n    """Refuse."""\n')) == ["require_x"]


def test_every_public_rule_has_a_docstring() -> None:
    found = [
        f"{file}:{node.name}"
        for file, tree in modules().items()
        if "/rules/" in file
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert found == []


def test_every_door_names_its_audience(tmp_path: Path) -> None:
    from app import create_app

    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/doors.db",
        data_folder=tmp_path,
        secret_key="only for tests, thirty-two letters and more",
        log_seed=b"\x01" * 32,
        platform_seed=b"\x02" * 32,
    )
    app = create_app(settings, testing=True)
    doors = {rule.endpoint for rule in app.url_map.iter_rules()}
    silent = sorted(endpoint for endpoint in doors if audience_of(app.view_functions[endpoint]) is None)
    app.extensions["sunroad"].database.dispose()

    assert len(doors) > 50
    assert silent == []


# The patterns are put together here, so that this file does not match them itself.
_SLASH = "/"
NOT_OURS = {
    "a path of somebody's machine": rf"(?<![\w.}}]){_SLASH}(?:work|home|root|Users){_SLASH}\w",
    "the address of a package registry": "|".join(
        re.escape(".".join(name)) for name in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))
    ),
    "a private key": "-----BEGIN" + r" (?:RSA |EC |ENCRYPTED |OPENSSH )?PRIVATE KEY",
    "an access key": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|xox[abp]-\w{10,}|sk-\w{30,})\b",
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_nothing_in_the_tree_is_from_one_machine_or_secret(what: str) -> None:
    pattern = re.compile(NOT_OURS[what])
    # Licences and vendored scripts are kept word for word.
    kept = ("static/vendor/", "static/fonts/", "tests/support/vendor/", "LICENSE")
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in texts()
        if not name.startswith(kept) and name != "tests/architecture/test_floors.py"
        for match in pattern.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of somebody's machine", "see " + "/" + "home/me/notes"),
        ("the address of a package registry", "https://files." + "pythonhosted" + ".org/x"),
        ("a private key", "-----BEGIN" + " PRIVATE KEY-----"),
        ("an access key", "AKIA" + "A" * 16),
    ],
)
def test_a_stray_string_would_be_noticed(what: str, text: str) -> None:
    assert re.search(NOT_OURS[what], text)


def test_no_file_is_long_without_a_reason() -> None:
    long = {
        name: lines
        for name, text in texts()
        if not name.startswith(GENERATED) and (lines := text.count("\n")) > LINES_MAX
    }
    without = {name: lines for name, lines in long.items() if name not in LONG_FOR_A_REASON}
    assert without == {}


def one_way(tree: ast.Module) -> bool:
    """Whether a migration cannot be taken back."""
    down = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "downgrade"), None)
    return down is None or not any(isinstance(n, ast.Call) for n in ast.walk(down))


def test_every_migration_can_be_taken_back() -> None:
    steps = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    assert steps
    assert [step.name for step in steps if one_way(ast.parse(step.read_text("utf-8")))] == []


def test_a_migration_without_a_way_back_would_be_noticed() -> None:
    assert one_way(ast.parse("def upgrade():\n    op.x()\n\ndef downgrade():\n    pass\n"))


def test_migrations_import_nothing_of_the_application() -> None:
    found = [
        f"{step.name}:{line} imports {name}"
        for step in sorted((ROOT / "migrations" / "versions").glob("*.py"))
        for line, name in imports(ast.parse(step.read_text("utf-8")))
        if name.split(".")[0] in FLOORS
    ]
    assert found == []
