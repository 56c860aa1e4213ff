// Server clocks: every <time data-sr-clock> ticks on the server's time, in Beijing time, whatever this device believes.
import { now, offset, onChange } from "./time.js";

const clocks = [...document.querySelectorAll("time[data-sr-clock]")];
const english = document.documentElement.lang.startsWith("en");
const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hourCycle: "h23", ...options });
const day = english ? format({ day: "numeric", month: "short", year: "numeric" }) : new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai" });
const time = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

function show() {
  const at = now();
  for (const clock of clocks) {
    if (at === null) {
      clock.textContent = "--:--:--";
      continue;
    }
    const date = document.createElement("span");
    date.className = "sr-clock-date";
    date.textContent = day.format(at) + (english ? ", " : " ");
    clock.replaceChildren(...(clock.dataset.srParts === "time" ? [] : [date]), time.format(at));
    clock.dateTime = new Date(at).toISOString();
  }
  setTimeout(show, at === null ? 250 : 1000 - (at % 1000) + 5);
}

function showOffset() {
  const known = offset();
  for (const place of document.querySelectorAll("[data-sr-offset]")) {
    const worth = known !== null && Math.abs(known.ahead) > Math.max(1000, 2 * known.error);
    place.hidden = !worth;
    if (worth) place.textContent = place.dataset.text.replace("{seconds}", (known.ahead / 1000).toFixed(1));
  }
}

if (clocks.length) show();
onChange(showOffset);
showOffset();
