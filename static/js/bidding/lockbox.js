/**
 * Secrets at rest: scrypt over a passphrase, AES-256-GCM around the secret; recovery codes on paper.
 * The files are those of `sealbid` (sealbid/lockbox.py). Source: spec sealing §6.1; RFC 7914.
 */
import * as jcs from "../seal/jcs.js";
import { SealError, b64, concat, random, unb64, utf8 } from "../seal/octets.js";
import { sha256 } from "../seal/sha256.js";

const COST = 1 << 15; // 32 MiB, as on the command line
const COST_MAX = 1 << 20;
const WORDS = 256; // 128 · r bytes with r = 8

/** Salsa20/8 of the sixteen words `x`, added to them in place. */
function salsa(x, z) {
  z.set(x);
  const turn = (a, b, c, d) => {
    let t = (z[a] + z[d]) | 0;
    z[b] ^= (t << 7) | (t >>> 25);
    t = (z[b] + z[a]) | 0;
    z[c] ^= (t << 9) | (t >>> 23);
    t = (z[c] + z[b]) | 0;
    z[d] ^= (t << 13) | (t >>> 19);
    t = (z[d] + z[c]) | 0;
    z[a] ^= (t << 18) | (t >>> 14);
  };
  for (let round = 0; round < 4; round += 1) {
    turn(0, 4, 8, 12); turn(5, 9, 13, 1); turn(10, 14, 2, 6); turn(15, 3, 7, 11);
    turn(0, 1, 2, 3); turn(5, 6, 7, 4); turn(10, 11, 8, 9); turn(15, 12, 13, 14);
  }
  for (let i = 0; i < 16; i += 1) x[i] += z[i];
}

function mixBlock(block, out, x, z) {
  x.set(block.subarray(WORDS - 16));
  for (let i = 0; i < 16; i += 1) {
    for (let j = 0; j < 16; j += 1) x[j] ^= block[16 * i + j];
    salsa(x, z);
    out.set(x, 16 * ((i >> 1) + (i & 1 ? 8 : 0)));
  }
}

function romix(block, cost) {
  const [table, other] = [new Uint32Array(cost * WORDS), new Uint32Array(WORDS)];
  const [x, z] = [new Uint32Array(16), new Uint32Array(16)];
  for (let i = 0; i < cost; i += 1) {
    table.set(block, i * WORDS);
    mixBlock(block, other, x, z);
    block.set(other);
  }
  for (let i = 0; i < cost; i += 1) {
    const at = (block[WORDS - 16] & (cost - 1)) * WORDS;
    for (let j = 0; j < WORDS; j += 1) block[j] ^= table[at + j];
    mixBlock(block, other, x, z);
    block.set(other);
  }
}

async function pbkdf2(secret, salt, bits) {
  const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  return crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 1 }, key, bits);
}

/** scrypt with r = 8, p = 1: 32 bytes. */
export async function scrypt(passphrase, salt, cost) {
  const secret = utf8(passphrase);
  // WebCrypto keeps words in bytes as they come; every device that runs a browser is little-endian, as scrypt wants.
  const block = new Uint32Array(await pbkdf2(secret, salt, 8 * 4 * WORDS));
  romix(block, cost);
  return new Uint8Array(await pbkdf2(secret, new Uint8Array(block.buffer), 256));
}

const boxKey = async (passphrase, salt, cost, use) =>
  crypto.subtle.importKey("raw", await scrypt(passphrase, salt, cost), "AES-GCM", false, [use]);

/** @returns {Promise<Uint8Array>} the file that keeps `secret` under a passphrase. */
export async function lock(secret, passphrase, purpose) {
  if ([...passphrase].length < 8) throw new SealError("passphrase_short", "A passphrase needs at least eight characters.");
  const [salt, iv] = [random(16), random(12)];
  const key = await boxKey(passphrase, salt, COST, "encrypt");
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(purpose) }, key, secret);
  return jcs.encode({
    v: 1, kdf: "scrypt", n: COST, salt: b64(salt), nonce: b64(iv), purpose, box: b64(new Uint8Array(box)),
  });
}

/** @returns {Promise<Uint8Array>} refuses `lockbox_shape`, `lockbox_purpose`, `passphrase`. */
export async function unlock(file, passphrase, purpose) {
  const found = jcs.decode(file);
  const sound = found.kdf === "scrypt" && found.n >= 2 && found.n <= COST_MAX && (found.n & (found.n - 1)) === 0;
  if (!sound) throw new SealError("lockbox_shape", "This is not a locked file.");
  if (found.purpose !== purpose) throw new SealError("lockbox_purpose", "This file keeps something else.");
  const key = await boxKey(passphrase, unb64(found.salt, 16), found.n, "decrypt");
  const terms = { name: "AES-GCM", iv: unb64(found.nonce, 12), additionalData: utf8(purpose) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(terms, key, unb64(found.box)));
  } catch {
    throw new SealError("passphrase", "The passphrase does not open this file.");
  }
}

const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's: nothing that looks like something else
const checksum = async (part, secret) => (await sha256(concat(utf8(`sealbid/1 recovery\0${part}\0`), secret))).slice(0, 3);

/** A 32-byte secret as 14 groups of four letters; the last 24 bits are a checksum over part and secret. */
export async function recoveryCode(part, secret) {
  const bytes = concat(secret, await checksum(part, secret));
  let [bits, held, text] = [0, 0, ""];
  for (const byte of bytes) {
    [held, bits] = [(held << 8) | byte, bits + 8];
    while (bits >= 5) {
      bits -= 5;
      text += LETTERS[(held >> bits) & 31];
      held &= (1 << bits) - 1;
    }
  }
  return text.match(/.{4}/g).join("-");
}

/** Read a typed code again; O and I and L are taken for 0 and 1. Refuses `recovery_code`. */
export async function secretOfCode(part, typed) {
  const text = typed.toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1").replaceAll(/[\s-]/g, "");
  const refuse = () => new SealError("recovery_code", "A letter of this code is wrong or missing.");
  if (text.length !== 56 || [...text].some((letter) => !LETTERS.includes(letter))) throw refuse();
  const bytes = new Uint8Array(35);
  let [bits, held, at] = [0, 0, 0];
  for (const letter of text) {
    [held, bits] = [(held << 5) | LETTERS.indexOf(letter), bits + 5];
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (held >> bits) & 255;
      at += 1;
      held &= (1 << bits) - 1;
    }
  }
  const secret = bytes.slice(0, 32);
  const sum = await checksum(part, secret);
  if (sum.some((byte, i) => byte !== bytes[32 + i])) throw refuse();
  return secret;
}
