/**
 * Shamir's secret sharing over GF(2^8), 0x11B, byte by byte; shift and mask, no table indexed by a secret.
 * Source: spec sealing §5 step 1. The Python twin is sealbid/shamir.py.
 */
import { SealError, random } from "./octets.js";

export const SHARES_MAX = 16;

/** Product of a secret byte and the public `factor`. */
function times(byte, factor) {
  let product = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    product ^= byte & -((factor >> bit) & 1);
    byte = ((byte << 1) ^ (0x11b & -((byte >> 7) & 1))) & 0xff;
  }
  return product;
}

/** number^254, its inverse; only public numbers come here. */
function inverse(number) {
  let result = 1;
  for (let i = 0; i < 254; i += 1) result = times(result, number);
  return result;
}

/**
 * Deal `n` shares, any `t` of which give `secret` back.
 * @param {Uint8Array} secret
 * @param {{t: number, n: number, entropy?: (size: number) => Uint8Array}} terms
 * @returns {Map<number, Uint8Array>} share by custodian number 1 … n.
 */
export function split(secret, { t, n, entropy = random }) {
  if (!(t >= 2 && t <= n && n <= SHARES_MAX)) throw new SealError("threshold", "2 ≤ t ≤ n ≤ 16.", { t, n });
  const coefficients = [secret];
  for (let degree = 1; degree < t; degree += 1) coefficients.push(entropy(secret.length));
  const shares = new Map();
  for (let x = 1; x <= n; x += 1) {
    const share = new Uint8Array(secret.length);
    for (const coefficient of coefficients.toReversed()) {
      for (let i = 0; i < share.length; i += 1) share[i] = times(share[i], x) ^ coefficient[i];
    }
    shares.set(x, share);
  }
  return shares;
}

/**
 * f(`at`) for the polynomial through all the given shares; `at` 0 is the secret.
 * @param {Map<number, Uint8Array>} shares
 * @param {number} at
 * @returns {Uint8Array}
 */
export function interpolate(shares, at = 0) {
  const sizes = new Set([...shares.values()].map((share) => share.length));
  if (sizes.size !== 1 || ![...shares.keys()].every((x) => x > 0 && x < 256)) {
    throw new SealError("share_format", "Shares have equal lengths and numbers from 1 to 255.");
  }
  const value = new Uint8Array([...sizes][0]);
  for (const [x, share] of shares) {
    let numerator = 1;
    let denominator = 1;
    for (const other of shares.keys()) {
      if (other !== x) {
        numerator = times(numerator, other ^ at);
        denominator = times(denominator, other ^ x);
      }
    }
    const weight = times(numerator, inverse(denominator));
    for (let i = 0; i < value.length; i += 1) value[i] ^= times(share[i], weight);
  }
  return value;
}
