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

if (document.querySelector(".sr-error-summary")) import("./summary.js");

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
