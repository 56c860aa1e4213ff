/**
 * The sealed container (`.sb`): header, shares, chunks, root.
 * Source: spec sealing §5. The Python twins are sealbid/envelope.py and sealbid/container.py.
 */
import { hkdf, suiteNamed } from "./hpke.js";
import * as jcs from "./jcs.js";
import { SealError, b64, concat, equal, hex, isDisplayText, label, random, readU32, u32, u8, unb64, unhex, utf8 } from "./octets.js";
import { SHARES_MAX, interpolate, split } from "./shamir.js";
import { READ_BYTES, sha256 } from "./sha256.js";

const MAGIC = utf8("SEALBID1");
const PREFIX_BYTES = 12;
const HEADER_BYTES_MAX = 65536;
const CHUNK_BITS = 20;
export const CHUNK_BYTES = 1 << CHUNK_BITS;
const TAG_BYTES = 16;
const SHARE_BYTES = 32;
const FIELDS = ["bid", "cs", "kc", "part", "policy", "sh", "suite", "t", "tender", "v"];
// Chunks being encrypted and hashed at the same time; more would only cost memory.
const IN_FLIGHT = 4;

const shareCommitment = (bid, x, share) => sha256(concat(label("sealbid/1 share-commit"), bid, u8(x), share));
const shareInfo = (policy, bid, x) => concat(label("sealbid/1 share"), policy, bid, u8(x));
const keyCommitment = (secret, bid) => hkdf(secret, bid, utf8("sealbid/1 key-commit"), 32);
const lockCommitment = (bid, lock) => sha256(concat(label("sealbid/1 lock"), bid, lock));

/**
 * A header that has passed every check of form.
 * @typedef {{suite: string, tender: string, part: string, policy: Uint8Array, bid: Uint8Array, t: number,
 *   keyCommitment: Uint8Array, shares: {x: number, commitment: Uint8Array, envelope: Uint8Array}[],
 *   lockCommitment: ?Uint8Array, raw: Uint8Array}} Header
 */

/**
 * A header and the secrets behind it; `secret` and `lock` never leave the bidder's machine by themselves.
 * @typedef {{header: Header, secret: Uint8Array, lock: Uint8Array}} Envelope
 */

/** @param {Header} header @returns {Promise<Uint8Array>} `H(hb)`, which the manifest names. */
export const headerHash = (header) => sha256(header.raw);

/**
 * Pick a fresh secret, deal it to the custodians, write the header.
 * @param {{policy: object, policyDigest: Uint8Array, part: string, bid: Uint8Array, ownLock?: boolean}} terms
 *   `policy` as parsed JSON, found sound by `requireSoundPolicy`.
 * @returns {Promise<Envelope>}
 * @throws {SealError} `wrong_part`, `lock_not_allowed`, `bid_format`, `public_key`, `browser_without_ml_kem`.
 */
export async function prepare({ policy, policyDigest, part, bid, ownLock = false, entropy = random }) {
  if (!policy.parts.includes(part)) throw new SealError("wrong_part", "The policy knows no such part.");
  if (ownLock && policy.lock !== "optional") throw new SealError("lock_not_allowed", "The policy allows no own lock.");
  if (bid.length !== 16) throw new SealError("bid_format", "A bid id has 16 bytes.");
  const suite = suiteNamed(policy.suites[0]);
  const secret = entropy(SHARE_BYTES);
  const lock = ownLock ? entropy(SHARE_BYTES) : new Uint8Array(0);
  const sh = [];
  for (const [x, share] of split(secret, { t: policy.t, n: policy.n, entropy })) {
    const publicKey = unb64(policy.custodians[x - 1].pk);
    sh.push({
      x,
      c: b64(await shareCommitment(bid, x, share)),
      e: b64(await suite.wrap(publicKey, shareInfo(policyDigest, bid, x), share)),
    });
  }
  const fields = {
    v: 1, suite: policy.suites[0], tender: policy.tender, part, policy: hex(policyDigest), bid: hex(bid),
    t: policy.t, cs: CHUNK_BITS, kc: b64(await keyCommitment(secret, bid)), sh,
  };
  if (ownLock) fields.lk = b64(await lockCommitment(bid, lock));
  const text = jcs.encode(fields);
  return { header: parseHeader(concat(MAGIC, u32(text.length), text)), secret, lock };
}

/**
 * Encrypt a plaintext under a prepared envelope. An envelope serves once.
 * @param {Envelope} envelope
 * @param {AsyncIterable<Uint8Array>} pieces
 * @param {{onProgress?: (plainBytes: number) => void}} [options]
 * @returns {Promise<{blob: Blob, root: Uint8Array, size: number, blockHashes: Uint8Array[]}>}
 */
export async function sealPayload(envelope, pieces, { onProgress = () => {} } = {}) {
  const { header } = envelope;
  const key = await payloadKey(header, envelope.secret, envelope.lock, "encrypt");
  const [blobs, blockHashes] = [[header.raw], [await blockHash(header.raw)]];
  let [size, done] = [header.raw.length, 0];
  const sealOne = async ({ index, chunk, last }) => {
    const iv = nonce(index, last);
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, chunk));
    // A Blob may live on disk, so what is finished leaves the script's memory at once.
    return { blob: new Blob([sealed]), hash: await blockHash(sealed), plain: chunk.length };
  };
  for await (const { blob, hash, plain } of inOrder(chunksOf(pieces, CHUNK_BYTES), sealOne)) {
    blobs.push(blob);
    blockHashes.push(hash);
    size += blob.size;
    done += plain;
    onProgress(done);
  }
  return { blob: new Blob(blobs, { type: "application/octet-stream" }), root: await rootOf(blockHashes), size, blockHashes };
}

/**
 * Parse the header at the beginning of a container, strictly.
 * @param {Uint8Array} bytes the first bytes, at least the whole header.
 * @returns {Header}
 * @throws {SealError} `header_*`, `json_*`, `suite_unknown`.
 */
export function parseHeader(bytes) {
  if (!equal(bytes.slice(0, 8), MAGIC)) throw new SealError("header_magic", "This is not a sealed container.");
  const length = bytes.length < PREFIX_BYTES ? 0 : readU32(bytes, 8);
  if (length > HEADER_BYTES_MAX) throw new SealError("header_length", "The header is too long.");
  const raw = bytes.slice(0, PREFIX_BYTES + length);
  if (length === 0 || raw.length < PREFIX_BYTES + length) throw new SealError("header_truncated", "The header is cut.");
  const fields = jcs.decode(raw.slice(PREFIX_BYTES));
  const names = Object.keys(fields).filter((name) => name !== "lk").sort();
  if (Array.isArray(fields) || names.join() !== FIELDS.join()) throw new SealError("header_fields", "Wrong fields.");
  if (fields.v !== 1 || fields.cs !== CHUNK_BITS) throw new SealError("header_format", "Another version.");
  const suite = suiteNamed(fields.suite);
  for (const text of [fields.tender, fields.part]) {
    if (!isDisplayText(text, 128)) throw new SealError("header_text", "Tender and part are plain texts.");
  }
  const shares = parseShares(suite, fields.sh);
  if (!Number.isInteger(fields.t) || fields.t < 2 || fields.t > shares.length) {
    throw new SealError("header_threshold", "2 ≤ t ≤ n ≤ 16.");
  }
  try {
    return Object.freeze({
      suite: fields.suite, tender: fields.tender, part: fields.part, t: fields.t, shares, raw,
      policy: unhex(fields.policy, 32),
      bid: unhex(fields.bid, 16),
      keyCommitment: unb64(fields.kc, 32),
      lockCommitment: "lk" in fields ? unb64(fields.lk, 32) : null,
    });
  } catch (problem) {
    throw new SealError("header_format", problem.detail);
  }
}

function parseShares(suite, found) {
  if (!Array.isArray(found) || found.length < 2 || found.length > SHARES_MAX) {
    throw new SealError("header_shares", "A header lists 2 to 16 shares.");
  }
  return found.map((entry, index) => {
    if (Object.keys(entry).sort().join() !== "c,e,x" || entry.x !== index + 1) {
      throw new SealError("header_shares", "Shares are numbered from 1 to n in order.");
    }
    try {
      return { x: entry.x, commitment: unb64(entry.c, 32), envelope: unb64(entry.e, suite.envelopeBytes) };
    } catch (problem) {
      throw new SealError("header_shares", problem.detail, { x: entry.x });
    }
  });
}

/** @param {Blob} container @returns {Promise<Header>} */
export async function readHeader(container) {
  return parseHeader(new Uint8Array(await container.slice(0, PREFIX_BYTES + HEADER_BYTES_MAX).arrayBuffer()));
}

/**
 * A custodian decrypts his own share and compares it with its commitment.
 * @throws {SealError} `wrong_policy`, `envelope_unreadable`, `share_dealt_wrong`.
 */
export async function unwrapShare(header, x, seed, policyDigest) {
  if (!equal(header.policy, policyDigest)) throw new SealError("wrong_policy", "Sealed under another policy.");
  const entry = header.shares[x - 1];
  if (!entry) throw new SealError("custodian_unknown", "No custodian has this number.", { x });
  const share = await suiteNamed(header.suite).unwrap(seed, shareInfo(policyDigest, header.bid, x), entry.envelope);
  if (!equal(await shareCommitment(header.bid, x, share), entry.commitment)) {
    throw new SealError("share_dealt_wrong", "The envelope holds another share.", { x, fault: "bidder" });
  }
  return share;
}

/**
 * Recover `S` from released shares, proving that the bidder dealt consistently.
 * @param {Header} header
 * @param {Map<number, Uint8Array>} shares
 * @returns {Promise<Uint8Array>}
 * @throws {SealError} `share_void` (facts.x), `too_few_shares`, `dealt_inconsistently`, `key_commitment`.
 */
export async function recoverSecret(header, shares) {
  const order = [...shares.keys()].sort((a, b) => a - b);
  for (const x of order) {
    const entry = header.shares[x - 1];
    if (!entry) throw new SealError("custodian_unknown", "No custodian has this number.", { x });
    if (!equal(await shareCommitment(header.bid, x, shares.get(x)), entry.commitment)) {
      throw new SealError("share_void", "A custodian released something else than his share.", { x, fault: "custodian" });
    }
  }
  if (order.length < header.t) throw new SealError("too_few_shares", "Fewer shares than the threshold.");
  const chosen = new Map(order.slice(0, header.t).map((x) => [x, shares.get(x)]));
  for (const { x, commitment } of header.shares) {
    if (!equal(await shareCommitment(header.bid, x, interpolate(chosen, x)), commitment)) {
      throw new SealError("dealt_inconsistently", "The shares lie on no common polynomial.", { fault: "bidder" });
    }
  }
  const secret = interpolate(chosen);
  if (!equal(await keyCommitment(secret, header.bid), header.keyCommitment)) {
    throw new SealError("key_commitment", "The shares give another secret than committed.", { fault: "bidder" });
  }
  return secret;
}

/**
 * Open a container; the plaintext is returned only when everything fitted.
 * @param {Blob} container
 * @param {Uint8Array} secret
 * @param {{lock?: Uint8Array, root?: Uint8Array, onProgress?: (plainBytes: number) => void}} [options]
 * @returns {Promise<{header: Header, plain: Blob, root: Uint8Array, blockHashes: Uint8Array[]}>}
 * @throws {SealError} `secret_mismatch`, `lock_missing`, `lock_mismatch`, `container_truncated`,
 *   `container_extended`, `header_or_first_chunk_altered`, `chunk_altered` (facts.index), `root_mismatch`.
 */
export async function openWithSecret(container, secret, { lock = new Uint8Array(0), root, onProgress = () => {} } = {}) {
  const header = await readHeader(container);
  await requireSecret(header, secret, lock);
  const key = await payloadKey(header, secret, lock, "decrypt");
  const [blobs, blockHashes] = [[], [await blockHash(header.raw)]];
  let done = 0;
  const openOne = async ({ index, chunk, last }) => {
    if (chunk.length < TAG_BYTES || (chunk.length === TAG_BYTES && index > 0)) {
      throw new SealError("container_truncated", "The container ends within a chunk.", { index });
    }
    const plain = (await opened(key, index, last, chunk)) ?? (await refuseChunk(key, index, last, chunk));
    return { blob: new Blob([plain]), hash: await blockHash(chunk) };
  };
  const sealed = piecesOf(container.slice(header.raw.length));
  for await (const { blob, hash } of inOrder(chunksOf(sealed, CHUNK_BYTES + TAG_BYTES), openOne)) {
    blobs.push(blob);
    blockHashes.push(hash);
    done += blob.size;
    onProgress(done);
  }
  const found = await rootOf(blockHashes);
  if (root && !equal(root, found)) throw new SealError("root_mismatch", "This is not the container that was logged.");
  return { header, plain: new Blob(blobs), root: found, blockHashes };
}

async function opened(key, index, last, chunk) {
  try {
    return await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce(index, last) }, key, chunk);
  } catch {
    return null;
  }
}

/** Say what happened to a chunk that does not open, as far as its bytes still tell. */
async function refuseChunk(key, index, last, chunk) {
  if ((await opened(key, index, !last, chunk)) !== null) {
    if (last) throw new SealError("container_truncated", "The container ends after a whole chunk.", { index });
    throw new SealError("container_extended", "Something follows the final chunk.", { index });
  }
  throw new SealError(index === 0 ? "header_or_first_chunk_altered" : "chunk_altered", "A chunk was altered.", { index });
}

async function requireSecret(header, secret, lock) {
  if (secret.length !== SHARE_BYTES || !equal(await keyCommitment(secret, header.bid), header.keyCommitment)) {
    throw new SealError("secret_mismatch", "This secret does not belong to this container.");
  }
  if (header.lockCommitment === null) {
    if (lock.length > 0) throw new SealError("lock_mismatch", "This container has no own lock.");
  } else if (lock.length === 0) {
    throw new SealError("lock_missing", "The bidder's own lock is needed as well.");
  } else if (!equal(await lockCommitment(header.bid, lock), header.lockCommitment)) {
    throw new SealError("lock_mismatch", "This lock does not belong to this container.");
  }
}

async function payloadKey(header, secret, lock, use) {
  const raw = await hkdf(concat(secret, lock), await headerHash(header), utf8("sealbid/1 payload"), 32);
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, [use]);
}

/** `u88 index ‖ u8 last`. */
function nonce(index, last) {
  const bytes = new Uint8Array(12);
  bytes.set(u32(index), 7);
  bytes[11] = last ? 1 : 0;
  return bytes;
}

const blockHash = (block) => sha256(concat(u8(0), block));

/** RFC 6962 tree hash of leaf hashes. */
export async function rootOf(hashes) {
  let level = hashes;
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(await sha256(concat(u8(1), level[i], level[i + 1])));
    if (level.length % 2) above.push(level.at(-1));
    level = above;
  }
  return level[0];
}

/** @param {Blob} blob @returns {AsyncGenerator<Uint8Array>} the blob in pieces; the next one is read ahead. */
export async function* piecesOf(blob) {
  const read = async (at) => new Uint8Array(await blob.slice(at, at + READ_BYTES).arrayBuffer());
  let ahead = read(0);
  for (let at = 0; at < blob.size; at += READ_BYTES) {
    const piece = await ahead;
    if (at + READ_BYTES < blob.size) {
      ahead = read(at + READ_BYTES);
      // A failed read is reported when its turn comes.
      ahead.catch(() => {});
    }
    yield piece;
  }
}

/** Cut any stream of pieces into chunks of exactly `size`; an empty stream is one empty chunk. */
async function* chunksOf(pieces, size) {
  let [index, filled, buffer] = [0, 0, new Uint8Array(size)];
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      // A full buffer is handed on only when more follows: only then it is not the last.
      if (filled === size) {
        yield { index, chunk: buffer, last: false };
        [index, filled, buffer] = [index + 1, 0, new Uint8Array(size)];
      }
      const part = piece.subarray(at, at + size - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
    }
  }
  yield { index, chunk: buffer.subarray(0, filled), last: true };
}

/** Run `work` on a few items at a time and yield the results in order. */
async function* inOrder(items, work) {
  const running = [];
  for await (const item of items) {
    const promise = work(item);
    // The failure is reported when its turn comes; until then it must not count as unhandled.
    promise.catch(() => {});
    running.push(promise);
    if (running.length >= IN_FLIGHT) yield await running.shift();
  }
  while (running.length > 0) yield await running.shift();
}
