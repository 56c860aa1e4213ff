// An auction room: state in, drawing out. Everybody's room is this module; only a bidder's has a pad.
import { connection } from "../ui/room.js";
import { now, offset } from "../ui/time.js";
import { draw } from "./chart.js";
import { Card } from "./confirm.js";
import { Deeds } from "./deeds.js";
import { $, make, notice, say, show } from "./dom.js";
import { Feed } from "./feed.js";
import { Pad } from "./pad.js";
import { drawClock, drawPrice, drawRank } from "./stage.js";
import { OVER, clocked, dialTrail, merged, mergedOwn, trailOf } from "./state.js";
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
// A clock's prices, as this window saw them.
room.dials = [];
function ticked({ special, starts_at: began }) {
  if (!special?.price || room.dials.at(-1)?.tick === special.tick) return;
  room.dials.push({ tick: special.tick, amount: special.price, at: special.tick === 1 && began ? began : room.instant() });
}
room.limits = given.limits.map(({ name, amount: text }) => ({ name, value: amount(text) }));
seen(room.state.best);
ticked(room.state);
const feed = new Feed(room, $("feed"));
const hears = {
  state(state, own) {
    room.state = state;
    if (own) room.own = own;
    seen(state.best);
    ticked(state);
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
    ticked(room.state);
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
const send = (command, message) => wire.do(command, message, unsure);
const card = new Card(room, () => pad?.refresh());
const pad = new Pad(room, card, send);
const deeds = new Deeds(room, card, send);
$("turn-back-set")?.addEventListener("click", () => pad.takeBack());

// ---- drawing -----------------------------------------------------------------------------------------------------

const known = (value) => value !== null && value !== undefined;

function refresh() {
  const { state } = room;
  drawClock(room);
  drawPrice(room);
  drawRank(room);
  show($("feed-count"), known(state.offers));
  say($("feed-count"), !known(state.offers) ? "" : fill(room.words.count, { n: state.offers }));
  card.check();
  pad.refresh();
  deeds.refresh();
  drawStopped();
  drawHost();
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

/** Whoever may stop the clock has the order that fits: to stop it, or to announce that it goes on. */
function drawHost() {
  const { stage, stopped } = room.state;
  const over = OVER.has(stage) || stage === "settling";
  show($("host-over"), over);
  show($("host-stop"), !over && !stopped);
  show($("host-resume"), !over && Boolean(stopped));
  show($("host-points"), stage === "settling" && room.terms.format === "weighted");
  show($("host-confirm"), Boolean(room.state.result?.winner));
}

function drawResult() {
  const { state, own, plate, unit, words } = room;
  const over = OVER.has(state.stage);
  show($("result"), over);
  if (!over) return;
  const made = state.result;
  let fact = words.ended_none;
  let kind = "i";
  if (made?.winner && made.winner === plate) [fact, kind] = [fill(words.ended_won, { price: unit.text(amount(made.price)) }), "g"];
  else if (made?.winner) fact = fill(words.ended_sold, { plate: made.winner, price: unit.text(amount(made.price)) });
  else if (made?.reason) fact = fill(words.ended_none_for, { reason: room.reason(made.reason) });
  const rank = typeof own?.rank === "number" ? fill(words.ended_rank, { rank: own.rank }) : "";
  const reason = made?.winner && made.reason && made.reason !== "best_offer" ? room.reason(made.reason) : "";
  const more = [reason, rank].filter(Boolean).join(" · ");
  const head = $("result-head");
  if (head.dataset.said !== fact + more) head.replaceChildren(notice(kind, fact, more));
  head.dataset.said = fact + more;
  const body = $("ranking");
  const ranking = made?.ranking ?? [];
  const points = new Map(made?.points ?? []);
  const scored = points.size > 0 && ["weighted", "capped"].includes(room.terms.format);
  show($("ranking-points"), scored);
  const mine = [...room.receipts.keys()].filter((nr) => Number.isInteger(nr)).sort((a, b) => b - a).slice(0, 3);
  const place = $("result-receipts");
  show(place, mine.length > 0);
  if (place && place.dataset.said !== mine.join()) place.replaceChildren(make("span", { class: "sr-sm sr-ink2" }, words.result_receipts), ...mine.map((nr) => feed.chipOf(nr)));
  if (place) place.dataset.said = mine.join();
  show(body.closest("table"), ranking.length > 0);
  body.replaceChildren(...ranking.map(([name, price], at) => make("tr", { class: name === plate ? "sr-own" : null }, make("td", {}, String(at + 1)), make("th", { scope: "row" }, name), make("td", { class: "sr-right sr-num" }, unit.text(amount(price))), scored ? make("td", { class: "sr-right sr-num" }, points.get(name) ?? "—") : null)));
}

function plot() {
  const { state, own, terms, unit } = room;
  const clock = clocked(terms);
  const best = clock ? dialTrail(terms, state, room.dials) : trailOf(terms, state.list, room.bests);
  const mine = (own?.own ?? []).filter((one) => one.amount && one.kind !== "sealed").map((one) => [Date.parse(one.at), amount(one.amount)]);
  const start = Date.parse(state.starts_at ?? terms.starts_at ?? room.instant());
  const first = Math.min(start, ...best.map(([at]) => at), ...mine.map(([at]) => at));
  const at = room.now();
  const last = Math.max(start + 10_000, ...best.map(([when]) => when), ...mine.map(([when]) => when));
  const until = OVER.has(state.stage) ? last : Math.max(at, last);
  const from = state.stage === "waiting" ? start : first;
  const opening = amount(terms.start);
  if (!clock && opening !== null && best.length && (room.followed || state.list.length)) best.unshift([from, opening]);
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
  say($("net-offset"), measured === null || state === "lost" ? "—" : `${Math.round(far) === 0 ? "" : measured.ahead < 0 ? "−" : "+"}${size}`);
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
