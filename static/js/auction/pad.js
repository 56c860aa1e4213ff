// The bid pad: choose a step or type an amount, review, confirm within eight seconds, wait for the answer.
//
// What is confirmed is what is sent: a better price in between closes the card, and nothing is ever changed on the way. Every
// confirmation has one number of its own (idempotency key); when no answer comes it is sent again under the same number.
import { capitals } from "../ui/money.js";
import { $, make, notice, say, show } from "./dom.js";
import { OPEN, bound, leads, reference, signOf, stepAt, stepsOf } from "./state.js";
import { amount, exact, fill, percent } from "./text.js";

const TIMES = [1n, 2n, 4n, 10n];
const SECONDS = 8;

const key = () => crypto.randomUUID().replaceAll("-", "");

export class Pad {
  /** room: {terms, unit, words, plate, state, own, connected}; send(command, message) → answer. */
  constructor(room, send) {
    this.room = room;
    this.send = send;
    this.chosen = 0;
    this.phase = "choose"; // choose, confirm, sending
    this.offer = null;
    this.input = $("amount");
    if (!this.input) return;
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => event.key === "Enter" && !event.repeat && (event.preventDefault(), this.review()));
    for (const [at, button] of [...$("steps").children].entries()) button.addEventListener("click", () => this.choose(at));
    $("keys").addEventListener("click", ({ target }) => this.press(target.closest("button")?.dataset.key));
    $("review").addEventListener("click", () => this.review());
    $("confirm-yes").addEventListener("click", (event) => this.confirm(event));
    $("confirm-no").addEventListener("click", () => this.cancel());
    // A held Enter must not confirm what it reviewed.
    $("confirm-yes").addEventListener("keydown", (event) => event.repeat && event.preventDefault());
    document.addEventListener("keydown", (event) => this.keyed(event));
    this.refresh();
  }

  get sealed() {
    return ["sealed_rounds", "one_offer", "weighted"].includes(this.room.terms.base ?? this.room.terms.format);
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
    const price = least - signOf(terms) * step * times;
    return price > 0n ? price : null;
  }

  choose(at) {
    if (this.why()) return;
    this.chosen = at;
    const price = this.price(at);
    if (price !== null) this.input.value = this.room.unit.digits(price);
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
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && this.phase === "confirm") this.cancel();
    else if (typing || event.repeat) return;
    else if (this.phase === "choose" && "1234".includes(event.key) && event.key.length === 1) this.choose(Number(event.key) - 1);
    else if (event.key === "Enter" && this.phase === "choose" && !event.target.closest("button, a, summary")) this.review();
  }

  // ---- what is possible ---------------------------------------------------------------------------------------

  /** Why nothing can be offered now, or an empty text. */
  why() {
    const { terms, state, own, words, plate, connected } = this.room;
    if (!connected) return words.why_lost;
    if (state.stage === "waiting") return words.why_waiting;
    if (state.stage === "paused" || state.stopped) return words.why_paused;
    if (["ended", "failed", "cancelled", "settling"].includes(state.stage)) return words.why_over;
    if (!OPEN.has(state.stage)) return words.why_stage;
    if (state.stage === "limited" && own?.inside === false) return words.why_outside;
    if (!terms.self_outbid && leads(state, own, plate) === true) return words.why_leading;
    return "";
  }

  /** The typed amount in fen when it would be accepted now, else null. */
  good() {
    const { terms, state, own, unit } = this.room;
    const price = unit.read(this.input.value);
    if (price === null || price <= 0n) return null;
    if (this.sealed) return price;
    const least = bound(terms, state, own);
    if (least === null) return null;
    return signOf(terms) * price <= signOf(terms) * least ? price : null;
  }

  /** Draw again after news. A confirmation that a better price overtook is closed. */
  refresh() {
    if (!this.input) return;
    const { terms, state, own, unit, words } = this.room;
    const why = this.why();
    if (this.phase === "confirm" && (why || signOf(terms) * this.offer.price > signOf(terms) * (bound(terms, state, own) ?? this.offer.price))) {
      const beaten = !why;
      this.cancel(false);
      $("answer").replaceChildren(notice("y", beaten ? words.beaten : why, words.beaten_more));
    }
    const ref = reference(terms, state, own);
    say($("pad-hint"), ref === null ? "" : terms.basis === "own" ? words.pad_own : words.pad_best);
    for (const [at, button] of [...$("steps").children].entries()) {
      const price = this.price(at);
      button.disabled = Boolean(why) || price === null || this.phase !== "choose";
      const from = ref ?? amount(terms.ceiling ?? terms.start);
      const change = price === null || from === null ? null : price - from;
      say(button.querySelector("b"), change === null ? "—" : change === 0n ? unit.digits(price) : `${change > 0n ? "+ " : "− "}${unit.digits(change < 0n ? -change : change)}`);
      say(button.querySelector("span"), price === null ? "" : unit.text(price));
      button.setAttribute("aria-pressed", String(!this.typing && at === this.chosen && !why));
    }
    if (!this.typing && this.phase === "choose" && !this.sealed) {
      const price = why ? null : this.price(this.chosen);
      this.input.value = price === null ? "" : unit.digits(price);
    }
    this.input.disabled = Boolean(why) || this.phase !== "choose";
    for (const button of $("keys").children) button.disabled = this.input.disabled;
    const typed = unit.read(this.input.value);
    say($("capitals"), typed === null ? "" : capitals(typed));
    const price = this.good();
    $("review").disabled = Boolean(why) || price === null || this.phase !== "choose";
    this.note(why, price, ref);
    show($("steps"), !this.sealed);
  }

  note(why, price, ref) {
    const { terms, state, own, unit, words } = this.room;
    const place = $("pad-note");
    const least = bound(terms, state, own);
    let text = why;
    if (!why && !this.input.value) text = this.sealed ? "" : words.pad_typed;
    else if (!why && price === null) text = least === null ? words.why_bad : fill(ref === null ? words.pad_first : words.pad_least, { price: unit.text(least) });
    else if (!why && ref === null) text = words.pad_good_first;
    else if (!why) {
      const gap = price > ref ? price - ref : ref - price;
      text = fill(terms.basis === "own" ? words.pad_good_own : words.pad_good, { difference: unit.text(gap) });
    }
    say(place.querySelector("p"), text);
    place.classList.toggle("sr-notice-y", !why && Boolean(this.input.value) && price === null);
    show(place, Boolean(text));
  }

  // ---- reviewing and confirming --------------------------------------------------------------------------------

  review(far = false) {
    const price = this.good();
    if (this.why() || price === null || this.phase === "sending") return;
    const { terms, state, own, unit, words } = this.room;
    this.phase = "confirm";
    this.offer = { price, key: far ? this.offer.key : key(), far };
    $("answer").replaceChildren();
    say($("confirm-digits"), unit.digits(price));
    say($("confirm-unit"), unit.word);
    say($("confirm-capitals"), capitals(price));
    say($("confirm-yes-word"), fill(words.confirm, { price: unit.text(price) }));
    const ref = reference(terms, state, own);
    const start = amount(terms.ceiling ?? terms.start);
    const rows = [];
    const row = (label, base) => {
      const gap = price - base;
      rows.push(make("dt", {}, label), make("dd", {}, `${unit.text(gap < 0n ? -gap : gap)} (${percent(gap, base, { places: 2 })})`));
    };
    if (ref !== null) row(terms.basis === "own" ? words.below_own : words.below, ref);
    if (start !== null && start !== ref) row(words.below_start, start);
    $("confirm-facts").replaceChildren(...rows);
    const steps = this.sealed ? 0n : stepsOf(terms, state, own, price);
    const most = terms.step?.most;
    const wide = far || (most !== null && most !== undefined && steps > BigInt(most));
    this.offer.wide = wide;
    show($("confirm-far"), wide);
    if (wide) $("confirm-far").replaceChildren(notice("y", fill(words.far, { steps: String(steps) }), words.far_more));
    $("far-check").checked = false;
    show($("far-line"), wide);
    show($("choose"), false);
    show($("confirm"), true);
    $("confirm-yes").disabled = wide;
    $("far-check").onchange = ({ target }) => ($("confirm-yes").disabled = !target.checked);
    (wide ? $("far-check") : $("confirm-yes")).focus({ preventScroll: false });
    this.until = performance.now() + SECONDS * 1000 * (wide ? 2 : 1);
    this.opened = performance.now();
    this.count();
    this.refresh();
  }

  count() {
    clearTimeout(this.timer);
    if (this.phase !== "confirm") return;
    const left = Math.ceil((this.until - performance.now()) / 1000);
    if (left <= 0) {
      this.cancel();
      $("answer").replaceChildren(notice("i", this.room.words.expired, this.room.words.expired_more));
      return;
    }
    say($("confirm-left"), fill(this.room.words.cancels, { n: left }));
    this.timer = setTimeout(() => this.count(), 250);
  }

  cancel(focus = true) {
    clearTimeout(this.timer);
    this.phase = "choose";
    show($("confirm"), false);
    show($("choose"), true);
    this.refresh();
    if (focus) $("review").disabled ? this.input.focus() : $("review").focus();
  }

  async confirm(event) {
    // Neither the second half of a double click nor a key still held down from the review may confirm as well.
    const early = event.detail === 0 && performance.now() - this.opened < 250;
    if (this.phase !== "confirm" || $("confirm-yes").disabled || early || event.detail > 1) return;
    clearTimeout(this.timer);
    this.phase = "sending";
    const { words } = this.room;
    $("confirm-yes").disabled = true;
    $("confirm-yes").setAttribute("aria-busy", "true");
    say($("confirm-yes-word"), words.sending);
    say($("confirm-left"), "");
    const message = { amount: yuan(this.offer.price), key: this.offer.key, confirmed: this.offer.wide };
    const answer = await this.send("offer", message);
    $("confirm-yes").removeAttribute("aria-busy");
    this.phase = "choose";
    this.typing = false;
    show($("confirm"), false);
    show($("choose"), true);
    this.told(answer, this.offer.price);
    this.refresh();
  }

  told(answer, price) {
    const { unit, words } = this.room;
    if (answer.ok) {
      const receipt = receiptOf(answer);
      const line = notice("g", `${words.accepted} ${price === null ? "" : unit.text(price)}`, receipt ? fill(words.accepted_more, { time: exact(receipt.recv_at) }) : "");
      $("answer").replaceChildren(line);
      if (receipt) this.room.keep(receipt, answer.receipt);
      return;
    }
    $("answer").replaceChildren(refusal(answer.problem, words));
    if (answer.problem.code === "auction_unconfirmed") this.review(true);
  }
}

/** The signed receipt inside an answer, or null. */
export function receiptOf(answer) {
  try {
    return JSON.parse(answer.receipt);
  } catch {
    return null;
  }
}

/** A refusal in words: what, why, and when the server received it. */
export function refusal(problem, words) {
  const at = problem.details?.server_time;
  const when = at ? `${fill(words.received, { time: exact(at) })}` : "";
  return notice("y", problem.title ?? words.refused, [problem.detail, when].filter(Boolean).join(" · "));
}

/** Fen as the decimal text the server reads. */
export const yuan = (fen) => `${fen / 100n}.${String(fen % 100n).padStart(2, "0")}`;
