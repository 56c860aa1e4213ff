// Small helpers to write into the page; text only, never markup.

export const $ = (id) => document.getElementById(id);

export function say(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}

export function show(place, on) {
  if (place && place.hidden === on) place.hidden = !on;
}

export function make(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

/** A copy of an icon that the page brought along in <template id="icons">. */
export function icon(name) {
  const found = $("icons").content.querySelector(`[data-icon="${name}"] > svg`);
  return found ? found.cloneNode(true) : document.createTextNode("");
}

/** A notice: a fact, what follows from it, and nothing else. */
export function notice(kind, fact, more = "") {
  const names = { i: "info-circle", g: "circle-check", y: "alert-triangle", r: "alert-octagon" };
  return make("div", { class: `sr-notice${kind === "i" ? "" : ` sr-notice-${kind}`}` }, icon(names[kind]), make("div", {}, make("strong", {}, fact), more ? make("p", {}, more) : null));
}
