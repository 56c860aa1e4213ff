// An auction's line to the hall, on the live channels (live.js): what the room hears, and commands until they are answered.
import { connect } from "../live.js";

const WORDS = { online: "good", slow: "slow", connecting: "connecting", reconnecting: "lost", offline: "lost" };

export class Wire {
  #room;
  #joined = false;
  #state = "connecting";

  /** tell: {state(state, own), news(news), own(own), whole(own), status(state, {delay, attempt}), refused(problem)}. */
  constructor(channel, tell) {
    const live = connect();
    const joined = () => {
      if (this.#joined) return;
      this.#joined = true;
      this.#say(tell, {});
    };
    this.#room = live.channel(channel, {
      state: (state, own) => {
        tell.state(state, own?.own ? own : null);
        joined();
      },
      news: (news) => {
        joined();
        tell.news(news);
      },
      own: (own, { whole }) => {
        if (!whole) tell.own(own);
        else if (own.own) tell.whole(own);
        if (whole) joined();
      },
      refused: (problem) => tell.refused(problem),
    });
    live.onState(({ state, attempt, delay }) => {
      // Being connected is not yet being in the room: what was missed has to come first.
      if (WORDS[state] === "lost" || state === "connecting") this.#joined = false;
      this.#state = state;
      this.#say(tell, { attempt, delay });
    });
  }

  #say(tell, more) {
    const word = WORDS[this.#state];
    tell.status(this.#joined || word === "lost" ? word : "connecting", more);
  }

  /** One step of a rehearsal; nobody waits for it. */
  tick() {
    this.#room.do("tick", {}, { tries: 1 });
  }

  /** Run a command; an answer that did not come is asked for again, under the same number. `unsure` hears of it. */
  async do(command, message, unsure) {
    for (;;) {
      const answer = await this.#room.do(command, message);
      if (answer.ok || !["offline", "no_answer_yet", "not_joined"].includes(answer.problem?.code)) return answer;
      unsure();
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 500));
    }
  }
}
