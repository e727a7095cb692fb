// Words of strangers (names of files, people, chat): how they are shown.
// Invariant: they reach the page as text nodes only, inside <bdi>, with everything in them that could move, reorder or
// hide other text replaced by a visible escape. The same list as `deceives` in src/core/path.rs.

import { html } from "./lib.js";

const DECEIVES =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const escape = (c) => SHORT[c] ?? `\\u{${c.codePointAt(0).toString(16)}}`;

/** One line of plain text with nothing hidden in it. Lone surrogates become U+FFFD. */
export function printable(text) {
  // Anything but a word is no name: an object could bring a `toString` of its own.
  const plain = typeof text === "string" ? text : typeof text === "number" ? String(text) : "";
  return (plain.toWellFormed?.() ?? plain).replace(DECEIVES, escape);
}

/** The same for what a person wrote in several lines: line ends stay. */
export const printableLines = (text) => (typeof text === "string" ? text : "").split("\n").map(printable).join("\n");

/** A name as an element. `title` shows all of it where it is cut. */
export function Name({ of, cls = "" }) {
  const text = printable(of);
  return html`<bdi class=${`name ${cls}`} title=${text}>${text}</bdi>`;
}

/** A path: what is cut away is in its middle, so that folder and ending can both be read. */
export function PathName({ of }) {
  const text = printable(of);
  const cut = text.lastIndexOf("/") + 1;
  return html`<bdi class="name path" title=${text}
    >${cut > 0 && html`<span class="dir">${text.slice(0, cut)}</span>`}<span class="leaf">${text.slice(cut)}</span></bdi>`;
}
