/**
 * Signatures of actors in the browser: Ed25519 keys, passkeys, and checking both.
 * Source: spec sealing §2, §10. The Python twin is sealbid/signatures.py.
 */
import * as jcs from "./jcs.js";
import { SealError, b64, concat, equal, hex, label, unb64, utf8 } from "./octets.js";
import { sha256 } from "./sha256.js";

const SPKI_ED25519 = Uint8Array.from([0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0]);
const ADMITTED = [
  ["ed25519", { name: "Ed25519" }, { name: "Ed25519" }],
  ["es256", { name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  ["rsa-pss-256", { name: "RSA-PSS", hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }],
];

/** The bytes `m` that a signature of type `kind` over `body` covers. */
export const message = (kind, body) => concat(label("sealbid/1 sign"), label(kind), jcs.encode(body));

/** The WebAuthn challenge of a document: `SHA-256(m)`, 32 bytes. */
export const challenge = (kind, body) => sha256(message(kind, body));

/** @param {Uint8Array} spki @returns {Promise<string>} sixteen hex digits. */
export const kidOf = async (spki) => hex(await sha256(spki)).slice(0, 16);

/** SPKI of a raw Ed25519 public key such as `bk`. */
export const ed25519Spki = (raw) => concat(SPKI_ED25519, raw);

/**
 * A fresh key `bk` for one bid. The private key cannot be exported unless asked for (to keep it with the receipt).
 * @returns {Promise<{publicKey: Uint8Array, privateKey: CryptoKey, sign: Signer}>}
 */
export async function freshBidKey({ extractable = false } = {}) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, extractable, ["sign", "verify"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { publicKey, privateKey: pair.privateKey, sign: ed25519Signer(pair.privateKey, publicKey) };
}

/**
 * @callback Signer
 * @param {string} kind
 * @param {object} body
 * @returns {Promise<object>} the signature object, ready for canonical JSON.
 */

/** @returns {Signer} */
export function ed25519Signer(privateKey, publicRaw) {
  return async (kind, body) => ({
    alg: "ed25519",
    kid: await kidOf(ed25519Spki(publicRaw)),
    sig: b64(new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, privateKey, message(kind, body)))),
  });
}

const PKCS8_ED25519 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);

/** The signer of a key that was kept as its 32-byte seed, as `.sbkey` files keep `bk`. @returns {Promise<Signer>} */
export async function seedSigner(seed) {
  const key = await crypto.subtle.importKey("pkcs8", concat(PKCS8_ED25519, seed), { name: "Ed25519" }, true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  return ed25519Signer(key, unb64(`${x.replaceAll("-", "+").replaceAll("_", "/")}=`, 32));
}

/**
 * A signer that asks for a passkey once per document.
 * @param {{rpId: string, credentialId: Uint8Array, spki: Uint8Array}} passkey
 * @returns {Signer}
 */
export function passkeySigner({ rpId, credentialId, spki }) {
  return async (kind, body) => {
    const { response } = await navigator.credentials.get({
      publicKey: {
        rpId,
        challenge: await challenge(kind, body),
        allowCredentials: [{ type: "public-key", id: credentialId }],
        userVerification: "required",
      },
    });
    return {
      alg: "webauthn",
      kid: await kidOf(spki),
      sig: b64(new Uint8Array(response.signature)),
      authenticator_data: b64(new Uint8Array(response.authenticatorData)),
      client_data_json: b64(new Uint8Array(response.clientDataJSON)),
    };
  };
}

/**
 * Return quietly when `signature` by `spki` covers this document.
 * @param {object} signature
 * @param {{rpId: string, origins: string[]}} [relyingParty] needed for passkeys.
 * @throws {SealError} `signature_key`, `signature_algorithm`, `signature_origin`, `bad_signature`.
 */
export async function verify(signature, kind, body, spki, relyingParty) {
  if (signature.kid !== (await kidOf(spki))) throw new SealError("signature_key", "It names another key.");
  const fits =
    signature.alg === "webauthn"
      ? await passkeyFits(signature, await challenge(kind, body), spki, relyingParty)
      : await plainFits(signature, message(kind, body), spki);
  if (!fits) throw new SealError("bad_signature", "The signature does not fit this document and key.");
}

async function imported(spki, alg) {
  const [, key, check] = ADMITTED.find(([name]) => name === alg) ?? [];
  if (!key) throw new SealError("signature_algorithm", "This algorithm is not built in.");
  try {
    return [await crypto.subtle.importKey("spki", spki, key, false, ["verify"]), check];
  } catch {
    throw new SealError("signature_algorithm", "The algorithm does not fit the key.");
  }
}

async function plainFits(signature, m, spki) {
  const [key, check] = await imported(spki, signature.alg);
  return crypto.subtle.verify(check, key, unb64(signature.sig), m);
}

async function passkeyFits(signature, expected, spki, relyingParty) {
  if (!relyingParty) throw new SealError("signature_origin", "Nobody said which site this passkey belongs to.");
  const [data, client] = [unb64(signature.authenticator_data), unb64(signature.client_data_json)];
  const said = JSON.parse(new TextDecoder().decode(client));
  const spelled = b64(expected).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  if (said.type !== "webauthn.get" || said.challenge !== spelled) return false;
  const site = await sha256(utf8(relyingParty.rpId));
  // Bits 0 and 2: the user was present and verified.
  if (!relyingParty.origins.includes(said.origin) || said.crossOrigin === true ||
      data.length < 37 || !equal(data.slice(0, 32), site) || (data[32] & 5) !== 5) {
    throw new SealError("signature_origin", "The passkey signed for another site, or without its person.");
  }
  const signed = concat(data, await sha256(client));
  const isEd25519 = spki.length === 44;
  const [key, check] = await imported(spki, isEd25519 ? "ed25519" : "es256");
  const sig = unb64(signature.sig);
  return crypto.subtle.verify(check, key, isEd25519 ? sig : rawOfDer(sig), signed);
}

/** ECDSA in DER, as authenticators write it, to the 64 bytes that WebCrypto reads. */
function rawOfDer(der) {
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1];
    const number = der.slice(at + 2, at + 2 + length);
    const trimmed = number.slice(Math.max(0, number.length - 32));
    if (der[at] !== 2 || number.length > 33) throw new SealError("bad_signature", "This is no ECDSA signature.");
    raw.set(trimmed, end - trimmed.length);
    at += 2 + length;
  }
  return raw;
}
