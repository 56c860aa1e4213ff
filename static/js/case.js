// The pictures of a case, drawn by ECharts as SVG: relations, prices, correlations. The server's own picture or table stands in
// the page already and shows without scripts; it is put away once the drawing stands. Places come from the server, so the same
// lead looks the same every time. Pointing at a node, or moving through the list of nodes by keyboard, dims what it does not touch.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const WEIGHT = { red: 4, orange: 2.6, yellow: 1.6 };
const RANK = { red: 3, orange: 2, yellow: 1 };
const drawings = [];

// The published bundle puts itself on the global object; importing it needs no trusted address, setting a script's src would.
const library = async (url) => {
  await import(url);
  return globalThis.echarts;
};

const colours = () => ({
  firm: css("--sr-c1"), device: css("--sr-c3"), money: css("--sr-c4"), people: css("--sr-c2"), ink: css("--sr-ink"), ink2: css("--sr-ink-2"),
  ink3: css("--sr-ink-3"), surface: css("--sr-surface"), field: css("--sr-field"), soft: css("--sr-line-soft"), red: css("--sr-r-fill"), redText: css("--sr-r"),
  redTint: css("--sr-r-tint"), redLine: css("--sr-r-line"), blues: ["--sr-b50", "--sr-b100", "--sr-b200", "--sr-b600", "--sr-b700"].map(css),
});

const base = (title) => ({
  animation: false, backgroundColor: "transparent",
  textStyle: { fontFamily: css("--sr-font"), fontSize: 12, color: css("--sr-ink-2") },
  aria: { enabled: true, label: { description: title } },
});

const SHAPES = { firm: "circle", other: "circle", device: "roundRect", money: "diamond", people: "triangle" };

function node(one, paint, zoom) {
  const bidder = one.kind === "firm" || one.kind === "other";
  const hollow = one.kind === "other";
  const size = (bidder ? 60 : one.kind === "device" ? 28 : 34) * (bidder ? zoom : 1);
  return {
    id: one.key, name: one.label, value: [one.x, one.y], symbol: SHAPES[one.kind], symbolSize: size,
    itemStyle: hollow ? { color: paint.surface, borderColor: paint.field, borderWidth: 1.5 } : { color: paint[one.kind] },
    label: bidder && !/[a-z]/i.test(one.label) // names in Latin letters are too long for a circle
      ? { show: true, position: "inside", color: hollow ? paint.ink2 : paint.surface, fontSize: 12, fontWeight: hollow ? 400 : 600, width: size - 6, overflow: "break", formatter: ({ name }) => (size < 54 && name.length === 4 ? `${name.slice(0, 2)}\n${name.slice(2)}` : name) }
      : { show: true, position: hollow ? "left" : "bottom", distance: 5, color: paint.ink, fontSize: 12, backgroundColor: paint.surface, padding: [1, 4], borderRadius: 4, formatter: "{b}" },
  };
}

function edge(one, paint) {
  return {
    source: one.one, target: one.other, words: one.words,
    lineStyle: { color: paint.ink3, width: WEIGHT[one.light] ?? 1.2, type: one.light === "yellow" || !WEIGHT[one.light] ? [6, 4] : "solid", opacity: 0.6 },
  };
}

// The plate behind the firms of the lead, in the units of the server's picture.
function plate(spec, paint) {
  return {
    type: "custom", silent: true, z: 0, data: [[spec.ring[0], spec.ring[1]]], tooltip: { show: false },
    renderItem: (_, api) => {
      const [cx, cy] = api.coord([spec.ring[0], spec.ring[1]]);
      const [rx, ry] = api.size([spec.ring[2], spec.ring[3]]);
      const shape = { type: "ellipse", shape: { cx, cy, rx, ry }, style: { fill: paint.redTint, opacity: 0.45 } };
      const line = { type: "ellipse", shape: { cx, cy, rx, ry }, style: { fill: "none", stroke: paint.redLine, lineWidth: 1.2, lineDash: [5, 5] } };
      const word = { type: "text", style: { x: Math.max(6, cx - rx), y: Math.max(4, cy - ry), text: spec.ringWord, fill: paint.redText, font: `600 13px ${css("--sr-font")}` } };
      return { type: "group", children: [shape, line, word] };
    },
  };
}

function relations(spec, title, place) {
  const paint = colours();
  const { graph } = spec;
  const zoom = Math.min(1, Math.max(0.78, place.clientWidth / graph.width));
  const axis = { type: "value", show: false, min: 0 };
  return {
    ...base(title),
    grid: { left: 0, right: 0, top: 0, bottom: 0 },
    xAxis: { ...axis, max: graph.width }, yAxis: { ...axis, max: graph.height, inverse: true },
    tooltip: {
      renderMode: "richText", confine: true,
      formatter: ({ dataType, data }) => (dataType === "edge" ? data.words.split(" ").map((code) => `${code} ${spec.titles[code] ?? ""}`).join("\n") : data.name),
    },
    series: [
      ...(graph.ringed > 2 ? [plate(spec, paint)] : []),
      {
        type: "graph", coordinateSystem: "cartesian2d", layout: "none", z: 2, animation: false, cursor: "default",
        emphasis: { focus: "adjacency", scale: 1.08 }, blur: { itemStyle: { opacity: 0.18 }, label: { opacity: 0.18 }, lineStyle: { opacity: 0.1 } },
        data: graph.nodes.map((one) => node(one, paint, zoom)),
        links: graph.edges.map((one) => edge(one, paint)),
      },
    ],
  };
}

// Names under an axis: level where they fit, slanted where they would run into each other.
const names = (place, labels) => {
  const wide = Math.max(...labels.map((one) => [...one].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12 : 7), 0)));
  return { rotate: (place.clientWidth - 48) / Math.max(1, labels.length) < wide + 8 ? 38 : 0 };
};

function prices(spec, title, place) {
  const paint = colours();
  const dots = spec.dots;
  const label = { color: paint.ink3, fontSize: 12 };
  const shares = dots.map((dot) => Number(dot.share));
  return {
    ...base(title),
    grid: { left: 4, right: 12, top: 26, bottom: 2, containLabel: true },
    tooltip: { renderMode: "richText", trigger: "item", formatter: ({ name, value }) => `${name} ${Number(value).toFixed(2)}%` },
    xAxis: { type: "category", data: dots.map((dot) => dot.label), axisTick: { show: false }, axisLine: { lineStyle: { color: paint.soft } }, axisLabel: { ...label, color: paint.ink2, interval: 0, ...names(place, dots.map((dot) => dot.label)) } },
    yAxis: { type: "value", scale: true, min: ({ min }) => 2 * Math.floor(min / 2 - 0.25), max: ({ max }) => 2 * Math.ceil(max / 2 + 0.25), minInterval: 1, splitNumber: 5, axisLabel: { ...label, formatter: "{value}%" }, splitLine: { lineStyle: { color: paint.soft } } },
    series: [
      { type: "line", silent: true, symbol: "none", connectNulls: true, lineStyle: { color: paint.red, width: 1.5, type: [5, 4] }, data: dots.map((dot, at) => (dot.inside ? shares[at] : null)) },
      {
        type: "scatter", symbolSize: 11, z: 3,
        labelLayout: { moveOverlap: "shiftY" },
        data: dots.map((dot, at) => ({
          name: dot.label, value: shares[at], symbol: "circle",
          itemStyle: dot.inside ? { color: paint.red } : { color: paint.surface, borderColor: paint.firm, borderWidth: 2 },
          label: { show: true, position: "top", formatter: dot.share, fontSize: 12, fontWeight: dot.inside ? 600 : 400, color: dot.inside ? paint.redText : paint.ink2 },
        })),
      },
    ],
  };
}

function correlations(spec, title, place) {
  const paint = colours();
  const rows = spec.rows.map(([name]) => name);
  const cells = spec.rows.flatMap(([, line], y) => line.map((cell, x) => ({
    value: [x, y, cell.level], text: cell.text, itemStyle: { color: paint.blues[cell.level] }, label: { color: cell.level > 2 ? paint.surface : paint.ink },
  })));
  const axis = { type: "category", axisTick: { show: false }, axisLine: { show: false }, splitLine: { show: false }, axisLabel: { color: paint.ink2, fontSize: 12, interval: 0 } };
  return {
    ...base(title),
    grid: { left: 4, right: 4, top: 2, bottom: 2, containLabel: true },
    tooltip: { renderMode: "richText", formatter: ({ value, data }) => `${rows[value[1]]} – ${spec.columns[value[0]]}: ${data.text}` },
    xAxis: { ...axis, data: spec.columns, axisLabel: { ...axis.axisLabel, ...names(place, [...spec.columns, spec.columns[0] ?? ""]) } }, yAxis: { ...axis, data: rows, inverse: true },
    series: [{
      type: "heatmap", data: cells, itemStyle: { borderColor: paint.surface, borderWidth: 2, borderRadius: 5 },
      label: { show: spec.columns.length <= 9, fontSize: 12, formatter: ({ data }) => data.text },
      emphasis: { itemStyle: { borderColor: paint.ink } },
    }],
  };
}

// The list of nodes beside the graph: each a button, so that keyboard and screen reader reach what the pointer does.
function listNodes(figure, spec, chart) {
  const list = figure.querySelector("[data-ca-nodes]");
  const at = spec.graph.ringed > 2 ? 1 : 0;
  const names = new Map(spec.graph.nodes.map((one) => [one.key, one.label]));
  let pinned = null;
  const show = (index) => {
    chart.dispatchAction({ type: "downplay", seriesIndex: at });
    if (index !== null) chart.dispatchAction({ type: "highlight", seriesIndex: at, dataIndex: index });
  };
  for (const [index, one] of spec.graph.nodes.entries()) {
    const ties = spec.graph.edges.filter((tie) => tie.one === one.key || tie.other === one.key).sort((a, b) => (RANK[b.light] ?? 0) - (RANK[a.light] ?? 0));
    const button = document.createElement("button");
    button.type = "button";
    button.className = `ca-chip ca-chip-${one.kind}`;
    button.textContent = one.label;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `${one.label}: ${ties.map((tie) => `${names.get(tie.one === one.key ? tie.other : tie.one)} (${tie.words})`).join(", ") || spec.alone}`);
    button.addEventListener("focus", () => show(index));
    button.addEventListener("pointerenter", () => show(index));
    for (const event of ["blur", "pointerleave"]) button.addEventListener(event, () => show(pinned));
    button.addEventListener("click", () => {
      pinned = pinned === index ? null : index;
      for (const [place, other] of [...list.querySelectorAll("button")].entries()) other.setAttribute("aria-pressed", String(place === pinned));
      show(pinned ?? index);
    });
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
  figure.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    pinned = null;
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
    show(null);
  });
  list.hidden = false;
}

const KINDS = { relations, prices, correlations };

async function draw(figure) {
  const spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const place = figure.querySelector(".ca-canvas");
  const title = place.getAttribute("aria-label");
  const echarts = await library(figure.dataset.vendor);
  place.hidden = false;
  const chart = echarts.init(place, null, { renderer: "svg" });
  const paint = () => {
    chart.clear(); // lines of a graph keep their old places when only the option changes
    chart.setOption(KINDS[figure.dataset.caChart](spec, title, place));
  };
  paint();
  const table = figure.querySelector("details");
  if (table) table.open = false;
  else figure.querySelector("[data-ca-plain]").hidden = true;
  if (figure.dataset.caChart === "relations") listNodes(figure, spec, chart);
  new ResizeObserver(() => { chart.resize(); paint(); }).observe(place);
  place.setAttribute("aria-label", title);
  figure.dataset.drawn = "";
  drawings.push(paint);
}

for (const figure of document.querySelectorAll("[data-ca-chart]")) {
  draw(figure).catch(() => {
    figure.querySelector(".ca-canvas").remove();
    figure.querySelector("[data-ca-plain]").hidden = false;
  });
}
document.addEventListener("sr:theme", () => drawings.forEach((paint) => paint()));
