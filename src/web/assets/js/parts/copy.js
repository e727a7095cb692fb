// A button that puts a text on the clipboard, exactly as it is.

import { html, useState } from "../lib.js";
import { t } from "../i18n.js";

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  if (!navigator.clipboard) return null;
  const copy = () =>
    navigator.clipboard.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    }, () => {});
  return html`<button class="button plain small" onClick=${copy}><span aria-live="polite">${t(done ? "copied" : "copy")}</span></button>`;
}
