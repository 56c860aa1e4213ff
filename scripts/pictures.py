"""Take the pictures of docs/pictures/ from a running demonstration: python scripts/pictures.py [--url …] [NAME …].

It signs in with the demonstration's accounts and seals a real bid for the pictures of sealing and of the receipt.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page  # noqa: E402

from simulation.demo import PASSWORD  # noqa: E402
from tests.support.browser import NARROW, WIDE, Visitor, a_browser  # noqa: E402

OUT = ROOT / "docs" / "pictures"
BYTES_MAX = 250 * 1024
PASSPHRASE = "eleven quiet lanterns"


CALM = """async (packed) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${packed}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  for (let at = 0; at < pixels.data.length; at += 1) pixels.data[at] |= 3;
  context.putImageData(pixels, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}"""


def smaller(png: bytes) -> bytes:
    """The same picture, its pixels packed as tightly as zlib can."""
    head, chunks, at = png[:8], [], 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        chunks.append((kind, png[at + 8 : at + 8 + length]))
        at += length + 12
    pixels = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    packed = zlib.compress(pixels, 9)
    kept = [(kind, body) for kind, body in chunks if kind in (b"IHDR", b"PLTE", b"tRNS")]
    out = [*kept, (b"IDAT", packed), (b"IEND", b"")]
    return head + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in out
    )


Taker = Callable[["Camera"], None]
TAKERS: dict[str, Taker] = {}


class Camera:
    """A browser before a running demonstration; each person's window is opened once."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self._windows: dict[tuple[str, str, tuple[int, int]], Visitor] = {}

    def window(self, who: str = "", *, lang: str = "zh-CN", size: tuple[int, int] = WIDE) -> Page:
        key = (who, lang, size)
        if key not in self._windows:
            visitor = Visitor(self.browser, self.url, lang=lang, size=size, timezone_id="Asia/Shanghai")
            self._windows[key] = visitor.sign_in(f"{who}@example.org", PASSWORD) if who else visitor
        return self._windows[key].page

    def take(self, name: str, page: Page) -> None:
        """Save what the window shows; a picture is what fits on a screen, never a whole long page."""
        page.evaluate("() => document.fonts.ready.then(() => true)")
        page.wait_for_timeout(400)
        file = OUT / f"{name}.png"
        page.screenshot(path=file)
        png = smaller(file.read_bytes())
        if len(png) > BYTES_MAX:
            png = smaller(self.calmed(png))
        file.write_bytes(png)
        size = file.stat().st_size
        print(f"{file.relative_to(ROOT)}  {size // 1024} KiB{'  TOO LARGE' if size > BYTES_MAX else ''}")

    def calmed(self, png: bytes) -> bytes:
        """The picture without the noise that a browser strews into gradients: two bits less of each colour."""
        with self.browser.new_context() as fresh:
            page = fresh.new_page()
            packed: str = page.evaluate(CALM, base64.b64encode(png).decode())
        return base64.b64decode(packed)

    def tenders(self, standing: str, regime: str = "") -> list[str]:
        """Codes of tenders that stand there, newest first."""
        with self.browser.new_context(base_url=self.url) as fresh:
            found = json.loads(fresh.request.get("/api/v1/tenders?limit=100").text())["items"]
        return [one["code"] for one in found if one["standing"] == standing and regime in ("", one["regime"])]

    def tender(self, standing: str, regime: str = "") -> str:
        found = self.tenders(standing, regime)
        if not found:
            raise SystemExit(f"the demonstration has no tender that is {standing}")
        return found[0]


def picture(taker: Taker) -> Taker:
    TAKERS[taker.__name__] = taker
    return taker


def _shoot(
    camera: Camera, name: str, path: str, who: str = "", lang: str = "zh-CN", size: tuple[int, int] = WIDE
) -> Page:
    page = camera.window(who, lang=lang, size=size)
    page.goto(path)
    camera.take(name, page)
    return page


@picture
def home(camera: Camera) -> None:
    _shoot(camera, "home", "/")
    _shoot(camera, "home-en", "/", lang="en")
    _shoot(camera, "home-mobile", "/", size=NARROW)


@picture
def notices(camera: Camera) -> None:
    _shoot(camera, "notices", "/notices")


@picture
def statistics(camera: Camera) -> None:
    _shoot(camera, "statistics", "/statistics")
    _shoot(camera, "statistics-mobile", "/statistics", size=NARROW)


@picture
def tender(camera: Camera) -> None:
    path = f"/tenders/{camera.tender('tendering', 'TM')}"
    _shoot(camera, "tender", path)
    _shoot(camera, "tender-mobile", path, size=NARROW)


@picture
def wizard(camera: Camera) -> None:
    page = camera.window("buyer")
    for number in ("", "1", "2"):
        page = camera.window(f"buyer{number}")
        page.goto("/desk")
        draft = page.locator("a[href*='/desk/tenders/']").filter(has_not_text="?").all()
        paths = [one.get_attribute("href") or "" for one in draft]
        codes = {
            found[1] for path in paths if (found := re.match(r"/desk/tenders/([^/]+)(?:/basics)?$", path))
        }
        for code in codes:
            page.goto(f"/desk/tenders/{code}/dates")
            if page.url.endswith("/dates"):
                camera.take("wizard", page)
                return
    raise SystemExit("nobody in the demonstration has a draft")


@picture
def seal(camera: Camera) -> None:
    """Also the receipt, which needs a bid that is sealed and submitted."""
    page = camera.window("bidder")
    page.goto(f"/tenders/{camera.tender('tendering', 'TM')}/bid")
    page.wait_for_selector("html[data-seal-ready]")
    if page.locator("#make-key").is_visible():
        page.locator("[data-make-key]").click()
        page.locator("#key-check .sr-light-g").wait_for()
    ceiling = float(
        (page.locator("[name=price]").get_attribute("data-ceiling") or "1000000").replace(",", "")
    )
    page.locator("[name=price]").fill(f"{ceiling * 0.93:.2f}")
    page.locator("[name=period_days]").fill("120")
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("技术方案.pdf", 900_000), ("商务文件.pdf", 300_000)):
            Path(folder, name).write_bytes(b"%PDF-1.7\n" + bytes(size))
        page.locator("input[type=file][data-part]").set_input_files(sorted(Path(folder).iterdir()))
        page.locator("#seal").click()
        page.locator("#key-file").wait_for()
    page.evaluate("() => scrollTo(0, 0)")
    camera.take("seal", page)
    for name in ("passphrase", "passphrase2"):
        page.locator(f"[name={name}]").fill(PASSPHRASE)
    with page.expect_download():
        page.locator("#save-key").click()
    page.locator("#submit").click()
    page.locator("#really-submit").click()
    page.wait_for_url(re.compile(r"/bids/[0-9a-f]{32}$"))
    page.locator("#proof-light[data-state=witnessed]").wait_for(timeout=60_000)
    page.reload()
    page.locator("#climb li:nth-child(2)").wait_for()
    camera.take("receipt", page)


@picture
def opening(camera: Camera) -> None:
    page = camera.window("supervisor")
    for code in [*camera.tenders("opening"), *camera.tenders("evaluation")]:
        page.goto(f"/tenders/{code}/opening")
        if page.locator("#talk .sr-msg").count():  # the demonstration talks in one hall only
            page.locator("#talk").evaluate("(talk) => { talk.scrollTop = talk.scrollHeight; }")
            camera.take("opening", page)
            return
    raise SystemExit("nobody said anything in an opening hall")


@picture
def evaluation(camera: Camera) -> None:
    for number in ("", *map(str, range(1, 12))):
        page = camera.window(f"expert{number}")
        page.goto("/desk/panels")
        rooms = page.locator("a[href^='/evaluation/']:not([href$='/report'])")
        for path in [one.get_attribute("href") or "" for one in rooms.all()]:
            page.goto(path)
            if page.locator("[data-ev-factor]").count():
                camera.take("evaluation", page)
                return
    raise SystemExit("no expert has a sheet to fill in")


@picture
def report(camera: Camera) -> None:
    for standing in ("standstill", "awarded"):
        for code in camera.tenders(standing, "TM"):
            for number in ("", "1", "2"):
                page = camera.window(f"buyer{number}")
                answer = page.goto(f"/evaluation/{code}/report")
                if answer and answer.ok and page.locator(".ev-dots").count():
                    camera.take("report", page)
                    return
    raise SystemExit("no report with scores is there")


@picture
def log(camera: Camera) -> None:
    page = _shoot(camera, "log", "/log")
    page.goto(f"/log?by=tender&q={camera.tender('awarded')}")
    entries = page.locator("main a").evaluate_all(
        "(all) => all.map((one) => one.pathname).filter((path) => /^\\/log\\/[0-9]+$/.test(path))"
    )
    page.goto(entries[len(entries) // 2])
    page.wait_for_timeout(1500)
    camera.take("log-entry", page)


@picture
def supervisor(camera: Camera) -> None:
    _shoot(camera, "supervisor", "/supervision", "supervisor")


@picture
def custodian(camera: Camera) -> None:
    _shoot(camera, "custodian", "/custody", "custodian")


# ---- the auction hall -------------------------------------------------------------------------------------------


def _hall(
    camera: Camera,
    name: str,
    title: str,
    *,
    lang: str = "zh-CN",
    size: tuple[int, int] = WIDE,
    dark: bool = False,
) -> Page:
    """The demonstration bidder's room of a running auction; the words of its title say which."""
    with camera.browser.new_context(base_url=camera.url) as fresh:
        found = json.loads(fresh.request.get("/api/v1/auctions").text())["auctions"]
        live = [one["id"] for one in found if one["stage"] == "live" and title in one["terms"]["format"]]
    if not live:
        raise SystemExit(f"the demonstration has no running auction of the format {title}")
    page = camera.window("bidder", lang=lang, size=size)
    page.goto(f"/auctions/{live[0]}?lang={lang}")
    if dark:
        page.evaluate("localStorage.setItem('sr-theme', 'dark')")
        page.reload()
    page.locator("[data-sr-net]:not([data-state=connecting])").wait_for()
    camera.take(name, page)
    if dark:
        page.evaluate("localStorage.removeItem('sr-theme')")
    return page


def _rehearse(camera: Camera, kind: str, *, lang: str = "zh-CN", size: tuple[int, int] = WIDE) -> Page:
    """Into a rehearsal of a format, until bidding runs."""
    page = camera.window("bidder", lang=lang, size=size)
    page.goto("/auctions/rehearsal")
    page.locator(f"input[value={kind}]").check()
    page.locator("form[action$='/rehearsal'] button").last.click()
    page.wait_for_selector("#phase")
    return page


@picture
def auction_hall(camera: Camera) -> None:
    """The printed formats of the demonstration's live auctions: a blind purchase and a listing."""
    page = _hall(camera, "auction-reverse", "blind_reverse")
    for step in (2, 3, 1):
        page.locator("#steps button").nth(step).click()
        page.locator("#review").click()
        page.locator("#confirm-yes").click()
        page.locator("#answer .sr-notice-g").wait_for()
        page.wait_for_timeout(4000)
    _hall(camera, "auction-reverse", "blind_reverse")
    _hall(camera, "auction-reverse-en", "blind_reverse", lang="en")
    _hall(camera, "auction-reverse-dark", "blind_reverse", dark=True)
    _hall(camera, "auction-mobile", "blind_reverse", size=NARROW)
    _hall(camera, "auction-land", "listing")


@picture
def auction_clock(camera: Camera) -> None:
    """A falling price, a moment before it is taken."""
    page = _rehearse(camera, "dutch")
    page.locator("#clock-price", has_text="288").wait_for(timeout=120_000)
    page.locator("#accept").click()
    camera.take("auction-dutch", page)


@picture
def auction_turns(camera: Camera) -> None:
    """Rounds of turns: an opening price, then one's own turn."""
    page = _rehearse(camera, "turn_based")
    page.locator("#amount").fill("5,790,000")
    page.locator("#review").click()
    page.locator("#confirm-yes").click()
    page.wait_for_selector("#order li", timeout=90_000)
    page.locator("#amount:enabled").wait_for(timeout=240_000)
    camera.take("auction-turns", page)


@picture
def auction_weighted(camera: Camera) -> None:
    """A weighted offer, under review."""
    page = _rehearse(camera, "weighted", size=NARROW)
    page.locator("#amount:enabled").wait_for(timeout=60_000)
    page.locator("#amount").fill("5,500,000")
    page.locator("[data-item]").fill("5")
    page.locator("#review").click()
    page.locator("#confirm").scroll_into_view_if_needed()
    camera.take("auction-weighted", page)


@picture
def auction_rehearsals(camera: Camera) -> None:
    """The formats anybody may rehearse."""
    page = camera.window("bidder")
    page.goto("/auctions/rehearsal")
    camera.take("auction-formats", page)


@picture
def auction_replay(camera: Camera) -> None:
    """The finished auction with most offers, played in the middle."""
    page = camera.window()
    page.goto("/auctions")
    ways = [str(one.get_attribute("href")) for one in page.locator("a[href$='/replay']").all()]

    def told(way: str) -> int:
        return len(page.request.get(way.removesuffix("/replay") + "/frames").json()["frames"])

    page.goto(max(ways, key=told))
    page.wait_for_selector("#verdict[data-state=g]", timeout=60_000)
    page.locator("#seek").fill("700")
    camera.take("auction-replay", page)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*TAKERS, []], help="only these pictures")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the demonstration")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with a_browser("zh-CN") as browser:
        camera = Camera(browser, args.url.rstrip("/"))
        for name in args.names or TAKERS:
            TAKERS[name](camera)
    return 0


if __name__ == "__main__":
    sys.exit(main())
