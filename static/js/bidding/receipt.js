/**
 * The receipt page: checks the proof in this browser, rehearses the opening, withdraws, offers the bidder's own key.
 * Source: spec sealing §6, §6.1, §8.5.
 */
import { ask } from "../ui/dialog.js";
import * as seal from "../seal/index.js";
import { download, get, pageData, post, sentence } from "./calls.js";
import { companySigner } from "./company.js";
import { secretOfCode, unlock } from "./lockbox.js";
import { verifyProof } from "./proof.js";

const kit = pageData();
const words = pageData("page-words");
const $ = (id) => document.getElementById(id);
const refuse = (code) => Object.assign(new Error(code), { code });

function light(colour, text) {
  const node = $(`light-${colour}`).content.cloneNode(true);
  node.querySelector("span > span").textContent = text;
  return node;
}

function fail(error) {
  $("trouble").hidden = false;
  $("trouble").querySelector("[data-trouble]").textContent = sentence(error, words);
}

// ---------- the proof ----------
function climbStep(title, code, kind = "") {
  const [item, box] = [document.createElement("li"), document.createElement("b")];
  if (kind) item.className = kind;
  box.textContent = title;
  item.append(box);
  if (code) {
    const hash = document.createElement("code");
    hash.textContent = code;
    item.append(hash);
  }
  $("climb").append(item);
}

function drawClimb({ hashes, root, size, witnesses, index }) {
  const short = (bytes) => seal.hex(bytes).slice(0, 6);
  const shown = hashes.slice(0, 3);
  while ($("climb").children.length > 1) $("climb").lastElementChild.remove();
  shown.forEach((hash, at) => climbStep(words.step.replace("{n}", String(at + 1)), short(hash)));
  if (hashes.length > shown.length) climbStep(`… ${hashes.length - shown.length} ${words.more}`, "");
  climbStep(words.root, seal.b64(root).slice(0, 12), "sr-climb-root");
  const seen = witnesses.length ? witnesses.join(", ") : words.nobody;
  $("proof-note").textContent = `${words.size} ${size} · #${index} · ${words.seen} ${seen}`;
}

/** Check signature, record and proof; until witnesses have signed, look again every few seconds. */
async function checkReceipt(tries = 0) {
  const receipt = await (await get(kit.receipt)).json();
  const { sig, ...body } = receipt;
  try {
    await seal.verify(sig, "receipt", body, seal.unb64(kit.platform_key));
  } catch {
    throw refuse("receipt_forged");
  }
  if (receipt.record.body.bid !== kit.bid) throw refuse("receipt_forged");
  if (!receipt.proof) $("proof-light").replaceChildren(light("n", words.stored));
  else {
    const found = await verifyProof(receipt.record, receipt.proof, kit.trust);
    if ($("climb")) drawClimb(found);
    $("proof-light").replaceChildren(found.witnessed ? light("g", words.verified) : light("i", words.logged));
    $("proof-light").dataset.state = found.witnessed ? "witnessed" : "logged";
    if (found.witnessed && tries > 0) location.reload();
    if (found.witnessed) return;
  }
  if (tries < 60) setTimeout(() => checkReceipt(tries + 1).catch(fail), 3000);
}

// ---------- the bidder's own key ----------
async function keyFile(form) {
  const [file] = form.elements.namedItem("sbkey").files;
  if (!file) throw refuse("key_file_missing");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const found = seal.jcs.decode(await unlock(bytes, form.elements.namedItem("passphrase").value, "bid-secret"));
  if (found.bid !== kit.bid) throw refuse("wrong_bid");
  return found;
}

async function rehearse(form) {
  const key = await keyFile(form);
  const said = $("key-said");
  const place = $("rehearsal");
  const list = document.createElement("ul");
  list.className = "sr-hall-list mt-3";
  for (const { part, root, blocks, size } of kit.parts) {
    let done = 0;
    said.textContent = words.loading;
    const blob = await download(kit.base, part, blocks, (bytes) => {
      done += bytes;
      said.textContent = `${words.loading} ${words[`part_${part}`] ?? part} ${Math.round((100 * done) / size)}%`;
    });
    said.textContent = words.opening;
    const mine = key.parts.find((one) => one.part === part);
    const opened = await seal.openWithSecret(blob, seal.unb64(mine.secret), { lock: seal.unb64(mine.lock), root: seal.unhex(root) });
    const { manifest } = await seal.readBundle(opened.plain);
    const colon = document.documentElement.lang.startsWith("zh") ? "：" : ": ";
    const lines = [...Object.entries(manifest.opening).map(([name, value]) => `${words[`item_${name}`] ?? name}${colon}${value}`), ...manifest.files.map(({ name }) => name)];
    for (const text of lines) {
      const [item, word] = [document.createElement("li"), document.createElement("span")];
      word.textContent = `${words[`part_${part}`] ?? part} · ${text}`;
      item.append(word);
      list.append(item);
    }
  }
  place.replaceChildren(light("g", words.opens), list);
  place.hidden = false;
  said.textContent = "";
}

async function withdraw(form) {
  const lost = form.elements.namedItem("lost").checked;
  const key = lost ? null : await keyFile(form);
  if (!(await ask(lost ? words.sure_lost : words.sure, words.yes, words.no))) return;
  const body = seal.withdrawal(kit.bid, kit.commit_leaf, lost ? kit.uscc : "");
  const signer = lost ? companySigner(kit) : await seal.seedSigner(seal.unb64(key.bk, 32));
  await post(`${kit.base}/withdraw`, { body, sig: await signer("bid-withdraw", body) });
  location.reload();
}

async function offer(form) {
  const lines = (form.elements.namedItem("code")?.value ?? "").split("\n").map((line) => line.trim()).filter(Boolean);
  const key = lines.length ? null : await keyFile(form);
  for (const [at, { part }] of kit.parts.entries()) {
    const mine = key?.parts.find((one) => one.part === part);
    const secret = mine ? mine.secret : seal.b64(await secretOfCode(part, lines[at] ?? ""));
    await post(`${kit.base}/secret`, { part, secret, lock: mine?.lock ?? "" });
  }
  $("key-said").textContent = words.offered;
}

$("key-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  $("trouble").hidden = true;
  $("key-said").classList.remove("sr-bad", "sr-medium");
  const { submitter, target: form } = event;
  submitter.disabled = true;
  try {
    await { rehearse, withdraw, offer }[submitter.value](form);
  } catch (error) {
    $("key-said").textContent = sentence(error, words); // beside the button, not a page above it
    $("key-said").classList.add("sr-bad", "sr-medium");
    $("key-said").scrollIntoView({ block: "nearest" });
  } finally {
    submitter.disabled = false;
  }
});

$("print").addEventListener("click", () => print());
checkReceipt().catch((error) => {
  $("proof-light").replaceChildren(light("r", sentence(error, words)));
  fail(error);
});
