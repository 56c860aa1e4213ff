"""A bid sealed in the offline file, without a network, delivered by hand, opened by the custodians."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import sqlalchemy as sa

from bidding.actions.sealers import release_sealer
from bidding.models import Bid, OpenedPart
from bidding.sealer import sealer_digest, sealer_file
from kernel.money import Money
from kernel.rights import Role
from sealbid import container, jcs, lockbox, signoff
from sealbid.octets import unb64
from sealbid.signatures import Trust
from tests.e2e.bidding_site import Site, axe, chromium
from tests.integration.bidding.deal import Deal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(which("chromium") is None, reason="needs the distribution's Chromium"),
]
PASSPHRASE = "a long passphrase"
JSON_FILE = {"name": "kit.sbkit", "mimeType": "application/json"}
PDF = {"name": "技术文件.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 " + b"z" * 1_500_000}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    yield built
    built.close()


def kept(download: Any, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


def test_sealed_without_a_network_and_delivered_by_hand(site: Site, tmp_path: Path) -> None:
    house = site.house
    release_sealer(house.platform)
    with site.without_csrf():
        deal = Deal(house).publish()
    assert deal.policy.sealer == (sealer_digest(),)
    bidder = house.person(Role.BIDDER)
    with chromium() as browser:
        online = site.context(browser, bidder).new_page()
        mistakes: list[str] = []
        online.on("pageerror", lambda error: mistakes.append(str(error)))
        online.goto("/sealer")
        assert axe(online) == []
        with online.expect_download() as file:
            online.click('a[href="/sealer.html"]')
        sealer = kept(file.value, tmp_path)
        assert sealer.read_bytes() == sealer_file()
        online.goto(f"/tenders/{deal.code}/bid")
        with online.expect_download() as file:
            online.click(f'a[href="/tenders/{deal.code}/bid/kit.sbkit"]')
        kit = kept(file.value, tmp_path)

        away = browser.new_context(offline=True, locale="zh-CN")
        page = away.new_page()
        asked: list[str] = []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(sealer.as_uri())
        page.wait_for_selector('html[data-sealer-ready="yes"]')
        content = json.loads(kit.read_bytes())
        content["record"]["body"]["n"] = 7  # a record of another policy
        page.set_input_files("#kit", {**JSON_FILE, "buffer": json.dumps(content).encode()})
        page.wait_for_selector("#trouble:has-text('材料包里的日志记录不是这份策略')")
        assert page.locator("#policy").is_hidden()
        page.set_input_files("#kit", kit)
        page.wait_for_selector("#policy:not([hidden])")
        assert axe(page) == []
        page.fill("#key-pass", PASSPHRASE)
        with page.expect_download() as file:
            page.click("#make-key")
        identity = kept(file.value, tmp_path)
        page.wait_for_selector("#key-line:not([hidden])")
        spki = page.inner_text("#spki")

        online.goto("/account/keys")
        online.fill("#field-name", "offline")
        online.click("summary:has-text('在别处生成的密钥')")
        online.fill("#field-spki", spki)
        with online.expect_navigation():
            online.click("button[value=outside]")
        assert online.locator("td, th", has_text="offline").count() == 1

        page.set_input_files("#key", identity)
        page.click("#open-key")
        page.fill("#price", "58765432.10")
        page.set_input_files("#part-tech", [PDF])
        for field in ("#pass", "#pass2"):
            page.fill(field, PASSPHRASE)
        page.click("#seal")
        page.wait_for_selector("#trouble:not([hidden])")
        assert "先照公告输入" in page.inner_text("#trouble")
        page.fill("#printed", "0000 0000 0000 0000")
        page.click("#seal")
        page.wait_for_selector("#trouble:has-text('请勿密封')")
        page.fill("#printed", f"{deal.policy.digest.hex()[:16]}")
        page.click("#seal")
        page.wait_for_selector("#done:not([hidden])", timeout=60_000)
        files = []
        for link in page.locator("#out a").all():
            with page.expect_download() as file:
                link.click()
            files.append(kept(file.value, tmp_path))
        assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []

        online.goto(f"/tenders/{deal.code}/deliver")
        online.wait_for_selector("html[data-deliver-ready]")
        online.set_input_files("#field-sealed", files)
        online.wait_for_selector("#trouble:has-text('.sbkey')")
        online.set_input_files("#field-sealed", [one for one in files if one.suffix != ".sbkey"])
        online.wait_for_selector("#found:not([hidden])")
        assert axe(online) == []
        with online.expect_navigation(url="**/bids/*", timeout=60_000):
            online.click("#send")
        bid = online.url.rsplit("/", 1)[1]
        online.wait_for_selector('#proof-light[data-state="witnessed"]')

        online.goto(f"/tenders/{deal.code}/bid")
        with online.expect_download() as file:
            online.click(f'a[href="/tenders/{deal.code}/bid/kit.sbkit"]')
        page.set_input_files("#kit", kept(file.value, tmp_path / "again"))
        page.wait_for_selector("#replacing:not([hidden])")
        assert page.inner_text("#old") == bid
        assert axe(page) == []
        page.fill("#price", "57654321.00")
        for field in ("#pass", "#pass2"):
            page.fill(field, PASSPHRASE)
        page.set_input_files("#part-tech", [PDF])
        page.click("#seal")
        page.wait_for_selector("#trouble:has-text('或声明其已遗失')")
        page.set_input_files("#old-file", [one for one in files if one.suffix == ".sbkey"])
        page.fill("#old-pass", PASSPHRASE)
        page.click("#seal")
        page.wait_for_selector("#done:not([hidden])", timeout=60_000)
        commit = page.locator("#out a", has_text=".commit.json")
        with page.expect_download() as file:
            commit.click()
        said = jcs.decode_object(kept(file.value, tmp_path / "again").read_bytes())
        with house.read() as session:
            older = session.scalars(sa.select(Bid.commit_body).where(Bid.code == bid)).one()
        trust = Trust(at=house.clock.now())
        assert (
            signoff.require_replacement(said["replace"], older=older, newer=said["body"], trust=trust) == ""
        )
        away.close()
        assert mistakes == []

    key = next(one for one in files if one.suffix == ".sbkey")
    secrets = jcs.decode_object(lockbox.unlock(key.read_bytes(), PASSPHRASE, "bid-secret"))
    part = next(one for one in secrets["parts"] if one["part"] == "price")
    with (tmp_path / f"{bid}.price.sb").open("rb") as sealed, (tmp_path / "plain").open("w+b") as plain:
        container.open_with_secret(
            sealed, plain, unb64(part["secret"]), unb64(part["lock"]), root=bytes.fromhex(part["root"])
        )
        plain.seek(0)
        assert b'"price":"58765432.10"' in plain.read()
    with site.without_csrf():
        deal.bids(2)
        deal.close()
        deal.release(1, 3, 5)
    with house.read() as session:
        rows = session.scalars(
            sa.select(OpenedPart).join(Bid, Bid.id == OpenedPart.bid_id).where(Bid.code == bid)
        )
        opened = {row.part: row for row in rows}
    assert opened["price"].way == "custodians"
    assert opened["price"].price == Money.from_yuan("58765432.10")
