/**
 * Keeps the opening hall fresh: the live channel says when its version grew, and the changed regions come from the page
 * itself. While there is no socket the page asks from time to time: the printed fallback.
 * Newly opened rows appear one after another, in the drawn order; the server has them all, this is only the ceremony.
 */
import { connect } from "../live.js";
import { connection } from "../ui/room.js";
import { now } from "../ui/time.js";

const hall = document.getElementById("hall");
const speak = () => document.getElementById("speak");
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const [CALM, LIVELY, REVEAL] = [8000, 2000, 1100];
let attempt = 0;
let aloud = false; // the reader is off until somebody turns it on
let online = false;
let renewing = null;
let again = false;

/** A page, parsed by the browser without running anything in it: `{ ok, page }`. */
const load = (method, url, body = null) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "document";
    request.timeout = 15_000;
    request.onload = () => (request.response ? resolve({ ok: request.status === 200, page: request.response }) : reject(new Error("status")));
    request.onerror = request.ontimeout = () => reject(new Error("network"));
    request.send(body);
  });

/** The page again. */
async function fresh() {
  const { ok, page } = await load("GET", location.pathname + location.search);
  if (!ok) throw new Error("status");
  return page;
}

const typing = (region) => [...region.querySelectorAll("textarea")].some((area) => area.value || area === document.activeElement);
const calmly = matchMedia("(prefers-reduced-motion: reduce)").matches;

const read = new Set(); // rows read aloud since the reader was turned on

/** Read an open row aloud, once, in the language of the page. */
function say(row) {
  if (!aloud || !row.dataset.say || read.has(row.id)) return;
  read.add(row.id);
  const words = new SpeechSynthesisUtterance(row.dataset.say);
  words.lang = document.documentElement.lang;
  speechSynthesis.speak(words);
}

/** On: what is open already is read in its order, the rest as it opens. Off: silence at once. */
function setAloud(on) {
  aloud = on;
  read.clear();
  speechSynthesis.cancel();
  if (on) hall.querySelectorAll("tr[data-say]").forEach(say);
}

/** How many rows are open on this page; it grows with the ceremony. */
function countOpened() {
  const open = document.querySelectorAll('tr[data-row-state]:not([data-row-state="sealed"])').length;
  const [count, bar] = [document.querySelector("[data-opened-count]"), document.querySelector(".sr-opening-count progress")];
  if (count) count.textContent = String(open);
  if (bar) bar.value = open;
}

/** Replace sealed rows by opened ones in order; resolves when the last one is open. */
async function reveal(next) {
  const rows = [...next.querySelectorAll("tr[data-row-state]")];
  for (const row of rows) {
    const old = document.getElementById(row.id);
    const opens = old && old.dataset.rowState === "sealed" && row.dataset.rowState !== "sealed";
    if (!opens) continue;
    const shown = document.importNode(row, true);
    shown.classList.add("sr-row-opening");
    old.replaceWith(shown);
    countOpened();
    say(shown);
    if (!calmly) await new Promise((resolve) => setTimeout(resolve, REVEAL));
  }
}

const talk = document.getElementById("talk");
const atEnd = () => talk.scrollHeight - talk.scrollTop - talk.clientHeight < 24;
const toEnd = () => (talk.scrollTop = talk.scrollHeight);

/** Bring a list up to date item by item, so that only what is new is read out. */
function merge(list, next) {
  const end = atEnd();
  const wanted = [...next.children];
  const ids = new Set(wanted.map(({ id }) => id));
  for (const old of [...list.children]) if (!ids.has(old.id)) old.remove();
  wanted.forEach((item, at) => {
    const here = list.children[at];
    const old = here?.id === item.id ? here : document.getElementById(item.id);
    if (old?.isEqualNode(item)) {
      if (old !== here) list.insertBefore(old, here ?? null);
      return;
    }
    const shown = document.importNode(item, true);
    if (old) {
      if (old !== here) list.insertBefore(old, here ?? null);
      old.replaceWith(shown);
    } else list.insertBefore(shown, here ?? null);
  });
  if (end) toEnd();
}

/** A message that came with its news: shown at once, its log number follows. */
function hear({ key, voice, who, who_en: english, text, at }) {
  const list = hall.querySelector('[data-live="lines"]');
  const form = document.getElementById("message-of-others").content.querySelector(`[data-voice="${voice}"]`);
  if (!form || document.getElementById(key)) return;
  const end = atEnd();
  const item = document.importNode(form, true);
  item.removeAttribute("data-voice");
  item.id = key;
  item.querySelector("[data-who]").replaceWith(document.documentElement.lang === "en" && english ? english : who);
  item.querySelector("p").textContent = text;
  const time = item.querySelector("time");
  time.dateTime = at;
  time.textContent = clock.format(Date.parse(at));
  list.append(item);
  if (end) toEnd();
}

/** Send the message and stay on the page; without this script the form is posted and the page comes back. */
async function send(form, button) {
  const area = form.elements.text;
  button.disabled = true;
  try {
    const { ok, page } = await load("POST", form.action, new FormData(form));
    if (!page.getElementById("hall")) {
      location.reload(); // signed out, or the hall is gone
      return;
    }
    if (ok) area.value = "";
    hall.querySelector('[data-live="problem"]').replaceWith(document.importNode(page.querySelector('[data-live="problem"]'), true));
    if (ok) await change(page);
    toEnd();
  } catch {
    const note = document.createElement("p");
    note.className = "sr-error";
    note.setAttribute("role", "alert");
    note.textContent = form.dataset.unsent;
    hall.querySelector('[data-live="problem"]').replaceChildren(note);
  } finally {
    const again = hall.querySelector("[data-message] [data-send]");
    if (again) again.disabled = false;
    hall.querySelector("[data-message] textarea")?.focus({ preventScroll: true });
  }
}

hall.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("message" in form.dataset) || !event.submitter?.hasAttribute("data-send")) return;
  event.preventDefault();
  send(form, event.submitter);
});

/** Show what a newer page shows; an older one, overtaken by news, is left alone. */
async function put(page) {
  const next = page.getElementById("hall");
  if (!next) {
    location.reload();
    return;
  }
  if (Number(next.dataset.version) < Number(hall.dataset.version)) {
    again = true;
    return;
  }
  const missing = [...next.querySelectorAll("[data-live]")].some(({ dataset }) => !hall.querySelector(`[data-live="${dataset.live}"]`));
  const other = Boolean(next.querySelector('form[action*="sign"]')) !== Boolean(hall.querySelector('form[action*="sign"]'));
  const record = next.querySelector('[data-live="record"]');
  for (const region of next.querySelectorAll("[data-live]")) {
    const old = hall.querySelector(`[data-live="${region.dataset.live}"]`);
    if (!old || region === record || region.dataset.live === "problem") continue;
    if ("keyed" in region.dataset) {
      merge(old, region);
      continue;
    }
    if (typing(old)) continue;
    old.replaceWith(document.importNode(region, true));
  }
  if (record) {
    if (!calmly) countOpened();
    await reveal(record);
    hall.querySelector('[data-live="record"]')?.replaceWith(document.importNode(record, true));
    if (aloud) hall.querySelectorAll("tr[data-say]").forEach(say);
  }
  hall.querySelector("#tab-objections").replaceChildren(...[...next.querySelector("#tab-objections").childNodes].map((one) => document.importNode(one, true)));
  if ((missing || other) && ![...hall.querySelectorAll("textarea")].some((area) => area.value)) location.reload();
  const version = Math.max(Number(next.dataset.version), Number(hall.dataset.version)); // words may have come meanwhile
  Object.assign(hall.dataset, { version: String(version), stage: next.dataset.stage });
  offerVoice();
}

/** Renew once at a time, with a page that is here already or a fresh one; what comes meanwhile is one more renewal after it. */
function change(page = null) {
  if (renewing) {
    again = true;
    return renewing;
  }
  renewing = (page ? put(page) : fresh().then(put)).finally(() => {
    renewing = null;
    if (again) {
      again = false;
      change().catch(() => {});
    }
  });
  return renewing;
}

async function ask() {
  const sent = performance.now();
  const { version, stage, stateUrl } = hall.dataset;
  const answer = await fetch(`${stateUrl}?version=${version}&stage=${stage}`, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) throw new Error("status");
  const found = await answer.json();
  if (!online) connection(performance.now() - sent > 500 ? "slow" : "good", { delay: performance.now() - sent });
  if (!found.same) await change();
}

/** The fallback: asks while there is no socket, and whenever the printed instant of the opening has come. */
async function look() {
  const left = Date.parse(hall.dataset.opens) - (now() ?? 0);
  const due = left <= 0 && hall.dataset.stage === "before";
  if (!online || due) {
    try {
      await ask();
      attempt = 0;
    } catch {
      attempt += 1;
      if (!online) connection("lost", { attempt });
    }
  }
  const lively = ["closing", "releasing", "opened"].includes(hall.dataset.stage) || left < 60_000;
  setTimeout(look, (attempt ? Math.min(1000 * 2 ** attempt, 15_000) : lively ? LIVELY : CALM) * (0.9 + Math.random() / 5));
}

const live = connect();
live.onState(({ state, delay }) => {
  online = state === "online" || state === "slow";
  if (online) connection(state === "slow" ? "slow" : "good", { delay });
});
live.channel(hall.dataset.channel, {
  state: ({ version }) => {
    hall.dataset.joined = "";
    if (String(version) !== hall.dataset.version) change().catch(() => {});
  },
  news: ({ message }, { version }) => {
    if (!message) {
      change().catch(() => {});
      return;
    }
    hear(message);
    hall.dataset.version = String(Math.max(version, Number(hall.dataset.version)));
  },
  refused: () => live.close(), // asking goes on
});

function offerVoice() {
  const button = speak();
  if (!button || !window.speechSynthesis) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(aloud));
  button.onclick = () => {
    setAloud(!aloud);
    button.setAttribute("aria-pressed", String(aloud));
  };
}

offerVoice();
toEnd();
hall.addEventListener("sr:shown", toEnd);
look();
