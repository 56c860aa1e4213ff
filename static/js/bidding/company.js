/** Signs as the bidder's company: with a key of this browser or a passkey of the person. Source: spec sealing §2, §10. */
import { findKey } from "../identity/vault.js";
import { sign } from "../identity/sign.js";
import * as seal from "../seal/index.js";

/** The person's keys that can sign here. */
export async function usableKeys({ keys }) {
  const usable = [];
  for (const key of keys) if (key.kind === "passkey" || (await findKey(key.kid))) usable.push(key);
  return usable;
}

/** @returns {import("../seal/signatures.js").Signer} refuses `no_key` without a key. */
export const companySigner = (kit) => async (kind, body) => {
  const keys = await usableKeys(kit);
  if (keys.length === 0) throw Object.assign(new Error("no_key"), { code: "no_key" });
  return sign({
    rp_id: kit.rp_id,
    keys,
    challenge: seal.b64(await seal.challenge(kind, body)),
    message: seal.b64(seal.message(kind, body)),
  });
};
