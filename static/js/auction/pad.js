// The bid pad: choose a step or type an amount, review, confirm on the card, wait for the answer.
//
// Every confirmation has one number of its own (idempotency key); when no answer comes it is sent again under the same number.
import { capitals } from "../ui/money.js";
import { told } from "./confirm.js";
import { $, say, show } from "./dom.js";
import { OPEN, bound, handedIn, lastOf, leads, reference, sealed, sealedElsewhere, signOf, stepAt, stepsOf } from "./state.js";
import { amount, fill, key, moment, percent, yuan } from "./text.js";

const TIMES = [1n, 2n, 4n, 10n];

export class Pad {
  /** room: {terms, unit, words, plate, state, own, connected}; card: the confirmation; send(command, message) → answer. */
  constructor(room, card, send) {
    this.room = room;
    this.card = card;
    this.send = send;
    this.chosen = 0;
    this.input = $("amount");
    if (!this.input) return;
    this.items = [...document.querySelectorAll("[data-item]")];
    for (const field of [this.input, ...this.items]) field.addEventListener("keydown", (event) => event.key === "Enter" && !event.repeat && (event.preventDefault(), this.review()));
    this.input.addEventListener("input", () => this.typed());
    for (const field of this.items) field.addEventListener("input", () => this.refresh());
    for (const [at, button] of [...$("steps").children].entries()) button.addEventListener("click", () => this.choose(at));
    $("keys").addEventListener("click", ({ target }) => this.press(target.closest("button")?.dataset.key));
    $("review").addEventListener("click", () => this.review());
    document.addEventListener("keydown", (event) => this.keyed(event));
    this.refresh();
  }

  get sealed() {
    return sealed(this.room.terms);
  }

  get turns() {
    return this.room.terms.format === "turn_based";
  }

  get choosing() {
    return this.card.phase === "closed";
  }

  // ---- choosing ----------------------------------------------------------------------------------------------

  /** The price of a step button, or null. */
  price(at) {
    const { terms, state, own } = this.room;
    const least = bound(terms, state, own);
    if (least === null) return null;
    const ref = reference(terms, state, own);
    const step = stepAt(terms, ref ?? least);
    if (!step) return null;
    const times = ref === null ? (at === 0 ? 0n : TIMES[at]) : TIMES[at] - 1n;
    let price = least - signOf(terms) * step * times;
    // The cap itself may always be offered, and nothing beyond it.
    const cap = amount(terms.cap?.price);
    if (cap !== null && price > cap) price = at === 0 || this.price(at - 1) < cap ? cap : null;
    return price !== null && price > 0n ? price : null;
  }

  choose(at) {
    if (this.why() || this.sealed) return;
    const price = this.price(at);
    if (price === null) return;
    this.chosen = at;
    this.input.value = this.room.unit.digits(price);
    this.typing = false;
    this.refresh();
  }

  typed() {
    this.typing = true;
    const { selectionStart, value } = this.input;
    const before = value.slice(0, selectionStart).replaceAll(",", "").length;
    const [whole, ...rest] = value.replaceAll(",", "").split(".");
    if (/^\d*$/.test(whole) && rest.length < 2) {
      const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest.length ? `.${rest[0]}` : "");
      if (grouped !== value) {
        this.input.value = grouped;
        let caret = 0;
        for (let seen = 0; seen < before && caret < grouped.length; caret += 1) if (grouped[caret] !== ",") seen += 1;
        this.input.setSelectionRange(caret, caret);
      }
    }
    this.refresh();
  }

  press(name) {
    if (name === undefined || this.input.disabled) return;
    const plain = this.input.value.replaceAll(",", "");
    this.input.value = name === "back" ? plain.slice(0, -1) : this.typing ? plain + name : name;
    this.typed();
  }

  keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !this.choosing || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select") || $("pad").hidden) return;
    if ("1234".includes(event.key) && event.key.length === 1) this.choose(Number(event.key) - 1);
    else if (event.key === "Enter" && !event.target.closest("button, a, summary")) this.review();
  }

  // ---- what is possible ---------------------------------------------------------------------------------------

  /** Why nothing can be offered now, or an empty text. */
  why() {
    const { terms, state, own, words, plate, connected } = this.room;
    if (!connected) return words.why_lost;
    if (state.stage === "paused" || state.stopped) return words.why_paused;
    if (["ended", "failed", "cancelled", "settling"].includes(state.stage)) return words.why_over;
    if (this.turns) return this.whyTurn();
    if (state.stage === "waiting") return words.why_waiting;
    if (state.stage === "break") return fill(words.why_break, { n: state.round + 1, time: moment(state.ends_at, this.room.now()) });
    if (this.sealed) {
      if (state.stage === "second" && own?.inside === false) return words.why_not_equal;
      return handedIn(state, own) ? words.why_handed : "";
    }
    if (!OPEN.has(state.stage)) return words.why_stage;
    if (state.stage === "limited" && own?.inside === false) return words.why_outside;
    if (!terms.self_outbid && leads(state, own, plate) === true) return words.why_leading;
    return "";
  }

  /** F13: an opening price before the start, then one's own turn in every round. */
  whyTurn() {
    const { state, own, words } = this.room;
    const opened = lastOf(own) !== null;
    if (state.stage === "waiting") return opened ? words.why_opened : "";
    if (!opened) return words.why_not_opened;
    if (state.stage === "break") return fill(words.why_break, { n: state.round, time: moment(state.ends_at, this.room.now()) });
    if (own?.turn?.mine) return "";
    const at = own?.turn ? own.turn.place - (state.special?.turn ?? 0) : 0;
    return at > 0 ? fill(words.why_turn, { n: at }) : words.why_turned;
  }

  /** The typed amount in fen when it would be accepted now, else null. */
  good() {
    const { terms, state, own, unit } = this.room;
    const price = unit.read(this.input.value);
    if (price === null || price <= 0n) return null;
    const cap = amount(terms.cap?.price);
    if (cap !== null && price >= cap) return price === cap ? price : null;
    const least = bound(terms, state, own);
    if (least === null) return this.sealed ? price : null;
    return signOf(terms) * price <= signOf(terms) * least ? price : null;
  }

  /** F9: what was typed for the other items, or null when one is missing or no number. */
  typedItems() {
    const found = {};
    for (const field of this.items) {
      const text = field.value.trim().replaceAll(",", "");
      if (!/^\d{1,12}(\.\d{1,6})?$/.test(text)) return null;
      found[field.dataset.item] = text;
    }
    return found;
  }

  /** Draw again after news. */
  refresh() {
    if (!this.input) return;
    const { terms, state, own, unit, words } = this.room;
    const why = this.why();
    const ref = reference(terms, state, own);
    let hint = ref === null ? "" : terms.basis === "own" || this.turns ? words.pad_own : words.pad_best;
    if (this.sealed) hint = state.stage === "second" ? words.pad_second : words.pad_sealed;
    if (this.turns && ref === null) hint = words.pad_opening;
    say($("pad-hint"), hint);
    for (const [at, button] of [...$("steps").children].entries()) {
      const price = this.price(at);
      button.disabled = Boolean(why) || price === null || !this.choosing;
      const from = ref ?? amount(terms.ceiling ?? terms.start);
      const change = price === null || from === null ? null : price - from;
      say(button.querySelector("b"), change === null ? "—" : change === 0n ? unit.digits(price) : `${change > 0n ? "+ " : "− "}${unit.digits(change < 0n ? -change : change)}`);
      say(button.querySelector("span"), price === null ? "" : unit.text(price));
      button.setAttribute("aria-pressed", String(!this.typing && at === this.chosen && !why));
    }
    if (!this.typing && this.choosing && !this.sealed) {
      const price = why ? null : this.price(this.chosen);
      this.input.value = price === null ? "" : unit.digits(price);
    }
    for (const field of [this.input, ...this.items]) field.disabled = Boolean(why) || !this.choosing;
    for (const button of $("keys").children) button.disabled = this.input.disabled;
    const typed = unit.read(this.input.value);
    say($("capitals"), typed === null ? "" : capitals(typed));
    const price = this.good();
    $("review").disabled = Boolean(why) || price === null || this.typedItems() === null || !this.choosing;
    this.note(why, price, ref);
    show($("steps"), !this.sealed);
    const handed = this.sealed && handedIn(state, own) && state.stage !== "break";
    show($("pad-sealed"), handed);
    if (handed) {
      const last = amount(lastOf(own)?.amount);
      say($("pad-sealed-word"), last === null ? words.sealed_chip : unit.text(last));
    }
    for (const place of [$("keys"), this.input.closest(".au-amount"), $("review"), ...this.items.map((field) => field.closest(".au-item"))]) show(place, !handed);
    const pending = amount(own?.turn?.offer);
    show($("turn-back"), pending !== null);
    if (pending !== null) say($("turn-pending"), fill(words.turn_pending, { price: unit.text(pending) }));
  }

  note(why, price, ref) {
    const { terms, state, own, unit, words } = this.room;
    const place = $("pad-note");
    const least = bound(terms, state, own);
    let text = why;
    if (!why && !this.input.value) text = !this.sealed ? words.pad_typed : least === null ? words.pad_once : `${fill(ref === null ? words.pad_first : words.pad_not_worse, { price: unit.text(least) })} ${words.pad_once}`;
    else if (!why && price === null) text = least === null ? words.why_bad : fill(ref === null ? words.pad_first : this.sealed ? words.pad_not_worse : words.pad_least, { price: unit.text(least) });
    else if (!why && this.typedItems() === null) text = words.pad_items;
    else if (!why && (ref === null || this.sealed)) text = this.sealed ? words.pad_once : words.pad_good_first;
    else if (!why) {
      const gap = price > ref ? price - ref : ref - price;
      text = fill(terms.basis === "own" || this.turns ? words.pad_good_own : words.pad_good, { difference: unit.text(gap) });
      if (terms.cap && price === amount(terms.cap.price)) text = words.pad_cap;
    }
    say(place.querySelector("p"), text);
    place.classList.toggle("sr-notice-y", !why && Boolean(this.input.value) && price === null);
    show(place, Boolean(text));
  }

  // ---- reviewing -------------------------------------------------------------------------------------------------

  review(again = null) {
    const price = again?.price ?? this.good();
    const items = this.typedItems();
    if (sealedElsewhere(this.room.terms)) return; // a price typed here would leave this machine in the clear
    if (!again && (this.why() || price === null || items === null || !this.choosing)) return;
    const { terms, state, own, unit, words } = this.room;
    const number = again?.number ?? key();
    const ref = reference(terms, state, own);
    const start = amount(terms.ceiling ?? terms.start);
    const facts = [];
    const compare = (label, base) => {
      const gap = price - base;
      facts.push([label, `${unit.text(gap < 0n ? -gap : gap)} (${percent(gap, base, { places: 2 })})`]);
    };
    if (ref !== null) compare(terms.basis === "own" || this.turns || this.sealed ? words.below_own : words.below, ref);
    if (start !== null && start !== ref) compare(words.below_start, start);
    for (const field of this.items) facts.push([field.dataset.item, items[field.dataset.item]]);
    const most = terms.step?.most;
    const steps = this.sealed || this.turns ? 0n : stepsOf(terms, state, own, price);
    const wide = Boolean(again) || (most !== null && most !== undefined && steps > BigInt(most));
    const turn = this.turns && state.stage !== "waiting";
    const message = { amount: yuan(price), key: number };
    if (!turn) message.confirmed = wide;
    if (this.items.length) message.items = items;
    const stage = state.stage;
    const round = state.round;
    this.card.ask({
      price,
      facts,
      yes: fill(this.sealed ? words.confirm_sealed : words.confirm, { price: unit.text(price) }),
      note: turn ? words.note_turn : this.sealed ? words.note_sealed : words.note_offer,
      far: wide ? [fill(words.far, { steps: String(steps) }), words.far_more] : null,
      stale: () => {
        const why = this.why();
        const now = this.room.state;
        if (why || ((this.sealed || this.turns) && (now.round !== round || now.stage !== stage))) return [why || words.why_stage, words.beaten_more];
        const least = bound(terms, now, this.room.own);
        const cap = amount(terms.cap?.price);
        return least === null || price === cap || signOf(terms) * price <= signOf(terms) * least ? null : [words.beaten, words.beaten_more];
      },
      send: () => this.send(turn ? "turn" : "offer", message),
      said: `${this.sealed ? words.accepted_sealed : words.accepted} ${unit.text(price)}`,
      done: (answer) => {
        this.typing = false;
        if (answer.ok) for (const field of [...this.items, ...(this.sealed ? [this.input] : [])]) field.value = "";
        // More steps at once than the page counted: the same number asks again, with the tick.
        if (answer.problem?.code === "auction_unconfirmed") this.review({ price, number });
      },
    });
  }

  /** F13: take the offer of this turn back; silence keeps the old price. */
  async takeBack() {
    $("turn-back-set").disabled = true;
    try {
      told(this.room, await this.send("turn", { amount: "-1", key: key() }), this.room.words.turn_taken_back);
    } finally {
      $("turn-back-set").disabled = false;
      this.refresh();
    }
  }
}
