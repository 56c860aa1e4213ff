/** Delivers what was sealed elsewhere: reads the commit, finds its parts, uploads sealed bytes. Source: spec sealing §6, §11. */
import * as seal from "../seal/index.js";
import { get, pageData, post, sentence, upload } from "./calls.js";

const kit = pageData();
const words = pageData("page-words");
const $ = (id) => document.getElementById(id);
const refuse = (code) => Object.assign(new Error(code), { code });
let ready = null; // { submission, parts: [{ part, blob, blocks }] }

function fail(error) {
  $("trouble").hidden = false;
  $("trouble").querySelector("[data-trouble]").textContent = sentence(error, words);
  $("trouble").scrollIntoView({ block: "nearest" });
}

function allow(on) {
  $("send").disabled = !on;
  const why = $("send").nextElementSibling;
  if (why?.classList.contains("sr-why")) why.hidden = on;
}

/** The commit among the chosen files, and every part it names. */
async function read(files) {
  if (files.some(({ name }) => name.endsWith(".sbkey"))) throw refuse("key_among");
  const commits = files.filter(({ name }) => name.endsWith(".json"));
  if (commits.length === 0) throw refuse("commit_missing");
  if (commits.length > 1) throw refuse("commit_several");
  const submission = seal.jcs.decode(new Uint8Array(await commits[0].arrayBuffer()));
  if (submission.body?.tender !== kit.tender) throw refuse("other_tender");
  const headers = new Map();
  for (const blob of files.filter(({ name }) => !name.endsWith(".json"))) {
    const header = await seal.readHeader(blob);
    if (seal.hex(header.bid) === submission.body.bid) headers.set(header.part, { blob, headerBytes: header.raw.length });
  }
  const parts = submission.body.parts.map(({ part, size, blocks }) => {
    const found = headers.get(part);
    if (!found || found.blob.size !== size) throw refuse("part_missing");
    return { part, blocks, ...found };
  });
  return { submission, parts };
}

const input = document.querySelector("#deliver input[type=file]");
input.addEventListener("change", async () => {
  [ready, $("trouble").hidden, $("found").hidden, $("lost").hidden] = [null, true, true, true];
  allow(false);
  if (!input.files.length) return;
  try {
    ready = await read([...input.files]);
    const { bid, lot } = ready.submission.body;
    $("found").querySelector("[data-bid]").textContent = bid;
    $("found").querySelector("[data-lot]").textContent = lot;
    $("found").querySelector("[data-parts]").textContent = ready.parts.map(({ part, blob }) => `${part} ${(blob.size / 1e6).toFixed(1)} MB`).join(", ");
    const { replace } = ready.submission;
    $("found").querySelector("[data-replaces]").textContent = replace?.body.bid ?? "—";
    $("lost").hidden = replace?.body.key !== "lost";
    $("found").hidden = false;
    $("progress-line").textContent = words.ready;
    allow(true);
  } catch (error) {
    fail(error);
  }
});

async function deliver({ submission, parts }) {
  const { bid } = submission.body;
  const base = `/api/v1/bids/${bid}`;
  await post(`${kit.base}/bids`, submission);
  const state = await (await get(base)).json();
  const total = parts.reduce((sum, { blob }) => sum + blob.size, 0);
  let done = 0;
  for (const { part, blob, blocks, headerBytes } of parts) {
    const { missing } = state.parts.find((one) => one.part === part);
    await upload({
      base, part, blob, headerBytes, blocks, missing, held: () => {},
      onProgress: (bytes) => { done += bytes; $("total").value = done / total; },
      onRetry: (attempt) => { $("progress-line").textContent = `${words.retry} (${attempt})`; },
    });
  }
  await post(`${base}/complete`, {});
  $("progress-line").textContent = words.done;
  location.assign(`${kit.receipt}${bid}`);
}

$("deliver").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!ready || $("send").disabled) return;
  $("trouble").hidden = true;
  allow(false);
  input.disabled = true;
  $("progress-line").textContent = words.uploading;
  try {
    await deliver(ready);
  } catch (error) {
    [input.disabled] = [false];
    allow(true);
    fail(error);
  }
});

document.documentElement.dataset.deliverReady = "yes";
