// Plays a finished auction from its journal, at any speed. First everything is checked; what does not fit is not played.
import { draw } from "./chart.js";
import { $, notice, say } from "./dom.js";
import { Feed } from "./feed.js";
import { checked } from "./proof.js";
import { OVER, merged, trailOf } from "./state.js";
import { Unit, amount, date, fill, minute, moment, percent, time } from "./text.js";

const given = JSON.parse($("room-data").textContent);
const words = given.replay;
const priceLabel = $("price-label").textContent;
const unit = new Unit(given.unit, given.unit_word);
const limits = given.limits.map(({ name, amount: text }) => ({ name, value: amount(text) }));
let frames = [];
let states = []; // the state after each frame; states[0] is before the first
let from = 0;
let until = 1;
let at = 0; // the moment shown, in milliseconds
let place = 0; // how many frames have happened
let playing = null;

const room = { ...given, unit, receipts: new Map(), now: () => at, instant: () => new Date(at).toISOString(), reason: (text) => given.reasons[text] ?? text };
const feed = new Feed(room, $("feed"));

async function load() {
  const began = performance.now();
  const [file, anchors, told] = await Promise.all([
    fetch(given.urls.journal).then((answer) => answer.arrayBuffer()),
    fetch(given.urls.anchors).then((answer) => answer.json()),
    fetch(given.urls.frames).then((answer) => answer.json()),
  ]);
  const bytes = new Uint8Array(file);
  const journal = JSON.parse(new TextDecoder().decode(bytes));
  if (!globalThis.crypto?.subtle) $("verdict").replaceChildren(notice("y", words.insecure));
  else {
    const found = await checked(bytes, journal, { sha: given.journal_sha256, anchors: anchors.anchors, log: given.urls.log, records: told.records });
    const wrong = found.ok ? differing(journal, told.frames) : null;
    if (!found.ok || wrong !== null) {
      const more = found.ok ? fill(words.bad_frame, { n: wrong }) : found.why === "bad_anchor" ? fill(words.bad_anchor, { index: found.at }) : found.why === "bad_file" ? words.bad_file : fill(words.bad_more, { n: found.at });
      $("verdict").replaceChildren(notice("r", words.bad, more));
      $("verdict").dataset.state = "r";
      return;
    }
    const ms = Math.max(1, Math.round(performance.now() - began));
    const fact = fill(words.good, { n: journal.events.length });
    $("verdict").replaceChildren(notice(found.entries ? "g" : "y", fact, found.entries ? fill(words.good_more, { anchors: found.entries, ms }) : words.unlogged));
    $("verdict").dataset.state = found.entries ? "g" : "y";
  }
  frames = told.frames.map((frame) => ({ ...frame, ms: Date.parse(frame.at) }));
  states = [{ ...told.begin }];
  for (const { news } of frames) states.push(merged(states.at(-1), news));
  from = Math.min(Date.parse(given.terms.starts_at), frames.find(({ news }) => news.stage)?.ms ?? frames[0]?.ms ?? 0);
  until = (frames.at(-1)?.ms ?? from) + 1000;
  for (const id of ["play", "seek", "back", "next"]) $(id).disabled = false;
  go(from);
}

/** The first event whose own words the drawing does not show: its price must appear with its plate and instant. */
function differing(journal, told) {
  const offers = new Set(told.flatMap(({ news }) => news.list ?? []).map(({ plate, amount: text }) => `${plate} ${text}`));
  if (given.terms.visible.after_end !== "all") return null;
  const open = ["open_reverse", "blind_reverse", "ascending", "listing", "multi_offer", "small", "capped"];
  if (!open.includes(given.terms.format)) return null;
  for (const [n, { text }] of journal.events.entries()) {
    const { event } = JSON.parse(text);
    if (event.kind === "offer" && !offers.has(`${event.plate} ${event.amount}`)) return n + 1;
  }
  return null;
}

function go(to) {
  at = Math.min(Math.max(to, from), until);
  const next = frames.filter(({ ms }) => ms <= at).length;
  if (next < place || next > place + 30) feed.whole(states[next], null);
  else for (let n = place; n < next; n += 1) told(n);
  place = next;
  paint();
}

function told(n) {
  const { news } = frames[n];
  const shown = at;
  at = frames[n].ms; // lines carry the moment of their event
  feed.news(states[n], states[n + 1], news, null);
  at = shown;
}

function paint() {
  const state = states[place];
  const made = OVER.has(state.stage) && state.result?.winner ? state.result : null;
  const clock = OVER.has(state.stage) ? null : amount(state.special?.price);
  const best = clock ?? amount(made ? made.price : state.best?.amount);
  const start = amount(given.terms.ceiling ?? given.terms.start);
  say($("price-label"), made ? words.result : clock === null ? priceLabel : given.words.clock_price);
  say($("phase"), given.stages[state.stage] ?? state.stage);
  const end = state.stopped ? state.stopped.resumes_at : state.ends_at;
  const left = end ? Math.max(0, Math.ceil((Date.parse(end) - at) / 1000)) : null;
  const two = (value) => String(value).padStart(2, "0");
  say($("left"), left === null ? (OVER.has(state.stage) ? "00:00" : "--:--") : left >= 86_400 ? fill(given.words.days_left, { d: Math.floor(left / 86_400), h: Math.floor(left / 3600) % 24 }) : left >= 3600 ? `${two(Math.floor(left / 3600))}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}` : `${two(Math.floor(left / 60))}:${two(left % 60)}`);
  say($("clock-note"), end ? fill(state.stopped ? given.words.resumes : given.words.ends, { time: moment(end, at) }) : "");
  say($("price"), best === null ? given.words.no_offer_yet : unit.digits(best));
  $("price").parentElement.classList.toggle("au-price-words", best === null);
  say($("price-unit"), best === null ? "" : unit.word);
  const facts = [];
  if (made) facts.push([given.words.plate, made.winner]);
  else if (clock === null && state.best?.plate) facts.push([given.words.plate, state.best.plate]);
  if (made && made.reason !== "best_offer") facts.push([words.decided, given.reasons[made.reason] ?? made.reason]);
  if (state.special?.quantity) facts.push([given.terms.cap?.indicator || given.words.second_best, `${state.special.quantity} ${given.terms.cap?.indicator_unit ?? ""}`.trim()]);
  if (state.round && (given.terms.rounds || given.terms.turns)) facts.push([given.words.round, `${state.round} / ${(given.terms.rounds ?? given.terms.turns).count ?? given.terms.turns?.rounds}`]);
  if (best !== null && start !== null) facts.push([given.terms.direction === "up" ? given.words.premium : given.words.against, percent(best - start, start)]);
  facts.push([given.words.offers_label, String(state.list.length)]);
  $("price-facts").replaceChildren(...facts.map(([term, value]) => {
    const row = document.createElement("div");
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = term;
    dd.textContent = value;
    row.append(dt, dd);
    return row;
  }));
  say($("moment"), `${date(at)} ${time(at)}`);
  say($("event-number"), fill(words.event, { n: place, all: frames.length }));
  $("seek").value = String(Math.round(((at - from) / (until - from)) * 1000));
  $("seek").setAttribute("aria-valuetext", `${date(at)} ${time(at)}`);
  plot(state);
}

function plot(state) {
  const best = given.terms.clock ? dials(place) : trailOf(given.terms, state.list);
  const long = until - from > 86_400_000;
  if (best.length && given.terms.start && !given.terms.clock) best.unshift([from, amount(given.terms.start)]);
  draw($("plot"), { best, mine: [], limits, from, until, now: at, digits: (fen) => unit.digits(fen), minute: (when, every) => (every < 60_000 ? time(when) : long ? date(when) : minute(when)) });
}

/** F10, F11: what the clock has shown up to a frame. */
function dials(upto) {
  const points = [];
  for (const { ms, news } of frames.slice(0, upto)) if (news.special?.price && amount(news.special.price) !== points.at(-1)?.[1]) points.push([ms, amount(news.special.price)]);
  return points;
}

function play(on) {
  cancelAnimationFrame(playing);
  playing = null;
  say($("play-word"), on ? words.pause : words.play);
  if (!on) return;
  if (at >= until) go(from);
  let last = performance.now();
  const step = (now) => {
    go(at + (now - last) * Number($("speed").value));
    last = now;
    if (at >= until) play(false);
    else playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
}

$("play").addEventListener("click", () => play(playing === null));
$("seek").addEventListener("input", ({ target }) => {
  play(false);
  go(from + ((until - from) * Number(target.value)) / 1000);
});
$("next").addEventListener("click", () => {
  play(false);
  go(frames.find(({ ms }) => ms > at)?.ms ?? until);
});
$("back").addEventListener("click", () => {
  play(false);
  go(frames.filter(({ ms }) => ms < at).at(-1)?.ms ?? from);
});
new ResizeObserver(() => states.length && paint()).observe($("plot"));
load().catch((error) => {
  $("verdict").replaceChildren(notice("r", words.bad, String(error)));
  $("verdict").dataset.state = "r";
});
