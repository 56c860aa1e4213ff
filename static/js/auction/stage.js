// The head of the room: countdown, best price with the rule that shows it, one's own price, plate and rank.
import { moveTo } from "../ui/countdown.js";
import { quantity } from "./deeds.js";
import { $, make, say, show } from "./dom.js";
import { OVER, bound, clocked, handedIn, lastOf, leads, sealed } from "./state.js";
import { amount, fill, moment, percent } from "./text.js";

const rows = (pairs) => pairs.flatMap(([term, value]) => [make("div", {}, make("dt", {}, term), make("dd", {}, value))]);

/** What the countdown runs to in this stage: [instant or null, sentence]. */
function target(room) {
  const { state, terms, words } = room;
  if (state.stage === "waiting") return [state.starts_at ?? room.terms.starts_at, state.starts_at || room.terms.starts_at ? fill(words.begins, { time: moment(state.starts_at ?? room.terms.starts_at, room.now()) }) : ""];
  if (state.stopped) return [state.stopped.resumes_at, state.stopped.resumes_at ? fill(words.resumes, { time: moment(state.stopped.resumes_at, room.now()) }) : ""];
  if (OVER.has(state.stage)) return [null, ""];
  const parts = [];
  if (state.extensions && state.stage === "extended") parts.push(fill(words.moved_count, { n: state.extensions }));
  if (state.stage === "running" && state.round && terms.rounds) parts.push(fill(words.round_of, { n: state.round, all: terms.rounds.count }));
  if (state.stage === "running" && terms.turns) parts.push(fill(words.round_of, { n: state.round, all: terms.turns.rounds }));
  if (state.ends_at) parts.push(fill(words.ends, { time: moment(state.ends_at, room.now()) }));
  return [state.ends_at, parts.join(" · ")];
}

export function drawClock(room) {
  const { state, stages } = room;
  const [until, note] = target(room);
  const clock = $("countdown");
  say($("phase"), stages[state.stage] ?? state.stage);
  $("phase").classList.toggle("au-still", ["paused", "waiting", "settling"].includes(state.stage) || OVER.has(state.stage));
  show(clock, Boolean(until));
  show($("no-clock"), !until);
  say($("no-clock"), OVER.has(state.stage) ? stages[state.stage] : "--:--");
  if (until && clock.dataset.srCountdown !== until) moveTo(clock, until);
  say($("clock-note"), note);
  const bar = $("clock-bar");
  const runs = Boolean(until) && !state.stopped && state.stage !== "waiting";
  show(bar, runs);
  if (!runs) return;
  const left = Date.parse(until) - room.now();
  // The bar shows what is left of the present span: the whole session at first, one extension or countdown afterwards.
  if (room.spanOf !== until) {
    room.spanOf = until;
    const rule = state.stage === "limited" ? room.terms.listing?.countdown_seconds : state.stage === "extended" ? room.terms.extension?.extend_seconds : null;
    const whole = state.starts_at ? Date.parse(until) - Date.parse(state.starts_at) : left;
    room.span = rule ? rule * 1000 : Math.max(left, whole, 1000);
  }
  bar.max = room.span;
  bar.value = Math.max(0, Math.min(room.span, left));
}

export function drawPrice(room) {
  const { terms, state, own, unit, words } = room;
  const best = amount(state.best?.amount);
  const last = amount(lastOf(own)?.amount);
  const start = amount(terms.ceiling ?? terms.start);
  // F3 may show the best after each round; before the first is opened there is none, and one's own price is not it.
  const shown = room.role === "bidder" ? terms.visible.best || best !== null || Boolean(terms.rounds?.best_after_each) : terms.visible.public_live || OVER.has(state.stage);
  const main = shown ? best : last;
  const clock = amount(state.special?.price ?? null);
  const figure = OVER.has(state.stage) ? main ?? clock : clock ?? main;
  const none = terms.rounds?.best_after_each && !OVER.has(state.stage) ? words.after_round : words.no_offer_yet;
  say($("price"), figure === null ? (room.role !== "bidder" && !shown ? words.hidden : none) : unit.digits(figure));
  $("price").parentElement.classList.toggle("au-price-words", figure === null);
  // Fen, or hundreds of millions: smaller digits rather than digits under the plate.
  $("price").parentElement.toggleAttribute("data-long", $("price").textContent.length > 9);
  say($("price-unit"), figure === null ? "" : unit.word);
  if (clock !== null && !OVER.has(state.stage)) say($("price-label"), words.clock_price);
  if (OVER.has(state.stage) && state.result?.price) say($("price-label"), words.result);
  const facts = [];
  const second = quantity(room);
  if (second) facts.push([terms.cap?.indicator || words.second_best, second]);
  if (shown && room.role === "bidder") facts.push([words.my_offer, last === null ? "—" : unit.text(last)]);
  if (shown && last !== null && best !== null) facts.push([words.gap, unit.text(last > best ? last - best : best - last)]);
  const base = main ?? null;
  if (base !== null && start !== null) {
    const up = terms.direction === "up";
    facts.push([up ? words.premium : words.against, percent(base - start, start)]);
  }
  const least = room.role === "bidder" ? bound(terms, state, own) : null;
  if (!shown && least !== null && !OVER.has(state.stage) && !(sealed(terms) && handedIn(state, own))) facts.push([words.next, unit.text(least)]);
  if (state.round && state.stage !== "running" && ["sealed_rounds", "turn_based"].includes(terms.format)) facts.push([words.round, `${state.round} / ${terms.rounds?.count ?? terms.turns?.rounds}`]);
  if (typeof state.special?.inside === "number") facts.push([words.inside_label, String(state.special.inside)]);
  if (room.role !== "bidder") {
    if (typeof state.bidders === "number") facts.push([words.bidders_label, String(state.bidders)]);
    if (typeof state.offers === "number") facts.push([words.offers_label, String(state.offers)]);
  }
  $("price-facts").replaceChildren(...rows(facts.slice(0, 4)));
}

export function drawRank(room) {
  const { state, own, words, plate, terms } = room;
  const over = OVER.has(state.stage);
  const chip = $("rank-chip");
  if (!chip) return;
  // F6: after the cap the second quantity decides who leads.
  const second = state.stage === "second" && !sealed(terms);
  const lead = second ? state.special?.plate === plate : leads(state, own, plate);
  const offered = Boolean(lastOf(own));
  const asks = terms.visible.rank;
  let word = words.rank_hidden;
  let kind = "";
  if (!offered) word = words.no_offer_yet;
  else if (clocked(terms) && own?.inside === false) [word, kind] = [words.out_chip, "au-out"];
  else if (terms.format === "japanese") word = words.in_chip;
  else if (sealed(terms) && !terms.rounds?.best_after_each) word = words.sealed_chip;
  else if (lead === true) [word, kind] = [asks === "best_or_not" ? words.is_best : words.leading, "au-lead"];
  else if (lead === false && (asks !== "none" || state.best)) [word, kind] = [asks === "best_or_not" ? words.not_best : words.outbid, "au-out"];
  show(chip, !over);
  say(chip.querySelector("span"), word);
  chip.className = `au-chip ${kind}`;
  for (const one of chip.querySelectorAll("svg")) one.toggleAttribute("hidden", one.dataset.for !== kind);
  const rank = own?.rank;
  const place = $("rank");
  let text = "";
  let number = "";
  if (typeof rank === "number") {
    number = String(rank);
    text = typeof state.bidders === "number" ? fill(words.rank_of, { rank: "\u0000", n: state.bidders }) : fill(words.rank, { rank: "\u0000" });
  } else if (rank === false && asks === "top_three") text = words.beyond;
  const [front, back = ""] = text.split("\u0000");
  if (place.textContent !== front + number + back) place.replaceChildren(front, number ? make("b", {}, number) : "", back);
  show(place, Boolean(text));
}
