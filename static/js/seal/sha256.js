/**
 * SHA-256: the browser's own for what fits in memory, and an incremental one for large files, which
 * browsers do not offer. FIPS 180-4.
 */

/** Files up to this many bytes are hashed natively in one piece. */
export const NATIVE_BYTES_MAX = 64 << 20;

/** Bytes asked of a Blob at once: every read is a round trip to the browser's storage. */
export const READ_BYTES = 4 << 20;

/** @returns {Promise<Uint8Array>} 32 bytes. */
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** The first 32 bits of the fractional parts of roots of the first primes, as the standard defines them. */
const fraction = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
const PRIMES = (() => {
  const found = [];
  for (let n = 2; found.length < 64; n += 1) if (found.every((prime) => n % prime)) found.push(n);
  return found;
})();
const K = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

/** Hashes a stream of pieces; `digest` ends it. */
export class Sha256 {
  #state = START.slice();
  #rest = new Uint8Array(64);
  #filled = 0;
  #size = 0;
  #w = new Int32Array(64);

  /** @param {Uint8Array} piece */
  update(piece) {
    this.#size += piece.length;
    let at = 0;
    if (this.#filled > 0) {
      at = Math.min(64 - this.#filled, piece.length);
      this.#rest.set(piece.subarray(0, at), this.#filled);
      this.#filled += at;
      if (this.#filled < 64) return this;
      this.#block(new DataView(this.#rest.buffer), 0);
    }
    const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
    for (; at + 64 <= piece.length; at += 64) this.#block(view, at);
    this.#rest.set(piece.subarray(at));
    this.#filled = piece.length - at;
    return this;
  }

  /** @returns {Uint8Array} 32 bytes; the object is used up. */
  digest() {
    const size = this.#size;
    const padding = new Uint8Array(((119 - (size % 64)) % 64) + 9);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(size) * 8n);
    this.update(padding);
    const out = new Uint8Array(32);
    const view = new DataView(out.buffer);
    this.#state.forEach((word, index) => view.setInt32(4 * index, word));
    return out;
  }

  #block(view, at) {
    const w = this.#w;
    for (let i = 0; i < 16; i += 1) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    const s = this.#state;
    // Read one by one: taking an array apart would call its iterator for every 64 bytes.
    let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }
}

/**
 * SHA-256 of a Blob or File of any size.
 * @param {Blob} blob
 * @returns {Promise<Uint8Array>}
 */
export async function sha256OfBlob(blob, nativeBytesMax = NATIVE_BYTES_MAX) {
  if (blob.size <= nativeBytesMax) return sha256(await blob.arrayBuffer());
  const state = new Sha256();
  for (let at = 0; at < blob.size; at += READ_BYTES) {
    state.update(new Uint8Array(await blob.slice(at, at + READ_BYTES).arrayBuffer()));
  }
  return state.digest();
}
