// The frame of a live room: connection bars, delay, the red bar while disconnected. A room's own module calls connection().
import { setLost } from "./countdown.js";

const room = document.querySelector("[data-sr-room]");
const net = document.querySelector("[data-sr-net]");
const bar = document.querySelector("[data-sr-lost]");
let since = null;
let ticking = null;

/** state: connecting, good, slow or lost; delay: round trip in milliseconds or null; attempt: which try it is. */
export function connection(state, { delay = null, attempt = 0 } = {}) {
  if (!net) return;
  net.dataset.state = state;
  net.querySelector("[data-sr-net-word]").textContent = net.dataset[state];
  net.querySelector("[data-sr-net-delay]").textContent = delay === null ? "" : `${Math.round(delay)} ms`;
  const lost = state === "lost";
  setLost(lost);
  bar.hidden = !lost;
  if (lost) {
    since ??= performance.now();
    const say = () => {
      bar.querySelector("[data-sr-lost-word]").textContent = `${room.dataset.lostText} · ${Math.round((performance.now() - since) / 1000)} s`;
    };
    say();
    ticking ??= setInterval(say, 1000);
    bar.querySelector("[data-sr-lost-try]").textContent = attempt ? `#${attempt}` : "";
  } else {
    clearInterval(ticking);
    since = ticking = null;
  }
}
