// Countdowns: [data-sr-countdown="<instant>"]. They follow the server's time and are decoration: the server decides.
// States: calm, soon (last minute), last (10 s), over, lost. A room sets `lost` through setLost(); no time is guessed then.
import { now } from "./time.js";

const SPOKEN = [60, 30, 10]; // seconds left that are read out
let lost = false;

/** Show --:-- everywhere while the connection is down. */
export function setLost(value) {
  lost = value;
  document.querySelectorAll("[data-sr-countdown]").forEach(draw);
}

/** Move a countdown to another instant, after an extension. */
export function moveTo(element, instant) {
  element.dataset.srCountdown = instant;
  element.querySelector("time").dateTime = instant;
  draw(element);
}

const two = (value) => String(value).padStart(2, "0");

function split(left) {
  const seconds = Math.max(0, Math.ceil(left / 1000));
  return { days: Math.floor(seconds / 86400), hours: Math.floor((seconds % 86400) / 3600), minutes: Math.floor((seconds % 3600) / 60), seconds: seconds % 60, all: seconds };
}

function digits(element, { days, hours, minutes, seconds }) {
  const { day, hour, minute } = element.dataset;
  if (element.dataset.kind === "days") return [days, day, hours, hour, minutes, minute];
  const clock = days || hours ? `${two(hours)}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
  return days ? [`${days} ${day} ${clock}`] : [clock];
}

function write(place, pieces) {
  place.replaceChildren(
    ...pieces.map((piece, at) => {
      if (at % 2 === 0) return document.createTextNode(String(piece));
      const unit = document.createElement("small");
      unit.textContent = piece;
      return unit;
    }),
  );
}

function draw(element) {
  const at = now();
  const place = element.querySelector("time");
  const word = element.querySelector("[data-sr-countdown-word]");
  const { soon, last, over } = element.dataset;
  element.dataset.calm ??= word?.textContent ?? "";
  const left = Date.parse(element.dataset.srCountdown) - at;
  element.toggleAttribute("data-long", left >= 86400000); // days and a clock want smaller digits
  element.toggleAttribute("data-hours", left >= 3600000 && left < 86400000);
  const parts = split(left);
  let state = "calm";
  if (lost || at === null) state = "lost";
  else if (left <= 0) state = "over";
  else if (parts.all <= 10) state = "last";
  else if (parts.all <= 60) state = "soon";
  if (state === "lost") write(place, ["--:--"]);
  else if (state === "over") write(place, [element.dataset.kind === "bar" || element.dataset.kind === "big" ? "00:00" : over]);
  else write(place, digits(element, parts));
  if (word) word.textContent = { calm: element.dataset.calm, soon, last, over, lost: element.dataset.lost }[state];
  if (element.dataset.state !== state) {
    element.dataset.state = state;
    element.dispatchEvent(new CustomEvent("sr:countdown", { bubbles: true, detail: state }));
  }
  const say = element.querySelector("[data-sr-countdown-say]");
  if (say && state !== "lost" && SPOKEN.includes(parts.all) && say.dataset.at !== String(parts.all)) {
    say.dataset.at = String(parts.all);
    say.setAttribute("aria-live", parts.all <= 10 ? "assertive" : "polite");
    say.textContent = `${element.dataset.left} ${parts.all} s`;
  }
}

function tick() {
  document.querySelectorAll("[data-sr-countdown]").forEach(draw);
  const at = now();
  setTimeout(tick, at === null ? 250 : 1000 - (at % 1000) + 5);
}

tick();
