// RFC 6962 inclusion proofs and C2SP signed notes on the browser's own SHA-256 and Ed25519.
// Sources: RFC 9162 §2.1.3.2; C2SP signed-note, tlog-cosignature.

const ED25519 = 1;
const COSIGNATURE = 4;
const text = new TextEncoder();

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const unhex = (string) => Uint8Array.from(string.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
export const unb64 = (string) => Uint8Array.from(atob(string), (letter) => letter.charCodeAt(0));

function join(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}

export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);

// The root that an audit path leads to; throws when the path has the wrong length. Sizes are below 2^53.
export async function rootOf(leaf, index, size, path) {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size)) throw new RangeError("index");
  let node = leaf;
  let place = BigInt(index);
  let last = BigInt(size - 1);
  for (const sibling of path) {
    if (last === 0n || sibling.length !== 32) throw new RangeError("path");
    if (place & 1n || place === last) {
      node = await sha256(Uint8Array.of(1), sibling, node);
      while (!(place & 1n) && place !== 0n) {
        place >>= 1n;
        last >>= 1n;
      }
    } else {
      node = await sha256(Uint8Array.of(1), node, sibling);
    }
    place >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new RangeError("path");
  return node;
}

// A signed note: its text and signature lines; a checkpoint's origin, size and root.
export function parseNote(note) {
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0) throw new SyntaxError("note");
  const body = note.slice(0, cut + 1);
  const lines = note.slice(cut + 2).split("\n").filter(Boolean).map((line) => {
    const [, name, data] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    if (!data) throw new SyntaxError("note line");
    const bytes = unb64(data);
    return { name, id: hex(bytes.slice(0, 4)), payload: bytes.slice(4) };
  });
  const [origin, size, root, end] = body.split("\n");
  if (end !== "" || !/^(0|[1-9]\d{0,15})$/.test(size)) throw new SyntaxError("checkpoint");
  return { body, lines, origin, size: Number(size), root: unb64(root) };
}

// "name+keyid+base64(type ‖ key)"
export async function parseVkey(vkey) {
  const [name, id, ...rest] = vkey.split("+");
  const data = unb64(rest.join("+"));
  const own = hex((await sha256(text.encode(`${name}\n`), data)).slice(0, 4));
  if (own !== id) throw new SyntaxError("vkey");
  return { name, id, kind: data[0], key: data.slice(1) };
}

// true, false, or undefined where the note has no line of this key or its kind is not checked here.
export async function signedBy(note, vkey) {
  const key = await parseVkey(vkey);
  const line = note.lines.find((one) => one.name === key.name && one.id === key.id);
  if (!line) return undefined;
  let message = text.encode(note.body);
  let signature = line.payload;
  if (key.kind === COSIGNATURE) {
    if (signature.length !== 72) return false;
    const seconds = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
    message = text.encode(`cosignature/v1\ntime ${seconds}\n${note.body}`);
    signature = signature.slice(8);
  } else if (key.kind !== ED25519) {
    return undefined;
  }
  const handle = await crypto.subtle.importKey("raw", key.key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, handle, signature, message);
}
