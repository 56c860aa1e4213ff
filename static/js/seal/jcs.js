/**
 * Canonical JSON (RFC 8785) in the restricted profile. One value has one spelling.
 * Source: spec sealing §2. The Python twin is sealbid/jcs.py.
 */
import { SealError, equal, utf8 } from "./octets.js";

const DEPTH_MAX = 16;
const KEY = /^[a-z0-9_]+$/;

const no = (detail) => {
  throw new SealError("json_profile", detail);
};

function spell(value, depth) {
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? String(value) : no("Numbers are integers below 2^53.");
  }
  if (typeof value === "string") {
    return value.isWellFormed() ? JSON.stringify(value) : no("A string holds half a surrogate pair.");
  }
  if (value === null || typeof value !== "object") return no("Nulls and functions have no place here.");
  if (depth > DEPTH_MAX) return no("Nesting goes too deep.");
  if (Array.isArray(value)) return `[${value.map((item) => spell(item, depth + 1)).join(",")}]`;
  if (Object.getPrototypeOf(value) !== Object.prototype) return no("Only plain objects have an encoding.");
  const keys = Object.keys(value).sort();
  if (!keys.every((key) => KEY.test(key))) return no("A key is not made of a-z, 0-9 and the underscore.");
  return `{${keys.map((key) => `"${key}":${spell(value[key], depth + 1)}`).join(",")}}`;
}

/** @returns {Uint8Array} the canonical UTF-8 bytes; refuses with `json_profile`. */
export const encode = (value) => utf8(spell(value, 1));

/**
 * Parse canonical bytes.
 * @param {Uint8Array} bytes
 * @throws {SealError} `json_syntax`, `json_profile` or `json_not_canonical`.
 */
export function decode(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new SealError("json_syntax", "These bytes are not a JSON text.");
  }
  if (!equal(encode(value), bytes)) {
    throw new SealError("json_not_canonical", "Re-encoding this JSON text gives other bytes.");
  }
  return value;
}
