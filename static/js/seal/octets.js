/**
 * Bytes and their spellings, and the one error of the protocol.
 * Source: spec sealing §2 (notation). The Python twin is sealbid/octets.py.
 */

/** An expected no, with the same stable `code` as on the server and small `facts` for display. */
export class SealError extends Error {
  constructor(code, detail = "", facts = {}) {
    super(detail ? `${code}: ${detail}` : code);
    this.name = "SealError";
    this.code = code;
    this.detail = detail;
    this.facts = facts;
  }
}

const encoder = new TextEncoder();

/** @returns {Uint8Array} UTF-8 of `text`. */
export const utf8 = (text) => encoder.encode(text);

/** @returns {Uint8Array} `L("x")`: UTF-8 and one zero byte. */
export function label(text) {
  if (text.includes("\0")) throw new SealError("label_zero", "A label must not contain the zero character.");
  return utf8(`${text}\0`);
}

/** @param {...Uint8Array} parts @returns {Uint8Array} one array holding all of them in order. */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const HIDING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Whether `text` may be shown to people: 1 … `longest` characters, none that control or hide others. */
export const isDisplayText = (text, longest) =>
  typeof text === "string" && text !== "" && [...text].length <= longest && !HIDING.test(text);

/** A text that may be shown: what hides or controls becomes `_`, what is too long is cut, nothing becomes `_`. */
export const displayText = (text, longest) =>
  Array.from(text, (character) => (HIDING.test(character) ? "_" : character)).slice(0, longest).join("") || "_";

export const u8 = (number) => Uint8Array.of(number);

export function u32(number) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

export const readU32 = (bytes, at = 0) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

/** Whether two byte arrays are equal; the time depends on the length only. */
export function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i] ^ b[i];
  return difference === 0;
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Decode lower-case hex strictly, `size` bytes when given; else `bad_hex`. */
export function unhex(text, size) {
  if (typeof text !== "string" || !/^(?:[0-9a-f]{2})*$/.test(text) || (size !== undefined && text.length !== 2 * size)) {
    throw new SealError("bad_hex", "This is not lower-case hex of the expected number of bytes.");
  }
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function b64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Decode standard base64 strictly, `size` bytes when given; else `bad_base64`. */
export function unb64(text, size) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new SealError("bad_base64", "This is not base64.");
  }
  if (typeof text !== "string" || b64(bytes) !== text || (size !== undefined && bytes.length !== size)) {
    throw new SealError("bad_base64", "This is not the base64 of the expected number of bytes.");
  }
  return bytes;
}

/** @returns {Uint8Array} fresh random bytes from the browser. */
export const random = (size) => crypto.getRandomValues(new Uint8Array(size));
