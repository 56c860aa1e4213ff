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
const [CALM, LIVELY, REVEAL] = [8000, 2000, 1100];
let attempt = 0;
let aloud = false;
let online = false;
let renewing = null;
let again = false;

/** The page again, parsed by the browser without running anything in it. */
const fresh = () =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.timeout = 15_000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(new Error("status")));
    request.onerror = request.ontimeout = () => reject(new Error("network"));
    request.send();
  });

const typing = (region) => [...region.querySelectorAll("textarea")].some((area) => area.value || area === document.activeElement);
const calmly = matchMedia("(prefers-reduced-motion: reduce)").matches;

function say(row) {
  if (!aloud || !window.speechSynthesis) return;
  const words = new SpeechSynthesisUtterance(row.dataset.say);
  words.lang = document.documentElement.lang;
  speechSynthesis.speak(words);
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

async function renew() {
  const page = await fresh();
  const next = page.getElementById("hall");
  if (!next) {
    location.reload();
    return;
  }
  const missing = [...next.querySelectorAll("[data-live]")].some(({ dataset }) => !hall.querySelector(`[data-live="${dataset.live}"]`));
  const other = ["sign", "object"].some((name) => Boolean(next.querySelector(`form[action*="${name}"]`)) !== Boolean(hall.querySelector(`form[action*="${name}"]`)));
  const record = next.querySelector('[data-live="record"]');
  for (const region of next.querySelectorAll("[data-live]")) {
    const old = hall.querySelector(`[data-live="${region.dataset.live}"]`);
    if (!old || typing(old) || region === record) continue;
    old.replaceWith(document.importNode(region, true));
  }
  if (record) {
    if (!calmly) countOpened();
    await reveal(record);
    hall.querySelector('[data-live="record"]')?.replaceWith(document.importNode(record, true));
  }
  if ((missing || other) && ![...hall.querySelectorAll("textarea")].some((area) => area.value)) location.reload();
  Object.assign(hall.dataset, { version: next.dataset.version, stage: next.dataset.stage });
  offerVoice();
}

/** Renew once at a time; what comes meanwhile is one more renewal after it. */
function change() {
  if (renewing) {
    again = true;
    return renewing;
  }
  renewing = renew().finally(() => {
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
  state: ({ version }) => String(version) === hall.dataset.version || change().catch(() => {}),
  news: () => change().catch(() => {}),
  refused: () => live.close(), // asking goes on
});

function offerVoice() {
  const button = speak();
  if (!button || !window.speechSynthesis) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(aloud));
  button.onclick = () => {
    aloud = !aloud;
    button.setAttribute("aria-pressed", String(aloud));
    if (!aloud) speechSynthesis.cancel();
  };
}

offerVoice();
look();
