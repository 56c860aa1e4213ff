// An auction room: state in, drawing out. Everybody's room is this module; only a bidder's has a pad.
import { connection } from "../ui/room.js";
import { now, offset } from "../ui/time.js";
import { draw } from "./chart.js";
import { $, make, notice, say, show } from "./dom.js";
import { Feed } from "./feed.js";
import { Pad, receiptOf, refusal, yuan } from "./pad.js";
import { drawClock, drawPrice, drawRank } from "./stage.js";
import { OVER, leads, merged, mergedOwn, trailOf } from "./state.js";
import { Unit, amount, fill, minute, date, moment, time } from "./text.js";
import { Wire } from "./wire.js";

const given = JSON.parse($("room-data").textContent);
const EMPTY = { stage: "waiting", starts_at: given.terms.starts_at, ends_at: null, extensions: 0, round: 0, best: null, next: null, bidders: null, offers: null, stopped: null, result: null, list: [] };

const room = {
  ...given,
  state: given.state ?? EMPTY,
  unit: new Unit(given.unit, given.unit_word),
  receipts: new Map(),
  connected: false,
  now: () => now() ?? Date.now(),
  instant: () => new Date(room.now()).toISOString(),
  reason: (text) => given.reasons[text] ?? text,
  keep(receipt, text) {
    if (receipt.nr) room.receipts.set(receipt.nr, text);
    try {
      sessionStorage.setItem(RECEIPTS, JSON.stringify([...room.receipts]));
    } catch {
      // storage is switched off: receipts live as long as this page
    }
    feed.chips();
  },
};
// What this window has seen of the best price is kept over a reload; the server does not tell it again.
const TRAIL = `auction-trail ${given.channel}`;
try {
  room.bests = JSON.parse(sessionStorage.getItem(TRAIL) ?? "[]");
} catch {
  room.bests = [];
}
const RECEIPTS = `auction-receipts ${given.channel} ${given.plate}`;
try {
  room.receipts = new Map(JSON.parse(sessionStorage.getItem(RECEIPTS) ?? "[]"));
} catch {
  room.receipts = new Map();
}
room.followed = given.state?.stage === "waiting" || room.bests.length > 0;
function seen(best) {
  if (!best?.amount || room.bests.at(-1)?.at === best.at) return;
  room.bests = [...room.bests, { at: best.at, amount: best.amount }].slice(-500);
  try {
    sessionStorage.setItem(TRAIL, JSON.stringify(room.bests));
  } catch {
    // storage is switched off: the line begins anew after a reload
  }
}
room.limits = given.limits.map(({ name, amount: text }) => ({ name, value: amount(text) }));
seen(room.state.best);
const feed = new Feed(room, $("feed"));
const hears = {
  state(state, own) {
    room.state = state;
    if (own) room.own = own;
    seen(state.best);
    feed.whole(room.state, room.own);
    refresh();
  },
  whole(own) {
    const known = new Set(room.own?.own.map((one) => one.nr));
    room.own = own;
    for (const one of own.own) if (!known.has(one.nr)) feed.mine(one);
    refresh();
  },
  news(news) {
    const before = room.state;
    room.state = merged(before, news);
    seen(news.best);
    feed.news(before, room.state, news, room.own);
    aloud(before, news);
    refresh();
  },
  own(told) {
    if (!room.own) return;
    const { rank, own: known } = room.own;
    room.own = mergedOwn(room.own, told);
    for (const one of room.own.own.slice(known.length)) feed.mine(one);
    if (typeof room.own.rank === "number" && room.own.rank !== rank) speak(fill(room.words.say_rank, { rank: room.own.rank }));
    refresh();
  },
  status(state, { delay = null, attempt = 0 }) {
    const was = room.connected;
    room.connected = state === "good" || state === "slow";
    if (delay !== null || !room.connected) room.delay = delay;
    connection(state, { delay: room.delay, attempt });
    network(state, room.delay);
    if (was !== room.connected) refresh();
  },
  refused(problem) {
    show($("closed"), true);
    say($("closed"), problem.title ?? "");
  },
};
let wire = null;
const unsure = () => $("answer").replaceChildren(notice("y", room.words.unsure, room.words.unsure_more));
const pad = new Pad(room, (command, message) => wire.do(command, message, unsure));

// ---- drawing -----------------------------------------------------------------------------------------------------

const known = (value) => value !== null && value !== undefined;

function refresh() {
  const { state } = room;
  drawClock(room);
  drawPrice(room);
  drawRank(room);
  show($("feed-count"), known(state.offers));
  say($("feed-count"), !known(state.offers) ? "" : fill(room.words.count, { n: state.offers }));
  pad.refresh();
  drawStopped();
  drawExtra();
  drawResult();
  plot();
}

function drawStopped() {
  const place = $("stopped");
  const { stopped, storage_trouble: trouble } = room.state;
  show(place, Boolean(stopped || trouble));
  if (!stopped) {
    if (trouble && place.dataset.said !== "trouble") place.replaceChildren(notice("y", room.reason("storage"), room.words.stopped_more));
    place.dataset.said = trouble ? "trouble" : "";
    return;
  }
  const more = stopped.resumes_at ? fill(room.words.resumes_more, { time: moment(stopped.resumes_at, room.now()) }) : room.words.stopped_more;
  const fact = fill(room.words.stopped, { reason: room.reason(stopped.reason) });
  if (place.dataset.said !== fact + more) place.replaceChildren(notice("y", fact, more));
  place.dataset.said = fact + more;
}

/** What a stage asks beside an offer: to go on, to match, to accept the clock's price, to stay. */
function drawExtra() {
  const { state, own, plate, priority } = room;
  const lead = leads(state, own, plate);
  const asked = ["inquiry", "willing"].includes(state.stage) && room.role === "bidder";
  show($("go-on"), asked);
  if (asked) {
    const yes = own?.willing === true || lead === true;
    show($("go-on-yes"), yes);
    show($("go-on-ask"), !yes);
  }
  const may = priority && (own?.asked || ["running", "extended", "limited", "inquiry"].includes(state.stage));
  show($("priority"), Boolean(may));
  if (may) {
    $("match").disabled = !room.connected || lead === true || !state.best;
    show($("waive"), state.stage === "asking");
  }
  show($("second"), room.role === "bidder" && state.stage === "second" && room.terms.format === "capped");
  const turn = own?.turn;
  show($("turn"), room.role === "bidder" && room.terms.format === "turn_based" && !OVER.has(state.stage));
  if ($("turn-note")) {
    const order = state.special?.order?.[(state.special?.turn ?? 1) - 1];
    say($("turn-note"), turn?.mine ? room.words.turn_mine : order ? fill(room.words.turn_of, { plate: order }) : "");
    for (const field of document.querySelectorAll("#turn input, #turn button")) field.disabled = !room.connected || !turn?.mine;
  }
  const clock = ["dutch", "japanese"].includes(room.terms.format);
  show($("clock-pad"), clock && room.role === "bidder" && !OVER.has(state.stage));
  for (const button of document.querySelectorAll("#clock-pad button")) button.disabled = !room.connected || state.stage !== "running" || own?.inside === false;
  show($("limit"), room.role === "bidder" && room.terms.limits === "held" && !OVER.has(state.stage));
  if ($("limit-now")) say($("limit-now"), own?.limit ? fill(room.words.limit_set, { price: room.unit.text(amount(own.limit)) }) : room.words.limit_none);
  for (const field of document.querySelectorAll("#limit input, #limit button")) field.disabled = !room.connected;
}

function drawResult() {
  const { state, own, plate, unit, words } = room;
  const over = OVER.has(state.stage);
  show($("result"), over);
  show($("pad"), !over && room.role === "bidder" && !["dutch", "japanese", "turn_based"].includes(room.terms.format) && !["willing", "asking", ...(room.terms.format === "capped" ? ["second"] : [])].includes(state.stage));
  if (!over) return;
  const made = state.result;
  let fact = words.ended_none;
  let kind = "i";
  if (made?.winner && made.winner === plate) [fact, kind] = [fill(words.ended_won, { price: unit.text(amount(made.price)) }), "g"];
  else if (made?.winner) fact = fill(words.ended_sold, { plate: made.winner, price: unit.text(amount(made.price)) });
  else if (made?.reason) fact = fill(words.ended_none_for, { reason: room.reason(made.reason) });
  const rank = typeof own?.rank === "number" ? fill(words.ended_rank, { rank: own.rank }) : "";
  const head = $("result-head");
  if (head.dataset.said !== fact + rank) head.replaceChildren(notice(kind, fact, rank));
  head.dataset.said = fact + rank;
  const body = $("ranking");
  const ranking = made?.ranking ?? [];
  show(body.closest("table"), ranking.length > 0);
  body.replaceChildren(...ranking.map(([name, price], at) => make("tr", { class: name === plate ? "sr-own" : null }, make("td", {}, String(at + 1)), make("th", { scope: "row" }, name), make("td", { class: "sr-right sr-num" }, unit.text(amount(price))))));
}

function plot() {
  const { state, own, terms, unit } = room;
  const best = trailOf(terms, state.list, room.bests);
  const mine = (own?.own ?? []).filter((one) => one.amount && one.kind !== "sealed").map((one) => [Date.parse(one.at), amount(one.amount)]);
  const start = Date.parse(state.starts_at ?? terms.starts_at ?? room.instant());
  const first = Math.min(start, ...best.map(([at]) => at), ...mine.map(([at]) => at));
  const at = room.now();
  const last = Math.max(start + 10_000, ...best.map(([when]) => when), ...mine.map(([when]) => when));
  const until = OVER.has(state.stage) ? last : Math.max(at, last);
  const from = state.stage === "waiting" ? start : first;
  const opening = amount(terms.start);
  if (opening !== null && best.length && (room.followed || state.list.length)) best.unshift([from, opening]);
  const long = until - from > 86_400_000;
  draw($("plot"), { best, mine, limits: room.limits, from, until: until + Math.max((until - from) * 0.04, 1000), now: OVER.has(state.stage) ? last : Math.min(at, until), digits: (fen) => unit.digits(fen), minute: (when, every) => (every < 60_000 ? time(when) : long ? date(when) : minute(when)) });
  const details = $("plot-table");
  if (details.open) table(best, mine);
}

function table(best, mine) {
  const all = [...best.map(([at, price]) => [at, price, room.words.series_best]), ...mine.map(([at, price]) => [at, price, room.words.series_mine])].sort((a, b) => a[0] - b[0]);
  $("plot-rows").replaceChildren(...all.map(([at, price, name]) => make("tr", {}, make("td", {}, moment(at, room.now())), make("td", {}, name), make("td", { class: "sr-right" }, room.unit.text(price)))));
}

// ---- network and clock -------------------------------------------------------------------------------------------

function network(state, delay) {
  say($("net-delay"), delay === null ? "—" : `${Math.round(delay)} ms`);
  const measured = offset();
  const far = measured === null ? 0 : Math.abs(measured.ahead);
  const error = Math.max(1, Math.round(measured?.error ?? 0));
  const size = far < 10_000 ? `${Math.round(far)} ± ${error} ms` : `${Math.min(far / 1000, 9999).toFixed(1)} s`;
  say($("net-offset"), measured === null || state === "lost" ? "—" : `${measured.ahead < 0 ? "−" : "+"}${size}`);
  say($("net-beat"), $("net-beat").dataset[state === "slow" ? "good" : state] ?? "");
  const slow = delay !== null && delay > 500;
  const skewed = measured !== null && Math.abs(measured.ahead) > Math.max(1000, 2 * measured.error);
  const text = slow ? fill(room.words.slow, { ms: Math.round(delay) }) : skewed ? fill(room.words.skewed, { s: far > 9_999_000 ? "> 9999" : (far / 1000).toFixed(1) }) : "";
  const place = $("net-warning");
  show(place, Boolean(text));
  if (text && place.dataset.said !== text) place.replaceChildren(notice("y", text));
  place.dataset.said = text;
}

// ---- spoken and heard --------------------------------------------------------------------------------------------

let sounding = false;
const speak = (text) => say($("spoken"), text);

function aloud(before, news) {
  if (news.best) speak(fill(room.words.say_best, { price: room.unit.text(amount(news.best.amount)) }));
  else if (news.ends_at && before.ends_at && Date.parse(news.ends_at) > Date.parse(before.ends_at)) speak(fill(room.words.say_moved, { time: moment(news.ends_at, room.now()) }));
}

function beep(pitch) {
  if (!sounding || !globalThis.AudioContext) return;
  beep.context ??= new AudioContext();
  const tone = beep.context.createOscillator();
  const volume = beep.context.createGain();
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0.08, beep.context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, beep.context.currentTime + 0.18);
  tone.connect(volume).connect(beep.context.destination);
  tone.start();
  tone.stop(beep.context.currentTime + 0.2);
}

$("countdown").addEventListener("sr:countdown", ({ detail }) => detail === "soon" ? beep(660) : detail === "last" && beep(990));
$("sound")?.addEventListener("click", ({ currentTarget }) => {
  sounding = !sounding;
  currentTarget.setAttribute("aria-pressed", String(sounding));
  beep(880);
});

// ---- deeds beside an offer -----------------------------------------------------------------------------------------

const number = () => crypto.randomUUID().replaceAll("-", "");

async function deed(button, command, message, line) {
  button.disabled = true;
  try {
    const answer = await wire.do(command, message, unsure);
    const place = $("answer");
    if (!answer.ok) place.replaceChildren(refusal(answer.problem, room.words));
    else {
      const receipt = receiptOf(answer);
      place.replaceChildren(notice("g", line ?? room.words.accepted, receipt ? fill(room.words.accepted_more, { time: time(receipt.recv_at) }) : ""));
      if (receipt) room.keep(receipt, answer.receipt);
    }
  } finally {
    button.disabled = false;
    refresh();
  }
}

/** What cannot be undone is pressed twice: the first press asks, naming the price, and forgets after five seconds. */
function sure(button, run) {
  const price = amount(room.state.special?.price ?? room.state.best?.amount);
  if (button.dataset.armed === String(price)) {
    delete button.dataset.armed;
    run();
    return;
  }
  if (button.dataset.armed) return; // it is about to forget another price
  const words = button.textContent;
  button.dataset.armed = String(price);
  button.lastChild.textContent = price === null ? room.words.again : fill(room.words.again_price, { price: room.unit.text(price) });
  const forget = () => {
    clearInterval(watch);
    delete button.dataset.armed;
    button.lastChild.textContent = words;
  };
  const began = performance.now();
  // Another price is another question.
  const watch = setInterval(() => {
    const now = amount(room.state.special?.price ?? room.state.best?.amount);
    if (!button.dataset.armed || button.dataset.armed !== String(now) || performance.now() - began > 5000) forget();
  }, 50);
}

for (const [id, command, keyed, binds] of [["will", "will_continue", false, false], ["match", "match", true, true], ["waive", "waive", false, true], ["accept", "accept", true, true], ["stay", "stay", true, false], ["leave", "drop", false, true]]) {
  $(id)?.addEventListener("click", ({ currentTarget }) => {
    const run = () => deed(currentTarget, command, keyed ? { key: number() } : {});
    binds ? sure(currentTarget, run) : run();
  });
}
$("limit-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = room.unit.read($("limit-amount").value);
  if (typed === null) return $("limit-amount").focus();
  deed($("limit-set"), "limit", { amount: yuan(typed) }, fill(room.words.limit_set, { price: room.unit.text(typed) }));
});
$("second-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  deed($("second-set"), "bid2", { quantity: $("second-amount").value.trim(), key: number() });
});
$("turn-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = room.unit.read($("turn-amount").value);
  if (typed === null) return $("turn-amount").focus();
  deed($("turn-set"), "turn", { amount: yuan(typed), key: number() });
});
$("limit-none")?.addEventListener("click", ({ currentTarget }) => deed(currentTarget, "limit", { amount: null }, room.words.limit_none));
$("plot-table").addEventListener("toggle", plot);
$("rules-open")?.addEventListener("click", () => $("rules-all").showModal());

// ---- receipts ------------------------------------------------------------------------------------------------------

document.addEventListener("click", ({ target }) => {
  const chip = target.closest("[data-receipt]");
  if (!chip) return;
  const text = room.receipts.get(Number(chip.dataset.receipt));
  const receipt = JSON.parse(text);
  const value = (term, text, mono = false) => [make("dt", {}, term), make("dd", { class: mono ? "sr-mono" : null }, text)];
  const names = JSON.parse($("receipt").dataset.names);
  const shown = Object.entries(names).filter(([name]) => receipt[name] !== undefined && receipt[name] !== "").flatMap(([name, term]) => value(term, name === "price" ? room.unit.text(amount(receipt.price)) : name.endsWith("_at") || name === "end_at_after" ? `${moment(receipt[name], 0)}` : String(receipt[name]), ["event", "log_root"].includes(name)));
  $("receipt-facts").replaceChildren(...shown, ...value(names.sig ?? "sig", receipt.sig.kid, true));
  const link = $("receipt-file");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `receipt-${receipt.plate}-${receipt.nr ?? 0}.json`;
  $("receipt").showModal();
});

new ResizeObserver(plot).observe($("plot"));
setInterval(() => {
  drawClock(room);
  plot();
}, 1000);
feed.whole(room.state, room.own);
refresh();
if (given.live) wire = new Wire(given.channel, hears);
// A rehearsal lives on when its page asks it to.
if (given.rehearsal) setInterval(() => room.connected && !OVER.has(room.state.stage) && wire.tick(), 1000);
