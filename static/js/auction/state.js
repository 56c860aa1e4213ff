// What a room knows, put together from snapshots and news. Pure: the same messages give the same state.
import { amount } from "./text.js";

export const OPEN = new Set(["running", "extended", "inquiry", "limited"]);
export const OVER = new Set(["ended", "failed", "cancelled"]);
export const CALM = new Set(["waiting", "break", "paused", "settling", ...OVER]);

/** News into a snapshot: changed entries, and new entries of the list. */
export function merged(state, news) {
  const { list = [], relist = false, ...rest } = news;
  return { ...state, ...rest, list: relist ? list : [...state.list, ...list] };
}

/** Private news into what is one's own; own offers are told once each, and a repetition changes nothing. */
export function mergedOwn(own, told) {
  const { own: fresh = [], ...rest } = told;
  const known = new Set(own.own.map((one) => one.nr));
  return { ...own, ...rest, own: [...own.own, ...fresh.filter((one) => !known.has(one.nr))] };
}

/** +1 where lower is better, −1 where higher is. */
export const signOf = (terms) => (terms.direction === "down" ? 1n : -1n);

export const better = (terms, a, b) => signOf(terms) * a < signOf(terms) * b;

/** One's last offer, or null. */
export const lastOf = (own) => own?.own.at(-1) ?? null;

/** Whether the looker leads: true, false, or null where that is not shown. */
export function leads(state, own, plate) {
  if (!own || !lastOf(own)) return false;
  if (own.rank === 1 || own.rank === true) return true;
  if (own.rank !== null && own.rank !== undefined) return false;
  if (state.best?.plate) return state.best.plate === plate;
  return null;
}

/** Formats whose offers stay closed until they are opened together. */
const SEALED = new Set(["sealed_rounds", "one_offer", "weighted"]);
export const sealed = (terms) => SEALED.has(terms.base ?? terms.format);

/** Whether offers are encrypted before they leave the bidder's machine: nothing is typed into the room then. */
export const sealedElsewhere = (terms) => sealed(terms) && terms.sealing === "sealed";

/** Formats whose price moves on a clock. */
export const clocked = (terms) => terms.clock !== null && terms.clock !== undefined;

/** Whether a sealed offer of this round was handed in already. */
export const handedIn = (state, own) => Boolean(own?.own.some((one) => one.round === state.round));

/** F11: whether one has said that one stays at the price of this tick. */
export const stayed = (state, own) => lastOf(own)?.round === state.special?.tick;

/** The bound of a first offer, in fen, or null: the lower of ceiling and start where prices go down. */
function first(terms) {
  const found = [amount(terms.start), amount(terms.ceiling)].filter((one) => one !== null);
  if (!found.length) return null;
  return terms.direction === "down" && found.length > 1 && found[1] < found[0] ? found[1] : found[0];
}

/** What goes by one's own last offer, whatever others do. */
const alone = (terms) => terms.basis === "own" || terms.format === "turn_based" || sealed(terms);

/** What the next offer must beat, in fen: the best or one's own last; null for a first offer. */
export function reference(terms, state, own) {
  if (alone(terms)) return amount(lastOf(own)?.amount);
  return amount(state.best?.amount);
}

/** The worst price accepted now, in fen; null where none is. */
export function bound(terms, state, own) {
  if (sealed(terms)) return reference(terms, state, own) ?? first(terms);
  if (terms.format === "turn_based") {
    const last = reference(terms, state, own);
    return last === null ? first(terms) : last - stepAt(terms, last);
  }
  return amount(terms.basis === "own" ? own?.next : state.next);
}

/** The printed step at a price, in fen: the amount, or the percentage rounded up to the unit. */
export function stepAt(terms, price) {
  const step = terms.step;
  if (!step) return null;
  if (step.amount) return amount(step.amount);
  const unit = amount(step.unit ?? "0.01");
  const [whole, rest = ""] = String(step.percent).split(".");
  const over = BigInt(whole + rest);
  const under = 10n ** BigInt(rest.length) * 100n * unit;
  const many = (price * over + under - 1n) / under;
  return (many > 1n ? many : 1n) * unit;
}

/** How many whole steps a price goes beyond what is to be beaten. */
export function stepsOf(terms, state, own, price) {
  const start = reference(terms, state, own) ?? amount(terms.ceiling ?? terms.start);
  const step = start === null ? null : stepAt(terms, start);
  if (!step) return 0n;
  const gain = price > start ? price - start : start - price;
  return gain / step;
}

/** What a clock has shown so far: [milliseconds, fen]. Known back to the start while it never stood still; else as seen. */
export function dialTrail(terms, state, seen) {
  const points = seen.map(({ at, amount: text }) => [Date.parse(at), amount(text)]);
  const tick = terms.clock.tick_seconds * 1000;
  const start = Date.parse(state.starts_at ?? "");
  const last = state.special?.tick;
  const whole = last && state.ends_at && start + last * tick === Date.parse(state.ends_at);
  if (!whole) return points;
  const [from, move, stop] = [amount(terms.start), amount(terms.clock.move), amount(terms.clock.stop)];
  const falls = stop < from;
  return Array.from({ length: last }, (_, n) => {
    const price = falls ? from - move * BigInt(n) : from + move * BigInt(n);
    return [start + n * tick, falls ? (price < stop ? stop : price) : price > stop ? stop : price];
  });
}

/** The points of the best price over time, as far as they are shown: [milliseconds, fen]. */
export function trailOf(terms, list, seen = []) {
  const points = [];
  let best = null;
  for (const { at, amount: text } of list.length ? list : seen) {
    const price = amount(text);
    if (price === null) continue; // sealed, and never opened
    if (best !== null && !better(terms, price, best)) continue;
    best = price;
    points.push([Date.parse(at), price]);
  }
  return points;
}
