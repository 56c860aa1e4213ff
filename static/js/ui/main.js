// What every page may use. Live rooms add a module of their own in the scripts block.
import "./clock.js";
import "./countdown.js";
import "./tabs.js";
import "./dialog.js";
import "./confirm.js";
import "./copy.js";
import "./tables.js";

if (document.querySelector("[data-sr-money]")) import("./money.js");
if (document.querySelector("form[data-sr-autosave]")) import("./autosave.js");
if (document.querySelector("[data-sr-chart]")) import("./chart.js");

// In the list of what to correct, each line begins with the name of its field.
for (const link of document.querySelectorAll('.sr-error-summary a[href^="#field-"]')) {
  const id = decodeURIComponent(link.hash.slice(1));
  const field = document.getElementById(id);
  const label = document.querySelector(`label[for="${CSS.escape(id)}"]`) ?? field?.querySelector("legend");
  const name = (label?.firstChild?.textContent ?? field?.getAttribute("aria-label") ?? "").trim();
  if (name) link.prepend(`${name}${document.documentElement.lang.startsWith("zh") ? "：" : ": "}`);
}
document.querySelector("[data-sr-focus]")?.focus();
for (const button of document.querySelectorAll("[data-sr-back]")) {
  button.hidden = history.length < 2;
  button.addEventListener("click", () => history.back());
}
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.sr-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.sr-menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
