/**
 * The client's checks of a tender's policy before anything is sealed.
 * Source: spec sealing §0 (SP-1), §4. The Python twin is sealbid/policy.py.
 */
import { suiteNamed } from "./hpke.js";
import * as jcs from "./jcs.js";
import { SealError, hex, unb64 } from "./octets.js";
import { SHARES_MAX } from "./shamir.js";
import { kidOf, verify } from "./signatures.js";
import { sha256 } from "./sha256.js";

const FIELDS =
  "custodians,deadline,grace_s,lock,log,min_bids,n,opening,parts,prev,sealer,suites,t,tender,v,witness";
const CUSTODIAN_FIELDS = "kid,not_after,org,pk,role,sig,x";
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const namesOf = (value) => Object.keys(value).sort().join();

/** Refuse with `policy_format` what the checks below could not even read. */
function requireForm(policy) {
  const fine =
    namesOf(policy) === FIELDS && policy.v === 1 && Number.isInteger(policy.t) && Number.isInteger(policy.n) &&
    ["custodians", "suites", "parts"].every((name) => Array.isArray(policy[name])) &&
    [policy.deadline, policy.opening, ...policy.custodians.map((custodian) => custodian.not_after)].every(
      (instant) => typeof instant === "string" && INSTANT.test(instant),
    ) &&
    policy.custodians.every((custodian) => namesOf(custodian) === CUSTODIAN_FIELDS && custodian.sig.kid === custodian.kid);
  if (!fine) throw new SealError("policy_format", "A policy has a field too few, too many, or of another kind.");
}

/** @returns {Promise<Uint8Array>} `P`, 32 bytes. */
export const policyDigest = (policy) => sha256(jcs.encode(policy));

/** @returns {string} the first 64 bits of `P` as four groups of four digits, as printed in the notice. */
export const fingerprint = (digest) => hex(digest).slice(0, 16).match(/..../g).join(" ");

/**
 * Parse a policy from its canonical bytes and refuse one under which nobody should seal.
 * @param {Uint8Array} bytes
 * @param {{tenderer: string, operator: string, controlledBy: Record<string, string[]>,
 *   pinned: Record<string, Uint8Array[]>, relyingParty?: {rpId: string, origins: string[]}}} known
 *   `pinned` ties organizations to their public keys (SPKI). Certificate chains are for the command line tool.
 * @returns {Promise<{policy: object, digest: Uint8Array}>}
 * @throws {SealError} `json_*`, `policy_format`, `policy_threshold`, `policy_custodians`, `policy_orgs_not_distinct`,
 *   `policy_role`, `policy_sp1`, `policy_suites`, `policy_lock`, `policy_times`, `policy_key_format`, `policy_key_expires`,
 *   `policy_key_unsigned` (facts.x).
 */
export async function requireSoundPolicy(bytes, { tenderer, operator, controlledBy, pinned, relyingParty }) {
  const policy = jcs.decode(bytes);
  requireForm(policy);
  const { t, n, custodians, suites } = policy;
  if (!(t >= 2 && t <= n && n <= SHARES_MAX)) throw new SealError("policy_threshold", "2 ≤ t ≤ n ≤ 16.");
  if (custodians.length !== n || custodians.some(({ x }, index) => x !== index + 1)) {
    throw new SealError("policy_custodians", "Custodians are numbered from 1 to n in order.");
  }
  if (new Set(custodians.map(({ org }) => org)).size !== n || new Set(custodians.map(({ pk }) => pk)).size !== n) {
    throw new SealError("policy_orgs_not_distinct", "One organization, one key, one share.");
  }
  for (const { x, role, org } of custodians) {
    if ((role === "tenderer") !== (org === tenderer) || (role === "operator") !== (org === operator)) {
      throw new SealError("policy_role", "A seat claims a role that is not its own.", { x });
    }
  }
  const together = custodians.filter(({ org }) => isWithin(new Set([tenderer, operator]), org, controlledBy));
  if (together.length > t - 1) {
    throw new SealError("policy_sp1", "Tenderer, operator and theirs could open the bids by themselves.");
  }
  if (suites.length === 0) throw new SealError("policy_suites", "A policy allows a suite.");
  if (policy.lock !== "none" && policy.lock !== "optional") throw new SealError("policy_lock", "None or optional.");
  if (policy.opening < policy.deadline) throw new SealError("policy_times", "The opening precedes the deadline.");
  for (const custodian of custodians) await requireSoundKey(policy, custodian, pinned, relyingParty);
  return { policy, digest: await sha256(bytes) };
}

async function requireSoundKey(policy, custodian, pinned, relyingParty) {
  const { x, role, org, pk, not_after, sig } = custodian;
  if (unb64(pk).length !== suiteNamed(policy.suites[0]).publicBytes) {
    throw new SealError("policy_key_format", "A custodian's key does not fit the suite.", { x });
  }
  // Both are spelled 2027-03-01T01:00:00Z, so the order of texts is the order of times.
  if (not_after < policy.opening) throw new SealError("policy_key_expires", "A key ends before the opening.", { x });
  const statement = { tender: policy.tender, x, role, org, pk, not_after };
  let why = "signer_unknown";
  for (const spki of pinned[org] ?? []) {
    if ((await kidOf(spki)) !== sig.kid) continue;
    try {
      return await verify(sig, "custodian-key", statement, spki, relyingParty);
    } catch (problem) {
      why = problem.code ?? "bad_signature";
    }
  }
  throw new SealError("policy_key_unsigned", "Nothing ties this key to its organization.", { x, why });
}

function isWithin(heads, org, controlledBy) {
  const seen = new Set();
  const waiting = [org];
  while (waiting.length > 0) {
    const current = waiting.pop();
    if (heads.has(current)) return true;
    if (!seen.has(current)) waiting.push(...(controlledBy[current] ?? []));
    seen.add(current);
  }
  return false;
}
