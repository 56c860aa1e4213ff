/**
 * Checking in the browser that a record stands in the witnessed log.
 * Source: spec sealing §7.1, §7.2; C2SP tlog-proof, signed-note, tlog-cosignature, tlog-policy. Python: sealbid/tlog.py.
 */
import * as jcs from "../seal/jcs.js";
import { SealError, concat, equal, hex, u8, unb64, unhex, utf8 } from "../seal/octets.js";
import { sha256 } from "../seal/sha256.js";

const HEADER = "c2sp.org/tlog-proof@v1";
const [LOG_KEY, WITNESS_KEY] = [0x01, 0x04];

/** @returns {{index: number, hashes: Uint8Array[], note: object}} refuses `proof_shape`. */
export function parseProof(text) {
  const cut = text.indexOf("\n\n");
  const lines = text.slice(0, cut).split("\n");
  const place = /^index (0|[1-9][0-9]{0,15})$/.exec(lines[1] ?? "");
  if (cut < 0 || lines[0] !== HEADER || !place) throw new SealError("proof_shape", "This is no proof file.");
  return { index: Number(place[1]), hashes: lines.slice(2).map((line) => unb64(line, 32)), note: parseNote(text.slice(cut + 2)) };
}

/** A signed checkpoint: its text and its signature lines. */
export function parseNote(text) {
  const cut = text.indexOf("\n\n");
  if (cut < 0 || !text.endsWith("\n")) throw new SealError("note_shape", "This is no signed note.");
  const body = text.slice(0, cut + 1);
  const [origin, size, root, rest] = body.split("\n");
  if (rest !== "" || !/^(0|[1-9][0-9]{0,15})$/.test(size)) throw new SealError("checkpoint_shape", "This is no checkpoint.");
  const lines = text.slice(cut + 2, -1).split("\n").map((line) => {
    const found = /^— (\S+) (\S+)$/.exec(line);
    if (!found) throw new SealError("note_shape", "A signature line is not one.");
    const bytes = unb64(found[2]);
    return { name: found[1], id: hex(bytes.slice(0, 4)), payload: bytes.slice(4) };
  });
  return { text: body, origin, size: Number(size), root: unb64(root, 32), lines };
}

/** A C2SP trust policy: logs, witnesses, groups and the quorum. */
export function parseTrust(text) {
  const trust = { logs: [], witnesses: new Map(), groups: new Map(), quorum: "" };
  for (const line of text.split("\n")) {
    const [word, name, ...rest] = line.trim().split(/\s+/);
    if (word === "log") trust.logs.push(parseKey(name));
    else if (word === "witness") trust.witnesses.set(name, parseKey(rest[0]));
    else if (word === "group") {
      const [threshold, ...members] = rest;
      const needed = { any: 1, all: members.length }[threshold] ?? Number(threshold);
      if (!(needed >= 1 && needed <= members.length)) throw new SealError("policy_text", "A group cannot be satisfied.");
      trust.groups.set(name, { needed, members });
    } else if (word === "quorum") trust.quorum = name;
    else if (word && !word.startsWith("#")) throw new SealError("policy_text", "Not a line of a trust policy.");
  }
  if (!trust.quorum || trust.logs.length === 0) throw new SealError("policy_text", "A trust policy has a log and a quorum.");
  return trust;
}

function parseKey(vkey) {
  const [name, id, ...rest] = vkey.split("+");
  const bytes = unb64(rest.join("+"));
  return { name, id, kind: bytes[0], key: bytes.slice(1) };
}

async function signedBy(note, { name, id, kind, key }) {
  const line = note.lines.find((one) => one.name === name && one.id === id);
  if (!line || (kind !== LOG_KEY && kind !== WITNESS_KEY)) return false;
  const expected = hex(await sha256(concat(utf8(`${name}\n`), u8(kind), key))).slice(0, 8);
  if (expected !== id) throw new SealError("note_key", "A key's id does not fit it.");
  let [signature, message] = [line.payload, utf8(note.text)];
  if (kind === WITNESS_KEY) {
    const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
    [signature, message] = [signature.slice(8), utf8(`cosignature/v1\ntime ${time}\n${note.text}`)];
  }
  const verifier = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  const fits = await crypto.subtle.verify({ name: "Ed25519" }, verifier, signature, message);
  if (!fits) throw new SealError("note_signature", `The signature of ${name} is not valid.`);
  return true;
}

/**
 * Judge a checkpoint: a known log signed it; which witnesses did, and whether they make the quorum.
 * @returns {Promise<{witnesses: string[], witnessed: boolean}>} refuses `log_signature`, `note_signature`.
 */
export async function judge(note, trust) {
  let known = false;
  for (const log of trust.logs) if (log.name === note.origin && (await signedBy(note, log))) known = true;
  if (!known) throw new SealError("log_signature", "No log we trust signed this checkpoint.");
  const signed = new Set();
  for (const [name, key] of trust.witnesses) if (await signedBy(note, key)) signed.add(name);
  const enough = (name) => {
    const group = trust.groups.get(name);
    return group ? group.members.filter(enough).length >= group.needed : signed.has(name);
  };
  const names = [...signed].map((name) => trust.witnesses.get(name).name);
  return { witnesses: names, witnessed: trust.quorum === "none" || enough(trust.quorum) };
}

/** The leaf hash of a record. */
export async function leafOf(record) {
  const entry = concat(u8(1), u8(1), await sha256(jcs.encode(record)));
  return sha256(concat(u8(0), entry));
}

/**
 * RFC 9162 §2.1.3.2. Returns the hashes on the way up; refuses `inclusion_proof`.
 * @returns {Promise<Uint8Array[]>}
 */
export async function climb(leaf, index, size, hashes, root) {
  const refuse = () => new SealError("inclusion_proof", "The proof does not lead to the checkpoint's root.");
  if (index >= size) throw refuse();
  let [fn, sn, r] = [BigInt(index), BigInt(size) - 1n, leaf];
  const path = [];
  for (const p of hashes) {
    if (sn === 0n) throw refuse();
    if (fn & 1n || fn === sn) {
      r = await sha256(concat(u8(1), p, r));
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else r = await sha256(concat(u8(1), r, p));
    path.push(r);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n || !equal(r, root)) throw refuse();
  return path;
}

/**
 * A record's whole proof.
 * @returns {Promise<{index: number, size: number, root: Uint8Array, hashes: Uint8Array[], path: Uint8Array[],
 *   witnesses: string[], witnessed: boolean}>}
 */
export async function verifyProof(record, text, trustText) {
  const { index, hashes, note } = parseProof(text);
  const judged = await judge(note, parseTrust(trustText));
  const path = await climb(await leafOf(record), index, note.size, hashes, note.root);
  return { index, size: note.size, root: note.root, hashes, path, note, ...judged };
}

/** RFC 9162 §2.1.4.2 for sizes 0 < first ≤ second; refuses `consistency_proof`. */
export async function verifyConsistency(first, second, proof, firstRoot, secondRoot) {
  const refuse = () => new SealError("consistency_proof", "The log's history was changed.");
  if (first === second) {
    if (proof.length || !equal(firstRoot, secondRoot)) throw refuse();
    return;
  }
  if (first > second || first < 1) throw refuse();
  const steps = (first & (first - 1)) === 0 ? [firstRoot, ...proof] : [...proof];
  if (steps.length === 0) throw refuse();
  let [fn, sn] = [BigInt(first) - 1n, BigInt(second) - 1n];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [steps[0], steps[0]];
  for (const c of steps.slice(1)) {
    if (sn === 0n) throw refuse();
    if (fn & 1n || fn === sn) {
      [fr, sr] = [await sha256(concat(u8(1), c, fr)), await sha256(concat(u8(1), c, sr))];
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else sr = await sha256(concat(u8(1), sr, c));
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n || !equal(fr, firstRoot) || !equal(sr, secondRoot)) throw refuse();
}

/** A block's place in a container: `blockHash` under the committed root. */
export const verifyBlock = (blockHash, index, blocks, steps, root) => climb(blockHash, index, blocks, steps, unhex(root, 32));
