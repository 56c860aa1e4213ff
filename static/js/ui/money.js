// Amount fields: grouped while typing, Chinese capitals below, distance from the ceiling. The server reads the amount again.
const DIGITS = "零壹贰叁肆伍陆柒捌玖";
const UNITS = [["亿", 100_000_000n], ["万", 10_000n], ["仟", 1000n], ["佰", 100n], ["拾", 10n]];

/** Fen as a BigInt from "1,234.5"; null when it is not an amount. */
export function fen(text) {
  const match = /^(\d{1,16})(?:\.(\d{0,2}))?$/.exec(text.replaceAll(",", "").trim());
  return match ? BigInt(match[1]) * 100n + BigInt((match[2] ?? "").padEnd(2, "0")) : null;
}

function whole(number) {
  if (number < 10n) return DIGITS[Number(number)];
  const [unit, size] = UNITS.find((pair) => number >= pair[1]);
  const low = number % size;
  const gap = low && low < size / 10n ? "零" : "";
  return whole(number / size) + unit + gap + (low ? whole(low) : "");
}

/** An amount in fen in capitals, as on a cheque; the same wording as the server's. */
export function capitals(amount) {
  const [yuan, jiao, rest] = [amount / 100n, (amount / 10n) % 10n, amount % 10n];
  let words = yuan || amount === 0n ? `${whole(yuan)}元` : "";
  if (jiao) words += `${DIGITS[Number(jiao)]}角`;
  else if (rest && yuan) words += "零";
  return words + (rest ? `${DIGITS[Number(rest)]}分` : "整");
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
    const gap = ceiling > amount ? ceiling - amount : amount - ceiling;
    const share = (gap * 20000n + ceiling) / (2n * ceiling); // hundredths of a percent, half up
    rate.textContent = `${amount > ceiling ? rate.dataset.above : rate.dataset.below} ${share / 100n}.${String(share % 100n).padStart(2, "0")}%`;
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
