"""``sunroad``: run an installation, or work with one from the command line.

Exit codes: 0 done; 1 the work found something wrong; 2 the words of the command are off; 141 nobody reads the output any more.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sealbid.pipes import into_pipe

if TYPE_CHECKING:
    from kernel.settings import Settings
    from simulation.demo import Demo

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent


def settings_from_env() -> Settings:
    from kernel.settings import Settings

    return Settings.from_env(os.environ)


def serve(args: argparse.Namespace) -> int:
    """Run web, timekeeper, courier and sequencer, and the hall where SUNROAD_HALL_BIND names its place; with
    --demo also the city, its custodians and witnesses.
    """
    gc.disable()  # among imports there is no garbage to look for
    if args.demo:
        return _serve_demo(args)
    import serving
    from kernel.jobs import JOBS

    settings = settings_from_env()
    serving.prepare_to_fork()
    built = serving.anew(settings)
    crew = serving.Crew()
    for name in JOBS:
        crew.start(name, serving.job(built, name))
    if settings.hall_bind:
        crew.start("hall", serving.hall(built))
    crew.start_web(
        serving.Web(built, host=args.host, port=args.port, threads=args.threads, workers=args.workers)
    )
    return crew.wait()


def _keep_compiled(folder: Path) -> None:
    """Keep compiled modules in a folder of ours, where nothing may be written beside the sources.

    Otherwise every start compiles a thousand modules again, which is half of it. Python itself compares each with
    its source.
    """
    if sys.dont_write_bytecode:
        sys.pycache_prefix = str(folder)
        sys.dont_write_bytecode = False


def _serve_demo(args: argparse.Namespace) -> int:
    folder = Path(args.folder or ROOT / "var" / "demo").absolute()
    _keep_compiled(folder / "modules")
    import serving
    from kernel.jobs import JOBS
    from simulation import demo as demos

    port = next(
        (
            p
            for p in range(args.port, args.port + 200, 10)
            if all(serving.port_free(HOST, p + n) for n in range(5))
        ),
        None,
    )
    if port is None:
        print(f"no five free ports from {args.port} on; choose others with --port", file=sys.stderr)
        return 1
    serving.prepare_to_fork()
    demo = demos.open_demo(folder, port)
    at = f"{HOST}:{port + 4}"
    demo = replace(demo, settings=replace(demo.settings, live_url=f"http://{at}", hall_bind=at))
    if args.reset or not demo.ready.exists():
        demo.ready.unlink(missing_ok=True)
        print("Building the demonstration city (once) …", flush=True)
        _fill_apart(demo)
        if not demo.ready.exists():
            print("the demonstration city could not be built; see above", file=sys.stderr)
            return 1
    built = serving.before_the_fork(demo.settings)
    crew = serving.Crew(folder / "log")
    # The web first: a visitor waits for it alone, so the others leave it the machine until it answers.
    crew.start_web(serving.Web(built, host=HOST, port=port, threads=args.threads, workers=1))
    if serving.wait_for(HOST, port):
        _welcome(demo)
    else:
        print(f"the web did not answer; its words are in {folder / 'log'}", file=sys.stderr)
    for number in range(3):
        crew.start(f"witness {number + 1}", _witness(demo, number))
    for name in JOBS:
        crew.start(name, serving.job(built, name))
    crew.start("hall", serving.hall(built))
    crew.start("custodians", _keepers(demo))
    crew.start("traders", _traders(demo))
    return crew.wait()


def _fill_apart(demo: Demo) -> None:
    """Fill in a child process, so that the parent stays without threads and connections and may fork safely."""
    import multiprocessing

    from simulation import demo as demos

    child = multiprocessing.get_context("fork").Process(
        target=demos.fill, args=(demo, datetime.now(UTC), sys.stdout)
    )
    child.start()
    child.join()


def _witness(demo: Demo, number: int):  # type: ignore[no-untyped-def]
    def run(stop: threading.Event) -> None:
        from simulation.demo import serve_witness

        serve_witness(demo, number, stop)

    return run


def _keepers(demo: Demo):  # type: ignore[no-untyped-def]
    def run(stop: threading.Event) -> None:
        from simulation.keepers import run_keepers

        run_keepers(demo.settings, stop)

    return run


def _traders(demo: Demo):  # type: ignore[no-untyped-def]
    def run(stop: threading.Event) -> None:
        from simulation.traders import run_traders

        run_traders(demo.settings, stop)

    return run


def _welcome(demo: Demo) -> None:
    from simulation.demo import PASSWORD

    accounts = json.loads(demo.ready.read_text("utf-8"))
    print(f"\n  Sunroad 阳光路 · demonstration city / 演示城市\n\n    {demo.settings.base_url}\n")
    print(f"  Sign in as one of these, password {PASSWORD}\n")
    for role, (email, name, org) in accounts.items():
        print(f"    {role:<11} {email:<26} {name}  {org}")
    print("\n  Ctrl-C stops everything. / 按 Ctrl-C 全部停止。\n", flush=True)


def run_job(args: argparse.Namespace) -> int:
    """Run one of the processes beside the web alone: timekeeper, courier, sequencer or hall."""
    import signal

    import serving
    from kernel.jobs import JOBS

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = settings_from_env()
    if args.name == "hall":
        if not settings.hall_bind:
            print("SUNROAD_HALL_BIND is missing: host:port to listen on", file=sys.stderr)
            return 2
        serving.hall(serving.anew(settings))(stop)
    else:
        JOBS[args.name](serving.platform_of(settings), stop)
    return 0


def first_operator(args: argparse.Namespace) -> int:
    """Enter the trading centre and its first operator; the password is asked for."""
    import getpass

    import serving
    from kernel.identity import actions
    from kernel.identity.passwords import hash_password
    from kernel.rights import SYSTEM, Role

    settings = settings_from_env()
    password = os.environ.get("SUNROAD_PASSWORD") or getpass.getpass("Password of the operator: ")
    digest = hash_password(settings, password, email=args.email)
    with serving.platform_of(settings).begin(SYSTEM) as work:
        centre = actions.register_organization(
            work, uscc=args.uscc, name=args.org, kinds=(Role.OPERATOR, Role.CUSTODIAN)
        )
        person = actions.register_person(work, name=args.name, email=args.email, password_hash=digest)
        actions.give_role(work, person.id, centre.id, Role.OPERATOR)
    print(f"{args.name} <{args.email}> may now sign in as operator of {args.org}")
    return 0


def standing_custodian(args: argparse.Namespace) -> int:
    """Name the organisation that keeps the share of a role at every tender."""
    import sqlalchemy as sa

    import serving
    from bidding.actions import custody
    from kernel.identity.models import Organization
    from kernel.rights import SYSTEM

    platform = serving.platform_of(settings_from_env())
    with platform.begin(SYSTEM) as work:
        org = work.one(sa.select(Organization).where(Organization.uscc == args.uscc))
        if org is None:
            print(f"no organisation has the code {args.uscc}", file=sys.stderr)
            return 1
        custody.set_standing_custodian(work, org.id, args.role)
    print(f"{org.name} keeps the share of the {args.role}")
    return 0


def migrate(args: argparse.Namespace) -> int:
    """Bring the database to the newest schema, or back to an older one."""
    from kernel import migrate as migration

    url = args.url or settings_from_env().database_url
    if args.down:
        migration.downgrade(url, args.down)
    else:
        migration.upgrade(url)
    return 0


def promises(_args: argparse.Namespace) -> int:
    """Check every promise of every room now; exit 1 when one is broken."""
    import serving

    platform = serving.platform_of(settings_from_env())
    broken = 0
    with platform.read() as session:
        for room in platform.rooms:
            for promise in room.promises:
                breaches = list(promise.check(session, platform.outside.clock.now()))
                broken += bool(breaches)
                print(f"{'BROKEN' if breaches else 'kept  '} {room.name}: {promise.sentence}")
                for breach in breaches[:20]:
                    print(f"         {breach.subject} {breach.seen}")
    return 1 if broken else 0


def evidence(args: argparse.Namespace) -> int:
    """Write the public evidence package of a tender; verify it with `sealbid verify`."""
    import sqlalchemy as sa

    import serving
    from supervision.evidence import export_evidence
    from trading.models import Tender

    platform = serving.platform_of(settings_from_env())
    with platform.read() as session:
        found = session.scalar(sa.select(Tender.id).where(Tender.code == args.tender))
    if found is None:
        print(f"no tender {args.tender}", file=sys.stderr)
        return 1
    data = export_evidence(platform, found)
    Path(args.out).write_bytes(data)
    print(f"{args.out}: {len(data)} bytes")
    return 0


def keys(_args: argparse.Namespace) -> int:
    """Print fresh secrets for a new installation, as environment lines."""
    import base64
    import secrets

    print(f"SUNROAD_SECRET_KEY={secrets.token_urlsafe(48)}")
    for name in ("LOG_SEED", "PLATFORM_SEED"):
        print(f"SUNROAD_{name}={base64.b64encode(secrets.token_bytes(32)).decode()}")
    return 0


def openapi(_args: argparse.Namespace) -> int:
    """Print the OpenAPI document of the API."""
    import tempfile
    from contextlib import redirect_stdout

    from app import create_app
    from simulation.demo import open_demo

    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(sys.stderr),
    ):  # the log is no part of the document
        settings = replace(open_demo(Path(folder), 8080).settings, base_url="https://sunroad.example")
        document = create_app(settings).test_client().get("/api/openapi.json").json
    print(json.dumps(document, ensure_ascii=False, indent=1))
    return 0


APART = {
    "auction": "Judge cases of turn-based auctions again, or recount a live auction from its journal.",
    "redflags": "Compute eleven red flags over procurement records (OCDS).",
    "replay": "Walk historical sealed-bid auctions through the real code.",
    "simulate": "Run a simulated year and check every promise.",
    "screen": "Screen a file of bids for signs of bid rigging, or learn from confirmed cases.",
}
"""Words whose modules load only when they are used."""
MODULES = {
    "auction": "bidding.auction_judge",
    "redflags": "supervision.redflags_command",
    "replay": "simulation.replay",
    "simulate": "simulation.run",
    "screen": "supervision.analysis.command",
}


def _complete(one: argparse.ArgumentParser, word: str) -> None:
    from importlib import import_module

    module = import_module(MODULES[word])
    module.add_arguments(one)
    one.set_defaults(deed=module.run)


def parser(chosen: str = "") -> argparse.ArgumentParser:
    """The words of the command; ``chosen`` is the one that was typed."""
    top = argparse.ArgumentParser(prog="sunroad", description=(__doc__ or "").splitlines()[0])
    words = top.add_subparsers(dest="word", required=True, metavar="COMMAND")

    def add(name: str, deed, text: str | None = None) -> argparse.ArgumentParser:  # type: ignore[no-untyped-def]
        one = words.add_parser(
            name, help=(text or deed.__doc__ or "").splitlines()[0], description=text or deed.__doc__
        )
        one.set_defaults(deed=deed)
        return one

    one = add("serve", serve)
    one.add_argument(
        "--demo", action="store_true", help="a living demonstration city on SQLite, nothing to configure"
    )
    one.add_argument("--reset", action="store_true", help="with --demo: throw the old city away first")
    one.add_argument("--folder", help="with --demo: where the city lives (default var/demo)")
    one.add_argument("--host", default=HOST, help="address to listen on")
    one.add_argument(
        "--port",
        type=int,
        default=8080,
        help="port to listen on (the demonstration also takes the next four)",
    )
    one.add_argument("--threads", type=int, default=32, help="threads of a web worker")
    one.add_argument("--workers", type=int, default=1, help="web workers")
    one = add("job", run_job)
    one.add_argument("name", choices=["timekeeper", "courier", "sequencer", "hall"])
    one = add("first-operator", first_operator)
    one.add_argument("--org", required=True, help="name of the trading centre")
    one.add_argument("--uscc", required=True, help="its unified social credit code")
    one.add_argument("--name", required=True, help="name of the operator")
    one.add_argument("--email", required=True, help="address the operator signs in with")
    one = add("standing-custodian", standing_custodian)
    one.add_argument("role", choices=["operator", "supervisor", "notary", "association"])
    one.add_argument("--uscc", required=True, help="unified social credit code of the organisation")
    one = add("migrate", migrate)
    one.add_argument("--url", help="database, instead of the configured one")
    one.add_argument("--down", metavar="REVISION", help="go down to a revision (or 'base')")
    add("promises", promises)
    one = add("evidence", evidence)
    one.add_argument("tender", help="code of the tender")
    one.add_argument("--out", default="evidence.zip", help="file to write")
    add("keys", keys)
    add("openapi", openapi)
    for word, text in APART.items():
        one = add(word, None, text)
        if word == chosen:
            _complete(one, word)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = sys.argv[1:] if argv is None else argv
    args = parser(words[0] if words else "").parse_args(words)
    return into_pipe(lambda: args.deed(args))


if __name__ == "__main__":
    sys.exit(main())
