/**
 * SHA3-256 and SHAKE256 (FIPS 202), which browsers do not offer. For a few hundred bytes, not for files.
 */

const LANE = (1n << 64n) - 1n;
const RATE = 136;
const ROUNDS = 24;

const rotate = (lane, by) => ((lane << by) | (lane >> (64n - by))) & LANE;

/** Rotation offsets and the order in which the ρ and π steps walk the lanes. */
const [OFFSETS, PATH] = (() => {
  const offsets = [];
  const path = [];
  let [x, y] = [1, 0];
  for (let step = 0; step < 24; step += 1) {
    path.push(x + 5 * y);
    offsets.push(BigInt((((step + 1) * (step + 2)) / 2) % 64));
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return [offsets, path];
})();

/** Round constants from the feedback register of the standard. */
const CONSTANTS = (() => {
  const constants = [];
  let register = 1;
  for (let round = 0; round < ROUNDS; round += 1) {
    let constant = 0n;
    for (let bit = 0; bit < 7; bit += 1) {
      if (register & 1) constant |= 1n << ((1n << BigInt(bit)) - 1n);
      register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    }
    constants.push(constant);
  }
  return constants;
})();

function permute(a) {
  for (let round = 0; round < ROUNDS; round += 1) {
    const column = [0, 1, 2, 3, 4].map((x) => a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
    for (let x = 0; x < 5; x += 1) {
      const d = column[(x + 4) % 5] ^ rotate(column[(x + 1) % 5], 1n);
      for (let y = 0; y < 25; y += 5) a[x + y] ^= d;
    }
    let moving = a[1];
    for (let step = 0; step < 24; step += 1) {
      const target = PATH[(step + 1) % 24];
      const kept = a[target];
      a[target] = rotate(moving, OFFSETS[step]);
      moving = kept;
    }
    for (let y = 0; y < 25; y += 5) {
      const row = a.slice(y, y + 5);
      for (let x = 0; x < 5; x += 1) a[y + x] = row[x] ^ (~row[(x + 1) % 5] & LANE & row[(x + 2) % 5]);
    }
    a[0] ^= CONSTANTS[round];
  }
}

function sponge(message, suffix, size) {
  const state = new Array(25).fill(0n);
  const padded = new Uint8Array((Math.floor(message.length / RATE) + 1) * RATE);
  padded.set(message);
  padded[message.length] = suffix;
  padded[padded.length - 1] |= 0x80;
  const view = new DataView(padded.buffer);
  for (let block = 0; block < padded.length; block += RATE) {
    for (let lane = 0; lane < RATE / 8; lane += 1) state[lane] ^= view.getBigUint64(block + 8 * lane, true);
    permute(state);
  }
  const out = new Uint8Array(Math.ceil(size / RATE) * RATE);
  const target = new DataView(out.buffer);
  for (let block = 0; block < out.length; block += RATE) {
    if (block > 0) permute(state);
    for (let lane = 0; lane < RATE / 8; lane += 1) target.setBigUint64(block + 8 * lane, state[lane], true);
  }
  return out.slice(0, size);
}

/** @param {Uint8Array} message @returns {Uint8Array} 32 bytes. */
export const sha3_256 = (message) => sponge(message, 0x06, 32);

/** @param {Uint8Array} message @param {number} size @returns {Uint8Array} `size` bytes. */
export const shake256 = (message, size) => sponge(message, 0x1f, size);
