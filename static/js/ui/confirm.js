// Ask before a form goes out: <form data-sr-confirm="question" data-sr-yes data-sr-no>. And no form goes out twice.
import { ask } from "./dialog.js";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog") return;
  if (form.dataset.srConfirm && form.dataset.srConfirmed !== "yes") {
    event.preventDefault();
    const button = event.submitter;
    if (await ask(form.dataset.srConfirm, form.dataset.srYes, form.dataset.srNo)) {
      form.dataset.srConfirmed = "yes";
      form.requestSubmit(button?.form === form ? button : undefined);
    }
    return;
  }
  if (form.method !== "post") return;
  if (form.dataset.srSent === "yes") {
    event.preventDefault();
    return;
  }
  form.dataset.srSent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});

// A page that comes back from the history may be submitted again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sr-sent]")) {
    delete form.dataset.srSent;
    delete form.dataset.srConfirmed;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});
