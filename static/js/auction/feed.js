// What happened, newest first: offers as far as they are shown, one's own, extensions, stages. A polite live region.
import { $, icon, make, show } from "./dom.js";
import { better } from "./state.js";
import { amount, fill, moment } from "./text.js";

const KEPT = 200;

export class Feed {
  /** room: {terms, unit, words, stages, plate, receipts}. */
  constructor(room, place) {
    this.room = room;
    this.place = place;
    this.best = null;
  }

  /** Everything a snapshot tells, in order of time; one's own offers stand in as one's own. */
  whole(state, own) {
    this.place.setAttribute("aria-live", "off");
    this.place.replaceChildren();
    this.best = null;
    const mine = own?.own ?? [];
    const told = new Set(mine.map((one) => `${one.at} ${one.amount}`));
    const lines = [
      ...(state.list.length ? state.list : (this.room.bests ?? [])).filter((one) => !(one.plate === this.room.plate && this.room.plate) && !told.has(`${one.at} ${one.amount}`)).map((one) => ({ at: one.at, offer: one })),
      ...mine.map((one) => ({ at: one.at, mine: one })),
    ].sort((a, b) => (a.at < b.at ? -1 : 1));
    for (const line of lines.slice(-KEPT)) line.mine ? this.mine(line.mine) : this.offer(line.offer);
    show($("feed-none"), !this.place.children.length);
    requestAnimationFrame(() => this.place.setAttribute("aria-live", "polite"));
  }

  /** News since: what is new in the list or, without one, a changed best price. */
  news(before, state, news, own) {
    const { words } = this.room;
    const told = new Set((own?.own ?? []).map((one) => `${one.at} ${one.amount}`));
    const fresh = news.list && !news.relist ? news.list : !state.list.length && news.best ? [news.best] : [];
    for (const one of fresh) {
      if (one.plate && one.plate === this.room.plate) continue;
      if (told.has(`${one.at} ${one.amount}`)) continue;
      this.offer(one);
    }
    const again = state.stage === "limited" && news.ends_at;
    const later = news.ends_at && before.ends_at && Date.parse(news.ends_at) > Date.parse(before.ends_at);
    // A clock that ticks on (Dutch, Japanese) or a new round is no extension; neither is going on after a pause.
    const moved = later && !["paused", "waiting"].includes(before.stage) && (again || state.extensions > before.extensions);
    if (news.stage && news.stage !== before.stage && news.stage !== "extended") {
      const rounds = this.room.terms.rounds?.count ?? this.room.terms.turns?.rounds;
      const begins = rounds && news.round !== undefined && ["running", "break"].includes(news.stage);
      const text = begins ? fill(words.round_begins, { n: state.round, all: rounds }) : fill(words.stage, { stage: this.room.stages[news.stage] ?? news.stage });
      this.line(null, news.stage === "paused" ? "player-pause" : "player-play", text);
    }
    // An offer moved the end: the line bears the offer's instant.
    if (moved) this.line(fresh.at(-1)?.at ?? null, "clock-plus", fill(again ? words.restarted : words.moved, { time: moment(news.ends_at, this.room.now()) }));
    this.special(before, state);
    if (news.stopped && !before.stopped) this.line(null, "alert-triangle", fill(words.stopped, { reason: this.room.reason(news.stopped.reason) }));
  }

  /** What only some formats show: whose turn it is, a quantity of the second indicator. */
  special(before, state) {
    const { words, terms } = this.room;
    const [then, now] = [before.special, state.special];
    if (now?.order && state.stage === "running" && (then?.turn !== now.turn || before.round !== state.round)) this.line(null, "player-play", fill(words.turn_of, { plate: now.order[now.turn - 1] ?? "" }));
    if (now?.quantity && now.quantity !== then?.quantity) this.line(null, "gavel", fill(now.plate ? words.quantity_of : words.quantity_some, { plate: now.plate ?? "", quantity: `${now.quantity} ${terms.cap?.indicator_unit ?? ""}`.trim() }));
  }

  offer(one) {
    const { terms, unit, words } = this.room;
    const price = amount(one.amount);
    if (price === null) return this.line(one.at, "lock", fill(words.offer_shut, { plate: one.plate ?? "" }));
    const lead = this.best === null || better(terms, price, this.best);
    if (lead) this.best = price;
    const text = one.plate ? fill(words.offer_of, { plate: one.plate, price: unit.text(price) }) : fill(lead ? words.new_best : words.offer_some, { price: unit.text(price) });
    this.line(one.at, "gavel", text).dataset.offer = `${one.at} ${one.amount}`;
  }

  mine(one) {
    const { terms, unit, words } = this.room;
    // The news of a best price may have come before the word that it is one's own.
    this.place.querySelector(`[data-offer="${one.at} ${one.amount}"]`)?.remove();
    const price = one.amount ? amount(one.amount) : null;
    if (price !== null && one.kind !== "sealed" && (this.best === null || better(terms, price, this.best))) this.best = price;
    const name = { limit: "mine_limit", match: "mine_match", sealed: "mine_sealed" }[one.kind] ?? "mine";
    const line = this.line(one.at, "user-check", fill(words[name], { price: price === null ? "" : unit.text(price) }), true);
    line.dataset.nr = one.nr;
    this.chip(line, one.nr);
  }

  /** The receipt's chip beside one's own offer, as soon as there is a receipt. */
  chip(line, nr) {
    if (!this.room.receipts.has(nr) || line.querySelector(".sr-proof")) return;
    line.append(this.chipOf(nr));
  }

  chipOf(nr) {
    return make("button", { type: "button", class: "sr-proof", "data-receipt": nr }, icon("seal"), `${this.room.words.receipt} `, make("span", { class: "sr-mono" }, `#${nr}`));
  }

  chips() {
    for (const line of this.place.querySelectorAll("li[data-nr]")) this.chip(line, Number(line.dataset.nr));
  }

  line(at, name, text, mine = false) {
    const when = at ?? this.room.instant();
    const line = make("li", { class: mine ? "au-mine" : null }, make("time", { datetime: when, class: "sr-muted" }, moment(when, this.room.now())), icon(name), make("span", {}, text));
    this.place.prepend(line);
    while (this.place.children.length > KEPT) this.place.lastElementChild.remove();
    show($("feed-none"), false);
    return line;
  }
}
