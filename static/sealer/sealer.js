/**
 * The offline sealer's page: a kit in, sealed files out, nothing sent.
 * Put together with the modules of the sealing page into one file by bidding/sealer.py. Source: spec sealing §4–§6, §11.
 */
import { lock, unlock } from "../js/bidding/lockbox.js";
import { refuse, soundPolicyOf } from "../js/bidding/policy.js";
import * as seal from "../js/seal/index.js";
import { ed25519Spki } from "../js/seal/signatures.js";
import { capitals, fen } from "../js/ui/money.js";

const $ = (id) => document.getElementById(id);
const WORDS = {
  kit_format: ["这不是招标材料包。", "This is no tender kit."],
  unwitnessed: ["策略记录尚未得到法定数目的见证。请稍后重新下载材料包。", "The policy lacks its quorum of witnesses. Download the kit again later."],
  another_record: ["材料包里的日志记录不是这份策略。", "The log record in the kit is not this policy."],
  fingerprint: ["与公告所载指纹不符，请勿密封。", "It differs from the notice. Do not seal."],
  fingerprint_first: ["请先照公告输入策略指纹。", "Type the fingerprint from the notice first."],
  kit_first: ["请先打开招标材料包。", "Open the tender kit first."],
  key_first: ["请先打开签名密钥。", "Open your signing key first."],
  key_kind: ["这不是本工具或 sealbid keygen 生成的密钥文件。", "This is no key file of this tool or of sealbid keygen."],
  passphrase: ["口令不对。", "The passphrase does not open it."],
  passphrase_short: ["口令至少 8 个字符。", "A passphrase needs at least eight characters."],
  passphrases_differ: ["两次口令不同。", "The two passphrases differ."],
  price_missing: ["请填写投标总价，例如 1234567.00。", "Enter the bid price, for example 1234567.00."],
  price_ceiling: ["报价高于最高限价，会被否决。", "The price is above the ceiling and would be rejected."],
  days: ["工期应为 1 至 9999 的整数。", "The period is a whole number from 1 to 9999."],
  old_key_missing: ["请选择被替换投标的钥匙文件，或声明其已遗失。", "Choose the key file of the bid that you replace, or state that it is lost."],
  old_key_other: ["这是另一份投标的钥匙文件。", "This key file belongs to another bid."],
  files_missing: ["请选择投标文件。", "Choose the bid files."],
  too_large: ["文件合计超过平台上限。", "The files together exceed what the platform takes."],
  closed: ["按本机时钟，投标已经截止。", "By this computer's clock, bids have closed."],
  browser_without_ml_kem: ["此浏览器不支持所需算法，请改用新版 Chromium 内核浏览器或命令行。", "This browser lacks the algorithm. Use a current Chromium-based one, or the command line."],
  failed: ["未能完成，没有生成任何文件。", "It did not work, and no file was made."],
};
const lang = () => document.documentElement.dataset.lang;
const word = (code) => (WORDS[code] ?? WORDS.failed)[lang() === "en" ? 1 : 0];
const say = (zh, en) => (lang() === "en" ? en : zh);

let kit = null;
let policy = null; // { policy, digest }
let signer = null;

function fail(error) {
  const code = error?.code ?? "failed";
  $("trouble").textContent = WORDS[code] ? word(code) : `${word("failed")} (${code}${error?.detail ? `: ${error.detail}` : ""})`;
  $("trouble").hidden = false;
  $("trouble").scrollIntoView({ block: "nearest" });
}

/** Runs a step; whatever goes wrong is said in one place. */
async function step(work) {
  $("trouble").hidden = true;
  try {
    await work();
  } catch (error) {
    fail(error);
  }
}

const state = (id, kind, text) => {
  $(id).className = kind;
  $(id).textContent = text;
};

// ---------- 1 the kit ----------
const bytesOf = async (input) => new Uint8Array(await input.files[0].arrayBuffer());

async function readKit() {
  [kit, policy] = [null, null];
  $("policy").hidden = true;
  if (!$("kit").files.length) return;
  const found = JSON.parse(new TextDecoder().decode(await bytesOf($("kit"))));
  if (found.v !== 1 || !found.policy || !found.lots || !found.known) throw refuse("kit_format");
  const own = $("trust").files.length ? new TextDecoder().decode(await bytesOf($("trust"))) : "";
  const sound = await soundPolicyOf(found, { origin: new URL(found.base_url).origin, trust: own || found.trust });
  [kit, policy] = [found, sound];
  showKit(sound.proof, own !== "");
}

function showKit(proof, own) {
  $("tender").textContent = `${kit.title} · ${kit.tender}`;
  $("closes").textContent = new Date(kit.closes_at).toLocaleString(lang(), { timeZone: "Asia/Shanghai", hour12: false });
  $("bidder").textContent = `${kit.bidder.name} ${kit.bidder.uscc}`;
  $("keepers").replaceChildren(...policy.policy.custodians.map(({ role, org }) => Object.assign(document.createElement("li"), { textContent: `${role} · ${kit.names?.[org] ?? org}` })));
  $("checked").textContent = say(
    `保管人签名、${policy.policy.t}/${policy.policy.n} 门限规则、日志第 ${proof.index} 条、见证 ${proof.witnesses.join("、")}${own ? "（按您的信任文件）" : ""}`,
    `Custodians' signatures, ${policy.policy.t} of ${policy.policy.n}, log entry ${proof.index}, witnesses ${proof.witnesses.join(", ")}${own ? " (by your trust file)" : ""}`,
  );
  $("lot").replaceChildren(...Object.entries(kit.lots).map(([number, { title }]) => new Option(`${number} · ${title}`, number)));
  $("files").replaceChildren(...policy.policy.parts.filter((part) => part !== "price").flatMap((part) => {
    const label = Object.assign(document.createElement("label"), { htmlFor: `part-${part}`, textContent: part === "tech" ? say("商务与技术文件", "Business and technical files") : part });
    const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, id: `part-${part}` });
    input.dataset.part = part;
    return [label, input];
  }));
  showCeiling();
  $("policy").hidden = false;
  compare();
}

function showCeiling() {
  const lot = kit?.lots[$("lot").value];
  if (lot) $("ceiling").textContent = say(`最高限价 ${lot.ceiling} 元`, `Ceiling ${lot.ceiling} yuan`);
  $("old").textContent = older();
  $("replacing").hidden = older() === "";
}

const older = () => kit?.replaces?.[$("lot").value] ?? "";

/** The older bid's key signs that it makes room; the company's key signs where that one is lost. */
async function replacing() {
  const bid = older();
  if (!bid) return undefined;
  if ($("old-lost").checked) return { bid, sign: signer, lostBy: kit.bidder.uscc };
  if (!$("old-file").files.length) throw refuse("old_key_missing");
  const key = seal.jcs.decode(await unlock(await bytesOf($("old-file")), $("old-pass").value, "bid-secret"));
  if (key.bid !== bid) throw refuse("old_key_other");
  return { bid, sign: await seal.seedSigner(seal.unb64(key.bk, 32)) };
}

const typed = () => $("printed").value.toLowerCase().replaceAll(/[^0-9a-f]/g, "");
const fits = () => policy !== null && typed() === seal.hex(policy.digest).slice(0, 16);

function compare() {
  if (typed().length < 16) state("fits", "muted", "");
  else state("fits", fits() ? "good" : "bad", fits() ? say("与公告一致。", "As the notice prints it.") : word("fingerprint"));
}

$("kit").addEventListener("change", () => step(readKit));
$("trust").addEventListener("change", () => step(readKit));
$("printed").addEventListener("input", compare);
$("lot").addEventListener("change", showCeiling);
$("old-lost").addEventListener("change", () => { $("old-key").hidden = $("old-lost").checked; });

// ---------- 2 the key ----------
async function takeKey(pkcs8) {
  let key;
  try {
    key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, true, ["sign"]);
  } catch {
    throw refuse("key_kind");
  }
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const raw = Uint8Array.from(atob(x.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const spki = ed25519Spki(raw);
  signer = async (kind, body) => ({
    alg: "ed25519", kid: await seal.kidOf(spki),
    sig: seal.b64(new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key, seal.message(kind, body)))),
  });
  const kid = await seal.kidOf(spki);
  const registered = kit?.known.organizations.some(({ org, keys }) => org === kit.bidder.uscc && keys.includes(seal.b64(spki)));
  state("key-state", registered === false ? "warn" : "good", say(`密钥 ${kid} 可用。`, `Key ${kid} is ready.`));
  $("spki").textContent = seal.b64(spki);
  $("key-line").hidden = false;
}

$("open-key").addEventListener("click", () => step(async () => {
  if (!$("key").files.length) throw refuse("key_first");
  await takeKey(await unlock(await bytesOf($("key")), $("key-pass").value, "identity"));
}));

$("make-key").addEventListener("click", () => step(async () => {
  if ([...$("key-pass").value].length < 8) throw refuse("passphrase_short");
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  offer("identity.key", new Blob([await lock(pkcs8, $("key-pass").value, "identity")])).click();
  await takeKey(pkcs8);
}));

// ---------- 3–5 price, files, seal ----------
function openingItems() {
  const amount = fen($("price").value);
  if (!amount) throw refuse("price_missing");
  if (amount > fen(kit.lots[$("lot").value].ceiling)) throw refuse("price_ceiling");
  const items = { price: `${amount / 100n}.${String(amount % 100n).padStart(2, "0")}`, currency: "CNY" };
  if ($("days").value) {
    const days = Number($("days").value);
    if (!Number.isInteger(days) || days < 1 || days > 9999) throw refuse("days");
    items.period_days = days;
  }
  for (const name of ["quality", "manager"]) if ($(name).value.trim()) items[name] = $(name).value.trim();
  return items;
}

function contents() {
  const found = { price: { opening: openingItems() } };
  let size = 0;
  for (const input of $("files").querySelectorAll("input")) {
    if (!input.files.length) throw refuse("files_missing");
    found[input.dataset.part] = { files: [...input.files] };
    for (const file of input.files) size += file.size;
  }
  if (size > kit.bytes_max * 0.85) throw refuse("too_large"); // sealing pads by up to 12 %
  return Object.fromEntries(policy.policy.parts.map((part) => [part, found[part] ?? {}]));
}

const offer = (name, blob) => Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name, textContent: name });

async function sealBid() {
  if (!policy) throw refuse("kit_first");
  if (!fits()) throw refuse(typed().length < 16 ? "fingerprint_first" : "fingerprint");
  if (!signer) throw refuse("key_first");
  if (Date.now() >= Date.parse(kit.closes_at)) throw refuse("closed");
  const parts = contents();
  if ($("pass").value !== $("pass2").value) throw refuse("passphrases_differ");
  if ([...$("pass").value].length < 8) throw refuse("passphrase_short");
  const lot = $("lot").value;
  const replaced = await replacing();
  const made = await seal.sealParts({
    policy: policy.policy, policyDigest: policy.digest, lot, bidder: kit.bidder, parts, signer, replacing: replaced,
    onProgress: ({ done, total }) => { $("progress").value = total ? done / total : 1; },
  });
  const bid = seal.hex(made.bid);
  const secret = await lock(seal.jcs.encode(await seal.keyFileOf(made, lot)), $("pass").value, "bid-secret");
  const files = [
    [`${bid}.sbkey`, new Blob([secret])],
    [`${bid}.commit.json`, new Blob([seal.jcs.encode(seal.submissionOf(made))])],
    ...made.parts.map(({ part, blob }) => [`${bid}.${part}.sb`, blob]),
  ];
  $("out").replaceChildren(...files.map(([name, blob]) => {
    const item = document.createElement("li");
    item.append(offer(name, blob), ` ${(blob.size / 1e6).toFixed(2)} MB`);
    return item;
  }));
  [$("pass").value, $("pass2").value, $("old-pass").value] = ["", "", ""];
  $("progress").value = 1;
  $("done").hidden = false;
  $("done").scrollIntoView();
}

$("bid").addEventListener("submit", async (event) => {
  event.preventDefault();
  if ($("seal").disabled) return;
  $("seal").disabled = true;
  $("done").hidden = true;
  await step(sealBid);
  $("seal").disabled = false;
});

// A change after sealing makes what lies there stale.
$("bid").addEventListener("input", () => { $("done").hidden = true; });

$("language").addEventListener("click", () => {
  const next = lang() === "en" ? "zh-CN" : "en";
  [document.documentElement.dataset.lang, document.documentElement.lang] = [next, next];
  if (kit) step(readKit);
});

document.documentElement.dataset.sealerReady = capitals(0n) ? "yes" : "no";
