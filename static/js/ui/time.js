// The server's time, as well as this page can know it. Deadlines are decided by the server; this only draws.
//
// The page brings the server's time in <time data-sr-clock>. It was written between the request and the first byte of
// the answer, so the middle of the two is its best moment, and half of their distance its error. A page that came out of a
// cache proves nothing: then, and every ten minutes, the server is asked (data-time-url, else the Date of this page).
// Time then runs on the monotonic clock, so that setting the computer's clock does not move it.

const TEN_MINUTES = 600_000;
let anchor = null; // { server, at, error }: server milliseconds at performance.now() === at, give or take error
const listeners = new Set();

function better(sample) {
  const aged = anchor && performance.now() - anchor.at > TEN_MINUTES;
  // A sample that cannot be true together with the anchor is newer, so the anchor is wrong: the server's clock was set.
  const apart = anchor && Math.abs(sample.server - anchor.server - (sample.at - anchor.at)) > sample.error + anchor.error + 50;
  if (!anchor || aged || apart || sample.error <= anchor.error) {
    anchor = sample;
    for (const tell of listeners) tell();
  }
}

function fromNavigation() {
  const written = document.querySelector("time[data-sr-clock]");
  const [trip] = performance.getEntriesByType("navigation");
  if (!written || !trip || trip.type === "back_forward" || trip.transferSize === 0) return false;
  const server = Date.parse(written.dateTime);
  if (Number.isNaN(server)) return false;
  better({ server, at: (trip.requestStart + trip.responseStart) / 2, error: (trip.responseStart - trip.requestStart) / 2 });
  return true;
}

/** Ask the server once; resolves to whether it answered. */
export async function ask() {
  const url = document.documentElement.dataset.timeUrl;
  const sent = performance.now();
  try {
    const answer = await fetch(url || location.href, { method: url ? "GET" : "HEAD", cache: "no-store", credentials: "omit" });
    const got = performance.now();
    const exact = url ? Date.parse((await answer.json()).now) : NaN;
    const dated = Date.parse(answer.headers.get("date") ?? "") + 500; // a Date header is cut to whole seconds
    const server = Number.isNaN(exact) ? dated : exact;
    if (Number.isNaN(server)) return false;
    better({ server, at: (sent + got) / 2, error: (got - sent) / 2 + (Number.isNaN(exact) ? 500 : 0) });
    return true;
  } catch {
    return false;
  }
}

/** Server time now in milliseconds, or null while it is not known. */
export const now = () => (anchor ? anchor.server + performance.now() - anchor.at : null);

/** How far this device's clock is from the server's, in milliseconds, and the error of that figure; null if unknown. */
export const offset = () => (anchor ? { ahead: Date.now() - now(), error: anchor.error } : null);

/** A room that hears the server's time over its socket hands it in here: server milliseconds and the round trip. */
export const heard = (server, roundTrip) => better({ server, at: performance.now() - roundTrip / 2, error: roundTrip / 2 });

/** Called whenever the time becomes known or better known. */
export const onChange = (tell) => listeners.add(tell);

if (!fromNavigation()) ask();
setInterval(ask, TEN_MINUTES);
addEventListener("pageshow", (event) => event.persisted && ask());
