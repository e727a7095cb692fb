// Numbers for people: sizes, rates, times. Pure. In the reader's language, at a steady width (tabular numerals in the CSS).

import { locale } from "./i18n.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const cache = new Map();

function digits(places) {
  const key = `${locale.value}/${places}`;
  let format = cache.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale.value, { minimumFractionDigits: places, maximumFractionDigits: places });
    cache.set(key, format);
  }
  return format;
}

/** 1536 → "1.5 KiB". */
export function size(bytes) {
  if (!Number.isFinite(bytes) || bytes < 0) return "–";
  let unit = 0;
  let value = bytes;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const places = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${digits(places).format(value)}\u00a0${UNITS[unit]}`;
}

export const rate = (bytes) => (bytes > 0 ? `${size(bytes)}/s` : "–");
export const count = (number) => digits(0).format(number ?? 0);
export const percent = (part, whole) => (whole > 0 ? Math.min(100, Math.floor((part / whole) * 1000) / 10) : 0);
export const percentText = (value) => `${digits(1).format(value)}\u00a0%`;

/** Seconds → "1:05", "2:03:09", "3 d 4 h". */
export function duration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  const s = Math.ceil(seconds);
  const two = (n) => String(n).padStart(2, "0");
  if (s >= 86400) return `${Math.floor(s / 86400)}\u00a0d ${Math.floor((s % 86400) / 3600)}\u00a0h`;
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** Seconds since 1970 → date and time, short. */
export function when(seconds) {
  if (!seconds) return "–";
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "–";
  const today = new Date().toDateString() === date.toDateString();
  const how = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(locale.value, how).format(date);
}

export function day(seconds) {
  const date = new Date((seconds ?? 0) * 1000);
  if (!seconds || Number.isNaN(date.getTime())) return "–";
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "medium" }).format(date);
}

/** "20M", "1.5 GiB", "500k" → bytes; "" → null (no limit); anything else → undefined. Units are binary, as at the shell. */
export function parseSize(text) {
  const trimmed = text.trim().replace(",", ".").replace(/\/s$/i, "");
  if (trimmed === "") return null;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(trimmed);
  if (!match) return undefined;
  const power = match[2] ? "kmgtp".indexOf(match[2].toLowerCase()) + 1 : 0;
  const bytes = Math.round(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact form for a field: 20971520 → "20M". */
export function sizeField(bytes) {
  if (bytes === null || bytes === undefined) return "";
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && value % 1024 === 0 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  return `${value}${["", "K", "M", "G", "T"][unit]}`;
}
