// One room's line to the server: numbered news, what was missed, commands with one answer each, and the server's clock.
//
// News say which version they lead to. A gap, a hint that we are behind, or a new connection makes us ask for what we missed;
// the server sends that, or the whole state. The browser's idea of "online" is only a hint: a question without an answer for
// four seconds is a lost connection, whatever the socket believes.
import { heard } from "../ui/time.js";

const BEAT = 2500;
const PATIENCE = 4000;
const BACKOFF = [300, 700, 1500, 3000, 5000];

const library = async (url) => {
  await import(url);
  return globalThis.io;
};

export class Wire {
  #socket = null;
  #version = null;
  #attempt = 0;
  #beat = null;
  #joining = false;
  #closed = false;
  #again = null;

  /** tell: {state(state, own), news(news), own(own), status(state, {delay, attempt})}; called in order. */
  constructor({ channel, vendor, base, polling }, tell) {
    Object.assign(this, { channel, vendor, base, polling, tell });
    this.delay = null;
    this.up = false;
    addEventListener("offline", () => this.#lose());
    addEventListener("online", () => this.#retry(0));
  }

  async open() {
    this.tell.status("connecting", {});
    try {
      const io = await library(this.vendor);
      this.#socket = io(`${this.base}/live`, { transports: this.polling ? ["websocket", "polling"] : ["websocket"], reconnection: false, forceNew: true, timeout: PATIENCE });
    } catch {
      this.#retry();
      return;
    }
    const socket = this.#socket;
    socket.on("connect", () => this.#join());
    socket.on("connect_error", () => this.#lose());
    socket.on("disconnect", () => this.#lose());
    socket.on("news", ({ channel, version, news }) => channel === this.channel && this.#heard(version, news));
    socket.on("own", ({ channel, own }) => channel === this.channel && this.tell.own(own));
    socket.on("behind", ({ channel }) => channel === this.channel && this.#join());
  }

  close() {
    this.#closed = true;
    this.#socket?.disconnect();
    clearTimeout(this.#beat);
  }

  #heard(version, news) {
    if (this.#version === null || this.#joining || version <= this.#version) return;
    if (version !== this.#version + 1) {
      this.#join();
      return;
    }
    this.#version = version;
    this.tell.news(news);
  }

  async #join() {
    if (this.#joining) return;
    this.#joining = true;
    const socket = this.#socket;
    try {
      const message = { channel: this.channel };
      if (this.#version !== null) message.seen = this.#version;
      const answer = await this.#ask("join", message);
      if (!answer.ok) {
        this.tell.refused?.(answer.problem);
        this.close();
        return;
      }
      this.up = true;
      this.#attempt = 0;
      if (answer.state) {
        this.#version = answer.state.version ?? 0;
        this.tell.state(answer.state, answer.own ?? null);
      } else {
        for (const { version, news } of answer.news) {
          if (version <= this.#version) continue;
          this.#version = version;
          this.tell.news(news);
        }
        if (answer.own) this.tell.state(null, answer.own);
      }
      for (let n = 0; n < 3; n += 1) await this.#sync();
      this.#keep();
    } catch {
      if (socket === this.#socket) this.#lose();
    } finally {
      this.#joining = false;
    }
  }

  #ask(event, message, patience = PATIENCE) {
    return this.#socket.timeout(patience).emitWithAck(event, message);
  }

  async #sync() {
    const sent = performance.now();
    const answer = await this.#ask("sync", {});
    const trip = performance.now() - sent;
    if (typeof answer.now_us !== "number") return;
    heard(answer.now_us / 1000, trip);
    this.delay = trip;
    this.tell.status(trip > 500 ? "slow" : "good", { delay: trip });
  }

  #keep() {
    clearTimeout(this.#beat);
    this.#beat = setTimeout(async () => {
      try {
        await this.#sync();
        this.#keep();
      } catch {
        this.#lose();
      }
    }, BEAT);
  }

  #lose() {
    if (this.#closed) return;
    clearTimeout(this.#beat);
    const socket = this.#socket;
    this.#socket = null;
    this.up = false;
    this.delay = null;
    socket?.removeAllListeners();
    socket?.disconnect();
    this.#retry();
  }

  #retry(pause = null) {
    if (this.#closed || this.#socket) return;
    if (pause === null) {
      this.#attempt += 1;
      this.tell.status("lost", { attempt: this.#attempt });
    }
    const wait = pause ?? BACKOFF[Math.min(this.#attempt - 1, BACKOFF.length - 1)] * (0.8 + Math.random() * 0.4);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      if (!this.#socket && !this.#closed) this.open();
    }, wait);
  }

  /** Run a command. Resolves to {ok, …}; throws when no answer came: whether it was done is then unknown. */
  async do(command, message) {
    if (!this.up) throw new Error("lost");
    const answer = await this.#ask("do", { channel: this.channel, command, message }, 8000);
    if (!answer.ok) return { ok: false, problem: answer.problem ?? {} };
    return { ok: true, ...(answer.answer ?? answer) };
  }
}
