/**
 * HPKE base mode, single shot (RFC 9180), with MLKEM768-X25519 (0x647a, X-Wing) or X25519 (0x0020),
 * HKDF-SHA256 and AES-256-GCM, on the browser's own primitives.
 * Source: spec sealing §0.2, §3, §4.
 */
import { sha3_256, shake256 } from "./keccak.js";
import { SealError, concat, u8, utf8 } from "./octets.js";

const EMPTY = new Uint8Array(0);
const PKCS8_X25519 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]);
const XWING_LABEL = Uint8Array.from([0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c]);
const KEM_768_PUBLIC = 1184;
const KEM_768_CIPHERTEXT = 1088;
const u16 = (number) => Uint8Array.of(number >> 8, number & 0xff);

// HKDF (RFC 5869). HMAC pads its key with zeros, so an empty salt is the same as 32 zeros.
async function hmac(key, data) {
  const padded = key.length === 0 ? new Uint8Array(32) : key;
  const imported = await crypto.subtle.importKey("raw", padded, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

async function expand(prk, info, size) {
  let [out, block] = [EMPTY, EMPTY];
  for (let i = 1; out.length < size; i += 1) {
    block = await hmac(prk, concat(block, info, u8(i)));
    out = concat(out, block);
  }
  return out.slice(0, size);
}

/** @returns {Promise<Uint8Array>} HKDF-SHA256 of `ikm`. */
export const hkdf = async (ikm, salt, info, size) => expand(await hmac(salt, ikm), info, size);

function labeled(suiteId) {
  const prefix = utf8("HPKE-v1");
  return {
    extract: (salt, name, ikm) => hmac(salt, concat(prefix, suiteId, utf8(name), ikm)),
    expand: (prk, name, info, size) => expand(prk, concat(u16(size), prefix, suiteId, utf8(name), info), size),
  };
}

async function x25519Private(raw) {
  return crypto.subtle.importKey("pkcs8", concat(PKCS8_X25519, raw), { name: "X25519" }, true, ["deriveBits"]);
}

async function x25519PublicOf(privateKey) {
  const { x } = await crypto.subtle.exportKey("jwk", privateKey);
  return Uint8Array.from(atob(x.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

/** Diffie-Hellman; the browser refuses the all-zero result of a low-order key. */
async function x25519(privateKey, publicRaw) {
  const other = await crypto.subtle.importKey("raw", publicRaw, { name: "X25519" }, true, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: other }, privateKey, 256));
}

async function x25519Ephemeral() {
  const pair = await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"]);
  return [pair.privateKey, new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))];
}

/** Whether this browser has ML-KEM-768; without it `intl-1` cannot be used on a page. */
export async function hasPostQuantum() {
  try {
    await crypto.subtle.importKey("raw-seed", new Uint8Array(64), "ML-KEM-768", false, ["decapsulateBits"]);
    return true;
  } catch {
    return false;
  }
}

/** Refuse with `browser_without_ml_kem`, saying what to do instead. */
export async function requirePostQuantum() {
  if (!(await hasPostQuantum())) {
    throw new SealError(
      "browser_without_ml_kem",
      "This browser has no ML-KEM-768. Please use a current Chromium, or the command line tool: sealbid seal.",
    );
  }
}

const combine = (mlkem, curve, curveCiphertext, curvePublic) =>
  sha3_256(concat(mlkem, curve, curveCiphertext, curvePublic, XWING_LABEL));

/** X-Wing, the hybrid KEM 0x647a. */
const xwing = {
  id: 0x647a,
  publicBytes: KEM_768_PUBLIC + 32,
  encapsulationBytes: KEM_768_CIPHERTEXT + 32,

  async halves(seed) {
    await requirePostQuantum();
    const expanded = shake256(seed, 96);
    const mlkem = await crypto.subtle.importKey("raw-seed", expanded.slice(0, 64), "ML-KEM-768", true, ["decapsulateBits"]);
    return [mlkem, await x25519Private(expanded.slice(64))];
  },

  async publicKey(seed) {
    const [mlkem, curve] = await this.halves(seed);
    const half = await crypto.subtle.getPublicKey(mlkem, ["encapsulateBits"]);
    return concat(new Uint8Array(await crypto.subtle.exportKey("raw-public", half)), await x25519PublicOf(curve));
  },

  async encapsulate(publicKey) {
    await requirePostQuantum();
    const [kemPublic, curvePublic] = [publicKey.slice(0, KEM_768_PUBLIC), publicKey.slice(KEM_768_PUBLIC)];
    const key = await crypto.subtle.importKey("raw-public", kemPublic, "ML-KEM-768", true, ["encapsulateBits"]);
    const { sharedKey, ciphertext } = await crypto.subtle.encapsulateBits("ML-KEM-768", key);
    const [ephemeral, ephemeralPublic] = await x25519Ephemeral();
    const curve = await x25519(ephemeral, curvePublic);
    return [
      combine(new Uint8Array(sharedKey), curve, ephemeralPublic, curvePublic),
      concat(new Uint8Array(ciphertext), ephemeralPublic),
    ];
  },

  async decapsulate(seed, encapsulation) {
    const [kem, curve] = await this.halves(seed);
    const kemPart = encapsulation.slice(0, KEM_768_CIPHERTEXT);
    const curvePart = encapsulation.slice(KEM_768_CIPHERTEXT);
    const shared = new Uint8Array(await crypto.subtle.decapsulateBits("ML-KEM-768", kem, kemPart));
    return combine(shared, await x25519(curve, curvePart), curvePart, await x25519PublicOf(curve));
  },
};

/** DHKEM(X25519, HKDF-SHA256), 0x0020; the seed is the private key. */
const dhkem = {
  id: 0x0020,
  publicBytes: 32,
  encapsulationBytes: 32,

  publicKey: async (seed) => x25519PublicOf(await x25519Private(seed)),

  async shared(dh, encapsulation, publicKey) {
    const kdf = labeled(concat(utf8("KEM"), u16(0x0020)));
    const prk = await kdf.extract(EMPTY, "eae_prk", dh);
    return kdf.expand(prk, "shared_secret", concat(encapsulation, publicKey), 32);
  },

  async encapsulate(publicKey) {
    const [ephemeral, encapsulation] = await x25519Ephemeral();
    return [await this.shared(await x25519(ephemeral, publicKey), encapsulation, publicKey), encapsulation];
  },

  async decapsulate(seed, encapsulation) {
    const key = await x25519Private(seed);
    return this.shared(await x25519(key, encapsulation), encapsulation, await x25519PublicOf(key));
  },
};

async function contentKey(kem, shared, info) {
  const kdf = labeled(concat(utf8("HPKE"), u16(kem.id), u16(0x0001), u16(0x0002)));
  const context = concat(
    u8(0),
    await kdf.extract(EMPTY, "psk_id_hash", EMPTY),
    await kdf.extract(EMPTY, "info_hash", info),
  );
  const secret = await kdf.extract(shared, "secret", EMPTY);
  const raw = await kdf.expand(secret, "key", context, 32);
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  return { key, iv: await kdf.expand(secret, "base_nonce", context, 12) };
}

function hpkeWith(kem) {
  return {
    publicBytes: kem.publicBytes,
    envelopeBytes: kem.encapsulationBytes + 32 + 16,
    publicKey: (seed) => kem.publicKey(seed),

    /** @returns {Promise<Uint8Array>} encapsulation ‖ ciphertext. */
    async wrap(publicKey, info, share) {
      if (publicKey.length !== kem.publicBytes) throw new SealError("public_key", "This is no key of this suite.");
      let encapsulated;
      try {
        encapsulated = await kem.encapsulate(publicKey);
      } catch (problem) {
        if (problem instanceof SealError) throw problem;
        throw new SealError("public_key", "This is no key of this suite.");
      }
      const { key, iv } = await contentKey(kem, encapsulated[0], info);
      return concat(encapsulated[1], new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, share)));
    },

    async unwrap(seed, info, envelope) {
      try {
        const shared = await kem.decapsulate(seed, envelope.slice(0, kem.encapsulationBytes));
        const { key, iv } = await contentKey(kem, shared, info);
        const sealed = envelope.slice(kem.encapsulationBytes);
        return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed));
      } catch (problem) {
        if (problem instanceof SealError) throw problem;
        throw new SealError("envelope_unreadable", "This envelope does not open with this seed.");
      }
    },
  };
}

/** Share wrapping by suite id. */
const SUITES = { "intl-1": hpkeWith(xwing), "intl-0": hpkeWith(dhkem) };

/** @returns the wrapping functions of a suite, or refuses with `suite_unknown`. */
export function suiteNamed(id) {
  if (typeof id !== "string" || !Object.hasOwn(SUITES, id)) throw new SealError("suite_unknown", "This suite is not built in.");
  return SUITES[id];
}
