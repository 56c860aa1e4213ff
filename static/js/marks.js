/**
 * The consent card of the sealing page: when the box is ticked, marks of this browser and of the files go with the bid.
 * Every mark is SHA-256 over tender, kind and value, so that one value gives another mark in every tender.
 * Format: docs/formats/client-traces.md. Without consent nothing is computed, kept or sent.
 */
import { sha256, sha256OfBlob } from "./seal/sha256.js";
import { hex } from "./seal/octets.js";
import { post } from "./bidding/calls.js";

const box = document.querySelector("[data-marks]");
const NAME = "sunroad mark";
const FILES_MOST = 200;

const salted = async (tender, kind, value) => hex(await sha256(new TextEncoder().encode(["sunroad trace v1", tender, kind, value].join("\0"))));

/** A random value this browser keeps for itself; only salted hashes of it ever leave. */
function own() {
  let value = localStorage.getItem(NAME);
  if (!/^[0-9a-f]{64}$/.test(value ?? "")) {
    value = hex(crypto.getRandomValues(new Uint8Array(32)));
    localStorage.setItem(NAME, value);
  }
  return value;
}

async function give({ bid, tender, files }) {
  const documents = [];
  for (const file of files.slice(0, FILES_MOST)) documents.push(await salted(tender, "document", hex(await sha256OfBlob(file))));
  const device = { browser: await salted(tender, "browser", own()) };
  await post(`/api/v1/bids/${bid}/traces`, { consent: box.dataset.marks, device, documents });
}

if (box) {
  document.addEventListener("sr:bid-uploaded", ({ detail }) => {
    if (box.checked) detail.wait(give(detail));
  });
  box.addEventListener("change", () => {
    if (!box.checked) localStorage.removeItem(NAME);
  });
}
