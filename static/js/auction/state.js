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

/** What the next offer must beat, in fen: the best or one's own last; null for a first offer. */
export function reference(terms, state, own) {
  if (terms.basis === "own") return amount(lastOf(own)?.amount);
  return amount(state.best?.amount);
}

/** The worst price accepted now, in fen; null where none is. */
export const bound = (terms, state, own) => amount(terms.basis === "own" ? own?.next : state.next);

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

/** The points of the best price over time, as far as they are shown: [milliseconds, fen]. */
export function trailOf(terms, list, seen = []) {
  const points = [];
  let best = null;
  for (const { at, amount: text } of list.length ? list : seen) {
    const price = amount(text);
    if (best !== null && !better(terms, price, best)) continue;
    best = price;
    points.push([Date.parse(at), price]);
  }
  return points;
}
