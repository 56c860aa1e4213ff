// Charts: <figure data-sr-chart> with a JSON spec (see components/data.html) becomes an ECharts drawing in SVG, in the colours
// of the page, with a description for screen readers. The data table beside it stays; it is folded away once the drawing stands.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const DASHES = ["solid", [6, 4], [2, 3], [8, 3, 2, 3], [12, 4], [4, 2]];
const SYMBOLS = ["circle", "rect", "diamond", "triangle", "roundRect", "pin"];
const OCTAGON = "path://M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5Z";
const drawings = new Map();

// The published bundle puts itself on the global object; importing it needs no trusted address, setting a script's src would.
const library = async (url) => {
  await import(url);
  return globalThis.echarts;
};

function palette() {
  return {
    series: [1, 2, 3, 4, 5, 6, 7].map((n) => css(`--sr-c${n}`)),
    light: { g: css("--sr-g-fill"), y: css("--sr-y-fill"), r: css("--sr-r-fill") },
    ink: css("--sr-ink"), ink2: css("--sr-ink-2"), ink3: css("--sr-ink-3"), line: css("--sr-line"), soft: css("--sr-line-soft"), surface: css("--sr-surface"),
  };
}

const hatch = (colour) => ({ symbol: "rect", color: colour, dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 });

function colourOf(series, at, colours) {
  if (series.light) return colours.light[series.light];
  return colours.series[(series.colour ?? at + 1) - 1];
}

function bars(spec, colours) {
  const stacked = spec.kind === "stacked";
  const few = spec.categories.length <= 12;
  const along = spec.kind === "hbar";
  return spec.series.map((series, at) => ({
    type: "bar", name: series.name, stack: stacked ? "all" : undefined, barMaxWidth: 28,
    itemStyle: { color: colourOf(series, at, colours), borderRadius: stacked ? 0 : along ? [0, 3, 3, 0] : [3, 3, 0, 0] },
    label: { show: few && !stacked, position: along ? "right" : "top", color: colours.ink2, fontSize: 12 },
    data: series.values.map((value, index) => {
      const partial = spec.partial && index === series.values.length - 1;
      const decal = partial ? hatch(colours.surface) : series.light === "r" ? hatch("rgba(255,255,255,.65)") : undefined;
      return decal ? { value, itemStyle: { decal } } : value;
    }),
  }));
}

function lines(spec, colours) {
  return spec.series.map((series, at) => ({
    type: "line", name: series.name, step: spec.kind === "step" ? "end" : false, connectNulls: false,
    symbol: SYMBOLS[at % SYMBOLS.length], symbolSize: 6, showSymbol: series.values.length <= 40,
    lineStyle: { width: 2, type: series.dash ? [6, 4] : DASHES[at % DASHES.length] },
    itemStyle: { color: colourOf(series, at, colours) },
    endLabel: { show: spec.series.length > 1, formatter: "{a}", color: colours.ink2, fontSize: 12 },
    labelLayout: { moveOverlap: "shiftY" },
    data: series.values,
  }));
}

function dots(spec, colours) {
  const shapes = { y: "triangle", r: OCTAGON, g: "circle" };
  const clouds = spec.series.map((series, at) => ({
    type: "scatter", name: series.name, symbol: shapes[series.light] ?? "circle", symbolSize: series.light ? 14 : 10,
    itemStyle: { color: colourOf(series, at, colours), opacity: series.light ? 1 : 0.62 },
    data: series.values.flatMap((points, row) => (points ?? []).map((value) => [value, row])),
  }));
  if (!spec.median) return clouds;
  const bar = { type: "scatter", name: spec.median_name ?? "", symbol: "rect", symbolSize: [3, 20], itemStyle: { color: colours.ink }, z: 5 };
  return [...clouds, { ...bar, data: spec.median.map((value, row) => [value, row]) }];
}

function limits(spec, colours) {
  if (!spec.limits?.length) return undefined;
  const axis = spec.kind === "hbar" || spec.kind === "dots" ? "xAxis" : "yAxis";
  return {
    silent: true, symbol: "none", lineStyle: { type: "dashed", color: colours.ink3 },
    label: { formatter: "{b}", position: "insideEndTop", color: colours.ink2, fontSize: 12 },
    data: spec.limits.map((limit) => ({ name: limit.name, [axis]: limit.value })),
  };
}

function option(spec, title, colours) {
  const lying = spec.kind === "hbar" || spec.kind === "dots";
  const label = { color: colours.ink3, fontSize: 12 };
  const names = { type: "category", data: spec.categories, axisTick: { show: false }, axisLine: { lineStyle: { color: colours.line } }, axisLabel: label, inverse: lying };
  const values = { type: "value", min: spec.min, max: spec.max, scale: spec.kind === "line" || spec.kind === "step" || spec.kind === "dots", axisLabel: label, splitLine: { lineStyle: { color: colours.soft } } };
  const series = { line: lines, step: lines, dots }[spec.kind]?.(spec, colours) ?? bars(spec, colours);
  if (series.length) series[0].markLine = limits(spec, colours);
  const many = spec.series.length > 1;
  const direct = spec.kind === "line" || spec.kind === "step";
  return {
    animation: false, backgroundColor: "transparent",
    textStyle: { fontFamily: css("--sr-font"), fontSize: 12, color: colours.ink2 },
    aria: { enabled: true, label: { general: { withTitle: title, withoutTitle: title } } },
    grid: { left: 8, right: direct && many ? 84 : 24, top: many && !direct ? 34 : 18, bottom: 4, containLabel: true },
    legend: many && !direct ? { left: 0, top: 0, itemWidth: 14, itemHeight: 10, itemGap: 18, textStyle: { color: colours.ink2, fontSize: 12 } } : undefined,
    tooltip: { trigger: spec.kind === "dots" ? "item" : "axis", renderMode: "richText", valueFormatter: (value) => (value === null || value === undefined ? "—" : `${value}${spec.unit ? ` ${spec.unit}` : ""}`) },
    xAxis: lying ? values : names, yAxis: lying ? names : values, series,
  };
}

async function draw(figure) {
  const spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const place = figure.querySelector(".sr-chart-canvas");
  const echarts = await library(figure.dataset.vendor);
  place.hidden = false;
  const chart = echarts.init(place, null, { renderer: "svg" });
  chart.setOption(option(spec, place.getAttribute("aria-label"), palette()));
  drawings.set(figure, () => chart.setOption(option(spec, figure.querySelector("figcaption").firstChild.textContent, palette()), true));
  new ResizeObserver(() => chart.resize()).observe(place);
  figure.querySelector("[data-sr-chart-table]").open = false;
}

for (const figure of document.querySelectorAll("[data-sr-chart]")) draw(figure).catch(() => figure.querySelector(".sr-chart-canvas").remove());
document.addEventListener("sr:theme", () => drawings.forEach((again) => again()));
