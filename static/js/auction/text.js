// Amounts, instants and sentences of a room. Amounts are fen as BigInt; instants are ISO text in UTC, shown in Shanghai time.
import { fen } from "../ui/money.js";

const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const short = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit" });

/** Fen of an amount as the server writes it, "5386000.00"; null stays null. */
export const amount = (text) => (text === null || text === undefined ? null : fen(text));

export const time = (instant) => clock.format(new Date(instant));
export const exact = (instant) => `${time(instant)}.${String(new Date(instant).getUTCMilliseconds()).padStart(3, "0")}`;
export const minute = (instant) => short.format(new Date(instant));
export const date = (instant) => day.format(new Date(instant)).replace("/", "-");

/** Time of day, with the day in front when it is another one than today's. */
export function moment(instant, now) {
  const stamp = day.format(new Date(instant)) === day.format(new Date(now ?? Date.now())) ? "" : `${date(instant)} `;
  return stamp + time(instant);
}

/** A fresh number for one deed. */
export const key = () => crypto.randomUUID().replaceAll("-", "");

/** The signed receipt inside an answer, or null. */
export function receiptOf(answer) {
  try {
    return JSON.parse(answer.receipt);
  } catch {
    return null;
  }
}

/** Fen as the decimal text the server reads. */
export const yuan = (fen) => `${fen / 100n}.${String(fen % 100n).padStart(2, "0")}`;

export const fill = (sentence, values = {}) => sentence.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");

/** Writes amounts in a unit: 1 元 = 100 fen, 1 万元 = 1,000,000 fen. */
export class Unit {
  constructor(size, word) {
    this.size = BigInt(size);
    this.word = word;
  }

  /** 5,386,000 or 5,386,000.50; −5,000 with a real minus sign. */
  digits(value) {
    const size = value < 0n ? -value : value;
    const whole = String(size / this.size).replace(/\B(?=(\d{3})+$)/g, ",");
    const places = String(this.size).length - 1;
    const rest = String(size % this.size).padStart(places, "0").replace(/0+$/, "");
    const cents = rest && this.size === 100n ? rest.padEnd(2, "0") : rest;
    return `${value < 0n ? "−" : ""}${whole}${cents ? `.${cents}` : ""}`;
  }

  text(value) {
    return this.word === "CNY" ? `¥${this.digits(value)}` : `${this.digits(value)} ${this.word}`;
  }

  /** Fen from what somebody typed in this unit; null when it is no amount. */
  read(typed) {
    const match = /^(\d{1,14})(?:\.(\d{1,6}))?$/.exec(typed.replace(/[,，\s]/g, ""));
    if (!match) return null;
    const places = String(this.size).length - 1;
    const rest = match[2] ?? "";
    if (rest.length > places) return null;
    return BigInt(match[1]) * this.size + BigInt(rest.padEnd(places, "0") || "0");
  }
}

/** A share as text with a sign: part of whole in percent, half up, one or two decimals. */
export function percent(part, whole, { sign = true, places = 1 } = {}) {
  if (!whole) return "";
  const scale = 10n ** BigInt(places);
  const size = part < 0n ? -part : part;
  const rounded = (size * 200n * scale + whole) / (2n * whole);
  const mark = part < 0n ? "−" : sign && rounded ? "+" : "";
  return `${mark}${rounded / scale}.${String(rounded % scale).padStart(places, "0")}%`;
}
