/**
 * A custodian's browser: makes and keeps the seed of a tender, judges what it is shown, releases its shares.
 * The twin of the judgement is sealbid/agent.py; both refuse the same. Source: spec sealing §2, §4, §8.2, §8.3.
 */
import { findKey } from "../identity/vault.js";
import { sign } from "../identity/sign.js";
import * as seal from "../seal/index.js";
import { concat, label, random, u8, utf8 } from "../seal/octets.js";
import { sha256 } from "../seal/sha256.js";
import { get, pageData, post, sentence } from "./calls.js";
import { lock, unlock } from "./lockbox.js";
import { climb, judge, leafOf, parseProof, parseTrust, verifyBlock, verifyConsistency, verifyProof } from "./proof.js";
import { keep, keepNew, recall } from "./store.js";

const kit = pageData();
const words = pageData("page-words");
const $ = (id) => document.getElementById(id);
const refuse = (code) => Object.assign(new Error(code), { code });
const purpose = `custodian-seed ${kit.tender}`;
const COMMITS = { "tender-close": "bid-commit", "slip-close": "slip-commit" };
const BIDDER_FAULTS = ["envelope_unreadable", "share_dealt_wrong"];

function fail(error) {
  $("trouble").hidden = false;
  $("trouble").querySelector("[data-trouble]").textContent = sentence(error, words);
}

const signer = async (kind, body) => {
  const usable = [];
  for (const key of kit.keys) if (key.kind === "passkey" || (await findKey(key.kid))) usable.push(key);
  if (usable.length === 0) throw refuse("no_key");
  const [challenge, message] = [await seal.challenge(kind, body), seal.message(kind, body)];
  return sign({ rp_id: kit.rp_id, keys: usable, challenge: seal.b64(challenge), message: seal.b64(message) });
};

async function stateKey(form) {
  const [one, two] = ["passphrase", "passphrase2"].map((name) => form.elements.namedItem(name).value);
  if (one !== two) throw refuse("passphrases_differ");
  const kept = await recall(purpose);
  const seed = kept ? await unlock(kept, one, purpose) : random(32);
  if (!kept) await keepNew(purpose, await lock(seed, one, purpose)); // kept first: a stated key without its seed is lost
  const body = {
    tender: kit.tender, x: kit.x, role: kit.role, org: kit.org,
    pk: seal.b64(await seal.suiteNamed("intl-1").publicKey(seed)), not_after: kit.not_after,
  };
  await post(`${kit.base}/custodian-keys`, { body, sig: await signer("custodian-key", body) });
  $("key-said").textContent = words.stated;
  setTimeout(() => location.reload(), 600);
}

/** Condition (b): a quorum saw the close, in a history that grew out of what this browser saw before. */
async function requireClose(found, policy, trust) {
  const { close } = found;
  const slips = close.t === "slip-close";
  if (!(close.t in COMMITS) || (slips && close.body.part !== found.part)) throw refuse("release_close");
  if (close.tender !== policy.tender || close.body.tender !== policy.tender) throw refuse("release_close");
  const proof = parseProof(found.close_proof);
  const judged = await judge(proof.note, trust);
  if (!judged.witnessed) throw refuse("unwitnessed");
  await climb(await leafOf(close), proof.index, proof.note.size, proof.hashes, proof.note.root);
  const last = await recall(`checkpoint ${proof.note.origin}`);
  if (last && last.size > proof.note.size) throw refuse("release_rollback");
  if (last) {
    const steps = found.consistency.map((step) => seal.unb64(step, 32));
    await verifyConsistency(last.size, proof.note.size, steps, last.root, proof.note.root);
  }
  return proof;
}

/** Condition (d) for one bid; returns its header. */
async function requireBid(found, policy, digest, close, listed, shown) {
  const { body } = shown.commit;
  const gone = [...found.close.body.withdrawn, ...found.close.body.late];
  const proof = parseProof(shown.proof);
  const slip = found.close.t === "slip-close"; // a slip of an auction has one part, a bid all of them
  const place = slip ? 0 : policy.parts.indexOf(found.part);
  const part = body.parts[place];
  const same =
    shown.commit.t === COMMITS[found.close.t] && (!slip || body.parts.length === 1) && proof.index === listed.commit && proof.index < close.index &&
    body.policy === seal.hex(digest) && body.tender === policy.tender && !gone.includes(listed.bid) &&
    listed.parts[place] === part.root && part.part === found.part && proof.note.text === close.note.text;
  if (!same) throw refuse("release_bid");
  await climb(await leafOf(shown.commit), proof.index, close.note.size, proof.hashes, close.note.root);
  const raw = seal.unb64(shown.header);
  await verifyBlock(await sha256(concat(u8(0), raw)), 0, part.blocks, shown.header_proof.map((step) => seal.unb64(step, 32)), part.root);
  const header = seal.parseHeader(raw);
  const fits = header.tender === policy.tender && header.part === found.part && seal.hex(header.bid) === listed.bid &&
    seal.hex(header.policy) === seal.hex(digest) && header.t === policy.t && header.shares.length === policy.n;
  if (!fits) throw refuse("release_bid");
  return header;
}

/** Every condition of the specification, then this custodian's share of every bid. */
async function decide(part, seed) {
  const logged = await (await get(`${kit.base}/policy`)).json();
  const trust = parseTrust(logged.trust);
  const policyProof = await verifyProof(logged.record, logged.proof, logged.trust);
  if (!policyProof.witnessed) throw refuse("unwitnessed");
  const policy = logged.record.body;
  const digest = await seal.policyDigest(policy);
  const mine = policy.custodians[kit.x - 1];
  const own = await seal.suiteNamed(policy.suites[0]).publicKey(seed);
  if (mine.pk !== seal.b64(own)) throw refuse("seed_missing");
  if (Date.now() < Date.parse(policy.opening)) throw refuse("release_early");
  const last = await recall(`checkpoint ${parseProof(logged.proof).note.origin}`);
  const found = await (await get(`${kit.base}/release-kit?part=${encodeURIComponent(part)}&since=${last?.size ?? 0}`)).json();
  if (found.part !== part) throw refuse("release_bid");
  const close = await requireClose(found, policy, trust);
  const listed = found.close.body.bids;
  if (listed.length < policy.min_bids) throw refuse("release_too_few");
  const shown = new Map(found.bids.map((bid) => [bid.commit.body.bid, bid]));
  if (shown.size !== listed.length || found.bids.length !== listed.length) throw refuse("release_bid");
  const [shares, bad] = [[], []];
  for (const entry of [...listed].sort((a, b) => (a.bid < b.bid ? -1 : 1))) {
    if (!shown.has(entry.bid)) throw refuse("release_bid");
    const header = await requireBid(found, policy, digest, close, entry, shown.get(entry.bid));
    try {
      shares.push({ bid: entry.bid, share: seal.b64(await seal.unwrapShare(header, kit.x, seed, digest)) });
    } catch (problem) {
      if (!BIDDER_FAULTS.includes(problem.code)) throw problem;
      bad.push({ bid: entry.bid, why: problem.code });
    }
  }
  await keep(`checkpoint ${close.note.origin}`, { size: close.note.size, root: close.note.root });
  return { close: close.index, shares, bad };
}

async function releaseAll(form) {
  if (!form.elements.namedItem("approve").checked) throw refuse("approve");
  const kept = await recall(purpose);
  if (!kept) throw refuse("seed_missing");
  const seed = await unlock(kept, form.elements.namedItem("passphrase").value, purpose);
  const messages = [];
  for (const part of kit.parts.filter((one) => !kit.released.includes(one))) {
    $("release-said").textContent = `${words.checking} ${part}`;
    const decision = await decide(part, seed);
    const content = { shares: decision.shares };
    // The salt follows from seed and content: a second attempt after a lost answer sends the very same digest.
    const salt = await sha256(concat(label("sealbid/1 release-salt"), seed, seal.jcs.encode(content), utf8(part)));
    const d = seal.hex(await sha256(concat(label("sealbid/1 private"), salt, seal.jcs.encode(content))));
    const body = { tender: kit.tender, part, close: decision.close, x: kit.x, bad: decision.bad, d };
    messages.push({ body, salt, content, part });
  }
  for (const { body, salt, content, part } of messages) {
    const { leaf } = await post(`${kit.base}/releases`, { body, sig: await signer("share-release", body) });
    await post(`${kit.base}/releases`, { release: leaf, salt: seal.b64(salt), private: content });
    $("release-said").textContent = `${words.released} ${part}`;
  }
  $("release-said").textContent = words.done;
  setTimeout(() => location.reload(), 600);
}

const deed = (id, act) =>
  $(id)?.addEventListener("submit", async (event) => {
    event.preventDefault();
    $("trouble").hidden = true;
    event.submitter.disabled = true;
    try {
      await act(event.target);
    } catch (error) {
      fail(error);
    } finally {
      event.submitter.disabled = false;
    }
  });

deed("key-form", stateKey);
deed("release-form", releaseAll);
$("seed-here").textContent = (await recall(purpose)) ? words.here : words.not_here;
document.documentElement.dataset.custodyReady = "yes";
