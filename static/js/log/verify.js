// Recomputes the entry on this page: record → entry → leaf → root, then the signatures under the root.
import { hex, leafHash, parseNote, rootOf, sha256, signedBy, unb64, unhex } from "./proof.js";

const box = document.querySelector("#verify");
const given = JSON.parse(document.querySelector("#check").textContent);
const fill = (name, values = {}) => box.dataset[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");

function show(colour, fact, more, hashes = []) {
  const light = { g: "M4.9 8.2l2.2 2.2 4-4.4", y: "M8 4v5M8 11.4v.6", r: "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" }[colour];
  const notice = document.createElement("div");
  notice.className = `sr-notice sr-notice-${colour === "i" ? "info" : colour}`;
  if (light) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("class", "sr-icon sv-mark");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", light);
    svg.append(path);
    notice.append(svg);
  }
  const words = document.createElement("div");
  const strong = document.createElement("strong");
  strong.textContent = fact;
  words.append(strong);
  if (more) {
    const line = document.createElement("p");
    line.textContent = more;
    words.append(line);
  }
  for (const [label, value] of hashes) {
    const line = document.createElement("p");
    const code = document.createElement("code");
    code.className = "sv-whole";
    code.textContent = value;
    line.append(`${label} `, code);
    words.append(line);
  }
  notice.append(words);
  box.dataset.state = colour;
  box.replaceChildren(notice);
}

const differ = (which, computed, stated) =>
  show("r", fill(which), fill("report"), [
    [fill("computed"), computed],
    [fill("stated"), stated],
  ]);

// The largest checkpoint this browser has seen; a shorter log or another root of the same size is a contradiction.
function remember(note) {
  const key = `sunroad-log ${note.origin}`;
  try {
    const seen = JSON.parse(localStorage.getItem(key) ?? "null");
    if (seen && seen.size === note.size && seen.root !== hex(note.root)) return seen;
    if (!seen || note.size > seen.size) localStorage.setItem(key, JSON.stringify({ size: note.size, root: hex(note.root) }));
  } catch {
    return undefined; // storage is switched off: nothing to compare with
  }
  return undefined;
}

async function check() {
  const began = performance.now();
  const entry = unhex(given.entry);
  if (given.record) {
    const digest = await sha256(new TextEncoder().encode(given.record));
    if (hex(entry.slice(2)) !== hex(digest)) return differ("badRecord", hex(digest), hex(entry.slice(2)));
  }
  const note = parseNote(given.note);
  const leaf = await leafHash(entry);
  let root;
  try {
    root = await rootOf(leaf, given.index, note.size, given.hashes.map(unb64));
  } catch {
    root = new Uint8Array();
  }
  if (hex(root) !== hex(note.root)) return differ("bad", hex(root), hex(note.root));
  const seen = remember(note);
  if (seen) return differ("badOlder", hex(note.root), seen.root);
  let witnesses = 0;
  try {
    if ((await signedBy(note, given.log)) !== true) return differ("badLog", given.log, given.note.split("\n")[0]);
    for (const { name, vkey } of given.witnesses) {
      const signed = await signedBy(note, vkey);
      if (signed === false) return show("r", fill("badWitness", { name }), fill("report"));
      if (signed) witnesses += 1;
    }
  } catch (error) {
    if (error.name !== "NotSupportedError") throw error;
    return show("y", fill("good", { ms: Math.max(1, Math.round(performance.now() - began)) }), fill("unable"));
  }
  const ms = Math.max(1, Math.round(performance.now() - began));
  if (witnesses < given.quorum) return show("y", fill("good", { ms }), fill("unwitnessed", { witnesses, quorum: given.quorum }));
  return show("g", fill("good", { ms }), fill("goodMore", { witnesses }));
}

if (globalThis.crypto?.subtle) {
  show("i", fill("wait"));
  check().catch((error) => show("r", fill("bad"), String(error)));
} else {
  show("y", fill("insecure"));
}
