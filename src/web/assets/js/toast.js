// Short news at the edge of the page. Readers hear them (aria-live polite); errors stay longer.

import { html, signal } from "./lib.js";
import { Icon } from "./icons.js";
import { t } from "./i18n.js";

const toasts = signal([]);
let next = 1;

/** `content`: text or elements. `kind`: "", "good" or "bad". Five at most; one of the same `about` is replaced. */
export function toast(content, kind = "", about = null) {
  const id = next++;
  const others = toasts.value.filter((one) => about === null || one.about !== about);
  toasts.value = [...others.slice(-4), { id, content, kind, about }];
  setTimeout(() => dismiss(id), kind === "bad" ? 12_000 : 5000);
}

const dismiss = (id) => {
  toasts.value = toasts.value.filter((one) => one.id !== id);
};

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.value.map((one) => html`
    <div key=${one.id} class=${`toast ${one.kind}`}>
      <span class="grow">${one.content}</span>
      <button class="button plain bare" aria-label=${t("close")} onClick=${() => dismiss(one.id)}><${Icon} name="close" size=${14} /></button>
    </div>`)}</div>`;
}
