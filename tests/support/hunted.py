"""A real server process for the plaintext hunt: web door and sequencer of one house, on its own in this
process.

Run as ``python tests/support/hunted.py CONFIG``; prints its port, then serves until its standard input
closes. Everything it logs goes to standard error.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from werkzeug.serving import make_server

from app import create_app
from kernel import jobs
from kernel.clock import ShiftedClock
from kernel.outside import LocalBlobs, MailDrop, Outside, system_entropy
from kernel.settings import Settings


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    offset = datetime.fromisoformat(told["now"]) - datetime.now(UTC)
    folder = Path(told["folder"])
    settings = Settings(
        database_url=told["database_url"],
        data_folder=folder,
        secret_key=told["secret_key"],
        log_seed=base64.b64decode(told["log_seed"]),
        platform_seed=base64.b64decode(told["platform_seed"]),
        base_url="http://localhost",
        password_memory_kib=64,
        rate_limits=False,
    )
    clock = ShiftedClock(offset + timedelta(minutes=1))
    app = create_app(settings, Outside(clock, system_entropy, MailDrop(), LocalBlobs(folder / "blobs")))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    stop = threading.Event()
    for work in (server.serve_forever, lambda: jobs.run_sequencer(app.extensions["sunroad"], stop)):
        threading.Thread(target=work, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
