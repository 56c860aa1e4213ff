// Native dialogs: [data-sr-open="id"] opens, [data-sr-close] closes. The browser traps and returns the focus.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-sr-open]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.srOpen).showModal();
    return;
  }
  if (event.target.closest("[data-sr-close]")) event.target.closest("dialog").close();
});

/** Ask one question; resolves to true only for a plain yes. Text is set as text, never as markup. */
export function ask(question, yes, no) {
  const dialog = document.createElement("dialog");
  dialog.className = "sr-dialog";
  const body = document.createElement("p");
  body.className = "sr-dialog-body sr-base";
  body.id = "sr-ask";
  body.textContent = question;
  dialog.setAttribute("aria-labelledby", body.id);
  const foot = document.createElement("div");
  foot.className = "sr-dialog-foot";
  const button = (text, kind, value) => {
    const element = document.createElement("button");
    element.type = "button";
    element.className = `sr-btn sr-btn-${kind}`;
    element.textContent = text;
    element.addEventListener("click", () => dialog.close(value));
    return element;
  };
  foot.append(button(no, "secondary", "no"), button(yes, "primary", "yes"));
  dialog.append(body, foot);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    dialog.showModal();
  });
}
