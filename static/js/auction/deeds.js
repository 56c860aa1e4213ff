// What a stage asks beside a price: to go on, to match, to accept the clock's price, to stay, a second quantity, a standing limit.
import { told } from "./confirm.js";
import { $, make, notice, say, show } from "./dom.js";
import { OVER, clocked, handedIn, leads, sealed, sealedElsewhere, stayed } from "./state.js";
import { amount, fill, key, moment, yuan } from "./text.js";

const MATCHING = new Set(["running", "extended", "inquiry", "limited"]);

/** Whether the pad for prices belongs to this stage. */
export function padded({ terms, state, role }) {
  if (role !== "bidder" || OVER.has(state.stage) || clocked(terms) || sealedElsewhere(terms)) return false;
  if (["willing", "asking", "settling"].includes(state.stage)) return false;
  return !(state.stage === "second" && !sealed(terms));
}

/** What follows where nobody can offer a price now: [fact, more], or null. */
export function following({ terms, state, own, role, words, now }) {
  const until = state.ends_at ? moment(state.ends_at, now()) : "";
  if (state.stopped) return null;
  switch (state.stage) {
    case "willing":
      return [words.next_cap, fill(terms.cap?.second === "lottery" ? words.next_cap_draw : words.next_cap_second, { time: until, indicator: terms.cap?.indicator || words.quantity })];
    case "second":
      if (sealed(terms)) return [words.next_equal, fill(words.next_equal_more, { time: until })];
      return role === "bidder" && !own?.willing ? [words.why_not_willing, words.next_second] : null;
    case "asking":
      return own?.asked ? null : [words.next_asking, fill(words.next_asking_more, { time: until })];
    case "settling":
      return [words.why_over, terms.format === "weighted" ? words.next_points : sealed(terms) || terms.reserve ? words.next_opening : words.next_settling];
    default:
      return null;
  }
}

/** The best quantity of the second indicator so far as a text, or an empty one. */
export function quantity({ state, terms, words }) {
  const second = state.special;
  if (!second || second.quantity === undefined) return "";
  if (second.quantity === null) return words.no_offer_yet;
  return `${second.quantity} ${terms.cap?.indicator_unit ?? ""}`.trim();
}

export class Deeds {
  /** room, the confirmation card, and send(command, message) → answer. */
  constructor(room, card, send) {
    this.room = room;
    this.card = card;
    this.send = send;
    if (room.role !== "bidder") return;
    const on = (id, run) => $(id)?.addEventListener("click", run);
    on("will", ({ currentTarget }) => this.at_once(currentTarget, "will_continue", {}, room.words.go_on_said));
    on("accept", () => this.clock("accept"));
    on("stay", () => this.clock("stay"));
    on("leave", () => this.leave());
    on("match", () => this.match());
    on("waive", () => this.waive());
    $("second-form").addEventListener("submit", (event) => (event.preventDefault(), this.second()));
    $("second-amount").addEventListener("input", () => this.refresh());
    $("limit-form").addEventListener("submit", (event) => (event.preventDefault(), this.limit()));
    on("limit-none", ({ currentTarget }) => this.at_once(currentTarget, "limit", { amount: null }, room.words.limit_none));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.repeat || event.ctrlKey || event.metaKey || event.altKey || card.phase !== "closed") return;
      if (document.querySelector("dialog[open]") || event.target.closest("input, textarea, select, button, a, summary")) return;
      const main = [$("accept"), $("stay")].find((one) => one && !one.disabled && one.checkVisibility());
      if (main) main.click();
    });
  }

  /** A deed that binds to nothing is sent at once. */
  async at_once(button, command, message, said) {
    button.disabled = true;
    try {
      told(this.room, await this.send(command, message), said);
    } finally {
      button.disabled = false;
      this.refresh();
    }
  }

  /** Accept or stay at the clock's price; another price is another question. */
  clock(command) {
    const { state, words, unit } = this.room;
    const price = amount(state.special?.price);
    const number = key();
    if (price === null) return;
    this.card.ask({
      price,
      yes: fill(command === "accept" ? words.accept_at : words.stay_at, { price: unit.text(price) }),
      note: words.note_clock,
      stale: () => (this.room.state.stage !== "running" || !this.room.connected ? [words.why_stage, words.beaten_more] : amount(this.room.state.special?.price) === price ? null : [words.ticked, words.beaten_more]),
      send: () => this.send(command, { key: number }),
      said: `${words.accepted} ${unit.text(price)}`,
    });
  }

  leave() {
    const { words } = this.room;
    this.card.ask({ about: words.leave_about, yes: words.leave, stale: () => (this.room.state.stage === "running" ? null : [words.why_stage, words.beaten_more]), send: () => this.send("drop", {}), said: words.left });
  }

  match() {
    const { state, words, unit } = this.room;
    const price = amount(state.best?.amount);
    const number = key();
    if (price === null) return;
    this.card.ask({
      price,
      yes: fill(words.match_at, { price: unit.text(price) }),
      note: words.note_match,
      stale: () => (amount(this.room.state.best?.amount) === price && this.may() ? null : [words.beaten, words.beaten_more]),
      send: () => this.send("match", { key: number }),
      said: fill(words.mine_match, { price: unit.text(price) }),
    });
  }

  waive() {
    const { words } = this.room;
    this.card.ask({ about: words.waive_about, yes: words.waive, stale: () => (this.may() ? null : [words.why_stage, words.beaten_more]), send: () => this.send("waive", {}), said: words.waived });
  }

  /** F6: the least quantity accepted now, as a decimal text, and whether what was typed reaches it. */
  second() {
    const { terms, state, words } = this.room;
    const typed = $("second-amount").value.trim();
    if (!/^\d{1,12}(\.\d{1,6})?$/.test(typed)) return $("second-amount").focus();
    const before = state.special?.quantity ?? null;
    const number = key();
    this.card.ask({
      figure: `${typed} ${terms.cap.indicator_unit}`.trim(),
      about: terms.cap.indicator || words.quantity,
      facts: before === null ? [] : [[words.second_best, `${before} ${terms.cap.indicator_unit}`.trim()]],
      yes: fill(words.confirm, { price: `${typed} ${terms.cap.indicator_unit}`.trim() }),
      note: words.note_offer,
      stale: () => (this.room.state.stage !== "second" ? [words.why_stage, words.beaten_more] : (this.room.state.special?.quantity ?? null) === before ? null : [words.beaten, words.beaten_more]),
      send: () => this.send("bid2", { quantity: typed, key: number }),
      said: `${words.accepted} ${typed} ${terms.cap.indicator_unit}`.trim(),
      done: (answer) => answer.ok && ($("second-amount").value = ""),
    });
  }

  limit() {
    const { unit, words } = this.room;
    const typed = unit.read($("limit-amount").value);
    if (typed === null || typed <= 0n) return $("limit-amount").focus();
    const text = unit.text(typed);
    this.card.ask({
      price: typed,
      about: words.limit_about,
      yes: fill(words.limit_confirm, { price: text }),
      send: () => this.send("limit", { amount: yuan(typed) }),
      said: fill(words.limit_set, { price: text }),
      done: (answer) => answer.ok && ($("limit-amount").value = ""),
    });
  }

  /** Whether a holder of a priority right may use it now. */
  may() {
    const { state, own, terms, priority } = this.room;
    if (!priority) return false;
    return terms.priority.mode === "post_session" ? Boolean(own?.asked) : MATCHING.has(state.stage);
  }

  refresh() {
    const { room } = this;
    const { state, own, plate, terms, words, unit, role, connected } = room;
    const next = following(room);
    show($("next"), Boolean(next));
    if (next && $("next").dataset.said !== next.join()) $("next").replaceChildren(notice("i", ...next));
    $("next").dataset.said = next ? next.join() : "";
    this.order();
    if (role !== "bidder") return;
    show($("pad"), padded(room));
    if ($("seal-offer")) {
      show($("seal-offer"), !OVER.has(state.stage) && state.stage !== "settling");
      const handed = handedIn(state, own) && state.stage !== "break";
      show($("seal-done"), handed);
      show($("seal-go"), !handed);
    }
    const lead = leads(state, own, plate);
    const asks = ["inquiry", "willing"].includes(state.stage);
    show($("go-on"), asks);
    if (asks) {
      const yes = own?.willing === true || lead === true;
      show($("go-on-yes"), yes);
      show($("go-on-ask"), !yes);
      $("will").disabled = !connected;
    }
    this.drawPriority(lead);
    this.drawClock();
    const second = state.stage === "second" && !sealed(terms);
    show($("second"), second);
    if (second) {
      const mine = state.special?.plate === plate && Boolean(plate);
      const least = leastSecond(terms, state);
      say($("second-note"), own?.willing === false ? words.why_not_willing : mine ? words.why_leading : fill(terms.cap.maximum ? words.second_between : words.second_least, { least, most: terms.cap.maximum ?? "", unit: terms.cap.indicator_unit }));
      for (const field of document.querySelectorAll("#second input, #second button")) field.disabled = !connected || mine || own?.willing === false;
    }
    const limits = terms.limits === "held" && !OVER.has(state.stage) && state.stage !== "settling";
    show($("limit"), limits);
    if (limits) {
      say($("limit-now"), own?.limit ? fill(words.limit_set, { price: unit.text(amount(own.limit)) }) : words.limit_none);
      for (const field of document.querySelectorAll("#limit input, #limit button")) field.disabled = !connected;
      show($("limit-none"), Boolean(own?.limit));
    }
  }

  drawPriority(lead) {
    const { state, own, terms, words, unit, connected, priority } = this.room;
    const right = terms.priority;
    const shown = Boolean(priority) && !OVER.has(state.stage) && state.stage !== "settling" && (state.stage !== "asking" || own?.asked);
    show($("priority"), shown);
    if (!shown) return;
    const post = right.mode === "post_session";
    const used = (own?.own ?? []).filter((one) => one.kind === "match").length;
    const left = right.uses === null || right.uses === undefined ? null : right.uses - used;
    const best = amount(state.best?.amount);
    let text = post ? (own?.asked ? fill(words.right_asked, { price: best === null ? "—" : unit.text(best), time: moment(state.ends_at, this.room.now()) }) : fill(words.right_later, { n: right.ask_minutes })) : words.right_now;
    if (!post && left !== null) text += ` ${fill(words.right_uses, { n: Math.max(0, left) })}`;
    say($("priority-note"), text);
    show($("match"), this.may());
    $("match").disabled = !connected || lead === true || best === null || left === 0;
    show($("waive"), post && Boolean(own?.asked));
    $("waive").disabled = !connected;
  }

  drawClock() {
    const { state, own, terms, words, unit, connected, now } = this.room;
    const shown = clocked(terms) && !OVER.has(state.stage) && state.stage !== "settling";
    show($("clock-pad"), shown);
    if (!shown) return;
    const price = amount(state.special?.price);
    const running = state.stage === "running" && price !== null;
    const inside = own?.inside !== false;
    const stays = running && terms.format === "japanese" && stayed(state, own);
    say($("clock-price"), running ? unit.digits(price) : "—");
    say($("clock-unit"), running ? unit.word : "");
    let text = "";
    if (!connected) text = words.why_lost;
    else if (state.stage === "paused") text = words.why_paused;
    else if (!running) text = words.why_waiting;
    else if (!inside) text = words.out;
    else if (stays) text = fill(words.stays, { price: unit.text(price), time: moment(state.ends_at, now()) });
    else if (terms.format === "japanese") text = fill(words.stay_until, { price: unit.text(price), time: moment(state.ends_at, now()) });
    else text = fill(words.dial_until, { time: moment(state.ends_at, now()) });
    say($("clock-text"), text);
    $("clock-hint").classList.toggle("sr-notice-g", stays);
    $("clock-hint").classList.toggle("sr-notice-y", running && !inside);
    for (const button of document.querySelectorAll("#clock-pad button")) button.disabled = !connected || !running || !inside || stays;
  }

  /** F13: whose turn it is, in the order of the round. */
  order() {
    const { state, plate, terms, words } = this.room;
    const order = state.special?.order;
    const shown = terms.format === "turn_based" && Array.isArray(order) && !OVER.has(state.stage);
    show($("order"), shown);
    if (!shown) return;
    const at = (state.special.turn ?? 0) - 1;
    const said = JSON.stringify([order, at]);
    if ($("order").dataset.said === said) return;
    $("order").dataset.said = said;
    $("order-list").replaceChildren(...order.map((one, n) => make("li", { class: n < at ? "au-done" : n === at ? "au-now" : null, "aria-current": n === at ? "step" : null }, make("b", {}, one), one === plate ? ` ${words.turn_you}` : "")));
  }
}

/** F6: the least quantity that would be taken now, as a text; decimals are added in units of their finest place. */
function leastSecond({ cap }, state) {
  const before = state.special?.quantity ?? null;
  if (before === null) return String(cap.start);
  const parts = [before, cap.step, cap.maximum ?? "0"].map((one) => String(one).split("."));
  const places = Math.max(...parts.map(([, rest]) => rest?.length ?? 0));
  const [had, step, most] = parts.map(([whole, rest = ""]) => BigInt(whole + rest.padEnd(places, "0")));
  const sum = cap.maximum && had + step > most ? most : had + step;
  const size = 10n ** BigInt(places);
  const rest = places ? `.${String(sum % size).padStart(places, "0")}`.replace(/\.?0+$/, "") : "";
  return `${sum / size}${rest}`;
}
