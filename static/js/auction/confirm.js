// The confirmation of a deed: the amount in digits and in Chinese capitals, what it means, and eight seconds to decide.
//
// What is confirmed is what is sent. When what was reviewed no longer holds (a better price, another tick of the clock, another
// stage), the card closes and says so; nothing is ever changed on the way.
import { capitals } from "../ui/money.js";
import { $, make, notice, say, show } from "./dom.js";
import { exact, fill, receiptOf } from "./text.js";

const SECONDS = 8;

export class Card {
  /** room: {unit, words, keep}. `changed` is called whenever the card opens or closes. */
  constructor(room, changed) {
    this.room = room;
    this.changed = changed;
    this.phase = "closed"; // open, sending
    this.asked = null;
    if (!$("confirm")) return;
    $("confirm-yes").addEventListener("click", (event) => this.yes(event));
    $("confirm-no").addEventListener("click", () => this.close());
    // A held Enter must not confirm what it reviewed.
    $("confirm-yes").addEventListener("keydown", (event) => event.repeat && event.preventDefault());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.phase === "open" && !document.querySelector("dialog[open]")) this.close();
    });
    $("far-check").addEventListener("change", ({ target }) => ($("confirm-yes").disabled = !target.checked));
  }

  /**
   * Ask about a deed.
   * price: fen or null; figure, about: what is shown without a price; facts: [[term, text]]; yes: the button; note: below it;
   * far: null, or [fact, more] that has to be ticked; stale() → null or [fact, more]; send() → answer; said: line when accepted.
   */
  ask(asked) {
    this.asked = asked;
    this.phase = "open";
    this.from = document.activeElement;
    const { price = null, figure = "", about = "", facts = [], yes, note = "", far = null } = asked;
    const { unit } = this.room;
    $("answer").replaceChildren();
    say($("confirm-digits"), price === null ? figure : unit.digits(price));
    say($("confirm-unit"), price === null ? "" : unit.word);
    show($("confirm-digits").parentElement, price !== null || Boolean(figure));
    say($("confirm-capitals"), price === null ? "" : capitals(price));
    say($("confirm-about"), about);
    show($("confirm-about"), Boolean(about));
    say($("confirm-yes-word"), yes);
    $("confirm-facts").replaceChildren(...facts.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
    show($("confirm-facts"), facts.length > 0);
    say($("confirm-note"), note);
    show($("confirm-far"), Boolean(far));
    if (far) $("confirm-far").replaceChildren(notice("y", ...far));
    $("far-check").checked = false;
    show($("far-line"), Boolean(far));
    show($("deeds"), false);
    show($("confirm"), true);
    $("confirm-yes").disabled = Boolean(far);
    $("confirm-no").disabled = false;
    (far ? $("far-check") : $("confirm-yes")).focus({ preventScroll: false });
    this.opened = performance.now();
    this.until = this.opened + SECONDS * 1000 * (far ? 2 : 1);
    this.count();
    this.changed();
  }

  /** Whether what was reviewed still holds; called after every news. */
  check() {
    if (this.phase !== "open") return;
    const why = this.asked.stale?.();
    if (!why) return;
    this.close(false);
    $("answer").replaceChildren(notice("y", ...why));
  }

  count() {
    clearTimeout(this.timer);
    if (this.phase !== "open") return;
    const left = Math.ceil((this.until - performance.now()) / 1000);
    if (left <= 0) {
      this.close();
      $("answer").replaceChildren(notice("i", this.room.words.expired, this.room.words.expired_more));
      return;
    }
    say($("confirm-left"), fill(this.room.words.cancels, { n: left }));
    this.timer = setTimeout(() => this.count(), 250);
  }

  close(focus = true) {
    clearTimeout(this.timer);
    this.phase = "closed";
    show($("confirm"), false);
    show($("deeds"), true);
    this.changed();
    if (focus) (this.from?.isConnected && !this.from.disabled && this.from.checkVisibility() ? this.from : $("answer")).focus({ preventScroll: true });
  }

  async yes(event) {
    // Neither the second half of a double click nor a key still held down from the review may confirm as well.
    const early = event.detail === 0 && performance.now() - this.opened < 250;
    if (this.phase !== "open" || $("confirm-yes").disabled || early || event.detail > 1) return;
    clearTimeout(this.timer);
    this.phase = "sending";
    const asked = this.asked;
    $("confirm-yes").disabled = $("confirm-no").disabled = true;
    $("confirm-yes").setAttribute("aria-busy", "true");
    say($("confirm-yes-word"), this.room.words.sending);
    say($("confirm-left"), "");
    try {
      const answer = await asked.send();
      told(this.room, answer, asked.said);
      asked.done?.(answer);
    } finally {
      $("confirm-yes").removeAttribute("aria-busy");
      // A refusal may have asked again, in which case this card is open for the next question already.
      if (this.phase === "sending") this.close();
    }
  }
}

/** Write what the server answered: accepted with its instant and receipt, or refused with reason and instant. */
export function told(room, answer, said) {
  const { words } = room;
  if (!answer.ok) {
    $("answer").replaceChildren(refusal(answer.problem, words));
    return;
  }
  const receipt = receiptOf(answer);
  $("answer").replaceChildren(notice("g", said ?? words.accepted, receipt ? fill(words.accepted_more, { time: exact(receipt.recv_at) }) : ""));
  if (receipt) room.keep(receipt, answer.receipt);
}

/** A refusal in words: what, why, and when the server received it. */
export function refusal(problem, words) {
  const at = problem.details?.server_time;
  const when = at ? `${fill(words.received, { time: exact(at) })}` : "";
  return notice("y", problem.title ?? words.refused, [problem.detail, when].filter(Boolean).join(" · "));
}
