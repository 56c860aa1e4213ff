// Ask before a form goes out: <form data-sr-confirm="question" data-sr-yes data-sr-no>. And no form goes out twice.
import { ask } from "./dialog.js";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method") === "dialog") return;
  if (form.dataset.srConfirm && form.dataset.srConfirmed !== "yes") {
    event.preventDefault();
    const button = event.submitter;
    if (await ask(form.dataset.srConfirm, form.dataset.srYes, form.dataset.srNo)) {
      form.dataset.srConfirmed = "yes";
      form.requestSubmit(button?.form === form ? button : undefined);
    }
    return;
  }
  if (form.getAttribute("method")?.toLowerCase() !== "post") return;
  if (form.dataset.srSent === "yes") {
    event.preventDefault();
    return;
  }
  form.dataset.srSent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(release, 10_000, form);
});

// A page that is still here, or comes back from the history, may be submitted again: the answer may have been a download.
function release(form) {
  delete form.dataset.srSent;
  delete form.dataset.srConfirmed;
  form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
}
addEventListener("pageshow", () => document.querySelectorAll("form[data-sr-sent]").forEach(release));
