/**
 * The page on which a limit, an offer or a reserve price is sealed: checks the policy, seals in this browser, keeps the
 * own key with whoever sealed it, sends ciphertext. Amounts never leave this module. Source: rules §4.2, §4.6, §4.7.
 */
import { get, pageData, post, save, sentence } from "../bidding/calls.js";
import { lock } from "../bidding/lockbox.js";
import { refuse, soundPolicyOf } from "../bidding/policy.js";
import * as seal from "../seal/index.js";
import { sealSlip } from "../seal/slip.js";
import { fen } from "../ui/money.js";

const kit = pageData();
const words = pageData("page-words");
const $ = (id) => document.getElementById(id);
let found = null;

function fail(error) {
  const place = $("trouble");
  place.hidden = false;
  place.querySelector("[data-trouble]").textContent = sentence(error, words);
  place.scrollIntoView({ block: "nearest" });
}

const amountOf = (text) => {
  const minor = fen(text);
  if (minor === null || minor < 0n) throw refuse("amount_missing");
  return `${minor / 100n}.${String(minor % 100n).padStart(2, "0")}`;
};

function light(colour, text) {
  const node = $(`light-${colour}`).content.cloneNode(true);
  node.querySelector("span > span").textContent = text;
  $("policy-check").replaceChildren(node);
}

async function sealAndSend(form) {
  found ??= await soundPolicyOf(kit);
  const [one, two] = ["passphrase", "passphrase2"].map((name) => form.elements.namedItem(name));
  if (one.value !== two.value) throw refuse("passphrases_differ");
  const { what } = form.dataset;
  const told = await (await get(`${kit.base}/sealing`)).json(); // the round may have changed since the page was made
  const part = told[`${what}_part`];
  if (!part || !found.policy.parts.includes(part)) throw refuse("slip_not_printed");
  const amount = amountOf(form.elements.namedItem("amount").value);
  const items = what === "offer" ? kit.items.map((name, at) => ({ name, value: form.elements.namedItem(`item-${at}`).value.trim() })) : [];
  const made = await sealSlip({
    policy: found.policy, policyDigest: found.digest, part, what, lot: told.lot, auction: told.auction,
    plate: what === "reserve" ? "" : told.plate, amount, currency: told.currency, items,
  });
  const kept = { v: 1, slip: made.slip, root: seal.hex(made.root), secret: seal.b64(made.secret) };
  save(`${made.slip.bid}.slipkey`, await lock(seal.jcs.encode(kept), one.value, "slip-secret"));
  const message = { ...made.commit, container: seal.b64(made.container) };
  const receipt =
    what === "reserve" ? await post(`${kit.base}/reserve`, message) : await post(`${kit.base}/slips`, { what, ...message });
  form.reset();
  $("said").textContent = `${words.sealed_as} ${seal.hex(made.root).slice(0, 16)}…`;
  $("receipt").hidden = what === "reserve";
  $("receipt").onclick = () => save(`${made.slip.bid}.receipt.json`, seal.jcs.encode(receipt));
  document.documentElement.dataset.sealed = seal.hex(made.root);
}

const deed = (form, act) =>
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    $("trouble").hidden = true;
    event.submitter.disabled = true;
    try {
      await act(form);
    } catch (error) {
      fail(error);
    } finally {
      event.submitter.disabled = false;
    }
  });

for (const form of document.querySelectorAll("form[data-what]")) deed(form, sealAndSend);
deed($("back-form"), async () => {
  await post(`${kit.base}/slips/withdrawal`, {});
  location.reload();
});

try {
  found = await soundPolicyOf(kit);
  light("g", words.policy_ok);
} catch (error) {
  light("r", sentence(error, words));
  fail(error);
}
document.documentElement.dataset.slipReady = "yes";
