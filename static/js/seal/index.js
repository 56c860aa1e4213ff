/**
 * Sealing a bid in the browser: everything a page needs, under one roof.
 * Nothing here talks to a network; a page uploads the returned blobs, and keeps the secrets with the bidder.
 * Source: spec sealing §5, §6.
 */
import { bundlePieces, describe, requireManifest } from "./bundle.js";
import { headerHash, prepare, sealPayload } from "./container.js";
import { b64, concat, hex, random } from "./octets.js";
import { freshBidKey } from "./signatures.js";
import { replacement } from "./signoff.js";

export { bundlePieces, describe, paddedSize, readBundle, requireManifest } from "./bundle.js";
export {
  CHUNK_BYTES, headerHash, openWithSecret, parseHeader, piecesOf, prepare, readHeader, recoverSecret, rootOf,
  sealPayload, unwrapShare,
} from "./container.js";
export { hasPostQuantum, requirePostQuantum, suiteNamed } from "./hpke.js";
export * as jcs from "./jcs.js";
export { SealError, b64, hex, unb64, unhex } from "./octets.js";
export { fingerprint, policyDigest, requireSoundPolicy } from "./policy.js";
export {
  challenge, ed25519Signer, freshBidKey, kidOf, message, passkeySigner, seedSigner, verify,
} from "./signatures.js";
export { replacement, withdrawal } from "./signoff.js";

/**
 * What a bidder puts into one part.
 * @typedef {{opening?: object, files?: File[]}} PartContent
 */

/**
 * One sealed part. `secret` (and `lock`) open it: they go into the bidder's key file and nowhere else.
 * @typedef {{part: string, blob: Blob, root: Uint8Array, size: number, blockHashes: Uint8Array[],
 *   secret: Uint8Array, lock: Uint8Array, manifest: object}} SealedPart
 */

/**
 * Seal all parts of one bid under one bid id, one fresh `bk` and one lottery number.
 * @param {object} terms
 * @param {object} terms.policy as returned by `requireSoundPolicy`.
 * @param {Uint8Array} terms.policyDigest `P`.
 * @param {string} terms.lot
 * @param {{name: string, uscc: string}} terms.bidder
 * @param {Record<string, PartContent>} terms.parts by part name, for example `price` and `tech`.
 * @param {import("./signatures.js").Signer} terms.signer the company's certificate or passkey.
 * @param {{bid: string, sign: import("./signatures.js").Signer, lostBy?: string}} [terms.replacing] the bid that this
 *   one replaces and the signer of its key; with `lostBy`, a credit code, that organisation's signer for a lost key.
 * @param {boolean} [terms.ownLock]
 * @param {(progress: {part: string, done: number, total: number}) => void} [terms.onProgress] in plaintext bytes.
 * @returns {Promise<{bid: Uint8Array, bidKey: object, parts: SealedPart[], 
 *   commit: {body: object, sig: object, replace?: {body: object, sig: object}}}>}
 *   `commit` is the body of the submission call, signed with `bk` (type `bid-commit`); `blocks` in it counts the
 *   header as a block too. `replace` is the older bid's word that it makes room (type `bid-replace`).
 * @throws {SealError} `manifest_format` and any refusal of `prepare`.
 */
export async function sealParts(terms) {
  const { policy, policyDigest, lot, bidder, parts, signer, replacing, ownLock = false } = terms;
  const { onProgress = () => {} } = terms;
  const bid = random(16);
  const nonce = random(32);
  const bidKey = await freshBidKey({ extractable: true });
  const sealed = [];
  for (const [part, { opening = {}, files = [] }] of Object.entries(parts)) {
    const total = files.reduce((size, file) => size + file.size, 0);
    const envelope = await prepare({ policy, policyDigest, part, bid, ownLock });
    const manifest = {
      v: 1, tender: policy.tender, lot, bid: hex(bid), part, policy: hex(policyDigest),
      hb: hex(await headerHash(envelope.header)), bk: b64(bidKey.publicKey), nonce: b64(nonce),
      bidder: { name: bidder.name, uscc: bidder.uscc }, opening, files: await Promise.all(files.map(describe)),
    };
    requireManifest(manifest);
    const signature = await signer("bid-manifest", manifest);
    const done = await sealPayload(envelope, bundlePieces(manifest, signature, files), {
      onProgress: (bytes) => onProgress({ part, done: Math.min(bytes, total), total }),
    });
    sealed.push({ part, ...done, secret: envelope.secret, lock: envelope.lock, manifest });
  }
  const body = {
    v: 1, tender: policy.tender, lot, bid: hex(bid), policy: hex(policyDigest), bk: b64(bidKey.publicKey),
    parts: sealed.map(({ part, root, size, blockHashes }) => ({ part, root: hex(root), size, blocks: blockHashes.length })),
    replaces: replacing?.bid ?? "",
  };
  const commit = { body, sig: await bidKey.sign("bid-commit", body) };
  if (replacing) {
    const said = await replacement(body, replacing.lostBy);
    commit.replace = { body: said, sig: await replacing.sign("bid-replace", said) };
  }
  return { bid, bidKey, parts: sealed, commit };
}

/** The body of the submission call: the commit and the block hashes of every part. */
export const submissionOf = ({ commit, parts }) => ({
  ...commit,
  blocks: parts.map(({ part, blockHashes }) => ({ part, hashes: b64(concat(...blockHashes)) })),
});

/** What the bidder keeps: the bid's key and every part's secret, as `sealbid seal` writes it before locking. */
export async function keyFileOf({ bidKey, commit, parts }, lot) {
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", bidKey.privateKey));
  const { tender, bid, policy } = commit.body;
  return {
    v: 1, tender, lot, bid, policy, bk: b64(pkcs8.slice(-32)),
    parts: parts.map(({ part, root, secret, lock }) => ({ part, root: hex(root), secret: b64(secret), lock: b64(lock) })),
  };
}
