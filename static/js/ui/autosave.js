// Drafts: <form data-sr-autosave="<url>"> is posted as form data every 10 s while it differs, and when a field is left.
// The answer is JSON {version}; 409 or 412 means that someone else was faster. The version travels as If-Match from
// data-version, or in a hidden field of that name.
const EVERY = 10_000;

function keep(form) {
  const line = form.querySelector("[data-sr-autosave-line]") ?? document.querySelector("[data-sr-autosave-line]");
  const written = () => new URLSearchParams(new FormData(form)).toString();
  let saved = written();
  let busy = false;
  let stopped = false;

  function tell(state, extra = "") {
    if (!line) return;
    line.dataset.state = state;
    line.textContent = [line.dataset[state], extra].filter(Boolean).join(" ");
  }

  async function save() {
    const text = written();
    if (busy || stopped || text === saved) return;
    busy = true;
    tell("saving");
    try {
      const headers = { "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" };
      if (form.dataset.version) headers["If-Match"] = `"${form.dataset.version}"`;
      const answer = await fetch(form.dataset.srAutosave, { method: "POST", body: text, headers });
      if (answer.status === 409 || answer.status === 412) {
        stopped = true;
        tell("conflict");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const { version } = await answer.json();
      if (version !== undefined) form.dataset.version = version;
      saved = text;
      const shown = form.elements.namedItem("version"); // a form that is sent as a whole names the version it saw
      if (shown && version !== undefined) {
        const moved = new URLSearchParams(text);
        shown.value = version;
        moved.set("version", version);
        saved = moved.toString();
      }
      const clock = document.querySelector("time[data-sr-clock]")?.textContent.slice(-8) ?? "";
      tell("saved", clock);
      form.dispatchEvent(new CustomEvent("sr:saved", { bubbles: true }));
    } catch {
      tell("failed");
    } finally {
      busy = false;
    }
  }

  let saving = Promise.resolve();
  const begin = () => {
    if (!busy) saving = save();
  };
  setInterval(begin, EVERY);
  form.addEventListener("focusout", begin);
  form.addEventListener("submit", (event) => {
    if (busy) {
      // The press that left the field began a save: send the form after it, with the version it gave.
      const { submitter } = event;
      event.preventDefault();
      saving.then(() => form.requestSubmit(submitter));
      return;
    }
    stopped = true;
  });
  addEventListener("beforeunload", (event) => {
    if (!stopped && written() !== saved) event.preventDefault();
  });
}

document.querySelectorAll("form[data-sr-autosave]").forEach(keep);
