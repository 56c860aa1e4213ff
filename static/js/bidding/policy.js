/**
 * The sealing policy of a kit, checked on the bidder's own machine before anything is sealed under it.
 * Source: spec sealing §4, §7.2.
 */
import * as seal from "../seal/index.js";
import { verifyProof } from "./proof.js";

/** An error whose code the page has words for. */
export const refuse = (code) => Object.assign(new Error(code), { code });

/**
 * Who signed what, was this very policy logged, did witnesses see it.
 * @param {object} kit policy, record, proof and trust, and the organisations it knows.
 * @param {object} [terms] `origin` of the platform's pages; `trust`, the reader's own trust policy instead of the kit's.
 * @returns {Promise<{policy: object, digest: Uint8Array, proof: object}>} refuses `another_record`, `unwitnessed` and what
 *   an unsound policy is refused for.
 */
export async function soundPolicyOf(kit, { origin = location.origin, trust = kit.trust } = {}) {
  const found = await seal.requireSoundPolicy(seal.unb64(kit.policy), {
    tenderer: kit.known.tenderer,
    operator: kit.known.operator,
    controlledBy: Object.fromEntries(kit.known.controlled_by.map(({ org, by }) => [org, by])),
    pinned: Object.fromEntries(kit.known.organizations.map(({ org, keys }) => [org, keys.map((key) => seal.unb64(key))])),
    relyingParty: { rpId: kit.rp_id, origins: [origin] },
  });
  const recorded = await seal.policyDigest(kit.record.body);
  const isThis = kit.record.t === "policy" && seal.hex(recorded) === seal.hex(found.digest) && found.policy.tender === kit.tender;
  if (!isThis) throw refuse("another_record");
  const proof = await verifyProof(kit.record, kit.proof, trust);
  if (!proof.witnessed) throw refuse("unwitnessed");
  if (found.policy.suites[0] === "intl-1") await seal.requirePostQuantum();
  return { ...found, proof };
}
