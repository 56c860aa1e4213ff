/**
 * A slip: what one party seals for an auction, in a document of fixed length. The Python twin is sealbid/slip.py.
 * Source: spec sealing §5, §6; docs/formats/auction-slip.md.
 */
import { headerHash, prepare, sealPayload } from "./container.js";
import * as jcs from "./jcs.js";
import { SealError, b64, concat, hex, random, u32, utf8 } from "./octets.js";
import { freshBidKey } from "./signatures.js";

export const SLIP_BYTES = 4096;
const MAGIC = utf8("SBS1");
const MONEY = /^(?:0|[1-9][0-9]{0,15})\.[0-9]{2}$/;
const VALUE = /^(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,8})?$/;

/** The plaintext of a slip. @throws {SealError} `slip_format`, `slip_too_long`. */
export function encodeSlip(slip) {
  const fine = MONEY.test(slip.amount) && slip.items.every(({ value }) => VALUE.test(value));
  if (!fine) throw new SealError("slip_format", "An amount has two decimals, a further value at most eight.");
  const text = jcs.encode(slip);
  if (MAGIC.length + 4 + text.length > SLIP_BYTES) throw new SealError("slip_too_long", "The slip does not fit its form.");
  const plain = new Uint8Array(SLIP_BYTES);
  plain.set(concat(MAGIC, u32(text.length), text));
  return plain;
}

/**
 * Seal a slip in this browser; nothing is sent.
 * @param {{policy: object, policyDigest: Uint8Array, part: string, what: string, lot: string, auction: string,
 *   plate: string, amount: string, currency: string, items: {name: string, value: string}[]}} said
 * @returns {Promise<{commit: {body: object, sig: object}, container: Uint8Array, slip: object, root: Uint8Array,
 *   secret: Uint8Array}>} `secret` opens it: it stays with whoever sealed it.
 */
export async function sealSlip({ policy, policyDigest, part, what, lot, auction, plate, amount, currency, items }) {
  const [bid, key] = [random(16), await freshBidKey()];
  const envelope = await prepare({ policy, policyDigest, part, bid });
  const slip = {
    v: 1, what, tender: policy.tender, lot, auction, plate, bid: hex(bid), part, policy: hex(policyDigest),
    hb: hex(await headerHash(envelope.header)), bk: b64(key.publicKey), amount, currency,
    items: [...items].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
  const plain = encodeSlip(slip);
  const sealed = await sealPayload(envelope, (async function* pieces() { yield plain; })());
  const body = {
    v: 1, tender: policy.tender, lot, auction, bid: hex(bid), policy: hex(policyDigest), bk: b64(key.publicKey),
    parts: [{ part, root: hex(sealed.root), size: sealed.size, blocks: sealed.blockHashes.length }],
  };
  const container = new Uint8Array(await sealed.blob.arrayBuffer());
  return { commit: { body, sig: await key.sign("slip-commit", body) }, container, slip, root: sealed.root, secret: envelope.secret };
}
