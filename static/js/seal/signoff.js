/**
 * A bid leaves the competition on the word of its own key; where that is lost, on its organisation's, and the record says so.
 * The Python twin is sealbid/signoff.py. Source: spec sealing §6, §13 T6, T11.
 */
import * as jcs from "./jcs.js";
import { hex } from "./octets.js";
import { sha256 } from "./sha256.js";

const marked = (body, lostBy) => (lostBy ? { ...body, key: "lost", org: lostBy } : body);

/** What is signed as `bid-replace`: consent to this very commitment in place of the bid it names. */
export async function replacement(commit, lostBy = "") {
  const { tender, replaces: bid, bid: replaced_by } = commit;
  return marked({ tender, bid, replaced_by, commit: hex(await sha256(jcs.encode(commit))) }, lostBy);
}

/** What is signed as `bid-withdraw`. */
export const withdrawal = (bid, commit_leaf, lostBy = "") => marked({ bid, commit_leaf }, lostBy);
