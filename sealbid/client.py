"""The platform's calls over the standard library's HTTP: no session, no cookie, a bearer token.

Source: sealing specification §6, §7.2.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.records import Json

ANSWER_BYTES_MAX = 64 << 20
TIMEOUT_SECONDS = 30
JSON = "application/json"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the bearer token to wherever it points."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


@dataclass(frozen=True, repr=False)
class Client:
    """One platform (or witness) and who speaks to it.

    Args:
        base: for example ``https://trade.example.org``; plain http only to the own machine.
        token: bearer token; empty for public calls.
    """

    base: str
    token: str = ""

    def __post_init__(self) -> None:
        host = self.base.partition("://")[2].partition("/")[0].partition(":")[0]
        local = host in {"127.0.0.1", "localhost", "[::1]"}
        if not (self.base.startswith("https://") or (self.base.startswith("http://") and local)):
            raise SealError("client_url", "use https, or http to this machine only")

    def get(self, path: str) -> bytes:
        """The body of a successful answer; ``http_status`` otherwise."""
        return self._send("GET", path, None, JSON)

    def get_json(self, path: str) -> Json:
        """A JSON object, in whatever spacing it came; what is signed in it is re-encoded anyway."""
        return self._json(self.get(path))

    def post(self, path: str, body: object) -> Json:
        """Send canonical JSON, get a JSON object back."""
        return self._json(self._send("POST", path, jcs.encode(body), JSON))

    def post_text(self, path: str, body: bytes) -> bytes:
        """Send plain text, as witnesses expect it."""
        return self._send("POST", path, body, "text/plain; charset=utf-8")

    def put(self, path: str, body: bytes) -> bytes:
        """Send bytes, as block uploads do; repeating changes nothing."""
        return self._send("PUT", path, body, "application/octet-stream")

    def _send(self, method: str, path: str, body: bytes | None, media: str) -> bytes:
        request = urllib.request.Request(self.base.rstrip("/") + path, data=body, method=method)  # noqa: S310
        request.add_header("Accept", f"{JSON}, */*;q=0.5")
        if body is not None:
            request.add_header("Content-Type", media)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                data: bytes = answer.read(ANSWER_BYTES_MAX + 1)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(2000).decode("utf-8", "replace").strip()
            raise SealError("http_status", f"{error.code} {said}", status=error.code) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise SealError("http_unreachable", f"{self.base}: {error}") from error
        if len(data) > ANSWER_BYTES_MAX:
            raise SealError("http_status", "the answer is too long")
        return data

    @staticmethod
    def _json(data: bytes) -> Json:
        try:
            found = json.loads(data)
        except ValueError as error:
            raise SealError("http_status", "the answer is not JSON") from error
        if not isinstance(found, dict):
            raise SealError("http_status", "the answer is not a JSON object")
        return found
