// The price over time: a step line that ends now, own offers as hollow marks, limits dashed and named at their end.
// Drawn by hand in SVG: the room keeps its strict content policy, and the colours are those of the page by day and night.

const SVG = "http://www.w3.org/2000/svg";
const MINUTE = 60_000;
const SPANS = [5_000, 10_000, 15_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 180 * MINUTE, 360 * MINUTE, 720 * MINUTE, 1440 * MINUTE, 2880 * MINUTE, 7200 * MINUTE];

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Round values between two bounds, at most `most`, as numbers. */
function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? power;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(at);
  return found;
}

const path = (points, until, x, y) => {
  if (!points.length) return "";
  let way = `M${x(points[0][0])} ${y(points[0][1])}`;
  for (const [at, price] of points.slice(1)) way += `H${x(at)}V${y(price)}`;
  return `${way}H${x(Math.max(until, points.at(-1)[0]))}`;
};

/**
 * place: an <svg>; best and mine: [milliseconds, fen]; limits: [{name, value}]; from, until, now: milliseconds.
 * digits: fen → text; minute: instant → text.
 */
export function draw(place, { best, mine, limits, from, until, now, digits, minute }) {
  const { width, height } = place.getBoundingClientRect();
  if (width < 60 || height < 60) return;
  const small = width < 560;
  const number = (fen) => Number(fen);
  const all = [...best, ...mine].map(([, price]) => number(price));
  const shown = limits.filter(({ value }) => all.length === 0 || Math.abs(number(value) - all[0]) < Math.abs(all[0]) * 0.6);
  const values = [...all, ...shown.map(({ value }) => number(value))];
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (!values.length) [low, high] = [0, 100];
  const air = Math.max((high - low) * 0.12, Math.abs(high) * 0.004, 100);
  [low, high] = [low - air, high + air];
  const names = ticks(low, high, Math.max(2, Math.floor(height / 46))).map((value) => [value, digits(BigInt(Math.round(value)))]);
  const left = 16 + 7.2 * Math.max(4, ...names.map(([, text]) => text.length));
  const right = width - (small ? 14 : 104);
  const [top, bottom] = [12, height - 26];
  const span = Math.max(until - from, 10_000);
  const x = (at) => Math.round((left + ((Math.min(Math.max(at, from), until) - from) / span) * (right - left)) * 10) / 10;
  const y = (price) => Math.round((bottom - ((number(price) - low) / (high - low)) * (bottom - top)) * 10) / 10;
  const out = [];
  for (const [value, text] of names) {
    out.push(element("path", { class: "au-grid", d: `M${left} ${y(value)}H${right}` }));
    out.push(element("text", { class: "au-axis", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  const every = SPANS.find((one) => span / one <= Math.max(2, (right - left) / 84)) ?? SPANS.at(-1);
  for (let at = Math.ceil(from / every) * every; at <= until; at += every) {
    out.push(element("text", { class: "au-axis", x: x(at), y: height - 6, "text-anchor": "middle" }, minute(at, every)));
  }
  for (const { name, value } of shown) {
    out.push(element("path", { class: "au-limit", d: `M${left} ${y(value)}H${right}` }));
    const label = { class: "au-axis", y: y(value) + (small ? -5 : 4) };
    out.push(element("text", small ? { ...label, x: right, "text-anchor": "end" } : { ...label, x: right + 6 }, small ? name : `${name}`));
  }
  out.push(element("path", { class: "au-line-best", d: path(best, now, x, y) }));
  out.push(element("path", { class: "au-line-mine", d: path(mine, now, x, y) }));
  for (const [at, price] of mine) out.push(element("circle", { class: "au-mark", cx: x(at), cy: y(price), r: 4.5 }));
  const last = best.at(-1) ?? mine.at(-1);
  if (last && !small) {
    const at = x(Math.max(now, last[0])) + 8;
    const near = shown.some(({ value }) => Math.abs(y(value) - y(last[1])) < 14);
    out.push(element("text", { class: best.length ? "au-last" : "au-last au-last-mine", x: Math.min(at, right + 6), y: y(last[1]) + (near ? 20 : 4) }, digits(last[1])));
  }
  place.setAttribute("viewBox", `0 0 ${width} ${height}`);
  place.replaceChildren(...out);
}
