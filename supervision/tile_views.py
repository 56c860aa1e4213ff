"""The log as C2SP serves it: checkpoint, tiles, entry bundles, trust policy. Mirrors need nothing else.

Source: C2SP tlog-tiles, tlog-policy; spec sealing §7.2. Format: docs/formats/log.md.
"""

from __future__ import annotations

import sqlalchemy as sa
from flask import Response

from kernel.errors import NotFound
from kernel.ledger import sequencer, trust
from kernel.ledger.models import LogEntry, LogTile
from kernel.web import platform, public, read
from sealbid.errors import SealError
from sealbid.merkle import HASH_BYTES
from sealbid.tiles import HEIGHT, WIDTH, bundle, parse_tile_path
from supervision.doors import views

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FOR_EVER = "public, max-age=31536000, immutable"


def _answer(data: bytes | str, media: str, cache: str) -> Response:
    response = Response(data, content_type=media)
    response.headers["Cache-Control"] = cache
    response.headers["Access-Control-Allow-Origin"] = "*"  # public data; auditors' pages may read it
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Vary"] = "Accept-Encoding"
    response.add_etag()
    return response


@views.get("/log/checkpoint")
@public
def checkpoint() -> Response:
    """The newest checkpoint with a quorum of cosignatures; the newest signed one while there is none."""
    with read() as session:
        size = trust.newest_witnessed_size(session, platform().settings) or sequencer.head(session).size
        text = sequencer.cosigned_note(session, size) if size else None
    if text is None:
        raise NotFound("log_empty")
    return _answer(text, TEXT, "public, max-age=5")


@views.get("/log/trust")
@public
def trust_policy() -> Response:
    """The tlog-policy text: log key, witnesses and quorum."""
    return _answer(trust.trust_text(platform().settings), TEXT, "public, max-age=300")


@views.get("/log/tile/<path:address>")
@public
def tile(address: str) -> Response:
    """A tile of hashes, or with ``entries`` a bundle of entries; full or partial, never a byte more."""
    try:
        level, n, width = parse_tile_path(f"tile/{address}")
    except SealError:
        raise NotFound("tile_unknown", address=address) from None
    with read() as session:
        size = sequencer.head(session).size
        if isinstance(level, str):
            if n * WIDTH + width > size:
                raise NotFound("tile_unknown", address=address)
            entries = session.scalars(
                sa.select(LogEntry.entry)
                .where(LogEntry.idx >= n * WIDTH, LogEntry.idx < n * WIDTH + width)
                .order_by(LogEntry.idx)
            ).all()
            data = bundle(bytes(entry) for entry in entries)
        else:
            whole = size >> (HEIGHT * level) if level < 8 else 0
            found = session.scalar(sa.select(LogTile.data).where(LogTile.level == level, LogTile.n == n))
            if found is None or n * WIDTH + width > whole:
                raise NotFound("tile_unknown", address=address)
            data = bytes(found)[: width * HASH_BYTES]
    return _answer(data, BYTES, FOR_EVER)
