// Amount fields: grouped while typing, Chinese capitals below, distance from the ceiling. The server reads the amount again.
const DIGITS = "零壹贰叁肆伍陆柒捌玖";
const PLACES = ["", "拾", "佰", "仟"];
const SECTIONS = ["", "万", "亿", "兆"];

/** Fen as a BigInt from "1,234.5"; null when it is not an amount. */
export function fen(text) {
  const match = /^(\d{1,16})(?:\.(\d{0,2}))?$/.exec(text.replaceAll(",", "").trim());
  return match ? BigInt(match[1]) * 100n + BigInt((match[2] ?? "").padEnd(2, "0")) : null;
}

function section(value) {
  let text = "";
  let gap = false;
  for (let place = 3; place >= 0; place -= 1) {
    const digit = Math.floor(value / 10 ** place) % 10;
    if (digit === 0) gap = gap || text !== "";
    else {
      text += (gap ? "零" : "") + DIGITS[digit] + PLACES[place];
      gap = false;
    }
  }
  return text;
}

/** 正楷 capitals of an amount in fen, as on a cheque. */
export function capitals(amount) {
  const jiao = Number((amount / 10n) % 10n);
  const rest = Number(amount % 10n);
  let yuan = amount / 100n;
  let text = "";
  let gap = false;
  for (const name of [...SECTIONS.keys()].reverse()) {
    const part = Number((yuan / 10000n ** BigInt(name)) % 10000n);
    if (part === 0) gap = gap || text !== "";
    else {
      text += (text !== "" && (gap || part < 1000) ? "零" : "") + section(part) + SECTIONS[name];
      gap = false;
    }
  }
  yuan = text ? `${text}元` : "";
  if (!jiao && !rest) return `${yuan || "零元"}整`;
  const tenths = jiao ? `${DIGITS[jiao]}角` : yuan ? "零" : "";
  return yuan + tenths + (rest ? `${DIGITS[rest]}分` : "整");
}

function group(input) {
  const before = input.value.slice(0, input.selectionStart).replaceAll(",", "").length;
  const [whole, ...cents] = input.value.replaceAll(",", "").split(".");
  if (!/^\d*$/.test(whole) || cents.length > 1) return;
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (cents.length ? `.${cents[0]}` : "");
  if (grouped === input.value) return;
  input.value = grouped;
  let caret = 0;
  for (let seen = 0; seen < before && caret < grouped.length; caret += 1) if (grouped[caret] !== ",") seen += 1;
  input.setSelectionRange(caret, caret);
}

function refresh(input) {
  const amount = fen(input.value);
  const words = document.querySelector(`[data-sr-capitals="${input.id}"]`);
  if (words) words.textContent = amount === null ? "" : capitals(amount);
  const rate = document.querySelector(`[data-sr-rate="${input.id}"]`);
  const ceiling = fen(input.dataset.ceiling ?? "");
  if (!rate) return;
  if (amount === null || !ceiling) rate.textContent = "";
  else {
    const share = ((ceiling - amount) * 10000n) / ceiling; // hundredths of a percent, cut
    const size = share < 0n ? -share : share;
    rate.textContent = `${share < 0n ? rate.dataset.above : rate.dataset.below} ${size / 100n}.${String(size % 100n).padStart(2, "0")}%`;
  }
}

for (const input of document.querySelectorAll("[data-sr-money]")) {
  input.addEventListener("input", () => {
    group(input);
    refresh(input);
  });
  group(input);
  refresh(input);
}
