/**
 * The plaintext of a part (`SBB1`): manifest, signature, files, Padmé padding.
 * Source: spec sealing §5. The Python twin is sealbid/bundle.py.
 */
import * as jcs from "./jcs.js";
import { piecesOf } from "./container.js";
import { SealError, concat, displayText, equal, hex, isDisplayText, readU32, u32, unhex, utf8 } from "./octets.js";
import { sha256OfBlob } from "./sha256.js";

const MAGIC = utf8("SBB1");
const MEDIA = /^[a-z0-9][a-z0-9.+-]{0,63}\/[a-z0-9][a-z0-9.+-]{0,127}$/;
const TEXT_BYTES_MAX = 1 << 22;
const FILES_MAX = 1000;
const AMOUNT = /^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,8})?$/;

/** The Padmé length for `size` bytes: at most 12 % more. */
export function paddedSize(size) {
  if (size < 2) return size;
  const exponent = Math.floor(Math.log2(size));
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return Math.ceil(size / step) * step;
}

/**
 * The manifest's entry for a file: its name is for display, its digest is exact.
 * @param {File} file
 */
export async function describe(file) {
  const media = MEDIA.test(file.type) ? file.type : "application/octet-stream";
  return { name: displayText(file.name, 255), media, size: file.size, sha256: hex(await sha256OfBlob(file)) };
}

/**
 * Refuse, before anything is sealed, a manifest that the opening would refuse: the bid would be void.
 * @throws {SealError} `manifest_format`, `json_profile`.
 */
export function requireManifest(manifest) {
  const { tender, lot, part, bidder, opening, files } = manifest;
  const fine =
    isDisplayText(tender, 128) && isDisplayText(lot, 128) && isDisplayText(part, 32) &&
    isDisplayText(bidder.name, 200) && isDisplayText(bidder.uscc, 64) &&
    (!("price" in opening) || (typeof opening.price === "string" && AMOUNT.test(opening.price))) &&
    files.length <= FILES_MAX && jcs.encode(manifest).length <= TEXT_BYTES_MAX;
  if (!fine) throw new SealError("manifest_format", "An item of this bid cannot be read at the opening.");
}

/**
 * @param {object} manifest @param {object} signature @param {Blob[]} files in the manifest's order
 * @returns {AsyncGenerator<Uint8Array>} the bundle in pieces. A file that changed meanwhile makes the browser
 *   refuse the read.
 */
export async function* bundlePieces(manifest, signature, files) {
  const [text, signed] = [jcs.encode(manifest), jcs.encode(signature)];
  const head = concat(MAGIC, u32(text.length), text, u32(signed.length), signed);
  yield head;
  let size = head.length;
  for (const file of files) {
    yield* piecesOf(file);
    size += file.size;
  }
  for (let left = paddedSize(size) - size; left > 0; left -= 1 << 20) yield new Uint8Array(Math.min(left, 1 << 20));
}

/**
 * Read a bundle; every file is compared with its digest, the padding with zero.
 * @param {Blob} plain
 * @returns {Promise<{manifest: object, signature: object, files: Blob[]}>}
 * @throws {SealError} `bundle_magic`, `bundle_truncated`, `bundle_too_large`, `json_*`, `file_digest`,
 *   `padding_length`, `padding_nonzero`.
 */
export async function readBundle(plain) {
  let at = 0;
  const take = async (size) => {
    const bytes = new Uint8Array(await plain.slice(at, at + size).arrayBuffer());
    if (bytes.length < size) throw new SealError("bundle_truncated", "The bundle ends too early.");
    at += size;
    return bytes;
  };
  const text = async () => {
    const size = readU32(await take(4));
    if (size > TEXT_BYTES_MAX) throw new SealError("bundle_too_large", "A text claims more than is allowed.");
    return jcs.decode(await take(size));
  };
  if (!equal(await take(4), MAGIC)) throw new SealError("bundle_magic", "This is not a bundle.");
  const manifest = await text();
  const signature = await text();
  const files = [];
  for (const [index, { size, media, sha256 }] of manifest.files.entries()) {
    const file = plain.slice(at, at + size, media);
    if (file.size !== size) throw new SealError("bundle_truncated", "The bundle ends too early.");
    if (!equal(await sha256OfBlob(file), unhex(sha256, 32))) {
      throw new SealError("file_digest", "A file differs from its digest.", { index });
    }
    files.push(file);
    at += size;
  }
  if (plain.size !== paddedSize(at)) throw new SealError("padding_length", "The padding has another length.");
  for await (const piece of piecesOf(plain.slice(at))) {
    if (piece.some((byte) => byte !== 0)) throw new SealError("padding_nonzero", "The padding is not zero.");
  }
  return { manifest, signature, files };
}
