/**
 * The browser's half of the live channels (docs/formats/live-channel.md): one socket for a page, any number of channels.
 *
 *   const live = connect();
 *   live.onState(({ state, attempt, delay }) => …);            // connecting, online, slow, reconnecting, offline
 *   const room = live.channel("auction:…", { state, news, own, refused });
 *   const answer = await room.do("offer", { key, price });     // { ok: true, … } or { ok: false, problem }
 *
 * A channel remembers the last version it has seen. After every reconnection it asks for what came since; a gap in the
 * numbers, or the server's word that it is behind, does the same. The server's clock is measured by round trips: of the
 * last eight samples the one with the shortest trip counts, and half of that trip is its error.
 */
import "../vendor/socket.io.min.js";
import { heard } from "./ui/time.js";

const [SAMPLES, SAMPLE_EVERY, HEARTBEAT, HEARTBEAT_WAIT, SLOW] = [8, 150, 10_000, 5_000, 500];
const LATE = 2000; // milliseconds that news may be on their way
const OFFLINE_AFTER = 5; // attempts in vain
const POLLING_AFTER = 3; // attempts in vain before the printed fallback is tried
const root = document.documentElement.dataset;
const offline = { ok: false, problem: { status: 0, code: "offline" } };
const silent = { ok: false, problem: { status: 0, code: "no_answer_yet" } };

class Channel {
  #live;
  #handlers;
  #waiting = null; // news that came while a join is under way
  #again = false;
  #left = false;

  constructor(live, name, handlers, seen) {
    this.#live = live;
    this.name = name;
    this.seen = seen;
    this.ownSeen = null; // private news have numbers of their own, counted for this participant alone
    this.#handlers = handlers;
  }

  /** Ask for what was missed, or for the state; once at a time. */
  async sync() {
    if (this.#left) return;
    if (this.#waiting) {
      this.#again = true;
      return;
    }
    this.#waiting = [];
    const answer = await this.#live.ask("join", { channel: this.name, ...(this.seen === null ? {} : { seen: this.seen }) });
    const waiting = this.#waiting;
    this.#waiting = null;
    if (this.#left) return;
    if (answer.ok) this.#take(answer);
    else if (answer.problem.code === "offline") return; // the next connection joins again
    else if (answer.problem.code === "no_answer_yet") setTimeout(() => this.sync(), 500 + Math.random() * 1000);
    else this.#handlers.refused?.(answer.problem);
    for (const item of waiting) "own" in item ? this.own(item) : this.news(item);
    if (this.#again) {
      this.#again = false;
      this.sync();
    }
  }

  #take({ state, news, own }) {
    if (own) this.ownSeen = own.version ?? null;
    if (state) {
      this.seen = state.version ?? 0;
      this.#handlers.state?.(state, own);
    } else {
      if (own) this.#handlers.own?.(own, { whole: true });
      for (const item of news ?? []) this.#apply(item);
    }
  }

  #apply({ version, news, at }) {
    if (version <= this.seen) return;
    this.seen = version;
    this.#handlers.news?.(news, { version, at });
  }

  /** News from the server: apply the next one, ignore old ones, and ask when some are missing. */
  news(item) {
    if (this.#waiting) this.#waiting.push(item);
    else if (this.seen !== null && item.version === this.seen + 1) this.#apply(item);
    else if (this.seen === null || item.version > this.seen) this.sync();
  }

  /** Private news: in order like the others where they are numbered. */
  own(item) {
    if (this.#waiting) {
      this.#waiting.push(item);
      return;
    }
    if (item.version && this.ownSeen !== null) {
      if (item.version <= this.ownSeen) return;
      if (item.version > this.ownSeen + 1) {
        this.sync();
        return;
      }
    }
    if (item.version) this.ownSeen = item.version;
    this.#handlers.own?.(item.own, { whole: false, version: item.version, at: item.at });
  }

  /** The server knows of a version we have not heard of; not everybody asks in the same instant, and it may be on its way. */
  behind(version, patience = 0) {
    if (this.seen === null || version > this.seen) setTimeout(() => version > this.seen && this.sync(), patience + Math.random() * 800);
  }

  /** The same of one's own news; the answer to a join brings all of them. */
  behindOwn(version, patience) {
    setTimeout(() => this.ownSeen !== null && version > this.ownSeen && this.sync(), patience + Math.random() * 800);
  }

  /**
   * Run a command. It is sent again after a broken line only when the message has a `key`, by which the server knows it.
   * @returns {Promise<object>} the server's answer; `offline` or `no_answer_yet` when there is none.
   */
  async do(command, message, { wait = 8000, tries = 4 } = {}) {
    for (let left = message.key ? tries : 1; ; left -= 1) {
      const answer = await this.#live.ask("do", { channel: this.name, command, message }, wait);
      const code = answer.ok ? "" : answer.problem.code;
      if (code === "moved") this.#live.moveTo(answer.problem.details.address);
      else if (code !== "offline" && code !== "no_answer_yet" && code !== "hall_busy") return answer;
      if (left <= 1) return answer;
      if (code === "hall_busy") await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 500));
      await this.#live.online(wait);
    }
  }

  leave() {
    this.#left = true;
    this.#live.forget(this);
  }
}

class Live {
  #socket = null;
  #channels = new Map();
  #tellers = new Set();
  #samples = [];
  #attempt = 0;
  #beat = null;
  #url;
  state = "connecting";

  constructor(url) {
    this.#url = url;
    this.#open(url, ["websocket"]);
    addEventListener("online", () => this.#socket.connected || this.#socket.io.engine?.close());
    addEventListener("offline", () => this.#say("offline"));
    addEventListener("pagehide", () => this.#socket.disconnect());
    addEventListener("pageshow", (event) => event.persisted && this.#socket.connect());
  }

  #open(url, transports) {
    this.#socket?.removeAllListeners();
    this.#socket?.io.removeAllListeners();
    this.#socket?.disconnect();
    const socket = io(`${url}/live`, {
      transports,
      withCredentials: true,
      forceNew: true,
      reconnectionDelay: 400,
      reconnectionDelayMax: 6000,
      randomizationFactor: 0.5,
      timeout: 8000,
    });
    this.#socket = socket;
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", (why) => {
      clearInterval(this.#beat);
      this.#say("reconnecting");
      if (why === "io server disconnect") setTimeout(() => socket.connect(), 1000 + Math.random() * 2000);
    });
    socket.on("connect_error", () => this.#failed());
    for (const name of ["news", "own", "behind"]) {
      socket.on(name, (item) => this.#channels.get(item.channel)?.[name](name === "behind" ? item.version : item));
    }
  }

  #failed() {
    this.#attempt += 1;
    const gone = this.#attempt >= OFFLINE_AFTER || navigator.onLine === false;
    this.#say(gone ? "offline" : "reconnecting");
    if (this.#attempt === POLLING_AFTER && root.livePolling !== undefined) this.#open(location.origin, ["polling", "websocket"]);
  }

  #connected() {
    this.#attempt = 0;
    this.#say("online");
    for (const channel of this.#channels.values()) channel.sync();
    for (let n = 0; n < SAMPLES; n += 1) setTimeout(() => this.#sample(), n * SAMPLE_EVERY);
    clearInterval(this.#beat);
    this.#beat = setInterval(() => this.#sample(), HEARTBEAT);
  }

  /** One round trip: the server's clock, whether anybody is still there, and whether the last news got lost on the way. */
  async #sample() {
    const [socket, sent] = [this.#socket, performance.now()];
    const [seen, own] = ["seen", "ownSeen"].map((word) => Object.fromEntries([...this.#channels].filter(([, one]) => one[word] !== null).map(([name, one]) => [name, one[word]])));
    const answer = await this.ask("sync", { seen, own }, HEARTBEAT_WAIT);
    if (socket !== this.#socket || !socket.connected) return;
    if (!answer.ok) {
      if (answer.problem.code === "no_answer_yet") socket.io.engine?.close(); // the line is dead; begin a new one
      return;
    }
    for (const [name, version] of Object.entries(answer.behind ?? {})) this.#channels.get(name)?.behind(version, LATE);
    for (const [name, version] of Object.entries(answer.behind_own ?? {})) this.#channels.get(name)?.behindOwn(version, LATE);
    const got = performance.now();
    const trip = got - sent;
    this.#samples = [...this.#samples, { trip, at: (sent + got) / 2, server: answer.now_us / 1000 }].slice(-SAMPLES);
    heard(answer.now_us / 1000, trip);
    this.#say(trip > SLOW ? "slow" : "online", trip);
  }

  #say(state, delay = null) {
    this.state = state;
    for (const tell of this.#tellers) tell({ state, attempt: this.#attempt, delay });
  }

  /** Called with `{ state, attempt, delay }` now and whenever one of them changes. */
  onState(tell) {
    this.#tellers.add(tell);
    tell({ state: this.state, attempt: this.#attempt, delay: null });
  }

  /** `{ now, error }`: the server's milliseconds and how far they may be off; null before the first round trip. */
  clock() {
    if (!this.#samples.length) return null;
    const best = this.#samples.reduce((a, b) => (b.trip < a.trip ? b : a));
    return { now: best.server + performance.now() - best.at, error: best.trip / 2 };
  }

  /**
   * Listen to a channel.
   * @param {object} handlers state(state, own), news(news, {version, at}), own(own, {whole}), refused(problem)
   * @param {number|null} seen the version the page already shows, or null for the whole state
   */
  channel(name, handlers, seen = null) {
    const made = new Channel(this, name, handlers, seen);
    this.#channels.set(name, made);
    if (this.#socket.connected) made.sync();
    return made;
  }

  forget(channel) {
    if (this.#channels.get(channel.name) === channel) this.#channels.delete(channel.name);
    this.ask("leave", { channel: channel.name });
  }

  /** Send an event and wait for its answer; never rejects. */
  ask(event, message, wait = 8000) {
    const socket = this.#socket;
    if (!socket.connected) return Promise.resolve(offline);
    return new Promise((resolve) => {
      socket.timeout(wait).emit(event, message, (trouble, answer) => resolve(trouble ? silent : answer));
    });
  }

  /** Resolves when there is a connection, or after a while without one. */
  online(wait) {
    if (this.#socket.connected) return new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 300));
    return new Promise((resolve) => {
      const done = setTimeout(resolve, wait);
      this.#socket.once("connect", () => {
        clearTimeout(done);
        resolve();
      });
    });
  }

  /** The room is run elsewhere: connect there. The content policy decides which addresses a page may open. */
  moveTo(address) {
    if (!address || address === this.#url) return;
    this.#url = address;
    this.#say("reconnecting");
    this.#open(address, ["websocket"]);
  }

  close() {
    clearInterval(this.#beat);
    this.#socket.disconnect();
  }
}

/** Open the page's socket: at the hall the page names (`data-live-url` of its root), else where the page came from. */
export const connect = (url = root.liveUrl || location.origin) => new Live(url);
