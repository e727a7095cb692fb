// Which tab is shown: the fragment of the address (`#files`, `#people/KEY`, `#people/signup?name=…&server=…`). The one-time code comes in it, too.

import { computed, signal } from "./lib.js";

const read = () => location.hash.slice(1);
function decodeURIComponentSafe(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const fragment = signal(read());
addEventListener("hashchange", () => {
  fragment.value = read();
});

export const route = computed(() => {
  // What stands behind a `?` has its own spelling, in which `&` may be part of a word.
  const [path, asked] = fragment.value.split(/\?(.*)/s);
  const [tab, ...rest] = decodeURIComponentSafe(path).split("/");
  return { tab, rest: rest.join("/"), asked: new URLSearchParams(asked ?? "") };
});

export const go = (tab, rest = "") => {
  location.hash = rest ? `${tab}/${encodeURIComponent(rest)}` : tab;
};

/** The one-time code of the address, once: it does not stay in the history. */
export function takeCode() {
  const match = /^#code=([\w.~-]+)$/.exec(location.hash);
  if (!match) return null;
  history.replaceState(null, "", location.pathname);
  fragment.value = "";
  return match[1];
}
