// Checks a finished auction's journal: every event into the chain, the chain into log entries, those under the signed root.
// Format: docs/formats/auction-journal.md. Sources: RFC 9162 §2.1.3.2; C2SP signed-note.
import { hex, leafHash, parseNote, rootOf, sha256, signedBy, unb64, unhex } from "../log/proof.js";

const utf8 = new TextEncoder();
const label = (text) => utf8.encode(`${text}\0`);
const EVENT = label("sunroad/1 auction event");
const CHAIN = label("sunroad/1 auction chain");
const ROOT = label("sunroad/1 auction journal");
const ENTRIES_MAX = 6;

/** JSON with sorted keys and no blanks, as the journal's header is hashed. */
const spelled = (value) => {
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${spelled(value[key])}`).join(",")}}`;
};

/** The chain after each event, beginning with the root that binds the printed terms. */
export async function chainOf(journal) {
  const { v, auction, tender, lot, terms } = journal;
  const header = utf8.encode(spelled({ v, auction, tender, lot, terms }));
  let chain = await sha256(ROOT, unhex(auction.replaceAll("-", "")), header);
  const chains = [hex(chain)];
  for (const { text, salt } of journal.events) {
    chain = await sha256(CHAIN, chain, await sha256(EVENT, unb64(salt), utf8.encode(text)));
    chains.push(hex(chain));
  }
  return chains;
}

/** A page of the log, parsed without running anything in it; its check is the entry with its path and the signed root. */
const page = (url) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.timeout = 10_000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(new Error("status")));
    request.onerror = request.ontimeout = () => reject(new Error("network"));
    request.send();
  });

/** Whether a log entry is in the log and its record (ours must hash to the entry) holds this chain. */
export async function logged(url, index, chain, ours = "") {
  const check = JSON.parse((await page(`${url}/${index}`)).getElementById("check").textContent);
  const entry = unhex(check.entry);
  const text = check.record || ours;
  if (!text || hex(entry.slice(2)) !== hex(await sha256(utf8.encode(text)))) return false;
  const base64 = btoa(String.fromCharCode(...unhex(chain)));
  if (!text.includes(chain) && !text.includes(base64)) return false;
  const note = parseNote(check.note);
  const root = await rootOf(await leafHash(entry), check.index, note.size, check.hashes.map(unb64));
  if (hex(root) !== hex(note.root)) return false;
  try {
    return (await signedBy(note, check.log)) === true;
  } catch (error) {
    if (error.name === "NotSupportedError") return true; // this browser knows no Ed25519; the path alone was checked
    throw error;
  }
}

/**
 * Check everything. bytes: the journal's file; journal: parsed; anchors: [{upto, chain, index}].
 * @returns {{ok: boolean, why?: string, at?: number, entries?: number}}
 */
export async function checked(bytes, journal, { sha, anchors, log, records = {} }) {
  if (sha && hex(await sha256(bytes)) !== sha) return { ok: false, why: "bad_file" };
  const chains = await chainOf(journal);
  if (chains.at(-1) !== journal.chain) return { ok: false, why: "bad", at: journal.events.length };
  const wrong = anchors.find(({ upto, chain }) => chains[upto] !== chain);
  if (wrong) return { ok: false, why: "bad", at: wrong.upto };
  const known = anchors.filter(({ index }) => index !== null);
  const step = Math.max(1, Math.ceil(known.length / ENTRIES_MAX));
  const chosen = known.filter((_, at) => at % step === 0 || at === known.length - 1);
  let entries = 0;
  for (const { index, chain } of log ? chosen : []) {
    if (!(await logged(log, index, chain, records[index]))) return { ok: false, why: "bad_anchor", at: index };
    entries += 1;
  }
  return { ok: true, entries };
}
