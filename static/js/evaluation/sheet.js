// The score sheet: points stay in their printed range, the sum follows, a note is asked for outside 60–95 %.
// All of it is convenience; the server decides. Without scripts the sheet is a plain form.
import { connection } from "../ui/room.js";

const cents = (text) => Math.round(Number(text) * 100);
const words = (value) => (value / 100).toFixed(2);

function bandOf(points, full) {
  if (points * 100 >= full * 90) return 0;
  if (points * 100 >= full * 75) return 1;
  return points * 100 >= full * 60 ? 2 : 3;
}

function keep(form) {
  const rows = [...form.querySelectorAll("[data-ev-factor]")].filter((row) => row.querySelector("input[type=number]"));
  const total = form.querySelector("[data-ev-total]");
  const done = form.querySelector("[data-ev-done]");
  const pattern = done?.textContent ?? "";
  const first = pattern.match(/\d+/)?.[0];

  function show() {
    let sum = 0;
    let count = 0;
    for (const row of rows) {
      const input = row.querySelector("input[type=number]");
      const full = cents(row.dataset.full);
      const given = input.value !== "";
      const points = cents(input.value);
      if (given) {
        sum += points;
        count += 1;
      }
      const apart = given && row.dataset.kind !== "objective" && (points * 100 < full * 60 || points * 100 > full * 95);
      row.querySelector("[data-ev-need]").hidden = !apart;
      row.querySelectorAll("[data-ev-band]").forEach((band, at) => {
        band.toggleAttribute("data-on", given && bandOf(points, full) === at);
      });
    }
    total.textContent = words(sum);
    if (done && first !== undefined) done.textContent = pattern.replace(first, String(count));
  }

  for (const row of rows) {
    const input = row.querySelector("input[type=number]");
    const full = cents(row.dataset.full);
    const clamp = () => {
      if (input.value === "") return;
      const points = cents(input.value);
      if (points > full) input.value = row.dataset.full;
      if (points < 0) input.value = "0";
    };
    input.addEventListener("input", () => {
      clamp();
      show();
    });
    for (const button of row.querySelectorAll("[data-ev-step]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const from = input.value === "" ? 0 : cents(input.value);
        input.value = words(Math.min(full, Math.max(0, from + Number(button.dataset.evStep) * 50)));
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
    }
  }
  show();
}

// Reason and page of a review item stand open only where the item fails.
function review(form) {
  for (const row of form.querySelectorAll("fieldset.ev-row")) {
    const why = row.querySelector("[data-ev-why]");
    const show = () => {
      why.hidden = !row.querySelector("[data-ev-fails]").checked && !("evAlways" in why.dataset);
    };
    row.addEventListener("change", show);
    show();
  }
}

document.querySelectorAll("form[data-ev-sheet]").forEach(keep);
document.querySelectorAll("form.ev-form").forEach(review);

// The connection bars of the frame: how long the server takes to answer, every 20 seconds.
async function measure() {
  const began = performance.now();
  try {
    const answer = await fetch(document.documentElement.dataset.timeUrl ?? "/healthz", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const delay = performance.now() - began;
    connection(delay > 500 ? "slow" : "good", { delay });
  } catch {
    connection("lost");
  }
}
measure();
setInterval(measure, 20_000);
