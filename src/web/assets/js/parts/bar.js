// A progress bar whose width changes nothing around it.

import { html } from "../lib.js";

/** `value` from 0 to 100. */
export function Bar({ value, label, kind = "" }) {
  return html`<div class=${`bar ${kind}`} role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.floor(value)}
    ><i style=${{ transform: `scaleX(${value / 100})` }}></i></div>`;
}
