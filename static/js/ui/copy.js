// Copy buttons: [data-sr-copy="text"]; the word in data-done is shown and spoken for two seconds.
const said = document.createElement("div");
said.className = "visually-hidden";
said.setAttribute("role", "status");
document.body.append(said);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-sr-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.srCopy);
  } catch {
    return; // no right to the clipboard: the text stands beside the button and can be selected
  }
  button.dataset.state = "done";
  said.textContent = button.dataset.done;
  setTimeout(() => {
    delete button.dataset.state;
    said.textContent = "";
  }, 2000);
});
