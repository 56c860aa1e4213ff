/* Keys that live in this browser: made without the possibility of taking the private half out, kept in IndexedDB. */
import { toBase64 } from "./bytes.js";

const CURVE = { name: "ECDSA", namedCurve: "P-256" };

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("sunroad-keys", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("keys");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function store(mode, deed) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction("keys", mode);
      const request = deed(transaction.objectStore("keys"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** A new key pair; `keep(kid)` stores its private half under the id the server gave it. */
export async function makeKey() {
  const pair = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const spki = toBase64(await crypto.subtle.exportKey("spki", pair.publicKey));
  return { spki, keep: (kid) => store("readwrite", (keys) => keys.put(pair.privateKey, kid)) };
}

export function findKey(kid) {
  return store("readonly", (keys) => keys.get(kid));
}

/** 64 bytes r ‖ s over a message. */
export function signWith(key, message) {
  return crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, message);
}
