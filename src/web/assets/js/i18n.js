// The page's languages. All words stand in one table (words.js); a language that lacks one shows the English.
// To add a language: its code in LANGUAGES, its column in the table.

import { computed, signal } from "./lib.js";
import { WORDS } from "./words.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
const KEY = "sprat-language";

function preferred() {
  const wanted = (navigator.languages ?? [navigator.language]).map((tag) => String(tag).slice(0, 2));
  return wanted.find((tag) => tag in LANGUAGES) ?? "en";
}

function stored() {
  try {
    const tag = localStorage.getItem(KEY);
    return tag in LANGUAGES ? tag : "";
  } catch {
    return "";
  }
}

/** The language that was chosen here; "" follows the browser. */
export const chosen = signal(stored());
export const language = computed(() => chosen.value || preferred());

/** How numbers and dates are written: as the browser's own variant of that language, such as en-GB. */
export const locale = computed(() => (navigator.languages ?? []).find((tag) => tag.startsWith(language.value)) ?? language.value);

export function choose(tag) {
  chosen.value = tag in LANGUAGES ? tag : "";
  try {
    localStorage.setItem(KEY, chosen.value);
  } catch {
    // Without storage the choice holds as long as the page.
  }
}

const rules = new Map();
function plural(tag, n) {
  if (!rules.has(tag)) rules.set(tag, new Intl.PluralRules(tag));
  return rules.get(tag).select(n);
}

function sentence(key, values) {
  const tag = language.value;
  const row = values && "n" in values ? (WORDS[`${key}.${plural(tag, Number(values.count ?? values.n))}`] ?? WORDS[`${key}.other`] ?? WORDS[key]) : WORDS[key];
  return row?.[tag] ?? row?.en ?? key;
}

/** The words for `key`, with `{name}` replaced by `values.name`. With a value `n` (or `count`), the plural of it. */
export function t(key, values) {
  return sentence(key, values).replace(/\{(\w+)\}/g, (all, name) => (values && name in values ? String(values[name]) : all));
}

/** The same with elements as values: an array for the page. */
export function parts(key, values) {
  return sentence(key, values).split(/(\{\w+\})/).map((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    return name && name in values ? values[name] : piece;
  });
}
