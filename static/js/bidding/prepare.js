/**
 * The sealing page: checks the policy, seals in this browser, keeps the bidder's own key, uploads sealed bytes.
 * Amounts and files never leave this module unencrypted. Source: spec sealing §4–§6, §11.
 */
import { capitals, fen } from "../ui/money.js";
import { makeKey } from "../identity/vault.js";
import { post as postPlain } from "../identity/bytes.js";
import * as seal from "../seal/index.js";
import { pageData, post, save, sentence, submissionOf, upload } from "./calls.js";
import { companySigner, usableKeys } from "./company.js";
import { lock, recoveryCode, unlock } from "./lockbox.js";
import { refuse, soundPolicyOf } from "./policy.js";

const kit = pageData();
const words = pageData("page-words");
const $ = (id) => document.getElementById(id);
const form = $("bid-form");
const steps = [...document.querySelectorAll(".sr-steps > li")];
const KINDS = { pdf: "25504446", zip: "504b0304", docx: "504b0304", xlsx: "504b0304", ofd: "504b0304", png: "89504e47", jpg: "ffd8ff" };
let policy = null;
let sealed = null; // { bid, parts, commit, bidKey, lot }
let keyKept = false;
let busy = false;
let finished = false;
let release = null; // resolves while paused

const fail = (error) => {
  const place = $("trouble");
  place.hidden = false;
  place.querySelector("[data-trouble]").textContent = sentence(error, words);
  place.scrollIntoView({ block: "nearest" });
  place.focus({ preventScroll: true }); // or a keyboard would go on from the button, a page below the sentence
};
const light = (colour, text) => {
  const node = $(`light-${colour}`).content.cloneNode(true);
  node.querySelector("span > span").textContent = text;
  return node;
};

function stepTo(now) {
  steps.forEach((item, at) => {
    item.classList.remove("sr-step-done", "sr-step-now", "sr-step-next");
    item.classList.add(at < now ? "sr-step-done" : at === now ? "sr-step-now" : "sr-step-next");
    item.querySelector(".sr-step-node").replaceChildren(...(at < now ? [$("tick").content.cloneNode(true)] : []));
    item.toggleAttribute("aria-current", at === now);
    if (at === now) item.setAttribute("aria-current", "step");
  });
}

async function checkKey() {
  const usable = await usableKeys(kit);
  $("key-check").replaceChildren(light(usable.length ? "g" : "y", usable.length ? words.key_ok : words.key_missing));
  $("make-key").hidden = usable.length > 0;
  return usable;
}

$("make-key").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-make-key]");
  if (!button) return;
  try {
    const key = await makeKey();
    const { kid } = await postPlain(button.dataset.makeKey, { name: button.dataset.name, spki: key.spki });
    await key.keep(kid);
    kit.keys.push({ kid, kind: "software", credential_id: null, transports: [] });
    await checkKey();
  } catch (error) {
    if (error.problem?.code === "step_up_needed") location.assign(button.dataset.stepUp);
    else fail(error);
  }
});

const signer = companySigner(kit);

// ---------- the bid that this one replaces ----------
const lotNow = () => form.elements.namedItem("lot").value;
const older = () => kit.replaces[lotNow()] ?? "";

function drawReplacing() {
  const lost = form.elements.namedItem("old_lost").checked;
  $("replacing").hidden = older() === "";
  $("replacing").querySelector("[data-old]").textContent = older();
  $("old-key").hidden = lost;
  $("old-lost").hidden = !lost;
}

/** The older bid's key signs that it makes room; the company signs where that key is lost. */
async function replacing() {
  const bid = older();
  if (!bid) return undefined;
  if (form.elements.namedItem("old_lost").checked) return { bid, sign: signer, lostBy: kit.bidder.uscc };
  const [file] = form.elements.namedItem("old_sbkey").files;
  if (!file) throw refuse("old_key_missing");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const key = seal.jcs.decode(await unlock(bytes, form.elements.namedItem("old_passphrase").value, "bid-secret"));
  if (key.bid !== bid) throw refuse("wrong_bid");
  return { bid, sign: await seal.seedSigner(seal.unb64(key.bk, 32)) };
}

// ---------- what was typed and chosen ----------

function openingItems() {
  const amount = fen(form.elements.namedItem("price").value);
  if (!amount) throw refuse("price_missing");
  if (amount > fen(kit.lots[lotNow()].ceiling)) throw refuse("price_ceiling");
  const items = { price: `${amount / 100n}.${String(amount % 100n).padStart(2, "0")}`, currency: "CNY" };
  const days = Number.parseInt(form.elements.namedItem("period_days").value, 10);
  if (days > 0) items.period_days = days;
  for (const name of ["quality", "manager"]) {
    const text = form.elements.namedItem(name).value.trim();
    if (text) items[name] = text;
  }
  return items;
}

const fileInputs = () => [...form.querySelectorAll("input[type=file][data-part]")];

function contents() {
  const found = { price: { opening: openingItems() } };
  let size = 0;
  for (const input of fileInputs()) {
    if (input.files.length === 0) throw refuse("files_missing");
    found[input.dataset.part] = { files: [...input.files] };
    for (const file of input.files) size += file.size;
  }
  if (size > kit.bytes_max * 0.85) throw refuse("too_large"); // sealing pads by up to 12 %
  return Object.fromEntries(policy.policy.parts.map((part) => [part, found[part] ?? {}]));
}

// ---------- the table ----------
const jobs = $("jobs").querySelector("tbody");

function addRow(name, part, size) {
  const row = $("job-row").content.cloneNode(true).firstElementChild;
  row.querySelector("[data-name]").textContent = name;
  row.querySelector("[data-state]").textContent = words.queued;
  Object.assign(row.dataset, { part, size: String(size) });
  row.querySelector("progress").setAttribute("aria-label", name);
  jobs.append(row);
  return row;
}

/** A glance at the first bytes: an empty file or another kind of content is better noticed now. */
async function look(row, file) {
  const kind = KINDS[file.name.split(".").pop().toLowerCase()];
  const head = seal.hex(new Uint8Array(await file.slice(0, 8).arrayBuffer()));
  const fits = !kind || head.startsWith(kind);
  const colour = file.size === 0 || !fits ? "y" : "g";
  const text = file.size === 0 ? words.file_empty : fits ? words.file_ok : words.file_type;
  row.querySelector("[data-check]").replaceChildren(light(colour, text));
}

function drawJobs() {
  jobs.replaceChildren();
  addRow(words.price_row, "price", 0).querySelector("[data-check]").replaceChildren(light("g", words.file_ok));
  for (const input of fileInputs()) {
    for (const file of input.files) look(addRow(`${file.name}  ${(file.size / 1e6).toFixed(1)} MB`, input.dataset.part, file.size), file);
  }
}

const rowsOf = (part) => [...jobs.querySelectorAll(`tr[data-part="${part}"]`)];

/** Spread a part's progress over its files, in their order in the bundle. */
function drawPart(part, share, state) {
  const rows = rowsOf(part);
  const total = rows.reduce((sum, row) => sum + Number(row.dataset.size), 0);
  let done = share * total;
  for (const row of rows) {
    const size = Number(row.dataset.size);
    const own = total === 0 || size === 0 ? share : Math.min(1, Math.max(0, done / size));
    row.querySelector("progress").value = own;
    row.querySelector("[data-state]").textContent = own > 0 || share >= 1 ? state : words.queued;
    done -= size;
  }
}

function drawTotal(done, total) {
  $("total").max = total || 1;
  $("total").value = done;
  $("total-text").textContent = `${(done / 1e6).toFixed(1)} / ${(total / 1e6).toFixed(1)} MB`;
}

// ---------- sealing ----------
function unseal() {
  if (!sealed) return;
  [sealed, keyKept] = [null, false];
  $("key-file").hidden = true;
  allowSubmit();
  drawJobs();
  stepTo(1);
  $("progress-line").textContent = words.changed;
}

function allowSubmit() {
  const ready = sealed !== null && keyKept && !busy;
  $("submit").disabled = !ready;
  const why = $("submit").nextElementSibling;
  if (why?.classList.contains("sr-why")) {
    why.hidden = ready || busy;
    why.textContent = sealed ? words.key_first : words.encrypt_first;
  }
}

form.addEventListener("input", (event) => {
  if (event.target.closest("#key-file")) return;
  unseal();
  if (event.target.dataset.part) drawJobs();
  drawReplacing();
  if (event.target.name === "lot") {
    const price = form.elements.namedItem("price");
    price.dataset.ceiling = kit.lots[lotNow()].ceiling;
    price.dispatchEvent(new Event("input", { bubbles: false }));
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy || sealed) return;
  $("trouble").hidden = true;
  busy = true;
  $("seal").disabled = true;
  try {
    policy ??= await soundPolicyOf(kit);
    if ((await checkKey()).length === 0) throw refuse("no_key");
    const parts = contents();
    const older = await replacing();
    drawJobs();
    stepTo(3);
    const lot = lotNow();
    const made = await seal.sealParts({
      policy: policy.policy, policyDigest: policy.digest, lot, bidder: kit.bidder, parts, signer,
      replacing: older,
      onProgress: ({ part, done, total }) => drawPart(part, total ? done / total : 1, words.sealing),
    });
    sealed = { ...made, lot };
    for (const { part, root } of made.parts) {
      drawPart(part, 1, words.sealed);
      for (const row of rowsOf(part)) {
        row.querySelector("[data-root]").textContent = `${seal.hex(root).slice(0, 8)}…${seal.hex(root).slice(-6)}`;
        row.querySelector("[data-root]").title = seal.hex(root);
      }
    }
    drawTotal(0, made.parts.reduce((sum, { size }) => sum + size, 0));
    $("key-file").hidden = false;
    form.elements.namedItem("passphrase").focus();
  } catch (error) {
    stepTo(0);
    fail(error);
  } finally {
    busy = false;
    $("seal").disabled = false;
    allowSubmit();
  }
});

// ---------- the bidder's own key ----------
$("save-key").addEventListener("click", async () => {
  const [one, two] = ["passphrase", "passphrase2"].map((name) => form.elements.namedItem(name));
  try {
    if (one.value !== two.value) throw refuse("passphrases_differ");
    const file = await lock(seal.jcs.encode(await seal.keyFileOf(sealed, sealed.lot)), one.value, "bid-secret");
    save(`${seal.hex(sealed.bid)}.sbkey`, file);
    keyKept = true;
    $("trouble").hidden = true;
    $("progress-line").textContent = words.saved;
    [one.value, two.value] = ["", ""];
    stepTo(4);
    allowSubmit();
    $("key-trouble").hidden = true;
  } catch (error) {
    $("key-trouble").textContent = sentence(error, words); // beside the fields it is about
    $("key-trouble").hidden = false;
    (error.code === "passphrases_differ" ? two : one).focus();
  }
});

$("show-codes").addEventListener("click", async () => {
  const list = $("code-list");
  list.replaceChildren();
  for (const { part, secret } of sealed.parts) {
    const [term, code] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = part;
    code.className = "sr-mono";
    code.textContent = await recoveryCode(part, secret);
    list.append(term, code);
  }
  $("codes").showModal();
});

$("codes-kept").addEventListener("click", () => {
  $("codes").close();
  $("code-list").replaceChildren();
  keyKept = true;
  stepTo(4);
  allowSubmit();
});

// ---------- submitting ----------
$("submit").addEventListener("click", () => {
  const items = openingItems();
  const dialog = $("confirm-bid");
  dialog.querySelector(".sr-confirm-amount b").textContent = form.elements.namedItem("price").value;
  dialog.querySelector(".sr-confirm-amount .sr-capitals").textContent = `人民币${capitals(fen(items.price))}`;
  dialog.querySelector("[data-confirm-lot]").textContent = sealed.lot;
  dialog.querySelector("[data-confirm-files]").textContent = String(fileInputs().reduce((sum, { files }) => sum + files.length, 0));
  dialog.showModal();
});

const held = () => release?.promise;
$("pause").addEventListener("click", () => {
  if (release) {
    release.go();
    release = null;
  } else {
    let go;
    release = { promise: new Promise((resolve) => { go = resolve; }), go: () => go() };
  }
  $("pause").textContent = release ? words.resume : words.pause;
  $("progress-line").textContent = release ? words.paused : words.uploading;
});

/** Cards beside the seal may have a word to send with the bid; whatever becomes of it, the bid goes on. */
async function beforeComplete(bid) {
  const waits = [];
  const detail = { bid, tender: kit.tender, files: fileInputs().flatMap(({ files }) => [...files]), wait: (promise) => waits.push(promise) };
  document.dispatchEvent(new CustomEvent("sr:bid-uploaded", { detail }));
  const late = new Promise((resolve) => { setTimeout(resolve, 8000); });
  await Promise.race([Promise.allSettled(waits), late]);
}

async function send() {
  const bid = seal.hex(sealed.bid);
  const base = `/api/v1/bids/${bid}`;
  if (!sealed.committed) await post(`${kit.base}/bids`, submissionOf(sealed));
  sealed.committed = true;
  const state = await (await fetch(base, { headers: { Accept: "application/json" } })).json();
  const total = sealed.parts.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const { part, blob, size, blockHashes } of sealed.parts) {
    let own = 0;
    const onProgress = (bytes) => {
      [own, done] = [own + bytes, done + bytes];
      drawPart(part, own / size, own >= size ? words.uploaded : words.uploading);
      drawTotal(done, total);
    };
    const { missing } = state.parts.find((one) => one.part === part);
    const onRetry = (attempt) => { $("progress-line").textContent = `${words.retry} (${attempt})`; };
    const headerBytes = (await seal.readHeader(blob)).raw.length;
    await upload({ base: `${base}`, part, blob, headerBytes, blocks: blockHashes.length, missing, onProgress, onRetry, held });
    drawPart(part, 1, words.uploaded);
  }
  await beforeComplete(bid);
  await post(`${base}/complete`, {});
  finished = true;
  $("progress-line").textContent = words.done;
  location.assign(`/bids/${bid}`);
}

$("really-submit").addEventListener("click", async () => {
  $("confirm-bid").close();
  $("trouble").hidden = true;
  busy = true;
  allowSubmit();
  $("seal").disabled = true;
  $("pause").hidden = false;
  $("progress-line").textContent = words.uploading;
  try {
    await send();
  } catch (error) {
    busy = false;
    $("pause").hidden = true;
    $("seal").disabled = false;
    allowSubmit();
    fail(error);
  }
});

addEventListener("beforeunload", (event) => {
  if (sealed && !finished) event.preventDefault();
});

drawJobs();
drawReplacing();
checkKey();
try {
  policy = await soundPolicyOf(kit);
  $("policy-check").replaceChildren(light("g", words.policy_ok));
} catch (error) {
  $("policy-check").replaceChildren(light("r", sentence(error, words)));
  fail(error);
}
document.documentElement.dataset.sealReady = "yes";
